"""The backend: writes programs; imports JAX only to probe or open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from polyframe.compiler.program import Program
from polyframe.compiler.python.steps import supported
from polyframe.compiler.python.write import assemble, defined_in, files_of, snippet_of
from polyframe.compiler.table import Target, choose_all
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import DETERMINISM_NOTE, Backend, Probe
from polyframe.contract.devices import Device, choose_device
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.errors import SpecError
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph
from polyframe_jax.model import write_model
from polyframe_jax.step import LOSSES, OPTIMIZERS, step_text
from polyframe_jax.tables import TABLE

PARTS = (Path(__file__).with_name("snippets.py"),)

IMPORTS = (
    ("from functools import partial", r"\bpartial\("),
    ("", ""),
    ("import jax", r"\bjax\."),
    ("import jax.numpy as jnp", r"\bjnp\."),
    ("import numpy as np", r"\bnp\."),
    ("from jax import lax", r"\blax\."),
)


class Jax(Backend):
    """JAX on the CPU, jitted."""

    name = "jax"
    title = "JAX"
    install = "pip install jax"
    table = TABLE
    losses = LOSSES
    optimizers = OPTIMIZERS
    defaults = {}  # JAX has no layers, so none with defaults of their own
    abilities = frozenset({"infer", "train", "float64", "native_semantics"})

    def probe(self) -> Probe:
        try:
            import jax
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, jax.__version__, ("cpu",))

    def write(
        self, graph: TypedGraph, target: Target, step: TrainingSpec | None
    ) -> Program:
        forms = choose_all(self.entries, graph, target, self.name)
        parts = (*PARTS, *files_of(self.entries, graph))
        written = write_model(graph, forms, target, defined_in(parts))
        sections = [snippet_of(parts, name) for name in written.snippets]
        sections += written.sections
        if step is not None:
            if not graph.num_parameters:
                raise SpecError("has no weights to train", where=graph.name)
            supported(step, LOSSES, OPTIMIZERS, self.name, self.reasons)
            sections += step_text(graph, written, step)
        doc = f"{graph.name} for JAX, written by polyframe."
        return Program(
            {f"{graph.name}_jax.py": assemble(doc, IMPORTS, sections)},
            "forward",
            written.weights,
            written.draws,
            {path: form.name for path, form in forms.items()},
            state=step.optimizer.state if step else (),
        )

    def resolve_device(self, device: str) -> Device:
        return choose_device(device, 0, self.title)

    def make_deterministic(self, device: Device) -> list[str]:
        return [DETERMINISM_NOTE]

    def open_inference(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> InferenceSession:
        return self.open_training(program, target, device, inputs)

    def open_training(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> TrainingSession:
        from polyframe_jax.runtime import JaxSession

        return JaxSession(program, target, device, inputs)
