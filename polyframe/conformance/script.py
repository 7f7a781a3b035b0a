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
import re
from collections.abc import Mapping, Sequence
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
IMPORT = re.compile(r"(import|from) \w")
HEADING = re.compile(r'""".+ on .+: a script of its own, ejected by polyframe\..*')
"""The first line of a script: scripts of two recipes or backends have much in common."""


@dataclass(frozen=True)
class Change:
    """Lines that were replaced, taken out or put in.

    - ``line``: the first of them in the changed script, from 1; ``at``: in the script
      as it was, from 0.
    - ``old``, ``new``: the lines.
    - ``place``: the lines of the program that they replace (from, to), from 0; None for
      lines that are the script's own.
    - ``owners``: the nodes of the program that they belong to, each with what its lines
      are for.
    """

    line: int
    at: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    place: tuple[int, int] | None = None
    owners: tuple[tuple[str, Role], ...] = ()

    @property
    def in_program(self) -> bool:
        """Whether the comparison runs them."""
        return self.place is not None


class ChangedScript:
    """A changed script of a recipe on a backend. PolyframeError for a file that is not
    Python, or is not the script of that recipe."""

    def __init__(
        self, path: str | Path, recipe: Recipe, backend: str | Backend, data: Dataset
    ) -> None:
        self.path, self.backend = Path(path), registry.get(backend)
        self.recipe = recipe
        text = read_text(self.path)
        try:
            ast.parse(text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            where = f"{self.path}:{line}" if line else str(self.path)
            reason = getattr(error, "msg", str(error))
            raise PolyframeError(f"is not Python: {reason}", where=where) from None
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
        heading, (ours, *rest) = HEADING.match(text), fresh.splitlines()
        if (heading and heading[0] != ours) or (
            sum(len(h.old) for h in found) > MOST * (len(rest) + 1)
        ):
            raise PolyframeError(
                f"is not a script of {recipe.name} on {self.backend.title}",
                where=str(self.path),
                hint="give the recipe.yaml that lies beside it, and its backend",
            )
        self.program = written[self.optimize].program
        assert self.program is not None
        lines = aligned(fresh.splitlines(), self.program.source.splitlines())
        self.changes = [located(change, self.program, lines) for change in found]
        self.run: set[int] = set()
        """The lines of those changes that stand in a program of the comparison."""

    def changed(self) -> Backend:
        """The backend, in whose programs the lines are changed."""
        changes = [c for c in self.changes if c.in_program]
        kind, run, known = type(self.backend), self.run, self.program
        assert known is not None

        def write(
            self: Backend, graph: TypedGraph, target: Target, step: TrainingSpec | None
        ) -> Program:
            program = kind.write(self, graph, target, step)
            first = next(iter(program.texts))
            text = edited(program.source, known.source, changes, run)
            return replace(program, files={**program.files, first: text})

        made = copy.copy(self.backend)
        name = self.path.name
        made.__class__ = type("Changed", (kind,), {"write": write, "name": name})
        return made

    def left_out(self) -> list[int]:
        """The lines of changes in the program that no program of a comparison had."""
        return [c.line for c in self.changes if c.in_program and c.line not in self.run]

    def to_data(self) -> list[dict[str, object]]:
        """The changes as plain data."""
        return [
            {
                "line": c.line, "old": c.old, "new": c.new, "run": c.line in self.run,
                "owners": [{"layer": path, "role": role} for path, role in c.owners],
            }
            for c in self.changes
        ]  # fmt: skip


def hunks(fresh: str, text: str) -> list[Change]:
    """What differs between two texts, in the order of the second."""
    old, new = fresh.splitlines(), text.splitlines()
    return [
        Change(j + 1, i, tuple(old[i:k]), tuple(new[j:m]))
        for what, i, k, j, m in matcher(old, new).get_opcodes()
        if what != "equal"
    ]


def matcher(old: Sequence[str], new: Sequence[str]) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, old, new, autojunk=False)


def aligned(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """The lines of one text that stand in another, too, with where they stand there.
    Equal lines are told apart by their neighbours."""
    return {
        block.a + i: block.b + i
        for block in matcher(old, new).get_matching_blocks()
        for i in range(block.size)
    }


def located(change: Change, program: Program, lines: Mapping[int, int]) -> Change:
    """The change with its place in the program, and the nodes it belongs to there.
    ``lines``: where the lines of the script stand in the program."""
    text = program.source.splitlines()
    place = place_of(change, text, lines)
    if place is None:
        return change
    owned = range(*place) if change.old else range(max(place[0] - 1, 0), place[0])
    first = next(iter(program.texts))
    owners: dict[tuple[str, Role], None] = {}
    for line in owned:
        if text[line].strip():
            owners |= dict.fromkeys(list(program.owners(first, line + 1))[:1])
    return replace(change, place=place, owners=tuple(owners))


def place_of(
    change: Change, text: Sequence[str], lines: Mapping[int, int]
) -> tuple[int, int] | None:
    """The lines of a program that a change replaces."""
    end = change.at + len(change.old)
    at = [lines[i] for i in range(change.at, end) if i in lines]
    if any(text[i].strip() for i in at):
        return min(at), max(at) + 1
    if any(line.strip() for line in change.old):
        return None
    before, after = lines.get(change.at - 1), lines.get(end)
    if before is not None and text[before].strip():
        return before + 1, before + 1
    if after is not None and text[after].strip():
        return after, after
    new = [line for line in change.new if line.strip()]
    if new and all(IMPORT.match(line) for line in new):
        first = next((i for i, line in enumerate(text) if IMPORT.match(line)), None)
        return None if first is None else (first, first)
    return None


def edited(text: str, known: str, changes: Sequence[Change], run: set[int]) -> str:
    """A program's text with the changes of another, ``known``, where it has their lines.
    ``run`` gets the ``line`` of each change that was made."""
    lines, old = text.splitlines(), known.splitlines()
    where = aligned(old, lines)
    for change in reversed(changes):
        assert change.place is not None
        start, end = change.place
        first, last = where.get(start, -1), where.get(end - 1, -1) + 1
        if start == end:  # lines that are put in, behind one or in front of one
            first = last = last or first
        if first >= 0 and last - first == end - start:
            lines[first:last] = change.new
            run.add(change.line)
    return "\n".join(lines) + "\n"
