"""``verify`` and ``diff`` run what a recipe says: each setting, planted wrong, is found."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from helpers.failing import fails
from helpers.support import BACKENDS
from test_diff import NET, SGD, planted

import polyframe as pf
from polyframe.cli import cli
from polyframe.conformance.defaults import own_classes
from polyframe.conformance.localise import compare
from polyframe.conformance.page import page
from polyframe.conformance.subject import Subject, subject_of
from polyframe.conformance.verify import choose_dtypes, verify
from polyframe.contract import registry
from polyframe.spec.settings import TRAINING, Training

SETTINGS = {
    "clip_norm": (0.05, "clip_grad_norm_(model.parameters(), 0.05)", "0.05", "0.06"),
    "clip_value": (0.01, "clip_grad_value_(model.parameters(), 0.01)", "0.01", "0.02"),
    "ema": (0.7, "get_ema_multi_avg_fn(0.7)", "0.7", "0.8"),
    "accumulate": (2, "    if last:\n        apply(", "if last", "if True"),
    "freeze": (("fc1",), "layer.requires_grad_(False)", "False", "True"),
    "freeze_statistics": (False, "nn.BatchNorm2d(4)", "4", "4, momentum=0.2"),
    "unfreeze": (
        {"norm": 1}, 'in [model.get_submodule("fc1")]', "[",
        '[model.get_submodule("norm"), ',
    ),
    "learning_rate_multipliers": (
        {"norm": 0.5, "fc1": 2.0}, '"fc1.weight": (2.0, 1.0)', "2.0", "2.5"
    ),
    "weight_decay_multipliers": (
        {"fc1": 3.0}, '"fc1.weight": (1.0, 3.0)', "3.0", "3.5"
    ),
    "precision": ("bfloat16", "dtype=torch.bfloat16)", ")", ", enabled=False)"),
}  # fmt: skip
"""Setting → (value, what PyTorch's program says of it, a part of that, what is
planted)."""
WITH = {"freeze_statistics": ("norm",), "unfreeze": ("norm", "fc1")}


def subject(name):
    training = Training(**{name: SETTINGS[name][0], "freeze": WITH.get(name, ())})
    if name == "freeze":
        training = Training(freeze=SETTINGS[name][0])
    return Subject(NET, optimizer=SGD, training=training)


def wrong(name):
    _, text, part, new = SETTINGS[name]
    return planted("torch", text, text.replace(part, new))


def test_every_training_setting_is_here():
    assert set(SETTINGS) == set(TRAINING)


@pytest.mark.parametrize("name", SETTINGS)
def test_it_is_part_of_what_is_compared(name):
    certificate = verify(subject(name), BACKENDS, steps=2)
    assert certificate.passed, certificate.missed[:3]
    data = json.loads(json.dumps(certificate.to_data()))
    value = SETTINGS[name][0]
    wanted = list(value) if isinstance(value, tuple) else value
    assert data["settings"][name] == wanted
    assert f"{name}: {wanted}" in page(data).replace("&#39;", "'")
    assert (">precision</th>" in page(data)) == (name == "precision")
    assert certificate.dtypes == choose_dtypes(subject(name))


@pytest.mark.parametrize("name", SETTINGS)
def test_verify_finds_it_planted_wrong(name):
    bug = wrong(name)
    certificate = verify(subject(name), ["mxnet", bug], steps=3)
    assert type(bug).hits, "the bug was not planted"
    assert not certificate.passed
    assert certificate.missed


@pytest.mark.parametrize("name", SETTINGS)
def test_diff_finds_it_planted_wrong_and_nothing_else(name):
    bug = wrong(name)
    agreement = compare(subject(name), "mxnet", bug, steps=3)
    assert type(bug).hits, "the bug was not planted"
    assert agreement.divergence is not None
    agreement = compare(subject(name), "mxnet", "torch", steps=3)
    assert agreement.divergence is None, str(agreement.divergence)


def test_a_backend_that_leaves_a_precision_out_is_named():
    agreement = compare(subject("precision"), "mxnet", wrong("precision"), steps=1)
    assert agreement.divergence is not None
    assert agreement.divergence.key == (1, "precision", "bfloat16")
    assert agreement.divergence.blamed == "torch"


def test_all_settings_at_once():
    training = Training(
        precision="bfloat16", accumulate=3, clip_norm=0.5, ema=0.9,
        freeze=("fc1", "norm"), unfreeze={"fc1": 2},
        learning_rate_multipliers={"conv": 0.5}, weight_decay_multipliers={"fc?": 2},
    )  # fmt: skip
    certificate = verify(
        Subject(NET, optimizer=SGD, training=training), BACKENDS, steps=4
    )
    assert certificate.passed, certificate.missed[:3]


def test_loss_scaling_in_float16_is_compared():
    case = Subject(NET, optimizer=SGD, training=Training(precision="float16"))
    certificate = verify(case, ["torch", "tensorflow"], steps=2)
    assert certificate.passed, certificate.missed[:3]
    names = {c.key.name for c in certificate.comparisons if c.key.kind == "state"}
    assert {"loss_scale/scale", "loss_scale/good_steps"} <= names


def test_a_precision_is_not_compared_in_float64():
    message = (
        "verify: bfloat16 is for weights in float32: it cannot be compared in float64"
    )
    for call in (
        lambda: verify(subject("precision"), BACKENDS, dtypes=["float64"]),
        lambda: compare(subject("precision"), "torch", "mxnet", dtype="float64"),
    ):
        fails(pf.PolyframeError, call, message)


def test_a_gap_of_a_precision_is_told():
    case = Subject(NET, optimizer=SGD, training=Training(precision="float16"))
    message = "precision: MXNet has no convolution in float16 on a cpu"
    fails(pf.UnsupportedError, lambda: verify(case, ["torch", "mxnet"]), message)


# --- native semantics --------------------------------------------------------------


def defaults_in(certificate):
    """The differences but for the classes that are each framework's own."""
    return [line for line in certificate.differences if "own class" not in line]


