"""What tables of optimizers share: entries for classes, and the arguments of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.snippets import defined_in, library
from polyframe.compiler.python.source import Opt
from polyframe.compiler.table import Entry, OptimizerView
from polyframe.spec import optimizers
from polyframe.spec.optimizers import Optimizer

Writer = Callable[[OptimizerView], Code]


def class_entries(backend: str, write: Callable[[str], Writer]) -> dict[str, Entry]:
    """An entry for each optimizer of polyframe's whose class, under its own name, is in
    ``snippets/optimizers`` beside a file of a backend: ``write`` takes that name."""
    folder = Path(backend).parent / "snippets" / "optimizers"
    names = defined_in(library(folder)) & vars(optimizers).keys()
    return {name: entry(write(name)) for name in sorted(names)}


def options(
    rule: Optimizer, names: Mapping[str, str], without: tuple[str, ...] = ()
) -> dict[str, Opt]:
    """The fields of an optimizer, but for the rate, as keyword arguments, under the
    class's ``names`` for them, and written where they differ from the neutral default."""
    return {
        names.get(name, name): Opt(*pair)
        for name, pair in rule.settings().items()
        if name not in without
    }


def amsgrad_options(rule: Optimizer, names: Mapping[str, str]) -> dict[str, Opt]:
    """The options of the class ``AMSGrad``, which is Adam's and AdamW's."""
    given = options(rule, names, ("amsgrad", "weight_decay"))
    given["weight_decay"] = Opt(rule.weight_decay, 0.0)
    given["decoupled"] = Opt(rule.type == "AdamW", False)
    return given
