"""Run folders: what a training leaves on disk, written while it goes.

Each file is replaced whole, so a crash leaves the last epoch's files and never half of
one. A folder is made when training starts and not before: what fails earlier (a bad
recipe, missing data, an unknown backend) leaves nothing behind.
"""

from __future__ import annotations

import csv
import io
import json
import math
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyframe.errors import PolyframeError, WeightsError
from polyframe.files import write_atomic
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.train.callbacks import Callback

SCHEMA = 1
"""The version of result.json; raised when a key changes its meaning or goes away."""
ROOT = Path("runs")
RECIPE, WEIGHTS, METRICS = "recipe.yaml", "weights.safetensors", "metrics.csv"
RESULT, ENVIRONMENT = "result.json", "env.json"


class RunFolder(Callback):
    """The callback that keeps a run folder.

    ``out`` is the folder itself, which must be empty or not there yet; left out, it is
    ``runs/<recipe>/<backend>/<n>/`` with the next free number. ``path`` is known once
    training has started. After the last epoch call ``finish``.
    """

    def __init__(
        self, recipe: Recipe, backend: str, out: str | Path | None = None
    ) -> None:
        self.recipe, self.backend = recipe, backend
        self.out = None if out is None else Path(out)
        self.path: Path | None = None
        self.rows: list[dict[str, float]] = []
        self.classes: tuple[str, ...] = ()
        self.model: Any = None
        self.began = 0.0
        self.check()

    def check(self) -> None:
        """PolyframeError if the folder that was asked for already holds something."""
        if self.out is None:
            return
        try:
            if self.out.is_dir() and any(self.out.iterdir()):
                raise PolyframeError(
                    "the folder is not empty, and a run overwrites nothing",
                    where=str(self.out),
                    hint="name a new folder, or leave -o out for the next free number",
                )
            if self.out.exists() and not self.out.is_dir():
                raise PolyframeError("is a file, not a folder", where=str(self.out))
        except OSError as error:
            raise PolyframeError(
                f"cannot be read: {error.strerror}", where=str(self.out)
            ) from None

    def on_fit_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Make the folder; write what is known before the first step."""
        self.check()
        self.model, self.began = model, time.perf_counter()
        self.path = self.out or claim(ROOT / self.recipe.name / self.backend)
        write_atomic(self.path / RECIPE, self.recipe.to_yaml())
        write_atomic(self.program_path, model.source)
        write_atomic(self.path / ENVIRONMENT, to_json(environment(model)))

    def on_epoch_end(self, model: Any, epoch: int, row: dict[str, float]) -> None:
        """Write the table and the weights of this moment."""
        self.rows.append(dict(row))
        write_atomic(self.folder / METRICS, to_csv(self.rows))
        model.save_weights(self.folder / WEIGHTS)

    def finish(self, status: str, error: str | None = None) -> dict[str, Any]:
        """Write result.json: "done", "interrupted" or "failed"; what it holds.

        Of a training that was cut short the weights of this moment are kept as well.
        """
        if status == "interrupted":
            self.model.save_weights(self.folder / WEIGHTS)
        result = self.result(status)
        if error is not None:
            result["error"] = error
        write_atomic(self.folder / RESULT, to_json(result))
        return result

    def result(self, status: str) -> dict[str, Any]:
        """The content of result.json."""
        final = self.rows[-1] if self.rows else {}
        test = {key[4:]: final[key] for key in final if key.startswith("val_")}
        return {
            "schema": SCHEMA,
            "name": self.recipe.name,
            "backend": self.backend,
            "status": status,
            "epochs": len(self.rows),
            "steps": self.model.step,
            "history": self.rows,
            "final": final,
            "test": test,
            "seconds": time.perf_counter() - self.began,
            "parameters": self.model.graph.num_parameters,
            "classes": list(self.classes),
            "spec_hash": self.recipe.model.hash,
            "program_hash": self.model.program.hash,
            "optimize": self.model.optimize,
            "weights": WEIGHTS if (self.folder / WEIGHTS).exists() else None,
        }

    @property
    def folder(self) -> Path:
        """The folder, which is there once training has started."""
        if self.path is None:
            raise PolyframeError("training has not started; there is no run folder")
        return self.path

    @property
    def program_path(self) -> Path:
        """Where the program that runs is written down. It is never read back."""
        suffix = Path(next(iter(self.model.program.files))).suffix
        return self.folder / f"program_{self.backend}{suffix}"


def claim(parent: Path) -> Path:
    """Make the folder with the next free number, even if others do so right now."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            taken = [int(p.name) for p in parent.iterdir() if p.name.isdecimal()]
            folder = parent / str(max(taken, default=0) + 1)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        reason = error.strerror or error
        raise PolyframeError(f"cannot be made: {reason}", where=str(parent)) from None


def environment(model: Any) -> dict[str, Any]:
    """What ran where: the content of env.json."""
    import numpy as np

    from polyframe import __version__
    from polyframe.compiler.devices import threads

    return {
        "polyframe": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "numpy": np.__version__,
        "backend": model.backend.name,
        "framework": model.backend.title,
        "framework_version": model.backend.probe().version,
        "device": model.device,
        "threads": threads(),
    }


# --- reading one back ------------------------------------------------------------


def read_run(path: str | Path) -> tuple[Recipe, Path, str | None, tuple[str, ...]]:
    """A run folder's recipe, weight file, backend's name and classes' names.

    It may come from a stranger: the texts are read as data, with bounds, and the
    program in it is not looked at. The last two are None and () where unknown.
    """
    folder = Path(path)
    recipe_file, weights = folder / RECIPE, folder / WEIGHTS
    if not folder.is_dir():
        raise PolyframeError(
            "there is no such run folder",
            where=str(path),
            hint="`polyframe train` says where it put one: runs/<name>/<backend>/<n>",
        )
    if not recipe_file.is_file():
        raise PolyframeError(f"is no run folder: it has no {RECIPE}", where=str(path))
    if not weights.is_file():
        raise WeightsError(
            f"has no {WEIGHTS} (yet); they are written after each epoch",
            where=str(path),
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


def read_json(path: Path) -> Mapping[str, Any]:
    """The mapping in a JSON file; an empty one if there is no such file."""
    from polyframe.spec.yaml import parse_json, read_text

    if not path.exists():
        return {}
    data = parse_json(read_text(path), str(path))
    if not isinstance(data, Mapping):
        raise PolyframeError("is no JSON mapping", where=str(path))
    return data


# --- texts -----------------------------------------------------------------------


def to_json(data: Any) -> str:
    """Indented JSON that every reader takes: NaN and infinity become null."""
    return json.dumps(finite(data), indent=2, ensure_ascii=False) + "\n"


def finite(data: Any) -> Any:
    """Plain data without NaN and infinity, which JSON does not know."""
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def to_csv(rows: list[dict[str, float]]) -> str:
    """One line of column names, one line a row; numbers as Python writes them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
