"""What survived, why that is harmless, and the page that says so."""

from __future__ import annotations

import collections
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from .points import Mutant
from .unit import Unit

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "docs" / "results" / "mutation.md"
LEAST = 0.95


@dataclass(frozen=True)
class Reason:
    """Why some mutants change nothing that is asked of a program.

    ``change`` is a pattern that is searched for in the line with the change marked
    (``Mutant.marked``); ``entries`` are the units' (all of them, where it is empty).
    """

    change: re.Pattern[str]
    entries: frozenset[str]
    why: str


@dataclass(frozen=True)
class Reasons:
    """All of them."""

    all: tuple[Reason, ...]

    @classmethod
    def load(cls) -> Reasons:
        """Those of survivors.yaml."""
        items = yaml.safe_load((HERE / "survivors.yaml").read_text()) or []
        return cls(
            tuple(
                Reason(
                    re.compile(change), frozenset(item.get("entries", ())), item["why"]
                )
                for item in items
                for change in item["changes"]
            )
        )

    def of(self, mutant: Mutant, places: list[Unit]) -> Reason | None:
        """The reason for one, or None."""
        words = {unit.entry for unit in places}
        for reason in self.all:
            fits = not reason.entries or words & reason.entries
            if fits and reason.change.search(mutant.marked):
                return reason
        return None


def report(
    verdicts: Mapping[Mutant, str | None],
    held: Mapping[Mutant, list[Unit]],
    reasons: Reasons,
) -> str:
    """The page."""
    table: dict[tuple[str, str], collections.Counter[str]] = {}
    left = []
    for mutant, how in verdicts.items():
        row = table.setdefault(
            (mutant.backend, held[mutant][0].family), collections.Counter()
        )
        row["mutants"] += 1
        row["caught"] += how is not None
        if how is None:
            left.append(mutant)
    total = len(verdicts)
    lines = [
        "# Mechanical mutation",
        "",
        "Made by `cd tests && python -m mutation`; do not edit. In the program of every",
        "form, each number, boolean, axis, operator and option is changed, one at a time.",
        "Such a mutant is caught if the program then raises an error, or exceeds a bound",
        "of the conformance suite.",
        "",
        f"{total} mutants, {total - len(left)} caught: {1 - len(left) / total:.2%}.",
        "",
        "| backend | family | mutants | caught | |",
        "|---|---|---|---|---|",
    ]
    for (backend, family), row in sorted(table.items()):
        share = row["caught"] / row["mutants"]
        lines.append(
            f"| {backend} | {family} | {row['mutants']} | {row['caught']} | {share:.1%} |"
        )
    lines += ["", "## Mutants that were not caught, and why that is harmless", ""]
    for why, mutants in grouped(left, held, reasons).items():
        lines += [f"### {why} ({len(mutants)})", ""]
        for mutant in mutants:
            unit = held[mutant][0]
            lines.append(f"- {mutant.backend}, {unit.entry}: `{mutant.marked}`")
        lines.append("")
    return "\n".join(lines)


def grouped(
    left: list[Mutant], held: Mapping[Mutant, list[Unit]], reasons: Reasons
) -> dict[str, list[Mutant]]:
    """Survivors by reason."""
    groups: dict[str, list[Mutant]] = {}
    for mutant in left:
        reason = reasons.of(mutant, held[mutant])
        groups.setdefault(reason.why if reason else "NOT EXPLAINED", []).append(mutant)
    return groups
