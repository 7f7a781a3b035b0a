"""Which groups of a study are compared with which: pairs of (contestant, variant)."""

from __future__ import annotations

import itertools

from polyframe.study.plan import Study, Variant

Key = tuple[str, str]
"""A contestant and a variant: the seeds of both are a group."""
Pair = tuple[Key, Key]
ALIGNED, NATIVE = "aligned", "native"


def stand_ins(study: Study) -> dict[Key, Key]:
    """Groups without cells, since another variant is the same there: that variant's."""
    direct = {
        (each.contestant, each.variant): (each.contestant, each.same_as)
        for each in study.skipped
        if each.same_as
    }

    def last(key: Key) -> Key:
        for _ in study.variants:  # no more steps than variants, even in a circle
            key = direct.get(key, key)
        return key

    return {key: last(key) for key in direct}


def single_aspects(study: Study) -> list[Variant]:
    """The variants of an ablation that switch one aspect."""
    return [v for v in study.variants if v.aspect not in ("", ALIGNED, NATIVE)]


def with_aspect(study: Study, aspect: str) -> Variant | None:
    """The first variant of an ablation with this aspect."""
    return next((v for v in study.variants if v.aspect == aspect), None)


def within(study: Study) -> dict[str, list[Pair]]:
    """All pairs of contestants, by variant.

    Not those within a variant that switches one aspect: what an aspect does to a
    contestant is told by the ablation, and each comparison more costs the others power.
    """
    same = stand_ins(study)
    single = {variant.name for variant in single_aspects(study)}
    pairs = {}
    for variant in study.variants:
        if variant.name not in single:
            keys = [(each.name, variant.name) for each in study.contestants]
            keys = [same.get(key, key) for key in keys]
            pairs[variant.name] = list(itertools.combinations(keys, 2))
    return pairs


def between(study: Study) -> dict[str, list[Pair]]:
    """Each variant outside of an ablation against the first of them, by contestant."""
    same = stand_ins(study)
    names = [variant.name for variant in study.variants if not variant.aspect]
    pairs: dict[str, list[Pair]] = {}
    for contestant in study.contestants:
        keys = [(contestant.name, name) for name in names]
        keys = [same.get(key, key) for key in keys]
        pairs[contestant.name] = [(key, keys[0]) for key in keys[1:] if key != keys[0]]
    return pairs


def all_pairs(study: Study) -> list[Pair]:
    """All of them, each once: a family of comparisons for each measure."""
    several = [*within(study).values(), *between(study).values()]
    return list(dict.fromkeys(itertools.chain.from_iterable(several)))
