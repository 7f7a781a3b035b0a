"""What MXNet Gluon's programs say for losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polyframe.compiler.python import losses
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.losses import Lines, beside, function, number, smoothed
from polyframe.compiler.python.source import (
    Call,
    Name,
    Opt,
    call,
    listing,
    literal,
    parsed,
    statement,
)
from polyframe.compiler.table import Entry, Form, LossView
from polyframe.spec.losses import Triplet

RESHAPE = ".reshape(({}))"
MEAN = ["    return nd.mean(losses, axis=0, exclude=True)  # (N,)"]


def mean_of_pixels(axes: int) -> Lines:
    """The return of losses that have one number for each pixel, if there are any."""
    return MEAN if axes else ["    return losses  # (N,)"]


def tensor(name: str, values: tuple[float, ...] | None) -> Lines:
    """The line of a constant of the output's dtype and device; no line for None."""
    if values is None:
        return []
    options = {"ctx": Name("output.context"), "dtype": Name("output.dtype")}
    items = {"source_array": listing("", values)}
    return statement(f"{name} = ", call("nd.array", items, **options), 4)


ONE_HOT = "nd.one_hot(target, output.shape[1], dtype=output.dtype)"
# oneDNN's float32 log_softmax, which gluon.loss.SoftmaxCrossEntropyLoss runs, has an error
# of 3.5e-6 where rounding explains 2e-7. Written out, it has not.
LOG_SOFTMAX = [
    "    output = output - output.max(axis=1, keepdims=True).detach()",
    "    output = output - nd.log(nd.exp(output).sum(axis=1, keepdims=True))",
]


def likelihood(view: LossView) -> Code:
    """Cross-entropy, or the same of log-probabilities."""
    loss, axes = view.loss, view.axes
    ignored, smoothing = loss.ignore_index, loss.label_smoothing
    lines = [*tensor("weight", loss.class_weights)]
    lines += LOG_SOFTMAX if loss.type == "cross_entropy" else []
    weighted = loss.class_weights is not None
    weight = f"weight{beside(axes, RESHAPE)} * " if weighted else ""
    lines += [number("smoothing", smoothing)] if smoothing else []
    if view.probabilities:
        if smoothing:
            smooth = "smoothing / output.shape[1]"
            lines.append(f"    target = (1 - smoothing) * target + {smooth}")
        lines.append(f"    losses = -({weight}target * output).sum(axis=1)")
        return function(lines, mean_of_pixels(axes))
    lines.append("    losses = -nd.pick(output, target, axis=1)")
    if weighted:
        lines.append("    losses = nd.take(weight, target) * losses")
    if smoothing:
        lines += [
            f"    others = -({weight}output).mean(axis=1)",
            "    losses = (1 - smoothing) * losses + smoothing * others",
        ]
    if ignored is not None:
        counted = f"(target != {literal(ignored)})"
        lines.append(f"    losses = {counted}.astype(output.dtype) * losses")
    return function(lines, mean_of_pixels(axes))


def binary(weight: str = "") -> Lines:
    """Binary cross-entropies. The gradient of Gluon's SigmoidBinaryCrossEntropyLoss is
    wrong where a logit is 0."""
    return [
        "    no = (1 - target) * log1p_exp(output)",
        f"    losses = {weight}target * log1p_exp(-output) + no",
    ]


def binary_cross_entropy(view: LossView) -> Code:
    given, weight = view.loss.pos_weight, ""
    if given is not None:
        weight = f"weight{beside(view.axes * (len(given) > 1), RESHAPE)} * "
    lines = [*tensor("weight", given), *smoothed(view.loss), *binary(weight)]
    return function(lines, MEAN, snippets=("log1p_exp",))


def focal(view: LossView) -> Code:
    floor = "nd.maximum(wrong, 1e-30)"
    lines = losses.focal(view.loss, "nd.sigmoid", floor, binary())
    return function(lines, MEAN, snippets=("log1p_exp",))


def kl_div(view: LossView) -> Code:
    lines = ["    losses = nd.exp(target) * (target - output)"]
    if not view.loss.log_target:
        lines = [
            "    logs = nd.log(target + (target == 0))",
            "    losses = target * (logs - output)",
        ]
    how = "sum" if view.loss.batchmean else "mean"
    tail = [f"    return nd.{how}(losses, axis=0, exclude=True)  # (N,)"]
    return function(lines, tail)


