"""What each backend supports, as the tests measured it: support.json, and its words.

``make catalogue`` writes the file; ``polyframe list`` and docs/support.md read it here,
so that they say the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TypedDict

DTYPES = ("float64", "float32")


class Support(TypedDict):
    """What is known of one layer, loss or optimizer on one backend.

    - ``forms``: dtype → the names of the forms that its examples take;
    - ``gaps``: option value ("bias=True") → why no example with it can be written;
    - ``reason``: what its gap says that the backend declares, also of cases that no
      example shows;
    - ``worst``: what was compared → the largest distance that the tests measured;
    - ``digest``: of all that these measurements depend on.
    """

    forms: dict[str, list[str]]
    gaps: dict[str, str]
    reason: str | None
    worst: dict[str, float]
    digest: str


@cache
def load_support() -> Mapping[str, Mapping[str, Mapping[str, Support]]]:
    """Family ("layers", "losses", "optimizers") → name → backend → what is known."""
    file = resources.files("polyframe.conformance").joinpath("support.json")
    families: Mapping[str, Mapping[str, Mapping[str, Support]]]
    families = json.loads(file.read_text("utf-8"))["families"]
    return families


def status(own: Support) -> str:
    """``native``, ``written out in float64``, ``native, 1 gap``, or ``gap``.

    It names the forms other than ``native`` that examples take, and the dtype where they
    take them in one only.
    """
    if not any(own["forms"].values()):
        return "gap"
    others = sorted({name for names in own["forms"].values() for name in names})
    words = []
    for name in others:
        dtypes = [dtype for dtype in DTYPES if name in own["forms"][dtype]]
        if name != "native":
            words.append(name if len(dtypes) > 1 else f"{name} in {dtypes[0]}")
    count = len({*own["gaps"].values(), *([own["reason"]] if own["reason"] else [])})
    if count:
        words = words or ["native"]
        words.append(f"{count} gap{'s' * (count > 1)}")
    return ", ".join(words or ["native"])
