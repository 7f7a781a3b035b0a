"""What MXNet Gluon's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.optimizers import (
    Writer,
    amsgrad_options,
    class_entries,
    options,
)
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, OptimizerView
from polyframe.spec.optimizers import Optimizer

NAMES = {"decoupled_weight_decay": "decoupled", "eps": "epsilon"}
"""Field → its name in the classes in snippets/, where that differs."""


def optimizer(name: str, file: str = "") -> Writer:
    """The construction of an optimizer, whose class is a snippet (in that file)."""

    def write(view: OptimizerView) -> Code:
        given = options(view.rule, NAMES, ("amsgrad",))
        return made(view.rule, name, given, f"{file}.{name}" if file else name)

    return write


def made(rule: Optimizer, name: str, given: dict[str, Opt], snippet: str) -> Code:
    """The same with these options."""
    if rule.adapts:
        given["adapt_vectors"] = Opt(rule.decay_on == "all", True)
    make = call(name, {"learning_rate": rule.lr}, **given)
    return Code(make=make, snippets=(snippet,))


def adam(view: OptimizerView) -> Code:
    """Adam or AdamW in array arithmetic; with AMSGrad, one class is both."""
    rule = view.rule
    if not rule.amsgrad:
        return optimizer(view.word, "exact")(view)
    return made(rule, "AMSGrad", amsgrad_options(rule, NAMES), "AMSGrad")


def fusable(
    name: str,
    exact: Writer,
    covers: Callable[[Optimizer], bool],
) -> Entry:
    """On MXNet's fused kernels, for the options that they cover and in float32 alone:
    they store their numbers in float32, whatever the dtype of the weights."""

    def when(view: OptimizerView) -> bool:
        return view.target.dtype == "float32" and covers(view.rule)

    return Entry((Form("fused", optimizer(name, "fused"), when), Form("exact", exact)))


def without_amsgrad(rule: Optimizer) -> bool:
    return not getattr(rule, "amsgrad", False)


def without_dampening(rule: Optimizer) -> bool:
    return not getattr(rule, "dampening", 0.0)


TABLE: dict[str, Entry] = {
    **class_entries(__file__, optimizer),
    "Adam": fusable("Adam", adam, without_amsgrad),
    "AdamW": fusable("AdamW", adam, without_amsgrad),
    "SGD": fusable("SGD", optimizer("SGD", "exact"), without_dampening),
}

DEFAULTS: dict[str, dict[str, float]] = {
    "SGD": {"lr": 0.01},
    "NAdam": {"lr": 0.001},
    "RMSProp": {"lr": 0.001, "alpha": 0.9},
    "Adadelta": {"eps": 1e-5},
    "LARS": {"momentum": 0.0},
}
"""MXNet's own, where they are not the neutral ones."""
