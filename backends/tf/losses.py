"""What TensorFlow's programs say for losses: functions that give a number for each
sample, and for native semantics Keras's own classes, which give the mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from polyframe.compiler.python import losses
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.losses import Lines, function, number, smoothed
from polyframe.compiler.python.source import (
    Name,
    Opt,
    call,
    listing,
    literal,
    statement,
)
from polyframe.compiler.table import Entry, Form, LossView


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


# --- native semantics ------------------------------------------------------------

Options = dict[str, object]
Writer = Callable[[LossView], Code]


def keras_class(name: str, view: LossView, options: Options) -> Code:
    """An object of Keras's class, which computes in float32 unless it is told."""
    dtype = Opt(view.target.dtype, "float32")
    return Code(make=call(f"tf.keras.losses.{name}", None, **options, dtype=dtype))


def keras_function(
    name: str, options: Options, view: LossView, before: Sequence[str] = ()
) -> Code:
    """Keras's function, which leaves all axes but the channels', and the mean of each
    sample."""
    given = {"target": Name("target"), "output": Name("output")}
    losses_ = call(f"tf.keras.losses.{name}", given, **options)
    known = view.loss.by_axes
    return function(
        before,
        statement("losses = ", losses_, 4),
        mean_of_pixels(view.axes) if known else mean(),
    )


def own(
    write: Writer,
    mean_: Writer,
    per_sample: Writer,
    when: Callable[[LossView], bool] = lambda view: True,
    gap: str = "",
) -> Entry:
    """The entry of a loss that Keras has: its class where a step needs nothing but the
    mean, else its function. ``gap`` is the reason where ``when`` is false."""
    forms = (
        Form(
            "keras",
            lambda view: replace(mean_(view), own=True),
            lambda view: view.mean and when(view),
        ),
        Form("per sample", per_sample, when),
    )
    return replace(entry(write), own=forms, own_gap=gap)


def keras(
    write: Writer,
    class_name: str,
    function_name: str,
    options: Callable[[LossView], Options] = lambda view: {},
    when: Callable[[LossView], bool] = lambda view: True,
    gap: str = "",
) -> Entry:
    """The same for a class and a function of these names with the same options."""
    return own(
        write,
        lambda view: keras_class(class_name, view, options(view)),
        lambda view: keras_function(function_name, options(view), view),
        when,
        gap,
    )


def lacking(write: Writer, reason: str) -> Entry:
    """The entry of a loss that Keras has none of."""
    return replace(entry(write), own=(), own_gap=reason)


def of_labels(view: LossView) -> Options:
    return {
        "from_logits": True,
        "ignore_class": Opt(view.loss.ignore_index, None),
    }


def of_probabilities(view: LossView) -> Options:
    return {
        "from_logits": True,
        "label_smoothing": Opt(view.loss.label_smoothing, 0.0),
    }


def mean_cross_entropy(view: LossView) -> Code:
    if view.labels and not view.loss.label_smoothing:
        return keras_class("SparseCategoricalCrossentropy", view, of_labels(view))
    made = keras_class("CategoricalCrossentropy", view, of_probabilities(view))
    if not view.labels:
        return made
    return function(  # only Keras's other class smooths
        [f"    target = {ONE_HOT}"],
        statement("of_classes = ", made.make, 4),
        ["    return of_classes(target, output)"],
    )


def cross_entropy_of_samples(view: LossView) -> Code:
    if view.labels and not view.loss.label_smoothing:
        return keras_function("sparse_categorical_crossentropy", of_labels(view), view)
    return keras_function(
        "categorical_crossentropy",
        of_probabilities(view),
        view,
        [f"    target = {ONE_HOT}"] if view.labels else [],
    )


def takes_classes(view: LossView) -> bool:
    """Whether Keras's cross-entropies have what is asked for."""
    loss = view.loss
    both = loss.ignore_index is not None and loss.label_smoothing
    return loss.class_weights is None and not both


def of_focal(view: LossView) -> Options:
    loss = view.loss
    return {
        "apply_class_balancing": Opt(loss.alpha is not None, False),
        "alpha": Opt(0.25 if loss.alpha is None else loss.alpha, 0.25),
        "gamma": Opt(loss.gamma, 2.0),
        **of_probabilities(view),
    }


def margin_is_1(view: LossView) -> bool:
    return bool(view.loss.margin == 1)


TABLE: dict[str, Entry] = {
    "binary_cross_entropy": keras(
        binary_cross_entropy,
        "BinaryCrossentropy",
        "binary_crossentropy",
        of_probabilities,
        lambda view: view.loss.pos_weight is None,
        "tf.keras.losses.BinaryCrossentropy has no pos_weight",
    ),
    "cosine": keras(cosine, "CosineSimilarity", "cosine_similarity"),
    "cross_entropy": own(
        cross_entropy,
        mean_cross_entropy,
        cross_entropy_of_samples,
        takes_classes,
        "tf.keras.losses.SparseCategoricalCrossentropy has no class_weights, and no "
        "label_smoothing beside ignore_index",
    ),
    "dice": lacking(
        dice,
        "tf.keras.losses.Dice is another loss: of probabilities, and of the whole batch "
        "as one region",
    ),
    "focal": keras(
        focal, "BinaryFocalCrossentropy", "binary_focal_crossentropy", of_focal
    ),
    "hinge": keras(
        hinge,
        "Hinge",
        "hinge",
        when=margin_is_1,
        gap="tf.keras.losses.Hinge has a margin of 1 and no other",
    ),
    "huber": keras(
        huber, "Huber", "huber", lambda view: {"delta": Opt(view.loss.delta, 1.0)}
    ),
    "kl_div": lacking(
        kl_div,
        "tf.keras.losses.KLDivergence takes probabilities, and these are their logs",
    ),
    "l1": keras(lambda view: function(L1), "MeanAbsoluteError", "mae"),
    "mse": keras(
        lambda view: function(mean("(output - target) ** 2", "output")),
        "MeanSquaredError",
        "mse",
    ),
    "multi_margin": lacking(
        multi_margin,
        "tf.keras.losses has none of all classes; CategoricalHinge is of the worst one",
    ),
    "nll": lacking(nll, "tf.keras.losses takes no log-probabilities"),
    "smooth_l1": lacking(
        smooth_l1, "tf.keras.losses has none; huber with delta = beta is beta times it"
    ),
    "squared_hinge": keras(
        hinge,
        "SquaredHinge",
        "squared_hinge",
        when=margin_is_1,
        gap="tf.keras.losses.SquaredHinge has a margin of 1 and no other",
    ),
    "triplet": lacking(triplet, "tf.keras.losses has no triplet margin"),
}
