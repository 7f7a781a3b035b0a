"""Data sets from folders and CSV files, rows of memory maps, and `data info`."""

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
from helpers.failing import fails
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from polyframe import data
from polyframe.cli import cli
from polyframe.data import batch_of, images
from polyframe.data.rows import is_mapped
from polyframe.errors import DataError
from polyframe.spec.augmentations import Normalize

rng = np.random.default_rng(0)
BYTES = rng.integers(0, 256, (12, 3, 6, 5), np.uint8)
LABELS = np.arange(12) % 3


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a folder and a cache of its own; none sees the user's."""
    monkeypatch.setenv("POLYFRAME_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bad(message, name, **options):
    """Loading it gives one DataError that holds that text."""
    return fails(DataError, lambda: data.load(name, **options), message)


def npy(folder="set", **arrays):
    Path(folder).mkdir(exist_ok=True)
    for key, array in arrays.items():
        np.save(Path(folder) / f"{key}.npy", array)
    return folder


def save(path, pixels, **options):
    """(H, W) or (C, H, W) bytes as an image."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(pixels, np.uint8)
    pixels = pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)
    Image.fromarray(pixels).save(path, **options)


def pictures(folder="set", classes=("cat", "dog", "eel"), start=0, count=2, x=BYTES):
    """Some images for each class; the samples in the order of the data set."""
    made = []
    for name in classes:
        for i in range(count):
            made.append(x[(start + len(made)) % len(x)])
            save(Path(folder, name, f"{i}.png"), made[-1])
    return np.stack(made)


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
            found = batch_of(array, part)
            np.testing.assert_array_equal(found, wanted[part].astype(kind))
            assert type(found) is np.ndarray and found.dtype == kind
            assert found.dtype.isnative and found.flags.c_contiguous


def test_batch_of_is_a_view_where_it_can_be():
    x = BYTES.astype("float32")
    assert np.shares_memory(batch_of(x, slice(2, 5)), x)
    assert not np.shares_memory(batch_of(x, np.arange(3)), x)


# --- .npy folders ----------------------------------------------------------------


def test_npy_folder():
    weights = np.arange(12)
    npy(x_train=BYTES, y_train=LABELS, x_test=BYTES[:2], y_test=LABELS[:2],
        w_train=weights)  # fmt: skip
    made = data.load("set")
    x, y = made.train
    assert is_mapped(x) and is_mapped(made.test[0]) and x.dtype == np.uint8
    np.testing.assert_array_equal(x, BYTES)
    assert y.tolist() == LABELS.tolist() and y.dtype == np.int64
    assert (made.name, made.source) == ("set", "folder set")
    assert made.weights.dtype == np.float32 and made.weights.tolist() == [*range(12)]
    assert made.num_classes == 3 and "test=2, input_shape=(3, 6, 5)" in repr(made)
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
    np.testing.assert_array_equal(made.test[0], val)
    assert made.test[1].tolist() == [1, 1]
    test = pictures("set/test", classes=["eel"], start=8)
    made = data.load("set")
    np.testing.assert_array_equal(made.test[0], test)
    assert made.source == "folder set; val is left out, test is used"
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
    bad("set/b/y.png: is in colours, the set's first image is grey (channels=1", "set")
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
    bad("set/dog/0.png: the file cannot be read: image file is truncated", "set")
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


# --- CSV -------------------------------------------------------------------------


def csv(text, name="set.csv"):
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_csv_of_pictures():
    x = pictures("pics")
    csv(
        "\ufefflabel , image,split,weight\r\n"
        "dog,pics/dog/0.png,train,2\r\n"
        '"cat",pics/cat/0.png,train,0\r\n'
        "\r\n"
        "eel,pics/../pics/eel/0.png,test,\r\n".replace("pics/../", "")
        + "eel,./pics/eel/1.png,train,0.5"
    )
    made = data.load("set.csv")
    np.testing.assert_array_equal(made.train[0], x[[2, 0, 5]])
    np.testing.assert_array_equal(made.test[0], x[[4]])
    assert made.classes == ("cat", "dog", "eel") and made.train[1].tolist() == [1, 0, 2]
    assert made.weights.tolist() == [2, 0, 0.5] and made.test[1].tolist() == [2]
    assert (made.name, made.source) == ("set.csv", "file set.csv")
    csv("image,label\npics/dog/0.png,3\npics/cat/0.png,0\n")
    made = data.load("set.csv", size=[3, 3], channels=1)
    assert made.train[1].tolist() == [3, 0] and made.num_classes == 4
    assert made.input_shape == (1, 3, 3) and made.weights is None


def test_csv_of_pixels():
    lines = [",".join(map(str, [y, *x.ravel()])) for y, x in zip(LABELS, BYTES)]
    head = ",".join(["label", *(f"pixel{i}" for i in range(90))])
    csv("\n".join([head, *lines]))
    made = data.load("set.csv", shape=[3, 6, 5])
    np.testing.assert_array_equal(made.train[0], BYTES)
    assert made.train[0].dtype == np.uint8 and made.train[1].tolist() == [*LABELS]
    assert data.load("set.csv").input_shape == (90,)
    csv("pixel0,label,split,pixel1\n1,a,val,2\n3,b,train,4\n5,a,train,6\n7,b,test,8\n")
    made = data.load("set.csv")
    assert made.train[0].tolist() == [[3, 4], [5, 6]] and made.classes == ("a", "b")
    assert made.test[0].tolist() == [[7, 8]] and "val is left out" in made.source
    for shape, text in (
        ([1, 2], "set.csv: shape is [1, 2]; [channels, height, width] is needed"),
        ([1, 2, 3], "set.csv: shape (1, 2, 3) has 6 values, a row 2 pixels"),
        ("x", "shape is 'x'"),
    ):
        bad(text, "set.csv", shape=shape)
    bad("set.csv: there is no size for a table of pixels", "set.csv", size=3)


PIXELS = "label,pixel0,pixel1\n0,1,2\n"
FILES = "image,label,split,weight\np/cat/0.png,cat,train,1\n"
BAD_CSV = {
    "": "set.csv: has no header line (allowed: the columns image, label[,",
    "label,image\n": "set.csv: has no samples to train on",
    "image,label,label\n": "set.csv: has two columns 'label'",
    "image,lable\n": "set.csv: there is no column 'lable'. Did you mean 'label'?",
    "image,label,id\n": "there is no column 'id'.",
    "image\n": "set.csv: needs the column label, and either image or pixel0",
    "label\n": "needs the column label, and either image or pixel0",
    "label,image,pixel0\n": "needs the column label, and either image or pixel0",
    PIXELS + "1,2": "set.csv, line 3: has 2 cells, the header 3",
    PIXELS + "1,2,3,4": "set.csv, line 3: has 4 cells, the header 3",
    PIXELS + "1,2,": "set.csv, line 3: pixel '' is not a whole number from 0 to 255",
    PIXELS + "\n1,2,256": "set.csv, line 4: pixel '256' is not a whole number",
    PIXELS + "1,-1,2": "set.csv, line 3: pixel '-1' is no",
    PIXELS + "1,2,0.5": "set.csv, line 3: pixel '0.5' is no",
    PIXELS + ",2,3": "set.csv, line 3: has no label",
    PIXELS
    + "-1,2,3": "set.csv, line 3: label '-1' is not a class number (allowed: 0, 1,",
    PIXELS + "0.5,2,3": "set.csv, line 3: label '0.5' is not a class number",
    PIXELS + "99999999999,2,3": "set.csv, line 3: label '99999999999' is not a class",
    PIXELS + '1,2,"3\n4,5,6\n': "set.csv, line 4: is not a CSV table: unexpected end",
    PIXELS
    + f"1,2,{'3' * 200_000}": "set.csv, line 3: is not a CSV table: field larger",
    FILES + "p/cat/1.png,cat,trian,1": "line 3: split is 'trian'; one of train, test,",
    FILES + "p/cat/1.png,cat,train,x": "line 3: weight is 'x'; a finite number, 0 or",
    FILES + "p/cat/1.png,cat,train,-1": "line 3: weight is '-1'",
    FILES + "p/cat/1.png,cat,train,nan": "line 3: weight is 'nan'",
    FILES + "p/cat/1.png,dog,test,": "line 3: class 'dog' is not among the classes to",
    FILES + "p/cat/9.png,cat,test,": "line 3: there is no file 'p/cat/9.png'",
    FILES + "p/cat,cat,test,": "line 3: there is no file 'p/cat'",
    FILES + ",cat,test,": "line 3: image is ''; a path inside the CSV's folder is",
    FILES + "/etc/passwd,cat,test,": "line 3: image is '/etc/passwd'; a path inside",
    FILES + "../x.png,cat,test,": "line 3: image is '../x.png'; a path inside",
    FILES + "p\\..\\..\\x.png,cat,test,": "line 3: image is 'p",
    FILES + "C:\\x.png,cat,test,": "line 3: image is 'C:",
    FILES + "p/\0.png,cat,test,": "line 3: image is 'p/\\x00.png'",
    FILES + "out/0.png,cat,test,": "line 3: 'out/0.png' is a link that leads out of",
    FILES + "loop/0.png,cat,test,": "line 3: ",
    FILES + "p/text.png,cat,test,": "set.csv, line 3: p/text.png: is not an image",
    FILES + "p/small.png,cat,test,": "line 3: p/small.png: is 2 x 2 pixels, the set's",
}


@pytest.mark.parametrize("text", BAD_CSV, ids=range(len(BAD_CSV)))
def test_bad_csv_is_one_message_with_its_line(text, here, monkeypatch):
    inner = here / "inner"
    pictures(inner / "p", classes=["cat"])
    save(inner / "p/small.png", np.zeros((2, 2)))
    (inner / "p/text.png").write_text("text")
    save(here / "outside/0.png", BYTES[0])
    (inner / "out").symlink_to(here / "outside")
    (inner / "loop").symlink_to(inner / "loop")
    monkeypatch.chdir(inner)
    bad(BAD_CSV[text], csv(text))


def test_csv_of_other_bytes():
    Path("set.csv").write_bytes(PIXELS.encode() + b"1,2,\xff\n")
    bad("'utf-8' codec can't decode byte 0xff", "set.csv")
    bad("none.csv: the file does not exist (allowed: the columns", "none.csv")
    Path("dir.csv").mkdir()
    bad("dir.csv: the file cannot be read: Is a directory", "dir.csv")


def test_csv_cut_anywhere():
    pictures("p", classes=["cat"])
    for whole in (FILES + "p/cat/1.png,cat,test,1\n", PIXELS + '"1",2,3\n'):
        for end in range(len(whole)):
            try:
                data.load(csv(whole[:end]))
            except DataError as error:
                assert str(error).startswith("set.csv")


WORDS = ["label", "image", "pixel0", "pixel1", "split", "weight", "0", "1", "7"]
WORDS += ["train", "-1", "x", "a/b", "..", '"', "\0", "é", ""]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(WORDS),
            max_size=5,
        ),
        max_size=5,
    )
)  # fmt: skip
def test_any_csv_is_a_set_or_one_message(rows):
    name = csv("\n".join(",".join(row) for row in rows))
    try:
        made = data.load(name)
    except DataError as error:
        assert str(error).startswith("set.csv") and str(error).isprintable()
    else:
        assert len(made.train[0]) == len(made.train[1]) > 0


# --- names -----------------------------------------------------------------------


def test_what_a_name_may_be():
    text = "unknown data set 'nowhere'. (allowed: cifar10, digits, fashion-mnist, "
    bad(
        text + "synthetic, or a file that ends in .npz or .csv, or a folder of",
        "nowhere",
    )
    for name in ("", "\0", "x/y", "~nobody/set"):
        bad("unknown data set ", name)
    pictures()
    for name, words in {
        "set": "FOLDER/class/name.png",
        npy("n", x_train=BYTES): "x_train.npy",
        "x.csv": "image, label",
        "x.npz": "x_train, y_train",
        "digits": "shipped with polyframe",
    }.items():
        assert words in data.describe(name)
    Path("digits").mkdir()  # a folder does not hide a name of the list
    assert data.load("digits").num_classes == 10


# --- data info -------------------------------------------------------------------


def info(*words, code=0):
    done = CliRunner().invoke(cli, ["data", "info", *words])
    assert done.exit_code == code, done.output
    return done.stdout + done.stderr


def test_info_draws_a_sheet():
    x = pictures("photos", classes=["cat", "dög", "日本", "a\nb"], count=11)
    text = info("photos")
    assert "shape:   (N, 3, 6, 5) of uint8, used as x / 255" in text
    low, high = x.min() / 255, x.max() / 255
    mean, deviation = x.mean() / 255, x.std() / 255
    assert f"values:  {low:.4g} to {high:.4g}, mean {mean:.4g}, " in text
    assert f"standard deviation {deviation:.4g}" in text
    assert "images: photos.png" in text
    sheet = Image.open("photos.png")
    sheet.load()
    # 6 x 5 pixels are shown as 48 x 40, 4 pixels apart: 4 rows of 10.
    left = sheet.width - 10 * (40 + 4)
    assert sheet.height == 4 + 4 * (48 + 4) and 4 < left < 140
    pixels = np.asarray(sheet)
    made = data.load("photos")
    for row in range(4):
        for column in range(10):
            top, start = 4 + row * 52, left + column * 44
            tile = pixels[top : top + 48 : 8, start : start + 40 : 8]
            np.testing.assert_array_equal(
                tile, made.train[0][row * 11 + column].transpose(1, 2, 0)
            )
    assert (pixels[:, :left] < 128).any()  # the names


def test_info_options():
    assert "images: d.png" in info("digits", "-o", "d.png")
    assert info("digits", "--no-images") and [*Path().glob("*.png")] == [Path("d.png")]
    text = info("synthetic", "--set", "shape=[1,200,50]", "--set", "kind=regression")
    assert "(N, 1, 200, 50)" in text and "targets: (N, 1) of float32" in text
    with Image.open("synthetic.png") as sheet:
        assert sheet.size == (4 + 10 * 28, 4 + 10 * 100)
    np.savez("s.npz", x=BYTES[:, :2], y=LABELS, w_train=LABELS)
    text = info("s.npz")
    assert "weights: 0 to 2, mean 1" in text
    assert "no sheet of images: samples of shape (2, 6, 5) are not images" in text
    np.savez("s.npz", x=BYTES - 100.0, y=LABELS + 20)  # far from 0 to 1; high labels
    assert "images: s.png" in info("s.npz")
    text = info("s.npz", "-o", "s.jpg", code=2)
    assert text == "error: s.jpg: a file ending in .png is needed\n"
    info("digits", "-o", "s.png", "--no-images", code=2)
    assert "there is no option 'name'" in info("digits", "--set", "name=3", code=2)
    text = info("synthetic", "--set", "shape=7", "-o", "s.png", code=2)
    assert "samples of shape (7,) are not images" in text
