"""Kinds of fields: what a field accepts, as data.

A kind checks and normalises a value when a layer, loss or optimizer is made, so that
everything behind it (shapes, source text) sees only plain ints, floats, bools, strings
and tuples of these. Its range is also what documentation and random tests read.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

LARGEST = 2**24
"""The largest size any single dimension, kernel or count may have."""


class Unset:
    """The value of a field that the user left to the semantics (see DESIGN: UNSET)."""

    _instance: Unset | None = None

    def __new__(cls) -> Unset:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET = Unset()


Given = TypeVar("Given", contravariant=True)
Kept = TypeVar("Kept", covariant=True)


class As(Generic[Given, Kept]):
    """The type of a field that accepts more than it keeps: ``As[int | tuple, tuple]``.

    It is there for type checkers alone, which read it as a descriptor-typed field: the
    constructor takes ``Given``, the attribute is ``Kept``.
    """

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Kept: ...
        def __set__(self, instance: object, value: Given) -> None: ...


Pair = tuple[int, int]
SizesField = As[int | Sequence[int], tuple[int, ...]]
"""For ``Sizes``."""
PaddingField = As[
    str | int | Sequence[int] | Sequence[Sequence[int]], str | tuple[Pair, ...]
]
"""For ``Padding``."""


class Kind:
    """What a field accepts. ``check`` returns the normalised value or raises."""

    allowed: str

    def check(self, value: Any) -> Any:
        """The normalised value; ``ValueError`` when it is not allowed."""
        raise ValueError(value)

    def of(self, owner: Any) -> Kind:
        """The kind as it is for one class of elements: ``owner`` is it, or one of it."""
        return self

    def short(self, value: Any) -> Any:
        """A checked value as people write it in YAML."""
        return value


@dataclasses.dataclass(frozen=True)
class Int(Kind):
    """A whole number from ``low`` to ``high``, both included."""

    low: int = 1
    high: int = LARGEST

    @property
    def allowed(self) -> str:  # type: ignore[override]
        return f"a whole number from {self.low} to {self.high}"

    def check(self, value: Any) -> int:
        """An int; NumPy integers are welcome, bools are not numbers."""
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise ValueError
        number = int(value)
        if not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclasses.dataclass(frozen=True)
class Float(Kind):
    """A finite number from ``low`` to ``high``; ``below`` excludes ``high`` itself."""

    low: float = -math.inf
    high: float = math.inf
    below: bool = False
    above: bool = False

    @property
    def allowed(self) -> str:  # type: ignore[override]
        words = []
        if self.low > -math.inf:
            words.append(f"{'above' if self.above else 'at least'} {self.low:g}")
        if self.high < math.inf:
            words.append(f"{'below' if self.below else 'at most'} {self.high:g}")
        return " ".join(["a finite number", " and ".join(words)]).strip()

    def check(self, value: Any) -> float:
        """A float; ints and NumPy scalars are converted."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ValueError
        number = float(value)
        low = number > self.low if self.above else number >= self.low
        high = number < self.high if self.below else number <= self.high
        if not (math.isfinite(number) and low and high):
            raise ValueError
        return number


class Bool(Kind):
    """``True`` or ``False``."""

    allowed = "true or false"

    def check(self, value: Any) -> bool:
        """A bool, and nothing that only behaves like one."""
        if not isinstance(value, bool):
            raise ValueError
        return value


AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}
"""What the spatial axes are called, by their number."""


@dataclasses.dataclass(frozen=True)
class Spatial(Kind):
    """The base of kinds that hold something for each spatial axis; how many there are
    is the element's ``dims`` where the kind does not say it."""

    dims: int = 0

    def of(self, owner: Any) -> Kind:
        """The kind with the owner's number of axes."""
        return self if self.dims else dataclasses.replace(self, dims=owner.dims)

    def several(self) -> str:
        """``a pair (height, width)``."""
        return f"{'a pair' if self.dims == 2 else 'a tuple'} ({AXES[self.dims]})"


