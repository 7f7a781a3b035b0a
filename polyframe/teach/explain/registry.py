"""Explanations of differences between frameworks and of their defects.

Both are data; ``--run`` runs the demonstrations of a difference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from polyframe.differences import Difference, difference
from polyframe.errors import BackendError
from polyframe.spec.semantics import ASPECTS
from polyframe.teach.defect_registry import Defect, defects, find_defect
from polyframe.teach.demonstrations import demonstrations, run
from polyframe.teach.explain.docstrings import ended
from polyframe.teach.explain.parts import Code, Explanation, Section, Table, Text

TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "mxnet": "MXNet Gluon"}
"""Backends that the registry names, as texts call them."""


def known_defects(word: str, ids: Sequence[str]) -> list[Defect]:
    """The defects of an element, and of differences by their ids."""
    return [d for d in defects() if word in d.entries or d.difference in ids]


def title_of(name: str) -> str:
    """A backend's name as texts have it."""
    return TITLES.get(name, name)


def trap(difference: Difference) -> str:
    """A difference in one paragraph."""
    each = "; ".join(f"{title_of(b)}: {t}" for b, t in difference.backends.items())
    return (
        f"`{difference.id}`: {ended(difference.title)} {ended(each)} "
        f"In polyframe: {ended(lower_first(difference.remedy))}"
    )


def lower_first(text: str) -> str:
    """A sentence as it goes on after a colon; names and short words keep their capital."""
    word = text.split(" ", 1)[0]
    ordinary = word.lower() in ("a", "the", "each", "no", "one", "it", "what", "where")
    return text[0].lower() + text[1:] if ordinary else text


def explain_difference(id: str) -> Explanation:
    """All that the registry says of a difference, and its demonstrations."""
    known = difference(id)
    said: Mapping[str, object] = dataclasses.asdict(known)
    meaning = [Text(ended(known.title))]
    if said.get("meaning"):
        meaning.append(Text(str(said["meaning"])))
    sections = [Section("meaning", "Meaning", tuple(meaning))]
    sections.append(
        Section("behaviour", "What each framework does", (behaviour(said),))
    )
    sections.append(Section("remedy", "In polyframe", (Text(ended(known.remedy)),)))
    if said.get("matters"):
        sections.append(
            Section("matters", "Where it matters", (Text(str(said["matters"])),))
        )
    shown = demonstrations(id)
    if shown:
        parts = tuple(
            Section(each.backend, title_of(each.backend), (Code(each.text),))
            for each in shown
        )
        how = Text(f"`polyframe explain {id} --run` runs them.")
        sections.append(Section("demonstrations", "Demonstrations", (how,), parts))
    sections.append(Section("source", "Source", (Text(ended(known.source)),)))
    return Explanation(
        "difference", id, known.title, tuple(sections), (), links_of(known)
    )


def behaviour(said: Mapping[str, object]) -> Table:
    """Framework, what it does, and the version on which that was seen."""
    backends, versions = said["backends"], said.get("versions") or {}
    assert isinstance(backends, Mapping) and isinstance(versions, Mapping)
    heads = ("framework", "what it does", *(["seen in"] if versions else []))
    rows = [
        (title_of(name), text, *([str(versions.get(name, ""))] if versions else []))
        for name, text in backends.items()
    ]
    return Table(heads, tuple(rows))


def links_of(difference: Difference) -> tuple[str, ...]:
    """The elements that a difference is about, and the aspects that bring it."""
    aspects = [f"aspect/{a.name}" for a in ASPECTS if difference.id in a.differences]
    defects_of = [f"defect/{d.id}" for d in defects() if d.difference == difference.id]
    return (*links_of_words(difference.entries), *aspects, *defects_of)


def links_of_words(words: Sequence[str]) -> tuple[str, ...]:
    """The topics of layers, losses and optimizers, by their names."""
    from polyframe.teach.explain.facts import stored

    known = stored()["topics"]
    families = ("layer", "loss", "optimizer")
    return tuple(f"{f}/{word}" for word in words for f in families if word in known[f])


def explain_defect(id: str) -> Explanation:
    """What is wrong, the program that shows it, and how polyframe avoids it."""
    defect = find_defect(id)
    title = title_of(defect.framework)
    seen = Text(f"Seen in {defect.seen}, on the CPU.")
    dies = (
        [Text(f"Its process ends with {' or '.join(defect.dies)}.")]
        if defect.dies
        else []
    )
    reported = defect.reported or "no report is known"
    links = [f"difference/{defect.difference}"] if defect.difference else []
    sections = (
        Section(
            "meaning", "Meaning", (Text(ended(defect.title)), Text(defect.wrong), seen)
        ),
        Section("expected", "What is right", (Text(defect.expected),)),
        Section("matters", "Where it matters", (Text(defect.consequence),)),
        Section("remedy", "In polyframe", (Text(defect.avoided),)),
        Section(
            "demonstration",
            f"The program, for {title}",
            (
                Code(defect.program),
                Text("It prints:"),
                Code(defect.prints, "text"),
                *dies,
            ),
        ),
        Section("source", "Source", (Text(f"Upstream: {reported}."),)),
    )
    entries = links_of_words(defect.entries)
    return Explanation(
        "defect", id, ended(defect.title), sections, (), (*entries, *links)
    )


class Run(NamedTuple):
    """What a demonstration did: on which backend, whether its claim holds (None: it could
    not be run, for the reason in ``output``), and what it printed."""

    backend: str
    holds: bool | None
    output: str


def run_demonstrations(id: str) -> Iterator[Run]:
    """Run the demonstrations of a difference on the frameworks that are installed, one
    after the other."""
    for name in (each.backend for each in demonstrations(id)):
        try:
            outcome = run(id, name)
        except BackendError as error:
            yield Run(name, None, error.message)
        else:
            yield Run(name, outcome.holds, outcome.output)
