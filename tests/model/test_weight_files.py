"""Weights from elsewhere: PyTorch's conventions and files, on every backend."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from helpers.failing import fails
from helpers.support import BACKENDS, distance

import polyframe as pf
from polyframe.contract import registry
from polyframe.contract.backend import Probe

SPEC = pf.Sequential(
    [
        pf.Conv2D(4, 3, name="conv"), pf.BatchNorm(name="bn"), pf.ReLU(),
        pf.Flatten(), pf.Dense(3, name="fc"),
    ],
    (2, 6, 6),
)  # fmt: skip


def native():
    """The same network, as PyTorch's users write it."""
    torch.manual_seed(3)
    layers = OrderedDict(
        conv=torch.nn.Conv2d(2, 4, 3), bn=torch.nn.BatchNorm2d(4), relu=torch.nn.ReLU(),
        flatten=torch.nn.Flatten(), fc=torch.nn.Linear(64, 3),
    )  # fmt: skip
    model = torch.nn.Sequential(layers).train()
    model(torch.randn(16, 2, 6, 6))  # statistics, and a counter of 1
    return model.eval()


def predicted(module, x):
    with torch.no_grad():
        return module.double()(torch.from_numpy(x)).numpy()


@pytest.fixture(scope="module", params=BACKENDS)
def model(request):
    return pf.compile(SPEC, request.param, "cross_entropy", dtype="float64", seed=1)


