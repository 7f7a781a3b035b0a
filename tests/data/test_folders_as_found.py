"""Image folders as people have them: turned by cameras, packed by macOS, with several
held-out folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.data_files import BYTES, bad, pictures, save
from PIL import Image

from polyframe import data
from polyframe.cli import cli
from polyframe.data import images

# The stored pixels (H, W, C) as every viewer shows them, by the tag's value (EXIF 2.32,
# table 6): what is the first row and the first column.
SHOWN = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),  # by a quarter clockwise
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def turned(orientation):
    """EXIF data with that orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_images_are_turned_as_cameras_held_them(suffix, orientation):
    options = {"lossless": True} if suffix == "webp" else {}
    for name, pixels in zip("ab", BYTES, strict=False):
        save(f"set/{name}/x.{suffix}", pixels, exif=turned(orientation), **options)
    made = data.load("set")
    for x, pixels in zip(made.train[0], BYTES, strict=False):
        shown = SHOWN[orientation](pixels.transpose(1, 2, 0))
        np.testing.assert_array_equal(x, shown.transpose(2, 0, 1))
    assert made.input_shape == ((3, 6, 5) if orientation < 5 else (3, 5, 6))


def test_turned_among_others(monkeypatch, here):
    """A set's images need one size as they are shown; a resize comes after the turn, and
    what was decoded before is not taken for it."""
    upright = BYTES[0].transpose(1, 2, 0)
    stored = np.rot90(upright, 1)  # shown by a quarter clockwise
    save("set/a/x.png", upright.transpose(2, 0, 1))
    save("set/b/x.png", stored.transpose(2, 0, 1), exif=turned(6))
    x = data.load("set").train[0]
    np.testing.assert_array_equal(x[0], x[1])
    resized = data.load("set", size=[3, 4], channels=1).train[0]
    np.testing.assert_array_equal(resized[0], resized[1])
    monkeypatch.setattr(images, "LIMIT", 1)
    np.testing.assert_array_equal(data.load("set").train[0], x)
    monkeypatch.setattr(images, "DECODING", images.DECODING - 1)
    data.load("set")
    assert len(list((here / "cache" / "images").iterdir())) == 2


def test_damaged_exif_leaves_the_pixels():
    for data_of in (b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\xff", b"nonsense" * 4):
        for name in "ab":
            save(f"set/{name}/x.png", BYTES[0], exif=data_of)
        np.testing.assert_array_equal(data.load("set").train[0][0], BYTES[0])


def test_what_programs_leave_is_no_class():
    x = pictures("set/train")
    for name in ("__MACOSX", ".ipynb_checkpoints", ".thumbnails"):
        pictures(f"set/train/{name}", classes=["cat"])
        pictures(f"set/{name}", classes=["cat"])
        pictures("set/train/cat", classes=[name])
    Path("set/train/cat/._0.png").write_bytes(b"a resource fork")
    made = data.load("set")
    assert made.classes == ("cat", "dog", "eel")
    np.testing.assert_array_equal(made.train[0], x)
    pictures("flat")
    pictures("flat/__MACOSX", classes=["cat"])
    assert data.load("flat").classes == ("cat", "dog", "eel")


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test"])
def test_each_name_of_held_out_data_is_known(name):
    pictures("set/train")
    held_out = pictures(f"set/{name}", classes=["dog"], start=6)
    made = data.load("set")
    part = made.test if name == "test" else made.validation
    np.testing.assert_array_equal(part[0], held_out)
    assert made.evaluated == ("test" if name == "test" else "validation", part)
    assert (made.test is None) == (name != "test") and made.source == "folder set"


def test_a_held_out_folder_that_is_not_read_is_named():
    pictures("set/train")
    test = pictures("set/test", classes=["dog"], start=6)
    val = pictures("set/val", classes=["dog"], start=3)
    pictures("set/valid", classes=["cat"])
    text = "valid not read, val is used"
    with pytest.warns(UserWarning) as told:
        made = data.load("set")
    assert [str(each.message) for each in told] == [f"set: {text}"]
    np.testing.assert_array_equal(made.test[0], test)
    np.testing.assert_array_equal(made.validation[0], val)
    assert made.source == f"folder set; {text}"
    done = CliRunner().invoke(cli, ["data", "info", "set"])
    assert (done.exit_code, done.stderr) == (0, f"warning: set: {text}\n")
    pictures("set/valid", classes=["bad"])  # not read
    Path("set/test/dog/0.png").unlink()
    Path("set/test/dog/1.png").unlink()
    pictures("set/test", classes=["dgo"])
    with pytest.warns(UserWarning, match="valid not read"):
        bad("class 'dgo' is not among the classes to train on", "set")
