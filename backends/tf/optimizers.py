"""What TensorFlow's programs say for optimizers: classes that are copied in, and for
native semantics Keras's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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

# --- native semantics ------------------------------------------------------------

MOMENTS = {"exp_avg": "momentum", "exp_avg_sq": "velocity"}
OWN_STATES: dict[str, dict[str, str]] = {
    "SGD": {"momentum_buffer": "momentum"},
    "Adam": {**MOMENTS, "max_exp_avg_sq": "velocity_hat"},
    "AdamW": {**MOMENTS, "max_exp_avg_sq": "velocity_hat"},
    "Adamax": {"exp_avg": "momentum", "exp_inf": "norm"},
    "Nadam": MOMENTS,
    "Lamb": MOMENTS,
    "Lion": MOMENTS,
    "RMSprop": {
        "square_avg": "velocity",
        "momentum_buffer": "momentum",
        "grad_avg": "average_gradient",
    },
    "Adagrad": {"sum": "accumulator"},
    "Adadelta": {
        "square_avg": "accumulated_grad",
        "acc_delta": "accumulated_delta_var",
    },
}
"""Keras's class → canonical name of an array → how the names of its variables end."""

LACKING = ("dampening", "decoupled_weight_decay", "lr_decay", "momentum_decay")
"""Fields that no class of Keras's has: its decay is always decoupled, and the others have
to be as if they were not there."""

KERNELS = (
    "vectors = [w for w in {variables} if len(w.shape) < 2]",
    "optimizer.exclude_from_weight_decay(vectors)",
)
"""What ``decay_on="kernels"`` does to the ``optimizer`` of ``{variables}``."""


def keras(name: str) -> Writer:
    """The construction of Keras's own class."""

    def write(view: OptimizerView) -> Code:
        rule, own = view.rule, DEFAULTS.get(view.word, {})
        given = {
            NAMES.get(field, field): Opt(value, own.get(field, neutral))
            for field, (value, neutral) in rule.settings().items()
            if field not in LACKING
        }
        make = call(f"tf.keras.optimizers.{name}", learning_rate=rule.lr, **given)
        return Code(make=make, body=KERNELS if rule.spares_vectors else (), own=True)

    return write


def own(
    entry: Entry,
    name: str,
    when: Callable[[OptimizerView], bool] = lambda view: True,
    gap: str = "",
) -> Entry:
    """The entry with Keras's class for native semantics; ``gap`` is what that lacks
    where ``when`` is false."""
    gap = f"tf.keras.optimizers.{name} {gap}"
    return replace(entry, own=(Form("keras", keras(name), when),), own_gap=gap)


WRITTEN: dict[str, Entry] = {
    **class_entries(__file__, optimizer),
    "Adam": adam("Adam"),
    "AdamW": adam("AdamW"),
}

OWN: dict[str, Entry] = {
    "SGD": own(
        WRITTEN["SGD"],
        "SGD",
        lambda v: not (v.rule.momentum and v.rule.dampening),
        "has no dampening",
    ),
    "Adam": own(WRITTEN["Adam"], "Adam"),
    "AdamW": own(WRITTEN["AdamW"], "AdamW"),
    "Adamax": own(WRITTEN["Adamax"], "Adamax"),
    "NAdam": own(
        WRITTEN["NAdam"],
        "Nadam",
        lambda v: v.rule.momentum_decay == 1,
        "has a momentum_decay of 1 and no other",
    ),
    "RMSProp": own(WRITTEN["RMSProp"], "RMSprop"),
    "Adagrad": own(
        WRITTEN["Adagrad"],
        "Adagrad",
        lambda v: not v.rule.lr_decay,
        "has no lr_decay; a schedule does that",
    ),
    "Adadelta": own(WRITTEN["Adadelta"], "Adadelta"),
    "Lion": own(
        WRITTEN["Lion"], "Lion", lambda v: v.rule.beta1, "needs a beta1 above 0"
    ),
    "LAMB": own(
        WRITTEN["LAMB"],
        "Lamb",
        lambda v: v.rule.decay_on == "all",
        "adapts the rate of all variables: decay_on cannot leave vectors out",
    ),
}

TABLE: dict[str, Entry] = {
    name: OWN.get(name)
    or replace(entry, own=(), own_gap=f"tf.keras.optimizers has no {name}")
    for name, entry in WRITTEN.items()
}
