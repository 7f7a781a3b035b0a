"""Jobs on the nodes of a cluster, one at a time on each: what Dask and Ray have in common.

The study decides which node runs which job, and asks the cluster only to run it there. So
jobs begin in the order of the plan, a node never has two, and a job whose node is gone is
given to another one, at most ``ATTEMPTS`` times in all. What comes of an attempt that was
given up is not listened to: a job ends once.
"""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from polyframe.errors import PolyframeError, warn
from polyframe.study.executors import nodes as node_side
from polyframe.study.jobs import Done, Job, Message, Tell

ATTEMPTS = 3
"""Nodes that may die while they run a job, before it counts as failed."""
WAIT = 300.0
"""Seconds that a cluster may be without nodes."""
TICK = 1.0
"""Seconds between two looks at which nodes there are."""
REST = 20.0
"""Seconds for which a node gets nothing after an attempt on it was lost: a cluster may take
that long to see that a node is dead."""


@dataclass
class Task:
    """An attempt at a job: the node that runs it, and the attempts before."""

    job: Job
    node: str = ""
    before: int = 0


@dataclass(frozen=True)
class News:
    """What a cluster tells of an attempt: an event of the job, its answer, or why its
    node is lost."""

    task: str
    event: Message | None = None
    answer: Message | None = None
    lost: str = ""


