"""``eject``: a recipe as files that do without polyframe.

A program in Python becomes a script (``polyframe.eject.script``). A program in another
language is kept as it is, with weights, data and a description beside it
(``polyframe.eject.folder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.files import check_path
from polyframe.contract.programs import infer, make_step, write_programs
from polyframe.contract.weight_files import read_weights
from polyframe.data import Dataset, resolve
from polyframe.data.split import rows_of
from polyframe.eject.arrays import Prepared, Samples, packed, prepared
from polyframe.eject.folder import folder_files
from polyframe.eject.notebook import FILE, SECONDS, executed
from polyframe.eject.readme import readme, requirements
from polyframe.eject.script import Script, ScriptPart, script_of
from polyframe.errors import DataError, PolyframeError, UnsupportedError
from polyframe.io.array import Array
from polyframe.io.atomic import write_atomic, write_folder
from polyframe.io.fitting import fit_arrays
from polyframe.io.state_dicts import canonical_names
from polyframe.spec import callbacks as specs
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.losses import check_one_number
from polyframe.spec.recipe import Recipe
from polyframe.spec.safety import ModelCheckpoint, TerminateOnNaN
from polyframe.spec.sampling import initial_weights, unset_weights
from polyframe.spec.schedules import ReduceOnPlateauSchedule
from polyframe.spec.semantics import native_aspects
from polyframe.spec.totals import bind_metrics
from polyframe.spec.typed import TypedGraph
from polyframe.train.augmentation import make_augmenter
from polyframe.train.monitors import refuse

WRITTEN = (specs.EarlyStopping, ModelCheckpoint, TerminateOnNaN)
"""The callbacks that are part of a script."""
RECORDING = (
    specs.CsvLog, specs.JsonLog, specs.TensorBoard, specs.LrMonitor, specs.Timing,
    specs.Wandb, specs.Mlflow,
)  # fmt: skip
"""Those that only record, which a script leaves out: its README says so."""


@dataclass(frozen=True)
class Project:
    """What ``eject`` writes, before it is written.

    - ``files``: text or bytes by name.
    - ``parts``: the script ``train.py`` as sections, of which a notebook has a cell each;
      empty where the program is not in Python. Their texts are those of the script: the
      first has imports and settings (``HERE``, the folder that it reads and writes, is
      the script's own), the last runs ``main``.
    - ``program``: the one that the script holds.
    """

    files: Mapping[str, str | bytes]
    parts: tuple[ScriptPart, ...] = ()
    program: Program | None = None


def eject(
    recipe: Recipe,
    backend: str | Backend,
    out: str | Path,
    data: Dataset | Samples,
    optimize: bool = False,
    notebook: bool = False,
    time_limit: int = SECONDS,
) -> list[Path]:
    """Write a recipe into a new or empty folder, and return the paths of its files.

    - Where the program is a Python module: ``train.py``, ``weights.npz``, ``data.npz``,
      ``requirements.txt``, ``README.md``, ``recipe.yaml`` and the program's other files.
      The framework need not be installed. ``data`` may be ``Samples``, for a model of
      several inputs or outputs. ``UnsupportedError`` for a callback of a plug-in, and for
      a random layer of one that has no ``draw_formula``.
    - In every other language: ``README.md``, which describes the rest, the program's
      files in ``program/``, ``weights.npz`` with canonical names, ``recipe.yaml`` and,
      unless it is larger than ``folder.MOST_DATA`` bytes, ``data.npz``. Nothing is
      refused.

    ``notebook`` adds ``train.ipynb``: the script as a Jupyter notebook with what it
    prints. It is run first, by this Python, for at most ``time_limit`` seconds;
    PolyframeError where that fails, where the program is not in Python, and without the
    extra ``notebook``.

    ``PolyframeError`` for a folder that holds something, and for data, monitors and
    weights that do not fit, as ``Model.fit`` raises them; then nothing is written.
    """
    out = Path(out)
    check_free(out)
    made = project(recipe, backend, data, optimize)
    if notebook:
        if not made.parts:
            raise PolyframeError(
                "only a program in Python is ejected as a notebook", where="--notebook"
            )
        title = f"{recipe.name} on {registry.get(backend).title}"
        text = executed(title, made.parts, made.files, time_limit)
        made = replace(made, files={**made.files, FILE: text})
    return write(made, out)


def write(made: Project, out: Path) -> list[Path]:
    """Write a project's files into a folder: into a new one all of them, or none."""
    if out.exists():
        for name, content in made.files.items():
            write_atomic(out / name, content)
    else:
        texts = made.files.items()
        files = {n: t.encode() if isinstance(t, str) else t for n, t in texts}
        write_folder(out, files)
    return [out / name for name in made.files]


def check_free(out: Path) -> None:
    """PolyframeError for a folder that holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PolyframeError(
            "exists and is not empty", where=str(out), hint="another -o"
        )


def project(
    recipe: Recipe,
    backend: str | Backend,
    data: Dataset | Samples,
    optimize: bool = False,
) -> Project:
    """All files of a recipe on a backend, and the sections of its script."""
    writer = registry.get(backend)
    if recipe.semantics != "aligned":
        registry.require(writer, "native_semantics")
    loss = recipe.loss if "train" in writer.abilities else None
    step = make_step(
        recipe.model, writer, loss, recipe.optimizer, recipe.training, recipe.semantics
    )
    graph = infer(recipe.model, writer, recipe.semantics)
    if step is not None:
        step, recipe = fitted(step, recipe, graph, data)
    target = Target(
        recipe.dtype, semantics=recipe.semantics, training=step is not None,
        precision=recipe.precision,
    )  # fmt: skip
    programs = {
        epoch: write_programs(recipe.model, writer, step, target, optimize, epoch)[0]
        for epoch in ([0] if step is None else phases(recipe, graph, step))
    }
    program = programs[0]
    if program.language != "python" or program.body is None:
        if isinstance(data, Samples):
            raise UnsupportedError(
                "programs that are not in Python are ejected with a data set",
                where=writer.name,
            )
        if recipe.split is not None:
            rows = rows_of(data, recipe.split, recipe.seed, "split")
            (x, y), weights = data.train, data.weights
            data = replace(
                data,
                train=(x[rows.train], y[rows.train]),
                validation=(x[rows.validation], y[rows.validation]),
                weights=None if weights is None else weights[rows.train],
            )
        return Project(folder_files(recipe, writer, program, graph, step, data))
    registry.require(writer, "eject")
    assert step is not None, "a backend that ejects scripts trains"
    ready = prepared(data, recipe, graph, step.losses)
    left_out = check(recipe, ready)
    outputs = list(zip(graph.outputs, graph.output_shapes, strict=True))
    metrics = bind_metrics(recipe.metrics, step.losses, outputs)
    made = Script(recipe, writer, programs, graph, step, ready, metrics)
    check_monitors(recipe, made)
    return script_project(made, left_out, optimize)


def fitted(
    step: TrainingSpec, recipe: Recipe, graph: TypedGraph, data: Dataset | Samples
) -> tuple[TrainingSpec, Recipe]:
    """The step for targets and weights as the data have them, and the recipe with the
    numbers of its augmentations."""
    check_one_number(step.losses)
    if data.weights is not None:
        step = replace(step, weighted=True)
    targets = data.train[1]
    if isinstance(data, Samples):
        return step.for_targets(list(targets)), recipe
    (x, y), rows = data.train, None
    if recipe.split is not None:
        rows = rows_of(data, recipe.split, recipe.seed, "split").train
    ops = resolve(recipe.augmentation, x, rows)
    made = make_augmenter(graph, step.losses[0], recipe.seed, ops, x, y, rows)
    return step.for_targets([made.target]), replace(
        recipe, augmentation=tuple(made.ops)
    )


def phases(recipe: Recipe, graph: TypedGraph, step: TrainingSpec) -> list[int]:
    """The epochs from which the training is another one: 0, and where layers are
    unfrozen."""
    found = [0]
    for epoch in sorted({epochs for _, epochs in recipe.unfreeze}):
        before = step.at_epoch(graph, found[-1])
        if 0 < epoch < recipe.epochs and step.at_epoch(graph, epoch) != before:
            found.append(epoch)
    return found


def check(recipe: Recipe, data: Prepared) -> list[CallbackSpec]:
    """The callbacks that a script leaves out; errors for what it cannot do, and for what
    training refuses."""
    for callback in recipe.callbacks:
        if not isinstance(callback, WRITTEN + RECORDING):
            raise UnsupportedError(
                f"{callback.type} runs the code of a plug-in, which a script does not have",
                where="callbacks",
                hint="leave it out: --set callbacks=[]",
            )
    if recipe.drop_last and data.count < recipe.batch_size:
        raise DataError(
            f"leaves nothing to train on: {data.count} samples are less than a "
            f"batch of {recipe.batch_size}",
            where="drop_last",
            hint="a smaller batch_size",
        )
    return [c for c in recipe.callbacks if isinstance(c, RECORDING)]


def check_monitors(recipe: Recipe, script: Script) -> None:
    """PolyframeError for a ``monitor`` that is no number of the script's rows."""
    known = dict.fromkeys(script.columns, True)
    for element in (*recipe.callbacks, recipe.schedule):
        if isinstance(element, ModelCheckpoint):
            if element.monitor == ModelCheckpoint.monitor and not script.validates:
                continue
        elif not isinstance(element, (specs.EarlyStopping, ReduceOnPlateauSchedule)):
            continue
        if element.monitor not in known:
            refuse(element.label, element.monitor, known)


def script_project(
    script: Script, left_out: list[CallbackSpec], optimize: bool
) -> Project:
    """The files of a script."""
    recipe, backend, program = script.recipe, script.backend, script.program
    doc = (
        f"{recipe.name} on {backend.title}: a script of its own, ejected by polyframe.\n\n"
        "It reads data.npz and weights.npz beside it; README.md says the rest.\n"
    )
    parts = script.parts()
    files: dict[str, str | bytes] = {
        "train.py": script_of(parts, doc),
        "weights.npz": packed(native_weights(recipe, program, script.graph)),
        "data.npz": packed(script.data.arrays),
        "requirements.txt": requirements(backend),
        "recipe.yaml": recipe.to_yaml(),
    }
    # The first text of a program becomes the script; it may need the other files.
    first = next(iter(program.texts), "")
    others = {n: content for n, content in program.files.items() if n != first}
    for name, other in others.items():
        check_path(name)
        if name in files or name == "README.md":
            raise UnsupportedError(
                f"a file of the program is called {name}, as one of eject's own",
                where=backend.name,
            )
        files[name] = other
    text = readme(recipe, backend, script.data, list(others), left_out, optimize)
    return Project({**files, "README.md": text}, tuple(parts), program)


def native_weights(
    recipe: Recipe, program: Program, graph: TypedGraph
) -> dict[str, Array]:
    """The weights with which the training begins, by their native paths and in their
    native layouts, but those that the framework draws in the script."""
    weights = initial_weights(graph.parameters, recipe.seed, recipe.dtype)
    if "initializer" in native_aspects(recipe.semantics):
        for name in unset_weights(recipe.model, graph):
            del weights[name]
    start = recipe.initial_weights
    if start is not None:
        arrays = canonical_names(
            read_weights(start.file), graph.parameters, start.rename or None, start.file
        )
        shapes = {name: p.shape for name, p in graph.parameters.items()}
        given, _ = fit_arrays(arrays, shapes, recipe.dtype, start.file, start.strict)
        weights |= given
    return {
        slot.path: slot.to_native(weights[name])
        for name, slot in program.weights.items()
        if name in weights
    }
