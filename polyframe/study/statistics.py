"""The statistics of a study: numbers in; estimates, intervals and p-values out.

All of it is SciPy's and statsmodels'; what is here says which method is used when:

- The mean of a group: Student's t interval below ``BOOTSTRAP_FROM`` values, from there on
  a BCa bootstrap with a fixed seed, so that a report can be made again.
- A comparison is paired by seed: on differences, or on logs of ratios, where 1 is none
  and the estimate is a geometric mean. Its p-value and its corrected interval are those of
  the paired t test for any n: Holm's levels lie further out in the tails than resampling
  can see.
- Equivalence: two one-sided paired t tests (TOST) within a margin, not corrected: that
  *all* of several pairs are equivalent is tested by testing each (Berger 1982).
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

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
    Estimate,
)

try:
    from scipy import stats
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.power import TTestPower
    from statsmodels.stats.weightstats import ttost_paired
except ImportError:
    raise PolyframeError(
        "a study's statistics need SciPy and statsmodels",
        hint='pip install "polyframe[study]"',
    ) from None

Values = NDArray[np.float64]

POWER = 0.8
"""The power of ``detectable``: Cohen's usual one."""
BOOTSTRAP_FROM = 20
"""From how many values on means have bootstrap intervals."""
RESAMPLES, SEED = 4999, 0
RATIO_MARGIN = 0.03
"""Ratios of times, speeds and memory within 1/1.03 to 1.03 are equivalent: a choice, since
nobody chooses a framework for 3 % of a time."""
DIGITS = 1e-9
"""Numbers that differ by less than this share of them are the same number, summed in
another order: float64 runs of two frameworks differ by 1e-11 and less."""
CONSTANT_FROM = 3
"""From how many pairs on a difference that is the same on each is taken for one. Two equal
differences of a coarse measure (one more of 360 images right) are often chance."""
BOOTSTRAP, STUDENT = "BCa bootstrap", "t"
ONE_VALUE = "one value: no interval"
CONSTANT = "the same on every seed"
EQUAL, CLOSE = "identical on every seed", "equal to 9 digits on every seed"
PAIRED, CORRECTED = "paired t", "paired t, Holm-corrected"
GROUPS_AT_ONCE, INDICES_AT_ONCE = 256, 2**18


@dataclass(frozen=True)
class Difference:
    """What a comparison of two paired samples came to; the fields are those of
    ``estimates.Comparison``."""

    estimate: Estimate
    corrected: Estimate
    verdict: str
    p: float | None = None
    p_holm: float | None = None
    margin: float | None = None
    p_equivalence: float | None = None
    detectable: float | None = None


def means(
    samples: Sequence[Sequence[float] | Values], scales: Sequence[float] | None = None
) -> list[Estimate]:
    """The mean of each sample, with its interval of ``CONFIDENCE``.

    A sample of one value has no interval; one whose values are all the same has that
    value as both ends. ``scales``: how large the numbers are that a sample's values are
    differences of (default: the largest value), by which "the same" is judged.
    ValueError for an empty sample.
    """
    arrays = [np.asarray(sample, float) for sample in samples]
    if not all(array.size for array in arrays):
        raise ValueError("a mean of no values")
    if scales is None:
        scales = [float(np.abs(array).max()) for array in arrays]
    made = [single(array) for array in arrays]
    spread = [i for i, a in enumerate(arrays) if not constant(a, scales[i])]
    for indices, stack in by_size(arrays, spread):
        n = stack.shape[1]
        if n >= BOOTSTRAP_FROM:
            (low, high), method = bootstrap_interval(stack), BOOTSTRAP
        else:
            (low, high), method = t_interval(stack, CONFIDENCE), STUDENT
        for row, i in enumerate(indices):
            made[i] = Estimate(
                made[i].value, float(low[row]), float(high[row]), n, method
            )
    return made


def single(array: Values) -> Estimate:
    """The mean of one value, or of several that are the same."""
    value = float(np.clip(array.mean(), array.min(), array.max()))
    if array.size == 1:
        return Estimate(value, None, None, 1, ONE_VALUE)
    return Estimate(value, value, value, array.size, CONSTANT)


def constant(array: Values, scale: float) -> bool:
    """Whether all values are the same number, of numbers as large as ``scale``."""
    return bool(np.ptp(array) <= DIGITS * scale)


def by_size(
    arrays: Sequence[Values], indices: Sequence[int]
) -> Iterator[tuple[list[int], Values]]:
    """Those arrays that have equal length, stacked: (their indices, (arrays, n))."""
    sizes: defaultdict[int, list[int]] = defaultdict(list)
    for i in indices:
        sizes[arrays[i].size].append(i)
    for alike in sizes.values():
        yield alike, np.stack([arrays[i] for i in alike])


