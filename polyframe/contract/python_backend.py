"""The base of backends that write Python.

Such a backend is data: a table, a style, imports, a folder of snippets and a writer of
the training step. What is truly its own goes into the methods that it overrides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from polyframe.compiler.program import WHOLE, Helpers, Program, Role
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.helpers import reason, section_of, with_helpers
from polyframe.compiler.python.sections import Section, assemble, bound_by
from polyframe.compiler.python.snippets import (
    Copied,
    Snippet,
    copied,
    defined_in,
    imports_of,
    library,
)
from polyframe.compiler.python.steps import StepWriter
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written, write_model
from polyframe.compiler.table import (
    Choice,
    Entry,
    LossView,
    OptimizerView,
    Table,
    Target,
    choose_all,
)
from polyframe.compiler.training import LossFunction, TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.registry import require
from polyframe.errors import SpecError
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph


class PythonBackend(Backend):
    """A backend whose programs are Python modules."""

    style: ClassVar[Style]
    imports: ClassVar[tuple[str, ...]]
    """Import lines, those that a program may need; it has those that it uses."""
    snippets: ClassVar[str] = "snippets"
    """The folder or file beside the class with the texts that are copied in."""
    step_writer: ClassVar[type[StepWriter]]
    step_snippets: ClassVar[frozenset[str]] = frozenset()
    """Snippets that layers ask for, but which only a training step takes."""

    # --- what a backend may override ----------------------------------------

    def check(self, target: Target) -> None:
        """UnsupportedError for a target that it cannot write for: a precision that it
        does not state, unless it is overridden."""
        if target.precision is not None:
            require(self, target.precision, where="precision")

    def style_for(self, graph: TypedGraph, target: Target) -> Style:
        """The style of a program."""
        return self.style

    def constants(self, target: Target) -> list[str]:
        """Lines before all definitions."""
        return []

    def write_model(
        self,
        graph: TypedGraph,
        choice: Choice,
        target: Target,
        style: Style,
        table: Table,
    ) -> Written:
        """The model: classes, unless the backend writes something else."""
        return write_model(graph, choice.nodes, target, style, table)

    def built(self, graph: TypedGraph, written: Written) -> Mapping[str, Shape]:
        """See ``Program.built``."""
        return {}

    # --- the program -------------------------------------------------------------

    @cached_property
    def libraries(self) -> tuple[Path, ...]:
        """The files of its own snippets."""
        path = self.file(self.snippets)
        return () if path is None else library(path)

    def write(
        self, graph: TypedGraph, target: Target, step: TrainingSpec | None
    ) -> Program:
        self.check(target)
        table = self.entries
        choice = choose_all(table, graph, target, step, self.name)
        if step is not None and not graph.num_parameters:
            raise SpecError(
                "has no weights to train",
                where=graph.name,
                hint="compile it without a loss",
            )
        plug_ins = plug_in_files(table, graph, step)
        imports = [*self.imports, *(line for p in plug_ins for line in imports_of(p))]
        style = self.style_for(graph, target)
        closed = bound_by(imports) | defined_in((*self.libraries, *plug_ins))
        style = replace(style, names=style.names | closed)
        written = self.write_model(graph, choice, target, style, table)
        imports += written.imports
        sections = [
            Section.of(line, statements=True) for line in self.constants(target)
        ]
        snippets = [
            snippet
            for snippet in written.snippets
            if step is not None or snippet.name not in self.step_snippets
        ]
        model = copied(snippets, self.libraries)
        helpers = {one.name: Section.of(one.text) for one in model}
        sections += written.sections
        objects: tuple[str, ...] = ()
        takes: frozenset[str] = frozenset()
        if step is not None:
            codes, rule = training_codes(choice, step, target)
            writer = self.step_writer(graph, written, step, target, codes, rule)
            for code in (*codes.values(), rule):
                imports += code.imports
            sections += writer.sections()
            helpers |= self._step_helpers(writer, codes, rule, snippets, model, table)
            objects, takes = tuple(writer.training_objects), writer.takes
        file = f"{graph.name}_{self.name}.py"
        doc = f"{graph.name} for {self.title}, written by polyframe."
        sections, helpers = with_helpers(sections, helpers)
        if helpers:
            sections.append(section_of(helpers, self.title))
        module = assemble(doc, imports, sections, file)
        return Program(
            {file: module.text},
            written.entry,
            written.weights,
            written.draws,
            {path: form.name for path, form in choice.nodes.items()},
            self.built(graph, written),
            step.optimizer.state if step else (),
            objects,
            step.training.kept if step else (),
            takes,
            source_map=module.source_map,
            helpers=Helpers(
                module.spans[-1], {name: reason(one) for name, one in helpers.items()}
            )
            if helpers
            else None,
            imports=module.imports,
            body=module.body,
        )

    def _step_helpers(
        self,
        writer: StepWriter,
        codes: Mapping[LossFunction, Code],
        rule: Code,
        snippets: list[Snippet],
        model: list[Copied],
        table: Table,
    ) -> dict[str, Section]:
        """The classes and functions that the step takes besides those of the model."""
        own = table[writer.step.optimizer.type].snippets
        snippets = [*snippets, *(Snippet(name, own) for name in rule.snippets)]
        snippets += map(Snippet, writer.helpers())
        for function, code in codes.items():
            own = table[function.loss.type].snippets
            snippets += [Snippet(name, own) for name in code.snippets]
        of_rule = {name.rpartition(".")[2] for name in rule.snippets}
        role: tuple[str, Role] = (WHOLE, "optimizer_class")
        return {
            one.name: Section.of(one.text, *([role] if one.name in of_rule else []))
            for one in copied(snippets, self.libraries)[len(model) :]
        }


def plug_in_files(
    table: Table, graph: TypedGraph, step: TrainingSpec | None
) -> tuple[Path, ...]:
    """The plug-ins' files of snippets that a program's entries name."""
    words = [node.layer.type for node in graph.walk()]
    if step is not None:
        words += [loss.type for loss in step.losses] + [step.optimizer.type]
    entries: Iterable[Entry] = (table[word] for word in words)
    files = (entry.snippets for entry in entries)
    return tuple(dict.fromkeys(path for path in files if path is not None))


def training_codes(
    choice: Choice, step: TrainingSpec, target: Target
) -> tuple[dict[LossFunction, Code], Code]:
    """What is written for each loss and for the optimizer."""
    losses = {
        function: form.write(LossView(function, target, step.means))
        for function, form in choice.losses.items()
    }
    assert choice.optimizer is not None
    view = OptimizerView(step.optimizer, target, step.training)
    return losses, choice.optimizer.write(view)
