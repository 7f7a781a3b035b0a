"""Which of the arrays that somebody gives fit the ones that are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from polyframe.errors import WeightsError, brief, did_you_mean
from polyframe.io.array import Array
from polyframe.io.state_dicts import prefix_problem
from polyframe.io.weights import listed

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LoadReport:
    """What ``Model.load_weights`` took, by canonical names.

    - ``loaded``: the weights that were taken.
    - ``missing``: those of the model that were not given; they keep their values.
    - ``unexpected``: names that were given, and that the model does not have.
    - ``mismatched``: name → (the shape that was given, the model's); these weights keep
      their values, too.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every weight was loaded, and nothing else was given."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __repr__(self) -> str:
        total = len(self.loaded) + len(self.missing) + len(self.mismatched)
        lines = [f"loaded {len(self.loaded)} of {total} weights"]
        shapes = [
            f"{name} {given}, the model's {own}"
            for name, (given, own) in self.mismatched.items()
        ]
        groups = {
            "of another shape": shapes,
            "missing": self.missing,
            "not in the model": map(brief, self.unexpected),
        }
        texts = {what: listed(entries) for what, entries in groups.items()}
        lines += [f"  {what}: {text}" for what, text in texts.items() if text]
        return "\n".join(lines)


def check_arrays(
    weights: object, shapes: Mapping[str, Shape], dtype: str, where: str
) -> dict[str, Array]:
    """The arrays of these names and shapes, or one error that lists what is wrong."""
    return fit_arrays(weights, shapes, dtype, where)[0]


def fit_arrays(
    weights: object,
    shapes: Mapping[str, Shape],
    dtype: str,
    where: str,
    strict: bool = True,
) -> tuple[dict[str, Array], LoadReport]:
    """The arrays that have these names and shapes, and the report of all.

    Axes of length 1 at the end may be more or fewer: the matrix of a dense layer is the
    kernel of a 1×1 convolution. One error lists what is wrong: entries that hold no
    floating-point numbers and, with ``strict``, all that is missing, unexpected or of
    another shape; without, that nothing fits at all.
    """
    if not isinstance(weights, Mapping):
        raise WeightsError(
            f"got {type(weights).__name__}; a mapping of names to arrays, or a file's "
            "path is needed",
            where=where,
        )
    unexpected = tuple(name for name in weights if name not in shapes)
    missing, mismatched, fitting, wrong = [], {}, {}, []
    for name, shape in shapes.items():
        if name not in weights:
            missing.append(name)
            continue
        try:
            value = converted(weights[name], dtype)
        except ValueError as error:
            wrong.append(f"{name!r} {error}")
            continue
        if without_ones(value.shape) != without_ones(shape):
            mismatched[name] = (value.shape, shape)
        else:
            fitting[name] = np.ascontiguousarray(value.reshape(shape))
    problems = [
        *(f"{brief(n)} is not in the model.{did_you_mean(str(n), shapes)}"
          for n in unexpected[:8]),
        *unexpected[8:],
        *wrong,
        *(f"{n!r} is missing" for n in missing),
        *(f"{n!r} is {given}, the model's {own}"
          for n, (given, own) in mismatched.items()),
    ]  # fmt: skip
    useless = bool(shapes) and not fitting and not wrong
    if (strict and problems) or useless:
        prefixed = prefix_problem(weights, shapes)
        if prefixed is not None:
            raise WeightsError(prefixed[0], where=where, hint=prefixed[1])
    if strict and problems:
        hint = "strict=False loads those that fit" if fitting and not wrong else None
        raise WeightsError(listed(problems), where=where, hint=hint)
    if wrong:
        raise WeightsError(listed(wrong), where=where)
    if useless:
        raise WeightsError(f"nothing fits: {listed(problems)}", where=where)
    report = LoadReport(tuple(fitting), tuple(missing), unexpected, mismatched)
    return fitting, report


def converted(given: object, dtype: str) -> Array:
    """What was given as an array of that dtype; ValueError says what is wrong with it."""
    try:
        value = np.asarray(given)
    except ValueError:
        raise ValueError("is not an array") from None
    except Exception as error:  # a framework's tensor that refuses
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"is not an array: {reason[:80]}") from None
    if value.dtype.kind != "f":
        raise ValueError(f"holds {value.dtype}, not floating-point numbers")
    with np.errstate(over="ignore"):
        result: Array = value.astype(dtype, copy=False)
    if value.dtype.itemsize > result.dtype.itemsize:
        lost = np.isfinite(value) & ~np.isfinite(result)
        if lost.any():
            raise ValueError(f"holds {value[lost][0]:.3g}, too large for {dtype}")
    return result


def without_ones(shape: Shape) -> Shape:
    """The shape without axes of length 1 at its end."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape
