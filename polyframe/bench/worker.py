"""A contestant's process: ``python -m polyframe.bench.worker``.

It reads one JSON object a line on standard input and answers each with one: first the
settings and the contestant, then ``{"do": "run", "op": "step", "count": 10}``,
``{"do": "loop", "count": 10}`` or ``{"do": "phases", "count": 10}``, until standard input
ends. What frameworks print goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from typing import Any

REST, RESTS = 0.02, 100
"""Seconds without work that count as rest, and how often it is looked for."""


def open_contestant(settings: Any, entrant: dict[str, Any]) -> Any:
    """The contestant, built and run once."""
    from polyframe.bench.others import Handwritten
    from polyframe.bench.ours import Own

    kind, backend = entrant["kind"], entrant["backend"]
    if kind in ("fit", "program", "idiomatic"):
        return Own(settings, backend, kind)
    model = settings.rival(entrant["folder"])
    trainer = settings.rival(backend if kind == "hand" else kind, entrant["trainer"])
    return Handwritten(settings, model, trainer)


def peak() -> float:
    """The most memory that this process has held, in MiB. Linux's own count begins at
    the program's start; ``getrusage`` also counts what the parent held at the fork."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def answer(contestant: Any, ask: dict[str, Any]) -> dict[str, Any]:
    """What one request is answered with."""
    if ask["do"] == "loop":
        fits, bares = contestant.loop(ask["count"])
        return {"fit": fits, "bare": bares}
    if ask["do"] == "phases":
        return {"phases": contestant.phases(ask["count"]), "peak_mib": peak()}
    return {"seconds": contestant.ops[ask["op"]](ask["count"])}


def rest() -> None:
    """Wait until the threads of this process rest: those of OpenMP keep a processor
    busy for a while after their work, which would be the next contestant's."""
    for _ in range(RESTS):
        before = time.process_time()
        time.sleep(REST)
        if time.process_time() - before < REST / 10:
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
        found = answer(contestant, json.loads(line))
        rest()
        send(found)


if __name__ == "__main__":
    main()
