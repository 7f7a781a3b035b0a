"""What PyTorch's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.optimizers import Writer, class_entries, options
from polyframe.compiler.python.source import Name, Opt, call
from polyframe.compiler.table import Entry, Form, OptimizerView


def optimizer(
    function: str,
    snippet: bool = False,
    capturable: bool = False,
    fused: bool = False,
    own: bool = False,
) -> Writer:
    """The construction of an optimizer.

    - ``snippet``: its class is one of our snippets;
    - ``capturable``: it takes that argument, which lets a CUDA graph record it;
    - ``fused``: it updates all parameters in one kernel;
    - ``own``: it is written as users of PyTorch do, and its groups hold their rates.
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
        return Code(make=make, snippets=(function,) if snippet else (), own=own)

    return write


def with_own(forms: tuple[Form, ...], function: str) -> Entry:
    """An entry whose native semantics take a class of PyTorch's."""
    return Entry(forms, own=(Form("own class", optimizer(function, own=True)),))


def plain(function: str) -> Entry:
    """An optimizer that is PyTorch's in all semantics."""
    return with_own((Form("native", optimizer(function)),), function)


FUSED = (
    "The same formula, in one kernel for all parameters instead of several for each; "
    "results agree up to rounding."
)


def fusable(
    function: str,
    capturable: bool = False,
    when: Callable[[OptimizerView], bool] = lambda view: True,
) -> Entry:
    """An optimizer that PyTorch has a fused kernel for."""
    fused = optimizer(function, capturable=capturable, fused=True)
    single = optimizer(function, capturable=capturable)
    forms = Form("fused", fused, when, faster=True, why=FUSED), Form("native", single)
    return with_own(forms, function)


SNIPPETS = class_entries(__file__, lambda name: optimizer(name, snippet=True))
"""Optimizers that PyTorch lacks, or whose own is not exact: the product of NAdam's
momenta is a float32 there."""

TABLE: dict[str, Entry] = {
    **{
        name: replace(entry, own=(), own_gap=f"torch.optim has no {name}")
        for name, entry in SNIPPETS.items()
    },
    "Adadelta": plain("torch.optim.Adadelta"),
    "Adagrad": fusable("torch.optim.Adagrad", when=lambda v: v.target.device == "cpu"),
    "Adam": fusable("torch.optim.Adam", capturable=True),
    "AdamW": fusable("torch.optim.AdamW", capturable=True),
    "Adamax": plain("torch.optim.Adamax"),
    "NAdam": with_own(SNIPPETS["NAdam"].forms, "torch.optim.NAdam"),
    "RAdam": plain("torch.optim.RAdam"),
    "RMSProp": plain("torch.optim.RMSprop"),
    "SGD": fusable("torch.optim.SGD"),
}
