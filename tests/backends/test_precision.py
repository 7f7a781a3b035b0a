"""Mixed precision: bfloat16 and float16 passes, weights and updates in float32."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers.support import BACKENDS, distance, within

import polyframe as pf
from polyframe.compiler.table import Target
from polyframe.contract.programs import make_step, write_programs
from polyframe.contract.registry import get
from polyframe.spec.settings import Training

HALF = [(b, p) for b in BACKENDS for p in ("bfloat16", "float16")]
ON_CPU = [pair for pair in HALF if pair != ("mxnet", "float16")]
SPEC = pf.Sequential(
    [
        pf.Conv2D(8, 3, padding="same", name="conv1"),
        pf.BatchNorm(name="bn"),
        pf.ReLU(),
        pf.MaxPool2D(2),
        pf.Flatten(),
        pf.Dense(10, name="fc"),
    ],
    input_shape=(1, 8, 8),
    name="little",
)


def compiled(backend, precision, **options):
    return pf.compile(
        SPEC, backend, loss="cross_entropy", optimizer=pf.Adam(3e-3), device="cpu",
        metrics=["accuracy"], precision=precision, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return pf.data.load("digits")


@pytest.mark.parametrize(("backend", "precision"), ON_CPU)
def test_it_learns_as_float32_does_and_rounds_on_the_way(backend, precision, digits):
    low, full = compiled(backend, precision), compiled(backend, None)
    losses = {m: m.fit(digits, epochs=2, batch_size=64)["loss"] for m in (low, full)}
    apart = max(distance(a, b) for a, b in zip(losses[low], losses[full]))
    within(f"{precision} against float32, mean losses", apart, 0.02, backend)
    assert apart > 1e-7  # something really ran in fewer bits
    for model in (low, full):
        assert {w.dtype for w in model.weights().values()} == {np.dtype("float32")}
    x = digits.test[0][:32]
    full.load_weights(low.weights())
    short, exact = low.predict(x), full.predict(x)
    assert short.dtype == np.float32
    scale = np.abs(exact).max()
    assert 1e-6 < np.abs(short - exact).max() / scale < 0.05


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_backends_agree_to_the_precision(precision, digits):
    losses = [
        compiled(b, precision).fit(digits, epochs=1, batch_size=64)["loss"][0]
        for b, p in ON_CPU
        if p == precision
    ]
    assert len(losses) >= 2
    within(f"{precision} between backends", np.ptp(losses) / losses[0], 0.01)


@pytest.mark.parametrize(("backend", "precision"), ON_CPU)
def test_the_same_bits_twice_and_over_a_break(backend, precision, digits):
    x, y = digits.train[0][:512], digits.train[1][:512]
    whole, parts = compiled(backend, precision), compiled(backend, precision)
    for model in (whole, parts):
        model.train_step(x[:128], y[:128])
    again = compiled(backend, precision)
    again.load_weights(parts.weights())
    again.load_training_state(parts.training_state(), 1, 0)
    for model in (whole, again):
        for start in (128, 256, 384):
            model.train_step(x[start : start + 128], y[start : start + 128])
    for name, value in whole.weights().items():
        np.testing.assert_array_equal(value, again.weights()[name], err_msg=name)


def reference(scale, finite, good=0, updates=0, interval=2000):
    """Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), PyTorch's rule."""
    for ok in finite:
        updates += ok
        good = good + 1 if ok else 0
        if not ok:
            scale /= 2
        elif good == interval:
            scale, good = scale * 2, 0
    return {"scale": scale, "good_steps": good, "updates": updates}


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_overflow_leaves_an_update_out_and_halves_the_scale(backend, clip, digits):
    x, y = digits.train[0][:64], digits.train[1][:64]
    model = compiled(backend, "float16", clip_norm=clip)
    state = model.training_state()
    state["loss_scale/scale"] = np.array([2.0**30], np.float32)
    state["loss_scale/good_steps"] = np.array([1990], np.float32)
    model.load_training_state(state, 0, 0)
    moved, finite = [], []
    for _ in range(25):
        before = model.weights()["fc.weight"]
        old = model.training_state()["loss_scale/scale"].item()
        assert np.isfinite(model.train_step(x, y))
        finite.append(model.training_state()["loss_scale/scale"].item() >= old)
        moved.append(not np.array_equal(before, model.weights()["fc.weight"]))
    assert moved == finite and not finite[0] and finite[-1]
    state = model.training_state()
    wanted = reference(2.0**30, finite, good=1990)
    scaling = {key: state[f"loss_scale/{key}"].item() for key in wanted}
    assert scaling == wanted
    assert all(np.isfinite(w).all() for w in model.weights().values())


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_2000_good_steps_double_the_scale(backend, digits):
    x, y = digits.train[0][:16], digits.train[1][:16]
    model = compiled(backend, "float16")
    state = model.training_state() | {
        "loss_scale/scale": np.array([64.0], np.float32),
        "loss_scale/good_steps": np.array([1998], np.float32),
    }
    model.load_training_state(state, 0, 0)
    scales = []
    for _ in range(3):
        model.train_step(x, y)
        scales.append(model.training_state()["loss_scale/scale"].item())
    assert scales == [64.0, 128.0, 128.0]


