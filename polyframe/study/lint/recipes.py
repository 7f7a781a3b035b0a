"""Reads the settings out of a recipe, so that it can be held against programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polyframe.contract import registry
from polyframe.contract.aspects import shown
from polyframe.spec.element import Element
from polyframe.spec.initializers import Initializer
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.semantics import native_aspects, own_defaults
from polyframe.spec.typed import flatten
from polyframe.study.lint.program import Program, Reading, comparable
from polyframe.study.lint.tables import Call, frameworks, setting_of, settings

SCHEDULES = {
    "constant": "constant", "step": "steps", "multi_step": "steps",
    "exponential": "exponential", "cosine": "cosine", "one_cycle": "one cycle",
    "polynomial": "polynomial", "reduce_on_plateau": "at plateaus",
}  # fmt: skip
AUGMENTATIONS = {
    "random_flip": "horizontal flip", "random_vertical_flip": "vertical flip",
    "random_crop": "crop", "random_resized_crop": "resized crop",
    "random_affine": "rotation", "color_jitter": "colours", "random_erasing": "erasing",
}  # fmt: skip
"""Words of recipes → how the tables of calls name them, where they do."""
LAYERS = {"Conv1D": "Conv2D", "Conv3D": "Conv2D"}
"""Layers that are compared as one."""
NEUTRAL = "torch"
"""The framework whose meaning is the neutral one."""


def extract_recipe(source: str | Path) -> Program:
    """What a recipe says; RecipeError if it is none."""
    recipe = load_recipe(source)
    program = Program(Path(str(source)), "recipe", None)
    for setting, value in plain(recipe).items():
        program.readings.append(Reading(setting, comparable(value), str(value)))
    parts: list[tuple[str, dict[str, Element]]] = [
        ("optimizer", each(recipe, recipe.optimizer)),
        ("loss", each(recipe, recipe.loss)),
        *layers(recipe),
    ]
    for where, several in parts:
        program.readings += fields(where, several)
    traits(program, recipe)
    return program


def plain(recipe: Recipe) -> Mapping[str, Any]:
    """The settings that are plain values."""
    schedule = recipe.schedule.type if recipe.schedule is not None else "constant"
    values: dict[str, Any] = {
        "batch_size": recipe.batch_size,
        "epochs": recipe.epochs,
        "optimizer": recipe.optimizer.type,
        "schedule": SCHEDULES.get(schedule, schedule),
        "loss": recipe.loss.type,
        "reduction": recipe.loss.reduction,
        "dtype": "mixed precision" if recipe.precision else recipe.dtype,
        "shuffle": True,
        "partial_batch": "left out" if recipe.drop_last else "kept",
        "seed": recipe.seed,
    }
    if recipe.loss.type == "cross_entropy":
        values["outputs"] = "logits"
    return values


def each(recipe: Recipe, element: Element) -> dict[str, Element]:
    """An element as each framework has it with the recipe's semantics."""
    return {
        name: element.resolve(
            own_defaults(registry.get(name).defaults, recipe.semantics)
        )
        for name in frameworks()
    }


def layers(recipe: Recipe) -> Iterator[tuple[str, dict[str, Element]]]:
    """The layers, each as each framework has it, with their paths."""
    graphs = {
        name: flatten(
            recipe.model.infer(
                own_defaults(registry.get(name).defaults, recipe.semantics)
            )
        )
        for name in frameworks()
    }
    for nodes in zip(*(graph.nodes for graph in graphs.values()), strict=True):
        yield nodes[0].path, dict(zip(graphs, (n.layer for n in nodes), strict=True))


def fields(where: str, several: Mapping[str, Element]) -> Iterator[Reading]:
    """The fields of an element that are settings."""
    first = several[NEUTRAL]
    element = LAYERS.get(first.type, first.type)
    for name in first.__dataclass_fields__:  # type: ignore[attr-defined]
        setting = setting_of(element, name)
        if setting is None or (
            name == "bias_init" and not getattr(first, "bias", True)
        ):
            continue
        values = {backend: value(getattr(e, name)) for backend, e in several.items()}
        own = len({repr(v) for v in values.values()}) > 1
        told = ", ".join(f"{v} ({backend})" for backend, v in values.items())
        yield Reading(
            setting.setting, None if own else comparable(values[NEUTRAL]),
            f"{where}.{name}", given=True, element=element, name=name,
            problem=f"is each framework's own: {told}" if own else "",
        )  # fmt: skip


def value(given: object) -> object:
    """A field's value, comparable with those of programs."""
    return shown(given) if isinstance(given, Initializer) else given


def traits(program: Program, recipe: Recipe) -> None:
    """What the optimizer does besides its fields, and the augmentation."""
    native = native_aspects(recipe.semantics)
    neutral: list[Call] = [
        call
        for call in frameworks()[NEUTRAL].calls.values()
        if call.element == recipe.optimizer.type
    ]
    for call in neutral[:1]:
        for setting, word in call.sets.items():
            problem = "is each framework's own" if "optimizer" in native else ""
            program.readings.append(
                Reading(
                    setting,
                    None if problem else word,
                    problem=problem,
                    element=call.element,
                )  # fmt: skip
            )
    for step in recipe.augmentation:
        word = step.type
        setting = "normalisation" if word == "normalize" else "augmentation"
        program.readings.append(Reading(setting, AUGMENTATIONS.get(word, word)))
    problem = f"is what the data set {recipe.data['name']} does"
    program.unread("normalisation", problem)
    if not program.of("weight_decay") or program.of("weight_decay")[0].value == 0:
        program.drop("decay")
    if not program.of("momentum") or recipe.schedule is None:
        program.drop("velocity")
    assert all(reading.setting in settings() for reading in program.readings)
