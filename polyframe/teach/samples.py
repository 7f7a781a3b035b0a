"""The samples that a step, or a picture of activations, is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyframe.data.augment import at_rest, augment, resolve
from polyframe.data.random_batches import batch as random_batch
from polyframe.data.rows import batch_of
from polyframe.data.samples import images_in, read_images, read_samples
from polyframe.errors import DataError
from polyframe.io.array import Array
from polyframe.randomness import generator
from polyframe.run.train import check_fit, load_data
from polyframe.spec.losses import parse_losses
from polyframe.spec.recipe import Recipe
from polyframe.spec.typed import TypedGraph


@dataclass(frozen=True)
class Batch:
    """Inputs and targets, (N, …), one array for each input and each output."""

    x: list[Array]
    y: list[Array]


def data_batch(recipe: Recipe, count: int) -> tuple[Batch, str]:
    """The first samples of the recipe's training data, preprocessed and not augmented,
    and the name of the data set."""
    data = load_data(recipe)
    check_fit(recipe, data)
    x, y = data.train
    some = slice(0, count)
    samples = preprocessed(recipe, batch_of(x, some), x)
    return Batch([samples], [batch_of(y, some)]), data.name


def preprocessed(recipe: Recipe, samples: Array, train: Array | None = None) -> Array:
    """Samples as the recipe's network gets them (``normalize``); ``train``: its training
    samples, which are loaded if left out and needed."""
    ops = at_rest(recipe.augmentation)
    if not ops:
        return samples
    if train is None:
        train = load_data(recipe).train[0]
    none = np.empty(len(samples))
    return augment(resolve(ops, train), samples, none, recipe.seed, 0)[0]


def made_up_batch(recipe: Recipe, count: int) -> Batch:
    """Random samples and targets that fit."""
    graph = recipe.model.infer()
    outputs = list(zip(graph.outputs, graph.output_shapes, strict=True))
    losses = parse_losses(recipe.loss, graph.outputs)
    return Batch(*random_batch(graph.inputs, outputs, losses, count, recipe.seed))


def file_samples(graph: TypedGraph, path: Path, recipe: Recipe | None) -> list[Array]:
    """The samples in a file, or an image, preprocessed as a recipe says. DataError for
    what cannot be read or does not fit."""
    images = images_in(path)
    if images:
        options = recipe.data if recipe is not None else image_options(graph)
        samples = [batch_of(read_images(images, graph.inputs, options), slice(None))]
    else:
        samples = read_samples(path, graph.inputs)
    check_samples(graph, samples, str(path))
    if recipe is not None and len(samples) == 1:
        samples = [preprocessed(recipe, samples[0])]
    return samples


def image_options(graph: TypedGraph) -> dict[str, object]:
    """How an image is converted for a network without a recipe: to its input's size."""
    shape = graph.input_shapes[0]
    if len(shape) != 3 or shape[0] not in (1, 3):
        return {}
    return {"channels": shape[0], "size": list(shape[1:])}


def made_up_sample(graph: TypedGraph, seed: int = 0) -> list[Array]:
    """One sample (1, C, H, W) for each input: seeded noise around smooth blobs, since a
    convolution of bare noise shows nothing."""
    samples = []
    for name, shape in graph.inputs:
        rng = generator(seed, "sample", name)
        value = rng.normal(size=(1, *shape)) / 4
        axes = [np.linspace(-1, 1, size) for size in shape[1:]]
        for channel in range(shape[0] if axes else 0):
            for _ in range(3):
                centre, width = rng.uniform(-0.7, 0.7, len(axes)), rng.uniform(0.2, 0.5)
                grid = np.meshgrid(*axes, indexing="ij")
                far = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
                value[0, channel] += rng.choice([-1, 1]) * np.exp(-far / width**2)
        samples.append(value)
    return samples


def check_samples(graph: TypedGraph, samples: Sequence[Array], where: str) -> None:
    """DataError unless there is a sample at least, of the shapes of the inputs."""
    for (name, shape), array in zip(graph.inputs, samples, strict=True):
        if array.shape[1:] != shape or not len(array):
            given = "no sample" if not len(array) else f"samples {array.shape[1:]}"
            raise DataError(
                f"has {given}, and the input {name} of {graph.name} takes {shape}",
                where=where,
                hint="an array (N, C, H, W) in .npy, or an image",
            )
