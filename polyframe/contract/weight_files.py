"""Files of weights of any kind: polyframe's own, and those that a backend reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.errors import BackendError, WeightsError
from polyframe.io.array import Array
from polyframe.io.weights import READERS, load, looks_like_safetensors


def read_weights(path: str | Path) -> dict[str, Array]:
    """The arrays in a file by the names that they have there. safetensors are known by
    their first bytes, too (``save_weights`` takes any name); the suffix tells all other
    kinds. WeightsError for a file that cannot be read."""
    path = Path(path)
    where, suffix = str(path), path.suffix.lower()
    if not path.exists():
        raise WeightsError("there is no such file", where=where)
    if path.is_dir():
        raise WeightsError("cannot be read: Is a directory", where=where)
    reader = load if looks_like_safetensors(path) else READERS.get(suffix)
    if reader is not None:
        return reader(path)
    known = list(READERS)
    for backend in loading_backends():
        if suffix in backend.weight_files:
            return backend.read_weights(path)
        known += backend.weight_files
    raise WeightsError(
        f"{suffix or 'a name without a suffix'} is not known for files of weights; "
        f"known: {', '.join(known)}",
        where=where,
        hint="load it with its own framework, and give load_weights a mapping of names "
        "to arrays",
    )


def loading_backends() -> Iterator[Backend]:
    """The registered backends that load, usable or not."""
    for name in registry.backends():
        with contextlib.suppress(BackendError):
            yield registry.get(name)
