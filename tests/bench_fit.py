"""What the loop around the emitted program costs: paired runs, medians, ratios.

    python tests/bench_fit.py [--rounds 15] [--steps 30] [--json]

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
from collections import deque

import numpy as np

import polyframe as pf
from polyframe.compiler.devices import threads
from polyframe.train.loop import WAITING

BATCH = 128


def data(spec, steps):
    rng = np.random.default_rng(0)
    shape = spec.graph.inputs[0][1]
    x = rng.normal(size=(steps * BATCH, *shape)).astype(np.float32)
    return x, rng.integers(0, 10, steps * BATCH)


class Clock(pf.train.Callback):
    """Seconds between the losses that arrive, the device kept busy meanwhile."""

    lags = True

    def __init__(self):
        self.ticks = []

    def on_step_end(self, model, step):
        self.tick()

    def tick(self):
        """A loss has arrived."""
        self.ticks.append(time.perf_counter())

    def median(self):
        """The median step."""
        return statistics.median(b - a for a, b in zip(self.ticks, self.ticks[1:]))


def bare(model, x, y, steps):
    """The median of the program's own steps, with as many under way as in ``fit``."""
    session, clock, under_way = model.session, Clock(), deque()
    parts = [slice(i * BATCH, (i + 1) * BATCH) for i in range(steps)]
    ready = [
        session.stage(session.arrange([x[p]]), [y[p]], [], [], BATCH) for p in parts
    ]
    step, rate = session.module.train_step, model.learning_rate
    if model.backend.name == "tensorflow":
        import tensorflow as tf

        step, rate = session.step, tf.constant(rate, session.dtype)
    if model.backend.name == "torch":
        session.native.train()
    for arguments in ready:
        kept = session.kept.values()
        under_way.append(step(session.native, *arguments, *kept, rate)[0])
        if len(under_way) > WAITING:
            session.read(under_way.popleft()).item()
            clock.tick()
    return clock.median()


def fitted(model, x, y):
    """The median of the steps that ``fit`` takes."""
    clock = Clock()
    model.fit(x, y, epochs=1, batch_size=BATCH, callbacks=[clock])
    del clock.ticks[-WAITING:]  # the last losses arrive together
    return clock.median()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    spec = pf.zoo.simple_cnn()
    x, y = data(spec, given.steps)
    for backend in pf.backends():
        model = pf.compile(spec, backend, loss="cross_entropy", device="cpu")
        fitted(model, x, y)  # warm up, and build the optimizer
        bare(model, x, y, given.steps)
        pairs = [
            (fitted(model, x, y), bare(model, x, y, given.steps))
            for _ in range(given.rounds)
        ]
        ratios = sorted(a / b for a, b in pairs)
        rows.append(
            {
                "backend": backend,
                "fit_ms": 1e3 * statistics.median(a for a, _ in pairs),
                "bare_ms": 1e3 * statistics.median(b for _, b in pairs),
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
