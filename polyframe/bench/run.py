"""A comparison: contestants take turns, and what they took is put side by side."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from polyframe.bench.entrants import Entrant
from polyframe.bench.figures import Ratio, Spread, paired_ratio, spread
from polyframe.bench.process import Contestant
from polyframe.bench.settings import Settings
from polyframe.errors import PolyframeError
from polyframe.io.version import __version__

EQUAL = ("threads", "dtype", "batch", "parameters", "device")
"""What all contestants have to have in common."""
TURN = 0.25
"""Seconds that a turn lasts at least, as far as ``MOST`` runs are enough for it."""
MOST = 100
STEADY, WARM_UPS = 0.05, 6
"""How near two turns in succession have to be before they count, and how often that is
waited for."""
OPS = ("step", "predict")
LOOPED = 10
"""Steps of each turn in which a loop is held against the bare program."""

Tell = Callable[[str], None]


@dataclass
class Result:
    """What a comparison found: for each contestant its facts, the seconds of its start,
    of its phases and of every turn, and its peak memory; for each ``fit`` what its loop
    costs (the ratio over the bare program)."""

    settings: Settings
    entrants: list[Entrant]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    start: dict[str, dict[str, float]] = field(default_factory=dict)
    phases: dict[str, dict[str, float]] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    turns: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    loops: dict[str, Ratio] = field(default_factory=dict)

    def spread(self, op: str, name: str) -> Spread | None:
        """Seconds of that operation, if the contestant has it."""
        turns = self.turns[op].get(name)
        return spread(turns) if turns else None

    def ratio(self, op: str, rival: str, own: str) -> Ratio | None:
        """How many times as long as ``own`` the rival takes."""
        turns = self.turns[op]
        if rival not in turns or own not in turns:
            return None
        return paired_ratio(turns[rival], turns[own])

    def reference(self, entrant: Entrant) -> str:
        """The contestant of polyframe's that a rival is held against: ``fit`` on its
        backend, or where that does not take part on the first backend."""
        fits = [e for e in self.entrants if e.kind == "fit"]
        own = [e.name for e in fits if e.backend == entrant.backend]
        return own[0] if own else fits[0].name

    def to_data(self) -> dict[str, Any]:
        """Plain data: all that was measured, and the ratios."""
        ratios = []
        for op in OPS:
            for entrant in self.entrants:
                own = self.reference(entrant)
                found = self.ratio(op, entrant.name, own)
                if found is not None and entrant.name != own:
                    ratios.append(
                        {
                            "op": op,
                            "contestant": entrant.name,
                            "over": own,
                            "ratio": found.value,
                            "low": found.low,
                            "high": found.high,
                        }
                    )
        settings = self.settings.to_data()
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
    """Where this was measured."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def processor() -> str:
    """The processor's name, as the system has it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def compare(
    settings: Settings, entrants: Sequence[Entrant], rounds: int, tell: Tell
) -> Result:
    """Run all contestants; PolyframeError if they are not equal, or one cannot run."""
    result = Result(settings, list(entrants))
    with ExitStack() as stack:
        running = []
        for entrant in entrants:
            tell(f"{entrant.name}: starts")
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
            found = contestant.phases(10)
            result.phases[contestant.name] = found["phases"]
            result.peak_mib[contestant.name] = found["peak_mib"]
    return result


def check_equal(settings: Settings, facts: dict[str, dict[str, Any]]) -> None:
    """PolyframeError that says in what the contestants differ from what was asked."""
    wanted = {
        **settings.to_data(),
        "parameters": settings.graph.num_parameters,
    }
    found = [
        f"{name} has {key} {fact[key]}, not {wanted[key]}"
        for name, fact in facts.items()
        for key in EQUAL
        if key in fact and fact[key] != wanted[key]
    ]
    if found:
        raise PolyframeError(
            f"these contestants are not equal: {'; '.join(found)}",
            where="bench",
            hint="--skip leaves a contestant out",
        )


def take_turns(
    op: str, running: Sequence[Contestant], rounds: int, tell: Tell
) -> dict[str, list[float]]:
    """Seconds of an operation, turn by turn: A B C A B C …"""
    able = [contestant for contestant in running if op in contestant.ops]
    counts = {}
    for contestant in able:
        tell(f"{contestant.name}: warms up ({op})")
        counts[contestant.name] = warm_up(contestant, op)
    turns: dict[str, list[float]] = {contestant.name: [] for contestant in able}
    for number in range(rounds):
        tell(f"{op}: round {number + 1} of {rounds}")
        for contestant in able:
            taken = contestant.run(op, counts[contestant.name])
            turns[contestant.name].append(taken)
    return turns


def warm_up(contestant: Contestant, op: str) -> int:
    """Run until two turns agree; how many runs make a turn."""
    taken = contestant.run(op, 2)
    count = max(3, min(MOST, round(TURN / max(taken, 1e-9))))
    for _ in range(WARM_UPS):
        before, taken = taken, contestant.run(op, count)
        if abs(taken - before) <= STEADY * before:
            break
    return count
