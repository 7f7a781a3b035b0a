"""A contestant's process: ``python -m polyframe.bench.worker``.

It reads one JSON object a line on standard input and answers each with one: first the
plug-ins, the settings and the contestant, then ``{"do": "run", "op": "step", "count":
10}``, ``{"do": "loop", "count": 10}`` or ``{"do": "phases", "count": 10}``, until standard
input ends. What frameworks print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from polyframe.workers.resources import peak_memory

if TYPE_CHECKING:
    from polyframe.bench.contestant import PolyframeContestant
    from polyframe.bench.handwritten import Handwritten
    from polyframe.bench.settings import Settings

    AnyContestant = PolyframeContestant | Handwritten

IDLE, IDLE_CHECKS = 0.02, 100
"""Seconds without work that count as idle, and how often that is checked."""


def open_contestant(settings: Settings, entrant: dict[str, str]) -> AnyContestant:
    """The contestant, built and run once."""
    from polyframe.bench.contestant import PolyframeContestant
    from polyframe.bench.handwritten import Handwritten

    kind, backend = entrant["kind"], entrant["backend"]
    if kind in ("fit", "program", "idiomatic"):
        return PolyframeContestant(settings, backend, kind)
    model = settings.rival(entrant["folder"])
    trainer = settings.rival(backend if kind == "hand" else kind, entrant["trainer"])
    assert model is not None and trainer is not None  # else it would not take part
    return Handwritten(settings, model, trainer)


def answer(contestant: AnyContestant, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    from polyframe.bench.contestant import PolyframeContestant

    if request["do"] == "loop":
        assert isinstance(contestant, PolyframeContestant)
        fits, bares = contestant.loop(request["count"])
        return {"fit": fits, "bare": bares}
    if request["do"] == "phases":
        return {
            "phases": contestant.phases(request["count"]),
            "peak_mib": peak_memory(),
        }
    return {"seconds": contestant.ops[request["op"]](request["count"])}


def wait_until_idle() -> None:
    """Wait until the threads of this process are idle: those of OpenMP keep a processor
    busy for a while after their work, which would slow down the next contestant."""
    for _ in range(IDLE_CHECKS):
        before = time.process_time()
        time.sleep(IDLE)
        if time.process_time() - before < IDLE / 10:
            return


def main() -> None:
    """Serve until standard input ends."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(data: dict[str, Any]) -> None:
        channel.write(json.dumps(data) + "\n")
        channel.flush()

    first = json.loads(sys.stdin.readline())
    threads = first["settings"]["threads"]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    from polyframe.bench.settings import Settings
    from polyframe.plugins import load_plugin

    for path in first["plugins"]:
        load_plugin(path)
    settings = Settings(**first["settings"])
    contestant = open_contestant(settings, first["entrant"])
    send(
        {
            "facts": contestant.facts(),
            "start": contestant.start,
            "ops": list(contestant.ops),
        }
    )
    for line in sys.stdin:
        result = answer(contestant, json.loads(line))
        wait_until_idle()
        send(result)


if __name__ == "__main__":
    main()
