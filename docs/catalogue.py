"""Writes docs/catalogue/: a page for every element and composite.

    make catalogue      runs the tests of layers, keeps their results, writes the pages

The pages come from the dataclasses, their NumPy definitions, their examples and the
programs of each backend; what is supported comes from the tests' results in
polyframe/support.json. A test fails while any of it is stale.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polyframe as pf
from polyframe import registry
from polyframe.cli.catalogue import first_line
from polyframe.compiler.table import Target, choose
from polyframe.programs import write_programs
from polyframe.spec.composites import EXAMPLES
from polyframe.spec.fields import UNSET
from polyframe.spec.graph import Block
from polyframe.spec.initializers import Initializer
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "catalogue"
SUPPORT = ROOT / "polyframe" / "support.json"
BACKENDS = ("torch", "tensorflow", "mxnet")
DTYPES = ("float64", "float32")
FAMILIES = {"layers": Layer, "losses": Loss, "optimizers": Optimizer,
            "initializers": Initializer}  # fmt: skip


def words(family: str) -> list[str]:
    """The names of a family; blocks are made of layers and have no page."""
    known = FAMILIES[family].registry.items()
    own = {word for word, cls in known if cls.__module__.startswith("polyframe.")}
    return sorted(own - {"Block"})


def spec_of(word: str, example: Any) -> pf.ModelSpec:
    """A model of one layer."""
    options, shapes = example
    names = ["x"] if len(shapes) == 1 else [f"x{i}" for i, _ in enumerate(shapes, 1)]
    inputs = [pf.Input(s, name=n) for s, n in zip(shapes, names, strict=True)]
    layer = Layer.registry[word](**options, name="it")
    return pf.ModelSpec(inputs, layer(*inputs), name="example")


def program(word: str, example: Any, backend: str, dtype: str) -> str | None:
    """The text of a model of one layer; None for a declared gap."""
    spec, found = spec_of(word, example), registry.get(backend)
    target = Target(dtype)
    (node,) = spec.infer().nodes
    if isinstance(choose(found.entries, node, target), str):
        return None
    return write_programs(spec, found, None, target, False)[0].source


def digest(word: str, backend: str) -> str:
    """What the tests of a layer depend on: its class and what a backend writes."""
    layer = Layer.registry[word]
    texts = [inspect.getsource(c) for c in layer.__mro__ if issubclass(c, Layer)]
    for example in layer.examples:
        texts += [program(word, example, backend, d) or "" for d in DTYPES]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def gap_of(word: str, example: Any, backend: str) -> str | None:
    """Why a backend cannot run an example; None where it can in every dtype."""
    (node,) = spec_of(word, example).infer().nodes
    for dtype in DTYPES:
        form = choose(registry.get(backend).entries, node, Target(dtype))
        if isinstance(form, str):
            return form
    return None


def option_values(word: str) -> dict[tuple[str, str], list[Any]]:
    """(field, value) → the examples in which the field has it; sizes are one value."""
    found: dict[tuple[str, str], list[Any]] = {}
    layer = Layer.registry[word]
    for example in layer.examples:
        element = layer(**example[0])
        for f in dataclasses.fields(element):
            if "kind" in f.metadata:
                value = getattr(element, f.name)
                plain = isinstance(value, (str, bool, type(None)))
                text = str(value) if plain or value is UNSET else "a value"
                found.setdefault((f.name, text), []).append(example)
    return found or {("(none)", ""): list(layer.examples)}


def measure() -> None:
    """Run the tests of layers and keep what they found."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        path.touch()
        run = ["-m", "pytest", "-q", "-n", "2", "tests/test_layers.py"]
        settings = {"POLYFRAME_FIGURES": str(path), "OMP_WAIT_POLICY": "PASSIVE"}
        env = {**os.environ, **settings}
        subprocess.run([sys.executable, *run], cwd=ROOT, env=env, check=True)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    worst: dict[tuple[str, str, str], float] = {}
    for line in lines:
        if line.get("family", "").startswith("layers: "):
            key = (line["family"].removeprefix("layers: "), *line["key"])
            worst[key] = max(worst.get(key, 0.0), line["value"])
    layers: dict[str, Any] = {}
    total = gaps = 0
    for word in words("layers"):
        layers[word] = {}
        for backend in BACKENDS:
            values = option_values(word)
            missing = {
                f"{field}={value}": gap_of(word, examples[0], backend)
                for (field, value), examples in values.items()
                if all(gap_of(word, e, backend) for e in examples)
            }
            total, gaps = total + len(values), gaps + len(missing)
            layers[word][backend] = {
                "digest": digest(word, backend),
                "gaps": missing,
                "worst": {
                    figure: float(f"{value:.1e}")
                    for (figure, *key), value in sorted(worst.items())
                    if key == [word, backend]
                },
            }
    data = {"options": total, "gaps": gaps, "layers": layers}
    SUPPORT.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    print(f"{total} (layer, option value, backend), {gaps} gaps: {gaps / total:.2%}")


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
    support = json.loads(SUPPORT.read_text())
    found: dict[str, str] = {}
    index = ["# The catalogue", "", "Made by `make catalogue`; do not edit.", ""]
    for family, base in FAMILIES.items():
        index += [f"## {family.capitalize()}", ""]
        for word in words(family):
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
        measure()
    known = pages()
    for old in PAGES.rglob("*.md"):
        if str(old.relative_to(PAGES)) not in known:
            old.unlink()
    for name, text in known.items():
        path = PAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(known)} pages in {PAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
