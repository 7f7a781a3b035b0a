"""Programs as real modules: registered, inspectable, their own lines in tracebacks.

A module is registered in ``sys.modules`` and ``linecache`` as long as something that
runs it is alive: sessions and native models say so with ``keep_while_alive``.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import linecache
import sys
import threading
import traceback
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType

from polyframe.compiler.program import Program
from polyframe.errors import PolyframeError, ProgramError

PACKAGE = "polyframe_programs"
_PROGRAMS: dict[str, Program] = {}
"""By the file name of each registered module."""
_USERS: Counter[str] = Counter()
"""Name of a registered module → how many living objects run it."""
_RELEASES: dict[str, Callable[[str], None]] = {}
"""Name of a registered module → what to call when it is not registered any more."""
_LOCK = threading.RLock()  # a finalizer may run while this thread is in here already


class _Loader(importlib.abc.InspectLoader):
    """Gives ``inspect`` and tracebacks the text that runs."""

    def __init__(self, text: str, filename: str) -> None:
        self.text, self.filename = text, filename

    def get_source(self, fullname: str) -> str:
        return self.text

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.text, self.filename, "exec"), module.__dict__)  # noqa: S102


def load(
    program: Program, *owners: object, release: Callable[[str], None] | None = None
) -> ModuleType:
    """Run a program's text as a module; equal texts are one module.

    It stays registered until the last of its owners is gone, and without any as long as
    the process lives. Then ``release`` is called with its name.
    """
    file, text = next(iter(program.files.items()))
    assert isinstance(text, str), f"{file} is not Python"
    name = f"{PACKAGE}.{file.removesuffix('.py')}_{program.hash[:12]}"
    with _LOCK:
        module = sys.modules.get(name)
        if module is None:
            filename = f"<{PACKAGE}/{file} {program.hash[:12]}>"
            if release is not None:
                _RELEASES[name] = release
            module = _registered(name, text, filename, program)
        for owner in owners:
            keep_while_alive(module, owner)
    return module


def _registered(name: str, text: str, filename: str, program: Program) -> ModuleType:
    """A new module that has run its text."""
    if PACKAGE not in sys.modules:
        package = ModuleType(PACKAGE, "Programs that polyframe wrote.")
        package.__path__ = []
        sys.modules[PACKAGE] = package
    loader = _Loader(text, filename)
    spec = importlib.util.spec_from_loader(name, loader, origin=filename)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = filename
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    sys.modules[name] = module
    _PROGRAMS[filename] = program
    try:
        loader.exec_module(module)
    except BaseException:
        _unregister(name, filename)
        raise
    return module


def keep_while_alive(module: ModuleType, owner: object) -> None:
    """Keep a program's module registered while ``owner`` lives: a session, or a native
    model, whose classes pickle by the module's name."""
    filename = module.__file__
    assert filename is not None
    with _LOCK:
        _USERS[module.__name__] += 1
        finalizer = weakref.finalize(owner, _release, module.__name__, filename)
    finalizer.atexit = False


def _release(name: str, filename: str) -> None:
    """One owner less."""
    with _LOCK:
        _USERS[name] -= 1
        if _USERS[name] <= 0:
            _unregister(name, filename)


def _unregister(name: str, filename: str) -> None:
    del _USERS[name]  # a Counter takes that for a name that it does not know, too
    sys.modules.pop(name, None)
    linecache.cache.pop(filename, None)
    _PROGRAMS.pop(filename, None)
    if name in _RELEASES:
        _RELEASES.pop(name)(name)


@contextlib.contextmanager
def program_errors(name: str, title: str) -> Iterator[None]:
    """Turn what a framework raises inside a program into a ``ProgramError`` that names
    the node (or the part of the step) and the program's line."""
    try:
        yield
    except PolyframeError:
        raise
    except Exception as error:
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename in _PROGRAMS
        ]
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ProgramError(
            f"{title} raised {type(error).__name__}: {text}",
            where=_program_line(frames) or name,
        ) from error


def _program_line(frames: list[traceback.FrameSummary]) -> str | None:
    """The innermost line that the source map names, and what it belongs to; without
    one, the innermost line."""
    innermost = None
    for frame in frames:
        program, line = _PROGRAMS[frame.filename], frame.lineno or 0
        file = next(iter(program.files))
        owners = [
            f"{path} ({role})" if path else role.replace("_", " ")
            for path, role in program.owners(file, line)
        ]
        text = f"{file} line {line}: {frame.line}"
        if owners:
            innermost = f"{owners[0]}, {text}"
        elif innermost is None:
            innermost = text
    return innermost
