"""How tests ask for one clear message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import polyframe as pf


def fails(kind: type[pf.PolyframeError], call: Callable[[], Any], message: str) -> str:
    """It raises that error, in one bounded line that holds that text."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert message in text
    assert text.isprintable()
    assert len(text) < 1000
    return text
