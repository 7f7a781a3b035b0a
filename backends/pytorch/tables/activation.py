"""What PyTorch's programs say for activation layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.backends.pytorch.tables.common import AS_IS
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, View


def two(native: Callable[[View], Code], write: Callable[[View], Code]) -> Entry:
    """PyTorch's own layer, in float32 alone: in float64 its gradient is rounded to
    float32."""
    return Entry(
        (
            Form("native", native, lambda v: v.target.dtype == "float32"),
            Form("written out", write),
        )
    )


def hard_tanh(view: View) -> Code:
    layer = view.layer
    bounds = {"min_val": Opt(layer.min_val, -1.0), "max_val": Opt(layer.max_val, 1.0)}
    return Code(make=call("nn.Hardtanh", **bounds))


def prelu(view: View) -> Code:
    layer = view.layer
    make = call(
        "nn.PReLU",
        num_parameters=Opt(layer.num_parameters, 1),
        init=Opt(layer.init, 0.25),
    )
    return Code(make=make, weights={"weight": AS_IS["weight"]})


def softplus(view: View) -> Code:
    """Above a threshold PyTorch computes x, by default above 20; above 40 that is exact in
    float64, too."""
    layer = view.layer
    threshold = 40.0 if layer.threshold is None else min(layer.threshold, 40.0)
    return Code(
        make=call(
            "nn.Softplus", beta=Opt(layer.beta, 1.0), threshold=Opt(threshold, 20.0)
        )
    )


TABLE: dict[str, Entry] = {
    "CELU": two(
        lambda v: Code(make=call("nn.CELU", alpha=Opt(v.layer.alpha, 1.0))),
        lambda v: Code(f"celu({{0}}, {v.layer.alpha!r})", snippets=("celu",)),
    ),
    "ELU": entry(
        lambda v: Code(make=call("nn.ELU", alpha=Opt(v.layer.alpha, 1.0))),
    ),
    "GELU": entry(
        lambda v: Code(
            make=call("nn.GELU", approximate=Opt(v.layer.approximate, "none"))
        )
    ),
    "HardSigmoid": two(
        lambda v: Code(make=call("nn.Hardsigmoid")),
        lambda v: Code("hard_sigmoid({0})", snippets=("hard_sigmoid",)),
    ),
    "HardSwish": entry(Code(make=call("nn.Hardswish"))),
    "HardTanh": entry(hard_tanh),
    "LeakyReLU": entry(
        lambda v: Code(
            make=call("nn.LeakyReLU", negative_slope=Opt(v.layer.negative_slope, 0.01))
        )
    ),
    "LogSigmoid": entry(Code(make=call("nn.LogSigmoid"))),
    "LogSoftmax": entry(lambda v: Code(make=call("nn.LogSoftmax", dim=v.layer.axis))),
    "Mish": entry(Code(make=call("nn.Mish"))),
    "PReLU": entry(prelu),
    "ReLU": entry(Code(make=call("nn.ReLU"))),
    "ReLU6": entry(Code(make=call("nn.ReLU6"))),
    "SELU": entry(Code(make=call("nn.SELU"))),
    "SiLU": entry(Code(make=call("nn.SiLU"))),
    "Sigmoid": entry(Code(make=call("nn.Sigmoid"))),
    "Softmax": entry(lambda v: Code(make=call("nn.Softmax", dim=v.layer.axis))),
    "Softplus": entry(softplus),
    "Softsign": entry(Code(make=call("nn.Softsign"))),
    "Tanh": entry(Code(make=call("nn.Tanh"))),
}
