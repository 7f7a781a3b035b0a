"""``ModelSpec``: a whole model as frozen data, and what it can say of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from polyframe.errors import SpecError, brief
from polyframe.io.cards import Card, Displayed
from polyframe.spec.card import card
from polyframe.spec.element import check_name
from polyframe.spec.fields import Int, Maybe, checked
from polyframe.spec.graph import NUMBERED, Block, Graph, Input, collect
from polyframe.spec.layers.base import Layer, Shape, Tensor, connect
from polyframe.spec.lint import lint
from polyframe.spec.losses import Losses, parse_losses
from polyframe.spec.network_plot import figure
from polyframe.spec.replacing import replaced, resolved
from polyframe.spec.summary import head, summary
from polyframe.spec.text import spec_hash, to_data, to_json, to_yaml
from polyframe.spec.typed import Defaults, TypedGraph, infer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ModelSpec(Displayed):
    """A whole model: any directed acyclic graph of layers. It is data, and frozen.

    ``pf.ModelSpec(x, y, name="two_paths")`` collects what lies between the inputs ``x``
    and the outputs ``y``, each a tensor or a list of them. ``summary``, ``to_yaml``,
    ``hash`` and the rest are methods; ``pf.compile`` makes it run. In a notebook it shows
    its layers.
    """

    graph: Graph
    name: str = "model"

    def __init__(
        self,
        inputs: Graph | Tensor | Sequence[Tensor],
        outputs: Tensor | Sequence[Tensor] = (),
        name: str = "model",
    ) -> None:
        graph = inputs if isinstance(inputs, Graph) else collect(inputs, outputs)
        object.__setattr__(self, "graph", graph)
        object.__setattr__(self, "name", check_name(name, "model name"))
        for word, shape in graph.inputs:
            if shape is None:
                raise SpecError("its shape is missing", where=f"input {word!r}")
        self.infer()  # a spec that exists is one whose shapes meet

    def infer(self, defaults: Defaults | None = None) -> TypedGraph:
        """The typed graph: shapes and parameters at every node (see ``spec.typed``).

        ``defaults``: layer type → field → what UNSET becomes; aligned where left out.
        """
        return infer(self.name, self.graph, defaults or {})

    def replace(self, path: str, layer: Layer) -> ModelSpec:
        """This spec with another layer or block at a path, as ``"fc"`` or
        ``"layer1.0.conv1"``: ``spec.replace("fc", pf.Dense(5))`` is a new head.

        The node keeps its name, so the new layer needs none, and its inputs; shapes are
        inferred again. A layer or block that is called several times is replaced in all
        its calls. SpecError names the path where there is no such layer, and the layer
        whose shapes no longer meet.
        """
        return ModelSpec(replaced(self.graph, path, layer), name=self.name)

    def resolved(self, defaults: Defaults) -> ModelSpec:
        """This spec with no field UNSET: it means the same wherever it is compiled."""
        return ModelSpec(resolved(self.graph, defaults), name=self.name)

    @property
    def num_parameters(self) -> int:
        """How many trainable numbers the model has."""
        return self.infer().num_parameters

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON text: equal for equal specs, everywhere."""
        return spec_hash(self.name, self.graph)

    def to_data(self) -> dict[str, Any]:
        """The spec as plain dicts, lists, strings and numbers."""
        return to_data(self.name, self.graph)

    def to_yaml(self) -> str:
        """The spec as YAML; ``pf.load_spec`` reads it back."""
        return to_yaml(self.name, self.graph)

    def to_json(self) -> str:
        """The spec as JSON; ``pf.load_spec`` reads it back."""
        return to_json(self.name, self.graph)

    def lint(self, loss: object = None) -> tuple[str, ...]:
        """What is most likely not meant, a sentence each: biases before a batch norm,
        inputs in the order (H, W, C), and, for a ``loss`` (as ``pf.compile`` takes it), a
        last layer that does not go with it, as a softmax before cross_entropy. Nothing is
        changed; SpecError if there is no such loss."""
        return lint(self.infer(), self._losses(loss))

    def _losses(self, loss: object) -> Losses:
        names = self.graph.outputs
        return () if loss is None else parse_losses(loss, names)

    def summary(
        self,
        natives: Mapping[str, Callable[[Shape], Shape]] | None = None,
        loss: object = None,
    ) -> str:
        """A table of layers: shapes, parameters, multiply-adds, resolved defaults; then
        what ``lint(loss)`` finds.

        ``natives`` maps a backend's name to its layout of a shape; each layout that
        differs from (N, C, H, W) gets a column of its own.
        """
        losses = self._losses(loss)
        return summary(self.graph, self.infer(), self.hash, natives, losses)

    def plot(self, depth: int | None = 1) -> Figure:
        """The network as a Matplotlib figure: layers as boxes, coloured by what they do,
        tensors as arrows with their shapes.

        ``depth``: how many levels of blocks are shown; at 1 each block is one box, at 2
        the blocks of the top are opened, and None opens all. Nothing is shown or written;
        ``savefig`` does that. PolyframeError where Matplotlib or pygraphviz is not
        installed, for more than 1,000 boxes, and for another depth than 1 or more.
        """
        levels = checked("depth", Maybe(Int()), depth)
        return figure(self.infer(), levels)

    def __repr__(self) -> str:
        return f"<ModelSpec {head(self.infer())}>"

    def _card(self) -> Card:
        return card(self.graph, self.infer(), self.hash)

    def _text(self) -> str:
        return self.summary()


@overload
def Sequential(
    layers: Sequence[Layer], input_shape: Sequence[int], name: str | None = None
) -> ModelSpec: ...


@overload
def Sequential(
    layers: Sequence[Layer], input_shape: None = None, name: str | None = None
) -> Block: ...


def Sequential(  # noqa: N802
    layers: Sequence[Layer],
    input_shape: Sequence[int] | None = None,
    name: str | None = None,
) -> ModelSpec | Block:
    """Layers one after the other: a ``ModelSpec``, or without ``input_shape`` a block.

    As a block, unnamed layers inside are called 0, 1, 2, … as in PyTorch.
    """
    where = name or "Sequential"
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        raise SpecError(f"takes a list of layers, got {brief(layers)}", where=where)
    layers = list(layers)
    for index, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise SpecError(
                f"item {index} is {brief(layer)}; a layer is needed", where=where
            )
    if not layers:
        raise SpecError("has no layers", where=where)
    x = Input(input_shape, name="x")
    y = x
    for layer in layers:
        y = connect(layer, (y,))
    if input_shape is not None:
        return ModelSpec(x, y, name=name or "model")
    return Block(x, y, kind=NUMBERED, name=name)
