"""A recipe: a model and all that training it takes, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from polyframe.errors import PolyframeError, RecipeError, brief, did_you_mean, listed
from polyframe.spec import shipped
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.element import Element, check_name, element_data, parse_several
from polyframe.spec.initial_weights import InitialWeights
from polyframe.spec.load import load_spec, read_data
from polyframe.spec.losses import CrossEntropy, Loss
from polyframe.spec.metrics import Metric, check_keys
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Adam, Optimizer
from polyframe.spec.safety import ModelCheckpoint, TerminateOnNaN
from polyframe.spec.schedules import Schedule
from polyframe.spec.semantics import NAMES
from polyframe.spec.settings import (
    KINDS,
    RunSettings,
    Training,
    check_setting,
    plain_setting,
)

LISTS: dict[str, type[Any]] = {
    "augmentation": Augmentation,
    "callbacks": CallbackSpec,
}
WORDS = {"data": "name", "initial_weights": "file"}
"""What a part that is one word says; of all others it is their ``type``."""
ALWAYS: tuple[CallbackSpec, ...] = (TerminateOnNaN(), ModelCheckpoint())
"""Callbacks of each run whose recipe has none of that type."""


@dataclass(frozen=True)
class Recipe(RunSettings, Training):
    """Model, loss, optimizer, metrics, data and settings of one training.

    ``data`` is ``{"name": …, option: …}``; ``initial_weights`` is a file of weights, or
    ``{"file": …, "strict": …, "rename": …}``, from which training starts. The settings
    are the fields of ``RunSettings`` and ``Training``, by keyword. Everything is checked
    when a recipe is made: RecipeError says which key is wrong. ``load_recipe`` reads a
    recipe from YAML, a shipped name or a mapping.
    """

    model: ModelSpec
    name: str = "recipe"
    loss: Loss = field(default_factory=CrossEntropy)
    optimizer: Optimizer = field(default_factory=lambda: Adam())
    metrics: tuple[Metric, ...] = ()
    data: Mapping[str, Any] = field(default_factory=lambda: {"name": "digits"})
    device: str = "auto"
    schedule: Schedule | None = None
    augmentation: tuple[Augmentation, ...] = ()
    callbacks: tuple[CallbackSpec, ...] = ()
    initial_weights: InitialWeights | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "name", check_name(self.name, "recipe name"))
        put(self, "model", _part("model", load_spec, self.model))
        put(self, "loss", _part("loss", Loss.parse, self.loss))
        put(self, "optimizer", _part("optimizer", Optimizer.parse, self.optimizer))
        put(self, "metrics", parse_metrics(self.metrics))
        put(self, "data", _data(self.data))
        if self.schedule is not None:
            put(self, "schedule", _part("schedule", Schedule.parse, self.schedule))
        if self.initial_weights is not None:
            parsed = _part(
                "initial_weights", InitialWeights.parse, self.initial_weights
            )
            put(self, "initial_weights", parsed)
        for key, family in LISTS.items():
            parse = partial(parse_several, family, where=key)
            put(self, key, _part(key, parse, getattr(self, key)))
        for key in KINDS:
            check = partial(check_setting, key)
            put(self, key, _part(key, check, getattr(self, key)))
        _part("clip_norm", Training.check_clipping, self)
        _part("precision", self.check_dtype, self.dtype)
        weights = self.model.infer().parameters
        _part("", self.check_parameters, weights)
        if not isinstance(self.device, str):
            raise RecipeError(f"got {brief(self.device)}; a name", where="device")

    @property
    def training(self) -> Training:
        """The training settings alone."""
        return Training(**self.options())

    def to_data(self) -> dict[str, Any]:
        """The recipe as plain data, everything written out."""
        start = self.initial_weights
        return {
            "name": self.name,
            "loss": _plain(self.loss),
            "optimizer": _plain(self.optimizer),
            "schedule": None if self.schedule is None else _plain(self.schedule),
            "metrics": [_plain(m) for m in self.metrics],
            "data": dict(self.data),
            **{key: [_plain(e) for e in getattr(self, key)] for key in LISTS},
            **{key: _bare(plain_setting(key, getattr(self, key))) for key in KINDS},
            "device": self.device,
            "initial_weights": start.to_data() if start is not None else None,
            "model": self.model.to_data(),
        }

    def to_yaml(self) -> str:
        """The recipe as YAML; ``load_recipe`` reads it back."""
        from polyframe.io.text import dump

        # The marker, last of all, keeps the mapping it stands in off a single line.
        return dump(self.to_data() | {"polyframe": 1}).removesuffix("polyframe: 1\n")


def parse_metrics(metrics: object) -> tuple[Metric, ...]:
    """Metrics from objects or names; no two that would share a column."""
    parsed: tuple[Metric, ...] = _part(
        "metrics", partial(parse_several, Metric, where="metrics"), metrics
    )
    _part("metrics", check_keys, parsed)
    return parsed


def load_recipe(source: object, changes: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe from a file, a shipped name, or a mapping.

    ``changes`` maps dotted keys to values, as ``--set`` gives them:
    ``{"optimizer.lr": 0.01, "data": "synthetic"}``. RecipeError for unknown keys and
    wrong values.
    """
    data, where = recipe_data(source, changes)
    known = sorted(Recipe.__dataclass_fields__, key=lambda name: name in KINDS)
    for key in data:
        if key not in known:
            raise RecipeError(
                f"unknown key {brief(key)}.{did_you_mean(str(key), known)}",
                where=where,
                hint=f"known: {listed(known, key)}",
            )
    if "model" not in data:
        raise RecipeError("key 'model' is missing", where=where)
    try:
        return Recipe(**data)
    except PolyframeError as error:
        inner = f"{where}: {error.where}" if error.where else where
        raise RecipeError(error.message, where=inner, hint=error.hint) from None


