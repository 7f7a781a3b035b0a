"""Every mutant of every program: what the checks catch, and what they leave.

    cd tests && python -m mutation [torch mxnet tensorflow]

Writes docs/results/mutation.md. About half an hour a backend and process.
"""

from __future__ import annotations

import collections
import sys
import time

from polyframe.contract.registry import backends

from .harness import every, survivors
from .report import REPORT, Reasons, report


def main() -> int:
    chosen = sys.argv[1:] or backends()
    reasons, began = Reasons.load(), time.monotonic()

    def told(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    held = every(chosen)
    told(f"{len(held)} mutants")
    verdicts = survivors(held, told)
    REPORT.write_text(report(verdicts, held, reasons))
    open_ = [
        m for m, how in verdicts.items() if how is None and not reasons.of(m, held[m])
    ]
    for mutant in open_:
        print(f"no reason: {held[mutant][0]}: {mutant.marked}")
    counts = collections.Counter(how is None for how in verdicts.values())
    print(
        f"{len(verdicts)} mutants, {counts[True]} left, of those {len(open_)} unexplained"
    )
    return int(bool(open_))


if __name__ == "__main__":
    sys.exit(main())
