"""A Dask cluster does what the loop does, also when a worker is killed in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_scan_store import WRITER, content, many_chunks, toy_scan

import nujax as nj
from nujax.inference import DaskEngine, LocalEngine

distributed = pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def _environment():
    """Dask leaves `OMP_NUM_THREADS=1` in the environment, which later processes would heed."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_worker_threads_of_this_process(tmp_path):
    """The same bytes as the loop; only numbers of chunks and a small task travel."""
    nj.scan(toy_scan(), tmp_path / "loop.zarr", engine=LocalEngine(1))
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        report = nj.scan(toy_scan(), tmp_path / "dask.zarr", engine=DaskEngine(client))
    assert report.complete
    assert content(tmp_path / "dask.zarr") == content(tmp_path / "loop.zarr")


@pytest.mark.slow
def test_a_worker_killed_in_the_middle(tmp_path):
    """kill -9 of one of two worker processes: its chunks go to others, and no byte differs."""
    killed = []
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        workers = list(client.run(os.getpid).values())

        def kill_one(report):
            if report.chunks_done >= 20 and not killed:
                killed.append(report.chunks_done)
                os.kill(workers[0], signal.SIGKILL)

        report = nj.scan(
            many_chunks(),
            tmp_path / "dask.zarr",
            engine=DaskEngine(cluster.scheduler_address),
            progress=kill_one,
        )
    assert killed
    assert killed[0] < report.chunks - 20
    assert report.complete
    # Dask gives its workers one thread of XLA each; the last digits depend on that number.
    subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path / "loop.zarr"), str(Path(__file__).parent)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
    )
    clustered, looped = (content(tmp_path / name) for name in ("dask.zarr", "loop.zarr"))
    for files in (clustered, looped):
        del files["zarr.json"]  # of who made the store, with another number of threads
    assert clustered == looped
