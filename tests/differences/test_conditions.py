"""When a difference shows: conditions on facts, their form, and what entries say."""

from __future__ import annotations

from typing import get_args

import pytest
from helpers.failing import fails

from polyframe.compiler.program import Role
from polyframe.differences import Difference, differences
from polyframe.differences.conditions import (
    LINE,
    NEVER,
    ROLE,
    holds,
    parse_when,
    texts_of,
)
from polyframe.errors import SpecError
from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.teach.facts import ADDED


@pytest.mark.parametrize(
    ("when", "right", "wrong"),
    [
        ({"mode": "bicubic"}, {"mode": "bicubic"}, {"mode": "nearest"}),
        ({"kernel_size": 1}, {"kernel_size": (1, 1)}, {"kernel_size": (1, 3)}),
        ({"ceil_mode": True}, {"ceil_mode": True}, {"ceil_mode": False}),
        ({"readers": ["Tanh"]}, {"readers": ("ReLU", "Tanh")}, {"readers": ("ReLU",)}),
        ({"groups": "> 1"}, {"groups": 2}, {"groups": 1}),
        ({"dilation": "> 1"}, {"dilation": (1, 2)}, {"dilation": (1, 1)}),
        ({"weight_decay": ">= 0.5"}, {"weight_decay": 0.5}, {"weight_decay": 0.4}),
        ({"group_channels": "< 16"}, {"group_channels": 3}, {"group_channels": 16}),
        ({"axes": "<= 3"}, {"axes": 3}, {"axes": 4}),
        ({"dilation": "!= 1"}, {"dilation": (1, 2)}, {"dilation": 1}),
        ({"stride": "uneven"}, {"stride": (1, 2)}, {"stride": (2, 2)}),
        ({"ignore_index": "set"}, {"ignore_index": 0}, {"ignore_index": None}),
        ({"groups": "> 1"}, {"groups": 2}, {}),
        ({"groups": "> 1"}, {"groups": 2}, {"groups": None}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 3}),
    ],
)
def test_a_condition_holds_for_some_facts_and_not_for_others(
    when: dict[str, object], right: dict[str, object], wrong: dict[str, object]
) -> None:
    parsed = parse_when(when, "x.yaml")
    assert holds(parsed, right)
    assert not holds(parsed, wrong)


def test_without_conditions_it_always_holds_and_never_is_never() -> None:
    assert holds(parse_when({}, "x.yaml"), {})
    assert holds(parse_when({"role": "apply", "line": "step("}, "x.yaml"), {})
    assert texts_of({"line": "step("}) == ("step(",)
    assert texts_of({"line": ["a", "b"]}) == ("a", "b") and texts_of({}) == ()
    assert not holds(parse_when("never", "x.yaml"), {"dtype": "float32"})


@pytest.mark.parametrize(
    ("when", "message"),
    [
        (3, "when is 3; it is a mapping of facts to conditions, or never"),
        ("always", "it is a mapping of facts to conditions, or never"),
        ({1: 2}, "it is a mapping of facts to conditions, or never"),
        ({"a": None}, "when: a is None; it is a value, a list of values"),
        ({"a": {"b": 1}}, "when: a is"),
        ({"a": [[1]]}, "when: a is"),
        ({"a": "> x"}, "when: a is '> x'"),
        ({"a": ">"}, 'or a comparison such as "> 1"'),
    ],
)
def test_another_form_is_refused(when: object, message: str) -> None:
    fails(SpecError, lambda: parse_when(when, "x.yaml"), message)


@pytest.mark.parametrize(
    "difference", [d for d in differences() if d.when], ids=lambda d: d.id
)
def test_entries_ask_for_facts_that_there_are(difference: Difference) -> None:
    """Fields of one of the entries, or facts that are added; roles of programs."""
    kinds = {**Layer.registry, **Loss.registry, **Optimizer.registry}
    words = difference.entries or tuple(Optimizer.registry)
    fields = {name for word in words for name in kinds[word].__dataclass_fields__}
    assert set(difference.when) <= fields | set(ADDED) | {ROLE, LINE}
    roles = {NEVER, *get_args(Role)} - {"optimizer_class"}  # that one is folded
    assert difference.when.get(ROLE, NEVER) in roles
