"""All pairs of classes of values of two fields, of every layer, in few configurations.

A class is what tells values of a kind apart in a program: sizes of 1, equal ones, ones
that differ along the axes; padding that is none, "same", equal, symmetric, asymmetric.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
from typing import Any, NamedTuple

from helpers.pairs import ends

from polyframe.errors import SpecError
from polyframe.spec.fields import UNSET, Bool, Choice, Float, Int, Maybe, Padding, Sizes
from polyframe.spec.layers.base import Init, Layer

TRIES = 12
"""Random configurations for each one that is kept."""
Pair = tuple[tuple[str, str], ...]
"""((field, class), (field, class)), or of one field alone where a layer has no other."""


class Cover(NamedTuple):
    """A layer's configurations, the pairs that they hold, and the pairs that the layer
    refuses, whatever its other fields and its inputs."""

    configurations: list[tuple[str, dict[str, Any], Any]]
    covered: set[Pair]
    refused: set[Pair]


def layers() -> dict[str, type[Layer]]:
    return {w: c for w, c in sorted(Layer.registry.items()) if w != "Block"}


def value_class(kind: Any, value: Any) -> str:
    """The class of a value; where nothing is known of the kind, each is its own."""
    if isinstance(kind, Maybe):
        return "none" if value is None else value_class(kind.kind, value)
    if isinstance(kind, (Bool, Choice)):
        return str(value)
    if isinstance(kind, Int):
        return "negative" if value < 0 else str(value) if value < 2 else "more"
    if isinstance(kind, Float):
        return str(float(value)) if value in (kind.low, kind.high, 0) else "between"
    if isinstance(kind, Sizes):
        checked = kind.check(value)
        if len(set(checked)) > 1:
            return "unequal"
        return str(checked[0]) if checked[0] < 2 else "equal"
    if isinstance(kind, Padding):
        checked = kind.check(value)
        if isinstance(checked, str):
            return checked
        if any(low != high for low, high in checked):
            return "asymmetric"
        if len(set(checked)) > 1:
            return "unequal"
        return "equal" if any(checked[0]) else "none"
    return repr(value)


def more_values(kind: Any) -> list[Any]:
    """Values of classes that examples may lack."""
    if isinstance(kind, Maybe):
        return [None, *more_values(kind.kind)]
    if isinstance(kind, Sizes):
        own = [max(kind.low, 1), 2, 3]
        several = [(2, 1, 2)[: kind.dims], (3, 2, 3)[: kind.dims]]
        return own + (several if kind.dims > 1 else [])
    if isinstance(kind, Padding):
        own = [0, 1, "same", ((0, 1), (1, 0), (1, 1))[: kind.dims]]
        return own + ([(1, 0, 1)[: kind.dims]] if kind.dims > 1 else [])
    return ends(kind)


def fields_of(layer: type[Layer]) -> dict[str, list[tuple[str, Any]]]:
    """Field → (class, value): the default, those of examples, the ends of ranges."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for f in dataclasses.fields(layer):
        kind = f.metadata.get("kind")
        if kind is None or isinstance(kind, Init):  # tests load weights of their own
            continue
        kind = kind.of(layer)
        default = f.metadata["aligned"] if f.default is UNSET else f.default
        values = [] if default is dataclasses.MISSING else [default]
        values += [
            options[f.name] for options, _ in layer.examples if f.name in options
        ]
        values += more_values(kind)
        unique = {repr(value): value for value in values}
        found[f.name] = [(value_class(kind, v), v) for v in unique.values()]
    return found


def pairs_of(classes: dict[str, str]) -> set[Pair]:
    """The pairs that a configuration holds, by its fields' classes."""
    size = min(2, len(classes))
    return set(itertools.combinations(sorted(classes.items()), size)) if size else set()


