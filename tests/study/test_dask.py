"""Studies' jobs on a real Dask cluster of two nodes, of which one is killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.failing import fails
from helpers.nodes import Processes, alive, log_of, make_jobs, overlaps, wait_for

from polyframe.errors import PolyframeError
from polyframe.study import jobs
from polyframe.study.executors import make

pytestmark = pytest.mark.filterwarnings("ignore:.*has no node yet:UserWarning")
LONGEST = 400
"""Seconds after which the cluster is killed, whatever hangs."""
NODE = ("--resources", "node=1")


def only(host):
    """Options for the web server, which --no-dashboard leaves on, and --host does not
    bind."""
    return "--no-dashboard", "--dashboard-address", f"{host}:0"


def listening(process):
    """The IPv4 and IPv6 addresses on which a process listens, as the kernel tells."""
    opened = {os.readlink(fd) for fd in Path(f"/proc/{process}/fd").iterdir()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, address, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in opened:
                yield address.partition(":")[0]


class DaskCluster(Processes):
    """A scheduler; it ends when it had nothing to do for a while, and workers with it."""

    def __init__(self, folder):
        super().__init__()
        self.file = folder / "scheduler.json"
        own = ("--host", "127.0.0.1", "--port", "0", *only("127.0.0.1"))
        file = ("--scheduler-file", str(self.file), "--idle-timeout", f"{LONGEST} s")
        self.start("distributed.cli.dask_scheduler", *own, *file)
        wait_for(lambda: self.file.exists() and self.file.read_text().endswith("}"))

    def worker(self, host, *more, **options):
        """One worker process; its work may be killed without anybody to restart it."""
        own = ("--host", host, "--no-nanny", "--nthreads", "2", *only(host))
        file = ("--scheduler-file", str(self.file), "--death-timeout", "60")
        words = ("distributed.cli.dask_worker", *own, *file, *more)
        return self.start(*words, cwd=self.file.parent, **options)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    watchdog = threading.Timer(LONGEST, cluster.end)
    watchdog.start()
    cluster.worker("127.0.0.1", *NODE)
    cluster.worker("127.0.0.2", *NODE)
    yield cluster
    watchdog.cancel()
    cluster.end()


def test_a_node_is_killed_and_every_job_ends_once(dask, tmp_path):
    executor = make("dask", str(dask.file))
    wait_for(lambda: len(executor.nodes()) == 2)
    ended, events, killed = [], [], []
    caller, node = threading.get_ident(), dask.all[1].pid

    def tell(job, message):
        assert threading.get_ident() == caller
        events.append(job.name)
        if message["node"] == node:
            killed.append(job.name)
            os.kill(node, signal.SIGKILL)

    def done(job, answer):
        assert threading.get_ident() == caller
        ended.append((job.name, answer["status"], answer["result"]["name"]))

    executor.run(make_jobs(tmp_path, 6, 0.6, hangs_on=node), done, tell)
    assert sorted(ended) == [(f"job{i}", "done", f"job{i}") for i in range(6)]
    assert set(events) == {f"job{i}" for i in range(6)}
    (lost,) = killed
    log = log_of(tmp_path)
    wait_for(lambda: [lost, "was dropped"] in [line[:2] for line in log_of(tmp_path)])
    began = [line for line in log if line[:2] == [lost, "began"]]
    assert [line[3] == node for line in began] == [True, False], "again, and elsewhere"
    assert overlaps(log) == []
    assert len(executor.nodes()) == 1
    executor.close()


def test_only_this_machine_can_reach_it(dask):
    """What docs/clusters.md says to start listens on 127.0.0.1, 127.0.0.2, … only."""
    addresses = [a for p in dask.all if p.poll() is None for a in listening(p.pid)]
    assert len(addresses) >= 4
    assert all(len(a) == 8 and a.endswith("7F") for a in addresses), addresses


def test_an_interrupt_ends_the_jobs_and_leaves_the_cluster(dask, tmp_path):
    executor = make("dask", str(dask.file))

    def interrupt(job, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        executor.run(make_jobs(tmp_path, 3, 300.0), lambda *_: None, interrupt)
    wait_for(lambda: not [x for x in log_of(tmp_path) if alive(x[2])])
    assert len(log_of(tmp_path)) <= 2
    executor.close()
    again, ended = make("dask", str(dask.file)), []
    (tmp_path / "log").unlink()
    again.run(
        make_jobs(tmp_path, 1, 0.0), lambda j, a: ended.append(a), lambda *_: None
    )
    again.close()
    assert [answer["status"] for answer in ended] == ["done"]


def test_nodes_are_asked_first(dask, monkeypatch, tmp_path):
    executor = make("dask", str(dask.file))
    job = jobs.Job("torch@/no/such/python", {}, "/no/such/python")
    run = lambda: executor.run([job], lambda *_: None, lambda *_: None)  # noqa: E731
    fails(PolyframeError, run, "has no Python /no/such/python, which torch@/no/such/py")
    executor.close()
    monkeypatch.setattr(jobs, "PROTOCOL", 7)
    text = f"executor dask, {dask.file}: node tcp://127.0.0."
    text = fails(PolyframeError, lambda: make("dask", str(dask.file)), text)
    assert "speaks protocol 1, this one" in text


@pytest.mark.full
def test_nodes_are_killed_at_20_random_moments(tmp_path, monkeypatch):
    """And others come in their place; jobs go on until the last one was killed."""
    monkeypatch.setattr("polyframe.study.executors.cluster.ATTEMPTS", 100)
    cluster, moments = DaskCluster(tmp_path), random.Random(0)
    watchdog = threading.Timer(3 * LONGEST, cluster.end)
    watchdog.start()
    hosts = ("127.0.0.1", "127.0.0.2")
    workers = [cluster.worker(host, *NODE) for host in hosts]
    executor, ended = make("dask", str(cluster.file)), []

    def kill():
        for _ in range(20):
            wait_for(lambda: len(executor.client.nthreads()) == 2, LONGEST)
            time.sleep(moments.uniform(0, 4))
            which = moments.randrange(2)
            workers[which].kill()
            workers[which].wait()
            workers[which] = cluster.worker(hosts[which], *NODE)

    killer = threading.Thread(target=kill, daemon=True)
    given = []

    def endless():
        for job in make_jobs(tmp_path, 10_000, 0.5):
            if not killer.is_alive():
                return
            given.append(job.name)
            yield job

    try:
        killer.start()
        executor.run(
            endless(), lambda job, answer: ended.append(job.name), lambda *_: None
        )
    finally:
        watchdog.cancel()
        executor.close()
        cluster.end()
    killer.join()
    assert sorted(ended) == sorted(given) and len(given) >= 10
    log = log_of(tmp_path)
    assert len([line for line in log if line[1] == "began"]) > len(given)
    assert overlaps(log) == []


@pytest.mark.full
def test_a_node_without_polyframe(dask, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['polyframe'] = None"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    bare = dask.worker("127.0.0.3", *NODE, env=environment)
    executor = make("dask", str(dask.file))

    def left_out():
        executor.usable()
        return [n for n, reason in executor.known.items() if "cannot import" in reason]

    (node,) = wait_for(left_out)
    assert node.startswith("tcp://127.0.0.3:")
    executor.close()
    text = (
        f"executor dask, {dask.file}: node {node}: its Python cannot import polyframe ("
    )
    fails(PolyframeError, lambda: make("dask", str(dask.file)), text)
    bare.kill()


@pytest.mark.full
def test_a_scheduler_that_dies(tmp_path):
    cluster = DaskCluster(tmp_path)
    try:
        cluster.worker("127.0.0.1", *NODE)
        executor = make("dask", str(cluster.file))
        kill = lambda *_: cluster.all[0].kill()  # noqa: E731
        run = lambda: executor.run(  # noqa: E731
            make_jobs(tmp_path, 2, 300.0), lambda *_: None, kill
        )
        fails(PolyframeError, run, "the scheduler is gone, or was restarted")
        executor.close()
    finally:
        cluster.end()


def test_which_workers_are_nodes():
    """One of each machine, and always the same one, where none declares to be a node."""
    from polyframe.study.executors.dask import Dask

    workers = {}

    def executor():
        one = Dask.__new__(Dask)
        one.where, one.declared, one.chosen = "executor dask, x", None, []
        one.client = SimpleNamespace(
            sync=lambda *_, **__: {"workers": workers},
            scheduler=SimpleNamespace(identity=None),
        )
        return one

    def worker(host, **resources):
        return {"host": host, "resources": resources, "status": "running"}

    workers.update({"b1": worker("b"), "a1": worker("a"), "a2": worker("a")})
    undeclared = executor()
    with pytest.warns(
        UserWarning, match="its workers declare no resource node: jobs run"
    ):
        assert sorted(undeclared.nodes()) == ["a1", "b1"]
    del workers["a1"]
    assert sorted(undeclared.nodes()) == ["a2", "b1"]
    workers.update({"a0": worker("a"), "c1": worker("c", node=1)})
    workers["b1"]["status"] = "closing"
    assert sorted(undeclared.nodes()) == ["a2", "c1"]
    declared = executor()
    assert declared.nodes() == ["c1"]
    del workers["c1"]
    assert declared.nodes() == [], "nobody else is used meanwhile"
