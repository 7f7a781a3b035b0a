"""Names in foreign weight files: renaming, prefixes, counters."""

from __future__ import annotations

import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.io.state_dicts import prefix_problem, renamed, without_counters


def names(given, rename):
    return list(renamed(dict.fromkeys(given), rename, "file.pth"))


@pytest.mark.parametrize(
    ("rename", "name", "wanted"),
    [
        ({"module.": ""}, "module.conv1.weight", "conv1.weight"),
        ({"module.": ""}, "module.module.fc.bias", "module.fc.bias"),  # once
        ({"": "body."}, "conv1.weight", "body.conv1.weight"),
        ({"fc.": "head."}, "fc.weight", "head.weight"),
        ({"fc": "head"}, "fc2.weight", "head2.weight"),  # a beginning, not a part
        ({"*.norm.": "*.norm"}, "a.b.norm.1.weight", "a.b.norm1.weight"),
        ({"a*c": "x*y"}, "abcbc", "xbybc"),  # as little as possible
        ({"a.*": "*.z"}, "a.b.c", "b.c.z"),  # at the end: all the rest
        ({"*.*.": "*-*."}, "a.b.c", "a-b.c"),
        ({"x*.": "y"}, "x12.w", "yw"),  # what a * stood for may be dropped
        ({"(.+)": "q"}, "(.+)w", "qw"),  # no regular expressions
    ],
)
def test_the_beginning_of_a_name_is_replaced(rename, name, wanted):
    others = {key: f"{key.replace('*', 'z')}other" for key in rename}
    assert names([name, *others.values()], rename)[0] == wanted


def test_the_first_key_that_fits_counts():
    rename = {"a.b.": "2.", "a.": "1."}
    assert names(["a.b.c", "a.c", "d"], rename) == ["2.c", "1.c", "d"]


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        (
            {"modul.": ""},
            "file.pth: rename: 'modul.' fits no name. (the first are 'module",
        ),
        (
            {"module.conv1.wieght": ""},
            "fits no name. Did you mean 'module.conv1.weight'?",
        ),
        (
            {"module.*.": ""},
            "file.pth: rename: two names become 'weight'; one was 'module.",
        ),
        ({"module.": "*"}, "rename: '*' has more * than 'module.'"),
        ({"module.": None}, "rename: maps 'module.' to None; both have to be text"),
        ({1: ""}, "rename: maps 1 to ''; both have to be text"),
        (["module."], "rename: got ['module.']; a mapping such as {'module.': ''} is"),
    ],
)
def test_rules_that_cannot_be_meant(rename, message):
    given = ["module.conv1.weight", "module.conv2.weight"]
    fails(pf.WeightsError, lambda: names(given, rename), message)


def test_long_names_of_strangers_take_no_time():
    """A backtracking search would never end here."""
    name = "a." * 50_000
    assert names([name, "x" * 30 + "b"], {"*" + "x*" * 29 + "b": "c" + "*" * 29})


def test_counters_of_batch_norms_are_dropped():
    given = {"bn.weight": 1, "bn.num_batches_tracked": 2, "num_batches_tracked": 3}
    assert without_counters(given, {"bn.weight"}) == {"bn.weight": 1}
    own = {"bn.num_batches_tracked"}  # a layer of somebody's own may have it
    assert list(without_counters(given, own)) == ["bn.weight", "bn.num_batches_tracked"]


def test_prefixes_of_all_names_are_found():
    known = ["conv.weight", "fc.weight"]
    for prefix in ("module.", "model.", "module.model.", "_orig_mod."):
        problem, hint = prefix_problem([f"{prefix}{name}" for name in known], known)
        assert problem == f"all names begin with {prefix!r}, which the model's do not"
        assert hint == f"strip it: load_weights(…, rename={{{prefix!r}: ''}})"
    inside = ["body.weight", "body.bias"]
    problem, hint = prefix_problem(["weight", "bias"], inside)
    assert problem == "the model's names begin with 'body.', and these do not"
    assert hint.endswith("rename={'': 'body.'})")
    for given in (known, ["conv.weight", "module.fc.weight"], ["a.x", "a.y"], [], [3]):
        assert prefix_problem(given, known) is None
    assert (
        prefix_problem(["a.w", "a.a.w"], ["a.w", "w"]) is None
    )  # some fit as they are
