"""The summary of a study in sentences, the most important one first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from polyframe.study.estimates import (
    EQUIVALENT,
    HIGHER,
    IDENTICAL,
    LOWER,
    UNKNOWN,
    Ablation,
    Analysis,
    Comparison,
    Estimate,
    Group,
)
from polyframe.study.measures import Measure
from polyframe.study.pairs import Key, Pair, between, single_aspects, within
from polyframe.study.plan import Study, Variant
from polyframe.study.stamp import names
from polyframe.study.statistics import RATIO_MARGIN

MOST = 6
"""How many variants, and pairs of a variant, a summary tells of."""
TOLD = ("examples_per_second", "time_to_target", "peak_mib")
"""The measures that a summary tells of besides the first."""
NOUNS = {"examples_per_second": "examples/s"}
"""Measure → what sentences call it, where its title is not that."""
RATIOS = {
    "examples_per_second": "trains {} times as many examples/s as",
    "time_to_target": "takes {} times as long to the target as",
    "peak_mib": "needs {} times the memory of",
}
"""Measure → what a ratio of it says, of one and before the other."""


def summary(
    study: Study, measures: Sequence[Measure], analysis: Analysis
) -> tuple[str, ...]:
    """The result in sentences; none where nothing has been measured."""
    told = {each.measure for each in analysis.groups}
    measures = [measure for measure in measures if measure.name in told]
    if not measures:
        return ()
    first = measures[0]
    others = [measure for measure in measures[1:] if measure.name in TOLD]
    single = {variant.name for variant in single_aspects(study)}
    variants = [v for v in study.variants if v.name not in single]
    lines: list[str] = []
    for variant in variants[:MOST]:
        lines += of_variant(study, variant, first, analysis)
    mine = [each for each in analysis.ablations if each.measure == first.name]
    for ablation in sorted(mine, key=strongest, reverse=True):
        lines += of_ablation(ablation, first)
    changed = [pair for pairs in between(study).values() for pair in pairs]
    lines += of_pairs(first, found(analysis, first, changed))
    lines += of_others(others, changed, analysis, "Between variants: ")
    for variant in variants[:MOST]:
        pairs = within(study)[variant.name]
        lines += of_others(others, pairs, analysis, prefix(study, variant))
    if len(variants) > MOST:
        lines.append(f"The tables have {len(variants) - MOST} more variants.")
    return tuple(lines)


def found(
    analysis: Analysis, measure: Measure, pairs: Sequence[Pair]
) -> list[Comparison]:
    """The comparisons of a measure and these pairs."""
    wanted = set(pairs)
    return [
        each
        for each in analysis.comparisons
        if each.measure == measure.name and (each.one, each.other) in wanted
    ]


def prefix(study: Study, variant: Variant) -> str:
    """What a sentence about a variant begins with, where there are several."""
    return f"With {variant.name}: " if len(study.variants) > 1 else ""


def of_variant(
    study: Study, variant: Variant, measure: Measure, analysis: Analysis
) -> Iterator[str]:
    """What a variant's contestants reach, and whether they differ."""
    groups = [
        each
        for each in analysis.groups
        if each.measure == measure.name and each.variant == variant.name
    ]
    comparisons = found(analysis, measure, within(study)[variant.name])
    if groups:
        reached = reach(study, variant, measure, groups)
        if comparisons and all(each.verdict == IDENTICAL for each in comparisons):
            sizes = {each.estimate.n for each in comparisons}
            sizes |= {each.mean.n for each in groups}
            shared = " that both have" if len(sizes) > 1 else ""
            yield f"{reached}: {sameness(comparisons)}{shared}."
            return
        yield f"{reached}."
    yield from of_pairs(measure, comparisons, prefix(study, variant))


