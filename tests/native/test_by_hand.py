"""``model.native`` is used by hand: plain code of each framework trains, scripts, exports
and saves the model of every program, and polyframe goes on with it."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from helpers.small_models import small
from helpers.support import BACKENDS, distance

import polyframe as pf

TARGET = 0.7  # of all outputs: in the range of every last activation


def noisy():
    """Each random layer, in blocks and outside, between convolutions and norms."""
    x = pf.Input(name="x")
    y = pf.DropPath(0.3, name="path")(pf.Conv2D(4, 3, padding=1, name="conv")(x))
    residual = pf.Block(x, pf.Add(name="add")(y, x), kind="Residual", name="residual")
    head = [pf.Dropout(0.5), pf.Dense(8), pf.ReLU(), pf.Dropout(0.2), pf.Dense(3)]
    return pf.Sequential(
        [
            pf.Conv2D(4, 3, name="first"), pf.BatchNorm(name="norm"), residual,
            pf.SpatialDropout2D(0.2, name="maps"), pf.GaussianNoise(0.1, name="noise"),
            pf.MaxPool2D(2, name="pool"), pf.Flatten(name="flatten"),
            pf.Sequential(head, name="head"),
        ],
        (2, 8, 8),
        name="noisy",
    )  # fmt: skip


SAMPLE = ("noisy",)
NAMES = [
    pytest.param(name, marks=[pytest.mark.full] * (name not in SAMPLE))
    for name in ("noisy", *pf.zoo.list())
]


def spec_of(name):
    return noisy() if name == "noisy" else small(name)


def batch(spec, size=4):
    """(x, y) as polyframe takes them."""
    graph, rng = spec.infer(), np.random.default_rng(0)
    x = rng.normal(size=(size, *graph.input_shapes[0])).astype("f4")
    return x, np.full((size, *graph.output_shapes[0]), TARGET, "f4")


def drops(spec):
    """Whether it has layers whose random numbers are seen in its outputs: not those of
    ConvNeXt, which are for branches of almost no weight."""
    layers = [node.layer for node in spec.infer().walk()]
    return any(layer.random and layer.type != "DropPath" for layer in layers)


def variants(spec, backend, rule="sgd"):
    """A model for each different program: (whether it trains, the model)."""
    seen = set()
    for semantics, loss, optimize in itertools.product(
        ("aligned", "native"), ("mse", None), (True, False)
    ):
        model = pf.compile(
            spec, backend, loss, rule, semantics=semantics, optimize=optimize
        )
        if model.source not in seen:
            seen.add(model.source)
            yield loss is not None, model


def channels_last(x):
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim > 2 else x


class OfTorch:
    """A tutorial's code with PyTorch."""

    def __init__(self, native):
        import torch

        torch.manual_seed(0)
        self.torch, self.native = torch, native
        self.rule = torch.optim.Adam(native.parameters(), lr=3e-3)
        self.loss_fn = torch.nn.MSELoss()

    def step(self, x, y):
        x, y = self.torch.from_numpy(x), self.torch.from_numpy(y)
        self.native.train()
        self.rule.zero_grad()
        loss = self.loss_fn(self.native(x), y)
        loss.backward()
        self.rule.step()
        return loss.item()

    def call(self, x, training=False):
        self.native.train(training)
        with self.torch.no_grad():
            return self.native(self.torch.from_numpy(x)).numpy()


class OfTensorFlow:
    """A tutorial's code with Keras."""

    def __init__(self, native):
        import tensorflow as tf

        tf.keras.utils.set_random_seed(0)
        self.native = native
        native.compile(tf.keras.optimizers.Adam(3e-3), "mse")

    def step(self, x, y):
        x, y = channels_last(x), channels_last(y)
        history = self.native.fit(x, y, batch_size=len(x), epochs=1, verbose=0)
        return history.history["loss"][0]

    def call(self, x, training=False):
        output = self.native(channels_last(x), training=training).numpy()
        return np.moveaxis(output, -1, 1) if output.ndim > 2 else output


class OfMxnet:
    """A tutorial's code with Gluon."""

    def __init__(self, native):
        from mxnet import gluon, random

        random.seed(0)
        self.native = native
        rate = {"learning_rate": 3e-3}
        self.trainer = gluon.Trainer(native.collect_params(), "adam", rate)
        self.loss_fn = gluon.loss.L2Loss()

    def step(self, x, y):
        from mxnet import autograd, nd

        x, y = nd.array(x), nd.array(y)
        with autograd.record():
            loss = self.loss_fn(self.native(x), y)
        loss.backward()
        self.trainer.step(len(x))
        return loss.mean().asscalar()

    def call(self, x, training=False):
        from mxnet import autograd, nd

        mode = autograd.train_mode if training else autograd.predict_mode
        with mode():
            return self.native(nd.array(x)).asnumpy()


