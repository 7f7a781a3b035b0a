"""What MXNet Gluon's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyframe.compiler.python.source import Call, Opt, call, listing, statement
from polyframe.compiler.python.steps import attribute
from polyframe.compiler.python.write import library, snippet, snippet_of
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec

FOLDER = Path(__file__).with_name("snippets") / "optimizers"
FILES = library(FOLDER)

ADAPT = ("LAMB", "LARS")
"""Those that leave more out than the decay of what ``decay_on`` does not name."""

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

NAMES = {"decoupled_weight_decay": "decoupled", "eps": "epsilon"}
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
    if name in ADAPT:
        given["adapt_vectors"] = Opt(o.decay_on == "all", True)
    return call(name, {"learning_rate": o.lr}, **given)


def optimizer_text(step: TrainingSpec, vectors: Sequence[str] = ()) -> str:
    """``make_optimizer``; ``vectors`` are the paths of those that have more axes here."""
    o = step.optimizer
    before = ADD if step.training.accumulate > 1 else ""
    if (o.weight_decay or o.type in ADAPT) and o.decay_on == "kernels":
        before += NO_DECAY
        if vectors:
            loop = statement("for vector in ", listing("", map(attribute, vectors)), 4)
            loop[-1] += ":  # they have an axis for each of their input's"
            before += "\n".join([*loop, "        vector.wd_mult = 0.0", ""])
    made = statement("optimizer = ", write(o), 4)
    return OPTIMIZER.format(before=before, optimizer="\n".join(made))


def snippets(o: Any, target: Target) -> list[str]:
    """The optimizer's class. Three have two: on fused kernels in float32, which do not
    know of dampening, and exact in float64."""
    name = write(o).function
    if name not in ("Adam", "AdamW", "SGD"):
        return [snippet_of(FILES, name)]
    fused = target.dtype == "float32" and not getattr(o, "dampening", 0.0)
    return [snippet(FOLDER / ("fused.py" if fused else "exact.py"), name)]
