"""What some differences between the frameworks cost, in trainings by native code.

    python tools/measure_differences.py [torch] [tensorflow] [mxnet]

Each row is the test accuracy in percent on the digits (1,797 images of 8 x 8 pixels), the
mean of 5 seeds: a network 64-64-10 with a ReLU, SGD with a rate of 0.1, batches of 32, 5
epochs, unless the row says otherwise. Entries of the registry quote these numbers under
``matters``.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Mapping

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import polyframe as pf

SEEDS, EPOCHS, BATCH, RATE = 5, 5, 32, 0.1


def digits():
    """Training and test data, flattened, as float32 and int64."""
    (x, y), (tx, ty) = pf.data.load("digits").train, pf.data.load("digits").test
    return (x.reshape(len(x), -1), y), (tx.reshape(len(tx), -1), ty)


def batches(x, y, seed, shuffle=True):
    """The batches of one epoch; without ``shuffle`` they are sorted by class."""
    order = np.random.default_rng(seed).permutation(len(x))
    order = order if shuffle else order[np.argsort(y[order], kind="stable")]
    for start in range(0, len(x), BATCH):
        rows = order[start : start + BATCH]
        yield x[rows], y[rows]


def torch_accuracy(
    seed, shuffle=True, zero=True, rate=RATE, dropout=0.0, eval_mode=True
):
    """A loop as PyTorch's tutorials have it."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    (x, y), (tx, ty) = digits()
    net = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for epoch in range(EPOCHS):
        for bx, by in batches(x, y, 100 * seed + epoch, shuffle):
            if zero:
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                net(torch.from_numpy(bx)), torch.from_numpy(by)
            )
            loss.backward()
            optimizer.step()
    net.train(not eval_mode)
    with torch.no_grad():
        return (net(torch.from_numpy(tx)).argmax(1).numpy() == ty).mean()


def keras_accuracy(seed, from_logits=True):
    """compile and fit, of a model without a softmax."""
    import keras

    keras.utils.set_random_seed(seed)
    (x, y), (tx, ty) = digits()
    layers = [keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((64,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile(keras.optimizers.SGD(RATE), loss)
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return (np.argmax(model.predict(tx, verbose=0), 1) == ty).mean()


def gluon_accuracy(seed, mean_and_divided=False, first_label=0):
    """A loop as Gluon's tutorials have it."""
    np.bool = np.bool_
    import mxnet as mx

    mx.random.seed(seed)
    (x, y), (tx, ty) = digits()
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Dense(64, activation="relu"), mx.gluon.nn.Dense(10))
    net.initialize(mx.init.Xavier())
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": RATE})
    loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    for epoch in range(EPOCHS):
        for bx, by in batches(x, y, 100 * seed + epoch):
            with mx.autograd.record():
                loss = loss_fn(net(mx.nd.array(bx)), mx.nd.array(by + first_label))
                loss = loss.mean() if mean_and_divided else loss
            loss.backward()
            trainer.step(len(bx))
    found = net(mx.nd.array(tx)).asnumpy().argmax(1)
    return (found == ty + first_label).mean()


ROWS: Mapping[str, Mapping[str, Mapping[str, Callable[[int], float]]]] = {
    "torch": {
        "shuffle-by-default": {
            "shuffled": torch_accuracy,
            "sorted by class": lambda seed: torch_accuracy(seed, shuffle=False),
        },
        "training-flag": {
            "dropout 0.5, with eval()": lambda s: torch_accuracy(s, dropout=0.5),
            "without": lambda s: torch_accuracy(s, dropout=0.5, eval_mode=False),
        },
        "gradient-accumulation": {
            "with zero_grad()": torch_accuracy,
            "without": lambda seed: torch_accuracy(seed, zero=False),
        },
        "default-rates": {
            "SGD at 0.01": lambda seed: torch_accuracy(seed, rate=0.01),
            "at 0.001": lambda seed: torch_accuracy(seed, rate=0.001),
        },
    },
    "tensorflow": {
        "from-logits": {
            "from_logits=True": keras_accuracy,
            "without": lambda seed: keras_accuracy(seed, from_logits=False),
        },
    },
    "mxnet": {
        "step-divides": {
            "losses, step(32)": gluon_accuracy,
            "mean, step(32)": lambda seed: gluon_accuracy(seed, mean_and_divided=True),
        },
        "label-out-of-range": {
            "labels from 0": gluon_accuracy,
            "labels from 1": lambda seed: gluon_accuracy(seed, first_label=1),
        },
    },
}
"""Backend → id of a difference → what is trained → its test accuracy by seed."""


def measured(backend: str) -> dict[str, dict[str, float]]:
    """Id of a difference → what was trained → its test accuracy in percent."""
    return {
        id: {
            name: 100 * statistics.mean(train(seed) for seed in range(SEEDS))
            for name, train in rows.items()
        }
        for id, rows in ROWS[backend].items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("backend", nargs="*", help=f"{', '.join(ROWS)}; all by default")
    chosen = parser.parse_args().backend or list(ROWS)
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    for backend in chosen:
        for id, rows in measured(backend).items():
            told = ", ".join(f"{name}: {value:.1f} %" for name, value in rows.items())
            print(f"{id} ({backend}): {told}")


if __name__ == "__main__":
    main()
