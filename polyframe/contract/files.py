"""A program's files on disk: what they are called in a folder that keeps them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from polyframe.compiler.program import Program
from polyframe.errors import ProgramError, brief

PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
"""One part of a file's path: nothing that leaves the folder or hides in it."""


def program_files(program: Program, backend: str) -> dict[str, str | bytes]:
    """Path in the folder → content of all files of a program.

    The only file of a program is ``program_<backend>.<suffix>``. Several keep their own
    names, which they may use of each other, in the folder ``program_<backend>/``.
    ProgramError for a name that leads out of that folder.
    """
    for name in program.files:
        check_path(name)
    if len(program.files) == 1:
        ((name, content),) = program.files.items()
        return {f"program_{backend}{PurePosixPath(name).suffix}": content}
    return {f"program_{backend}/{name}": text for name, text in program.files.items()}


def check_path(name: str) -> None:
    """ProgramError unless a file's name stays in its folder, whatever the system."""
    if not all(PART.fullmatch(part) for part in name.split("/")):
        raise ProgramError(
            f"a program's file is called {brief(name)}",
            where="program",
            hint="letters, digits, . _ and -, not beginning with a dot; / between folders",
        )
