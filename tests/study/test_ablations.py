"""What an analysis says of an ablation: single effects, their sum, and the whole."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.simulated_studies import ALIGNED, NATIVE, a_study, aspect, noisy

from polyframe.study.analysis import analyse
from polyframe.study.estimates import HIGHER, LOWER
from polyframe.study.measures import measures
from polyframe.study.plan import Skipped
from polyframe.study.report.tables import ablations

FLIPPED = {HIGHER: LOWER, LOWER: HIGHER}
ASPECTS = [aspect("initializer"), aspect("norm_momentum"), aspect("norm_epsilon")]


def ablated(skipped=(), seeds=5):
    study = a_study(("a", "b"), (ALIGNED, NATIVE, *ASPECTS), seeds, skipped)
    rng = np.random.default_rng(8)
    cost = {"norm_momentum": 0.6, "initializer": 0.02, "native": 0.63}

    def change(key, values):
        less = cost.get(key[1], 0.0) if key[0] == "b" else 0.0
        return {**values, "accuracy": values["accuracy"] - less}

    return study, analyse(study, noisy(study, rng, noise=0.002, change=change))


def test_an_ablation_names_the_default_that_does_it():
    study, analysis = ablated()
    found = {a.contestant: a for a in analysis.ablations if a.measure == "accuracy"}
    ablation = found["b"]
    effects = dict(ablation.effects)
    assert list(effects) == ["initializer", "norm_momentum", "norm_epsilon"]
    assert effects["norm_momentum"].one == ("b", "norm_momentum")
    assert effects["norm_momentum"].other == ("b", "aligned")
    assert effects["norm_momentum"].verdict == LOWER
    assert effects["norm_momentum"].estimate.value == pytest.approx(-60, abs=0.5)
    assert effects["norm_epsilon"].verdict not in FLIPPED
    assert ablation.whole.estimate.value == pytest.approx(-63, abs=0.5)
    singles = sum(each.estimate.value for each in effects.values())
    assert ablation.total.value == pytest.approx(singles)
    assert ablation.rest.value == pytest.approx(ablation.whole.estimate.value - singles)
    assert ablation.rest.low < ablation.rest.value < ablation.rest.high
    assert all(each.verdict not in FLIPPED for _, each in found["a"].effects)
    (line,) = [each for each in analysis.summary if each.startswith("Of b's defaults")]
    assert line.startswith("Of b's defaults, norm_momentum costs ")
    (other,) = [each for each in analysis.summary if each.startswith("None of a's")]
    assert analysis.summary.index(line) < analysis.summary.index(other)
    assert "; initializer costs " in line
    assert line.endswith("; norm_epsilon does not change test accuracy significantly.")
    assert any("their single effects add up to -6" in each for each in analysis.summary)
    # Contestants are not compared within one aspect: that would cost the others power.
    compared = {each.one[1] for each in analysis.comparisons}
    assert compared == {"aligned", "native"}


def test_times_of_an_ablation_are_multiplied():
    _, analysis = ablated()
    (ablation,) = [
        each
        for each in analysis.ablations
        if (each.contestant, each.measure) == ("a", "training_seconds")
    ]
    product = math.prod(each.estimate.value for _, each in ablation.effects)
    assert ablation.total.value == pytest.approx(product)
    assert ablation.rest.value == pytest.approx(ablation.whole.estimate.value / product)
    assert ablation.rest.method == "t on logs"


def test_effects_on_times_are_shown_as_ratios():
    study, analysis = ablated()
    shown = SimpleNamespace(
        measures=measures(study.recipe, None), analysis=analysis, variants=()
    )
    rows = {row[1]: row for row in ablations(shown).rows if row[2] == "all at once"}
    for measure, sign in (("test accuracy, points", True), ("training, s", False)):
        effect, interval = rows[measure][4:6]
        assert effect.startswith(("+", "-")) is sign
        assert effect.endswith("×") is not sign
        assert ("+" in interval or "-" in interval) is sign


def test_one_seed_says_nothing_of_defaults():
    _, analysis = ablated(seeds=1)
    assert (
        "Nothing can be said of what each of b's defaults alone (norm_momentum, "
        "initializer and norm_epsilon) does to test accuracy: there is 1 pair of runs."
    ) in analysis.summary
    assert not any("significantly" in sentence for sentence in analysis.summary)


def test_aspects_that_change_nothing_have_no_effect():
    skipped = [
        Skipped("a", "native", "all defaults are the aligned ones", "aligned"),
        *(Skipped("a", v.name, "as aligned", "aligned") for v in ASPECTS),
        Skipped("b", "norm_epsilon", "not in b"),
        Skipped("b", "initializer", "as norm_momentum", "norm_momentum"),
    ]
    _, analysis = ablated(skipped)
    one, other = [each for each in analysis.ablations if each.measure == "accuracy"]
    assert (one.effects, one.whole, one.total, one.rest) == ((), None, None, None)
    assert len(one.without) == 4
    assert [aspect for aspect, _ in other.effects] == ["initializer", "norm_momentum"]
    assert dict(other.effects)["initializer"].one == ("b", "norm_momentum")
    assert other.without == (("norm_epsilon", "not in b"),)
    # What has no cells since it is the same stands for itself.
    pairs = {(c.one, c.other) for c in analysis.comparisons if c.measure == "accuracy"}
    assert pairs == {
        (("a", "aligned"), ("b", "aligned")),
        (("a", "aligned"), ("b", "native")),
    }
    assert analysis.warnings == ()
