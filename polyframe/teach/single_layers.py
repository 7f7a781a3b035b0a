"""Each layer of a network as a program of its own, so that it can be timed alone.

A framework runs a step as one program, in which the time of one layer is not there to be
read: kernels overlap, are fused, and wait for each other. So each layer becomes a small
network with the loss ``mse``, written and run as every other one. Two things are in it
that the layer does not have: a *probe* (``Scale``), whose weight makes the framework
compute the gradient of the layer's input, and the loss. What they take is measured, too,
in *frames* without the layer, and subtracted (``seconds_of``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from polyframe.spec.graph import Input, replace_name
from polyframe.spec.layers import Scale
from polyframe.spec.layers.base import Layer, Shape
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
    """A layer alone. ``probes_input``: the gradient of its input is needed, so that the
    probe stands before it and not behind; ``shape`` is that of its output."""

    layer: Layer
    in_shapes: tuple[Shape, ...]
    shape: Shape
    probes_input: bool

    @cached_property
    def spec(self) -> ModelSpec:
        """The layer with its probe, as a network; equal layers have equal ones."""
        layer = replace_name(self.layer, "layer")
        inputs = [Input(shape, f"x{i}") for i, shape in enumerate(self.in_shapes)]
        given = inputs
        if self.probes_input:
            given = [Scale(name=f"probe{i}")(x) for i, x in enumerate(inputs)]
        y = layer(*given)
        return ModelSpec(
            inputs, y if self.probes_input else Scale(name="probe")(y), name="single"
        )

    @property
    def frames(self) -> tuple[Shape, ...]:
        """The shapes of the frames whose times are subtracted."""
        if self.probes_input:
            return (*self.in_shapes, self.shape, SMALLEST)
        return (self.shape,)

    def seconds_of(self, whole: Times, frames: Mapping[Shape, Times]) -> Phases:
        """The layer's own time, from those of its program and of the frames.

        A frame of a shape s takes a call (that of ``SMALLEST``), a probe and, for
        gradients, a loss of that shape, in about equal shares. Differences of what is
        not exact may come out below 0; they are 0 then.
        """
        if not self.probes_input:
            frame = frames[self.shape]
            forward = whole.forward - frame.forward
            both = whole.gradients - frame.gradients
        else:
            call = frames[SMALLEST]
            own = [frames[shape] for shape in self.in_shapes]
            forward = whole.forward - call.forward
            forward -= sum(frame.forward - call.forward for frame in own)
            both = whole.gradients - call.gradients
            both -= sum(
                (frame.gradients - call.gradients) / 2
                for frame in (*own, frames[self.shape])
            )
        forward = max(forward, 0.0)
        return Phases(forward, max(both - forward, 0.0))


def frame(shape: Shape) -> ModelSpec:
    """A probe and nothing else."""
    x = Input(shape, "x0")
    return ModelSpec(x, Scale(name="probe0")(x), name="frame")


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
