"""Draw the curves of runs: loss and metrics by epoch, a line for each run.

python tools/curves.py FILE.png RUN [RUN …]
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

COLORS = {"torch": "#d62728", "tensorflow": "#ff7f0e", "mxnet": "#1f77b4"}


def read(folder):
    """A run's result, and its folder."""
    text = (Path(folder) / "result.json").read_text(encoding="utf-8")
    return {**json.loads(text), "folder": str(folder)}


def names_in(runs):
    """The loss and the metrics that all runs have: what stands before the learning rate
    in the rows of a history."""
    rows = [run["history"][-1] for run in runs]
    first = list(rows[0])[: list(rows[0]).index("lr")]
    return [
        name
        for name in first
        if name != "epoch"
        and not name.startswith("val_")
        and all(name in row for row in rows)
    ]


def draw(runs, file):
    """Loss on the left, metrics beside it; training dashed, validation solid, and the
    test at the end as a point."""
    names = names_in(runs)
    figure, axes = plt.subplots(
        1, len(names), figsize=(5 * len(names), 4), layout="constrained", squeeze=False
    )
    axes = axes[0]
    several = len({run["backend"] for run in runs}) < len(runs)  # runs of one backend
    for number, run in enumerate(runs):
        rows, line = run["history"], run["folder"] if several else run["backend"]
        color = f"C{number}" if several else COLORS.get(run["backend"], "black")
        epochs = [row["epoch"] for row in rows]
        for axis, name in zip(axes, names):
            values = [row[name] for row in rows]
            known = f"val_{name}" in rows[-1] or name in run["test"]
            label = None if known else f"{line}, training: {values[-1]:.4f}"
            axis.plot(epochs, values, "--", color=color, alpha=0.6, label=label)
            if f"val_{name}" in rows[-1]:
                values = [row[f"val_{name}"] for row in rows]
                label = f"{line}, validation: {values[-1]:.4f}"
                axis.plot(epochs, values, color=color, label=label)
            if name in run["test"]:
                label = f"{line}, test: {run['test'][name]:.4f}"
                axis.plot(
                    epochs[-1:], [run["test"][name]], "o", color=color, label=label
                )
    for axis, name in zip(axes, names):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set(xlabel="epoch", ylabel=f"{name} (dashed: training, point: test)")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle(runs[0]["name"])
    figure.savefig(file, dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    draw([read(folder) for folder in sys.argv[2:]], sys.argv[1])
