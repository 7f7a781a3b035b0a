"""Models as users meet them: weights across backends, odd graphs, names, errors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from helpers.support import BACKENDS, PAIRS, distance, worst

import polyframe as pf
from polyframe.contract.registry import get
from polyframe.spec.interpreter import interpret

ORDERED = tuple((a, b) for a in BACKENDS for b in BACKENDS if a != b)


def equal_bits(one, other):
    assert set(one) == set(other)
    return all(
        a.dtype == other[n].dtype and a.tobytes() == other[n].tobytes()
        for n, a in one.items()
    )


@pytest.mark.parametrize(("one", "other"), ORDERED)
def test_weights_go_from_any_backend_to_any_other_and_back_bit_for_bit(
    one, other, tmp_path
):
    spec = pf.zoo.residual_cnn(width=4, input_shape=(3, 8, 8))
    first = pf.compile(spec, one, loss="cross_entropy", seed=1)
    rng = np.random.default_rng(0)
    first.train_step(rng.normal(size=(6, 3, 8, 8)), rng.integers(0, 10, 6))
    first.save_weights(tmp_path / "a.safetensors")
    second = pf.compile(spec, other, loss="cross_entropy", seed=2)
    assert not equal_bits(first.weights(), second.weights())
    second.load_weights(tmp_path / "a.safetensors")
    second.save_weights(tmp_path / "b.safetensors")
    third = pf.compile(spec, one, seed=3)
    third.load_weights(tmp_path / "b.safetensors")
    assert equal_bits(first.weights(), second.weights())
    assert equal_bits(first.weights(), third.weights())
    names = ("a.safetensors", "b.safetensors")
    one_file, other_file = ((tmp_path / name).read_bytes() for name in names)
    assert one_file == other_file


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_weights_file_is_a_state_dict_of_the_emitted_module(backend, tmp_path):
    import safetensors.torch
    import torch

    spec = pf.zoo.residual_cnn(width=4, input_shape=(3, 8, 8))
    model = pf.compile(spec, backend, loss="cross_entropy")
    model.save_weights(tmp_path / "w.safetensors")
    torch_model = pf.compile(spec, "torch", loss="cross_entropy", seed=9)
    namespace = {"__name__": "emitted"}
    exec(torch_model.source, namespace)
    module = namespace[torch_model.program.entry]()
    state = safetensors.torch.load_file(tmp_path / "w.safetensors")
    module.load_state_dict(state, strict=True)
    module.eval()
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    with torch.inference_mode():
        output = module(torch.from_numpy(x)).numpy()
    assert distance(output, model.predict(x)) < 1e-5


def test_native_objects_are_the_frameworks_own():
    import tensorflow as tf
    import torch

    get("mxnet").probe()
    from mxnet import gluon

    spec = pf.zoo.digits_cnn()
    wanted = {
        "torch": torch.nn.Module,
        "tensorflow": tf.keras.Model,
        "mxnet": gluon.HybridBlock,
    }
    for backend, base in wanted.items():
        assert isinstance(pf.compile(spec, backend).native, base)


def two_heads():
    left, right = pf.Input((2, 6, 6), name="left"), pf.Input((5,), name="right")
    shared = pf.Conv2D(3, 3, padding="same", name="shared")
    x = shared(left)
    x = pf.Conv2D(2, 1, name="back")(pf.ReLU(name="act")(x))
    x = shared(x)
    flat = pf.Flatten()(pf.MaxPool2D(2)(x))
    both = pf.Concat(name="both")(flat, pf.Dense(4, name="fc")(right))
    one = pf.Dense(3, name="one")(pf.Dropout(0.3, name="drop")(both))
    return pf.ModelSpec([left, right], [one, pf.Dense(2, name="two")(both)], "heads")


def test_several_inputs_and_outputs_shared_layers_and_dropout_agree():
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(7, 2, 6, 6)), rng.normal(size=(7, 5))]
    y = [rng.normal(size=(7, 3)), rng.normal(size=(7, 2))]
    gradients, weights, losses = {}, {}, {}
    for backend in BACKENDS:
        model = pf.compile(two_heads(), backend, loss="mse", dtype="float64")
        known, _ = interpret(model.graph, model.weights(), x)
        for output, name in zip(model.predict(x), ("one", "two")):
            assert distance(output, known[name]) <= 1e-12
        gradients[backend] = model.gradients(x, y)
        for _ in range(5):
            model.train_step(x, y)
        weights[backend] = model.weights()
        known, _ = interpret(model.graph, model.weights(), x)
        wanted = sum(((known[n] - t) ** 2).mean() for n, t in zip(("one", "two"), y))
        assert model.evaluate(x, y)["loss"] == pytest.approx(wanted, rel=1e-12)
        losses[backend] = model.fit(x, y, epochs=1, batch_size=3)["loss"]
    for one, other in PAIRS:
        assert worst(gradients[one], gradients[other])[0] <= 1e-11
        assert worst(weights[one], weights[other])[0] <= 1e-11
        assert distance(losses[one], losses[other]) <= 1e-11


def inner(dropout=0.4):
    x = pf.Input(name="x")
    y = pf.Dropout(dropout, name="drop")(pf.Dense(6, name="fc")(x))
    return pf.Block(x, pf.Add(name="add")(x, pf.ReLU(name="act")(y)), kind="Inner")


@pytest.mark.parametrize("backend", BACKENDS)
def test_blocks_with_dropout_inside_draw_for_each_of_their_calls(backend):
    once = inner()
    blocks = [once, once, inner(), pf.Sequential([inner(), pf.Dropout(0.2)])]
    spec = pf.Sequential([*blocks, pf.Dense(2)], (6,), name="nested")
    model = pf.compile(spec, backend, loss="mse", dtype="float64")
    assert len(set(model.program.draws)) == len(model.program.draws) == 5
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 6)), rng.normal(size=(9, 2))
    draws = dict(zip(model.program.draws, model.engine.draws(9, 0)))
    known, _ = interpret(model.graph, model.weights(), [x], training=True, draws=draws)
    activations = model.activations(x, training=True)
    assert all(
        distance(activations[name], known[name]) <= 1e-12 for name in activations
    )
    wanted = ((known[spec.graph.outputs[0]] - y) ** 2).mean()
    assert model.train_step(x, y) == pytest.approx(wanted, rel=1e-12)


CLASHING = [  # fmt: skip
    "type",
    "train",
    "layers",
    "input",
    "output",
    "path",
    "name",
    "params",
    "prefix",
    "forward",
    "call",
    "build",
    "fit",
    "state_dict",
    "parameters",
    "weights",
    "losses",
    "metrics",
    "variables",
    "dtype",
    "trainable",
    "class",
    "import",
    "lambda",
    "self",
    "F",
    "nn",
    "tf",
    "torch",
    "print",
    "float",
    "half",
    "eval",
    "apply",
    "cast",
    "collect_params",
]


@pytest.mark.parametrize("backend", BACKENDS)
def test_layers_may_be_called_like_native_attributes(backend):
    layers = [pf.Dense(4, name=name) for name in CLASHING]
    spec = pf.Sequential(layers, (4,), name="clashing")
    model = pf.compile(spec, backend, loss="mse", dtype="float64")
    assert list(model.weights()) == [
        f"{name}.{part}" for name in CLASHING for part in ("weight", "bias")
    ]
    x = np.random.default_rng(0).normal(size=(3, 4))
    known, _ = interpret(model.graph, model.weights(), [x])
    assert distance(model.predict(x), known[CLASHING[-1]]) <= 1e-12
    model.train_step(x, x)
    assert "self._modules" not in model.source


def test_the_reserved_names_cover_what_the_frameworks_have():
    import tensorflow as tf
    import torch

    from polyframe.backends.gluon.reserved import RESERVED as GLUON
    from polyframe.backends.pytorch.reserved import RESERVED as TORCH
    from polyframe.backends.tf.reserved import RESERVED as TF

    get("mxnet").probe()
    from mxnet import gluon

    bases = {
        TORCH: [torch.nn.Module()],
        TF: [tf.keras.Model(), tf.keras.layers.Layer()],
        GLUON: [gluon.HybridBlock()],
    }
    for reserved, objects in bases.items():
        public = {n for o in objects for n in dir(o) if not n.startswith("_")}
        assert public <= reserved


def test_native_semantics_takes_each_frameworks_own_defaults():
    spec = pf.Sequential(
        [pf.Conv2D(8, 3), pf.BatchNorm(), pf.Flatten(), pf.Dense(4)], (3, 8, 8)
    )
    sources, bounds = {}, {}
    for backend in BACKENDS:
        model = pf.compile(
            spec, backend, loss="mse", optimizer="adam", semantics="native"
        )
        sources[backend] = model.source
        bounds[backend] = np.abs(model.weights()["conv1.weight"]).max()
        zero = not model.weights()["conv1.bias"].any()
        assert zero == (backend != "torch")
    assert "layers.BatchNormalization()" in sources["tensorflow"]
    assert "tf.keras.optimizers.Adam(learning_rate=0.001)" in sources["tensorflow"]
    assert "nn.BatchNorm()" in sources["mxnet"]
    assert "nn.BatchNorm2d(8)" in sources["torch"]
    # U(±1/√27), Glorot's U(±√(6/(27+72))), U(±0.07)
    assert 0.18 < bounds["torch"] <= 27**-0.5
    assert 0.22 < bounds["tensorflow"] <= (6 / 99) ** 0.5
    assert 0.06 < bounds["mxnet"] <= 0.07


def test_one_error_lists_all_that_a_backend_cannot_run():
    norm = pf.BatchNorm(name="bn")
    spec = pf.Sequential([norm, pf.ReLU(), norm, norm], (4,), name="again")
    with pytest.raises(pf.UnsupportedError) as caught:
        pf.compile(spec, "mxnet", loss="mse")
    text = str(caught.value)
    assert text.startswith("again: the mxnet backend cannot run 2 of the nodes: bn_2 ")
    assert "bn_3 (BatchNorm): MXNet updates running statistics" in text
    for backend in ("torch", "tensorflow"):
        pf.compile(spec, backend, loss="mse")
    pf.compile(spec, "mxnet")  # nothing is updated where nothing is trained


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", r"device 'gpu' is not there: .* sees none"),
        ("gpu:7", r"device 'gpu:7' is not there"),
        ("tpu", r"unknown device 'tpu'"),
        (3, r"device is 3; 'auto', 'cpu' or 'gpu' is needed"),
    ],
)
def test_devices_that_are_not_there(device, message, backend):
    with pytest.raises(pf.BackendError, match=message):
        pf.compile("digits_cnn", backend, device=device)
    assert pf.compile("digits_cnn", backend).device.kind == "cpu"


def test_unknown_and_missing_backends_say_what_to_do(monkeypatch):
    with pytest.raises(pf.BackendError, match="Did you mean 'torch'"):
        pf.compile("digits_cnn", "torhc")
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(
        pf.BackendError, match=r'not usable.*pip install "polyframe\[torch\]"'
    ):
        pf.compile("digits_cnn", "torch")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_single_sample_over_a_vector_batch_norm_is_refused_before_it_harms(backend):
    spec = pf.Sequential([pf.Dense(3), pf.BatchNorm(name="bn")], (4,))
    model = pf.compile(spec, backend, loss="mse")
    before = model.weights()
    with pytest.raises(pf.PolyframeError, match="bn: batch norm needs more than one"):
        model.train_step(np.ones((1, 4)), np.ones((1, 3)))
    assert equal_bits(before, model.weights())


def test_the_list_of_backends_is_there_before_and_after_one_is_loaded():
    code = (
        "import polyframe as pf; before = pf.backends(); pf.compile('digits_cnn');"
        "import polyframe.backends.pytorch; assert pf.backends() == before;"
        "assert set(before) >= {'torch', 'tensorflow', 'mxnet'}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


LIGHT = """
import sys
import polyframe
polyframe.Conv2D, polyframe.compile, polyframe.backends(), polyframe.zoo.simple_cnn()
from polyframe.contract.registry import get
for name in polyframe.backends():
    get(name)
heavy = {"torch", "tensorflow", "mxnet", "keras", "jax"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""


def test_no_framework_is_imported_before_a_backend_runs():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    broken = LIGHT.replace("import polyframe\n", "import polyframe, torch\n", 1)
    done = subprocess.run(
        [sys.executable, "-c", broken], capture_output=True, text=True
    )
    assert "imported {'torch'}" in done.stderr  # the check can fail


def test_mxnet_gets_numpys_old_names_for_its_import_only():
    code = (
        "import numpy as np; from polyframe.contract.registry import get;"
        "assert get('mxnet').probe().usable; assert 'bool' not in vars(np)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
