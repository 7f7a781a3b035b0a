"""`make test-full`: every test, and a report with the worst figures in docs/results/."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"
REPORT = RESULTS / "test-full.md"
DRAWN = RESULTS / "drawn.md"
PACKAGES = ("numpy", "torch", "tensorflow-cpu", "keras", "mxnet")


def worst(lines):
    """family → (how many figures, the worst of them)."""
    found = {}
    for line in lines:
        count, top = found.get(line["family"], (0, line))
        found[line["family"]] = (count + 1, max(line, top, key=lambda x: x["value"]))
    return found


def report(counts, figures):
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
        "Made by `make test-full`; do not edit.",
        "",
        f"- commit {commit}, {datetime.date.today()}",
        f"- Python {platform.python_version()}, {versions}",
        f"- {platform.machine()}, {len(os.sched_getaffinity(0))} processors, no GPU",
        f"- {counts}",
        "",
        "| what | figures | worst | allowed | where |",
        "|---|---:|---:|---:|---|",
    ]
    for family, (count, top) in sorted(figures.items()):
        value, bound = f"{top['value']:.2g}", f"{top['bound']:.2g}"
        lines.append(f"| {family} | {count} | {value} | {bound} | {top['detail']} |")
    return "\n".join(lines) + "\n"


def drawn(lines):
    """How often random tests drew each value of each option."""
    found = [
        "# What random tests drew",
        "",
        "Made by `make test-full`; do not edit.",
        "",
    ]
    for line in sorted(lines, key=lambda line: (line["counts"], str(line["values"]))):
        found += [f"## {line['counts']}", ""]
        found += [f"- {key}: {count}" for key, count in line["values"].items()]
        found.append("")
    return "\n".join(found)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
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
        figures = worst([line for line in lines if "family" in line])
        counts = [line for line in lines if "counts" in line]
    if code == 0 and sys.argv[1:] in ([], ["-n", "2"]):
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(report(last, figures))
        DRAWN.write_text(drawn(counts))
    print(report(last, figures))
    sys.exit(code)


if __name__ == "__main__":
    main()
