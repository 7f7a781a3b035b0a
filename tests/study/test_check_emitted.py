"""The fairness lint on programs that polyframe wrote, of the benchmark, and on recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.training_programs import unfair

from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.spec.recipe import load_recipe
from polyframe.study.check import (
    MISTAKE,
    NOT_READ,
    check,
)

# --- programs that polyframe writes -----------------------------------------------------
HANDWRITTEN = Path(__file__).parents[1] / "handwritten"


def emitted(
    tmp_path, recipe, semantics, backends=("torch", "tensorflow", "mxnet"), **changes
):
    recipe = load_recipe(recipe, changes)
    paths = []
    for name in backends:
        backend = registry.get(name)
        step = make_step(
            recipe.model,
            backend,
            recipe.loss,
            recipe.optimizer,
            recipe.training,
            semantics,
        )
        target = Target(recipe.dtype, "cpu", semantics)
        for optimize in (False, True):
            program, _ = write_programs(recipe.model, backend, step, target, optimize)
            path = tmp_path / f"{name}_{optimize}.py"
            path.write_text(program.source, encoding="utf-8")
            paths.append(path)
    return paths


@pytest.mark.parametrize(
    "recipe", ["digits_cnn", "residual_cnn", "fashion_cnn", "regression_cnn"]
)
def test_aligned_programs_of_polyframe_have_no_difference(tmp_path, recipe):
    found = check(emitted(tmp_path, recipe, "aligned"))
    assert [each.sentence for each in found if each.kind != NOT_READ] == []


@pytest.mark.parametrize(
    "optimizer", ["AdamW", "RMSProp", "Adagrad", "Adadelta", "NAdam"]
)
def test_helpers_for_optimizers_are_known(tmp_path, optimizer):
    found = check(emitted(tmp_path, "digits_cnn", "aligned", optimizer=optimizer))
    assert [each.sentence for each in found if each.kind != NOT_READ] == []
    assert "optimizer" not in {each.setting for each in found}


ADAM = {"epsilon_position", "initializer", "bias_initializer"}
NATIVE = {
    ("digits_cnn", "tensorflow"): ADAM | {"epsilon"},
    ("digits_cnn", "mxnet"): ADAM,
    ("residual_cnn", "tensorflow"): {
        "initializer", "bias_initializer", "decay", "norm_momentum", "norm_epsilon",
        "running_variance",
    },
    ("residual_cnn", "mxnet"): {"initializer", "bias_initializer", "running_variance"},
}  # fmt: skip


@pytest.mark.parametrize(("recipe", "other"), NATIVE)
def test_native_programs_differ_in_the_defaults_that_differ(tmp_path, recipe, other):
    found = check(emitted(tmp_path, recipe, "native", ("torch", other)))
    assert unfair(found) == NATIVE[recipe, other]
    by_default = {e.setting: [s.given for s in e.seen] for e in found if e.unfair}
    for setting in by_default.keys() - {"decay", "epsilon_position"}:
        assert set(by_default[setting]) == {False}, setting


def test_a_helper_that_was_changed_is_not_trusted(tmp_path):
    torch, keras = emitted(tmp_path, "digits_cnn", "aligned", ("torch", "tensorflow"))[
        ::2
    ]
    text = keras.read_text()
    keras.write_text(
        text.replace("Adam(model.t", "Adam(epsilon=1e-3, variables=model.t")
    )
    assert unfair(check([torch, keras])) == {"epsilon"}
    keras.write_text(text.replace("epsilon=1e-8", "epsilon=1e-3"))
    found = check([torch, keras])
    assert unfair(found) == set()
    assert "optimizer" in {each.setting for each in found if each.kind == NOT_READ}


# --- programs written by hand, and recipes ----------------------------------------------


@pytest.mark.parametrize("name", ["conv4", "cifar_resnet20", "densenet121"])
def test_programs_of_the_benchmark(name):
    """They give batch norms one momentum and epsilon; what is left has no keyword."""
    paths = [HANDWRITTEN / b / f"{name}.py" for b in ("torch", "keras", "mxnet")]
    found = check(paths)
    assert unfair(found) == {"initializer", "bias_initializer", "running_variance"}


def test_loops_of_the_benchmark():
    paths = [HANDWRITTEN / b / "training.py" for b in ("torch", "keras", "tensorflow")]
    found = check(paths)
    assert unfair(found) == {"epsilon_position"}
    assert not [each for each in found if each.kind == MISTAKE]


def test_a_recipe_against_another_and_a_program(tmp_path):
    found = check(["digits_cnn", "residual_cnn"])
    assert unfair(found) == {"batch_size", "epochs", "optimizer"}
    (_, _, keras, _) = emitted(
        tmp_path, "residual_cnn", "native", ("torch", "tensorflow")
    )
    assert (
        unfair(check(["residual_cnn", keras])) == NATIVE["residual_cnn", "tensorflow"]
    )


def test_what_a_recipe_leaves_to_frameworks_is_not_read(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(load_recipe("residual_cnn", {"semantics": "native"}).to_yaml())
    found = check(["residual_cnn", path])
    assert unfair(found) == set()
    left = {each.setting for each in found if each.kind == NOT_READ}
    assert {"initializer", "norm_momentum", "norm_epsilon"} <= left
