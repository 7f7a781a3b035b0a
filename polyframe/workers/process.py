"""A worker process, from the side that asks: one line of JSON there, one line back."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self

from polyframe.errors import PolyframeError, brief

PATIENCE = 10.0
"""Seconds that a worker has to end by itself once its standard input is closed."""
TICK = 0.5
"""Seconds between two looks at whether a worker is still wanted."""


class TimeLimitError(PolyframeError):
    """A worker that took longer than it may; it was ended."""


class Worker:
    """A process that runs a module (``python -m MODULE``) and answers requests.

    The module reads one JSON object a line on standard input and writes one a line on
    standard output, until standard input ends. What it prints to standard error is kept
    for the message of an error. ``name`` is how errors call it; ``variables`` come on
    top of this process's environment; ``python`` is the interpreter, this one if left
    out. With ``alone`` it leads a group of its own: Ctrl-C in a terminal does not reach it,
    and what it has started ends with it. A context manager that ends the process.
    """

    def __init__(
        self,
        module: str,
        name: str,
        variables: Mapping[str, str] | None = None,
        python: str = sys.executable,
        alone: bool = False,
    ) -> None:
        self.name, self.alone = name, alone
        self.errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own module
                [python, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env={**os.environ, **(variables or {})},
                start_new_session=alone,
            )
        except OSError:  # there is no such interpreter
            self.errors.close()
            raise

    def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        """The answer to a request; PolyframeError with the last line that the process
        printed if it ended instead."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise self.ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def listen(
        self,
        request: Mapping[str, object],
        limit: float,
        unwanted: Callable[[], bool] = lambda: False,
    ) -> Iterator[dict[str, Any]]:
        """All messages that the process sends about a request, until one has the key
        "result". TimeLimitError after ``limit`` seconds, when the process is killed;
        PolyframeError if it ended instead, or is killed because it is ``unwanted``."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()

        def read(stream: IO[str]) -> None:
            with suppress(ValueError):  # closed meanwhile
                for line in stream:
                    lines.put(line)
            lines.put("")

        threading.Thread(target=read, args=(self.process.stdout,), daemon=True).start()
        until = time.monotonic() + limit
        while True:
            if unwanted():
                self.kill()
                raise PolyframeError("was stopped", where=self.name)
            left = until - time.monotonic()
            try:
                line = lines.get(timeout=max(min(left, TICK), 0))
            except queue.Empty:
                if left > TICK:
                    continue
                self.kill()
                raise TimeLimitError(
                    f"took longer than {limit:g} s and was ended", where=self.name
                ) from None
            if not line:
                raise self.ended()
            message = message_of(line, self.name)
            yield message
            if "result" in message:
                return

    def ended(self) -> PolyframeError:
        """The error for a process that has ended by itself."""
        code = self.process.wait()
        last = self.last_words()
        self.close()
        how = (
            f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        )
        return PolyframeError(f"its process {how}: {last}", where=self.name)

    def kill(self) -> None:
        """End the process at once, with all that it has started if it is alone."""
        with suppress(ProcessLookupError):
            if self.alone:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()

    def last_words(self) -> str:
        """The last line of what the process printed to standard error."""
        self.errors.seek(0)
        lines = [text.strip() for text in self.errors.read().splitlines()]
        return next((text for text in reversed(lines) if text), "nothing was said")

    def close(self) -> None:
        """End the process: it may finish by itself, and is killed if it does not."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self.errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self.alone and self.process.poll() is None:
            self.kill()  # it may hang, and nobody wants its answer any more
        self.close()


def message_of(line: str, name: str) -> dict[str, Any]:
    """A message from its line; PolyframeError for what is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise PolyframeError(f"said what is no message: {brief(line)}", where=name)
    return message