def total(value: str) -> str:
    """A sum over the channels."""
    called = isinstance(parsed(value), Call)  # no brackets around a call
    return f"{value if called else f'({value})'}.sum(axis=1)"


def cosine(view: LossView) -> Code:
    return function(losses.cosine(total, "nd"), mean_of_pixels(view.axes))


def multi_margin(view: LossView) -> Code:
    return function(
        losses.multi_margin(
            view.loss,
            tensor("weight", view.loss.class_weights),
            "nd.pick(output, target).expand_dims(1)",
            ONE_HOT,
            "nd.relu",
            "nd.take",
            "(losses * others).mean(axis=1)",
        )
    )


def triplet(view: LossView) -> Code:
    split = "nd.split(output, 3, axis=1)"
    return function(losses.triplet(view.loss, total, "nd", "nd.relu", split))


def dice(view: LossView) -> Code:
    loss = view.loss
    probabilities = (
        "nd.softmax(output, axis=1)" if loss.labels else "nd.sigmoid(output)"
    )
    sums = "probabilities**2 + target**2" if loss.squared else "probabilities + target"
    one_hot = f"    target = nd.moveaxis({ONE_HOT}, -1, 1)"
    return function(
        [
            number("smooth", loss.smooth),
            f"    probabilities = {probabilities}.reshape((0, 0, -1))  # (N, C, pixels)",
            *([one_hot] if view.labels else []),
            "    target = target.reshape((0, 0, -1))",
            "    both = 2 * (probabilities * target).sum(axis=2) + smooth",
            f"    total = ({sums}).sum(axis=2) + smooth",
            "    return (1 - both / total).mean(axis=1)  # (N,)",
        ]
    )


def huber(view: LossView) -> Code:
    # Gluon's HuberLoss is the smooth L1 loss: Huber's loss divided by rho.
    rho = Opt(view.loss.delta, 1.0)
    return Code(make=call("gluon.loss.HuberLoss", rho=rho, weight=rho))


L1 = Code(make=call("gluon.loss.L1Loss"))


def smooth_l1(view: LossView) -> Code:
    if view.loss.beta == 0:
        return L1
    return Code(make=call("gluon.loss.HuberLoss", rho=Opt(view.loss.beta, 1.0)))


def hinge(view: LossView) -> Code:
    name = "SquaredHingeLoss" if view.loss.type == "squared_hinge" else "HingeLoss"
    return Code(make=call(f"gluon.loss.{name}", margin=Opt(view.loss.margin, 1.0)))


# --- native: Gluon's own classes, which return one number for each sample -------------


def own(name: str, *fields: tuple[str, str, object]) -> Callable[[LossView], Code]:
    """The construction of a class of ``gluon.loss``'s, with these options: (field, its
    name there, Gluon's default)."""

    def write(view: LossView) -> Code:
        options = {k: Opt(getattr(view.loss, f), value) for f, k, value in fields}
        return own_class(view, name, **options)

    return write


def own_class(view: LossView, name: str, **options: object) -> Code:
    return Code(make=call(f"gluon.loss.{name}", **options), own=view.mean)


def own_likelihood(view: LossView) -> Code:
    return own_class(
        view,
        "SoftmaxCrossEntropyLoss",
        axis=Opt(1 if view.axes else -1, -1),
        sparse_label=Opt(not view.probabilities, True),
        from_logits=Opt(view.word == "nll", False),
    )


def own_binary(view: LossView) -> Code:
    """Gluon's class takes the weight of positive targets when it is called."""
    given = view.loss.pos_weight
    if given is None:
        return own_class(view, "SigmoidBinaryCrossEntropyLoss")
    shape = beside(view.axes * (len(given) > 1), RESHAPE)
    lines = [
        *tensor("weight", given),
        *([f"    weight = weight{shape}"] if shape else []),
        "    losses = gluon.loss.SigmoidBCELoss()(output, target, None, weight)",
        "    return losses  # (N,)",
    ]
    return replace(function(lines), own=view.mean)


def own_smooth_l1(view: LossView) -> Code:
    if view.loss.beta == 0:
        return own_class(view, "L1Loss")
    return own_class(view, "HuberLoss", rho=Opt(view.loss.beta, 1.0))


def own_cosine(view: LossView) -> Code:
    lines = [
        "    alike = nd.ones(len(output), ctx=output.context)",
        "    losses = gluon.loss.CosineEmbeddingLoss()(output, target, alike)  # (N, 1)",
        "    return losses.reshape(-1)  # (N,)",
    ]
    return replace(function(lines), own=view.mean)


def own_triplet(view: LossView) -> Code:
    make = call("gluon.loss.TripletLoss", margin=Opt(view.loss.margin, 1.0)).flat()
    lines = [
        "    anchor, positive, negative = nd.split(output, 3, axis=1)",
        f"    return {make}(anchor, positive, negative)  # (N,)",
    ]
    return replace(function(lines), own=view.mean)


def plain_likelihood(view: LossView) -> bool:
    loss = view.loss
    asked = loss.class_weights is None and loss.ignore_index is None
    return asked and not loss.label_smoothing


def plain_distance(view: LossView) -> bool:
    return bool(
        view.loss.p == 2 and view.loss.eps == Triplet.eps and not view.loss.swap
    )


Covers = Callable[[LossView], bool]
OWN: dict[str, tuple[Callable[[LossView], Code], Covers, str]] = {
    "binary_cross_entropy": (
        own_binary,
        lambda view: not view.loss.label_smoothing,
        "SigmoidBinaryCrossEntropyLoss has no label_smoothing",
    ),
    "cosine": (
        own_cosine,
        lambda view: view.target.dtype == "float32" and not view.axes,
        "CosineEmbeddingLoss is for vectors in float32",
    ),
    "cross_entropy": (
        own_likelihood,
        plain_likelihood,
        "SoftmaxCrossEntropyLoss has no class_weights, ignore_index and label_smoothing",
    ),
    "kl_div": (
        own("KLDivLoss"),
        lambda view: view.loss.batchmean and not view.loss.log_target,
        "KLDivLoss adds up over a sample's numbers (batchmean) and takes probabilities",
    ),
    "nll": (
        own_likelihood,
        plain_likelihood,
        "SoftmaxCrossEntropyLoss has no class_weights, ignore_index and label_smoothing",
    ),
    "triplet": (
        own_triplet,
        plain_distance,
        "TripletLoss compares squared distances: it has no p, eps and swap",
    ),
}
"""Loss → what native semantics take, where, and why not elsewhere."""
ALWAYS = {
    "hinge": own("HingeLoss", ("margin", "margin", 1.0)),
    "huber": own("HuberLoss", ("delta", "rho", 1.0)),
    "l1": own("L1Loss"),
    "mse": own("L2Loss"),
    "smooth_l1": own_smooth_l1,
    "squared_hinge": own("SquaredHingeLoss", ("margin", "margin", 1.0)),
}
"""The same where Gluon's class has all options."""


def with_own(word: str, entry: Entry) -> Entry:
    """An entry with what native semantics take."""
    if word in ALWAYS:
        return replace(entry, own=(Form("own class", ALWAYS[word]),))
    if word not in OWN:
        return replace(entry, own=(), own_gap=f"gluon.loss has no {word}")
    write, covers, gap = OWN[word]
    return replace(
        entry, own=(Form("own class", write, covers),), own_gap=f"gluon.loss's {gap}"
    )


FORMS: dict[str, Entry] = {
    "binary_cross_entropy": entry(binary_cross_entropy),
    "cosine": entry(cosine),
    "cross_entropy": entry(likelihood),
    "dice": entry(dice),
    "focal": entry(focal),
    "hinge": entry(hinge),
    "huber": entry(huber),
    "kl_div": entry(kl_div),
    "l1": entry(L1),
    # Gluon's squared loss has a factor of a half; the weight cancels it.
    "mse": entry(Code(make=call("gluon.loss.L2Loss", weight=2.0))),
    "multi_margin": entry(multi_margin),
    "nll": entry(likelihood),
    "smooth_l1": entry(smooth_l1),
    "squared_hinge": entry(hinge),
    "triplet": entry(triplet),
}
TABLE = {word: with_own(word, each) for word, each in FORMS.items()}
