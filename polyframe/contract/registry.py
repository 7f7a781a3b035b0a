"""Which backends there are: entry points of the group ``polyframe.backends``."""

from __future__ import annotations

import contextlib
import functools
import warnings
from importlib import metadata

from polyframe.contract.abilities import ABILITIES, unknown
from polyframe.contract.backend import Backend
from polyframe.errors import BackendError, UnsupportedError, brief, did_you_mean

GROUP = "polyframe.backends"


@functools.cache
def _points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def backends() -> list[str]:
    """The names of all registered backends, whether their framework is there or not."""
    return sorted(_points())


def get(name: str | Backend) -> Backend:
    """The backend of that name (or the backend itself, which need not be registered);
    BackendError lists what there is."""
    return name if isinstance(name, Backend) else _named(name)


@functools.cache
def _named(name: str) -> Backend:
    points = _points()
    if name not in points:
        raise BackendError(
            f"unknown backend {brief(name)}.{did_you_mean(name, points)}",
            hint=f"registered: {', '.join(sorted(points)) or 'none'}",
        )
    try:
        backend = points[name].load()
    except Exception as error:
        raise BackendError(
            f"the backend does not load: {type(error).__name__}: {error}", where=name
        ) from error
    if isinstance(backend, type):
        backend = backend()
    if not isinstance(backend, Backend):
        raise BackendError("its entry point is no polyframe Backend", where=name)
    wrong = unknown(backend.abilities)
    if wrong:
        raise BackendError(
            f"states an unknown ability {wrong[0]!r}.{did_you_mean(wrong[0], ABILITIES)}",
            where=name,
            hint=f"known: {', '.join(ABILITIES)}",
        )
    return backend


def usable() -> dict[str, Backend]:
    """The backends whose framework can be imported; a broken plug-in only warns."""
    found = {}
    for name in backends():
        try:
            backend = get(name)
        except BackendError as error:
            warnings.warn(str(error), stacklevel=2)
            continue
        if backend.probe().usable:
            found[name] = backend
    return found


def able(ability: str) -> list[str]:
    """The names of the registered backends that state an ability, usable or not; those
    that do not load are left out."""
    found = []
    for name in backends():
        with contextlib.suppress(BackendError):
            if ability in get(name).abilities:
                found.append(name)
    return found


def require(backend: Backend, *abilities: str, where: str | None = None) -> None:
    """UnsupportedError unless a backend states all of these abilities. Asked before
    anything is opened, so that no framework is imported for nothing."""
    for ability in abilities:
        if ability not in backend.abilities:
            raise UnsupportedError(
                f"the {backend.name} backend cannot {ABILITIES[ability]}",
                where=where,
                hint=f"backends that can: {', '.join(able(ability)) or 'none'}",
            )
