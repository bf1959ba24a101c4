"""Sweeps: exactly what a plain loop gives, whoever computes it, whatever dies, and each point once."""

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.estimation import Estimate
from quantumlink.sweeps import PointError, WorkerDied, sweep
from quantumlink.sweeps.crew import Crew, Task

# What workers import: they cannot import this file, which pytest loads under a name of its own.
POINTS = '''
import os, signal, time
import numpy as np
import quantumlink as ql

def record(folder, what):
    """One byte a call, so that calls are counted across processes."""
    with open(os.path.join(folder, str(what)), "ab") as file:
        file.write(b".")

def numbers(folder, x, y):
    record(folder, f"{x}-{y}")
    return {"sum": x + y, "ratio": x / (y + 3), "less": x < y}

def link(werner, hops):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.chain([ql.ElementaryLink(a, b, fidelity=werner) for a, b in zip(nodes, nodes[1:])])

def random(x, seed):
    return {"draw": np.random.default_rng(seed).random() + x, "used": seed}

def failing(folder, x):
    if x == 5:
        raise ValueError("five is right out")
    return numbers(folder, x, 0)

class TwoArguments(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")

def failing_badly(x):
    raise TwoArguments(1, 2)

def killed_once(folder, x):
    mark = os.path.join(folder, "killed")
    if x == 7 and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers(folder, x, 0)

def deadly(folder, x):
    if x == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers(folder, x, 0)

def gated(folder, x):
    """Later points wait until the file "go" is there."""
    record(folder, f"{x}-0")
    with open(os.path.join(folder, "pids"), "a") as file:
        file.write(f"{os.getpid()}\\\\n")
    while x >= 6 and not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.01)
    return {"square": x * x}
'''.replace("\\\\", "\\")

SCRIPT = """
import signal
import sys
import sweep_points
from quantumlink.sweeps import identity, sweep

identity.library_digest = bytes

if __name__ == "__main__":
    # A shell starts its background jobs with interrupts ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sweep(sweep_points.gated, {"folder": [sys.argv[1]], "x": range(12)}, cache=sys.argv[2], task="t", chunk=1)
"""


@pytest.fixture
def settled(monkeypatch):
    """For tests across processes: somebody may be editing the library while they run."""
    monkeypatch.setattr("quantumlink.sweeps.identity.library_digest", bytes)


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    folder = tmp_path_factory.mktemp("points")
    (folder / "sweep_points.py").write_text(POINTS)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("sweep_points")
    sys.path.remove(str(folder))
    del sys.modules["sweep_points"]


@pytest.fixture(scope="module")
def pool(points):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def here():
    with ThreadPoolExecutor(2) as here:
        yield here


