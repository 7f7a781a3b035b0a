"""From records to groups, comparisons, ablations, warnings, a stamp and sentences."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from helpers.simulated_studies import (
    ALIGNED,
    BASE,
    NATIVE,
    a_model,
    a_record,
    a_study,
    aspect,
    noisy,
)
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from polyframe.study.analysis import analyse, analyse_folder
from polyframe.study.estimates import (
    EQUIVALENT,
    HIGHER,
    IDENTICAL,
    LOWER,
    NO_DIFFERENCE,
    UNKNOWN,
)
from polyframe.study.folder import StudyFolder
from polyframe.study.plan import Skipped, Variant

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


def test_a_study_against_itself_says_no_difference():
    """Three contestants that are one, five seeds, all measures."""
    study, rng = a_study(), np.random.default_rng(0)
    quiet = {}
    for _ in range(100):
        analysis = analyse(study, noisy(study, rng))
        for name, several in itertools.groupby(
            analysis.comparisons, lambda c: c.measure
        ):
            none = all(each.verdict not in FLIPPED for each in several)
            quiet.setdefault(name, []).append(none)
    assert {len(each) for each in quiet.values()} == {100}
    assert len(quiet) == 8  # all that these records have
    assert sum(quiet["accuracy"]) >= 95
    assert np.mean(list(quiet.values())) >= 0.95


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
    told = [line for line in analysis.summary if line.startswith("b takes 1.1")]
    assert told[0].startswith("b takes 1.1 times as long to train as c (95 % interval ")
    assert any(
        "equivalent within a factor of 1.03" in line for line in analysis.summary
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
    assert (pair.verdict, round(pair.estimate.value, 2)) == (HIGHER, 1.25)
    assert any(
        line.startswith(
            "a with optimize=false takes 1.25 times as long to train as a with"
        )
        for line in analysis.summary
    )
    assert analysis.summary[0].startswith(
        "With optimize=true: after 10 epochs, a reaches"
    )
    assert "95 % interval" in analysis.summary[0]


ASPECTS = [aspect("initializer"), aspect("norm_momentum"), aspect("norm_epsilon")]


def ablated(skipped=()):
    study = a_study(("a", "b"), (ALIGNED, NATIVE, *ASPECTS), skipped=skipped)
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
    assert "; initializer costs " in line
    assert line.endswith("; no other of 1 changes test accuracy significantly.")
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


def certificate(study, **more):
    return {
        "passed": True,
        "spec": {"name": "small", "hash": study.recipe.model.hash},
        "settings": {"semantics": "aligned"},
        "backends": {each.backend: "1.0" for each in study.contestants},
        **more,
    }


def test_a_study_is_verified_by_its_certificates():
    study = a_study(variants=(ALIGNED, NATIVE))
    good = certificate(study)
    analysis = analyse(study, [], {"aligned": good})
    assert analysis.stamp == "VERIFIED"
    assert "native differ on purpose" in analysis.stamp_reason
    for bad, reason in (
        (None, "aligned has no certificate"),
        ({**good, "passed": False}, "did not pass"),
        ({**good, "passed": "yes"}, "did not pass"),
        ({**good, "spec": {"hash": "0"}}, "is of another model ('0', not "),
        ({**good, "spec": []}, "is of another model"),
        ({**good, "settings": {"semantics": "native"}}, "has semantics 'native'"),
        ({**good, "backends": ["a", "b"]}, "was not taken on c"),
    ):
        analysis = analyse(study, [], {} if bad is None else {"aligned": bad})
        assert analysis.stamp == "UNVERIFIED"
        assert reason in analysis.stamp_reason
    other = a_record(study.hash, ("a", "aligned", 0), facts={"spec_hash": "0"})
    analysis = analyse(study, [other], {"aligned": good})
    assert analysis.stamp == "UNVERIFIED"
    assert "trained another model" in analysis.stamp_reason


def test_native_variants_have_their_own_defaults():
    native = a_study(
        variants=(NATIVE, Variant("x", {"semantics.initializer": "native"}))
    )
    assert analyse(native, []).stamp == "OWN DEFAULTS"
    assert analyse(a_study(), []).stamp == "UNVERIFIED"
    assert analyse(a_study(), []).summary == ()


def test_each_variant_needs_a_certificate_of_its_model():
    model = a_model(5)
    wide = Variant("dense=5", {"model": model.to_data()})
    study = a_study(variants=(BASE, wide))
    one = certificate(study)
    assert analyse(study, [], {"base": one, "dense=5": one}).stamp == "UNVERIFIED"
    theirs = {**one, "spec": {"hash": model.hash}}
    assert analyse(study, [], {"base": one, "dense=5": theirs}).stamp == "VERIFIED"


def test_a_folder_is_analysed(tmp_path):
    study = a_study(seeds=3)
    records = noisy(study, np.random.default_rng(9))
    folder = StudyFolder(tmp_path / "study")
    with folder.opened(study):
        for cell, record in zip(study.cells(), records, strict=True):
            folder.write(record, cell)
        folder.write_certificate("base", certificate(study))
    analysis = analyse_folder(folder)
    assert analysis == analyse(study, records, {"base": certificate(study)})
    assert analysis.stamp == "VERIFIED"
    damaged = folder.path / next(study.cells()).path
    damaged.write_text("{")
    first, second = analyse_folder(folder).warnings
    assert "the cell counts as not run" in first
    assert second == "1 of 9 cells have not run: a, base, seed 0."


@given(st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=5)
def test_the_order_of_records_does_not_matter(random):
    study = a_study(("a", "b"), (ALIGNED, NATIVE, ASPECTS[0]), seeds=3)
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
import json, resource, time
import numpy as np
from helpers.simulated_studies import a_study, noisy
from polyframe.study.analysis import analyse
from polyframe.study.plan import Variant
variants = [Variant(f"lr={i}", {{"optimizer.lr": 1e-4 * (i + 1)}}) for i in range({})]
study = a_study(variants=variants, seeds={})
records = noisy(study, np.random.default_rng(0))
start = time.process_time()
analysis = analyse(study, records)
seconds = time.process_time() - start
mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([len(records), len(analysis.comparisons), seconds, mib]))
"""


def analyse_many(variants, seeds):
    code = LARGE.format(variants, seeds)
    done = subprocess.run(
        [sys.executable, "-c", code],
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
