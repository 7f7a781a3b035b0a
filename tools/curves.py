"""Draw the curves of runs: loss and accuracy by epoch, a line for each backend.

python tools/curves.py FILE.png RUN [RUN …]
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLORS = {"torch": "#d62728", "tensorflow": "#ff7f0e", "mxnet": "#1f77b4"}


def read(folder):
    """A run's result."""
    return json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))


def draw(runs, file):
    """Loss on the left, accuracy on the right; training dashed, validation solid, and
    the test at the end as a point."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for run in runs:
        rows, color = run["history"], COLORS.get(run["backend"], "black")
        epochs = [row["epoch"] for row in rows]
        for axis, name in zip(axes, ("loss", "accuracy")):
            axis.plot(epochs, [row[name] for row in rows], "--", color=color, alpha=0.6)
            if f"val_{name}" in rows[-1]:
                values = [row[f"val_{name}"] for row in rows]
                label = f"{run['backend']}, validation: {values[-1]:.4f}"
                axis.plot(epochs, values, color=color, label=label)
            if name in run["test"]:
                label = f"{run['backend']}, test: {run['test'][name]:.4f}"
                axis.plot(
                    epochs[-1:], [run["test"][name]], "o", color=color, label=label
                )
    for axis, name in zip(axes, ("loss", "accuracy")):
        axis.set(xlabel="epoch", ylabel=f"{name} (dashed: training, point: test)")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle(runs[0]["name"])
    figure.savefig(file, dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    draw([read(folder) for folder in sys.argv[2:]], sys.argv[1])
