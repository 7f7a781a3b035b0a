"""A worker process, from its own side: where answers go, and how many threads it uses."""

from __future__ import annotations

import os
import time
from typing import IO

IDLE, IDLE_CHECKS = 0.02, 100
"""Seconds without work that count as idle, and how often that is checked."""
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",  # of JAX
)
"""Environment variables that frameworks read when they are imported."""


def answer_channel() -> IO[str]:
    """Standard output, for answers only: whatever else prints there from now on, as
    frameworks do, goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def keep_to_processors(count: int) -> None:
    """Use the first ``count`` of the processors that this process may use, where the
    system lets it say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def wait_until_idle() -> None:
    """Wait until the threads of this process are idle: those of OpenMP keep a processor
    busy for a while after their work, which would slow down the next contestant."""
    for _ in range(IDLE_CHECKS):
        before = time.process_time()
        time.sleep(IDLE)
        if time.process_time() - before < IDLE / 10:
            return
