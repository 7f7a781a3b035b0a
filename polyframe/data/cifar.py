"""CIFAR-10 (A. Krizhevsky, 2009): 60,000 colour 32 × 32 images in ten classes.

The *binary* version is read, never the Python one, which is a set of pickles. A record is
one label byte and 3,072 bytes of image: red, green and blue planes, row by row.
A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from polyframe.data.dataset import Dataset, Split, build, scale_bytes
from polyframe.data.download import fetch
from polyframe.data.files import cache_dir, reading, sha256, user_path
from polyframe.errors import DataError

NAME = "cifar10"
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = "test_batch.bin"
FILES = (*TRAIN, TEST)
ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
# The published files have 30 MB; a crafted archive may claim anything.
MAX_FILE = 1 << 30


@dataclass(frozen=True)
class Origin:
    """Where the archive is published, and the SHA-256 of it."""

    url: str
    sha256: str


ORIGIN = Origin(
    url=f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)


def load(*, path: str | Path | None = None) -> Dataset:
    """From `path` (a folder of .bin files, or the archive), the cache, or downloaded."""
    return load_from(ORIGIN) if path is None else _load_path(path)


def load_from(origin: Origin) -> Dataset:
    """The cached copy, downloaded if needed; mirrors and tests have their own origin."""
    cache = cache_dir(NAME)
    folder = _find_folder(cache)
    if folder is not None:
        return _assemble(_read_folder(folder), f"cache folder {folder}")
    archive = cache / ARCHIVE
    source = f"cache file {archive}"
    if archive.is_file():
        with reading(f"{NAME} {ARCHIVE}", f"delete {archive} and load it again"):
            wrong = _complaint(archive, origin)
        if wrong:
            hint = f"delete {archive} and load it again"
            raise DataError(wrong, where=f"{NAME} {ARCHIVE}", hint=hint)
    else:
        ways_out = (
            f"put {ARCHIVE} into {cache}, or name a folder with the .bin files by "
            "data.path=FOLDER, or use data=digits or data=synthetic"
        )
        source = "downloaded from " + fetch(
            [origin.url],
            archive,
            lambda part: _complaint(part, origin),
            name=NAME,
            ways_out=ways_out,
        )
    return _assemble(_read_archive(archive), source)


def _complaint(path: Path, origin: Origin) -> str | None:
    actual = sha256(path)
    if actual == origin.sha256:
        return None
    return f"the file's SHA-256 is {actual}, not the published {origin.sha256}"


def _load_path(path: str | Path) -> Dataset:
    # Only the format of the user's own copy is checked: it may be a part of the set.
    if not isinstance(path, str | Path):
        raise DataError(
            f"path is {path!r}", where=NAME, hint="allowed: a folder or a .tar.gz file"
        )
    path = user_path(path)
    folder = _find_folder(path)
    if folder is not None:
        return _assemble(_read_folder(folder), f"folder {folder}")
    archive = path / ARCHIVE if path.is_dir() else path
    if not archive.is_file():
        raise DataError(
            f"path={path} holds neither {TRAIN[0]} nor {ARCHIVE}",
            where=NAME,
            hint="name the folder with the .bin files, or the .tar.gz file",
        )
    return _assemble(_read_archive(archive), f"file {archive}")


def _find_folder(path: Path) -> Path | None:
    for folder in (path, path / FOLDER):
        if any((folder / name).is_file() for name in FILES):
            return folder
    return None


def _read_folder(folder: Path) -> dict[str, bytes]:
    hint = f"{folder} needs {TRAIN[0]} … {TRAIN[-1]} and {TEST}"
    content = {}
    for name in FILES:
        with reading(f"{NAME} {folder / name}", hint):
            content[name] = (folder / name).read_bytes()
    return content


def _read_archive(archive: Path) -> dict[str, bytes]:
    """The six files straight into memory.

    Nothing is unpacked to disk, so a crafted member name ("../…", a link) has nowhere
    to go.
    """
    where, hint = f"{NAME} {archive}", f"needed: the author's {ARCHIVE}"
    content: dict[str, bytes] = {}
    with reading(where, hint), tarfile.open(archive, "r:*") as tar:
        for member in tar:
            name = PurePosixPath(member.name).name
            if name not in FILES or not member.isfile():
                continue
            if member.size > MAX_FILE:
                raise ValueError(f"{name} has {member.size:,} bytes")
            file = tar.extractfile(member)
            assert file is not None  # it is a regular file
            content[name] = file.read()
    missing = [name for name in FILES if name not in content]
    if missing:
        raise DataError(f"{', '.join(missing)} missing", where=where, hint=hint)
    return content


def _assemble(content: dict[str, bytes], source: str) -> Dataset:
    train = _parse(content, TRAIN)
    return build(NAME, train, _parse(content, (TEST,)), CLASSES, source)


def _parse(content: dict[str, bytes], names: tuple[str, ...]) -> Split:
    for name in names:
        size = len(content[name])
        if size == 0 or size % RECORD:
            raise DataError(
                f"the file has {size:,} bytes, which is not a whole number of records",
                where=f"{NAME} {name}",
                hint=f"a record is 1 label byte and {RECORD - 1:,} image bytes; "
                "the file may be cut short",
            )
    joined = b"".join(content[name] for name in names)
    records = np.frombuffer(joined, np.uint8).reshape(-1, RECORD)
    return scale_bytes(records[:, 1:].reshape(-1, *SHAPE)), records[:, 0].astype(
        np.int64
    )
