"""An ejected script that somebody changed: which lines, and what they do to the training.

The script is held against the one that ``eject`` writes from the same recipe. Lines that
belong to the program (the model and the training step) are changed alike in every program
that the backend writes for the comparison, so the changed lines run, and nothing else of
the script.
"""

from __future__ import annotations

import ast
import copy
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from polyframe.compiler.program import Program, Role
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.data import Dataset
from polyframe.eject.write import project
from polyframe.errors import PolyframeError
from polyframe.io.text import read_text
from polyframe.spec.recipe import Recipe
from polyframe.spec.typed import TypedGraph

SCRIPT = "train.py"
MOST = 0.5
"""The share of a script's lines that may have been changed: beyond it, it is another."""


@dataclass(frozen=True)
class Change:
    """Lines that were replaced, taken out or put in.

    - ``line``: the first of them in the changed script, from 1.
    - ``old``, ``new``: the lines; ``before``: the line that stands in front of them.
    - ``owners``: the nodes of the program that they belong to, each with what its lines
      are for; nothing for lines that are the script's own.
    """

    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    before: str
    owners: tuple[tuple[str, Role], ...] = ()
    in_program: bool = False


class ChangedScript:
    """A changed script of a recipe on a backend. PolyframeError for a file that is not
    Python, or is not the script of that recipe."""

    def __init__(
        self, path: str | Path, recipe: Recipe, backend: str | Backend, data: Dataset
    ) -> None:
        self.path, self.backend = Path(path), registry.get(backend)
        text = read_text(self.path)
        try:
            ast.parse(text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            where = f"{self.path}:{line}" if line else str(self.path)
            raise PolyframeError(f"is not Python: {error}", where=where) from None
        written = [
            project(recipe, self.backend, data, optimize) for optimize in (False, True)
        ]
        texts = [str(each.files.get(SCRIPT, "")) for each in written]
        if not texts[0]:
            raise PolyframeError(
                f"{self.backend.title} has no script: its programs are not in Python",
                where=str(self.path),
            )
        both = [hunks(fresh, text) for fresh in texts]
        found = min(both, key=lambda each: sum(len(h.old) + len(h.new) for h in each))
        self.optimize = found is not both[0]
        fresh = texts[self.optimize]
        if sum(len(h.old) for h in found) > MOST * len(fresh.splitlines()):
            raise PolyframeError(
                f"is not a script of {recipe.name} on {self.backend.title}",
                where=str(self.path),
                hint="give the recipe.yaml that lies beside it, and its backend",
            )
        self.program = written[self.optimize].program
        assert self.program is not None
        self.changes = [located(change, self.program) for change in found]

    def changed(self) -> Backend:
        """The backend, in whose programs the lines are changed."""
        changes = [c for c in self.changes if c.in_program]
        kind = type(self.backend)

        def write(
            self: Backend, graph: TypedGraph, target: Target, step: TrainingSpec | None
        ) -> Program:
            program = kind.write(self, graph, target, step)
            first = next(iter(program.texts))
            text = edited(program.source, changes)
            return replace(program, files={**program.files, first: text})

        made = copy.copy(self.backend)
        name = self.path.name
        made.__class__ = type("Changed", (kind,), {"write": write, "name": name})
        return made


def hunks(fresh: str, text: str) -> list[Change]:
    """What differs between two texts, in the order of the second."""
    old, new = fresh.splitlines(), text.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        Change(j + 1, tuple(old[i:k]), tuple(new[j:m]), old[i - 1] if i else "")
        for what, i, k, j, m in matcher.get_opcodes()
        if what != "equal"
    ]


def located(change: Change, program: Program) -> Change:
    """The change with the nodes of the program that its lines belong to."""
    lines = program.source.splitlines()
    first = next(iter(program.texts))
    wanted = change.old or (change.before,)
    at = [i for i in range(len(lines)) if tuple(lines[i : i + len(wanted)]) == wanted]
    if not at or not any(line.strip() for line in wanted):
        return change
    owners: dict[tuple[str, Role], None] = {}
    for start in at:
        for line in range(start + 1, start + 1 + len(wanted)):
            owner = next(iter(program.owners(first, line)), None)
            if owner is not None:
                owners[owner] = None
    return replace(change, owners=tuple(owners), in_program=True)


def edited(text: str, changes: Sequence[Change]) -> str:
    """A program's text with the changes, wherever their lines stand in it."""
    lines = text.splitlines()
    for change in changes:
        size, i = len(change.old), 0
        done: list[str] = []
        while i < len(lines):
            if size and tuple(lines[i : i + size]) == change.old:
                done += change.new
                i += size
                continue
            done.append(lines[i])
            if not size and lines[i] == change.before:
                done += change.new
            i += 1
        lines = done
    return "\n".join(lines) + "\n"
