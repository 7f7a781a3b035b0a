"""Kinds of fields: what a field accepts, as data.

A kind checks and normalises a value when a layer, loss or optimizer is made, so that
everything after it (shapes, source text) sees only plain ints, floats, bools, strings
and tuples of these. Its range is also what documentation and random tests read.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import ItemsView, Mapping
from typing import Any, Generic, TypeVar

from polyframe.errors import PolyframeError, brief

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


T = TypeVar("T")


class Kind(Generic[T]):
    """What a field accepts, and ``T``, the type of what it keeps."""

    @property
    def allowed(self) -> str:
        """What is accepted, as error messages say it: "a whole number from 1 to 8"."""
        raise NotImplementedError

    def check(self, value: object) -> T:
        """The normalised value; ``ValueError`` when it is not allowed."""
        raise ValueError(value)

    def of(self, owner: object) -> Kind[T]:
        """The kind as it is for one element, or for one class of elements."""
        return self

    def short(self, value: T) -> object:
        """A checked value as people write it in YAML."""
        return value


@dataclasses.dataclass(frozen=True)
class Int(Kind[int]):
    """A whole number from ``low`` to ``high``, both included."""

    low: int = 1
    high: int = LARGEST

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def check(self, value: object) -> int:
        """An int; NumPy integers are welcome, bools are not numbers."""
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise ValueError
        number = int(value)
        if not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclasses.dataclass(frozen=True)
class Float(Kind[float]):
    """A finite number from ``low`` to ``high``; ``below`` excludes ``high`` itself."""

    low: float = -math.inf
    high: float = math.inf
    below: bool = False
    above: bool = False

    @property
    def allowed(self) -> str:
        words = []
        if self.low > -math.inf:
            words.append(f"{'above' if self.above else 'at least'} {self.low:g}")
        if self.high < math.inf:
            words.append(f"{'below' if self.below else 'at most'} {self.high:g}")
        return " ".join(["a finite number", " and ".join(words)]).strip()

    def check(self, value: object) -> float:
        """A float; ints and NumPy scalars are converted."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ValueError
        number = float(value)
        low = number > self.low if self.above else number >= self.low
        high = number < self.high if self.below else number <= self.high
        if not (math.isfinite(number) and low and high):
            raise ValueError
        return number


class Bool(Kind[bool]):
    """``True`` or ``False``."""

    @property
    def allowed(self) -> str:
        return "true or false"

    def check(self, value: object) -> bool:
        """A bool, and nothing that only behaves like one."""
        if not isinstance(value, bool):
            raise ValueError
        return value


Pair = tuple[int, int]
"""(before, after)."""
AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}
"""What the spatial axes are called, by their number."""


@dataclasses.dataclass(frozen=True)
class Spatial(Kind[T]):
    """The base of kinds that hold something for each spatial axis. How many axes there
    are is the element's ``dims``, unless the kind says it."""

    dims: int = 0

    def of(self, owner: object) -> Kind[T]:
        """The kind with the owner's number of axes."""
        dims = self.dims or getattr(owner, "dims", 0)
        if not dims:
            raise TypeError(
                f"{owner!r} says with no `dims` how many spatial axes it has"
            )
        return dataclasses.replace(self, dims=dims)

    def several(self) -> str:
        """``a pair (height, width)``."""
        return f"{'a pair' if self.dims == 2 else 'a tuple'} ({AXES[self.dims]})"


@dataclasses.dataclass(frozen=True)
class Sizes(Spatial[tuple[int, ...]]):
    """A number for all spatial axes, or one for each: ``3`` or ``(3, 5)``."""

    low: int = 1

    @property
    def allowed(self) -> str:
        each = Int(self.low).allowed
        return f"{each}, or {self.several()} of them" if self.dims > 1 else each

    def check(self, value: object) -> tuple[int, ...]:
        """Always a number for each axis."""
        each = Int(self.low)
        if isinstance(value, (tuple, list)):
            if len(value) != self.dims:
                raise ValueError
            return tuple(each.check(v) for v in value)
        return (each.check(value),) * self.dims

    def short(self, value: tuple[int, ...]) -> object:
        """One number where all are equal."""
        return value[0] if len(set(value)) == 1 else value


@dataclasses.dataclass(frozen=True)
class Padding(Spatial[str | tuple[Pair, ...]]):
    """Zero padding: a number, one for each axis, (before, after) for each axis, "same"
    or "valid"."""

    @property
    def allowed(self) -> str:
        both = {
            1: "((left, right),)",
            2: "((top, bottom), (left, right))",
            3: "((front, back), (top, bottom), (left, right))",
        }
        several = f"{self.several()}, " if self.dims > 1 else ""
        return f"'same', 'valid', a number, {several}or {both[self.dims]}"

    def check(self, value: object) -> str | tuple[Pair, ...]:
        """``"same"``, or ``((before, after), …)`` for each axis."""
        if isinstance(value, str):
            if value.lower() == "same":
                return "same"
            if value.lower() == "valid":
                return ((0, 0),) * self.dims
            raise ValueError
        return pairs(value, self.dims)

    def short(self, value: str | tuple[Pair, ...]) -> object:
        """A number, or one for each axis, where that says it all."""
        return value if isinstance(value, str) else short_pairs(value)


