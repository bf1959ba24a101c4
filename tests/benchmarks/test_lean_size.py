"""How large a lean circuit is, and how long it takes to compose a chain and to reuse its qubits.

`pytest tests/benchmarks/test_lean_size.py --benchmark-only` prints the times, with ``--benchmark-json`` also the
qubits and depths; nothing here fails because a machine is slow.
"""

from itertools import pairwise

import pytest

import quantumlink as ql
from quantumlink.rewrites.qubit_reuse import reuse_qubits


def a_chain(hops, order):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.chain([ql.ElementaryLink(*ends, fidelity=0.97) for ends in pairwise(nodes)], order=order)


@pytest.mark.benchmark(group="compose a chain")
@pytest.mark.parametrize("order", ["sequential", "balanced"])
@pytest.mark.parametrize("hops", [10, 100, 1000])
def test_compose(benchmark, hops, order):
    program = benchmark.pedantic(ql.compose, (a_chain(hops, order),), rounds=3, warmup_rounds=1)
    assert program.circuit.num_qubits == 2 * hops
    benchmark.extra_info.update(qubits=program.circuit.num_qubits, depth=program.circuit.depth())


@pytest.mark.benchmark(group="reuse the qubits of a composed chain")
@pytest.mark.parametrize("corrections", ["sequential", "frame"])
@pytest.mark.parametrize("order", ["sequential", "balanced"])
@pytest.mark.parametrize("hops", [10, 100, 1000])
def test_reuse(benchmark, hops, order, corrections):
    wide = ql.compose(a_chain(hops, order), corrections=corrections)
    program = benchmark.pedantic(reuse_qubits, (wide,), rounds=3, warmup_rounds=1)
    assert program.circuit.num_qubits == 4
    benchmark.extra_info.update(qubits=program.circuit.num_qubits, depth=program.circuit.depth())
