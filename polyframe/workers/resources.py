"""What a process has used of its machine, and what the machine is: memory, processor time,
energy. Nothing here fails: what a system does not tell is None."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

RAPL = Path("/sys/class/powercap")
"""Where Linux counts the energy of processors (RAPL); for root only on most systems."""
STAT = Path("/proc/self/stat")
"""Where Linux tells about this process."""
PATIENCE = 10.0
"""Seconds that ``nvidia-smi`` has to answer."""


def peak_memory() -> float:
    """The peak memory of this process in MiB. Linux counts it from the start of the
    program; ``getrusage`` also counts what the parent process held at the fork."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def cpu_seconds() -> float:
    """The processor time of this process, all of its threads and its children that ended,
    in seconds since it began."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def process_age(asked: float | None = None) -> float:
    """Seconds since this process was made, to 10 ms: Linux tells it. Elsewhere those since
    it was ``asked`` for, in seconds since 1970; 0 if that is not known either."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # The name of the program, in parentheses, may have blanks in it.
        fields = STAT.read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
        return max(up - int(fields[19]) / os.sysconf("SC_CLK_TCK"), 0.0)
    return 0.0 if asked is None else max(time.time() - asked, 0.0)


def processor() -> str:
    """The name of the processor."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpu_name(index: int) -> str | None:
    """The name of an NVIDIA GPU; None where ``nvidia-smi`` does not tell it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    number = visible[index] if index < len(visible) and visible[index] else str(index)
    command = ["nvidia-smi", "-i", number, "--query-gpu=name", "--format=csv,noheader"]
    try:
        told = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None


class Energy:
    """The energy that the machine's processors, and the GPUs if ``gpu``, have used since
    this was made: of all that ran there, not of one process alone.

    ``read`` has to be called now and then: RAPL's counters begin anew after a few hundred
    kilojoules.
    """

    def __init__(self, gpu: bool = False) -> None:
        self.meters: dict[Path, tuple[int, int]] = {}  # counter → last value, range
        self.joules = 0.0
        for folder in sorted(RAPL.glob("intel-rapl:*")):
            if folder.name.count(":") == 1:  # a whole processor, not a part of one
                span = number_in(folder / "max_energy_range_uj")
                value = number_in(folder / "energy_uj")
                if value is not None and span is not None:
                    self.meters[folder / "energy_uj"] = value, span
        self.gpu_start = gpu_joules() if gpu else None

    def read(self) -> float | None:
        """The joules so far; None where nothing tells them."""
        for path, (before, span) in self.meters.items():
            now = number_in(path)
            if now is not None:
                self.joules += (
                    now - before if now >= before else now + span - before
                ) / 1e6
                self.meters[path] = now, span
        total = self.joules if self.meters else None
        if self.gpu_start is not None:
            now_joules = gpu_joules()
            if now_joules is not None:
                total = (total or 0.0) + now_joules - self.gpu_start
        return total


def number_in(path: Path) -> int | None:
    """The whole number that a file holds; None where it cannot be read."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def gpu_joules() -> float | None:
    """What all NVIDIA GPUs have used since their driver was loaded, in joules (NVML);
    None without ``pynvml``, or where a GPU does not count it."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        counted = [nvml.nvmlDeviceGetTotalEnergyConsumption(each) for each in handles]
    except Exception:  # a driver that does not fit can raise anything
        return None
    return sum(counted) / 1e3 if counted else None
