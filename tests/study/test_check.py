"""The fairness lint: each planted difference is named, programs that are alike are not."""

from __future__ import annotations

import pytest
from helpers.training_programs import KERAS, PROGRAMS, TORCH, unfair, written

from polyframe.study.check import (
    MISTAKE,
    check,
)
from polyframe.study.lint.tables import settings

INHERENT = {
    ("torch", "keras"): {"epsilon_position", "running_variance"},
    ("torch", "mxnet"): {"epsilon_position", "running_variance"},
    ("keras", "mxnet"): set(),
}
"""What these three differ in although each argument is written: no keyword changes it."""
KERAS_ADAM = "keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-8)"
TORCH_ADAM = "torch.optim.Adam(model.parameters(), lr=LR)"

STEPS = "torch.optim.lr_scheduler.StepLR(optimizer, 1)\n"
FLIP = 'layers.RandomFlip("horizontal"), '

PLANTED = [
    ("batch_size", "keras", "batch_size=64, ", ""),
    ("batch_size", "mxnet", "DataLoader(train, 64", "DataLoader(train, 8 * 16"),
    ("epochs", "torch", "range(5)", "range(1, 11)"),
    ("epochs", "keras", ", epochs=5", ""),
    ("optimizer", "torch", TORCH_ADAM, "torch.optim.AdamW(model.parameters(), LR)"),
    ("optimizer", "keras", KERAS_ADAM, '"rmsprop"'),
    ("optimizer", "mxnet", '"adam"', '"sgd"'),
    ("learning_rate", "torch", "LR = 1e-3", "LR = 10 ** -2"),
    ("learning_rate", "mxnet", '{"learning_rate": 1e-3}', '{"learning_rate": 0.01}'),
    ("schedule", "torch", "for epoch", STEPS + "for epoch"),
    ("schedule", "keras", "model.fit", "keras.callbacks.ReduceLROnPlateau()\nmodel.fit"),
    ("betas", "torch", "lr=LR", "lr=LR, betas=(0.9, 0.99)"),
    ("betas", "keras", "1e-3, eps", "1e-3, beta_1=0.8, eps"),
    ("epsilon", "keras", ", epsilon=1e-8)", ")"),
    ("amsgrad", "torch", "lr=LR", "lr=LR, amsgrad=True"),
    ("weight_decay", "torch", "lr=LR", "lr=LR, weight_decay=0.01"),
    ("loss", "torch", "nn.CrossEntropyLoss()", "nn.MSELoss()"),
    ("loss", "mxnet", "SoftmaxCrossEntropyLoss", "L2Loss"),
    ("reduction", "torch", "CrossEntropyLoss()", 'CrossEntropyLoss(reduction="sum")'),
    ("label_smoothing", "torch", "Loss()", "Loss(label_smoothing=0.1)"),
    ("outputs", "keras", "from_logits=True", ""),
    ("norm_momentum", "keras", "momentum=0.9, ", ""),
    ("norm_momentum", "torch", "BatchNorm2d(8)", "BatchNorm2d(8, momentum=0.9)"),
    ("norm_epsilon", "keras", ", epsilon=1e-5", ""),
    ("norm_epsilon", "mxnet", "BatchNorm()", "BatchNorm(epsilon=1e-3)"),
    ("dropout", "keras", "Dropout(0.5)", "Dropout(0.4)"),
    ("dropout", "torch", "nn.Dropout(0.5), ", ""),
    ("slope", "torch", "LeakyReLU(0.1)", "LeakyReLU()"),
    ("slope", "keras", "negative_slope=0.1", ""),
    ("initializer", "torch", "        nn.init.xavier_uniform_(m.weight)\n", ""),
    ("initializer", "keras", "Dense(10)", 'Dense(10, kernel_initializer="he_uniform")'),
    ("initializer", "mxnet", "mx.init.Xavier()", ""),
    ("bias_initializer", "torch", "        nn.init.zeros_(m.bias)\n", ""),
    ("dtype", "torch", "scale =", "torch.set_default_dtype(torch.float64)\nscale ="),
    ("dtype", "keras", "model =", 'keras.config.set_floatx("float16")\nmodel ='),
    ("shuffle", "torch", ", shuffle=True", ""),
    ("shuffle", "keras", "epochs=5", "epochs=5, shuffle=False"),
    ("partial_batch", "torch", "shuffle=True", "shuffle=True, drop_last=True"),
    ("partial_batch", "mxnet", "shuffle=True", 'shuffle=True, last_batch="discard"'),
    ("seed", "torch", "torch.manual_seed(0)\n", ""),
    ("seed", "mxnet", "seed(0)", "seed(1)"),
    ("normalisation", "keras", "    layers.Rescaling(1 / 255),\n", ""),
    ("normalisation", "torch", "ToTensor()", "ToTensor(), transforms.Normalize(0.1, 0.3)"),
    ("augmentation", "keras", "layers.Resc", FLIP + "layers.Resc"),
    ("device", "torch", "train_loader =", 'model.to("cuda")\ntrain_loader ='),
    ("device", "mxnet", "scale =", "ctx = mx.gpu()\nscale ="),
    ("tf32", "torch", "scale =", "torch.backends.cuda.matmul.allow_tf32 = False\nscale ="),
    ("threads", "torch", "set_num_threads(2)", "set_num_threads(4)"),
]  # fmt: skip
ALSO = {
    "optimizer": {"epsilon_position", "learning_rate", "epsilon"},
    "weight_decay": {"decay"},
    "loss": {"outputs", "label_smoothing"},
    "device": set(),
}
"""What comes or goes with a planted difference."""


