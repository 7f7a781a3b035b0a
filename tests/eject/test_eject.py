"""Ejected folders: what is in them, and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from helpers.ejected import lint
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.eject.write import eject, project
from polyframe.errors import UnsupportedError
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.element import define


def digits():
    return pf.data.load("digits")


def test_ejecting_overwrites_nothing_and_needs_no_framework(tmp_path):
    data = pf.data.load("digits")
    recipe = pf.load_recipe("digits_cnn")
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(pf.PolyframeError, match="exists and is not empty"):
        eject(recipe, "torch", tmp_path, data)
    assert os.listdir(tmp_path) == ["mine.txt"]
    code = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'tensorflow', 'mxnet']);"
        "import polyframe as pf; from polyframe.eject.write import eject;"
        "data = pf.data.load('digits');"
        f"[eject(pf.load_recipe('digits_cnn'), b, {str(tmp_path)!r} + '/' + b, data)"
        " for b in pf.backends()]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*/train.py"))) == len(BACKENDS)


def test_a_folder_is_there_with_all_its_files_or_not_at_all(tmp_path, monkeypatch):
    recipe = pf.load_recipe("digits_cnn")
    (tmp_path / "empty").mkdir()
    eject(recipe, "torch", tmp_path / "empty", digits())
    assert (tmp_path / "empty/train.py").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(pf.PolyframeError, match="exists and is not empty"):
        eject(recipe, "torch", tmp_path / "file", digits())

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(pf.PolyframeError, match="No space left on device"):
        eject(recipe, "torch", tmp_path / "new", digits())
    assert sorted(os.listdir(tmp_path)) == ["empty", "file"]


def test_what_lies_in_the_folder(tmp_path):
    paths = eject(pf.load_recipe("digits_cnn"), "torch", tmp_path / "out", digits())
    assert [path.name for path in paths] == [
        "train.py", "weights.npz", "data.npz", "requirements.txt", "recipe.yaml",
        "README.md",
    ]  # fmt: skip
    text = paths[0].read_text()
    assert not re.search(r"(import|from) polyframe", text)
    needed = (tmp_path / "out/requirements.txt").read_text()
    assert re.fullmatch(r"torch==[\d.]+\nnumpy==[\d.]+\n", needed)
    readme = (tmp_path / "out/README.md").read_text()
    for path in paths:
        assert f"`{path.name}`" in readme or path.name == "README.md"
    assert (
        pf.load_recipe(tmp_path / "out/recipe.yaml").model
        == pf.load_recipe("digits_cnn").model
    )


def test_only_what_a_recipe_needs_is_in_its_script(tmp_path):
    plain, *_ = eject(pf.load_recipe("digits_cnn"), "torch", tmp_path / "a", digits())
    text = plain.read_text()
    words = (
        "AUGMENTATION", "SCHEDULE", "average", "scaler", "PHASES", "Patience",
        "normalise_weights", "seed(model", "accumulate", "random_numbers",
    )  # fmt: skip
    for word in words:
        assert word not in text, word
    assert len(text.splitlines()) < 620


def test_the_parts_are_the_script(tmp_path):
    """What a notebook is made of: each part runs after those before it."""
    made = project(pf.load_recipe("digits_cnn"), "torch", digits())
    script = made.files["train.py"]
    assert all(part.text in script for part in made.parts)
    assert [part.title for part in made.parts] == [
        "Imports and settings", "The data, their order, random numbers", "The model",
        "The training step", "Running the model", "Losses, metrics, evaluation",
        "Checkpoints", "The training", "Run",
    ]  # fmt: skip
    first, last = made.parts[0].text, made.parts[-1].text
    assert "\nHERE = Path(__file__).parent\n" in first
    assert last == 'if __name__ == "__main__":\n    main()'


def test_the_code_of_a_plug_in_is_not_left_out_without_a_word(tmp_path):
    @define
    class Own(CallbackSpec):
        word = "own_of_eject"

    try:
        recipe = pf.Recipe("digits_cnn", callbacks=[Own()])
        fails(
            UnsupportedError,
            lambda: eject(recipe, "torch", tmp_path / "out", digits()),
            "callbacks: own_of_eject runs the code of a plug-in, which a script does "
            "not have",
        )
    finally:
        del CallbackSpec.registry["own_of_eject"]
    assert not (tmp_path / "out").exists()


def test_an_unknown_backend_is_one_message(tmp_path):
    recipe = pf.load_recipe("digits_cnn")
    with pytest.raises(pf.BackendError, match="Did you mean 'torch'"):
        eject(recipe, "torhc", tmp_path / "out", digits())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["accuracy", "stop"])
def test_a_model_called_as_a_class_of_the_script(name, tmp_path):
    """Its class has the name; what is copied gets another one."""
    layers = [pf.Flatten(), pf.Dense(10)]
    spec = pf.Sequential(layers, input_shape=(1, 8, 8), name=name)
    recipe = pf.Recipe(spec, metrics=("accuracy",), epochs=1)
    script, *_ = eject(recipe, "torch", tmp_path / "out", digits())
    text, own = script.read_text(), name.title()
    assert f"class {own}(nn.Module):" in text and f"model = {own}()" in text
    assert text.count(f"class {own}_") == 1 and f"{own}_()" in text
    lint(script)