def reach(
    study: Study, variant: Variant, measure: Measure, groups: Sequence[Group]
) -> str:
    """The means of a variant's groups, with their intervals where it is one group."""
    epochs = variant.changes.get("epochs", study.recipe.epochs)
    shown = [number(each.mean.value, measure) for each in groups]
    contestants = names([each.contestant for each in groups], MOST)
    sizes = sorted({each.mean.n for each in groups})
    basis = (
        "one seed" if sizes == [1] else f"mean of {names(list(map(str, sizes)))} seeds"
    )
    if len(groups) == 1:
        basis = ", ".join(filter(None, (basis, interval(groups[0].mean, measure))))
    quantity = f" {measure.unit} of" if measure.unit else " as"
    after = f"after {epochs} {'epoch' if epochs == 1 else 'epochs'}"
    verb = "reaches" if len(groups) == 1 else "reach"
    what = f"{contestants} {verb} {names(shown, MOST)}{quantity} {measure.title}"
    text = f"{after}, {what} ({basis})"
    start = prefix(study, variant)
    return f"{start}{text}" if start else text[0].upper() + text[1:]


def of_pairs(
    measure: Measure, comparisons: Sequence[Comparison], start: str = ""
) -> Iterator[str]:
    """A sentence for each pair that differs, and one for all that do not."""
    yield from of_different(measure, comparisons, start)
    unknown = [each for each in comparisons if each.verdict == UNKNOWN]
    known = [c for c in comparisons if c.verdict not in (HIGHER, LOWER, UNKNOWN)]
    for rest in filter(None, (known, unknown)):
        text = alike(rest, measure, len(rest) < len(comparisons))
        yield f"{start}{text}." if start else f"{text[0].upper()}{text[1:]}."


def of_different(
    measure: Measure, comparisons: Sequence[Comparison], start: str
) -> Iterator[str]:
    """A sentence for each pair that differs; of many only the first."""
    differ = [each for each in comparisons if each.verdict in (HIGHER, LOWER)]
    for each in differ[:MOST]:
        yield f"{start}{differing(each, measure)}."
    if len(differ) > MOST:
        yield f"{start}{len(differ) - MOST} more pairs differ in {noun(measure)}."


def of_others(
    measures: Sequence[Measure],
    pairs: Sequence[Pair],
    analysis: Analysis,
    start: str = "",
) -> Iterator[str]:
    """Of measures that are not the first: a sentence for each pair that differs, and one
    for those in which none does."""
    alike_in: dict[str, list[str]] = {}
    least = 0
    for measure in measures:
        comparisons = found(analysis, measure, pairs)
        verdicts = {each.verdict for each in comparisons} - {UNKNOWN}
        if verdicts & {HIGHER, LOWER}:
            yield from of_different(measure, comparisons, start)
        elif verdicts:
            same = verdicts <= {EQUIVALENT, IDENTICAL}
            alike_in.setdefault(EQUIVALENT if same else "", []).append(noun(measure))
            least = min(each.estimate.n for each in comparisons)
    for word, nouns in alike_in.items():
        text = (
            f"{names(nouns)} {'is' if len(nouns) == 1 else 'are'} equivalent within a "
            f"factor of {1 + RATIO_MARGIN:g} (TOST, {least} pairs of runs)."
            if word
            else f"no significant difference in {names(nouns)} ({least} pairs of runs, "
            "paired t on logs, Holm-corrected)."
        )
        yield f"{start}{text}" if start else f"{text[0].upper()}{text[1:]}"


def sameness(comparisons: Sequence[Comparison]) -> str:
    """How equal those are that are identical: in all digits, or in nine of them."""
    return next(
        (
            each.estimate.method
            for each in comparisons
            if "digits" in each.estimate.method
        ),
        comparisons[0].estimate.method,
    )


