"""The TensorFlow backend: writes programs; imports tensorflow only to probe or open."""

from __future__ import annotations

from collections.abc import Sequence

from polyframe.backends.tf.flatten import keras_order
from polyframe.backends.tf.optimizers import DEFAULTS
from polyframe.backends.tf.reserved import RESERVED
from polyframe.backends.tf.step import TensorFlowStep
from polyframe.backends.tf.tables import TABLE
from polyframe.backends.tf.tables.common import native_shape
from polyframe.compiler.program import Program
from polyframe.compiler.python.source import Call, listing
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written
from polyframe.compiler.table import Choice, Table, Target
from polyframe.contract.backend import DETERMINISM_NOTE, Probe
from polyframe.contract.devices import Device
from polyframe.contract.python_backend import PythonBackend
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.spec.initializers import GlorotUniform, Zeros
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph, TypedNode


def sequential(children: list[Call]) -> Call:
    """``tf.keras.Sequential([…])``."""
    return listing("tf.keras.Sequential", [listing("", children)])


STYLE = Style(
    base="tf.keras.Model",
    decorator='@tf.keras.utils.register_keras_serializable("polyframe")',
    options="**kwargs",
    block_base="layers.Layer",
    forward="call",
    trailing=("training=False",),
    sequential=sequential,
    child="layers.{i}",
    plain=("{self}({0})", "{self}({0}, training=training)"),
    block="{self}({all}, training=training)",
    reserved=RESERVED,
    native=native_shape,
    names=frozenset({"training"}),
)

WEIGHTS = {"weight_init": GlorotUniform(), "bias_init": Zeros()}


def built_shape(node: TypedNode) -> Shape:
    """The input shape that a layer is built for. That of a convolution includes its
    padding, which may be a call before the layer: Keras refuses inputs smaller than the
    kernel."""
    channels, *size = node.in_shapes[0]
    if not hasattr(node.layer, "pads"):
        return node.in_shapes[0]
    pads = node.layer.pads(node.in_shapes[0])
    grown = (n + low + high for n, (low, high) in zip(size, pads, strict=True))
    return (channels, *grown)


class TensorFlow(PythonBackend):
    """TensorFlow: Keras models, explicit steps in ``tf.function``."""

    name = "tensorflow"
    title = "TensorFlow"
    install = 'pip install "polyframe[tensorflow]"'
    layout = "NHWC"
    eject_number = "tf.constant({}, DTYPE)"
    eject_packages = ("tensorflow",)
    abilities = frozenset(
        {
            "infer", "train", "float64", "bfloat16", "float16", "gpu",
            "native_semantics", "eject", "frozen_statistics", "parameter_groups",
            "phases",
        }
    )  # fmt: skip
    table = TABLE
    style = STYLE
    step_writer = TensorFlowStep
    weight_files = dict.fromkeys(
        (".h5", ".hdf5", ".keras"),
        "what model.native.save_weights wrote: model.native.load_weights(file); all else: "
        "give load_weights a mapping of names to arrays, kernels as (out, in, height, "
        "width)",
    )
    imports = ("import tensorflow as tf", "from tensorflow.keras import layers")
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
        **DEFAULTS,
    }

    def probe(self) -> Probe:
        try:
            from polyframe.backends.tf.framework import devices, version
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, version(), devices())

    def write_model(
        self,
        graph: TypedGraph,
        choice: Choice,
        target: Target,
        style: Style,
        table: Table,
    ) -> Written:
        choice = keras_order(graph, choice, target)
        return super().write_model(graph, choice, target, style, table)

    def built(self, graph: TypedGraph, written: Written) -> dict[str, Shape]:
        return {
            written.weights[f"{node.owner}.{name}"].path.rpartition(".")[0]: (
                native_shape(built_shape(node))
            )
            for node in graph.walk()
            for name in node.parameters
        }

    def resolve_device(self, device: str) -> Device:
        from polyframe.backends.tf.framework import resolve_device

        resolved: Device = resolve_device(device)
        return resolved

    def make_deterministic(self, device: Device) -> list[str]:
        from polyframe.backends.tf.framework import ask_for_determinism

        ask_for_determinism()
        kernels = "losses run other kernels then: resume with --deterministic, too"
        if not device.is_gpu:
            return [DETERMINISM_NOTE, kernels]
        return [
            DETERMINISM_NOTE,
            kernels,
            "operations without a deterministic kernel raise an error",
        ]

    def open_inference(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> InferenceSession:
        from polyframe.backends.tf.runtime import TensorFlowSession

        session: InferenceSession = TensorFlowSession(program, target, device, inputs)
        return session

    def open_training(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> TrainingSession:
        from polyframe.backends.tf.runtime import TensorFlowTrainingSession

        made = TensorFlowTrainingSession(program, target, device, inputs)
        session: TrainingSession = made
        return session