class InLine(Executor):
    """Runs everything at once, in the caller."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def calls(folder):
    """How often each point was computed."""
    return {path.name: path.stat().st_size for path in Path(folder).iterdir() if "-" in path.name}


def plain_loop(function, grid):
    rows = [dict(zip(grid, row, strict=True)) for row in itertools.product(*grid.values())]
    return [row | function(**row) for row in rows]


def lines_of(cache):
    return [line for path in Path(cache).rglob("*.jsonl") for line in path.read_bytes().splitlines()]


def same(a, b):
    return list(a.columns) == list(b.columns) and all(
        a[name].dtype == b[name].dtype and a[name].tolist() == b[name].tolist() for name in a.columns
    )


# --- against a plain loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [None, 1, 5])
def test_equals_a_plain_loop_in_processes(points, pool, tmp_path, chunk):
    grid = {"folder": [str(tmp_path)], "x": range(7), "y": [2.5, -1.0, 0.1]}
    table = sweep(points.numbers, grid, executor=pool, chunk=chunk)
    assert list(table) == plain_loop(points.numbers, grid)
    assert list(table.columns) == ["folder", "x", "y", "sum", "ratio", "less"]
    assert table.parameters == ("folder", "x", "y")
    assert [table[name].dtype.kind for name in table.columns] == list("Uifffb")


def test_links_give_their_exact_readings(points, pool):
    grid = {"werner": np.linspace(0.8, 1, 5), "hops": [1, 3]}
    table = sweep(points.link, grid, executor=pool)
    for row in table:
        state = ql.evaluate(points.link(row["werner"], row["hops"]))
        assert row["fidelity"] == state.fidelity
        assert row["success_probability"] == state.success_probability
        assert row["qber_z"] == state.qber("Z")
        assert row["qber_x"] == state.qber("X")
        assert row["chsh"] == state.chsh
    assert table.results == ("fidelity", "success_probability", "qber_z", "qber_x", "chsh")


def test_the_default_pool_runs_lambdas_too(points):
    pytest.importorskip("cloudpickle")
    shift = 3
    assert sweep(lambda x: x + shift, {"x": range(9)})["value"].tolist() == list(range(3, 12))


def test_a_few_quick_points_start_no_processes(points, tmp_path, monkeypatch):
    def none(size):
        raise AssertionError("a pool was started")

    monkeypatch.setattr("quantumlink.sweeps.crew._own_pool", none)
    grid = {"folder": [str(tmp_path)], "x": [1, 2, 3], "y": [5]}
    table = sweep(points.numbers, grid, cache=tmp_path / "cache", task="t")
    assert table["sum"].tolist() == [6, 7, 8]
    assert len(lines_of(tmp_path / "cache")) == 3
    with pytest.raises(AssertionError, match="a pool was started"):
        sweep(points.numbers, {**grid, "x": range(9)})
    monkeypatch.setattr("quantumlink.sweeps.crew.QUICK_S", -1.0)  # the first took too long: the others go to a pool
    with pytest.raises(AssertionError, match="a pool was started"):
        sweep(points.numbers, grid)
    with pytest.raises(PointError, match=r"lambda>\(x=2\) raised ZeroDivisionError"):
        sweep(lambda x: 1 / (x - 2), {"x": [2, 3]})


def test_points_one_by_one(here):
    given = [{"a": 3, "b": 1}, {"b": 2, "a": 1}, {"a": 3, "b": 1}]
    table = sweep(lambda a, b: a - b, given, executor=here)
    assert [table[name].tolist() for name in table.columns] == [[3, 1, 3], [1, 2, 1], [2, -1, 2]]


def test_points_of_any_kind(here):
    nodes = [ql.Node("a"), ql.Node("b")]
    table = sweep(
        lambda node, pair: len(node.name) + sum(pair), {"node": nodes, "pair": [(1, 2), (3,)]}, executor=here
    )
    assert table["value"].tolist() == [4, 4, 4, 4]
    assert table["node"].tolist() == [nodes[0], nodes[0], nodes[1], nodes[1]]
    assert table["pair"].tolist() == [(1, 2), (3,), (1, 2), (3,)]


def test_rows_are_in_grid_order_whoever_is_first(here):
    order = [threading.Event() for _ in range(6)]
    order[0].set()

    def backwards(x):
        order[5 - x].wait(10)
        if x:
            order[6 - x].set()
        return x * x

    with ThreadPoolExecutor(6) as crew:
        assert sweep(backwards, {"x": range(6)}, executor=crew, chunk=1)["value"].tolist() == [0, 1, 4, 9, 16, 25]


def test_slow_tasks_hand_in_early_and_lose_nothing(monkeypatch):
    monkeypatch.setattr("quantumlink.sweeps.workers.HAND_IN_S", -1.0)
    table = sweep(lambda x: x, {"x": range(20)}, executor=InLine(), chunk=8)
    assert table["value"].tolist() == list(range(20))


def test_numbers_keep_their_kind_fresh_and_from_disk(here, tmp_path):
    odd = {
        0: {
            "a": np.float32(0.1),
            "b": 2**70,
            "c": 1 + 2j,
            "d": float("nan"),
            "e": True,
            "f": Estimate(0.1, 0.2, 0.4),
        },
        1: {
            "a": np.array(-0.0),
            "b": np.int8(-3),
            "c": 0.5,
            "d": float("inf"),
            "e": np.False_,
            "f": Estimate(0, 0, 1),
        },
    }
    fresh, again = (
        sweep(lambda i: odd[i], {"i": [0, 1]}, executor=here, cache=tmp_path, task="t") for _ in range(2)
    )
    for table in (fresh, again):
        assert table["a"].tolist() == [float(np.float32(0.1)), 0.0]
        assert np.signbit(table["a"][1])
        assert table["b"].tolist() == [2**70, -3]
        assert table["c"].tolist() == [1 + 2j, 0.5]
        assert np.isnan(table["d"][0])
        assert table["d"][1] == np.inf
        assert table["e"].dtype == bool
        assert [table[f"f{end}"].tolist() for end in ("_low", "", "_high")] == [[0.1, 0], [0.2, 0], [0.4, 1]]
        assert table["i"].dtype == np.int64


# --- zero points and wrong arguments -------------------------------------------------------------------------


def test_zero_points(tmp_path):
    table = sweep(lambda x, y: 1, {"x": [], "y": [1, 2]}, cache=tmp_path, task="t")
    assert (len(table), list(table.columns), list(table)) == (0, ["x", "y"], [])
    assert len(sweep(lambda x: 1, [])) == 0
    assert sweep(lambda: 7, [{}], executor=InLine())["value"].tolist() == [7]  # one point without arguments


@pytest.mark.parametrize(
    ("grid", "text"),
    [
        ({"x": 3}, r"grid\['x'\] must be a list.*\[3\]"),
        ({"x": "abc"}, r"grid\['x'\] must be a list"),
        ({"x": {1, 2}}, "a set has no order"),
        ({"x": np.eye(2)}, r"shape \(2, 2\)"),
        ({"x": Estimate(0, 0.5, 1)}, r"grid\['x'\] must be a list"),
        ({3: [1]}, "with strings, got 3"),
        (5, "grid must be a mapping .* got 5"),
        ("x", "grid must be a mapping .* got 'x'"),
        ([{"x": 1}, 2], r"grid\[1\] must be a mapping"),
    ],
)
def test_wrong_grids(grid, text):
    with pytest.raises(TypeError, match=text):
        sweep(lambda x: x, grid)


def test_grids_that_fit_nothing():
    with pytest.raises(ValueError, match="at least one parameter"):
        sweep(lambda: 1, {})
    with pytest.raises(ValueError, match=r"grid\[0\] has \('x',\), grid\[1\] \('x', 'y'\)"):
        sweep(lambda x: x, [{"x": 1}, {"x": 1, "y": 2}])
    with pytest.raises(TypeError, match=r"'lenght'.*takes length, hops.*did you mean 'length'"):
        sweep(lambda length, hops: 1, {"lenght": [1], "hops": [2]})
    with pytest.raises(TypeError, match="needs 'hops', and the grid has only length"):
        sweep(lambda length, hops: 1, {"length": [1]})


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"executor": 4}, TypeError, "executor must be a concurrent.futures.Executor"),
        ({"chunk": 0}, ValueError, "chunk must be a whole number, at least 1"),
        ({"seed": 1.5}, TypeError, "seed must be a whole number"),
        ({"seed": 1}, ValueError, "takes no argument named seed"),
        ({"cache": "points"}, ValueError, "give task=, a name for what .*<lambda>, version 1"),
        ({"task": "t"}, ValueError, "task='t' has no use without a cache"),
        ({"cache": "points", "task": " "}, TypeError, "task must be a name"),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error, match=text):
        sweep(lambda x: x, {"x": [1]}, **arguments)


def test_a_link_is_no_function():
    with pytest.raises(TypeError, match="function must be a function of the grid's names"):
        sweep(ql.ElementaryLink(ql.Node("a"), ql.Node("b")), {"x": [1]})


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, "returned None"),
        ({"a": "b"}, "'a' must be a number"),
        ({3: 1}, "the name 3"),
        ([1], r"returned \[1\]"),
    ],
)
def test_results_that_are_no_numbers(result, text, here):
    with pytest.raises(PointError, match=rf"\(x=1\) raised TypeError: .*{text}"):
        sweep(lambda x: result, {"x": [1]}, executor=here)


def test_columns_that_clash(here):
    with pytest.raises(ValueError, match="returns 'x', which is also one of its arguments"):
        sweep(lambda x: {"x": x}, {"x": [1]}, executor=here)
    with pytest.raises(ValueError, match=r"\(x=0\) gave \['a0'\].*\(x=1\) gave \['a1'\]"):
        sweep(lambda x: {f"a{x}": x}, {"x": [0, 1]}, executor=here)
    with pytest.raises(PointError, match="'a_low' twice"):
        sweep(lambda x: {"a_low": 1, "a": Estimate(0, 0, 1)}, {"x": [0, 1]}, executor=here)


# --- seeds ---------------------------------------------------------------------------------------------------


def test_seeds_do_not_depend_on_workers_chunks_or_order(points, pool, here, seed):
    grid = {"x": [0.5, 2, 7, 11, 13]}
    tables = [
        sweep(points.random, grid, seed=seed, executor=executor, chunk=chunk)
        for executor, chunk in [(pool, 1), (pool, 3), (here, 2), (InLine(), None)]
    ]
    assert all(same(tables[0], table) for table in tables)
    assert tables[0]["used"].tolist() == tables[0]["seed"].tolist()
    assert len(set(tables[0]["seed"].tolist())) == 5
    assert ((tables[0]["seed"] >= 0) & (tables[0]["seed"] < 2**31)).all()
    backwards = sweep(points.random, {"x": np.array([13.0, 11, 7, 2, 0.5])}, seed=seed, executor=here)
    assert backwards["draw"][4] == tables[0]["draw"][0]
    other = sweep(points.random, grid, seed=seed + 1, executor=here)
    assert not set(other["seed"]) & set(tables[0]["seed"])


def test_known_seed(here):
    """A change here would change everybody's numbers."""
    assert sweep(lambda x, seed: seed, {"x": [1, 1.0]}, seed=7, executor=here)["value"].tolist() == KNOWN


