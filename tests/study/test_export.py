"""A study's records in TensorBoard, MLflow and Weights & Biases."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.errors import PolyframeError
from polyframe.study.export import EVENTS, export, file_store
from polyframe.study.folder import StudyFolder
from polyframe.study.plan import Contestant, Settings, Study, Variant
from polyframe.study.records import Record

STARTED = 1_700_000_000.25


def epochs(seed):
    return tuple(
        {
            "epoch": i,
            "steps": 10 * i,
            "seconds": 2.0 * i,
            "loss": 1.0 / (i + 1),
            "test_loss": 1.5 / (i + 1),
            "test_accuracy": 0.25 * i + 0.01 * seed,
        }
        for i in range(3)
    )


def record_of(study, cell, **changes):
    record = Record(
        *cell.key,
        study.hash,
        "done",
        started=STARTED + cell.seed,
        facts={"framework": "torch", "tf32": False, "session": {"layout": "NHWC"}},
        epochs=epochs(cell.seed),
        phases={"first step": 0.5, "training": 4.0},
        steady={"examples_per_second": 320.0},
        resources={"peak_mib": 100.0, "energy_joules": None},
    )
    return replace(record, **changes)


@pytest.fixture
def folder(tmp_path):
    """Two contestants, two variants, two seeds; one cell failed, one has not run."""
    study = Study(
        pf.load_recipe("digits_cnn"),
        (Contestant("torch", "torch"), Contestant("old", "torch", "/old/bin/python")),
        (
            Variant("aligned"),
            Variant("lr 0.1", {"optimizer.lr": 0.1, "optimize": False}),
        ),
        (0, 1),
        Settings(threads=1),
    )
    one = StudyFolder(tmp_path / "study")
    *cells, failed, _ = study.cells()
    with one.opened(study):
        for cell in cells:
            one.write(record_of(study, cell), cell)
        lost = {"status": "failed", "error": "out of memory", "epochs": ()}
        one.write(record_of(study, failed, **lost), failed)
        one.write_certificate("aligned", {"passed": True, "hash": "abc123"})
    return one


def scalars(path):
    """The scalars of a TensorBoard file: tag → [(step, time, value)]."""
    from tensorboardX.proto.event_pb2 import Event

    data, by_tag = path.read_bytes(), {}
    while data:
        length = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            row = (event.step, event.wall_time, value.simple_value)
            by_tag.setdefault(value.tag, []).append(row)
        data = data[16 + length :]
    return by_tag


def test_tensorboard(folder):
    said = export(folder, "tensorboard")
    root = folder.path / "tensorboard"
    assert said == f"7 runs in {root} (tensorboard --logdir {root})"
    files = {str(p.parent.relative_to(root)) for p in root.rglob(EVENTS)}
    assert len(files) == 7 and "torch/aligned/seed-0" in files
    seen = scalars(root / "old" / "aligned" / "seed-1" / EVENTS)
    steps = [(10 * i, STARTED + 1 + 2 * i) for i in range(3)]
    assert [row[:2] for row in seen["test/accuracy"]] == steps
    values = [row[2] for row in seen["test/accuracy"]]
    assert values == pytest.approx([0.01, 0.26, 0.51])
    assert [row[2] for row in seen["train/loss"]] == pytest.approx([1, 1 / 2, 1 / 3])
    assert seen["steady/examples_per_second"] == [(20, STARTED + 5, 320.0)]
    assert seen["resources/peak_mib"] == [(20, STARTED + 5, 100.0)]
    assert "resources/energy_joules" not in seen and "seconds/first_step" in seen
    before = (root / "torch/aligned/seed-0" / EVENTS).stat().st_ino
    export(folder, "tensorboard")
    assert (root / "torch/aligned/seed-0" / EVENTS).stat().st_ino != before
    assert len([p for p in root.rglob("*") if p.is_file()]) == 7, (
        "nothing is there twice"
    )


def runs_in(store):
    """The runs of MLflow's store, by their names, and the store's client."""
    from mlflow import MlflowClient

    client = MlflowClient(store.resolve().as_uri())
    (experiment,) = (e for e in client.search_experiments() if e.name != "Default")
    runs = client.search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in runs}) == len(runs)
    return experiment.name, {run.info.run_name: run for run in runs}, client


@pytest.fixture
def real_mlflow(monkeypatch):
    """MLflow, allowed to read a store of files, and quiet."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflow(folder, tmp_path, real_mlflow):
    store = tmp_path / "store"
    said = export(folder, "mlflow", str(store))
    assert said.startswith(
        f"7 new runs of 7 in experiment digits_cnn of {store} (mlflow"
    )
    name, runs, client = runs_in(store)
    assert name == "digits_cnn" and len(runs) == 7
    run = runs["old, aligned, seed 1"]
    assert run.data.tags["polyframe.certificate"] == "abc123"
    assert run.data.tags["polyframe.verified"] == "True"
    assert run.info.status == "FINISHED"
    assert run.info.start_time == int((STARTED + 1) * 1000)
    assert run.data.params["python"] == "/old/bin/python"
    assert run.data.params["seed"] == "1" and run.data.params["study.threads"] == "1"
    assert run.data.tags["polyframe.study"] == folder.study().hash
    assert run.data.tags["polyframe.fact.framework"] == "torch"
    assert run.data.tags["polyframe.fact.session.layout"] == "NHWC"
    history = client.get_metric_history(run.info.run_id, "test/accuracy")
    assert [(m.step, m.timestamp) for m in history] == [
        (10 * i, int((STARTED + 1 + 2 * i) * 1000)) for i in range(3)
    ]
    assert [m.value for m in history] == pytest.approx([0.01, 0.26, 0.51])
    assert run.data.metrics["steady/examples_per_second"] == 320.0
    changed = runs["torch, lr 0.1, seed 0"]
    assert changed.data.params["optimizer.lr"] == "0.1"
    assert changed.data.params["optimize"] == "False"
    assert changed.data.tags["polyframe.certificate"] == "none"
    assert changed.data.tags["polyframe.verified"] == "False"
    failed = runs["torch, lr 0.1, seed 1"]
    assert failed.info.status == "FAILED"
    assert failed.data.tags["polyframe.error"] == "out of memory"
    # A cell that ran again replaces its run; all others stay as they are.
    study = folder.study()
    cell = list(study.cells())[-2]
    folder.write(record_of(study, cell, started=STARTED + 100), cell)
    assert export(folder, "mlflow", str(store)).startswith("1 new runs of 7")
    _, again, _ = runs_in(store)
    assert again["torch, lr 0.1, seed 1"].info.status == "FINISHED"
    kept = set(runs) - {"torch, lr 0.1, seed 1"}
    assert all(again[k].info.run_id == runs[k].info.run_id for k in kept)


