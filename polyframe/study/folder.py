"""A study's folder: the plan, the certificates, and a record for each cell that ended.

    study.json                                   the plan
    certificates/<variant>.json                  taken before any cell is timed
    cells/<contestant>/<variant>/seed-0.json     a record (records.py)
    report.html, report.md, results.csv, …       made from these at any time

Every file is written as a whole, so a cell either has its record or runs again. The folder
may come from a stranger: it is read as data, with bounds, and nothing outside of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from polyframe.errors import PolyframeError, brief
from polyframe.io.atomic import write_atomic
from polyframe.io.json_csv import to_json
from polyframe.io.lock import LOCK, locked
from polyframe.spec.recipe import load_recipe
from polyframe.study.plan import (
    CHANGEABLE,
    SCHEMA,
    Cell,
    Contestant,
    Settings,
    Skipped,
    Study,
    Variant,
    slug,
)
from polyframe.study.records import SCHEMA as RECORD_SCHEMA
from polyframe.study.records import STATUSES, Record

PLAN, CERTIFICATES, CELLS = "study.json", "certificates", "cells"
PROGRAMS = "programs"
LARGEST = 2**26
"""The most bytes that a plan, a certificate or a record may have."""
Say = Callable[[str], None]


class StudyFolder:
    """The folder of one study; ``opened`` makes or checks it, and holds its lock."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @contextmanager
    def opened(self, study: Study) -> Iterator[StudyFolder]:
        """The folder for this study alone, with its plan written. PolyframeError if it
        holds something else, or cells that the plan has not; LockedError while another
        process has it."""
        self.check(study)
        with locked(self.path):
            self.check(study)
            for stray in (self.path / CELLS).glob("*/*/.seed-*.json.*"):
                stray.unlink(missing_ok=True)  # of a process that was killed
            write_atomic(self.path / PLAN, to_json(study.to_data()))
            yield self

    def check(self, study: Study) -> None:
        """PolyframeError unless the folder is new, empty, or of this study."""
        where = str(self.path)
        if self.path.exists() and not self.path.is_dir():
            raise PolyframeError("is a file, not a folder", where=where)
        if not self.path.is_dir():
            return
        try:
            inside = [p for p in self.path.iterdir() if p.name != LOCK]
        except OSError as error:
            raise PolyframeError(
                f"cannot be read: {error.strerror}",
                where=where,
                hint="name a new folder with -o",
            ) from None
        if not (self.path / PLAN).exists():
            if [p for p in inside if not p.name.startswith(f".{PLAN}")]:
                raise PolyframeError(
                    f"the folder is not empty, and not a study's: it has no {PLAN}",
                    where=where,
                    hint="name a new folder with -o",
                )
            return
        self.check_links()
        there = self.study()
        mine, theirs = study.to_data(), there.to_data()
        changed = [
            f"{part}.{key}"
            for part in ("recipe", "settings")
            for key in {**mine[part], **theirs[part]}
            if mine[part].get(key) != theirs[part].get(key) and key not in CHANGEABLE
        ]
        if changed:
            raise PolyframeError(
                f"the folder holds another study: {', '.join(changed)} differ",
                where=where,
                hint="name a new folder, or give the same recipe and settings",
            )
        planned = {str(self.path / cell.path) for cell in study.cells()}
        cells = sorted((self.path / CELLS).glob("*/*/seed-*.json"))
        lost = [path for path in cells if str(path) not in planned]
        if lost:
            raise PolyframeError(
                f"the folder has {len(lost)} cells that this plan has not: "
                f"{told_of(lost[0])}, …",
                where=where,
                hint="give all of its contestants, variants and seeds, or a new folder",
            )

    def check_links(self) -> None:
        """PolyframeError where a folder in it is a link: a study would write, and remove
        what a killed process left, in a folder that is not its own."""
        for link in self.links():
            raise PolyframeError(
                "is a link, and a study writes into no folder but its own",
                where=str(link),
                hint="put the folder itself there, or name a new one with -o",
            )

    def links(self) -> Iterator[Path]:
        """The folders in it that are links."""
        for name in (CERTIFICATES, CELLS, PROGRAMS):
            top = self.path / name
            if top.is_symlink():
                yield top
            elif name != CERTIFICATES:
                for pattern in ("*", "*/*"):
                    yield from (p for p in top.glob(pattern) if p.is_symlink())

    def study(self) -> Study:
        """The plan; PolyframeError where there is none, or it is damaged."""
        path = self.path / PLAN
        data = read(path, "is not a study's folder")
        if data.get("schema") != SCHEMA:
            raise PolyframeError(
                f"has schema {brief(data.get('schema'))}; this polyframe reads {SCHEMA}",
                where=str(path),
            )
        try:
            return Study(
                load_recipe(data["recipe"]),
                tuple(Contestant(**texts(each)) for each in data["contestants"]),
                tuple(variant(each) for each in data["variants"]),
                tuple(whole(seed) for seed in data["seeds"]),
                settings(data["settings"]),
                tuple(Skipped(**texts(each)) for each in data["skipped"]),
            )
        except PolyframeError as error:
            where = ": ".join(filter(None, (str(path), error.where)))
            raise PolyframeError(error.message, where=where, hint=error.hint) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise damaged(path, error) from None

    def write(self, record: Record, cell: Cell) -> None:
        """Keep a record."""
        write_atomic(self.path / cell.path, to_json(record.to_data()))

    def record(self, cell: Cell) -> Record | None:
        """The record of a cell; None if it has none, or only a damaged one."""
        path = self.path / cell.path
        if not path.exists():
            return None
        try:
            record = record_of(read(path))
        except PolyframeError:
            return None
        return record if record.key == cell.key else None

    def each(self, say: Say = lambda text: None) -> Iterator[Record]:
        """The whole records, one at a time; ``say`` is told of damaged ones, which run
        again when the study goes on."""
        links = set(self.links())
        for path in sorted((self.path / CELLS).glob("*/*/seed-*.json")):
            if links.intersection(path.parents):
                say(f"{path}: leads through a link; the cell counts as not run")
                continue
            try:
                yield record_of(read(path))
            except PolyframeError as error:
                say(f"{error}; the cell counts as not run")

    def records(self, say: Say = lambda text: None) -> list[Record]:
        """All whole records (see ``each``), in the order in which their cells began."""
        return sorted(self.each(say), key=lambda record: (record.started, record.order))

    def left(self, study: Study, again: bool = False) -> list[Cell]:
        """The cells without a record, in order; with ``again`` those that failed, too."""
        cells, hash = [], study.hash
        for cell in study.cells():
            record = self.record(cell)
            mine = record is not None and record.study == hash
            if not mine or (again and record is not None and not record.done):
                cells.append(cell)
        return cells

    def certificate(self, name: str) -> dict[str, Any] | None:
        """The certificate of a variant; None if none was taken."""
        path = self.path / CERTIFICATES / f"{slug(name)}.json"
        if path.parent.is_symlink():
            raise PolyframeError(
                "is a link, which is not followed", where=str(path.parent)
            )
        return read(path) if path.exists() else None

    def write_certificate(self, name: str, data: Mapping[str, object]) -> None:
        """Keep a variant's certificate."""
        write_atomic(self.path / CERTIFICATES / f"{slug(name)}.json", to_json(data))


