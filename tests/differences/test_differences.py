"""The registry of differences names what there is, and tells of a wrong file."""

from __future__ import annotations

import re

import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

from polyframe.conformance.trace import KINDS
from polyframe.differences import causes, differences, load
from polyframe.errors import SpecError
from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

KNOWN = {*Layer.registry, *Loss.registry, *Optimizer.registry}


def test_there_are_enough_and_each_has_a_name_of_its_own():
    ids = [d.id for d in differences()]
    assert len(ids) == len(set(ids)) >= 40
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in ids)


@pytest.mark.parametrize("difference", differences(), ids=lambda d: d.id)
def test_it_names_what_there_is(difference):
    assert set(difference.entries) <= KNOWN
    assert difference.entries
    assert difference.kinds
    assert set(difference.kinds) <= set(KINDS)
    assert set(difference.backends) <= set(BACKENDS)
    texts = (difference.title, difference.remedy, difference.source)
    assert all(text.strip() for text in (*texts, *difference.backends.values()))


def test_the_most_special_cause_comes_first():
    matches = causes("BatchNorm", "statistics", ("torch", "mxnet"))
    assert len(matches) == 3
    assert len(matches[0].entries) <= len(matches[-1].entries)
    assert causes("SGD", "state", ("torch", "mxnet"))[0].id == "sgd-velocity"
    assert causes("ReLU", "forward", ("torch", "mxnet")) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "is not a list of differences"),
        ("[{id: a}]", "needs the keys backends, entries, id, kinds"),
        (
            "[{id: a, title: t, entries: x, kinds: [], backends: {}, remedy: r, source}]",
            "entries is not a list of names",
        ),
        (
            "[{id: a, title: t, entries: [], kinds: [], backends: x, remedy: r, source}]",
            "backends is not a mapping of names to texts",
        ),
    ],
)
def test_a_wrong_file_is_told(text, message, tmp_path):
    path = tmp_path / "registry.yaml"
    path.write_text(text)
    fails(SpecError, lambda: load(path), message)
