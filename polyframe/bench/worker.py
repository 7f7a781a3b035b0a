"""A contestant's process: ``python -m polyframe.bench.worker``.

It reads one JSON object a line on standard input and answers each with one: first the
plug-ins, the settings and the contestant, then ``{"do": "run", "op": "step", "count":
10}``, ``{"do": "loop", "count": 10}`` or ``{"do": "phases", "count": 10}``, until standard
input ends. What frameworks print goes to standard error.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from polyframe.workers.child import (
    answer_channel,
    keep_to_processors,
    wait_until_idle,
)
from polyframe.workers.resources import peak_memory

if TYPE_CHECKING:
    from polyframe.bench.contestant import PolyframeContestant
    from polyframe.bench.handwritten import Handwritten
    from polyframe.bench.settings import Settings

    AnyContestant = PolyframeContestant | Handwritten


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


def main() -> None:
    """Serve until standard input ends."""
    channel = answer_channel()

    def send(data: dict[str, Any]) -> None:
        channel.write(json.dumps(data) + "\n")
        channel.flush()

    first = json.loads(sys.stdin.readline())
    keep_to_processors(first["settings"]["threads"])
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