def test_native_programs_run_and_are_told_apart():
    certificate = verify(
        Subject(NET, optimizer=pf.Adam(), semantics="native"), BACKENDS, steps=2
    )
    assert not certificate.passed
    assert certificate.missed
    assert defaults_in(certificate) == [
        "BatchNorm.eps: torch 1e-05, tensorflow 0.001, mxnet 1e-05 (norm_epsilon)",
        "BatchNorm.momentum: torch 0.1, tensorflow 0.01, mxnet 0.1 (norm_momentum)",
        "BatchNorm.unbiased: torch True, tensorflow False, mxnet False "
        "(running_variance)",
        "Dropout: each framework draws its own random numbers",
        "Adam.eps: torch 1e-08, tensorflow 1e-07, mxnet 1e-08 (epsilon)",
    ]
    text = page(certificate.to_data())
    assert "Native defaults that differ" in text
    assert "BatchNorm.eps: torch 1e-05, tensorflow 0.001, mxnet 1e-05" in text
    optimizers = certificate.to_data()["optimizers"]
    assert "eps=1e-08" in optimizers["torch"]
    assert "eps=1e-07" in optimizers["tensorflow"]


def test_native_programs_without_other_defaults_are_equal():
    net = pf.Sequential(
        [pf.Conv2D(3, 3, name="conv"), pf.ReLU(), pf.Flatten(), pf.Dense(3, name="fc")],
        (2, 5, 5),
    )
    # Without a momentum, whose velocity holds the rate or not; at a rate that float32
    # holds, since MXNet's optimizers take theirs as such a number; and without the softmax
    # of MXNet's own loss, which has an error of 3.5e-6 in float32.
    case = Subject(net, pf.L1(), pf.SGD(0.125), semantics="native")
    certificate = verify(case, BACKENDS, steps=3)
    assert certificate.passed, certificate.missed[:3]
    assert defaults_in(certificate) == []
    bug = planted("torch", "nn.ReLU()", "nn.Sigmoid()")
    assert not verify(case, ["mxnet", bug], steps=3).passed
    assert type(bug).hits


