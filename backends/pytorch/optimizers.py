"""What PyTorch's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.optimizers import Writer, class_entries, options
from polyframe.compiler.python.source import Name, Opt, call
from polyframe.compiler.table import Entry, Form, OptimizerView


def optimizer(
    function: str, own: bool = False, capturable: bool = False, fused: bool = False
) -> Writer:
    """The construction of an optimizer.

    - ``own``: its class is one of our snippets;
    - ``capturable``: it takes that argument, which lets a CUDA graph record it;
    - ``fused``: it updates all parameters in one kernel.
    """

    def write(view: OptimizerView) -> Code:
        rule, given = view.rule, options(view.rule, {})
        if "beta1" in given:
            first, second = given.pop("beta1"), given.pop("beta2")
            pairs = (first.value, second.value), (first.default, second.default)
            given = {"betas": Opt(*pairs), **given}
        switches = {"fused": True} if fused else {}
        if capturable and view.target.optimize and view.target.device == "gpu":
            switches["capturable"] = True
        groups = Name("groups" if rule.spares_vectors else "model.parameters()")
        make = call(function, {"params": groups}, lr=rule.lr, **given, **switches)
        return Code(make=make, snippets=(function,) if own else ())

    return write


def fusable(
    function: str,
    capturable: bool = False,
    when: Callable[[OptimizerView], bool] = lambda view: True,
) -> Entry:
    """An optimizer that PyTorch has a fused kernel for."""
    fused = optimizer(function, capturable=capturable, fused=True)
    return Entry(
        (
            Form("fused", fused, when, faster=True),
            Form("native", optimizer(function, capturable=capturable)),
        )
    )


def own_class(name: str) -> Writer:
    """An optimizer that PyTorch lacks, or whose own is not exact: the product of NAdam's
    momenta is a float32 there."""
    return optimizer(name, own=True)


TABLE: dict[str, Entry] = {
    **class_entries(__file__, own_class),
    "Adadelta": entry(optimizer("torch.optim.Adadelta")),
    "Adagrad": fusable("torch.optim.Adagrad", when=lambda v: v.target.device == "cpu"),
    "Adam": fusable("torch.optim.Adam", capturable=True),
    "AdamW": fusable("torch.optim.AdamW", capturable=True),
    "Adamax": entry(optimizer("torch.optim.Adamax")),
    "RAdam": entry(optimizer("torch.optim.RAdam")),
    "RMSProp": entry(optimizer("torch.optim.RMSprop")),
    "SGD": fusable("torch.optim.SGD"),
}
