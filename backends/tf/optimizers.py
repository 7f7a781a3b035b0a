"""What TensorFlow's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from polyframe.compiler.source import Call, Name, Opt, call, statement
from polyframe.compiler.table import Target
from polyframe.compiler.write import library, snippet_of

FILES = library(Path(__file__).with_name("snippets") / "optimizers")

STATES = {
    "momentum_buffer": "velocities",
    "exp_avg": "means",
    "exp_avg_sq": "squares",
}
"""Where the optimizers in snippets/ keep what polyframe calls by PyTorch's names."""


VARIABLES = {"variables": Name("model.trainable_variables")}


def sgd(o: Any, **more: Any) -> Call:
    return call(
        "SGD",
        VARIABLES,
        momentum=Opt(o.momentum, 0.0),
        nesterov=Opt(o.nesterov, False),
        weight_decay=Opt(o.weight_decay, 0.0),
        **more,
    )


def adam(name: str, decay: float) -> Callable[..., Call]:
    """Adam or AdamW, whose default decays differ."""

    def write(o: Any, **more: Any) -> Call:
        return call(
            name,
            VARIABLES,
            beta_1=Opt(o.beta1, 0.9),
            beta_2=Opt(o.beta2, 0.999),
            epsilon=Opt(o.eps, 1e-8),
            weight_decay=Opt(o.weight_decay, decay),
            **more,
        )

    return write


OPTIMIZERS: dict[str, Callable[..., Call]] = {
    "Adam": adam("Adam", 0.0),
    "AdamW": adam("AdamW", 0.01),
    "SGD": sgd,
}


def optimizer_text(o: Any) -> str:
    """``make_optimizer``."""
    more = {"decay_vectors": Opt(o.decay_on == "all" or not o.weight_decay, True)}
    made = statement("return ", OPTIMIZERS[o.type](o, **more), 4)
    return "\n".join(["def make_optimizer(model):", *made])


def snippets(o: Any, target: Target) -> list[str]:
    """The optimizer's class."""
    return [snippet_of(FILES, o.type)]