KNOWN = [1157919137, 229018719]


def test_seeds_of_the_grid_and_missing_ones(points, here):
    table = sweep(points.random, {"x": [1], "seed": [3, 4]}, executor=here)
    assert table["used"].tolist() == [3, 4]
    with pytest.raises(ValueError, match="the grid has a 'seed' of its own"):
        sweep(points.random, {"x": [1], "seed": [3, 4]}, seed=1)
    with pytest.raises(ValueError, match="random takes a seed: give the sweep one"):
        sweep(points.random, {"x": [1]})
    assert sweep(lambda x, seed=5: seed, {"x": [1]}, executor=here)["value"].tolist() == [5]


# --- errors of the function, and functions that cannot travel ------------------------------------------------


def test_an_error_names_the_point_and_keeps_the_rest(points, pool, tmp_path):
    grid = {"folder": [str(tmp_path)], "x": range(6)}
    with pytest.raises(
        PointError, match=r"failing\(folder='.*', x=5\) raised ValueError: five is right out"
    ) as caught:
        sweep(points.failing, grid, executor=pool, cache=tmp_path / "cache", task="t", chunk=6)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.point == {"folder": str(tmp_path), "x": 5}
    assert any("sweep_points.py" in note for note in caught.value.__notes__)
    assert len(lines_of(tmp_path / "cache")) == 5