def test_one_native_default_differs_alone():
    case = Subject(NET, optimizer=pf.Adam(), semantics=(("norm_epsilon", "native"),))
    backends = ["torch", "tensorflow"]
    certificate = verify(case, backends, steps=1, dtypes=["float64"])
    wanted = ["BatchNorm.eps: torch 1e-05, tensorflow 0.001 (norm_epsilon)"]
    assert certificate.differences == wanted
    assert not certificate.passed
    agreement = compare(case, *backends, steps=1)
    assert agreement.differences == wanted
    assert agreement.divergence is not None
    assert agreement.divergence.key == (1, "inference", "norm")


def test_classes_that_are_each_frameworks_own_are_told():
    def told(semantics, own):
        backends = [registry.get(name) for name in BACKENDS]
        case = Subject(NET, optimizer=SGD, semantics=semantics)
        known = [
            b.entries | {w: replace(b.entries[w], own=own) for w in words}
            for b in backends
        ]
        return list(
            own_classes(
                case,
                [
                    SimpleNamespace(name=b.name, entries=e)
                    for b, e in zip(backends, known)
                ],
            )
        )

    words = ("cross_entropy", "SGD")
    where = "the framework's own class on torch, tensorflow, mxnet"
    assert told("native", ()) == [
        f"cross_entropy: {where} (loss)",
        f"SGD: {where} (optimizer)",
    ]
    assert told((("loss", "native"),), ()) == [f"cross_entropy: {where} (loss)"]
    assert told("aligned", ()) == told("native", None) == []


def test_a_recipe_brings_its_own_settings():
    recipe = pf.Recipe(
        NET, clip_norm=1.0, ema=0.9, accumulate=2, freeze="fc1", semantics="native"
    )
    case = subject_of(NET, recipe)
    assert case.training == recipe.training
    assert case.semantics == "native"
    assert [len(case.batches(step)) for step in (1, 2)] == [2, 2]
    numbers = [b[0].sum() for step in (1, 2) for b in case.batches(step)]
    assert len(set(numbers)) == 4


@pytest.fixture
def recipe(tmp_path):
    def write(**settings):
        path = tmp_path / "mine.yaml"
        path.write_text(pf.Recipe(NET, optimizer=SGD, **settings).to_yaml())
        return str(path)

    return write


def invoke(*args):
    return CliRunner().invoke(cli, list(args))


def test_the_commands_say_that_native_defaults_differ(recipe):
    source = recipe(semantics="native")
    result = invoke("verify", source, "-b", "torch", "-b", "tensorflow", "--steps", "1")
    assert result.exit_code == 1
    assert "net: NOT equal on torch, tensorflow" in result.output
    assert "because native defaults differ" in result.output
    assert "  BatchNorm.eps: torch 1e-05, tensorflow 0.001 (norm_" in result.output
    result = invoke("diff", source, "-b", "torch", "-b", "tensorflow", "--steps", "1")
    assert result.exit_code == 1
    assert "diverge at step 1, inference of norm" in result.output
    assert "  BatchNorm.eps: torch 1e-05, tensorflow 0.001 (norm_" in result.output


def test_the_commands_compare_a_precision_in_float32(recipe):
    source = recipe(precision="bfloat16")
    pair = ("-b", "torch", "-b", "mxnet", "--steps", "1")
    result = invoke("verify", source, *pair)
    assert result.exit_code == 0, result.output
    assert "bfloat16 is for weights in float32: nothing is compared in float64" in (
        result.output
    )
    assert "net: equal on torch, mxnet (float32; 1 steps)" in result.output
    assert "agree in float32" in invoke("diff", source, *pair).output
    result = invoke("verify", source, *pair, "--dtype", "float64")
    assert result.exit_code == 2
    assert "it cannot be compared in float64" in result.output
