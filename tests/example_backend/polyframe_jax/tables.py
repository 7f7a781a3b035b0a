"""What JAX's programs say: for each layer, an expression on arrays (N, C, …), in which
``{self}`` is the layer's path, under which its parameters are kept; for each loss, a
function; for each optimizer, how one parameter goes through one step."""

from __future__ import annotations

from typing import Any

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.losses import beside, function, number
from polyframe.compiler.python.source import Name, Opt, call, flat, listing, literal
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
    after = len(view.shape) - positive_axis(view.layer.axis, view.shape)
    factor, *shift = (
        f"{w}.reshape{literal((-1, *[1] * after))}" if after else w
        for w in weights(view.layer.bias)
    )
    return Code(" + ".join([f"{{0}} * {factor}", *shift]))


def batch_norm(view: View) -> Code:
    layer = view.layer
    return code(
        "batch_norm", "{0}", "params", "state", '"{self}"',
        "False" if view.node.fixed else "training",
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
    loss, one_hot = view.loss, "output.shape[1], axis=1, dtype=output.dtype"
    lines = ["    log_p = jax.nn.log_softmax(output, axis=1)"]
    ignores = view.labels and loss.ignore_index is not None
    if ignores:
        lines.append(f"    counted = target != {literal(loss.ignore_index)}")
    if view.labels:
        lines.append(f"    target = jax.nn.one_hot(target, {one_hot})")
    if loss.label_smoothing:
        lines += [
            number("smoothing", loss.label_smoothing),
            "    target = (1 - smoothing) * target + smoothing / output.shape[1]",
        ]
    if loss.class_weights is not None:
        values = listing("", loss.class_weights).flat()
        lines += [
            f"    weight = jnp.array({values}, output.dtype)",
            f"    target = weight{beside(view.axes, '.reshape({})')} * target",
        ]
    lines.append("    losses = -(target * log_p).sum(1)")
    lines += ["    losses = losses * counted"] if ignores else []
    return function(lines, MEAN)


MEAN = ["    return losses.reshape(len(losses), -1).mean(1)  # (N,)"]
SQUARES = ["    losses = (output - target) ** 2"]


def decayed(view: OptimizerView, lines: list[str]) -> Code:
    """An update whose weight decay is part of the gradient."""
    term, before = f"g = g + {literal(view.rule.weight_decay)} * w", []
    if view.rule.spares_vectors:
        before = ["if w.ndim > 1:  # no biases, scales and shifts", f"    {term}"]
    elif view.rule.weight_decay:
        before = [term]
    return Code(body=tuple(f"    {line}" for line in (*before, *lines)))


def sgd(view: OptimizerView) -> Code:
    rule, lines, share = view.rule, [], ""
    if not rule.momentum:
        return decayed(view, ["return w - learning_rate * g, {}"])
    if rule.dampening:
        lines = [f"share = jnp.where(step > 1, {literal(1 - rule.dampening)}, 1.0)"]
        share = "share * "
    momentum = literal(rule.momentum)
    update = f"(g + {momentum} * v)" if rule.nesterov else "v"
    lines += [
        f'v = {momentum} * kept["momentum_buffer"] + {share}g',
        f'return w - learning_rate * {update}, {{"momentum_buffer": v}}',
    ]
    return decayed(view, lines)


def adam(view: OptimizerView) -> Code:
    rule, lines, largest = view.rule, [], "v"
    kept = '"exp_avg": m, "exp_avg_sq": v'
    if rule.amsgrad:
        lines = ['largest = jnp.maximum(kept["max_exp_avg_sq"], v)']
        kept, largest = f'{kept}, "max_exp_avg_sq": largest', "largest"
    lines = [
        f"beta1, beta2, eps = {rule.beta1!r}, {rule.beta2!r}, {rule.eps!r}",
        'm = beta1 * kept["exp_avg"] + (1 - beta1) * g',
        'v = beta2 * kept["exp_avg_sq"] + (1 - beta2) * g**2',
        *lines,
        f"size = jnp.sqrt({largest} / (1 - beta2**step)) + eps",
        "w = w - learning_rate * m / (1 - beta1**step) / size",
        f"return w, {{{kept}}}",
    ]
    return decayed(view, lines)


# The random numbers are an input of the program, with any semantics.
DROPOUT = Code("{0} * {draw} if training else {0}", draws=True)

TABLE: dict[str, Entry] = {
    "Add": entry(Code("{sum}")),
    "AvgPool2D": entry(avg_pool),
    "BatchNorm": entry(batch_norm),
    "Concat": entry(lambda v: Code(f"jnp.concatenate([{{all}}], axis={v.layer.axis})")),
    "Conv1D": entry(conv),
    "Conv2D": entry(conv),
    "Conv3D": entry(conv),
    "Dense": entry(dense),
    "Dropout": Entry((Form("aligned", lambda v: DROPOUT),)),
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
    "Adam": entry(adam),
    "SGD": entry(sgd),
}