class Cluster(ABC):
    """An executor on a cluster. ``where`` is how errors call it; ``wait``: the seconds
    that it may be without nodes."""

    def __init__(self, where: str, wait: float = WAIT) -> None:
        self.where, self.wait = where, wait
        self.known: dict[str, str] = {}  # node → why it is not used
        self.pythons: set[tuple[str, str]] = set()  # (node, Python that it has)
        self.lost_at: dict[str, float] = {}  # node → when an attempt on it was lost

    @abstractmethod
    def nodes(self) -> list[str]:
        """The nodes that are there now and may be timed on."""

    def title(self, node: str) -> str:
        """How a node is called in messages."""
        return node

    @abstractmethod
    def ask(
        self, nodes: list[str], what: Callable[..., object], *given: str
    ) -> Mapping[str, Any]:
        """What a function of ``nodes.py`` returned or raised on each node; without those
        that are gone."""

    @abstractmethod
    def start(self, task: str, job: Job, node: str) -> None:
        """Run a job on a node."""

    @abstractmethod
    def news(self, seconds: float) -> Iterator[News]:
        """What happened, or happens within some seconds."""

    @abstractmethod
    def stop(self, task: str) -> None:
        """End an attempt, and forget it."""

    @abstractmethod
    def close(self) -> None:
        """Leave the cluster as it was."""

    def ready(self) -> None:
        """Wait for a node. PolyframeError if none comes, or if one of those that are
        there cannot run jobs."""
        until, told = time.monotonic() + self.wait, False
        while not self.usable():
            self.check()
            if time.monotonic() >= until:
                raise self.deserted()
            if not told:
                warn(f"has no node yet; it may take {self.wait:g} s", self.where)
            told = True
            time.sleep(TICK)
        self.check()

    def check(self) -> None:
        """PolyframeError if a node cannot run jobs."""
        for node, reason in self.known.items():
            if reason:
                raise PolyframeError(
                    f"node {self.title(node)}: {reason}",
                    where=self.where,
                    hint="install the same polyframe on every node",
                )

    def usable(self) -> list[str]:
        """The nodes that are there and can run jobs; new ones are asked first."""
        nodes = self.nodes()
        new = [node for node in nodes if node not in self.known]
        if new:
            answers = self.ask(new, node_side.about)
            self.known |= {
                node: node_side.unfit(answer) for node, answer in answers.items()
            }
        now = time.monotonic()
        resting = {node for node, when in self.lost_at.items() if now - when < REST}
        return [n for n in nodes if self.known.get(n) == "" and n not in resting]

    def run(self, jobs: Iterable[Job], done: Done, tell: Tell) -> None:
        """Run all jobs, as many at once as there are nodes (see ``Executor``)."""
        coming, running = Coming(jobs), dict[str, Task]()
        try:
            since = time.monotonic()
            while True:
                asked = set(self.known)
                nodes = self.usable()
                for node in set(self.known) - asked:
                    if reason := self.known[node]:
                        warn(
                            f"node {self.title(node)} is left out: {reason}", self.where
                        )
                for name, task in list(running.items()):
                    if task.node not in nodes:
                        self.lost(name, running, "is gone", coming, done)
                busy = {task.node for task in running.values()}
                for node in nodes:
                    next_one = None if node in busy else coming.next()
                    if next_one is not None:
                        self.begin(next_one, node, nodes, running)
                if not running and coming.none():
                    return
                if nodes:
                    since = time.monotonic()
                elif time.monotonic() - since > self.wait:
                    raise self.deserted()
                for news in self.news(TICK):
                    self.hear(news, running, coming, done, tell)
        except BaseException:
            for name in running:
                with suppress(Exception):  # the first error is what matters
                    self.stop(name)
            raise

    def begin(
        self, task: Task, node: str, nodes: list[str], running: dict[str, Task]
    ) -> None:
        """Give a job to a node."""
        self.check_python(nodes, task.job)
        name = f"polyframe-{uuid.uuid4().hex}"
        task.node = node
        running[name] = task  # before it starts: what is interrupted is stopped
        self.start(name, task.job, node)

    def check_python(self, nodes: list[str], job: Job) -> None:
        """PolyframeError unless all nodes have the Python of a job."""
        new = [node for node in nodes if (node, job.python) not in self.pythons]
        if not job.python or not new:
            return
        for node, there in self.ask(new, node_side.has, job.python).items():
            if there is not True:
                raise PolyframeError(
                    f"node {self.title(node)} has no Python {job.python}, which "
                    f"{job.name} needs",
                    where=self.where,
                    hint="install it under the same path on every node",
                )
            self.pythons.add((node, job.python))

    def hear(
        self,
        news: News,
        running: dict[str, Task],
        coming: Coming,
        done: Done,
        tell: Tell,
    ) -> None:
        """Pass news on; those of an attempt that was given up are not."""
        task = running.get(news.task)
        if task is None:
            return
        if news.event is not None:
            tell(task.job, news.event)
        elif news.answer is not None:
            del running[news.task]
            done(task.job, news.answer)
        else:
            self.lost_at[task.node] = time.monotonic()
            self.lost(news.task, running, news.lost, coming, done)

    def lost(
        self,
        name: str,
        running: dict[str, Task],
        reason: str,
        coming: Coming,
        done: Done,
    ) -> None:
        """Give up an attempt whose node is lost; the job is the next to run."""
        task = running.pop(name)
        with suppress(Exception):  # there may be nobody who could be told
            self.stop(name)
        if task.before + 1 < ATTEMPTS:
            coming.again(Task(task.job, before=task.before + 1))
            return
        last = self.title(task.node)
        error = f"{ATTEMPTS} nodes died while it ran; the last one, {last}, {reason}"
        done(task.job, {"status": "failed", "error": error})

    def deserted(self) -> PolyframeError:
        """The error for a cluster without nodes."""
        return PolyframeError(
            f"has had no node for {self.wait:g} s",
            where=self.where,
            hint="start workers; the same command then goes on",
        )


class Coming:
    """The jobs that wait: those that lost their nodes first, then all others in order."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.jobs = iter(jobs)
        self.first: deque[Task] = deque()

    def none(self) -> bool:
        """Whether all have been given out. It takes the next job off the iterable."""
        if not self.first:
            self.first.extend(Task(job) for job in [next(self.jobs, None)] if job)
        return not self.first

    def next(self) -> Task | None:
        """The next one; None if there is none."""
        return None if self.none() else self.first.popleft()

    def again(self, task: Task) -> None:
        """A job that lost its node."""
        self.first.appendleft(task)
