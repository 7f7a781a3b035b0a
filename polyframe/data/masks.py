"""Image folders with masks: FOLDER/images/name.jpg and FOLDER/masks/name.png, or these two
folders in FOLDER/train, FOLDER/val and FOLDER/test.

An image and its mask have the same name but for the suffix. A mask is a grey or palette
image with the class of each pixel as its value: 0, 1, 2, …. Masks that hold nothing but
0 and 255, in the whole set, are binary: 255 is class 1, unless it is the label that is not
to be counted (``ignore_index``). The parts are found as in image folders with classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polyframe.data.dataset import Dataset, build
from polyframe.data.files import user_path
from polyframe.data.folders import folders, parts_in, visible
from polyframe.data.images import (
    SUFFIXES,
    Form,
    ImageFile,
    decode,
    form_of,
    opened,
    pillow,
)
from polyframe.errors import DataError, brief
from polyframe.io.array import Array
from polyframe.spec.fields import Several, Text

IMAGES, MASKS = "images", "masks"
HINT = (
    f"allowed: FOLDER/{IMAGES}/name.jpg with FOLDER/{MASKS}/name.png, or both folders in "
    "FOLDER/train beside test or val"
)
VALUES = ("1", "L", "P")
"""Pillow's modes of images of one whole number of at most 8 bits a pixel."""
WHITE = 255
Pairs = list[tuple[ImageFile, ImageFile]]


def is_folder(path: Path) -> bool:
    """Whether a folder, or ``train`` in it, has images and masks, or of these two alone
    one: a class would not be called so."""
    for root in (path, path / "train"):
        names = {folder.name for folder in folders(root)}
        if {IMAGES, MASKS} <= names or names in ({IMAGES}, {MASKS}):
            return True
    return False


def load(
    path: str | Path,
    *,
    size: object = None,
    channels: object = None,
    classes: object = None,
    ignore_index: int | None = None,
) -> Dataset:
    """Labels (N, H, W) for images (N, C, H, W).

    - ``size`` [H, W] resizes images (bilinear) and masks (nearest); without it all must be
      as large as the first image. ``channels`` 1 or 3 converts images to grey or colour.
    - ``classes``: the names of the classes, the first is that of value 0.
    - ``ignore_index``: the value of pixels that are not to be counted, as 255 often is.
    """
    root = user_path(path)
    where = str(root)
    roots, source = parts_in(root, f"folder {path}")
    files = {part: pairs(folder) for part, folder in roots.items()}
    form = form_of(files["train"][0][0], size, channels, where)
    samples = {
        part: decode([image for image, _ in both], form) for part, both in files.items()
    }
    labels = {part: decoded(both, form) for part, both in files.items()}
    if ignore_index != WHITE and all(map(is_black_and_white, labels.values())):
        for values in labels.values():
            values[values == WHITE] = 1
    splits = {part: (x, labels[part].astype(np.int64)) for part, x in samples.items()}
    return build(
        root.resolve().name,
        splits["train"],
        splits.get("test"),
        names_of(classes, where),
        source,
        ignore_index=ignore_index,
        validation=splits.get("validation"),
    )


def names_of(classes: object, where: str) -> tuple[str, ...]:
    """The option ``classes``, checked."""
    if classes is None:
        return ()
    try:
        names: tuple[str, ...] = Several(Text(), least=2).check(classes)
    except ValueError:
        raise DataError(
            f"classes is {brief(classes)}",
            where=where,
            hint="allowed: a list of at least two names",
        ) from None
    return names


def pairs(root: Path) -> Pairs:
    """The images in a folder with their masks; DataError for one that has no other."""
    found = [by_stem(root / name) for name in (IMAGES, MASKS)]
    for name, mine, other, others in (
        (IMAGES, found[0], MASKS, found[1]),
        (MASKS, found[1], IMAGES, found[0]),
    ):
        for stem, file in mine.items():
            if stem not in others:
                raise DataError(
                    f"there is no {stem}.* in {root / other}",
                    where=file.where,
                    hint=f"each file in {name} needs one of the same name, whatever its "
                    f"suffix, in {other}",
                )
    if not found[0]:
        raise DataError("has no images", where=str(root / IMAGES), hint=HINT)
    return [(image, found[1][stem]) for stem, image in found[0].items()]


def by_stem(folder: Path) -> dict[str, ImageFile]:
    """The images in a folder by their names without suffix, sorted."""
    if not folder.is_dir():
        raise DataError("there is no such folder", where=str(folder), hint=HINT)
    files: dict[str, ImageFile] = {}
    for path in visible(folder):
        if path.is_dir():
            raise DataError(
                f"is a folder inside {folder.name}", where=str(path), hint=HINT
            )
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in files:
            raise DataError(
                f"has the name of {files[path.stem].path.name} but for its suffix",
                where=str(path),
                hint="images and masks belong together by their names",
            )
        files[path.stem] = ImageFile(path, str(path))
    return files


def decoded(split: Pairs, form: Form) -> Array:
    """All masks: uint8 (N, H, W)."""
    masks = np.empty((len(split), form.height, form.width), np.uint8)
    for i, (image, mask) in enumerate(split):
        masks[i] = read(mask, image, form)
    return masks


def read(mask: ImageFile, image: ImageFile, form: Form) -> Array:
    """One mask's values (H, W): bytes."""
    with opened(mask) as source:
        if source.mode not in VALUES or mask.path.suffix.lower() in (".jpg", ".jpeg"):
            lossy = source.mode in VALUES
            raise DataError(
                "is a JPEG, which changes the values of pixels"
                if lossy
                else f"is no mask: its pixels are not one number of 8 bits (mode "
                f"{source.mode})",
                where=mask.where,
                hint="a mask is a grey or palette image, such as a PNG, whose values are "
                "the classes 0, 1, 2, …, or 0 and 255",
            )
        with opened(image) as own:
            size = own.size
        if source.size != size:
            raise DataError(
                f"is {source.height} x {source.width} pixels, its image {size[1]} x "
                f"{size[0]}",
                where=mask.where,
                hint="each mask is as large as its image",
            )
        if form.resized:
            nearest = pillow().Resampling.NEAREST  # classes are not interpolated
            source = source.resize((form.width, form.height), nearest)
        return np.asarray(source).astype(np.uint8)


def is_black_and_white(values: Array) -> bool:
    """Whether there is no value but 0 and 255."""
    return bool(((values == 0) | (values == WHITE)).all())