@pytest.mark.parametrize("pair", INHERENT, ids="-".join)
def test_programs_that_are_written_alike_differ_in_nothing_else(tmp_path, pair):
    found = check(written(tmp_path, **{name: PROGRAMS[name] for name in pair}))
    assert unfair(found) == INHERENT[pair], [each.sentence for each in found]
    assert [each for each in found if each.kind == MISTAKE] == []


@pytest.mark.parametrize(
    ("setting", "changed", "old", "new"), PLANTED, ids=lambda v: str(v)[:20]
)
def test_a_planted_difference_is_named(tmp_path, setting, changed, old, new):
    assert PROGRAMS[changed].count(old) == 1
    other = "keras" if changed == "torch" else "torch"
    text = PROGRAMS[changed].replace(old, new)
    assert text != PROGRAMS[changed]
    paths = written(tmp_path, **{other: PROGRAMS[other], changed: text})
    found = check(paths)
    pair = tuple(sorted((other, changed), key=list(PROGRAMS).index))
    extra = unfair(found) - INHERENT[pair] - ALSO.get(setting, set())
    assert extra == {setting}, [each.sentence for each in found]
    (one, *_) = [each for each in found if each.setting == setting]
    assert {each.program for each in one.seen} == set(map(str, paths))
    for each in one.seen:
        assert each.value and each.where.startswith(each.program)
        assert each.value in one.sentence and each.where in one.sentence
    assert one.why and one.way


def test_every_setting_has_a_planted_difference():
    planted = {setting for setting, *_ in PLANTED}
    elsewhere = {
        "momentum", "nesterov", "dampening", "centered", "accumulator", "decay",
        "epsilon_position", "epsilon_root", "velocity", "running_variance",
        "strided_padding",
    }  # fmt: skip
    assert planted | elsewhere == set(settings())
    assert not planted & elsewhere


OPTIMIZERS = [
    ("momentum", "SGD(model.parameters(), 0.1, 0.9)", "SGD(0.1, 0.8)"),
    ("nesterov", "SGD(model.parameters(), 0.1, 0.9)", "SGD(0.1, 0.9, nesterov=True)"),
    ("dampening", "SGD(model.parameters(), 0.1, 0.9, 0.5)", "SGD(0.1, 0.9)"),
    ("weight_decay", "AdamW(model.parameters())", "AdamW()"),
    ("decay", "Adam(model.parameters(), weight_decay=0.1)", "Adam(weight_decay=0.1)"),
    ("epsilon_root", "RMSprop(model.parameters())", "RMSprop()"),
    ("centered", "RMSprop(model.parameters(), centered=True)", "RMSprop()"),
    ("betas", "RMSprop(model.parameters())", "RMSprop()"),
    ("accumulator", "Adagrad(model.parameters())", "Adagrad()"),
    ("betas", "Adadelta(model.parameters())", "Adadelta()"),
    ("learning_rate", "Adadelta(model.parameters())", "Adadelta()"),
    ("learning_rate", "SGD(model.parameters())", "SGD()"),
    ("learning_rate", "NAdam(model.parameters())", "Nadam()"),
]


@pytest.mark.parametrize(("setting", "torch", "keras"), OPTIMIZERS)
def test_optimizers_with_their_own_defaults(tmp_path, setting, torch, keras):
    texts = {
        "a": f"import torch\noptimizer = torch.optim.{torch}\n",
        "b": f"import keras\noptimizer = keras.optimizers.{keras}\n",
    }
    assert setting in unfair(check(written(tmp_path, **texts)))


def test_a_rate_in_the_velocity_matters_with_a_schedule_alone(tmp_path):
    torch = TORCH.replace(
        "Adam(model.parameters(), lr=LR)", "SGD(model.parameters(), 0.1, 0.9)"
    )
    keras = KERAS.replace(KERAS_ADAM, "keras.optimizers.SGD(0.1, 0.9)")
    assert "velocity" not in unfair(check(written(tmp_path, a=torch, b=keras)))
    torch += "torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)\n"
    keras += "keras.callbacks.ReduceLROnPlateau()\n"
    assert "velocity" in unfair(check(written(tmp_path, a=torch, b=keras)))


@pytest.mark.parametrize(
    ("torch", "keras", "differs"),
    [
        ("nn.Conv2d(1, 8, 3, 2, 1)", 'layers.Conv2D(8, 3, 2, "same")', True),
        ("nn.Conv2d(1, 8, 3, stride=2, padding=1)", "layers.Conv2D(8, 3, 2)", False),
        ("nn.Conv2d(1, 8, 1, 2)", 'layers.Conv2D(8, 1, 2, padding="same")', False),
        ("nn.Conv2d(1, 8, 3, 1, 1)", 'layers.Conv2D(8, 3, padding="SAME")', False),
        ("nn.MaxPool2d(3, 2, 1)", 'layers.MaxPooling2D(3, 2, "same")', True),
        ("nn.MaxPool2d(2)", 'layers.MaxPooling2D(2, padding="same")', False),
    ],
)
def test_padding_of_windows_with_strides(tmp_path, torch, keras, differs):
    texts = {
        "a": f"from torch import nn\nlayer = {torch}\n",
        "b": f"from tensorflow.keras import layers\nlayer = {keras}\n",
    }
    assert ("strided_padding" in unfair(check(written(tmp_path, **texts)))) == differs