def test_an_error_that_cannot_travel(points, pool):
    with pytest.raises(PointError, match="TwoArguments: 1 and 2"):
        sweep(points.failing_badly, {"x": [1, 2]}, executor=pool)
    assert sweep(points.link, {"werner": [0.9], "hops": [1]}, executor=pool)["fidelity"] == 0.9  # the pool lives


def test_a_function_that_exits(here):
    with pytest.raises(PointError, match="SystemExit: 3"):
        sweep(lambda x: sys.exit(3), {"x": [1]}, executor=here)


@pytest.mark.parametrize("with_cloudpickle", [True, False])
def test_a_function_that_cannot_be_sent(monkeypatch, points, pool, with_cloudpickle):
    lock = threading.Lock()
    if with_cloudpickle:
        pytest.importorskip("cloudpickle")
    else:
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(
        TypeError, match=r"the function .*lambda> cannot be sent.*top level of a module.*cloudpickle"
    ):
        sweep(lambda x: lock.locked(), {"x": [1]}, executor=pool)
    with pytest.raises(TypeError, match=r"an argument of failing_badly\(x=<unlocked.*cannot be sent"):
        sweep(points.failing_badly, [{"x": lock}], executor=pool)


def test_a_function_that_the_worker_cannot_find(points, pool, monkeypatch):
    lost = type(sys)("lost_module")
    exec("def lost(x):\n    return x", lost.__dict__)
    monkeypatch.setitem(sys.modules, "lost_module", lost)
    with pytest.raises(TypeError, match=r"a worker cannot load the function lost \(ModuleNotFoundError"):
        sweep(lost.lost, {"x": [1]}, executor=pool)
    assert sweep(points.link, {"werner": [0.9], "hops": [1]}, executor=pool)["fidelity"] == 0.9  # the pool lives


