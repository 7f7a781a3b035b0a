"""CSV files: tables of images, or of pixels.

A table of images has the columns ``image, label[, split][, weight]``; one of pixels
``label, pixel0, pixel1, …[, split][, weight]``, as in Kaggle's MNIST. ``split`` is train,
test or val, which is to validate on (without this column, all rows are training data).
``weight`` is used for training samples. Labels are class numbers if all of them are
numbers, else class names, sorted.

In place of ``label`` there may be columns of numbers whose names begin with ``target``:
``target`` for a regression, (N,), several of them for several numbers a sample (N, K), or
for several labels of which each is 0 or 1.

A CSV may come from a stranger, so images must be in its own folder.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple, Protocol

import numpy as np

from polyframe.data.dataset import Dataset, Split, build
from polyframe.data.files import reading, user_path
from polyframe.data.images import ImageFile, decode, form_of
from polyframe.errors import DataError, brief, did_you_mean
from polyframe.io.array import Array
from polyframe.spec.fields import Int, Several

COLUMNS = ("image", "label", "split", "weight")
TARGET = "target"
LARGEST = float(np.finfo(np.float32).max)
SPLITS = ("train", "test", "val")
HINT = (
    "allowed: the columns image, label[, split][, weight], or label, pixel0, pixel1, "
    "…[, split][, weight]; target, or target0, target1, …, for label"
)


class Lines(Protocol):
    """A ``csv.reader``."""

    @property
    def line_num(self) -> int:
        """The number of the line that was read last."""

    def __next__(self) -> list[str]: ...


class Row(NamedTuple):
    """One sample: its place in the file, and the cells of its row."""

    where: str
    label: str
    targets: tuple[float, ...]  # the columns of numbers, if there is no label
    split: str
    weight: float
    content: Any  # an ImageFile, or the pixels' bytes


def load(
    path: str | Path,
    *,
    shape: object = None,
    size: object = None,
    channels: object = None,
) -> Dataset:
    """``size`` and ``channels`` are for a table of images, as for image folders; ``shape``
    [C, H, W] is for a table of pixels, which are features if it is left out.
    """
    path = user_path(path)
    where = str(path)
    header, rows = read(path)
    has_images = "image" in header
    for name, value, other in (
        ("shape", shape, has_images),
        ("size", size, not has_images),
        ("channels", channels, not has_images),
    ):
        if value is not None and other:
            kind = "images" if has_images else "pixels"
            raise DataError(f"there is no {name} for a table of {kind}", where=where)
    parts = {split: [row for row in rows if row.split == split] for split in SPLITS}
    train = parts["train"]
    if not train:
        raise DataError("has no samples to train on", where=where, hint=HINT)
    number: dict[str, int] = {}
    classes: list[str] = []
    if "label" in header:
        number, classes = labels(
            [*train, *parts["val"], *parts["test"]], {row.label for row in train}
        )
    if has_images:
        form = form_of(train[0].content, size, channels, where)
    else:
        dims = pixel_shape(shape, len(train[0].content), where)
    splits: dict[str, Split] = {}
    for name, rows_of_split in parts.items():
        if not rows_of_split:
            continue
        content = [row.content for row in rows_of_split]
        x: Array
        if has_images:
            x = decode(content, form)
        else:
            x = np.frombuffer(b"".join(content), np.uint8).reshape(-1, *dims)
        if "label" in header:
            y = np.array([number[row.label] for row in rows_of_split], np.int64)
        else:
            y = np.array([row.targets for row in rows_of_split], np.float32)
            y = y[:, 0] if y.shape[1] == 1 else y
        splits[name] = x, y
    weights = None
    if "weight" in header:
        weights = np.array([row.weight for row in train])
    return build(
        path.name, splits["train"], splits.get("test"), classes, f"file {path}",
        weights, validation=splits.get("val"),
    )  # fmt: skip


def read(path: Path) -> tuple[list[str], list[Row]]:
    """The header and the rows; an error names the line number."""
    with reading(str(path), HINT), path.open(encoding="utf-8-sig", newline="") as file:
        # strict: a quoted cell that never ends is an error, not the rest of the file
        lines = csv.reader(file, strict=True)
        header = columns([cell.strip() for cell in next(lines, [])], str(path))
        return header, list(parse(lines, header, path))


def columns(header: list[str], where: str) -> list[str]:
    """The header, if it is that of a table of images or pixels."""
    if not header:
        raise DataError("has no header line", where=where, hint=HINT)
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f"has two columns {twice!r}", where=where, hint=HINT)
    pixels = [name for name in header if name.startswith("pixel")]
    targets = [name for name in header if name.startswith(TARGET)]
    for name in header:
        if name not in (*COLUMNS, *pixels, *targets):
            guess = did_you_mean(name, COLUMNS)
            message = f"there is no column {brief(name)}.{guess}"
            raise DataError(message, where=where, hint=HINT)
    if not (targets or "label" in header) or ("image" in header) == bool(pixels):
        message = "needs the column label, and either image or pixel0, pixel1, …"
        raise DataError(message, where=where, hint=HINT)
    if targets and "label" in header:
        message = f"has the columns label and {brief(targets[0])}; one kind is needed"
        raise DataError(message, where=where, hint=HINT)
    return header


def parse(lines: Lines, header: Sequence[str], path: Path) -> Iterator[Row]:
    """The rows after the header."""
    column_of = {name: header.index(name) for name in COLUMNS if name in header}
    pixels = [i for i, name in enumerate(header) if name.startswith("pixel")]
    targets = [i for i, name in enumerate(header) if name.startswith(TARGET)]
    # If the pixels are in adjacent columns, a slice is much faster.
    block = slice(pixels[0], pixels[-1] + 1) if pixels else slice(0)
    side_by_side = len(range(*block.indices(len(header)))) == len(pixels)
    folder = path.parent.resolve()
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            raise bad(f"is not a CSV table: {error}", path, lines.line_num) from None
        if not cells:
            continue
        line = lines.line_num
        if len(cells) != len(header):
            message = f"has {len(cells)} cells, the header {len(header)}"
            raise bad(message, path, line)
        label = cells[column_of["label"]].strip() if "label" in column_of else ""
        if not (label or targets):
            raise bad("has no label", path, line)
        numbers = tuple(number_of(header[i], cells[i], path, line) for i in targets)
        split = cells[column_of["split"]].strip() if "split" in column_of else "train"
        if split not in SPLITS:
            message = f"split is {brief(split)}; one of {', '.join(SPLITS)} is needed"
            raise bad(message, path, line)
        weight = 1.0
        if "weight" in column_of and split == "train":
            weight = number_of("weight", cells[column_of["weight"]], path, line, 0)
        content: Any
        if pixels:
            picked = cells[block] if side_by_side else [cells[i] for i in pixels]
            content = pixel_bytes(picked, path, line)
        else:
            content = image_file(cells[column_of["image"]].strip(), folder, path, line)
        yield Row(f"{path}, line {line}", label, numbers, split, weight, content)


def bad(message: str, path: Path, line: int) -> DataError:
    """The error about one line."""
    return DataError(message, where=f"{path}, line {line}")


def number_of(
    name: str, cell: str, path: Path, line: int, least: float = -LARGEST
) -> float:
    """A weight or target: a number that float32 can hold, not below ``least``."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not least <= value <= LARGEST:
        limit = "" if least < 0 else f", {least} or more,"
        message = f"{name} is {brief(cell)}; a finite number{limit} is needed"
        raise bad(message, path, line)
    return value


def pixel_bytes(cells: Sequence[str], path: Path, line: int) -> bytes:
    """Whole numbers from 0 to 255 as bytes."""
    try:
        return bytes(map(int, cells))
    except ValueError:
        wrong = next(cell for cell in cells if not is_byte(cell))
        message = f"pixel {brief(wrong)} is not a whole number from 0 to 255"
        raise bad(message, path, line) from None


def is_byte(cell: str) -> bool:
    """Whether a cell is a number from 0 to 255."""
    try:
        return 0 <= int(cell) <= 255
    except ValueError:
        return False


def image_file(text: str, folder: Path, path: Path, line: int) -> ImageFile:
    """An image's file; it and the target of a link must be inside the CSV's folder."""
    parts = PureWindowsPath(text)  # it knows / and \ and drives on every system
    outside = parts.drive or parts.root or ".." in parts.parts
    if not text or "\0" in text or outside:
        message = f"image is {brief(text)}; a path inside the CSV's folder is needed"
        raise bad(message, path, line)
    file = folder / text
    with reading(f"{path}, line {line}", None):
        resolved = file.resolve()
        exists = resolved.is_file()
    if not resolved.is_relative_to(folder):
        message = f"{brief(text)} is a link that leads out of the CSV's folder"
        raise bad(message, path, line)
    if not exists:
        raise bad(f"there is no file {brief(text)}", path, line)
    return ImageFile(file, f"{path}, line {line}: {text}")


def labels(rows: Sequence[Row], trained: set[str]) -> tuple[dict[str, int], list[str]]:
    """Label → class number, and the classes' names (none where labels are numbers)."""
    names = {row.label for row in rows}
    if all(map(is_number, names)):
        for row in rows:
            if not (row.label.isdecimal() and len(row.label) < 10):
                raise DataError(
                    f"label {brief(row.label)} is not a class number",
                    where=row.where,
                    hint="allowed: 0, 1, 2, …, or names",
                )
        return {name: int(name) for name in names}, []
    for row in rows:
        if row.label not in trained:
            raise DataError(
                f"class {brief(row.label)} is not among the classes to train on."
                f"{did_you_mean(row.label, trained)}",
                where=row.where,
            )
    classes = sorted(names)
    return {name: i for i, name in enumerate(classes)}, classes


def is_number(label: str) -> bool:
    """Whether a label reads as a number, allowed or not."""
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def pixel_shape(shape: object, count: int, where: str) -> tuple[int, ...]:
    """The option ``shape``, checked: it must have as many values as there are pixels."""
    if shape is None:
        return (count,)
    try:
        dims: tuple[int, ...] = Several(Int(), least=3, most=3).check(shape)
    except ValueError:
        message = f"shape is {brief(shape)}; [channels, height, width] is needed"
        raise DataError(message, where=where) from None
    if math.prod(dims) != count:
        message = f"shape {dims} has {math.prod(dims)} values, a row {count} pixels"
        raise DataError(message, where=where)
    return dims
