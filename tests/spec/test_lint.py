"""What lint says of losses that do not go with the last layer, and of inputs (H, W, C)."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.command_line import call
from helpers.failing import fails

import polyframe as pf
from polyframe.spec.losses import Loss

PIXELS = (3, 4, 4)


def ending(*layers, shape=(4,)):
    """A model that ends in these layers, after a layer with weights."""
    if len(shape) == 1:
        first = [pf.Flatten(), pf.Dense(shape[0], name="fc")]
    else:
        first = [pf.Conv2D(shape[0], 1, name="fc")]
    return pf.Sequential([*first, *layers], input_shape=(2, 4, 4))


LOGITS = "takes logits, of which it makes probabilities itself: leave"
LOGS = "takes log-probabilities: put a LogSoftmax"
MISTAKEN = [
    (ending(pf.Softmax(name="s")), "cross_entropy",
     f"s (Softmax) makes probabilities, and cross_entropy {LOGITS} s out"),
    (ending(pf.Sigmoid(name="s")), "binary_cross_entropy",
     f"s (Sigmoid) makes probabilities, and binary_cross_entropy {LOGITS} s out"),
    (ending(pf.HardSigmoid(name="s")), "focal", f"and focal {LOGITS} s out"),
    (ending(pf.LogSigmoid(name="s")), "focal",
     f"s (LogSigmoid) makes log-probabilities, and focal {LOGITS} s out"),
    (ending(pf.LogSoftmax(name="s")), "binary_cross_entropy", LOGITS),
    (ending(pf.Softmax(name="s")), "multi_margin", LOGITS),
    (ending(pf.Softmax(name="s"), shape=PIXELS), pf.Dice("softmax"), f"and dice {LOGITS}"),
    (ending(pf.Sigmoid(name="s"), shape=PIXELS), "dice", f"and dice {LOGITS}"),
    (ending(pf.LogSoftmax(name="s"), shape=PIXELS), "dice", f"and dice {LOGITS}"),
    # Along another axis than the classes' it is no softmax of them.
    (ending(pf.LogSoftmax(axis=2, name="s"), shape=PIXELS), "cross_entropy", LOGITS),
    # What only moves numbers, or drops some, makes no difference.
    (ending(pf.Softmax(name="s"), pf.Dropout(0.5), pf.Flatten()), "cross_entropy", LOGITS),
    (ending(), "nll", "fc (Dense) makes any numbers, and nll takes log-probabilities: put "
     "a LogSoftmax after it, or take cross_entropy on logits"),
    (ending(pf.Softmax(name="s")), "nll",
     f"s (Softmax) makes probabilities, and nll {LOGS} in its place"),
    (ending(), "kl_div", f"and kl_div {LOGS} after it"),
    (ending(pf.Softmax(name="s")), "kl_div", f"and kl_div {LOGS} in its place"),
]  # fmt: skip
RIGHT = [
    (ending(), "cross_entropy"),
    (ending(), "focal"),
    (ending(pf.LogSoftmax()), "nll"),
    (ending(pf.LogSoftmax(axis=-1)), "nll"),
    (ending(pf.LogSoftmax()), "kl_div"),
    (ending(pf.LogSoftmax(), pf.Flatten()), "nll"),
    # The softmax of log-probabilities is that of the logits.
    (ending(pf.LogSoftmax()), "cross_entropy"),
    (ending(pf.LogSoftmax(axis=-3), shape=PIXELS), pf.Dice("softmax")),
    (ending(pf.LogSoftmax(), shape=PIXELS), "cross_entropy"),
    (ending(pf.Softmax()), "mse"),
    (ending(pf.Sigmoid(), shape=PIXELS), "l1"),
    (ending(pf.Tanh()), "hinge"),
    (ending(pf.ReLU()), "nll"),  # of which nothing is known: log-probabilities of 0?
]


@pytest.mark.parametrize(("spec", "loss", "text"), MISTAKEN)
def test_losses_that_do_not_go_with_the_last_layer(spec, loss, text):
    (note,) = spec.lint(loss)
    assert text in note and note.isprintable()
    assert all("(Softmax) makes" in each for each in spec.lint())
    assert text[-20:] in " ".join(spec.summary(loss=loss).split())


@pytest.mark.parametrize(("spec", "loss"), RIGHT)
def test_losses_that_do(spec, loss):
    assert spec.lint(loss) == ()


def test_a_log_softmax_changes_nothing_where_lint_is_silent():
    """The definitions say so: the loss of log-probabilities is that of the logits."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 4, 3, 2)), rng.integers(0, 4, (5, 3, 2))
    logs = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    for loss in (pf.CrossEntropy(), pf.Dice("softmax")):
        np.testing.assert_allclose(loss.define(logs, y), loss.define(x, y), rtol=1e-13)
    x, logs, y = x[:, :, 0, 0], logs[:, :, 0, 0], y[:, 0, 0]
    margins = Loss.parse("multi_margin")
    np.testing.assert_allclose(
        margins.define(logs, y), margins.define(x, y), rtol=1e-13
    )


