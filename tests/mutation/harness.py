"""Running mutants: two processes of their own, one mutant at a time, each with a time
limit; a program that raises, crashes its process or does not end is caught."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import sys
import threading
from dataclasses import dataclass, field

from .points import Mutant, mutants
from .unit import Unit, UnrepeatableError
from .units import runner, texts, units

LIMIT = 60  # seconds for a mutant; the slowest unit takes about 5
START = 300  # seconds for importing a framework and running what is not mutated
WORKERS = 2
RENEW = 1500  # mutants after which a process ends: frameworks keep what they compiled


@dataclass
class Task:
    """Mutants of one unit."""

    unit: Unit
    mutants: list[Mutant] = field(default_factory=list)


def every(backends, only=None) -> dict[Mutant, list[Unit]]:
    """Every mutant (of some units only) and the units whose programs hold its text."""
    held: dict[Mutant, list[Unit]] = {}
    for backend in backends:
        for unit in units(backend) if only is None else only:
            for text in texts(unit):
                for mutant in mutants(backend, text):
                    held.setdefault(mutant, []).append(unit)
    return held


def survivors(
    held: dict[Mutant, list[Unit]], told=lambda line: None
) -> dict[Mutant, str | None]:
    """Mutant → how it was caught, or None; each is tried in its units until it is."""
    verdicts: dict[Mutant, str | None] = dict.fromkeys(held)
    for turn in range(max(map(len, held.values()), default=0)):
        tasks: dict[Unit, Task] = {}
        for mutant, places in held.items():
            if verdicts[mutant] is None and turn < len(places):
                unit = places[turn]
                tasks.setdefault(unit, Task(unit)).mutants.append(mutant)
        if tasks:
            told(
                f"round {turn + 1}: {sum(len(t.mutants) for t in tasks.values())} mutants"
            )
            verdicts.update(run(list(tasks.values()), told))
    return verdicts


def run(tasks: list[Task], told=lambda line: None) -> dict[Mutant, str | None]:
    """Run tasks in processes of their own."""
    backends = {task.unit.backend for task in tasks}
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    results: dict[Mutant, str | None] = {}
    errors: list[BaseException] = []

    def drive():
        hand = Hand(backends)
        try:
            while not errors:
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    return
                verdicts = hand.run(task)
                results.update(verdicts)
                left = sum(v is None for v in verdicts.values())
                told(f"{task.unit}: {len(verdicts)} mutants, {left} left")
        except BaseException as error:
            errors.append(error)
        finally:
            hand.end()

    threads = [threading.Thread(target=drive) for _ in range(min(WORKERS, len(tasks)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


class Hand:
    """A process that runs mutants of some backends, made anew when one has broken it."""

    def __init__(self, backends):
        self.backends = backends
        self.process, self.line, self.done = None, None, 0

    def begin(self):
        context = multiprocessing.get_context("spawn")
        self.line, other = context.Pipe()
        self.process = context.Process(
            target=work, args=(other, self.backends), daemon=True
        )
        self.process.start()
        other.close()
        self.done = 0

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.line.close()
            self.process = None

    def run(self, task: Task) -> dict[Mutant, str | None]:
        verdicts: dict[Mutant, str | None] = {}
        left = list(task.mutants)
        while left:
            if self.done > RENEW:
                self.end()
            if self.process is None:
                self.begin()
            self.line.send((task.unit, left))
            kind, detail = self.hear(START)
            if kind != "ready" and self.done:  # what ran before it may be the cause
                self.end()
                continue
            if kind != "ready":
                raise RuntimeError(f"{task.unit}: the program as written: {detail}")
            while left:
                kind, detail = self.hear(LIMIT)
                if kind == "failed" and self.done:  # an earlier mutant may be the cause
                    self.end()
                    break
                if kind == "failed":
                    raise RuntimeError(detail)
                verdicts[left.pop(0)] = detail
                self.done += 1
                if kind == "lost":
                    self.end()
                    break
        return verdicts

    def hear(self, limit):
        try:
            if self.line.poll(limit):
                return self.line.recv()
        except (EOFError, ConnectionError):
            return "lost", "the process crashed"
        return "lost", f"took more than {limit} s"


def work(line, backends) -> None:
    """What a process does: units of some backends and mutants in, verdicts out."""
    quiet(backends)
    while True:
        try:
            unit, left = line.recv()
        except EOFError:
            return
        eager(True)
        try:
            try:
                known = runner(unit)
            except AttributeError:  # Conv3D has no gradient op by op
                eager(False)
                known = runner(unit)
        except BaseException as error:
            line.send(("failed", f"{type(error).__name__}: {error}"))
            return
        line.send(("ready", None))
        for mutant in left:
            try:
                line.send(("verdict", verdict(known, mutant)))
            except UnrepeatableError as error:
                line.send(("failed", str(error)))
                return
            settle()


def verdict(known, mutant: Mutant) -> str | None:
    """How a mutant is caught, or None."""
    try:
        return known.check(mutant)
    except UnrepeatableError:
        raise
    except Exception as error:
        return type(error).__name__


def settle() -> None:
    """Wait for what MXNet still has under way: it raises an error of one mutant where
    somebody asks next, which would be another mutant's catch."""
    mxnet = sys.modules.get("mxnet")
    for _ in range(2 if mxnet else 0):
        with contextlib.suppress(Exception):
            mxnet.nd.waitall()


def eager(on: bool) -> None:
    """Whether TensorFlow runs op by op: a program is the same Python either way, and
    compiling it takes a second each."""
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].config.run_functions_eagerly(on)


def quiet(backends) -> None:
    """Load these backends, and show nothing of what they say of broken programs."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the process's life
    import warnings

    warnings.simplefilter("ignore")
    from polyframe.contract import registry

    for name in registry.backends():  # MXNet before TensorFlow would take its threads
        if name in backends:
            registry.get(name).probe()
