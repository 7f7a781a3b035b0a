"""TensorFlow itself: how it starts, its version and its devices."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from polyframe.contract.devices import Device, choose_device, threads

__all__ = ["ask_for_determinism", "devices", "resolve_device", "tf", "version"]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what TensorFlow's C++ code prints while it starts."""
    try:
        stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # stderr is closed
        yield
        return
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _quiet():
    import tensorflow as tf

    for _gpu in tf.config.list_physical_devices("GPU"):
        # Otherwise TensorFlow takes all of the GPU's memory at its start.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(_gpu, True)
    with contextlib.suppress(RuntimeError):  # somebody has used TensorFlow before us
        tf.config.threading.set_intra_op_parallelism_threads(threads())
    tf.config.list_logical_devices()
# Each model traces functions of its own, and TensorFlow warns of that as of retracing.
tf.get_logger().setLevel("ERROR")


def version() -> str:
    """TensorFlow's."""
    return str(tf.__version__)


def ask_for_determinism() -> None:
    """Make every operation take a deterministic kernel, or raise."""
    tf.config.experimental.enable_op_determinism()


def devices() -> tuple[str, ...]:
    """``/CPU:0``, ``/GPU:0``, …"""
    gpus = len(tf.config.list_physical_devices("GPU"))
    return ("/CPU:0", *(f"/GPU:{i}" for i in range(gpus)))


def resolve_device(device: str) -> Device:
    """``/CPU:0`` or ``/GPU:i``."""
    gpus = len(devices()) - 1
    return choose_device(device, gpus, "TensorFlow", cpu="/CPU:0", gpu="/GPU:{}")
