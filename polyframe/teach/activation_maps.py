"""The activations of one sample as a picture: for each layer its channels, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polyframe.contract.weight_files import read_weights
from polyframe.errors import PolyframeError
from polyframe.io.array import Array
from polyframe.io.fitting import fit_arrays
from polyframe.io.state_dicts import canonical_names
from polyframe.model.compile import compile as compile_model
from polyframe.spec.interpreter import interpret
from polyframe.spec.model import ModelSpec
from polyframe.spec.recipe import Recipe
from polyframe.spec.sampling import initial_weights
from polyframe.spec.summary import shape_text
from polyframe.spec.typed import TypedGraph
from polyframe.teach.costs import FLAT, rows_of
from polyframe.teach.recipes import recipe_for
from polyframe.teach.samples import data_batch, file_samples, made_up_sample
from polyframe.train.arrays import as_one

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS, MOST_MAPS, MOST_NUMBERS = 80, 16, 512
"""The most layers of a picture, and the most channels or, of a vector, numbers of each
that are shown."""
LINES = 32, 64
"""How many numbers of a short and of a long vector stand in a line."""
PLACES = 8
"""At least so many channels have room beside each other, so that one is not huge."""
WIDTH, LABEL = 9.0, 2.6
"""Inches of the picture, and of its names."""


def defined_activations(
    graph: TypedGraph, weights: Mapping[str, Array], inputs: Sequence[Array]
) -> dict[str, Array]:
    """Every layer's output by its path, by the definitions in NumPy."""
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    values, _ = interpret(graph, exact, [x.astype(np.float64) for x in inputs])
    return values


def sample_figure(
    model: Recipe | ModelSpec,
    depth: int = FLAT,
    backend: str | None = None,
    device: str = "cpu",
    sample: str | None = None,
    weights: str | None = None,
) -> tuple[Figure, str]:
    """The picture for one sample, and what it is of.

    ``backend``: whose activations they are; None: those of the definition in NumPy.
    ``sample``: a file, of which the first sample is taken; left out, the first of a
    recipe's data, or for a spec a made-up one. ``weights``: a file of weights; left out,
    the initial ones. DataError and WeightsError for files that do not fit.
    """
    recipe = recipe_for(model)
    graph, given = recipe.model.infer(), isinstance(model, Recipe)
    if sample is not None:
        inputs = file_samples(graph, Path(sample), recipe if given else None)
        about = sample
    elif given:
        batch, name = data_batch(recipe, 1)
        inputs, about = batch.x, f"the first sample of {name}"
    else:
        inputs, about = made_up_sample(graph, recipe.seed), "a made-up sample"
    inputs = [x[:1] for x in inputs]
    values = initial_weights(graph.parameters, recipe.seed, recipe.dtype)
    if weights is not None:
        shapes = {name: p.shape for name, p in graph.parameters.items()}
        read = canonical_names(read_weights(weights), graph.parameters, None, weights)
        values, _ = fit_arrays(read, shapes, recipe.dtype, weights)
    if backend is None:
        return figure(
            graph, defined_activations(graph, values, inputs), inputs, depth
        ), (f"{about}, by the definition in NumPy")
    native = compile_model(recipe.model, backend, dtype=recipe.dtype, device=device)
    native.load_weights(values)
    activations = native.activations(as_one(inputs))
    return figure(graph, activations, inputs, depth), (
        f"{about}, on {native.backend.title}"
    )


