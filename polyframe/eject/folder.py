"""A program in another language than Python as a folder: the program as it is, weights,
data, the recipe, and a README that says what is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from polyframe.compiler.program import Program, Slot
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.files import check_path
from polyframe.data import Dataset
from polyframe.eject.arrays import arrays, packed
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.recipe import Recipe
from polyframe.spec.sampling import initial_weights, unset_weights
from polyframe.spec.semantics import native_aspects
from polyframe.spec.typed import TypedGraph

PROGRAM = "program"
"""The folder of the program's files, whose names may be anything."""
MOST_DATA = 2**28
"""Bytes of data, before they are compressed, that are written beside a program."""

AXES = {1: "C", 2: "C, L", 3: "C, H, W", 4: "C, D, H, W"}
"""Number of a sample's axes → what they are, in the neutral layout."""


def folder_files(
    recipe: Recipe,
    backend: Backend,
    program: Program,
    graph: TypedGraph,
    step: TrainingSpec | None,
    data: Dataset,
) -> dict[str, str | bytes]:
    """The files by name; ProgramError for a file of the program whose name leads out of
    the folder. ``step`` is what the program trains with, None where it predicts only."""
    for name in program.files:
        check_path(name)
    weights = initial_weights(graph.parameters, recipe.seed, recipe.dtype)
    if "initializer" in native_aspects(recipe.semantics):
        for name in unset_weights(recipe.model, graph):
            del weights[name]  # the framework draws them
    values, small = data_arrays(recipe, graph, data)
    return {
        "README.md": readme(
            recipe, backend, program, graph, step, weights, values, small
        ),
        **{f"{PROGRAM}/{name}": content for name, content in program.files.items()},
        "weights.npz": packed(weights),
        **({"data.npz": packed(values)} if small else {}),
        "recipe.yaml": recipe.to_yaml(),
    }


def data_arrays(
    recipe: Recipe, graph: TypedGraph, data: Dataset
) -> tuple[dict[str, Array], bool]:
    """The arrays of the data, channels first, with the training data's sample weights; and
    whether they are small enough to be written."""
    _, (x_test, y_test) = data.evaluated
    given = (*data.train, x_test, y_test)
    if sum(array.nbytes for array in given) > 4 * MOST_DATA:  # floats may become bytes
        names = ("x_train", "y_train", "x_test", "y_test")
        return dict(zip(names, given, strict=True)), False
    values = arrays(data, recipe.loss, graph.output_shapes[0])
    if data.weights is not None:
        values["weights_train"] = data.weights
    return values, sum(array.nbytes for array in values.values()) <= MOST_DATA


# --- the description -------------------------------------------------------------------


def readme(
    recipe: Recipe,
    backend: Backend,
    program: Program,
    graph: TypedGraph,
    step: TrainingSpec | None,
    weights: Mapping[str, Array],
    data: Mapping[str, Array],
    has_data: bool,
) -> str:
    """The text of ``README.md``."""
    sections = [
        [f"# {recipe.name} on {backend.title}", "Written by `polyframe eject`."],
        files_section(recipe, program, weights, has_data),
        model_section(backend, program, graph),
        weights_section(recipe, program, graph, weights),
        training_section(recipe, program, step),
        data_section(recipe, data, has_data),
    ]
    return "\n\n".join("\n\n".join(section) for section in sections) + "\n"


def files_section(
    recipe: Recipe, program: Program, weights: Mapping[str, Array], has_data: bool
) -> list[str]:
    """What lies in the folder."""
    rows = []
    for number, (name, content) in enumerate(program.files.items()):
        what = "text" if isinstance(content, str) else "binary"
        runs = "; the file that runs" if number == 0 else ""
        rows.append((code(f"{PROGRAM}/{name}"), f"the program, {what}{runs}"))
    rows.append((
        code("weights.npz"),
        f"the initial weights of seed {recipe.seed}, {len(weights)} arrays",
    ))  # fmt: skip
    if has_data:
        rows.append((code("data.npz"), "the data, after the split of the recipe"))
    rows.append((code("recipe.yaml"), "model, loss, optimizer, data and all settings"))
    return ["## Files", table(("file", "content"), rows)]


