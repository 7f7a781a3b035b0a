"""Arguments that the classes of optimizers take."""

from __future__ import annotations

from collections.abc import Mapping

from polyframe.compiler.python.source import Opt
from polyframe.spec.optimizers import Optimizer


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