# --- dying workers -------------------------------------------------------------------------------------------


def test_a_killed_worker_is_replaced(points, tmp_path):
    grid = {"folder": [str(tmp_path)], "x": range(20)}
    table = sweep(points.killed_once, grid, cache=tmp_path / "cache", task="t", chunk=3)
    assert table["sum"].tolist() == list(range(20))
    assert (tmp_path / "killed").exists()
    assert len(lines_of(tmp_path / "cache")) == 20


def test_a_point_that_always_kills_is_named_and_the_rest_finished(points, tmp_path, monkeypatch):
    monkeypatch.setattr("quantumlink.sweeps.crew.TRIES", 1)
    grid = {"folder": [str(tmp_path)], "x": range(12)}
    with pytest.raises(
        WorkerDied, match=r"deadly\(folder='.*', x=7\) ended the worker process, also when run alone"
    ):
        sweep(points.deadly, grid, cache=tmp_path / "cache", task="t", chunk=1)
    assert len(lines_of(tmp_path / "cache")) == 11


def test_a_given_pool_that_breaks(points, tmp_path):
    grid = {"folder": [str(tmp_path)], "x": range(12)}
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as mine,
        pytest.raises(WorkerDied, match=r"the executor broke .*not the sweep's to replace.*in the cache"),
    ):
        sweep(points.killed_once, grid, executor=mine, cache=tmp_path / "cache", task="t", chunk=1)
    kept = len(lines_of(tmp_path / "cache"))
    assert kept == 7
    table = sweep(points.killed_once, grid, executor=InLine(), cache=tmp_path / "cache", task="t")
    assert table["sum"].tolist() == list(range(12))
    assert calls(tmp_path) == {f"{x}-0": 1 for x in range(12)}


