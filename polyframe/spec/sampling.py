"""Random numbers of a spec: initial weights, and the factors of random layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from polyframe.io.array import Array
from polyframe.randomness import WORDS, generator, stream
from polyframe.spec.initializers import Constant
from polyframe.spec.layers.base import Layer, Parameter, Shape
from polyframe.spec.model import ModelSpec
from polyframe.spec.typed import TypedGraph

INITIALIZERS = ("weight_init", "bias_init")
"""The fields of layers that may leave an initializer unset."""


def initial_weights(
    parameters: Mapping[str, Parameter], seed: int, dtype: str
) -> dict[str, Array]:
    """First values of all parameters: drawn in float64, then rounded once."""
    weights = {}
    for name, p in parameters.items():
        rng = generator(seed, "weights", name)
        weights[name] = p.init.draw(rng, p.shape, p.fans).astype(dtype)
    return weights


def unset_weights(spec: ModelSpec, graph: TypedGraph) -> list[str]:
    """The weights whose initializer the spec leaves unset, by canonical name: they follow
    the defaults."""
    words = {node.layer.type for node in graph.walk()}
    first, second = (
        spec.infer(
            dict.fromkeys(words, dict.fromkeys(INITIALIZERS, default))
        ).parameters
        for default in (Constant(0.0), Constant(1.0))
    )
    return [name for name in first if first[name].init != second[name].init]


def draw(
    layer: Layer,
    shapes: tuple[Shape, ...],
    key: tuple[int | str, ...],
    first: int,
    count: int,
    dtype: str,
) -> Array:
    """The factors of a random layer for samples ``first`` to ``first + count - 1``.

    Each sample has counts of its own in the stream, so a batch that is split (over
    steps of accumulation, over processes) draws the same numbers.
    """
    shape = layer.draw_shape(*shapes)
    size = int(np.prod(shape))
    counts = -(-size // (2 * WORDS))  # a 64-bit word holds two 32-bit integers
    raw = stream(*key, skip=first * counts).random_raw(count * counts * WORDS)
    bits = raw.view(np.uint32).reshape(count, -1)[:, :size]
    return layer.draw(bits.reshape(count, *shape)).astype(dtype)
