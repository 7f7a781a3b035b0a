"""The TensorFlow backend: writes programs; imports tensorflow only to probe or open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from polyframe.backends.tf.losses import LOSSES
from polyframe.backends.tf.optimizers import OPTIMIZERS, snippets
from polyframe.backends.tf.reserved import RESERVED
from polyframe.backends.tf.step import helpers, step_text
from polyframe.backends.tf.tables import TABLE
from polyframe.backends.tf.tables.common import native_shape
from polyframe.compiler.program import Program
from polyframe.compiler.python.source import Call, listing
from polyframe.compiler.python.steps import supported
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import (
    assemble,
    defined_in,
    files_of,
    library,
    snippet_of,
    write_model,
)
from polyframe.compiler.table import Target, choose_all
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import DETERMINISM_NOTE, Backend, Probe
from polyframe.contract.devices import Device
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.spec.initializers import GlorotUniform, Zeros
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph, TypedNode

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


def taken(node: TypedNode) -> Shape:
    """The shape that a layer is built for: a convolution's with its padding, which may
    stand in front of the layer, whose kernel need not fit into less."""
    channels, *size = node.in_shapes[0]
    if not hasattr(node.layer, "pads"):
        return node.in_shapes[0]
    pads = node.layer.pads(node.in_shapes[0])
    grown = (n + low + high for n, (low, high) in zip(size, pads, strict=True))
    return (channels, *grown)


class TensorFlow(Backend):
    """TensorFlow: Keras models, explicit steps in ``tf.function``."""

    name = "tensorflow"
    title = "TensorFlow"
    install = 'pip install "polyframe[tensorflow]"'
    layout = "NHWC"
    abilities = frozenset(
        {
            "infer", "train", "float64", "bfloat16", "float16", "gpu",
            "native_semantics", "eject", "phases",
        }
    )  # fmt: skip
    table = TABLE
    losses = LOSSES
    optimizers = OPTIMIZERS
    defaults = {
        "Conv1D": WEIGHTS,
        "Conv2D": WEIGHTS,
        "Conv3D": WEIGHTS,
        "ConvTranspose1D": WEIGHTS,
        "ConvTranspose2D": WEIGHTS,
        "ConvTranspose3D": WEIGHTS,
        "DepthwiseConv2D": WEIGHTS,
        "SeparableConv2D": WEIGHTS,
        "Dense": WEIGHTS,
        "BatchNorm": {"eps": 1e-3, "momentum": 0.01, "unbiased": False},
        "GroupNorm": {"eps": 1e-3},
        "LayerNorm": {"eps": 1e-3},
        "RMSNorm": {"eps": 1e-6},
        "LeakyReLU": {"negative_slope": 0.3},
        "PReLU": {"init": 0.0},
        "SGD": {"lr": 0.01},
        "Adam": {"eps": 1e-7},
        "AdamW": {"eps": 1e-7, "weight_decay": 0.004},
        "Adamax": {"lr": 0.001},
        "NAdam": {"lr": 0.001, "eps": 1e-7, "momentum_decay": 1.0},
        "RMSProp": {"lr": 0.001, "alpha": 0.9},
        "Adagrad": {"lr": 0.001, "initial_accumulator_value": 0.1},
        "Adadelta": {"lr": 0.001, "rho": 0.95, "eps": 1e-7},
        "Lion": {"lr": 0.001},
        "LAMB": {"eps": 1e-7},
    }

    def probe(self) -> Probe:
        try:
            from polyframe.backends.tf.runtime import devices, tf
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, tf.__version__, devices())

    def write(
        self, graph: TypedGraph, target: Target, step: TrainingSpec | None
    ) -> Program:
        forms = choose_all(self.entries, graph, target, self.name)
        parts = (*PARTS, *files_of(self.entries, graph))
        style = replace(STYLE, names=STYLE.names | defined_in(parts))
        written = write_model(graph, forms, target, style)
        sections = [snippet_of(parts, name) for name in written.snippets]
        sections += written.classes
        if step is not None:
            supported(step, LOSSES, OPTIMIZERS, self.name, self.reasons)
            sections += snippets(step.optimizer, target)
            sections += [snippet_of(PARTS, name) for name in helpers(step)]
            sections += step_text(graph, written, step)
        built = {
            written.weights[f"{node.owner}.{name}"].path.rpartition(".")[0]: (
                native_shape(taken(node))
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

    def resolve_device(self, device: str) -> Device:
        from polyframe.backends.tf.runtime import resolve_device

        return resolve_device(device)

    def make_deterministic(self, device: Device) -> list[str]:
        from polyframe.backends.tf.runtime import tf

        tf.config.experimental.enable_op_determinism()
        again = "losses run other kernels then: resume with --deterministic, too"
        if not device.is_gpu:
            return [DETERMINISM_NOTE, again]
        return [
            DETERMINISM_NOTE,
            again,
            "operations without a deterministic kernel raise an error",
        ]

    def open_inference(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> InferenceSession:
        from polyframe.backends.tf.runtime import TensorFlowSession

        return TensorFlowSession(program, target, device, inputs)

    def open_training(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> TrainingSession:
        from polyframe.backends.tf.runtime import TensorFlowTrainingSession

        return TensorFlowTrainingSession(program, target, device, inputs)