def all_pairs(fields: dict[str, list[tuple[str, Any]]]) -> set[Pair]:
    size = min(2, len(fields))
    found: set[Pair] = set()
    for names in itertools.combinations(sorted(fields), size) if size else ():
        each = [sorted({(name, c) for c, _ in fields[name]}) for name in names]
        found.update(itertools.product(*each))
    return found


@functools.cache
def cover(layer: type[Layer]) -> Cover:
    """Configurations that hold every pair that the layer allows; always the same ones."""
    fields, rng = fields_of(layer), random.Random(0)
    if not fields:
        options, shapes = layer.examples[0]
        return Cover([(layer.word, dict(options), shapes)], set(), set())
    defaults = {name: values[0] for name, values in fields.items()}
    starts = []
    for options, shapes in layer.examples:
        known = {name: {repr(v): (c, v) for c, v in fields[name]} for name in fields}
        given = {n: known[n][repr(v)] for n, v in options.items() if n in fields}
        starts.append((defaults | given, shapes))
    shapes = shapes_for(layer)
    missing, refused, chosen = all_pairs(fields), set(), []
    covered: set[Pair] = set()
    known_options: dict[str, dict[str, Any]] = {}

    @functools.cache
    def refuses_all(text):  # of the fields, which are not all hashable
        options = known_options[text]
        return all(refuses(layer, options, each) for each in shapes)

    def fitting(picked, first):
        options = {name: value for name, (_, value) in picked.items()}
        text = repr(options)
        known_options[text] = options
        if refuses_all(text):
            return None
        for each in (first, *rng.sample(shapes, len(shapes))):
            if not refuses(layer, options, each):
                return options, each
        return None

    def holding(pair, picked):
        values = {n: [v for v in fields[n] if v[0] == c] for n, c in pair}
        return picked | {n: rng.choice(values[n]) for n, _ in pair}

    while missing:
        pair, best, gain = min(missing), None, 0
        for _ in range(TRIES):
            picked, first = rng.choice(starts)
            some = {n: rng.choice(v) for n, v in fields.items() if rng.random() < 0.5}
            picked = holding(pair, picked | some)
            held = pairs_of({name: c for name, (c, _) in picked.items()})
            if len(held & missing) > gain:
                found = fitting(picked, first)
                if found is not None:
                    best, gain = (found, held), len(held & missing)
        if best is None:
            best = last_resort(pair, fields, starts, fitting)
        if best is None:
            missing.discard(pair)
            refused.add(pair)
            continue
        (options, each), held = best
        chosen.append((layer.word, options, each))
        covered |= held
        missing -= held
    return Cover(chosen, covered, refused - covered)


def shapes_for(layer):
    """The shapes of the examples, and for layers of one input larger and cubic ones."""
    shapes = [shapes for _, shapes in layer.examples]
    if layer.arity == (1, 1):
        for rank in sorted({len(shape) for (shape,) in shapes}):
            shapes += [((4, 6, 5, 6)[:rank],), ((3,) * rank,)]
    return list(dict.fromkeys(shapes))


def refuses(layer, options, shapes) -> bool:
    """Whether a layer does not take the fields, or such inputs with them."""
    try:
        layer(**options).infer(*shapes)
    except SpecError:
        return True
    return False


def last_resort(pair, fields, starts, fitting):
    """Every value of the two classes in every example, with one more field at each of
    its values; None if the layer refuses all."""
    each = [[(n, v) for v in fields[n] if v[0] == c] for n, c in pair]
    others = [(n, v) for n in fields if n not in dict(pair) for v in fields[n]]
    for two in itertools.product(*each):
        for picked, first in starts:
            for other in [(), *((o,) for o in others)]:
                tried = picked | dict(other) | dict(two)
                found = fitting(tried, first)
                if found is not None:
                    held = pairs_of({name: c for name, (c, _) in tried.items()})
                    return found, held
    return None


def numbered(configurations):
    """Configurations as the suite's cases."""
    return [(i, *each) for i, each in enumerate(configurations)]
