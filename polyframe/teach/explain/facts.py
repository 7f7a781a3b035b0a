"""What the backends' tables say of each element, kept as data: ``facts.json``.

Reading three tables and writing programs takes longer than an explanation may: so ``make
catalogue`` writes it all down, a test fails while it is stale, and an explanation needs
neither a backend nor a framework. Of plug-ins nothing is kept; theirs is looked up.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from polyframe.errors import BackendError

if TYPE_CHECKING:
    from polyframe.compiler.program import Role
    from polyframe.spec.element import Element
    from polyframe.teach.explain.native_forms import Case

FILE = Path(__file__).with_name("facts.json")
BACKENDS = ("torch", "tensorflow", "mxnet")
"""The backends that polyframe comes with."""
USUAL = ("float32", 'float32 with `semantics="native"`')
"""What short explanations show: the program that runs, and the framework's own way."""


class FormText(TypedDict):
    """A form: its name, the cases that take it, what it is for, the parts of its text."""

    form: str
    given: list[str]
    target: str
    parts: list[str]


class Usual(TypedDict):
    """The lines of a program that are about an element, and the names of the helper
    classes and functions that they need."""

    given: str
    target: str
    code: str
    helpers: list[str]


class OnBackend(TypedDict):
    """What one backend says of an element.

    - ``defaults``: field → its own default, as text;
    - ``usual``: for a usual case; the framework's own way, too, where it is another;
    - ``several``: whether the entry has several forms; ``forms``: all of them;
    - ``gaps``: reason → cases that it does not write;
    - ``names``: what the framework calls the element, in full.
    """

    title: str
    defaults: dict[str, str]
    usual: list[Usual]
    several: bool
    forms: list[FormText]
    gaps: dict[str, list[str]]
    names: list[str]


class Traps(TypedDict):
    """What frameworks do differently with an element, as paragraphs, and the topics that
    say more of it."""

    texts: list[str]
    links: list[str]


Facts = Mapping[str, OnBackend]
"""Name of a backend → what it says."""


class Stored(TypedDict):
    """The whole file.

    - ``topics``: family → name → summary, of all topics;
    - ``elements``: ``family/name`` → backend → facts, of layers, losses, optimizers;
    - ``traps``: ``family/name`` → what differs, of elements with which something does;
    - ``mentioned``: ``family/name`` → what its docstring says that frameworks call it, of
      elements that are no layer, loss or optimizer;
    - ``initializers``: name → title of a backend → the fields whose default it is;
    - ``aspects``: name → backend → what it does;
    - ``composites``: name → title of a backend → the program of an example.
    """

    topics: dict[str, dict[str, str]]
    elements: dict[str, dict[str, OnBackend]]
    traps: dict[str, Traps]
    mentioned: dict[str, list[str]]
    initializers: dict[str, dict[str, list[str]]]
    aspects: dict[str, dict[str, str]]
    composites: dict[str, dict[str, str]]


@cache
def stored() -> Stored:
    """What the file says."""
    data: Stored = json.loads(FILE.read_text(encoding="utf-8"))
    return data


def facts_of(cls: type[Element], live: bool = False) -> Facts:
    """What each backend says of a layer, a loss or an optimizer; of any other element,
    nothing. ``live`` asks the backends, as is done for what plug-ins define."""
    key = f"{cls.family}/{cls.word}"
    if not live and cls.__module__.startswith("polyframe."):
        return stored()["elements"].get(key, {})
    if cls.family not in ("layer", "loss", "optimizer"):
        return {}
    from polyframe.contract import registry

    if cls.__module__.startswith("polyframe."):
        return {name: on_backend(cls, name) for name in BACKENDS}
    found = {}
    for name in registry.backends():
        with suppress(BackendError):  # one that does not load; `doctor` tells why
            found[name] = on_backend(cls, name)
    return found


