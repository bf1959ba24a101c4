"""Sweeps on a real Dask cluster: two worker processes on this machine, one of which is killed."""

import importlib
import itertools
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import quantumlink as ql
from quantumlink.sweeps import PointError, WorkerDied, sweep

distributed = pytest.importorskip("distributed")

POINTS = '''
import os, signal, time
import numpy as np
import quantumlink as ql

def link(werner, hops):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.chain([ql.ElementaryLink(a, b, fidelity=werner) for a, b in zip(nodes, nodes[1:])])

def random(x, seed):
    return {"draw": np.random.default_rng(seed).random() + x, "pid": os.getpid()}

def unseeded(x):
    return {"draw": int.from_bytes(os.urandom(7), "big")}

def gated(folder, x):
    """One point says who computes it, and waits until the file "go" is there."""
    with open(os.path.join(folder, f"{x}"), "a") as file:
        file.write(f"{os.getpid()}\\n")
    while x == 5 and not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.01)
    return {"square": x * x, "third": x / 3}

def deadly(x):
    if x == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return x

def waiting(folder, x):
    if x == 3:
        open(os.path.join(folder, "begun"), "w").close()
    while x == 3 and not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.01)
    return x
'''


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    folder = tmp_path_factory.mktemp("points")
    (folder / "dask_points.py").write_text(POINTS)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("dask_points")
    sys.path.remove(str(folder))
    del sys.modules["dask_points"]


@pytest.fixture(scope="module")
def client(points):
    import dask

    settings = {"distributed.scheduler.allowed-failures": 1, "distributed.scheduler.work-stealing": False}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            processes=True,
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            host="127.0.0.1",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines_of(cache):
    return [line for path in Path(cache).rglob("*.jsonl") for line in path.read_bytes().splitlines()]


def test_equals_a_plain_loop(points, client):
    grid = {"werner": [0.8, 0.9, 1.0], "hops": [1, 2, 3]}
    table = sweep(points.link, grid, executor=client.get_executor())
    for row, (werner, hops) in zip(table, itertools.product(*grid.values()), strict=True):
        state = ql.evaluate(points.link(werner, hops))
        assert (row["werner"], row["hops"]) == (werner, hops)
        assert (row["fidelity"], row["qber_z"], row["chsh"]) == (state.fidelity, state.qber("Z"), state.chsh)


def test_functions_of_a_notebook(client):
    shift = 3
    assert sweep(lambda x: x + shift, {"x": range(5)}, executor=client.get_executor())["value"].tolist() == [
        3,
        4,
        5,
        6,
        7,
    ]


def test_seeds_and_equal_tasks(points, client, seed):
    """Dask runs equal tasks once, unless told otherwise: every task of a sweep differs."""
    grid = {"x": [1.5, 2, 2, 3]}
    table = sweep(points.random, grid, seed=seed, executor=client.get_executor(), chunk=1)
    expected = [points.random(row["x"], row["seed"])["draw"] for row in table]
    assert table["draw"].tolist() == expected
    assert not set(table["pid"].tolist()) & {os.getpid()}
    draws = sweep(points.unseeded, {"x": [2] * 6}, executor=client.get_executor(), chunk=1)["draw"]
    assert len(set(draws.tolist())) == 6  # two of them equal: once in 2⁵² times


@pytest.mark.parametrize("chunk", [1, 4])
def test_a_killed_worker(points, client, tmp_path, chunk):
    def killer():
        wait_until(lambda: (tmp_path / "5").exists() and (tmp_path / "5").read_text().endswith("\n"))
        os.kill(int((tmp_path / "5").read_text().split()[0]), signal.SIGKILL)
        (tmp_path / "go").touch()

    thread = threading.Thread(target=killer)
    thread.start()
    grid = {"folder": [str(tmp_path)], "x": range(30)}
    table = sweep(
        points.gated, grid, executor=client.get_executor(), cache=tmp_path / "cache", task="t", chunk=chunk
    )
    thread.join()
    assert table["square"].tolist() == [x * x for x in range(30)]
    assert table["third"].tolist() == [x / 3 for x in range(30)]
    pids = (tmp_path / "5").read_text().split()
    assert len(pids) == 2  # computed again,
    assert pids[0] != pids[1]  # by another process
    assert len(lines_of(tmp_path / "cache")) == 30


def test_a_point_that_always_kills(points, client, tmp_path):
    # Dask may blame what waited on the same worker: which pair it names is its own affair.
    with pytest.raises(
        WorkerDied, match=r"Dask gave up .*under way were deadly\(x=\d\), deadly\(x=\d\)\. .*in the cache"
    ):
        sweep(points.deadly, {"x": range(8)}, executor=client.get_executor(), cache=tmp_path, task="t", chunk=2)
    kept = len(lines_of(tmp_path))
    table = sweep(points.deadly, {"x": range(7)}, executor=client.get_executor(), cache=tmp_path, task="t")
    assert table["value"].tolist() == list(range(7))
    assert len(lines_of(tmp_path)) == 7 >= kept


def test_errors_name_the_point(client):
    lock = threading.Lock()
    with pytest.raises(PointError, match=r"\(x=0\) raised ZeroDivisionError") as caught:
        sweep(lambda x: 1 / x, {"x": [1, 2, 0]}, executor=client.get_executor())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(TypeError, match=r"the function .*lambda> cannot be sent"):
        sweep(lambda x: lock.locked(), {"x": [1]}, executor=client.get_executor())
    with pytest.raises(TypeError, match=r"an argument of .*lambda>\(x=<unlocked.*cannot be sent"):
        sweep(lambda x: 1, {"x": [lock]}, executor=client.get_executor())


def test_work_that_is_cancelled(points, client, tmp_path):
    executor = client.get_executor()

    def canceller():
        # Some points may wait behind the last one, on the same worker.
        try:
            wait_until(lambda: (tmp_path / "begun").exists() and lines_of(tmp_path / "cache"))
        finally:
            executor.shutdown(wait=False)
            (tmp_path / "go").touch()

    thread = threading.Thread(target=canceller)
    thread.start()
    grid = {"folder": [str(tmp_path)], "x": range(4)}
    with pytest.raises(WorkerDied, match=r"shut down, or has cancelled the work.*in the cache"):
        sweep(points.waiting, grid, executor=executor, cache=tmp_path / "cache", task="t", chunk=1)
    thread.join()
    assert 1 <= len(lines_of(tmp_path / "cache")) <= 3
