"""Hand-written contestants: files that somebody has chosen to run."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from polyframe.bench.ours import Ops, seconds
from polyframe.bench.settings import Settings
from polyframe.errors import PolyframeError


def module(path: Path) -> ModuleType:
    """A Python file as a module; running it is what the user asked for."""
    name = f"handwritten_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


class Handwritten:
    """``make(num_classes, input_shape, width)`` of a model's file, and the ``Trainer``
    of training.py (``step``, ``read``, ``predict``) or the ``Predictor`` of
    inference.py (``predict``)."""

    def __init__(self, settings: Settings, model: Path, trainer: Path) -> None:
        if settings.dtype != "float32":
            raise PolyframeError("hand-written programs run in float32 only")
        inputs, targets = settings.random_batch()
        x, y = inputs[0].astype(settings.dtype), targets[0]
        began = time.perf_counter()
        how = module(trainer)  # which imports the framework
        imported = time.perf_counter()
        made = module(model).make(
            settings.classes, settings.input_shape, settings.width
        )
        self.trains = hasattr(how, "Trainer")
        if self.trains:
            self.own = how.Trainer(made, settings.optimizer, settings.device)
        else:
            self.own = how.Predictor(made, settings.device)
        self.device = settings.device
        self.x = np.ascontiguousarray(x)
        self.batch = self.own.stage(self.x, y)
        built = time.perf_counter()
        first = seconds(lambda: self.step(1) if self.trains else self.predict(1))
        self.start = {
            "import": imported - began,
            "build": built - imported,
            "first step": first,
        }

    def facts(self) -> dict[str, Any]:
        """What it says of itself."""
        return {"batch": len(self.x), "device": self.device, **self.own.describe()}

    @property
    def ops(self) -> Ops:
        """What takes turns."""
        return (
            {"step": self.step, "predict": self.predict}
            if self.trains
            else {"predict": self.predict}
        )

    def step(self, count: int) -> float:
        """Seconds a step takes; the last loss is fetched, the last update made."""
        began = time.perf_counter()
        for _ in range(count):
            loss = self.own.step(self.batch)
        self.own.read(loss)
        settle(self.own)
        return (time.perf_counter() - began) / count

    def predict(self, count: int) -> float:
        """Seconds that the outputs of a batch take, fetched as NumPy."""
        return seconds(lambda: self.own.predict(self.batch), count)

    def phases(self, count: int) -> dict[str, float]:
        """Seconds of each part of a step, where the program has parts."""
        if not all(hasattr(self.own, name) for name in ("backward", "update")):
            return {}
        self.step(1)
        found = dict.fromkeys(("forward", "backward", "update"), 0.0)
        for _ in range(count):
            times = [time.perf_counter()]
            loss = self.own.forward(self.batch)
            self.own.read(loss)
            times.append(time.perf_counter())
            self.own.backward(loss)
            settle(self.own)
            times.append(time.perf_counter())
            self.own.update()
            settle(self.own)
            times.append(time.perf_counter())
            for name, before, after in zip(found, times, times[1:], strict=False):
                found[name] += (after - before) / count
        return found


def settle(trainer: Any) -> None:
    """Wait for the device, where a framework runs ahead of Python."""
    wait = getattr(trainer, "wait", None)
    if wait is not None:
        wait()