def on_backend(cls: type[Element], name: str) -> OnBackend:
    """What a backend's table says of an element."""
    from polyframe.contract import registry
    from polyframe.teach.explain.fields import text_of
    from polyframe.teach.explain.native_forms import gaps, written

    backend = registry.get(name)
    entry = backend.entries.get(cls.word)
    own = backend.defaults.get(cls.word, {})
    return {
        "title": backend.title,
        "defaults": {field: text_of(value) for field, value in own.items()},
        "usual": usual(cls, name),
        "several": entry is not None and len(entry.forms) > 1,
        "forms": [
            {
                "form": text.form,
                "given": [case.options for case in text.cases],
                "target": text.target,
                "parts": list(text.parts),
            }
            for text in written(cls, name)
        ],
        "gaps": gaps(cls, name),
        "names": sorted(names(cls, name)),
    }


def usual(cls: type[Element], name: str) -> list[Usual]:
    """The lines for the first case that the backend can write, in each way of ``USUAL``."""
    from polyframe.teach.explain.native_forms import cases, chosen

    shown: list[Usual] = []
    for label in USUAL:
        for case in cases(cls):
            if isinstance(chosen(case, name, label), str):
                continue
            code, helpers = lines_of(case, name, label)
            if not any(code == each["code"] for each in shown):
                shown.append(
                    {
                        "given": case.options,
                        "target": label,
                        "code": code,
                        "helpers": helpers,
                    }
                )
            break
    return shown


def lines_of(case: Case, name: str, label: str) -> tuple[str, list[str]]:
    """The lines of a program that are about its element, and the helpers among what they
    need: of a layer its construction and its call, else whole functions."""
    from polyframe.spec.layers.base import Layer
    from polyframe.teach.explain.native_forms import names_defined, parts_of, program_of

    program = program_of(case, name, label)
    reasons = program.helpers.reasons if program.helpers else {}
    if isinstance(case.element, Layer):
        texts = node_lines(case, name, label)
        return "\n".join(texts), sorted(reasons)
    parts = parts_of(case, name, label)
    helpers = [n for part in parts for n in names_defined(part) if n in reasons]
    kept = [p for p in parts if not set(names_defined(p)) & set(reasons)]
    return joined(kept), sorted(helpers)


def node_lines(case: Case, name: str, label: str) -> list[str]:
    """How a layer is made and called, a text each."""
    from polyframe.teach.explain.native_forms import program_of

    program = program_of(case, name, label)
    found = program.source_map.get("it", {})
    both: tuple[Role, ...] = ("construction", "forward")
    roles = [role for role in both if role in found]
    return [textwrap.dedent("\n".join(program.lines("it", role))) for role in roles]


def names(cls: type[Element], name: str) -> set[str]:
    """What a framework calls an element: of every case in float32, and of the first ones
    in the framework's own way."""
    from polyframe.spec.layers.base import Layer
    from polyframe.teach.explain import native_names
    from polyframe.teach.explain.native_forms import chosen, parts_of, program_of

    found = set()
    for case, label in named_cases(cls):
        if isinstance(chosen(case, name, label), str):
            continue
        imports = native_names.names_of_imports(program_of(case, name, label).source)
        if isinstance(case.element, Layer):
            whole = [
                node_lines(case, name, label)[:1]
            ]  # the call only calls what it made
        else:
            parts = parts_of(case, name, label)
            whole = [
                [part] for part in parts if not part.startswith(("import", "from"))
            ]
        found |= {n for texts in whole if (n := native_names.only_call(texts, imports))}
    return found


def named_cases(cls: type[Element]) -> Iterator[tuple[Case, str]]:
    """The cases whose programs are searched for names."""
    from polyframe.teach.explain.native_forms import cases

    aligned, own = USUAL
    every = cases(cls)
    yield from ((case, aligned) for case in every)
    seen = set()
    for case in every:
        if case.targets not in seen:
            seen.add(case.targets)
            yield case, own


def joined(parts: list[str]) -> str:
    """Parts of a module with the empty lines between them."""
    text = ""
    for part in parts:
        is_import = part.startswith(("import ", "from "))
        text += ("\n" if is_import else "\n\n\n") * bool(text) + part
    return text


def own_defaults(cls: type[Element]) -> dict[str, list[str]]:
    """Title of a backend → the fields whose own default an initializer is."""
    from polyframe.contract import registry
    from polyframe.teach.explain.fields import text_of

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
