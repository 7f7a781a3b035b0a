"""Random configurations of layers, drawn from what their fields declare."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from hypothesis import strategies as st

from polyframe.errors import SpecError
from polyframe.spec.fields import (
    UNSET,
    Bool,
    Choice,
    Float,
    Int,
    Maybe,
    Padding,
    Several,
    Sizes,
)
from polyframe.spec.layers.adaptive import Output
from polyframe.spec.layers.base import Init, Layer
from polyframe.spec.layers.resize import Each
from polyframe.spec.layers.shape import Sections, Sides
from polyframe.spec.layers.transposed import Cropping

CHANNELS = (1, 2, 3, 4, 6, 8)  # many divisors, for groups
TRIES = 40  # draws until fields and shapes fit each other


def family(layer: type[Layer]) -> str:
    """The file that a layer stands in."""
    return layer.__module__.rpartition(".")[2]


def families() -> dict[str, list[type[Layer]]]:
    members: dict[str, list[type[Layer]]] = {}
    for word, layer in sorted(Layer.registry.items()):
        if word != "Block":
            members.setdefault(family(layer), []).append(layer)
    return members


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a kind: its whole range where that is small, else its low end."""
    if isinstance(kind, Bool):
        return st.booleans()
    if isinstance(kind, Choice):
        return st.sampled_from(kind.options)
    if isinstance(kind, Int):
        if kind.low <= 1 and kind.high > 64:
            return st.sampled_from(CHANNELS)
        return st.integers(kind.low, min(kind.high, kind.low + 8))
    if isinstance(kind, Float):
        low = max(kind.low, -2.0)
        high = min(kind.high, low + 3.0)
        floats = st.floats(
            low, high, exclude_min=kind.above, exclude_max=kind.below, width=32
        )
        # A field that may come close to 0 (epsilons) stays where rounding is tame.
        return floats.filter(lambda v: not kind.above or v >= 1e-6)
    if isinstance(kind, Maybe):
        return st.one_of(st.none(), values(kind.kind))
    if isinstance(kind, Several):
        most = min(kind.most, max(kind.least, 1) + 2)
        items = st.lists(values(kind.kind), min_size=kind.least, max_size=most)
        return items.map(tuple)
    if isinstance(kind, Sizes):
        each = st.integers(kind.low, kind.low + 2)
        return st.one_of(each, st.tuples(*[each] * kind.dims))
    if isinstance(kind, Padding):
        each = st.integers(0, 2)
        pairs = st.tuples(*[st.tuples(each, each)] * kind.dims)
        tuples = st.tuples(*[each] * kind.dims)
        return st.one_of(each, tuples, pairs, st.just("same"))
    if isinstance(kind, Init):
        return st.just(UNSET)  # tests load weights of their own
    for own, strategy in OWN.items():
        if isinstance(kind, own):
            return strategy(kind)
    raise NotImplementedError(f"no draws for the kind {kind!r}")


def cropping(kind: Cropping) -> st.SearchStrategy[Any]:
    each = st.integers(0, 2)
    pairs = st.tuples(*[st.tuples(each, each)] * kind.dims)
    return st.one_of(each, st.tuples(*[each] * kind.dims), pairs)


def sides(kind: Sides) -> st.SearchStrategy[Any]:
    each, axes = st.integers(0, 2), st.integers(1, 3)
    numbers = axes.flatmap(lambda n: st.tuples(*[each] * n))
    pairs = axes.flatmap(lambda n: st.tuples(*[st.tuples(each, each)] * n))
    return st.one_of(each, numbers, pairs)


def sections(kind: Sections) -> st.SearchStrategy[Any]:
    each = st.integers(1, 3)
    return st.one_of(each, st.lists(each, min_size=1, max_size=3))


def for_each_axis(kind: Each) -> st.SearchStrategy[Any]:
    whole = isinstance(kind.kind, Int)
    each = st.integers(1, 12) if whole else st.sampled_from((0.5, 1.3, 1.5, 2.0))
    several = st.integers(1, 3).flatmap(lambda n: st.tuples(*[each] * n))
    return st.one_of(st.none(), each, several)


def output_sizes(kind: Output) -> st.SearchStrategy[Any]:
    each = st.integers(1, 6)
    return st.one_of(each, st.tuples(*[st.one_of(st.none(), each)] * kind.dims))


OWN = {
    Cropping: cropping,
    Each: for_each_axis,
    Output: output_sizes,
    Sections: sections,
    Sides: sides,
}
"""Kinds that belong to one layer → what is drawn for them."""


@st.composite
def configurations(draw: Any, layer: type[Layer]) -> tuple[dict[str, Any], Any]:
    """Fields and shapes of inputs that fit each other: each field is left alone or
    drawn from its kind."""
    fields = [f for f in dataclasses.fields(layer) if "kind" in f.metadata]
    for _ in range(TRIES):
        options = {}
        for f in fields:
            needed = f.default is dataclasses.MISSING
            if needed or draw(st.booleans()):
                value = draw(values(f.metadata["kind"].of(layer)))
                if value is not UNSET:
                    options[f.name] = value
        rank = draw(st.sampled_from(ranks(layer)))
        shape = draw(shapes(rank))
        least, most = layer.arity
        count = draw(st.integers(least, min(most or least + 2, least + 2)))
        given = (shape,) * count
        if count > 1 and draw(st.booleans()):  # of another size along one axis
            axis = draw(st.integers(0, rank - 1))
            other = list(shape)
            other[axis] = draw(st.sampled_from((1, 2, 5)))
            given = (shape, *[tuple(other)] * (count - 1))
        try:
            layer(**options).infer(*given)
        except SpecError:
            continue
        return options, given
    options, given = draw(st.sampled_from(layer.examples))
    return dict(options), given


def ranks(layer: type[Layer]) -> list[int]:
    """The ranks of inputs in a layer's examples."""
    return sorted({len(shape) for _, given in layer.examples for shape in given})


def shapes(rank: int) -> st.SearchStrategy[tuple[int, ...]]:
    largest = {1: 12, 2: 12, 3: 9, 4: 6}[rank]
    channels = st.sampled_from(CHANNELS)
    return st.tuples(channels, *[st.integers(1, largest)] * (rank - 1))


def tally(counts: Counter[tuple[str, str, str]], layer: Any, options: Any) -> None:
    """Count which values of which fields were drawn."""
    for f in dataclasses.fields(layer):
        if "kind" in f.metadata:
            value = options.get(f.name, "(default)")
            text = value if isinstance(value, (str, bool, type(None))) else "(drawn)"
            counts[layer.word, f.name, str(text)] += 1
