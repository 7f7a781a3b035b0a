"""A Ray cluster of two nodes, in a network and among processes of its own: run as a
script there, with a folder, into which it writes what happened. Ray listens on the
machine's own address; such a network has none but 127.0.0.1."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.nodes import alive, log_of, make_jobs, overlaps, status_of, wait_for

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
OBJECTS = 80 * 2**20
"""Bytes of each node's object store; Ray wants 75 MiB."""


def raise_loopback():
    """Switch 127.0.0.1 on: a new network has it, but off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        request = fcntl.ioctl(one, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        _, flags = struct.unpack("16sh14x", request)
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def main(folder):
    """Run jobs while a node is killed; interrupt others; see that the cluster is left."""
    from ray.cluster_utils import Cluster

    from polyframe.study.executors import make

    node = {
        "num_cpus": 1,
        "resources": {"node": 1},
        "object_store_memory": OBJECTS,
        "include_dashboard": False,
    }
    for last in (False, False, True):
        try:
            cluster = Cluster(initialize_head=True, head_node_args=dict(node))
            break
        except (
            Exception
        ):  # Ray gives it 30 s to start, whatever the machine does beside
            if last:
                raise
    other = cluster.add_node(**node)
    raylet = other.all_processes["raylet"][0].process.pid

    def kill():
        def running_there():
            return [
                line
                for line in log_of(folder)
                if line[1] == "began" and status_of(line[3])[1] == raylet
            ]

        (line, *_) = wait_for(running_there, 200)
        killed.append(line[0])
        cluster.remove_node(other, allow_graceful=False)

    killed, ended = [], []
    executor = make("ray", cluster.address)
    nodes = len(executor.nodes())
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    executor.run(
        make_jobs(folder, 6, 0.5, hangs_on=raylet),
        lambda job, answer: ended.append((job.name, answer["status"])),
        lambda job, message: None,
    )
    killer.join()
    log = log_of(folder)
    (folder / "log").unlink()

    def interrupt(*_):
        raise KeyboardInterrupt

    first, *long = make_jobs(folder, 1, 0.0) + make_jobs(folder, 3, 300.0)
    interrupted = False
    try:
        executor.run([first], interrupt, lambda *_: None)
    except KeyboardInterrupt:
        interrupted = True
    stop_soon = threading.Thread(target=lambda: wait_and_interrupt(folder), daemon=True)
    stop_soon.start()
    try:
        executor.run(long, lambda *_: None, lambda *_: None)
    except KeyboardInterrupt:
        ended_early = wait_for(
            lambda: not any(alive(line[2]) for line in log_of(folder)), 60
        )
    executor.close()
    again, after = make("ray", cluster.address), []
    again.run(make_jobs(folder, 1, 0.0), lambda j, a: after.append(a), lambda *_: None)
    missing = ""
    try:
        again.check_python(again.nodes(), replace(first, python="/none"))
    except Exception as error:
        missing = str(error)
    again.close()
    cluster.shutdown()
    return {
        "nodes": nodes,
        "ended": sorted(ended),
        "killed": killed,
        "log": log,
        "overlaps": overlaps(log),
        "interrupted": interrupted,
        "ended_early": ended_early,
        "after": [answer["status"] for answer in after],
        "missing": missing,
    }


def wait_and_interrupt(folder):
    """Ctrl-C while a long job runs."""
    import _thread

    wait_for(lambda: [line for line in log_of(folder) if line[1] == "began"][1:], 200)
    _thread.interrupt_main()


if __name__ == "__main__":
    raise_loopback()
    temporary = tempfile.mkdtemp(prefix="ray")  # short: sockets lie in it
    os.environ["RAY_TMPDIR"] = temporary
    try:
        result = main(Path(sys.argv[1]))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    (Path(sys.argv[1]) / "result.json").write_text(json.dumps(result))
    os._exit(0)
