"""``trace --step``: one training step, tensor by tensor: the definition in NumPy beside
what each backend computes.

    from polyframe.teach.step_walk import walk
    walked = walk(pf.load_recipe("digits_cnn"), ["torch", "mxnet"], dtype="float64")
    walked.largest["torch"]

What the definition says is computed in float64 from the same weights and samples. Its
gradients are complex steps of the definition, for a few numbers of each parameter; the
gradients of layers' outputs have no definition of their own, so that backends are compared
with the first of them there. A weight after the step is compared with what the optimizer's
formula makes of the backend's own gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from polyframe.io.array import Array
from polyframe.io.distance import distance, scaled_distance
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.losses import parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.recipe import Recipe
from polyframe.spec.sampling import initial_weights
from polyframe.teach.definitions import (
    Definition,
    first_of,
    largest_of,
    plain_update,
    updated,
    wanted_batch,
)
from polyframe.teach.recipes import check_trains, graph_of, in_dtype, recipe_for
from polyframe.teach.samples import Batch, data_batch, made_up_batch
from polyframe.train.arrays import as_one

NUMPY = "NumPy"
"""What the definition is called among backends."""
FIRST = 4
"""How many numbers of a tensor are shown."""
NOTHING = 100
"""Gradients of fewer units of rounding than that are 0 but for rounding."""
BATCH = 8
"""Samples of a step that is looked at."""
PHASES = {
    "input": "the batch",
    "forward": "outputs of the layers",
    "loss": "the loss",
    "output gradient": "gradients of the loss by the outputs, summed over the samples",
    "gradient": "gradients of the loss by the weights",
    "statistics": "running statistics after the step",
    "weights": "weights after the step",
}
"""The phases of a step in their order, and what their tensors are."""


class Numbers(NamedTuple):
    """What is told of a tensor; None where only some of its numbers are known."""

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    first: tuple[float, ...]


@dataclass
class Tensor:
    """A tensor of the step: NumPy's and each backend's numbers, and each backend's largest
    relative distance, max|a-b| / max|b|, from the first of them."""

    phase: str
    name: str
    shape: tuple[int, ...]
    numbers: dict[str, Numbers] = field(default_factory=dict)
    distances: dict[str, float] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "phase": self.phase,
            "name": self.name,
            "shape": list(self.shape),
            "numbers": {who: each._asdict() for who, each in self.numbers.items()},
            "distance": self.distances,
        }


@dataclass(frozen=True)
class Walked:
    """A step, tensor by tensor. ``notes``: what has no definition here, and why."""

    name: str
    dtype: str
    batch_size: int
    source: str
    tensors: Sequence[Tensor]
    notes: Sequence[str]

    @property
    def largest(self) -> dict[str, float]:
        """Backend → the largest of its distances."""
        largest: dict[str, float] = {}
        for tensor in self.tensors:
            for who, apart in tensor.distances.items():
                largest[who] = max(largest.get(who, 0.0), apart)
        return largest

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "data": self.source,
            "tensors": [tensor.to_data() for tensor in self.tensors],
            "largest_distance": self.largest,
            "notes": list(self.notes),
        }


def walk(
    model: Recipe | ModelSpec,
    backends: Sequence[str] = (),
    batch_size: int = BATCH,
    dtype: str | None = None,
    device: str = "cpu",
    say: Callable[[str], None] = lambda text: None,
) -> Walked:
    """Walk through the first training step of a recipe, or of a spec with its default loss
    and Adam, with aligned semantics.

    The batch is the first samples of a recipe's data set, preprocessed and not augmented,
    or random for a spec. ``dtype``: the recipe's, or float32; in float64 the distances are
    those of rounding errors of about 1e-16. Without backends, the definition alone.
    """
    recipe = replace(in_dtype(recipe_for(model), dtype), semantics="aligned")
    if backends:
        check_trains(recipe)
    if isinstance(model, Recipe):
        samples, source = data_batch(recipe, batch_size)
    else:
        samples, source = made_up_batch(recipe, batch_size), "random numbers"
    graph, _ = graph_of(recipe)
    weights = initial_weights(graph.parameters, recipe.seed, recipe.dtype)
    seen = {}
    for name in backends:
        say(f"{name}: one step")
        seen[name] = native_step(recipe, name, device, samples)
    say("the definition in NumPy")
    definition = Definition(
        graph,
        parse_losses(recipe.loss, graph.outputs),
        {name: value.astype(np.float64) for name, value in weights.items()},
        wanted_batch(samples, recipe.dtype),
        recipe.seed,
    )
    tensors, notes = tensors_of(recipe, definition, seen)
    return Walked(
        recipe.model.name, recipe.dtype, len(samples.x[0]), source, tensors, notes
    )


# --- what a backend computes -------------------------------------------------------------

StepTensors = dict[tuple[str, str], Array]
"""(phase, name) → the tensor."""


def native_step(
    recipe: Recipe, backend: str, device: str, samples: Batch
) -> StepTensors:
    """All tensors of the first step on a backend; outputs and gradients are those of the
    program without rewrites, the update that of the one that ``train`` runs."""
    training = replace(recipe.training, accumulate=1)
    model = compile_model(
        recipe.model, backend, recipe.loss, recipe.optimizer, dtype=recipe.dtype,
        device=device, seed=recipe.seed, **training.options(),
    )  # fmt: skip
    x, y = as_one(samples.x), as_one(samples.y)
    step = named("forward", model.activations(x, training=True))
    step |= named("gradient", model.gradients(x, y))
    step |= named("output gradient", model.output_gradients(x, y))
    step["loss", "loss"] = np.array(model.train_step(x, y))
    return step | state_of(model)


def named(phase: str, arrays: Mapping[str, Array]) -> StepTensors:
    """Arrays of one phase."""
    return {(phase, name): value for name, value in arrays.items()}


def state_of(model: Model) -> StepTensors:
    """Weights and running statistics."""
    parameters = model.graph.parameters
    return {
        ("weights" if parameters[name].trainable else "statistics", name): value
        for name, value in model.weights().items()
    }


# --- side by side ------------------------------------------------------------------------


def tensors_of(
    recipe: Recipe, definition: Definition, seen: Mapping[str, StepTensors]
) -> tuple[list[Tensor], list[str]]:
    """All tensors in the order of a step, and the notes."""
    outputs, statistics = definition.forward()
    parameters = definition.graph.parameters
    known = {name for name, _ in definition.graph.inputs}
    layers = [name for name in outputs if name not in known]
    tensors = [
        beside("input", name, value, {})
        for name, value in inputs_of(definition).items()
    ]
    tensors += [beside("forward", name, outputs[name], seen) for name in layers]
    tensors.append(beside("loss", "loss", definition.loss(outputs), seen))
    notes: list[str] = []
    backward = [*reversed(layers), *known] if seen else []
    tensors += amongst("output gradient", backward, recipe.dtype, seen)
    if len(seen) > 1:
        notes.append(
            "gradients by outputs have no definition of their own: their distances are "
            f"from {next(iter(seen))}"
        )
    more, told = gradients_of(definition, recipe.dtype, seen)
    tensors += more
    notes += told
    tensors += [
        beside("statistics", name, value, seen) for name, value in statistics.items()
    ]
    trained = [name for name, p in parameters.items() if p.trainable and seen]
    reason = plain_update(recipe)
    if reason is None:
        tensors += [after_update(recipe, definition, name, seen) for name in trained]
    else:
        tensors += amongst("weights", trained, recipe.dtype, seen)
        notes.append(f"weights after the step have no definition here: {reason}")
    return tensors, notes


def inputs_of(definition: Definition) -> dict[str, Array]:
    """Inputs and targets by name."""
    names = [name for name, _ in definition.graph.inputs]
    named_inputs = dict(zip(names, definition.batch.x, strict=True))
    targets = definition.batch.y
    words = (
        ["targets"]
        if len(targets) == 1
        else [f"targets of {name}" for name in definition.graph.outputs]
    )
    return named_inputs | dict(zip(words, targets, strict=True))


def beside(
    phase: str, name: str, wanted: Array, seen: Mapping[str, StepTensors]
) -> Tensor:
    """A tensor of the definition beside the backends'."""
    tensor = Tensor(phase, name, wanted.shape, {NUMPY: numbers(wanted)})
    for who, step in seen.items():
        value = step[phase, name]
        tensor.numbers[who] = numbers(value)
        tensor.distances[who] = distance(value, wanted)
    return tensor


