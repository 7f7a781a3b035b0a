"""The speed of five models beside what people write by hand, Keras 3 and ONNX Runtime.

    python tools/bench_speed.py [--rounds 11] [--models simple_cnn conv4]

Runs ``polyframe bench`` for each, prints the ratios beside those that are asked for,
and writes docs/results/speed.md, the pictures beside it, and a line for each ratio to
docs/results/speed.csv, the history.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from polyframe.bench.ratios import geometric_mean
from polyframe.bench.run import machine

RESULTS = Path(__file__).parents[1] / "docs" / "results"
SMALL = ("--input-shape", "3,32,32", "--classes", "10")
MODELS = {
    "simple_cnn": ("--batch", "128"),
    "conv4": ("--width", "0.5", *SMALL, "--batch", "64"),
    "cifar_resnet20": ("--batch", "64"),
    "mobilenet_v2": ("--width", "0.5", *SMALL, "--batch", "32"),
    "densenet121": ("--width", "0.5", *SMALL, "--batch", "32"),
}
"""DenseNet at 0.5, not less: MXNet's concat fails at channels that are no multiple of
16, in the hand-written program."""
ROWS = [  # (what, operation, rival, asked of the mean, asked of each)
    ("PyTorch by hand", "step", "torch: by hand", 1.6, 1.0),
    ("Keras 3 on TensorFlow", "step", "keras on tensorflow", 1.3, 1.0),
    ("TensorFlow by hand (GradientTape)", "step", "tensorflow: by hand", None, None),
    ("MXNet by hand", "step", "mxnet: by hand", None, 0.97),
    ("Keras 3 on PyTorch", "step", "keras on torch", 2.5, None),
    (
        "`predict`: PyTorch by hand, channels last, inference mode",
        *("predict", "torch: by hand, for inference", None, 1.0),
    ),
    ("`predict`: ONNX Runtime", "predict", "onnxruntime", None, 0.5),
    *(
        (f"{backend}: the program without rewrites", "step", name, None, None)
        for backend in ("torch", "tensorflow", "mxnet")
        for name in (f"{backend}: idiomatic program",)
    ),
]
BUILD = """
import sys, time
import polyframe as pf
pf.compile(pf.zoo.digits_cnn(), sys.argv[1], loss="cross_entropy", device="cpu")
spec = pf.zoo.resnet50()
began = time.perf_counter()
pf.compile(spec, sys.argv[1], loss="cross_entropy", device="cpu")
print(time.perf_counter() - began)
"""


def bench(model, rounds):
    """All figures of one model."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "polyframe", "bench", model, *MODELS[model]]
        command += ["--rounds", str(rounds), "-o", folder, "--json"]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        (RESULTS / "speed").mkdir(parents=True, exist_ok=True)
        picture = (Path(folder) / "bench.png").read_bytes()
        (RESULTS / "speed" / f"{model}.png").write_bytes(picture)
    return json.loads(found.stdout)


def ratios_of(data, op, rival):
    """The rival's ratio over polyframe, with its interval."""
    for one in data["ratios"]:
        if (one["op"], one["contestant"]) == (op, rival):
            return one
    raise LookupError(rival)


def loop_costs(data, backend):
    """What ``fit`` costs over the bare loop, in one process."""
    (own,) = (c for c in data["contestants"] if c["name"] == f"{backend}: polyframe")
    return own["loop_ratio"]["value"]


def build_seconds(backend):
    """From ResNet-50's spec to a model, the framework imported before."""
    command = [sys.executable, "-c", BUILD, backend]
    runs = [
        float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        for _ in range(3)
    ]
    return statistics.median(runs)


def verdict(values, mean, each):
    """``asked`` and whether it is met."""
    asked, met = [], True
    if mean is not None:
        asked.append(f"mean {mean}")
        met &= geometric_mean(values) >= mean
    if each is not None:
        asked.append(f"each {each}")
        met &= min(values) >= each
    return (", ".join(asked), "yes" if met else "NO") if asked else ("", "")


