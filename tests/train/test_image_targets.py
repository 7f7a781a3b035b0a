"""Trainings whose targets are images: augmentation moves them with their samples."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from helpers.failing import fails
from helpers.support import BACKENDS, distance, within
from torch.nn import functional

import polyframe as pf
from polyframe.data.augment import draw
from polyframe.errors import DataError, SpecError
from polyframe.randomness import order

VOID = 255
SIZE = (6, 5)
on_each = pytest.mark.parametrize("backend", BACKENDS)
rng = np.random.default_rng(0)
SHADES = rng.integers(1, 4, (12, 1, *SIZE)).astype(
    "float64"
)  # 0 comes from outside only
LABELS = SHADES[:, 0].astype(int) - 1

GEOMETRIC = {
    "random_flip": [pf.RandomFlip()],
    "random_crop": [pf.RandomCrop((2, 1))],
    "both": [pf.RandomFlip(), pf.RandomCrop(1), pf.RandomVerticalFlip()],
    "cutmix": [pf.CutMix()],
    "all": [pf.RandomFlip(), pf.CutMix(), pf.RandomCrop(2), pf.CutMix(0.3)],
}


def perfect_segmenter(backend, loss, **options):
    """A net whose logit of the class ``shade - 1`` is larger than others by 200."""
    spec = pf.Sequential([pf.Conv2D(3, 1, name="line")], (1, *SIZE))
    model = pf.compile(
        spec, backend, loss=loss, optimizer=pf.SGD(0.0), dtype="float64", **options
    )
    # k·x - k²/2 is largest for the k nearest to x.
    k = np.arange(1.0, 4.0)
    model.load_weights(
        {"line.weight": 400 * k.reshape(3, 1, 1, 1), "line.bias": -200 * k**2}
    )
    return model


@on_each
def test_a_perfect_segmenter_stays_perfect(backend):
    """Any pixel that did not move with its label would cost 200."""
    model = perfect_segmenter(
        backend, pf.CrossEntropy(ignore_index=VOID), metrics=["accuracy"]
    )
    for name, ops in GEOMETRIC.items():
        history = model.fit(SHADES, LABELS, batch_size=5, augmentation=ops)
        assert history["loss"][0] < 1e-12, name
        assert history["accuracy"][0] == 1, name
    # Without ignore_index what comes from outside is class 0; the net says 0, too.
    model = perfect_segmenter(backend, "cross_entropy")
    for name, ops in GEOMETRIC.items():
        assert model.fit(SHADES, LABELS, augmentation=ops)["loss"][0] < 1e-12, name


@on_each
def test_an_identity_stays_one(backend):
    """Autoencoders and restoration: float targets move with their samples."""
    spec = pf.Sequential([pf.Conv2D(2, 1, bias=False, name="c")], (2, *SIZE))
    model = pf.compile(
        spec, backend, loss="mse", optimizer=pf.SGD(0.0), dtype="float64"
    )
    model.load_weights({"c.weight": np.eye(2)[:, :, None, None]})
    x = rng.normal(size=(12, 2, *SIZE))
    between = [pf.RandomAffine(20, 0.1, fill=0.5), pf.RandomResizedCrop((0.5, 1.0))]
    for name, ops in {**GEOMETRIC, "between pixels": between}.items():
        assert model.fit(x, x, batch_size=5, augmentation=ops)["loss"] == [0.0], name
    # An input changed in place has to be restored: the target stays.
    holes = model.fit(x, x, batch_size=5, augmentation=[pf.Cutout(3)])["loss"][0]
    assert 0 < holes < (x**2).mean()


def augmented(x, y, step, first):
    """RandomFlip and RandomCrop((1, 2)) by loops, with the random numbers that are laid
    down for them."""
    x, y = x.copy(), y.copy()
    flips = draw((0, "augment", 0, step), first, len(x), 1)
    for i in range(len(x)):
        if flips[i, 0] < 2**31:
            x[i], y[i] = x[i][..., ::-1].copy(), y[i][..., ::-1].copy()
    words, crops = draw((0, "augment", 1, step), first, len(x), 2), []
    for i in range(len(x)):
        wide = np.pad(x[i], ((0, 0), (1, 1), (2, 2)))
        mask = np.pad(y[i], ((1, 1), (2, 2)), constant_values=VOID)
        top, left = int(words[i, 0]) * 3 >> 32, int(words[i, 1]) * 5 >> 32
        at = slice(top, top + SIZE[0]), slice(left, left + SIZE[1])
        crops.append((wide[(..., *at)], mask[at]))
    return np.stack([x for x, _ in crops]), np.stack([y for _, y in crops])


def segmenter(backend, **options):
    spec = pf.Sequential([pf.Conv2D(3, 3, padding=1, name="c")], (1, *SIZE))
    return pf.compile(
        spec, backend, loss=pf.CrossEntropy(ignore_index=VOID), optimizer=pf.SGD(0.1),
        dtype="float64", metrics=["accuracy"], **options,
    )  # fmt: skip


WITH_VOID = np.where(np.arange(SIZE[1]) == 2, VOID, LABELS)
OPS = [pf.RandomFlip(), pf.RandomCrop((1, 2))]


def torch_training(weights, epochs, accumulate=1):
    """(weights, losses, accuracies) of the same training, in plain PyTorch."""
    net = torch.nn.Conv2d(1, 3, 3, padding=1).double()
    net.load_state_dict({k[2:]: torch.tensor(v) for k, v in weights.items()})
    step, losses, accuracies = 0, [], []
    for epoch in range(epochs):
        rows = order(0, epoch, len(SHADES))
        total, right, counted = 0.0, 0, 0
        parts = [rows[i : i + 4] for i in range(0, len(rows), 4)]
        for at in range(0, len(parts), accumulate):
            first, pairs = 0, []
            for part in parts[at : at + accumulate]:
                pairs.append(augmented(SHADES[part], WITH_VOID[part], step, first))
                first += len(part)
            x, y = (torch.tensor(np.concatenate(each)) for each in zip(*pairs))
            output = net(x)
            loss = functional.cross_entropy(output, y, ignore_index=VOID)
            net.zero_grad()
            loss.backward()
            with torch.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad
            kept = y != VOID
            right += int((output.argmax(1) == y)[kept].sum())
            counted += int(kept.sum())
            total += loss.item() * first
            step += 1
        losses.append(total / len(rows))
        accuracies.append(right / counted)
    trained = {f"c.{k}": v.numpy() for k, v in net.state_dict().items()}
    return trained, losses, accuracies


@on_each
@pytest.mark.parametrize("accumulate", [1, 2])
def test_training_on_masks_is_plain_torchs(backend, accumulate):
    model = segmenter(backend, accumulate=accumulate)
    trained, losses, accuracies = torch_training(model.weights(), 2, accumulate)
    history = model.fit(SHADES, WITH_VOID, epochs=2, batch_size=4, augmentation=OPS)
    for name, value in trained.items():
        apart = distance(model.weights()[name], value)
        within("features: masks, float64", apart, 1e-11, (backend, name))
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-11)
    assert history["accuracy"] == accuracies


@on_each
def test_a_training_on_masks_resumes_bit_for_bit(backend, tmp_path):
    def run(model, epochs, **options):
        return model.fit(
            SHADES, WITH_VOID, epochs=epochs, batch_size=4, augmentation=OPS,
            folder=tmp_path, **options,
        )  # fmt: skip

    whole = segmenter(backend)
    rows = run(whole, 3)
    run(segmenter(backend), 1, callbacks=[pf.ModelCheckpoint()])
    resumed = segmenter(backend)
    again = run(resumed, 3, resume=tmp_path / "checkpoint")
    assert again["loss"] == rows["loss"] and again["accuracy"] == rows["accuracy"]
    for name, value in whole.weights().items():
        np.testing.assert_array_equal(resumed.weights()[name], value)


@on_each
def test_mixup_of_masks_is_the_cross_entropy_of_mixed_probabilities(backend):
    model = perfect_segmenter(backend, "cross_entropy")
    weights = {"line.weight": rng.normal(size=(3, 1, 1, 1)), "line.bias": np.zeros(3)}
    model.load_weights(weights)
    history = model.fit(
        SHADES, LABELS, batch_size=12, shuffle=False, augmentation=[pf.Mixup(1.0)]
    )
    words = draw((0, "augment", 0, 0), 0, 1, 4)
    key = np.ascontiguousarray(words[0]).view(np.uint64)
    share = np.random.Generator(np.random.Philox(key=key)).beta(1.0, 1.0)
    x = torch.tensor(share * SHADES + (1 - share) * SHADES[::-1])
    classes = np.moveaxis(np.eye(3)[LABELS], -1, 1)
    y = torch.tensor(share * classes + (1 - share) * classes[::-1])
    wanted = functional.cross_entropy(
        x * torch.tensor(weights["line.weight"][None, :, 0]), y
    )
    assert history["loss"][0] == pytest.approx(wanted.item(), rel=1e-12)


@on_each
def test_cutmix_moves_soft_masks(backend):
    """Floats of a binary loss: pasted, not blended."""
    spec = pf.Sequential([pf.Conv2D(1, 1, name="c")], (1, *SIZE))
    model = pf.compile(
        spec,
        backend,
        loss="binary_cross_entropy",
        optimizer=pf.SGD(0.0),
        dtype="float64",
    )
    model.load_weights({"c.weight": np.full((1, 1, 1, 1), 200.0), "c.bias": [-500.0]})
    y = (SHADES == 3).astype("float64")
    for ops in (["cutmix"], ["random_flip", "random_crop", "cutmix"]):
        assert model.fit(SHADES, y, batch_size=5, augmentation=ops)["loss"][0] < 1e-12


def net(outputs, **options):
    return pf.Sequential([pf.Conv2D(outputs, 1, **options)], (1, *SIZE))


REFUSED = {
    "mixup: makes probabilities of labels, and cross_entropy takes labels alone (without "
    "ignore_index it takes both)": (
        net(3), pf.CrossEntropy(ignore_index=VOID), LABELS, "mixup"
    ),
    "one_hot: makes probabilities of labels, and cross_entropy takes labels alone": (
        net(3), pf.CrossEntropy(ignore_index=VOID), LABELS, "one_hot"
    ),
    "mixup: makes probabilities of labels, and multi_margin takes labels alone": (
        pf.Sequential([pf.Flatten(), pf.Dense(3)], (1, *SIZE)),
        "multi_margin", LABELS[:, 0, 0], "mixup",
    ),
    "cutmix: makes probabilities of labels, and multi_margin takes labels alone": (
        pf.Sequential([pf.Flatten(), pf.Dense(3)], (1, *SIZE)),
        "multi_margin", LABELS[:, 0, 0], "cutmix",
    ),
    "mixup: takes class labels, and the targets are numbers": (
        net(1), "mse", SHADES, "mixup"
    ),
    "random_crop: targets are images of 3 x 3 pixels, and a sample has 6 x 5": (
        net(3, stride=2), "cross_entropy", LABELS[:, ::2, ::2],
        {"type": "random_crop", "padding": 1},
    ),
    "cutmix: targets are images of 3 x 3 pixels, and a sample has 6 x 5": (
        net(1, stride=2), "mse", SHADES[:, :, ::2, ::2], "cutmix"
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused_before_a_step(message):
    spec, loss, y, op = REFUSED[message]
    model = pf.compile(spec, "torch", loss=loss, dtype="float64")
    before = model.weights()
    fails(SpecError, lambda: model.fit(SHADES, y, augmentation=[op]), message)
    assert model.steps_done == 0
    for name, value in model.weights().items():
        np.testing.assert_array_equal(value, before[name])


def test_mapped_images_move_with_mapped_targets(tmp_path):
    x = rng.integers(0, 256, (9, 2, *SIZE)).astype("uint8")
    np.save(tmp_path / "x_train.npy", x)
    np.save(tmp_path / "y_train.npy", (x / 255).astype("float32"))
    spec = pf.Sequential([pf.Conv2D(2, 1, bias=False, name="c")], (2, *SIZE))
    model = pf.compile(
        spec, "torch", loss="mse", optimizer=pf.SGD(0.0), dtype="float64"
    )
    model.load_weights({"c.weight": np.eye(2)[:, :, None, None]})
    data = pf.data.load(tmp_path)
    for ops in GEOMETRIC.values():
        assert model.fit(data, batch_size=4, augmentation=ops)["loss"][0] < 1e-13


def test_mapped_targets_of_another_shape_are_refused(tmp_path):
    """A framework would spread (N, 1, H, W) over two channels."""
    np.save(tmp_path / "x_train.npy", rng.integers(0, 256, (9, 2, *SIZE)).astype("u1"))
    np.save(tmp_path / "y_train.npy", np.zeros((9, 1, *SIZE), "float32"))
    spec = pf.Sequential([pf.Conv2D(2, 1)], (2, *SIZE))
    model = pf.compile(spec, "torch", loss="mse")
    data = pf.data.load(tmp_path)
    text = "are (N, 1, 6, 5), but for outputs (N, 2, 6, 5) mse takes (N, 2, 6, 5)"
    for call in (model.fit, model.evaluate):
        fails(DataError, lambda call=call: call(data), text)


def test_bytes_as_targets_are_told():
    """Samples count as x / 255, and numbers to regress stay as they are."""
    spec = pf.Sequential([pf.Conv2D(1, 1)], (1, *SIZE))
    model = pf.compile(spec, "torch", loss="mse")
    photos = (SHADES * 50).astype(np.uint8)
    with pytest.warns(UserWarning, match="y: holds bytes .* y / 255 is in the same"):
        model.fit(photos, photos)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(photos, photos / 255)
        model.fit(photos, (SHADES > 2).astype(np.uint8))
