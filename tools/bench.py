"""`make bench`: all measurements, printed and kept in docs/results/bench.md."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parent / "docs" / "results" / "bench.md"


def main():
    texts = []
    for name in ("bench_start.py",):
        command = [sys.executable, str(HERE / name)]
        text = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        print(text, flush=True)
        texts.append(f"## {name}\n\n```text\n{text.strip()}\n```\n")
    head = (
        "# What things cost\n\nMade by `make bench`; do not edit. Medians of interleaved "
        "runs, so that a noisy machine hits both sides.\n\n"
        f"{datetime.date.today()}, Python {platform.python_version()}, "
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} processors, no GPU\n"
    )
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join([head, *texts]))


if __name__ == "__main__":
    main()
