"""Putting an explanation together, whatever its topic is of."""

from __future__ import annotations

from polyframe.teach.explain.families import ELEMENTS, base_of
from polyframe.teach.explain.parts import Explanation
from polyframe.teach.explain.topics import Topic


def explain(topic: Topic, full: bool = False, live: bool = False) -> Explanation:
    """All that there is to say of a topic, which is one of ``topics``.

    ``full``: also a layer's examples, and every form that a backend writes. ``live``:
    what backends say is asked of them, not read from what was kept. What is not needed
    for a family is not imported.
    """
    family, name = topic
    if family in ELEMENTS:
        from polyframe.teach.explain.elements import explain_element

        return explain_element(base_of(family).registry[name], full, live)
    if family == "composite":
        from polyframe.teach.explain.composites import explain_composite

        return explain_composite(name, live)
    if family == "difference":
        from polyframe.teach.explain.registry import explain_difference

        return explain_difference(name)
    if family == "defect":
        from polyframe.teach.explain.registry import explain_defect

        return explain_defect(name)
    if family == "term":
        from polyframe.teach.glossary import explain_term

        return explain_term(name)
    from polyframe.teach.explain import settings

    makers = {
        "setting": settings.explain_setting,
        "aspect": settings.explain_aspect,
        "rewrite": settings.explain_rewrite,
    }
    return makers[family](name)