def t_interval(stack: Values, confidence: float | Values) -> tuple[Values, Values]:
    """Student's interval of the mean of each row."""
    low, high = stats.t.interval(
        confidence,
        df=stack.shape[1] - 1,
        loc=stack.mean(axis=1),
        scale=stats.sem(stack, axis=1),
    )
    return np.asarray(low), np.asarray(high)


def bootstrap_interval(stack: Values) -> tuple[Values, Values]:
    """The BCa interval of the mean of each row.

    SciPy's, at a level that makes up for what a bootstrap of few values lacks: resamples
    spread like n values and not n - 1, with a normal's tails and not t's, so that its 95 %
    intervals cover less (T. Hesterberg, "What Teachers Should Know About the Bootstrap",
    The American Statistician 69, 2015: the "expanded" interval).
    """
    n = stack.shape[1]
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * math.sqrt(n / (n - 1))
    level = 1 - 2 * stats.norm.sf(reach)
    parts = []
    for start in range(0, len(stack), GROUPS_AT_ONCE):
        rows = stack[start : start + GROUPS_AT_ONCE]
        # What is resampled are indices, the same for all rows: each is a product of
        # matrices then, and no row depends on which others there are.
        found = stats.bootstrap(
            (np.arange(n),),
            lambda indices, axis=-1, rows=rows: means_of(rows, indices),
            n_resamples=RESAMPLES,
            batch=max(1, INDICES_AT_ONCE // n),
            vectorized=True,
            confidence_level=level,
            method="BCa",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
        parts.append((np.atleast_1d(found.low), np.atleast_1d(found.high)))
    low, high = (np.concatenate(ends) for ends in zip(*parts, strict=True))
    return low, high


def means_of(rows: Values, indices: NDArray[np.generic]) -> Values:
    """The means of the values of each row (rows, n) at each set of ``indices`` (…, k):
    (rows, …)."""
    n, k = rows.shape[1], indices.shape[-1]
    sets = indices.reshape(-1, k).astype(np.int64)
    at = sets + n * np.arange(len(sets))[:, None]
    counts = np.bincount(at.ravel(), minlength=n * len(sets)).reshape(len(sets), n)
    result = np.matmul(rows, counts.T / k)
    return np.reshape(result, (len(rows), *indices.shape[:-1]))


def difference(
    one: Sequence[float] | Values, other: Sequence[float] | Values, relative: bool
) -> Values:
    """One minus other, pair by pair; of their logs where ``relative``."""
    a, b = np.asarray(one, float), np.asarray(other, float)
    result: Values = np.log(a) - np.log(b) if relative else a - b
    return result


def as_ratio(estimate: Estimate) -> Estimate:
    """An estimate of logs as one of ratios. An interval may reach to infinity."""
    with np.errstate(over="ignore"):
        value, low, high = (
            None if each is None else float(np.exp(each))
            for each in (estimate.value, estimate.low, estimate.high)
        )
    assert value is not None
    method = estimate.method
    if method in (STUDENT, PAIRED, CORRECTED, BOOTSTRAP):
        method = method.replace(PAIRED, f"{PAIRED} on logs")
        method = method if "logs" in method else f"{method} on logs"
    return Estimate(value, low, high, estimate.n, method)


def compare(
    pairs: Sequence[tuple[Sequence[float] | Values, Sequence[float] | Values]],
    relative: bool = False,
    margin: float | None = None,
    share: float = 1.0,
) -> list[Difference]:
    """All comparisons of a family: each one's first sample against its second, paired.

    Holm's correction is for all of the family that have a p-value; the family may use up
    the ``share`` of ``ALPHA``, and its p-values are divided by it. Each corrected
    interval is at its own Holm level, so it excludes no difference if and only if
    ``p_holm`` is below ``ALPHA``.

    - ``relative``: compare ratios; all values are to be above 0. ``margin``: of
      equivalence, in the values' unit, or a share of 1 where ``relative``.
    - Pairs that are equal on every seed are identical; no test can say more. A difference
      that is not 0 and the same on every seed has no spread to test it with, so no p: its
      interval is that value, and from ``CONSTANT_FROM`` pairs on it counts as one.
    """
    arrays = [difference(one, other, relative) for one, other in pairs]
    scales = [
        1.0 if relative else float(max(np.abs(one).max(), np.abs(other).max()))
        for one, other in pairs
    ]
    results: list[Difference] = []
    tested = []
    for i, plain in enumerate(means(arrays, scales)):
        results.append(untested(arrays[i], plain, scales[i]))
        if results[i].verdict == NO_DIFFERENCE:
            tested.append(i)
    for i, result in tests(arrays, tested, relative, margin, share):
        results[i] = replace(result, estimate=results[i].estimate)
    if relative:
        results = [
            replace(
                each,
                estimate=as_ratio(each.estimate),
                corrected=as_ratio(each.corrected),
            )
            for each in results
        ]
    return results


def untested(array: Values, plain: Estimate, scale: float) -> Difference:
    """What can be said without a test; the verdict is NO_DIFFERENCE where one is needed."""
    value, n = plain.value, plain.n
    if n < 2:
        return Difference(plain, plain, UNKNOWN)
    if np.abs(array).max() <= DIGITS * scale:
        method = CLOSE if array.any() else EQUAL
        same = Estimate(value, value, value, n, method)
        return Difference(same, same, IDENTICAL)
    if constant(array, scale):
        if n < CONSTANT_FROM:
            open_ended = Estimate(value, None, None, n, CONSTANT)
            return Difference(plain, open_ended, UNKNOWN)
        return Difference(plain, plain, HIGHER if value > 0 else LOWER)
    if plain.method == STUDENT:
        plain = replace(plain, method=PAIRED)
    return Difference(plain, plain, NO_DIFFERENCE)


def tests(
    arrays: Sequence[Values],
    indices: Sequence[int],
    relative: bool,
    margin: float | None,
    share: float,
) -> Iterator[tuple[int, Difference]]:
    """The paired tests of a family, by index; ``estimate`` is left to the caller."""
    if not indices:
        return
    p = np.empty(len(arrays))
    for alike, stack in by_size(arrays, indices):
        p[alike] = stats.ttest_1samp(stack, 0.0, axis=1).pvalue
    p_holm, levels = np.empty(len(arrays)), np.empty(len(arrays))
    p_holm[indices], levels[indices] = holm(p[indices], share)
    for alike, stack in by_size(arrays, indices):
        n = stack.shape[1]
        low, high = t_interval(stack, 1 - levels[alike])
        effect = smallest_effect(n, share * ALPHA / len(indices))
        equivalence = tost(stack, relative, margin)
        for row, i in enumerate(alike):
            p_equal = None if equivalence is None else float(equivalence[row])
            corrected = Estimate(
                float(stack[row].mean()),
                float(low[row]),
                float(high[row]),
                n,
                CORRECTED,
            )
            yield (
                i,
                Difference(
                    corrected,
                    corrected,
                    verdict(corrected, p_equal),
                    float(p[i]),
                    float(p_holm[i]),
                    margin,
                    p_equal,
                    detectable(effect, float(stack[row].std(ddof=1)), relative),
                ),
            )


def holm(p: Values, share: float = 1.0) -> tuple[Values, Values]:
    """p-values after Holm's correction, and the level that each was tested at, for a
    family that may use up the ``share`` of ALPHA.

    The k-th smallest of m is tested at share · ALPHA / (m - k + 1), until one is not
    rejected: that and all larger ones stay at its level. An interval of 1 minus that level
    excludes zero if and only if the corrected p-value is below ALPHA.
    """
    level = share * ALPHA
    rejected, corrected, _, _ = multipletests(p, level, method="holm")
    rank = np.minimum(stats.rankdata(p, method="min"), rejected.sum() + 1)
    return np.minimum(np.asarray(corrected) / share, 1.0), level / (len(p) - rank + 1)


def tost(stack: Values, relative: bool, margin: float | None) -> Values | None:
    """The p-value of equivalence of each row of differences."""
    if margin is None:
        return None
    bound = math.log1p(margin) if relative else margin
    p, _, _ = ttost_paired(stack.T, np.zeros(stack.T.shape), -bound, bound)
    return np.asarray(p)


def verdict(corrected: Estimate, p_equivalence: float | None) -> str:
    """What a test came to; ``corrected`` is of differences or logs."""
    assert corrected.low is not None and corrected.high is not None
    if corrected.low > 0:
        return HIGHER
    if corrected.high < 0:
        return LOWER
    if p_equivalence is not None and p_equivalence < ALPHA:
        return EQUIVALENT
    return NO_DIFFERENCE


@cache
def smallest_effect(n: int, alpha: float) -> float | None:
    """The mean difference, in standard deviations of the differences, that n pairs show
    with a power of ``POWER`` at level ``alpha``; None where statsmodels finds none (two
    pairs at a level below 1e-5).

    The side that is not the difference's is left out (less than 1e-4 of the power): with
    it, the power of statsmodels is NaN for some effects, and its root then a wrong number
    without a word (3 pairs at 0.05 / 3: 4.3, whose power is 0.6).
    """
    power = TTestPower()
    with warnings.catch_warnings():  # that it does not converge is seen below
        warnings.simplefilter("ignore")
        effect = power.solve_power(
            nobs=n, alpha=alpha / 2, power=POWER, alternative="larger"
        )
    reached = power.power(effect, n, alpha / 2, alternative="larger")
    return float(effect) if abs(reached - POWER) < 1e-3 else None


def detectable(effect: float | None, spread: float, relative: bool) -> float | None:
    """The smallest difference that would have been seen, or the factor."""
    if effect is None:
        return None
    if not relative:
        return effect * spread
    return math.exp(effect * spread) if effect * spread < math.log(1e6) else None
