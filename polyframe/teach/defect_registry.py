"""Defects of PyTorch, TensorFlow (Keras) and MXNet that polyframe met, as data.

Each has three files in ``defects/``: ``<id>.yaml`` says what is wrong, ``<id>.native`` is a
native program that shows it, and ``<id>.txt`` is what that program prints. The program is
text: polyframe never imports it. ``defect_runs`` runs it in a process of its own.

    for defect in defects():            # all, by framework and id
        print(defect.id, defect.title)
    find_defect("torch-group-norm-frozen-input").program     # SpecError if unknown
    report(defect)                      # Markdown, to be pasted into an upstream issue
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from polyframe.errors import SpecError, did_you_mean
from polyframe.io.text import parse_yaml, read_text

FOLDER = Path(__file__).with_name("defects")
FRAMEWORKS = {"torch": "PyTorch", "tensorflow": "TensorFlow", "mxnet": "MXNet"}
"""The backend's name → the framework's."""
SIGNALS = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV")
"""What may kill a program. A program that does not end is killed after a time limit."""
HANGS = "hangs"
LONGEST = 2**16
"""The most bytes that a file of a defect may have."""


@dataclass(frozen=True)
class Defect:
    """A defect of a framework.

    - ``id``: the name of its files; ``title``: one line.
    - ``framework``: "torch", "tensorflow" or "mxnet"; ``versions``: package → the version
      on which the defect was seen.
    - ``entries``: the layers, losses and optimizers of polyframe that it concerns.
    - ``wrong``: what happens, and by how much it is off. ``expected``: what should happen,
      and why. ``consequence``: whom it hurts. ``avoided``: what polyframe does instead.
    - ``difference``: the id of the entry in the registry of differences that has the
      remedy, or None.
    - ``reported``: the address of the upstream issue; None if none is known.
    - ``dies``: how the program may end, where it does not exit with status 0: names of
      signals, or "hangs" (it has to be stopped). Empty for a program that ends by itself.
    - ``program``: the native program. Its last statement asserts the wrong behaviour, so
      it exits with status 0 while the defect is there.
    - ``prints``: what the program printed on these versions.
    """

    id: str
    title: str
    framework: str
    versions: Mapping[str, str]
    entries: tuple[str, ...]
    wrong: str
    expected: str
    consequence: str
    avoided: str
    difference: str | None
    reported: str | None
    dies: tuple[str, ...]
    program: str
    prints: str

    @property
    def crashes(self) -> bool:
        """Whether its program has to run in a process of its own: it dies or hangs."""
        return bool(self.dies)

    @property
    def ending(self) -> str:
        """How its program ends, in words: "SIGSEGV or SIGABRT, or it hangs"; "" if it ends
        by itself."""
        signals = " or ".join(end for end in self.dies if end != HANGS)
        hangs = "it hangs" if HANGS in self.dies else ""
        return ", or ".join(part for part in (signals, hangs) if part)

    @property
    def seen(self) -> str:
        """The versions on which it was seen: "torch 2.13.0"."""
        return ", ".join(f"{name} {version}" for name, version in self.versions.items())


OWN_FILES = ("program", "prints")
TEXTS = ("id", "title", "framework", "wrong", "expected", "consequence", "avoided")
LISTS = ("entries", "dies")
KEYS = tuple(f.name for f in fields(Defect) if f.name not in OWN_FILES)


@cache
def defects() -> tuple[Defect, ...]:
    """All of them: PyTorch's, TensorFlow's, MXNet's, each by id."""
    return load(FOLDER)


def find_defect(name: str) -> Defect:
    """The defect of that id; SpecError with the nearest one if there is none."""
    known = {defect.id: defect for defect in defects()}
    if name not in known:
        raise SpecError(
            f"there is no defect {name!r}.{did_you_mean(name, known)}",
            hint="polyframe list defects",
        )
    return known[name]


