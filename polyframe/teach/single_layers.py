"""Each layer of a network as a program of its own, so that it can be timed alone.

A framework runs a step as one program, in which the time of one layer is not there to be
read: kernels overlap, are fused, and wait for each other. So each layer becomes a small
network, written and run as every other one. Two things are in it that the layer does not
have. A *head* stands before it, since a framework computes the gradient of an input only
where something before it is trained. A *tail* stands behind it and makes one number of its
output, whose loss is cheap. (A loss of all outputs takes longer than many a layer: on
MXNet ten times as long as a ReLU.) What head and tail take is measured, too, in *frames*
without the layer, and subtracted.

Both are what is cheap: dense layers where channels come first, from one number and to one,
so that nothing is done but reading or writing each number once. Where channels come last
(NHWC) the axes would have to be moved for that; there, the head is a factor for each
channel, and the tail the mean of each.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from polyframe.spec.graph import Input, replace_name
from polyframe.spec.layers import (
    Dense,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
    Reshape,
    Scale,
)
from polyframe.spec.layers.base import Layer, Shape, Tensor
from polyframe.spec.model import ModelSpec
from polyframe.spec.typed import TypedGraph, flatten
from polyframe.teach.costs import trained_before

Layout = Literal["NCHW", "NHWC"]
"""The order of axes in which a backend computes."""
SMALLEST: Shape = (1,)
"""The frame of this shape takes what a call takes, and hardly any work."""
MEANS = {2: GlobalAvgPool1D, 3: GlobalAvgPool2D, 4: GlobalAvgPool3D}
"""Axes of a sample → the layer that takes the mean of each channel."""


class Times(NamedTuple):
    """Seconds of a forward pass in training mode, and of a forward and a backward pass
    with the loss."""

    forward: float
    gradients: float


class Phases(NamedTuple):
    """Seconds of a layer's forward and backward pass."""

    forward: float
    backward: float


@dataclass(frozen=True)
class SingleLayer:
    """A layer alone. ``headed``: the gradient of its input is needed, so that heads stand
    before it; ``shape`` is that of its output; ``layout``: of the backend; ``frozen``:
    its weights are not trained."""

    layer: Layer
    in_shapes: tuple[Shape, ...]
    shape: Shape
    headed: bool
    layout: Layout = "NCHW"
    frozen: bool = False

    @cached_property
    def spec(self) -> ModelSpec:
        """The layer with heads and a tail, as a network; equal layers have equal ones."""
        inputs = [
            source(shape, self.layout, i)
            if self.headed
            else (Input(shape, f"x{i}"),) * 2
            for i, shape in enumerate(self.in_shapes)
        ]
        y = replace_name(self.layer, "layer")(*(given for _, given in inputs))
        return ModelSpec(
            [x for x, _ in inputs], tail(y, self.shape, self.layout), "single"
        )

    @property
    def frames(self) -> tuple[Shape, ...]:
        """The shapes of the frames of which parts are subtracted."""
        return (*(self.in_shapes if self.headed else ()), self.shape, SMALLEST)

    def seconds_of(self, whole: Times, frames: Mapping[Shape, Times]) -> Phases:
        """The layer's own time, from those of its program and of the frames.

        A frame of a shape takes a call, which is all that ``SMALLEST`` takes, a head and
        a tail. Those two move as many numbers, so each counts half. Differences of what
        is not exact may come out below 0; they are 0 then.
        """
        forward, both = whole
        forward -= frames[SMALLEST].forward
        both -= frames[SMALLEST].gradients
        for shape in self.frames[:-1]:
            forward -= (frames[shape].forward - frames[SMALLEST].forward) / 2
            both -= (frames[shape].gradients - frames[SMALLEST].gradients) / 2
        forward = max(forward, 0.0)
        return Phases(forward, max(both - forward, 0.0))


def source(shape: Shape, layout: Layout, number: int = 0) -> tuple[Tensor, Tensor]:
    """An input, and the tensor of a shape that its head makes of it."""
    if moves_axes(shape, layout):
        x = Input(shape, f"x{number}")
        return x, Scale(name=f"head{number}")(x)
    x = Input((1,), f"x{number}")
    flat = Dense(math.prod(shape), bias=False, name=f"head{number}")(x)
    if len(shape) == 1:
        return x, flat
    return x, Reshape(shape, name=f"shape{number}")(flat)


def tail(y: Tensor, shape: Shape, layout: Layout) -> Tensor:
    """From a tensor of a shape to one number."""
    if moves_axes(shape, layout):
        y = MEANS[len(shape)](name="means")(y)
    elif len(shape) > 1:
        y = Flatten(name="flat")(y)
    return Dense(1, bias=False, name="tail")(y)


def moves_axes(shape: Shape, layout: Layout) -> bool:
    """Whether a tensor of a shape has to be rearranged to become a vector."""
    return layout == "NHWC" and len(shape) > 1


def frame(shape: Shape, layout: Layout) -> ModelSpec:
    """A head and a tail, and nothing between."""
    x, y = source(shape, layout)
    return ModelSpec(x, tail(y, shape, layout), name="frame")


def single_layers(
    graph: TypedGraph, layout: Layout = "NCHW", frozen: Collection[str] = ()
) -> dict[str, SingleLayer]:
    """Each layer of a network by its path, for backends of that layout; ``frozen``: the
    layers whose weights are not trained."""
    flat = flatten(graph)
    before = trained_before(flat, frozen)
    return {
        node.name: SingleLayer(
            node.layer,
            node.in_shapes,
            node.shape,
            before[node.name],
            layout,
            node.owner in frozen,
        )
        for node in flat.nodes
    }


def frames_of(layers: Sequence[SingleLayer]) -> list[Shape]:
    """The shapes of all frames that these layers need."""
    return list(dict.fromkeys(shape for each in layers for shape in each.frames))
