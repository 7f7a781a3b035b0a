"""The explanation of a composite: a block of layers that many networks have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

from polyframe.spec.composites import EXAMPLES
from polyframe.spec.graph import Block as LayerBlock
from polyframe.spec.graph import Input
from polyframe.spec.layers.base import Shape
from polyframe.spec.model import ModelSpec
from polyframe.teach.explain.docstrings import first_line, formulas, references
from polyframe.teach.explain.facts import BACKENDS, stored
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
    written = programs(name) if live else stored()["composites"].get(name, {})
    source = inspect.getsource(shown.maker)
    body = shown.spec.infer().nodes[0].body
    layers = [node.layer.type for node in body.nodes] if body else []
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
                tuple(Section(t, t, (Code(text),)) for t, text in written.items()),
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


def programs(name: str) -> dict[str, str]:
    """Title of a backend → its program for a composite's example, in float64."""
    from polyframe.compiler.table import Target
    from polyframe.contract import registry
    from polyframe.contract.programs import write_programs

    texts = {}
    for each in BACKENDS:
        backend = registry.get(each)
        target = Target("float64")
        program, _ = write_programs(example(name).spec, backend, None, target, False)
        texts[backend.title] = program.source
    return texts
