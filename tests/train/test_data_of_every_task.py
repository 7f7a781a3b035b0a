"""Data sets of every task are evaluated and trained on: the losses are those that NumPy
finds from what the model predicts, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS, TORCH_FIRST, distance, within

import polyframe as pf
from polyframe.errors import DataError
from polyframe.spec.interpreter import interpret

rng = np.random.default_rng(0)
N = 7
X = rng.random((N, 2, 4, 4))
BYTES = rng.integers(0, 256, (N, 2, 4, 4), np.uint8)
SIGNALS, VOLUMES = rng.random((N, 2, 6)), rng.random((N, 2, 3, 4, 2))
Y = np.arange(N) % 3
EYE = np.eye(3, dtype=int)[Y]
HOT = rng.integers(0, 2, (N, 3))
HOT[0] = 1


def dense(shape, outputs):
    return pf.Sequential([pf.Flatten(), pf.Dense(outputs)], shape)


def pointwise(shape, outputs):
    """The same for each pixel."""
    conv = {2: pf.Conv1D, 3: pf.Conv2D, 4: pf.Conv3D}[len(shape)]
    return pf.Sequential([conv(outputs, 1)], shape)


def cross_entropy(z, y):
    log_p = z - z.max(1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(1, keepdims=True))
    return -np.take_along_axis(log_p, y[:, None], 1).mean()


def binary(z, y):
    p = 1 / (1 + np.exp(-z))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


def squared(z, y):
    return ((z - y) ** 2).mean()


PIXELS = rng.integers(0, 3, (N, 4, 4))
MASKS = rng.integers(0, 2, (N, 4, 4))
CASES = {
    "a column of labels": (dense, 3, X, Y[:, None], "cross_entropy", cross_entropy, Y),
    "one-hot": (dense, 3, X, EYE, "cross_entropy", cross_entropy, Y),
    "one-hot, yes or no": (dense, 3, X, EYE, "binary_cross_entropy", binary, EYE),
    "multi-label": (dense, 3, BYTES, HOT, "binary_cross_entropy", binary, HOT),
    "one number for two classes": (
        dense, 1, X, Y % 2, "binary_cross_entropy", binary, Y[:, None] % 2,
    ),
    "numbers (N,)": (dense, 1, X, X[:, 0, 0, 0], "mse", squared, X[:, :1, 0, 0]),
    "numbers (N,), bytes": (dense, 1, BYTES, Y * 0.5, "mse", squared, Y[:, None] / 2),
    "numbers (N, K)": (dense, 2, X, X[:, :, 0, 0], "mse", squared, X[:, :, 0, 0]),
    "signals": (dense, 3, SIGNALS, Y, "cross_entropy", cross_entropy, Y),
    "labels of positions": (
        pointwise, 2, SIGNALS, SIGNALS[:, 0] > 0.5, "cross_entropy", cross_entropy,
        (SIGNALS[:, 0] > 0.5) * 1,
    ),
    "labels of voxels": (
        pointwise, 2, VOLUMES, VOLUMES[:, 0] > 0.5, "cross_entropy", cross_entropy,
        (VOLUMES[:, 0] > 0.5) * 1,
    ),
    "labels of pixels": (
        pointwise, 3, X, PIXELS[:, None], "cross_entropy", cross_entropy, PIXELS,
    ),
    "masks of one channel": (
        pointwise, 1, BYTES, MASKS, "binary_cross_entropy", binary, MASKS[:, None],
    ),
    "float masks": (
        pointwise, 1, X, MASKS * 1.0, "binary_cross_entropy", binary, MASKS[:, None],
    ),
    "images": (pointwise, 2, X, X[:, ::-1], "mse", squared, X[:, ::-1]),
}  # fmt: skip


@pytest.mark.parametrize("backend", TORCH_FIRST)
@pytest.mark.parametrize("name", CASES)
def test_the_loss_is_that_of_numpy(name, backend):
    net, outputs, x, y, loss, wanted, targets = CASES[name]
    layout = "NCL" if x.ndim == 3 else "NCHW"
    data = pf.data.from_arrays(x, y, x, y, layout=layout)
    model = pf.compile(
        net(x.shape[1:], outputs), backend, loss, pf.SGD(0.0), dtype="float64"
    )
    found = model.evaluate(data)["loss"]
    value = wanted(model.predict(data.train[0]), targets)
    within(
        "data sets of every task", abs(found - value) / value, 1e-12, (name, backend)
    )
    trained = model.fit(data, batch_size=4)["loss"][0]
    within("data sets of every task", abs(trained - value) / value, 1e-12, (name,))
    if name.startswith("masks"):  # pixels move with their samples
        moved = model.fit(data, augmentation=[pf.RandomFlip(1.0)])["loss"][0]
        within("data sets of every task", abs(moved - value) / value, 1e-12, (name,))


def test_files_are_read_as_they_are_needed(tmp_path, monkeypatch):
    """Targets on disk are checked in pieces, all of them."""
    monkeypatch.setattr("polyframe.data.dataset.PIECE", 16)
    x, y = BYTES, np.r_[np.linspace(0, 1, N - 1), 1.5]
    np.save(tmp_path / "x_train.npy", x)
    np.save(tmp_path / "y_train.npy", y)
    model = pf.compile(dense((2, 4, 4), 1), "torch", "binary_cross_entropy")
    data = pf.data.load(tmp_path)
    text = "y: sample 6 has 1.5; binary_cross_entropy takes numbers from 0 to 1"
    for call in (model.fit, model.evaluate):
        fails(DataError, lambda call=call: call(data), text)
    model = pf.compile(
        dense((2, 4, 4), 1), "torch", "mse", pf.SGD(0.0), dtype="float64"
    )
    value = squared(model.predict(x), y[:, None])
    assert abs(model.fit(data)["loss"][0] - value) < 1e-12 * value


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_can_be_changed_between_predictions(backend):
    """MXNet cannot write into weights (O, I, L) or (O, I, D, H, W) that oneDNN has
    rearranged for predictions in float32; evaluations after each epoch need it."""
    for conv, shape in ((pf.Conv1D, (16, 8)), (pf.Conv2D, (16, 4, 4)),
                        (pf.Conv3D, (16, 3, 4, 4))):  # fmt: skip
        spec = pf.Sequential([conv(32, 3, padding="same", name="c")], shape)
        model = pf.compile(spec, backend, "mse")
        x = rng.normal(size=(3, *shape)).astype("float32")
        for _ in range(3):
            weights = {
                name: rng.normal(size=value.shape).astype("float32")
                for name, value in model.weights().items()
            }
            model.load_weights(weights)
            exact = {name: value.astype("float64") for name, value in weights.items()}
            known, _ = interpret(spec.infer(), exact, [x.astype("float64")])
            error = distance(model.predict(x), known["c"])
            within("weights changed between predictions", error, 1e-5, (conv.__name__,))


WRONG = {
    "multi-label": (
        dense, 3, HOT, "cross_entropy",
        "arrays: its task is multi-label (0 or 1 for each of several labels), y is "
        "float32 (N, 3), and cross_entropy takes class labels (losses that fit: "
        "binary_cross_entropy, focal)",
    ),
    "regression": (
        dense, 3, X[:, 0, 0, :3], "cross_entropy",
        "regression (numbers), y is float64 (N, 3), and cross_entropy takes class labels "
        "(losses that fit: cosine, huber, l1, mse, smooth_l1)",
    ),
    "one-hot for labels alone": (
        dense, 3, EYE, "multi_margin", "(losses that fit: cross_entropy, multi_margin, nll)"
    ),
    "classification": (
        dense, 3, Y, "mse",
        "classification (a class for each sample), y is int64 (N,), and mse takes numbers "
        "of the output's shape (losses that fit: cross_entropy, multi_margin, nll)",
    ),
    "three classes and one number": (
        dense, 1, Y, "binary_cross_entropy", "losses that fit: cross_entropy, multi"
    ),
    "segmentation": (
        pointwise, 3, PIXELS, "l1",
        "(losses that fit: cross_entropy, {type: dice, activation: softmax}, nll)",
    ),
    "image to image": (pointwise, 2, X, "cross_entropy", "its task is image-to-image ("),
    "labels of pixels for samples": (
        dense, 3, PIXELS, "cross_entropy",
        "its targets (segmentation) are (N, 4, 4), but for outputs (N, 3) cross_entropy "
        "takes (N,) (the layers at the end decide the shape of the outputs",
    ),
    "too many numbers": (
        dense, 2, HOT * 0.5, "mse", "its targets (regression) are (N, 3), but for outputs"
    ),
    "too many classes": (
        dense, 2, Y, "cross_entropy", "it has 3 classes, but the model has 2 outputs"
    ),
    "255": (
        pointwise, 3, np.where(MASKS, 255, 0), "cross_entropy",
        "it has 256 classes, but the model has 3 outputs (is 255 no class? ignore_index",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_loss_for_another_task_is_one_error(name):
    net, outputs, y, loss, text = WRONG[name]
    model = pf.compile(net((2, 4, 4), outputs), "torch", loss)
    for x in (X, BYTES):
        data = pf.data.from_arrays(x, y)
        for call in (model.fit, model.evaluate):
            fails(DataError, lambda call=call, data=data: call(data), text)
    assert model.steps_done == 0
