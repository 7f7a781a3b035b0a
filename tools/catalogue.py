"""Writes docs/catalogue/ and docs/support.md: a page for every element and composite.

    make catalogue      runs the tests of layers, losses and optimizers, keeps their
                        results (see matrix.py), writes the pages

The pages come from the dataclasses, their NumPy definitions, their examples and the
programs of each backend; what is supported comes from the tests' results in
polyframe/conformance/support.json. A test fails while any of it is stale.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

import matrix
from matrix import BACKENDS, program, words

import polyframe as pf
from polyframe.cli.catalogue import first_line
from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.programs import write_programs
from polyframe.spec.composites import EXAMPLES
from polyframe.spec.fields import UNSET
from polyframe.spec.graph import Block
from polyframe.spec.initializers import Initializer
from polyframe.spec.layers.base import Layer

PAGES = matrix.ROOT / "docs" / "catalogue"
TABLE = matrix.ROOT / "docs" / "support.md"
FAMILIES = {**matrix.FAMILIES, "initializers": Initializer}


def source(cls: Any, names: tuple[str, ...]) -> str:
    """The definitions that a class has, as Python."""
    texts = []
    for name in names:
        owner = next((c for c in cls.__mro__ if name in c.__dict__), None)
        if owner is not None and owner not in FAMILIES.values():
            text = inspect.getsource(owner.__dict__[name])
            texts.append(inspect.cleandoc("\n" + text))
    return "\n\n".join(texts)


def fields_table(cls: Any) -> list[str]:
    """The fields as Markdown."""
    rows = []
    for f in dataclasses.fields(cls):
        if "kind" not in f.metadata:
            continue
        kind = f.metadata["kind"].of(cls)
        if f.default is dataclasses.MISSING:
            default = "needed"
        elif f.default is UNSET:
            default = f"UNSET ({text_of(f.metadata['aligned'])} when aligned)"
        else:
            default = text_of(f.default)
        allowed = kind.allowed.replace("|", r"\|")
        rows.append(f"| `{f.name}` | {allowed} | {default} |")
    if not rows:
        return ["No fields."]
    return ["| field | what it takes | default |", "|---|---|---|", *rows]


def text_of(value: Any) -> str:
    """A value as it is written in YAML."""
    from polyframe.spec.summary import value_text

    return f"`{value_text(value)}`"


def layer_page(word: str, support: Any) -> str:
    """The page of a layer."""
    layer = Layer.registry[word]
    lines = page_head(word, layer)
    definition = source(layer, ("define", "new_state", "draw"))
    lines += ["## Definition in NumPy", "", "```py", definition, "```", ""]
    lines += ["## Examples", "", "Each is a conformance case on every backend.", ""]
    lines += ["| fields | inputs | output |", "|---|---|---|"]
    for options, shapes in layer.examples:
        made = layer(**options)
        given = ", ".join(str(shape) for shape in shapes)
        fields = ", ".join(f"{k}={v}" for k, v in made.written().items()) or "(none)"
        lines.append(f"| {fields} | {given} | {made.infer(*shapes)} |")
    lines += ["", "## What each backend writes", ""]
    lines += ["For the first example, in float64.", ""]
    for backend in BACKENDS:
        lines += [f"### {registry.get(backend).title}", ""]
        text = program(word, layer.examples[0], backend, "float64")
        lines += ["```py", text.rstrip(), "```", ""] if text else ["A gap.", ""]
        own = support["layers"].get(word, {}).get(backend)
        for option, reason in (own or {"gaps": {}})["gaps"].items():
            lines.append(f"- gap: `{option}`: {reason}")
        if own:
            figures = (f"{name} {value:.1e}" for name, value in own["worst"].items())
            lines += [f"Worst seen: {'; '.join(figures)}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def page_head(word: str, cls: Any) -> list[str]:
    """Title, docstring, fields."""
    doc = inspect.getdoc(cls) or ""
    return [f"# {word}", "", doc, "", "## Fields", "", *fields_table(cls), ""]


def element_page(word: str, cls: Any) -> str:
    """The page of a loss, an optimizer or an initializer."""
    lines = page_head(word, cls)
    names = ("define", "weigh", "start", "moments", "draw")
    lines += ["## Definition in NumPy", "", "```py", source(cls, names), "```"]
    return "\n".join(lines) + "\n"


def composite_page(maker: Callable[..., Block]) -> str:
    """The page of a composite: its source in layers, and what each backend writes."""
    options, shape = EXAMPLES[maker]
    x = pf.Input(shape, name="x")
    spec = pf.ModelSpec(x, maker(**options)(x), name="example")
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    lines = [f"# {maker.__name__}", "", inspect.getdoc(maker) or "", ""]
    lines += ["## Definition in layers", "", "```py", inspect.getsource(maker).rstrip()]
    lines += ["```", "", "## What each backend writes", ""]
    lines += [f"For `{maker.__name__}({given})` of {shape}, in float64.", ""]
    for backend in BACKENDS:
        found = registry.get(backend)
        text = write_programs(spec, found, None, Target("float64"), False)[0].source
        lines += [f"### {found.title}", "", "```py", text.rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def pages() -> dict[str, str]:
    """File name → text, of the whole catalogue."""
    support = json.loads(matrix.SUPPORT.read_text())
    found: dict[str, str] = {}
    index = ["# The catalogue", "", "Made by `make catalogue`; do not edit.", ""]
    for family, base in FAMILIES.items():
        index += [f"## {family.capitalize()}", ""]
        for word in words(base):
            cls = base.registry[word]
            own = base is Layer
            page = layer_page(word, support) if own else element_page(word, cls)
            found[f"{family}/{word}.md"] = page
            index.append(f"- [{word}]({family}/{word}.md): {first_line(cls)}")
        index.append("")
    index += ["## Composites", ""]
    for maker in EXAMPLES:
        path = f"composites/{maker.__name__}.md"
        found[path] = composite_page(maker)
        index.append(f"- [{maker.__name__}]({path}): {first_line(maker)}")
    found["README.md"] = "\n".join(index).rstrip() + "\n"
    return found


def main() -> None:
    """Measure unless told not to (``--pages``), then write every page anew."""
    if "--pages" not in sys.argv[1:]:
        matrix.measure()
    known = pages()
    for old in PAGES.rglob("*.md"):
        if str(old.relative_to(PAGES)) not in known:
            old.unlink()
    for name, text in known.items():
        path = PAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    TABLE.write_text(matrix.page(), encoding="utf-8")
    root = matrix.ROOT
    print(f"{TABLE.relative_to(root)}, {len(known)} pages in {PAGES.relative_to(root)}")


if __name__ == "__main__":
    main()
