"""The MXNet Gluon backend: writes programs; imports mxnet only to probe or open."""

from __future__ import annotations

import os
from collections.abc import Sequence

from polyframe.backends.gluon.optimizers import DEFAULTS
from polyframe.backends.gluon.reserved import RESERVED
from polyframe.backends.gluon.step import GluonStep
from polyframe.backends.gluon.tables import TABLE
from polyframe.compiler.program import Program
from polyframe.compiler.python.source import Call, listing
from polyframe.compiler.python.units import Style
from polyframe.compiler.table import Target
from polyframe.contract.backend import DETERMINISM_NOTE, Probe
from polyframe.contract.devices import Device
from polyframe.contract.python_backend import PythonBackend
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.errors import UnsupportedError
from polyframe.spec.initializers import Uniform, Zeros
from polyframe.spec.layers.base import Shape


def sequential(children: list[Call]) -> Call:
    """``sequential(…)``, the helper that fills a ``HybridSequential``."""
    return listing("sequential", children)


PRECISION = {"cpu": "bfloat16", "gpu": "float16"}
LOW = {
    "float16": 'LOW = "float16"',
    "bfloat16": 'LOW = np.dtype([("bfloat16", np.uint16)])  # bfloat16 for MXNet',
}

STYLE = Style(
    base="gluon.HybridBlock",
    forward="hybrid_forward",
    leading=("self", "F"),
    sequential=sequential,
    container_snippets=("sequential",),
    child="{i}",
    plain=("{self}({0})",),
    reserved=RESERVED,
    names=frozenset({"F", "LOW"}),
)

WEIGHTS = {"weight_init": Uniform(0.07), "bias_init": Zeros()}


class Gluon(PythonBackend):
    """MXNet Gluon, hybridised."""

    name = "mxnet"
    title = "MXNet Gluon"
    install = 'pip install "polyframe[mxnet]"'
    eject_packages = ("mxnet",)
    abilities = frozenset(
        {
            "infer", "train", "float64", "bfloat16", "float16", "gpu",
            "native_semantics", "eject", "frozen_statistics", "parameter_groups",
            "phases",
        }
    )  # fmt: skip
    table = TABLE
    style = STYLE
    step_writer = GluonStep
    weight_files = {
        ".params": "what model.native.save_parameters wrote: "
        "model.native.load_parameters(file); all else: give load_weights a mapping of "
        "names to arrays"
    }
    step_snippets = frozenset({"Statistics"})
    imports = (
        "import mxnet as mx",
        "import numpy as np",
        "from mxnet import autograd, gluon, nd",
        "from mxnet.gluon import nn",
    )
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
        "BatchNorm": {"unbiased": False},
        **DEFAULTS,
    }

    eject_head = (
        "np.bool = np.bool_  # NumPy has dropped the name that MXNet uses\n"
        "# MXNet reads its number of threads when it is imported.\n"
        'os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))'
    )

    def probe(self) -> Probe:
        try:
            from polyframe.backends.gluon.runtime import devices, mx
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, mx.__version__, devices())

    def check(self, target: Target) -> None:
        precision, device = target.precision, target.device
        if precision is not None and PRECISION[device] != precision:
            raise UnsupportedError(
                f"MXNet has no convolution in {precision} on a {device}",
                where="precision",
                hint=f"{PRECISION[device]} works there",
            )

    def constants(self, target: Target) -> list[str]:
        return [LOW[target.precision]] if target.precision else []

    def resolve_device(self, device: str) -> Device:
        from polyframe.backends.gluon.runtime import resolve_device

        resolved: Device = resolve_device(device)
        return resolved

    def make_deterministic(self, device: Device) -> list[str]:
        # MXNet reads these when it chooses a kernel, at the kernel's first run.
        os.environ["MXNET_ENFORCE_DETERMINISM"] = "1"
        os.environ["MXNET_CUDNN_AUTOTUNE_DEFAULT"] = "0"
        if not device.is_gpu:
            return [DETERMINISM_NOTE]
        return [
            DETERMINISM_NOTE,
            "it covers cuDNN's convolutions and a few operators; sums by atomic "
            "additions elsewhere may differ",
        ]

    def open_inference(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> InferenceSession:
        from polyframe.backends.gluon.runtime import GluonSession

        session: InferenceSession = GluonSession(program, target, device, inputs)
        return session

    def open_training(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> TrainingSession:
        from polyframe.backends.gluon.runtime import GluonTrainingSession

        session: TrainingSession = GluonTrainingSession(program, target, device, inputs)
        return session
