"""The cache folder, and reading files that may be missing, cut short or hostile."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polyframe.errors import DataError

CHUNK = 1 << 20


def user_path(path: str | Path) -> Path:
    """The path with ~ resolved. Path.expanduser would raise for an unknown user."""
    return Path(os.path.expanduser(path))


def cache_dir(name: str) -> Path:
    """The cache folder of one data set; it need not exist yet."""
    root = os.environ.get("POLYFRAME_CACHE")
    if root:
        return user_path(root) / name
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG specification says that a relative path there is to be ignored.
    if base and Path(base).is_absolute():
        return Path(base) / "polyframe" / name
    try:
        home = Path.home()
    except RuntimeError as err:
        raise DataError(
            "there is no home folder to keep a cache in",
            where=name,
            hint="set POLYFRAME_CACHE to a folder",
        ) from err
    return home / ".cache" / "polyframe" / name


@contextmanager
def reading(where: str | None, hint: str | None) -> Iterator[None]:
    """Turn any error while a file is read into one DataError."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as err:
        raise DataError("the file does not exist", where=where, hint=hint) from err
    except OSError as err:
        reason = err.strerror or err
        message = f"the file cannot be read: {reason}"
        raise DataError(message, where=where, hint=hint) from err
    except Exception as err:
        # Decoders of damaged bytes raise a dozen types (zlib.error, EOFError, ValueError,
        # MemoryError, struct.error, …), so only Exception covers them all.
        message = f"the file is damaged or of another kind: {err or type(err).__name__}"
        raise DataError(message, where=where, hint=hint) from err


def gunzip(
    path: Path, *, where: str | None, hint: str | None, limit: int = 1 << 30
) -> bytes:
    """The payload of a .gz file; the limit keeps a crafted one from filling memory."""
    with reading(where, hint), gzip.open(path) as file:
        payload = file.read(limit + 1)
    if len(payload) > limit:
        message = f"the file unpacks to more than the {limit:,} bytes expected at most"
        raise DataError(message, where=where, hint=hint)
    return payload


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
