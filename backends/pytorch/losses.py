"""What PyTorch's programs say for losses: functions that give a number for each sample,
and for native semantics PyTorch's own classes, which give the mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from polyframe.compiler.python import losses
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.losses import Lines, beside, function, number, smoothed
from polyframe.compiler.python.source import Name, Opt, call, listing, statement
from polyframe.compiler.table import Entry, Form, LossView
from polyframe.spec.losses import NLL, CrossEntropy, MultiMargin

VIEW = ".view({})"
MEAN = ".flatten(1).mean(1)"
Options = Callable[[LossView], dict[str, Any]]


def native(
    name: str, tail: str = MEAN, start: str = "return ", **options: object
) -> Lines:
    """A call of PyTorch's own loss: a number for each number of the output."""
    names = {"input": Name("output"), "target": Name("target")}
    value = call(name, names, reduction="none", **options)
    comment = "(N,)" if start == "return " else ""
    lines = statement(start, replace(value, tail=tail), 4, comment)
    if tail and len(lines) > 1:  # too long for one line
        return [*statement("losses = ", value, 4), f"    return losses{tail}  # (N,)"]
    return lines


def mean(axes: int = 1) -> Lines:
    """The return of each sample's mean; without axes there is one number already."""
    return [f"    return losses{MEAN if axes else ''}  # (N,)"]


def tensor(name: str, values: tuple[float, ...], view: str = "") -> Lines:
    """The line of a constant of the output's dtype and device."""
    value = call("output.new_tensor", {"data": listing("", values)})
    return statement(f"{name} = ", replace(value, tail=view), 4)


def class_options(
    loss: CrossEntropy | NLL | MultiMargin,
) -> tuple[Lines, dict[str, Any]]:
    """The line that makes the class weights, and the options of PyTorch's losses for
    labels."""
    lines: Lines = []
    options: dict[str, Any] = {}
    if loss.class_weights is not None:
        lines = tensor("weight", loss.class_weights)
        options["weight"] = Name("weight")
    ignored = getattr(loss, "ignore_index", None)
    if ignored is not None:
        options["ignore_index"] = ignored
    return lines, options


def cross_entropy(view: LossView) -> Code:
    lines, options = class_options(view.loss)
    options["label_smoothing"] = Opt(view.loss.label_smoothing, 0.0)
    tail = MEAN if view.axes else ""
    return function(lines, native("F.cross_entropy", tail, **options))


def nll(view: LossView) -> Code:
    loss, axes = view.loss, view.axes
    lines, options = class_options(loss)
    if view.labels and not loss.label_smoothing:
        return function(lines, native("F.nll_loss", MEAN if axes else "", **options))
    weight = ""
    if loss.class_weights is not None:
        weight = f"weight{beside(axes, VIEW)} * "
    if loss.label_smoothing:
        lines.append(number("smoothing", loss.label_smoothing))
    if view.probabilities:
        if loss.label_smoothing:
            lines += [
                "    target = (1 - smoothing) * target + smoothing / output.shape[1]"
            ]
        lines.append(f"    losses = -({weight}target * output).sum(1)")
        return function(lines, mean(axes))
    lines += native("F.nll_loss", "", "losses = ", **options)
    lines.append(f"    others = -({weight}output).mean(1)")
    if loss.ignore_index is not None:
        ignored = f"target == {loss.ignore_index!r}"
        lines.append(f"    others = others.masked_fill({ignored}, 0)")
    lines.append("    losses = (1 - smoothing) * losses + smoothing * others")
    return function(lines, mean(axes))


def binary_cross_entropy(view: LossView) -> Code:
    lines = smoothed(view.loss)
    options: dict[str, Any] = {}
    weight = view.loss.pos_weight
    if weight is not None:
        lines += tensor("weight", weight, beside(view.axes * (len(weight) > 1), VIEW))
        options["pos_weight"] = Name("weight")
    return function(lines, native("F.binary_cross_entropy_with_logits", **options))


def focal(view: LossView) -> Code:
    each = native("F.binary_cross_entropy_with_logits", "", "losses = ")
    floor = "wrong.clamp(min=1e-30)"
    return function(losses.focal(view.loss, "torch.sigmoid", floor, each), mean())


def kl_div(view: LossView) -> Code:
    tail = ".flatten(1).sum(1)" if view.loss.batchmean else MEAN
    return function(
        native("F.kl_div", tail, log_target=Opt(view.loss.log_target, False))
    )


def cosine(view: LossView) -> Code:
    line = "    losses = 1 - F.cosine_similarity(output, target)"
    return function([line], mean(view.axes))


def hinge(view: LossView) -> Code:
    return function(losses.hinge(view.loss, "F.relu"), mean())


def multi_margin(view: LossView) -> Code:
    lines, options = class_options(view.loss)
    options |= {"p": Opt(view.loss.p, 1), "margin": Opt(view.loss.margin, 1.0)}
    return function(lines, native("F.multi_margin_loss", "", **options))


def triplet(view: LossView) -> Code:
    loss = view.loss
    parts = {name: Name(name) for name in ("anchor", "positive", "negative")}
    value = call(
        "F.triplet_margin_loss", parts, reduction="none",
        margin=Opt(loss.margin, 1.0), p=Opt(loss.p, 2.0), eps=Opt(loss.eps, 1e-6),
        swap=Opt(loss.swap, False),
    )  # fmt: skip
    return function(
        ["    anchor, positive, negative = output.chunk(3, dim=1)"],
        statement("return ", value, 4, "(N,)"),
    )