def load(folder: Path) -> tuple[Defect, ...]:
    """The defects of a folder; SpecError for a wrong file."""
    found = [_read(path) for path in folder.glob("*.yaml")]
    order = list(FRAMEWORKS)
    return tuple(sorted(found, key=lambda d: (order.index(d.framework), d.id)))


def _read(path: Path) -> Defect:
    """The defect of one ``.yaml`` and the files beside it."""
    where = str(path)
    data = parse_yaml(read_text(path, LONGEST), where)
    if not isinstance(data, Mapping):
        raise SpecError("is not a mapping", where=where)
    for key in data:
        if key not in KEYS:
            raise SpecError(
                f"has no key {key!r}.{did_you_mean(str(key), KEYS)}",
                where=where,
                hint=f"keys: {', '.join(KEYS)}",
            )
    missing = [key for key in KEYS if key not in data]
    if missing:
        raise SpecError(f"needs the key {missing[0]}", where=where)
    for key in TEXTS:
        if not isinstance(data[key], str) or not data[key].strip():
            raise SpecError(f"{key} is not a text", where=where)
    for key in LISTS:
        if not _is_list_of_texts(data[key]):
            raise SpecError(f"{key} is not a list of names", where=where)
    for key in ("difference", "reported"):
        if not isinstance(data[key], str | None):
            raise SpecError(f"{key} is neither a text nor null", where=where)
    _check_values(data, path.stem, where)
    texts = {key: data[key].strip() for key in TEXTS}
    return Defect(
        **texts,
        entries=tuple(data["entries"]),
        dies=tuple(data["dies"]),
        versions=dict(data["versions"]),
        difference=data["difference"],
        reported=data["reported"],
        program=read_text(path.with_suffix(".native"), LONGEST),
        prints=read_text(path.with_suffix(".txt"), LONGEST),
    )


def _check_values(data: Mapping[str, object], stem: str, where: str) -> None:
    """Whether the values are among those that are allowed."""
    if data["id"] != stem:
        raise SpecError(f"id is {data['id']!r}, the file's name {stem!r}", where=where)
    if data["framework"] not in FRAMEWORKS:
        allowed = ", ".join(FRAMEWORKS)
        raise SpecError(f"framework is none of {allowed}", where=where)
    versions = data["versions"]
    if not isinstance(versions, Mapping) or not versions:
        raise SpecError("versions is not a mapping of packages", where=where)
    if not _is_list_of_texts([*versions, *versions.values()]):
        raise SpecError(
            "a version is not a text", where=where, hint='quote it: torch: "2.13"'
        )
    ends = (*SIGNALS, HANGS)
    if not set(data["dies"]) <= set(ends):  # type: ignore[call-overload]
        raise SpecError(f"dies may hold {', '.join(ends)}", where=where)
    reported = data["reported"]
    if reported is not None and not str(reported).startswith("https://"):
        raise SpecError("reported is not an address (https://…)", where=where)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v for v in value)


def evidence(defect: Defect) -> list[str]:
    """The program, what it prints, what should happen and why it matters: lines of
    Markdown."""
    prints = "It prints:"
    if defect.crashes:
        prints = f"It prints this, and the process ends with {defect.ending}:"
    return [
        "```python",
        defect.program.rstrip(),
        "```",
        "",
        prints,
        "",
        "```text",
        defect.prints.rstrip(),
        "```",
        "",
        f"**Expected:** {defect.expected}",
        "",
        f"**Consequence:** {defect.consequence}",
        "",
    ]


def report(defect: Defect) -> str:
    """A defect as an upstream issue wants it, in Markdown: what happens, the program and
    what it prints, what should happen, the versions."""
    lines = [
        *(f"# {defect.title}", "", defect.wrong, ""),
        *evidence(defect),
        f"**Versions:** {defect.seen}, CPU",
    ]
    if defect.reported:
        lines += ["", f"**Known as:** {defect.reported}"]
    return "\n".join(lines) + "\n"
