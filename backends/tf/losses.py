"""What TensorFlow's programs say for losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.python.source import Name, call, listing, literal, statement

Lines = list[str]


def mean(value: str = "losses", of: str = "losses") -> Lines:
    """The return of each sample's mean over all that stands behind N."""
    return [f"    return tf.reduce_mean({value}, range(1, {of}.shape.rank))  # (N,)"]


def mean_of_pixels(axes: int) -> Lines:
    """The return of losses that have one number for each pixel, if there are any."""
    return mean() if axes else ["    return losses  # (N,)"]


def number(name: str, value: float) -> str:
    """A constant under a name."""
    return f"    {name} = {literal(value)}"


def tensor(name: str, values: tuple[float, ...] | None) -> Lines:
    """A constant beside the output, whose channels come last; nothing for None."""
    if values is None:
        return []
    items = {"value": listing("", values), "dtype": Name("output.dtype")}
    return statement(f"{name} = ", call("tf.constant", items), 4)


ONE_HOT = "tf.one_hot(target, output.shape[-1], dtype=output.dtype)"
SPARSE = "tf.nn.sparse_softmax_cross_entropy_with_logits(target, output)"


def likelihood(loss: Any, axes: int, log_p: str, at_label: str) -> Lines:
    """The lines of cross-entropy and its like, from log-probabilities; ``at_label`` are
    the losses of labels without smoothing."""
    ignored, smoothing = loss.ignore_index, loss.label_smoothing
    plain = ignored is None and loss.class_weights is None
    if plain and not (loss.soft or smoothing or axes):
        return [f"    return {at_label}  # (N,)"]
    lines = tensor("weight", loss.class_weights)
    weight = "weight * " if loss.class_weights is not None else ""
    if ignored is not None:
        lines.append(f"    kept = target != {literal(ignored)}")
    if loss.soft or smoothing:
        lines += [] if loss.soft else [f"    target = {ONE_HOT}"]
        if smoothing:
            lines.append(number("smoothing", smoothing))
            smooth = "smoothing / output.shape[-1]"
            lines.append(f"    target = (1 - smoothing) * target + {smooth}")
        # softmax_cross_entropy_with_logits has gradients of targets with sum 1 only.
        lines.append(f"    losses = -tf.reduce_sum({weight}target * {log_p}, -1)")
    else:
        if ignored is not None:
            lines.append("    target = tf.where(kept, target, 0)")
        lines.append(f"    losses = {at_label}")
        if weight:
            lines.append("    losses = tf.gather(weight, target) * losses")
    if ignored is not None:
        lines.append("    losses = tf.cast(kept, losses.dtype) * losses")
    return [*lines, *mean_of_pixels(axes)]


def cross_entropy(loss: Any, axes: int) -> Lines:
    return likelihood(loss, axes, "tf.nn.log_softmax(output)", SPARSE)


def nll(loss: Any, axes: int) -> Lines:
    at_label = f"-tf.gather(output, target, axis=-1, batch_dims={1 + axes})"
    return likelihood(loss, axes, "output", at_label)


def binary_cross_entropy(loss: Any, axes: int) -> Lines:
    if loss.pos_weight is None:
        value = "tf.nn.sigmoid_cross_entropy_with_logits(target, output)"
        return [f"    losses = {value}", *mean()]
    # weighted_cross_entropy_with_logits has a wrong slope at a logit of 0.
    return [
        *tensor("weight", loss.pos_weight),
        "    losses = weight * target * tf.nn.softplus(-output)",
        "    losses += (1 - target) * tf.nn.softplus(output)",
        *mean(),
    ]


def focal(loss: Any, axes: int) -> Lines:
    value = "tf.nn.sigmoid_cross_entropy_with_logits(target, output)"
    lines = [f"    losses = {value}"]
    if loss.gamma:
        # The slope of a power below 1 has no bound at 0.
        power = (
            "tf.maximum(wrong, 1e-30) ** gamma" if loss.gamma < 1 else "wrong**gamma"
        )
        lines += [
            number("gamma", loss.gamma),
            "    p = tf.sigmoid(output)",
            "    wrong = p * (1 - target) + tf.sigmoid(-output) * target",
            f"    losses = {power} * losses",
        ]
    if loss.alpha is not None:
        lines += [
            number("alpha", loss.alpha),
            "    losses = (alpha * target + (1 - alpha) * (1 - target)) * losses",
        ]
    return [*lines, *mean()]


def mse(loss: Any, axes: int) -> Lines:
    return mean("(output - target) ** 2", "output")


def l1(loss: Any, axes: int) -> Lines:
    return mean("tf.abs(output - target)", "output")