def read(path: Path, otherwise: str = "cannot be read") -> dict[str, Any]:
    """A JSON file's mapping; PolyframeError for anything else."""
    try:
        if path.is_symlink() or not path.is_file():
            raise PolyframeError(f"{otherwise}: no such file", where=str(path))
        if path.stat().st_size > LARGEST:
            raise PolyframeError(f"has over {LARGEST >> 20} MiB", where=str(path))
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolyframeError(
            f"{otherwise}: {error.strerror}", where=str(path)
        ) from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    if not isinstance(data, dict):
        raise damaged(path, "no mapping")
    return data


def told_of(path: Path) -> str:
    """A record's cell in words; the names of its folders if it is damaged."""
    try:
        contestant, variant, seed = record_of(read(path)).key
    except PolyframeError:
        return brief(str(PurePosixPath(*path.parts[-3:])))
    return f"{contestant}, {variant}, seed {seed}"


def damaged(path: Path, reason: object) -> PolyframeError:
    """The error for a file that is not what it should be."""
    return PolyframeError(f"is damaged ({brief(reason)})", where=str(path))


def texts(data: Mapping[str, object]) -> dict[str, str]:
    """A mapping whose values are texts; TypeError otherwise."""
    kept = {key: value for key, value in data.items() if isinstance(value, str)}
    if len(kept) < len(data):
        raise TypeError("a text is needed")
    return kept