OF = {"torch": OfTorch, "tensorflow": OfTensorFlow, "mxnet": OfMxnet}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_plain_code_trains_it_and_polyframe_goes_on(backend, name):
    spec, steps = spec_of(name), 30 if name in SAMPLE else 10
    x, y = batch(spec, 16 if name in SAMPLE else 4)
    for trains, model in variants(spec, backend):
        predicted = model.predict(x)
        if trains:
            model.train_step(x, y)
            model.load_weights(dict(model.weights()))
            predicted = model.predict(x)
        hand = OF[backend](model.native)
        assert distance(hand.call(x), predicted) < 1e-5
        if not trains:
            continue
        losses = [hand.step(x, y) for _ in range(steps)]
        assert np.mean(losses[-3:]) < np.mean(losses[:3]), losses
        if drops(spec):
            assert distance(hand.call(x, True), hand.call(x, True)) > 1e-7
        by_hand = hand.call(x)
        # Four samples leave variances of almost 0, so that norms enlarge roundings.
        assert distance(model.predict(x), by_hand) < 1e-3
        assert distance(by_hand, predicted) > 1e-2
        again = [model.train_step(x, y), hand.step(x, y), model.train_step(x, y)]
        assert np.isfinite(again).all()
        assert distance(hand.call(x), model.predict(x)) < 1e-3


@pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
def test_torch_scripts_and_exports_it(name, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    spec = spec_of(name)
    x, y = batch(spec)
    given = torch.from_numpy(x)
    for trains, model in variants(spec, "torch"):
        if trains:
            model.train_step(x, y)
        native = model.native.eval()
        wanted = native(given)
        scripted = torch.jit.script(native)
        assert distance(scripted(given).detach(), wanted.detach()) < 1e-6
        exported = torch.export.export(native, (given,)).module()
        assert distance(exported(given).detach(), wanted.detach()) < 1e-6
        file = tmp_path / "weights.safetensors"
        save_file(native.state_dict(), file)
        saved = load_file(file)
        for key, value in native.state_dict(keep_vars=True).items():
            assert value.dim() == 0 or torch.equal(saved[key], value)
        if trains:
            assert torch.isfinite(torch.jit.script(native.train())(given)).all()


@pytest.mark.parametrize("name", NAMES)
def test_keras_saves_and_loads_it(name, tmp_path):
    import tensorflow as tf

    spec = spec_of(name)
    x, y = batch(spec)
    file = tmp_path / "k.keras"
    for trains, model in variants(spec, "tensorflow"):
        if trains:
            model.train_step(x, y)
        model.native.save(file)
        loaded = tf.keras.models.load_model(file)
        assert type(loaded) is type(model.native)
        given = channels_last(x)
        assert np.array_equal(loaded(given), model.native(given))


LOADING = """
import sys
import numpy as np
import tensorflow as tf
sys.path.insert(0, sys.argv[1])
import program
loaded = tf.keras.models.load_model(sys.argv[1] + "/k.keras")
np.save(sys.argv[1] + "/y.npy", loaded(np.load(sys.argv[1] + "/x.npy")))
"""


def test_keras_loads_it_in_another_process_that_imports_the_program(tmp_path):
    spec = spec_of("noisy")
    x, y = batch(spec)
    model = pf.compile(spec, "tensorflow", "mse")
    model.train_step(x, y)
    model.native.save(tmp_path / "k.keras")
    (tmp_path / "program.py").write_text(model.source)
    np.save(tmp_path / "x.npy", channels_last(x))
    subprocess.run([sys.executable, "-c", LOADING, str(tmp_path)], check=True)
    assert distance(np.load(tmp_path / "y.npy"), model.predict(x)) < 1e-5


def test_keras_loads_the_class_of_the_model_that_was_handed_out_last(tmp_path):
    import tensorflow as tf

    narrow, wide = (pf.Sequential([pf.Dense(n)], (3,), name="one") for n in (2, 5))
    first, second = (pf.compile(s, "tensorflow", "mse") for s in (narrow, wide))
    for model in (second, first):
        model.native.save(tmp_path / "k.keras")
        loaded = tf.keras.models.load_model(tmp_path / "k.keras")
        assert type(loaded) is type(model.native)


@pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_gluon_exports_it(name, tmp_path):
    spec = spec_of(name)
    x, y = batch(spec)
    for trains, model in variants(spec, "mxnet"):
        from mxnet import gluon, nd

        if trains:
            model.train_step(x, y)
        native, path = model.native, str(tmp_path / "net")
        native.hybridize()
        wanted = native(nd.array(x)).asnumpy()
        native.export(path)
        files = f"{path}-symbol.json", ["data"], f"{path}-0000.params"
        loaded = gluon.SymbolBlock.imports(*files)
        assert np.array_equal(loaded(nd.array(x)).asnumpy(), wanted)