def alike(comparisons: Sequence[Comparison], measure: Measure, others: bool) -> str:
    """What is said of pairs without a difference; ``others``: there are more pairs."""
    verdicts = {each.verdict for each in comparisons}
    pairs = [
        f"{who(each.one, each)} and {who(each.other, each)}" for each in comparisons
    ]
    variants = any(each.one[1] != each.other[1] for each in comparisons)
    more = f"; and {len(pairs) - MOST} more pairs" if len(pairs) > MOST else ""
    told = f" between {'; '.join(pairs[:MOST])}{more}"
    whom = told if others or variants else ""
    if verdicts == {IDENTICAL}:
        return f"{noun(measure)} is {sameness(comparisons)}{whom}"
    least = min(each.estimate.n for each in comparisons)
    if verdicts == {UNKNOWN}:
        return (
            f"nothing can be said of differences in {noun(measure)}{whom}: there "
            f"{pairs_of_runs(least)}"
        )
    margins = {each.margin for each in comparisons if each.verdict == EQUIVALENT}
    if verdicts <= {IDENTICAL, EQUIVALENT}:
        (margin,) = margins
        assert margin is not None
        limit = (
            f"a factor of {1 + margin:g}"
            if measure.relative
            else f"{number(margin, measure)}{unit(measure)}"
        )
        return (
            f"{noun(measure)} is equivalent within {limit}{whom} (TOST, {least} pairs "
            "of runs)"
        )
    seen = [each.detectable for each in comparisons if each.detectable is not None]
    text = f"no significant difference in {noun(measure)}{whom}"
    basis = f"({least} pairs of runs, paired t, Holm-corrected)"
    if not seen:
        return f"{text} {basis}"
    most = (
        f"a factor below {number(max(seen), measure)}"
        if measure.relative
        else f"a difference below {number(max(seen), measure)}{unit(measure)}"
    )
    return f"{text} {basis}; with {least} seeds {most} would not have been seen (power 0.8)"


def pairs_of_runs(n: int) -> str:
    """ "is 1 pair of runs"."""
    return "is 1 pair of runs" if n == 1 else f"are {n} pairs of runs"


def differing(comparison: Comparison, measure: Measure) -> str:
    """A pair that differs, with the corrected interval."""
    one, other = who(comparison.one, comparison), who(comparison.other, comparison)
    estimate = comparison.corrected
    if measure.relative:
        words = RATIOS.get(measure.name, "is at {} times the " + noun(measure) + " of")
        text = words.format(number(estimate.value, measure))
        return f"{one} {text} {other} ({grounds(estimate, measure)})"
    above = estimate.value > 0
    size = estimate if above else negated(estimate)
    return (
        f"{one} is {number(size.value, measure)}{unit(measure)} "
        f"{'above' if above else 'below'} {other} in {noun(measure)} "
        f"({grounds(size, measure)})"
    )


def negated(estimate: Estimate) -> Estimate:
    """The same with the other sign."""
    low, high = (
        None if each is None else -each for each in (estimate.high, estimate.low)
    )
    return Estimate(-estimate.value, low, high, estimate.n, estimate.method)


def who(key: Key, comparison: Comparison) -> str:
    """How a sentence about a comparison calls one of the two."""
    (one, first), (other, second) = comparison.one, comparison.other
    if first == second:
        return key[0]
    return f"{key[0]} with {key[1]}" if one == other else f"{key[0]} ({key[1]})"


def grounds(estimate: Estimate, measure: Measure) -> str:
    """The interval, n and method in words."""
    if estimate.low == estimate.high:
        return f"{estimate.n} pairs, the same on each: no interval"
    return f"{interval(estimate, measure, f'{estimate.n} pairs, ')}"


