"""Every random number of polyframe: Philox streams, keyed by what they are for.

A stream's key is the SHA-256 of (seed, purpose, …), so streams never overlap, do not
depend on each other's order, and are the same on every backend and platform
(Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from polyframe.spec.layers.base import Layer, Parameter, Shape

WORDS = 4  # 64-bit words that Philox makes per count


def stream(*key: int | str, skip: int = 0) -> np.random.Philox:
    """The bit stream of a key, ``skip`` counts (of four 64-bit words) further on."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    bits = np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64))
    return bits.advance(skip) if skip else bits


def generator(*key: int | str) -> np.random.Generator:
    """A generator on the stream of a key."""
    return np.random.Generator(stream(*key))


def initial_weights(
    parameters: Mapping[str, Parameter], seed: int, dtype: str
) -> dict[str, np.ndarray]:
    """First values of all parameters: drawn in float64, then rounded once."""
    found = {}
    for name, p in parameters.items():
        rng = generator(seed, "weights", name)
        found[name] = p.init.draw(rng, p.shape, p.fans).astype(dtype)
    return found


def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order in which the samples of one epoch are shown."""
    return generator(seed, "order", epoch).permutation(count)


def draw(
    layer: Layer,
    shapes: tuple[Shape, ...],
    key: tuple[int | str, ...],
    first: int,
    count: int,
    dtype: str,
) -> np.ndarray:
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


def native_seed(seed: int, step: int) -> int:
    """What a framework's own generator is seeded with at one step."""
    return int(generator(seed, "native", step).integers(2**31))
