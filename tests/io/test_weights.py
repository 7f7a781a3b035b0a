"""Files of arrays: what is read, and what is refused in one line."""

from __future__ import annotations

import io
import json
import zipfile

import ml_dtypes
import numpy as np
import pytest
from helpers.failing import fails
from safetensors.numpy import save

import polyframe as pf
from polyframe.io import weights

VALUES = np.array([[1.5, -2.0], [3e38, 0.0078125]])


def test_bfloat16_is_read_exactly(tmp_path):
    """Every number that bfloat16 has, but for its NaNs."""
    bits = np.arange(2**16, dtype="<u2")
    all_of_them = bits.view(ml_dtypes.bfloat16)
    kept = bits[~np.isnan(all_of_them.astype("f4"))].reshape(2, -1)
    entry = {"dtype": "BF16", "shape": kept.shape, "data_offsets": (0, kept.nbytes)}
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + kept.tobytes())
    read = weights.load(path)["w"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, kept.view(ml_dtypes.bfloat16).astype("f4"))


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?"])
def test_other_types_are_read_as_they_are(tmp_path, dtype):
    values = {
        "w": np.arange(6).reshape(2, 3).astype(dtype),
        "scalar": np.zeros((), dtype),
    }
    (tmp_path / "w.safetensors").write_bytes(save(values))
    np.savez(tmp_path / "w.npz", **values)
    for name in ("w.safetensors", "w.npz"):
        read = weights.READERS[f".{name[2:]}"](tmp_path / name)
        assert read.keys() == values.keys()
        for key, value in values.items():
            assert read[key].dtype == value.dtype
            np.testing.assert_array_equal(read[key], value)


def test_types_that_are_not_read_are_named(tmp_path):
    header = b'{"q": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}'
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"ab")
    message = f"{path}: 'q': holds 'F8_E4M3', which is not read (read: BF16, F64, F32, "
    fails(pf.WeightsError, lambda: weights.load(path), message)


def test_npz_files_that_are_refused(tmp_path):
    whole, objects = io.BytesIO(), io.BytesIO()
    np.savez_compressed(whole, w=VALUES)
    np.savez(objects, w=np.array([print], object))
    single = io.BytesIO()
    np.save(single, VALUES)
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("w.npy", "not an array")
    cases = {
        "objects": (
            objects.getvalue(),
            "Object arrays cannot be loaded when allow_pickle=",
        ),
        "single": (single.getvalue(), "it holds one array, without a name"),
        "cut": (whole.getvalue()[:-30], "(made by np.savez(file, **arrays))"),
        "text": (
            text.getvalue(),
            "'w' is not an array (made by np.savez(file, **arrays))",
        ),
        "empty": (b"", "(made by np.savez(file, **arrays))"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        text_of = fails(pf.WeightsError, lambda p=path: weights.load_npz(p), message)
        assert text_of.startswith(f"{path}: is not a whole .npz file of plain arrays: ")
    missing = tmp_path / "none.npz"
    fails(pf.WeightsError, lambda: weights.load_npz(missing), "there is no such file")