def test_each_output_has_its_loss():
    x = pf.Input((4,))
    outputs = [pf.Softmax(name="a")(pf.Dense(3)(x)), pf.Dense(2, name="b")(x)]
    spec = pf.ModelSpec(x, outputs)
    assert [note[:1] for note in spec.lint("cross_entropy")] == ["a"]
    assert [note[:1] for note in spec.lint(["mse", "nll"])] == ["b"]
    fails(pf.SpecError, lambda: spec.lint("corss_entropy"), "Did you mean")


def test_inside_blocks():
    block = pf.Sequential([pf.Dense(3), pf.Softmax()], name="head")
    spec = pf.Sequential([pf.Flatten(), block], input_shape=(2, 4, 4))
    (note,) = spec.lint("cross_entropy")
    assert note.startswith("head.1 (Softmax) makes probabilities")


@pytest.mark.parametrize(
    ("shape", "meant"),
    [
        ((32, 32, 3), (3, 32, 32)),
        ((28, 28, 1), (1, 28, 28)),
        ((48, 64, 4), (4, 48, 64)),
        ((3, 32, 32), None),
        ((64, 10, 1), None),  # one grey column, or many channels
        ((3, 3, 3), None),
        ((1, 28, 28), None),
        ((4, 4, 3), None),
        ((16,), None),
    ],
)
def test_inputs_with_channels_last(shape, meant):
    spec = pf.Sequential([pf.Flatten(), pf.Dense(2)], input_shape=shape)
    notes = spec.lint()
    if meant is None:
        assert notes == ()
    else:
        (note,) = notes
        assert note == (
            f"x {shape} has {shape[0]} channels and is {shape[2]} wide: shapes are "
            f"(C, H, W), and {meant} is such an image; samples (N, H, W, C) come with "
            'layout="NHWC"'
        )


def test_no_shipped_recipe_has_such_a_mistake():
    for name in pf.zoo.list():
        assert not [n for n in getattr(pf.zoo, name)().lint() if "channels and" in n]
    for name in ("digits_cnn", "fashion_cnn", "simple_cnn"):
        recipe = pf.load_recipe(name)
        assert recipe.model.lint(recipe.loss) == ()


def test_summary_and_train_say_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = pf.load_recipe(
        {
            "model": ending(pf.Softmax(name="s")).to_data(),
            "data": {"name": "synthetic", "train": 8, "test": 4},
            "epochs": 1,
            "loss": "cross_entropy",
        }
    )
    (tmp_path / "r.yaml").write_text(recipe.to_yaml())
    wanted = f"s (Softmax) makes probabilities, and cross_entropy {LOGITS} s out"
    said = call("summary", "r.yaml").stdout
    assert f"note: {wanted}" in " ".join(said.split())
    said = call("train", "r.yaml", "-b", "torch").stderr
    assert said.count(wanted) == 1


def test_a_softmax_at_the_end_is_told_without_a_loss():
    layers = [pf.Flatten(), pf.Dense(3), pf.Softmax(name="last")]
    (line,) = pf.Sequential(layers, (1, 8, 8)).lint()
    assert "last (Softmax) makes probabilities" in line and "leave last out" in line
    assert pf.Sequential(layers[:2], (1, 8, 8)).lint() == ()
