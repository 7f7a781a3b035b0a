"""Executors: a job ends once, whatever happens to the nodes that run it."""

from __future__ import annotations

import random
import socket
import sys
import threading

import pytest
from helpers.failing import fails
from helpers.nodes import alive, log_of, make_jobs

from polyframe.errors import PolyframeError
from polyframe.study.executors import cluster, make
from polyframe.study.executors.cluster import Cluster, News
from polyframe.study.executors.nodes import about, has, unfit
from polyframe.study.jobs import Job, Local, run_job


class Simulated(Cluster):
    """A cluster whose nodes die and come as a seed says; a second is a call of ``news``.
    Those that died may still answer, as after a broken network."""

    def __init__(self, seed=0, nodes=3, deaths=0, wait=300.0):
        super().__init__("simulated", wait)
        self.random = random.Random(seed)
        self.there = [f"n{i}" for i in range(nodes)]
        self.count, self.deaths = nodes, deaths
        self.running, self.ghosts, self.began, self.stopped = {}, [], [], []
        self.protocol = about()["protocol"]

    def nodes(self):
        return list(self.there)

    def ask(self, nodes, what, *given):
        if what is about:
            return {node: {**about(), "protocol": self.protocol} for node in nodes}
        assert what is has
        return {node: node != "n1" or given != ("/only/elsewhere",) for node in nodes}

    def start(self, task, job, node):
        assert node in self.there
        assert node not in {n for n, *_ in self.running.values()}, "two jobs on a node"
        self.running[task] = (node, job, self.random.randint(1, 5))
        self.began.append(job.name)

    def news(self, seconds):
        if self.deaths and self.there and self.random.random() < 0.3:
            self.deaths -= 1
            node = self.random.choice(self.there)
            self.there.remove(node)
            gone = {t: v for t, v in self.running.items() if v[0] == node}
            self.ghosts += [(t, v[1]) for t, v in gone.items()]
            for task in gone:
                del self.running[task]
                if self.random.random() < 0.5:
                    yield News(task, lost="died")
        if len(self.there) < 3 and self.random.random() < 0.5:
            self.there.append(f"n{self.count}")
            self.count += 1
        for task, job in [ghost for ghost in self.ghosts if ghost[0] in self.stopped]:
            yield News(
                task, answer={"status": "done", "result": f"ghost of {job.name}"}
            )
        for task, (node, job, left) in list(self.running.items()):
            if task not in self.running:  # given up while we tell
                continue
            self.running[task] = (node, job, left - 1)
            yield News(task, event={"event": "epoch"})
            if left == 1:
                del self.running[task]
                yield News(task, answer={"status": "done", "result": job.name})

    def stop(self, task):
        self.stopped.append(task)
        self.running.pop(task, None)

    def close(self):
        pass


def numbered(count):
    return [Job(f"job{i}", {}) for i in range(count)]


@pytest.fixture
def patient(monkeypatch):
    """Nodes are used again at once, and jobs may lose as many as they like."""
    monkeypatch.setattr(cluster, "REST", 0.0)
    monkeypatch.setattr(cluster, "ATTEMPTS", 100)


@pytest.mark.parametrize("seed", range(20))
def test_every_job_ends_once_while_nodes_die(seed, patient):
    executor, ended = Simulated(seed, deaths=20), []
    executor.run(
        iter(numbered(120)),
        lambda job, answer: ended.append((job.name, answer["result"])),
        lambda job, message: None,
    )
    assert sorted(ended) == sorted((f"job{i}",) * 2 for i in range(120))
    assert executor.deaths == 0 and len(executor.began) > 120
    first = list(dict.fromkeys(executor.began))
    assert first == [f"job{i}" for i in range(120)], (
        "jobs begin in the order of the plan"
    )


def test_a_job_that_kills_its_nodes_fails(monkeypatch):
    monkeypatch.setattr(cluster, "REST", 0.0)
    executor, ended = Simulated(nodes=1), {}

    def news(seconds):
        for task, (_, job, _) in list(executor.running.items()):
            if job.name == "job1":
                yield News(task, lost="died")
            else:
                yield News(task, answer={"status": "done", "result": 1})
                executor.running.pop(task)

    executor.news = news
    executor.run(
        numbered(3),
        lambda job, answer: ended.update({job.name: answer}),
        lambda *_: None,
    )
    assert executor.began == ["job0", "job1", "job1", "job1", "job2"]
    assert ended["job1"] == {
        "status": "failed",
        "error": "3 nodes died while it ran; the last one, n0, died",
    }
    assert ended["job0"]["status"] == ended["job2"]["status"] == "done"


def test_a_node_that_was_lost_gets_nothing_for_a_while():
    """A cluster may list it for some time, and three attempts are soon over."""
    executor, lost, ended = Simulated(nodes=2), [], []
    news = executor.news

    def losing(seconds):
        for task, (node, _, _) in list(executor.running.items()):
            if node == "n0":
                lost.append(node)
                yield News(task, lost="died")
        yield from news(seconds)

    executor.there, executor.news = ["n0", "n1", "n2"], losing
    executor.run(numbered(9), lambda job, a: ended.append(job.name), lambda *_: None)
    assert lost == ["n0"] and len(ended) == 9


