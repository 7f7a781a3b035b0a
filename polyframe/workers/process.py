"""A worker process, from the side that asks: one line of JSON there, one line back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from polyframe.errors import PolyframeError

PATIENCE = 10.0
"""Seconds that a worker has to end by itself once its standard input is closed."""


class Worker:
    """A process that runs a module (``python -m MODULE``) and answers requests.

    The module reads one JSON object a line on standard input and writes one a line on
    standard output, until standard input ends. What it prints to standard error is kept
    for the message of an error. ``name`` is how errors call it; ``variables`` come on
    top of this process's environment; ``python`` is the interpreter, this one if left
    out. A context manager that ends the process.
    """

    def __init__(
        self,
        module: str,
        name: str,
        variables: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        self.name = name
        self.errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [python, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **(variables or {})},
        )

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
            code = self.process.wait()
            last = self.last_words()
            self.close()
            raise PolyframeError(
                f"its process ended with status {code}: {last}", where=self.name
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

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
            self.process.kill()
            self.process.wait()
        self.errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
