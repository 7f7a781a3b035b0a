"""What MXNet Gluon's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.optimizers import (
    Writer,
    amsgrad_options,
    class_entries,
    options,
)
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, OptimizerView

NAMES = {"decoupled_weight_decay": "decoupled", "eps": "epsilon"}
"""What the classes in snippets/ call a field, where it is not the field's name."""


def optimizer(name: str, file: str = "") -> Writer:
    """The construction of an optimizer, whose class is a snippet (in that file)."""

    def write(view: OptimizerView) -> Code:
        given = options(view.rule, NAMES, ("amsgrad",))
        return made(view.rule, name, given, f"{file}.{name}" if file else name)

    return write


def made(rule: Any, name: str, given: dict[str, Opt], snippet: str) -> Code:
    """The same with these options."""
    if rule.adapts:
        given["adapt_vectors"] = Opt(rule.decay_on == "all", True)
    make = call(name, {"learning_rate": rule.lr}, **given)
    return Code(make=make, snippets=(snippet,))


def adam(view: OptimizerView) -> Code:
    """In array arithmetic; one class for both of them with the largest mean."""
    rule = view.rule
    if not rule.amsgrad:
        return optimizer(view.word, "exact")(view)
    return made(rule, "AMSGrad", amsgrad_options(rule, NAMES), "AMSGrad")


def fusable(
    name: str,
    exact: Writer,
    covers: Callable[[Any], bool],
) -> Entry:
    """On MXNet's fused kernels in float32, for the options that they cover: they keep
    their numbers in float32, whatever the weights are."""

    def when(view: OptimizerView) -> bool:
        return view.target.dtype == "float32" and covers(view.rule)

    return Entry((Form("fused", optimizer(name, "fused"), when), Form("exact", exact)))


TABLE: dict[str, Entry] = {
    **class_entries(__file__, optimizer),
    "Adam": fusable("Adam", adam, lambda rule: not rule.amsgrad),
    "AdamW": fusable("AdamW", adam, lambda rule: not rule.amsgrad),
    "SGD": fusable("SGD", optimizer("SGD", "exact"), lambda rule: not rule.dampening),
}

DEFAULTS: dict[str, dict[str, float]] = {
    "SGD": {"lr": 0.01},
    "NAdam": {"lr": 0.001},
    "RMSProp": {"lr": 0.001, "alpha": 0.9},
    "Adadelta": {"eps": 1e-5},
    "LARS": {"momentum": 0.0},
}
"""MXNet's own, where they are not the neutral ones."""
