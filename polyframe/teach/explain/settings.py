"""The explanations of what is neither an element nor a difference: settings of a recipe,
aspects of semantics, rewrites of the compiler."""

from __future__ import annotations

import dataclasses
import inspect

from polyframe.differences import difference
from polyframe.spec.semantics import ASPECTS
from polyframe.spec.settings import RunSettings, Training
from polyframe.teach.explain.docstrings import first_line, formulas, references
from polyframe.teach.explain.facts import stored
from polyframe.teach.explain.parts import (
    Block,
    Code,
    Explanation,
    Section,
    Table,
    Text,
)
from polyframe.teach.explain.registry import title_of, trap


def setting_fields() -> list[dataclasses.Field[object]]:
    """The fields of all plain settings."""
    return [*dataclasses.fields(RunSettings), *dataclasses.fields(Training)]


def explain_setting(name: str) -> Explanation:
    """What a setting does, what it takes, and how a recipe says it."""
    field = next(f for f in setting_fields() if f.name == name)
    about, allowed = field.metadata["help"], field.metadata["kind"].allowed
    default = "nothing" if field.default in (None, ()) else str(field.default)
    in_training = any(f.name == name for f in dataclasses.fields(Training))
    where = "A key of recipes"
    if in_training:
        where += ", and an argument of `pf.compile`"
    summary, stop, _ = about.partition(". ")
    cited = references(about)
    sections = [
        Section("meaning", "Meaning", (Text(about),)),
        Section(
            "fields",
            "Values",
            (
                Table(("what it takes", "default"), ((allowed, default),)),
                Text(f"{where}."),
            ),
        ),
    ]
    if cited:
        sections.append(Section("source", "Source", (Text(f"{'; '.join(cited)}."),)))
    aspects = tuple(f"aspect/{a.name}" for a in ASPECTS) if name == "semantics" else ()
    return Explanation(
        "setting",
        name,
        summary + stop.strip(),
        tuple(sections),
        formulas(about),
        aspects,
    )


def explain_aspect(name: str) -> Explanation:
    """What is native with an aspect, and what each backend does then."""
    aspect = next(a for a in ASPECTS if a.name == name)
    sections = [Section("meaning", "Meaning", (Text(aspect.help),))]
    does = stored()["aspects"].get(name, {})
    rows = tuple((title_of(b), text) for b, text in does.items() if text)
    if rows:
        table = Table(("framework", "what it does"), rows)
        sections.append(Section("behaviour", "What each framework does", (table,)))
    how = Text(
        f"`semantics: {{{name}: native}}` in a recipe, or `--semantics {name}` on the "
        "command line, makes this aspect native and leaves all others aligned."
    )
    sections.append(Section("use", "How to switch it", (how,)))
    known = [difference(id) for id in aspect.differences]
    if known:
        blocks: tuple[Block, ...] = tuple(Text(trap(d)) for d in known)
        sections.append(Section("traps", "What it brings", blocks))
    links = tuple(f"difference/{id}" for id in aspect.differences)
    return Explanation("aspect", name, aspect.help, tuple(sections), (), links)


def explain_rewrite(name: str) -> Explanation:
    """What a rewrite changes, why that is exact, and an example of it."""
    from polyframe.compiler import passes
    from polyframe.teach.explain.rewrites import before_and_after

    change = getattr(passes, name)
    doc = inspect.getdoc(change) or ""
    used = [
        word
        for word, group in (
            ("training", passes.TRAINING),
            ("inference", passes.INFERENCE),
        )
        if change in group
    ]
    cited = references(doc)
    module = inspect.getmodule(change)
    path = module.__name__.replace(".", "/") if module else ""
    where = f"{'; '.join(cited)}. " if cited else ""
    sections = (
        Section("meaning", "Meaning, and why it is exact", (Text(doc),)),
        Section("example", "Worked example", before_and_after(change)),
        Section(
            "use",
            "When it is made",
            (
                Text(
                    f"In programs for {' and '.join(used)}, unless `optimize=False` (or "
                    "native semantics as a whole) leaves all rewrites out. The program "
                    "has a comment where it was made."
                ),
            ),
        ),
        Section("definition", "Source text", (Code(inspect.getsource(change)),)),
        Section("source", "Source", (Text(f"{where}Defined in `{path}.py`."),)),
    )
    return Explanation("rewrite", name, first_line(change), sections, formulas(doc))
