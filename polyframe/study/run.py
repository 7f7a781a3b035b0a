"""The coordinator of a study: it asks the contestants, certifies, and has cells run.

What is finished is kept before anything else happens, each cell as a file of its own. So a
study that was interrupted, or killed, goes on with the same call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from polyframe.contract.files import check_path
from polyframe.errors import PolyframeError, brief
from polyframe.io.atomic import write_atomic
from polyframe.io.json_csv import to_json
from polyframe.plugins import loaded_files
from polyframe.spec.recipe import Recipe
from polyframe.study.contestants import about_job, checked_about
from polyframe.study.estimate import Estimator
from polyframe.study.folder import PROGRAMS, StudyFolder, read, record_of
from polyframe.study.jobs import Executor, Job, Local, Message
from polyframe.study.plan import Cell, Contestant, Study, slug
from polyframe.study.planning import uncertified
from polyframe.study.records import Record
from polyframe.study.variants import recipes

CONTESTANTS = "contestants.json"
MEASURED = (
    "facts", "start", "epochs", "step_ms", "phases", "test", "steady", "divergence",
    "resources",
)  # fmt: skip
"""The parts of a cell's answer that its record keeps."""
VERSIONS = ("polyframe", "python", "backend", "version")
"""What of a contestant may not change while a study goes on."""
LARGEST_PROGRAM = 2**22
"""The most characters of a program's file that are kept."""


class Watch:
    """What is told of a study while it runs; each method does nothing here."""

    def planned(self, study: Study, left: Sequence[Cell], pace: Estimator) -> None:
        """These cells are left; ``pace`` says how long they take."""

    def contestant(self, contestant: Contestant, told: Message) -> None:
        """What a contestant's Python has."""

    def said(self, cell: Cell, message: Message) -> None:
        """A cell that runs sent ``{"event": …}``."""

    def ended(self, cell: Cell, record: Record) -> None:
        """A cell ended, and its record is kept."""

    def say(self, text: str) -> None:
        """A line for people."""


@dataclass(frozen=True)
class Outcome:
    """How many cells of a study are done, failed (or timed out), and left."""

    done: int
    failed: int
    left: int


class Begun(NamedTuple):
    """A cell whose job was given away: when, and how many had been before."""

    cell: Cell
    started: float
    order: int


def compare(
    study: Study,
    folder: str | Path,
    executor: Executor,
    *,
    again: bool = False,
    report: bool = True,
    watch: Watch | None = None,
) -> Outcome:
    """Run the cells of a study that are left, and write its report.

    - ``folder``: the study's own; a study that is in it goes on.
    - ``again``: run the cells that failed once more. ``report``: write the report.

    A cell that fails or takes too long has a record that says so, and the others run.
    PolyframeError where the folder is of another study, contestants cannot take part or
    are not what they were when the study began, or a file cannot be written;
    KeyboardInterrupt, after the cell that runs was ended.
    """
    watch = watch or Watch()
    store = StudyFolder(folder)
    store.check(study)
    made = recipes(study.recipe, study.variants)
    left = store.left(study, again)
    told = ask(study, executor, watch) if left else {}
    with store.opened(study):
        left = store.left(study, again)  # nobody else changes it from now on
        if told:
            remember(store, told)
        if left:
            take_certificates(study, store, made, executor, watch)
        before = list(store.records(watch.say))
        pace = Estimator(made, study.settings.threads, before)
        watch.planned(study, left, pace)
        begun = 1 + max((record.order for record in before), default=-1)
        run_cells(study, store, left, executor, watch, made, begun)
        outcome = counted(study, folder)
        if report and outcome.done:
            write_report(store, watch)
    return outcome


def ask(study: Study, executor: Executor, watch: Watch) -> dict[str, Message]:
    """What each contestant's Python has, in a process of its own, which proves that both
    sides understand the same spec. PolyframeError names the first that cannot take
    part."""
    by_name = {each.name: each for each in study.contestants}
    answers: dict[str, Message] = {}
    jobs = [
        about_job(c, study.recipe, study.settings.device) for c in study.contestants
    ]

    def done(job: Job, answer: Message) -> None:
        one = by_name[job.name]
        here = isinstance(executor, Local)
        told = checked_about(one, answer, study.recipe.model.hash, here)
        answers[one.name] = told
        watch.contestant(one, told)

    executor.run(jobs, done, lambda job, message: None)
    return {name: answers[name] for name in by_name}


def remember(store: StudyFolder, told: Mapping[str, Message]) -> None:
    """Keep what the contestants said of themselves. PolyframeError where one of them has
    other versions than when its first cells ran."""
    path = store.path / CONTESTANTS
    known = read(path) if path.exists() else {}
    for name, now in told.items():
        then = known.get(name)
        if not isinstance(then, dict):
            continue
        for key in VERSIONS:
            if then.get(key) != now.get(key):
                raise PolyframeError(
                    f"{key} was {brief(then.get(key))} when the study began, and is "
                    f"{brief(now.get(key))} now",
                    where=f"contestant {name}",
                    hint="install the former one, or begin a new study in another folder",
                )
    write_atomic(path, to_json({**known, **told}))


