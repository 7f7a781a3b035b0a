"""Means, paired comparisons, Holm's correction, equivalence and power."""

from __future__ import annotations

import importlib
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from polyframe.errors import PolyframeError
from polyframe.study.estimates import (
    ALPHA,
    CONFIDENCE,
    EQUIVALENT,
    HIGHER,
    IDENTICAL,
    LOWER,
    NO_DIFFERENCE,
    UNKNOWN,
)
from polyframe.study.statistics import (
    BOOTSTRAP_FROM,
    RATIO_MARGIN,
    RESAMPLES,
    SEED,
    bootstrap_interval,
    compare,
    holm,
    means,
    smallest_effect,
)

FLIPPED = {HIGHER: LOWER, LOWER: HIGHER}


def covered(estimates, truth):
    """The share of the intervals that hold the truth."""
    return np.mean([each.low <= truth <= each.high for each in estimates])


def coverage(n, studies, seed=0):
    """The coverage of means, paired differences and paired ratios."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(4, studies, n))
    shared = rng.normal(size=(studies, n))
    one, other = 91 + shared + 0.3 * noise[0], 90 + shared + 0.3 * noise[1]
    differences = compare(list(zip(one, other, strict=True)))
    one, other = np.exp(shared + 0.1 * noise[2]), 0.8 * np.exp(shared + 0.1 * noise[3])
    ratios = compare(list(zip(one, other, strict=True)), relative=True)
    return (
        covered(means(91 + shared), 91.0),
        covered([each.estimate for each in differences], 1.0),
        covered([each.estimate for each in ratios], 1.25),
    )


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_intervals_cover(n):
    # 400 studies: the share is off by 0.011 (a standard deviation)
    assert all(0.915 <= share <= 0.985 for share in coverage(n, 400)), coverage(n, 400)


@pytest.mark.full
@pytest.mark.parametrize("n", [3, 5, 10, 20, 30, 100])
def test_intervals_cover_in_many_studies(n):
    assert all(0.93 <= share <= 0.97 for share in coverage(n, 2000)), coverage(n, 2000)


def test_a_mean_of_few_is_students_and_of_many_a_bootstrap():
    x = np.random.default_rng(1).normal(size=BOOTSTRAP_FROM)
    few, many = means([x[:-1], x])
    interval = stats.ttest_1samp(x[:-1], 0).confidence_interval(CONFIDENCE)
    assert (few.low, few.high) == pytest.approx(tuple(interval))
    assert (few.n, few.method) == (BOOTSTRAP_FROM - 1, "t")
    assert (many.n, many.method) == (BOOTSTRAP_FROM, "BCa bootstrap")


def test_the_bootstrap_is_scipys_on_the_values_themselves():
    """Resampled indices are a matter of speed; the level makes up for a small n."""
    n = 25
    x = np.random.default_rng(2).exponential(size=(3, n))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * math.sqrt(n / (n - 1))
    level = 1 - 2 * stats.norm.sf(reach)
    assert 0.95 < level < 0.97
    low, high = bootstrap_interval(x)
    theirs = stats.bootstrap(
        (x,),
        np.mean,
        axis=1,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    np.testing.assert_allclose((low, high), theirs, rtol=1e-9)


def test_a_bootstrap_does_not_depend_on_its_neighbours():
    x = np.random.default_rng(3).normal(size=(300, 20))
    low, high = bootstrap_interval(x)
    alone = bootstrap_interval(x[299:])
    np.testing.assert_allclose((low[299], high[299]), np.ravel(alone), rtol=1e-12)


def test_one_value_has_no_interval_and_equal_ones_have_none_to_speak_of():
    one, equal = means([[0.1], [0.1, 0.1, 0.1]])
    assert (one.value, one.low, one.high, one.n) == (0.1, None, None, 1)
    assert (equal.value, equal.low, equal.high, equal.n) == (0.1, 0.1, 0.1, 3)
    assert equal.method == "the same on every seed"
    with pytest.raises(ValueError, match="no values"):
        means([[]])
    assert means([]) == [] == compare([])


def test_equal_pairs_are_identical():
    a = [91.0, 92.0, 93.0]
    (exact,) = compare([(a, a)], margin=0.5)
    assert exact.verdict == IDENTICAL
    assert exact.estimate.method == "identical on every seed"
    assert (exact.estimate.value, exact.p, exact.p_equivalence) == (0, None, None)
    (close,) = compare([(a, np.array(a) * (1 + np.array([1e-13, -1e-13, 2e-13])))])
    assert close.verdict == IDENTICAL
    assert close.estimate.method == "equal to 9 digits on every seed"
    (ratio,) = compare([(a, a)], relative=True)
    assert (ratio.verdict, ratio.estimate.value) == (IDENTICAL, 1.0)
    (zero,) = compare([([0.0, 0.0], [0.0, 0.0])])
    assert zero.verdict == IDENTICAL


def test_a_constant_difference_has_no_p():
    a = np.array([91.1, 92.2, 93.3])
    (three,) = compare([(a - 0.1, a)])
    assert (three.verdict, three.p, three.p_holm) == (LOWER, None, None)
    assert three.corrected.low == three.corrected.high == pytest.approx(-0.1)
    assert three.corrected.method == "the same on every seed"
    (two,) = compare([(a[:2] - 0.1, a[:2])])
    assert (two.verdict, two.p) == (UNKNOWN, None)
    assert (two.corrected.low, two.corrected.high) == (None, None)
    (ratio,) = compare([(1.1 * a, a)], relative=True)
    assert (ratio.verdict, ratio.p) == (HIGHER, None)
    assert ratio.estimate.value == pytest.approx(1.1)


def test_one_pair_says_nothing():
    (one,) = compare([([1.0], [2.0])], margin=0.5)
    assert (one.verdict, one.p, one.detectable) == (UNKNOWN, None, None)
    assert (one.estimate.value, one.estimate.low, one.estimate.n) == (-1.0, None, 1)


def test_two_pairs_are_tested():
    (two,) = compare([([1.0, 2.0], [0.0, 1.5])])
    assert (two.verdict, two.estimate.n) == (NO_DIFFERENCE, 2)
    assert two.p == pytest.approx(stats.ttest_rel([1.0, 2.0], [0.0, 1.5]).pvalue)
    assert two.corrected.low < 0 < two.corrected.high


@pytest.mark.parametrize("n", [5, 30])
def test_the_tests_are_scipys_and_statsmodels(n):
    rng = np.random.default_rng(4)
    a, b, c = np.exp(rng.normal(size=(3, n)))
    (one, other) = compare([(a, b), (a, c)], margin=0.5)
    p = [stats.ttest_rel(a, each).pvalue for each in (b, c)]
    assert [one.p, other.p] == pytest.approx(p)
    assert [one.p_holm, other.p_holm] == pytest.approx(
        multipletests(p, 0.05, "holm")[1]
    )
    assert one.p_equivalence == pytest.approx(ttost_paired(a, b, -0.5, 0.5)[0])
    assert one.corrected.method == "paired t, Holm-corrected"
    (ratio,) = compare([(a, b)], relative=True, margin=RATIO_MARGIN)
    assert ratio.p == pytest.approx(stats.ttest_rel(np.log(a), np.log(b)).pvalue)
    assert ratio.estimate.value == pytest.approx(stats.gmean(a / b))
    assert ratio.p_equivalence == pytest.approx(
        ttost_paired(a, b, 1 / 1.03, 1.03, transform=np.log)[0]
    )
    interval = stats.ttest_rel(np.log(a), np.log(b)).confidence_interval(CONFIDENCE)
    assert (ratio.corrected.low, ratio.corrected.high) == pytest.approx(
        np.exp(interval)
    )
    assert ratio.corrected.method == "paired t on logs, Holm-corrected"
    assert "on logs" in ratio.estimate.method


def test_a_margin_makes_equivalence():
    rng = np.random.default_rng(5)
    a = 90 + rng.normal(size=6)
    b = a + 0.1 * rng.normal(size=6)
    assert compare([(a, b)], margin=0.5)[0].verdict == EQUIVALENT
    assert compare([(a, b)], margin=0.01)[0].verdict == NO_DIFFERENCE
    assert compare([(a, b)])[0].verdict == NO_DIFFERENCE
    # A difference that is seen is one, even within the margin.
    (seen,) = compare([(a, a + 0.2 + 0.01 * rng.normal(size=6))], margin=0.5)
    assert seen.verdict == LOWER
    assert seen.p_equivalence < ALPHA


@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=12), st.booleans())
def test_holms_levels_agree_with_its_p_values(p, ties):
    p = np.array(p + p if ties else p)
    corrected, levels = holm(p)
    assert np.array_equal(p < levels, corrected < ALPHA)
    assert np.all((levels >= ALPHA / len(p)) & (levels <= ALPHA))
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(levels[order]) >= 0)


@pytest.mark.parametrize("relative", [False, True])
def test_an_interval_excludes_no_difference_where_p_says_so(relative):
    rng = np.random.default_rng(6)
    seen = set()
    for _ in range(30):
        n, several = rng.integers(2, 25), rng.integers(1, 9)
        pairs = []
        for _ in range(several):
            base = 5 + rng.random(n)
            pairs.append((base * np.exp(rng.normal(0.01, 0.01, n)), base))
        none = 1.0 if relative else 0.0
        for each in compare(pairs, relative):
            excludes = each.corrected.low > none or each.corrected.high < none
            assert excludes == (each.p_holm < ALPHA) == (each.verdict != NO_DIFFERENCE)
            assert each.p <= each.p_holm
            seen.add((excludes, each.p < ALPHA))
    assert seen == {(True, True), (False, True), (False, False)}


def numbers(*several):
    """Numbers, and -1 for none, as approx needs them."""
    return [-1.0 if each is None else each for each in several]


SAMPLES = st.integers(2, 8).flatmap(
    lambda n: st.tuples(
        *[st.lists(st.integers(1, 400), min_size=n, max_size=n) for _ in range(3)]
    )
)


@given(SAMPLES, st.booleans())
@hypothesis_settings(max_examples=30)
def test_the_other_way_round_the_signs_are_the_other_ones(samples, relative):
    a, b, c = samples
    for one, other in zip(
        compare([(a, b), (a, c)], relative, 0.03),
        compare([(b, a), (c, a)], relative, 0.03),
        strict=True,
    ):
        assert other.verdict == FLIPPED.get(one.verdict, one.verdict)
        for mine, theirs in (
            (one.estimate, other.estimate),
            (one.corrected, other.corrected),
        ):
            ends = mine.value, mine.low, mine.high
            turned = [
                None if x is None else 1 / x if relative and x else -x
                for x in (theirs.value, theirs.high, theirs.low)
            ]
            if not relative or all(0 < (x or 1) < 1e300 for x in ends):
                assert ends == pytest.approx(turned, rel=1e-6, abs=1e-9)
        for mine, theirs in zip(p_values(one), p_values(other), strict=True):
            assert mine == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def p_values(each):
    return numbers(each.p, each.p_holm, each.detectable, each.p_equivalence)


@given(SAMPLES, st.sampled_from([1e-6, 1e3, 60.0]), st.booleans())
@hypothesis_settings(max_examples=30)
def test_units_do_not_matter(samples, factor, relative):
    a, b, _ = (np.array(each, float) for each in samples)
    (plain,) = compare([(a, b)], relative, 0.03)
    (scaled,) = compare(
        [(factor * a, factor * b)], relative, 0.03 if relative else 0.03 * factor
    )
    assert scaled.verdict == plain.verdict
    assert numbers(scaled.p, scaled.p_equivalence) == pytest.approx(
        numbers(plain.p, plain.p_equivalence), rel=1e-6, abs=1e-12
    )
    times = 1.0 if relative else factor
    assert scaled.estimate.value == pytest.approx(
        plain.estimate.value * times, rel=1e-9
    )


def test_power_is_what_statsmodels_says():
    assert smallest_effect(20, 0.05) == pytest.approx(
        TTestPower().solve_power(nobs=20, alpha=0.05, power=0.8), rel=1e-4
    )
    # Asked for both sides, solve_power gives 4.3 here, of a power of 0.6.
    assert smallest_effect(3, 0.05 / 3) == pytest.approx(5.667, rel=1e-3)
    assert smallest_effect(2, 1e-7) is None
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(2, 5))
    (each,) = compare([(a, b)])
    spread = np.std(a - b, ddof=1)
    assert each.detectable == pytest.approx(smallest_effect(5, ALPHA) * spread)
    # Three comparisons: Holm's first level.
    several = compare([(a, b), (a, 2 * b), (a, 3 * b)])
    assert several[0].detectable == pytest.approx(
        smallest_effect(5, ALPHA / 3) * spread
    )


def test_what_is_detectable_is_found_four_times_in_five():
    rng = np.random.default_rng(8)
    effect = smallest_effect(5, ALPHA)
    samples = rng.normal(effect, 1.0, (4000, 5))
    p = stats.ttest_1samp(samples, 0, axis=1).pvalue
    assert np.mean(p < ALPHA) == pytest.approx(0.8, abs=0.03)


@pytest.mark.full
def test_three_that_are_one_seldom_differ():
    """Holm's correction keeps the chance of any wrong difference below 0.05: it is 0.047
    for these (of 100,000 families drawn without this code), and 0.13 uncorrected."""
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(10_000):
        a, b, c = rng.normal(size=(3, 5)) + rng.normal(size=5)
        found = compare([(a, b), (a, c), (b, c)])
        wrong += any(each.verdict in FLIPPED for each in found)
    assert wrong / 10_000 <= 0.05


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels.stats.power", None)
    monkeypatch.delitem(sys.modules, "polyframe.study.statistics")
    with pytest.raises(PolyframeError, match=r'pip install "polyframe\[study\]"'):
        importlib.import_module("polyframe.study.statistics")
