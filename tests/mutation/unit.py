"""What is mutated together, and what all kinds of it share.

The bounds are the suite's own. Outputs and running statistics: ``FORWARD``; gradients:
``DIFFERENCES``, since of a form that is not the first that is all the suite asks;
optimizers' steps: ``STEPS``. In float32 a layer's outputs are held against the
definition, as the suite does, and gradients are not looked at, as in the suite. What
native semantics take is held against code written by hand: see native.py.
"""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass, replace

from polyframe.contract.modules import PACKAGE


@dataclass(frozen=True)
class Unit:
    """A layer's form, a loss, an optimizer, or the training step, on one backend."""

    backend: str
    family: str  # "layers", "losses", "optimizers", "step"; "own …" (native.py)
    entry: str
    form: str = ""
    dtype: str = "float64"
    semantics: str = "aligned"

    def __str__(self) -> str:
        more = f", {self.form}" if self.form else ""
        return f"{self.backend}: {self.family}, {self.entry}{more}, {self.dtype}"


class UnrepeatableError(AssertionError):
    """The program as written is not what it should be, so no verdict means anything."""


def differ(actual, wanted, measure, bound):
    """The first name whose value is out of bounds; NaN is."""
    if list(actual) != list(wanted):
        return "other names"
    for name in wanted:
        if not measure(actual[name], wanted[name]) <= bound:
            return name
    return None


def forget(program):
    """Let go of a mutant's module."""
    for name in [
        n for n in sys.modules if n.startswith(f"{PACKAGE}.") and program.hash[:12] in n
    ]:
        del sys.modules[name]
    for name in [n for n in linecache.cache if program.hash[:12] in n]:
        del linecache.cache[name]


def mutated(program, mutant):
    (name, text), *rest = program.files.items()
    assert not rest
    return replace(program, files={name: mutant.within(text)})