def interval(estimate: Estimate, measure: Measure, middle: str = "") -> str:
    """An interval and its method in words; "" where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = number(estimate.low, measure), number(estimate.high, measure)
    return f"95 % interval {low} to {high}, {middle}{estimate.method}"


def number(value: float, measure: Measure) -> str:
    """A number as sentences show it: points with one decimal, others with three digits."""
    if measure.unit == "points" and abs(value) >= 0.95:
        return f"{value:.1f}"
    return f"{value:.2g}" if measure.unit == "points" else f"{value:.3g}"


def noun(measure: Measure) -> str:
    """What sentences call a measure."""
    return NOUNS.get(measure.name, measure.title)


def unit(measure: Measure) -> str:
    """A unit behind a number."""
    return f" {measure.unit}" if measure.unit else ""


def strongest(ablation: Ablation) -> float:
    """The size of the largest effect that is significant; 0 without one."""
    effects = [each for _, each in ablation.effects if each.verdict in (HIGHER, LOWER)]
    return max((abs(each.estimate.value) for each in effects), default=0.0)


def of_ablation(ablation: Ablation, measure: Measure) -> Iterator[str]:
    """What a contestant's defaults do, the largest effect first."""
    name = ablation.contestant
    effects = sorted(ablation.effects, key=lambda pair: -abs(pair[1].estimate.value))
    strong = [pair for pair in effects if pair[1].verdict in (HIGHER, LOWER)]
    if not effects:
        reasons = list(dict.fromkeys(reason for _, reason in ablation.without))
        yield f"No default of {name} was measured alone ({names(reasons)})."
    elif strong:
        texts = [effect(aspect, each, measure) for aspect, each in strong]
        weak = [pair for pair in effects if pair not in strong]
        others = (
            f"; {listed(weak)} {'does' if len(weak) == 1 else 'do'} not change "
            f"{noun(measure)} significantly"
            if weak
            else ""
        )
        yield f"Of {name}'s defaults, {'; '.join(texts)}{others}."
    elif all(each.verdict == UNKNOWN for _, each in effects):
        n = min(each.estimate.n for _, each in effects)
        yield (
            f"Nothing can be said of what each of {name}'s defaults alone "
            f"({listed(effects)}) does to {noun(measure)}: there {pairs_of_runs(n)}."
        )
    elif all(each.verdict == IDENTICAL for _, each in effects):
        yield f"{name}'s defaults ({listed(effects)}) change no {noun(measure)} at all."
    else:
        known = [each for _, each in effects if each.verdict != UNKNOWN]
        seen = [each.detectable for each in known if each.detectable is not None]
        limit = (
            f"; an effect below {number(max(seen), measure)}{unit(measure)} would not have "
            "been seen (power 0.8)"
            if seen and not measure.relative
            else ""
        )
        yield (
            f"None of {name}'s defaults alone ({listed(effects)}) changes {noun(measure)} "
            f"significantly ({effects[0][1].estimate.n} pairs, paired t, "
            f"Holm-corrected){limit}."
        )
    whole = ablation.whole
    if whole is not None:
        yield f"{together(whole, ablation, measure)}."


def listed(effects: Iterable[tuple[str, Comparison]]) -> str:
    """The aspects' names."""
    return names([aspect for aspect, _ in effects])


def effect(aspect: str, comparison: Comparison, measure: Measure) -> str:
    """What one aspect does."""
    estimate, higher = comparison.corrected, comparison.verdict == HIGHER
    if measure.unit == "points":
        word = "gives" if higher == bool(measure.larger_is_better) else "costs"
    else:
        word = f"{'raises' if higher else 'lowers'} {noun(measure)} by"
    size = estimate if higher else negated(estimate)
    return (
        f"{aspect} {word} {number(size.value, measure)}{unit(measure)} "
        f"({grounds(size, measure)})"
    )


def together(whole: Comparison, ablation: Ablation, measure: Measure) -> str:
    """All aspects at once, held against the sum of the single effects."""
    name, estimate = ablation.contestant, whole.corrected
    text = (
        f"All of {name}'s defaults together change {noun(measure)} by "
        f"{number(estimate.value, measure)}{unit(measure)} ({grounds(estimate, measure)})"
        if whole.verdict in (HIGHER, LOWER)
        else f"All of {name}'s defaults together: {alike([whole], measure, False)}"
    )
    total, rest = ablation.total, ablation.rest
    if total is None or rest is None:
        return text
    basis = interval(rest, measure) or f"{rest.n} pair"
    return (
        f"{text}; their single effects add up to {number(total.value, measure)}"
        f"{unit(measure)}, which leaves {number(rest.value, measure)}{unit(measure)} "
        f"({basis}) to what they do together"
    )
