"""Which backends there are: entry points of the group ``polyframe.backends``, and those
that plug-ins register."""

from __future__ import annotations

import contextlib
import functools
import sys
import warnings
from importlib import metadata

from polyframe.contract.abilities import ABILITIES, unknown
from polyframe.contract.backend import Backend
from polyframe.errors import BackendError, UnsupportedError, brief, did_you_mean
from polyframe.plugins import load_installed

GROUP = "polyframe.backends"
_REGISTERED: dict[str, Backend] = {}


@functools.cache
def _points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def register(backend: Backend | type[Backend]) -> None:
    """Add a backend of a plug-in; BackendError if another has its name. A package may
    name it as an entry point of the group ``polyframe.backends`` instead, and is then
    imported only when it is asked for."""
    made = checked(backend, "register")
    other = _REGISTERED.get(made.name)
    if made.name in _points() or (other is not None and origin(other) != origin(made)):
        raise BackendError(
            f"there is already a backend {brief(made.name)}",
            where="register",
            hint="give it another name",
        )
    _REGISTERED[made.name] = made


def origin(backend: Backend) -> tuple[str, str]:
    """Where a backend's class is defined, so that its file may be run again."""
    module = sys.modules.get(type(backend).__module__)
    file = getattr(module, "__file__", None)
    return file or type(backend).__module__, type(backend).__qualname__


def backends() -> list[str]:
    """The names of all registered backends, whether their framework is there or not."""
    load_installed()
    return sorted({*_points(), *_REGISTERED})


def get(name: str | Backend) -> Backend:
    """The backend of that name (or the backend itself, which need not be registered);
    BackendError lists what there is."""
    if isinstance(name, Backend):
        return name
    if name not in _points() and name not in _REGISTERED:
        load_installed()
    return _REGISTERED[name] if name in _REGISTERED else _named(name)


@functools.cache
def _named(name: str) -> Backend:
    points = _points()
    if name not in points:
        raise BackendError(
            f"unknown backend {brief(name)}.{did_you_mean(name, backends())}",
            hint=f"registered: {', '.join(backends()) or 'none'}",
        )
    try:
        backend = points[name].load()
    except Exception as error:
        raise BackendError(
            f"the backend does not load: {type(error).__name__}: {error}", where=name
        ) from error
    return checked(backend, name)


def checked(backend: object, where: str) -> Backend:
    """A backend, made if it is a class; BackendError if it is not one, or states an
    ability that there is not."""
    made = backend() if isinstance(backend, type) else backend
    if not isinstance(made, Backend):
        raise BackendError(
            f"got {brief(backend)}; a polyframe Backend is needed", where=where
        )
    wrong = unknown(made.abilities)
    if wrong:
        raise BackendError(
            f"states an unknown ability {wrong[0]!r}.{did_you_mean(wrong[0], ABILITIES)}",
            where=where,
            hint=f"known: {', '.join(ABILITIES)}",
        )
    return made


def usable(*abilities: str) -> dict[str, Backend]:
    """The backends that state these abilities and whose framework can be imported; a
    broken plug-in only warns."""
    able: dict[str, Backend] = {}
    for name in backends():
        try:
            backend = get(name)
        except BackendError as error:
            warnings.warn(str(error), stacklevel=2)
            continue
        if backend.abilities.issuperset(abilities) and backend.probe().usable:
            able[name] = backend
    return able


def backends_with(ability: str) -> list[str]:
    """The names of the registered backends that state an ability, usable or not; those
    that do not load are left out."""
    names = []
    for name in backends():
        with contextlib.suppress(BackendError):
            if ability in get(name).abilities:
                names.append(name)
    return names


def require(backend: Backend, *abilities: str, where: str | None = None) -> None:
    """UnsupportedError unless a backend states all of these abilities. Asked before
    anything is opened, so that no framework is imported for nothing."""
    for ability in abilities:
        if ability not in backend.abilities:
            raise UnsupportedError(
                f"the {backend.name} backend cannot {ABILITIES[ability]}",
                where=where,
                hint=f"backends that can: {', '.join(backends_with(ability)) or 'none'}",
            )
