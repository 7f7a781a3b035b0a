"""Pages and fragments of HTML, made from templates that escape everything."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from polyframe.errors import PolyframeError

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(package: str, what: str, extra: str = "html") -> Environment:
    """The templates of a package, which escape every value and know every name.

    PolyframeError where Jinja2 is not installed: it says that ``what`` is made with it,
    and which ``extra`` of polyframe has it.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise PolyframeError(
            f"{what} is made with Jinja2, which is not installed",
            hint=f'pip install "polyframe[{extra}]"',
        ) from None
    return _environment(package)


@functools.cache
def _environment(package: str) -> Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
