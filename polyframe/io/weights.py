"""Weights in canonical names and layouts, and their files (safetensors, NumPy's .npz)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from polyframe.errors import WeightsError, brief
from polyframe.io.array import Array
from polyframe.io.atomic import write_atomic

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "?",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1",
}  # fmt: skip
"""A dtype of safetensors → NumPy's; bfloat16 (BF16) is read beside them."""


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
    """Read a safetensors file; nothing in it is executed. bfloat16, which NumPy does not
    have, becomes float32."""
    from safetensors import SafetensorError, deserialize

    where = str(path)
    try:
        entries = deserialize(Path(path).read_bytes())  # type: ignore[no-untyped-call]
        return {
            name: unpacked(entry["dtype"], entry["data"], f"{where}: {brief(name)}")
            .reshape(entry["shape"])
            for name, entry in entries
        }  # fmt: skip
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


def looks_like_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: eight bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise WeightsError(reason, where=str(path)) from None


def unpacked(dtype: str, data: bytes, where: str) -> Array:
    """The numbers of one entry of a safetensors file, flat."""
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    if dtype not in DTYPES:
        known = ", ".join(("BF16", *DTYPES))
        raise WeightsError(
            f"holds {brief(dtype)}, which is not read",
            where=where,
            hint=f"read: {known}",
        )
    return np.frombuffer(data, DTYPES[dtype])


def load_npz(path: str | Path) -> dict[str, Array]:
    """Read the arrays of an .npz file; nothing is unpickled, objects are refused."""
    where = str(path)
    try:
        # Opened here: NumPy leaves a file open that is not an archive after all.
        with Path(path).open("rb") as handle:
            file = np.load(handle, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array, without a name")
            with file:
                arrays = {name: file[name] for name in file.files}
            for name, value in arrays.items():
                if not isinstance(value, np.ndarray):  # bytes of a file of another kind
                    raise ValueError(f"{brief(name)} is not an array")
            return arrays
    except FileNotFoundError:
        raise WeightsError("there is no such file", where=where) from None
    except OSError as error:
        raise WeightsError(
            f"cannot be read: {error.strerror or error}", where=where
        ) from None
    except Exception as error:
        # Damaged archives raise a dozen types: zlib.error, EOFError, BadZipFile, …
        raise WeightsError(
            f"is not a whole .npz file of plain arrays: {error or type(error).__name__}",
            where=where,
            hint="made by np.savez(file, **arrays)",
        ) from None


READERS: Mapping[str, Callable[[str | Path], dict[str, Array]]] = {
    ".safetensors": load,
    ".npz": load_npz,
}
"""Suffix → what reads such a file without a framework."""


def listed(problems: Iterable[str]) -> str:
    """Problems in one line, of which eight are enough."""
    problems = list(problems)
    more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
    return "; ".join(problems[:8]) + more
