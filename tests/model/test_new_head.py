"""``load_weights(strict=False)``: what fits is taken, and the report says what was."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS, distance

import polyframe as pf

SPEC = pf.Sequential(
    [
        pf.Conv2D(3, 3, name="conv"), pf.BatchNorm(name="bn"), pf.ReLU(name="relu"),
        pf.Flatten(name="flatten"), pf.Dense(4, name="fc"),
    ],
    (1, 6, 6),
)  # fmt: skip
BODY = ("conv.weight", "conv.bias", "bn.weight", "bn.bias", "bn.running_mean",
        "bn.running_var")  # fmt: skip
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 1, 6, 6)).astype("f4"), np.arange(16) % 4


def equal(a, b, names):
    for name in names:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ema", [None, 0.5])
def test_a_trained_body_and_a_new_head(tmp_path, backend, ema):
    trained = pf.compile(SPEC, backend, "cross_entropy", pf.SGD(0.1))
    trained.fit(X, Y, epochs=2)
    trained.save_weights(path := tmp_path / "trained.safetensors")
    model = pf.compile(
        SPEC.replace("fc", pf.Dense(2)), backend, "cross_entropy", pf.SGD(0.1), seed=7,
        ema=ema,
    )  # fmt: skip
    new = {name: model.weights()[name] for name in ("fc.weight", "fc.bias")}
    with pytest.raises(
        pf.WeightsError, match="'fc.weight' is .4, 48., the model's .2, 48"
    ):
        model.load_weights(path)
    report = model.load_weights(path, strict=False)
    assert sorted(report.loaded) == sorted(BODY)
    assert (report.missing, report.unexpected) == ((), ())
    assert report.mismatched == {
        "fc.weight": ((4, 48), (2, 48)), "fc.bias": ((4,), (2,)),
    }  # fmt: skip
    assert not report.complete
    equal(model.weights(), trained.weights(), BODY)
    equal(model.weights(), new, new)
    equal(model.inference_weights(), model.weights(), model.weights())
    # NumPy: the trained body, then the new head.
    body = np.maximum(trained.activations(X)["bn"], 0).reshape(16, -1).astype("f8")
    wanted = body @ new["fc.weight"].T + new["fc.bias"]
    assert distance(model.predict(X), wanted) < 1e-5
    model.fit(X, Y % 2)  # it trains
    assert np.isfinite(model.evaluate(X, Y % 2)["loss"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_ema_starts_at_what_is_loaded(backend):
    """In the middle of a training; all else keeps its average."""
    model = pf.compile(SPEC, backend, "cross_entropy", pf.SGD(0.1), ema=0.5)
    model.fit(X, Y)
    before, averages = model.weights(), model.inference_weights()
    assert not np.array_equal(before["fc.bias"], averages["fc.bias"])
    new = {name: before[name] + 1 for name in ("conv.weight", "bn.weight")}
    model.load_weights(new, strict=False)
    equal(model.weights(), before | new, before)
    equal(model.inference_weights(), averages | new, before)


def test_the_report_of_everything():
    model = pf.compile(SPEC, "torch", seed=1)
    before = model.weights()
    given = {
        "fc.bias": np.ones(4, "f2"),
        "conv.bias": np.ones((3, 1, 1)),  # ones at the end are nothing
        "fc.weight": np.ones((4, 48, 1, 1)),
        "bn.weight": np.ones((1, 3)),  # but not in front
        "head.weight": np.ones(3),
        "bn.num_batches_tracked": np.array(3),
    }
    report = model.load_weights(given, strict=False)
    assert report == pf.LoadReport(
        ("conv.bias", "fc.weight", "fc.bias"),
        ("conv.weight", "bn.bias", "bn.running_mean", "bn.running_var"),
        ("head.weight",),
        {"bn.weight": ((1, 3), (3,))},
    )
    assert repr(report) == (
        "loaded 3 of 8 weights\n"
        "  of another shape: bn.weight (1, 3), the model's (3,)\n"
        "  missing: conv.weight; bn.bias; bn.running_mean; bn.running_var\n"
        "  not in the model: 'head.weight'"
    )
    equal(model.weights(), before, [*report.missing, "bn.weight"])
    for name in report.loaded:
        assert (model.weights()[name] == 1).all()
        assert model.weights()[name].shape == before[name].shape


def test_a_long_report_is_cut():
    names = tuple(f"layer{i}.weight" for i in range(20))
    assert repr(pf.LoadReport((), names)).endswith("layer7.weight; and 12 more")
    assert repr(pf.LoadReport(names)) == "loaded 20 of 20 weights"


def test_renamed_weights_of_another_model_and_a_prefix_for_a_body():
    """A body that was trained as a model of its own."""
    body = pf.Sequential(
        [pf.Conv2D(3, 3, name="conv"), pf.BatchNorm(name="bn")], (1, 6, 6)
    )
    trained = pf.compile(body, "torch", seed=3)
    inner = pf.Sequential([pf.Conv2D(3, 3, name="conv"), pf.BatchNorm(name="bn")])
    x = pf.Input((1, 6, 6))
    y = pf.Dense(2, name="head")(
        pf.Flatten()(pf.Block(graph=inner.graph, name="body")(x))
    )
    model = pf.compile(pf.ModelSpec(x, y), "torch", seed=4)
    message = (
        "weights: the model's names begin with 'body.', and these do not (add it: "
    )
    whole = {k: w for k, w in model.weights().items() if k.startswith("body.")}
    alone = pf.compile(
        pf.ModelSpec(x, pf.Block(graph=inner.graph, name="body")(x)), "torch"
    )
    fails(pf.WeightsError, lambda: alone.load_weights(trained.weights()), message)
    assert set(whole) == set(alone.weights())
    report = model.load_weights(trained.weights(), strict=False, rename={"": "body."})
    assert report.missing == ("head.weight", "head.bias")
    assert not report.unexpected and set(report.loaded) == set(whole)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "weights: nothing fits: 'conv.weight' is missing; 'conv.bias' is missing; "),
        ({"a": np.ones(3)}, "weights: nothing fits: 'a' is not in the model.; 'conv.weigh"),
        ({"fc.bias": np.ones(5)}, "nothing fits: 'conv.weight' is missing"),
        ({"fc.bias": np.ones(4), "fc.weight": np.ones((4, 48), int)},
         "weights: 'fc.weight' holds int64, not floating-point numbers"),
        ({"fc.bias": np.ones(4), "fc.weight": "?"}, "weights: 'fc.weight' holds <U1, not"),
        (3, "weights: got int; a mapping of names to arrays, or a file's path is needed"),
    ],
)  # fmt: skip
def test_what_is_refused_all_the_same(given, message):
    model = pf.compile(SPEC, "torch", seed=1)
    before = model.weights()
    fails(pf.WeightsError, lambda: model.load_weights(given, strict=False), message)
    equal(model.weights(), before, before)
