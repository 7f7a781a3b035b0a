"""Bad weights, batches and backends: one clear message, nothing half-done."""

# ruff: noqa: E501 - one line per case

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.backends.pytorch.backend import Torch
from polyframe.contract import registry
from polyframe.contract.backend import Probe
from polyframe.train.arrays import Batches

TINY = pf.Sequential(
    [pf.Dense(3, name="fc1"), pf.ReLU(), pf.Dense(2, name="fc2")], (4,)
)


@pytest.fixture(scope="module")
def tiny() -> pf.Model:
    return pf.compile(TINY, "torch", "cross_entropy", seed=1)


def test_weights(tiny: pf.Model, tmp_path: Path) -> None:
    before = tiny.weights()
    good = {name: value + 1 for name, value in before.items()}
    whole = tmp_path / "whole.safetensors"
    tiny.save_weights(whole)
    data = whole.read_bytes()
    (cut := tmp_path / "cut.safetensors").write_bytes(data[:-5])
    (head := tmp_path / "head.safetensors").write_bytes(data[:20])
    (lie := tmp_path / "lie.safetensors").write_bytes(b"\xff" * 8 + data[8:])
    (empty := tmp_path / "empty.safetensors").write_bytes(b"")
    cases: list[tuple[Any, str]] = [
        ({k: v for k, v in good.items() if k != "fc2.bias"}, "weights: 'fc2.bias' is missing"),
        (good | {"fc2.bais": good["fc2.bias"]}, "weights: 'fc2.bais' is not in the model. Did"),
        (good | {"fc1.weight": good["fc1.weight"].T},
         "weights: 'fc1.weight' is (4, 3), the model's (3, 4)"),
        (good | {"fc1.bias": np.arange(3)}, "weights: 'fc1.bias' holds int64, not floating"),
        (good | {"fc1.bias": [[1], [2, 3]]}, "weights: 'fc1.bias' is not an array"),
        ({}, "'fc1.weight' is missing; 'fc1.bias' is missing; 'fc2.weight' is missing; "),
        ({"x\ny": 1, 3: 2}, "'x\\ny' is not in the model."),
        ({"q" * 9999: 1}, "is not in the model."),
        (3, "weights: got int; a mapping of names to arrays, or a file's path is needed"),
        (tmp_path / "none.safetensors", "none.safetensors: there is no such file"),
        (tmp_path, "cannot be read: Is a directory"),
        *((path, f"{path}: is not a whole safetensors file: ") for path in (cut, head, lie, empty)),
    ]  # fmt: skip
    for source, message in cases:
        fails(pf.WeightsError, lambda source=source: tiny.load_weights(source), message)  # type: ignore[misc]
        for name, value in tiny.weights().items():  # all or nothing
            np.testing.assert_array_equal(value, before[name])
    tiny.load_weights(str(whole))


