"""What PyTorch's programs say for optimizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyframe.compiler.python.source import Call, Name, Opt, call, statement
from polyframe.compiler.python.write import library, snippet_of
from polyframe.compiler.table import Target

FILES = library(Path(__file__).with_name("snippets") / "optimizers")

ADAPT = ("LAMB", "LARS")
"""Those that leave more out than the decay of what ``decay_on`` does not name."""

GROUPS = """\
    parameters = list(model.parameters())
    kernels = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]  # biases, scales and shifts
    groups = [{"params": kernels}, {"params": vectors, "weight_decay": 0.0}]
"""

ADAPTED = """\
    parameters = list(model.parameters())
    kernels = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]  # biases, scales and shifts
    groups = [
        {"params": kernels},
        {"params": vectors, "weight_decay": 0.0, "adapt": False},
    ]
"""


OPTIMIZERS = {
    "Adadelta": "torch.optim.Adadelta",
    "Adagrad": "torch.optim.Adagrad",
    "Adam": "torch.optim.Adam",
    "AdamW": "torch.optim.AdamW",
    "Adamax": "torch.optim.Adamax",
    "LAMB": "LAMB",
    "LARS": "LARS",
    "Lion": "Lion",
    "NAdam": "NAdam",
    "RAdam": "torch.optim.RAdam",
    "RMSProp": "torch.optim.RMSprop",
    "SGD": "torch.optim.SGD",
}
"""Their classes; PyTorch has no LAMB, LARS and Lion, and its NAdam is not exact."""


FUSED = ("Adam", "AdamW", "SGD")
"""Those that can update all parameters in one kernel; Adagrad can on a CPU only."""
CAPTURABLE = ("Adam", "AdamW")
"""Those that have to be told that a CUDA graph may record them."""


def write(o: Any, parameters: Name, optimize: bool, gpu: bool) -> Call:
    """The construction of an optimizer."""
    fields = o.settings()
    given = {}
    if "beta1" in fields:
        given["betas"] = Opt(*zip(fields.pop("beta1"), fields.pop("beta2")))
    given |= {name: Opt(*pair) for name, pair in fields.items()}
    if optimize and (o.type in FUSED or (o.type == "Adagrad" and not gpu)):
        given["fused"] = Opt(True, None)
    if optimize and gpu and o.type in CAPTURABLE:
        given["capturable"] = Opt(True, False)
    return call(OPTIMIZERS[o.type], {"params": parameters}, lr=o.lr, **given)


def optimizer_text(o: Any, optimize: bool, gpu: bool) -> str:
    """``make_optimizer``."""
    grouped = o.decay_on == "kernels" and (o.weight_decay or o.type in ADAPT)
    parameters = Name("groups" if grouped else "model.parameters()")
    made = statement("return ", write(o, parameters, optimize, gpu), 4)
    groups = ADAPTED if o.type in ADAPT else GROUPS
    before = groups if grouped else ""
    return "def make_optimizer(model):\n" + before + "\n".join(made)


def snippets(o: Any, target: Target) -> list[str]:
    """The optimizer's class, where it is not PyTorch's own."""
    own = o.type == OPTIMIZERS[o.type]
    return [snippet_of(FILES, o.type)] if own else []