def dice(view: LossView) -> Code:
    loss = view.loss
    probabilities = (
        "F.softmax(output, dim=1)" if loss.labels else "torch.sigmoid(output)"
    )
    lines = [f"    probabilities = {probabilities}.flatten(2)  # (N, C, pixels)"]
    if view.labels:
        lines += [
            "    target = F.one_hot(target.flatten(1), output.shape[1])",
            "    target = target.transpose(1, 2).to(output.dtype)",
        ]
    else:
        lines.append("    target = target.flatten(2)")
    total = "probabilities**2 + target**2" if loss.squared else "probabilities + target"
    return function(
        lines,
        [
            number("smooth", loss.smooth),
            "    both = 2 * (probabilities * target).sum(2) + smooth",
            f"    total = ({total}).sum(2) + smooth",
            "    return (1 - both / total).mean(1)  # (N,)",
        ],
    )


# --- native semantics ------------------------------------------------------------


def own(
    write: Callable[[LossView], Code],
    mean: Callable[[LossView], Code],
    when: Callable[[LossView], bool] = lambda view: True,
    gap: str = "",
) -> Entry:
    """The entry of a loss that PyTorch has: where a step needs nothing but the mean of
    samples that count alike, ``mean`` writes PyTorch's own; else its function gives a
    number for each sample."""

    def plain(view: LossView) -> bool:
        return view.mean and not view.loss.has_denominator_weights and when(view)

    forms = (
        Form("mean", lambda view: replace(mean(view), own=True), plain),
        Form("per sample", write, when),
    )
    return replace(entry(write), own=forms, own_gap=gap)


def module(name: str, options: Options = lambda view: {}) -> Callable[[LossView], Code]:
    """An object of PyTorch's class."""
    return lambda view: Code(make=call(f"nn.{name}", None, **options(view)))


def mean_of(name: str, lines: Lines, *inputs: str, **options: object) -> Code:
    """A function that returns the mean of PyTorch's function, for constants that are of
    the output's dtype and device, or several inputs."""
    given = {text: Name(text) for text in inputs or ("output", "target")}
    return function(lines, statement("return ", call(f"F.{name}", given, **options), 4))


def mean_binary_cross_entropy(view: LossView) -> Code:
    weight = view.loss.pos_weight
    if weight is None:
        return module("BCEWithLogitsLoss")(view)
    beside_output = beside(view.axes * (len(weight) > 1), VIEW)
    lines = tensor("weight", weight, beside_output)
    name = "binary_cross_entropy_with_logits"
    return mean_of(name, lines, pos_weight=Name("weight"))


def mean_cosine(view: LossView) -> Code:
    return function(["    return (1 - F.cosine_similarity(output, target)).mean()"])


def of_kl_div(view: LossView) -> dict[str, Any]:
    reduction = "batchmean" if view.loss.batchmean else "mean"
    return {
        "reduction": Opt(reduction, "mean"),
        "log_target": Opt(view.loss.log_target, False),
    }


def mean_multi_margin(view: LossView) -> Code:
    lines, options = class_options(view.loss)
    options |= {"p": Opt(view.loss.p, 1), "margin": Opt(view.loss.margin, 1.0)}
    if lines:
        return mean_of("multi_margin_loss", lines, **options)
    return Code(make=call("nn.MultiMarginLoss", None, **options))


def mean_triplet(view: LossView) -> Code:
    loss = view.loss
    return mean_of(
        "triplet_margin_loss",
        ["    anchor, positive, negative = output.chunk(3, dim=1)"],
        "anchor", "positive", "negative",
        margin=Opt(loss.margin, 1.0), p=Opt(loss.p, 2.0), eps=Opt(loss.eps, 1e-6),
        swap=Opt(loss.swap, False),
    )  # fmt: skip


def lacking(write: Callable[[LossView], Code], reason: str) -> Entry:
    """The entry of a loss that PyTorch has none of."""
    return replace(entry(write), own=(), own_gap=reason)


TABLE: dict[str, Entry] = {
    "binary_cross_entropy": own(
        binary_cross_entropy,
        mean_binary_cross_entropy,
        lambda v: not v.loss.label_smoothing,
        "nn.BCEWithLogitsLoss has no label smoothing",
    ),
    "cosine": own(cosine, mean_cosine),
    "cross_entropy": own(
        cross_entropy,
        module(
            "CrossEntropyLoss",
            lambda v: {"label_smoothing": Opt(v.loss.label_smoothing, 0.0)},
        ),
    ),
    "dice": lacking(dice, "torch.nn has no Dice loss"),
    "focal": lacking(focal, "torch.nn has no focal loss"),
    "hinge": lacking(
        hinge, "torch.nn has no hinge of signs; HingeEmbeddingLoss is of distances"
    ),
    "huber": own(
        lambda v: function(native("F.huber_loss", delta=Opt(v.loss.delta, 1.0))),
        module("HuberLoss", lambda v: {"delta": Opt(v.loss.delta, 1.0)}),
    ),
    "kl_div": own(kl_div, module("KLDivLoss", of_kl_div)),
    "l1": own(lambda v: function(native("F.l1_loss")), module("L1Loss")),
    "mse": own(lambda v: function(native("F.mse_loss")), module("MSELoss")),
    "multi_margin": own(multi_margin, mean_multi_margin),
    "nll": own(
        nll,
        module("NLLLoss"),
        lambda v: v.labels and not v.loss.label_smoothing,
        "nn.NLLLoss takes labels, without smoothing",
    ),
    "smooth_l1": own(
        lambda v: function(native("F.smooth_l1_loss", beta=Opt(v.loss.beta, 1.0))),
        module("SmoothL1Loss", lambda v: {"beta": Opt(v.loss.beta, 1.0)}),
    ),
    "squared_hinge": lacking(hinge, "torch.nn has no squared hinge"),
    "triplet": own(triplet, mean_triplet),
}
