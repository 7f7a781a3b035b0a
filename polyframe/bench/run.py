"""A comparison: contestants take turns, and their times are compared."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from polyframe.bench.entrants import Entrant
from polyframe.bench.process import Contestant
from polyframe.bench.ratios import Ratio, Spread, paired_ratio, spread
from polyframe.bench.settings import Settings
from polyframe.errors import PolyframeError
from polyframe.io.version import __version__
from polyframe.workers.resources import processor

EQUAL = ("threads", "dtype", "batch", "parameters", "device")
"""What has to be equal for all contestants."""
TURN = 0.25
"""Seconds that a turn takes at least, unless it would need more than ``MOST`` runs."""
MOST = 100
STEADY, WARM_UPS = 0.05, 6
"""The relative difference of two consecutive turns at which warm-up ends, and how many
turns it may take."""
OPS = ("step", "predict")
LOOPED = 10
"""Steps of each turn in which ``fit`` is compared with the bare program."""

Tell = Callable[[str], None]


@dataclass
class Result:
    """For each contestant its facts, the seconds for its start, its phases and every turn,
    and its peak memory; for each ``fit`` the cost of its loop (its ratio to the bare
    program)."""

    settings: Settings
    entrants: list[Entrant]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    start: dict[str, dict[str, float]] = field(default_factory=dict)
    phases: dict[str, dict[str, float]] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    turns: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    loops: dict[str, Ratio] = field(default_factory=dict)

    def spread(self, op: str, name: str) -> Spread | None:
        """Seconds for an operation; None if the contestant does not have it."""
        turns = self.turns[op].get(name)
        return spread(turns) if turns else None

    def ratio(self, op: str, rival: str, reference: str) -> Ratio | None:
        """How many times as long the rival takes as the reference."""
        turns = self.turns[op]
        if rival not in turns or reference not in turns:
            return None
        return paired_ratio(turns[rival], turns[reference])

    def reference(self, entrant: Entrant) -> str:
        """The polyframe contestant that a rival is compared with: ``fit`` on its backend,
        or on the first backend if that does not take part."""
        fits = [e for e in self.entrants if e.kind == "fit"]
        same_backend = [e.name for e in fits if e.backend == entrant.backend]
        return same_backend[0] if same_backend else fits[0].name

    def to_data(self) -> dict[str, Any]:
        """Plain data: everything that was measured, and the ratios."""
        ratios = []
        for op in OPS:
            for entrant in self.entrants:
                reference = self.reference(entrant)
                ratio = self.ratio(op, entrant.name, reference)
                if ratio is not None and entrant.name != reference:
                    ratios.append(
                        {
                            "op": op,
                            "contestant": entrant.name,
                            "over": reference,
                            "ratio": ratio.value,
                            "low": ratio.low,
                            "high": ratio.high,
                        }
                    )
        settings = self.settings.to_data() | {"dtype": self.settings.dtype}
        settings.pop("rivals")  # a path of this machine
        return {
            "schema": 1,
            "polyframe": __version__,
            "machine": machine(),
            "settings": settings,
            "contestants": [
                {
                    "name": e.name,
                    "kind": e.kind,
                    "backend": e.backend,
                    "facts": self.facts[e.name],
                    "start_seconds": self.start[e.name],
                    "phase_seconds": self.phases[e.name],
                    "peak_mib": self.peak_mib[e.name],
                    "loop_ratio": self.loops[e.name]._asdict()
                    if e.name in self.loops
                    else None,
                    "turn_seconds": {
                        op: turns[e.name]
                        for op, turns in self.turns.items()
                        if e.name in turns
                    },
                }
                for e in self.entrants
            ],
            "ratios": ratios,
        }


def machine() -> dict[str, Any]:
    """The machine on which this was measured."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def compare(
    settings: Settings, entrants: Sequence[Entrant], rounds: int, tell: Tell
) -> Result:
    """Run all contestants; PolyframeError if they are not equal, or one cannot run."""
    result = Result(settings, list(entrants))
    with ExitStack() as stack:
        running = []
        for entrant in entrants:
            tell(f"{entrant.name}: starting")
            contestant = Contestant(settings, entrant)
            stack.callback(contestant.close)
            running.append(contestant)
            result.facts[entrant.name] = contestant.facts
            result.start[entrant.name] = contestant.start
        check_equal(settings, result.facts)
        for op in OPS:
            result.turns[op] = take_turns(op, running, rounds, tell)
        for contestant in running:
            tell(f"{contestant.name}: phases")
            if contestant.entrant.kind == "fit":
                result.loops[contestant.name] = contestant.loop(LOOPED)
            answer = contestant.phases(10)
            result.phases[contestant.name] = answer["phases"]
            result.peak_mib[contestant.name] = answer["peak_mib"]
    return result


def check_equal(settings: Settings, facts: dict[str, dict[str, Any]]) -> None:
    """PolyframeError that lists how the contestants differ from the settings."""
    expected = {
        **settings.to_data(),
        "dtype": settings.dtype,
        "parameters": settings.graph.num_parameters,
    }
    differences = [
        f"{name} has {key} {fact[key]}, not {expected[key]}"
        for name, fact in facts.items()
        for key in EQUAL
        if key in fact and fact[key] != expected[key]
    ]
    if differences:
        raise PolyframeError(
            f"these contestants are not equal: {'; '.join(differences)}",
            where="bench",
            hint="--skip leaves a contestant out",
        )


def take_turns(
    op: str, running: Sequence[Contestant], rounds: int, tell: Tell
) -> dict[str, list[float]]:
    """Seconds for an operation, turn by turn: A B C A B C …"""
    able = [contestant for contestant in running if op in contestant.ops]
    counts = {}
    for contestant in able:
        tell(f"{contestant.name}: warming up ({op})")
        counts[contestant.name] = warm_up(contestant, op)
    turns: dict[str, list[float]] = {contestant.name: [] for contestant in able}
    for number in range(rounds):
        tell(f"{op}: round {number + 1} of {rounds}")
        for contestant in able:
            seconds = contestant.run(op, counts[contestant.name])
            turns[contestant.name].append(seconds)
    return turns


def warm_up(contestant: Contestant, op: str) -> int:
    """Run until two turns agree; returns the number of runs in a turn."""
    seconds = contestant.run(op, 2)
    count = max(3, min(MOST, round(TURN / max(seconds, 1e-9))))
    for _ in range(WARM_UPS):
        previous, seconds = seconds, contestant.run(op, count)
        if abs(seconds - previous) <= STEADY * previous:
            break
    return count
