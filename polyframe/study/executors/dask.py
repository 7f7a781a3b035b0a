"""Jobs on a Dask cluster (``distributed``), which SLURM, PBS, Kubernetes and others start.

A node is a worker that declares the resource ``node`` (``dask worker … --resources
node=1``), one on each machine. Where none does, it is the first worker of each machine.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from polyframe.errors import PolyframeError, warn
from polyframe.study.executors import nodes as node_side
from polyframe.study.executors.cluster import WAIT, Cluster, News
from polyframe.study.jobs import Job, Message

try:
    from distributed import Client, Future, get_worker
    from distributed.scheduler import KilledWorker
except ImportError as missing:
    raise PolyframeError(
        f"needs distributed, which does not import: {missing}",
        where="executor dask",
        hint='pip install "polyframe[dask]"',
    ) from None

TOPIC = "polyframe"
"""The topic under which events of running jobs come back."""
RESOURCE = "node"
PATIENCE = 30.0
"""Seconds that a scheduler has to answer."""
SCHEDULER = "dask scheduler --host 127.0.0.1 --dashboard-address 127.0.0.1:8787"
HINT = f"start one with: {SCHEDULER}"


class Dask(Cluster):
    """An executor on the Dask cluster of a scheduler's address or scheduler file."""

    def __init__(self, address: str, wait: float = WAIT) -> None:
        super().__init__(f"executor dask, {address}", wait)
        scheduler = address_of(address, self.where)
        self.futures: dict[str, Future[Message]] = {}
        self.queue: queue.SimpleQueue[News | str] = queue.SimpleQueue()
        self.declared: bool | None = None  # whether workers declare what a node is
        self.chosen: list[str] = []  # otherwise: the workers that are used
        try:
            self.client = Client(
                scheduler, timeout=PATIENCE, set_as_default=False, name="polyframe"
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise PolyframeError(
                f"no Dask scheduler answers there ({error})",
                where=self.where,
                hint=HINT,
            ) from None
        try:
            self.client.subscribe_topic(TOPIC, self.event)
            self.ready()
        except BaseException:
            self.close()
            raise

    def event(self, event: tuple[float, object]) -> None:
        """An event of a job; called in a thread of Dask's."""
        message = event[1]
        if isinstance(message, dict) and isinstance(message.get("event"), dict):
            self.queue.put(News(str(message.get("task")), event=message["event"]))

    def nodes(self) -> list[str]:
        """The workers that declare a node, or else one of each machine, always the same
        one."""
        client = self.client
        try:
            # Not client.scheduler_info(): its copy is replaced by one without workers.
            workers = client.sync(client.scheduler.identity, n_workers=-1)["workers"]
        except (OSError, AttributeError) as error:
            raise self.gone(error) from None
        there = {
            a: w for a, w in workers.items() if w["status"] in ("running", "paused")
        }
        if self.declared is None and there:
            self.declared = any(RESOURCE in w["resources"] for w in there.values())
            if not self.declared:
                warn(
                    f"its workers declare no resource {RESOURCE}: jobs run one at a time "
                    "on each machine, but other work may run beside them (start workers "
                    f"with --resources {RESOURCE}=1)",
                    self.where,
                )
        if self.declared:
            return [a for a, w in there.items() if w["resources"].get(RESOURCE, 0) >= 1]
        hosts = {there[a]["host"]: a for a in self.chosen if a in there}
        for address, worker in there.items():
            hosts.setdefault(worker["host"], address)
        self.chosen = list(hosts.values())
        return self.chosen

    def ask(
        self, nodes: list[str], what: Callable[..., object], *given: str
    ) -> Mapping[str, Any]:
        answers = self.client.run(what, *given, workers=nodes, on_error="return")
        return {n: a for n, a in answers.items() if not isinstance(a, OSError)}

    def start(self, task: str, job: Job, node: str) -> None:
        future: Future[Message] = self.client.submit(
            work,
            task,
            dict(vars(job)),
            key=task,
            workers=[node],
            allow_other_workers=False,
            resources={RESOURCE: 1} if job.alone and self.declared else None,
            pure=False,
        )
        self.futures[task] = future
        future.add_done_callback(lambda future: self.queue.put(task))

    def news(self, seconds: float) -> Iterator[News]:
        with suppress(queue.Empty):
            while True:
                item = self.queue.get(timeout=seconds)
                seconds = 0  # what else is there already
                if isinstance(item, News):
                    yield item
                elif item in self.futures:
                    yield self.ended(item)

    def ended(self, task: str) -> News:
        """What came of an attempt. PolyframeError if the scheduler is gone, or the node
        cannot run jobs."""
        future = self.futures[task]
        error = future.exception() if future.status == "error" else None
        if future.status == "cancelled":
            raise self.gone("jobs were cancelled")
        if error is None:
            try:
                answer = future.result(timeout=PATIENCE)
            except (OSError, CancelledError):
                return News(task, lost="died with its answer")
            del self.futures[task]
            return News(task, answer=answer)
        if isinstance(error, KilledWorker):
            return News(task, lost="died")
        raise PolyframeError(
            f"a node could not run a job: {type(error).__name__}: {error}",
            where=self.where,
            hint="install the same polyframe on every node",
        )

    def gone(self, reason: object) -> PolyframeError:
        """The error for a scheduler that was there."""
        return PolyframeError(
            f"the scheduler is gone, or was restarted ({reason})",
            where=self.where,
            hint="start it again; the same command then goes on",
        )

    def stop(self, task: str) -> None:
        future = self.futures.pop(task, None)
        if future is not None:
            future.cancel()  # ``work`` sees it on the node

    def close(self) -> None:
        """Leave; the cluster runs on."""
        for task in list(self.futures):
            self.stop(task)
        self.client.close()


def work(task: str, data: Message) -> Message:
    """Run a job on the worker that was told to, and end it as soon as the worker is told
    that nobody wants it any more: the study was interrupted or killed, or believes that
    this node is dead."""
    worker = get_worker()

    def tell(message: Message) -> None:
        worker.log_event(TOPIC, {"task": task, "event": message})

    def unwanted() -> bool:
        state = worker.state.tasks.get(task)
        closing = worker.status.name in ("closing", "closed", "failed")
        return closing or state is None or state.state == "cancelled"

    return node_side.work(data, tell, unwanted)


def address_of(address: str, where: str) -> str:
    """A scheduler's address, if somebody listens there; its file is read."""
    path = Path(address)
    if path.suffix == ".json" or path.is_file():
        try:
            address = str(json.loads(path.read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PolyframeError(
                f"is no scheduler file ({type(error).__name__}: {error})",
                where=where,
                hint=f"{SCHEDULER} --scheduler-file FILE writes it",
            ) from None
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise PolyframeError(
            "is no address",
            where=where,
            hint="give tcp://HOST:PORT, or a scheduler file",
        )
    node_side.reach(host, port, where, HINT)
    return address
