"""The speed of five models beside what people write by hand, Keras 3 and ONNX Runtime.

    python tools/bench_speed.py [--rounds 11] [--models simple_cnn conv4]
    python tools/bench_speed.py --page

Runs ``polyframe bench`` for each model. It keeps the ratios in docs/results/speed.json,
writes docs/results/speed.md from them, with the images beside it, and appends a line for
each ratio to docs/results/speed.csv, the history. ``--page`` writes the page anew from
the ratios that are kept.
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
ROWS = [  # (what, operation, contestant)
    ("PyTorch by hand", "step", "torch: by hand"),
    ("Keras 3 on TensorFlow", "step", "keras on tensorflow"),
    ("TensorFlow by hand (GradientTape)", "step", "tensorflow: by hand"),
    ("MXNet by hand", "step", "mxnet: by hand"),
    ("Keras 3 on PyTorch", "step", "keras on torch"),
    (
        "`predict`: PyTorch by hand, channels last, inference mode",
        *("predict", "torch: by hand, for inference"),
    ),
    ("`predict`: ONNX Runtime", "predict", "onnxruntime"),
    *(
        (f"{backend}: the program without rewrites", "step", name)
        for backend in ("torch", "tensorflow", "mxnet")
        for name in (f"{backend}: idiomatic program",)
    ),
]
LOOP = "cost of the loop: "
NOISE = 0.02
"""Means that are closer to 1 than this are called equal."""
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
    """All values of one model."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "polyframe", "bench", model, *MODELS[model]]
        command += ["--rounds", str(rounds), "-o", folder, "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        (RESULTS / "speed").mkdir(parents=True, exist_ok=True)
        image = (Path(folder) / "bench.png").read_bytes()
        (RESULTS / "speed" / f"{model}.png").write_bytes(image)
    return json.loads(done.stdout)


def ratio_of(data, op, contestant):
    """A contestant's time over polyframe's: (ratio, low, high)."""
    for one in data["ratios"]:
        if (one["op"], one["contestant"]) == (op, contestant):
            return one["ratio"], one["low"], one["high"]
    raise LookupError(contestant)


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


def measure(models, rounds):
    """All that the page says, as data."""
    results = {}
    for model in models:
        print(f"polyframe bench {model} {' '.join(MODELS[model])}", flush=True)
        results[model] = bench(model, rounds)
    ratios = {
        what: {model: ratio_of(data, op, rival) for model, data in results.items()}
        for what, op, rival in ROWS
    }
    for backend in ("torch", "tensorflow", "mxnet"):
        costs = {model: (loop_costs(data, backend),) for model, data in results.items()}
        ratios[LOOP + backend] = costs
    commit = git("rev-parse", "--short", "HEAD")
    commit += "+" * bool(git("status", "--porcelain", "--untracked-files=no"))
    versions = {
        c["name"].removesuffix(": polyframe"): c["facts"]["version"]
        for c in next(iter(results.values()))["contestants"]
        if c["kind"] in ("fit", "onnxruntime") or c["name"] == "keras on tensorflow"
    }
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "machine": machine(),
        "versions": versions,
        "rounds": rounds,
        "ratios": ratios,
        "build_seconds": {
            b: build_seconds(b) for b in ("torch", "tensorflow", "mxnet")
        },
    }


def in_words(what, mean):
    """What the mean of a row says."""
    if what.startswith(LOOP):
        more = abs(mean - 1)
        if more < 0.0005:
            return "`fit` takes as long as the bare loop"
        return f"`fit` takes {more:.1%} {'more' if mean > 1 else 'less'} than the bare loop"
    if "without rewrites" in what:
        if abs(mean - 1) < NOISE:
            return "the rewrites change nothing"
        return f"the rewrites make a step {mean:.2f} times as fast"
    if abs(mean - 1) < NOISE:
        return "as fast as polyframe"
    if mean > 1:
        return f"takes {mean:.2f} times as long as polyframe"
    return f"polyframe takes {1 / mean:.2f} times as long"


def table(ratios):
    """The rows of the page."""
    models = list(next(iter(ratios.values())))
    heads = ["time divided by polyframe's", *models, "mean", "in words"]
    rows = [heads, ["---"] * len(heads)]
    for what, row in ratios.items():
        digits = 3 if what.startswith(LOOP) else 2
        cells = [
            f"{ratio:.{digits}f}" + (f" ({ends[0]:.2f}–{ends[1]:.2f})" if ends else "")
            for ratio, *ends in row.values()
        ]
        mean = geometric_mean([ratio for ratio, *_ in row.values()])
        rows.append([what, *cells, f"**{mean:.{digits}f}**", in_words(what, mean)])
    return [f"| {' | '.join(row)} |" for row in rows]


def page(data):
    """docs/results/speed.md."""
    here, models = data["machine"], list(next(iter(data["ratios"].values())))
    versions = ", ".join(
        f"{name} {version}" for name, version in data["versions"].items()
    )
    builds = ", ".join(f"{b} {s:.2f} s" for b, s in data["build_seconds"].items())
    lines = [
        "# Speed compared with hand-written programs, Keras 3 and ONNX Runtime",
        "",
        "Made by `make bench`; do not edit. Each value is the time of the other program "
        "divided by polyframe's: above 1, polyframe is faster. It is the median of "
        f"{data['rounds']} paired turns, with its 95 % interval; the mean is geometric. "
        "A step of polyframe is a step of `fit`, fed from NumPy arrays, including "
        "everything else that `fit` does. A step of another program is a bare step on "
        "tensors that are already on the device. Training is with Adam in float32.",
        "",
        f"{data['date']}, commit {data['commit']}; {here['processor']}, {here['cores']} "
        f"cores, no GPU; Python {here['python']}; {versions}",
        "",
        *table(data["ratios"]),
        "",
        "The cost of the loop is the time of `fit` divided by that of the emitted program "
        "in a bare loop, both taking turns in one process.",
        "",
        f"Time from ResNet-50's spec to a model that can be trained: {builds}.",
        "",
    ]
    for model in models:
        lines += [
            f"## {model}",
            "",
            f"`polyframe bench {model} {' '.join(MODELS[model])}`",
            "",
            f"![{model}: a bar for each contestant](speed/{model}.png)",
            "",
        ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--page", action="store_true", help="measure nothing")
    given = parser.parse_args()
    kept = RESULTS / "speed.json"
    if given.page:
        (RESULTS / "speed.md").write_text(page(json.loads(kept.read_text())))
        return
    data = measure(given.models, given.rounds)
    print(page(data))
    if given.models == list(MODELS):
        kept.write_text(json.dumps(data, indent=1) + "\n")
        (RESULTS / "speed.md").write_text(page(data))
        path, new = RESULTS / "speed.csv", not (RESULTS / "speed.csv").exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["date", "commit", "what", "model", "ratio"])
            for what, row in data["ratios"].items():
                for model, (ratio, *_) in row.items():
                    line = [data["date"], data["commit"], what, model, f"{ratio:.4f}"]
                    writer.writerow(line)


def git(*arguments):
    """What git says."""
    command = ["git", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