def whole(value: object) -> int:
    """A whole number; TypeError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("a whole number is needed")
    return value


def number(value: object) -> float:
    """A number; null, which is NaN in the process, is NaN again. TypeError otherwise."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("a number is needed")
    return float(value)


def mapping(value: object) -> dict[str, object]:
    """A mapping; TypeError otherwise."""
    if not isinstance(value, dict):
        raise TypeError("a mapping is needed")
    return value


def several(value: object) -> Sequence[object]:
    """A list; TypeError otherwise."""
    if not isinstance(value, (list, tuple)):
        raise TypeError("a list is needed")
    return value


def variant(value: object) -> Variant:
    """A variant from plain data."""
    data = mapping(value)
    names = texts({key: data[key] for key in ("name", "aspect")})
    return Variant(names["name"], mapping(data["changes"]), names["aspect"])


def settings(value: object) -> Settings:
    """Settings from plain data; TypeError where a value is of another type."""
    data = dict(mapping(value))
    target, device = data.pop("target"), data.pop("device")
    if not isinstance(device, str):
        raise TypeError("a text is needed")
    integers = {key: whole(data.pop(key)) for key in ("threads", "certify_steps")}
    floats = {key: number(data.pop(key)) for key in ("time_limit", "margin")}
    if data:
        raise ValueError(f"unknown settings: {', '.join(data)}")
    return Settings(
        integers["threads"],
        device,
        floats["time_limit"],
        None if target is None else number(target),
        floats["margin"],
        integers["certify_steps"],
    )


def record_of(data: Mapping[str, object]) -> Record:
    """A record from plain data; PolyframeError unless it is one."""
    where = f"cell {brief(data.get('contestant'))}, {brief(data.get('variant'))}"
    if data.get("schema") != RECORD_SCHEMA:
        raise PolyframeError(f"has schema {brief(data.get('schema'))}", where=where)
    try:
        names = texts(
            {k: data[k] for k in ("contestant", "variant", "study", "status")}
        )
        if names["status"] not in STATUSES:
            raise ValueError(names["status"])
        return Record(
            **names,
            seed=whole(data["seed"]),
            error=None if data["error"] is None else str(data["error"]),
            started=number(data["started"]),
            order=whole(data["order"]),
            facts=mapping(data["facts"]),
            start=numbers(data["start"]),
            epochs=tuple(numbers(row) for row in several(data["epochs"])),
            step_ms=tuple(number(each) for each in several(data["step_ms"])),
            phases=numbers(data["phases"]),
            test=numbers(data["test"]),
            steady=numbers(data["steady"]),
            divergence=tuple(snapshot(each) for each in several(data["divergence"])),
            resources={
                key: None if value is None else number(value)
                for key, value in mapping(data["resources"]).items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PolyframeError(f"is damaged ({brief(error)})", where=where) from None


def snapshot(value: object) -> tuple[int, tuple[float, ...]]:
    """A step, and the values of the weights after it."""
    step, weights = several(value)
    return whole(step), tuple(number(each) for each in several(weights))


def numbers(value: object) -> dict[str, float]:
    """A mapping of names to numbers; what is no number (a confusion matrix) is left out."""
    return {
        name: number(each)
        for name, each in mapping(value).items()
        if not isinstance(each, (list, dict))
    }
