"""Random recipes for ejected scripts: together they say all that a recipe can say."""

from __future__ import annotations

import numpy as np

import polyframe as pf

SCHEDULES = (
    {"type": "step", "every": 1},
    {"type": "multi_step", "milestones": [1, 2]},
    {"type": "exponential", "gamma": 0.5},
    {"type": "polynomial", "warmup": 0.5},
    {"type": "cosine", "end": 0.1},
    {"type": "cosine_restarts", "period": 1},
    "one_cycle",
    {"type": "reduce_on_plateau", "patience": 0, "monitor": "loss"},
)
IMAGES = (
    "random_crop", "random_flip", "random_vertical_flip", "random_rotate90",
    {"type": "random_affine", "degrees": 10, "translate": [0.1, 0.1]},
    "random_resized_crop", {"type": "random_erasing", "p": 0.7},
    {"type": "cutout", "size": 3}, {"type": "color_jitter", "brightness": 0.2},
    "rand_augment",
)  # fmt: skip
LAST = ("mixup", "cutmix", "one_hot")
OPTIMIZERS = (
    "adam", "adamw", {"type": "sgd", "lr": 0.05, "momentum": 0.9}, "rmsprop", "nadam",
    "radam", "adagrad", "lion", "lamb",
)  # fmt: skip
METRICS = (
    "accuracy", {"type": "top_k_accuracy", "k": 2}, "precision", "recall", "f1",
    "mean_iou", "confusion_matrix", "auroc", "average_precision",
)  # fmt: skip


def random_model(rng):
    """A small network with random layers and batch norms."""
    layers = [pf.Conv2D(4, 3, padding=1, name="conv")]
    if rng.random() < 0.7:
        layers.append(pf.BatchNorm(name="bn"))
    layers.append(rng.choice([pf.ReLU(), pf.GELU(), pf.LeakyReLU()]))
    layers.append(pf.MaxPool2D(2))
    layers.append(pf.Conv2D(6, 3, padding=1, name="conv2"))
    layers += [pf.ReLU(), pf.Flatten()]
    if rng.random() < 0.5:
        layers.append(pf.Dropout(0.3))
    layers.append(pf.Dense(10, name="fc"))
    return pf.Sequential(layers, input_shape=(1, 8, 8), name="random_cnn")


def random_recipe(seed, dtype):
    """The recipe of a number."""
    rng = np.random.default_rng([seed, 19])

    def some(p):
        return bool(rng.random() < p)

    def one(values):
        return values[int(rng.integers(len(values)))]

    settings = {
        "epochs": 3, "batch_size": int(rng.integers(17, 40)), "dtype": dtype,
        "seed": int(rng.integers(2**40)),
    }  # fmt: skip
    settings["optimizer"] = one(OPTIMIZERS)
    settings["metrics"] = [METRICS[i] for i in rng.permutation(9)[: rng.integers(4)]]
    loss = {"type": one(("cross_entropy", "cross_entropy", "multi_margin"))}
    soft = loss["type"] == "cross_entropy"
    if soft and some(0.3):
        loss["label_smoothing"] = 0.1
    if some(0.3):
        loss["class_weights"] = [1.0, 2.0] * 5
    if soft and some(0.2):
        loss["ignore_index"], soft = 3, False
    if some(0.2):
        loss["reduction"] = "sum"
        settings["optimizer"] = {"type": "adam", "lr": 1e-4}
    settings["loss"] = loss
    if some(0.5):
        settings["schedule"] = one(SCHEDULES)
    if some(0.6):
        ops = [IMAGES[i] for i in rng.permutation(len(IMAGES))[: rng.integers(1, 4)]]
        ops += ["normalize"] * some(0.5) + [one(LAST)] * (soft and some(0.5))
        settings["augmentation"] = ops
    if some(0.4):
        settings["accumulate"] = int(rng.integers(2, 4))
    if some(0.3):
        settings["clip_norm"] = 0.7
    elif some(0.3):
        settings["clip_value"] = 0.05
    if some(0.4):
        settings["ema"] = 0.9
    if some(0.4):
        settings["freeze"] = ["conv"]
        if some(0.6):
            settings["unfreeze"] = {"conv": int(rng.integers(1, 3))}
        settings["freeze_statistics"] = some(0.5)
    if some(0.3):
        settings["learning_rate_multipliers"] = {"conv2": 0.5}
    if some(0.3):
        settings["weight_decay_multipliers"] = {"*.bias": 0}
    if some(0.5):
        settings["split"] = 0.3
        if some(0.5):
            stop = {"type": "early_stopping", "patience": 1}
            settings["callbacks"] = [stop, {"type": "model_checkpoint"}]
    if some(0.3):
        settings["drop_last"] = True
    if dtype == "float32" and some(0.3):
        settings["precision"] = "bfloat16"
    model = random_model(rng)
    return pf.Recipe(model, name=f"random{seed}", **settings)
