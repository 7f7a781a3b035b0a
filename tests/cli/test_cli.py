"""The command line: exit codes, messages, and what a training leaves behind."""

from __future__ import annotations

import csv
import io
import json
import shlex
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.command_line import call, contents, fails, names

from polyframe import zoo
from polyframe.cli import cli
from polyframe.data import load
from polyframe.data.split import split_rows
from polyframe.errors import PolyframeError
from polyframe.run.load import load_run
from polyframe.run.train import load_data, train
from polyframe.spec.layers import Dense, Flatten
from polyframe.spec.model import Sequential
from polyframe.spec.recipe import load_recipe
from polyframe.train import Callback

FILES = {"env.json", "metrics.csv", "program_torch.py", "recipe.yaml"}
FILES |= {"result.json", "weights.safetensors", "checkpoint"}
TRAIN = ("train", "digits_cnn", "-b", "torch", "--epochs", "1")


def test_help_imports_no_framework_and_no_numpy() -> None:
    code = (
        "import sys, polyframe; assert 'click' not in sys.modules; import polyframe.cli"
        "; print(*sorted({'numpy', 'rich', 'yaml', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_every_command_has_help_with_an_example() -> None:
    assert "polyframe train digits_cnn -b torch" in call("--help").stdout
    for name, command in cli.commands.items():
        words = [name, "info"] if name == "data" else [name]
        assert "Example" in call(*words, "--help").stdout, name
        assert len(command.get_short_help_str(62)) < 62, name


def test_closed_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m polyframe show residual_cnn -b torch | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""


BAD = {
    "trian": "Did you mean 'train'?",
    "train digit_cnn -b torch": "Did you mean 'digits_cnn'?",
    "train digits_cnn -b toch": "Did you mean 'torch'?",
    "train none.yaml -b torch": "none.yaml: there is no such file",
    "TRAIN --epochs 0": "epochs: got 0; a whole number from 1",
    "TRAIN --epochs many": "'many' is not a valid integer",
    "TRAIN --split 1.5": "split: got 1.5; a finite number above 0 and below 1",
    "TRAIN --split 1e-4": "split: 0.0001 of the 1437 samples leaves none to validate on",
    "TRAIN --split 1e-3": "split: 0.001 of the 143 samples of class 0 leaves none",
    "TRAIN --split 0.2 --set 'data={name: synthetic, validation: 9}'": "split: synthetic "
    "has a validation part of its own",
    "TRAIN --set drop_last=true --batch-size 2000": "drop_last: leaves nothing to train",
    "TRAIN --set epochs": "'epochs' is not KEY=VALUE",
    "TRAIN --set optimizer.lr=[1": "--set optimizer.lr: is not YAML",
    "TRAIN --set optimiser=SGD": "Did you mean 'optimizer'?",
    "TRAIN --device gpu:99": "device 'gpu:99' is not there",
    "TRAIN --set data=cifar": "Did you mean 'cifar10'?",
    "TRAIN --set data.3=4": "there is no option '3'",
    "TRAIN --set 'data={name: digits, 3: 4}'": "option 3 is not a name",
    "TRAIN --set model=simple_cnn": "is (1, 8, 8), but simple_cnn takes (3, 32, 32) "
    "(--set model.input_shape=[1,8,8] changes the model; --set data=synthetic",
    "TRAIN --set 'data={name: synthetic, classes: 12}'": "12 classes, but the model "
    "has 10 outputs (num_classes=12, an argument of shipped models",
    "TRAIN --set optimizer.lr=-1": "error: digits_cnn: optimizer: Adam: lr is -1; a",
    "TRAIN --set model.num_clases=3": "Did you mean 'num_classes'?",
    "TRAIN --set loss=mse": "(losses that fit: cross_entropy, multi_margin, nll)",
    "TRAIN --set data.layout=NCL": "digits: there is no option 'layout'",
    "TRAIN --set metrics=mae": "mae needs targets that are numbers",
    "TRAIN --set 'data={name: synthetic, targets: 9}'": "cross_entropy takes class",
    "show digits_cnn -b toch": "unknown backend 'toch'",
    "summary digits_cn": "Did you mean 'digits_cnn'?",
    "list layer": "is not one of 'layers'",
    "data info digit": "Did you mean 'digits'?",
    "evaluate nowhere": "nowhere: there is no such run folder",
    "predict nowhere x.npy -o x.txt": ".npy or .npz is needed",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_message_and_leaves_nothing(line: str, here: Path) -> None:
    args = shlex.split(line.replace("TRAIN", "train digits_cnn -b torch"))
    assert BAD[line] in fails(*args)
    assert list(here.iterdir()) == []


def test_a_misspelt_run_folder_is_told(here: Path) -> None:
    for name in ("digits_cnn/torch/1", "lenet5/mxnet/1"):
        (here / "runs" / name).mkdir(parents=True)
    said = "there is no such run folder. Did you mean 'digits_cnn'? (`polyframe train`"
    for line in ("evaluate", "predict"):
        more = ["x.npy"] if line == "predict" else []
        assert said in fails(line, "runs/digit_cnn/torch/1", *more)
    # The rest of the path has to be there as well.
    assert "Did you" not in fails("evaluate", "runs/digit_cnn/mxnet/1")
    assert "Did you mean 'torch'?" in fails("evaluate", "runs/digits_cnn/toch/1")


@pytest.mark.parametrize("args", [["--debug", *TRAIN], [*TRAIN, "--debug"]])
def test_debug_shows_the_traceback(args: list[str]) -> None:
    lines = call(*args, "--set", "data=nope", code=2).stderr.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("error: unknown data set 'nope'")


def test_bug_inside_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError("so it is")

    monkeypatch.setattr(zoo, "list", broken)
    stderr = call("list", "models", code=1).stderr
    assert stderr.startswith("error: unexpected ZeroDivisionError: so it is\n")


def test_semantics_by_aspects(here: Path) -> None:
    """A mapping, and one aspect by a dotted key; both are told as the recipe has them."""
    whole = ("--set", "semantics={norm_epsilon: native}")
    call(*TRAIN, "--quiet", "-o", "a", *whole, "--set", "semantics.dropout=native")
    recipe = load_recipe(here / "a/recipe.yaml")
    assert recipe.semantics == (("norm_epsilon", "native"), ("dropout", "native"))
    assert "semantics: {norm_epsilon: native, dropout: native}" in (
        (here / "a/recipe.yaml").read_text()
    )
    call("evaluate", "a", "-b", "tensorflow")
    stderr = call(*TRAIN, "--set", "semantics.droput=native", code=2).stderr
    assert "semantics: unknown aspect 'droput'. Did you mean 'dropout'?" in stderr
    stderr = call(*TRAIN, "--set", "semantics.dropout=own", code=2).stderr
    assert "semantics: got {'dropout': 'own'}; 'aligned', 'native', or a map" in stderr


def test_train_writes_a_run_folder(here: Path) -> None:
    result = call(*TRAIN, "--set", "optimizer.lr=0.01", "--seed", 3)
    folder = here / "runs/digits_cnn/torch/1"
    assert names(folder) == FILES
    # There are no validation data, and the test data choose no best epoch.
    assert names(folder / "checkpoint") == {"step-0000000023"}
    assert "digits_cnn on PyTorch, device cpu, float32: 6,090" in result.stderr
    assert "program: runs/digits_cnn/torch/1/program_torch.py" in result.stdout
    expected = load_recipe("digits_cnn", {"epochs": 1, "optimizer.lr": 0.01, "seed": 3})
    assert load_recipe(folder / "recipe.yaml") == expected
    rows = list(csv.DictReader(io.StringIO((folder / "metrics.csv").read_text())))
    kept = json.loads((folder / "result.json").read_text())
    assert [float(row["loss"]) for row in rows] == [kept["final"]["loss"]]
    assert (kept["schema"], kept["status"], kept["epochs"]) == (1, "done", 1)
    assert set(kept["test"]) == {"loss", "accuracy"} and kept["best"] is None
    assert "val_loss" not in kept["history"][0]
    assert kept["spec_hash"] == expected.model.hash
    environment = json.loads((folder / "env.json").read_text())
    assert environment["framework_version"] == metadata.version("torch")
    compile((folder / "program_torch.py").read_text(), "program", "exec")


def test_what_monitors_looks_at_a_split_and_not_at_the_test_data(here: Path) -> None:
    args = (*TRAIN, "-o", "run", "--set", "callbacks=[early_stopping]")
    result = call(*args, "--set", "validation_batch_size=100")
    text = "early_stopping looks at validation data, and digits has none: 0.2 of its"
    assert text in result.stderr
    assert load_recipe(here / "run/recipe.yaml").split == 0.2
    assert "best.safetensors" in names(here / "run/checkpoint")
    kept = json.loads((here / "run/result.json").read_text())
    assert kept["best"]["value"] == kept["final"]["val_loss"] != kept["test"]["loss"]
    model = load_run("run")
    x, y = load("digits").train
    rows = split_rows(len(y), 0.2, 0, y).validation
    validated = model.evaluate(x[rows], y[rows])["loss"]
    assert validated == pytest.approx(kept["final"]["val_loss"], rel=1e-5)
    tested = model.evaluate(load("digits"))["loss"]
    assert tested == pytest.approx(kept["test"]["loss"], rel=1e-5)
    # Without test data, the part that was split off is evaluated.
    data = {"x_train": x[:200], "y_train": y[:200]}
    np.savez("own.npz", **data)
    call(*TRAIN, "--quiet", "-o", "own", "--set", "data=own.npz", "--split", 0.25)
    report = json.loads(call("evaluate", "own", "--json").stdout)
    kept = json.loads((here / "own/result.json").read_text())
    assert (report["part"], report["samples"], kept["test"]) == ("validation", 50, {})
    assert report["loss"] == kept["final"]["val_loss"]


def test_runs_are_numbered(here: Path) -> None:
    (here / "runs/digits_cnn/torch/7").mkdir(parents=True)
    (here / "runs/digits_cnn/torch/notes").mkdir()
    assert call(*TRAIN, "--quiet").output == ""
    assert (here / "runs/digits_cnn/torch/8/result.json").exists()


def test_out_is_the_folder_and_is_never_overwritten(here: Path) -> None:
    (here / "mine").mkdir()
    call(*TRAIN, "--quiet", "-o", "mine", "--no-optimize")
    assert names(here / "mine") == FILES
    assert not (here / "runs").exists()
    before = contents(here / "mine")
    plain = call("show", "digits_cnn", "-b", "torch").stdout
    assert before[here / "mine/program_torch.py"].decode() == plain
    assert "a run overwrites nothing" in fails(*TRAIN, "-o", "mine")
    assert before == contents(here / "mine")


def test_out_in_place_of_a_file(here: Path) -> None:
    (here / "file").write_text("mine")
    (here / "runs").write_text("mine")
    assert "is a file, not a folder" in fails(*TRAIN, "-o", "file")
    assert "cannot be" in call(*TRAIN, "-o", "file/x", code=2).stderr
    assert "cannot be made" in call(*TRAIN, code=2).stderr
    assert (here / "file").read_text() == (here / "runs").read_text() == "mine"


def test_synthetic_data_fit_the_model() -> None:
    changes = {"data": "synthetic", "data.train": 64, "data.test": 0, "epochs": 1}
    result = train(load_recipe("simple_cnn", changes), "torch")
    assert (result.test, len(result.history)) == ({}, 1)
    x, y = load_data(load_recipe("simple_cnn", changes)).train
    assert x.shape == (64, 3, 32, 32)
    assert set(y) == set(range(10))
    assert "(train, 64 samples)" in call("evaluate", result.path).stdout


def test_synthetic_data_for_a_regression(here: Path) -> None:
    spec = Sequential([Flatten(), Dense(3)], input_shape=(2, 4, 5), name="linear")
    recipe = load_recipe({"model": spec, "loss": "mse", "metrics": "mae"})
    recipe = load_recipe(recipe, {"data": "synthetic", "epochs": 1})
    result = train(recipe, "torch", here / "run")
    assert set(result.test) == {"loss", "mae"}
    np.save("x.npy", np.zeros((2, 2, 4, 5)))
    report = json.loads(call("predict", "run", "x.npy", "--json").stdout)
    assert [list(row) for row in report["predictions"]] == [["fc1"], ["fc1"]]


def test_failure_in_training_is_kept(here: Path) -> None:
    class Fails(Callback):
        def on_epoch_end(self, model: object, epoch: int, row: object) -> None:
            raise PolyframeError("enough")

    recipe = load_recipe("digits_cnn", {"epochs": 3})
    with pytest.raises(PolyframeError, match="enough"):
        train(recipe, "torch", here / "run", callbacks=[Fails()])
    kept = json.loads((here / "run/result.json").read_text())
    assert (kept["status"], kept["epochs"]) == ("failed", 1)
    assert kept["error"] == "PolyframeError: enough"


def test_ctrl_c_keeps_what_there_is(here: Path) -> None:
    args = (*TRAIN[:4], "--epochs", "100000", "-o", "run")
    command = [sys.executable, "-m", "polyframe", *args]
    options: Any = {"stderr": subprocess.PIPE, "text": True}
    # Where the tests run in the background, Ctrl-C may be ignored.
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, **options) as process:
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(3)]  # two epochs are done
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, (told, rest)
    assert rest.splitlines()[-1].startswith("interrupted in epoch ")
    assert "the weights so far are in run" in rest
    assert names(here / "run") == FILES
    assert any(name.startswith("step-") for name in names(here / "run/checkpoint"))
    kept = json.loads((here / "run/result.json").read_text())
    assert kept["status"] == "interrupted"
    call("evaluate", "run")


def test_eject(here: Path) -> None:
    call("eject", "digits_cnn", "-b", "torch", "-o", "mine", "--epochs", 1)
    assert (here / "mine/train.py").exists()
    assert "not empty" in fails("eject", "digits_cnn", "-b", "torch", "-o", "mine")
