"""Fashion-MNIST (Zalando Research, MIT licence): 70,000 grey 28 × 28 images of clothes.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", 2017, arXiv:1708.07747.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from polyframe.data.dataset import Dataset, build, scale_bytes
from polyframe.data.download import fetch
from polyframe.data.files import cache_dir, gunzip
from polyframe.errors import DataError
from polyframe.io.array import Array

NAME = "fashion-mnist"
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class Origin:
    """Where the four files are published, and the SHA-256 of their unpacked content.

    Debian compresses the same bytes again, so its .gz files differ from the publisher's,
    but their content does not.
    """

    debian: Path
    urls: tuple[str, ...]  # folders, tried in order; each ends in "/"
    sha256: Mapping[str, str]  # in the order train x, train y, test x, test y


ORIGIN = Origin(
    debian=Path("/usr/share/datasets/fashion-mnist"),
    urls=(
        # The publisher's bucket. The second address is the published one; being an S3
        # website it speaks no TLS. The first is the same bucket over https.
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    sha256={
        "train-images-idx3-ubyte.gz": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte.gz": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
)


def load() -> Dataset:
    """From the cache, else from Debian's package, else downloaded."""
    return load_from(ORIGIN)


def load_from(origin: Origin) -> Dataset:
    """The same from any origin; mirrors and tests have their own."""
    folder, source = _locate(origin)
    parts = [_read(folder / name, sha) for name, sha in origin.sha256.items()]
    train, test = (
        (scale_bytes(images[:, None]), labels.astype(np.int64))
        for images, labels in (parts[:2], parts[2:])
    )
    return build(NAME, train, test, CLASSES, source)


def _locate(origin: Origin) -> tuple[Path, str]:
    cache = cache_dir(NAME)
    missing = [name for name in origin.sha256 if not (cache / name).is_file()]
    if not missing:
        return cache, f"cache folder {cache}"
    if all((origin.debian / name).is_file() for name in origin.sha256):
        return origin.debian, "Debian package dataset-fashion-mnist"
    url = ""
    for name in missing:
        url = fetch(
            [base + name for base in origin.urls],
            cache / name,
            partial(_complaint, sha=origin.sha256[name]),
            name=NAME,
            ways_out="install Debian's package dataset-fashion-mnist, or put the four "
            f".gz files into {cache}, or use data=digits or data=synthetic",
        )
    return cache, f"downloaded from {url.rpartition('/')[0]}/"


def _complaint(path: Path, sha: str) -> str | None:
    try:
        _payload(path, sha)
    except DataError as err:
        return str(err)
    return None


def _payload(
    path: Path, sha: str, where: str | None = None, hint: str | None = None
) -> bytes:
    payload = gunzip(path, where=where, hint=hint)
    actual = hashlib.sha256(payload).hexdigest()
    if actual != sha:
        raise DataError(
            f"the unpacked file's SHA-256 is {actual}, not the published {sha}",
            where=where,
            hint=hint,
        )
    return payload


def _read(path: Path, sha: str) -> Array:
    where = f"{NAME} {path.name}"
    payload = _payload(path, sha, where, f"delete {path} and load the data set again")
    return parse_idx(payload, 3 if "idx3" in path.name else 1, where)


def parse_idx(payload: bytes, ndim: int, where: str) -> Array:
    """An idx file of bytes: magic 00 00 08 ndim, big-endian sizes, then the values."""
    hint = (
        "needed: an idx file of unsigned bytes as on https://yann.lecun.com/exdb/mnist"
    )
    magic, start = bytes((0, 0, 8, ndim)), 4 + 4 * ndim
    if payload[:4] != magic:
        raise DataError(
            f"the file starts with {payload[:4].hex(' ') or 'nothing'}, "
            f"not with the magic number {magic.hex(' ')}",
            where=where,
            hint=hint,
        )
    if len(payload) < start:
        raise DataError("the file ends inside its header", where=where, hint=hint)
    shape = tuple(int(n) for n in np.frombuffer(payload, ">u4", ndim, offset=4))
    promised = int(np.prod(shape, dtype=object))  # Python ints: no overflow
    if len(payload) - start != promised:
        raise DataError(
            f"the header promises {promised:,} values {shape}, "
            f"but {len(payload) - start:,} follow",
            where=where,
            hint=hint,
        )
    return np.frombuffer(payload, np.uint8, offset=start).reshape(shape)
