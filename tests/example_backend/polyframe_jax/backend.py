"""The backend: data, and what JAX alone does; it imports JAX only to probe or open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from polyframe.compiler.program import Program
from polyframe.compiler.python.functions import Function, write_arrays, write_function
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written
from polyframe.compiler.table import Choice, Table, Target
from polyframe.contract.backend import DETERMINISM_NOTE, Probe
from polyframe.contract.devices import Device, choose_device
from polyframe.contract.python_backend import PythonBackend
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph, flatten
from polyframe_jax.step import JaxStep
from polyframe_jax.tables import TABLE

INIT = (
    '@partial(jax.jit, static_argnames="dtype")',
    "def init(dtype):",
    '    """Return (parameters, state), all zeros."""',
)
DOC = '"""Return the outputs, and the state after them."""'


class Jax(PythonBackend):
    """JAX on the CPU, jitted."""

    name = "jax"
    title = "JAX"
    install = "pip install jax"
    table = TABLE
    style = Style("forward", leading=("params", "state"), trailing=("training=False",))
    imports = (
        "from functools import partial",
        "import jax",
        "import jax.numpy as jnp",
        "import numpy as np",
        "from jax import lax",
    )
    snippets = "snippets.py"
    step_writer = JaxStep
    abilities = frozenset(
        {"infer", "train", "float64", "native_semantics", "frozen_statistics"}
    )

    def probe(self) -> Probe:
        try:
            import jax
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, jax.__version__, ("cpu",))

    def write_model(
        self,
        graph: TypedGraph,
        choice: Choice,
        target: Target,
        style: Style,
        table: Table,
    ) -> Written:
        """One function, beside one that makes its arrays."""
        stateful = any(not p.trainable for p in graph.parameters.values())
        jit = '@partial(jax.jit, static_argnames="training")'
        opening = [DOC, *(["state = dict(state)"] if stateful else [])]
        function = Function("forward", [jit], opening, "{}, state")
        written = write_function(graph, choice.nodes, target, style, table, function)
        init = write_arrays(flatten(graph), INIT, "jnp.zeros({}, dtype)")
        return replace(written, sections=(init, *written.sections))

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
