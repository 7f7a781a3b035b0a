"""Training on a busy machine: `polyframe train digits_cnn` alone and beside programs.

    python tools/bench_load.py [--repeats 5] [--epochs 5]

One process a processor computes without end while the busy trainings run. Trainings take
turns: alone and busy, as polyframe's command line sets OpenMP's threads (while they wait,
they soon sleep) and as they are by default (they spin). Seconds are those of training
alone, without the framework's import. Ratios are medians of pairs, with the smallest and
largest.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from polyframe.contract.registry import usable

SPIN = "while True: pass"
SETTINGS = ("polyframe's", "default")


@contextmanager
def others(count):
    """That many processes that compute without end."""
    running = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def seconds(backend, epochs, setting):
    """Seconds of training."""
    with tempfile.TemporaryDirectory() as folder:
        command = (
            *(sys.executable, "-m", "polyframe", "train", "digits_cnn", "--quiet"),
            *("-b", backend, "--epochs", str(epochs), "-o", f"{folder}/run"),
        )
        names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
        environment = {k: v for k, v in os.environ.items() if k not in names}
        if setting == "default":  # what a framework does where nothing is set
            code = (
                "import polyframe.cli, sys; sys.argv[:] = ['polyframe', *sys.argv[1:]]"
            )
            code += "; polyframe.cli.cli(prog_name='polyframe')"
            command = (sys.executable, "-c", code, *command[3:])
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        with Path(folder, "run", "metrics.csv").open() as file:
            return sum(float(row["seconds"]) for row in csv.DictReader(file))


def ratio(pairs):
    """``1.02 (0.99 to 1.05)``."""
    each = [a / b for a, b in pairs]
    return f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    given = parser.parse_args()
    busy = len(os.sched_getaffinity(0))
    print(
        "| backend | busy / alone | idle, sleeping / spinning | busy, spinning / alone |"
    )
    print("|---|---|---|---|")
    for backend in usable("train"):
        alone, loaded = [], []
        for _ in range(given.repeats):
            alone.append([seconds(backend, given.epochs, p) for p in SETTINGS])
            with others(busy):
                loaded.append([seconds(backend, given.epochs, p) for p in SETTINGS])
        cells = (
            ratio([(b[0], a[0]) for a, b in zip(alone, loaded, strict=True)]),
            ratio([(a[0], a[1]) for a in alone]),
            ratio([(b[1], a[1]) for a, b in zip(alone, loaded, strict=True)]),
        )
        print(f"| {backend} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
