"""Each layer of a network as a program of its own, so that it can be timed alone.

A framework runs a step as one program, in which the time of one layer is not there to be
read: kernels overlap, are fused, and wait for each other. So each layer becomes a small
network, written and run as every other one. Two things are in it that the layer does not
have. A *head* stands before it, a dense layer from one number to as many as the input has,
since a framework computes the gradient of an input only where something before it is
trained. A *tail* stands behind it, a dense layer to one number, whose loss is cheap. (A
loss of all outputs takes longer than many a layer: on MXNet ten times as long as a ReLU.)
What head and tail take is measured, too, in *frames* without the layer, and subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from polyframe.spec.graph import Input, replace_name
from polyframe.spec.layers import Dense, Flatten, Reshape
from polyframe.spec.layers.base import Layer, Shape, Tensor
from polyframe.spec.model import ModelSpec
from polyframe.spec.typed import TypedGraph, flatten
from polyframe.teach.costs import trained_before

SMALLEST: Shape = (1,)
"""The frame of this shape takes what a call takes, and hardly any work."""


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
    before it; ``shape`` is that of its output."""

    layer: Layer
    in_shapes: tuple[Shape, ...]
    shape: Shape
    headed: bool

    @cached_property
    def spec(self) -> ModelSpec:
        """The layer with heads and a tail, as a network; equal layers have equal ones."""
        inputs = [
            Input((1,) if self.headed else shape, f"x{i}")
            for i, shape in enumerate(self.in_shapes)
        ]
        given = inputs
        if self.headed:
            pairs = enumerate(zip(inputs, self.in_shapes, strict=True))
            given = [head(x, shape, i) for i, (x, shape) in pairs]
        y = replace_name(self.layer, "layer")(*given)
        return ModelSpec(inputs, tail(y), name="single")

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


def head(x: Tensor, shape: Shape, number: int = 0) -> Tensor:
    """From one number to a tensor of a shape."""
    flat = Dense(math.prod(shape), bias=False, name=f"head{number}")(x)
    return flat if len(shape) == 1 else Reshape(shape, name=f"shape{number}")(flat)


def tail(y: Tensor) -> Tensor:
    """From a tensor to one number."""
    return Dense(1, bias=False, name="tail")(Flatten(name="flat")(y))


def frame(shape: Shape) -> ModelSpec:
    """A head and a tail, and nothing between."""
    x = Input((1,), "x0")
    return ModelSpec(x, tail(head(x, shape)), name="frame")


def single_layers(graph: TypedGraph) -> dict[str, SingleLayer]:
    """Each layer of a network by its path."""
    flat = flatten(graph)
    before = trained_before(flat)
    return {
        node.name: SingleLayer(
            node.layer, node.in_shapes, node.shape, before[node.name]
        )
        for node in flat.nodes
    }


def frames_of(layers: Sequence[SingleLayer]) -> list[Shape]:
    """The shapes of all frames that these layers need."""
    return list(dict.fromkeys(shape for each in layers for shape in each.frames))
