"""Topics: what can be explained, and which of it a name stands for.

A name may be written in many ways: ``BatchNorm``, ``batch_norm``, "batch norm",
``layer/BatchNorm``, and as a framework calls it, ``nn.BatchNorm2d``. What frameworks call
things is read from what the backends write (``native_names``), not from a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from polyframe.errors import SpecError, brief
from polyframe.teach.explain.facts import stored
from polyframe.teach.explain.families import ELEMENTS, FAMILIES

MOST = 3
"""How many topics an error suggests, and how many explanations one name may get."""
ALIKE = 0.6
"""From where on a framework's name is like that of a topic."""
LONGEST = 200
"""The most characters that a name may have."""


class Topic(NamedTuple):
    """What can be explained: ``layer/BatchNorm``."""

    family: str
    name: str

    def __str__(self) -> str:
        return f"{self.family}/{self.name}"


def topics() -> dict[Topic, str]:
    """All topics, with their summaries, in the order of ``FAMILIES``; those of plug-ins
    that are loaded or installed, too."""
    known: dict[str, dict[str, str]] = {f.name: {} for f in FAMILIES}
    for family, names in stored()["topics"].items():
        known[family] |= names
    for topic, summary in of_plugins():
        known[topic.family].setdefault(topic.name, summary)
    return {
        Topic(family.name, name): summary
        for family in FAMILIES
        for name, summary in known[family.name].items()
    }


def of_plugins() -> Iterator[tuple[Topic, str]]:
    """The elements of plug-ins. Without any, nothing is imported to find that out."""
    from polyframe.plugins import installed, load_installed, loaded_files

    if not installed() and not loaded_files():
        return
    from polyframe.teach.explain.docstrings import first_line
    from polyframe.teach.explain.families import base_of, words

    load_installed()
    for family in ELEMENTS:
        for word in words(family):
            yield Topic(family, word), first_line(base_of(family).registry[word])


# --- finding ----------------------------------------------------------------------------


def find(name: str) -> list[Topic]:
    """The topics that a name stands for; SpecError, with the nearest names, if there are
    none, and if there are more than ``MOST``."""
    name = " ".join(name.split())
    if len(name) > LONGEST:
        raise SpecError(f"a topic has at most {LONGEST} characters, got {len(name)}")
    family, rest = split(name)
    known = [t for t in topics() if family in (None, t.family)]
    found = called(rest, known) if "." not in rest else []
    found = found or [t for t in framework_names(rest) if t in known]
    found = found or called(rest.rsplit(".", 1)[-1], known)
    found = found or same_words(rest, known)
    if not found:
        raise SpecError(
            f"there is no topic {brief(name)}.{suggestion(name)}",
            hint=field_hint(rest) or "`polyframe explain` lists the families of topics",
        )
    if len(found) > MOST:
        raise SpecError(
            f"{brief(name)} stands for {len(found)} topics: "
            f"{', '.join(map(str, found))}",
            hint="name one of them",
        )
    return found


def split(name: str) -> tuple[str | None, str]:
    """(family, the rest) of ``loss/mse`` or ``losses/mse``; else (None, the name)."""
    head, slash, rest = name.partition("/")
    family = family_called(head)
    return (family, rest) if slash and family and rest else (None, name)


def family_called(name: str) -> str | None:
    """The family of that name, in singular or plural; None if it is none."""
    for family in FAMILIES:
        if plain(name) in (family.name, family.plural):
            return family.name
    return None


def plain(name: str) -> str:
    """A name without case, blanks, and what joins words."""
    return re.sub(r"[\s_/-]+", "", name).lower()


def called(name: str, known: list[Topic]) -> list[Topic]:
    """The topics of that name, however it is written; a term may have several names, with
    commas between, and an "s" for more than one."""
    wanted = plain(name)
    if not wanted:
        return []
    found = []
    for topic in known:
        names = [topic.name]
        if topic.family == "term":
            names += [*topic.name.split(", "), *topic.name.split(" and ")]
        if wanted in map(plain, names):
            found.append(topic)
    if not found and wanted.endswith("s"):
        return called(wanted[:-1], known)
    return found


@cache
def names_of_frameworks() -> dict[str, list[Topic]]:
    """What frameworks call their classes and functions → the topics for which the backends
    write them, or whose docstrings name them."""
    names: dict[str, list[Topic]] = {}
    for key, facts in stored()["elements"].items():
        topic = Topic(*key.split("/"))
        for own in facts.values():
            for name in own["names"]:
                if topic not in names.setdefault(name, []):
                    names[name].append(topic)
    for key, mentioned in stored()["mentioned"].items():
        for name in mentioned:
            names.setdefault(name, []).append(Topic(*key.split("/")))
    return names


