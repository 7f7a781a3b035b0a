"""``eject``: a recipe as files that do without polyframe.

A program in Python becomes a script (``polyframe.eject.script``). A program in another
language is kept as it is, with weights, data and a description beside it
(``polyframe.eject.folder``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.programs import make_step, write_programs
from polyframe.data import Dataset, split
from polyframe.eject.folder import folder_files
from polyframe.eject.script import Project, script_files
from polyframe.errors import PolyframeError
from polyframe.io.atomic import write_atomic
from polyframe.spec.recipe import Recipe


def eject(
    recipe: Recipe,
    backend: str | Backend,
    out: str | Path,
    data: Dataset,
    optimize: bool = False,
) -> list[Path]:
    """Write a recipe into a new or empty folder, and return the paths of its files.

    - Where the program is a Python module: ``train.py``, ``weights.npz``, ``data.npz``
      and the program's other files. The framework need not be installed.
      ``UnsupportedError`` for what a script does not do yet: several inputs or outputs,
      sample weights, some settings.
    - In every other language: ``README.md``, which describes the rest, the program's
      files in ``program/``, ``weights.npz`` with canonical names, ``recipe.yaml`` and,
      unless it is larger than ``folder.MOST_DATA`` bytes, ``data.npz``. Nothing is
      refused.
    """
    out = Path(out)
    check_free(out)
    return write(project(recipe, backend, data, optimize), out)


def write(made: Project, out: Path) -> list[Path]:
    """Write a project's files into a folder."""
    for name, content in made.files.items():
        write_atomic(out / name, content)
    return [out / name for name in made.files]


def check_free(out: Path) -> None:
    """PolyframeError for a folder that holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PolyframeError(
            "exists and is not empty", where=str(out), hint="another -o"
        )


def project(
    recipe: Recipe, backend: str | Backend, data: Dataset, optimize: bool = False
) -> Project:
    """All files of a recipe on a backend, and the sections of its script."""
    writer = registry.get(backend)
    if recipe.semantics != "aligned":
        registry.require(writer, "native_semantics")
    loss = recipe.loss if "train" in writer.abilities else None
    step = make_step(
        recipe.model, writer, loss, recipe.optimizer, recipe.training, recipe.semantics
    )
    if step is not None:
        if data.weights is not None:
            step = replace(step, weighted=True)
        if recipe.loss.labels and data.train[1].dtype.kind == "f":
            step = step.for_targets([data.train[1]])  # probabilities of classes
    target = Target(
        recipe.dtype, semantics=recipe.semantics, training=step is not None,
        precision=recipe.precision,
    )  # fmt: skip
    program, graph = write_programs(recipe.model, writer, step, target, optimize)
    if recipe.split is not None:
        data = split(data, recipe.split, recipe.seed)
    if program.language == "python" and program.body is not None:
        registry.require(writer, "eject")
        assert step is not None, "a backend that ejects scripts trains"
        return script_files(recipe, writer, program, graph, step, data)
    return Project(folder_files(recipe, writer, program, graph, step, data))