def test_mxnets_loss_scaling_follows_the_same_rule_with_bfloat16_in_its_place(
    digits, monkeypatch
):
    """Its float16 needs a GPU; the text of the step is the same but for one line."""
    backend = get("mxnet")
    training = Training(precision="float16", clip_norm=0.5)
    step = make_step(SPEC, backend, "cross_entropy", pf.SGD(0.1), training, "aligned")
    target = Target(device="gpu", precision="float16")
    program, _ = write_programs(SPEC, backend, step, target, True)
    model = compiled("mxnet", "bfloat16")
    line = next(s for s in model.source.splitlines() if s.startswith("LOW ="))
    text = program.source.replace('LOW = "float16"', line)
    text = text.replace(
        "import mxnet as mx\n", "import mxnet as mx\nimport numpy as np\n"
    )
    program = dataclasses.replace(program, files={"planted_mxnet.py": text})
    weights = model.weights()
    session = backend.open_training(program, target, model.device, [(1, 8, 8)])
    session.set_weights(weights)
    monkeypatch.setattr(model.engine, "_session", session)
    x, y = digits.train[0][:64], digits.train[1][:64]
    state = model.training_state()
    assert state["loss_scale/scale"].item() == 2.0**16
    # Above float32's range: the scaled loss is infinite until the scale has come down.
    state["loss_scale/scale"] = np.array([2.0**127], np.float32)
    model.load_training_state(state, 0, 0)
    finite = []
    for _ in range(8):
        before = model.weights()["fc.weight"]
        assert np.isfinite(model.train_step(x * 100, y))
        finite.append(not np.array_equal(before, model.weights()["fc.weight"]))
    assert not finite[0] and finite[-1]
    wanted = reference(2.0**127, finite)
    final_state = model.training_state()
    assert {k: final_state[f"loss_scale/{k}"].item() for k in wanted} == wanted


def test_what_a_backend_cannot_do_is_said():
    text = r"^precision: MXNet has no convolution in float16 on a cpu \(bfloat16 works"
    with pytest.raises(pf.UnsupportedError, match=text):
        compiled("mxnet", "float16")
    with pytest.raises(
        pf.PolyframeError, match="bfloat16 is for weights in float32, not float64"
    ):
        compiled("torch", "bfloat16", dtype="float64")
    with pytest.raises(
        pf.PolyframeError, match="precision: got 'int8'; 'bfloat16' or 'float16', or"
    ):
        compiled("torch", "int8")


@pytest.mark.parametrize(("backend", "precision"), HALF)
def test_the_program_names_the_precision(backend, precision):
    writer = get(backend)
    device = "gpu" if (backend, precision) == ("mxnet", "float16") else "cpu"
    training = Training(precision=precision)
    step = make_step(SPEC, writer, "cross_entropy", pf.SGD(0.1), training, "aligned")
    target = Target(device=device, precision=precision)
    text = write_programs(SPEC, writer, step, target, True)[0].source
    if backend != "tensorflow":  # whose layers take it from Keras's policy
        assert precision in text
    assert ("make_scaler" in text) == (precision == "float16")
