"""The families of topics: what they are called, and where those of elements are defined."""

from __future__ import annotations

import importlib
from typing import NamedTuple

from polyframe.spec.element import Element


class Family(NamedTuple):
    """A kind of topics: one of them, several, and what they are in a few words."""

    name: str
    plural: str
    about: str


FAMILIES = (
    Family("layer", "layers", "what a network is made of"),
    Family("composite", "composites", "blocks of layers that many networks have"),
    Family("loss", "losses", "what a training makes small"),
    Family("optimizer", "optimizers", "how a step changes the weights"),
    Family("schedule", "schedules", "the learning rate over time"),
    Family("metric", "metrics", "what tells how good a network is"),
    Family("initializer", "initializers", "what weights start from"),
    Family("augmentation", "augmentations", "random changes of training data"),
    Family("callback", "callbacks", "what else happens in a training"),
    Family("setting", "settings", "the plain settings of a recipe"),
    Family("aspect", "aspects", "what each framework may do in its own way"),
    Family("difference", "differences", "what the frameworks do differently"),
    Family("defect", "defects", "what frameworks get wrong"),
    Family("rewrite", "rewrites", "exact changes that make programs faster"),
    Family("term", "terms", "the words that these pages use"),
)
"""All of them, in the order in which they are shown."""
ELEMENTS = {
    "layer": ("polyframe.spec.layers", "Layer"),
    "loss": ("polyframe.spec.losses", "Loss"),
    "optimizer": ("polyframe.spec.optimizers", "Optimizer"),
    "schedule": ("polyframe.spec.schedules", "Schedule"),
    "metric": ("polyframe.spec.metrics", "Metric"),
    "initializer": ("polyframe.spec.initializers", "Initializer"),
    "augmentation": ("polyframe.spec.augmentations", "Augmentation"),
    "callback": ("polyframe.spec.safety", "CallbackSpec"),
}
"""Family → the module and the name of its base class; importing it defines all of them."""


def base_of(family: str) -> type[Element]:
    """The base class of a family of elements."""
    where, name = ELEMENTS[family]
    base: type[Element] = getattr(importlib.import_module(where), name)
    return base


def words(family: str) -> list[str]:
    """The names of a family, those of plug-ins too; a block is made of layers."""
    return sorted(set(base_of(family).registry) - {"Block"})


def own_words(family: str) -> list[str]:
    """The names of a family that polyframe itself defines."""
    known = base_of(family).registry
    return [w for w in words(family) if known[w].__module__.startswith("polyframe.")]
