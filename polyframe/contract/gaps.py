"""Gaps as data: what a backend does not do, of what kind that is, and why.

A backend's folder holds ``gaps.yaml``, a list of mappings:

- ``entries``: names of layers, losses or optimizers;
- ``kind``: "ours" (could be written, nobody has), "upstream" (the framework is wrong or
  lacks it), "never" (it has no meaning there), "later" (it came to polyframe after the
  backend; what a backend says of itself with ``written_for`` need not stand here);
- ``reason``: one sentence;
- ``witness``: for an entry that the backend has a form for, a case that none of them may
  take: ``{fields: {…}, inputs: [[3, 4, 5]], calls: 1, training: true}``; the input of a
  loss is the model's output, and an optimizer has none. Conformance fails once that
  case comes out right (the gap has healed) or is taken after all.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyframe.errors import BackendError
from polyframe.io.text import parse_yaml
from polyframe.io.version import newer
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

FILE = "gaps.yaml"
KINDS = ("ours", "upstream", "never", "later")


@dataclass(frozen=True)
class Witness:
    """A case that a gap covers: fields, shapes of inputs per sample, how often a layer
    is called (shared), and in which mode."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Shape, ...] = ()
    calls: int = 1
    training: bool = True


@dataclass(frozen=True)
class Gap:
    """Entries that a backend lacks, wholly or in the case of the witness."""

    entries: tuple[str, ...]
    kind: str
    reason: str
    witness: Witness | None = None

    @property
    def text(self) -> str:
        """What an error or a table says."""
        return f"{self.reason} ({self.kind})"


def later(table: Container[str], version: str) -> tuple[Gap, ...]:
    """A gap for each version of polyframe after that one: the elements that came with it
    and are not in the table."""
    by_version: dict[str, list[str]] = {}
    for family in (Layer, Loss, Optimizer):
        for word, cls in family.registry.items():
            if word not in table and newer(cls.since, version):
                by_version.setdefault(cls.since, []).append(word)
    reason = "it came with polyframe {}, after this backend, which is for {}"
    return tuple(
        Gap(tuple(words), "later", reason.format(since, version))
        for since, words in by_version.items()
    )


def load_gaps(path: Path | None) -> tuple[Gap, ...]:
    """The gaps of a file; none where there is no file. BackendError for a wrong one."""
    if path is None:
        return ()
    data = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(data, list):
        raise BackendError("is not a list of gaps", where=str(path))
    return tuple(_gap(item, f"{path}: gap {i}") for i, item in enumerate(data, 1))


def _gap(data: object, where: str) -> Gap:
    known = {"entries", "kind", "reason", "witness"}
    if not isinstance(data, Mapping) or not {"entries", "kind", "reason"} <= set(data):
        raise BackendError("needs the keys entries, kind and reason", where=where)
    if set(data) - known:
        raise BackendError(
            f"unknown key {min(set(data) - known)!r}",
            where=where,
            hint="see polyframe.contract.gaps",
        )
    entries = data["entries"]
    if not isinstance(entries, list) or not all(isinstance(e, str) for e in entries):
        raise BackendError("entries is not a list of names", where=where)
    if data["kind"] not in KINDS:
        raise BackendError(f"kind is none of {', '.join(KINDS)}", where=where)
    if not isinstance(data["reason"], str) or not data["reason"].strip():
        raise BackendError("the reason is missing", where=where)
    return Gap(tuple(entries), data["kind"], data["reason"], _witness(data, where))


def _witness(data: Mapping[str, Any], where: str) -> Witness | None:
    witness = data.get("witness")
    if witness is None:
        return None
    try:
        inputs = tuple(tuple(int(n) for n in shape) for shape in witness["inputs"])
        others = {key: value for key, value in witness.items() if key != "inputs"}
        return Witness(inputs=inputs, **others)
    except (KeyError, TypeError, ValueError) as error:
        raise BackendError(f"the witness is wrong: {error}", where=where) from None
