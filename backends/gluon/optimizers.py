"""What MXNet Gluon's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from polyframe.compiler.source import Call, Opt, call, statement
from polyframe.compiler.steps import (
    Step,
)
from polyframe.compiler.table import Target
from polyframe.compiler.write import snippet

FOLDER = Path(__file__).with_name("snippets") / "optimizers"

NO_DECAY = """\
    for parameter in model.collect_params().values():
        if len(parameter.shape) == 1:
            parameter.wd_mult = 0.0  # biases, scales and shifts
"""


ADD = """\
    for parameter in trained(model):
        parameter.grad_req = "add"  # over several batches
"""


OPTIMIZER = """
def make_optimizer(model):
{before}{optimizer}
    return gluon.Trainer(model.collect_params(), optimizer, kvstore=None)
"""


def sgd(o: Any) -> Call:
    return call(
        "SGD",
        {"learning_rate": o.lr},
        momentum=Opt(o.momentum, 0.0),
        nesterov=Opt(o.nesterov, False),
        weight_decay=Opt(o.weight_decay, 0.0),
    )


def adam(name: str, decay: float) -> Callable[[Any], Call]:
    """Adam or AdamW, whose default decays differ."""

    def write(o: Any) -> Call:
        return call(
            name,
            {"learning_rate": o.lr},
            beta1=Opt(o.beta1, 0.9),
            beta2=Opt(o.beta2, 0.999),
            epsilon=Opt(o.eps, 1e-8),
            weight_decay=Opt(o.weight_decay, decay),
        )

    return write


OPTIMIZERS = {"Adam": adam("Adam", 0.0), "AdamW": adam("AdamW", 0.01), "SGD": sgd}


def optimizer_text(step: Step) -> str:
    """``make_optimizer``."""
    o = step.optimizer
    before = ADD if step.training.accumulate > 1 else ""
    before += NO_DECAY if o.weight_decay and o.decay_on == "kernels" else ""
    made = statement("optimizer = ", OPTIMIZERS[o.type](o), 4)
    return OPTIMIZER.format(before=before, optimizer="\n".join(made))


def snippets(o: Any, target: Target) -> list[str]:
    """The optimizer's class: on fused kernels in float32, exact in float64."""
    file = "fused.py" if target.dtype == "float32" else "exact.py"
    return [snippet(FOLDER / file, o.type)]
