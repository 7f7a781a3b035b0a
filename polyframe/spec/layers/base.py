"""A layer: frozen data, a shape rule, parameters, and its definition in NumPy.

Shapes are per sample, without N: an image is ``(C, H, W)``, a feature vector ``(D,)``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as plain_field
from functools import cached_property
from typing import Any, ClassVar

from polyframe.errors import SpecError, brief
from polyframe.io.array import Array
from polyframe.spec.element import Element, check_name, define_base
from polyframe.spec.fields import Kind
from polyframe.spec.initializers import Fans, Initializer, Zeros

Shape = tuple[int, ...]
_clock = itertools.count()

Examples = tuple[tuple[dict[str, Any], tuple[Shape, ...]], ...]


@dataclass(frozen=True)
class Context:
    """What a definition sees besides its inputs.

    - ``parameters``: the layer's own arrays, by name;
    - ``training``: whether this is a training step;
    - ``draw``: the factors of a random layer, float64 (N, …), or None.
    """

    parameters: Mapping[str, Array]
    training: bool = False
    draw: Array | None = None

    def __getitem__(self, name: str) -> Array:
        return self.parameters[name]


@dataclass(frozen=True)
class Parameter:
    """One array of a layer. ``trainable=False`` marks state (running statistics)."""

    shape: Shape
    init: Initializer = Zeros()
    fans: Fans = Fans(1, 1)
    trainable: bool = True


class Init(Kind[Initializer]):
    """An initializer: an object, a name, or ``{type: name, …}``."""

    @property
    def allowed(self) -> str:
        return "an initializer or its name"

    def check(self, value: object) -> Initializer:
        """The initializer."""
        return Initializer.parse(value)


@define_base
class Layer(Element, family="layer"):
    """The base of all layers. Calling one on a tensor adds a node to a graph.

    ``name``: how the node and its weights are called; given by position if left out.
    """

    name: str | None = plain_field(default=None, kw_only=True)

    short: ClassVar[str] = "layer"  # unnamed layers are called short1, short2, …
    arity: ClassVar[tuple[int, int | None]] = (1, 1)  # least and most inputs
    random: ClassVar[bool] = False  # random while training; else the identity
    examples: ClassVar[Examples] = ()

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name(self.name, f"{self.type} name")
        super().__post_init__()

    @property
    def label(self) -> str:
        return f"{self.name} ({self.type})" if self.name else self.type

    def __call__(self, *inputs: Tensor | Sequence[Tensor]) -> Tensor:
        """Add this layer to the graph of its inputs: tensors from ``pf.Input``, one by
        one or as a list."""
        return connect(self, inputs)

    def infer(self, *shapes: Shape) -> Shape:
        """The shape of the output for these shapes of inputs; SpecError if none fit."""
        raise NotImplementedError

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Canonical name → parameter, for these shapes of inputs."""
        return {}

    def multiply_adds(self, *shapes: Shape) -> int:
        """Multiply-adds for one sample; 0 where elementwise work is all there is."""
        return 0

    @property
    def increasing(self) -> bool:
        """Whether it is an elementwise function that never decreases, by its values
        (a negative slope could decrease): such may swap with max pooling."""
        return False

    @property
    def out_axis(self) -> int | None:
        """The axis of ``weight`` that counts the output's channels, where the output is
        linear in it and in a ``bias`` (C,) that the layer has or may have; else None."""
        return None

    @property
    def per_channel(self) -> bool:
        """Whether inference is ``f · x + s`` with numbers f, s for each channel."""
        return False

    def channel_map(
        self, parameters: Mapping[str, Array], channels: int
    ) -> tuple[Array, Array]:
        """``f`` and ``s``, each (C,), for layers that are ``per_channel``."""
        raise NotImplementedError

    def define(self, at: Context, *x: Array) -> Array:
        """What the layer computes, in NumPy: (N, C, H, W), written for reading."""
        raise NotImplementedError

    def new_state(self, at: Context, *x: Array) -> dict[str, Array]:
        """The state parameters after one training step on ``x``."""
        return {}

    def draw_shape(self, *shapes: Shape) -> Shape:
        """How many random numbers one sample takes; for layers with ``random``."""
        raise NotImplementedError

    def draw(self, bits: Array) -> Array:
        """Float64 factors from uniform 32-bit integers; for layers with ``random``."""
        raise NotImplementedError

    def draw_formula(self) -> str | None:
        """``draw`` as an expression of NumPy in ``bits``, which an ejected script holds,
        in one line as ``ruff format`` writes it; None where there is none. Conformance
        holds it against ``draw``."""
        return None

    def needs_rank(self, shape: Shape, *ranks: int) -> None:
        """SpecError unless a sample of that shape has one of these ranks."""
        if len(shape) not in ranks:
            wanted = " or ".join(RANKS[r] for r in ranks)
            hint = None
            if ranks == (1,):
                hint = "put a Flatten or GlobalAvgPool2D before it"
            raise SpecError(
                f"takes {wanted} for each sample, got {brief(shape)}", hint=hint
            )


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value that flows through a graph while it is put together.

    ``a + b`` and ``a * b`` are ``pf.Add()(a, b)`` and ``pf.Multiply()(a, b)``.
    """

    layer: Layer | None
    inputs: tuple[Tensor, ...] = ()
    given_shape: Shape | None = None  # of an input
    name: str | None = None
    order: int = plain_field(default_factory=lambda: next(_clock))

    @cached_property
    def shape(self) -> Shape | None:
        """The shape of a sample, ``(C, H, W)``: without N. None inside a ``Block``, where
        it depends on where the block stands. SpecError where shapes do not fit."""
        waiting = [self]  # not by recursion: networks are deep
        while waiting:
            tensor = waiting[-1]
            new = [t for t in tensor.inputs if "shape" not in vars(t)]
            if tensor is not self and not new:
                vars(tensor)["shape"] = tensor._shape()
            if not new:
                waiting.pop()
            waiting += new
        return self._shape()

    def _shape(self) -> Shape | None:
        """The shape, where those of the inputs are known."""
        if self.layer is None:
            return self.given_shape
        shapes = [t.shape for t in self.inputs]
        known = [shape for shape in shapes if shape is not None]
        if len(known) < len(shapes):
            return None
        with_values: Layer = self.layer.resolve({})
        try:
            return with_values.infer(*known)
        except SpecError as error:
            where = error.where or self.layer.label
            raise SpecError(error.message, where=where, hint=error.hint) from None

    def __add__(self, other: object) -> Tensor:
        return combined("Add", self, other)

    def __mul__(self, other: object) -> Tensor:
        return combined("Multiply", self, other)

    def __repr__(self) -> str:
        what = self.layer.label if self.layer else f"input {self.name or ''}".rstrip()
        try:
            shape = self.shape
        except SpecError:
            shape = None
        sizes = "" if shape is None else f", ({', '.join(['N', *map(str, shape)])})"
        return f"<{what}{sizes}>"


def combined(word: str, one: Tensor, other: object) -> Tensor:
    """Two tensors in a layer, by its name; SpecError for another operand."""
    if not isinstance(other, Tensor):
        raise SpecError(
            f"takes two tensors of the graph, got {brief(other)}",
            where=word,
            hint="pf.Scale() has a factor and an offset for each channel",
        )
    return connect(Layer.find(word)(), (one, other))


def check_arity(layer: Layer, count: int, where: str) -> None:
    """SpecError unless the layer takes that many inputs."""
    least, most = layer.arity
    if count < least or (most is not None and count > most):
        wanted = str(least) if least == most else f"at least {least}"
        if most is not None and count > most > least:
            wanted = f"at most {most}"
        raise SpecError(f"takes {wanted} inputs, got {count}", where=where)


def connect(layer: Layer, inputs: tuple[object, ...]) -> Tensor:
    """What calling a layer does: check the inputs and remember the call."""
    if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)):
        inputs = tuple(inputs[0])
    check_arity(layer, len(inputs), layer.label)
    checked = []
    for tensor in inputs:
        if not isinstance(tensor, Tensor):
            raise SpecError(
                f"was called on {brief(tensor)}; a tensor of the graph is needed",
                where=layer.label,
                hint="start from pf.Input(shape)",
            )
        checked.append(tensor)
    return Tensor(layer, tuple(checked))


RANKS = {1: "(features,)", 2: "(C, L)", 3: "(C, H, W)", 4: "(C, D, H, W)"}


def positive_axis(axis: int, shape: Shape) -> int:
    """The axis counted from N = 0; SpecError for N itself and beyond the last."""
    rank = len(shape) + 1
    positive = axis if axis >= 0 else axis + rank
    if not 1 <= positive < rank:
        raise SpecError(
            f"axis {axis} is not one of the {rank - 1} axes after N",
            hint=f"1 to {rank - 1}, or {1 - rank} to -1",
        )
    return positive
