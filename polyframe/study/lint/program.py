"""What was read out of a program: a reading for each setting that a line of it decides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from polyframe.study.lint.tables import Framework


@dataclass(frozen=True)
class Reading:
    """One value of a setting.

    - ``value``: comparable between frameworks; None where it was not read, and
      ``problem`` says why. ``text``: as the program has it.
    - ``given``: whether the program says it, not the framework's default.
    - ``element`` and ``name``: the field of which layer or optimizer it is, "" for none.
    - ``keyword``: what to write in ``call`` to change it; ``inverse``: as one minus it.
    """

    setting: str
    value: object
    text: str = ""
    line: int = 0
    given: bool = True
    problem: str = ""
    element: str = ""
    name: str = ""
    call: str = ""
    keyword: str = ""
    inverse: bool = False

    @property
    def read(self) -> bool:
        """Whether the value is known."""
        return not self.problem


@dataclass(frozen=True)
class Mistake:
    """What makes a program unfair, whatever the others do."""

    title: str
    line: int
    why: str
    way: str


@dataclass
class Program:
    """A program or a recipe, and what it says. ``framework`` is None for a recipe."""

    path: Path
    title: str
    framework: Framework | None
    readings: list[Reading] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def of(self, setting: str) -> list[Reading]:
        """All readings of a setting."""
        return [each for each in self.readings if each.setting == setting]

    def drop(self, setting: str) -> None:
        """Forget the readings of a setting."""
        self.readings = [each for each in self.readings if each.setting != setting]

    def unread(self, setting: str, problem: str, line: int = 0) -> None:
        """Say that a setting was not read, instead of all its readings."""
        self.drop(setting)
        self.readings.append(Reading(setting, None, line=line, problem=problem))


def comparable(value: object) -> object:
    """A value that equals another framework's if it means the same: numbers to 12 digits,
    tuples of equal parts as one part."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and value.bit_length() > 63:
        return "a giant number"
    if isinstance(value, (int, float)):
        if math.isnan(value) or math.isinf(value):
            return str(value)
        return float(f"{value:.12g}")
    if isinstance(value, (tuple, list)):
        parts = tuple(comparable(each) for each in value)
        return parts[0] if parts and len(set(map(repr, parts))) == 1 else parts
    return value if isinstance(value, str) else repr(value)
