"""From records to what a study says: groups, comparisons, ablations, stamp and summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from polyframe.errors import one_line
from polyframe.study.estimates import Ablation, Analysis, Comparison, Estimate, Group
from polyframe.study.fairness import unequal
from polyframe.study.folder import StudyFolder
from polyframe.study.measures import TIME_TO_TARGET, Measure, measures
from polyframe.study.pairs import (
    ALIGNED,
    NATIVE,
    Key,
    Pair,
    all_pairs,
    single_aspects,
    stand_ins,
    with_aspect,
)
from polyframe.study.plan import Study
from polyframe.study.records import Record
from polyframe.study.sentences import summary
from polyframe.study.stamp import Certificates, stamp
from polyframe.study.statistics import (
    RATIO_MARGIN,
    Values,
    as_ratio,
    compare,
    difference,
    means,
)

Table = dict[Key, dict[int, float]]
"""The values of one measure: contestant and variant → seed → value."""
LARGEST = 1e100
"""What is larger has diverged, and its square is no number any more."""
MAIN_SPEED, MAIN_SHARE, OTHER_SHARE = "examples_per_second", 0.2, 0.1
"""The measure besides the first that a study is about; the share of ALPHA that each of
these two may use up, and that of all other measures together. They add up to half of
ALPHA, so that of 100 studies of equal contestants 95 find nothing with a probability of
0.96 (with all of ALPHA it would be a toss-up). If all measures shared alike, five seeds
would no longer see a difference of 10 % in speed."""
NAMED, LONGEST = 5, 160
"""How many cells a warning names, and how many characters of an error."""
NOTES = (
    "Contestants are compared pair by pair within a variant, and variants with the first "
    "one, always on the seeds that both have. Times, speeds, memory and energy are "
    "compared by their ratio (on logs: the estimate is a geometric mean).",
    "The p-values and corrected intervals are those of paired t tests with Holm's "
    "correction for all comparisons of one measure, at levels that add up to 2.5 % for "
    "the whole study: 1 % for the first metric, 1 % for the speed in the steady state, "
    "and 0.5 % for all other measures together. So of 100 studies of equal contestants, 2 "
    "or 3 find any difference. The p-values are divided by these shares, so that 0.05 is "
    "the bound of all. The effects of an ablation are families of their own, one for each "
    "measure, at 5 %.",
    "Intervals of single means and uncorrected ones are Student's t below 20 values, and a "
    "BCa bootstrap with a fixed seed from there on.",
    "Equivalence is tested by two one-sided paired t tests (TOST), without a correction.",
    "A difference that would have been seen is one that a paired t test at Holm's first "
    "level shows with a power of 0.8, if seeds spread as they did.",
)


def analyse_folder(folder: StudyFolder) -> Analysis:
    """The analysis of what lies in a study's folder; PolyframeError unless it is one."""
    study = folder.study()
    damaged: list[str] = []
    records = folder.records(damaged.append)
    certificates = {}
    for variant in study.variants:
        certificate = folder.certificate(variant.name)
        if certificate is not None:
            certificates[variant.name] = certificate
    return analyse(study, records, certificates, damaged)


def analyse(
    study: Study,
    records: Sequence[Record],
    certificates: Certificates | None = None,
    warnings: Sequence[str] = (),
) -> Analysis:
    """What a study's records say.

    Records of another plan are left out, and so are cells that failed; a sentence of the
    warnings tells which. ``certificates``: those of the study's folder, by variant.
    """
    kept, left_out = usable(study, records)
    told = [*warnings, *left_out]
    inequalities = unequal(study, kept)
    told += [each.reason for each in inequalities]
    several = measures(study.recipe, study.settings.target)
    pairs = all_pairs(study)
    groups: list[Group] = []
    comparisons: list[Comparison] = []
    ablations: list[Ablation] = []
    tables: dict[Measure, Table] = {}
    for measure in several:
        tables[measure], odd = values_of(measure, kept)
        told += odd
    shares = shares_of([measure for measure in several if tables[measure]])
    for measure, table in tables.items():
        margin = margin_of(measure, study)
        groups += groups_of(measure, table, study)
        share = shares.get(measure.name, 1.0)  # without values nothing is compared
        comparisons += compared(measure, table, pairs, margin, share)
        ablations += ablations_of(measure, table, study, margin)
    word, reason = stamp(
        study,
        kept,
        certificates or {},
        [each.reason for each in inequalities if each.refuses],
    )
    result = Analysis(
        tuple(groups),
        tuple(comparisons),
        tuple(ablations),
        tuple(told),
        (),
        word,
        reason,
        NOTES,
    )
    return Analysis(**{**vars(result), "summary": summary(study, several, result)})


