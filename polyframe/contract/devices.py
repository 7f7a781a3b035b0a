"""Names of devices: "auto", "cpu", "gpu", "gpu:1", alike on every backend."""

from __future__ import annotations

import functools
import os
import re
import sys

from polyframe.errors import BackendError, brief


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


MALLOC = {-3: 2**31 - 1, -1: 2**31 - 1}
"""glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD: keep what is freed for the next use."""


@functools.cache
def keep_memory() -> None:
    """Let the C library keep the memory that a step frees for the next one, up to 2 GiB
    a piece. By default it gives large pieces back, and the system fills each page with
    zeros again at every step: up to a third of a small network's step. For frameworks
    that allocate anew at every step.

    Once a process; nothing is changed where the user has set malloc's own variables,
    and where the C library is not glibc.
    """
    import ctypes

    named = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
    if sys.platform != "linux" or any(name in os.environ for name in named):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        for option, value in MALLOC.items():
            library.mallopt(option, value)


def threads() -> int:
    """How many threads a framework may use on the CPU.

    ``OMP_NUM_THREADS`` where it is set, else the processors this process may use.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
