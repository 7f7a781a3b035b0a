"""Images in files, decoded once into bytes (N, C, H, W). Pillow does the decoding; images
are turned upright as their EXIF orientation says.

Sets larger than ``LIMIT`` are written to the cache folder and used from there as a memory
map. The name of the file is the hash of all paths, sizes and modification times, so an
image that changes makes a new file.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from polyframe.data.files import cache_dir, reading
from polyframe.errors import DataError, brief
from polyframe.io.array import Array
from polyframe.spec.fields import Int

if TYPE_CHECKING:
    from PIL.Image import Image

LIMIT = 1 << 30
"""Bytes of images up to which they are kept in memory."""
SIDE = Int(1, 4096)
# Formats that decode bytes and nothing else: Pillow's EPS, say, would start Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
write_header: Callable[[IO[bytes], dict[str, object]], None] = (
    np.lib.format.write_array_header_1_0
)
GREY = ("1", "L", "LA", "La")
ORIENTATION = 0x0112
"""The EXIF tag of how an image is turned; 1: not at all."""
DAMAGED = "save the file anew, or take it out of the data"
DECODING = 2
"""Raised when the same file and form give other bytes than before."""


class ImageFile(NamedTuple):
    """An image's file, and its place as errors name it."""

    path: Path
    where: str


class Form(NamedTuple):
    """The form to which all images of a set are converted."""

    channels: int
    height: int
    width: int
    resized: bool  # to this size; else they must have it
    converted: bool  # to these channels; else they must have them


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


def form_of(first: ImageFile, size: object, channels: object, where: str) -> Form:
    """The form of a set from its options; for options left out, that of ``first``."""
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
        number = 3 if channels == 3 or not (channels or source.mode in GREY) else 1
        height, width = sides or (source.height, source.width)
    return Form(number, height, width, sides is not None, channels is not None)


@contextmanager
def opened(source: ImageFile) -> Iterator[Image]:
    """An opened image, its header read. Errors inside become one DataError."""
    module, where = pillow(), source.where
    hint = f"allowed: {', '.join(FORMATS)}"
    bombs = (module.DecompressionBombWarning, module.DecompressionBombError)
    with warnings.catch_warnings(), reading(where, DAMAGED):
        # From 89 million pixels Pillow warns, from twice as many it raises.
        warnings.simplefilter("error", module.DecompressionBombWarning)
        try:
            with (
                source.path.open("rb") as file,
                module.open(file, "r", FORMATS) as image,
            ):
                yield upright(image)
        except module.UnidentifiedImageError:
            raise DataError("is not an image", where=where, hint=hint) from None
        except bombs as err:
            raise DataError(f"is too large: {err}", where=where) from None


def upright(image: Image) -> Image:
    """An image as every viewer shows it: cameras store how they were held. Where the EXIF
    data are damaged, the pixels are taken as they are."""
    from PIL import ImageOps

    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        if image.getexif().get(ORIENTATION, 1) != 1:
            return ImageOps.exif_transpose(image)
    return image


def read(source: ImageFile, form: Form) -> Array:
    """One image's bytes: (C, H, W)."""
    with opened(source) as image:
        check(image, source, form)
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")
        # The alpha channel is dropped; colours stay as they are in the file.
        image = image.convert("L" if form.channels == 1 else "RGB")
        if form.resized:
            image = image.resize(
                (form.width, form.height), pillow().Resampling.BILINEAR
            )
        pixels = np.asarray(image)
    return pixels[None] if form.channels == 1 else pixels.transpose(2, 0, 1)


def check(image: Image, source: ImageFile, form: Form) -> None:
    """DataError unless an image has the form, or its options say how to convert it."""
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
            hint="size=[height, width] resizes all of them",
        )
    if form.channels == 1 and not form.converted and image.mode not in GREY:
        raise DataError(
            "is in colour, the set's first image is grey",
            where=source.where,
            hint="channels=1 converts all to grey, channels=3 all to colour",
        )


def decode(sources: Sequence[ImageFile], form: Form) -> Array:
    """All images: uint8 (N, C, H, W), in memory or, if large, as a memory map."""
    shape = (len(sources), form.channels, form.height, form.width)
    if math.prod(shape) > LIMIT:
        return cached(sources, form, shape)
    images = np.empty(shape, np.uint8)
    for i, source in enumerate(sources):
        images[i] = read(source, form)
    return images


def cached(
    sources: Sequence[ImageFile], form: Form, shape: tuple[int, int, int, int]
) -> Array:
    """A memory map of all images, from the cache or written there."""
    target = cache_dir("images") / f"{key(sources, form)}.npy"
    with suppress(OSError, ValueError):  # not there, or damaged: made anew
        images: Array = np.load(target, mmap_mode="r", allow_pickle=False)
        if images.shape == shape and images.dtype == np.uint8:
            return images
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part.")
        with os.fdopen(handle, "wb") as file:
            # By write, not through a map: on a full disk a map ends the process.
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            write_header(file, header)
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
    written: Array = np.load(target, mmap_mode="r", allow_pickle=False)
    return written


def key(sources: Sequence[ImageFile], form: Form) -> str:
    """The name of the cached file: a hash of what the decoded images depend on."""
    digest = hashlib.sha256(repr((DECODING, *form)).encode())
    for path, where in sources:
        with reading(where, None):
            state = path.stat()
        about = (os.path.abspath(path), state.st_size, state.st_mtime_ns)
        digest.update(repr(about).encode())
    return digest.hexdigest()[:32]