@pytest.mark.parametrize("where", ["done", "tell"])
def test_an_interrupt_ends_all_that_run(where):
    executor = Simulated()

    def interrupt(*given):
        raise KeyboardInterrupt

    calls = {"done": lambda *_: None, "tell": lambda *_: None, where: interrupt}
    with pytest.raises(KeyboardInterrupt):
        executor.run(numbered(9), calls["done"], calls["tell"])
    assert executor.running == {} and len(set(executor.stopped)) >= 2


def test_what_nodes_must_be():
    executor = Simulated(nodes=0, wait=0.0)
    text = "simulated: has had no node for 0 s (start workers; the same command then"
    fails(PolyframeError, executor.ready, text)
    executor.wait = 10
    with pytest.warns(
        UserWarning, match="simulated: has no node yet; it may take 10 s"
    ):
        threading.Timer(0.3, lambda: executor.there.append("n0")).start()
        executor.ready()
    executor = Simulated()
    executor.protocol = 7
    said = about()
    text = (
        f"simulated: node n0: its polyframe {said['polyframe']} (Python "
        f"{said['python']}) speaks protocol 7, this one ({said['polyframe']}) "
        f"{said['protocol']} (install the same polyframe on every node)"
    )
    assert fails(PolyframeError, executor.ready, text) == text
    assert unfit(ModuleNotFoundError("No module named 'polyframe'")) == (
        "its Python cannot import polyframe (No module named 'polyframe')"
    )
    job = Job("torch@/only/elsewhere, seed 0", {}, "/only/elsewhere")
    text = (
        "simulated: node n1 has no Python /only/elsewhere, which torch@/only/elsewhere, "
        "seed 0 needs (install it under the same path on every node)"
    )
    run = lambda: Simulated().run([job], lambda *_: None, lambda *_: None)  # noqa: E731
    assert fails(PolyframeError, run, text) == text
    assert has("") and has(sys.executable) and not has("/no/such/python")


def test_a_node_that_comes_late_with_another_protocol_is_left_out():
    executor, ended = Simulated(nodes=3), []
    executor.ready()
    executor.protocol = 7
    executor.there.append("n9")
    with pytest.warns(
        UserWarning, match="simulated: node n9 is left out: its polyframe"
    ):
        executor.run(
            numbered(2), lambda job, a: ended.append(job.name), lambda *_: None
        )
    assert ended == ["job0", "job1"]


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("dsk", "x"), "executor: 'dsk' is no executor. Did you mean 'dask'? (one of"),
        (("local", "x"), "executor: local runs on this machine and takes no address"),
        (
            ("dask", None),
            "executor dask: needs the address of a cluster that runs (--addr",
        ),
        (
            ("ray", ""),
            "executor ray: needs the address of a cluster that runs (--address",
        ),
        (
            ("dask", "no.json"),
            "executor dask, no.json: is no scheduler file (FileNotFound",
        ),
        (
            ("dask", "here"),
            "executor dask, here: is no address (give tcp://HOST:PORT, or",
        ),
        (("dask", "h:x"), "executor dask, h:x: is no address"),
        (("dask", "127.0.0.1:{}"), "executor dask, 127.0.0.1:{}: nobody listens there"),
    ],
)
def test_an_executor_that_cannot_be_had(given, text):
    port = closed_port()
    name, address = given
    address = address and address.format(port)
    fails(PolyframeError, lambda: make(name, address), text.format(port))


@pytest.mark.full  # importing ray takes seconds
@pytest.mark.parametrize("given", ["here", "127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_a_ray_that_is_not_there(given):
    address = given.format(closed_port())
    wrong = "is no address" if given == "here" else "nobody listens there"
    text = f"executor ray, {address}: {wrong}"
    fails(PolyframeError, lambda: make("ray", address), text)


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_an_extra_that_is_not_installed(name, package, monkeypatch):
    monkeypatch.delitem(sys.modules, f"polyframe.study.executors.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    text = f"executor {name}: needs {package}, which does not import:"
    text = fails(PolyframeError, lambda: make(name, "127.0.0.1:1"), text)
    assert text.endswith(f'(pip install "polyframe[{name}]")')


def test_a_job_that_nobody_wants_any_more_is_killed(tmp_path):
    (job,) = make_jobs(tmp_path, 1, 300.0)
    answer = run_job(job, unwanted=lambda: bool(log_of(tmp_path)))
    assert answer == {"status": "failed", "error": "was stopped"}
    ((_, _, process, *_),) = log_of(tmp_path)
    assert not alive(process)
    (job,) = make_jobs(tmp_path, 1, 300.0, time_limit=0.7)
    assert run_job(job) == {
        "status": "timeout",
        "error": "took longer than 0.7 s and was ended",
    }


def test_local_runs_one_after_the_other(tmp_path):
    executor, ended, events = make("local"), [], []
    assert isinstance(executor, Local)
    executor.run(
        make_jobs(tmp_path, 2, 0.01),
        lambda job, answer: ended.append((job.name, answer["status"])),
        lambda job, message: events.append((job.name, message["event"])),
    )
    executor.close()
    assert ended == [("job0", "done"), ("job1", "done")]
    assert events == [("job0", "epoch"), ("job1", "epoch")]
    assert [line[:2] for line in log_of(tmp_path)] == [
        [f"job{i}", what] for i in range(2) for what in ("began", "ended")
    ]
