"""Derivatives of the definitions by complex steps: Im f(w + ih) / h with h = 1e-30.

They are exact up to rounding, since no difference of close numbers is taken (Squire &
Trapp 1998, "Using complex variables to estimate derivatives of real functions"). Each
number that is differentiated by takes a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from polyframe.io.array import Array

STEP = 1e-30


class Analytic(Array):
    """Complex numbers whose absolute value and variance can be differentiated: NumPy's
    are real."""

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        plain = [np.asarray(x) if isinstance(x, Analytic) else x for x in inputs]
        if ufunc is np.absolute:  # |x| = ±x, by the sign of the real part
            (x,) = plain
            return np.where(x.real < 0, -x, x).view(Analytic)
        out = tuple(
            np.asarray(x) if isinstance(x, Analytic) else x
            for x in kwargs.pop("out", ())
        )
        given = {"out": out} if out else {}
        result = getattr(ufunc, method)(*plain, **given, **kwargs)
        if isinstance(result, np.ndarray) and result.dtype.kind == "c":
            return result.view(Analytic)
        return result

    def __array_function__(
        self,
        function: Callable[..., object],
        types: Iterable[type],
        args: Iterable[object],
        kwargs: Mapping[str, object],
    ) -> Any:
        result = super().__array_function__(function, types, args, kwargs)
        return result.view(Analytic) if isinstance(result, np.ndarray) else result

    def var(  # type: ignore[override]
        self, axis: int | tuple[int, ...] | None = None, ddof: int = 0, **_: object
    ) -> Any:
        """The variance as a sum of squares, not of absolute values squared."""
        squares = (self - self.mean(axis, keepdims=True)) ** 2
        return squares.sum(axis) / (self.size // squares.sum(axis).size - ddof)
