"""The part of an ejected script that is the same on every backend.

``eject`` copies these functions; polyframe never calls them, but its tests hold them
against ``polyframe.randomness`` and the loop. A name in capital letters on a line of its
own is a blank, which ``polyframe.eject.script`` fills.
"""

# ruff: noqa: B018, F821, F841 - blanks, and names that the program and the script's head define
# mypy: ignore-errors

import hashlib
from pathlib import Path

import numpy as np


def stream(*key, skip=0):
    """A stream of random bits of its own for each key (Philox)."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    bits = np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64))
    return bits.advance(skip) if skip else bits


def order(epoch, count):
    """The order in which the samples of one epoch are shown."""
    return np.random.Generator(stream(SEED, "order", epoch)).permutation(count)


def uniform(path, step, count, shape):
    """Uniform 32-bit integers for a random layer, (count, *shape)."""
    size = int(np.prod(shape))
    counts = -(-size // 8)  # Philox makes four 64-bit words at a time
    raw = stream(SEED, "draw", step, path).random_raw(count * counts * 4)
    return raw.view(np.uint32).reshape(count, -1)[:, :size].reshape(count, *shape)


def layer_seed(step):
    """The seed of the framework's own random layers in one step."""
    return int(np.random.Generator(stream(SEED, "native", step)).integers(2**31))


def main():
    """Train, and say how it goes."""
    here = Path(__file__).parent
    with np.load(here / "data.npz") as data, np.load(here / "weights.npz") as weights:
        model = build(dict(weights))
        arrays = {name: data[name] for name in data.files}
    for name, array in arrays.items():
        if array.dtype == np.uint8:
            array = array.astype(np.float32) / np.float32(255)
        if array.dtype.kind == "f":
            array = np.ascontiguousarray(array, DTYPE)
        arrays[name] = array
    x, y = arrays["x_train"], arrays["y_train"]
    FREEZE
    optimizer, number = make_optimizer(model), 0
    SET_RATE
    for epoch in range(EPOCHS):
        total, shown = 0.0, order(epoch, len(x))
        DROP_LAST
        for start in range(0, len(shown), BATCH_SIZE):
            part = shown[start : start + BATCH_SIZE]
            TAKE_STEP
            total += loss * len(part)
            number += 1
        line = f"epoch {epoch + 1}: loss {total / len(shown)!r}"
        if LABELS:
            right = predict(model, arrays["x_test"]).argmax(1) == arrays["y_test"]
            line += f", test accuracy {right.mean():.4f}"
        print(line, flush=True)
