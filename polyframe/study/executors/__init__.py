"""Executors: where a study's jobs run. ``make`` gives one by its name."""

from __future__ import annotations

from polyframe.errors import PolyframeError, brief, did_you_mean
from polyframe.study.jobs import Executor, Local

ADDRESSES = {
    "dask": "--address tcp://HOST:8786, or the scheduler's file",
    "ray": "--address HOST:6379, or auto on a machine of the cluster",
}
"""Executor of a cluster → how its address is given."""
NAMES = ("local", *ADDRESSES)


def make(name: str, address: str | None = None) -> Executor:
    """The executor of a name: ``"local"``, ``"dask"`` or ``"ray"``.

    ``address`` is the cluster's: of a Dask scheduler (``tcp://HOST:8786``) or the path of
    its scheduler file; of a Ray cluster's head (``HOST:6379``), or ``auto``. Its nodes
    are asked for their polyframe first.

    PolyframeError where the name is unknown, the address missing, the extra not
    installed, nobody listens there, the cluster has no nodes, or a node has no polyframe
    or one that speaks another protocol.
    """
    if name not in NAMES:
        raise PolyframeError(
            f"{brief(name)} is no executor.{did_you_mean(name, NAMES)}",
            where="executor",
            hint=f"one of {', '.join(NAMES)}",
        )
    if name == "local":
        if address:
            raise PolyframeError(
                "local runs on this machine and takes no address",
                where="executor",
                hint="leave --address out, or give --executor dask or ray",
            )
        return Local()
    if not address:
        raise PolyframeError(
            "needs the address of a cluster that runs",
            where=f"executor {name}",
            hint=ADDRESSES[name],
        )
    if name == "dask":
        from polyframe.study.executors.dask import Dask

        return Dask(address)
    from polyframe.study.executors.ray import Ray

    return Ray(address)
