"""Images in files, decoded once into bytes (N, C, H, W). Pillow does the decoding.

What is larger than ``LIMIT`` is written to the cache folder and used from there as a
memory map; its name there is the hash of all paths, sizes and times of change, so that
an image that changes makes a new file.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from polyframe.data.dataset import Array
from polyframe.data.files import cache_dir, reading
from polyframe.errors import DataError, brief
from polyframe.spec.fields import Int

if TYPE_CHECKING:
    from PIL.Image import Image

LIMIT = 1 << 30
"""Bytes of images that are kept in memory."""
SIDE = Int(1, 4096)
# Formats that decode bytes and nothing else: Pillow's EPS, say, would start Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
GREY = ("1", "L", "LA", "La")


class ImageFile(NamedTuple):
    """An image's file, and how errors call the place that names it."""

    path: Path
    where: str


class Form(NamedTuple):
    """What all images of a set are brought to."""

    channels: int
    height: int
    width: int
    resized: bool  # to this size, instead of being of it
    converted: bool  # to these channels, even if colours are lost


def pillow() -> Any:
    """Pillow's module ``Image``; DataError where it is not installed."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(
            "images need Pillow, which is not installed",
            hint='pip install "polyframe[images]"',
        ) from None
    return Image


def form_of(first: ImageFile, size: Any, channels: Any, where: str) -> Form:
    """The form of a set from its options; what they leave open is as in ``first``."""
    if channels not in (None, 1, 3) or isinstance(channels, bool):
        raise DataError(
            f"channels is {brief(channels)}",
            where=where,
            hint="allowed: 1 (grey) or 3 (red, green, blue)",
        )
    sides = None
    if size is not None:
        try:
            height, width = size if isinstance(size, list | tuple) else (size, size)
            sides = SIDE.check(height), SIDE.check(width)
        except ValueError:
            raise DataError(
                f"size is {brief(size)}",
                where=where,
                hint=f"allowed: [height, width], each {SIDE.allowed}",
            ) from None
    with opened(first) as source:
        found = channels or (1 if source.mode in GREY else 3)
        height, width = sides or (source.height, source.width)
    return Form(found, height, width, sides is not None, channels is not None)


@contextmanager
def opened(source: ImageFile) -> Iterator[Image]:
    """An image's file, its header read. What goes wrong inside is one DataError."""
    module, where = pillow(), source.where
    hint = f"allowed: {', '.join(FORMATS)}"
    bombs = (module.DecompressionBombWarning, module.DecompressionBombError)
    with warnings.catch_warnings(), reading(where, hint):
        # From 89 million pixels Pillow warns, from twice as many it raises.
        warnings.simplefilter("error", module.DecompressionBombWarning)
        try:
            with source.path.open("rb") as file, module.open(file, "r", FORMATS) as it:
                yield it
        except module.UnidentifiedImageError:
            raise DataError("is not an image", where=where, hint=hint) from None
        except bombs as err:
            raise DataError(f"is too large: {err}", where=where) from None


def read(source: ImageFile, form: Form) -> Array:
    """One image's bytes: (C, H, W)."""
    with opened(source) as image:
        check(image, source, form)
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")
        # Transparency is dropped: the colours below it stay as they are in the file.
        image = image.convert("L" if form.channels == 1 else "RGB")
        if form.resized:
            image = image.resize(
                (form.width, form.height), pillow().Resampling.BILINEAR
            )
        pixels = np.asarray(image)
    return pixels[None] if form.channels == 1 else pixels.transpose(2, 0, 1)


def check(image: Image, source: ImageFile, form: Form) -> None:
    """DataError unless an image can be brought to the form without guessing."""
    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"has more than 8 bits a channel (mode {image.mode})",
            where=source.where,
            hint="save it with 8 bits; floats can be put into .npy files",
        )
    if not form.resized and image.size != (form.width, form.height):
        raise DataError(
            f"is {image.height} x {image.width} pixels, the set's first image "
            f"{form.height} x {form.width}",
            where=source.where,
            hint="size=[height, width] brings all to one size",
        )
    if form.channels == 1 and not form.converted and image.mode not in GREY:
        raise DataError(
            "is in colours, the set's first image is grey",
            where=source.where,
            hint="channels=1 makes all grey, channels=3 all coloured",
        )


def decode(sources: Sequence[ImageFile], form: Form) -> Array:
    """All images: uint8 (N, C, H, W), in memory or, if large, as a memory map."""
    shape = (len(sources), form.channels, form.height, form.width)
    if math.prod(shape) > LIMIT:
        return cached(sources, form, shape)
    found = np.empty(shape, np.uint8)
    for i, source in enumerate(sources):
        found[i] = read(source, form)
    return found


def cached(
    sources: Sequence[ImageFile], form: Form, shape: tuple[int, int, int, int]
) -> Array:
    """A memory map of all images, from the cache or written there."""
    target = cache_dir("images") / f"{key(sources, form)}.npy"
    with suppress(OSError, ValueError):  # not there, or damaged: made anew
        found = np.load(target, mmap_mode="r", allow_pickle=False)
        if found.shape == shape and found.dtype == np.uint8:
            return found
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part.")
        with os.fdopen(handle, "wb") as file:
            # By write, not through a map: on a full disk a map ends the process.
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for source in sources:
                file.write(read(source, form).tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
        temporary = None
    except OSError as err:
        raise DataError(
            f"{math.prod(shape) / 2**30:,.1f} GiB of images cannot be written: "
            f"{err.strerror or err}",
            where=str(target.parent),
            hint="set POLYFRAME_CACHE to a folder with room",
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return np.load(target, mmap_mode="r", allow_pickle=False)


def key(sources: Sequence[ImageFile], form: Form) -> str:
    """What the decoded images depend on, as a name."""
    digest = hashlib.sha256(repr(tuple(form)).encode())
    for path, where in sources:
        with reading(where, None):
            state = path.stat()
        about = (os.path.abspath(path), state.st_size, state.st_mtime_ns)
        digest.update(repr(about).encode())
    return digest.hexdigest()[:32]
