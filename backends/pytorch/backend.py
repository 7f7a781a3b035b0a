"""The PyTorch backend: writes programs; imports torch only to probe or open."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyframe.backends.pytorch.reserved import KEYED, RESERVED
from polyframe.backends.pytorch.step import TorchStep
from polyframe.backends.pytorch.tables import TABLE
from polyframe.compiler.program import Program
from polyframe.compiler.python.source import Call, listing
from polyframe.compiler.python.units import Style
from polyframe.compiler.table import Target
from polyframe.contract.backend import DETERMINISM_NOTE, Probe
from polyframe.contract.devices import Device
from polyframe.contract.python_backend import PythonBackend
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.errors import WeightsError
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph


def sequential(children: list[Call]) -> Call:
    """``nn.Sequential(…)``."""
    return listing("nn.Sequential", children)


STYLE = Style(
    base="nn.Module",
    forward="forward",
    sequential=sequential,
    child="{i}",
    plain=("{self}({0})",),
    random="random: list[torch.Tensor] = ()",  # typed for torch.jit.script
    numbered="nn.Sequential",
    keyed="nn.ModuleDict",
    keyed_reserved=KEYED,
    reserved=RESERVED,
)


CHANNELS_LAST: dict[str, Any] = {
    "made": "self.to(memory_format=torch.channels_last)  # faster convolutions",
    "enter": {3: "{0}.contiguous(memory_format=torch.channels_last)"},
    "leave": {3: "{0}.contiguous()"},
}


def channels_last(graph: TypedGraph, target: Target) -> bool:
    """Whether images are faster in PyTorch's memory format channels_last, (N, H, W, C)
    in memory: where there are 2-D kernels and no 3-D ones, which the format does not
    support; on a GPU only in bfloat16 and float16, since float32 kernels are faster
    with (N, C, H, W)."""
    ranks = {len(p.shape) for p in graph.parameters.values()}
    faster = target.device == "cpu" or target.precision is not None
    return target.optimize and faster and 4 in ranks and 5 not in ranks


CONVERT = (
    "convert it where PyTorch is installed: safetensors.torch.save_file("
    "torch.load(file, weights_only=True), 'weights.safetensors')"
)


class Torch(PythonBackend):
    """PyTorch, eager."""

    name = "torch"
    title = "PyTorch"
    install = 'pip install "polyframe[torch]"'
    eject_packages = ("torch",)
    abilities = frozenset(
        {
            "infer", "train", "float64", "bfloat16", "float16", "gpu",
            "native_semantics", "eject", "frozen_statistics", "parameter_groups",
            "phases",
        }
    )  # fmt: skip
    table = TABLE
    style = STYLE
    step_writer = TorchStep
    imports = (
        "import torch",
        "from torch import nn",
        "from torch.nn import functional as F",
        "from torch.optim import swa_utils",
    )
    defaults = {}  # the neutral defaults are PyTorch's
    weight_files = dict.fromkeys((".pth", ".pt", ".bin", ".ckpt"), CONVERT)

    def probe(self) -> Probe:
        try:
            import torch
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        devices = ("cpu", *(f"cuda:{i}" for i in range(count)))
        return Probe(True, importlib.metadata.version("torch"), devices)

    def read_weights(self, path: Path) -> dict[str, Array]:
        probe = self.probe()
        if not probe.usable:
            raise WeightsError(
                f"is a file of PyTorch, which is not usable: {probe.problem}",
                where=str(path),
                hint=f"{self.install}, or {CONVERT}",
            )
        from polyframe.backends.pytorch.weight_files import read_state_dict

        arrays: dict[str, Array] = read_state_dict(path)
        return arrays

    def style_for(self, graph: TypedGraph, target: Target) -> Style:
        if not channels_last(graph, target):
            return self.style
        return replace(self.style, **CHANNELS_LAST)

    def resolve_device(self, device: str) -> Device:
        from polyframe.backends.pytorch.runtime import resolve_device

        resolved: Device = resolve_device(device)
        return resolved

    def make_deterministic(self, device: Device) -> list[str]:
        import torch

        # Read when cuBLAS starts; without it PyTorch refuses to be deterministic.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # As use_deterministic_algorithms(True), which would import the compiler, too.
        torch.set_deterministic_debug_mode("error")
        torch.utils.deterministic.fill_uninitialized_memory = False
        torch.backends.cudnn.benchmark = False
        if not device.is_gpu:
            return [DETERMINISM_NOTE]
        return [
            DETERMINISM_NOTE,
            "operations without a deterministic kernel raise an error",
        ]

    def open_inference(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> InferenceSession:
        from polyframe.backends.pytorch.runtime import TorchSession

        session: InferenceSession = TorchSession(program, target, device, inputs)
        return session

    def open_training(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> TrainingSession:
        from polyframe.backends.pytorch.runtime import TorchTrainingSession

        session: TrainingSession = TorchTrainingSession(program, target, device, inputs)
        return session
