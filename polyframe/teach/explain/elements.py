"""The explanation of an element: a layer, a loss, an optimizer and all their kin."""

from __future__ import annotations

import dataclasses
import inspect

from polyframe.spec.element import Element
from polyframe.spec.fields import UNSET
from polyframe.spec.semantics import ASPECTS, aspect_of
from polyframe.teach.explain.docstrings import ended, first_line, formulas, references
from polyframe.teach.explain.facts import (
    Facts,
    OnBackend,
    Usual,
    facts_of,
    own_defaults,
    stored,
)
from polyframe.teach.explain.fields import description, fields_table
from polyframe.teach.explain.parts import (
    Block,
    Code,
    Explanation,
    Section,
    Table,
    Text,
)

HOW = {
    "layer": "`define` takes `at` (weights, mode, and the random numbers of random layers) "
    "and the inputs, (N, …) each. `new_state` gives the running statistics after a step "
    "of training; `draw` turns uniform 32-bit integers into random numbers.",
    "loss": "`define` takes the outputs and targets of a batch and gives one loss for each "
    "sample, (N,). `denominator_weights` gives what each sample counts in the denominator "
    "of the mean.",
    "optimizer": "`start` gives the state of a parameter; `define` gives its new value and "
    "updates the state, and counts steps from 1.",
    "initializer": "`draw` gives the initial values of a parameter of that shape.",
    "schedule": "`rate` gives the learning rate at a time in epochs, of `total`.",
    "metric": "`start` gives the totals before the first batch, `update` those after one "
    "more batch (`weights` is None, or has one number for each sample or each label), "
    "`value` the metric.",
    "augmentation": "`apply` takes a batch, uniform 32-bit integers for each sample "
    "(`bits`), and the number of classes; where pixels move, also the loss's "
    "`ignore_index`, which fills targets that are images of labels.",
}
"""How the definition of each family is called."""
IN_THE_LOOP = "It is part of the training loop, which is the same on every backend."
SAME_EVERYWHERE = "It is computed in NumPy, in the same way on every backend."


def explain_element(
    cls: type[Element], full: bool = False, live: bool = False
) -> Explanation:
    """All that there is to say of an element. ``full``: its examples, and every form of
    every backend; ``live``: from the backends themselves, not from what was kept."""
    facts = facts_of(cls, live)
    defaults = {each["title"]: each["defaults"] for each in facts.values()}
    table = fields_table(cls, defaults)
    text = description(cls)
    sections = [
        Section("meaning", "Meaning", (Text(text),)),
        Section("fields", "Fields", (table or Text("It has no fields."),)),
    ]
    if cls.family in HOW:
        sections.append(definition_section(cls))
        sections.append(worked_section(cls))
    if full and cls.family == "layer":
        sections.append(examples_section(cls))
    sections += native_sections(cls, facts, full, live)
    if live or not cls.__module__.startswith("polyframe."):
        traps, links = traps_of(cls)
    else:
        known = stored()["traps"].get(f"{cls.family}/{cls.word}")
        traps, links = (known["texts"], known["links"]) if known else ([], [])
    if traps:
        sections.append(Section("traps", "Traps", tuple(map(Text, traps))))
    sections.append(source_section(cls, text))
    return Explanation(
        cls.family,
        cls.word,
        first_line(cls),
        tuple(sections),
        formulas(text),
        tuple(links),
    )


def definition_section(cls: type[Element]) -> Section:
    """What it computes, in NumPy."""
    return Section(
        "definition",
        "Definition in NumPy",
        (Text(HOW[cls.family]), Code(definition_text(cls))),
    )


def definition_text(cls: type[Element]) -> str:
    """The whole definition; of a plug-in's class, which may hold anything, its source."""
    from polyframe.teach.explain.definitions import definition

    if cls.__module__.startswith("polyframe."):
        return definition(cls)
    try:
        return inspect.getsource(cls)
    except (OSError, TypeError):  # typed in, not read from a file
        return f"# {cls.__name__} was defined where no source can be read.\n"


def worked_section(cls: type[Element]) -> Section:
    """Numbers, computed by the definition."""
    from polyframe.teach.explain.worked import worked_example

    try:
        blocks = worked_example(cls)
    except Exception as error:  # a plug-in's class, on numbers that it was not made for
        if cls.__module__.startswith("polyframe."):
            raise
        blocks = (Text(f"None: {type(error).__name__} on the example's numbers."),)
    return Section("example", "Worked example", blocks)


def examples_section(cls: type[Element]) -> Section:
    """The examples of a layer."""
    from polyframe.teach.explain.native_forms import cases

    rows = []
    for case in cases(cls):
        given = ", ".join(map(str, case.shapes))
        options = case.element.written().items()
        fields = ", ".join(f"{k}={v}" for k, v in options) or "(none)"
        rows.append((fields, given, str(case.element.infer(*case.shapes))))
    return Section(
        "examples",
        "Examples",
        (
            Text("Each is a conformance case on every backend."),
            Table(("fields", "inputs", "output"), tuple(rows)),
        ),
    )


