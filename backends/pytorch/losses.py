"""What PyTorch's programs say for losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
MEAN = ".flatten(1).mean(1)"


def native(
    function: str, tail: str = MEAN, start: str = "return ", **options: Any
) -> Lines:
    """A call of PyTorch's own loss: a number for each number of the output."""
    names = {"input": Name("output"), "target": Name("target")}
    value = call(function, names, reduction="none", **options)
    comment = "(N,)" if start == "return " else ""
    lines = statement(start, replace(value, tail=tail), 4, comment)
    if tail and len(lines) > 1:  # too long for one line
        return [*statement("losses = ", value, 4), f"    return losses{tail}  # (N,)"]
    return lines


def mean(axes: int = 1) -> Lines:
    """The return of each sample's mean; without axes there is one number already."""
    return [f"    return losses{MEAN if axes else ''}  # (N,)"]


def tensor(name: str, values: tuple[float, ...], view: str = "") -> Lines:
    """A constant beside the output."""
    value = call("output.new_tensor", {"data": listing("", values)})
    return statement(f"{name} = ", replace(value, tail=view), 4)


def beside(axes: int) -> str:
    """What makes a vector of the channels stand beside the output."""
    return f".view(-1{', 1' * axes})" if axes else ""


def class_options(loss: Any) -> tuple[Lines, dict[str, Any]]:
    """The weights of classes, and what PyTorch's losses of labels take."""
    lines, options = [], {}
    if loss.class_weights is not None:
        lines = tensor("weight", loss.class_weights)
        options["weight"] = Name("weight")
    if getattr(loss, "ignore_index", None) is not None:
        options["ignore_index"] = loss.ignore_index
    return lines, options


def cross_entropy(loss: Any, axes: int) -> Lines:
    lines, options = class_options(loss)
    options["label_smoothing"] = Opt(loss.label_smoothing, 0.0)
    return [*lines, *native("F.cross_entropy", MEAN if axes else "", **options)]


def nll(loss: Any, axes: int) -> Lines:
    lines, options = class_options(loss)
    if not (loss.soft or loss.label_smoothing):
        return [*lines, *native("F.nll_loss", MEAN if axes else "", **options)]
    weight = f"weight{beside(axes)} * " if loss.class_weights is not None else ""
    if loss.label_smoothing:
        lines.append(f"    smoothing = {literal(loss.label_smoothing)}")
    if loss.soft:
        if loss.label_smoothing:
            lines += [
                "    target = (1 - smoothing) * target + smoothing / output.shape[1]"
            ]
        lines.append(f"    losses = -({weight}target * output).sum(1)")
        return [*lines, *mean(axes)]
    lines += native("F.nll_loss", "", "losses = ", **options)
    lines.append(f"    others = -({weight}output).mean(1)")
    if loss.ignore_index is not None:
        ignored = f"target == {literal(loss.ignore_index)}"
        lines.append(f"    others = others.masked_fill({ignored}, 0)")
    lines.append("    losses = (1 - smoothing) * losses + smoothing * others")
    return [*lines, *mean(axes)]


def binary_cross_entropy(loss: Any, axes: int) -> Lines:
    lines: Lines = []
    options: dict[str, Any] = {}
    if loss.pos_weight is not None:
        view = beside(axes) if len(loss.pos_weight) > 1 else ""
        lines = tensor("weight", loss.pos_weight, view)
        options["pos_weight"] = Name("weight")
    return [*lines, *native("F.binary_cross_entropy_with_logits", **options)]


def focal(loss: Any, axes: int) -> Lines:
    lines = native("F.binary_cross_entropy_with_logits", "", "losses = ")
    if loss.gamma:
        # The slope of a power below 1 has no bound at 0.
        power = "wrong.clamp(min=1e-30) ** gamma" if loss.gamma < 1 else "wrong**gamma"
        lines += [
            f"    gamma = {literal(loss.gamma)}",
            "    p = torch.sigmoid(output)",
            "    wrong = p * (1 - target) + torch.sigmoid(-output) * target",
            f"    losses = {power} * losses",
        ]
    if loss.alpha is not None:
        lines += [
            f"    alpha = {literal(loss.alpha)}",
            "    losses = (alpha * target + (1 - alpha) * (1 - target)) * losses",
        ]
    return [*lines, *mean()]


def mse(loss: Any, axes: int) -> Lines:
    return native("F.mse_loss")


def l1(loss: Any, axes: int) -> Lines:
    return native("F.l1_loss")


def huber(loss: Any, axes: int) -> Lines:
    return native("F.huber_loss", delta=Opt(loss.delta, 1.0))


def smooth_l1(loss: Any, axes: int) -> Lines:
    return native("F.smooth_l1_loss", beta=Opt(loss.beta, 1.0))


def kl_div(loss: Any, axes: int) -> Lines:
    tail = ".flatten(1).sum(1)" if loss.batchmean else MEAN
    return native("F.kl_div", tail, log_target=Opt(loss.log_target, False))


def cosine(loss: Any, axes: int) -> Lines:
    return ["    losses = 1 - F.cosine_similarity(output, target)", *mean(axes)]


def hinge(loss: Any, axes: int) -> Lines:
    power = " ** 2" if loss.type == "squared_hinge" else ""
    return [
        f"    losses = F.relu({literal(loss.margin)} - target * output){power}",
        *mean(),
    ]


def multi_margin(loss: Any, axes: int) -> Lines:
    lines, options = class_options(loss)
    options |= {"p": Opt(loss.p, 1), "margin": Opt(loss.margin, 1.0)}
    return [*lines, *native("F.multi_margin_loss", "", **options)]


def triplet(loss: Any, axes: int) -> Lines:
    parts = {name: Name(name) for name in ("anchor", "positive", "negative")}
    value = call(
        "F.triplet_margin_loss", parts, reduction="none",
        margin=Opt(loss.margin, 1.0), p=Opt(loss.p, 2.0), eps=Opt(loss.eps, 1e-6),
        swap=Opt(loss.swap, False),
    )  # fmt: skip
    return [
        "    anchor, positive, negative = output.chunk(3, dim=1)",
        *statement("return ", value, 4, "(N,)"),
    ]


def dice(loss: Any, axes: int) -> Lines:
    found = "F.softmax(output, dim=1)" if loss.labels else "torch.sigmoid(output)"
    lines = [f"    found = {found}.flatten(2)  # (N, C, pixels)"]
    if loss.labels and not loss.soft:
        lines += [
            "    target = F.one_hot(target.flatten(1), output.shape[1])",
            "    target = target.transpose(1, 2).to(output.dtype)",
        ]
    else:
        lines.append("    target = target.flatten(2)")
    total = "found**2 + target**2" if loss.squared else "found + target"
    return [
        *lines,
        f"    smooth = {literal(loss.smooth)}",
        "    both = 2 * (found * target).sum(2) + smooth",
        f"    total = ({total}).sum(2) + smooth",
        "    return (1 - both / total).mean(1)  # (N,)",
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
    """A loss function, for outputs with that many axes behind the channels."""
    head = [f"def {name}(output, target):", '    """One loss per sample."""']
    return "\n".join([*head, *LOSSES[loss.type](loss, axes)])
