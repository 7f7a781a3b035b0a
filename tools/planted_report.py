"""What became of every planted bug, for docs/results/planted.md.

python tools/planted_report.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from helpers.planted_bugs import BUGS

REPORT = Path(__file__).parent.parent / "docs" / "results" / "planted.md"


def main():
    rows, named = [], 0
    for bug in BUGS:
        print(bug, file=sys.stderr)
        said, cause = f"- ({bug.why})", bug.named() if bug.names else None
        if cause is not None:
            right = bug.names in (cause.layer, cause.entry)
            named += right
            said = f"{cause.key.kind} of {cause.key.name}, step {cause.key.step}"
            said += f": {cause.layer}, {cause.entry}" + ("" if right else " (wrong)")
        caught = bug.caught() or "NOT CAUGHT"
        what = f"{bug.family}, {bug.entry}: {caught}"
        rows.append(f"| {bug.name} | {bug.backend} | {bug.entry} | {what} | {said} |")
    missed = sum("NOT CAUGHT" in row for row in rows)
    lines = [
        "# Planted bugs",
        "",
        f"{len(BUGS)} bugs in the programs and sessions of the backends, one at a time; "
        f"written by `python tools/planted_report.py`. The suite missed {missed}; "
        f"`diff` named the right layer, optimizer or loss for {named}.",
        "",
        "| bug | backend | in | caught by | what `diff` names |",
        "|---|---|---|---|---|",
        *rows,
    ]
    REPORT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