def usable(study: Study, records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records of cells that were trained to their end, in the plan's order, and what
    is said of the others."""
    mine, others = study.hash, 0
    there: dict[tuple[str, str, int], Record] = {}
    for record in sorted(records, key=lambda each: (each.started, each.order)):
        there[record.key] = record
    planned = [cell.key for cell in study.cells()]
    known = set(planned)
    for key, record in list(there.items()):
        if key not in known or record.study != mine:
            del there[key]
            others += 1
    failed = [there[key] for key in planned if key in there and not there[key].done]
    missing = [key for key in planned if key not in there]
    told = []
    if failed:
        reasons = [one_line(each.error or each.status)[:LONGEST] for each in failed]
        texts = [
            f"{cell(each.key)} ({reason})"
            for each, reason in zip(failed, reasons, strict=True)
        ]
        told.append(
            f"{len(failed)} of {len(planned)} cells failed and count for nothing: "
            f"{some(texts)}."
        )
    if missing:
        texts = [cell(key) for key in missing]
        told.append(
            f"{len(missing)} of {len(planned)} cells have not run: {some(texts)}."
        )
    if others:
        told.append(f"Records of another plan, which count for nothing: {others}.")
    return [there[key] for key in planned if key in there and there[key].done], told


def cell(key: tuple[str, str, int]) -> str:
    """A cell in words."""
    return f"{key[0]}, {key[1]}, seed {key[2]}"


def some(texts: Sequence[str]) -> str:
    """The first of several texts, and how many more there are."""
    more = [f"and {len(texts) - NAMED} more"] if len(texts) > NAMED else []
    return "; ".join([*texts[:NAMED], *more])


def values_of(measure: Measure, records: Sequence[Record]) -> tuple[Table, list[str]]:
    """A measure's values, and what is said of cells that have none that can be used."""
    table: Table = {}
    none, odd = [], []
    for record in records:
        value = measure.value(record)
        if value is None:
            none.append(cell(record.key))
        elif not abs(value) < LARGEST or (measure.relative and value <= 0):
            odd.append(f"{cell(record.key)} ({value:g})")
        else:
            table.setdefault(record.key[:2], {})[record.seed] = float(value)
    told = []
    if none and not table and not odd and measure.name == TIME_TO_TARGET:
        told.append(f"{measure.title}: no training has reached it.")
    if none and table:
        told.append(
            f"{measure.title}: no value in {len(none)} of {len(records)} cells, which are "
            f"left out of it: {some(none)}."
        )
    if odd:
        told.append(
            f"{measure.title}: the value of {len(odd)} of {len(records)} cells cannot be "
            f"used and is left out, so what is said of the others may flatter: {some(odd)}."
        )
    return table, told


def shares_of(several: Sequence[Measure]) -> dict[str, float]:
    """Which share of ALPHA each measure may use up, by name, so that the chance of a wrong
    difference anywhere in a study is bounded (Bonferroni, weighted)."""
    main = {measure.name for measure in several[:1]} | {MAIN_SPEED}
    others = sum(measure.name not in main for measure in several)
    return {
        measure.name: MAIN_SHARE if measure.name in main else OTHER_SHARE / others
        for measure in several
    }


def margin_of(measure: Measure, study: Study) -> float | None:
    """The margin of equivalence, in the measure's unit; a share of 1 for ratios."""
    if measure.relative:
        return RATIO_MARGIN
    metrics = study.recipe.metrics
    if metrics and measure.name == metrics[0].key and study.settings.margin > 0:
        return study.settings.margin * (100 if measure.unit == "points" else 1)
    return None


def groups_of(measure: Measure, table: Table, study: Study) -> Iterator[Group]:
    """A group for each variant and contestant that has values, in the plan's order."""
    keys = [(c.name, v.name) for v in study.variants for c in study.contestants]
    keys = [key for key in keys if key in table]
    samples = [values(table, key, sorted(table[key])) for key in keys]
    for key, sample, mean in zip(keys, samples, means(samples), strict=True):
        spread = float(sample.std(ddof=1)) if sample.size > 1 else None
        seeds = tuple(sorted(table[key]))
        yield Group(measure.name, *key, seeds, tuple(sample.tolist()), mean, spread)


def values(table: Table, key: Key, seeds: Sequence[int]) -> Values:
    """The values of a group by seed."""
    return np.array([table[key][seed] for seed in seeds], float)


def common(table: Table, keys: Sequence[Key]) -> list[int]:
    """The seeds for which all groups have a value."""
    return sorted(set.intersection(*(set(table.get(key, {})) for key in keys)))


def compared(
    measure: Measure,
    table: Table,
    pairs: Sequence[Pair],
    margin: float | None,
    share: float = 1.0,
) -> list[Comparison]:
    """The comparisons of a family; without those pairs that have no seed in common."""
    shared = [(pair, common(table, pair)) for pair in pairs if pair[0] != pair[1]]
    shared = [(pair, seeds) for pair, seeds in shared if seeds]
    samples = [
        (values(table, one, seeds), values(table, other, seeds))
        for (one, other), seeds in shared
    ]
    found = compare(samples, measure.relative, margin, share)
    if measure.unit == "points":  # of 100: what is beyond would never have been seen
        found = [
            replace(each, detectable=None) if (each.detectable or 0) > 100 else each
            for each in found
        ]
    return [
        Comparison(measure.name, one, other, measure.relative, **vars(each))
        for ((one, other), _), each in zip(shared, found, strict=True)
    ]


def ablations_of(
    measure: Measure, table: Table, study: Study, margin: float | None
) -> list[Ablation]:
    """What each aspect does to each contestant, and all of them together."""
    base, whole = with_aspect(study, ALIGNED), with_aspect(study, NATIVE)
    singles = single_aspects(study)
    switched = [*singles, *([whole] if whole else [])]
    if base is None or not switched:
        return []
    same = stand_ins(study)
    reasons = {(each.contestant, each.variant): each.reason for each in study.skipped}
    pairs: dict[tuple[str, str], Pair] = {}  # contestant, aspect → native and aligned
    without: dict[str, list[tuple[str, str]]] = {}
    for contestant in study.contestants:
        aligned = contestant.name, base.name
        aligned = same.get(aligned, aligned)
        if aligned not in table:
            continue
        without[contestant.name] = []
        for variant in switched:
            key = contestant.name, variant.name
            native = same.get(key, key)
            if native != aligned and common(table, (native, aligned)):
                pairs[contestant.name, variant.aspect] = native, aligned
            else:
                reason = reasons.get(key, "no cell of it has a value")
                without[contestant.name].append((variant.aspect, reason))
    found = dict(
        zip(pairs, compared(measure, table, list(pairs.values()), margin), strict=True)
    )
    sums = sums_of(measure, table, pairs)
    return [
        Ablation(
            name,
            measure.name,
            tuple(
                (variant.aspect, found[name, variant.aspect])
                for variant in singles
                if (name, variant.aspect) in found
            ),
            found.get((name, NATIVE)),
            sums.get((name, "total")),
            sums.get((name, "rest")),
            tuple(left_out),
        )
        for name, left_out in without.items()
    ]


def sums_of(
    measure: Measure, table: Table, pairs: dict[tuple[str, str], Pair]
) -> dict[tuple[str, str], Estimate]:
    """By contestant, "total": the sum of the single effects by seed; and "rest": the whole
    effect minus that. Of logs where ratios are compared: a product, and a quotient."""
    samples: dict[tuple[str, str], Values] = {}
    scales = []
    for name in dict.fromkeys(contestant for contestant, _ in pairs):
        mine = {aspect: pair for (who, aspect), pair in pairs.items() if who == name}
        whole = mine.pop(NATIVE, None)
        if not mine:
            continue
        aligned = next(iter(mine.values()))[1]
        keys = [aligned, *(native for native, _ in mine.values())]
        for word, extra in (("total", []), ("rest", [whole[0]] if whole else None)):
            seeds = [] if extra is None else common(table, [*keys, *extra])
            if extra is None or not seeds:
                continue
            start = values(table, aligned, seeds)
            effects = {
                key: difference(values(table, key, seeds), start, measure.relative)
                for key in {*keys[1:], *extra}
            }
            total = np.sum([effects[key] for key in keys[1:]], axis=0)
            samples[name, word] = effects[extra[0]] - total if extra else total
            scales.append(1.0 if measure.relative else float(np.abs(start).max()))
    found = means(list(samples.values()), scales)
    if measure.relative:
        found = [as_ratio(each) for each in found]
    return dict(zip(samples, found, strict=True))
