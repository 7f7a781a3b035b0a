"""From what a user asks for to a plan in which everything is checked, and its cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyframe.errors import PolyframeError
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.semantics import native_aspects
from polyframe.study.estimate import CERTIFICATE, Estimator
from polyframe.study.folder import PLAN, StudyFolder
from polyframe.study.plan import Cell, Contestant, Settings, Study, Variant
from polyframe.study.stamp import untaken
from polyframe.study.variants import recipes, skipped

ROOT = Path("studies")


def plan_study(
    recipe: Recipe,
    contestants: Sequence[Contestant],
    variants: Sequence[Variant],
    seeds: Sequence[int],
    settings: Settings,
) -> Study:
    """A plan whose recipes are all valid; no framework is imported.

    Cells that a backend cannot run, and those of an ablation that change nothing there,
    are skipped; a variant that is skipped everywhere is left out, and ``skipped`` says
    why. PolyframeError for a wrong recipe, seeds and settings out of range, and a
    contestant that can run nothing.
    """
    made = recipes(recipe, variants)
    load_recipe(recipe, {"seed": max(seeds)})  # says which seeds there are
    check_settings(recipe, settings)
    left_out = skipped(contestants, variants, made, settings.device)
    absent = Counter(each.variant for each in left_out)
    return Study(
        recipe,
        tuple(contestants),
        tuple(v for v in variants if absent[v.name] < len(contestants)),
        tuple(seeds),
        settings,
        left_out,
    )


def check_settings(recipe: Recipe, settings: Settings) -> None:
    """PolyframeError for a limit, margin or target that is no number, and a target that
    no metric can reach."""
    for key in ("time_limit", "margin", "target"):
        value = getattr(settings, key)
        if value is not None and not math.isfinite(value):
            raise PolyframeError(f"got {value}; a finite number is needed", where=key)
    if settings.target is None:
        return
    if not recipe.metrics:
        raise PolyframeError("the recipe has no metric", where="target")
    first = recipe.metrics[0]
    if first.larger_is_better and settings.target > 1:
        raise PolyframeError(
            f"got {settings.target:g}; at most 1 is needed, since {first.key} is a share",
            where="target",
            hint="0.9 is 90 points of 100",
        )


def folder_for(study: Study) -> Path:
    """The default folder ``studies/<recipe>/<n>``: the newest that this study can go on
    in, else the next free number."""
    root = ROOT / study.name
    numbers = sorted(int(path.name) for path in root.glob("*") if path.name.isdecimal())
    for number in reversed(numbers):
        path = root / str(number)
        try:
            StudyFolder(path).check(study)
        except PolyframeError:
            continue
        return path
    return root / str(1 + max(numbers, default=0))


def uncertified(
    study: Study, store: StudyFolder, made: Mapping[str, Recipe]
) -> list[Variant]:
    """The aligned variants that two contestants or more run, and that have no
    certificate, or one that is damaged or was taken before a contestant joined; none
    where the plan wants none."""
    if not study.settings.certify_steps:
        return []
    absent = Counter(each.variant for each in study.skipped)
    return [
        variant
        for variant in study.variants
        if not native_aspects(made[variant.name].semantics)
        and len(study.contestants) - absent[variant.name] > 1
        and not covered(study, variant, store)
    ]


def covered(study: Study, variant: Variant, store: StudyFolder) -> bool:
    """Whether a variant has a certificate that was taken on all its contestants."""
    try:
        certificate = store.certificate(variant.name)
    except PolyframeError:
        return False
    return certificate is not None and not untaken(study, variant, certificate)


@dataclass(frozen=True)
class Preview:
    """What a plan would run, in order, and the seconds that it takes, one cell after the
    other: ``how`` says how they are known."""

    left: tuple[Cell, ...]
    seconds: float
    certificate_seconds: float
    how: str


def preview(study: Study, folder: str | Path, again: bool = False) -> Preview:
    """What is left of a study in a folder; nothing is run, and nothing written."""
    store = StudyFolder(folder)
    made = recipes(study.recipe, study.variants)
    left = tuple(store.left(study, again))
    pace = Estimator(made, study.settings.threads, store.records())
    first = len(uncertified(study, store, made)) if left else 0
    return Preview(
        left,
        pace.total(left),
        first * CERTIFICATE * len(study.contestants),
        pace.how(left),
    )


def preview_data(study: Study, folder: str | Path, shown: Preview) -> dict[str, Any]:
    """A plan and its preview as plain data."""
    return {
        **study.to_data(),
        "folder": str(folder),
        "begun": (Path(folder) / PLAN).exists(),
        "cells": [list(cell.key) for cell in shown.left],
        "seconds": shown.seconds,
        "certificate_seconds": shown.certificate_seconds,
        "estimate": shown.how,
    }
