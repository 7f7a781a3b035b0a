"""Variants of a recipe: a grid over its fields, or an ablation of the frameworks' defaults.

Which variants change nothing on a backend, and which it cannot run, is decided from the
programs that it writes: no framework is imported for that.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.programs import make_step, write_programs
from polyframe.errors import (
    BackendError,
    PolyframeError,
    RecipeError,
    UnsupportedError,
    brief,
)
from polyframe.io.text import parse_yaml
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.sampling import unset_weights
from polyframe.spec.semantics import NAMES, native_aspects
from polyframe.spec.text import MODEL_KEYS
from polyframe.spec.typed import flatten
from polyframe.study.plan import RUN_KEYS, Contestant, Skipped, Variant

BASE = "base"
"""The name of the recipe as it is, the only variant of a study without others."""
ALIGNED, NATIVE = "aligned", "native"
MOST = 100_000
"""The most variants that a grid may have."""
NOT_HERE = {"seed": "--seeds says how many there are", "name": "it changes no training"}
"""Keys that a grid cannot have, and why."""
FRACTION = re.compile(r"-?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)")
"""Numbers that are no whole ones, as ``repr`` writes them."""


class Axis(NamedTuple):
    """One ``--grid``: a dotted key and its values."""

    key: str
    values: tuple[object, ...]


def parse_grid(texts: Sequence[str]) -> tuple[Axis, ...]:
    """``["optimizer.lr=0.01,0.1"]`` as axes. The values are YAML, with commas between.
    PolyframeError for a key without values, or given twice, and for equal values."""
    axes: list[Axis] = []
    for text in texts:
        key, equals, values = text.partition("=")
        key = key.strip()
        where = f"--grid {key or text}"
        if not equals or not key:
            raise PolyframeError(
                f"{brief(text)} is not KEY=VALUE,VALUE,…",
                where="--grid",
                hint="such as optimizer.lr=0.01,0.1",
            )
        if key in NOT_HERE:
            raise PolyframeError(
                "cannot be in a grid",
                where=where,
                hint=NOT_HERE[key],
            )
        if any(key == axis.key for axis in axes):
            raise PolyframeError("is given twice", where=where)
        given = parse_yaml(f"[{values}\n]", where)
        if not isinstance(given, list) or not given:
            raise PolyframeError(
                "the grid is empty: it has no value",
                where=where,
                hint=f"such as {key}=1,2",
            )
        shown = [value_text(value) for value in given]
        for i, one in enumerate(shown):
            if one in shown[:i]:
                raise PolyframeError(f"the value {one} is given twice", where=where)
        if key in RUN_KEYS and not all(isinstance(value, bool) for value in given):
            raise PolyframeError(
                f"got {brief(values)}; true or false is needed", where=where
            )
        axes.append(Axis(key, tuple(given)))
    return tuple(axes)


def grid(axes: Sequence[Axis], model: object = None) -> tuple[Variant, ...]:
    """All combinations of the axes' values; the last axis changes fastest. A name has the
    last part of each key, or the whole key where two would be alike. ``model``: what the
    recipe says of its model, as it is written there."""
    if not axes:
        return (Variant(BASE),)
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST:
        raise PolyframeError(
            f"has {count:,} variants; at most {MOST:,}", where="--grid"
        )
    last = [axis.key.rpartition(".")[2] for axis in axes]
    names = [
        axis.key if last.count(end) > 1 else end
        for axis, end in zip(axes, last, strict=True)
    ]
    keys = [axis.key for axis in axes]
    texts = [[value_text(value) for value in axis.values] for axis in axes]
    made = []
    for values, shown in zip(
        itertools.product(*(axis.values for axis in axes)),
        itertools.product(*texts),
        strict=True,
    ):
        pairs = zip(names, shown, strict=True)
        name = ", ".join(f"{key}={text}" for key, text in pairs)
        changes = dict(zip(keys, values, strict=True))
        made.append(Variant(name, model_change(changes, model)))
    return tuple(made)


def model_change(changes: dict[str, object], model: object) -> dict[str, object]:
    """Changes in which the arguments of a shipped model, such as ``model.width``, are one
    change of ``model``: the layers that it has depend on all of them."""
    reference = changes.get("model", model)
    if isinstance(reference, str):
        reference = {"type": reference}
    arguments = {
        key: value
        for key, value in changes.items()
        if key.startswith("model.") and key.split(".")[1] not in MODEL_KEYS
    }
    if not arguments or not isinstance(reference, Mapping) or "type" not in reference:
        return changes
    given = {key.partition(".")[2]: value for key, value in arguments.items()}
    rest = {key: value for key, value in changes.items() if key not in arguments}
    return {**rest, "model": {**reference, **given}}


def value_text(value: object) -> str:
    """A value in a name: ``SGD(lr=0.1)`` for a mapping with a type, else as YAML."""
    if isinstance(value, Mapping):
        options = ", ".join(
            f"{key}={value_text(v)}" for key, v in value.items() if key != "type"
        )
        head = value.get("type")
        if head is None:
            return f"({options})"
        return f"{head}({options})" if options else str(head)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_text, value))}]"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def recipes(base: Recipe, variants: Sequence[Variant]) -> dict[str, Recipe]:
    """The recipe of each variant by the variant's name, each checked.

    Only the parts that a variant changes are read again, so that many are checked fast.
    RecipeError for a field that there is not and a value that it does not take, and for
    two variants that are one recipe.
    """
    plain = base.to_data()
    parts = {key: getattr(base, key) for key in plain}
    made: dict[str, Recipe] = {}
    for variant in variants:
        changes = {k: v for k, v in variant.changes.items() if k not in RUN_KEYS}
        heads = {key.partition(".")[0] for key in changes}
        touched = {head: plain[head] for head in heads if head in plain}
        try:
            made[variant.name] = load_recipe({**parts, **touched}, changes)
        except PolyframeError as error:
            where = (error.where or "").removeprefix("recipe").removeprefix(": ")
            raise RecipeError(
                error.message,
                where=": ".join(filter(None, (f"variant {variant.name}", where))),
                hint=error.hint,
            ) from None
    check_different(variants, made)
    return made


def check_different(variants: Sequence[Variant], made: Mapping[str, Recipe]) -> None:
    """RecipeError where two variants are one recipe: a value in two spellings."""
    seen: dict[str, str] = {}
    hashes: dict[int, str] = {}  # most variants share one model
    for variant in variants:
        recipe = made[variant.name]
        parts = {key: value for key, value in vars(recipe).items() if key != "model"}
        model = id(recipe.model)
        hashes[model] = hashes.get(model) or recipe.model.hash
        text = f"{variant.optimize} {hashes[model]} {parts!r}"
        twin = seen.setdefault(text, variant.name)
        if twin != variant.name:
            raise RecipeError(
                f"the variants {twin!r} and {variant.name!r} are one recipe",
                where="--grid",
                hint="give each value once",
            )


def ablation() -> tuple[Variant, ...]:
    """Aligned, native, and each aspect of semantics alone native."""
    return (
        Variant(ALIGNED, {"semantics": "aligned"}, ALIGNED),
        Variant(NATIVE, {"semantics": "native"}, NATIVE),
        *(Variant(name, {"semantics": {name: "native"}}, name) for name in NAMES),
    )


def skipped(
    contestants: Sequence[Contestant],
    variants: Sequence[Variant],
    made: Mapping[str, Recipe],
    device: str,
) -> tuple[Skipped, ...]:
    """The pairs without cells: variants that a backend cannot run, and those of an
    ablation that change nothing there.

    UnsupportedError, with the reason, if a contestant could run nothing. A backend that
    is not installed in this Python is not looked at: what it cannot run fails when it is
    tried.
    """
    left_out: list[Skipped] = []
    known: dict[tuple[str, str], str | UnsupportedError] = {}
    for contestant in contestants:
        try:
            backend = registry.get(contestant.backend)
        except BackendError:
            continue
        mine = list(of_one(contestant, backend, variants, made, device, known))
        if len(mine) == len(variants):
            raise UnsupportedError(
                mine[0].reason, where=f"contestant {contestant.name}"
            )
        left_out += mine
    return tuple(left_out)


def of_one(
    contestant: Contestant,
    backend: Backend,
    variants: Sequence[Variant],
    made: Mapping[str, Recipe],
    device: str,
    known: dict[tuple[str, str], str | UnsupportedError],
) -> Iterator[Skipped]:
    """The variants of one contestant without cells. ``known``: what was found before, by
    backend and by what a program depends on."""
    aligned = None
    for variant in variants:
        recipe = made[variant.name]
        key = backend.name, family(recipe, variant.optimize)
        if key not in known:
            try:
                known[key] = meaning(recipe, backend, variant.optimize, device)
            except UnsupportedError as error:
                known[key] = error
        told = known[key]
        if isinstance(told, UnsupportedError):
            yield Skipped(contestant.name, variant.name, f"a gap: {told}")
        elif variant.aspect == ALIGNED:
            aligned = told
        elif variant.aspect and told == aligned:
            reason = "it changes nothing there"
            yield Skipped(contestant.name, variant.name, reason, ALIGNED)


def family(recipe: Recipe, optimize: bool) -> str:
    """What recipes have in common that a backend can run, or cannot: they differ in the
    data, the length, and fractions that are not 0."""
    parts = (
        id(recipe.model),
        optimize,
        recipe.dtype,
        recipe.semantics,
        recipe.loss,
        recipe.optimizer,
        recipe.training,
    )
    return FRACTION.sub(lambda m: "x" if float(m[0]) else "0", repr(parts))


def meaning(recipe: Recipe, backend: Backend, optimize: bool, device: str) -> str:
    """All that decides what a recipe's training computes on a backend, as text: the
    program, what UNSET resolved to, and what the framework draws and rounds itself.
    UnsupportedError where it cannot be run."""
    semantics = recipe.semantics
    if semantics != "aligned":
        registry.require(backend, "native_semantics", where="semantics")
    if recipe.dtype == "float64":
        registry.require(backend, "float64", where="dtype")
    target = Target(
        recipe.dtype, device, semantics, True, {}, recipe.precision, optimize
    )
    step = make_step(
        recipe.model, backend, recipe.loss, recipe.optimizer, recipe.training, semantics
    )
    assert step is not None
    program, graph = write_programs(recipe.model, backend, step, target, optimize)
    native = native_aspects(semantics)
    texts: list[Iterable[object]] = [
        sorted(program.files.items()),
        [node.layer for node in flatten(graph).nodes],
        [step.losses, step.optimizer],
    ]
    if "initializer" in native:
        texts.append(unset_weights(recipe.model, graph))
    if "tf32" in native and device == "gpu" and recipe.dtype == "float32":
        texts.append(["tf32"])
    return "\n".join(repr(item) for items in texts for item in items)
