"""Writing files so that a crash leaves either the old one or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from polyframe.errors import PolyframeError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole file beside its place and move it there."""
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise PolyframeError(
            f"cannot be written: {error.strerror or error}", where=str(path)
        ) from None
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