def test_a_script_without_a_guard_is_told(points, tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import operator\nfrom quantumlink.sweeps import sweep\n"
        "sweep(operator.methodcaller, {'name': list('many more' * 9)})\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    assert "WorkerDied" in run.stderr
    # Not the last line for sure: workers that were ended may leave a word of multiprocessing's behind it.
    told = [line for line in run.stderr.splitlines() if line.startswith("quantumlink.sweeps.workers.WorkerDied")]
    assert len(told) == 1, run.stderr
    assert "if __name__ == '__main__':" in told[0]


# --- the cache -----------------------------------------------------------------------------------------------


def test_a_second_run_computes_nothing(points, here, tmp_path):
    grid = {"folder": [str(tmp_path)], "x": range(4), "y": [0.5, 1]}
    first = sweep(points.numbers, grid, executor=here, cache=tmp_path / "cache", task="t")
    assert set(calls(tmp_path).values()) == {1}
    files = len(list((tmp_path / "cache").rglob("*.jsonl")))
    again = sweep(points.numbers, grid, executor=here, cache=str(tmp_path / "cache"), task="t", chunk=1)
    assert same(first, again)
    assert set(calls(tmp_path).values()) == {1}
    assert len(list((tmp_path / "cache").rglob("*.jsonl"))) == files


def test_a_larger_grid_computes_only_what_is_new(points, here, tmp_path):
    sweep(
        points.numbers,
        {"folder": [str(tmp_path)], "x": [1, 2], "y": [5]},
        executor=here,
        cache=tmp_path / "c",
        task="t",
    )
    grid = {"y": np.array([4, 5]), "x": [3, 2, 1], "folder": [str(tmp_path)]}
    table = sweep(points.numbers, grid, executor=here, cache=tmp_path / "c", task="t")
    assert set(calls(tmp_path).values()) == {1}
    assert table["sum"].tolist() == [7, 6, 5, 8, 7, 6]


def test_equal_points_are_computed_once(points, here, tmp_path):
    point = {"folder": str(tmp_path), "x": 1, "y": 2}
    assert (
        sweep(points.numbers, [point] * 5, executor=here, cache=tmp_path / "c", task="t")["sum"].tolist() == [3] * 5
    )
    assert calls(tmp_path) == {"1-2": 1}


def test_interrupted_and_resumed(points, tmp_path, settled):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path(points.__file__).parent)}
    # A group of its own: as in a terminal, Ctrl-C goes to the parent and all its workers.
    process = subprocess.Popen(
        [sys.executable, script, work, cache],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while (len(lines_of(cache)) < 6 or len(calls(work)) < 8) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert "KeyboardInterrupt" in errors
    assert "6 of 12 points are in the cache" in errors
    for pid in {int(pid) for pid in (work / "pids").read_text().split()}:
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not os.path.exists(f"/proc/{pid}")  # no worker is left behind
    (work / "go").touch()
    table = sweep(points.gated, {"folder": [str(work)], "x": range(12)}, executor=InLine(), cache=cache, task="t")
    assert table["square"].tolist() == [x * x for x in range(12)]
    counted = calls(work)
    assert {x: counted[f"{x}-0"] for x in range(12)} == {x: 1 if x < 6 or x > 7 else 2 for x in range(12)}


def test_a_pool_that_is_killed_with_work_before_it_ends_in_silence(monkeypatch):
    """Its thread may see that its workers died before it sees that it is to end."""
    told = []
    monkeypatch.setattr("threading.excepthook", told.append)
    crew = Crew(time.sleep, [{}], None, lambda batch: None)
    crew._executor = pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    futures = [pool.submit(time.sleep, 600) for _ in range(6)]
    waker = pool._executor_manager_thread_wakeup
    while not futures[1].running() or waker._reader.poll():  # till the thread has nothing to do but to wait
        time.sleep(0.01)
    time.sleep(0.1)
    crew._under_way = dict.fromkeys(futures, Task((0,)))
    thread = pool._executor_manager_thread
    monkeypatch.setattr(pool, "shutdown", lambda **options: None)
    crew._leave(kill=True)
    thread.join(60)
    assert not thread.is_alive()
    assert not told
    assert all(future.done() for future in futures)


def test_an_interrupt_in_the_middle_of_writing(points, here, tmp_path, monkeypatch):
    grid = {"folder": [str(tmp_path)], "x": range(8), "y": [0]}
    write, count = os.write, itertools.count()

    def torn(file, content):
        if next(count) == 3:
            write(file, bytes(content)[:20])
            raise KeyboardInterrupt
        return write(file, content)

    with monkeypatch.context() as patch:
        patch.setattr("quantumlink.sweeps.cache.os.write", torn)
        with pytest.raises(KeyboardInterrupt):
            sweep(points.numbers, grid, executor=InLine(), cache=tmp_path / "c", task="t", chunk=1)
    # All eight were finished: the torn line was written again, whole, on a line of its own.
    with pytest.warns(UserWarning, match="1 of 9 lines .* damaged"):
        table = sweep(points.numbers, grid, executor=InLine(), cache=tmp_path / "c", task="t")
    assert list(table) == plain_loop(
        lambda **point: {"sum": point["x"], "ratio": point["x"] / 3, "less": False}, grid
    )
    assert set(calls(tmp_path).values()) == {1}


def flip_a_digit(line):
    place = line.index(b'"value":') + len(b'"value":')
    return line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: b"",
        lambda line: line[:-5],
        flip_a_digit,
        lambda line: b"not json",
        lambda line: b'{"check":"0000000000000000","record":["",{"value":1}]}',
        lambda line: b"\xff\x00" + line,
        lambda line: b"{}",
        lambda line: json.dumps(json.loads(line)).encode(),
    ],
)
def test_damaged_lines_are_computed_again(damage, here, tmp_path):
    def noted(x):
        return x + 1 / 3

    sweep(noted, {"x": range(1, 6)}, executor=here, cache=tmp_path, task="t", chunk=5)
    (path,) = tmp_path.rglob("*.jsonl")
    lines = path.read_bytes().splitlines()
    lines[2] = damage(lines[2])
    path.write_bytes(b"\n".join(lines) + b"\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = sweep(noted, {"x": range(1, 6)}, executor=here, cache=tmp_path, task="t")
    assert table["value"].tolist() == [x + 1 / 3 for x in range(1, 6)]
    texts = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    assert len(texts) == bool(lines[2])
    assert all(str(path) in text and "1 of 5 lines" in text for text in texts)
    assert len(lines_of(tmp_path)) == 6  # four whole, one damaged, one new


def test_foreign_files_are_ignored(here, tmp_path):
    def square(x):
        return x * x

    sweep(square, {"x": [2]}, executor=here, cache=tmp_path, task="t")
    (folder,) = tmp_path.iterdir()
    (folder / "foreign.jsonl").write_bytes(os.urandom(4096))
    (folder / "folder.jsonl").mkdir()
    (folder / "notes.txt").write_text("do not read")
    (tmp_path / "another").mkdir()
    with pytest.warns(UserWarning, match="foreign.jsonl|folder.jsonl"):
        assert sweep(square, {"x": [2, 3]}, executor=here, cache=tmp_path, task="t")["value"].tolist() == [4, 9]


def test_a_line_of_another_task_is_never_taken(here, tmp_path):
    sweep(lambda x: 1, {"x": [2]}, executor=here, cache=tmp_path, task="one")
    (theirs,) = tmp_path.rglob("*.jsonl")
    two = lambda x: 2
    sweep(two, {"x": [3]}, executor=here, cache=tmp_path, task="two")
    (mine,) = [folder for folder in tmp_path.iterdir() if folder != theirs.parent]
    (mine / theirs.name).write_bytes(theirs.read_bytes())
    found = sweep(two, {"x": [2, 3]}, executor=here, cache=tmp_path, task="two")
    assert found["value"].tolist() == [2, 2]


def test_a_cache_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="cache must be a folder"):
        sweep(lambda x: x, {"x": [1]}, cache=tmp_path / "file", task="t")