def model_section(backend: Backend, program: Program, graph: TypedGraph) -> list[str]:
    """The program's language, its entry, and the names of inputs and outputs."""
    last = backend.layout == "NHWC"
    order = (
        "The program itself has channels last: move axis 1 of these arrays to the end."
        if last and any(len(shape) > 1 for _, shape in graph.inputs)
        else "The program takes the axes in this order."
    )
    rows = [("input", code(n), *sizes(shape)) for n, shape in graph.inputs]
    outputs = zip(graph.outputs, graph.output_shapes, strict=True)
    rows += [("output", code(n), *sizes(shape)) for n, shape in outputs]
    texts = [
        f"The program is in the language {code(program.language)}. Its entry is "
        f"{code(program.entry)}. Inputs and outputs have these names in the model:",
        table(("", "name", "shape", "axes"), rows),
        f"N is the number of samples in a batch. {order}",
    ]
    if program.draws:
        names = ", ".join(map(code, program.draws))
        texts.append(
            "After the inputs the program takes the random numbers of these layers, in "
            f"this order: {names}."
        )
    return ["## The model", *texts]


def sizes(shape: Shape) -> tuple[str, str]:
    """A batch's shape, and what its axes are."""
    return f"(N, {', '.join(map(str, shape))})", f"N, {AXES.get(len(shape), '…')}"


def weights_section(
    recipe: Recipe, program: Program, graph: TypedGraph, weights: Mapping[str, Array]
) -> list[str]:
    """The names of the weights here and in the program."""
    rows = [
        (
            code(name),
            "×".join(map(str, parameter.shape)) or "one number",
            f"{code(program.weights[name].path)}{change(program.weights[name])}",
        )
        for name, parameter in graph.parameters.items()
        if name in program.weights
    ]
    texts = [
        "`weights.npz` has canonical names and layouts: kernels are (out, in, height, "
        "width), matrices (out, in).",
        table(("array", "shape", "in the program"), rows),
    ]
    drawn = [name for name in graph.parameters if name not in weights]
    if drawn:
        names = ", ".join(map(code, drawn))
        texts.append(
            f"The framework draws these by its own initializers, so they are not in the "
            f"file: {names}."
        )
    if recipe.initial_weights is not None:
        texts.append(
            "The recipe starts from weights of another file, which is not copied: "
            f"{code(recipe.initial_weights.file)}."
        )
    return ["## Weights", *texts]


def change(slot: Slot) -> str:
    """What is done to a canonical array to get the program's."""
    steps = []
    if slot.shape is not None:
        steps.append(f"reshape to {slot.shape}")
    if slot.perm is not None:
        steps.append(f"transpose by {slot.perm}")
    if slot.flat is not None:
        steps.append(f"reshape to {slot.flat}")
    return f": {', then '.join(steps)}" if steps else ""


def training_section(
    recipe: Recipe, program: Program, step: TrainingSpec | None
) -> list[str]:
    """What the program trains with, and what is left to whoever runs it."""
    if step is None:
        return [
            "## Training",
            "The program predicts and does not train. `recipe.yaml` says how polyframe "
            "trains the model.",
        ]
    facts = [
        f"loss {code(recipe.loss.type)}",
        f"optimizer {code(recipe.optimizer.type)}",
        f"{recipe.epochs} epochs in batches of {recipe.batch_size}",
    ]
    texts = [
        f"The program's training step is for these: {', '.join(facts)}. `recipe.yaml` "
        "has all settings. What the program does not do itself is left to the loop that "
        "runs it: the order of the samples, augmentation, the schedule of the learning "
        "rate.",
    ]
    roles = program.source_map.get("", {})
    if roles:
        rows = [
            (role.replace("_", " "), f"{code(span.file)}, {span.first} to {span.last}")
            for role, span in roles.items()
        ]
        texts += [table(("part", "lines"), rows)]
    return ["## Training", *texts]


def data_section(recipe: Recipe, data: Mapping[str, Array], has: bool) -> list[str]:
    """The arrays of the data, or how to get them."""
    rows = [
        (code(name), str(array.shape), str(array.dtype)) for name, array in data.items()
    ]
    texts = [table(("array", "shape", "dtype"), rows)]
    if any(array.dtype == np.uint8 for array in data.values()):
        texts.append("Bytes mean numbers from 0 to 1: divide them by 255.")
    if not has:
        parts = f"split(data, {recipe.split}, {recipe.seed})"
        lines = [
            "import polyframe as pf",
            "from polyframe.run.train import load_data",
            "",
            'data = load_data(pf.load_recipe("recipe.yaml"))',
            *([f"data = pf.data.{parts}"] if recipe.split is not None else []),
            "x, y = data.train",
        ]
        texts = [
            "The data are too large for this folder. Where polyframe is installed, this "
            "gives them:",
            "\n".join(["```python", *lines, "```"]),
            *texts,
        ]
    return ["## Data", *texts]


def code(text: str) -> str:
    """Text as code in a table of Markdown, whatever it consists of."""
    plain = "".join(c if c.isprintable() and c not in "`|" else "_" for c in text)
    return f"`{plain}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
