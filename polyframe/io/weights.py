"""Weights in canonical names and layouts, and their files (safetensors)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from polyframe.errors import WeightsError, brief, did_you_mean
from polyframe.io.array import Array
from polyframe.io.atomic import write_atomic


def save(path: str | Path, weights: Mapping[str, Array], **about: str) -> None:
    """Write weights, bit for bit, in one atomic step; ``about`` becomes metadata.

    One entry of metadata at most: safetensors writes several in random order, and equal
    weights should be equal files.
    """
    write_atomic(Path(path), pack(weights, **about))


def pack(arrays: Mapping[str, Array], **about: str) -> bytes:
    """Arrays as the bytes of a safetensors file."""
    from safetensors.numpy import save as write

    contiguous = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    return bytes(write(contiguous, metadata=about or None))


def load(path: str | Path) -> dict[str, Array]:
    """Read a safetensors file; nothing in it is executed."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as unpack

    where = str(path)
    try:
        return dict(unpack(Path(path).read_bytes()))
    except FileNotFoundError:
        raise WeightsError("there is no such file", where=where) from None
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", where=where) from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"is not a whole safetensors file: {error}", where=where, hint="cut off?"
        ) from None


def metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a safetensors file: texts by key."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot be read: {error}", where=str(path)) from None


def check_arrays(
    weights: object, shapes: Mapping[str, tuple[int, ...]], dtype: str, where: str
) -> dict[str, Array]:
    """The arrays of these names and shapes, or one error that lists what is wrong."""
    if not isinstance(weights, Mapping):
        raise WeightsError(
            f"got {type(weights).__name__}; a mapping of names to arrays, or a file's "
            "path is needed",
            where=where,
        )
    wrong = []
    for name in weights:
        if name not in shapes:
            guess = did_you_mean(str(name), shapes)
            wrong.append(f"{brief(name)} is not in the model.{guess}")
    checked = {}
    for name, shape in shapes.items():
        if name not in weights:
            wrong.append(f"{name!r} is missing")
            continue
        try:
            value = np.asarray(weights[name])
        except ValueError:
            wrong.append(f"{name!r} is not an array")
            continue
        if value.shape != shape:
            wrong.append(f"{name!r} is {value.shape}, the model's {shape}")
        elif value.dtype.kind != "f":
            wrong.append(f"{name!r} holds {value.dtype}, not floating-point numbers")
        else:
            checked[name] = np.ascontiguousarray(value.astype(dtype, copy=False))
    if wrong:
        more = f"; and {len(wrong) - 8} more" if len(wrong) > 8 else ""
        raise WeightsError("; ".join(wrong[:8]) + more, where=where)
    return checked
