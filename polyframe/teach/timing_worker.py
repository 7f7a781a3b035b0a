"""A backend's process of ``polyframe trace -b``.

``python -m polyframe.teach.timing_worker`` reads one JSON object a line on standard input
and answers each with one: first ``TimingSettings`` as plain data, answered with what the
framework is and the programs that are missing, then ``{"do": "round"}``, answered with the
seconds of each program, until standard input ends. What goes wrong is answered with
``{"error": …}``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from polyframe.workers.child import (
    answer_channel,
    keep_to_processors,
    wait_until_idle,
)

if TYPE_CHECKING:
    from polyframe.teach.timed_programs import TimedPrograms


def main() -> None:
    """Serve until standard input ends."""
    channel = answer_channel()
    line = sys.stdin.readline()
    keep_to_processors(json.loads(line)["threads"])
    from polyframe.errors import PolyframeError

    def send(data: Mapping[str, object]) -> None:
        channel.write(json.dumps(data) + "\n")
        channel.flush()

    try:
        programs = opened(line)
        send({"facts": programs.facts(), "missing": programs.missing})
        for _ in sys.stdin:
            seconds = programs.round()
            wait_until_idle()
            send({"seconds": seconds})
    except PolyframeError as error:
        told = {"message": error.message, "where": error.where, "hint": error.hint}
        send({"error": told})


def opened(line: str) -> TimedPrograms:
    """All programs that the settings ask for, run once."""
    from polyframe.plugins import load_plugin
    from polyframe.teach.timed_programs import TimedPrograms, TimingSettings

    settings = json.loads(line)
    for path in settings.pop("plugins"):
        load_plugin(path)
    return TimedPrograms(TimingSettings(**settings))


if __name__ == "__main__":
    main()
