"""What TensorFlow's programs say for optimizers."""

from __future__ import annotations

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.optimizers import (
    Writer,
    amsgrad_options,
    class_entries,
    options,
)
from polyframe.compiler.python.source import Name, Opt, call
from polyframe.compiler.table import Entry, Form, OptimizerView
from polyframe.spec.optimizers import Optimizer

STATES = {
    "acc_delta": "moves",
    "exp_avg": "means",
    "exp_avg_sq": "squares",
    "exp_inf": "sizes",
    "grad_avg": "means",
    "max_exp_avg_sq": "largest",
    "momentum_buffer": "velocities",
    "square_avg": "squares",
    "sum": "squares",
}
"""Canonical name of an optimizer's array (PyTorch's) → the attribute of the optimizers
in snippets/ that holds it, where that differs."""

NAMES = {
    "alpha": "rho",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "decoupled_weight_decay": "decoupled",
    "eps": "epsilon",
}
"""Field → its name in the classes in snippets/, where that differs."""


def optimizer(name: str) -> Writer:
    """The construction of an optimizer, whose class is a snippet."""
    return lambda view: made(view.rule, name, options(view.rule, NAMES, ("amsgrad",)))


def made(rule: Optimizer, name: str, given: dict[str, Opt]) -> Code:
    """The same with these options."""
    uses_vectors = rule.weight_decay or rule.adapts
    vectors = Opt(rule.decay_on == "all" or not uses_vectors, True)
    variables = {"variables": Name("model.trainable_variables")}
    make = call(name, variables, **given, decay_vectors=vectors)
    return Code(make=make, snippets=(name,))


def amsgrad(view: OptimizerView) -> Code:
    """Adam or AdamW with the largest mean of squares: one class for both."""
    return made(view.rule, "AMSGrad", amsgrad_options(view.rule, NAMES))


def adam(name: str) -> Entry:
    """On TensorFlow's kernel, which has no AMSGrad."""
    return Entry(
        (
            Form("kernel", optimizer(name), lambda v: not v.rule.amsgrad),
            Form("written out", amsgrad, lambda v: v.rule.amsgrad),
        )
    )


TABLE: dict[str, Entry] = {
    **class_entries(__file__, optimizer),
    "Adam": adam("Adam"),
    "AdamW": adam("AdamW"),
}

DEFAULTS: dict[str, dict[str, float]] = {
    "SGD": {"lr": 0.01},
    "Adam": {"eps": 1e-7},
    "AdamW": {"eps": 1e-7, "weight_decay": 0.004},
    "Adamax": {"lr": 0.001, "eps": 1e-7},
    "NAdam": {"lr": 0.001, "eps": 1e-7, "momentum_decay": 1.0},
    "RMSProp": {"lr": 0.001, "alpha": 0.9, "eps": 1e-7},
    "Adagrad": {"lr": 0.001, "initial_accumulator_value": 0.1, "eps": 1e-7},
    "Adadelta": {"lr": 0.001, "rho": 0.95, "eps": 1e-7},
    "Lion": {"lr": 0.001},
    "LAMB": {"eps": 1e-7},
}
"""Keras's own, where they are not the neutral ones."""
