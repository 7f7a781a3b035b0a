"""What TensorFlow's programs say for losses."""

from __future__ import annotations

from polyframe.compiler.python import losses
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.losses import Lines, function, number, smoothed
from polyframe.compiler.python.source import Name, call, listing, literal, statement
from polyframe.compiler.table import Entry, LossView


def mean(value: str = "losses", of: str = "losses") -> Lines:
    """The return of each sample's mean over all axes after N."""
    return [f"    return tf.reduce_mean({value}, range(1, {of}.shape.rank))  # (N,)"]


def mean_of_pixels(axes: int) -> Lines:
    """The return of losses that have one number for each pixel, if there are any."""
    return mean() if axes else ["    return losses  # (N,)"]


def tensor(name: str, values: tuple[float, ...] | None) -> Lines:
    """The line of a constant of the output's dtype, for its last axis, the channels; no
    line for None."""
    if values is None:
        return []
    items = {"value": listing("", values), "dtype": Name("output.dtype")}
    return statement(f"{name} = ", call("tf.constant", items), 4)


ONE_HOT = "tf.one_hot(target, output.shape[-1], dtype=output.dtype)"
SPARSE = "tf.nn.sparse_softmax_cross_entropy_with_logits(target, output)"


def likelihood(view: LossView, log_p: str, at_label: str) -> Code:
    """Cross-entropy and its like, from log-probabilities; ``at_label`` are the losses of
    labels without smoothing."""
    loss, soft = view.loss, view.probabilities
    ignored, smoothing = loss.ignore_index, loss.label_smoothing
    plain = ignored is None and loss.class_weights is None
    if plain and not (soft or smoothing or view.axes):
        return function([f"    return {at_label}  # (N,)"])
    lines = tensor("weight", loss.class_weights)
    weight = "weight * " if loss.class_weights is not None else ""
    if ignored is not None:
        lines.append(f"    kept = target != {literal(ignored)}")
    if soft or smoothing:
        lines += [] if soft else [f"    target = {ONE_HOT}"]
        if smoothing:
            lines.append(number("smoothing", smoothing))
            smooth = "smoothing / output.shape[-1]"
            lines.append(f"    target = (1 - smoothing) * target + {smooth}")
        # The gradients of softmax_cross_entropy_with_logits are right only for targets
        # whose sum is 1.
        lines.append(f"    losses = -tf.reduce_sum({weight}target * {log_p}, -1)")
    else:
        if ignored is not None:
            lines.append("    target = tf.where(kept, target, 0)")
        lines.append(f"    losses = {at_label}")
        if weight:
            lines.append("    losses = tf.gather(weight, target) * losses")
    if ignored is not None:
        lines.append("    losses = tf.cast(kept, losses.dtype) * losses")
    return function(lines, mean_of_pixels(view.axes))


def cross_entropy(view: LossView) -> Code:
    return likelihood(view, "tf.nn.log_softmax(output)", SPARSE)


def nll(view: LossView) -> Code:
    at_label = f"-tf.gather(output, target, axis=-1, batch_dims={1 + view.axes})"
    return likelihood(view, "output", at_label)


BINARY = "    losses = tf.nn.sigmoid_cross_entropy_with_logits(target, output)"


def binary_cross_entropy(view: LossView) -> Code:
    smoothing = smoothed(view.loss)
    if view.loss.pos_weight is None:
        return function(smoothing, [BINARY], mean())
    # The gradient of weighted_cross_entropy_with_logits is wrong where a logit is 0.
    lines = [
        "    losses = weight * target * tf.nn.softplus(-output)",
        "    losses += (1 - target) * tf.nn.softplus(output)",
    ]
    return function(tensor("weight", view.loss.pos_weight), smoothing, lines, mean())


def focal(view: LossView) -> Code:
    floor = "tf.maximum(wrong, 1e-30)"
    return function(losses.focal(view.loss, "tf.sigmoid", floor, [BINARY]), mean())


L1 = mean("tf.abs(output - target)", "output")


def huber(view: LossView) -> Code:
    lines = [
        number("delta", view.loss.delta),
        "    error = tf.abs(output - target)",
        "    line = delta * (error - delta / 2)",
        "    losses = tf.where(error <= delta, error**2 / 2, line)",
    ]
    return function(lines, mean())


def smooth_l1(view: LossView) -> Code:
    if view.loss.beta == 0:
        return function(L1)
    lines = [
        number("beta", view.loss.beta),
        "    error = tf.abs(output - target)",
        "    square = error**2 / (2 * beta)",
        "    losses = tf.where(error < beta, square, error - beta / 2)",
    ]
    return function(lines, mean())


def kl_div(view: LossView) -> Code:
    value = "tf.math.xlogy(target, target) - target * output"
    if view.loss.log_target:
        value = "tf.exp(target) * (target - output)"
    how = "sum" if view.loss.batchmean else "mean"
    axis = "range(1, losses.shape.rank)"
    return function(
        [
            f"    losses = {value}",
            f"    return tf.reduce_{how}(losses, {axis})  # (N,)",
        ]
    )


def cosine(view: LossView) -> Code:
    lines = losses.cosine("tf.reduce_sum({}, -1)".format, "tf")
    return function(lines, mean_of_pixels(view.axes))


def hinge(view: LossView) -> Code:
    return function(losses.hinge(view.loss, "tf.nn.relu"), mean())


def multi_margin(view: LossView) -> Code:
    return function(
        losses.multi_margin(
            view.loss,
            tensor("weight", view.loss.class_weights),
            "tf.gather(output, target, axis=1, batch_dims=1)[:, None]",
            ONE_HOT,
            "tf.nn.relu",
            "tf.gather",
            "tf.reduce_mean(losses * others, 1)",
        )
    )


def triplet(view: LossView) -> Code:
    total, split = "tf.reduce_sum({}, 1)".format, "tf.split(output, 3, axis=1)"
    return function(losses.triplet(view.loss, total, "tf", "tf.nn.relu", split))


def dice(view: LossView) -> Code:
    loss = view.loss
    total = "probabilities**2 + target**2" if loss.squared else "probabilities + target"
    return function(
        [
            number("smooth", loss.smooth),
            f"    probabilities = tf.nn.{'softmax' if loss.labels else 'sigmoid'}(output)",
            *([f"    target = {ONE_HOT}"] if view.labels else []),
            "    pixels = range(1, output.shape.rank - 1)",
            "    both = 2 * tf.reduce_sum(probabilities * target, pixels) + smooth",
            f"    total = tf.reduce_sum({total}, pixels) + smooth",
            "    return tf.reduce_mean(1 - both / total, 1)  # (N,)",
        ]
    )


TABLE: dict[str, Entry] = {
    "binary_cross_entropy": entry(binary_cross_entropy),
    "cosine": entry(cosine),
    "cross_entropy": entry(cross_entropy),
    "dice": entry(dice),
    "focal": entry(focal),
    "hinge": entry(hinge),
    "huber": entry(huber),
    "kl_div": entry(kl_div),
    "l1": entry(function(L1)),
    "mse": entry(function(mean("(output - target) ** 2", "output"))),
    "multi_margin": entry(multi_margin),
    "nll": entry(nll),
    "smooth_l1": entry(smooth_l1),
    "squared_hinge": entry(hinge),
    "triplet": entry(triplet),
}
