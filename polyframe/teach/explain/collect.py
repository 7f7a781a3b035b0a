"""Collecting ``facts.json``: the names of all topics, and what the backends say of them.

``make catalogue`` runs it; it reads every table and writes every form, which takes its
time.
"""

from __future__ import annotations

import importlib
import inspect

from polyframe.contract import registry
from polyframe.contract.aspects import on_each
from polyframe.spec.composites import EXAMPLES
from polyframe.spec.semantics import ASPECTS
from polyframe.teach.explain.composites import programs
from polyframe.teach.explain.docstrings import first_line, foreign_names
from polyframe.teach.explain.elements import traps_of
from polyframe.teach.explain.facts import (
    BACKENDS,
    Stored,
    Traps,
    on_backend,
    own_defaults,
)
from polyframe.teach.explain.families import ELEMENTS, base_of, own_words

WRITTEN = ("layer", "loss", "optimizer")
"""The families that backends write."""


def collect() -> Stored:
    """All of the file, anew."""
    elements = {
        f"{family}/{word}": {
            name: on_backend(base_of(family).registry[word], name) for name in BACKENDS
        }
        for family in WRITTEN
        for word in own_words(family)
    }
    backends = [registry.get(name) for name in BACKENDS]
    return {
        "topics": topics(),
        "elements": elements,
        "traps": traps(),
        "mentioned": mentioned(),
        "initializers": {
            word: own_defaults(base_of("initializer").registry[word])
            for word in own_words("initializer")
        },
        "aspects": {aspect.name: on_each(aspect, backends) for aspect in ASPECTS},
        "composites": {maker.__name__: programs(maker.__name__) for maker in EXAMPLES},
    }


def topics() -> dict[str, dict[str, str]]:
    """Family → name → summary, of all topics but those of plug-ins."""
    from polyframe.differences import differences
    from polyframe.teach.defect_registry import defects
    from polyframe.teach.explain.settings import setting_fields
    from polyframe.teach.glossary import glossary, without_links

    passes = importlib.import_module("polyframe.compiler.passes")
    rewrites = dict.fromkeys((*passes.INFERENCE, *passes.TRAINING))
    return {
        **{
            family: {
                w: first_line(base_of(family).registry[w]) for w in own_words(family)
            }
            for family in ELEMENTS
        },
        "composite": {maker.__name__: first_line(maker) for maker in EXAMPLES},
        "setting": {
            f.name: first_sentence(f.metadata["help"]) for f in setting_fields()
        },
        "aspect": {aspect.name: aspect.help for aspect in ASPECTS},
        "difference": {each.id: each.title for each in differences()},
        "defect": {each.id: each.title for each in defects()},
        "rewrite": {change.__name__: first_line(change) for change in rewrites},
        "term": {each.term: without_links(each.meaning) for each in glossary()},
    }


def first_sentence(text: str) -> str:
    """A text up to its first full stop."""
    head, stop, _ = text.partition(". ")
    return head + "." if stop else text


def traps() -> dict[str, Traps]:
    """``family/name`` → its traps, of all elements that have some."""
    found = {}
    for family in ELEMENTS:
        for word in own_words(family):
            texts, links = traps_of(base_of(family).registry[word])
            if texts:
                found[f"{family}/{word}"] = Traps(texts=texts, links=links)
    return found


def mentioned() -> dict[str, list[str]]:
    """``family/name`` → the names of frameworks in its docstring, where no program says
    them: of what is computed in NumPy on every backend."""
    found = {}
    for family in set(ELEMENTS) - set(WRITTEN):
        for word in own_words(family):
            text = inspect.getdoc(base_of(family).registry[word]) or ""
            if names := foreign_names(text):
                found[f"{family}/{word}"] = list(names)
    return dict(sorted(found.items()))