def recipe_data(
    source: object, changes: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], str]:
    """A recipe as it is written, with changes, as ``load_recipe`` takes them; and what
    errors call it. Its parts are not checked."""
    if isinstance(source, Recipe):
        data: object = source.to_data()
        where = source.name
    elif isinstance(source, Mapping):
        data, where = dict(source), "recipe"
    else:
        path = recipe_path(source)
        where = str(path) if path == Path(str(source)) else str(source)
        data = read_data(path)
    if not isinstance(data, Mapping):
        raise RecipeError(f"is {brief(data)}; a mapping is needed", where=where)
    data = dict(data)
    for key, value in (changes or {}).items():
        data = set_key(data, key.split("."), value, key)
    return data, where


def recipe_path(source: object) -> Path:
    """The file of a path or of a shipped recipe's name."""
    if isinstance(source, Path):
        return source
    if not isinstance(source, str):
        raise RecipeError(f"got {brief(source)}; a path or a name is needed")
    known = shipped.names("recipe")
    if source in known:
        return cast(Path, shipped.find("recipe", source))
    if source.lower().endswith((".yaml", ".yml", ".json")):
        return Path(source)
    raise RecipeError(
        f"there is no shipped recipe {brief(source)}.{did_you_mean(source, known)}",
        hint=f"shipped: {listed(known, source)}; a file ends in .yaml or .json",
    )


def set_key(
    data: Mapping[str, Any], parts: list[str], value: object, key: str
) -> dict[str, Any]:
    """A copy of nested data with one key changed; words become mappings, and in a list of
    layers the next part of the key is the name of one."""
    if len(parts) == 1:
        return {**data, parts[0]: value}
    inner = data.get(parts[0], {})
    if parts[0] == "semantics" and isinstance(inner, str):
        inner = dict.fromkeys(NAMES, inner)
    if isinstance(inner, str):
        inner = {WORDS.get(parts[0], "type"): inner}
    if isinstance(inner, (list, tuple)) and len(parts) > 2:
        items = {item["name"]: item for item in inner if names_itself(item)}
        if parts[1] not in items:
            raise RecipeError(
                f"cannot set it: no {brief(parts[1])} in {parts[0]}."
                f"{did_you_mean(parts[1], items)}",
                where=key,
                hint=f"names: {', '.join(items) or 'none'}",
            )
        changed = set_key(items, parts[1:], value, key)[parts[1]]
        found = items[parts[1]]
        return {**data, parts[0]: [changed if x is found else x for x in inner]}
    if not isinstance(inner, Mapping):
        raise RecipeError(f"cannot set it: {parts[0]} has no fields", where=key)
    return {**data, parts[0]: set_key(inner, parts[1:], value, key)}


def names_itself(item: object) -> bool:
    """Whether an item of a list is a mapping with a name, as a layer is."""
    return isinstance(item, Mapping) and isinstance(item.get("name"), str)


def _data(value: object) -> dict[str, Any]:
    if isinstance(value, (str, Path)):
        value = {"name": str(value)}
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise RecipeError(
            f"got {brief(value)}; a data set's name, or {{name: …, option: …}} is "
            "needed",
            where="data",
        )
    for key in value:
        if not isinstance(key, str):
            raise RecipeError(f"option {brief(key)} is not a name", where="data")
    return {key: _bare(option) for key, option in value.items()}


def _bare(value: object) -> object:
    """Tuples as lists and NumPy's numbers as Python's, which is what YAML gives back."""
    if isinstance(value, (tuple, list)):
        return [_bare(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _plain(element: Element) -> Any:
    data = element_data(element)
    return data["type"] if len(data) == 1 else data


def _part(key: str, parse: Callable[[Any], Any], value: object) -> Any:
    """Parse one part; its error becomes a RecipeError at that key ("": at its own)."""
    try:
        return parse(value)
    except PolyframeError as error:
        where = error.where or key
        if key and not f"{where}:".startswith(f"{key}:"):
            where = f"{key}: {where}"
        raise RecipeError(error.message, where=where, hint=error.hint) from None
