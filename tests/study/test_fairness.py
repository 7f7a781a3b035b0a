"""Facts that have to be equal: each is noticed where it differs, and nowhere else."""

from __future__ import annotations

import pytest

from polyframe.spec.recipe import load_recipe
from polyframe.study.fairness import FACTS, MISSING, unequal
from polyframe.study.plan import Contestant, Settings, Study, Variant
from polyframe.study.records import Record

EQUAL = {
    "polyframe": "0.18.0", "platform": "Linux", "processor": "x", "host": "a",
    "device": "cpu", "threads": 2, "dtype": "float32", "precision": None,
    "batch_size": 64, "epochs": 2, "parameters": 6090, "spec_hash": "5", "TF32": False,
    "data_hash": "d", "order_hash": "o", "augmentation_hash": "a", "optimize": True,
    "accumulate": 1, "train_samples": 1437, "processors": 2, "gpu": "H",
    "semantics": "aligned", "test_samples": 360,
}  # fmt: skip
OTHER = {
    "polyframe": "0.17.0", "platform": "Darwin", "processor": "y", "host": "b",
    "device": "cuda:0", "threads": 4, "dtype": "float64", "precision": "bfloat16",
    "batch_size": 32, "epochs": 3, "parameters": 6091, "spec_hash": "6", "TF32": True,
    "data_hash": "e", "order_hash": "p", "augmentation_hash": "b", "optimize": False,
    "accumulate": 2, "train_samples": 1000, "processors": 4, "gpu": "V",
    "semantics": "native", "test_samples": 100, "weights_hash": "another",
}  # fmt: skip


def study(**changes):
    return Study(
        load_recipe("digits_cnn"),
        (Contestant("torch", "torch"), Contestant("mxnet", "mxnet")),
        (Variant("base", changes),),
        (0, 1),
        Settings(threads=2),
    )


def records(other=None, seeds=(0, 1), status="done", variant="base"):
    for seed in seeds:
        mine = EQUAL | {"weights_hash": f"w{seed}"}
        for name, facts in (("torch", mine), ("mxnet", mine | (other or {}))):
            told = {key: value for key, value in facts.items() if value != MISSING}
            yield Record(name, variant, seed, "s", status, facts=told)


def test_equal_facts_are_equal():
    assert unequal(study(), list(records())) == []


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.key)
def test_each_fact_that_differs_is_named_with_both_values(fact):
    key = "device" if fact.key == "device_kind" else fact.key
    (one,) = unequal(study(), list(records({key: OTHER[key]})))
    assert one.fact is fact and one.seeds == (0, 1)
    assert one.refuses == fact.refuses
    assert one.reason.startswith(f"{fact.title} differs at base, seeds 0, 1: ")
    assert one.reason.endswith(f"; {fact.follows}")
    assert {"torch", "mxnet"} == {name for name, _ in one.values}
    for _, value in one.values:
        assert value in one.reason


def test_what_is_native_may_differ():
    other = {"weights_hash": "another", "TF32": True}
    assert len(unequal(study(), list(records(other)))) == 2
    assert unequal(study(semantics="native"), list(records(other))) == []
    (left,) = unequal(study(semantics={"initializer": "native"}), list(records(other)))
    assert left.fact.key == "TF32"


def test_those_that_refuse_come_first():
    found = unequal(study(), list(records({"threads": 4, "dtype": "float64"})))
    assert [(each.fact.key, each.refuses) for each in found] == [
        ("dtype", True),
        ("threads", False),
    ]


def test_what_one_does_not_tell_is_flagged():
    (one,) = unequal(study(), list(records({"spec_hash": MISSING}, seeds=(1,))))
    assert not one.refuses
    assert one.reason == (
        "spec differs at base, seed 1: not told (mxnet), 5 (torch); "
        "that it is equal is not known"
    )


def test_seeds_that_differ_alike_are_one_sentence():
    (one,) = unequal(study(), list(records({"weights_hash": "x"}, seeds=range(9))))
    assert one.seeds == tuple(range(9))
    assert "seeds 0, 1, 2, 3, 4, …: x (mxnet), w0 (torch)" in one.reason


def test_failed_cells_and_other_variants_do_not_count():
    other = {"dtype": "float64"}
    assert unequal(study(), list(records(other, status="failed"))) == []
    assert unequal(study(), list(records(other, variant="gone"))) == []


def test_values_of_a_stranger_are_cut_and_on_one_line():
    (one,) = unequal(study(), list(records({"host": "a\nb" * 5000}, seeds=(0,))))
    assert "\n" not in one.reason and len(one.reason) < 300
    (two,) = unequal(study(), list(records({"host": {"a": [1]}}, seeds=(0,))))
    assert '{"a": [1]} (mxnet)' in two.reason
