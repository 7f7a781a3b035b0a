"""Jobs: what an executor runs, wherever it runs it. A job is a process in a Python of its
own; its answer is plain data, whatever happened to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from polyframe.errors import PolyframeError
from polyframe.io.version import __version__
from polyframe.workers.child import THREADS
from polyframe.workers.process import TimeLimitError, Worker

MODULE = "polyframe.study.worker"
PROTOCOL = 1
"""The version of what is said between a study and its workers. A worker of another
polyframe answers with its own, and is refused."""

Message = dict[str, Any]
Tell = Callable[["Job", Message], None]
"""Called with what a running job says: ``{"event": "epoch", …}``."""
Done = Callable[["Job", Message], None]
"""Called once for each job with its answer (see ``run_job``)."""


@dataclass(frozen=True)
class Job:
    """A request to a worker, as plain data that any node can be sent.

    ``name`` is how messages call it; ``python`` "" is the interpreter of whoever runs it;
    ``alone``: whether it wants a node to itself, because it is timed.
    """

    name: str
    request: Mapping[str, Any]
    python: str = ""
    threads: int = 1
    device: str = "cpu"
    time_limit: float = 3600.0
    alone: bool = True


def run_job(
    job: Job,
    tell: Tell = lambda job, message: None,
    unwanted: Callable[[], bool] = lambda: False,
) -> Message:
    """Run a job in a process on this node, until it ends or is ``unwanted``.

    Its answer: ``{"status": "done", "result": …}``, ``{"status": "failed", "error": …}``
    or ``{"status": "timeout", "error": …}``. Nothing is raised but KeyboardInterrupt.
    """
    variables = {
        **dict.fromkeys(THREADS, str(job.threads)),
        "PYTHONSAFEPATH": "1",  # its own packages, not those of the working directory
        **({"CUDA_VISIBLE_DEVICES": "-1"} if job.device == "cpu" else {}),
    }
    try:
        with Worker(
            MODULE, job.name, variables, job.python or sys.executable, alone=True
        ) as worker:
            request = {
                "protocol": PROTOCOL,
                "polyframe": __version__,
                **job.request,
            }
            for message in worker.listen(request, job.time_limit, unwanted):
                if "result" in message:
                    return {"status": message.get("status", "done"), **message}
                tell(job, message)
    except TimeLimitError as error:
        return {"status": "timeout", "error": error.message}
    except (PolyframeError, OSError, ValueError) as error:
        text = error.message if isinstance(error, PolyframeError) else str(error)
        if "No module named 'polyframe" in text:
            python = job.python or sys.executable
            text = f"{python} has no polyframe {__version__}: install it there"
        return {"status": "failed", "error": text}
    return {"status": "failed", "error": "it gave no answer"}


class Executor(Protocol):
    """Where jobs run: on this machine, or on a cluster."""

    def run(self, jobs: Iterable[Job], done: Done, tell: Tell) -> None:
        """Run all jobs in order, as many at once as there are nodes for them.

        ``done`` and ``tell`` are called in this process, in the thread that called
        ``run``: ``done`` once for each job, ``tell`` where messages can be had while a
        job runs (not on Ray). A job whose node dies runs again elsewhere.
        KeyboardInterrupt ends all that run and is raised. PolyframeError where the
        cluster itself is gone.
        """

    def close(self) -> None:
        """Leave the cluster."""


class Local:
    """One job after the other on this machine."""

    def run(self, jobs: Iterable[Job], done: Done, tell: Tell) -> None:
        """Run all jobs in order."""
        for job in jobs:
            done(job, run_job(job, tell))

    def close(self) -> None:
        """Nothing is held."""
