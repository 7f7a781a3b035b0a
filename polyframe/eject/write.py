"""``eject``: a recipe as a standalone script that needs only the framework and NumPy.

The script is the text of the program, followed by the data and the loop. It has the same
initial weights, order of samples and random numbers as polyframe, so it prints the same
losses.
"""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path

import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.python.sections import Section, import_lines, module
from polyframe.compiler.python.snippets import global_names, snippet
from polyframe.compiler.python.source import literal
from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.files import check_path
from polyframe.contract.programs import make_step, write_programs
from polyframe.data import Dataset, split
from polyframe.errors import PolyframeError, UnsupportedError
from polyframe.io.array import Array
from polyframe.io.atomic import write_atomic
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, check_one_number
from polyframe.spec.losses.targets import with_channel
from polyframe.spec.recipe import Recipe
from polyframe.spec.sampling import initial_weights
from polyframe.spec.settings import KINDS, plain_setting
from polyframe.spec.typed import TypedGraph, TypedNode, flatten

HERE = Path(__file__).with_name("script.py")

HEAD = ("import hashlib", "from pathlib import Path", "import numpy as np")


def eject(
    recipe: Recipe,
    backend: str | Backend,
    out: str | Path,
    data: Dataset,
    optimize: bool = False,
) -> list[Path]:
    """Write ``train.py``, ``weights.npz`` and ``data.npz`` into a new or empty folder.

    The framework need not be installed. ``UnsupportedError`` for what eject does not
    support yet: several inputs or outputs, semantics="native".
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PolyframeError(
            "exists and is not empty", where=str(out), hint="another -o"
        )
    writer = registry.get(backend)
    registry.require(writer, "eject")
    target = Target(recipe.dtype, semantics=recipe.semantics)
    step = make_step(
        recipe.model, writer, recipe.loss, recipe.optimizer, recipe.training,
        recipe.semantics,
    )  # fmt: skip
    if step is not None and step.weighted:
        raise UnsupportedError(
            "eject does not write class weights or ignore_index yet", where="loss"
        )
    check_one_number(step.losses if step is not None else ())
    program, graph = write_programs(recipe.model, writer, step, target, optimize)
    if recipe.split is not None:
        data = split(data, recipe.split, recipe.seed)
    if len(graph.inputs) > 1 or len(graph.outputs) > 1:
        raise UnsupportedError("eject takes models of one input and one output")
    if recipe.semantics != "aligned":
        raise UnsupportedError("eject takes semantics='aligned'")
    check_settings(recipe)
    if recipe.loss.labels and data.train[1].dtype.kind == "f":
        raise UnsupportedError(
            "eject does not write probabilities as targets yet", where=data.name
        )
    if data.weights is not None:
        raise UnsupportedError(
            "eject does not write sample weights yet", where=data.name
        )
    if program.language != "python":
        raise UnsupportedError(
            f"eject writes scripts in Python, and the program is {program.language}",
            where=writer.name,
        )
    weights = initial_weights(graph.parameters, recipe.seed, recipe.dtype)
    native = {
        slot.path: slot.to_native(weights[name])
        for name, slot in program.weights.items()
    }
    # The first text of a program becomes the script; it may need the other files.
    first = next(iter(program.texts), "")
    others = {n: content for n, content in program.files.items() if n != first}
    files: dict[str, str | bytes] = {
        "train.py": script(recipe, writer, program, graph),
        "weights.npz": packed(native),
        "data.npz": packed(arrays(data, recipe.loss, graph.output_shapes[0])),
    }
    for name, other in others.items():
        check_path(name)
        if name in files:
            raise UnsupportedError(
                f"a file of the program is called {name}, as one of eject's own",
                where=writer.name,
            )
        files[name] = other
    for name, content in files.items():
        write_atomic(out / name, content)
    return [out / name for name in files]


def check_settings(recipe: Recipe) -> None:
    """UnsupportedError for settings that an ejected script does not support yet."""
    changed = list(recipe.training.changed())
    others = ("schedule", "augmentation", "initial_weights", "drop_last")
    changed += [key for key in others if getattr(recipe, key)]
    if not changed:
        return
    key = changed[0]
    default = Recipe.__dataclass_fields__[key].default
    plain = plain_setting(key, default) if key in KINDS else default
    raise UnsupportedError(
        "eject does not write this yet",
        where=key,
        hint=f"--set {key}={json.dumps(plain)}",
    )


def script(
    recipe: Recipe, backend: Backend, program: Program, graph: TypedGraph
) -> str:
    """The text of ``train.py``."""
    tree = ast.parse(program.source)
    lines = program.source.splitlines()
    first = next(n for n in tree.body if not isinstance(n, (ast.Expr, *IMPORTS)))
    start = min(
        [first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))]
    )
    imports = [lines[n.lineno - 1] for n in tree.body if isinstance(n, IMPORTS)]
    nodes = {node.path: node for node in flatten(graph).nodes}
    drawn = [nodes[path] for path in program.draws]
    template = backend.file("snippets/eject.py")
    if template is None:
        raise UnsupportedError("snippets/eject.py is missing", where=backend.name)
    names = [n.name for n in ast.parse(template.read_text()).body if hasattr(n, "name")]
    sections = [
        "\n".join(lines[start - 1 :]),
        *(snippet(template, n).replace("Model(", f"{program.entry}(") for n in names),
        *(snippet(HERE, n) for n in ("stream", "order")),
        draws_text(drawn),
        snippet(HERE, "main"),
        'if __name__ == "__main__":\n    main()',
    ]
    constants = settings(recipe, backend, graph, drawn, "\n".join(sections))
    shim = backend.eject_head
    program_imports = [line for line in imports if line not in HEAD]
    used = global_names("\n\n\n".join([constants, *sections]))
    lines = import_lines(HEAD, used)
    lines += [*(["", shim, ""] if shim else []), *import_lines(program_imports, used)]
    doc = (
        f"{recipe.name} on {backend.title}: a script of its own, ejected by polyframe.\n\n"
        "It reads data.npz and weights.npz beside it.\n"
    )
    return module(doc, lines, map(Section.of, [constants, *sections])).text


IMPORTS = (ast.Import, ast.ImportFrom)


def settings(
    recipe: Recipe,
    backend: Backend,
    graph: TypedGraph,
    drawn: list[TypedNode],
    text: str,
) -> str:
    """The constants at the top of the script: those that its text uses."""
    shape = graph.inputs[0][1]
    if backend.layout == "NHWC" and len(shape) > 1:
        shape = (*shape[1:], shape[0])
    rate = recipe.optimizer.resolve({}).lr
    values = {
        "EPOCHS": recipe.epochs,
        "BATCH_SIZE": recipe.batch_size,
        "LEARNING_RATE": rate,
        "SEED": recipe.seed,
        "DTYPE": recipe.dtype,
        "INPUT_SHAPE": shape,
        "RANDOM": bool(drawn),
        "LABELS": recipe.loss.labels,
    }
    used = {name: v for name, v in values.items() if re.search(rf"\b{name}\b", text)}
    return "\n".join(f"{name} = {literal(value)}" for name, value in used.items())


def draws_text(drawn: list[TypedNode]) -> str:
    """The function that draws the factors of the random layers."""
    if not drawn:
        return (
            "def draw(step, count):\n"
            '    """The random factors of one step: this network has none."""\n'
            "    return []"
        )
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


def arrays(data: Dataset, loss: Loss, output: Shape) -> dict[str, Array]:
    """A data set's arrays; images that were read from bytes are stored as bytes, and
    targets have the output's shape where the loss compares numbers."""
    _, test = data.evaluated
    values = {
        "x_train": data.train[0],
        "y_train": data.train[1],
        "x_test": test[0],
        "y_test": test[1],
    }
    if not loss.labels and loss.domain != "unused":
        for name in ("y_train", "y_test"):
            target = with_channel(values[name], output)
            values[name] = target if target.dtype.kind == "f" else target * 1.0
    for name in ("x_train", "x_test"):
        x = values[name]
        if x.dtype == np.float32:
            as_bytes = np.clip(np.rint(x * 255), 0, 255).astype(np.uint8)
            if np.array_equal(as_bytes.astype(np.float32) / np.float32(255), x):
                values[name] = as_bytes
    return values


def packed(values: dict[str, Array]) -> bytes:
    """Arrays as the bytes of a compressed ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **values)
    return buffer.getvalue()