def amongst(
    phase: str, names: Sequence[str], dtype: str, seen: Mapping[str, StepTensors]
) -> list[Tensor]:
    """Tensors that have no definition here: the backends', compared with the first."""
    if not names:
        return []
    first, *others = seen
    references = {name: seen[first][phase, name] for name in names}
    scales, tensors = scales_of(references, dtype), []
    for name, reference in references.items():
        tensor = Tensor(phase, name, reference.shape, {first: numbers(reference)})
        for who in others:
            value = seen[who][phase, name]
            tensor.numbers[who] = numbers(value)
            tensor.distances[who] = scaled_distance(value, reference, scales[name])
        tensors.append(tensor)
    return tensors


def scales_of(references: Mapping[str, Array], dtype: str) -> dict[str, float]:
    """What distances from tensors of one phase are relative to: the tensor's largest
    number or, where all of it is rounding, that of all of them. So it is with the
    gradient of a bias before a batch norm, which is 0: any difference would be a
    multiple of nothing."""
    largest = {n: float(np.abs(v).max(initial=0.0)) for n, v in references.items()}
    overall = max(largest.values(), default=0.0)
    least = NOTHING * float(np.finfo(dtype).eps) * overall
    return {n: size if size > least else overall for n, size in largest.items()}


def gradients_of(
    definition: Definition, dtype: str, seen: Mapping[str, StepTensors]
) -> tuple[list[Tensor], list[str]]:
    """The gradients by the weights, and the notes."""
    names = [n for n, p in definition.graph.parameters.items() if p.trainable]
    first = next(iter(seen.values()), {})
    largest = largest_of({n: first["gradient", n] for n in names} if first else {})
    defined, reason = definition.gradients(largest)
    if reason is not None:
        note = f"gradients have no numbers of the definition: {reason}"
        return amongst("gradient", names if seen else [], dtype, seen), [note]
    scales = scales_of({name: values for name, (_, values) in defined.items()}, dtype)
    tensors = []
    for name in names:
        indices, values = defined[name]
        shown = Numbers(None, None, None, None, first_of(values, FIRST))
        shape = definition.weights[name].shape
        tensor = Tensor("gradient", name, shape, {NUMPY: shown})
        for who, step in seen.items():
            value = step["gradient", name]
            some = value.reshape(-1)[indices]
            tensor.numbers[who] = numbers(value)
            tensor.distances[who] = scaled_distance(some, values, scales[name])
        tensors.append(tensor)
    note = f"of each gradient by the definition, the first {FIRST} numbers are computed"
    return tensors, [f"{note} and the largest one, and compared" if seen else note]


