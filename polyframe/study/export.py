"""A study's records for other programs to draw: TensorBoard, MLflow, Weights & Biases.

Each cell is a run of its own there. What is exported again replaces, or is left as it is:
no cell is there twice.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from polyframe.errors import PolyframeError, brief, did_you_mean
from polyframe.io.atomic import write_atomic
from polyframe.study.folder import StudyFolder
from polyframe.study.plan import Cell, Study
from polyframe.study.records import Record

EVENTS = "events.out.tfevents.polyframe"
"""The file of a run of TensorBoard's: it reads all whose names have ``tfevents``."""
LONGEST = 500
"""Characters of a parameter that MLflow keeps in each of its stores."""
BATCH = 100
"""Parameters, metrics or tags that MLflow takes at once."""
NO_SCALARS = ("epoch", "steps")
FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"
"""What MLflow 3 wants to be set before it writes a store of files."""


@dataclass(frozen=True)
class Exported:
    """A cell that ended, with the certificate of its variant: empty without one."""

    cell: Cell
    record: Record
    study: Study
    certificate: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As ``torch, aligned, seed 0``."""
        contestant, variant, seed = self.cell.key
        return f"{contestant}, {variant}, seed {seed}"

    @property
    def folder(self) -> PurePosixPath:
        """``torch/aligned/seed-0``: the study's own path of the cell, as a folder."""
        return PurePosixPath(*self.cell.path.with_suffix("").parts[1:])

    def parameters(self) -> dict[str, str]:
        """What was asked for: contestant, variant, seed, the recipe that it trained, and
        the study's settings."""
        variant = self.cell.variant
        recipe = variant.recipe(self.study.recipe, self.cell.seed).to_data()
        return {
            "contestant": self.cell.contestant.name,
            "backend": self.cell.contestant.backend,
            "python": self.cell.contestant.python,
            "variant": variant.name,
            "optimize": str(variant.optimize),
            **dict(flat(recipe)),
            **dict(flat(self.study.settings.to_data(), "study")),
        }

    def tags(self) -> dict[str, str]:
        """What identifies it: hashes, versions, how it ended."""
        facts = {f"fact.{k}": v for k, v in flat(self.record.facts)}
        return {
            "study": self.study.hash,
            "cell": str(self.folder),
            "status": self.record.status,
            **({"error": self.record.error} if self.record.error else {}),
            "certificate": str(self.certificate.get("hash", "none")),
            "verified": str(self.certificate.get("passed") is True),
            **facts,
        }

    def rows(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """(step, seconds since 1970, values by their names) for each epoch: ``train/loss``,
        ``test/accuracy``, …; in the last one also what the whole cell needed."""
        last, started = len(self.record.epochs) - 1, finite(self.record.started)
        for i, row in enumerate(self.record.epochs):
            values = {
                f"test/{k[5:]}" if k.startswith("test_") else f"train/{k}": v
                for k, v in row.items()
                if k not in NO_SCALARS
            }
            if i == last:
                values |= self.totals()
            step = finite(row.get("steps", row.get("epoch", i)))
            yield int(step), started + finite(row.get("seconds", 0.0)), values

    def totals(self) -> dict[str, float]:
        """What the whole cell needed."""
        parts = (
            ("steady", self.record.steady),
            ("seconds", self.record.phases),
            ("resources", self.record.resources),
        )
        return {
            f"{part}/{key.replace(' ', '_')}": value
            for part, values in parts
            for key, value in values.items()
            if value is not None
        }


def export(folder: StudyFolder, kind: str, to: str | None = None) -> str:
    """Write all cells of a study that ended for another program; say where they are.

    - ``"tensorboard"``: a folder of runs, ``tensorboard`` in the study's folder unless
      ``to`` names one. Scalars by step; needs tensorboardX.
    - ``"mlflow"``: an experiment of the study's name in a store of files, ``mlruns`` in
      the study's folder unless ``to`` names one, or the address of a tracking server.
      Parameters, metrics by step, tags, the certificate's hash; needs mlflow.
    - ``"wandb"``: runs of a project of the study's name, kept offline (``wandb sync``
      sends them) in ``wandb`` in the study's folder unless ``to`` names one.

    PolyframeError for another kind, a package that is not installed, a folder that is no
    study's or has no cells, and what cannot be written.
    """
    if kind not in KINDS:
        raise PolyframeError(
            f"{brief(kind)} is no export.{did_you_mean(kind, KINDS)}",
            where="export",
            hint=f"one of {', '.join(KINDS)}",
        )
    study = folder.study()
    cells = list(ended(folder, study))
    if not cells:
        raise PolyframeError("has no cell that ended yet", where=str(folder.path))
    default, write = KINDS[kind]
    if to is None:
        target = folder.path / default
        inside(folder.path, target)
        unlinked(target)
        to = str(target)
    try:
        return write(study, cells, to)
    except (ValueError, OverflowError) as error:  # a number of a stranger's record
        raise PolyframeError(
            f"a record cannot be exported: {brief(error)}", where=str(folder.path)
        ) from None


def ended(folder: StudyFolder, study: Study) -> Iterator[Exported]:
    """The cells of a study that have a record, in the plan's order."""
    certificates: dict[str, Mapping[str, Any]] = {}
    for cell in study.cells():
        record = folder.record(cell)
        if record is None or record.study != study.hash:
            continue
        name = cell.variant.name
        if name not in certificates:
            certificates[name] = folder.certificate(name) or {}
        yield Exported(cell, record, study, certificates[name])


def inside(root: Path, path: Path) -> None:
    """PolyframeError if a path leads out of a folder, which a link in it may do."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise PolyframeError("is a link out of its folder", where=str(path))


def unlinked(folder: Path) -> None:
    """PolyframeError if there are links in a folder, which may come from a stranger."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if (path := Path(parent, name)).is_symlink():
                raise PolyframeError("is a link", where=str(path))


def finite(number: float) -> float:
    """The number; 0 for NaN and infinity."""
    return number if math.isfinite(number) else 0.0


def flat(data: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted keys and texts."""
    for key, value in data.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from flat(value, name)
        else:
            yield name, value if isinstance(value, str) else json.dumps(value)


def needed(name: str, install: str) -> Any:
    """A package that only one export needs."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PolyframeError(
            f"needs {name.partition('.')[0]}, which does not import: {error}",
            where="export",
            hint=f"install it with: {install}",
        ) from None


def to_tensorboard(study: Study, cells: list[Exported], to: str) -> str:
    """A run for each cell, in folders ``contestant/variant/seed-0``."""
    install = "pip install 'polyframe[tensorboard]'"
    event = needed("tensorboardX.proto.event_pb2", install).Event
    summary = needed("tensorboardX.proto.summary_pb2", install).Summary
    writer = needed("tensorboardX.event_file_writer", install).EventsWriter
    root = Path(to)
    for each in cells:
        run = root / each.folder
        inside(root, run)
        with tempfile.TemporaryDirectory() as temporary:
            with closing(writer(str(Path(temporary) / "events"))) as events:
                for step, when, values in each.rows():
                    scalars = [
                        summary.Value(tag=tag, simple_value=value)
                        for tag, value in values.items()
                    ]
                    content = summary(value=scalars)
                    events.write_event(
                        event(wall_time=when, step=step, summary=content)
                    )
            (file,) = Path(temporary).iterdir()
            write_atomic(run / EVENTS, file.read_bytes())
    return f"{len(cells)} runs in {root} (tensorboard --logdir {root})"


@contextmanager
def file_store() -> Iterator[None]:
    """Allow MLflow to write a store of files: it needs no database."""
    before = os.environ.get(FILE_STORE)
    os.environ[FILE_STORE] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FILE_STORE]
        else:
            os.environ[FILE_STORE] = before


