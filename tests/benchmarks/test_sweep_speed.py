"""What a sweep costs beside a plain loop over the same points, and what a second core gives.

`pytest tests/benchmarks/test_sweep_speed.py --benchmark-only`; the results are checked, never the times.
"""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.sweeps import sweep

GRID = {"werner": np.linspace(0.8, 1, 5000), "purify_rounds": [0, 1]}


def three_hops(werner, purify_rounds):
    nodes = [ql.Node(f"n{i}") for i in range(4)]
    hops = [ql.ElementaryLink(a, b, fidelity=werner) for a, b in pairwise(nodes)]
    return ql.chain(hops, purify_rounds=purify_rounds)


def plain_loop():
    found = []
    for werner in GRID["werner"].tolist():
        for rounds in GRID["purify_rounds"]:
            state = ql.evaluate(three_hops(werner, rounds))
            found.append((state.fidelity, state.success_probability, state.qber("Z"), state.qber("X"), state.chsh))
    return [row[0] for row in found]


def pool_of(workers):
    """A pool that is up, so that starting Python does not count."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    sweep(three_hops, {"werner": np.linspace(0.9, 1, 300), "purify_rounds": [0, 1]}, executor=pool, chunk=1)
    return pool


@pytest.fixture(scope="module")
def expected():
    return plain_loop()


@pytest.mark.benchmark(group="10,000 points: evaluate a link of three hops")
@pytest.mark.parametrize("how", ["plain loop", "one thread", "one process", "two processes", "all of them known"])
def test_ten_thousand_points(benchmark, how, expected, tmp_path):
    if how == "plain loop":
        assert benchmark.pedantic(plain_loop, rounds=1) == expected
        return
    known = {}
    with ThreadPoolExecutor(1) if how == "one thread" else pool_of(2 if how == "two processes" else 1) as pool:
        if how == "all of them known":
            known = {"cache": tmp_path, "task": "three hops"}
            sweep(three_hops, GRID, executor=pool, **known)
        table = benchmark.pedantic(sweep, (three_hops, GRID), {"executor": pool, **known}, rounds=1)
    assert table["fidelity"].tolist() == expected


@pytest.mark.benchmark(group="10,000 points of no work: the overhead")
@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("cached", [False, True])
def test_overhead(benchmark, chunk, cached, tmp_path):
    with pool_of(1) as pool:
        options = {"executor": pool, "chunk": chunk}
        if cached:
            options |= {"cache": tmp_path, "task": "abs"}
        table = benchmark.pedantic(sweep, (abs_of, {"number": range(-5000, 5000)}), options, rounds=1)
    assert table["value"].tolist() == [abs(x) for x in range(-5000, 5000)]


def abs_of(number):
    return abs(number)
