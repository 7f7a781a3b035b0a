"""Writes docs/defects.md: every defect of the frameworks, its program and what it prints.

    python tools/defects.py            runs all programs, keeps what each prints, writes the
                                       page; tells of those that do not show any more
    python tools/defects.py ID …       runs these only
    python tools/defects.py --page     runs nothing

A test fails while the page is stale, and another one when a defect no longer shows
(tests/teach/test_defects.py).
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.teach.defect_registry import (
    FOLDER,
    FRAMEWORKS,
    Defect,
    defects,
    evidence,
    find_defect,
)
from polyframe.teach.defect_runs import Run, run, run_together, shows, verdict

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "defects.md"
FAMILIES = {"layers": Layer, "losses": Loss, "optimizers": Optimizer}
HEAD = """\
# Defects of the frameworks

Made by `python tools/defects.py`; do not edit.

A difference between frameworks is a choice: each may be right. A defect is not: a result is
wrong, the process dies, or what should work raises. These are the defects that polyframe
met while it compared {frameworks} with the definitions in NumPy.
Each has a program without polyframe, ready for a report upstream, and what it printed on
the versions that are named, on the CPU. What polyframe does instead stands below each.

The programs run in the tests. Each asserts the wrong behaviour, so a version that mends a
defect fails its test; the entry is then struck out, and polyframe's detour with it.
Programs that die or damage their memory run in a process of their own.

`polyframe list defects` prints the table. The text of a report comes from Python:

<!-- use -->
```python
from polyframe.teach.defect_registry import find_defect, report

text = report(find_defect("torch-celu-float64"))
assert text.startswith("# The float64 gradient of CELU is rounded to float32")
```
"""


def page() -> str:
    """docs/defects.md."""
    names = list(FRAMEWORKS.values())
    lines = [HEAD.format(frameworks=f"{', '.join(names[:-1])} and {names[-1]}")]
    for framework, own in groupby(defects(), lambda d: d.framework):
        known = list(own)
        lines += [f"## {FRAMEWORKS[framework]}", "", *table(known)]
        lines += [line for defect in known for line in section(defect)]
    return "\n".join(lines).rstrip() + "\n"


def table(own: list[Defect]) -> list[str]:
    """The defects of a framework, as links to their sections."""
    rows = [f"| [{d.id}](#{d.id}) | {d.title} | {d.ending or 'no'} |" for d in own]
    return ["| defect | what is wrong | the process dies |", "|---|---|---|", *rows, ""]


def section(defect: Defect) -> list[str]:
    """A defect: what is wrong, its program and what it prints, what should be."""
    known = "not known to be reported"
    if defect.reported:
        known = (
            f"known as [{defect.reported.removeprefix('https://')}]({defect.reported})"
        )
    about = f"**Concerns:** {', '.join(map(link, defect.entries))}."
    remedy = f"**In polyframe:** {defect.avoided}"
    if defect.difference:
        remedy += f" In the registry of differences: `{defect.difference}`."
    return [
        f"### {defect.id}",
        "",
        f"**{defect.title}.** {defect.wrong}",
        "",
        f"<!-- from: {(FOLDER / f'{defect.id}.native').relative_to(ROOT)} -->",
        *evidence(defect),
        remedy,
        "",
        *([about, ""] if defect.entries else []),
        f"Seen on {defect.seen}; {known}.",
        "",
    ]


def link(word: str) -> str:
    """An entry's name, as a link to its page in the catalogue."""
    (family,) = (name for name, base in FAMILIES.items() if word in base.registry)
    return f"[{word}](catalogue/{family}/{word}.md)"


def run_all(chosen: list[Defect]) -> dict[str, Run]:
    """Run programs; id → how each ended."""
    ended = {d.id: run(d) for d in chosen if d.crashes}
    for _, own in groupby(chosen, lambda d: d.framework):
        ended |= run_together([d for d in own if not d.crashes])
    return ended


def main() -> None:
    """Run what is asked for, and write the page anew."""
    names = sys.argv[1:]
    for path in FOLDER.glob("*.yaml"):
        path.with_suffix(".txt").touch()  # a new one has none yet
    if names != ["--page"]:
        chosen = [find_defect(name) for name in names] or list(defects())
        ended = run_all(chosen)
        for defect in chosen:
            how = ended[defect.id]
            print(verdict(defect, how))
            if shows(defect, how):
                file = FOLDER / f"{defect.id}.txt"
                file.write_text(how.prints, encoding="utf-8")
        defects.cache_clear()
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(defects())} defects")


if __name__ == "__main__":
    main()
