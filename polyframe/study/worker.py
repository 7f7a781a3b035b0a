"""A study's worker: ``python -m polyframe.study.worker``, in a contestant's Python.

It reads one JSON object a line on standard input: ``{"protocol": 1, "do": "about"}``,
``"cell"`` or ``"trace"``. It may send ``{"event": …}`` and ends each answer with a message
that has the key "result". It ends as soon as its standard input does, even while it
trains: whoever asked is gone. What frameworks print goes to standard error.

    about   {"backend", "recipe" or null, "plugins"} → what this Python has: see ``about``
    cell    one training, measured: see ``polyframe.study.cell``
    trace   tensors of a few steps, for the certificate: see ``polyframe.study.certify``

What goes wrong is an answer, too: ``{"result": null, "status": "failed", "error": …}``.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import IO

from polyframe.errors import one_line
from polyframe.io.json_csv import finite
from polyframe.io.version import __version__
from polyframe.study.jobs import PROTOCOL, Message
from polyframe.workers.child import answer_channel
from polyframe.workers.resources import process_age

Send = Callable[[Message], None]
LONGEST = 1000
"""Characters of an error that are sent: frameworks may print whole graphs."""


def main() -> None:
    """Serve until standard input ends."""
    ready = time.perf_counter()
    channel = answer_channel()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(lines,), daemon=True).start()
    send = sender(channel)
    try:
        while True:
            request = json.loads(lines.get())
            age = process_age(request.get("sent")) - (time.perf_counter() - ready)
            send(answer(request, send, (ready - max(age, 0.0), ready)))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # an exit would wait for the thread that listens


def listen(lines: queue.SimpleQueue[bytes]) -> None:
    """Take what arrives on standard input; end this process when that ends."""
    with open(0, "rb", closefd=False) as stream:
        for line in stream:
            lines.put(line)
    os._exit(0)


def sender(channel: IO[str]) -> Send:
    """What sends a message as one line; NaN and infinity become null."""

    def send(message: Message) -> None:
        channel.write(json.dumps(finite(message)) + "\n")
        channel.flush()

    return send


def answer(request: Message, send: Send, times: tuple[float, float]) -> Message:
    """The answer to a request, whatever happens. ``times``: when this process was made,
    and when it was ready, by ``time.perf_counter``."""
    try:
        if request.get("protocol") != PROTOCOL:
            return other_protocol(request)
        from polyframe.plugins import load_plugin

        for path in request.get("plugins", ()):
            load_plugin(path)
        if request.get("do") == "about":
            return {"result": about(request)}
        if request.get("do") == "cell":
            from polyframe.study.cell import run_cell

            return {"status": "done", "result": run_cell(request, send, times)}
        if request.get("do") == "trace":
            from polyframe.study.certify import run_traces

            return {"status": "done", "result": run_traces(request, send)}
        return failed(f"does not know how to do {request.get('do')!r}")
    except (Exception, SystemExit) as error:  # frameworks can raise anything
        traceback.print_exc()
        return failed(described(error))


def failed(text: str) -> Message:
    """The answer of a request that failed."""
    return {"result": None, "status": "failed", "error": one_line(text[:LONGEST])}


def described(error: BaseException) -> str:
    """An error in one line; those that are not polyframe's with their type."""
    from polyframe.errors import PolyframeError

    if isinstance(error, PolyframeError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def other_protocol(request: Message) -> Message:
    """The answer to a study of a polyframe that speaks another protocol."""
    theirs, version = request.get("protocol"), request.get("polyframe")
    wanted = f"polyframe {version}" if version else "the study's polyframe"
    return failed(
        f"speaks protocol {PROTOCOL} (polyframe {__version__}), this study {theirs}: "
        f"install {wanted} in {sys.executable}"
    )


def about(request: Message) -> Message:
    """What this Python has: polyframe and its protocol, the backend and its framework
    ("usable", or the "problem"), and the hash of the recipe's spec as this side computes
    it (null without a recipe)."""
    from polyframe.contract.registry import get

    backend = get(request["backend"])
    probe = backend.probe()
    spec_hash = None
    if request.get("recipe") is not None:
        from polyframe.spec.recipe import load_recipe

        spec_hash = load_recipe(request["recipe"]).model.hash
    return {
        "polyframe": __version__,
        "protocol": PROTOCOL,
        "python": platform.python_version(),
        "executable": sys.executable,
        "backend": backend.name,
        "framework": backend.title,
        "version": probe.version,
        "usable": probe.usable,
        "devices": list(probe.devices),
        "problem": probe.problem,
        "spec_hash": spec_hash,
    }


if __name__ == "__main__":
    main()
