"""The types of fields, for type checkers: what a field takes, and what it keeps.

At run time annotations are not read: kinds (``polyframe.spec.fields``) do the checking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from polyframe.spec.fields import Pair, Unset
from polyframe.spec.initializers import Initializer

Given = TypeVar("Given", contravariant=True)
Kept = TypeVar("Kept", covariant=True)


class As(Generic[Given, Kept]):
    """The type of a field that takes more than it keeps: ``As[int | tuple, tuple]``.

    Type checkers read it as a descriptor: the constructor takes ``Given``, the
    attribute is ``Kept``.
    """

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Kept: ...
        def __set__(self, instance: object, value: Given) -> None: ...


FloatOrUnset = As[float | Unset, float]
"""A number whose default depends on the framework."""
Ints = As[int | Sequence[int], tuple[int, ...]]
"""One or several whole numbers: a size for each spatial axis, axes, a shape."""
OptionalInts = As[int | Sequence[int] | None, tuple[int, ...] | None]
Floats = As[float | Sequence[float], tuple[float, ...]]
OptionalFloats = As[float | Sequence[float] | None, tuple[float, ...] | None]
PaddingField = As[
    str | int | Sequence[int] | Sequence[Sequence[int]], str | tuple[Pair, ...]
]
"""For ``Padding``."""
PairsField = As[int | Sequence[int] | Sequence[Sequence[int]], tuple[Pair, ...]]
"""(before, after) for each spatial axis, whose number the layer knows."""
SidesField = As[int | Sequence[int] | Sequence[Sequence[int]], int | tuple[Pair, ...]]
"""(before, after) for each spatial axis, whose number the input tells."""
InitializerField = As[Initializer | str | Mapping[str, object] | Unset, Initializer]
"""An initializer, its name, or ``{type: name, …}``."""
