"""Devices: "auto", "cpu", "gpu", "gpu:1", named alike on every backend."""

from __future__ import annotations

import functools
import os
import re
import sys
from dataclasses import dataclass
from typing import Literal

from polyframe.errors import BackendError, brief


@dataclass(frozen=True)
class Device:
    """One device: what it is, its number among those of its kind, and its name as the
    framework writes it ("cuda:0", "/GPU:0", "gpu(0)")."""

    kind: Literal["cpu", "gpu"]
    index: int
    name: str

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.kind == "gpu"

    def __str__(self) -> str:
        return self.name


def choose_device(
    device: str, gpus: int, backend: str, cpu: str = "cpu", gpu: str = "gpu:{}"
) -> Device:
    """The device that a user means by "auto", "cpu", "gpu", "gpu:1" (or "cuda:1").

    ``gpus``: how many the framework sees; ``backend``: its title, for errors; ``cpu``,
    ``gpu``: its names of devices, ``{}`` standing for the number. BackendError where
    there is no such device.
    """
    if not isinstance(device, str):
        raise BackendError(
            f"device is {brief(device)}; 'auto', 'cpu' or 'gpu' is needed"
        )
    if device == "cpu" or (device == "auto" and not gpus):
        return Device("cpu", 0, cpu)
    match = re.fullmatch(r"auto|(?:gpu|cuda)(?::(\d{1,3}))?", device)
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
    return Device("gpu", index, gpu.format(index))


def names_a_gpu(device: object) -> bool:
    """Whether a user's name of a device asks for a GPU."""
    return isinstance(device, str) and device.startswith(("gpu", "cuda"))


MALLOC = {-3: 2**31 - 1, -1: 2**31 - 1}
"""glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD: keep what is freed for the next use."""


@functools.cache
def keep_memory() -> None:
    """Let the C library keep the memory that a step frees for the next one, up to 2 GiB
    a block. By default it returns large blocks, and the system fills each page with
    zeros again at every step: up to a third of a small network's step. For frameworks
    that allocate memory at every step.

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
