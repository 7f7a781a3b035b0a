"""What JAX's programs say: for each layer, an expression on arrays (N, C, …), in which
``{self}`` is the layer's path, under which its parameters are kept; for each loss, a
function; for each optimizer, how one parameter goes through one step."""

from __future__ import annotations

from typing import Any

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.losses import function
from polyframe.compiler.python.optimizers import options
from polyframe.compiler.python.source import Name, Opt, call, flat, literal, statement
from polyframe.compiler.table import Entry, Form, LossView, OptimizerView, View
from polyframe.spec.layers.base import positive_axis

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def code(function: str, *given: Any, snippet: bool = True, **options: Any) -> Code:
    """A call on the layer's input; what is given as text stands as it is."""
    values = [Name(v) if isinstance(v, str) else v for v in given]
    text = flat(call(function, {f"v{i}": v for i, v in enumerate(values)}, **options))
    return Code(text, snippets=(function,) if snippet else ())


def weights(bias: bool) -> list[str]:
    """The parameters of a layer, as arguments."""
    return ['params["{self}.weight"]', *(['params["{self}.bias"]'] if bias else [])]


def conv(view: View) -> Code:
    layer, pads, x = view.layer, view.layer.pads(view.shape), "{0}"
    if layer.padding_mode != "zeros" and any(map(any, pads)):
        widths = literal(((0, 0), (0, 0), *pads))
        x = f'jnp.pad({{0}}, {widths}, mode="{MODES[layer.padding_mode]}")'
        pads = ((0, 0),) * layer.dims
    return code(
        "conv", x, *weights(layer.bias), stride=layer.stride, padding=pads,
        dilation=layer.dilation, groups=Opt(layer.groups, 1),
    )  # fmt: skip


def dense(view: View) -> Code:
    text = '{0} @ params["{self}.weight"].T'
    return Code(text + ' + params["{self}.bias"]' * view.layer.bias)


def scale(view: View) -> Code:
    behind = len(view.shape) - positive_axis(view.layer.axis, view.shape)
    factor, *shift = (
        f"{w}.reshape{literal((-1, *[1] * behind))}" if behind else w
        for w in weights(view.layer.bias)
    )
    return Code(" + ".join([f"{{0}} * {factor}", *shift]))


def batch_norm(view: View) -> Code:
    layer = view.layer
    return code(
        "batch_norm", "{0}", "params", "state", '"{self}"', "training",
        momentum=layer.momentum, eps=layer.eps, unbiased=Opt(layer.unbiased, True),
    )  # fmt: skip


def max_pool(view: View) -> Code:
    layer = view.layer
    pads = layer.whole_pads(view.shape)
    return code("max_pool", "{0}", layer.kernel_size, layer.steps, pads)


def avg_pool(view: View) -> Code:
    layer = view.layer
    inner, outer = layer.counted_pads(view.shape)
    if layer.divisor is not None:
        inner, outer = layer.whole_pads(view.shape), ((0, 0),) * layer.dims
    return code(
        "avg_pool", "{0}", layer.kernel_size, layer.steps, inner, outer,
        divisor=Opt(layer.divisor, None),
    )  # fmt: skip


def global_avg_pool(view: View) -> Code:
    keep = ", keepdims=True" if view.layer.keepdims else ""
    return Code(f"{{0}}.mean(axis={literal(view.layer.axes)}{keep})")


def reshape(view: View) -> Code:
    """``Flatten`` and ``Reshape``; the sizes are known, but for the batch's."""
    return Code(f"{{0}}.reshape{literal((-1, *view.node.shape))}")


def cross_entropy(view: LossView) -> Code:
    loss = view.loss
    value = call(
        "cross_entropy", {"output": Name("output"), "target": Name("target")},
        smoothing=Opt(loss.label_smoothing, 0.0),
        weight=Opt(loss.class_weights, None),
        ignored=Opt(loss.ignore_index if view.labels else None, None),
    )  # fmt: skip
    lines = statement("losses = ", value, 4)
    return function(lines, MEAN, snippets=("cross_entropy",))


MEAN = ["    return losses.reshape(len(losses), -1).mean(1)  # (N,)"]
SQUARES = ["    losses = (output - target) ** 2"]


def rule(name: str) -> Entry:
    """An optimizer that is a snippet: one parameter's way through one step."""
    words = ("w", "g", "kept", "learning_rate", "step")

    def write(view: OptimizerView) -> Code:
        given = options(view.rule, {})
        given["decay_vectors"] = Opt(not view.rule.spares_vectors, True)
        value = call(name, {word: Name(word) for word in words}, **given)
        return Code(body=tuple(statement("return ", value, 4)), snippets=(name,))

    return entry(write)


TABLE: dict[str, Entry] = {
    "Add": entry(Code("{sum}")),
    "AvgPool2D": entry(avg_pool),
    "BatchNorm": entry(batch_norm),
    "Concat": entry(lambda v: Code(f"jnp.concatenate([{{all}}], axis={v.layer.axis})")),
    "Conv1D": entry(conv),
    "Conv2D": entry(conv),
    "Conv3D": entry(conv),
    "Dense": entry(dense),
    # The factors are an input of the program, whoever draws them.
    "Dropout": Entry(
        (
            Form(
                "drawn", lambda v: Code("{0} * {draw} if training else {0}", draws=True)
            ),
        )
    ),
    "Flatten": entry(reshape),
    "GlobalAvgPool2D": entry(global_avg_pool),
    "MaxPool2D": Entry(
        (Form("native", max_pool, lambda v: set(v.layer.dilation) == {1}),)
    ),
    "ReLU": entry(Code("jax.nn.relu({0})")),
    "Reshape": entry(reshape),
    "Scale": entry(scale),
    "Softmax": entry(lambda v: Code(f"jax.nn.softmax({{0}}, axis={v.layer.axis})")),
    "cross_entropy": entry(cross_entropy),
    "mse": entry(function(SQUARES, MEAN)),
    "Adam": rule("adam"),
    "SGD": rule("sgd"),
}
