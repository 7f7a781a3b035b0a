"""What optimizing changes in a program: the lines, what changed them, and why that is
exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from polyframe.compiler.passes import (
    INFERENCE,
    REASONS,
    TRAINING,
    Pass,
    Reason,
    rewrite,
)
from polyframe.compiler.program import WHOLE, Program
from polyframe.contract.programs import write_inference, write_programs
from polyframe.errors import SpecError
from polyframe.spec.semantics import rewrites
from polyframe.spec.typed import TypedGraph, TypedNode
from polyframe.teach.alignment import inlined, pieces
from polyframe.teach.highlight import Tokens, highlight
from polyframe.teach.shown import Shown, walk

CONTEXT = 3
"""How many equal lines stand around those that differ."""
OTHER = Reason(
    "The backend's own choices: memory formats and kernels that are faster on this "
    "device, and what they import.",
    "No formula changes. Sums may be taken in another order, so that results agree up to "
    "rounding; the conformance tests measure that for every form.",
)
FORM = "A faster form of {}."


class Changed(NamedTuple):
    """A line of a diff: what became of it, its number in the program before and in the
    one after, its words, and the causes that changed it."""

    sign: Literal[" ", "-", "+"]
    before: int | None
    after: int | None
    tokens: Tokens
    marks: tuple[int, ...] = ()

    @property
    def number(self) -> int | None:
        """Its number in the program that has it; in the one after, where both do."""
        return self.before if self.after is None else self.after


@dataclass(frozen=True)
class Cause:
    """Why lines changed: a rewrite, a faster form, or a choice of the backend; what it did
    here, in words; and why the result is equal."""

    number: int
    reason: Reason
    did: tuple[str, ...]


@dataclass(frozen=True)
class Changes:
    """The idiomatic program of a backend beside the optimized one.

    ``groups``: the lines that differ, with some before and after them; empty where the
    programs are equal.
    """

    title: str
    name: str
    groups: tuple[tuple[Changed, ...], ...]
    causes: tuple[Cause, ...]


@dataclass
class _Origin:
    """A cause that is looked for: what it did to which nodes, and which read others."""

    reason: Reason
    did: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)


def changes(shown: Shown, *, full: bool = False) -> Changes:
    """What optimizing changes in a program that was written without it (``write_shown``).

    ``full``: helpers, too. SpecError with native semantics, which are not rewritten.
    """
    semantics = shown.target.semantics
    if not rewrites(semantics):
        raise SpecError(
            "native semantics are not rewritten, so that programs compute the same bits "
            "as code written by hand",
            where="semantics",
            hint="--semantics aligned",
        )
    optimized = optimize(shown)
    origins = list(found(shown, optimized))
    lines = list(compare(shown.program, optimized.program, full))
    marked, used = mark(shown, optimized, lines, origins)
    causes = tuple(
        Cause(number, origins[i].reason, tuple(origins[i].did))
        for i, number in used.items()
    )
    return Changes(shown.title, shown.graph.name, tuple(grouped(marked)), causes)


def optimize(shown: Shown) -> Shown:
    """The same with rewrites and faster forms."""
    backend, target = shown.backend, shown.target
    if shown.inference:
        made = write_inference(shown.spec, backend, target, True)
        return replace(
            shown, program=made.program, graph=made.graph, target=made.target
        )
    program, _ = write_programs(shown.spec, backend, shown.step, target, True)
    graph = rewrite(shown.graph, TRAINING)
    return replace(
        shown, program=program, graph=graph, target=replace(target, optimize=True)
    )


# --- causes ----------------------------------------------------------------------------


def found(before: Shown, after: Shown) -> Iterator[_Origin]:
    """What was done, in the order of the passes: rewrites, forms, and the rest."""
    passes: Sequence[Pass] = INFERENCE if before.inference else TRAINING
    graph = before.graph
    for count, change in enumerate(passes, 1):
        rewritten = rewrite(before.graph, tuple(passes[:count]))
        origin = _Origin(REASONS[change])
        origin.readers |= readers(graph, rewritten)
        for path, did in done(graph, rewritten):
            origin.paths.add(path)
            if did:
                origin.did.append(did)
        if origin.paths:
            yield origin
        graph = rewritten
    yield from faster_forms(before, after)
    yield _Origin(OTHER)


def done(before: TypedGraph, after: TypedGraph) -> Iterator[tuple[str, str]]:
    """The nodes that a pass changed, and what it did to each; "" where the note of
    another node says it."""
    old = {node.path: node for node in walk(before)}
    new = {node.path: node for node in walk(after)}
    folded = {norm.path for node in new.values() for norm in node.folded}
    for path in old:
        if path not in new:
            yield path, "" if path in folded else f"{path} left out"
    for path, node in new.items():
        if node.body is None and facts(node) != facts(old[path]):
            yield path, worded(node, old[path])


def readers(before: TypedGraph, after: TypedGraph) -> set[str]:
    """The nodes that read other nodes than before."""
    old = {node.path: node.inputs for node in walk(before)}
    return {node.path for node in walk(after) if node.inputs != old[node.path]}


def facts(node: TypedNode) -> tuple[object, ...]:
    """What of a node a rewrite may change; not the names of what it reads, which change
    where another node moves."""
    folded = tuple(norm.path for norm in node.folded)
    return node.in_shapes, node.shape, node.note, folded


def worded(node: TypedNode, before: TypedNode) -> str:
    """What was done to a node; "" where the note of another one says it."""
    if node.folded != before.folded:
        names = " and ".join(norm.path for norm in node.folded)
        return f"{names} folded into {node.path}"
    if node.note is None or node.note == before.note:
        return ""
    text, block = node.note.partition(":")[0], node.path.rpartition(".")[0]
    return f"{text} in {block}" if block else text


def faster_forms(before: Shown, after: Shown) -> Iterator[_Origin]:
    """The forms that the optimized program has instead of others."""
    origins: dict[tuple[str, str], _Origin] = {}
    types = {node.path: node.layer.type for node in after.flat.nodes}
    pairs = [
        (path, types[path], before.program.forms.get(path), form)
        for path, form in after.program.forms.items()
        if path in types
    ]
    if before.step is not None:
        rule = before.step.optimizer.type
        pairs.append((WHOLE, rule, before.optimizer_form, after.optimizer_form))
    for path, word, old, new in pairs:
        if old is None or old == new:
            continue
        why = why_of(after, word, new)
        key = word, new
        if key not in origins:
            text = (
                FORM.format(word) if path else f"A faster form of the optimizer {word}."
            )
            origins[key] = _Origin(Reason(text, why))
        origins[key].paths.add(path)
        if path:
            origins[key].did.append(f"{path}: {new}")
    yield from origins.values()


def why_of(shown: Shown, word: str, form: str) -> str:
    """Why a form computes the same."""
    entry = shown.backend.entries.get(word)
    for one in entry.forms if entry is not None else ():
        if one.name == form and one.why:
            return one.why
    return OTHER.why


# --- lines -----------------------------------------------------------------------------


def compare(before: Program, after: Program, full: bool) -> Iterator[Changed]:
    """The lines of two programs: those that both have, and those of one alone."""
    old, new = lines_of(before, full), lines_of(after, full)
    language = before.language
    old_words = highlight("\n".join(old), language)
    new_words = highlight("\n".join(new), language)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for i, j in zip(range(a, b), range(c, d), strict=True):
                yield Changed(" ", i + 1, j + 1, new_words[j])
            continue
        for i in range(a, b):
            yield Changed("-", i + 1, None, old_words[i])
        for j in range(c, d):
            yield Changed("+", None, j + 1, new_words[j])


def lines_of(program: Program, full: bool) -> list[str]:
    """The lines of a program; without ``full``, those before its helpers."""
    lines = program.source.splitlines()
    helpers = program.helpers
    if full or helpers is None:
        return lines
    return lines[: helpers.span.first - 1]


def mark(
    before: Shown, after: Shown, lines: Sequence[Changed], origins: Sequence[_Origin]
) -> tuple[list[Changed], dict[int, int]]:
    """The lines with the numbers of what changed them, and origin → its number."""
    owners = [owned(before), owned(after)]
    used: dict[int, int] = {}
    marked = []
    for line in lines:
        text = "".join(word for _, word in line.tokens)
        if line.sign == " " or not text.strip():
            marked.append(line)
            continue
        paths = owners[line.sign == "+"].get(line.number or 0, set())
        causes = causes_of(paths, origins)
        for i in causes:
            used.setdefault(i, len(used) + 1)
        numbers = sorted(used[i] for i in causes)
        marked.append(line._replace(marks=tuple(numbers)))
    return marked, used


def causes_of(paths: set[str], origins: Sequence[_Origin]) -> list[int]:
    """The origins that changed lines of these nodes: by what they did to the nodes, to what
    these read, or to what is in them, else the last one, of all other lines."""
    causes = [i for i, origin in enumerate(origins) if origin.paths & paths]
    if not causes:
        causes = [i for i, origin in enumerate(origins) if origin.readers & paths]
    inside = tuple(f"{path}." for path in paths if path)
    if not causes and inside:
        causes = [
            i
            for i, origin in enumerate(origins)
            if any(path.startswith(inside) for path in origin.paths)
        ]
    return causes or [len(origins) - 1]


def owned(shown: Shown) -> Mapping[int, set[str]]:
    """Line → the nodes whose lines it is among, the optimizer being ""; a comment above a
    node's line is the node's, and the head of a class its block's."""
    program = shown.program
    owners: dict[int, set[str]] = {}
    for path, roles in program.source_map.items():
        for role, span in roles.items():
            if role in ("construction", "forward", "optimizer"):
                for line in range(span.first, span.last + 1):
                    owners.setdefault(line, set()).add(path)
    for number, text in enumerate(program.source.splitlines(), 1):
        if text.lstrip().startswith("#") and number + 1 in owners:
            owners.setdefault(number, owners[number + 1])
    for piece in pieces(shown, inlined(program)):
        for line in range(piece.first, piece.last + 1):
            if piece.section.block:
                owners.setdefault(line, {piece.section.block})
    return owners


def grouped(lines: Sequence[Changed]) -> Iterator[tuple[Changed, ...]]:
    """The lines around changes, as groups."""
    near = [
        any(one.sign != " " for one in lines[max(i - CONTEXT, 0) : i + CONTEXT + 1])
        for i in range(len(lines))
    ]
    group: list[Changed] = []
    for line, keep in zip(lines, near, strict=True):
        if keep:
            group.append(line)
        elif group:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)
