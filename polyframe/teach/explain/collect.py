"""Collecting ``facts.json``: the names of all topics, and what the backends say of them.

``make catalogue`` runs it; it reads every table and writes every form, which takes its
time.
"""

from __future__ import annotations

import importlib

from polyframe.contract import registry
from polyframe.contract.aspects import on_each
from polyframe.spec.composites import EXAMPLES
from polyframe.spec.element import Element
from polyframe.spec.semantics import ASPECTS
from polyframe.teach.explain.composites import programs
from polyframe.teach.explain.docstrings import first_line
from polyframe.teach.explain.facts import BACKENDS, Stored, on_backend
from polyframe.teach.explain.families import ELEMENTS, base_of, own_words
from polyframe.teach.explain.fields import text_of


def collect() -> Stored:
    """All of the file, anew."""
    elements = {
        f"{family}/{word}": {
            name: on_backend(base_of(family).registry[word], name) for name in BACKENDS
        }
        for family in ("layer", "loss", "optimizer")
        for word in own_words(family)
    }
    backends = [registry.get(name) for name in BACKENDS]
    return {
        "topics": topics(),
        "elements": elements,
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
    from polyframe.teach.explain.registry import defects
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


def own_defaults(cls: type[Element]) -> dict[str, list[str]]:
    """Title of a backend → the fields whose own default an initializer is."""
    found: dict[str, list[str]] = {}
    for name in BACKENDS:
        backend = registry.get(name)
        uses = [
            f"`{word}.{field}` ({text_of(value)})"
            for word, fields in backend.defaults.items()
            for field, value in fields.items()
            if isinstance(value, cls)
        ]
        if uses:
            found[backend.title] = uses
    return found
