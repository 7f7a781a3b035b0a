"""Image folders: FOLDER/class/name.png, or FOLDER/train/class/… and FOLDER/test/class/…

Samples to validate on are in ``val``, ``valid`` or ``validation``; if several of them are
there, a warning names those that are not read. The class names are the
names of the folders, sorted. Hidden files and folders, ``__MACOSX``, and files without the
suffix of an image are ignored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polyframe.data.dataset import Dataset, build
from polyframe.data.files import reading, user_path
from polyframe.data.images import SUFFIXES, ImageFile, decode, form_of
from polyframe.errors import DataError, did_you_mean, warn

HINT = (
    "allowed: FOLDER/class/name.png, or FOLDER/train/class/name.png beside test or val"
)
HELD_OUT = {"test": ("test",), "validation": ("val", "valid", "validation")}
"""Part → its folder beside ``train``; of several, the first is used."""
NO_DATA = ("__MACOSX",)
"""Folders that programs leave in archives, as macOS its resource forks."""
Labelled = list[tuple[ImageFile, str]]


def load(path: str | Path, *, size: object = None, channels: object = None) -> Dataset:
    """``size`` [H, W] resizes (bilinear); ``channels`` 1 or 3 converts to grey or
    colour.

    Without these options, all images must have the size and channels of the first one.
    """
    root, source = user_path(path), f"folder {path}"
    where = str(root)
    roots, source = parts_in(root, source)
    train_root = roots["train"]
    classes = [folder.name for folder in folders(train_root)]
    if not classes:
        raise DataError("has no class folders with images", where=where, hint=HINT)
    if {name.lower().rstrip("s") for name in classes} == {"image", "mask"}:
        raise DataError(
            f"its folders {' and '.join(classes)} look like images with masks, and "
            "would be read as two classes",
            where=str(train_root),
            hint="folders of images and of masks are called images and masks",
        )
    train = labelled(train_root)
    labels = {label for _, label in train}
    for name in classes:
        if name not in labels:
            raise DataError(
                "the class folder has no images",
                where=str(train_root / name),
                hint=f"suffixes of images: {' '.join(SUFFIXES)}",
            )
    parts = {
        name: train if name == "train" else labelled(folder)
        for name, folder in roots.items()
    }
    for file, label in (each for part in parts.values() for each in part):
        if label not in classes:
            raise DataError(
                f"class {label!r} is not among the classes to train on."
                f"{did_you_mean(label, classes)}",
                where=file.where,
            )
    form = form_of(train[0][0], size, channels, where)
    number = {name: i for i, name in enumerate(classes)}
    splits = {
        name: (
            decode([file for file, _ in samples], form),
            np.array([number[label] for _, label in samples], np.int64),
        )
        for name, samples in parts.items()
        if samples
    }
    return build(
        root.resolve().name, splits["train"], splits.get("test"), classes, source,
        validation=splits.get("validation"),
    )  # fmt: skip


def parts_in(root: Path, source: str) -> tuple[dict[str, Path], str]:
    """The folders of "train", "test" and "validation" ("train" is ``root`` itself, if there
    is no such folder), and the source with the folders that are not read."""
    if not folders(root / "train"):
        return {"train": root}, source
    roots = {"train": root / "train"}
    for part, known in HELD_OUT.items():
        names = [name for name in known if folders(root / name)]
        if names:
            roots[part] = root / names[0]
        if len(names) > 1:
            unread = f"{', '.join(names[1:])} not read, {names[0]} is used"
            source += f"; {unread}"
            warn(unread, str(root))
    return roots, source


def visible(folder: Path) -> list[Path]:
    """The entries of a folder that are not hidden, sorted; none if it is not a folder."""
    if not folder.is_dir():
        return []
    with reading(str(folder), None):
        names = (p for p in folder.iterdir() if not p.name.startswith("."))
        return sorted(p for p in names if p.name not in NO_DATA)


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name."""
    return [path for path in visible(folder) if path.is_dir()]


def labelled(root: Path) -> Labelled:
    """All images in the class folders of ``root``, each with its class."""
    images = []
    for folder in folders(root):
        for path in visible(folder):
            if path.is_dir():
                raise DataError(
                    "is a folder inside a class folder", where=str(path), hint=HINT
                )
            if path.suffix.lower() in SUFFIXES:
                images.append((ImageFile(path, str(path)), folder.name))
    return images