@dataclasses.dataclass(frozen=True)
class Sizes(Spatial):
    """A number for all spatial axes, or one for each: ``3`` or ``(3, 5)``."""

    low: int = 1
    optional: bool = False

    @property
    def allowed(self) -> str:  # type: ignore[override]
        each = Int(self.low).allowed
        several = f", or {self.several()} of them" if self.dims > 1 else ""
        return each + several + (", or nothing" if self.optional else "")

    def check(self, value: Any) -> tuple[int, ...] | None:
        """Always a number for each axis."""
        if value is None and self.optional:
            return None
        each = Int(self.low)
        if isinstance(value, (tuple, list)):
            if len(value) != self.dims:
                raise ValueError
            return tuple(each.check(v) for v in value)
        return (each.check(value),) * self.dims

    def short(self, value: Any) -> Any:
        """One number where all are equal."""
        return value[0] if value and len(set(value)) == 1 else value


@dataclasses.dataclass(frozen=True)
class Padding(Spatial):
    """Zero padding: a number, one for each axis, (before, after) for each axis, "same"
    or "valid"."""

    @property
    def allowed(self) -> str:  # type: ignore[override]
        both = {
            1: "((left, right),)",
            2: "((top, bottom), (left, right))",
            3: "((front, back), (top, bottom), (left, right))",
        }
        several = f"{self.several()}, " if self.dims > 1 else ""
        return f"'same', 'valid', a number, {several}or {both[self.dims]}"

    def check(self, value: Any) -> str | tuple[tuple[int, int], ...]:
        """``"same"``, or ``((before, after), …)`` for each axis."""
        if isinstance(value, str):
            if value.lower() == "same":
                return "same"
            if value.lower() == "valid":
                return ((0, 0),) * self.dims
            raise ValueError
        nested = isinstance(value, (tuple, list)) and any(
            isinstance(v, (tuple, list)) for v in value
        )
        if not nested:
            sizes = Sizes(self.dims, 0).check(value)
            assert sizes is not None
            return tuple((n, n) for n in sizes)
        if len(value) != self.dims:
            raise ValueError
        each, found = Int(0), []
        for pair in value:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ValueError
            found.append((each.check(pair[0]), each.check(pair[1])))
        return tuple(found)

    def short(self, value: Any) -> Any:
        """A number, or one for each axis, where that says it all."""
        if isinstance(value, str) or any(low != high for low, high in value):
            return value
        return Sizes(self.dims, 0).short(tuple(low for low, _ in value))


@dataclasses.dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    options: tuple[str, ...]

    @property
    def allowed(self) -> str:  # type: ignore[override]
        return " or ".join(repr(option) for option in self.options)

    def check(self, value: Any) -> str:
        """The word itself."""
        if not isinstance(value, str) or value not in self.options:
            raise ValueError
        return value


@dataclasses.dataclass(frozen=True)
class Text(Kind):
    """A short printable text."""

    most: int = 200

    @property
    def allowed(self) -> str:  # type: ignore[override]
        return f"a text of 1 to {self.most} printable characters"

    def check(self, value: Any) -> str:
        """The text itself."""
        if not isinstance(value, str) or not 1 <= len(value) <= self.most:
            raise ValueError
        if not value.isprintable():
            raise ValueError
        return value


@dataclasses.dataclass(frozen=True)
class Maybe(Kind):
    """What another kind accepts, or nothing."""

    kind: Kind

    @property
    def allowed(self) -> str:  # type: ignore[override]
        return f"{self.kind.allowed}, or nothing"

    def check(self, value: Any) -> Any:
        """None, or the other kind's value."""
        return None if value is None else self.kind.check(value)


@dataclasses.dataclass(frozen=True)
class Several(Kind):
    """A list of what another kind accepts; one alone stands for a list of one."""

    kind: Kind
    least: int = 0
    most: int = 2**16

    @property
    def allowed(self) -> str:  # type: ignore[override]
        return f"a list, {self.least} or more, each {self.kind.allowed}"

    def check(self, value: Any) -> tuple[Any, ...]:
        """Always a tuple; NumPy arrays of one dimension are welcome."""
        if hasattr(value, "tolist"):
            value = value.tolist()
        items = value if isinstance(value, (list, tuple)) else [value]
        if not self.least <= len(items) <= self.most:
            raise ValueError
        return tuple(self.kind.check(item) for item in items)


def field(
    kind: Kind,
    *,
    default: Any = dataclasses.MISSING,
    aligned: Any = None,
    kw_only: bool = False,
) -> Any:
    """A field of a layer, loss, optimizer, …

    A field whose default is UNSET says with ``aligned`` what ``semantics="aligned"``
    resolves it to.
    """
    return dataclasses.field(
        default=default, kw_only=kw_only, metadata={"kind": kind, "aligned": aligned}
    )
