"""Every random number of polyframe: Philox streams, keyed by what they are for.

A stream's key is the SHA-256 of (seed, purpose, …), so streams never overlap, do not
depend on each other's order, and are the same on every backend and platform
(Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

WORDS = 4  # 64-bit words that Philox makes per count


def stream(*key: int | str, skip: int = 0) -> np.random.Philox:
    """The bit stream of a key, ``skip`` counts (of four 64-bit words) further on."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    bits = np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64))
    return bits.advance(skip) if skip else bits


def generator(*key: int | str) -> np.random.Generator:
    """A generator on the stream of a key."""
    return np.random.Generator(stream(*key))


def order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """The order in which the samples of one epoch are shown."""
    return generator(seed, "order", epoch).permutation(count)


def native_seed(seed: int, step: int) -> int:
    """What a framework's own generator is seeded with at one step."""
    return int(generator(seed, "native", step).integers(2**31))


def framework_seed(seed: int) -> int:
    """The seed that a framework gets for what it draws before the first step: the same
    number, as far as every framework takes it."""
    return seed % 2**31
