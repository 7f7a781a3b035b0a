"""The one list of training settings, and all that is made from it."""

from __future__ import annotations

import inspect
import typing
from functools import partial

import pytest
from click.testing import CliRunner
from helpers.failing import fails

import polyframe as pf
from polyframe.cli import cli
from polyframe.eject.write import eject
from polyframe.spec.settings import (
    KINDS,
    TRAINING,
    RunSettings,
    Training,
    TrainingOptions,
    kinds_of,
)

OTHER = {
    "precision": "bfloat16", "accumulate": 2, "clip_norm": 1.0, "clip_value": 0.5,
    "ema": 0.9, "freeze": ("conv1",), "freeze_statistics": False,
    "unfreeze": (("conv1", 2),), "learning_rate_multipliers": (("conv1", 0.5),),
    "weight_decay_multipliers": (("*.bias", 0.0), ("fc", 2.0)),
}  # fmt: skip


def test_options_are_the_fields():
    hints = typing.get_type_hints(TrainingOptions)
    fields = typing.get_type_hints(Training)
    assert set(hints) == set(fields) == set(TRAINING) == set(OTHER)
    assert not TrainingOptions.__required_keys__
    for name in TRAINING:
        if not isinstance(OTHER[name], tuple):  # what stands for patterns has two forms
            assert hints[name] == fields[name], name


def test_every_setting_says_what_it_is():
    for settings in (RunSettings, Training):
        assert kinds_of(settings)
        for f in settings.__dataclass_fields__.values():
            assert f.metadata["help"].endswith("."), f.name
            assert f.kw_only
            assert f.metadata["kind"].check(f.default) == f.default


def test_compile_and_recipes_take_them_all():
    parameters = inspect.signature(pf.compile).parameters
    named = set(parameters) | set(
        typing.get_type_hints(TrainingOptions) if "training" in parameters else ()
    )
    assert set(TRAINING) <= named
    recipe = pf.Recipe("digits_cnn")
    assert set(KINDS) <= set(recipe.to_data())
    assert recipe.training == Training()
    assert recipe.training.changed() == {}


@pytest.mark.parametrize("name", OTHER)
def test_a_setting_is_read_written_and_ejected(name, tmp_path):
    more = {"freeze": "conv1"} if name == "unfreeze" else {}
    recipe = pf.Recipe("digits_cnn", **{name: OTHER[name]}, **more)
    assert getattr(recipe, name) == OTHER[name]
    assert recipe.training == Training(**{name: OTHER[name]}, **more)
    assert recipe.training.changed().pop(name) == OTHER[name]
    if isinstance(OTHER[name], tuple) and name != "freeze":
        mapping = dict(OTHER[name])
        assert pf.Recipe("digits_cnn", **{name: mapping}, **more) == recipe
        assert recipe.to_data()[name] == mapping
    path = tmp_path / "mine.yaml"
    path.write_text(recipe.to_yaml())
    assert pf.load_recipe(path) == recipe
    changes = {name: OTHER[name], **more}
    assert pf.load_recipe("digits_cnn", changes).training == recipe.training
    ejected = partial(eject, recipe, "torch", tmp_path / "out", pf.data.load("digits"))
    assert (tmp_path / "out" / "train.py") in ejected()


@pytest.mark.parametrize("name", KINDS)
def test_a_wrong_value_is_told(name):
    for make in (lambda: pf.Recipe("digits_cnn", **{name: object()}),):
        fails(pf.RecipeError, make, f"{name}: got ")


def test_a_precision_with_float64_is_refused_alike_everywhere():
    message = "precision: bfloat16 is for weights in float32, not float64"
    options = {"dtype": "float64", "precision": "bfloat16"}
    fails(pf.RecipeError, lambda: pf.Recipe("digits_cnn", **options), message)
    fails(
        pf.PolyframeError,
        lambda: pf.compile("digits_cnn", "torch", "cross_entropy", **options),
        f"compile: {message}",
    )
    result = CliRunner().invoke(
        cli,
        ["train", "digits_cnn", "-b", "torch", "--dtype", "float64"]
        + ["--set", "precision=bfloat16"],
    )
    assert result.exit_code == 2
    assert message in result.output


def test_the_command_line_lists_them():
    text = CliRunner().invoke(cli, ["list", "settings"]).output
    for name in KINDS:
        assert f"\n{name}\n" in f"\n{text}"
    assert "averages" not in text


def test_a_change_reaches_into_the_model():
    """The arguments of a shipped model, and a layer by its name."""
    changes = {"model.num_classes": 3, "model.input_shape": [3, 40, 40]}
    recipe = pf.load_recipe("digits_cnn", changes)
    assert recipe.model == pf.zoo.digits_cnn(3, (3, 40, 40))
    changes = {"model.inputs.x": [1, 32], "model.layers.fc.out_features": 4}
    graph = pf.load_recipe("signals_cnn", changes).model.infer()
    assert graph.inputs == (("x", (1, 32)),) and graph.output_shapes == ((4,),)
    inner = pf.Sequential([pf.Dense(5, name="a")], name="body")
    spec = pf.Sequential([inner, pf.Dense(2)], (4,))
    changes = {"model.layers.body.layers.a.out_features": 6}
    changed = pf.load_recipe({"model": spec.to_data()}, changes).model
    assert changed == spec.replace("body.a", pf.Dense(6))


@pytest.mark.parametrize(
    ("name", "meant"),
    [("clip_nrom", "clip_norm"), ("optimiser", "optimizer"), ("dtyp", "dtype")],
)
def test_an_argument_that_compile_does_not_have_is_told(name, meant):
    with pytest.raises(TypeError) as caught:
        pf.compile("digits_cnn", **{name: 1})
    assert isinstance(caught.value, pf.PolyframeError)
    said = f"compile: there is no argument '{name}'. Did you mean '{meant}'?"
    assert str(caught.value).startswith(said)
