"""Writes docs/catalogue/ and docs/support.md: a page for every element and composite.

    make catalogue                          runs the tests of layers, losses and optimizers,
                                            keeps what they measure, writes the pages
    python tools/catalogue.py --no-tests    keeps the measurements that are there

The pages come from the dataclasses, their NumPy definitions (definitions.py), their
examples and the programs of each backend (native_forms.py); what is supported comes from
polyframe/conformance/support.json (matrix.py). A test fails while any of it is stale.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache

import matrix
from definitions import definition, format_python
from field_table import description, fields_table, text_of
from matrix import BACKENDS, words
from native_forms import cases, gaps, written

import polyframe as pf
from polyframe.cli.catalogue import first_line
from polyframe.compiler.table import Target
from polyframe.conformance.support import Support, load_support, status
from polyframe.contract import registry
from polyframe.contract.programs import write_programs
from polyframe.differences import differences
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.composites import EXAMPLES
from polyframe.spec.element import Element
from polyframe.spec.graph import Block
from polyframe.spec.initializers import Initializer
from polyframe.spec.layers.base import Layer
from polyframe.spec.metrics import Metric
from polyframe.spec.schedules import Schedule

PAGES = matrix.ROOT / "docs" / "catalogue"
TABLE = matrix.ROOT / "docs" / "support.md"
FAMILIES: dict[str, type[Element]] = {
    **matrix.FAMILIES,
    "initializers": Initializer,
    "schedules": Schedule,
    "metrics": Metric,
    "augmentations": Augmentation,
}
DEFINITION = "## Definition in NumPy"
HOW = {
    "layer": "`define` takes `at` (weights, mode, and the random numbers of random layers) "
    "and the inputs, (N, …) each. `new_state` gives the running statistics after a step "
    "of training; `draw` turns uniform 32-bit integers into random numbers.",
    "loss": "`define` takes the outputs and targets of a batch and gives one loss for each "
    "sample, (N,). `denominator_weights` gives what each sample counts in the denominator "
    "of the mean.",
    "optimizer": "`start` gives the state of a parameter; `define` gives its new value and "
    "updates the state, and counts steps from 1.",
    "initializer": "`draw` gives the initial values of a parameter of that shape.",
    "schedule": "`rate` gives the learning rate at a time in epochs, of `total`.",
    "metric": "`start` gives the totals before the first batch, `update` those after one "
    "more batch (`weights` is None, or has one number for each sample or each label), "
    "`value` the metric.",
    "augmentation": "`apply` takes a batch, uniform 32-bit integers for each sample "
    "(`bits`), and the number of classes; where pixels move, also the loss's "
    "`ignore_index`, which fills targets that are images of labels.",
}
"""How the definition of each family is called."""
HEAD = """\
# The catalogue

Made by `make catalogue`; do not edit.

