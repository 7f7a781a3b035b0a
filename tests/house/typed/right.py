"""A user's script that is right: checkers have nothing to say against it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import numpy as np

import polyframe as pf

layers = [
    pf.Conv2D(32, 3, name="conv1"),
    pf.ReLU(),
    pf.MaxPool2D(2),
    pf.Conv2D(64, (3, 5), stride=(1, 2), padding=((0, 1), (2, 2)), bias=False),
    pf.BatchNorm(eps=1e-3, momentum=pf.UNSET),
    pf.LeakyReLU(0.1),
    pf.Upsample(scale_factor=1.5, mode="bilinear"),
    pf.GlobalAvgPool2D(),
    pf.Dense(10, weight_init="he_normal", bias_init={"type": "constant", "value": 0.1}),
]
spec = pf.Sequential(layers, (3, 32, 32), name="chain")
assert_type(spec, pf.ModelSpec)
assert_type(pf.Sequential(layers), pf.Block)
assert_type(spec.to_yaml(), str)
assert_type(spec.num_parameters, int)
assert_type(pf.load_spec("resnet18"), pf.ModelSpec)
assert_type(pf.load_spec(Path("chain.yaml")), pf.ModelSpec)
assert_type(pf.zoo.resnet18(num_classes=10, width=0.25), pf.ModelSpec)
assert_type(pf.zoo.list(), list[str])

# What a field keeps is not what it was given.
assert_type(pf.Conv2D(32, 3).kernel_size, tuple[int, ...])
assert_type(pf.Conv2D(32, 3).out_channels, int)
assert_type(pf.MaxPool2D(2).stride, tuple[int, ...] | None)
assert_type(pf.Crop(1).cropping, int | tuple[tuple[int, int], ...])
assert_type(pf.ConvTranspose2D(8, 2).padding, tuple[tuple[int, int], ...])
assert_type(pf.LayerNorm().eps, float)
assert_type(pf.MultiStepSchedule([1, 2.5]).milestones, tuple[float, ...])
assert_type(pf.Normalize(0.5, (0.1, 0.2)).std, tuple[float, ...] | None)

x = pf.Input((3, 32, 32), name="image")
a = pf.Conv2D(8, 3, padding="same")(x)
b = pf.Conv2D(8, 1, weight_init=pf.HeNormal(), bias_init=pf.UNSET)(x)
first, second = pf.split(pf.Add()(a, b), 2)
y = pf.Concat(axis=1)([first, second, pf.BasicBlock(8)(a)])
model = pf.ModelSpec(x, [y, a], name="paths")
for node in model.infer().nodes:
    assert_type(node.shape, tuple[int, ...])

optimizer = pf.Adam(1e-3, weight_decay=0.1, decay_on="kernels")
assert_type(optimizer.lr, float)
schedule = pf.CosineSchedule(warmup=5)
metrics = [pf.Accuracy(), pf.TopKAccuracy(5)]
callbacks = [pf.EarlyStopping(patience=3), pf.CsvLog()]
augmentations = [
    pf.RandomCrop(4), pf.RandomFlip(p=0.5), pf.Normalize(), pf.RandAugment(2, 5),
    pf.RandomAffine(10, translate=(0.1, 0.2), scale=(0.8, 1.2), shear=[1, 2, 3, 4]),
    pf.ColorJitter(0.2, contrast=(0.5, 1.5)), pf.RandomErasing(0.5, value=[0, 1, 2]),
]  # fmt: skip

trained = pf.compile(spec, "torch", "cross_entropy", optimizer, metrics)
assert_type(trained, pf.Model)
image = np.zeros((1, 3, 32, 32), np.float32)
prediction = trained.predict(image)
assert_type(trained.source, str)
history = trained.fit(image, [0], epochs=1, verbose=1)
for figure in (history.plot(), spec.plot(2), trained.plot_confusion(image, [0])):
    figure.savefig("figure.png")
assert_type(pf.backends(), list[str])
try:
    pf.load_recipe("digits")
except pf.PolyframeError as error:
    assert_type(error.hint, str | None)
