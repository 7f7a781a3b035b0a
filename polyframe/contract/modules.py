"""Programs as real modules: registered, inspectable, their own lines in tracebacks."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Iterator
from types import ModuleType

from polyframe.compiler.program import Program
from polyframe.errors import PolyframeError, ProgramError

PACKAGE = "polyframe_programs"


class _Loader(importlib.abc.InspectLoader):
    """Gives ``inspect`` and tracebacks the text that runs."""

    def __init__(self, text: str, filename: str) -> None:
        self.text, self.filename = text, filename

    def get_source(self, fullname: str) -> str:
        return self.text

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.text, self.filename, "exec"), module.__dict__)  # noqa: S102


def load(program: Program) -> ModuleType:
    """Run a program's text as a module; equal texts are one module."""
    file, text = next(iter(program.files.items()))
    name = f"{PACKAGE}.{file.removesuffix('.py')}_{program.hash[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    if PACKAGE not in sys.modules:
        package = ModuleType(PACKAGE, "Programs that polyframe wrote.")
        package.__path__ = []
        sys.modules[PACKAGE] = package
    filename = f"<{PACKAGE}/{file} {program.hash[:12]}>"
    loader = _Loader(text, filename)
    spec = importlib.util.spec_from_loader(name, loader, origin=filename)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = filename
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def program_errors(name: str, title: str) -> Iterator[None]:
    """Turn what a framework raises inside a program into a ``ProgramError`` that names
    the program's line."""
    try:
        yield
    except PolyframeError:
        raise
    except Exception as error:
        lines = [
            f"{frame.filename.split()[0].strip('<>')} line {frame.lineno}: {frame.line}"
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith(f"<{PACKAGE}")
        ]
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ProgramError(
            f"{title} raised {type(error).__name__}: {text}",
            where=lines[-1] if lines else name,
        ) from error
