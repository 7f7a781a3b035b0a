"""`make test-full`: every test, and a report with the worst values in docs/results/.

Named files are a part of it, with a report of its own: `tools/full.py
 tests/backends/test_fuzz.py`
writes docs/results/test_fuzz.md.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"
REPORT = RESULTS / "test-full.md"
DRAWN = RESULTS / "drawn.md"
PACKAGES = ("numpy", "torch", "tensorflow-cpu", "keras", "mxnet")


def worst(lines):
    """family → (how many values, the largest of them)."""
    largest = {}
    for line in lines:
        count, top = largest.get(line["family"], (0, line))
        top = max(line, top, key=lambda x: x["value"])
        largest[line["family"]] = (count + 1, top)
    return largest


def report(counts, values, made="make test-full"):
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.strip()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    lines = [
        "# The long tests",
        "",
        f"Made by `{made}`; do not edit.",
        "",
        f"- commit {commit}, {datetime.date.today()}",
        f"- Python {platform.python_version()}, {versions}",
        f"- {platform.machine()}, {len(os.sched_getaffinity(0))} processors, no GPU",
        f"- {counts}",
        "",
        "| what | values | worst | bound | where |",
        "|---|---:|---:|---:|---|",
    ]
    for family, (count, top) in sorted(values.items()):
        value, bound = f"{top['value']:.2g}", f"{top['bound']:.2g}"
        lines.append(f"| {family} | {count} | {value} | {bound} | {top['detail']} |")
    return "\n".join(lines) + "\n"


def drawn(lines, made="make test-full"):
    """How often random tests drew each value of each option."""
    totals = {}
    for line in lines:
        totals.setdefault(line["counts"], Counter()).update(line["values"])
    text = ["# What random tests drew", "", f"Made by `{made}`; do not edit.", ""]
    for family, counts in sorted(totals.items()):
        text += [f"## {family}", ""]
        text += [f"- {key}: {count}" for key, count in sorted(counts.items())]
        text.append("")
    return "\n".join(text)


def keep(last, values, counts):
    """Write the report of a run that passed."""
    files = [Path(word).stem for word in sys.argv[1:] if word.endswith(".py")]
    RESULTS.mkdir(parents=True, exist_ok=True)
    if files:
        made = " ".join(["python tools/full.py", *sys.argv[1:]])
        text = report(last, values, made) + "\n" + drawn(counts, made)
        (RESULTS / f"{files[0]}.md").write_text(text)
    elif sys.argv[1:] in ([], ["-n", "2"]):
        REPORT.write_text(report(last, values))
        DRAWN.write_text(drawn(counts))


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.jsonl"
        path.touch()
        running = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]],
            cwd=ROOT,
            env={**os.environ, "POLYFRAME_FIGURES": str(path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        last = ""
        for line in running.stdout:
            print(line, end="", flush=True)
            last = line.strip("= \n") or last
        code = running.wait()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        values = worst([line for line in lines if "family" in line])
        counts = [line for line in lines if "counts" in line]
    if code == 0:
        keep(last, values, counts)
    print(report(last, values))
    sys.exit(code)


if __name__ == "__main__":
    main()
