"""What an analysis says, as data: estimates with intervals, comparisons, effects.

Made by ``analysis``, shown by ``report``; nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from polyframe.io.cards import Card, Displayed, Row, Table
from polyframe.io.shown import number

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE

IDENTICAL = "identical"
HIGHER, LOWER = "higher", "lower"
NO_DIFFERENCE = "no significant difference"
EQUIVALENT = "equivalent"
UNKNOWN = "unknown"
UNVERIFIED = "UNVERIFIED"
GOOD = {"VERIFIED": True, UNVERIFIED: False}
"""Stamps that are good news, or bad; native semantics are neither."""
HEADS = ("measure", "contestant", "variant", "mean", "95 % interval", "seeds")
"""The columns of a table of groups."""
VERDICTS = (IDENTICAL, HIGHER, LOWER, NO_DIFFERENCE, EQUIVALENT, UNKNOWN)
"""What a comparison may come to. IDENTICAL: equal on every seed, to 9 digits at least.
HIGHER and LOWER: the corrected interval excludes no difference, or three or more pairs
differ by the same. EQUIVALENT: it does not, and the equivalence test holds within the
margin. UNKNOWN: there are fewer than two pairs, or two with one and the same difference."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval of ``CONFIDENCE``. ``low`` and ``high`` are None where
    there is none (n = 1), the value where all values are the same, and may be 0 and
    infinity for a ratio. ``method``: how the interval was made, in words."""

    value: float
    low: float | None
    high: float | None
    n: int
    method: str


@dataclass(frozen=True)
class Group:
    """What one contestant's seeds of one variant gave for a measure. ``values`` are by
    seed, in the order of ``seeds``, without those that are no finite number; ``spread`` is
    their standard deviation."""

    measure: str
    contestant: str
    variant: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: Estimate
    spread: float | None

    def cells(self) -> tuple[str, ...]:
        """The columns of ``HEADS``."""
        low, high = self.mean.low, self.mean.high
        between = (
            "" if low is None or high is None else f"{number(low)} to {number(high)}"
        )
        return (
            self.measure, self.contestant, self.variant, number(self.mean.value),
            between, str(self.mean.n),
        )  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Two groups, paired by seed: ``one`` minus ``other``, or their ratio (``relative``:
    1 is no difference).

    - ``estimate``: with the interval that is not corrected; ``corrected``: the one that is
      corrected for all comparisons of the measure (Holm's level for this one).
    - ``p``: of the paired t test; ``p_holm``: corrected; None where there is none: all
      pairs differ by the same, or there is one pair. ``corrected`` is of the same test,
      so it excludes no difference if and only if ``p_holm`` is below ``ALPHA``.
    - ``p_equivalence``: of the equivalence test (TOST) within ``margin``; None without one.
    - ``detectable``: the smallest difference that this many pairs would have shown with a
      power of 0.8, in the same unit (a factor where ``relative``).
    """

    measure: str
    one: tuple[str, str]  # contestant, variant
    other: tuple[str, str]
    relative: bool
    estimate: Estimate
    corrected: Estimate
    p: float | None
    p_holm: float | None
    margin: float | None
    p_equivalence: float | None
    detectable: float | None
    verdict: str


@dataclass(frozen=True)
class Ablation:
    """What switching semantics from aligned to native does to one contestant.

    - ``effects``: aspect → native minus aligned with that aspect alone; ``whole``: with
      all of them. ``total``: the sum of the effects by seed. ``rest``: whole minus sum,
      what the aspects do together and not alone. Of a relative measure they are factors:
      ``total`` is a product, ``rest`` a quotient.
    - ``without``: aspects that change nothing there, or are gaps, and why.
    """

    contestant: str
    measure: str
    effects: tuple[tuple[str, Comparison], ...]
    whole: Comparison | None
    total: Estimate | None
    rest: Estimate | None
    without: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Analysis(Displayed):
    """All of a study's numbers that reports show. In a notebook it shows its summary, its
    warnings, and the mean of each measure.

    ``warnings``: what is unequal or missing, a sentence each. ``summary``: the result in
    sentences, the most important one first. ``stamp``: "VERIFIED", "OWN DEFAULTS" (native
    semantics: different on purpose) or "UNVERIFIED", and ``stamp_reason`` why.
    """

    groups: tuple[Group, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    ablations: tuple[Ablation, ...] = ()
    warnings: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    stamp: str = UNVERIFIED
    stamp_reason: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)

    def _card(self) -> Card:
        rows = tuple(Row(group.cells()) for group in self.groups)
        warnings = [f"Warning: {text}" for text in self.warnings]
        return Card(
            "Study",
            (self.stamp, GOOD.get(self.stamp)),
            sentences=[self.stamp_reason, *self.summary, *warnings],
            table=Table(HEADS, rows) if rows else None,
        )

    def __repr__(self) -> str:
        return f"<Analysis of {len(self.groups)} groups: {self.stamp}>"
