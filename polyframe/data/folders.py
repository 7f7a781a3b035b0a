"""Image folders: FOLDER/class/name.png, or FOLDER/train/class/… and FOLDER/test/class/…

Held-out data are those in ``test``, or in ``val`` where there is no ``test``; with both,
``val`` is left unread. Class names are the folders', sorted. Hidden files are passed
over, and so are files without an image's suffix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from polyframe.data.dataset import Dataset, build
from polyframe.data.files import reading, user_path
from polyframe.data.images import SUFFIXES, ImageFile, decode, form_of
from polyframe.errors import DataError, did_you_mean

HINT = (
    "allowed: FOLDER/class/name.png, or FOLDER/train/class/name.png beside test or val"
)
HELD_OUT = ("test", "val")
Labelled = list[tuple[ImageFile, str]]


def load(path: str | Path, *, size: Any = None, channels: Any = None) -> Dataset:
    """``size`` [H, W] resizes (bilinear); ``channels`` 1 or 3 makes grey or coloured.

    Left out, all images must be of the first one's size, and of its channels.
    """
    root, source = user_path(path), f"folder {path}"
    where, held = str(root), None
    train_root = root
    if folders(root / "train"):
        train_root = root / "train"
        found = [name for name in HELD_OUT if folders(root / name)]
        held = root / found[0] if found else None
        if len(found) > 1:
            source += f"; {found[1]} is left out, {found[0]} is used"
    classes = [folder.name for folder in folders(train_root)]
    if not classes:
        raise DataError("has no class folders with images", where=where, hint=HINT)
    train = labelled(train_root)
    filled = {label for _, label in train}
    for name in classes:
        if name not in filled:
            raise DataError(
                "the class folder has no images",
                where=str(train_root / name),
                hint=f"suffixes of images: {' '.join(SUFFIXES)}",
            )
    test = labelled(held) if held else []
    for file, label in test:
        if label not in classes:
            raise DataError(
                f"class {label!r} is not among the classes to train on."
                f"{did_you_mean(label, classes)}",
                where=file.where,
            )
    form = form_of(train[0][0], size, channels, where)
    number = {name: i for i, name in enumerate(classes)}
    splits = [
        (
            decode([file for file, _ in part], form),
            np.array([number[label] for _, label in part], np.int64),
        )
        for part in (train, test)
        if part
    ]
    held_out = splits[1] if len(splits) > 1 else None
    return build(root.resolve().name, splits[0], held_out, classes, source)


def visible(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, sorted; nothing where it is not a folder."""
    if not folder.is_dir():
        return []
    with reading(str(folder), None):
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name."""
    return [path for path in visible(folder) if path.is_dir()]


def labelled(root: Path) -> Labelled:
    """All images in the class folders of ``root``, each with its class."""
    found = []
    for folder in folders(root):
        for path in visible(folder):
            if path.is_dir():
                raise DataError(
                    "is a folder inside a class folder", where=str(path), hint=HINT
                )
            if path.suffix.lower() in SUFFIXES:
                found.append((ImageFile(path, str(path)), folder.name))
    return found
