"""The TensorFlow backend: writes programs; imports tensorflow only to probe or open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyframe.backend import SAME, Backend, Probe, Session
from polyframe.backends.tf.losses import LOSSES
from polyframe.backends.tf.optimizers import OPTIMIZERS, snippets
from polyframe.backends.tf.reserved import RESERVED
from polyframe.backends.tf.step import helpers, step_text
from polyframe.backends.tf.tables import TABLE
from polyframe.backends.tf.tables.common import native_shape
from polyframe.compiler.program import Program
from polyframe.compiler.source import Call, listing
from polyframe.compiler.steps import Step, supported
from polyframe.compiler.table import Target, choose_all
from polyframe.compiler.units import Style
from polyframe.compiler.write import (
    assemble,
    defined_in,
    library,
    snippet_of,
    write_model,
)
from polyframe.spec.initializers import GlorotUniform, Zeros
from polyframe.spec.typed import TypedGraph

SNIPPETS = Path(__file__).with_name("snippets")

PARTS = library(SNIPPETS)

IMPORTS = (
    ("import tensorflow as tf", r"\btf\."),
    ("from tensorflow.keras import layers", r"\blayers\."),
)


def sequential(children: list[Call]) -> Call:
    """``tf.keras.Sequential([…])``."""
    return listing("tf.keras.Sequential", [listing("", children)])


STYLE = Style(
    base="tf.keras.Model",
    block_base="layers.Layer",
    forward="call(self, {}, training=False)",
    sequential=sequential,
    child="layers.{i}",
    plain=("{self}({0})", "{self}({0}, training=training)"),
    block="{self}({all}, training=training)",
    reserved=RESERVED,
    native=native_shape,
    names=frozenset({"tf", "layers", "training"})
    | defined_in([*PARTS, *library(SNIPPETS / "optimizers")]),
)

WEIGHTS = {"weight_init": GlorotUniform(), "bias_init": Zeros()}


class TensorFlow(Backend):
    """TensorFlow: Keras models, explicit steps in ``tf.function``."""

    name = "tensorflow"
    title = "TensorFlow"
    install = 'pip install "polyframe[tensorflow]"'
    layout = "NHWC"
    table = TABLE
    defaults = {
        "Conv2D": WEIGHTS,
        "Dense": WEIGHTS,
        "BatchNorm": {"eps": 1e-3, "momentum": 0.01, "unbiased": False},
        "SGD": {"lr": 0.01},
        "Adam": {"eps": 1e-7},
        "AdamW": {"eps": 1e-7, "weight_decay": 0.004},
    }

    def probe(self) -> Probe:
        try:
            from polyframe.backends.tf.runtime import devices, tf
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, tf.__version__, devices())

    def write(self, graph: TypedGraph, target: Target, step: Step | None) -> Program:
        forms = choose_all(self.table, graph, target, self.name)
        written = write_model(graph, forms, target, STYLE)
        sections = [snippet_of(PARTS, name) for name in written.snippets]
        sections += written.classes
        if step is not None:
            supported(step, LOSSES, OPTIMIZERS, self.name)
            sections += snippets(step.optimizer, target)
            sections += [snippet_of(PARTS, name) for name in helpers(step)]
            sections += step_text(graph, written, step)
        built = {
            written.weights[f"{node.owner}.{name}"].path.rpartition(".")[0]: (
                native_shape(node.in_shapes[0])
            )
            for node in graph.walk()
            for name in node.parameters
        }
        doc = f"{graph.name} for TensorFlow, written by polyframe."
        return Program(
            {f"{graph.name}_tensorflow.py": assemble(doc, IMPORTS, sections)},
            written.entry,
            written.weights,
            written.draws,
            {path: form.name for path, form in forms.items()},
            built,
            step.optimizer.state if step else (),
        )

    def resolve_device(self, device: str) -> str:
        from polyframe.backends.tf.runtime import resolve_device

        return resolve_device(device)

    def make_deterministic(self, device: str) -> list[str]:
        from polyframe.backends.tf.runtime import tf

        tf.config.experimental.enable_op_determinism()
        again = "losses run other kernels then: resume with --deterministic, too"
        if device == "cpu":
            return [SAME, again]
        return [SAME, again, "operations without a deterministic kernel raise an error"]

    def open(
        self, program: Program, target: Target, device: str, inputs: Sequence[Any]
    ) -> Session:
        from polyframe.backends.tf.runtime import TensorFlowSession

        return TensorFlowSession(program, target, device, len(inputs))
