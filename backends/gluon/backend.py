"""The MXNet Gluon backend: writes programs; imports mxnet only to probe or open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from polyframe.backends.gluon.losses import LOSSES
from polyframe.backends.gluon.optimizers import OPTIMIZERS, snippets
from polyframe.backends.gluon.reserved import RESERVED
from polyframe.backends.gluon.step import helpers, step_text
from polyframe.backends.gluon.tables import TABLE
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
from polyframe.errors import UnsupportedError
from polyframe.spec.initializers import Uniform, Zeros
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph

SNIPPETS = Path(__file__).with_name("snippets")

IMPORTS = (
    ("import mxnet as mx", r"\bmx\."),
    ("import numpy as np", r"\bnp\."),
    ("from mxnet.gluon import nn", r"\bnn\."),
)


def sequential(children: list[Call]) -> Call:
    """``sequential(…)``, the helper that fills a ``HybridSequential``."""
    return listing("sequential", children)


PARTS = library(SNIPPETS)
PRECISION = {"cpu": "bfloat16", "gpu": "float16"}
LOW = {
    "float16": 'LOW = "float16"',
    "bfloat16": 'LOW = np.dtype([("bfloat16", np.uint16)])  # how MXNet calls it',
}

STYLE = Style(
    base="gluon.HybridBlock",
    forward="hybrid_forward(self, F, {})",
    sequential=sequential,
    child="{i}",
    plain=("{self}({0})",),
    reserved=RESERVED,
    names=frozenset({"mx", "autograd", "gluon", "nd", "nn", "F"})
    | defined_in([*PARTS, *library(SNIPPETS / "optimizers")])
    | {"LOW", "np"},
)

WEIGHTS = {"weight_init": Uniform(0.07), "bias_init": Zeros()}


class Gluon(Backend):
    """MXNet Gluon, hybridised."""

    name = "mxnet"
    title = "MXNet Gluon"
    install = 'pip install "polyframe[mxnet]"'
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
        "BatchNorm": {"unbiased": False},
        "SGD": {"lr": 0.01},
        "NAdam": {"lr": 0.001},
        "RMSProp": {"lr": 0.001, "alpha": 0.9},
        "Adadelta": {"eps": 1e-5},
        "LARS": {"momentum": 0.0},
    }

    eject_head = "np.bool = np.bool_  # NumPy has dropped the name that MXNet uses"

    def probe(self) -> Probe:
        try:
            from polyframe.backends.gluon.runtime import devices, mx
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, mx.__version__, devices())

    def write(
        self, graph: TypedGraph, target: Target, step: TrainingSpec | None
    ) -> Program:
        check_precision(target)
        forms = choose_all(self.entries, graph, target, self.name)
        parts = (*PARTS, *files_of(self.entries, graph))
        style = replace(STYLE, names=STYLE.names | defined_in(parts))
        written = write_model(graph, forms, target, style)
        names = dict.fromkeys(written.snippets)
        text = "\n".join(written.classes)
        if "sequential(" in text:
            names["sequential"] = None
        if step is None:
            names.pop("Statistics", None)
        sections = [LOW[target.precision]] if target.precision else []
        sections += [snippet_of(parts, name) for name in names]
        sections += written.classes
        if step is not None:
            supported(step, LOSSES, OPTIMIZERS, self.name, self.reasons)
            sections += snippets(step.optimizer, target)
            sections += [snippet_of(PARTS, name) for name in helpers(step)]
            sections += step_text(graph, written, step)
        doc = f"{graph.name} for MXNet Gluon, written by polyframe."
        return Program(
            {f"{graph.name}_mxnet.py": assemble(doc, imports(sections), sections)},
            written.entry,
            written.weights,
            written.draws,
            {path: form.name for path, form in forms.items()},
            state=step.optimizer.state if step else (),
        )

    def resolve_device(self, device: str) -> Device:
        from polyframe.backends.gluon.runtime import resolve_device

        return resolve_device(device)

    def make_deterministic(self, device: Device) -> list[str]:
        # Kernels ask for it when they are chosen, at their first run.
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

        return GluonSession(program, target, device, inputs)

    def open_training(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> TrainingSession:
        from polyframe.backends.gluon.runtime import GluonTrainingSession

        return GluonTrainingSession(program, target, device, inputs)


def check_precision(target: Target) -> None:
    """UnsupportedError for a precision that MXNet has no kernels for on the device."""
    if target.precision is not None and PRECISION[target.device] != target.precision:
        raise UnsupportedError(
            f"MXNet has no convolution in {target.precision} on a {target.device}",
            where="precision",
            hint=f"{PRECISION[target.device]} works there",
        )


def imports(sections: list[str]) -> list[tuple[str, str]]:
    """The import lines; one of them names just what is used."""
    import re

    code = "\n".join(sections)
    used = [n for n in ("autograd", "gluon", "nd") if re.search(rf"\b{n}\.", code)]
    found = [*IMPORTS[:2]]
    if used:
        found.append((f"from mxnet import {', '.join(used)}", ""))
    return [*found, IMPORTS[2]]