def test_weights_are_written_whole_or_not_at_all(
    tiny: pf.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.safetensors"
    tiny.save_weights(path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    fails(
        pf.PolyframeError,
        lambda: tiny.save_weights(path),
        "w.safetensors: cannot be written",
    )
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


GOOD, LABELS = np.zeros((5, 4), "float32"), np.zeros(5, "int64")


def changed(index: Any, value: Any, array: np.ndarray = GOOD) -> np.ndarray:
    array = array.copy()
    array[index] = value
    return array


BATCHES: list[tuple[Any, Any, str]] = [
    (changed((3, 1), np.nan), LABELS, "x (x): sample 3 holds NaN or infinity"),
    (changed((2, 0), -np.inf), LABELS, "x (x): sample 2 holds NaN or infinity"),
    (GOOD[:0], LABELS[:0], "x (x): has no samples"),
    (
        GOOD[0],
        LABELS,
        "x (x): is (4,); (N, 4) is needed (one sample? x[None] makes a batch",
    ),
    (np.float32(3), LABELS, "x (x): is (); (N, 4) is needed"),
    (np.zeros((5, 3)), LABELS, "x (x): is (5, 3); (N, 4) is needed"),
    ([[1, 2], [3]], LABELS, "x: is not an array: "),
    (np.array(["a"] * 5), LABELS, "x: holds <U1, not numbers"),
    (GOOD + 1j, LABELS, "x: holds complex64, not numbers"),
    (None, LABELS, "x: holds object, not numbers"),
    (
        GOOD,
        LABELS + 2,
        "y: label 2 at sample 0 is outside 0..1 (as many outputs as classes",
    ),
    (GOOD, changed(4, -1, LABELS), "y: label -1 at sample 4 is outside 0..1"),
    (
        GOOD,
        LABELS.astype("float32"),
        "y: is float32 (5,); cross_entropy takes integer labels",
    ),
    (
        GOOD,
        np.eye(5, 2, dtype=int),
        "y: is int64 (5, 2); cross_entropy takes integer labels",
    ),
    (GOOD, LABELS[:3], "y: has 3 targets for 5 samples"),
    (GOOD, 1, "y: has a single number targets for 5 samples"),
    (GOOD, "01010", "y: holds <U5, not numbers"),
]


@pytest.mark.parametrize(
    ("data", "labels", "message"), BATCHES, ids=[b[2][:40] for b in BATCHES]
)
def test_batches(tiny: pf.Model, data: Any, labels: Any, message: str) -> None:
    before = tiny.weights()
    for call in (tiny.train_step, tiny.evaluate, tiny.gradients, tiny.fit):
        fails(pf.DataError, lambda call=call: call(data, labels), message)  # type: ignore[misc]
    if message.startswith("x"):
        fails(pf.DataError, lambda: tiny.predict(data), message)
    for name, value in tiny.weights().items():
        np.testing.assert_array_equal(value, before[name])


def test_batches_of_several_inputs_and_of_values() -> None:
    a, b = pf.Input((3, 2, 2), name="a"), pf.Input((2,), name="b")
    spec = pf.ModelSpec([a, b], pf.Dense(2)(pf.Concat()(pf.Flatten()(a), b)))
    model = pf.compile(spec, "torch", "mse")
    one, two, y = np.zeros((4, 3, 2, 2)), np.zeros((4, 2)), np.zeros((4, 2))
    assert model.train_step([one, two], y) >= 0
    for inputs, target, message in (
        (one, y, "x: got 1 arrays, the model takes 2"),
        ([one, two, two], y, "x: got 3 arrays, the model takes 2"),
        ([one, two[:3]], y, "x: inputs differ in length: [4, 3]"),
        ([one.transpose(0, 2, 3, 1), two], y, 'x (a): is (4, 2, 2, 3); (N, 3, 2, 2) is needed '
         '(layout="NHWC" says that channels come last)'),
        ([one, two], y[:, 0], "y: is (4,); (N, 2) is needed"),
        ([one, two], y * np.nan, "y: sample 0 holds NaN or infinity"),
        ([one, two], y[:3], "y: has 3 targets for 4 samples"),
    ):  # fmt: skip
        fails(pf.DataError, lambda i=inputs, t=target: model.train_step(i, t), message)  # type: ignore[misc]
    fails(
        pf.DataError,
        lambda: model.predict([one, two], layout="CHWN"),
        "layout is 'CHWN'",
    )
    for size in (0, 1.5, True, "3"):
        fails(
            pf.DataError,
            lambda size=size: Batches([one], size),
            "; a whole number from 1",
        )  # type: ignore[misc]


def test_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(
        pf.BackendError,
        lambda: pf.compile(TINY, "pytorch"),
        "unknown backend 'pytorch'.",
    )
    fails(
        pf.BackendError,
        lambda: pf.compile(TINY, "troch"),
        "Did you mean 'torch'? (registered:",
    )
    fails(
        pf.BackendError,
        lambda: pf.compile(TINY, device="tpu"),
        "unknown device 'tpu' ('auto'",
    )
    fails(
        pf.BackendError,
        lambda: pf.compile(TINY, device="gpu:99"),
        "device 'gpu:99' is not there",
    )
    fails(
        pf.PolyframeError,
        lambda: pf.compile(TINY, dtype="int8"),
        "compile: dtype: got 'int8'; ",
    )
    fails(
        pf.SpecError,
        lambda: pf.compile(TINY, loss="mes"),
        "loss: unknown loss 'mes'. Did you",
    )
    relu = pf.Sequential([pf.ReLU(name="r")], (3, 2, 2), name="only_relu")
    fails(
        pf.SpecError,
        lambda: pf.compile(relu, loss="multi_margin"),
        "takes logits (classes,)",
    )
    fails(
        pf.SpecError,
        lambda: pf.compile(relu, loss="mse"),
        "only_relu: has no weights to train",
    )
    gone = Probe(False, None, problem="ModuleNotFoundError: No module named 'torch'")
    monkeypatch.setattr(Torch, "probe", lambda self: gone)
    text = fails(
        pf.BackendError, lambda: pf.compile(TINY), "torch: PyTorch is not usable: "
    )
    assert re.search(r"\(install it with: pip install .*\)$", text)


def test_every_unsupported_node_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        k: v
        for k, v in registry.get("torch").table.items()
        if k not in ("ReLU", "Dense")
    }
    monkeypatch.setattr(Torch, "table", table)
    fails(pf.UnsupportedError, lambda: pf.compile(TINY), "model: the torch backend cannot run 3 of "
          "the nodes: fc1 (Dense): this backend has no entry for it; relu1 (ReLU): this backend")  # fmt: skip
