"""Image folders with masks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.data_files import BYTES, bad, save
from PIL import Image

from polyframe import data
from polyframe.data.statistics import class_counts
from polyframe.errors import DataError

LABELS = np.random.default_rng(1).integers(0, 3, (12, 6, 5), np.uint8)
HALF = np.where(LABELS > 1, 255, 0)


def folder(root="set", count=4, start=0, masks=LABELS):
    """Images and masks of the same names, in colour and in grey."""
    for i in range(start, start + count):
        save(f"{root}/images/{i}.png", BYTES[i])
        save(f"{root}/masks/{i}.png", masks[i])
    return root


def test_pairs_are_found_by_their_names(here):
    folder("set/train")
    folder("set/test", 2, 4)
    Path("set/train/images/.hidden.png").write_text("hidden")
    Path("set/train/masks/notes.txt").write_text("no image")
    shutil.move("set/train/images/1.png", "set/train/images/1.PNG")
    made = data.load("set", classes=["road", "car", "sky"])
    for (x, y), rows in ((made.train, slice(4)), (made.test, slice(4, 6))):
        np.testing.assert_array_equal(x, BYTES[rows])
        np.testing.assert_array_equal(y, LABELS[rows])
        assert x.dtype == np.uint8 and y.dtype == np.int64
    assert made.task == "segmentation" and made.classes == ("road", "car", "sky")
    assert made.input_shape == (3, 6, 5) and made.output_shape == (3, 6, 5)
    assert class_counts(made).tolist() == np.bincount(LABELS[:4].ravel()).tolist()
    assert data.load(folder("flat")).test is None
    assert "masks/name.png" in data.describe("flat")


def test_masks_of_every_form():
    """Palettes, one bit, black and white: what counts is a pixel's value."""
    folder(count=5)
    palette = Image.fromarray(LABELS[0]).convert("P")
    palette.putpalette([9, 9, 9, 200, 0, 0, 0, 0, 200])
    palette.save("set/masks/0.png", transparency=0)
    palette.save("set/masks/1.gif")
    Path("set/masks/1.png").unlink()
    Image.fromarray(LABELS[2] == 1).save("set/masks/2.png")
    Image.fromarray(LABELS[3]).save("set/masks/3.bmp")
    Path("set/masks/3.png").unlink()
    y = data.load("set").train[1]
    with Image.open("set/masks/2.png") as image:
        assert image.mode == "1"
    for i, wanted in enumerate((LABELS[0], LABELS[0], LABELS[2] == 1, LABELS[3])):
        np.testing.assert_array_equal(y[i], wanted)
    # Turned as the image is, by the EXIF data.
    for name in ("images", "masks"):
        with Image.open(f"set/{name}/4.png") as image:
            image.load()
        exif = image.getexif()
        exif[0x0112] = 3  # upside down
        image.save(f"set/{name}/4.png", exif=exif)
    x, y = data.load("set").train
    np.testing.assert_array_equal(y[4], LABELS[4, ::-1, ::-1])
    np.testing.assert_array_equal(x[4], BYTES[4, :, ::-1, ::-1])


@pytest.mark.parametrize("names", [("Images", "Masks"), ("image", "mask")])
def test_images_and_masks_are_no_two_classes(here, names):
    for part in ("set", "set/train"):
        folder(part, 2)
        for old, new in zip(("images", "masks"), names, strict=True):
            Path(f"{part}/{old}").rename(f"{part}/{new}")
        text = (
            f"{names[0]} and {names[1]} look like images with masks, and would be read"
        )
        bad(text, "set")


def test_black_and_white_masks_are_binary():
    folder("set", masks=HALF)
    made = data.load("set")
    np.testing.assert_array_equal(made.train[1], HALF[:4] == 255)
    assert made.num_classes == 2
    void = data.load("set", ignore_index=255)  # unless white is what does not count
    np.testing.assert_array_equal(void.train[1], HALF[:4])
    assert void.num_classes == 1 and void.ignore_index == 255
    folder("two/train", masks=HALF)
    folder("two/test", 1, 5)  # the rule is for the whole set
    np.testing.assert_array_equal(data.load("two").train[1], HALF[:4])


