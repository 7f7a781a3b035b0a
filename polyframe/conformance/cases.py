"""Specs around layers under test, and reproducible weights and batches for them.

All numbers are keyed by name, so a case has the same weights and data on every backend,
and whichever other cases are in the same model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from polyframe.compiler.table import Target, View, choose
from polyframe.contract.backend import Backend
from polyframe.contract.registry import get
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.randomness import generator
from polyframe.spec.graph import Input
from polyframe.spec.layers import Conv1D, Conv2D, Conv3D, Dense
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD
from polyframe.spec.sampling import initial_weights

Case = tuple[int, str, Mapping[str, Any], tuple[Shape, ...]]
"""(number, layer type, fields, shapes of its inputs)"""
BATCH = 5


def examples(word: str) -> list[Case]:
    """A layer's own examples as cases."""
    layer_examples = enumerate(Layer.find(word).examples)
    return [(number, word, *example) for number, example in layer_examples]


def front(shape: Shape, name: str) -> Layer:
    """A layer with parameters that keeps the shape. Its own gradients show whether the
    next layer's gradient with respect to its input is right."""
    if len(shape) == 1:
        return Dense(shape[0], name=name)
    kinds: dict[int, Any] = {2: Conv1D, 3: Conv2D, 4: Conv3D}
    layer: Layer = kinds[len(shape)](shape[0], 1, name=name)
    return layer


def spec_around(cases: Sequence[Case]) -> ModelSpec:
    """Layers side by side, each after inputs and front layers of its own; the layer of
    case number i is called ``it{i}``."""
    inputs, outputs = [], []
    for number, word, options, shapes in cases:
        tensors = []
        for i, shape in enumerate(shapes):
            x = Input(shape, name=f"x{number}_{i}")
            inputs.append(x)
            tensors.append(front(shape, f"in{number}_{i}")(x))
        layer = Layer.find(word)(**options, name=f"it{number}")
        outputs.append(layer(*tensors))
    return ModelSpec(inputs, outputs, name="around")


def form_of(
    backend: str | Backend, case: Case, target: Target, preferred: str | None
) -> str | None:
    """The form that is written for a case, the preferred one if possible; None for a
    declared gap."""
    (node,) = (
        n for n in spec_around([case]).infer().walk() if n.name == f"it{case[0]}"
    )
    table = get(backend).entries
    form = choose(table, View(node, target))
    if isinstance(form, str):
        return None
    allowed = [f.name for f in table[case[1]].forms if f.when(View(node, target))]
    return preferred if preferred in allowed else form.name


def cases_of(backend: str | Backend, word: str, form: str, dtype: str) -> list[Case]:
    """The examples of a layer that take that form."""
    target = Target(dtype, training=trains(backend))
    cases = examples(word)
    return [case for case in cases if form_of(backend, case, target, form) == form]


def trains(backend: str | Backend) -> bool:
    """Whether a backend has the ability to train."""
    return "train" in get(backend).abilities


def has_native_randomness(word: str, form: str) -> bool:
    """Whether the framework draws the random numbers, so that no definition can say
    which."""
    return Layer.find(word).random and form == "native"


def compiled(
    backend: str | Backend,
    cases: Sequence[Case],
    dtype: str,
    form: str | None = None,
    device: str = "cpu",
) -> tuple[Model, dict[str, Array]]:
    """A model around the cases, before its first step; none of its weights is 0 or 1.
    It has no loss on a backend that does not train.

    It is the one that was made last for the same program, if that is not long ago:
    frameworks that trace programs take seconds for each.
    """
    model = compile_model(
        spec_around(cases), backend, "mse" if trains(backend) else None, SGD(lr=0.0),
        dtype=dtype, device=device, forms={cases[0][1]: form} if form else None,
    )  # fmt: skip
    model = _recent(model)
    weights = initial_weights(model.graph.parameters, 0, "float64")
    for name, value in weights.items():
        shifted = value + generator(3, name).uniform(0.1, 0.5, value.shape)
        weights[name] = shifted.astype(model.dtype)
    model.load_weights(weights)
    return model, weights


RECENT = 4
"""So many models are kept to be used again."""
_models: dict[tuple[Backend, str, str, str], Model] = {}


def _recent(model: Model) -> Model:
    """A model of the same program as it was when it was made, or this one."""
    program = model.program.hash
    key = (model.backend, program, str(model.dtype), str(model.device))
    kept = _models.pop(key, model)
    _models[key] = kept
    while len(_models) > RECENT:
        del _models[next(iter(_models))]
    if kept is not model and trains(model.backend):
        kept.learning_rate = 0.0
        kept.load_training_state({}, 0, 0)
    return kept


def batch_for(
    spec: ModelSpec,
    count: int = BATCH,
    seed: int = 0,
    dtype: str = "float64",
    wide: bool = True,
) -> tuple[list[Array], list[Array]]:
    """Random inputs and random targets, a list of each. With ``wide``, the first
    sample's values are large, so that activations saturate."""
    graph = spec.infer()

    def values(name: str, shape: Shape) -> Array:
        rng = generator(seed, "batch", name)
        array = rng.normal(size=(count, *shape))
        if wide:
            array[0] *= 5
        return array.astype(dtype)

    named = zip(graph.outputs, graph.output_shapes, strict=True)
    return [values(*pair) for pair in graph.inputs], [values(*pair) for pair in named]


def random_factors(model: Model, count: int = BATCH) -> dict[str, Array]:
    """The random numbers of this step's random layers, by path."""
    draws = model.engine.draws(count, model.steps_done)
    return dict(zip(model.program.draws, draws, strict=True))
