"""PyTorch's conventions for names: counters of batch norms, prefixes, and renaming."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from os.path import commonprefix
from typing import Any

from polyframe.errors import WeightsError, brief, did_you_mean

COUNTER = "num_batches_tracked"
"""How PyTorch's batch norms call the number of batches that they have seen. It matters
only for a momentum of None, which no layer here has."""
DEEPEST = 8
"""How many parts of a prefix are looked at."""


def canonical_names(
    arrays: Mapping[str, Any],
    known: Container[str],
    rename: Mapping[str, str] | None,
    where: str,
) -> dict[str, Any]:
    """The entries renamed, without what PyTorch keeps beside weights."""
    return without_counters(
        dict(arrays) if rename is None else renamed(arrays, rename, where), known
    )


def without_counters(
    arrays: Mapping[str, Any], known: Container[str]
) -> dict[str, Any]:
    """The entries that are not such counters, unless the model has a weight of the name."""
    return {
        name: value
        for name, value in arrays.items()
        if name in known or str(name).rpartition(".")[2] != COUNTER
    }


def renamed(
    arrays: Mapping[str, Any], rename: Mapping[str, str], where: str
) -> dict[str, Any]:
    """The entries under new names.

    Each key of ``rename`` is the beginning of names, in which a ``*`` stands for as little
    text as possible (at the key's end, for all the rest). That beginning is replaced by
    the value, in which each ``*``, in order, is what the key's ``*`` stood for. For each
    name the first key that fits counts, once. WeightsError for a key that fits no name,
    and where two names become one.
    """
    check_rules(rename)
    used: set[str] = set()
    result: dict[str, Any] = {}
    for name, value in arrays.items():
        new = name
        for key in rename if isinstance(name, str) else ():
            fits = beginning(key, name)
            if fits is not None:
                used.add(key)
                new = filled(rename[key], fits[0]) + fits[1]
                break
        if new in result:
            raise WeightsError(
                f"two names become {brief(new)}; one was {brief(name)}",
                where=f"{where}: rename",
            )
        result[new] = value
    for key in rename:
        if key not in used:
            names = [name for name in arrays if isinstance(name, str)]
            raise WeightsError(
                f"{brief(key)} fits no name.{did_you_mean(key, names)}",
                where=f"{where}: rename",
                hint=f"the first are {', '.join(map(brief, names[:4])) or 'none'}",
            )
    return result


def check_rules(rename: object) -> None:
    """WeightsError unless it maps texts to texts, with no more stars than the keys'."""
    if not isinstance(rename, Mapping):
        raise WeightsError(
            f"got {brief(rename)}; a mapping such as {{'module.': ''}} is needed",
            where="rename",
        )
    for key, new in rename.items():
        if not isinstance(key, str) or not isinstance(new, str):
            raise WeightsError(
                f"maps {brief(key)} to {brief(new)}; both have to be text",
                where="rename",
            )
        if new.count("*") > key.count("*"):
            raise WeightsError(
                f"{brief(new)} has more * than {brief(key)}", where="rename"
            )


def beginning(key: str, name: str) -> tuple[list[str], str] | None:
    """What each ``*`` of a key stands for, and the rest of the name; None where the key
    does not fit. Texts are searched one after the other, so it takes no longer for a
    name from a stranger."""
    first, *others = key.split("*")
    if not name.startswith(first):
        return None
    matched, at = [], len(first)
    for index, text in enumerate(others, 1):
        last = index == len(others)
        end = len(name) if last and not text else name.find(text, at)
        if end < 0:
            return None
        matched.append(name[at:end])
        at = end + len(text)
    return matched, name[at:]


def filled(text: str, matched: Iterable[str]) -> str:
    """A text with its stars replaced, in order."""
    first, *others = text.split("*")
    return first + "".join(a + b for a, b in zip(matched, others))


def prefix_problem(
    given: Iterable[object], known: Iterable[str]
) -> tuple[str, str] | None:
    """What is wrong and the way out, where no name fits because all names on one side
    have a prefix in front (``module.``, ``model.``); else None."""
    names = [name for name in given if isinstance(name, str)]
    wanted = set(known)
    if not names or wanted.intersection(names):
        return None
    for prefix in prefixes(names):
        if any(name[len(prefix) :] in wanted for name in names):
            return (
                f"all names begin with {brief(prefix)}, which the model's do not",
                f"strip it: load_weights(…, rename={{{prefix!r}: ''}})",
            )
    given_names = set(names)
    for prefix in prefixes(list(wanted)):
        if any(name[len(prefix) :] in given_names for name in wanted):
            return (
                f"the model's names begin with {brief(prefix)}, and these do not",
                f"add it: load_weights(…, rename={{'': {prefix!r}}})",
            )
    return None


def prefixes(names: list[str]) -> Iterator[str]:
    """The beginnings that all names share, part by part: ``a.``, ``a.b.``."""
    shared, at = commonprefix(names), 0
    for _ in range(DEEPEST):
        at = shared.find(".", at) + 1
        if not at:
            return
        yield shared[:at]
