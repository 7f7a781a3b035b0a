"""What MXNet Gluon's programs say for losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.python.source import (
    Name,
    Opt,
    call,
    listing,
    literal,
    statement,
)

Lines = list[str]
MEAN = ["    return nd.mean(losses, axis=0, exclude=True)  # (N,)"]


def mean_of_pixels(axes: int) -> Lines:
    """The return of losses that have one number for each pixel, if there are any."""
    return MEAN if axes else ["    return losses  # (N,)"]


def number(name: str, value: float) -> str:
    """A constant under a name."""
    return f"    {name} = {literal(value)}"


def tensor(name: str, values: tuple[float, ...] | None) -> Lines:
    """A constant beside the output; nothing for None."""
    if values is None:
        return []
    place = {"ctx": Name("output.context"), "dtype": Name("output.dtype")}
    items = {"source_array": listing("", values)}
    return statement(f"{name} = ", call("nd.array", items, **place), 4)


def beside(axes: int) -> str:
    """What makes a vector of the channels stand beside the output."""
    return f".reshape((-1{', 1' * axes}))" if axes else ""


ONE_HOT = "nd.one_hot(target, output.shape[1], dtype=output.dtype)"
# oneDNN's float32 log_softmax, which gluon.loss.SoftmaxCrossEntropyLoss runs, is 3.5e-6
# off where float32 rounding is 2e-7; written out it is not.
LOG_SOFTMAX = [
    "    output = output - output.max(axis=1, keepdims=True).detach()",
    "    output = output - nd.log(nd.exp(output).sum(axis=1, keepdims=True))",
]


def likelihood(loss: Any, axes: int) -> Lines:
    """Cross-entropy, or the same of log-probabilities."""
    ignored, smoothing = loss.ignore_index, loss.label_smoothing
    lines = [*tensor("weight", loss.class_weights)]
    lines += LOG_SOFTMAX if loss.type == "cross_entropy" else []
    weighed = loss.class_weights is not None
    weight = f"weight{beside(axes)} * " if weighed else ""
    lines += [number("smoothing", smoothing)] if smoothing else []
    if loss.soft:
        if smoothing:
            smooth = "smoothing / output.shape[1]"
            lines.append(f"    target = (1 - smoothing) * target + {smooth}")
        lines.append(f"    losses = -({weight}target * output).sum(axis=1)")
        return [*lines, *mean_of_pixels(axes)]
    lines.append("    losses = -nd.pick(output, target, axis=1)")
    if weighed:
        lines.append("    losses = nd.take(weight, target) * losses")
    if smoothing:
        lines += [
            f"    others = -({weight}output).mean(axis=1)",
            "    losses = (1 - smoothing) * losses + smoothing * others",
        ]
    if ignored is not None:
        kept = f"(target != {literal(ignored)})"
        lines.append(f"    losses = {kept}.astype(output.dtype) * losses")
    return [*lines, *mean_of_pixels(axes)]


# Gluon's SigmoidBinaryCrossEntropyLoss has a wrong slope at a logit of 0.
BINARY = [
    "    no = (1 - target) * log1p_exp(output)",
    "    losses = {weight}target * log1p_exp(-output) + no",
]


def binary_cross_entropy(loss: Any, axes: int) -> Lines:
    lines = tensor("weight", loss.pos_weight)
    weight = ""
    if loss.pos_weight is not None:
        weight = f"weight{beside(axes) if len(loss.pos_weight) > 1 else ''} * "
    return [*lines, *(line.format(weight=weight) for line in BINARY), *MEAN]


def focal(loss: Any, axes: int) -> Lines:
    lines = [line.format(weight="") for line in BINARY]
    if loss.gamma:
        # The slope of a power below 1 has no bound at 0.
        power = (
            "nd.maximum(wrong, 1e-30) ** gamma" if loss.gamma < 1 else "wrong**gamma"
        )
        lines += [
            number("gamma", loss.gamma),
            "    p = nd.sigmoid(output)",
            "    wrong = p * (1 - target) + nd.sigmoid(-output) * target",
            f"    losses = {power} * losses",
        ]
    if loss.alpha is not None:
        lines += [
            number("alpha", loss.alpha),
            "    losses = (alpha * target + (1 - alpha) * (1 - target)) * losses",
        ]
    return [*lines, *MEAN]


def kl_div(loss: Any, axes: int) -> Lines:
    lines = ["    losses = nd.exp(target) * (target - output)"]
    if not loss.log_target:
        lines = [
            "    logs = nd.log(target + (target == 0))",
            "    losses = target * (logs - output)",
        ]
    how = "sum" if loss.batchmean else "mean"
    return [*lines, f"    return nd.{how}(losses, axis=0, exclude=True)  # (N,)"]


def cosine(loss: Any, axes: int) -> Lines:
    return [
        "    squares = [(v**2).sum(axis=1) for v in (output, target)]",
        "    x, t = (nd.sqrt(nd.maximum(square, 1e-16)) for square in squares)",
        "    losses = 1 - (output * target).sum(axis=1) / (x * t)",
        *mean_of_pixels(axes),
    ]


def multi_margin(loss: Any, axes: int) -> Lines:
    weighed = ["    losses = nd.take(weight, target) * losses"]
    return [
        *tensor("weight", loss.class_weights),
        number("margin", loss.margin),
        "    own = nd.pick(output, target).expand_dims(1)",
        f"    others = 1 - {ONE_HOT}",
        f"    losses = nd.relu(margin - own + output){' ** 2' if loss.p > 1 else ''}",
        "    losses = (losses * others).mean(axis=1)",
        *(weighed if loss.class_weights is not None else []),
        "    return losses  # (N,)",
    ]


def triplet(loss: Any, axes: int) -> Lines:
    value = "(nd.abs(u - v + eps) ** p).sum(axis=1) ** (1 / p)"
    if loss.p == 1:
        value = "nd.abs(u - v + eps).sum(axis=1)"
    elif loss.p == 2:
        value = "nd.sqrt(((u - v + eps) ** 2).sum(axis=1))"
    swap = ["    far = nd.minimum(far, distance(positive, negative))"]
    return [
        number("margin", loss.margin),
        number("eps", loss.eps),
        *([number("p", loss.p)] if loss.p not in (1, 2) else []),
        "",
        "    def distance(u, v):",
        f"        return {value}",
        "",
        "    anchor, positive, negative = nd.split(output, 3, axis=1)",
        "    near, far = distance(anchor, positive), distance(anchor, negative)",
        *(swap if loss.swap else []),
        "    return nd.relu(near - far + margin)  # (N,)",
    ]


def dice(loss: Any, axes: int) -> Lines:
    found = "nd.softmax(output, axis=1)" if loss.labels else "nd.sigmoid(output)"
    total = "found**2 + target**2" if loss.squared else "found + target"
    one_hot = f"    target = nd.moveaxis({ONE_HOT}, -1, 1)"
    return [
        number("smooth", loss.smooth),
        f"    found = {found}.reshape((0, 0, -1))  # (N, C, pixels)",
        *([one_hot] if loss.labels and not loss.soft else []),
        "    target = target.reshape((0, 0, -1))",
        "    both = 2 * (found * target).sum(axis=2) + smooth",
        f"    total = ({total}).sum(axis=2) + smooth",
        "    return (1 - both / total).mean(axis=1)  # (N,)",
    ]


FUNCTIONS: dict[str, Callable[[Any, int], Lines]] = {
    "binary_cross_entropy": binary_cross_entropy,
    "cosine": cosine,
    "cross_entropy": likelihood,
    "dice": dice,
    "focal": focal,
    "kl_div": kl_div,
    "multi_margin": multi_margin,
    "nll": likelihood,
    "triplet": triplet,
}
"""Losses that are written out."""


def mse(loss: Any) -> Any:
    # Gluon's squared loss carries a half; the weight takes it out.
    return call("gluon.loss.L2Loss", weight=2.0)


def l1(loss: Any) -> Any:
    return call("gluon.loss.L1Loss")


def huber(loss: Any) -> Any:
    # What Gluon calls Huber's is the smooth L1 loss.
    weight = Opt(loss.delta, 1.0)
    return call("gluon.loss.HuberLoss", rho=Opt(loss.delta, 1.0), weight=weight)


def smooth_l1(loss: Any) -> Any:
    if loss.beta == 0:
        return l1(loss)
    return call("gluon.loss.HuberLoss", rho=Opt(loss.beta, 1.0))


def hinge(loss: Any) -> Any:
    return call("gluon.loss.HingeLoss", margin=Opt(loss.margin, 1.0))


def squared_hinge(loss: Any) -> Any:
    return call("gluon.loss.SquaredHingeLoss", margin=Opt(loss.margin, 1.0))


OBJECTS: dict[str, Callable[[Any], Any]] = {
    "hinge": hinge,
    "huber": huber,
    "l1": l1,
    "mse": mse,
    "smooth_l1": smooth_l1,
    "squared_hinge": squared_hinge,
}
"""Losses that Gluon has."""

LOSSES = FUNCTIONS | OBJECTS
SNIPPETS = {"binary_cross_entropy": ("log1p_exp",), "focal": ("log1p_exp",)}


def loss_text(name: str, loss: Any, axes: int) -> str:
    """A loss function, for outputs with that many axes behind the channels."""
    if loss.type in OBJECTS:
        return "\n".join(statement(f"{name} = ", OBJECTS[loss.type](loss), 0, "(N,)"))
    head = [f"def {name}(output, target):", '    """One loss per sample."""']
    return "\n".join([*head, *FUNCTIONS[loss.type](loss, axes)])
