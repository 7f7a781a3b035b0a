"""What MXNet Gluon's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.optimizers import amsgrad_options, options
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, OptimizerView

NAMES = {"decoupled_weight_decay": "decoupled", "eps": "epsilon"}
"""What the classes in snippets/ call a field, where it is not the field's name."""


def optimizer(name: str, file: str = "") -> Callable[[OptimizerView], Code]:
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
    exact: Callable[[OptimizerView], Code],
    covers: Callable[[Any], bool],
) -> Entry:
    """On MXNet's fused kernels in float32, for the options that they cover: they keep
    their numbers in float32, whatever the weights are."""

    def when(view: OptimizerView) -> bool:
        return view.target.dtype == "float32" and covers(view.rule)

    return Entry((Form("fused", optimizer(name, "fused"), when), Form("exact", exact)))


TABLE: dict[str, Entry] = {
    "Adadelta": entry(optimizer("Adadelta")),
    "Adagrad": entry(optimizer("Adagrad")),
    "Adam": fusable("Adam", adam, lambda rule: not rule.amsgrad),
    "AdamW": fusable("AdamW", adam, lambda rule: not rule.amsgrad),
    "Adamax": entry(optimizer("Adamax")),
    "LAMB": entry(optimizer("LAMB")),
    "LARS": entry(optimizer("LARS")),
    "Lion": entry(optimizer("Lion")),
    "NAdam": entry(optimizer("NAdam")),
    "RAdam": entry(optimizer("RAdam")),
    "RMSProp": entry(optimizer("RMSProp")),
    "SGD": fusable("SGD", optimizer("SGD", "exact"), lambda rule: not rule.dampening),
}
