"""What a report shows of one study: read from its folder once, and kept small."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.errors import PolyframeError, one_line
from polyframe.study.estimates import Analysis
from polyframe.study.folder import PROGRAMS, Say, StudyFolder
from polyframe.study.measures import Measure, measures
from polyframe.study.plan import Study, slug
from polyframe.study.records import Record

PERCENTILES = (5, 25, 50, 75, 95)
"""What is kept of a cell's step times."""
LONGEST_PROGRAM = 2**18
MOST_PROGRAMS = 60
"""The most bytes that are shown of a program's file, and the most files of a study."""

Group = tuple[str, str]
"""A contestant and a variant."""
Analyse = Callable[
    [Study, Sequence[Record], Mapping[str, Mapping[str, object]]], Analysis
]
"""``analysis.analyse``: of a plan, its records, and its certificates by variant."""


@dataclass(frozen=True)
class Measured:
    """A cell that ended. ``record`` is without step times and weights: ``step_ms`` has
    the ``PERCENTILES`` of its step times in milliseconds (empty without any), and
    ``weights`` a sample of its weights by step."""

    record: Record
    step_ms: tuple[float, ...]
    weights: Mapping[int, np.ndarray[Any, np.dtype[np.float64]]]

    @property
    def group(self) -> Group:
        """Its contestant and variant."""
        return self.record.contestant, self.record.variant


@dataclass(frozen=True)
class Proof:
    """What a certificate says. ``hash`` is the SHA-256 of its data (16 digits), ``values``
    how many were compared; ``worst`` is the one closest to its bound, in words."""

    variant: str
    hash: str
    passed: bool
    steps: str
    backends: str
    dtypes: str
    values: int
    worst: str


@dataclass(frozen=True)
class Program:
    """One file of a contestant's program; ``cut``: whether its end is not shown."""

    contestant: str
    variant: str
    file: str
    text: str
    cut: bool


@dataclass(frozen=True)
class Shown:
    """One study of a report. ``key`` is its name as part of names of files, ``title`` as
    people read it, ``folder`` the name of its folder; ``damaged``: messages about files
    that could not be read; ``programs_left``: how many files of programs are not shown."""

    key: str
    title: str
    folder: str
    study: Study
    analysis: Analysis
    measures: tuple[Measure, ...]
    cells: tuple[Measured, ...]
    proofs: tuple[Proof, ...]
    programs: tuple[Program, ...]
    programs_left: int
    damaged: tuple[str, ...]

    @cached_property
    def done(self) -> tuple[Measured, ...]:
        """The cells that were trained to their end."""
        return tuple(cell for cell in self.cells if cell.record.done)

    @cached_property
    def groups(self) -> dict[Group, list[Measured]]:
        """Contestants and variants with their done cells by seed, in the order of the
        plan."""
        cells: dict[Group, list[Measured]] = {
            (c, v): [] for v in self.variants for c in self.contestants
        }
        for cell in sorted(self.done, key=lambda cell: cell.record.seed):
            cells[cell.group].append(cell)
        return {group: several for group, several in cells.items() if several}

    @property
    def contestants(self) -> tuple[str, ...]:
        """Names, in the order of the plan."""
        return tuple(each.name for each in self.study.contestants)

    @property
    def variants(self) -> tuple[str, ...]:
        """Names, in the order of the plan."""
        return tuple(each.name for each in self.study.variants)

    def label(self, group: Group) -> str:
        """A group's name on an axis: its contestant alone where there is one variant."""
        contestant, variant = group
        return contestant if len(self.variants) == 1 else f"{contestant} · {variant}"


def collect(folder: StudyFolder, analyse: Analyse) -> Shown:
    """All that a report shows of a study; PolyframeError unless the folder is one's.

    Records of another plan are left to the analysis, which says so. It gets records
    without step times and weights, which no measure is made of.
    """
    study = folder.study()
    damaged: list[str] = []
    cells = [compact(record) for record in folder.each(damaged.append)]
    cells.sort(key=lambda cell: (cell.record.started, cell.record.order))
    certificates = certificates_of(folder, study, damaged.append)
    analysis = analyse(study, [cell.record for cell in cells], certificates)
    planned = {cell.key for cell in study.cells()}
    programs, left = programs_of(folder.path, study)
    return Shown(
        slug(study.name),
        one_line(study.name),
        one_line(folder.path.resolve().name),
        study,
        analysis,
        measures(study.recipe, study.settings.target),
        tuple(
            cell
            for cell in cells
            if cell.record.key in planned and cell.record.study == study.hash
        ),
        tuple(proof(name, data) for name, data in certificates.items()),
        programs,
        left,
        tuple(damaged),
    )