def lightning(state):
    return {"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 3}


SAVED = {
    "mapping": lambda state, _: state,
    "weights.safetensors": lambda state, path: safetensors.torch.save_file(state, path),
    "weights.pth": torch.save,
    "weights.pt": lambda state, path: torch.save(
        {"state_dict": state, "epoch": 3}, path
    ),
    "legacy.pth": lambda state, path: torch.save(
        {"model": state}, path, _use_new_zipfile_serialization=False
    ),
    "half.bin": lambda state, path: torch.save(state, path),
    "lightning.ckpt": lambda state, path: torch.save(lightning(state), path),
    "weights.npz": lambda state, path: np.savez(
        path, **{name: value.numpy() for name, value in state.items()}
    ),
    "other_name": lambda state, path: safetensors.torch.save_file(state, path),
}
"""How a ``state_dict`` gets to somebody."""


@pytest.mark.parametrize("name", SAVED)
def test_a_state_dict_of_pytorch_is_loaded_by_name(model, tmp_path, name):
    """With the counters of its batch norms; then the model predicts what PyTorch does."""
    module, path = native(), tmp_path / name
    state = module.state_dict()
    assert "bn.num_batches_tracked" in state
    given = SAVED[name](state, path)
    rename = {"model.": ""} if name == "lightning.ckpt" else None
    report = model.load_weights(path if given is None else given, rename=rename)
    assert report.complete and len(report.loaded) == len(model.weights()) == 8
    for key, value in model.weights().items():
        np.testing.assert_array_equal(value, state[key].numpy())
    x = np.random.default_rng(0).normal(size=(5, 2, 6, 6))
    assert distance(model.predict(x), predicted(module, x)) < 1e-12


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_every_floating_point_type_is_converted(model, tmp_path, dtype, suffix):
    state = {name: value.to(dtype) for name, value in native().state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    save = torch.save if suffix == ".pth" else safetensors.torch.save_file
    save(state, path)
    if suffix == ".pth" and dtype == torch.float64:
        state = {name: value.clone() for name, value in state.items()}
    assert model.load_weights(path).complete
    for key, value in model.weights().items():
        np.testing.assert_array_equal(value, state[key].double().numpy())


def test_numbers_that_the_dtype_does_not_have_are_refused():
    model = pf.compile(SPEC, "torch")
    before = model.weights()
    whole = {name: value.astype("f8") for name, value in before.items()}
    third = whole | {"fc.bias": np.array([0.0, np.inf, 1 / 3])}  # infinite as it was
    assert model.load_weights(third).complete
    assert model.weights()["fc.bias"].tolist() == [0.0, np.inf, np.float32(1 / 3)]
    fails(
        pf.WeightsError,
        lambda: model.load_weights(whole | {"fc.bias": np.array([0.0, 1e39, 1.0])}),
        "weights: 'fc.bias' holds 1e+39, too large for float32",
    )
    for refused in (
        torch.zeros(3, requires_grad=True),
        torch.zeros(3, dtype=torch.bfloat16),
    ):
        fails(
            pf.WeightsError,
            lambda given=refused: model.load_weights(whole | {"fc.bias": given}),
            "weights: 'fc.bias' is not an array: ",
        )


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.module."])
@pytest.mark.parametrize("strict", [True, False])
def test_a_prefix_is_named_with_the_way_to_strip_it(model, tmp_path, prefix, strict):
    state = {f"{prefix}{name}": v for name, v in native().state_dict().items()}
    torch.save(state, path := tmp_path / "weights.pth")
    before = model.weights()
    text = fails(
        pf.WeightsError,
        lambda: model.load_weights(path, strict=strict),
        f"{path}: all names begin with {prefix!r}, which the model's do not (strip it: ",
    )
    assert f"rename={{{prefix!r}: ''}}" in text
    for name, value in model.weights().items():
        np.testing.assert_array_equal(value, before[name])
    assert model.load_weights(path, rename={prefix: ""}).complete


# --- files that are refused ------------------------------------------------------------


class Trap:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return (exec, ("open('sprung', 'w').close()",))


def test_nothing_in_a_file_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, module = pf.compile(SPEC, "torch"), native()
    state = module.state_dict()
    torch.save(state | {"trap": Trap()}, "trap.pth")
    torch.save(module, "module.pth")
    Path("plain.pt").write_bytes(pickle.dumps(Trap()))
    np.savez("trap.npz", trap=np.array([Trap()], object))
    Path("cut.pth").write_bytes(Path("module.pth").read_bytes()[:-100])
    Path("empty.pth").write_bytes(b"")
    torch.save({"net": state, "accuracy": 0.5}, "nested.pth")
    torch.save(torch.zeros(3), "tensor.pth")
    alone = (
        "(save the weights alone where it was made: torch.save(model.state_dict(), fi"
    )
    cases = {
        "trap.pth": f"holds more than weights (exec), which is not executed {alone}",
        "module.pth": f"), which is not executed {alone}",
        "plain.pt": "plain.pt: ",
        "trap.npz": "Object arrays cannot be loaded",
        "cut.pth": "is not a whole PyTorch file: ",
        "empty.pth": "is not a whole PyTorch file: EOFError (cut off?)",
        "nested.pth": "holds no state_dict, neither by itself nor under state_dict, "
        f"model_state_dict, model; it holds 'net', 'accuracy' {alone}",
        "tensor.pth": "it holds Tensor",
    }  # fmt: skip
    for name, message in cases.items():
        text = fails(pf.WeightsError, lambda n=name: model.load_weights(n), message)
        assert text.startswith(f"{name}: ") and "weights_only" not in text
    assert not Path("sprung").exists()


def test_other_files_are_named(tmp_path, monkeypatch):
    model = pf.compile(SPEC, "torch")
    own = "which has names and layouts of its own (what model.native."
    cases = {
        "w.h5": f"is a file of TensorFlow, {own}save_weights wrote: ",
        "w.weights.KERAS": f"is a file of TensorFlow, {own}save_weights wrote: ",
        "w.params": f"is a file of MXNet Gluon, {own}save_parameters wrote: ",
        "w.onnx": ".onnx is not known for files of weights; known: .safetensors, .npz, ",
        "weights": "a name without a suffix is not known for files of weights; known: ",
    }
    for name, message in cases.items():
        (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        path = tmp_path / name
        text = fails(pf.WeightsError, lambda p=path: model.load_weights(p), message)
        assert text.startswith(f"{path}: ")
    torch.save(native().state_dict(), path := tmp_path / "w.pth")
    backend = type(registry.get("torch"))
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    fails(
        pf.WeightsError,
        lambda: model.load_weights(path),
        f"{path}: PyTorch 2.5.1+cpu does not read files of strangers safely (install 2.6",
    )
    monkeypatch.setattr(backend, "probe", lambda self: Probe(False, None, problem="no"))
    fails(
        pf.WeightsError,
        lambda: model.load_weights(path),
        'is a file of PyTorch, which is not usable: no (pip install "polyframe[torch]", '
        "or convert it where PyTorch is installed: safetensors.torch.save_file(",
    )


# --- the other way -----------------------------------------------------------------------


@pytest.mark.parametrize("optimize", [True, False])
def test_the_native_state_dict_can_be_saved(tmp_path, optimize):
    """Kernels in channels_last are not contiguous, which safetensors ask for; their
    copies in a state_dict are."""
    model = pf.compile(SPEC, "torch", "cross_entropy", optimize=optimize)
    assert model.native.conv.weight.is_contiguous() is not optimize
    state = model.native.state_dict()
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    safetensors.torch.save_model(model.native, tmp_path / "b.safetensors")
    model.save_weights(tmp_path / "c.safetensors")
    for name in "abc":
        other = pf.compile(SPEC, "torch", seed=5)
        assert other.load_weights(tmp_path / f"{name}.safetensors").complete
        for key, value in other.weights().items():
            np.testing.assert_array_equal(value, model.weights()[key])
    module = native()
    module.load_state_dict(safetensors.torch.load_file(tmp_path / "c.safetensors"))


@pytest.mark.parametrize(
    ("backend", "suffix", "save", "load"),
    [
        ("tensorflow", ".weights.h5", "save_weights", "load_weights"),
        ("mxnet", ".params", "save_parameters", "load_parameters"),
    ],
)
def test_files_of_the_native_model_go_through_it(tmp_path, backend, suffix, save, load):
    """As the error for such a file says."""
    first, second = (pf.compile(SPEC, backend, seed=seed) for seed in (1, 2))
    path = str(tmp_path / f"own{suffix}")
    if backend == "tensorflow":  # which saves no model before its first call
        for model in (first, second):
            model.native(np.zeros((1, 6, 6, 2), "float32"))
    getattr(first.native, save)(path)
    getattr(second.native, load)(path)
    for name, value in second.weights().items():
        np.testing.assert_array_equal(value, first.weights()[name])
