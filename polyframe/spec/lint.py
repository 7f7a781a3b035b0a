"""What is allowed in a spec, and most likely not meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from polyframe.spec.layers.activation import HardSigmoid, LogSigmoid, Sigmoid
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.layers.batch_norm import BatchNorm
from polyframe.spec.layers.noise import Dropout
from polyframe.spec.layers.shape import Flatten, Permute, Reshape
from polyframe.spec.layers.softmax import LogSoftmax, Softmax
from polyframe.spec.losses import Loss, Losses
from polyframe.spec.typed import TypedGraph, TypedNode, flatten

MAKES: Mapping[type[Layer], str] = {
    Softmax: "probabilities",
    Sigmoid: "probabilities",
    HardSigmoid: "probabilities",
    LogSoftmax: "log-probabilities",
    LogSigmoid: "log-probabilities",
}
"""Layer → what its outputs are."""
PASSES = (Flatten, Reshape, Permute, Dropout)
"""Layers whose outputs are what their inputs are."""
COLOURS = (3, 4)
"""The numbers of channels of images in colour."""
SMALLEST = 8
"""Sides of images are at least this long, to tell them from channels."""


def lint(graph: TypedGraph, losses: Losses = ()) -> tuple[str, ...]:
    """A sentence for each thing that deserves a look; ``losses``: one for each output, if
    they are known."""
    unknown = () if losses else softmax_outputs(graph)
    return (*mistakes(graph, losses), *unknown, *biases_before_norms(graph))


def mistakes(graph: TypedGraph, losses: Losses = ()) -> tuple[str, ...]:
    """Those among them that make training go wrong."""
    return (*inputs_with_channels_last(graph), *outputs_and_losses(graph, losses))


def inputs_with_channels_last(graph: TypedGraph) -> Iterator[str]:
    """Inputs whose shape is an image's, in the order (H, W, C)."""
    for name, shape in graph.inputs:
        if looks_like_channels_last(shape):
            meant = (shape[2], *shape[:2])
            yield (
                f"{name} {shape} has {shape[0]} channels and is {shape[2]} wide: shapes "
                f"are (C, H, W), and {meant} is such an image; samples (N, H, W, C) come "
                'with layout="NHWC"'
            )


def looks_like_channels_last(shape: Shape) -> bool:
    """Whether (C, H, W) was most likely meant as (H, W, C): an image in colour, or a grey
    one that is square."""
    if len(shape) != 3 or min(shape[:2]) < SMALLEST:
        return False
    return shape[2] in COLOURS or (shape[2] == 1 and shape[0] == shape[1])


def outputs_and_losses(graph: TypedGraph, losses: Losses) -> Iterator[str]:
    """Losses that take another thing than what the model's last layer makes: a softmax
    before a loss that has its own, logits for one that has none."""
    if not losses:
        return
    for node, loss in zip(last_layers(graph), losses, strict=True):
        if node is not None and not fits(node, loss):
            yield complaint(node, loss)


def softmax_outputs(graph: TypedGraph) -> Iterator[str]:
    """Outputs that are a softmax, where the loss is not known."""
    for node in last_layers(graph):
        if node is not None and isinstance(node.layer, Softmax):
            yield (
                f"{node.name} (Softmax) makes probabilities, and losses on logits "
                f"(cross_entropy, focal) make them themselves: leave {node.name} out to "
                "train with those"
            )


def last_layers(graph: TypedGraph) -> Iterator[TypedNode | None]:
    """For each output the node that makes its values; None for an input."""
    flat = flatten(graph)
    nodes = {node.name: node for node in flat.nodes}
    for name in flat.outputs:
        node = nodes.get(name)
        while node is not None and isinstance(node.layer, PASSES):
            node = nodes.get(node.inputs[0])
        yield node


def fits(node: TypedNode, loss: Loss) -> bool:
    """Whether a loss takes what a node makes; True where that is not known."""
    layer, makes = node.layer, MAKES.get(type(node.layer))
    if loss.takes == "logits":
        # Log-probabilities of classes are logits, too: softmax gives the probabilities.
        classes = isinstance(layer, LogSoftmax) and layer.axis in (1, -len(node.shape))
        return makes is None or (classes and loss.labels)
    if loss.takes == "log-probabilities":
        numbers = makes is None and bool(node.parameters)
        return not numbers and makes in (None, "log-probabilities")
    return True


def complaint(node: TypedNode, loss: Loss) -> str:
    """What is wrong, and the way out."""
    makes = MAKES.get(type(node.layer))
    told = f"{node.name} ({node.layer.type}) makes {makes or 'any numbers'}, and "
    if loss.takes == "logits":
        return (
            f"{told}{loss.type} takes logits, of which it makes probabilities itself: "
            f"leave {node.name} out"
        )
    place = "in its place" if makes else "after it"
    instead = ", or take cross_entropy on logits" if loss.type == "nll" else ""
    return (
        f"{told}{loss.type} takes log-probabilities: put a LogSoftmax {place}{instead}"
    )


def biases_before_norms(graph: TypedGraph) -> list[str]:
    """Biases that a batch norm alone sees. It subtracts the mean of each channel, and
    the bias with it: its gradient is zero but for rounding (Ioffe & Szegedy 2015,
    section 3.2), which an optimizer like Adam turns into full steps."""
    flat = flatten(graph)
    users = flat.users()
    notes = []
    for node in flat.nodes:
        readers = users.get(node.name, [])
        if (
            node.layer.out_axis is not None
            and "bias" in node.parameters
            and node.name not in flat.outputs
            and readers
            and all(isinstance(reader.layer, BatchNorm) for reader in readers)
        ):
            notes.append(
                f"{node.name} has a bias that {readers[0].name} subtracts again: its "
                "gradient is rounding, which Adam turns into full steps; bias=False "
                "leaves it out"
            )
    return notes
