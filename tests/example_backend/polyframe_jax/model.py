"""From a typed graph to the two functions of a model: ``init`` and ``forward``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from polyframe.compiler.python.functions import Function, write_arrays, write_function
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written
from polyframe.compiler.table import Form, Table, Target
from polyframe.spec.typed import TypedGraph, flatten

INIT = (
    '@partial(jax.jit, static_argnames="dtype")',
    "def init(dtype):",
    '    """Return (parameters, state), all zeros."""',
)
DOC = '"""Return the outputs, and the state behind them."""'


def write_model(
    graph: TypedGraph,
    forms: Mapping[str, Form],
    target: Target,
    style: Style,
    table: Table,
) -> Written:
    """A graph's program is one function, beside one that makes its arrays."""
    stateful = any(not p.trainable for p in graph.parameters.values())
    jit = '@partial(jax.jit, static_argnames="training")'
    opening = [DOC, *(["state = dict(state)"] if stateful else [])]
    function = Function("forward", [jit], opening, "{}, state")
    written = write_function(graph, forms, target, style, table, function)
    init = write_arrays(flatten(graph), INIT, "jnp.zeros({}, dtype)")
    return replace(written, sections=(init, *written.sections))