def huber(loss: Any, axes: int) -> Lines:
    return [
        number("delta", loss.delta),
        "    error = tf.abs(output - target)",
        "    line = delta * (error - delta / 2)",
        "    losses = tf.where(error <= delta, error**2 / 2, line)",
        *mean(),
    ]


def smooth_l1(loss: Any, axes: int) -> Lines:
    if loss.beta == 0:
        return l1(loss, axes)
    return [
        number("beta", loss.beta),
        "    error = tf.abs(output - target)",
        "    square = error**2 / (2 * beta)",
        "    losses = tf.where(error < beta, square, error - beta / 2)",
        *mean(),
    ]


def kl_div(loss: Any, axes: int) -> Lines:
    value = "tf.math.xlogy(target, target) - target * output"
    if loss.log_target:
        value = "tf.exp(target) * (target - output)"
    how = "sum" if loss.batchmean else "mean"
    axis = "range(1, losses.shape.rank)"
    return [
        f"    losses = {value}",
        f"    return tf.reduce_{how}(losses, {axis})  # (N,)",
    ]


def cosine(loss: Any, axes: int) -> Lines:
    return [
        "    squares = [tf.reduce_sum(v**2, -1) for v in (output, target)]",
        "    x, t = (tf.sqrt(tf.maximum(square, 1e-16)) for square in squares)",
        "    losses = 1 - tf.reduce_sum(output * target, -1) / (x * t)",
        *mean_of_pixels(axes),
    ]


def hinge(loss: Any, axes: int) -> Lines:
    power = " ** 2" if loss.type == "squared_hinge" else ""
    return [
        f"    losses = tf.nn.relu({literal(loss.margin)} - target * output){power}",
        *mean(),
    ]


def multi_margin(loss: Any, axes: int) -> Lines:
    weighed = ["    losses = tf.gather(weight, target) * losses"]
    return [
        *tensor("weight", loss.class_weights),
        number("margin", loss.margin),
        "    own = tf.gather(output, target, axis=1, batch_dims=1)[:, None]",
        f"    others = 1 - {ONE_HOT}",
        f"    losses = tf.nn.relu(margin - own + output){' ** 2' if loss.p > 1 else ''}",
        "    losses = tf.reduce_mean(losses * others, 1)",
        *(weighed if loss.class_weights is not None else []),
        "    return losses  # (N,)",
    ]


def triplet(loss: Any, axes: int) -> Lines:
    value = "tf.reduce_sum(tf.abs(u - v + eps) ** p, 1) ** (1 / p)"
    if loss.p == 1:
        value = "tf.reduce_sum(tf.abs(u - v + eps), 1)"
    elif loss.p == 2:
        value = "tf.sqrt(tf.reduce_sum((u - v + eps) ** 2, 1))"
    swap = ["    far = tf.minimum(far, distance(positive, negative))"]
    return [
        number("margin", loss.margin),
        number("eps", loss.eps),
        *([number("p", loss.p)] if loss.p not in (1, 2) else []),
        "",
        "    def distance(u, v):",
        f"        return {value}",
        "",
        "    anchor, positive, negative = tf.split(output, 3, axis=1)",
        "    near, far = distance(anchor, positive), distance(anchor, negative)",
        *(swap if loss.swap else []),
        "    return tf.nn.relu(near - far + margin)  # (N,)",
    ]


def dice(loss: Any, axes: int) -> Lines:
    one_hot = loss.labels and not loss.soft
    total = "found**2 + target**2" if loss.squared else "found + target"
    return [
        number("smooth", loss.smooth),
        f"    found = tf.nn.{'softmax' if loss.labels else 'sigmoid'}(output)",
        *([f"    target = {ONE_HOT}"] if one_hot else []),
        "    pixels = range(1, output.shape.rank - 1)",
        "    both = 2 * tf.reduce_sum(found * target, pixels) + smooth",
        f"    total = tf.reduce_sum({total}, pixels) + smooth",
        "    return tf.reduce_mean(1 - both / total, 1)  # (N,)",
    ]


LOSSES: dict[str, Callable[[Any, int], Lines]] = {
    "binary_cross_entropy": binary_cross_entropy,
    "cosine": cosine,
    "cross_entropy": cross_entropy,
    "dice": dice,
    "focal": focal,
    "hinge": hinge,
    "huber": huber,
    "kl_div": kl_div,
    "l1": l1,
    "mse": mse,
    "multi_margin": multi_margin,
    "nll": nll,
    "smooth_l1": smooth_l1,
    "squared_hinge": hinge,
    "triplet": triplet,
}


def loss_text(name: str, loss: Any, axes: int) -> str:
    """A loss function, for outputs with that many axes besides N and the channels."""
    head = [f"def {name}(output, target):", '    """One loss per sample."""']
    return "\n".join([*head, *LOSSES[loss.type](loss, axes)])