def table(found):
    """The rows of the page, and those of the history."""
    lines, history = [], []
    for what, op, rival, mean, each in ROWS:
        own = {model: ratios_of(data, op, rival) for model, data in found.items()}
        values = [one["ratio"] for one in own.values()]
        cells = [
            f"{o['ratio']:.2f} ({o['low']:.2f}–{o['high']:.2f})" for o in own.values()
        ]
        average = f"**{geometric_mean(values):.2f}**"
        lines.append([what, *cells, average, *verdict(values, mean, each)])
        history += [(what, model, one["ratio"]) for model, one in own.items()]
    for backend in ("torch", "tensorflow", "mxnet"):
        values = [loop_costs(data, backend) for data in found.values()]
        what = f"cost of the loop: {backend}"
        met = "yes" if geometric_mean(values) <= 1.02 else "NO"
        average = f"**{geometric_mean(values):.3f}**"
        lines.append([what, *(f"{v:.3f}" for v in values), average, "mean 1.02", met])
        history += [(what, model, value) for model, value in zip(found, values)]
    return lines, history


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    given = parser.parse_args()
    found = {}
    for model in given.models:
        print(f"polyframe bench {model} {' '.join(MODELS[model])}", flush=True)
        found[model] = bench(model, given.rounds)
    builds = {name: build_seconds(name) for name in ("torch", "tensorflow", "mxnet")}
    lines, history = table(found)
    heads = ["times polyframe", *found, "mean", "asked", "met"]
    rows = [" | ".join(row) for row in (heads, ["---"] * len(heads), *lines)]
    here, date = machine(), datetime.date.today().isoformat()
    commit = git("rev-parse", "--short", "HEAD")
    commit += "+" * bool(git("status", "--porcelain", "--untracked-files=no"))
    versions = {
        c["name"].removesuffix(": polyframe"): c["facts"]["version"]
        for c in next(iter(found.values()))["contestants"]
        if c["kind"] in ("fit", "onnxruntime") or c["name"] == "keras on tensorflow"
    }
    text = "\n".join(
        [
            "# Speed beside hand-written programs, Keras 3 and ONNX Runtime",
            "",
            "Made by `make bench`; do not edit. A figure says how many times as long as "
            "polyframe the other takes: above 1 polyframe is faster. It is the median of "
            f"{given.rounds} paired turns, with its 95 % interval; the mean is geometric. "
            "polyframe's step is one of `fit` with what every run does besides, fed from "
            "NumPy; the others' are bare steps on tensors that are ready. Training with "
            "Adam in float32.",
            "",
            f"{date}, commit {commit}; {here['processor']}, {here['cores']} cores, no "
            f"GPU; Python {here['python']}; "
            + ", ".join(f"{name} {version}" for name, version in versions.items()),
            "",
            *(f"| {row} |" for row in rows),
            "",
            "The cost of the loop is `fit` over the emitted program in a bare loop, "
            "taking turns in one process.",
            "",
            "From ResNet-50's spec to a model that can be trained (asked: 2 s): "
            + ", ".join(f"{name} {value:.2f} s" for name, value in builds.items())
            + ".",
            "",
            *(
                f"## {model}\n\n`polyframe bench {model} {' '.join(MODELS[model])}`\n\n"
                f"![{model}: a bar for each contestant](speed/{model}.png)\n"
                for model in found
            ),
        ]
    )
    print(text)
    if list(found) == list(MODELS):
        (RESULTS / "speed.md").write_text(text)
        path, new = RESULTS / "speed.csv", not (RESULTS / "speed.csv").exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["date", "commit", "what", "model", "ratio"])
            writer.writerows([date, commit, w, m, f"{r:.4f}"] for w, m, r in history)


def git(*arguments):
    """What git says."""
    command = ["git", *arguments]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip()


if __name__ == "__main__":
    main()