def compact(record: Record) -> Measured:
    """A record without what would fill the memory in a large study."""
    times = np.array([t for t in record.step_ms if math.isfinite(t)])
    return Measured(
        replace(record, step_ms=(), divergence=()),
        tuple(np.percentile(times, PERCENTILES).tolist()) if times.size else (),
        {step: np.array(values) for step, values in record.divergence if values},
    )


def certificates_of(
    folder: StudyFolder, study: Study, say: Say
) -> dict[str, dict[str, Any]]:
    """The certificates that were taken, in the order of the variants; ``say`` is told of
    damaged ones."""
    certificates = {}
    for variant in study.variants:
        try:
            data = folder.certificate(variant.name)
        except PolyframeError as error:
            say(str(error))
            continue
        if data is not None:
            certificates[variant.name] = data
    return certificates


def proof(variant: str, data: Mapping[str, object]) -> Proof:
    """What a certificate's data say; what is missing in them is "unknown"."""
    text = json.dumps(data, sort_keys=True)
    several = data.get("comparisons")
    several = several if isinstance(several, list) else []
    compared = [each for each in several if isinstance(each, dict)]
    worst = max(compared, key=share, default=None)
    return Proof(
        variant,
        str(data.get("hash") or hashlib.sha256(text.encode()).hexdigest()[:16]),
        data.get("passed") is True,
        str(data.get("steps", "unknown")),
        names(data.get("backends")),
        names(sorted({str(c.get("dtype")) for c in compared})),
        len(compared),
        worst_of(worst) if worst else "nothing was compared",
    )


def names(data: object) -> str:
    """Names as a text: of a list, or of a mapping with versions."""
    if isinstance(data, Mapping):
        return ", ".join(f"{name} {value}" for name, value in data.items())
    if isinstance(data, (list, tuple)):
        return ", ".join(map(str, data)) or "unknown"
    return "unknown"


def share(comparison: Mapping[str, object]) -> float:
    """A compared value divided by its bound; infinite where either is no number."""
    value, bound = comparison.get("value"), comparison.get("bound")
    if not isinstance(value, (int, float)) or not isinstance(bound, (int, float)):
        return math.inf
    if not math.isfinite(value):
        return math.inf
    return value / bound if bound else (math.inf if value else 0.0)


def worst_of(comparison: Mapping[str, object]) -> str:
    """A comparison in words."""
    value, bound = comparison.get("value"), comparison.get("bound")
    numbers = [
        f"{n:.1e}" if isinstance(n, (int, float)) else "no number"
        for n in (value, bound)
    ]
    which = " ".join(str(comparison.get(k, "")) for k in ("dtype", "kind", "name"))
    step = comparison.get("step", "unknown")
    return f"{numbers[0]} of at most {numbers[1]}: {which}, step {step}"


def programs_of(path: Path, study: Study) -> tuple[tuple[Program, ...], int]:
    """The files of the programs that are kept in the folder, and how many there are more.
    A variant's program that is the same as an earlier variant's is not repeated."""
    shown: list[Program] = []
    left = 0
    for contestant in study.contestants:
        seen = set()
        for variant in study.variants:
            under = path / PROGRAMS / slug(contestant.name) / slug(variant.name)
            for file in files_in(path, under):
                with file.open("rb") as opened:
                    data = opened.read(LONGEST_PROGRAM + 1)
                name = file.relative_to(under).as_posix()
                if (name, data) in seen:
                    continue
                seen.add((name, data))
                if len(shown) == MOST_PROGRAMS:
                    left += 1
                    continue
                text = data[:LONGEST_PROGRAM].decode("utf-8", errors="replace")
                shown.append(
                    Program(
                        contestant.name, variant.name, one_line(name),
                        plain(text), len(data) > LONGEST_PROGRAM,
                    )
                )  # fmt: skip
    return tuple(shown), left


def files_in(path: Path, under: Path) -> Iterable[Path]:
    """The regular files in a folder below ``path`` and the folders in it, by name; none
    through a link."""
    below = [under, *under.parents][: len(under.parts) - len(path.parts)]
    if not under.is_dir() or any(each.is_symlink() for each in below):
        return ()
    files = (f for f in under.rglob("*") if not f.is_symlink() and f.is_file())
    return sorted(f for f in files if not f.name.startswith("."))


def plain(text: str) -> str:
    """A program's lines without other control characters."""
    return "\n".join(one_line(line.expandtabs(4)) for line in text.splitlines())
