"""The certificate: what was compared on several backends, and what came out."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from polyframe.conformance.measurements import Bound
from polyframe.conformance.subject import Subject
from polyframe.conformance.trace import KINDS, Key
from polyframe.contract.backend import Backend
from polyframe.contract.devices import threads
from polyframe.io.cards import Card, Displayed, Row, Table

SCHEMA = 2
CHAOS = 1e-9
INCONCLUSIVE = 1e-2
HEADS = ("dtype", "tensors", "values", "worst", "bound", "where", "pair", "verdict")
"""The columns of ``Certificate.worst``."""


@dataclass(frozen=True)
class Comparison:
    """One tensor on two backends."""

    dtype: str
    pair: tuple[str, str]
    key: Key
    value: float
    bound: Bound

    @property
    def passed(self) -> bool:
        """Whether the value is within its bound. NaN fails."""
        return self.value <= self.bound.value


@dataclass
class Certificate(Displayed):
    """What was compared, how, and the results. In a notebook it shows its verdict, and what
    came closest to its bound.

    ``names``: what each backend is called, its own name if left out; one backend may be
    there twice, in two Pythons. ``versions``: those of their frameworks; those of this
    process if left out.
    """

    subject: Subject
    backends: tuple[Backend, ...]
    steps: int
    dtypes: tuple[str, ...]
    device: str
    comparisons: list[Comparison] = field(default_factory=list)
    programs: dict[str, dict[str, str]] = field(default_factory=dict)
    # the native defaults that differ, a line each
    differences: list[str] = field(default_factory=list)
    # dtype → the distance of the first backend's predictions from its twin's
    growth: dict[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    versions: Mapping[str, str | None] = field(default_factory=dict)
    threads: int = field(default_factory=threads)

    def __post_init__(self) -> None:
        self.names = self.names or tuple(b.name for b in self.backends)

    @property
    def passed(self) -> bool:
        """Whether every value is within its bound, and equality means something."""
        return bool(self.comparisons) and not (self.missed or self.chaotic)

    @property
    def chaotic(self) -> bool:
        """Whether rounding errors grow so much in float64 that equality means nothing."""
        return not self.growth["float64"] <= CHAOS

    @property
    def inconclusive(self) -> bool:
        """Whether rounding errors grow so much in float32 that later steps say little."""
        return self.growth.get("float32", 0.0) > INCONCLUSIVE

    @property
    def missed(self) -> list[Comparison]:
        """What is out of bounds."""
        return [c for c in self.comparisons if not c.passed]

    def to_data(self) -> dict[str, Any]:
        """The certificate as plain data, for ``certificate.json``."""
        from polyframe.io.version import __version__

        subject, named = self.subject, zip(self.names, self.backends, strict=True)
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "polyframe": __version__,
            "platform": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "backends": self.versions
            or {b.name: b.probe().version for b in self.backends},
            "device": self.device,
            "threads": self.threads,
            "spec": {"name": subject.spec.name, "hash": subject.spec.hash},
            "settings": {
                "semantics": subject.semantics,
                **subject.training.to_data(),
            },
            "losses": [str(loss) for loss in subject.losses],
            "optimizers": {
                name: str(subject.optimizer.resolve(subject.defaults(backend)))
                for name, backend in named
            },
            "native_differences": self.differences,
            "steps": self.steps,
            "batch_size": subject.batch_size,
            "seed": subject.seed,
            "programs": self.programs,
            "chaos": {
                "growth": self.growth,
                "bound": CHAOS,
                "inconclusive": self.inconclusive,
            },
            "comparisons": [
                {
                    "dtype": c.dtype, "pair": list(c.pair), "step": c.key.step,
                    "kind": c.key.kind, "name": c.key.name, "value": c.value,
                    "bound": c.bound.value, "reason": c.bound.reason,
                    "passed": c.passed,
                }
                for c in self.comparisons
            ],
        }  # fmt: skip

    def worst(self) -> Iterator[tuple[str, ...]]:
        """A row for each dtype and kind of tensor, as ``HEADS`` says: the comparison that
        came closest to its bound."""
        for dtype in self.dtypes:
            for kind in KINDS:
                several = [
                    c
                    for c in self.comparisons
                    if (c.dtype, c.key.kind) == (dtype, kind)
                ]
                if not several:
                    continue
                worst = max(several, key=lambda c: c.value / c.bound.value)
                missed = sum(not c.passed for c in several)
                yield (
                    dtype, kind, str(len(several)), f"{worst.value:.1e}",
                    f"{worst.bound.value:.1e}", f"{worst.key.name}, step {worst.key.step}",
                    " ".join(worst.pair), f"{missed} FAILED" if missed else "ok",
                )  # fmt: skip

    @property
    def word(self) -> str:
        """The verdict in a word or three."""
        if self.passed:
            return "equal"
        return "not equal" if self.missed else "too chaotic to compare"

    def sentences(self) -> Iterator[str]:
        """What people have to know of the result, the verdict among it."""
        precision = self.subject.training.precision
        if precision is not None:
            yield (
                f"{precision} is for weights in float32: nothing is compared in float64; "
                "float64 runs only measure rounding errors"
            )
        if self.differences:
            yield "Native defaults that differ:"
            yield from (f"  {line}" for line in self.differences)
        what = f"{', '.join(self.dtypes)}; {self.steps} steps"
        name, names = self.subject.spec.name, ", ".join(self.names)
        if self.passed:
            yield f"{name}: equal on {names} ({what})"
        elif self.missed:
            pair = " -b ".join(self.missed[0].pair)
            cause = ", because native defaults differ" if self.differences else ""
            yield (
                f"{name}: NOT equal on {names} ({what}): {len(self.missed)} values are out "
                f"of bounds{cause}; `polyframe diff … -b {pair}` shows where"
            )
        else:
            yield (
                f"{name}: too chaotic to compare ({what}): rounding errors grow to "
                f"{self.growth['float64']:.0e}; try a lower learning rate or fewer steps"
            )
        if self.inconclusive:
            yield (
                f"In float32, rounding errors grow to {self.growth['float32']:.0e} in the "
                f"predictions after {self.steps} steps. Therefore only the float32 "
                "comparisons at step 1 are conclusive."
            )

    def __repr__(self) -> str:
        return f"<Certificate of {self.subject.spec.name}: {self.word}>"

    def _card(self) -> Card:
        rows = tuple(Row(cells) for cells in self.worst())
        return Card(
            f"{self.subject.spec.name} on {', '.join(self.names)}",
            (self.word, self.passed),
            sentences=list(self.sentences()),
            table=Table(HEADS, rows) if rows else None,
        )
