"""What MXNet Gluon's programs say for activation layers."""

from __future__ import annotations

from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import call, listing
from polyframe.compiler.table import Entry, Form, View


def activation(name: str) -> Entry:
    """Gluon's activation of that name."""
    return entry(Code(make=call("nn.Activation", {"activation": name})))


def helper(*names: str) -> Entry:
    """A helper without options, the last of these; the others are what it calls."""
    return entry(Code(f"{names[-1]}(F, {{0}})", snippets=names))


def float32(view: View) -> bool:
    """Where MXNet's own is exact: it computes in float32 for float64, too."""
    return view.target.dtype == "float32"


def gelu(view: View) -> Code:
    name = "gelu" if view.layer.approximate == "none" else "gelu_tanh"
    return Code(f"{name}(F, {{0}})", snippets=(name,))


def hard_tanh(view: View) -> Code:
    bounds = f"{view.layer.min_val!r}, {view.layer.max_val!r}"
    return Code(f"hard_tanh(F, {{0}}, {bounds})", snippets=("hard_tanh",))


def native_leaky_relu(view: View) -> Code:
    return Code(make=call("nn.LeakyReLU", {"alpha": view.layer.negative_slope}))


def own_leaky_relu(view: View) -> bool:
    """Gluon's refuses slopes below 0, and rounds slopes to float32."""
    return bool(float32(view) and view.layer.negative_slope >= 0)


def leaky_relu(view: View) -> Code:
    return Code(f"F.where({{0}} > 0, {{0}}, {view.layer.negative_slope!r} * {{0}})")


def prelu(view: View) -> Code:
    count = view.layer.num_parameters
    shape = (count, *[1] * (len(view.shape) - 1))
    slot = Slot("alpha", shape, None, (count,))
    return Code(
        make=listing("PReLU", shape), weights={"weight": slot}, snippets=("PReLU",)
    )


def native_prelu(view: View) -> Code:
    make = call("nn.PReLU", in_channels=view.layer.num_parameters)
    return Code(make=make, weights={"weight": Slot("alpha")})


def softplus(view: View) -> Code:
    layer = view.layer
    threshold = 40.0 if layer.threshold is None else min(layer.threshold, 40.0)
    options = "" if layer.beta == 1 else f", beta={layer.beta!r}"
    options += "" if threshold == 40 else f", threshold={threshold!r}"
    return Code(f"softplus(F, {{0}}{options})", snippets=("softplus",))


TABLE: dict[str, Entry] = {
    "CELU": entry(
        lambda v: Code(f"celu(F, {{0}}, {v.layer.alpha!r})", snippets=("celu",)),
    ),
    "ELU": entry(
        lambda v: Code(f"elu(F, {{0}}, {v.layer.alpha!r})", snippets=("elu",)),
    ),
    "GELU": Entry(
        (
            Form(
                "native",
                lambda v: Code(make=call("nn.GELU")),
                lambda v: float32(v) and v.layer.approximate == "none",
            ),
            Form("written out", gelu),
        )
    ),
    "HardSigmoid": helper("hard_sigmoid"),
    "HardSwish": helper("hard_swish"),
    "HardTanh": entry(hard_tanh),
    "LeakyReLU": Entry(
        (
            Form("native", native_leaky_relu, own_leaky_relu),
            Form("written out", leaky_relu),
        )
    ),
    "LogSigmoid": helper("softplus", "log_sigmoid"),
    "LogSoftmax": entry(
        lambda v: Code(
            f"log_softmax(F, {{0}}, axis={v.layer.axis})", snippets=("log_softmax",)
        )
    ),
    "Mish": helper("softplus", "mish"),
    "PReLU": Entry(
        (
            Form("native", native_prelu, float32),
            Form("written out", prelu),
        )
    ),
    "ReLU": activation("relu"),
    "ReLU6": entry(Code('F.minimum(F.Activation({0}, act_type="relu"), 6)')),
    "SELU": helper("elu", "selu"),
    "SiLU": entry(Code(make=call("nn.Swish"))),
    "Sigmoid": activation("sigmoid"),
    "Softmax": entry(lambda v: Code(f"F.softmax({{0}}, axis={v.layer.axis})")),
    "Softplus": entry(softplus),
    "Softsign": activation("softsign"),
    "Tanh": activation("tanh"),
}