Each page has the fields, the definition in NumPy, and for layers, losses and optimizers
the code that each backend writes. The definitions are complete: each can be pasted into a
file and run with NumPy alone. In them, sizes such as `kernel_size` have one number for
each spatial axis. The table [What each backend supports](../support.md) is an overview.
"""


@cache
def formatted_definitions() -> dict[str, str]:
    """ "family/name" → the definition in NumPy."""
    texts = {
        f"{family}/{word}": definition(base.registry[word])
        for family, base in FAMILIES.items()
        for word in words(base)
    }
    return format_python(texts)


def code(text: str) -> list[str]:
    """A block of Python."""
    return ["```py", text.rstrip(), "```", ""]


def page(family: str, word: str) -> str:
    """The page of an element."""
    cls = FAMILIES[family].registry[word]
    lines = [
        f"# {word}",
        "",
        description(cls),
        "",
        "## Fields",
        "",
        *fields_table(cls),
        "",
    ]
    lines += [DEFINITION, "", HOW[cls.family], ""]
    lines += code(formatted_definitions()[f"{family}/{word}"])
    if issubclass(cls, Layer):
        lines += layer_examples(cls)
    if family in matrix.FAMILIES:
        lines += native_forms(family, cls)
    elif issubclass(cls, Initializer):
        lines += initializer_notes(cls)
    else:
        lines += [
            "It is computed in NumPy, in the same way on every backend.",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def layer_examples(cls: type[Layer]) -> list[str]:
    """The examples of a layer."""
    lines = ["## Examples", "", "Each is a conformance case on every backend.", ""]
    lines += ["| fields | inputs | output |", "|---|---|---|"]
    for case in cases(cls):
        given = ", ".join(map(str, case.shapes))
        options = case.element.written().items()
        fields = ", ".join(f"{k}={v}" for k, v in options) or "(none)"
        lines.append(f"| {fields} | {given} | {case.element.infer(*case.shapes)} |")
    return [*lines, ""]


def native_forms(family: str, cls: type[Element]) -> list[str]:
    """What each backend writes, in every form, and its gaps."""
    lines = ["## What each backend writes", ""]
    for name in BACKENDS:
        backend, own = registry.get(name), load_support()[family][cls.word][name]
        lines += [f"### {backend.title}", "", f"Supported: {status(own)}.", ""]
        shown: set[str] = set()
        entry = backend.entries.get(cls.word)
        several = entry is not None and len(entry.forms) > 1
        for text in written(cls, name):
            form = f"Form **{text.form}**: " if several else ""
            given = " and ".join(case.options for case in text.cases)
            lines += [f"{form}{given}, in {text.target}.", ""]
            new = [part for part in text.parts if part not in shown]
            shown |= set(text.parts)
            repeated = len(new) < len(text.parts) and not issubclass(cls, Layer)
            if repeated and new:
                lines += ["What is already shown above is not repeated.", ""]
            lines += code(joined(new or list(text.parts)))
        for reason, missing in gaps(cls, name).items():
            where = f" Not written: {'; '.join(missing)}." if missing else ""
            lines += [f"**Gap**: {reason}.{where}", ""]
        lines += measured(own)
    return lines


def joined(parts: list[str]) -> str:
    """Parts of a module with the empty lines between them."""
    text = ""
    for part in parts:
        is_import = part.startswith(("import ", "from "))
        text += ("\n" if is_import else "\n\n\n") * bool(text) + part
    return text


def measured(own: Support) -> list[str]:
    """The largest distances (in float32: multiples of NumPy's own error) in the tests."""
    if not own["worst"]:
        return []
    values = (
        f"{name}: {value:.1f}" if "float32" in name else f"{name}: {value:.1e}"
        for name, value in own["worst"].items()
    )
    return [f"Largest values in the tests: {'; '.join(values)}.", ""]


def initializer_notes(cls: type[Element]) -> list[str]:
    """Whose own default an initializer is."""
    lines = ["## In the frameworks", ""]
    lines += [
        "The values are drawn in NumPy and loaded into the program, on every backend."
    ]
    for name in BACKENDS:
        backend = registry.get(name)
        uses = [
            f"`{word}.{field}` ({text_of(value)})"
            for word, fields in backend.defaults.items()
            for field, value in fields.items()
            if isinstance(value, cls)
        ]
        if uses:
            lines += ["", f"{backend.title}'s own default of {', '.join(uses)}."]
    (known,) = (d for d in differences() if d.id == "default-initialisers")
    own = "; ".join(f"{registry.get(b).title}: {t}" for b, t in known.backends.items())
    lines += ["", f"The defaults of {', '.join(known.entries)}: {own}.", ""]
    return lines


def composite_page(maker: Callable[..., Block]) -> str:
    """The page of a composite: its source in layers, and what each backend writes."""
    options, shape = EXAMPLES[maker]
    x = pf.Input(shape, name="x")
    spec = pf.ModelSpec(x, maker(**options)(x), name="example")
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    lines = [f"# {maker.__name__}", "", inspect.getdoc(maker) or "", ""]
    lines += ["## Definition in layers", "", *code(inspect.getsource(maker))]
    lines += ["## What each backend writes", ""]
    lines += [f"For `{maker.__name__}({given})` of {shape}, in float64.", ""]
    for name in BACKENDS:
        backend = registry.get(name)
        text = write_programs(spec, backend, None, Target("float64"), False)[0].source
        lines += [f"### {backend.title}", "", *code(text)]
    return "\n".join(lines).rstrip() + "\n"


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
        texts[path] = composite_page(maker)
        index.append(f"- [{maker.__name__}]({path}): {first_line(maker)}")
    texts["README.md"] = "\n".join(index).rstrip() + "\n"
    return texts


def main() -> None:
    """Measure, unless told not to, then write every page anew."""
    matrix.write("--no-tests" not in sys.argv[1:])
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