def framework_names(name: str) -> list[Topic]:
    """The topics that a framework calls so: ``nn.Linear``, ``BatchNormalization``,
    ``gluon.loss.SoftmaxCELoss``; of several, those of the longest common path."""
    from polyframe.teach.explain.native_names import same_function

    asked = name.split(".")
    exact, similar = [], []
    for full, found in names_of_frameworks().items():
        last = full.rsplit(".", 1)[-1]
        if plain(last) == plain(asked[-1]):
            exact.append((common(asked, full.split(".")), last, found))
        elif same_function(name, full):
            similar.append((common(asked, full.split(".")), last, found))
    matching = exact or similar
    most = max((length for length, _, _ in matching), default=0)
    nearest = {
        topic: max(alike(asked[-1], topic.name), alike(last, topic.name))
        for length, last, found in matching
        if length == most
        for topic in found
    }
    best = max(nearest.values(), default=0.0)
    if best < ALIKE:  # a name that says nothing of what it computes, as nn.Activation
        return elements_called(asked[-1]) or list(nearest)
    return [topic for topic, ratio in nearest.items() if ratio > best - 0.1]


def elements_called(name: str) -> list[Topic]:
    """The elements of exactly that name: ReLU for torch.nn.functional.relu, which a loss
    calls by its whole path, and the layer by another one."""
    return called(name, [t for t in topics() if t.family in ELEMENTS])


def alike(name: str, other: str) -> float:
    """How alike two names are, from 0 to 1."""
    import difflib

    return difflib.SequenceMatcher(None, plain(name), plain(other)).ratio()


def common(asked: list[str], full: list[str]) -> int:
    """How many of the parts before the last one are in both paths."""
    return len({plain(p) for p in asked[:-1]} & {plain(p) for p in full[:-1]})


def same_words(name: str, known: list[Topic]) -> list[Topic]:
    """The topics whose names abbreviate that name, or the other way round."""
    from polyframe.teach.explain.native_names import same_function

    return [t for t in known if t.family in ELEMENTS and same_function(name, t.name)]


def field_hint(name: str) -> str | None:
    """Whose field has that name, if it is one; explanations have the fields."""
    import dataclasses

    from polyframe.teach.explain.families import base_of, words

    owners = [
        str(Topic(family, word))
        for family in ELEMENTS
        for word in words(family)
        for field in dataclasses.fields(base_of(family).registry[word])  # type: ignore[arg-type]
        if plain(field.name) == plain(name) and "kind" in field.metadata
    ]
    if not owners:
        return None
    more = f" and {len(owners) - MOST} more" if len(owners) > MOST else ""
    return f"a field of {', '.join(owners[:MOST])}{more}"


def suggestion(name: str) -> str:
    """`` Did you mean 'a', 'b' or 'c'?`` for the nearest topics (of the family that the
    name begins with), or else names of frameworks; nothing where none is near."""
    import difflib

    family, rest = split(name)
    known = {plain(t.name): t.name for t in topics() if family in (None, t.family)}
    foreign = {plain(n.split(".")[-1]): n.split(".")[-1] for n in names_of_frameworks()}
    wanted = plain(rest.rpartition("/")[2].rpartition(".")[2])[:80]
    for options in (known, foreign):
        near = difflib.get_close_matches(wanted, options, n=MOST, cutoff=0.6)
        near += [
            n for n in options if len(wanted) > 2 and wanted in n and n not in near
        ]
        *first, last = [f"'{options[n]}'" for n in near[:MOST]] or [""]
        if last:
            either = f"{', '.join(first)} or " if first else ""
            return f" Did you mean {either}{last}?"
    return ""


def completions(start: str) -> list[str]:
    """The names of topics that begin so, for a shell; also behind a family."""
    family, rest = split(start)
    if start.endswith("/"):
        family, rest = family_called(start[:-1]), ""
    if family is not None:
        names = [t.name for t in topics() if t.family == family]
        head = f"{start.partition('/')[0]}/"
        return sorted(head + n for n in names if plain(n).startswith(plain(rest)))
    names = [t.name for t in topics()] + [f.plural for f in FAMILIES]
    return sorted({n for n in names if plain(n).startswith(plain(start))})
