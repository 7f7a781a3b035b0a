"""The explanation of a composite: a block of layers that many networks have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import NamedTuple

from polyframe.spec.composites import EXAMPLES
from polyframe.spec.graph import Block as LayerBlock
from polyframe.spec.graph import Input
from polyframe.spec.layers.base import Shape
from polyframe.spec.model import ModelSpec
from polyframe.teach.explain.docstrings import first_line, formulas, references
from polyframe.teach.explain.facts import stored
from polyframe.teach.explain.parts import Code, Explanation, Section, Text


class Example(NamedTuple):
    """A composite in a network of its own: how it is made, and of which input."""

    maker: Callable[..., LayerBlock]
    given: str
    shape: Shape
    spec: ModelSpec


def example(name: str) -> Example:
    """The example of a composite."""
    maker = next(each for each in EXAMPLES if each.__name__ == name)
    options, shape = EXAMPLES[maker]
    x = Input(shape, name="x")
    given = ", ".join(f"{key}={value!r}" for key, value in options.items())
    spec = ModelSpec(x, maker(**options)(x), name="example")
    return Example(maker, f"{name}({given})", shape, spec)


def explain_composite(name: str, live: bool = False) -> Explanation:
    """What a composite is, in layers, and what each backend writes for it."""
    shown = example(name)
    doc = inspect.getdoc(shown.maker) or ""
    programs: Mapping[str, str] = stored()["composites"].get(name, {})
    if live:
        from polyframe.teach.explain.collect import programs as programs_of

        programs = programs_of(name)
    source = inspect.getsource(shown.maker)
    layers = [node.layer.type for node in shown.spec.infer().nodes[0].body.nodes]
    cited = "; ".join(references(doc))
    where = f"{cited}. " if cited else ""
    return Explanation(
        "composite",
        name,
        first_line(shown.maker),
        (
            Section("meaning", "Meaning", (Text(doc),)),
            Section("definition", "Definition in layers", (Code(source),)),
            Section(
                "native",
                "What each backend writes",
                (Text(f"For `{shown.given}` of {shown.shape}, in float64."),),
                tuple(Section(t, t, (Code(text),)) for t, text in programs.items()),
            ),
            Section(
                "source",
                "Source",
                (Text(f"{where}Defined in `polyframe/spec/composites.py`."),),
            ),
        ),
        formulas(doc),
        tuple(f"layer/{word}" for word in dict.fromkeys(layers) if word != "Block"),
    )
