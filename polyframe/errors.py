"""Every error that polyframe raises on purpose.

A message says what is wrong, where (the node, field or file), what was given, what is
allowed, and the way out. The command line prints it on one line and exits with code 2.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable


class PolyframeError(Exception):
    """The root of the tree: catch this to catch them all.

    ``where`` names the place (``conv1``, ``recipe.yaml: optimizer.lr``), ``hint`` the
    way out. ``str(error)`` is ``where: message (hint)``.
    """

    def __init__(
        self, message: str, *, where: str | None = None, hint: str | None = None
    ) -> None:
        self.message, self.where, self.hint = message, where, hint
        text = f"{where}: {message}" if where else message
        super().__init__(one_line(f"{text} ({hint})" if hint else text))


class SpecError(PolyframeError):
    """A model spec is wrong: a field, a name, a shape, the wiring, or its text."""


class RecipeError(PolyframeError):
    """A recipe is wrong: an unknown key, a wrong type, or parts that do not fit."""


class DataError(PolyframeError):
    """A data set cannot be had, is damaged, or does not fit the model."""


class WeightsError(PolyframeError):
    """Weights do not fit the spec: missing, extra or misshapen entries, bad files."""


class BackendError(PolyframeError):
    """A backend is unknown, not installed, broken, or lacks the device asked for."""


class UnsupportedError(BackendError):
    """A backend cannot run parts of this spec; the message lists every one of them."""


class DivergedError(PolyframeError):
    """A training whose loss became NaN or infinite."""


class LockedError(PolyframeError):
    """A folder that another training is writing into."""


class ProgramError(PolyframeError):
    """An emitted program failed while it ran; names the line of the program."""


class ConformanceError(PolyframeError):
    """A backend computes something else than the definitions say."""


class ModelAttributeError(PolyframeError, AttributeError):
    """An attribute that a model does not have, or that cannot be set any more."""


class ArgumentError(PolyframeError, TypeError):
    """A keyword argument that a function does not have."""


def warn(message: str, where: str | None = None) -> None:
    """Tell the user, in one line, of something that stops nothing but deserves a look.

    It is a ``UserWarning`` of a module of polyframe; commands print it to stderr.
    """
    text = f"{where}: {message}" if where else message
    warnings.warn(one_line(text), UserWarning, stacklevel=2)


def one_line(text: str) -> str:
    """The text with line ends, control and bidi characters written as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def brief(value: object) -> str:
    """``repr`` of anything, cut to a length that fits into a message."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # a giant number, or nested too deep
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def described(value: object) -> str:
    """What data are, without their numbers: "an array (8, 1, 4, 4)", "a list of 3"."""
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    shape = getattr(value, "shape", None)
    return brief(value) if shape is None else f"an array {tuple(shape)}"


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` for the closest option, or the empty string."""
    options = list(options)
    lowered = {option.lower(): option for option in options}
    close = difflib.get_close_matches(str(name)[:80].lower(), lowered, n=1, cutoff=0.6)
    return f" Did you mean '{lowered[close[0]]}'?" if close else ""


MOST_LISTED = 12
"""More names than these are not listed whole in an error."""


def listed(options: Iterable[str], near: object = "") -> str:
    """Names for a hint: all of them or, of many, the ten that are most like ``near``."""
    names = list(options)
    if len(names) <= MOST_LISTED:
        return ", ".join(names)
    word = str(near)[:80].lower()

    def likeness(name: str) -> float:
        return difflib.SequenceMatcher(None, word, name.lower()).ratio()

    nearest = sorted(names, key=likeness, reverse=True)[:10]
    return f"{', '.join(nearest)}, and {len(names) - 10} more"
