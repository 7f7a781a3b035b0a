"""The registry of differences: what the frameworks do differently, as data.

``differences()`` gives all of it; the file beside this one is where it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from polyframe.errors import SpecError
from polyframe.io.text import parse_yaml

FILE = Path(__file__).with_name("registry.yaml")


@dataclass(frozen=True)
class Difference:
    """One difference.

    - ``entries``: layers, losses, optimizers, by name; ``kinds``: tensors in which it
      shows, by the names of ``polyframe.conformance.trace.KINDS``;
    - ``backends``: what each does; ``remedy``: what polyframe writes; ``source``: where
      to read of it.
    """

    id: str
    title: str
    entries: tuple[str, ...]
    kinds: tuple[str, ...]
    backends: Mapping[str, str]
    remedy: str
    source: str


@cache
def differences() -> tuple[Difference, ...]:
    """All of them, in the order of the file."""
    return load(FILE)


def load(path: Path) -> tuple[Difference, ...]:
    """A registry's differences; SpecError for a wrong file."""
    data = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(data, list):
        raise SpecError("is not a list of differences", where=str(path))
    return tuple(_difference(item, f"{path}: {i}") for i, item in enumerate(data, 1))


def _difference(data: object, where: str) -> Difference:
    names = {f.name for f in fields(Difference)}
    if not isinstance(data, Mapping) or set(data) != names:
        raise SpecError(f"needs the keys {', '.join(sorted(names))}", where=where)
    for name in ("entries", "kinds"):
        value = data[name]
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise SpecError(f"{name} is not a list of names", where=where)
    if not isinstance(data["backends"], Mapping):
        raise SpecError("backends is not a mapping of names to texts", where=where)
    texts = {k: str(v) for k, v in data["backends"].items()}
    return Difference(
        data["id"], data["title"], tuple(data["entries"]), tuple(data["kinds"]),
        texts, data["remedy"], data["source"],
    )  # fmt: skip


def causes(
    entry: str, kind: str, backends: tuple[str, ...], most: int = 3
) -> tuple[Difference, ...]:
    """What may make tensors of that kind differ, the most special first."""
    matching = [
        d
        for d in differences()
        if entry in d.entries and kind in d.kinds and set(backends) & set(d.backends)
    ]
    return tuple(sorted(matching, key=lambda d: len(d.entries))[:most])
