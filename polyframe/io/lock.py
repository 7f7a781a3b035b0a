"""One writer at a time: a lock on a folder, which the system releases when the process
dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polyframe.errors import LockedError, PolyframeError

LOCK = ".lock"
"""The file in the folder: while it is locked, it holds the number of the process. What
a killed process has left is locked no more, and used again."""
FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def warn(message: str) -> None:
    """Tell the user of something that does not stop the training."""
    warnings.warn(message, UserWarning, stacklevel=4)


@contextmanager
def locked(folder: Path, warn: Callable[[str], None] = warn) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is not there, and removed at the end
    if nothing was written into it.

    LockedError while another training holds it, in this process or in another. ``warn``
    is called where the file system has no locks. A folder that cannot be written is not
    locked: whoever writes there says so.
    """
    path = folder / LOCK
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = take(path)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise not_a_file(path) from None
        handle = None
    except UnlockableError as error:
        warn(
            f"{folder}: its file system has no locks ({error}), so polyframe cannot "
            "see whether another training writes there"
        )
        handle = None
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                path.unlink()  # before it is released: see `take`
            os.close(handle)
        with suppress(OSError):  # the first that is not empty ends it
            for each in made:
                each.rmdir()


def check_unlocked(folder: Path) -> None:
    """LockedError while a training writes into a folder; it is not touched otherwise."""
    if (folder / LOCK).is_file():
        with locked(folder, lambda message: None):
            pass


class UnlockableError(Exception):
    """The file system has no locks; its text is the system's reason."""


def take(path: Path) -> int:
    """Lock the file and return its handle; LockedError if another one has.

    Whoever releases a lock has removed the file before: a lock on a removed file is
    worth nothing, so the next one tries again with a new file.
    """
    while True:
        handle = os.open(path, FLAGS, 0o644)
        kept = False
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise not_a_file(path)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy(path.parent, os.read(handle, 20)) from None
            except OSError as error:
                path.unlink()
                raise UnlockableError(error.strerror) from None
            if is_at(handle, path):
                with suppress(OSError):  # a full disk: it is locked all the same
                    os.ftruncate(handle, 0)
                    os.write(handle, str(os.getpid()).encode())
                kept = True
                return handle
        finally:
            if not kept:
                os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """Whether the file is still the one of that path."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def busy(folder: Path, content: bytes) -> LockedError:
    """The error that names the process, if the file does."""
    number = content.decode("ascii", "replace")
    owner = f"process {number}" if number.isdecimal() else "another process"
    return LockedError(
        f"is being trained by {owner}",
        where=str(folder),
        hint="wait until it ends, or name another folder",
    )


def not_a_file(path: Path) -> PolyframeError:
    return PolyframeError(
        "is not a file, so the folder cannot be locked",
        where=str(path),
        hint="remove it",
    )
