"""Data sets from folders of arrays and images, and rows of memory maps."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.data_files import BYTES, LABELS, bad, npy, pictures, rng, save
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from polyframe import data
from polyframe.cli import cli
from polyframe.data import batch_of, images
from polyframe.data.rows import is_mapped
from polyframe.data.split import split_rows
from polyframe.errors import DataError
from polyframe.spec.augmentations import Normalize

# --- rows ------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    st.sampled_from(["u1", "<f4", ">f4", "<f8", ">f8", "<f2", "<i8"]),
    st.lists(st.integers(0, 11), max_size=20),
    st.sampled_from(["C", "F", "NHWC"]),
)
def test_batch_of_is_the_same_from_memory_and_from_a_map(dtype, index, layout):
    x = BYTES.astype(dtype)
    if layout == "F":
        x = np.asfortranarray(x)
    np.save("x.npy", x.transpose(0, 2, 3, 1) if layout == "NHWC" else x)
    mapped = np.load("x.npy", mmap_mode="r")
    if layout == "NHWC":
        mapped = mapped.transpose(0, 3, 1, 2)
    assert is_mapped(mapped) and is_mapped(np.asarray(mapped)) and not is_mapped(x)
    wanted = BYTES / np.float32(255) if dtype == "u1" else BYTES
    kind = {"<f8": "f8", ">f8": "f8", "<i8": "i8"}.get(dtype, "f4")
    rows = np.array(index, np.int64)
    for array in (x, mapped):
        for part in (rows, slice(3, 7), slice(10, 99)):
            batch = batch_of(array, part)
            np.testing.assert_array_equal(batch, wanted[part].astype(kind))
            assert type(batch) is np.ndarray and batch.dtype == kind
            assert batch.dtype.isnative and batch.flags.c_contiguous


def test_batch_of_is_a_view_where_it_can_be():
    x = BYTES.astype("float32")
    assert np.shares_memory(batch_of(x, slice(2, 5)), x)
    assert not np.shares_memory(batch_of(x, np.arange(3)), x)


# --- .npy folders ----------------------------------------------------------------


def test_npy_folder():
    weights = np.arange(12)
    npy(x_train=BYTES, y_train=LABELS, x_test=BYTES[:2], y_test=LABELS[:2],
        w_train=weights, x_val=BYTES[:3], y_val=LABELS[:3])  # fmt: skip
    made = data.load("set")
    x, y = made.train
    assert is_mapped(x) and is_mapped(made.test[0]) and x.dtype == np.uint8
    assert is_mapped(made.validation[0]) and made.validation[1].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(x, BYTES)
    assert y.tolist() == LABELS.tolist() and y.dtype == np.int64
    assert (made.name, made.source) == ("set", "folder set")
    assert made.weights.dtype == np.float32 and made.weights.tolist() == [*range(12)]
    assert made.num_classes == 3 and "validation=3, test=2, input" in repr(made)
    npy("grey", x_train=BYTES[:, 0].astype(">f4"), y_train=rng.random((12, 2)))
    made = data.load(Path("grey"))
    assert made.input_shape == (1, 6, 5) and made.num_classes is None
    assert is_mapped(made.train[0]) and is_mapped(made.train[1])
    npy("last", x_train=BYTES.transpose(0, 2, 3, 1), y_train=LABELS)
    made = data.load("last", layout="NHWC")
    assert is_mapped(made.train[0]) and made.weights is None
    np.testing.assert_array_equal(made.train[0], BYTES)


def test_home_is_resolved(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    npy(x_train=BYTES, y_train=LABELS)
    np.savez("s.npz", x=BYTES, y=LABELS)
    Path("s.csv").write_text("label,pixel0\n0,1\n")
    for name in ("~/set", "~/s.npz", "~/s.csv"):
        assert len(data.load(name).train[0]) in (12, 1)


def test_maps_are_never_copied_as_a_whole():
    shape = (2000, 1, 100, 100)  # 80 MB of zeros, which the disk does not store
    Path("set").mkdir()
    for key in ("x_train", "y_train"):
        np.lib.format.open_memmap(f"set/{key}.npy", "w+", "float32", shape)
    tracemalloc.start()
    made = data.load("set")
    op = Normalize().resolved(made.train[0])
    rows = split_rows(2000, 0.2, 0).train
    assert data.resolve([Normalize()], made.train[0], rows) == (op,)
    batch_of(made.train[0], np.arange(64))
    result = CliRunner().invoke(cli, ["data", "info", "set"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.exit_code == 0 and Path("set.png").exists()
    assert op == Normalize(0, 1)
    assert peak < 32e6


def test_npy_folder_bad_files():
    bad("set: there is no y_train.npy (allowed in the folder: x_t", npy(x_train=BYTES))
    bad("there is no x_train.npy", npy("y", y_train=LABELS))
    bad("y_test is given without x_test", npy(y_train=LABELS, y_test=LABELS))
    Path("set/y_test.npy").unlink()
    bad("there is no option 'size'.", "set", size=3)
    nan = BYTES.astype("f8")
    nan[7] = np.nan
    bad("set, train: x holds NaN or infinity, first at sample 7", npy(x_train=nan))
    bad("x is of type int64 (allowed: uint8", npy(x_train=BYTES.astype(int)))
    npy(x_train=BYTES)
    for weights, message in (
        (
            LABELS[:3],
            "set, train: the weights are int64 (3,); numbers (12,) are needed",
        ),
        (LABELS - 1.0, "weight -1.0 at sample 0 is not allowed (a weight is a finite"),
        (np.full(12, np.nan), "weight nan at sample 0"),
        (LABELS * 0, "all weights are 0"),
        (np.array(["a"] * 12), "the weights are <U1 (12,)"),
    ):
        bad(message, npy(w_train=weights))
    whole = Path("set/x_train.npy").read_bytes()
    for end in (0, 5, 60, len(whole) // 2, len(whole) - 1):
        Path("set/x_train.npy").write_bytes(whole[:end])
        bad("x_train.npy: the file is damaged or of another kind: ", "set")
    Path("set/x_train.npy").write_bytes(pickle.dumps([1]))
    bad("set/x_train.npy: the file is damaged or of another kind: ", "set")
    np.save("set/x_train.npy", np.array([None] * 12), allow_pickle=True)
    bad("Python objects in dtype", "set")
    np.savez("x.npz", x=BYTES)
    shutil.move("x.npz", "set/x_train.npy")
    bad("set/x_train.npy: the file is an .npz archive", "set")


def test_npz_takes_weights():
    np.savez("s.npz", x=BYTES, y=LABELS, w_train=LABELS)
    assert data.load("s.npz").weights.tolist() == LABELS.tolist()
    np.savez("s.npz", x=BYTES, y=LABELS, w_train=-LABELS)
    bad("s.npz, train: weight -1 at sample 1 is not allowed", "s.npz")
    made = data.from_arrays(BYTES, LABELS, weights=[0.5] * 12)
    assert made.weights.tolist() == [0.5] * 12
    whole = Path("s.npz").read_bytes()
    Path("s.npz").write_bytes(whole[: len(whole) // 2])
    bad("s.npz: the file is damaged", "s.npz")


# --- image folders ---------------------------------------------------------------


def test_image_folder():
    x = pictures()
    Path("set/.hidden").mkdir()
    Path("set/cat/notes.txt").write_text("not an image")
    Path("set/cat/.x.png").write_text("hidden")
    made = data.load("set")
    assert made.train[0].dtype == np.uint8 and made.test is None
    np.testing.assert_array_equal(made.train[0], x)
    assert made.train[1].tolist() == [0, 0, 1, 1, 2, 2]
    assert made.classes == ("cat", "dog", "eel") and made.source == "folder set"
    np.testing.assert_array_equal(
        batch_of(made.train[0], slice(None)), x.astype("float32") / np.float32(255)
    )


def test_image_folder_with_splits():
    train = pictures("set/train")
    val = pictures("set/val", classes=["dog"], start=6)
    made = data.load("set")
    np.testing.assert_array_equal(made.train[0], train)
    np.testing.assert_array_equal(made.validation[0], val)
    assert made.validation[1].tolist() == [1, 1] and made.test is None
    test = pictures("set/test", classes=["eel"], start=8)
    made = data.load("set")
    np.testing.assert_array_equal(made.test[0], test)
    np.testing.assert_array_equal(made.validation[0], val)
    shutil.rmtree("set/val")
    pictures("set/test", classes=["dgo"])
    bad("0.png: class 'dgo' is not among the classes to train on. Did you mean 'dog'?",
        "set")  # fmt: skip
    pictures("only/train", count=1)
    assert data.load("only").test is None


def test_image_modes_and_sizes():
    grey = BYTES[:, 0]
    for i, name in enumerate(["a", "b"]):
        save(f"set/{name}/x.png", grey[i])
    np.testing.assert_array_equal(data.load("set").train[0], grey[:2, None])
    coloured = data.load("set", channels=3).train[0]
    np.testing.assert_array_equal(coloured, grey[:2, None].repeat(3, 1))
    save("set/b/y.png", BYTES[2])
    bad("set/b/y.png: is in colour, the set's first image is grey (channels=1", "set")
    made = data.load("set", channels=1).train[0]
    luma = Image.fromarray(BYTES[2].transpose(1, 2, 0)).convert("L")
    np.testing.assert_array_equal(made[2, 0], np.asarray(luma))
    save("set/b/y.png", grey[0, :3])
    message = "set/b/y.png: is 3 x 5 pixels, the set's first image 6 x 5 (size=[he"
    bad(message, "set")
    made = data.load("set", size=[6, 5]).train[0]
    np.testing.assert_array_equal(made[:2], grey[:2, None])
    resized = Image.fromarray(grey[0, :3]).resize((5, 6), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(made[2, 0], np.asarray(resized))
    assert data.load("set", size=7).input_shape == (1, 7, 7)
    Path("set/b/y.png").unlink()
    for options, text in (
        ({"channels": 2}, "set: channels is 2 (allowed: 1 (grey) or 3 (red, gr"),
        ({"channels": True}, "channels is True"),
        ({"size": [3]}, "set: size is [3] (allowed: [height, width], each a whole num"),
        ({"size": [0, 3]}, "size is [0, 3]"),
        ({"size": 5000}, "size is 5000"),
        ({"size": "big"}, "size is 'big'"),
        ({"szie": 3}, "set: there is no option 'szie'. Did you mean 'size'?"),
    ):
        bad(text, "set", **options)


def test_odd_pictures_are_brought_to_bytes():
    """Palettes, transparency, one bit, JPEG and BMP; what has more bits is refused."""
    colours = Image.fromarray(BYTES[0].transpose(1, 2, 0))
    Path("set/a").mkdir(parents=True)
    palette = colours.quantize(8)
    palette.save("set/a/1.png")
    palette.save("set/a/2.gif", transparency=1)
    palette.save("set/a/3.png", transparency=bytes([0, 128] * 4))
    colours.convert("RGBA").save("set/a/4.png")
    colours.convert("1").save("set/a/5.bmp")
    colours.save("set/a/6.JPG", quality=95)
    colours.save("set/a/7.ppm")
    x = data.load("set").train[0]
    flat = np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    for i in range(3):
        np.testing.assert_array_equal(x[i], flat)
    for i in (3, 6):
        np.testing.assert_array_equal(x[i], BYTES[0])
    assert set(np.unique(x[4])) <= {0, 255}
    Image.fromarray(np.zeros((6, 5), np.uint16)).save("set/a/8.png")
    bad("set/a/8.png: has more than 8 bits a channel (mode I;16) (save it with", "set")


def test_image_folder_bad_files(monkeypatch):
    Path("set").mkdir()
    bad("set: has no class folders with images (allowed: FOLDER/class/", "set")
    x = pictures()
    whole = Path("set/dog/0.png").read_bytes()
    for end in range(len(whole)):
        Path("set/dog/0.png").write_bytes(whole[:end])
        try:
            made = data.load("set")
        except DataError as error:
            assert str(error).startswith("set/dog/0.png: ")
            assert str(error).isprintable() and len(str(error)) < 300
        else:  # only check sums are missing
            np.testing.assert_array_equal(made.train[0], x)
    Path("set/dog/0.png").write_bytes(whole[: len(whole) // 2])
    text = "the file cannot be read: image file is truncated"
    text = bad(f"set/dog/0.png: {text}", "set")
    assert text.endswith("(save the file anew, or take it out of the data)")
    Path("set/dog/0.png").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    )
    bad("set/dog/0.png: is not an image (allowed: BMP, GIF, JPEG", "set")
    Path("set/dog/0.png").write_bytes(whole)
    for pixels in (29, 14):  # more than the limit, and more than twice the limit
        with monkeypatch.context() as patch:
            patch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
            bad("set/cat/0.png: is too large: Image size (30 pixels) exceeds", "set")
    shutil.rmtree("set/dog")
    Path("set/dog/inner").mkdir(parents=True)
    bad("set/dog/inner: is a folder inside a class folder", "set")
    Path("set/dog/inner").rmdir()
    bad("set/dog: the class folder has no images (suffixes of images: .bmp", "set")


def test_large_sets_are_mapped_from_the_cache(here, monkeypatch):
    x = pictures("set/train")
    pictures("set/test", classes=["cat"])
    monkeypatch.setattr(images, "LIMIT", 6 * 90 - 1)
    made = data.load("set")
    assert is_mapped(made.train[0]) and not is_mapped(made.test[0])
    np.testing.assert_array_equal(made.train[0], x)
    (file,) = (here / "cache" / "images").iterdir()
    read = images.read
    monkeypatch.setattr(images, "read", lambda *_: pytest.fail("decoded again"))
    save("set/test/cat/0.png", BYTES[0])
    shutil.rmtree("set/test")
    np.testing.assert_array_equal(data.load("set").train[0], x)
    monkeypatch.setattr(images, "read", read)
    file.write_bytes(file.read_bytes()[:-1])  # damaged: made anew
    np.testing.assert_array_equal(data.load("set").train[0], x)
    assert data.load("set", channels=1).input_shape == (1, 6, 5)  # another form
    os.utime("set/train/dog/0.png", ns=(1, 1))
    save("set/train/dog/0.png", 255 - x[2])
    np.testing.assert_array_equal(data.load("set").train[0][2], 255 - x[2])
    count = len(list((here / "cache" / "images").iterdir()))

    def full(*_):
        raise OSError(28, "No space left on device")

    save("set/train/dog/1.png", 255 - x[3])
    os.utime("set/train/dog/1.png", ns=(1, 1))
    monkeypatch.setattr(os, "fsync", full)
    text = bad("GiB of images cannot be written: No space left on device", "set")
    assert "(set POLYFRAME_CACHE to a folder with room)" in text
    Path("set/train/dog/1.png").write_bytes(b"")
    bad("set/train/dog/1.png: is not an image", "set")
    assert len(list((here / "cache" / "images").iterdir())) == count


def test_without_pillow(monkeypatch):
    pictures()
    monkeypatch.setitem(sys.modules, "PIL", None)
    way = 'pip install "polyframe[images]"'
    bad(f"images need Pillow, which is not installed ({way})", "set")
    done = CliRunner().invoke(cli, ["data", "info", "digits"])
    assert done.exit_code == 0 and way in done.stdout and "classes: 10" in done.stdout
