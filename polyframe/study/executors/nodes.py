"""What runs on the nodes of a cluster, and what is asked of them. It is sent by its name,
so a node needs a polyframe of its own."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable

from polyframe.errors import PolyframeError, brief
from polyframe.io.version import __version__
from polyframe.study import jobs
from polyframe.study.jobs import Job, Message

PATIENCE = 10.0
"""Seconds that a machine has to answer when a connection is opened."""


def about() -> Message:
    """What a node says of itself."""
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "polyframe": __version__,
        "protocol": jobs.PROTOCOL,
    }


def has(python: str) -> bool:
    """Whether a contestant's Python can be started on this node."""
    return not python or shutil.which(python) is not None


def work(
    data: Message,
    tell: Callable[[Message], None] = lambda message: None,
    unwanted: Callable[[], bool] = lambda: False,
) -> Message:
    """Run a job, given as plain data, on this node."""
    return jobs.run_job(Job(**data), lambda job, message: tell(message), unwanted)


def unfit(answer: Message | Exception) -> str:
    """Why a node cannot run jobs, from its answer to ``about``; "" if it can."""
    if isinstance(answer, Exception) and "ModuleNotFoundError" in repr(answer):
        # Dask passes its text on, Ray the exception itself.
        return f"its Python cannot import polyframe ({answer})"
    if isinstance(answer, Exception):
        return f"it cannot be asked ({type(answer).__name__}: {answer})"
    if answer.get("protocol") != jobs.PROTOCOL:
        return (
            f"its polyframe {answer.get('polyframe')} (Python {answer.get('python')}) "
            f"speaks protocol {brief(answer.get('protocol'))}, this one "
            f"({__version__}) {jobs.PROTOCOL}"
        )
    return ""


def reach(host: str, port: int, where: str, hint: str) -> None:
    """PolyframeError unless somebody listens there; at most ``PATIENCE`` seconds."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except (OSError, UnicodeError, OverflowError) as error:
        raise PolyframeError(
            f"nobody listens there ({error})", where=where, hint=hint
        ) from None
