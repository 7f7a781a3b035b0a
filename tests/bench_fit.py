"""What the loop around the emitted program costs: paired runs, medians, ratios.

    python tests/bench_fit.py [--rounds 7] [--steps 40] [--epochs 3] [--json]

Contestants, on the same batches and with the same threads: ``fit``, and the emitted
program's own ``train_step`` in a bare loop on native tensors that are ready before the
clock starts. They take turns (A B A B ...), so a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time

import numpy as np

import polyframe as pf
from polyframe.compiler.devices import threads

BATCH = 128


def data(spec, steps):
    rng = np.random.default_rng(0)
    shape = spec.graph.inputs[0][1]
    x = rng.normal(size=(steps * BATCH, *shape)).astype(np.float32)
    return x, rng.integers(0, 10, steps * BATCH)


def bare(model, x, y, steps):
    """Seconds for the program's own steps, nothing around them."""
    session = model.session
    parts = [slice(i * BATCH, (i + 1) * BATCH) for i in range(steps)]
    ready = [
        session._arguments(session.arrange([x[p]]), [y[p]], [], BATCH) for p in parts
    ]
    rate = model.learning_rate
    step = session.module.train_step
    if model.backend.name == "tensorflow":
        import tensorflow as tf

        step, rate = session.step, tf.constant(rate, session.dtype)
    if model.backend.name == "torch":
        session.native.train()
    began = time.perf_counter()
    for arguments in ready:
        loss, _ = step(*arguments, session.optimizer, rate)
    session.read(loss)
    return time.perf_counter() - began


def fitted(model, x, y, epochs=1):
    """Seconds for as many steps through ``fit``, an epoch."""
    began = time.perf_counter()
    model.fit(x, y, epochs=epochs, batch_size=BATCH)
    return (time.perf_counter() - began) / epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    spec = pf.zoo.simple_cnn()
    x, y = data(spec, given.steps)
    for backend in pf.backends():
        model = pf.compile(spec, backend, loss="cross_entropy", device="cpu")
        fitted(
            model, x[: 5 * BATCH], y[: 5 * BATCH]
        )  # warm up, and build the optimizer
        bare(model, x, y, 5)
        pairs = [
            (fitted(model, x, y, given.epochs), bare(model, x, y, given.steps))
            for _ in range(given.rounds)
        ]
        ratios = sorted(a / b for a, b in pairs)
        rows.append(
            {
                "backend": backend,
                "fit_ms": 1e3 * statistics.median(a for a, _ in pairs) / given.steps,
                "bare_ms": 1e3 * statistics.median(b for _, b in pairs) / given.steps,
                "ratio": statistics.median(ratios),
                "lowest": ratios[0],
                "highest": ratios[-1],
            }
        )
    if given.json:
        json.dump({"threads": threads(), "rows": rows}, sys.stdout, indent=2)
        return
    print(f"simple_cnn, batch {BATCH}, float32, {threads()} threads; ms a step")
    print(f"{'backend':<12}{'fit':>8}{'bare':>8}{'ratio':>8}   (lowest, highest)")
    for r in rows:
        print(
            f"{r['backend']:<12}{r['fit_ms']:>8.2f}{r['bare_ms']:>8.2f}"
            f"{r['ratio']:>8.3f}   ({r['lowest']:.3f}, {r['highest']:.3f})"
        )


if __name__ == "__main__":
    main()