def after_update(
    recipe: Recipe, definition: Definition, name: str, seen: Mapping[str, StepTensors]
) -> Tensor:
    """A weight after the step beside what the optimizer's formula makes of the backend's
    own gradient; NumPy's numbers are for that of the first backend."""
    before = definition.weights[name]
    wanted = {
        who: updated(recipe.optimizer, before, step["gradient", name])
        for who, step in seen.items()
    }
    first = next(iter(wanted.values()))
    tensor = Tensor("weights", name, before.shape, {NUMPY: numbers(first)})
    for who, step in seen.items():
        value = step["weights", name]
        tensor.numbers[who] = numbers(value)
        tensor.distances[who] = distance(value, wanted[who])
    return tensor


def numbers(value: Array) -> Numbers:
    """What is told of a tensor."""
    exact = np.asarray(value, np.float64)
    return Numbers(
        float(exact.mean()), float(exact.std()), float(exact.min()), float(exact.max()),
        first_of(exact, FIRST),
    )  # fmt: skip


def by_phase(tensors: Sequence[Tensor]) -> Iterator[tuple[str, list[Tensor]]]:
    """The tensors of each phase, in order; phases without any are left out."""
    for phase in PHASES:
        found = [tensor for tensor in tensors if tensor.phase == phase]
        if found:
            yield phase, found
