"""A program in Python as a standalone script that needs only the framework and NumPy.

The script is the text of the program, followed by the data and the loop. It has the same
initial weights, order of samples and random numbers as polyframe, so it prints the same
losses. With native semantics the framework draws them in the script, from the seeds that
polyframe would give it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from polyframe.compiler.program import WHOLE, Program
from polyframe.compiler.python.sections import import_lines
from polyframe.compiler.python.snippets import (
    definitions,
    global_names,
    imports_of,
    snippet,
)
from polyframe.compiler.python.source import (
    Call,
    Name,
    listing,
    literal,
    statement,
)
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.files import check_path
from polyframe.data import Dataset
from polyframe.eject.arrays import arrays, packed
from polyframe.errors import DataError, UnsupportedError
from polyframe.spec.losses import check_one_number
from polyframe.spec.recipe import Recipe
from polyframe.spec.sampling import initial_weights, unset_weights
from polyframe.spec.semantics import native_aspects
from polyframe.spec.settings import KINDS, TRAINING, plain_setting
from polyframe.spec.typed import TypedGraph, TypedNode, flatten

HERE = Path(__file__).with_name("template.py")

UNSUPPORTED_SETTINGS = {
    "precision": "prediction in another dtype",
    "accumulate": "steps of several batches",
    "ema": "prediction with the EMA",
    "unfreeze": "a second program",
    "schedule": "the schedule's formula",
    "augmentation": "the augmentations' computation",
    "initial_weights": "reading the file",
}
"""Setting → what a script lacks for it. The program itself does all the others."""

HEAD = (
    "import hashlib",
    "import random",
    "from pathlib import Path",
    "import numpy as np",
)

STEP = frozenset({"loss", "freeze", "optimizer"})
"""The roles with which the training step begins in a program."""
RULE = 76
"""How long a line with a title is, without the signs around the title."""

Statement = tuple[str, Call | Name]
"""What stands before a value, as ``loss = ``, and the value."""


class Part(NamedTuple):
    """A section of a script: what it is about, in a few words, and its text, which runs
    after that of all parts before it."""

    title: str
    text: str


@dataclass(frozen=True)
class Project:
    """What ``eject`` writes, before it is written.

    - ``files``: text or bytes by name.
    - ``parts``: the script ``train.py`` as sections, of which a notebook has a cell each;
      empty where the program is not in Python.
    """

    files: Mapping[str, str | bytes]
    parts: tuple[Part, ...] = ()


def script_files(
    recipe: Recipe,
    backend: Backend,
    program: Program,
    graph: TypedGraph,
    step: TrainingSpec,
    data: Dataset,
) -> Project:
    """The files of the script, and its parts; UnsupportedError for what it lacks."""
    check(recipe, graph, step, data)
    weights = initial_weights(graph.parameters, recipe.seed, recipe.dtype)
    if "initializer" in native_aspects(recipe.semantics):
        for name in unset_weights(recipe.model, graph):
            del weights[name]  # the framework draws them in the script
    native = {
        slot.path: slot.to_native(weights[name])
        for name, slot in program.weights.items()
        if name in weights
    }
    # The first text of a program becomes the script; it may need the other files.
    first = next(iter(program.texts), "")
    others = {n: content for n, content in program.files.items() if n != first}
    doc = (
        f"{recipe.name} on {backend.title}: a script of its own, ejected by polyframe.\n\n"
        "It reads data.npz and weights.npz beside it.\n"
    )
    parts = script_parts(recipe, backend, program, graph)
    files: dict[str, str | bytes] = {
        "train.py": script_of(parts, doc),
        "weights.npz": packed(native),
        "data.npz": packed(arrays(data, recipe.loss, graph.output_shapes[0])),
    }
    for name, other in others.items():
        check_path(name)
        if name in files:
            raise UnsupportedError(
                f"a file of the program is called {name}, as one of eject's own",
                where=backend.name,
            )
        files[name] = other
    return Project(files, tuple(parts))


def check(recipe: Recipe, graph: TypedGraph, step: TrainingSpec, data: Dataset) -> None:
    """UnsupportedError for what a script does not do yet."""
    if data.weights is not None:
        raise UnsupportedError(
            "eject does not write sample weights yet", where=data.name
        )
    if step.weighted:
        raise UnsupportedError(
            "eject does not write class weights or ignore_index yet", where="loss"
        )
    check_one_number(step.losses)
    if len(graph.inputs) > 1 or len(graph.outputs) > 1:
        raise UnsupportedError("eject takes models of one input and one output")
    check_settings(recipe)
    if recipe.drop_last and len(data.train[0]) < recipe.batch_size:
        raise DataError(
            f"leaves nothing to train on: {len(data.train[0])} samples are less than a "
            f"batch of {recipe.batch_size}",
            where="drop_last",
            hint="a smaller batch_size",
        )
    if recipe.loss.labels and data.train[1].dtype.kind == "f":
        raise UnsupportedError(
            "eject does not write probabilities as targets yet", where=data.name
        )


def check_settings(recipe: Recipe) -> None:
    """UnsupportedError for settings that an ejected script does not support yet."""
    changed = recipe.training.changed()
    for key, missing in UNSUPPORTED_SETTINGS.items():
        if not (changed.get(key) if key in TRAINING else getattr(recipe, key)):
            continue
        default = Recipe.__dataclass_fields__[key].default
        plain = plain_setting(key, default) if key in KINDS else default
        raise UnsupportedError(
            f"eject does not write this yet: its scripts lack {missing}",
            where=key,
            hint=f"--set {key}={json.dumps(plain)}",
        )


def script_of(parts: Sequence[Part], doc: str) -> str:
    """The text of ``train.py``: docstring, imports and settings, then each other part
    under its title."""
    head, *others = parts
    texts = [f'"""{doc}"""\n\n{head.text}']
    for title, text in others:
        rule = "-" * (RULE - len(title))
        texts.append(f"# --- {title} {rule}\n\n\n{text}")
    return "\n\n\n".join(texts) + "\n"


def script_parts(
    recipe: Recipe, backend: Backend, program: Program, graph: TypedGraph
) -> list[Part]:
    """The script as sections, in order: the first has the imports and the settings, the
    last runs ``main``."""
    nodes = {node.path: node for node in flatten(graph).nodes}
    drawn = [nodes[path] for path in program.draws]
    seeds = "dropout" in native_aspects(recipe.semantics) and any(
        node.layer.random for node in nodes.values()
    )
    unused = {
        *([] if seeds else ["seed"]),
        *([] if sets_rate(recipe, program) else ["set_rate"]),
    }
    texts, more = backend_texts(backend, recipe, unused)
    blanks = blanks_of(recipe, backend, program, seeds)
    made, step = split_body(program)
    data = [
        *(snippet(HERE, n) for n in ("stream", "order")),
        *([draws_text(drawn)] if drawn else []),
        *([snippet(HERE, "layer_seed")] if seeds else []),
    ]
    run = [
        filled(text, blanks).replace("Model(", f"{program.entry}(") for text in texts
    ]
    parts = [
        Part("The model", made),
        Part("The training step", step),
        Part("The order of the data, and random numbers", apart(data)),
        Part("Running the model", apart(run)),
        Part("The training", filled(snippet(HERE, "main"), blanks)),
        Part("Run", 'if __name__ == "__main__":\n    main()'),
    ]
    used = global_names(apart(part.text for part in parts))
    constants = settings(recipe, backend, graph, drawn, used)
    shim = backend.eject_head
    used |= global_names(constants)
    lines = import_lines(HEAD, used)
    imports = (*program.imports, *more)
    program_imports = [line for line in imports if line not in HEAD]
    lines += [*(["", shim, ""] if shim else []), *import_lines(program_imports, used)]
    setup = "\n".join([*lines, "", constants])
    return [Part("Imports and settings", setup), *parts]


def split_body(program: Program) -> tuple[str, str]:
    """The lines of a program after its imports: those of the model, and those of the
    training step and the helpers."""
    assert program.body is not None
    first, last = program.body.first, program.body.last
    lines = program.source.splitlines()
    starts = [
        span.first
        for roles in program.source_map.values()
        for role, span in roles.items()
        if role in STEP
    ]
    at = min(starts, default=last + 1)
    model, step = lines[first - 1 : at - 1], lines[at - 1 : last]
    return "\n".join(model).strip("\n"), "\n".join(step).strip("\n")


def apart(texts: Iterable[str]) -> str:
    """Definitions two lines apart."""
    return "\n\n\n".join(text for text in texts if text)


def backend_texts(
    backend: Backend, recipe: Recipe, unused: set[str]
) -> tuple[list[str], list[str]]:
    """The backend's functions of a script but the ``unused``, and the import lines of
    their files: those of ``eject.py`` or, unless all is aligned, of the same name in
    ``eject_native.py``. UnsupportedError where a file is missing."""
    native = recipe.semantics != "aligned"
    texts: dict[str, str] = {}
    imports: list[str] = []
    for file in ("eject", *(["eject_native"] if native else [])):
        path = backend.file(f"snippets/{file}.py")
        if path is None:
            raise UnsupportedError(f"snippets/{file}.py is missing", where=backend.name)
        texts |= definitions(path)
        imports += imports_of(path)
    return [text for name, text in texts.items() if name not in unused], imports


def blanks_of(
    recipe: Recipe, backend: Backend, program: Program, seeds: bool
) -> dict[str, Sequence[Statement]]:
    """What fills the blanks of the templates; ``seeds``: whether random layers are seeded
    before each step."""
    number = backend.eject_number
    count = [number.format("len(x)")] if "count" in program.takes else []
    rate = [number.format("LEARNING_RATE")] if "learning_rate" in program.takes else []
    taken = listing(
        "train_step", map(Name, ["model", "*batch", *count, *program.objects, *rate])
    )
    random = "draw(number, len(part))" if program.draws else "[]"
    step = listing(
        "step", map(Name, ["model", "optimizer", "x[part]", "y[part]", random])
    )
    freeze, seed = Name("freeze(model)"), Name("seed(model, number)")
    whole = Name("shown[: len(x) // BATCH_SIZE * BATCH_SIZE]")
    set_rate = Name("set_rate(optimizer, LEARNING_RATE)")
    return {
        "FREEZE": [("", freeze)] if "freeze" in program.source_map[WHOLE] else [],
        "SET_RATE": [("", set_rate)] if sets_rate(recipe, program) else [],
        "DROP_LAST": [("shown = ", whole)] if recipe.drop_last else [],
        "TRAIN_STEP": [("loss, _ = ", taken)],
        "TAKE_STEP": [*([("", seed)] if seeds else []), ("loss = ", step)],
    }


def sets_rate(recipe: Recipe, program: Program) -> bool:
    """Whether a framework's own optimizer, which has one rate, is told that of each
    parameter."""
    return recipe.training.multiplies and "learning_rate" not in program.takes


def filled(text: str, blanks: Mapping[str, Sequence[Statement]]) -> str:
    """A template with statements in place of its blanks, each a name on its own line."""
    lines = []
    for line in text.split("\n"):
        if (name := line.strip()) not in blanks:
            lines.append(line)
            continue
        for prefix, value in blanks[name]:
            lines += statement(prefix, value, len(line) - len(name))
    return "\n".join(lines)


def settings(
    recipe: Recipe,
    backend: Backend,
    graph: TypedGraph,
    drawn: list[TypedNode],
    used: frozenset[str],
) -> str:
    """The constants at the top of the script: those of the names that it uses."""
    shape = graph.inputs[0][1]
    if backend.layout == "NHWC" and len(shape) > 1:
        shape = (*shape[1:], shape[0])
    values = {
        "EPOCHS": recipe.epochs,
        "BATCH_SIZE": recipe.batch_size,
        "LEARNING_RATE": recipe.optimizer.resolve({}).lr,
        "SEED": recipe.seed,
        "DTYPE": recipe.dtype,
        "INPUT_SHAPE": shape,
        "RANDOM": bool(drawn),
        "LABELS": recipe.loss.labels,
    }
    return "\n".join(
        f"{name} = {literal(value)}" for name, value in values.items() if name in used
    )


def draws_text(drawn: list[TypedNode]) -> str:
    """The function that draws the factors of the random layers."""
    lines = [
        "def draw(step, count):",
        '    """The random factors of one step, one array for each random layer."""',
        "    factors = []",
    ]
    for node in drawn:
        shape = node.layer.draw_shape(*node.in_shapes)
        formula = node.layer.draw_formula()
        if formula is None:
            raise UnsupportedError(
                f"{node.layer.type} has no draw_formula, so no script can draw its random "
                "numbers",
                where=node.path,
                hint="see polyframe.spec.layers.base.Layer.draw_formula",
            )
        lines += [
            f'    bits = uniform("{node.path}", step, count, {literal(shape)})',
            f"    factors.append(({formula}).astype(DTYPE))",
        ]
    return "\n".join([snippet(HERE, "uniform"), "", "", *lines, "    return factors"])