def to_mlflow(study: Study, cells: list[Exported], to: str) -> str:
    """A run for each cell that the experiment does not have yet."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read on its import
    needed("mlflow", "pip install 'polyframe[mlflow]'")
    from mlflow.exceptions import MlflowException

    with file_store():
        try:
            added = mlflow_runs(study, cells, to)
        except (MlflowException, OSError, ImportError) as error:
            text = " ".join(str(error).split())[:300]
            raise PolyframeError(
                f"MLflow cannot write there: {text}", where=to
            ) from None
    return (
        f"{added} new runs of {len(cells)} in experiment {study.name} of {to} "
        f"(mlflow ui --backend-store-uri {to})"
    )


def mlflow_runs(study: Study, cells: list[Exported], to: str) -> int:
    """How many runs were added."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(to if "://" in to else Path(to).resolve().as_uri())
    experiment = client.get_experiment_by_name(study.name)
    id_ = (
        experiment.experiment_id if experiment else client.create_experiment(study.name)
    )
    added = 0
    for each in cells:
        tags = {f"polyframe.{k}": v for k, v in each.tags().items()}
        same = " and ".join(
            f"tags.`polyframe.{k}` = '{each.tags()[k]}'" for k in ("study", "cell")
        )
        earlier = client.search_runs([id_], same)
        started = f"{each.record.started:.6f}"
        if any(
            run.info.status != "RUNNING"
            and run.data.tags.get("polyframe.started") == started
            for run in earlier
        ):
            continue
        for run in earlier:  # cut off, or of a cell that ran again
            client.delete_run(run.info.run_id)
        run_id = client.create_run(
            id_, int(finite(each.record.started) * 1000), run_name=each.name
        ).info.run_id
        metrics = [
            Metric(tag, value, int(when * 1000), step)
            for step, when, values in each.rows()
            for tag, value in values.items()
        ]
        texts = each.parameters().items()
        parameters = [Param(key, value[:LONGEST]) for key, value in texts]
        identity = [
            RunTag(k, v) for k, v in {**tags, "polyframe.started": started}.items()
        ]
        most = max(len(metrics), len(parameters), len(identity))
        for i in range(0, most, BATCH):
            each_part = (
                part[i : i + BATCH] for part in (metrics, parameters, identity)
            )
            client.log_batch(run_id, *each_part)
        client.set_terminated(run_id, "FINISHED" if each.record.done else "FAILED")
        added += 1
    return added


def to_wandb(study: Study, cells: list[Exported], to: str) -> str:
    """A run for each cell, kept offline; its id is made of the cell's, so that a run that
    is sent again is the same one."""
    wandb = needed("wandb", "pip install wandb")
    folder = Path(to)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PolyframeError(f"cannot be written: {error.strerror}", where=to) from None
    for each in cells:
        key = f"{study.hash} {each.folder}"
        run = wandb.init(
            project=study.name,
            name=each.name,
            group=each.cell.variant.name,
            id=hashlib.sha256(key.encode()).hexdigest()[:16],
            dir=str(folder.resolve()),
            config={**each.parameters(), **each.tags()},
            mode="offline",
        )
        for step, _, values in each.rows():
            run.log(values, step=step)
        run.finish(exit_code=0 if each.record.done else 1)
    return (
        f"{len(cells)} offline runs in {folder} (wandb sync {folder}/wandb/offline-*)"
    )


Write = Callable[[Study, list[Exported], str], str]
KINDS: Mapping[str, tuple[str, Write]] = {
    "tensorboard": ("tensorboard", to_tensorboard),
    "mlflow": ("mlruns", to_mlflow),
    "wandb": ("wandb", to_wandb),
}
"""Kind → its folder in the study's, and what writes there."""
