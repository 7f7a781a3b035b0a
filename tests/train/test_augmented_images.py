"""Trainings with all augmentations of images at once, on every backend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.failing import fails
from helpers.support import BACKENDS, within, worst
from torch.nn import functional

import polyframe as pf
from polyframe.data import augment, resolve
from polyframe.errors import SpecError
from polyframe.randomness import order
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.element import parse_several

VOID, SIZE = 255, 6
OPS = [
    "random_vertical_flip",
    pf.RandomRotate90(),
    {
        "type": "random_affine", "degrees": 20, "translate": 0.1, "scale": [0.8, 1.2],
        "shear": 5, "fill": 0.5,
    },
    pf.RandomResizedCrop(scale=(0.5, 1.0)),
    pf.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "rand_augment",
    pf.RandomErasing(value=(0.1, 0.2, 0.3)),
    pf.Normalize(0.5, 0.25),
]  # fmt: skip
rng = np.random.default_rng(0)
X = rng.integers(0, 256, (10, 3, SIZE, SIZE)) / 255
Y = rng.integers(0, 3, (10, SIZE, SIZE))
NET = pf.Sequential([pf.Conv2D(3, 3, padding=1, name="c")], (3, SIZE, SIZE))
LOSS = pf.CrossEntropy(ignore_index=VOID)


def trained_in_plain_torch(weights, ops, epochs):
    """The weights, and which share of the labels came from outside."""
    net = torch.nn.Conv2d(3, 3, 3, padding=1).double()
    net.load_state_dict({k[2:]: torch.tensor(v) for k, v in weights.items()})
    optimizer, step, void = torch.optim.SGD(net.parameters(), 0.1), 0, []
    for epoch in range(epochs):
        rows = order(0, epoch, len(X))
        for at in range(0, len(X), 4):
            cut = rows[at : at + 4]
            x, y = augment(ops, X[cut], Y[cut], 0, step, 0, 3, VOID)
            void.append((y == VOID).mean())
            optimizer.zero_grad()
            output = net(torch.tensor(x))
            functional.cross_entropy(
                output, torch.tensor(y), ignore_index=VOID
            ).backward()
            optimizer.step()
            step += 1
    return {f"c.{k}": v.numpy() for k, v in net.state_dict().items()}, np.mean(void)


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_of_them_are_the_definitions_and_resume_bit_for_bit(backend, tmp_path):
    def fit(model, x, y, epochs, **options):
        return model.fit(
            x, y, epochs=epochs, batch_size=4, augmentation=OPS, folder=tmp_path,
            **options,
        )  # fmt: skip

    def model():
        return pf.compile(
            NET, backend, loss=LOSS, optimizer=pf.SGD(0.1), dtype="float64"
        )

    ops = resolve(parse_several(Augmentation, OPS, "augmentation"), X)
    whole, x, y = model(), X.copy(), Y.copy()
    weights, void = trained_in_plain_torch(whole.weights(), ops, 2)
    assert 0.02 < void < 0.6  # labels are filled with what the loss ignores
    rows = fit(whole, x, y, 2)
    np.testing.assert_array_equal(x, X)  # the caller's arrays are as they were
    np.testing.assert_array_equal(y, Y)
    apart, name = worst(whole.weights(), weights)
    within("features: augmented images, float64", apart, 1e-11, (backend, name))
    fit(model(), X, Y, 1, callbacks=[pf.ModelCheckpoint()])
    resumed = model()
    again = fit(resumed, X, Y, 2, resume=tmp_path / "checkpoint")
    assert again["loss"] == rows["loss"]
    for name, value in whole.weights().items():
        np.testing.assert_array_equal(resumed.weights()[name], value)


def test_a_recipe_keeps_them():
    recipe = pf.load_recipe({"model": NET, "augmentation": OPS})
    assert recipe.augmentation == parse_several(Augmentation, OPS, "augmentation")
    again = pf.load_recipe(
        {"model": NET, "augmentation": recipe.to_data()["augmentation"]}
    )
    assert again.augmentation == recipe.augmentation


def dense(shape):
    return pf.Sequential([pf.Flatten(), pf.Dense(3)], shape)


REFUSED = {
    "random_affine: takes images (C, H, W), and a sample is (2, 9)": (
        (2, 9), [pf.RandomAffine(10)]
    ),
    "color_jitter: hue is for images of 1 or 3 channels": (
        (5, 4, 4), [pf.ColorJitter(hue=0.2)]
    ),
    "random_rotate90: takes square images, and a sample has 4 x 6 pixels": (
        (1, 4, 6), ["random_rotate90"]
    ),
    "color_jitter: takes values from 0 to 1, and normalize comes before it": (
        (3, 4, 4), ["normalize", pf.ColorJitter(0.2)]
    ),
    "rand_augment: takes values from 0 to 1, and those of the training samples go from 0 "
    "to 200": ((3, 4, 4), ["rand_augment"]),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused_before_a_step(message):
    shape, ops = REFUSED[message]
    model = pf.compile(dense(shape), "torch", loss="cross_entropy")
    x = np.linspace(0, 200 if ops == ["rand_augment"] else 1, 4 * int(np.prod(shape)))
    x = x.reshape(4, *shape).astype("float32")
    fails(SpecError, lambda: model.fit(x, np.zeros(4, int), augmentation=ops), message)
    assert model.steps_done == 0
