"""Other people's code: packages with an entry point, or a file of one's own.

A plug-in is a module that adds to polyframe what docs/plugins.md lists: layers, losses,
optimizers, schedules, metrics, callbacks, augmentations, data sets, backends. It comes
from the entry-point group ``polyframe.plugins`` or from ``polyframe --plugin FILE``
(``pf.load_plugin`` in Python), never from a spec, a recipe or a run folder: those are
data, and name what it adds like anything built in.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
import warnings
from importlib import metadata
from pathlib import Path
from types import ModuleType

from polyframe.errors import PolyframeError

GROUP = "polyframe.plugins"
_STARTED: set[str] = set()
"""The installed plug-ins whose import has begun: one may look for what it adds itself."""
_FILES: dict[str, Path] = {}
"""The files that were run: name of the module → path."""


@functools.cache
def installed() -> tuple[metadata.EntryPoint, ...]:
    """The entry points of all installed plug-ins."""
    return tuple(metadata.entry_points(group=GROUP))


def load_installed() -> None:
    """Import every installed plug-in, once; a broken one only warns."""
    for point in installed():
        if point.name in _STARTED:
            continue
        _STARTED.add(point.name)
        try:
            point.load()
        except Exception as error:  # other people's code can raise anything
            warnings.warn(
                f"the plug-in {point.name} ({point.value}) does not load: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )


def load_plugin(path: str | Path) -> ModuleType:
    """Run a plug-in's file; a file that has not changed is run once."""
    path = Path(path)
    where = f"plugin {path}"
    if not path.is_file():
        raise PolyframeError("there is no such file", where=where)
    content = path.read_bytes()
    name = f"polyframe_plugin_{path.stem}_{hashlib.sha256(content).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PolyframeError("is not a Python file", where=where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name], _FILES[name] = module, path.absolute()
    try:
        spec.loader.exec_module(module)
    except PolyframeError as error:
        del sys.modules[name]
        inner = f"{where}: {error.where}" if error.where else where
        raise type(error)(error.message, where=inner, hint=error.hint) from error
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise PolyframeError(
            f"raised {type(error).__name__}: {error}", where=where
        ) from error
    return module


def loaded_files() -> list[str]:
    """The files that ``load_plugin`` has run, in that order, for a process that is to know
    the same plug-ins."""
    return [str(path) for name, path in _FILES.items() if name in sys.modules]
