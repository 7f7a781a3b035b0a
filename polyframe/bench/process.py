"""The process of one contestant, from the side that asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from polyframe.bench.entrants import Entrant
from polyframe.bench.figures import Ratio, paired_ratio
from polyframe.bench.settings import Settings
from polyframe.errors import PolyframeError

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",  # of JAX
)
"""What frameworks read when they are imported."""


class Contestant:
    """A process that waits for its turns; a context that ends it."""

    def __init__(self, settings: Settings, entrant: Entrant) -> None:
        self.name, self.entrant = entrant.name, entrant
        self.errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        count = str(settings.threads)
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if settings.device == "cpu" else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "polyframe.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={
                **os.environ,
                **dict.fromkeys(THREADS, count),
                **hidden,
                **entrant.env,
            },
        )
        first = {"settings": settings.to_data(), "entrant": entrant.to_data()}
        found = self.ask(first)
        self.facts: dict[str, Any] = found["facts"]
        self.start: dict[str, float] = found["start"]
        self.ops: list[str] = found["ops"]

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request; an error with the end of what the process printed
        if there is none."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            said = [text.strip() for text in self.errors.read().splitlines()]
            last = next((text for text in reversed(said) if text), "nothing was said")
            self.close()
            raise PolyframeError(
                f"its process ended with status {code}: {last}", where=self.name
            )
        found: dict[str, Any] = json.loads(line)
        return found

    def run(self, op: str, count: int) -> float:
        """Seconds each of ``count`` runs took."""
        return float(self.ask({"do": "run", "op": op, "count": count})["seconds"])

    def loop(self, count: int) -> Ratio:
        """What ``fit`` costs over the bare program, in one process."""
        found = self.ask({"do": "loop", "count": count})
        return paired_ratio(found["fit"], found["bare"])

    def phases(self, count: int) -> dict[str, Any]:
        """The parts of a step, and the most memory held so far."""
        return self.ask({"do": "phases", "count": count})

    def close(self) -> None:
        """End the process."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()