def figure(
    graph: TypedGraph,
    activations: Mapping[str, Array],
    inputs: Sequence[Array],
    depth: int = FLAT,
) -> Figure:
    """The picture of the first sample, with a row for each input and layer.

    ``activations``: path → (N, C, H, W), as ``Model.activations`` gives them. ``depth``:
    at 1, a block is shown by its output. Of more than ``MOST_MAPS`` channels the first
    are shown, of a volume its middle slice. Each channel has a scale of its own, from its
    smallest (dark) to its largest value (bright). PolyframeError where Matplotlib is not
    installed, and for more than ``MOST_ROWS`` rows.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PolyframeError(
            "pictures of activations need Matplotlib",
            hint='pip install "polyframe[teach]"',
        ) from None
    known = {name: x[0] for (name, _), x in zip(graph.inputs, inputs, strict=True)}
    rows = [row for row in rows_of(graph, depth) if row.leaves]
    if len(rows) > MOST_ROWS:
        raise PolyframeError(
            f"{graph.name} has {len(rows)} layers, and a picture of activations at "
            f"most {MOST_ROWS}",
            hint="--depth 1 shows a block by its output",
        )
    outputs = output_paths(graph)
    for row in rows:
        known[row.path] = activations[outputs[row.path]][0]
    named = [(name, "Input", shape) for name, shape in graph.inputs]
    named += [(row.path, row.kind, row.shape) for row in rows]
    images = [strip(known[path]) for path, _, _ in named]
    heights = [max(0.42, (WIDTH - LABEL) * i.shape[0] / i.shape[1]) for i in images]
    made = Figure(figsize=(WIDTH, sum(heights) + 0.12 * len(heights)))
    FigureCanvasAgg(made)
    grid = made.add_gridspec(
        len(images), 1, height_ratios=heights, left=LABEL / WIDTH, right=0.99,
        top=0.995, bottom=0.005, hspace=0.12,
    )  # fmt: skip
    for i, ((path, kind, shape), picture) in enumerate(zip(named, images, strict=True)):
        axes = made.add_subplot(grid[i])
        axes.imshow(picture, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
        axes.set_anchor("W")
        axes.set_axis_off()
        axes.text(
            -0.015, 0.5, f"{path}\n{kind} {shape_text(shape)}", size=8, ha="right",
            va="center", transform=axes.transAxes, parse_math=False,
        )  # fmt: skip
    return made


def output_paths(graph: TypedGraph, prefix: str = "") -> dict[str, str]:
    """The path of each layer and block → that of the layer which makes its output."""
    paths: dict[str, str] = {}
    for node in graph.nodes:
        path = prefix + node.name
        paths[path] = path
        if node.body is not None:
            inner = output_paths(node.body, f"{path}.")
            paths |= inner
            paths[path] = inner.get(f"{path}.{node.body.outputs[0]}", path)
    return paths


def strip(value: Array) -> Array:
    """The channels of one activation side by side, each from 0 to 1, with blanks (NaN)
    between: (height, width)."""
    if value.ndim == 1:  # a vector: lines of numbers
        value = value[:MOST_NUMBERS]
        wide = LINES[len(value) > LINES[0]]
        lines = np.full((math.ceil(len(value) / wide), wide), np.nan)
        lines.reshape(-1)[: len(value)] = scaled(value)
        return lines
    if value.ndim == 2:  # signals: a line for each channel
        return np.stack([scaled(channel) for channel in value[:MOST_MAPS]])
    if value.ndim == 4:  # volumes: the middle slice
        value = value[:, value.shape[1] // 2]
    maps = [scaled(channel) for channel in value[:MOST_MAPS]]
    height, width = maps[0].shape
    blank = np.full((height, max(1, width // 16)), np.nan)
    maps += [np.full((height, width), np.nan)] * (PLACES - len(maps))
    joined: Array = np.concatenate(
        [each for channel in maps for each in (channel, blank)][:-1], axis=1
    )
    return joined


def scaled(channel: Array) -> Array:
    """Values from 0 (the smallest) to 1 (the largest); 0 where all are equal, and blank
    where they are not finite."""
    channel = channel.astype(np.float64)
    finite = channel[np.isfinite(channel)]
    low = finite.min(initial=np.inf)
    span = finite.max(initial=-np.inf) - low
    with np.errstate(invalid="ignore"):
        return np.where(
            np.isfinite(channel), (channel - low) / span if span > 0 else 0.0, np.nan
        )
