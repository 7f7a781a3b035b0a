"""The MXNet Gluon backend: writes programs; imports mxnet only to probe or open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyframe.backend import Backend, Probe, Session
from polyframe.backends.gluon.reserved import RESERVED
from polyframe.backends.gluon.step import (
    ATTACH,
    BEGIN,
    LOSSES,
    OPTIMIZERS,
    STEP,
    UPDATE,
    optimizer_text,
)
from polyframe.backends.gluon.table import TABLE
from polyframe.compiler.program import Program
from polyframe.compiler.source import Call, listing
from polyframe.compiler.steps import Step, step_fields, supported
from polyframe.compiler.table import Target, choose_all
from polyframe.compiler.units import Style
from polyframe.compiler.write import assemble, defined, snippet, write_model
from polyframe.spec.initializers import Uniform, Zeros
from polyframe.spec.layers import BatchNorm
from polyframe.spec.typed import TypedGraph

SNIPPETS = Path(__file__).with_name("snippets")

IMPORTS = (
    ("import mxnet as mx", r"\bmx\."),
    ("from mxnet.gluon import nn", r"\bnn\."),
)


def sequential(children: list[Call]) -> Call:
    """``sequential(…)``, the helper that fills a ``HybridSequential``."""
    return listing("sequential", children)


STYLE = Style(
    base="gluon.HybridBlock",
    forward="hybrid_forward(self, F, {})",
    sequential=sequential,
    child="{i}",
    plain=("{self}({0})",),
    reserved=RESERVED,
    names=frozenset({"mx", "autograd", "gluon", "nd", "nn", "F"})
    | defined(SNIPPETS / "blocks.py")
    | defined(SNIPPETS / "optimizers.py"),
)

WEIGHTS = {"weight_init": Uniform(0.07), "bias_init": Zeros()}


class Gluon(Backend):
    """MXNet Gluon, hybridised."""

    name = "mxnet"
    title = "MXNet Gluon"
    install = 'pip install "polyframe[mxnet]"'
    table = TABLE
    defaults = {
        "Conv2D": WEIGHTS,
        "Dense": WEIGHTS,
        "BatchNorm": {"unbiased": False},
        "SGD": {"lr": 0.01},
    }

    # What an ejected script says in front of MXNet's import.
    eject_head = "np.bool = np.bool_  # NumPy has dropped the name that MXNet uses"

    def probe(self) -> Probe:
        try:
            from polyframe.backends.gluon.runtime import devices, mx
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, mx.__version__, devices())

    def write(self, graph: TypedGraph, target: Target, step: Step | None) -> Program:
        forms = choose_all(self.table, graph, target, self.name)
        written = write_model(graph, forms, target, STYLE)
        names = dict.fromkeys(written.snippets)
        text = "\n".join(written.classes)
        if "sequential(" in text:
            names["sequential"] = None
        if step is None:
            names.pop("batch_norms", None)
        blocks = SNIPPETS / "blocks.py"
        sections = [snippet(blocks, name) for name in names]
        sections += written.classes
        if step is not None:
            supported(step, LOSSES, OPTIMIZERS, self.name)
            sections += self._step(
                graph, target, step, step_fields(graph, written), names
            )
        doc = f"{graph.name} for MXNet Gluon, written by polyframe."
        return Program(
            {f"{graph.name}_mxnet.py": assemble(doc, imports(sections), sections)},
            written.entry,
            written.weights,
            written.draws,
            {path: form.name for path, form in forms.items()},
        )

    def _step(
        self,
        graph: TypedGraph,
        target: Target,
        step: Step,
        fields: dict[str, str],
        names: dict[str, None],
    ) -> list[str]:
        """The optimizer's class and the step's functions."""
        before = after = ""
        if "BatchNorm" in names:
            before, after = (
                BEGIN,
                UPDATE.format(first="[0]" if len(graph.outputs) > 1 else ""),
            )
            norms = [n.layer for n in graph.walk() if isinstance(n.layer, BatchNorm)]
            if not all(layer.affine for layer in norms):
                x = "x" if len(graph.inputs) > 1 else "[x]"
                before += ATTACH.format(x=x)
        fused = target.dtype == "float32"
        file = SNIPPETS / ("fused_optimizers.py" if fused else "optimizers.py")
        text = STEP.format(
            loss=LOSSES[step.loss.type],
            optimizer=optimizer_text(step.optimizer),
            before=before,
            after=after,
            **fields,
        )
        return [snippet(file, step.optimizer.type), text]

    def resolve_device(self, device: str) -> str:
        from polyframe.backends.gluon.runtime import resolve_device

        return resolve_device(device)

    def open(
        self, program: Program, target: Target, device: str, inputs: Sequence[Any]
    ) -> Session:
        from polyframe.backends.gluon.runtime import GluonSession

        return GluonSession(program, target, device, len(inputs))


def imports(sections: list[str]) -> list[tuple[str, str]]:
    """The import lines; one of them names just what is used."""
    import re

    code = "\n".join(sections)
    used = [n for n in ("autograd", "gluon", "nd") if re.search(rf"\b{n}\.", code)]
    found = [IMPORTS[0]]
    if used:
        found.append((f"from mxnet import {', '.join(used)}", ""))
    return [*found, IMPORTS[1]]
