"""A Dask cluster of SLURM's nodes, for studies: ``python slurm_study.py`` on a login node
asks SLURM for them, prints the command's ``--address`` and waits until Enter is pressed.
It needs dask-jobqueue, and a queue of your own in the place of "compute"."""

from dask_jobqueue import SLURMCluster


def open_cluster(nodes: int) -> SLURMCluster:
    """A scheduler on this machine, and a job of SLURM's for each node."""
    cluster = SLURMCluster(
        queue="compute",
        cores=1,  # jobs of a study that a worker runs at once
        processes=1,
        memory="16 GB",
        walltime="04:00:00",
        interface="ib0",  # the scheduler listens there, and nowhere else
        job_cpu=16,
        job_extra_directives=["--exclusive"],  # nobody else computes there
        worker_extra_args=["--resources", "node=1"],  # one study's job at a time
    )
    cluster.scale(jobs=nodes)
    return cluster


if __name__ == "__main__":
    with open_cluster(nodes=4) as cluster:
        print(f"--executor dask --address {cluster.scheduler_address}")
        input("Enter gives the nodes back: ")
