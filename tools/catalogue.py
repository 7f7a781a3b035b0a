"""Writes docs/catalogue/ and docs/support.md: a page for every element and composite.

    make catalogue                          runs the tests of layers, losses and optimizers,
                                            keeps what they measure, writes the pages
    python tools/catalogue.py --no-tests    keeps the measurements that are there

The text of a page is what ``polyframe explain --full`` says (polyframe/teach/explain), with
what the tests measured (matrix.py) put in. What the backends' tables say is kept for
``polyframe explain`` in polyframe/teach/explain/facts.json; the glossary's table of words
goes into docs/architecture.md. A test fails while any of it is stale.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import matrix
from matrix import words

from polyframe.conformance.support import Support, load_support, status
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.composites import EXAMPLES
from polyframe.spec.element import Element
from polyframe.spec.initializers import Initializer
from polyframe.spec.metrics import Metric
from polyframe.spec.schedules import Schedule
from polyframe.teach.explain import facts, markdown
from polyframe.teach.explain.collect import collect
from polyframe.teach.explain.composites import explain_composite
from polyframe.teach.explain.docstrings import first_line
from polyframe.teach.explain.elements import explain_element
from polyframe.teach.explain.parts import Section, Text
from polyframe.teach.glossary import words_table

PAGES = matrix.ROOT / "docs" / "catalogue"
TABLE = matrix.ROOT / "docs" / "support.md"
WORDS = matrix.ROOT / "docs" / "architecture.md"
WORDS_HEADING = "## Words\n\n"
"""Above the last section of that page, which is the glossary's table."""
FAMILIES: dict[str, type[Element]] = {
    **matrix.FAMILIES,
    "initializers": Initializer,
    "schedules": Schedule,
    "metrics": Metric,
    "augmentations": Augmentation,
}
HEAD = """\
# The catalogue

Made by `make catalogue`; do not edit.

Each page has the fields, the definition in NumPy, an example with numbers, for layers,
losses and optimizers the code that each backend writes, and what the frameworks do
differently; `polyframe explain` shows the same. The definitions are complete: each can be
pasted into a file and run with NumPy alone. In them, sizes such as `kernel_size` have one
number for each spatial axis. The table [What each backend supports](../support.md) is an
overview.
"""


def page(family: str, word: str) -> str:
    """The page of an element."""
    explanation = explain_element(FAMILIES[family].registry[word], full=True, live=True)
    if family in matrix.FAMILIES:
        known = load_support()[family][word]
        sections = tuple(
            with_support(section, known) if section.key == "native" else section
            for section in explanation.sections
        )
        explanation = replace(explanation, sections=sections)
    return markdown.page(explanation)


def with_support(native: Section, known: dict[str, Support]) -> Section:
    """What backends write, with how far each supports it and what the tests measured."""
    inner = tuple(
        replace(
            each,
            blocks=(
                Text(f"Supported: {status(known[each.key])}."),
                *each.blocks,
                *measured(known[each.key]),
            ),
        )
        for each in native.sections
    )
    return replace(native, sections=inner)


def measured(own: Support) -> list[Text]:
    """The largest distances (in float32: multiples of NumPy's own error) in the tests."""
    if not own["worst"]:
        return []
    values = (
        f"{name}: {value:.1f}" if "float32" in name else f"{name}: {value:.1e}"
        for name, value in own["worst"].items()
    )
    return [Text(f"Largest values in the tests: {'; '.join(values)}.")]


def pages() -> dict[str, str]:
    """File name → text, of the whole catalogue."""
    texts, index = {}, [HEAD]
    for family, base in FAMILIES.items():
        index += [f"## {family.capitalize()}", ""]
        for word in words(base):
            texts[f"{family}/{word}.md"] = page(family, word)
            about = first_line(base.registry[word])
            index.append(f"- [{word}]({family}/{word}.md): {about}")
        index.append("")
    index += ["## Composites", ""]
    for maker in EXAMPLES:
        path = f"composites/{maker.__name__}.md"
        texts[path] = markdown.page(explain_composite(maker.__name__, live=True))
        index.append(f"- [{maker.__name__}]({path}): {first_line(maker)}")
    texts["README.md"] = "\n".join(index).rstrip() + "\n"
    return texts


def facts_text() -> str:
    """The text of facts.json."""
    return json.dumps(collect(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Measure, unless told not to, then write every page anew."""
    matrix.write("--no-tests" not in sys.argv[1:])
    facts.FILE.write_text(facts_text(), encoding="utf-8")
    facts.stored.cache_clear()
    known = pages()
    for old in PAGES.rglob("*.md"):
        if str(old.relative_to(PAGES)) not in known:
            old.unlink()
    for name, text in known.items():
        path = PAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    TABLE.write_text(matrix.page(), encoding="utf-8")
    words_page = WORDS.read_text(encoding="utf-8")
    above = words_page.partition(WORDS_HEADING)[0]
    WORDS.write_text(above + WORDS_HEADING + words_table(), encoding="utf-8")
    root = matrix.ROOT
    print(f"{TABLE.relative_to(root)}, {len(known)} pages in {PAGES.relative_to(root)}")


if __name__ == "__main__":
    main()
