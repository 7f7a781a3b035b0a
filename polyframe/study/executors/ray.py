"""Jobs on a Ray cluster, whose machines are its nodes.

A job that is timed asks for all processors of its node, so that no other task of Ray runs
beside it. Where nodes declare the resource ``node`` (``ray start … --resources
'{"node": 1}'``), only they are used. Ray has no cheap way for messages of running tasks: a
study on Ray hears of a cell when it has ended.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from polyframe.errors import PolyframeError
from polyframe.study.executors import nodes as node_side
from polyframe.study.executors.cluster import WAIT, Cluster, News
from polyframe.study.jobs import Job, Message

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import ray
    from ray import exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as missing:
    raise PolyframeError(
        f"needs ray, which does not import: {missing}",
        where="executor ray",
        hint='pip install "polyframe[ray]"',
    ) from None

RESOURCE = "node"
PATIENCE = 60.0
"""Seconds that a node has to answer: Ray starts a process there first."""
HINT = "start one with: ray start --head --node-ip-address 127.0.0.1"


class Ray(Cluster):
    """An executor on the Ray cluster of a head's address (``HOST:6379``), or ``auto``."""

    def __init__(self, address: str, wait: float = WAIT) -> None:
        super().__init__(f"executor ray, {address}", wait)
        self.refs: dict[str, ray.ObjectRef[Message]] = {}
        self.declared: bool | None = None  # whether nodes declare to be one
        self.titles: dict[str, str] = {}
        check_address(address, self.where)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError, exceptions.RayError) as error:
            raise PolyframeError(
                f"the cluster cannot be joined ({error})", where=self.where, hint=HINT
            ) from None
        try:
            self.ready()
        except BaseException:
            self.close()
            raise

    def resources(self) -> dict[str, dict[str, float]]:
        """The resources of the nodes that are there, by their ids."""
        there: dict[str, dict[str, float]] = {}
        for node in ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1:
                id_ = str(node["NodeID"])
                there[id_] = dict(node["Resources"])
                self.titles[id_] = f"{node['NodeManagerAddress']} ({id_[:8]})"
        if self.declared is None and there:
            self.declared = any(RESOURCE in r for r in there.values())
        return {
            id_: r
            for id_, r in there.items()
            if not self.declared or r.get(RESOURCE, 0) >= 1
        }

    def title(self, node: str) -> str:
        return self.titles.get(node, node)

    def nodes(self) -> list[str]:
        return list(self.resources())

    def ask(
        self, nodes: list[str], what: Callable[..., object], *given: str
    ) -> Mapping[str, Any]:
        refs = {
            node: self.remote(what, node, num_cpus=0).remote(*given) for node in nodes
        }
        ray.wait(list(refs.values()), num_returns=len(refs), timeout=PATIENCE)
        answers: dict[str, Any] = {}
        for node, ref in refs.items():
            try:
                answers[node] = ray.get(ref, timeout=0)
            except exceptions.RayTaskError as error:
                answers[node] = cause_of(error)
            except exceptions.RayError:
                ray.cancel(ref, force=True)
        return answers

    def remote(self, what: Callable[..., object], node: str, **asks: object) -> Any:
        """A function that runs on that node or nowhere, once."""
        return ray.remote(what).options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            max_retries=0,
            **asks,
        )

    def start(self, task: str, job: Job, node: str) -> None:
        has = self.resources().get(node, {})
        asks: dict[str, Any] = {"num_cpus": has.get("CPU", 1) if job.alone else 1}
        if job.alone and RESOURCE in has:
            asks["resources"] = {RESOURCE: 1}
        if job.device != "cpu":
            asks["num_gpus"] = has.get("GPU", 0)  # Ray hides all others
        self.refs[task] = self.remote(node_side.work, node, **asks).remote(vars(job))

    def news(self, seconds: float) -> Iterator[News]:
        if not self.refs:
            time.sleep(seconds)
            return
        tasks = {ref: task for task, ref in self.refs.items()}
        ready, _ = ray.wait(list(tasks), num_returns=1, timeout=seconds)
        for ref in ready:
            yield self.ended(tasks[ref])

    def ended(self, task: str) -> News:
        """What came of an attempt. PolyframeError if the node cannot run jobs."""
        try:
            answer: Message = ray.get(self.refs[task], timeout=PATIENCE)
        except exceptions.RayTaskError as error:
            cause = cause_of(error)
            raise PolyframeError(
                f"a node could not run a job: {type(cause).__name__}: {cause}",
                where=self.where,
                hint="install the same polyframe on every node",
            ) from None
        except exceptions.RayError as error:
            return News(task, lost=f"died ({type(error).__name__})")
        del self.refs[task]
        return News(task, answer=answer)

    def stop(self, task: str) -> None:
        ref = self.refs.pop(task, None)
        if ref is not None:
            ray.cancel(ref, force=True)  # the contestant's process ends with Ray's

    def close(self) -> None:
        """Leave; the cluster runs on."""
        for task in list(self.refs):
            with suppress(exceptions.RayError):
                self.stop(task)
        ray.shutdown()


def cause_of(error: exceptions.RayTaskError) -> Exception:
    """What a task raised on its node."""
    text = str(error.cause).strip()
    if "failed to import on the worker" in text:
        return ModuleNotFoundError(text.splitlines()[-1])
    return error.cause if isinstance(error.cause, Exception) else error


def check_address(address: str, where: str) -> None:
    """PolyframeError unless an address is "auto", or somebody listens there: Ray itself
    waits long, and may end the process."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()):
        raise PolyframeError(
            "is no address", where=where, hint="give HOST:PORT of the head, or auto"
        )
    node_side.reach(host, int(port), where, HINT)
