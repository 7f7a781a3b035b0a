"""The backend: data, and what JAX alone does; it imports JAX only to probe or open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyframe.compiler.program import Program
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written
from polyframe.compiler.table import Choice, Target
from polyframe.contract.backend import DETERMINISM_NOTE, Probe
from polyframe.contract.devices import pick
from polyframe.contract.python_backend import PythonBackend
from polyframe.contract.session import Session
from polyframe.errors import UnsupportedError
from polyframe.spec.typed import TypedGraph
from polyframe_jax.model import write_model
from polyframe_jax.step import JaxStep
from polyframe_jax.tables import TABLE


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
    defaults = {}  # JAX has no layers, so none with defaults of their own
    ejects = False

    def probe(self) -> Probe:
        try:
            import jax
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, jax.__version__, ("cpu",))

    def check(self, target: Target) -> None:
        if target.precision is not None:
            raise UnsupportedError(f"the jax backend has no {target.precision}")

    def write_model(self, graph: TypedGraph, choice: Choice, *given: Any) -> Written:
        return write_model(graph, choice.nodes, *given)

    def resolve_device(self, device: str) -> str:
        pick(device, 0, self.title)  # BackendError for all but "cpu" and "auto"
        return "cpu"

    def make_deterministic(self, device: str) -> list[str]:
        return [DETERMINISM_NOTE]

    def open(
        self, program: Program, target: Target, device: str, inputs: Sequence[Any]
    ) -> Session:
        from polyframe_jax.runtime import JaxSession

        return JaxSession(program, target, device, several=len(inputs) > 1)
