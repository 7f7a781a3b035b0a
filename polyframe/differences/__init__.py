"""The registry of differences: what the frameworks do differently, as data.

``differences()`` gives all of it. Each difference is a file in ``entries``, named after
its id; ``polyframe.teach.demonstrations`` has native programs that show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from polyframe.differences.conditions import When, parse_when
from polyframe.errors import SpecError, brief, did_you_mean
from polyframe.io.text import parse_yaml, read_text

FOLDER = Path(__file__).with_name("entries")
TOPICS = (
    "layers",
    "losses",
    "optimizers",
    "training",
    "data",
    "execution",
    "randomness",
    "saving",
)
"""What a difference may be about; pages show them in this order."""
TEXTS = ("title", "meaning", "remedy", "matters", "source")
LISTS = ("entries", "kinds")
MAPPINGS = ("backends", "versions")
KEYS = ("title", "topic", *LISTS, "backends", *TEXTS[1:], "versions")
"""What an entry's file has to say, in the order in which it is written."""
OPTIONAL = ("wrong", "when")


@dataclass(frozen=True)
class Difference:
    """One difference.

    - ``id``: its name, that of the file;
    - ``title``: what differs, as one line;
    - ``topic``: one of ``TOPICS``;
    - ``entries``: layers, losses and optimizers that show it, by name; ``kinds``: tensors
      in which it shows, by the names of ``polyframe.conformance.trace.KINDS``. Both are
      empty where it is not about what one of them computes;
    - ``backends``: name of a backend → what it does. A backend that is not there has
      nothing special to say of it;
    - ``meaning``: the neutral meaning, which a spec has on every backend;
    - ``remedy``: how polyframe gets there;
    - ``matters``: where it matters, and how much where that was measured;
    - ``source``: where to read of it;
    - ``versions``: backend → version of the framework on which this was seen; the same
      backends as in ``backends``;
    - ``wrong``: backend → a claim that its demonstration has to refute. It is needed only
      where the claims of the other backends are no such claims;
    - ``when``: what has to hold of a layer, loss or optimizer for the difference to show
      in its lines (``polyframe.differences.conditions``); empty: it always shows.
    """

    id: str
    title: str
    topic: str
    entries: tuple[str, ...]
    kinds: tuple[str, ...]
    backends: Mapping[str, str]
    meaning: str
    remedy: str
    matters: str
    source: str
    versions: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)
    when: When = field(default_factory=dict)


@cache
def differences() -> tuple[Difference, ...]:
    """All of them, ordered by topic and id."""
    return load(FOLDER)


def difference(id: str) -> Difference:
    """One of them; SpecError with the nearest id for one that is not there."""
    known = {d.id: d for d in differences()}
    if id not in known:
        raise SpecError(
            f"there is no difference {brief(id)}.{did_you_mean(id, known)}",
            hint="polyframe.differences.differences() gives all",
        )
    return known[id]


def load(folder: Path) -> tuple[Difference, ...]:
    """The differences of a folder, ordered by topic and id; SpecError for a wrong file."""
    found = [read(path) for path in folder.glob("*.yaml")]
    return tuple(sorted(found, key=lambda d: (TOPICS.index(d.topic), d.id)))


def read(path: Path) -> Difference:
    """The difference of one file; SpecError with the file's name and the key otherwise."""
    where = path.name
    data = parse_yaml(read_text(path), where)
    if not isinstance(data, dict):
        raise SpecError(f"is not a mapping with {', '.join(KEYS)}", where=where)
    for key in data:
        if key not in (*KEYS, *OPTIONAL):
            raise SpecError(
                f"has a key {key!r}; allowed are {', '.join((*KEYS, *OPTIONAL))}",
                where=where,
            )
    for key in KEYS:
        if key not in data:
            raise SpecError(f"lacks the key {key!r}", where=where)
    if data["topic"] not in TOPICS:
        raise SpecError(
            f"topic is {data['topic']!r}; allowed are {', '.join(TOPICS)}", where=where
        )
    texts = {key: _text(data[key], key, where) for key in TEXTS}
    lists = {key: _names(data[key], key, where) for key in LISTS}
    backends, versions, wrong = (
        _texts(data.get(key, {}), key, where) for key in (*MAPPINGS, "wrong")
    )
    if not backends:
        raise SpecError("backends is empty; it needs at least one", where=where)
    if set(versions) != set(backends):
        raise SpecError(
            f"versions is of {', '.join(versions) or 'none'}; "
            f"it needs one for each of backends: {', '.join(backends)}",
            where=where,
        )
    for name in wrong:
        if name not in backends:
            raise SpecError(
                f"wrong is of {name!r}; allowed are {', '.join(backends)}", where=where
            )
    return Difference(
        id=path.stem,
        topic=data["topic"],
        title=texts["title"],
        entries=lists["entries"],
        kinds=lists["kinds"],
        backends=backends,
        meaning=texts["meaning"],
        remedy=texts["remedy"],
        matters=texts["matters"],
        source=texts["source"],
        versions=versions,
        wrong=wrong,
        when=parse_when(data.get("when", {}), where),
    )


def _text(value: object, key: str, where: str) -> str:
    if not isinstance(value, str):
        raise SpecError(
            f"{key} is {brief(value)}, not a text", where=where, hint="set it in quotes"
        )
    if not value.strip():
        raise SpecError(f"{key} is empty", where=where)
    return value.strip()


def _names(value: object, key: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise SpecError(f"{key} is not a list of names", where=where)
    return tuple(value)


def _texts(value: object, key: str, where: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise SpecError(f"{key} is not a mapping of backends to texts", where=where)
    return {name: _text(v, f"{key}: {name}", where) for name, v in value.items()}


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
