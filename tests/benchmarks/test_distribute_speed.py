"""How fast circuits are distributed and played, in processor time; counts are checked on the way.

`pytest tests/benchmarks --benchmark-only` prints the table; nothing here fails because a machine is slow.
"""

from itertools import combinations
from time import process_time

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.distributed.proof import check_linear


def network(k, qubits, **link):
    nodes = [
        ql.Node(f"n{i}", qubits=qubits, memory=ql.Memory(t2_s=1.0), processor=ql.Processor(depolarizing_2q=1e-3))
        for i in range(k)
    ]
    return ql.Network(nodes, [ql.ElementaryLink(a, b, **link) for a, b in combinations(nodes, 2)])


def qft(n):
    circuit = QuantumCircuit(n)
    for i in range(n):
        circuit.h(i)
        for j in range(i + 1, n):
            circuit.cp(np.pi / 2 ** (j - i), j, i)
    return circuit


def joint_gates(n, count):
    rng = np.random.default_rng(1)
    circuit = QuantumCircuit(n)
    for _ in range(count):
        getattr(circuit, "cx" if rng.random() < 0.5 else "cz")(*rng.choice(n, 2, replace=False).tolist())
    return circuit


def first_solution(circuit, net):
    started = process_time()
    d = ql.distribute(circuit, net, budget_s=0)
    check_linear(d.candidate.plan, d.candidate.scheduled)
    return d, process_time() - started


def test_the_fourier_transform_of_512_over_8(benchmark):
    d, took = benchmark.pedantic(first_solution, (qft(512), network(8, 65)), rounds=1)
    benchmark.extra_info["processor_s"] = took
    assert d.ebits <= 512 * 7 // 2


def test_a_first_solution_of_ten_thousand_gates(benchmark):
    d, took = benchmark.pedantic(first_solution, (joint_gates(100, 10_000), network(4, 26)), rounds=3)
    benchmark.extra_info["processor_s"] = took
    assert d.ebits < 10_000


@pytest.mark.parametrize("trials", [1, 1000])
def test_five_thousand_operations_in_time(benchmark, trials):
    """A thousand trials beside one: they are played together."""
    rng = np.random.default_rng(1)
    circuit = QuantumCircuit(20)
    for _ in range(4500):
        if rng.random() < 0.1:
            circuit.cx(*rng.choice(20, 2, replace=False).tolist())
        else:
            circuit.h(int(rng.integers(20)))
    net = network(2, 11, medium=ql.Fiber(1), fidelity=0.97, success_probability=0.1)
    d = ql.distribute(circuit, net, budget_s=0)
    played = benchmark(d.simulate, trials=trials, seed=7)
    assert played.trials == trials
    benchmark.extra_info["events"] = len(d.candidate.scheduled.events)