def pairs(value: object, dims: int) -> tuple[Pair, ...]:
    """((before, after), …) from a number, one for each axis, or (before, after) for
    each; ValueError for anything else."""
    if not isinstance(value, (tuple, list)) or not any(
        isinstance(v, (tuple, list)) for v in value
    ):
        return tuple((n, n) for n in Sizes(dims, 0).check(value))
    if len(value) != dims:
        raise ValueError
    each, checked = Int(0), []
    for pair in value:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError
        checked.append((each.check(pair[0]), each.check(pair[1])))
    return tuple(checked)


def short_pairs(value: tuple[Pair, ...]) -> object:
    """A number, or one for each axis, where that says it all."""
    if any(low != high for low, high in value):
        return value
    return Sizes(len(value), 0).short(tuple(low for low, _ in value))


@dataclasses.dataclass(frozen=True)
class Choice(Kind[str]):
    """One of a few words."""

    options: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return " or ".join(repr(option) for option in self.options)

    def check(self, value: object) -> str:
        """The word itself."""
        if not isinstance(value, str) or value not in self.options:
            raise ValueError
        return value


@dataclasses.dataclass(frozen=True)
class Text(Kind[str]):
    """A short printable text."""

    most: int = 200

    @property
    def allowed(self) -> str:
        return f"a text of 1 to {self.most} printable characters"

    def check(self, value: object) -> str:
        """The text itself."""
        if not isinstance(value, str) or not 1 <= len(value) <= self.most:
            raise ValueError
        if not value.isprintable():
            raise ValueError
        return value


@dataclasses.dataclass(frozen=True)
class Maybe(Kind[T | None]):
    """What another kind accepts, or nothing."""

    kind: Kind[T]

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, or nothing"

    def of(self, owner: object) -> Kind[T | None]:
        """With the other kind as it is for the owner."""
        return Maybe(self.kind.of(owner))

    def check(self, value: object) -> T | None:
        """None, or the other kind's value."""
        return None if value is None else self.kind.check(value)

    def short(self, value: T | None) -> object:
        """None, or as the other kind's values are written."""
        return None if value is None else self.kind.short(value)


@dataclasses.dataclass(frozen=True)
class Several(Kind[tuple[T, ...]]):
    """A list of what another kind accepts; one alone stands for a list of one."""

    kind: Kind[T]
    least: int = 0
    most: int = 2**16

    @property
    def allowed(self) -> str:
        return f"a list, {self.least} or more, each {self.kind.allowed}"

    def check(self, value: object) -> tuple[T, ...]:
        """Always a tuple; NumPy arrays of one dimension are welcome."""
        if hasattr(value, "tolist"):
            value = value.tolist()
        items = value if isinstance(value, (list, tuple)) else [value]
        if not self.least <= len(items) <= self.most:
            raise ValueError
        return tuple(self.kind.check(item) for item in items)


@dataclasses.dataclass(frozen=True)
class ByPattern(Kind[tuple[tuple[str, T], ...]]):
    """A mapping of patterns to what another kind accepts. Its order matters: the last
    pattern that fits a name is the one that counts. It is kept as pairs."""

    kind: Kind[T]
    most: int = 2**12

    @property
    def allowed(self) -> str:
        return f"a mapping of patterns, each to {self.kind.allowed}"

    def check(self, value: object) -> tuple[tuple[str, T], ...]:
        """Always a tuple of pairs; no pattern twice."""
        items = value.items() if isinstance(value, Mapping) else value
        if not isinstance(items, (list, tuple, ItemsView)) or len(items) > self.most:
            raise ValueError
        pairs = []
        for item in items:
            if not isinstance(item, (list, tuple)) or len(item) != 2:
                raise ValueError
            pairs.append((Text().check(item[0]), self.kind.check(item[1])))
        if len(dict(pairs)) < len(pairs):
            raise ValueError
        return tuple(pairs)

    def short(self, value: tuple[tuple[str, T], ...]) -> object:
        """A mapping."""
        return dict(value)


def checked(
    name: str,
    kind: Kind[T],
    value: object,
    error: type[PolyframeError] = PolyframeError,
) -> T:
    """An argument that has to be of a kind, normalised: ``np.int64(3)`` becomes 3. The
    ``error`` for anything else names the argument and what is allowed."""
    try:
        return kind.check(value)
    except (ValueError, OverflowError):
        raise error(f"{name} is {brief(value)}; {kind.allowed} is needed") from None


def field(
    kind: Kind[Any],
    *,
    default: object = dataclasses.MISSING,
    aligned: object = None,
    kw_only: bool = False,
) -> Any:
    """A field of a layer, loss, optimizer, …

    A field whose default is UNSET says with ``aligned`` what ``semantics="aligned"``
    resolves it to. Returns Any, as ``dataclasses.field`` does: what a field takes and
    keeps is said by its annotation (see ``polyframe.spec.field_types``).
    """
    return dataclasses.field(
        default=default, kw_only=kw_only, metadata={"kind": kind, "aligned": aligned}
    )
