"""When a difference shows in a program: conditions on what is known of one of its parts.

``when`` in an entry's file is a mapping of facts to what they have to be; all of them have
to hold. A fact is a field of the layer, loss or optimizer, or one of those that
``polyframe.teach.facts`` adds, such as ``dtype``, ``pads`` and ``readers``.

| condition | holds where |
|---|---|
| ``mode: bicubic``, ``kernel_size: 1`` | each value of the fact equals it |
| ``readers: [Tanh, ReLU]`` | one of its values is in the list |
| ``dilation: "> 1"``, also ``>=``, ``<``, ``<=`` and ``!=`` | one of its values is so |
| ``stride: uneven`` | its values are not all the same |
| ``ignore_index: set`` | it is not None |

``role`` is no condition: it is the part of the program (of
``polyframe.compiler.program.Role``) whose lines show the difference. One that names no
layer, loss or optimizer shows in no line but by its role; of all layers, it is noted at
the first. ``line`` is a text, or a list of them: of several lines, the first that has one
of them is meant. ``when: never`` says that no line of a program shows it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

from polyframe.errors import SpecError, brief

SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
COMPARISON = re.compile(r"(>=|<=|!=|>|<) *(-?\d+(?:\.\d+)?)")
NEVER = "never"
ROLE, LINE = "role", "line"

When = Mapping[str, object]
"""Name of a fact → its condition; ``{"role": "never"}`` is ``when: never``."""


def parse_when(value: object, where: str) -> When:
    """A checked ``when``; SpecError for another form."""
    if value == NEVER:
        return {ROLE: NEVER}
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise SpecError(
            f"when is {brief(value)}; it is a mapping of facts to conditions, or never",
            where=where,
        )
    for name, condition in value.items():
        plain = isinstance(condition, (str, bool, int, float))
        if isinstance(condition, list):
            plain = all(isinstance(one, (str, bool, int, float)) for one in condition)
        wrong_sign = (
            isinstance(condition, str)
            and condition[:1] in ("<", ">", "=", "!")
            and not COMPARISON.fullmatch(condition)
        )
        if not plain or wrong_sign:
            raise SpecError(
                f"when: {name} is {brief(condition)}; it is a value, a list of values, "
                'uneven, set, or a comparison such as "> 1"',
                where=where,
            )
    return dict(value)


def holds(when: When, facts: Mapping[str, object]) -> bool:
    """Whether all conditions hold for these facts; one on a fact that is not there does
    not."""
    return when.get(ROLE) != NEVER and all(
        name in facts and _holds(condition, facts[name])
        for name, condition in when.items()
        if name not in (ROLE, LINE)
    )


def texts_of(when: When) -> tuple[str, ...]:
    """The texts that mark the line that is meant; none where it is the first."""
    value = when.get(LINE, ())
    return (value,) if isinstance(value, str) else tuple(map(str, value))  # type: ignore[call-overload]


def _holds(condition: object, fact: object) -> bool:
    values = list(fact) if isinstance(fact, (tuple, list, frozenset)) else [fact]
    if isinstance(condition, list):
        return any(value in condition for value in values)
    if condition == "set":
        return fact is not None
    if condition == "uneven":
        return len(set(values)) > 1
    match = COMPARISON.fullmatch(condition) if isinstance(condition, str) else None
    if match is None:
        return all(value == condition for value in values)
    compare, bound = SIGNS[match[1]], float(match[2])
    numbers = [v for v in values if isinstance(v, (int, float))]
    return any(compare(number, bound) for number in numbers)
