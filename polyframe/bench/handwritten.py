"""Hand-written contestants: files that the user has chosen to run."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from polyframe.bench.contestant import Ops, seconds
from polyframe.bench.settings import Settings
from polyframe.errors import PolyframeError


def module(path: Path) -> ModuleType:
    """A Python file as a module. This runs the file."""
    name = f"handwritten_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


class Handwritten:
    """A hand-written program: the model that ``make(num_classes, input_shape, width)`` of
    its file returns, with the ``Trainer`` of training.py (``step``, ``read``,
    ``predict``) or the ``Predictor`` of inference.py (``predict``)."""

    def __init__(self, settings: Settings, model: Path, trainer: Path) -> None:
        if settings.optimizer is None:
            raise PolyframeError(
                f"hand-written programs do not train with {settings.told}"
            )
        inputs, targets = settings.random_batch()
        x, y = inputs[0].astype(settings.dtype), targets[0]
        began = time.perf_counter()
        trainer_module = module(trainer)  # which imports the framework
        imported = time.perf_counter()
        model_object = module(model).make(
            settings.classes, settings.input_shape, settings.width
        )
        self.can_train = hasattr(trainer_module, "Trainer")
        if self.can_train:
            self.trainer = trainer_module.Trainer(
                model_object, str(settings.optimizer), settings.device
            )
        else:
            self.trainer = trainer_module.Predictor(model_object, settings.device)
        self.device = settings.device
        self.x = np.ascontiguousarray(x)
        self.batch = self.trainer.stage(self.x, y)
        built = time.perf_counter()
        first = seconds(lambda: self.step(1) if self.can_train else self.predict(1))
        self.start = {
            "import": imported - began,
            "build": built - imported,
            "first step": first,
        }

    def facts(self) -> dict[str, Any]:
        """Its settings and versions, as it reports them."""
        return {"batch": len(self.x), "device": self.device, **self.trainer.describe()}

    @property
    def ops(self) -> Ops:
        """The operations that are timed."""
        return (
            {"step": self.step, "predict": self.predict}
            if self.can_train
            else {"predict": self.predict}
        )

    def step(self, count: int) -> float:
        """Seconds for one step, the mean of ``count``; the last loss is fetched, and the
        last update is complete."""
        began = time.perf_counter()
        for _ in range(count):
            loss = self.trainer.step(self.batch)
        self.trainer.read(loss)
        settle(self.trainer)
        return (time.perf_counter() - began) / count

    def predict(self, count: int) -> float:
        """Seconds for the outputs of a batch, fetched as NumPy arrays."""
        return seconds(lambda: self.trainer.predict(self.batch), count)

    def phases(self, count: int) -> dict[str, float]:
        """Seconds for each phase of a step, if the program has phases."""
        if not all(hasattr(self.trainer, name) for name in ("backward", "update")):
            return {}
        self.step(1)
        totals = dict.fromkeys(("forward", "backward", "update"), 0.0)
        for _ in range(count):
            times = [time.perf_counter()]
            loss = self.trainer.forward(self.batch)
            self.trainer.read(loss)
            times.append(time.perf_counter())
            self.trainer.backward(loss)
            settle(self.trainer)
            times.append(time.perf_counter())
            self.trainer.update()
            settle(self.trainer)
            times.append(time.perf_counter())
            for name, before, after in zip(totals, times, times[1:], strict=False):
                totals[name] += (after - before) / count
        return totals


def settle(trainer: object) -> None:
    """Wait for the device, if the framework runs asynchronously."""
    wait = getattr(trainer, "wait", None)
    if wait is not None:
        wait()
