"""Plug-ins for tests: what they add is taken away again."""

from __future__ import annotations

import contextlib
import sys
from importlib import metadata
from pathlib import Path

from polyframe import plugins
from polyframe.compiler import table
from polyframe.contract import registry
from polyframe.data import catalogue
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.metrics import Metric
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.safety import CallbackSpec
from polyframe.spec.schedules import Schedule
from polyframe.train.callbacks import start

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
FAMILIES = (Augmentation, CallbackSpec, Layer, Loss, Metric, Optimizer, Schedule)

SPEC = """
polyframe: 1
name: mine
inputs: {x: [3, 8, 8]}
layers:
  - {name: conv, type: Conv2D, out_channels: 4, kernel_size: 3}
  - {name: act, type: SquaredReLU}
  - {name: pool, type: GlobalAvgPool2D}
"""
"""A spec with the layer of ``docs/examples/squared_relu.py``."""


@contextlib.contextmanager
def taken_away():
    """Whatever is registered meanwhile is not there after."""
    places = [family.registry for family in FAMILIES]
    places += [catalogue.TABLE, start._MAKERS, registry._REGISTERED]
    before = [dict(place) for place in places]
    added = {name: dict(entries) for name, entries in table._ADDED.items()}
    modules, started = set(sys.modules), set(plugins._STARTED)
    try:
        yield
    finally:
        for place, content in zip(places, before, strict=True):
            place.clear()
            place.update(content)
        table._ADDED.clear()
        table._ADDED.update(added)
        plugins._STARTED.clear()
        plugins._STARTED.update(started)
        for name in set(sys.modules) - modules:
            if name.startswith(("polyframe_plugin_", "polyframe_test_")):
                del sys.modules[name]


@contextlib.contextmanager
def installed(monkeypatch, *values):
    """As if packages were installed whose entry points have these values."""
    real = metadata.entry_points
    points = [metadata.EntryPoint(v, v, plugins.GROUP) for v in values]
    with monkeypatch.context() as patch, taken_away():
        patch.setattr(
            metadata,
            "entry_points",
            lambda **how: points if how == {"group": plugins.GROUP} else real(**how),
        )
        plugins.installed.cache_clear()
        try:
            yield
        finally:
            plugins.installed.cache_clear()
