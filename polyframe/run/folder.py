"""Run folders: the files of a training, written while it runs.

Each file is replaced as a whole, so a crash leaves the last epoch's files and never half
of one. A folder is made when training starts and not before: what fails earlier (a bad
recipe, missing data, an unknown backend) leaves nothing behind.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from polyframe.contract.files import program_files
from polyframe.errors import PolyframeError, RecipeError, WeightsError, did_you_mean
from polyframe.io.atomic import write_atomic
from polyframe.io.json_csv import LONGEST, row_of, to_csv, to_json
from polyframe.io.lock import LOCK, locked
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.fields import Float, Maybe, Text
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.train import model_file
from polyframe.train.callbacks.base import Callback, Plan
from polyframe.train.callbacks.helpers import restored
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainedModel

SCHEMA = 1
"""The version of result.json; raised when a key changes its meaning or goes away."""
ROOT = Path("runs")
RECIPE, WEIGHTS, METRICS = "recipe.yaml", "weights.safetensors", "metrics.csv"
RESULT, ENVIRONMENT = "result.json", "env.json"
BEST = "checkpoint/best.safetensors"
RESUMABLE_KEYS = ("epochs", "device", "callbacks", "validation_batch_size")
"""Keys of a recipe that may change between a run and its resuming."""


class RunFolder(Callback):
    """The callback that keeps a run folder.

    ``out`` is the folder itself, which must be empty or not there yet, or, to
    ``resume``, hold a run of the same recipe; left out, it is
    ``runs/<recipe>/<backend>/<n>/`` with the next free number. ``claimed`` makes it,
    before training starts, and locks it; after the last epoch call ``finish``. ``classes``
    are the names of the data's classes.
    """

    tolerates_delay = True

    def __init__(
        self,
        recipe: Recipe,
        backend: str,
        out: str | Path | None = None,
        resume: bool = False,
        classes: Sequence[str] = (),
    ) -> None:
        self.recipe, self.backend = recipe, backend
        self.out = None if out is None else Path(out)
        self.path: Path | None = None
        self.made: list[Path] = []  # the folders that were not there, inner ones first
        self.rows: list[dict[str, Any]] = []
        self.classes = tuple(classes)
        self.trained: TrainedModel | None = None  # once training has begun
        self.began, self.before = time.perf_counter(), 0.0
        self.resume = resume
        check_free(self.out, resume)

    def finished(self) -> Mapping[str, Any] | None:
        """What result.json holds, if the run is done; RecipeError if the run in the
        folder is of another recipe."""
        if self.out is None or not (self.out / RECIPE).is_file():
            return None
        self.path = self.out
        mine, there = self.recipe.to_data(), load_recipe(self.out / RECIPE).to_data()
        changed = [k for k in mine if k not in RESUMABLE_KEYS and mine[k] != there[k]]
        if changed:
            raise RecipeError(
                f"the run in this folder has another {', '.join(changed)}",
                where=str(self.out),
                hint=f"resume with the same recipe; {', '.join(RESUMABLE_KEYS)} may change",
            )
        result = read_json(self.out / RESULT)
        if result.get("status") != "done" or result.get("schema") != SCHEMA:
            return None
        try:
            done: dict[str, Any] = {
                "status": "done",
                "stopped": Maybe(Text(1000)).check(result.get("stopped")),
                "seconds": Float(0.0).check(result["seconds"]),
                "history": [row_of(row) for row in result["history"]],
                "test": row_of(result["test"]),
            }
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return None  # damaged; the checkpoints say more
        enough = done["stopped"] or len(done["history"]) >= self.recipe.epochs
        return done if enough and done["history"] else None

    @contextmanager
    def claimed(self) -> Iterator[Path]:
        """The folder, for this training alone: it is made and locked, and what a crash
        has left in it is removed. LockedError while another training has it."""
        first = self.out or ROOT / self.recipe.name / self.backend
        self.made = [each for each in (first, *first.parents) if not each.exists()]
        self.path = self.out or claim(first)
        with locked(self.path):
            yield self.cleared(self.path)

    def cleared(self, path: Path) -> Path:
        """The folder without what a crash has left in it."""
        check_free(self.out, self.resume)  # nobody else changes it from now on
        for stray in path.glob(".*") if self.resume else ():
            if is_stray(stray, self.recipe.callbacks):
                stray.unlink(missing_ok=True)
        for stray in path.glob("program_*/**/.*") if self.resume else ():
            stray.unlink(missing_ok=True)
        return path

    def abandon(self) -> None:
        """Leave no empty folder of a training that failed before it began."""
        if self.trained is not None or self.path is None:
            return
        numbered = [self.path] if self.out is None else []
        with suppress(OSError):  # the first that is not empty ends it
            for each in (*numbered, *self.made):
                each.rmdir()

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Write the recipe, the program and the environment."""
        write_atomic(self.folder / RECIPE, self.recipe.to_yaml())
        self.trained = model  # from now on it is a run, whose failure is kept
        for name, content in program_files(model.program, self.backend).items():
            write_atomic(self.folder / name, content)
        write_atomic(self.folder / ENVIRONMENT, to_json(environment(model)))

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        """Write the table and the current weights."""
        self.rows.append(dict(row))
        write_atomic(self.folder / METRICS, to_csv(self.rows))
        self.save_weights()

    def save_weights(self) -> None:
        """Write the model with its current weights, as prediction uses them."""
        model_file.write(self.folder / WEIGHTS, self.model)

    def on_pause(self, model: TrainedModel, progress: Callable[[], Progress]) -> None:
        """The rows of the epochs before a resume are known now."""
        self.rows = [dict(row) for row in progress().rows]

    def state(self) -> dict[str, Any]:
        """The seconds that the run has taken so far."""
        return {"seconds": self.seconds()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Count from them."""
        (self.before,) = restored("run folder", state, {"seconds": Float(0.0)})

    def seconds(self) -> float:
        """The seconds that the run has taken, over all resumes."""
        return self.before + time.perf_counter() - self.began

    def finish(
        self,
        status: str,
        best: Sequence[float] = (),
        stopped: str | None = None,
        error: str | None = None,
        test: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Write result.json: "done", "interrupted" or "failed"; what it holds.

        ``best`` is the best (value, epoch) of the monitored metric, if any; ``stopped``
        why the training ended early, ``error`` why it failed; ``test`` is loss and
        metrics on the test data. For an interrupted training the current weights are
        written, too.
        """
        if status == "interrupted":
            self.save_weights()
        result = self.result(status, best, stopped, test or {})
        if error is not None:
            result["error"] = error
        write_atomic(self.folder / RESULT, to_json(result))
        return result

    def result(
        self,
        status: str,
        best: Sequence[float],
        stopped: str | None,
        test: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The content of result.json."""
        final = self.rows[-1] if self.rows else {}
        return {
            "schema": SCHEMA,
            "name": self.recipe.name,
            "backend": self.backend,
            "status": status,
            "epochs": len(self.rows),
            "steps": self.model.steps_done,
            "history": self.rows,
            "final": final,
            "test": dict(test),
            "best": dict(zip(("value", "epoch"), best)) or None,
            "stopped": stopped,
            "seconds": self.seconds(),
            "parameters": self.model.graph.num_parameters,
            "classes": list(self.classes),
            "spec_hash": self.recipe.model.hash,
            "program_hash": self.model.program.hash,
            "optimize": self.model.optimize,
            "weights": WEIGHTS if (self.folder / WEIGHTS).exists() else None,
        }

    @property
    def model(self) -> TrainedModel:
        """The model, which is known once training has begun."""
        if self.trained is None:
            raise PolyframeError("training has not begun; there is no model")
        return self.trained

    @property
    def folder(self) -> Path:
        """The folder, which is there once training has started."""
        if self.path is None:
            raise PolyframeError("training has not started; there is no run folder")
        return self.path

    @property
    def program_path(self) -> Path:
        """Where the program that runs is written down: a file, or a folder of several.
        It is never read back."""
        if self.trained is None:  # of a run that was finished before
            several = self.folder / f"program_{self.backend}"
            single = next(self.folder.glob(f"program_{self.backend}.*"), self.folder)
            return several if several.is_dir() else single
        return (
            self.folder
            / next(iter(program_files(self.model.program, self.backend))).partition(
                "/"
            )[0]
        )


def check_free(out: Path | None, resume: bool) -> None:
    """PolyframeError if the folder that was asked for holds something else than, to
    ``resume``, a run."""
    if out is None:
        return
    try:
        if out.exists() and not out.is_dir():
            raise PolyframeError("is a file, not a folder", where=str(out))
        inside = list(out.iterdir()) if out.is_dir() else []
    except OSError as error:
        raise PolyframeError(
            f"cannot be read: {error.strerror}", where=str(out)
        ) from None
    inside = [path for path in inside if path.name != LOCK and not is_stray(path)]
    if inside and not resume:
        raise PolyframeError(
            "the folder is not empty, and a run overwrites nothing",
            where=str(out),
            hint="name a new folder, leave -o out for the next free number, or go "
            "on with --resume",
        )
    if inside and not (out / RECIPE).is_file():
        raise PolyframeError(
            f"the folder is not empty, and not a run's: it has no {RECIPE}",
            where=str(out),
            hint="name a new folder, or that of a run",
        )


def is_stray(path: Path, callbacks: Sequence[CallbackSpec] = ()) -> bool:
    """Whether a crash has left it while one of a run's files was being written."""
    logs = (each.writes for each in callbacks if each.writes)
    names = (RECIPE, WEIGHTS, METRICS, RESULT, ENVIRONMENT, "program_", *logs)
    return path.name.startswith(tuple(f".{name}" for name in names))


def last_run(recipe: Recipe, backend: str) -> Path | None:
    """The folder with the highest number of that recipe's runs."""
    parent = ROOT / recipe.name / backend
    runs = [p for p in parent.glob("*") if p.is_dir() and p.name.isdecimal()]
    return max(runs, key=lambda p: int(p.name), default=None)


def claim(parent: Path) -> Path:
    """Make the folder with the next free number, even if others do so right now."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            numbers = [int(p.name) for p in parent.iterdir() if p.name.isdecimal()]
            folder = parent / str(max(numbers, default=0) + 1)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        reason = error.strerror or error
        raise PolyframeError(f"cannot be made: {reason}", where=str(parent)) from None


def environment(model: TrainedModel) -> dict[str, Any]:
    """What ran where: the content of env.json."""
    import numpy as np

    from polyframe.contract.devices import threads
    from polyframe.io.version import __version__

    return {
        "polyframe": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "numpy": np.__version__,
        "backend": model.backend.name,
        "framework": model.backend.title,
        "framework_version": model.backend.probe().version,
        "device": model.device.name,
        "threads": threads(),
    }


# --- reading one back ------------------------------------------------------------


def read_run(
    path: str | Path, best: bool = False
) -> tuple[Recipe, Path, str | None, tuple[str, ...]]:
    """A run folder's recipe, weight file, backend's name and classes' names.

    It may come from a stranger: the texts are read as data, with bounds, and the
    program in it is not looked at. The last two are None and () where unknown.
    """
    folder = Path(path)
    recipe_file, weights = folder / RECIPE, folder / (BEST if best else WEIGHTS)
    if not folder.is_dir():
        raise PolyframeError(
            f"there is no such run folder.{resembling(folder)}".removesuffix("."),
            where=str(path),
            hint="`polyframe train` says where it put one: runs/<name>/<backend>/<n>",
        )
    if not recipe_file.is_file():
        raise PolyframeError(
            f"is not a run folder: it has no {RECIPE}", where=str(path)
        )
    if not weights.is_file():
        raise WeightsError(
            f"has no {weights.name} (yet); they are written after each epoch",
            where=str(path),
            hint="the best are chosen by validation data, as split takes them"
            if best
            else None,
        )
    backend = read_json(folder / ENVIRONMENT).get("backend")
    classes = read_json(folder / RESULT).get("classes")
    if not isinstance(classes, list):
        classes = []
    return (
        load_recipe(recipe_file),
        weights,
        backend if isinstance(backend, str) else None,
        tuple(word for word in classes if isinstance(word, str) and word.isprintable()),
    )


def resembling(folder: Path) -> str:
    """`` Did you mean 'digits_cnn'?`` in place of the first part of a path that does not
    exist, by the folders beside it that have the rest of the path; "" where none does."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()][-1]
    rest = folder.relative_to(missing)
    try:
        beside = [p.name for p in missing.parent.iterdir() if (p / rest).is_dir()]
    except OSError:
        return ""
    return did_you_mean(missing.name, beside)


def read_json(path: Path) -> Mapping[str, Any]:
    """The mapping in a JSON file; an empty one if there is no such file."""
    from polyframe.io.text import parse_json, read_text

    if not path.exists():
        return {}
    data = parse_json(read_text(path, LONGEST), str(path))
    if not isinstance(data, Mapping):
        raise PolyframeError("is not a JSON mapping", where=str(path))
    return data
