"""What it takes to start: importing, --help, and writing a program of 1,000 layers.

    python tools/bench_start.py

Processes take turns (A B A B ...); the medians and the difference are printed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import polyframe as pf
from polyframe.compiler.passes import TRAINING, rewrite
from polyframe.compiler.table import Target
from polyframe.contract.registry import get


def seconds(command):
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def chain(count):
    """A spec of that many layers: convolutions, batch norms, activations."""
    kinds = (lambda: pf.Conv2D(4, 3, padding=1), pf.BatchNorm, pf.ReLU)
    layers = [kinds[i % 3]() for i in range(count)]
    return pf.Sequential(layers, (4, 8, 8), name="chain")


def write_seconds(count, backend):
    began = time.perf_counter()
    spec = chain(count)
    graph = rewrite(spec.infer(), TRAINING)
    get(backend).write(graph, Target(), None)
    return time.perf_counter() - began


def main():
    numpy = [sys.executable, "-c", "import numpy"]
    both = [sys.executable, "-c", "import numpy, polyframe"]
    pairs = [(seconds(both), seconds(numpy)) for _ in range(15)]
    extra = statistics.median(a - b for a, b in pairs)
    print(f"import polyframe, over import numpy: {extra * 1e3:.0f} ms (bound 60)")
    help_ = [sys.executable, "-m", "polyframe", "--help"]
    took = statistics.median(seconds(help_) for _ in range(9))
    print(f"polyframe --help: {took:.2f} s (bound 0.5)")
    print("from a spec in Python to source:")
    for backend in pf.backends():
        write_seconds(30, backend)
        row = f"  {backend:<11}"
        for count in (250, 500, 1000, 2000):
            took = statistics.median(write_seconds(count, backend) for _ in range(3))
            row += f"  {count} layers {took:.3f} s"
        print(row)


if __name__ == "__main__":
    main()