def take_certificates(
    study: Study,
    store: StudyFolder,
    made: Mapping[str, Recipe],
    executor: Executor,
    watch: Watch,
) -> None:
    """The certificates of the aligned variants that have none yet. One that cannot be
    taken is told, and the study goes on: its report says UNVERIFIED."""
    from polyframe.study.certify import certify

    for variant in uncertified(study, store, made):
        name = variant.name
        watch.say(f"taking the certificate of {name}")
        try:
            data = certify(study, variant, executor, folder=store.path.resolve())
        except PolyframeError as error:
            watch.say(f"no certificate of {name}: {error}")
            continue
        store.write_certificate(name, data)
        if not data.get("passed"):
            watch.say(
                f"the certificate of {name} failed: the contestants do not compute the "
                "same, so the report says UNVERIFIED"
            )
        else:
            watch.say(f"certificate of {name}: passed")


def run_cells(
    study: Study,
    store: StudyFolder,
    left: Sequence[Cell],
    executor: Executor,
    watch: Watch,
    made: Mapping[str, Recipe],
    first: int,
) -> None:
    """Have cells run, in order, and keep each record as soon as there is one. ``first``:
    how many had begun before."""
    begun: dict[str, Begun] = {}
    hash = study.hash

    def jobs() -> Iterator[Job]:
        for order, cell in enumerate(left, first):
            job = cell_job(study, cell, made[cell.variant.name])
            begun[job.name] = Begun(cell, time.time(), order)
            yield job

    def tell(job: Job, message: Message) -> None:
        watch.said(begun[job.name].cell, message)

    def done(job: Job, answer: Message) -> None:
        cell, started, order = begun.pop(job.name)
        expected = made[cell.variant.name].model.hash
        record = record_from(cell, answer, hash, started, order, expected)
        try:
            if record.done:
                keep_programs(store, cell, answer["result"].get("programs"))
            store.write(record, cell)
        except PolyframeError as error:
            raise PolyframeError(
                error.message,
                where=error.where,
                hint="all cells that ended before are kept, and the same command goes on",
            ) from None
        watch.ended(cell, record)

    executor.run(jobs(), done, tell)


def cell_job(study: Study, cell: Cell, recipe: Recipe) -> Job:
    """The job that trains a cell. The weights are followed step by step for the first seed
    alone, since that is much data and one shows it."""
    settings, contestant = study.settings, cell.contestant
    name, variant, seed = cell.key
    request = {
        "do": "cell",
        "backend": contestant.backend,
        "recipe": {**recipe.to_data(), "seed": seed},
        "optimize": cell.variant.optimize,
        "device": settings.device,
        "divergence": seed == study.seeds[0],
        "plugins": loaded_files(),
    }
    return Job(
        f"{name}, {variant}, seed {seed}",
        request,
        contestant.python,
        settings.threads,
        settings.device,
        settings.time_limit,
    )


def record_from(
    cell: Cell, answer: Message, study: str, started: float, order: int, spec_hash: str
) -> Record:
    """The record of a cell from the answer to its job, whatever that is. A cell that
    trained another spec than the one with that hash has failed."""
    name, variant, seed = cell.key
    status, error = answer.get("status"), answer.get("error")
    result = answer.get("result")
    if status == "done" and not isinstance(result, dict):
        status, error = "failed", "its answer is no record"
    empty = Record(name, variant, seed, study, str(status), error, started, order)
    if status != "done" or not isinstance(result, dict):
        return empty
    parts = {key: result[key] for key in MEASURED if key in result}
    try:
        record = record_of({**empty.to_data(), **parts})
    except PolyframeError as problem:
        return failed(empty, f"its answer is no record: {problem.message}")
    theirs = record.facts.get("spec_hash")
    if theirs != spec_hash:
        return failed(
            empty, f"it trained another spec: hash {brief(theirs)}, not {spec_hash!r}"
        )
    return record


def failed(record: Record, error: str) -> Record:
    """A record of a cell that failed."""
    return Record(
        *record.key, record.study, "failed", error, record.started, record.order
    )


def keep_programs(store: StudyFolder, cell: Cell, programs: object) -> None:
    """Keep the program that a contestant ran for a variant, once. Names that lead out of
    the folder are refused."""
    if not isinstance(programs, dict):
        return
    folder = (
        store.path / PROGRAMS / slug(cell.contestant.name) / slug(cell.variant.name)
    )
    for name, text in programs.items():
        if isinstance(text, str) and len(text) <= LARGEST_PROGRAM:
            check_path(name)
            if not (folder / name).exists():
                write_atomic(folder / name, text)


def counted(study: Study, folder: str | Path) -> Outcome:
    """How the cells of a study in a folder ended."""
    hash = study.hash
    keys = {cell.key for cell in study.cells()}
    done = failed = 0
    for record in StudyFolder(folder).records():
        if record.key in keys and record.study == hash:
            done, failed = done + record.done, failed + (not record.done)
    return Outcome(done, failed, len(keys) - done - failed)


def write_report(store: StudyFolder, watch: Watch) -> None:
    """Write the report into the study's folder; a line where that cannot be done."""
    from polyframe.study.report.write import write_report as write

    try:
        write([store.path], store.path)
    except PolyframeError as error:
        watch.say(f"no report: {error}; the cells are kept")
