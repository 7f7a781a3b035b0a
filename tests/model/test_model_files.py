"""What ``predict`` does is what is kept: preprocessing and EMA travel with the weights."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS, distance
from safetensors.numpy import load_file, save_file

import polyframe as pf
from polyframe.io.array import Array
from polyframe.randomness import generator

SPEC = pf.Sequential(
    [
        pf.Conv2D(4, 3, name="conv"), pf.BatchNorm(name="norm"), pf.ReLU(), pf.Dropout(0.2),
        pf.Flatten(), pf.Dense(3, name="head"),
    ],
    (2, 6, 6), name="small",
)  # fmt: skip
MEAN, STD = (0.5, -1.0), (2.0, 0.5)
NORMALIZE = pf.Normalize(mean=MEAN, std=STD)


def data(count: int = 20) -> tuple[Array, Array]:
    rng = generator(3, "model files")
    x = rng.normal(2, 3, (count, 2, 6, 6)).astype(np.float32)
    return x, rng.integers(0, 3, count)


def normalised(x: Array) -> Array:
    mean, std = (np.reshape(v, (2, 1, 1)) for v in (MEAN, STD))
    return (x - mean) / std


def model(backend: str = "torch", **options: Any) -> pf.Model:
    return pf.compile(SPEC, backend, "cross_entropy", pf.SGD(0.05), **options)


def trained(backend: str = "torch", **options: Any) -> pf.Model:
    fitted = model(backend, **options)
    fitted.fit(*data(), epochs=2, augmentation=["random_flip", "normalize"])
    return fitted


@pytest.mark.parametrize("options", [{}, {"ema": 0.5}], ids=["weights", "ema"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_saved_model_predicts_the_same(
    backend: str, options: dict[str, Any], tmp_path: Path
) -> None:
    ours, (x, y) = trained(backend, **options), data()
    ours.class_names = ("a", "b", "c")
    ours.save(tmp_path / "model.safetensors")
    for other in BACKENDS:
        theirs = pf.load_model(tmp_path / "model.safetensors", other)
        assert theirs.spec == SPEC and theirs.class_names == ("a", "b", "c")
        assert theirs.preprocessing == ours.preprocessing != ()
        apart = distance(theirs.predict(x), ours.predict(x))
        assert apart == 0 if other == backend else apart < 1e-5
    again = pf.load_model(
        tmp_path / "model.safetensors", backend, "cross_entropy", metrics=["accuracy"]
    )
    assert again.evaluate(x, y)["loss"] == ours.evaluate(x, y)["loss"]
    again.fit(x, y)  # it goes on with its preprocessing
    assert again.preprocessing == ours.preprocessing


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_native_model_means_elsewhere_what_it_meant_where_it_was_made(
    backend: str, tmp_path: Path
) -> None:
    """Frameworks have an eps of batch norms and a slope of LeakyReLU of their own."""
    layers = [
        pf.Conv2D(4, 3), pf.BatchNorm(), pf.LeakyReLU(),
        pf.Block(i := pf.Input(), pf.LeakyReLU()(pf.BatchNorm()(i)), name="block"),
        pf.Flatten(), pf.Dense(3),
    ]  # fmt: skip
    spec, x = pf.Sequential(layers, (2, 6, 6), name="own"), data()[0] / 30
    some = {"norm_epsilon": "native", "negative_slope": "native"}
    for semantics in ("native", some):
        ours = pf.compile(
            spec, backend, "cross_entropy", pf.SGD(0.05), semantics=semantics
        )
        ours.fit(x, data()[1], epochs=2)
        ours.save(tmp_path / "model.safetensors")
        for other in BACKENDS:
            theirs = pf.load_model(tmp_path / "model.safetensors", other)
            assert theirs.semantics == ours.semantics
            apart = distance(theirs.predict(x), ours.predict(x))
            assert apart == 0 if other == backend else apart < 1e-5, other


@pytest.mark.parametrize("backend", BACKENDS)
def test_saved_weights_are_those_that_predict(backend: str, tmp_path: Path) -> None:
    ours, other, (x, _) = trained(backend, ema=0.5), model(backend), data()
    ours.save_weights(tmp_path / "w.safetensors")
    assert distance(other.predict(x), ours.predict(x)) > 0.1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        other.load_weights(tmp_path / "w.safetensors")
    (told,) = (str(w.message) for w in caught if w.category is UserWarning)
    assert "were trained with normalize" in told and "pf.load_model reads both" in told
    other.preprocessing = ours.preprocessing
    assert distance(other.predict(x), ours.predict(x)) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        other.load_weights(tmp_path / "w.safetensors")
    kept = load_file(tmp_path / "w.safetensors")
    for name, value in ours.inference_weights().items():
        np.testing.assert_array_equal(kept[name], value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_method_sees_what_predict_sees(backend: str) -> None:
    with_it, without = (model(backend, dtype="float64") for _ in range(2))
    with_it.preprocessing = [NORMALIZE]
    x, y = data(6)
    x = x.astype(np.float64)
    for ours, wanted in (
        (with_it.predict(x), without.predict(normalised(x))),
        (with_it.loss(x, y), without.loss(normalised(x), y)),
        *(
            (getattr(with_it, name)(x, *more), getattr(without, name)(normalised(x), *more))
            for name, more in (
                ("activations", ()), ("gradients", (y,)), ("output_gradients", (y,)),
                ("train_step", (y,)), ("train_step", (y,)),
            )
        ),
    ):  # fmt: skip
        pairs = ours.items() if isinstance(ours, dict) else [("", ours)]
        for name, value in pairs:
            expected = wanted[name] if name else wanted
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


def test_preprocessing_stays_until_another_is_given() -> None:
    ours, (x, y) = model(), data()
    ours.fit(x, y, augmentation=[NORMALIZE])
    wanted = model()
    wanted.load_weights(ours.weights())
    assert ours.preprocessing == (NORMALIZE,)
    ours.fit([(x, y)])  # batches of the user's own are preprocessed, too
    assert ours.preprocessing == (NORMALIZE,)
    wanted.steps_done = 1
    wanted.fit([(normalised(x), y)])
    for name, value in ours.weights().items():
        np.testing.assert_allclose(value, wanted.weights()[name], rtol=1e-4, atol=1e-5)
    other = pf.Normalize(mean=(0.0,), std=(1.0,))
    ours.fit(x, y, augmentation=["random_flip", other])
    assert ours.preprocessing == (other,)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bytes_have_one_meaning(backend: str, tmp_path: Path) -> None:
    rng = generator(4, "bytes")
    x = rng.integers(0, 256, (12, 2, 6, 6), np.uint8)
    y, floats = rng.integers(0, 3, 12), x.astype(np.float32) / np.float32(255)
    np.save(tmp_path / "x_train.npy", x)
    np.save(tmp_path / "y_train.npy", y)
    of_files = pf.data.load(str(tmp_path))
    ours, wanted = model(backend), model(backend)
    np.testing.assert_array_equal(ours.predict(x), wanted.predict(floats))
    loss = wanted.evaluate(floats, y)["loss"]
    for given in ((x, y), (of_files,), of_files.train):
        assert ours.evaluate(*given)["loss"] == loss
    assert ours.loss(x, y) == loss
    assert ours.train_step(x, y) == wanted.train_step(floats, y)
    histories = [
        one.fit(*first, validation_data=(then, y), batch_size=12, shuffle=False).rows
        for one, first, then in (
            (ours, (x, y), x), (wanted, (floats, y), floats),
            (ours, ([(x, y)],), x), (wanted, ([(floats, y)],), floats),
            (ours, (of_files,), x), (wanted, (floats, y), floats),
        )
    ]  # fmt: skip
    for got, expected in zip(histories[::2], histories[1::2], strict=True):
        assert got[0]["loss"] == expected[0]["loss"]
        assert got[0]["val_loss"] == expected[0]["val_loss"]


def test_a_run_is_loaded(tmp_path: Path) -> None:
    from polyframe.run.train import train

    changes = {"epochs": 1, "augmentation": ["normalize"]}
    changes |= {"callbacks": ["model_checkpoint"], "split": 0.2, "seed": 4}
    recipe = pf.load_recipe("digits_cnn", changes)
    result = train(recipe, "torch", tmp_path / "run")
    x, y = pf.data.load("digits").test or ()
    loaded = pf.load_run(tmp_path / "run")
    assert loaded.class_names == tuple("0123456789")
    assert loaded.seed == 4  # it splits and shuffles like the run
    assert loaded.evaluate(x, y)["accuracy"] == result.test["accuracy"]
    for name in ("weights.safetensors", "checkpoint/best.safetensors"):
        alone = pf.load_model(tmp_path / "run" / name)
        np.testing.assert_array_equal(alone.predict(x), loaded.predict(x))
        assert alone.class_names == loaded.class_names


def test_a_native_run_means_elsewhere_what_it_meant_where_it_was_trained(
    tmp_path: Path,
) -> None:
    from polyframe.run.train import train

    layers = [
        pf.Conv2D(4, 3),
        pf.BatchNorm(),
        pf.LeakyReLU(),
        pf.Flatten(),
        pf.Dense(10),
    ]
    changes = {"epochs": 1, "batch_size": 512, "semantics": "native"}
    spec = pf.Sequential(layers, (1, 8, 8), name="own")
    train(pf.Recipe(spec, **changes, data="digits"), "torch", tmp_path / "run")
    x, _ = pf.data.load("digits").test or ()
    ours, theirs = (pf.load_run(tmp_path / "run", b) for b in (None, "mxnet"))
    assert distance(theirs.predict(x), ours.predict(x)) < 1e-5


REFUSED: dict[str, tuple[str, Any, str]] = {
    "random": (
        "preprocessing",
        [pf.RandomFlip()],
        "random_flip is drawn at random, and",
    ),
    "unknown numbers": ("preprocessing", ["normalize"], "mean and std are not known"),
    "three channels": (
        "preprocessing",
        [pf.Normalize(mean=(1, 2, 3), std=(1, 1, 1))],
        "mean has 3 numbers, and a sample (2, 6, 6) has 2 channels",
    ),
    "no list": ("preprocessing", 3, "preprocessing: got 3; a list of names is needed"),
    "a text": ("class_names", "ab", "class_names: got 'ab'; a list of texts is needed"),
    "no texts": ("class_names", ["a", 1], "class_names: got ['a', 1]; a list of texts"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_not_be_loaded_again_is_not_set(case: str) -> None:
    ours = pf.compile(SPEC, "torch")
    name, value, text = REFUSED[case]
    fails(pf.PolyframeError, lambda: setattr(ours, name, value), text)
    assert getattr(ours, name) == ()


def test_a_preprocessing_may_be_a_mapping_and_is_for_one_input() -> None:
    ours = pf.compile(SPEC, "torch")
    ours.preprocessing = [{"type": "normalize", "mean": MEAN, "std": STD}]
    assert ours.preprocessing == (NORMALIZE,)
    a, b = pf.Input((3,), name="a"), pf.Input((3,), name="b")
    both = pf.compile(pf.ModelSpec([a, b], pf.Add()(a, b), name="both"), "torch")
    value = [pf.Normalize(mean=(1,), std=(1,))]
    text = "preprocessing: is for models of one input"
    fails(pf.SpecError, lambda: setattr(both, "preprocessing", value), text)


WRONG: dict[str, tuple[object, str]] = {
    "no text": ("[", "is not JSON"),
    "no mapping": ("[]", "its metadata are not a mapping"),
    "no model": (
        "{}",
        "has weights only, and no model (Model.save writes whole models",
    ),
    "version": ({"version": 2}, "is a model file of version 2; this polyframe reads"),
    "dtype": ({"dtype": "int8"}, "got 'int8'; "),
    "semantics": ({"semantics": 3}, "got 3; "),
    "spec": ({"spec": {"layers": []}}, "inputs"),
    "spec, a list": ({"spec": []}, "m.safetensors"),
    "names": ({"class_names": [1]}, "its class_names are not a list of texts"),
    "preprocessing": ({"preprocessing": ["mixup"]}, "mixup is not a preprocessing"),
    "operations": ({"preprocessing": [{"type": "exec"}]}, "exec"),
    "deep": ("[" * 100_000, "m.safetensors"),
    "weights": ({"weights": 1}, "'head.bias' is missing"),
}


@pytest.mark.parametrize("name", WRONG)
def test_files_that_are_no_models(name: str, tmp_path: Path) -> None:
    change, message = WRONG[name]
    path = tmp_path / "m.safetensors"
    model().save(path)
    weights = load_file(path)
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        about = json.loads(file.metadata()["polyframe"])
    if name == "weights":
        del weights["head.bias"]
    text = change if isinstance(change, str) else json.dumps(about | change)  # type: ignore[operator]
    save_file(weights, path, {"polyframe": text})
    fails(pf.PolyframeError, lambda: pf.load_model(path), message)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(model().weights(), path)
    fails(
        pf.WeightsError, lambda: pf.load_model(path), "has weights only, and no model"
    )
    path.write_bytes(path.read_bytes()[:40])
    fails(pf.WeightsError, lambda: pf.load_model(path), "w.safetensors")
    fails(pf.WeightsError, lambda: pf.load_model(tmp_path / "none"), "none")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    fails(pf.WeightsError, lambda: pf.load_model(path), "is not a safetensors file (")
    fails(pf.WeightsError, lambda: pf.load_model(tmp_path), "cannot be read")
