"""Names of devices: "auto", "cpu", "gpu", "gpu:1", alike on every backend."""

from __future__ import annotations

import re

from polyframe.errors import BackendError
from polyframe.spec.element import brief


def pick(device: str, gpus: int, backend: str) -> int | None:
    """The GPU's index, or None for the CPU; BackendError where there is no such one."""
    if not isinstance(device, str):
        raise BackendError(
            f"device is {brief(device)}; 'auto', 'cpu' or 'gpu' is needed"
        )
    if device == "auto":
        return 0 if gpus else None
    if device == "cpu":
        return None
    match = re.fullmatch(r"(?:gpu|cuda)(?::(\d{1,3}))?", device)
    if match is None:
        raise BackendError(
            f"unknown device {brief(device)}", hint="'auto', 'cpu', 'gpu' or 'gpu:1'"
        )
    index = int(match[1] or 0)
    if index >= gpus:
        seen = f"{gpus} of them" if gpus else "none"
        raise BackendError(
            f"device {device!r} is not there: {backend} sees {seen}",
            hint="device='auto' takes a GPU where there is one",
        )
    return index


def threads() -> int:
    """How many threads a framework may use on the CPU.

    ``OMP_NUM_THREADS`` where it is set, else the processors this process may use.
    """
    import os

    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