# --- what backends write ----------------------------------------------------------------


def native_sections(
    cls: type[Element], facts: Facts, full: bool, live: bool
) -> list[Section]:
    """What each backend writes."""
    if cls.family == "initializer":
        return [initializer_section(cls, live)]
    if cls.family in ("schedule", "metric", "augmentation", "callback"):
        where = Text(IN_THE_LOOP if cls.family == "callback" else SAME_EVERYWHERE)
        return [Section("native", "On the backends", (where,))]
    parts = tuple(
        Section(
            name,
            own["title"],
            tuple(full_forms(cls, own) if full else short_forms(own)),
        )
        for name, own in facts.items()
    )
    return [Section("native", "What each backend writes", (), parts)]


def short_forms(own: OnBackend) -> list[Block]:
    """The lines for a usual case, and how many gaps there are."""
    blocks: list[Block] = []
    for usual in own["usual"]:
        helpers = " and ".join(f"`{name}`" for name in usual["helpers"])
        more = f", with the helper {helpers} (`--full` shows it)" if helpers else ""
        blocks += [Text(f"{opening(usual)}{more}:"), Code(usual["code"])]
    blocks += [Text(f"**Gap**: {reason}.") for reason in own["gaps"]]
    return blocks


def opening(usual: Usual) -> str:
    """The sentence above a usual case."""
    return f"{usual['given']}, in {usual['target']}"


def full_forms(cls: type[Element], own: OnBackend) -> list[Block]:
    """Every form, and every gap."""
    from polyframe.teach.explain.facts import joined

    blocks: list[Block] = []
    shown: set[str] = set()
    for text in own["forms"]:
        form = f"Form **{text['form']}**: " if own["several"] else ""
        blocks.append(
            Text(f"{form}{' and '.join(text['given'])}, in {text['target']}.")
        )
        new = [part for part in text["parts"] if part not in shown]
        shown |= set(text["parts"])
        repeated = len(new) < len(text["parts"]) and cls.family != "layer"
        if repeated and new:
            blocks.append(Text("What is already shown above is not repeated."))
        blocks.append(Code(joined(new or text["parts"])))
    for reason, missing in own["gaps"].items():
        where = f" Not written: {'; '.join(missing)}." if missing else ""
        blocks.append(Text(f"**Gap**: {reason}.{where}"))
    return blocks


def initializer_section(cls: type[Element], live: bool) -> Section:
    """Whose own default an initializer is."""
    uses = own_defaults(cls) if live else stored()["initializers"].get(cls.word, {})
    texts = [
        "The values are drawn in NumPy and loaded into the program, on every backend."
    ]
    texts += [
        f"{title}'s own default of {', '.join(of)}." for title, of in uses.items()
    ]
    return Section("native", "In the frameworks", tuple(map(Text, texts)))


# --- traps and sources --------------------------------------------------------------------


def traps_of(cls: type[Element]) -> tuple[list[str], list[str]]:
    """What frameworks do differently with it, and the topics that say more."""
    from polyframe.differences import differences
    from polyframe.teach.explain.registry import known_defects, title_of, trap

    named = []
    if cls.family in ("layer", "loss", "optimizer"):  # those that entries name
        named = [d for d in differences() if cls.word in d.entries]
    elif cls.family == "initializer":
        named = [d for d in differences() if d.id == "default-initialisers"]
    texts = [trap(d) for d in named]
    links = [f"difference/{d.id}" for d in named]
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    unset = [f.name for f in fields if f.default is UNSET]
    for aspect in ASPECTS:
        decided = [f for f in unset if aspect_of(cls.word, f) == aspect.name]
        if decided:
            names = " or ".join(f"`{name}`" for name in decided)
            texts.append(
                f"Where {names} is not set, each framework has a default of its own: "
                f"`semantics: {{{aspect.name}: native}}` takes it."
            )
            links.append(f"aspect/{aspect.name}")
    for defect in known_defects(cls.word, [d.id for d in named]):
        texts.append(
            f"`{defect.id}`: a defect of {title_of(defect.framework)}: "
            f"{ended(defect.title)}"
        )
        links.append(f"defect/{defect.id}")
    return texts, links


def source_section(cls: type[Element], text: str) -> Section:
    """Where the meaning comes from, and where it is written."""
    cited = references(text)
    blocks: list[Block] = [Text(ended("; ".join(cited)))] if cited else []
    module = cls.__module__
    if module.startswith("polyframe."):
        blocks.append(Text(f"Defined in `{module.replace('.', '/')}.py`."))
    else:
        blocks.append(Text(f"Defined in the plug-in `{module}`."))
    return Section("source", "Source", tuple(blocks))
