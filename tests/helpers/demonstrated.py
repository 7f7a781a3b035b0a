"""What is wrong with the demonstrations of the differences, on one framework."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from importlib import metadata

from polyframe.differences import Difference
from polyframe.errors import SpecError
from polyframe.teach.demonstrations import (
    Demonstration,
    Judgement,
    demonstrations,
    judge,
)

PACKAGES = {
    "torch": ("torch",),
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
    "mxnet": ("mxnet",),
}
"""Backend → the names of the packages of which one brings its framework."""


def installed(backend: str) -> str:
    """The version of a framework, without what follows a "+"."""
    for name in PACKAGES[backend]:
        try:
            return metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            continue
    raise AssertionError(f"the framework of {backend} is not installed")


def wrong_claims(entry: Difference, backend: str) -> list[str]:
    """Claims that the demonstration has to refute: that of ``wrong``, or those of other
    backends that claim something else."""
    if backend in entry.wrong:
        return [ast.unparse(ast.parse(entry.wrong[backend], mode="eval"))]
    shown = {d.backend: d.claim for d in demonstrations(entry.id)}
    own = shown[backend]
    return sorted({claim for claim in shown.values() if claim != own})


def missing(entry: Difference, backend: str) -> str:
    """What an entry lacks on a backend that it is of, before anything runs; "" for
    nothing."""
    try:
        there = {d.backend for d in demonstrations(entry.id)}
        if backend not in there:
            return f"{entry.id}: no demonstration on {backend}"
        if not wrong_claims(entry, backend):
            return f"{entry.id}: nothing is refuted on {backend}; it needs `wrong`"
    except (SpecError, SyntaxError) as error:
        return f"{entry.id}: {error}"
    return ""


def breaches(entries: Sequence[Difference], backend: str) -> list[str]:
    """All that is wrong, a text each."""
    of_backend = [entry for entry in entries if backend in entry.backends]
    found = {entry.id: missing(entry, backend) for entry in of_backend}
    whole = [entry for entry in of_backend if not found[entry.id]]
    chosen = [
        d for entry in whole for d in demonstrations(entry.id) if d.backend == backend
    ]
    wrong = [wrong_claims(entry, backend) for entry in whole]
    claims = [[d.claim, *others] for d, others in zip(chosen, wrong, strict=True)]
    judged = judge(chosen, claims)
    texts = [text for text in found.values() if text]
    texts += [
        text
        for d, judgement, others in zip(chosen, judged, wrong, strict=True)
        for text in broken(d, judgement, others)
    ]
    return texts + outdated(of_backend, backend)


def broken(
    shown: Demonstration, judgement: Judgement, wrong: Sequence[str]
) -> Iterator[str]:
    """What a demonstration that ran did wrong."""
    name = f"{shown.difference} on {shown.backend}"
    if judgement.error:
        yield f"{name}: {judgement.error}"
        return
    printed = f" (it printed {judgement.output.strip()!r})"
    if not judgement.output.strip():
        yield f"{name}: prints nothing"
    if judgement.verdicts[shown.claim] != "holds":
        yield f"{name}: {shown.claim}: {judgement.verdicts[shown.claim]}{printed}"
    for claim in wrong:
        if judgement.verdicts[claim] != "fails":
            yield f"{name}: wrong: {claim}: {judgement.verdicts[claim]}{printed}"


def outdated(entries: Sequence[Difference], backend: str) -> list[str]:
    """Entries that were seen on another version than the installed one."""
    now = installed(backend)
    return [
        f"{entry.id}: seen on {backend} {entry.versions[backend]}; {now} is installed: "
        "look whether its texts still hold, and set the version"
        for entry in entries
        if entry.versions[backend] != now
    ]
