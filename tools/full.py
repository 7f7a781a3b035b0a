"""`make test-full`: every test, and a report with the worst values in docs/results/.

``python tools/full.py -n 2`` runs all of them and writes docs/results/test-full.md and
docs/results/drawn.md; tests that fail are named there. It takes the rooms one after the
other, each in processes of its own, since the frameworks keep memory; what was finished
is kept in .full/, and on the same commit, without changed files, the next call goes on
there (``--anew`` does not). Named files are a part, with a report of their own:
``tools/full.py -n 2 tests/fuzz/test_random_graphs.py`` writes
docs/results/test_random_graphs.md. Nothing else can be left out, so that the report of
the whole is always of the whole.
"""

from __future__ import annotations

import argparse
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
KEPT = ROOT / ".full"
"""What the rooms that are finished gave, one JSON file each."""
TESTS = ROOT / "tests"
TOGETHER = "the others"
"""The rooms whose tests are short run together."""
LONG = ("conformance", "contract", "fuzz", "native", "run", "sweeps", "train", "zoo")
PACKAGES = ("numpy", "torch", "tensorflow-cpu", "keras", "mxnet")


def worst(lines):
    """Family → (how many values, the line of the worst of them)."""
    by_family = {}
    for line in lines:
        count, top = by_family.get(line["family"], (0, line))
        by_family[line["family"]] = (
            count + 1,
            max(line, top, key=lambda x: x["value"] / (x["bound"] or 1.0)),
        )
    return by_family


def commit():
    """The commit that is tested, and whether files differ from it."""
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def report(title, made, tested, summary, failed, values):
    """A page: what was tested where, what failed, and the worst value of each family."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    processors = len(os.sched_getaffinity(0))
    lines = [
        f"# {title}",
        "",
        f"Made by `{made}`; do not edit.",
        "",
        f"- commit {tested}, {datetime.date.today()}",
        f"- Python {platform.python_version()}, {versions}",
        f"- {platform.machine()}, {processors} processors, no GPU",
        f"- {summary}",
        *(f"- failed: `{test}`" for test in failed),
        "",
        "Each row is one kind of measurement: how many values were measured, the one "
        "that came closest to its bound, and that bound.",
        "",
        "| what is measured | values | worst | bound | where |",
        "|---|---:|---:|---:|---|",
    ]
    for family, (count, top) in sorted(values.items()):
        value, bound = f"{top['value']:.2g}", f"{top['bound']:.2g}"
        lines.append(f"| {family} | {count} | {value} | {bound} | {top['detail']} |")
    return "\n".join(lines) + "\n"


def drawn(lines):
    """How often random tests drew each value of each option: sections for a page."""
    totals = {}
    for line in lines:
        totals.setdefault(line["counts"], Counter()).update(line["values"])
    sections = []
    for family, counts in sorted(totals.items()):
        sections += [f"## {family}", ""]
        sections += [f"- {key}: {count}" for key, count in sorted(counts.items())]
        sections.append("")
    return "\n".join(sections)


def keep(files, made, text, counts):
    """Write the pages of a run."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    sections = drawn(counts)
    if files:
        more = f"\n{sections}" if sections else ""
        (RESULTS / f"{Path(files[0]).stem}.md").write_text(text + more)
        return
    (RESULTS / "test-full.md").write_text(text)
    head = f"# What random tests drew\n\nMade by `{made}`; do not edit.\n\n"
    (RESULTS / "drawn.md").write_text(head + sections)


def run(arguments, path):
    """Run pytest, show what it says; (exit status, its last line, tests that failed)."""
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=ROOT,
        env={**os.environ, "POLYFRAME_MEASURED": str(path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    last, failed = "", []
    for line in running.stdout:
        print(line, end="", flush=True)
        last = line.strip("= \n") or last
        if line.startswith(("FAILED ", "ERROR ")):
            failed.append(line.split(" ", 1)[1].partition(" - ")[0].strip())
    return running.wait(), last, failed


def measured(arguments):
    """Run pytest once: its exit status, summary, failed tests, and measured values."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.jsonl"
        path.touch()
        code, summary, failed = run(arguments, path)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {"code": code, "summary": summary, "failed": failed, "lines": lines}


def rooms():
    """The rooms in the order in which they run: name → folders."""
    folders = sorted({path.parent for path in TESTS.rglob("test_*.py")})
    tops = dict.fromkeys(path.relative_to(TESTS).parts[0] for path in folders)
    own = ("example_backend",)  # its tests are run by one of contract/
    others = [top for top in tops if top not in (*LONG, *own)]
    return {
        TOGETHER: [f"tests/{top}" for top in others],
        **{top: [f"tests/{top}"] for top in LONG},
    }


def whole(processes, tested, anew):
    """Every room's results; those that are kept from this commit are not run again."""
    results = {}
    for name, folders in rooms().items():
        path = KEPT / f"{name.replace(' ', '_')}.json"
        known = json.loads(path.read_text()) if path.exists() and not anew else {}
        if known.get("tested") == tested and not tested.endswith("-dirty"):
            print(f"{name}: kept from before: {known['summary']}", flush=True)
        else:
            print(f"{name}:", flush=True)
            known = {"tested": tested, **measured([*processes, *folders])}
            if known["code"] > 1:  # interrupted, or not run at all
                sys.exit(known["code"])
            KEPT.mkdir(exist_ok=True)
            path.write_text(json.dumps(known))
        results[name] = known
    return {
        "code": max(each["code"] for each in results.values()),
        "summary": "; ".join(f"{n}: {each['summary']}" for n, each in results.items()),
        "failed": [test for each in results.values() for test in each["failed"]],
        "lines": [line for each in results.values() for line in each["lines"]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-n", type=int, help="processes (default: this one)")
    parser.add_argument("--anew", action="store_true", help="keep nothing from before")
    parser.add_argument("files", nargs="*", help="files of tests (default: all)")
    given = parser.parse_args()
    made, tested = "make test-full", commit()
    if given.files:
        made = " ".join(["python tools/full.py", *sys.argv[1:]])
    processes = []
    if given.n is not None:
        processes = ["-n", str(given.n), "--dist", "worksteal"]
    if given.files:
        result = measured([*processes, *given.files])
    else:
        minutes = json.loads((TESTS / "times.json").read_text())[made]["minutes"]
        print(f"{made}: takes about {minutes} minutes", flush=True)
        result = whole(processes, tested, given.anew)
    lines = result["lines"]
    values = worst([line for line in lines if "family" in line])
    title = "A part of the long tests" if given.files else "The long tests"
    text = report(title, made, tested, result["summary"], result["failed"], values)
    if values:  # not where nothing was run
        keep(given.files, made, text, [line for line in lines if "counts" in line])
    print(text)
    sys.exit(result["code"])


if __name__ == "__main__":
    main()
