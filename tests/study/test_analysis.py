"""From records to groups, comparisons, ablations, warnings, a stamp and sentences."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from helpers.simulated_studies import (
    ALIGNED,
    NATIVE,
    a_record,
    a_study,
    aspect,
    noisy,
)
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from polyframe.study.analysis import analyse
from polyframe.study.estimates import (
    EQUIVALENT,
    HIGHER,
    IDENTICAL,
    LOWER,
    NO_DIFFERENCE,
    UNKNOWN,
)
from polyframe.study.plan import Variant

FLIPPED = {HIGHER: LOWER, LOWER: HIGHER}
SPEED = [
    Variant("optimize=true", {"optimize": True}),
    Variant("optimize=false", {"optimize": False}),
]


def of(analysis, measure, one=None, other=None):
    """The one comparison of a measure and two contestants."""
    found = [
        each
        for each in analysis.comparisons
        if each.measure == measure
        and (one is None or each.one[0] == one)
        and (other is None or each.other[0] == other)
    ]
    assert len(found) == 1, found
    return found[0]


def records_of(study, accuracies):
    """Records with an accuracy by contestant and variant: by seed, None for none."""
    return [
        a_record(
            study.hash, (contestant, variant, seed), accuracy=value, loss=1 - value
        )
        for (contestant, variant), values in accuracies.items()
        for seed, value in enumerate(values)
        if value is not None
    ]


def slower(contestant, factor):
    """A contestant that needs more time."""

    def change(key, values):
        speed = values["speed"] / (factor if key[0] == contestant else 1.0)
        return {**values, "speed": speed}

    return change


def better(contestant, points):
    """A contestant whose accuracy is so many points higher."""

    def change(key, values):
        more = points / 100 if key[0] == contestant else 0.0
        return {**values, "accuracy": values["accuracy"] + more}

    return change


def quiet_studies(count, seed):
    """How many of so many studies of equal contestants find no difference, in any of all
    measures. Three contestants that are one, five seeds."""
    study, rng = a_study(), np.random.default_rng(seed)
    quiet = 0
    for _ in range(count):
        comparisons = analyse(study, noisy(study, rng)).comparisons
        assert (
            len({each.measure for each in comparisons}) == 8
        )  # that these records have
        quiet += all(each.verdict not in FLIPPED for each in comparisons)
    return quiet


def test_a_study_against_itself_says_no_difference():
    assert quiet_studies(100, 0) >= 95


@pytest.mark.full
def test_2000_studies_against_themselves_say_no_difference():
    assert quiet_studies(2000, 1) >= 0.95 * 2000


@pytest.mark.parametrize("points", [-2.0, 2.0])
def test_a_planted_difference_in_accuracy_is_found(points):
    study, rng = a_study(), np.random.default_rng(1)
    analysis = analyse(study, noisy(study, rng, change=better("b", points)))
    up = HIGHER if points > 0 else LOWER
    assert of(analysis, "accuracy", "b", "c").verdict == up
    assert of(analysis, "accuracy", "a", "b").verdict == FLIPPED[up]
    assert of(analysis, "accuracy", "a", "c").verdict not in FLIPPED
    assert of(analysis, "accuracy", "b", "c").estimate.value == pytest.approx(
        points, abs=0.7
    )
    word = "below" if points > 0 else "above"
    first, second, *_ = analysis.summary
    assert first.startswith("After 10 epochs, a, b and c reach ")
    assert first.endswith(" points of test accuracy (mean of 5 seeds).")
    assert second.startswith("a is ")
    assert f"points {word} b in test accuracy (95 % interval " in second
    assert second.endswith(", 5 pairs, paired t, Holm-corrected).")


def test_a_planted_slowdown_is_found():
    study, rng = a_study(), np.random.default_rng(2)
    analysis = analyse(study, noisy(study, rng, change=slower("b", 1.1)))
    longer = of(analysis, "training_seconds", "b", "c")
    assert longer.verdict == HIGHER
    assert longer.estimate.value == pytest.approx(1.1, abs=0.02)
    assert longer.relative
    assert of(analysis, "examples_per_second", "b", "c").verdict == LOWER
    same = of(analysis, "training_seconds", "a", "c")
    assert (same.verdict, same.margin) == (EQUIVALENT, 0.03)
    told = [line for line in analysis.summary if line.startswith("b trains 0.9")]
    assert told[0].startswith("b trains 0.9")
    assert " times as many examples/s as c (95 % interval " in told[0]


def test_equivalent_times_are_said_to_be():
    study = a_study()
    analysis = analyse(study, noisy(study, np.random.default_rng(2), noise=0.002))
    assert analysis.summary[-1] == (
        "Examples/s and peak memory are equivalent within a factor of 1.03 (TOST, 5 "
        "pairs of runs)."
    )


def test_equal_numbers_are_identical():
    study = a_study()
    values = [0.91, 0.92, 0.93, 0.91, 0.92]
    analysis = analyse(study, records_of(study, dict.fromkeys(keys(study), values)))
    assert {each.verdict for each in analysis.comparisons} == {IDENTICAL}
    assert analysis.summary[0] == (
        "After 10 epochs, a, b and c reach 91.8, 91.8 and 91.8 points of test accuracy "
        "(mean of 5 seeds): identical on every seed."
    )
    assert analysis.warnings == ()


def test_a_target_that_nothing_reaches_is_told():
    study = a_study(seeds=2, target=0.99)
    records = records_of(study, dict.fromkeys(keys(study), [0.90, 0.92]))
    assert analyse(study, records).warnings == (
        "time to a test accuracy of 0.99: no training has reached it.",
    )


def test_more_than_100_points_are_never_seen():
    study = a_study(("a", "b"), seeds=2)
    records = records_of(study, {("a", "base"): [0.9, 0.5], ("b", "base"): [0.4, 0.5]})
    analysis = analyse(study, records)
    assert of(analysis, "accuracy").detectable is None
    assert not any("would not have been seen" in each for each in analysis.summary)


def test_means_of_other_seeds_are_not_called_identical():
    study = a_study(seeds=3)
    values = dict.fromkeys(keys(study), [0.90, 0.92, 0.94])
    values["a", "base"] = [None, 0.92, 0.94]
    assert analyse(study, records_of(study, values)).summary[0] == (
        "After 10 epochs, a, b and c reach 93.0, 92.0 and 92.0 points of test accuracy "
        "(mean of 2 and 3 seeds): identical on every seed that both have."
    )


def keys(study):
    return [(c.name, v.name) for v in study.variants for c in study.contestants]


def test_no_difference_is_said_with_what_would_have_been_seen():
    study = a_study(margin=0.0001)
    rng = np.random.default_rng(3)
    analysis = analyse(study, noisy(study, rng, noise=0.01))
    (line,) = [each for each in analysis.summary if "in test accuracy" in each]
    assert line.startswith(
        "No significant difference in test accuracy (5 pairs of runs, paired t, "
        "Holm-corrected); with 5 seeds a difference below "
    )
    assert line.endswith(" points would not have been seen (power 0.8).")
    assert {each.verdict for each in analysis.comparisons} >= {NO_DIFFERENCE}
    assert of(analysis, "accuracy", "a", "b").detectable > 1


def test_a_difference_that_is_the_same_on_each_seed_is_told_without_an_interval():
    study = a_study(("a", "b"), seeds=3)
    values = {("a", "base"): [0.90, 0.91, 0.92], ("b", "base"): [0.91, 0.92, 0.93]}
    analysis = analyse(study, records_of(study, values))
    assert analysis.summary[1] == (
        "a is 1.0 points below b in test accuracy (3 pairs, the same on each: no interval)."
    )
    close = {**values, ("b", "base"): [0.90 + 1e-13, 0.91, 0.92]}
    analysis = analyse(study, records_of(study, close))
    assert analysis.summary[0].endswith(": equal to 9 digits on every seed.")


def test_one_seed_says_nothing_of_differences():
    study = a_study(seeds=1)
    analysis = analyse(study, noisy(study, np.random.default_rng(4)))
    assert {each.verdict for each in analysis.comparisons} == {UNKNOWN}
    assert all(
        each.mean.low is None and each.spread is None for each in analysis.groups
    )
    assert "(one seed)" in analysis.summary[0]
    assert analysis.summary[1] == (
        "Nothing can be said of differences in test accuracy: there is 1 pair of runs."
    )


def test_only_seeds_that_both_have_are_paired():
    study = a_study(seeds=4)
    records = records_of(
        study,
        {
            ("a", "base"): [0.90, 0.91, 0.92, 0.95],
            ("b", "base"): [None, 0.93, 0.92, 0.94],
            ("c", "base"): [0.91, None, None, None],
        },
    )
    analysis = analyse(study, records)
    pair = of(analysis, "accuracy", "a", "b")
    assert pair.estimate.n == 3
    assert pair.estimate.value == pytest.approx(-1 / 3)
    assert of(analysis, "accuracy", "a", "c").verdict == UNKNOWN
    assert not [c for c in analysis.comparisons if {c.one[0], c.other[0]} == {"b", "c"}]
    (group,) = [
        g for g in analysis.groups if (g.measure, g.contestant) == ("accuracy", "b")
    ]
    assert group.seeds == (1, 2, 3)
    assert group.values == pytest.approx((93, 92, 94))
    assert analysis.warnings == (
        "4 of 12 cells have not run: c, base, seed 1; b, base, seed 0; "
        "c, base, seed 2; c, base, seed 3.",
    ) or set(analysis.warnings[0].split(": ", 1)[1].rstrip(".").split("; ")) == {
        "b, base, seed 0",
        "c, base, seed 1",
        "c, base, seed 2",
        "c, base, seed 3",
    }


def test_failed_cells_and_those_of_another_plan_count_for_nothing():
    study = a_study(("a", "b"), seeds=3)
    records = noisy(study, np.random.default_rng(5))
    records[0] = dataclasses.replace(
        records[0], status="failed", error="out of\nmemory"
    )
    records[3] = dataclasses.replace(records[3], status="timeout", error=None)
    records[5] = dataclasses.replace(records[5], study="0" * 16)
    records.append(a_record(study.hash, ("d", "base", 0)))
    analysis = analyse(study, records)
    assert analysis.warnings == (
        "2 of 6 cells failed and count for nothing: a, base, seed 0 (out of\\nmemory); "
        "b, base, seed 1 (timeout).",
        "1 of 6 cells have not run: b, base, seed 2.",
        "Records of another plan, which count for nothing: 2.",
    )
    assert {(g.contestant, g.seeds) for g in analysis.groups} == {
        ("a", (1, 2)),
        ("b", (0,)),
    }


def test_a_diverged_loss_is_left_out_and_told():
    study = a_study(("a", "b"), seeds=3)
    records = noisy(study, np.random.default_rng(6))
    test = {"accuracy": 0.1, "loss": math.nan}
    records[0] = dataclasses.replace(records[0], test=test)
    records[1] = dataclasses.replace(records[1], steady={"examples_per_second": 0.0})
    records[2] = dataclasses.replace(records[2], resources={"energy_joules": None})
    analysis = analyse(study, records)
    assert of(analysis, "loss").estimate.n == 2
    assert of(analysis, "accuracy").estimate.n == 3
    told = "\n".join(analysis.warnings)
    assert "test loss: the value of 1 of 6 cells cannot be used" in told
    assert "a, base, seed 0 (nan)." in told
    assert "b, base, seed 0 (0)." in told
    assert "peak memory: no value in 1 of 6 cells" in told
    assert "energy" not in told  # of none of them


def test_variants_are_compared_with_the_first():
    study, rng = a_study(("a",), SPEED), np.random.default_rng(7)

    def change(key, values):
        slow = 1.25 if key[1] == "optimize=false" else 1.0
        return {**values, "speed": values["speed"] / slow}

    analysis = analyse(study, noisy(study, rng, change=change))
    pair = of(analysis, "training_seconds")
    assert pair.one == ("a", "optimize=false")
    assert pair.other == ("a", "optimize=true")
    assert pair.verdict == HIGHER
    assert pair.estimate.value == pytest.approx(1.25, abs=0.02)
    start = "Between variants: a with optimize=false trains "
    assert any(line.startswith(start) for line in analysis.summary)
    assert analysis.summary[0].startswith(
        "With optimize=true: after 10 epochs, a reaches"
    )
    assert "95 % interval" in analysis.summary[0]


@given(st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=5)
def test_the_order_of_records_does_not_matter(random):
    study = a_study(("a", "b"), (ALIGNED, NATIVE, aspect("initializer")), seeds=3)
    records = noisy(study, np.random.default_rng(10))
    mixed = random.sample(records, len(records))
    assert analyse(study, mixed) == analyse(study, records)


def test_contestants_the_other_way_round_flip_the_verdicts():
    study, turned = a_study(("a", "b")), a_study(("b", "a"))
    records = noisy(study, np.random.default_rng(11), change=better("b", 2.0))
    analysis, other = analyse(study, records), analyse(turned, records)
    for one, theirs in zip(analysis.comparisons, other.comparisons, strict=True):
        assert (one.one, one.other) == (theirs.other, theirs.one)
        assert theirs.verdict == FLIPPED.get(one.verdict, one.verdict)
        assert theirs.p == pytest.approx(one.p)


def test_sentences_are_whole():
    for study in (a_study(), a_study(variants=SPEED), a_study(seeds=2)):
        analysis = analyse(study, noisy(study, np.random.default_rng(12)))
        for line in (*analysis.summary, *analysis.warnings, *analysis.notes):
            assert line.endswith("."), line
            assert line[0].isupper() or line.split()[0] in ("a", "b", "c"), line
            assert "nan" not in line.split()
            assert "None" not in line
            assert "  " not in line


LARGE = """
import json, resource, sys, time
import numpy as np
from helpers.simulated_studies import a_study, noisy
from polyframe.study.analysis import analyse
from polyframe.study.plan import Variant
rates = [1e-4 * (i + 1) for i in range(int(sys.argv[1]))]
variants = [Variant(f"lr={rate}", {"optimizer.lr": rate}) for rate in rates]
study = a_study(variants=variants, seeds=int(sys.argv[2]))
records = noisy(study, np.random.default_rng(0))
start = time.process_time()
analysis = analyse(study, records)
seconds = time.process_time() - start
mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([len(records), len(analysis.comparisons), seconds, mib]))
"""


def analyse_many(variants, seeds):
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(variants), str(seeds)],
        capture_output=True,
        text=True,
        check=True,
        cwd=__file__.rpartition("/study/")[0],
        timeout=1800,
    )
    return json.loads(done.stdout)


@pytest.mark.full
@pytest.mark.parametrize(("variants", "seeds"), [(1, 3334), (33, 101), (667, 5)])
def test_ten_thousand_cells_are_analysed_in_time(variants, seeds):
    cells, comparisons, seconds, mib = analyse_many(variants, seeds)
    assert cells >= 9999
    assert comparisons > 0
    assert seconds < 30
    assert mib < 1024
