"""What TensorFlow's programs say for optimizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyframe.compiler.python.source import Call, Name, Opt, call, statement
from polyframe.compiler.python.write import library, snippet_of
from polyframe.compiler.table import Target

FILES = library(Path(__file__).with_name("snippets") / "optimizers")

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
"""Where the optimizers in snippets/ keep what polyframe calls by PyTorch's names."""

ALONE = ("Adam", "AdamW", "SGD")
"""Those on TensorFlow's kernels; the others' classes share a base."""

NAMES = {
    "alpha": "rho",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "decoupled_weight_decay": "decoupled",
    "eps": "epsilon",
}
"""What the classes in snippets/ call a field, where it is not the field's name."""

WORDS = "Adadelta Adagrad Adam AdamW Adamax LAMB LARS Lion NAdam RAdam RMSProp SGD"
OPTIMIZERS = {name: name for name in WORDS.split()}
"""Their classes in snippets/."""


def write(o: Any) -> Call:
    """The construction of an optimizer."""
    name, fields = OPTIMIZERS[o.type], o.settings()
    if fields.pop("amsgrad", (False,))[0]:
        fields["decoupled_weight_decay"] = name == "AdamW", False
        fields["weight_decay"] = o.weight_decay, 0.0
        name = "AMSGrad"
    given = {NAMES.get(field, field): Opt(*pair) for field, pair in fields.items()}
    used = o.weight_decay or o.type in ("LAMB", "LARS")
    given["decay_vectors"] = Opt(o.decay_on == "all" or not used, True)
    return call(name, {"variables": Name("model.trainable_variables")}, **given)


def optimizer_text(o: Any) -> str:
    """``make_optimizer``."""
    made = statement("return ", write(o), 4)
    return "\n".join(["def make_optimizer(model):", *made])


def snippets(o: Any, target: Target) -> list[str]:
    """The optimizer's class, and the base of it if there is one."""
    name = write(o).function
    base = [] if name in ALONE else ["Optimizer"]
    return [snippet_of(FILES, name) for name in [*base, name]]
