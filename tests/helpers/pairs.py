"""All pairs of the values of an element's fields, in few configurations."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from polyframe.errors import PolyframeError
from polyframe.spec.element import Element
from polyframe.spec.fields import UNSET, Bool, Choice, Float, Int, Maybe

Options = dict[str, Any]
TRIES = 30  # random configurations for each one that is kept


def field_values(
    cls: type[Element], without: Iterable[str] = ()
) -> dict[str, tuple[Any, ...]]:
    """Each field's values: its default, those of the examples, and the ends of its
    range."""
    values = {}
    for f in dataclasses.fields(cls):
        if f.name in without or "kind" not in f.metadata:
            continue
        default = f.metadata["aligned"] if f.default is UNSET else f.default
        known = [] if default is dataclasses.MISSING else [default]
        known += [o[f.name] for o in cls.examples if f.name in o]  # type: ignore[attr-defined]
        known += ends(f.metadata["kind"])
        values[f.name] = tuple(dict.fromkeys(known))
    return values


def ends(kind: Any) -> list[Any]:
    """The values at the ends of a kind's range, where it has any that are few."""
    if isinstance(kind, Bool):
        return [False, True]
    if isinstance(kind, Choice):
        return list(kind.options)
    if isinstance(kind, Maybe):
        return [None, *ends(kind.kind)]
    if isinstance(kind, Int) and kind.high - kind.low < 4:
        return list(range(kind.low, kind.high + 1))
    if isinstance(kind, Float):
        low = [] if kind.above or kind.low < -1e9 else [kind.low]
        return low + ([] if kind.below or kind.high > 1e9 else [kind.high])
    return []


def pairwise(
    values: Mapping[str, Sequence[Any]],
    valid: Callable[[Options], bool] = lambda options: True,
    seed: int = 0,
) -> list[Options]:
    """Configurations in which every pair of values of two fields occurs that occurs in
    a valid one. A fixed seed gives the same ones each time."""
    rng = random.Random(seed)
    names = list(values)

    def pairs(options: Options) -> set[tuple[int, int, int, int]]:
        at = [values[name].index(options[name]) for name in names]
        return {
            (i, at[i], j, at[j]) for i, j in itertools.combinations(range(len(at)), 2)
        }

    missing = {
        (i, a, j, b)
        for i, j in itertools.combinations(range(len(names)), 2)
        for a in range(len(values[names[i]]))
        for b in range(len(values[names[j]]))
    }
    chosen = []
    while missing:
        i, a, j, b = first = min(missing)
        best: Options = {}
        gain = 0
        for _ in range(TRIES):
            options = {name: rng.choice(list(values[name])) for name in names}
            options[names[i]], options[names[j]] = (
                values[names[i]][a],
                values[names[j]][b],
            )
            new = len(pairs(options) & missing)
            if new > gain and valid(options):
                best, gain = options, new
        if best:
            chosen.append(best)
            missing -= pairs(best)
        else:  # the two exclude each other
            missing.discard(first)
    return chosen


def makes(cls: type[Element]) -> Callable[[Options], bool]:
    """Whether a class takes the options."""

    def valid(options: Options) -> bool:
        try:
            cls(**options)
        except PolyframeError:
            return False
        return True

    return valid