class FakeWandb(SimpleNamespace):
    """What the export uses of wandb."""

    def __init__(self):
        super().__init__(runs=[])

    def init(self, **options):
        run = SimpleNamespace(options=options, rows=[], ended=None)
        run.log = lambda values, step: run.rows.append((step, values))
        run.finish = lambda exit_code: setattr(run, "ended", exit_code)
        self.runs.append(run)
        return run


def test_wandb(folder, monkeypatch):
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    said = export(folder, "wandb")
    target = folder.path / "wandb"
    assert said == f"7 offline runs in {target} (wandb sync {target}/wandb/offline-*)"
    assert len({run.options["id"] for run in fake.runs}) == len(fake.runs) == 7
    run = fake.runs[0]
    assert run.options["mode"] == "offline", "nothing is sent"
    assert run.options["project"] == "digits_cnn"
    assert run.options["name"] == "torch, aligned, seed 0"
    assert run.options["dir"] == str(target.resolve()) and target.is_dir()
    assert run.options["config"]["fact.framework"] == "torch"
    assert [step for step, _ in run.rows] == [0, 10, 20]
    assert run.rows[1][1]["test/accuracy"] == 0.25
    assert [run.ended for run in fake.runs] == [0] * 6 + [1]
    export(folder, "wandb")
    assert fake.runs[7].options["id"] == run.options["id"], "sent again, it is the same"


@pytest.mark.parametrize(
    ("kind", "module", "install"),
    [
        ("tensorboard", "tensorboardX", "pip install 'polyframe[tensorboard]'"),
        ("mlflow", "mlflow", "pip install 'polyframe[mlflow]'"),
        ("wandb", "wandb", "pip install wandb"),
    ],
)
def test_a_missing_package_says_how_to_get_it(
    kind, module, install, folder, monkeypatch
):
    for name in [n for n in sys.modules if n.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    text = f"export: needs {module}, which does not import:"
    text = fails(PolyframeError, lambda: export(folder, kind), text)
    assert text.endswith(f"(install it with: {install})")


def test_what_cannot_be_exported(folder, tmp_path):
    text = "export: 'tensorbord' is no export. Did you mean 'tensorboard'? (one of tens"
    fails(PolyframeError, lambda: export(folder, "tensorbord"), text)
    none = StudyFolder(tmp_path / "none")
    fails(PolyframeError, lambda: export(none, "mlflow"), "is not a study's folder")
    for path in (folder.path / "cells").rglob("*.json"):
        path.unlink()
    text = "study: has no cell that ended yet"
    fails(PolyframeError, lambda: export(folder, "mlflow"), text)


@pytest.mark.parametrize("link", ["tensorboard", "tensorboard/torch", "mlruns/0"])
def test_a_link_in_a_strangers_folder_leads_nowhere(link, folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.path / link).parent.mkdir(exist_ok=True)
    (folder.path / link).symlink_to(outside)
    kind = {"mlruns": "mlflow"}.get(link.split("/")[0], "tensorboard")
    fails(PolyframeError, lambda: export(folder, kind), "is a link")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("started", [math.inf, math.nan, 1e300])
def test_numbers_of_a_stranger(folder, started):
    study = folder.study()
    cell = next(study.cells())
    rows = ({"epoch": 0, "steps": 1e300, "loss": math.inf},)
    for path in (folder.path / "cells").rglob("*.json"):
        path.unlink()
    folder.write(record_of(study, cell), cell)
    path = folder.path / cell.path
    data = {**json.loads(path.read_text()), "started": started, "epochs": rows}
    path.write_text(json.dumps(data))
    fails(
        PolyframeError,
        lambda: export(folder, "tensorboard"),
        "study: a record cannot be exported:",
    )


def test_mlflow_sends_nothing_about_its_use(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "")  # so that it is restored
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    fails(PolyframeError, lambda: export(folder, "mlflow"), "export: needs mlflow")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_nobody_elses_settings_are_changed(monkeypatch):
    """The switch for stores of files is only set while we write one."""
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with file_store():
        assert os.environ["MLFLOW_ALLOW_FILE_STORE"] == "true"
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ
