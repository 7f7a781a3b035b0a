"""``semantics``: its values, its aspects, and what belongs to which."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from helpers.programs import step_of, write
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.contract import registry
from polyframe.contract.aspects import on_each, undecided
from polyframe.differences import differences
from polyframe.spec.semantics import (
    ASPECTS,
    NAMES,
    aspect_of,
    native_aspects,
    own_defaults,
    rewrites,
)
from polyframe.spec.settings import check_setting, plain_setting

ONE = (("dropout", "native"),)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("aligned", "aligned"),
        ("native", "native"),
        ({}, "aligned"),
        ({"dropout": "aligned"}, "aligned"),
        ({"dropout": "native", "loss": "aligned"}, ONE),
        (ONE, ONE),
        (dict.fromkeys(NAMES, "native"), "native"),
        (dict.fromkeys(reversed(NAMES), "native"), "native"),
    ],
)
def test_values_have_one_form(given: object, wanted: object) -> None:
    assert check_setting("semantics", given) == wanted
    plain = plain_setting("semantics", wanted)
    assert check_setting("semantics", plain) == wanted
    assert plain == (dict(ONE) if wanted == ONE else wanted)


def test_order_does_not_matter() -> None:
    a, b = NAMES[:2]
    pairs = [{a: "native", b: "native"}, {b: "native", a: "native"}]
    one, other = (check_setting("semantics", p) for p in pairs)
    assert one == other
    assert native_aspects(one) == {a, b}


def test_recipes_set_one_aspect_after_the_other() -> None:
    def changed(semantics: Any, **changes: str) -> object:
        recipe = pf.Recipe(pf.zoo.digits_cnn(), semantics=semantics)
        keys = {f"semantics.{name}": word for name, word in changes.items()}
        return pf.load_recipe(recipe, keys).semantics

    assert changed("aligned", dropout="native") == ONE
    assert changed({"loss": "native"}, dropout="native", loss="aligned") == ONE
    some = changed("native", dropout="aligned", loss="aligned")
    assert native_aspects(some) == set(NAMES) - {"dropout", "loss"}  # type: ignore[arg-type]
    recipe = pf.Recipe(pf.zoo.digits_cnn(), semantics={"dropout": "native"})
    assert "semantics: {dropout: native}" in recipe.to_yaml()
    assert (
        pf.load_recipe({"model": "digits_cnn"}, {"semantics": dict(ONE)}).semantics
        == ONE
    )


# --- the list of aspects -------------------------------------------------------------


def test_every_undecided_field_and_every_own_default_has_an_aspect() -> None:
    fields = {(f.element, f.field) for f in undecided()}
    of_backends = {
        (element, field)
        for name in BACKENDS
        for element, own in registry.get(name).defaults.items()
        for field in own
    }
    assert of_backends <= fields
    assert all(aspect_of(*field) in NAMES for field in fields)
    # The first aspect whose pattern fits decides; each pattern decides some field.
    for aspect in ASPECTS:
        decided = [f"{e}.{f}" for e, f in fields if aspect_of(e, f) == aspect.name]
        for pattern in aspect.fields:
            assert any(fnmatchcase(name, pattern) for name in decided), pattern
        assert aspect.help.endswith(".")


def test_aspects_name_differences_of_the_registry_and_none_twice() -> None:
    named = [id for aspect in ASPECTS for id in aspect.differences]
    assert set(named) <= {d.id for d in differences()}
    assert len(named) == len(set(named)) and len(NAMES) == len(set(NAMES))


NET = pf.Sequential(
    [pf.Conv2D(3, 3, 2, "same", name="conv"), pf.BatchNorm(), pf.LeakyReLU(), pf.Dropout(),
     pf.Flatten(), pf.Dense(3, name="fc")],
    (2, 6, 6),
)  # fmt: skip
AT_RUN_TIME = {"tf32": 'native("tf32")'}
"""Aspects that no program's text shows → what a session asks."""


@pytest.mark.parametrize("aspect", ASPECTS, ids=lambda aspect: aspect.name)
def test_every_aspect_changes_something_on_some_backend(aspect: Any) -> None:
    semantics = ((aspect.name, "native"),)

    def program(name: str, semantics: Any) -> str:
        step = step_of(
            NET, name, "cross_entropy", pf.SGD(0.1, momentum=0.9), clip_norm=1.0
        )
        try:
            written = write(NET, name, step=step, dtype="float32", semantics=semantics)
        except pf.UnsupportedError:  # PyTorch's and MXNet's "same" takes no strides
            return "a gap"
        return written.source

    if aspect.name in AT_RUN_TIME:
        files = Path(__file__).parents[2].glob("backends/*/runtime.py")
        assert any(AT_RUN_TIME[aspect.name] in file.read_text() for file in files)
        return
    assert any(
        own_defaults(registry.get(name).defaults, semantics)
        or program(name, semantics) != program(name, "aligned")
        for name in BACKENDS
    )


def test_one_native_aspect_leaves_all_others_as_they_are() -> None:
    defaults = registry.get("tensorflow").defaults
    assert own_defaults(defaults, "aligned") == own_defaults(defaults, ONE) == {}
    assert own_defaults(defaults, "native") == defaults
    momentum = own_defaults(defaults, (("norm_momentum", "native"),))
    assert momentum == {"BatchNorm": {"momentum": 0.01}}
    assert rewrites("aligned") and rewrites(ONE) and not rewrites("native")


def test_what_each_backend_does_is_told() -> None:
    backends = [registry.get(name) for name in BACKENDS]
    told = {aspect.name: on_each(aspect, backends) for aspect in ASPECTS}
    assert told["norm_momentum"] == {
        "torch": "0.1",
        "tensorflow": "0.01",
        "mxnet": "0.1",
    }
    assert told["initializer"]["tensorflow"] == (
        "PReLU.init 0, weight_init glorot_uniform, bias_init zeros"
    )
    assert (
        "0.001 (BatchNorm, LayerNorm, GroupNorm)" in told["norm_epsilon"]["tensorflow"]
    )
    assert told["dropout"]["torch"] == "a generator of its own"
    assert "sgd-velocity: v = m v + g; w -= lr v" in told["optimizer"]["torch"]
    assert told["tf32"] == {
        "torch": "off for matrix products, on for convolutions",
        "tensorflow": "on for both",
        "mxnet": "",
    }
