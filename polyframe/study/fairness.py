"""What has to be equal between contestants, and is not: the facts of their records.

A study of polyframe makes most of these equal by construction. Their records are held
against each other all the same, because processes on other machines, in other Pythons
and of other versions decide some of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from polyframe.errors import brief, one_line
from polyframe.spec.semantics import native_aspects
from polyframe.study.plan import Study, Variant
from polyframe.study.records import Record

ACCURACY = "what was learnt is not comparable"
TIMES = "times are not comparable"
BOTH = "neither what was learnt nor times are comparable"
MISSING = "not told"


@dataclass(frozen=True)
class Fact:
    """A fact that contestants of one variant and seed should share.

    - ``key``: of ``Record.facts``. ``follows``: what is not comparable where it differs.
    - ``refuses``: whether such a study must not be compared at all, instead of flagged.
    - ``unless``: the aspect of semantics that lets frameworks differ in it, if native.
    """

    key: str
    title: str
    follows: str
    refuses: bool = False
    unless: str = ""


FACTS = (
    Fact("spec_hash", "spec", BOTH, refuses=True),
    Fact("parameters", "number of parameters", BOTH, refuses=True),
    Fact("data_hash", "training and test data", ACCURACY, refuses=True),
    Fact("order_hash", "order of the samples", ACCURACY, refuses=True),
    Fact("augmentation_hash", "augmentation", ACCURACY, refuses=True),
    Fact("weights_hash", "initial weights", ACCURACY, True, "initializer"),
    Fact("batch_size", "batch size", BOTH, refuses=True),
    Fact("accumulate", "batches in a step", BOTH, refuses=True),
    Fact("dtype", "dtype", BOTH, refuses=True),
    Fact("precision", "precision", BOTH, refuses=True),
    Fact("epochs", "number of epochs", BOTH, refuses=True),
    Fact("semantics", "semantics", ACCURACY, refuses=True),
    Fact("train_samples", "number of training samples", BOTH, refuses=True),
    Fact("test_samples", "number of test samples", ACCURACY, refuses=True),
    Fact("device_kind", "kind of device", TIMES, refuses=True),
    Fact("TF32", "TF32", BOTH, False, "tf32"),
    Fact("threads", "threads", TIMES),
    Fact("optimize", "exact rewrites", TIMES),
    Fact("polyframe", "version of polyframe", "one may have what the other has not"),
    Fact("host", "machine", TIMES),
    Fact("processor", "processor", TIMES),
    Fact("processors", "number of processors", TIMES),
    Fact("gpu", "GPU", TIMES),
    Fact("platform", "operating system", TIMES),
)
"""All of them, those that refuse first. Frameworks, their versions, Pythons and programs
may differ: they are what is compared."""
KINDS = {"cuda": "gpu", "gpu": "gpu", "cpu": "cpu"}
"""What the name of a device begins with → its kind."""


@dataclass(frozen=True)
class Inequality:
    """A fact that differs between contestants.

    ``values``: contestant → value, as text, of the first such seed. ``seeds``: all seeds
    at which it differs between the same contestants. ``reason``: the sentence for people.
    """

    fact: Fact
    variant: str
    seeds: tuple[int, ...]
    values: tuple[tuple[str, str], ...]

    @property
    def refuses(self) -> bool:
        """Whether the contestants must not be compared."""
        return self.fact.refuses

    @property
    def reason(self) -> str:
        """One sentence: the fact, each value, and what follows."""
        told = ", ".join(f"{value} ({names})" for value, names in self.by_value())
        seeds = ", ".join(map(str, self.seeds[:5]))
        more = ", …" if len(self.seeds) > 5 else ""
        return one_line(
            f"{self.fact.title} differs at {self.variant}, "
            f"seed{'s' if len(self.seeds) > 1 else ''} {seeds}{more}: {told}; "
            f"{self.fact.follows}"
        )

    def by_value(self) -> list[tuple[str, str]]:
        """(value, the contestants that have it), in the order of contestants."""
        groups: dict[str, list[str]] = {}
        for contestant, value in self.values:
            groups.setdefault(value, []).append(contestant)
        return [(value, ", ".join(names)) for value, names in groups.items()]


def unequal(study: Study, records: Sequence[Record]) -> list[Inequality]:
    """The facts of cells that were trained to their end which differ between contestants
    of one variant and seed, one entry for all seeds alike; those that refuse come first.

    What no record tells is not compared; where some tell it and others do not, that is a
    difference that is flagged, never one that refuses.
    """
    variants = {variant.name: variant for variant in study.variants}
    native = {name: natives(study, each) for name, each in variants.items()}
    cells: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        if record.done and record.variant in variants:
            cells.setdefault((record.variant, record.seed), []).append(record)
    kept: dict[tuple[str, ...], Inequality] = {}
    for (variant, seed), several in sorted(cells.items()):
        for fact, values in differing(several, native[variant]):
            names = tuple(contestant for contestant, _ in values)
            key = (fact.key, variant, str(fact.refuses), *pattern(values), *names)
            before = kept.get(key)
            if before is None:
                kept[key] = Inequality(fact, variant, (seed,), values)
            else:
                seeds = (*before.seeds, seed)
                kept[key] = Inequality(fact, variant, seeds, before.values)
    order = [fact.key for fact in FACTS]
    return sorted(
        kept.values(),
        key=lambda each: (not each.refuses, order.index(each.fact.key), each.variant),
    )


def natives(study: Study, variant: Variant) -> frozenset[str]:
    """The aspects that are each framework's own in a variant."""
    return native_aspects(variant.recipe(study.recipe, study.seeds[0]).semantics)


def differing(
    records: Sequence[Record], native: frozenset[str]
) -> Iterator[tuple[Fact, tuple[tuple[str, str], ...]]]:
    """The facts that differ between records of one variant and seed, with each value."""
    ordered = sorted(records, key=lambda record: record.contestant)
    for fact in FACTS:
        if fact.unless in native:
            continue
        values = [(r.contestant, told(r.facts, fact.key)) for r in ordered]
        if len({value for _, value in values if value != MISSING}) > 1:
            yield fact, tuple(values)
        elif len({value for _, value in values}) > 1:
            flagged = Fact(fact.key, fact.title, "that it is equal is not known")
            yield flagged, tuple(values)


def told(facts: Mapping[str, object], key: str) -> str:
    """A fact as text; equal texts are equal values. The kind of a device is the first
    word of its name where nothing else tells it."""
    if key == "device_kind" and key not in facts and "device" in facts:
        word = str(facts["device"]).split(":")[0].lower()
        return KINDS.get(word, brief(word))
    if key not in facts:
        return MISSING
    value = facts[key]
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else brief(text)


def pattern(values: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Which contestants share a value: the same for all seeds whose hashes differ alike."""
    texts = [value for _, value in values]
    return tuple(str(texts.index(text)) for text in texts)
