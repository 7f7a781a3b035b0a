"""What TensorFlow's programs say for activation layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import native_axis, native_shape
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, View


def activation(name: str) -> Entry:
    """Keras's activation of that name."""
    return entry(Code(make=call("layers.Activation", {"activation": name})))


def native_gelu(view: View) -> Code:
    return Code(make=call("layers.Activation", {"activation": "gelu"}))


def gelu(view: View) -> Code:
    """Written out, exact in float64: TensorFlow's own rounds √2 and √(2/π) to float32."""
    name = "gelu" if view.layer.approximate == "none" else "gelu_tanh"
    return Code(f"{name}({{0}})", snippets=(name,))


def hard_tanh(view: View) -> Code:
    bounds = f"{view.layer.min_val!r}, {view.layer.max_val!r}"
    return Code(f"hard_tanh({{0}}, {bounds})", snippets=("hard_tanh",))


def leaky_relu(view: View) -> Code:
    slope = Opt(view.layer.negative_slope, 0.3)
    return Code(make=call("layers.LeakyReLU", negative_slope=slope))


def own_leaky_relu(view: View) -> bool:
    """Keras's refuses slopes below 0, and rounds slopes to float32."""
    return bool(view.target.dtype == "float32" and view.layer.negative_slope >= 0)


def where(view: View) -> Code:
    return Code(f"tf.where({{0}} > 0, {{0}}, {view.layer.negative_slope!r} * {{0}})")


def prelu(view: View) -> Code:
    """The helper: Keras's own stores the slopes in an array of the sample's rank, not in
    a vector."""
    make = call("PReLU", slopes=Opt(view.layer.num_parameters, 1))
    return Code(make=make, weights={"weight": Slot("alpha")}, snippets=("PReLU",))


def softmax(view: View) -> Code:
    """Keras's own, except over an axis of size 1, of which it warns."""
    axis = native_axis(view.layer.axis, view.shape)
    if native_shape(view.shape)[axis if axis < 0 else axis - 1] == 1:
        return Code(f"tf.nn.softmax({{0}}, axis={axis})")
    return Code(make=call("layers.Softmax", axis=Opt(axis, -1)))


def softplus(view: View) -> Code:
    layer = view.layer
    if layer.beta == 1 and layer.threshold is None:
        return Code(make=call("layers.Activation", {"activation": "softplus"}))
    options = f", beta={layer.beta!r}"
    if layer.threshold is not None:
        options += f", threshold={layer.threshold!r}"
    return Code(f"softplus({{0}}{options})", snippets=("softplus",))


TABLE: dict[str, Entry] = {
    "CELU": entry(
        lambda v: Code(f"celu({{0}}, {v.layer.alpha!r})", snippets=("celu",)),
    ),
    "ELU": entry(
        lambda v: Code(make=call("layers.ELU", alpha=Opt(v.layer.alpha, 1.0))),
    ),
    "GELU": Entry(
        (
            Form(
                "native",
                native_gelu,
                lambda v: v.target.dtype == "float32" and v.layer.approximate == "none",
            ),
            Form("written out", gelu),
        )
    ),
    "HardSigmoid": activation("hard_sigmoid"),
    "HardSwish": activation("hard_swish"),
    "HardTanh": entry(hard_tanh),
    "LeakyReLU": Entry(
        (
            Form("native", leaky_relu, own_leaky_relu),
            Form("written out", where),
        )
    ),
    "LogSigmoid": activation("log_sigmoid"),
    "LogSoftmax": entry(
        lambda v: Code(
            f"tf.nn.log_softmax({{0}}, axis={native_axis(v.layer.axis, v.shape)})"
        )
    ),
    "Mish": activation("mish"),
    "PReLU": entry(prelu),
    "ReLU": entry(Code(make=call("layers.ReLU"))),
    "ReLU6": entry(Code(make=call("layers.ReLU", max_value=6))),
    "SELU": entry(Code("selu({0})", snippets=("selu",))),
    "SiLU": activation("silu"),
    "Sigmoid": activation("sigmoid"),
    "Softmax": entry(softmax),
    "Softplus": entry(softplus),
    "Softsign": activation("softsign"),
    "Tanh": activation("tanh"),
}
