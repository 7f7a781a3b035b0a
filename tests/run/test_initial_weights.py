"""``initial_weights`` of a recipe: training starts from a file."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.failing import fails
from helpers.resuming import stopped
from helpers.support import TORCH_FIRST

import polyframe as pf
from polyframe.cli import cli
from polyframe.eject.write import eject
from polyframe.io.weights import load
from polyframe.run.train import load_data, train

SPEC = pf.Sequential(
    [
        pf.Conv2D(3, 3, name="conv"), pf.BatchNorm(name="bn"), pf.ReLU(),
        pf.Flatten(), pf.Dense(4, name="fc"),
    ],
    (1, 6, 6),
    name="small",
)  # fmt: skip


def recipe(**changes):
    fields = {
        "name": "small", "model": SPEC.to_data(), "optimizer": {"type": "SGD", "lr": 0.1},
        "data": {"name": "synthetic", "train": 40, "test": 8}, "epochs": 1,
        "batch_size": 8, "callbacks": [{"type": "model_checkpoint", "every_steps": 1}],
    }  # fmt: skip
    return pf.load_recipe(fields | changes)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "start.safetensors"
    pf.compile(SPEC, "torch", seed=9).save_weights(path)
    return path


def trained(start, backend):
    """The same training in Python."""
    model = pf.compile(SPEC, backend, "cross_entropy", pf.SGD(0.1))
    model.load_weights(start)
    data = load_data(recipe())
    model.fit(data, batch_size=8)
    return model.weights()


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_training_starts_from_the_file(tmp_path, file, backend):
    made, said = recipe(initial_weights=file), []
    result = train(made, backend, tmp_path / "run", say=said.append)
    assert said == [f"{file}: loaded 8 of 8 weights"]
    wanted, without = trained(file, backend), load(
        train(recipe(), backend, tmp_path / "without").path / "weights.safetensors"
    )  # fmt: skip
    for name, value in load(result.path / "weights.safetensors").items():
        np.testing.assert_array_equal(value, wanted[name])
    assert not np.array_equal(without["conv.weight"], wanted["conv.weight"])
    assert pf.load_recipe(result.path / "recipe.yaml") == made


def test_a_resumed_training_needs_the_file_no_more(tmp_path, file):
    made = recipe(initial_weights=file)
    whole = train(made, "torch", tmp_path / "whole").path
    stopped(made, "torch", tmp_path / "run", 3)
    file.unlink()
    train(made, "torch", tmp_path / "run", resume=True)
    one, two = (load(p / "weights.safetensors") for p in (whole, tmp_path / "run"))
    for name, value in one.items():
        np.testing.assert_array_equal(two[name], value)


@pytest.mark.filterwarnings("error::UserWarning")
def test_the_preprocessing_of_the_recipe_is_the_models(tmp_path):
    normalize = pf.Normalize(mean=(0.5,), std=(2.0,))
    start = pf.compile(SPEC, "torch")
    start.preprocessing = [normalize]
    start.save_weights(tmp_path / "start.safetensors")
    made = recipe(
        initial_weights=tmp_path / "start.safetensors", augmentation=[normalize]
    )
    train(made, "torch", tmp_path / "run")
    without = recipe(initial_weights=tmp_path / "start.safetensors")
    with pytest.warns(UserWarning, match="were trained with normalize"):
        train(without, "torch", tmp_path / "without")


def test_a_new_head_from_the_command_line(tmp_path, file):
    path = tmp_path / "few.yaml"
    made = recipe(
        model=SPEC.replace("fc", pf.Dense(2)).to_data(), freeze=["conv", "bn"]
    )
    path.write_text(made.to_yaml())
    words = ["train", str(path), "-b", "torch", "-o", str(tmp_path / "run"), "--quiet"]
    start = ["--set", f"initial_weights={file}"]
    done = CliRunner().invoke(cli, [*words, *start])
    assert done.exit_code == 2
    assert f"{file}: 'fc.weight' is (4, 48), the model's (2, 48)" in done.stderr
    assert "(strict=False loads those that fit)" in done.stderr
    assert not (tmp_path / "run").exists()
    done = CliRunner().invoke(
        cli, [*words, *start, "--set", "initial_weights.strict=false"]
    )
    assert done.exit_code == 0, done.output
    assert f"{file}: loaded 6 of 8 weights\n" in done.stderr
    assert (
        f"{file}: of another shape: fc.weight (4, 48), the model's (2, 4" in done.stderr
    )
    weights, start = load(tmp_path / "run" / "weights.safetensors"), load(file)
    np.testing.assert_array_equal(weights["conv.weight"], start["conv.weight"])


def test_recipes_with_it(tmp_path, file):
    full = {"file": "w.pth", "strict": False, "rename": {"": "body.", "a*": "*"}}
    for value, wanted in (
        ("w.pth", "w.pth"),
        ({"file": "w.pth"}, "w.pth"),
        (full, full),
        (None, None),
    ):
        made = recipe(initial_weights=value)
        assert made.to_data()["initial_weights"] == wanted
        (tmp_path / "r.yaml").write_text(made.to_yaml())
        assert pf.load_recipe(tmp_path / "r.yaml") == made
    bad = {
        3: "recipe: initial_weights: is 3; a mapping is needed",
        "": "recipe: initial_weights: file: got ''; a text of 1 to 4096 printable",
        ("strict", True): "recipe: initial_weights: key 'file' is missing",
        ("flie", "x"): "initial_weights: unknown key 'flie'. Did you mean 'file'?",
    }
    for value, message in bad.items():
        given = dict([value]) if isinstance(value, tuple) else value
        fails(pf.RecipeError, lambda g=given: recipe(initial_weights=g), message)
    for key, value, message in (
        ("strict", "no", "initial_weights: strict: got 'no'; "),
        ("rename", ["a"], "recipe: initial_weights: rename: got ['a']; a mapping such"),
    ):
        given = {"file": "w", key: value}
        fails(pf.RecipeError, lambda g=given: recipe(initial_weights=g), message)
    fails(
        pf.WeightsError,
        lambda: train(recipe(initial_weights="none.pth"), "torch", tmp_path / "none"),
        "none.pth: there is no such file",
    )
    assert not (tmp_path / "none").exists()


def test_a_script_starts_from_the_file(tmp_path, file):
    made = recipe(initial_weights=file)
    eject(made, "torch", tmp_path / "out", load_data(made))
    with np.load(tmp_path / "out/weights.npz") as kept:
        for name, value in load(file).items():
            assert np.array_equal(kept[name], value)
    lost = recipe(initial_weights="none.pth")
    fails(
        pf.WeightsError,
        lambda: eject(lost, "torch", tmp_path / "none", load_data(lost)),
        "none.pth: there is no such file",
    )
    assert not (tmp_path / "none").exists()
