"""What a data set's name may be, and `data info`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner
from helpers.data_files import BYTES, LABELS, bad, npy, pictures
from PIL import Image

from polyframe import data
from polyframe.cli import cli


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
