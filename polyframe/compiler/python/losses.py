"""Lines of losses that several backends write alike, up to the names of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import literal
from polyframe.spec.losses import (
    BinaryCrossEntropy,
    Focal,
    Hinge,
    MultiMargin,
    SquaredHinge,
    Triplet,
)

Lines = list[str]


def function(*lines: Iterable[str], snippets: tuple[str, ...] = ()) -> Code:
    """The code of a loss that is a function, from parts of its body."""
    return Code(body=tuple(line for part in lines for line in part), snippets=snippets)


def number(name: str, value: float) -> str:
    """A constant under a name."""
    return f"    {name} = {literal(value)}"


def beside(axes: int, reshape: str) -> str:
    """What reshapes a vector (C,) so that it broadcasts with the output (N, C, …):
    ``.view(-1, 1, 1)``; ``reshape`` is ``.view({})``."""
    return reshape.format(f"-1{', 1' * axes}") if axes else ""


def smoothed(loss: BinaryCrossEntropy | Focal) -> Lines:
    """The line that moves targets towards one half; none without smoothing."""
    if not loss.label_smoothing:
        return []
    return [
        number("smoothing", loss.label_smoothing),
        "    target = (1 - smoothing) * target + smoothing / 2",
    ]


def focal(loss: Focal, sigmoid: str, floor: str, losses: Lines) -> Lines:
    """The focal loss from the lines of cross-entropies: ``sigmoid`` is a function,
    ``floor`` the expression of ``wrong`` with a lower bound above 0."""
    lines = [*smoothed(loss), *losses]
    if loss.gamma:
        # The gradient of a power below 1 is infinite at 0, so ``floor`` bounds it.
        power = f"{floor} ** gamma" if loss.gamma < 1 else "wrong**gamma"
        lines += [
            number("gamma", loss.gamma),
            f"    p = {sigmoid}(output)",
            f"    wrong = p * (1 - target) + {sigmoid}(-output) * target",
            f"    losses = {power} * losses",
        ]
    if loss.alpha is not None:
        lines += [
            number("alpha", loss.alpha),
            "    losses = (alpha * target + (1 - alpha) * (1 - target)) * losses",
        ]
    return lines


def hinge(loss: Hinge | SquaredHinge, relu: str) -> Lines:
    """By how much the margin is missed, or its square."""
    power = " ** 2" if loss.type == "squared_hinge" else ""
    return [f"    losses = {relu}({literal(loss.margin)} - target * output){power}"]


def cosine(total: Callable[[str], str], of: str) -> Lines:
    """One minus the cosine along the channels, over which ``total`` sums; ``of`` is the
    module of functions."""
    return [
        f"    squares = [{total('v**2')} for v in (output, target)]",
        f"    x, t = ({of}.sqrt({of}.maximum(square, 1e-16)) for square in squares)",
        f"    losses = 1 - {total('output * target')} / (x * t)",
    ]


def multi_margin(
    loss: MultiMargin,
    weight: Lines,
    own: str,
    one_hot: str,
    relu: str,
    take: str,
    mean: str,
) -> Lines:
    """The hinge of all classes but the label's. ``weight`` makes the class weights,
    ``own`` is the output at the label, ``relu`` and ``take`` are functions."""
    weighted = f"    losses = {take}(weight, target) * losses"
    power = " ** 2" if loss.p > 1 else ""
    return [
        *weight,
        number("margin", loss.margin),
        f"    own = {own}",
        f"    others = 1 - {one_hot}",
        f"    losses = {relu}(margin - own + output){power}",
        f"    losses = {mean}",
        *([weighted] if loss.class_weights is not None else []),
        "    return losses  # (N,)",
    ]


def triplet(
    loss: Triplet, total: Callable[[str], str], of: str, relu: str, split: str
) -> Lines:
    """The margin between two distances. ``total`` sums over the channels, ``of`` is the
    module of functions."""
    value = total(f"{of}.abs(u - v + eps) ** p") + " ** (1 / p)"
    if loss.p == 1:
        value = total(f"{of}.abs(u - v + eps)")
    elif loss.p == 2:
        value = f"{of}.sqrt({total('(u - v + eps) ** 2')})"
    swap = [f"    far = {of}.minimum(far, distance(positive, negative))"]
    return [
        number("margin", loss.margin),
        number("eps", loss.eps),
        *([number("p", loss.p)] if loss.p not in (1, 2) else []),
        "",
        "    def distance(u, v):",
        f"        return {value}",
        "",
        f"    anchor, positive, negative = {split}",
        "    near, far = distance(anchor, positive), distance(anchor, negative)",
        *(swap if loss.swap else []),
        f"    return {relu}(near - far + margin)  # (N,)",
    ]