def test_sizes():
    folder()
    made = data.load("set", size=[12, 10], channels=1)
    nearest = LABELS[:4].repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(made.train[1], nearest)
    assert made.input_shape == (1, 12, 10)
    save("set/images/0.png", BYTES[0][:, :4])
    save("set/masks/0.png", LABELS[0][:4])
    bad("set/images/1.png: is 6 x 5 pixels, the set's first image 4 x 5 (size=", "set")
    assert data.load("set", size=6).train[1].shape == (4, 6, 6)


def broken(change):
    shutil.rmtree("set", ignore_errors=True)
    folder()
    change(Path("set"))
    return "set"


def grey(shape):
    return np.zeros(shape, np.uint8)


BAD = {
    "set/images/2.png: there is no 2.* in set/masks (each file in images needs one": (
        lambda root: (root / "masks/2.png").unlink()
    ),
    "set/masks/2.png: there is no 2.* in set/images": (
        lambda root: (root / "images/2.png").unlink()
    ),
    "set/masks/2.png: has the name of 2.bmp but for its suffix": (
        lambda root: save(root / "masks/2.bmp", LABELS[0])
    ),
    "set/masks/2.png: is 5 x 6 pixels, its image 6 x 5 (each mask is as large": (
        lambda root: save(root / "masks/2.png", grey((5, 6)))
    ),
    "set/masks/2.png: is no mask: its pixels are not one number of 8 bits (mode RGB) (a": (
        lambda root: save(root / "masks/2.png", BYTES[0])
    ),
    "set/masks/2.png: is no mask: its pixels are not one number of 8 bits (mode I;16)": (
        lambda root: Image.fromarray(np.zeros((6, 5), np.uint16)).save(
            root / "masks/2.png"
        )
    ),
    "set/masks/2.jpg: is a JPEG, which changes the values of pixels (a mask is a grey": (
        lambda root: (
            (root / "masks/2.png").unlink(), save(root / "masks/2.jpg", LABELS[2])
        )
    ),
    "set/masks/2.png: is not an image (allowed: BMP": (
        lambda root: (root / "masks/2.png").write_text("text")
    ),
    "set/masks: there is no such folder (allowed: FOLDER/images/name.jpg with": (
        lambda root: shutil.rmtree(root / "masks")
    ),
    "set/images: there is no such folder": (
        lambda root: shutil.rmtree(root / "images")
    ),
    "set/images: has no images": (
        lambda root: [file.unlink() for file in root.glob("*/*.png")]
    ),
    "set/masks/2: is a folder inside masks": lambda root: (root / "masks/2").mkdir(),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_one_error_names_the_file(message):
    bad(message, broken(BAD[message]))


def test_options_that_do_not_fit():
    folder()
    bad("set, train: label 2 at sample 0 is outside 0..1", "set", classes=["a", "b"])
    bad("set: classes is ['a'] (allowed: a list of at least two names)", "set",
        classes=["a"])  # fmt: skip
    bad("classes is 3", "set", classes=3)
    bad("there is no option 'layout'.", "set", layout="NHWC")
    whole = Path("set/masks/2.png").read_bytes()
    for end in range(0, len(whole), 7):
        Path("set/masks/2.png").write_bytes(whole[:end])
        try:
            made = data.load("set")
        except DataError as error:
            assert str(error).startswith("set/masks/2.png: ")
        else:  # only check sums are missing
            np.testing.assert_array_equal(made.train[1], LABELS[:4])


def test_classes_may_be_called_images():
    """Beside another class folder, images are a class like any other."""
    save("set/images/0.png", BYTES[0])
    save("set/paintings/0.png", BYTES[1])
    assert data.load("set").classes == ("images", "paintings")
