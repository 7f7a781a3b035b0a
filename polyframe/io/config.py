"""The configuration file: ``polyframe.yaml`` in the working folder or, without one there,
``$XDG_CONFIG_HOME/polyframe/config.yaml`` (``~/.config`` where that is not set)::

    backend: tensorflow            # what commands take without -b
    contestants:                   # names for `polyframe compare`
      torch-2.4: {backend: torch, python: /opt/venvs/torch24}
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from polyframe.errors import PolyframeError, brief, did_you_mean
from polyframe.io.text import parse_yaml, read_text

CONFIG = "polyframe.yaml"
KEYS = ("backend", "contestants")


def config_file(folder: str | Path = ".") -> Path | None:
    """The configuration file that counts in a folder; None if there is none."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    user = Path(home).expanduser() / "polyframe" / "config.yaml"
    return next((p for p in (Path(folder) / CONFIG, user) if p.is_file()), None)


def read_config(path: Path | None) -> Mapping[str, object]:
    """A configuration file's keys, nothing without a file. PolyframeError for another key,
    and for a backend that is not a word."""
    if path is None:
        return {}
    data = parse_yaml(read_text(path), str(path))
    data = {} if data is None else data
    if not isinstance(data, Mapping):
        raise PolyframeError(f"is {brief(data)}; a mapping is needed", where=str(path))
    check_keys(data, KEYS, str(path))
    backend = data.get("backend", "")
    if not isinstance(backend, str):
        raise PolyframeError(
            f"backend is {brief(backend)}; a backend's name is needed", where=str(path)
        )
    return data


def check_keys(
    given: Mapping[object, object], known: Sequence[str], where: str
) -> None:
    """PolyframeError for a key that there is not."""
    for key in given:
        if key not in known:
            raise PolyframeError(
                f"unknown key {brief(key)}.{did_you_mean(str(key), known)}",
                where=where,
                hint=f"known: {', '.join(known)}",
            )