def test_sweeps_that_share_a_cache_at_the_same_time(points, pool, tmp_path):
    grids = [{"folder": [str(tmp_path)], "x": range(a, a + 40), "y": [1]} for a in (0, 20, 40)]
    with ThreadPoolExecutor(3) as outer:
        run = partial(sweep, points.numbers, executor=pool, cache=tmp_path / "c", task="t", chunk=2, progress=False)
        tables = list(outer.map(run, grids))
    for grid, table in zip(grids, tables, strict=True):
        assert table["sum"].tolist() == [x + 1 for x in grid["x"]]
    before = calls(tmp_path)
    everything = sweep(points.numbers, grids[0] | {"x": range(80)}, executor=pool, cache=tmp_path / "c", task="t")
    assert everything["sum"].tolist() == [x + 1 for x in range(80)]
    assert calls(tmp_path) == before


# --- progress ------------------------------------------------------------------------------------------------


def test_progress_is_shown_and_gone(monkeypatch, here, capsys):
    monkeypatch.setattr("quantumlink.progress.DELAY_S", -1.0)
    monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda _: True))
    sweep(lambda x: x, {"x": range(5)}, executor=here, chunk=1)
    shown = capsys.readouterr().err
    assert "sweep" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h")
    sweep(lambda x: x, {"x": range(5)}, executor=here, chunk=1, progress=False)
    assert capsys.readouterr().err == ""
