"""The registry of differences names what there is, and tells of a wrong file."""

from __future__ import annotations

import re

import pytest
import yaml
from helpers.failing import fails
from helpers.support import BACKENDS

from polyframe.conformance.trace import KINDS
from polyframe.differences import (
    FOLDER,
    TOPICS,
    causes,
    difference,
    differences,
    load,
    read,
)
from polyframe.errors import SpecError
from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

KNOWN = {*Layer.registry, *Loss.registry, *Optimizer.registry}
COMPUTED = ("layers", "losses", "optimizers")
"""Topics whose differences show in what an element computes."""
RIGHT = {
    "title": "t",
    "topic": "layers",
    "entries": ["ReLU"],
    "kinds": ["forward"],
    "backends": {"torch": "a"},
    "meaning": "m",
    "remedy": "r",
    "matters": "w",
    "source": "s",
    "versions": {"torch": "2.13.0"},
}


def test_there_are_enough_and_each_has_a_name_of_its_own():
    ids = [d.id for d in differences()]
    assert len(ids) == len(set(ids)) >= 60
    assert len(ids) == len(list(FOLDER.iterdir()))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in ids)


def test_they_are_ordered_by_topic_and_id():
    order = [(TOPICS.index(d.topic), d.id) for d in differences()]
    assert order == sorted(order)


@pytest.mark.parametrize("difference", differences(), ids=lambda d: d.id)
def test_it_names_what_there_is(difference):
    assert set(difference.entries) <= KNOWN
    assert set(difference.kinds) <= set(KINDS)
    assert bool(difference.entries) == bool(difference.kinds)
    if difference.topic in COMPUTED:
        assert difference.entries
    assert set(difference.backends) <= set(BACKENDS)


def test_the_most_special_cause_comes_first():
    matches = causes("BatchNorm", "statistics", ("torch", "mxnet"))
    assert len(matches) == 3
    assert len(matches[0].entries) <= len(matches[-1].entries)
    assert causes("SGD", "state", ("torch", "mxnet"))[0].id == "sgd-velocity"
    assert causes("ReLU", "forward", ("torch", "mxnet")) == ()


def test_one_is_found_by_its_id():
    assert difference("leaky-slope").title == "Another slope by default"
    fails(
        SpecError,
        lambda: difference("leaky-slop"),
        "there is no difference 'leaky-slop'. Did you mean 'leaky-slope'?",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None}, "lacks the key 'title'"),
        ({"versions": None}, "lacks the key 'versions'"),
        ({"colour": "red"}, "has a key 'colour'; allowed are title, topic, entries"),
        ({"topic": "life"}, "topic is 'life'; allowed are layers, losses, optimizers"),
        ({"topic": ["layers"]}, "topic is ['layers']; allowed are layers, losses"),
        ({"entries": "x"}, "entries is not a list of names"),
        ({"kinds": [1]}, "kinds is not a list of names"),
        ({"backends": "x"}, "backends is not a mapping of backends to texts"),
        ({"backends": {}}, "backends is empty; it needs at least one"),
        ({"backends": {"torch": 0.1}}, "backends: torch is 0.1, not a text (set it in"),
        ({"meaning": " "}, "meaning is empty"),
        ({"remedy": ["r"]}, "remedy is ['r'], not a text"),
        (
            {"versions": {}},
            "versions is of none; it needs one for each of backends: to",
        ),
        ({"versions": {"torch": 2.1}}, "versions: torch is 2.1, not a text"),
        ({"wrong": {"mxnet": "a"}}, "wrong is of 'mxnet'; allowed are torch"),
        ({"wrong": "a == 1"}, "wrong is not a mapping of backends to texts"),
    ],
)
def test_a_wrong_file_is_told(change, message, tmp_path):
    data = {k: v for k, v in {**RIGHT, **change}.items() if v is not None}
    path = tmp_path / "some-difference.yaml"
    path.write_text(yaml.safe_dump(data))
    fails(SpecError, lambda: load(tmp_path), f"some-difference.yaml: {message}")


def test_a_file_that_is_no_mapping_is_told(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("[1]")
    fails(SpecError, lambda: read(path), "a.yaml: is not a mapping with title, topic")
    path.write_text("title: a\ntitle: b")
    fails(SpecError, lambda: read(path), "a.yaml: line 2: key 'title' is given twice")


def test_a_right_file_is_read(tmp_path):
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(RIGHT))
    claim = {"wrong": {"torch": "x == 1"}, "topic": "losses"}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({**RIGHT, **claim}))
    one, other = load(tmp_path)
    assert (one.id, one.wrong, one.entries) == ("b", {}, ("ReLU",))
    assert (other.id, other.wrong) == ("a", {"torch": "x == 1"})
