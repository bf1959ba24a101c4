"""From a chain to something that can be sampled: composed, made noisy, converted for the Clifford engine.

`pytest tests/benchmarks/test_composing_speed.py -o addopts="--import-mode=importlib" --benchmark-only` prints it.
"""

from itertools import pairwise

import pytest
from qiskit.circuit import ClassicalRegister

import quantumlink as ql
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.clifford.compiler import compiled
from quantumlink.rewrites import add_noise

LINKS = 64


def chain():
    processor = ql.Processor(depolarizing_1q=1e-3, depolarizing_2q=1e-2, readout_error=0.01)
    nodes = [ql.Node(f"n{i}", processor=processor) for i in range(LINKS + 1)]
    return ql.chain([ql.ElementaryLink(a, b, fidelity=0.99) for a, b in pairwise(nodes)], order="sequential")


@pytest.mark.benchmark(group="64 links")
@pytest.mark.parametrize("corrections", ["frame", "sequential"])
def test_composed(benchmark, corrections):
    program = benchmark(lambda: ql.compose(chain(), corrections=corrections))
    assert program.circuit.num_qubits == 2 * LINKS


@pytest.mark.benchmark(group="64 links")
@pytest.mark.parametrize("corrections", ["frame", "sequential"])
def test_made_noisy(benchmark, corrections):
    program = ql.compose(chain(), corrections=corrections)
    assert benchmark(add_noise, program).circuit.count_ops()["quantum_channel"] >= 4 * (LINKS - 1)


@pytest.mark.benchmark(group="64 links")
@pytest.mark.parametrize("corrections", ["frame", "sequential"])
def test_converted(benchmark, corrections):
    program = add_noise(ql.compose(chain(), corrections=corrections))
    ends = ClassicalRegister(2, "ends")
    program.circuit.add_register(ends)
    program.circuit.measure(list(program.ends.values()), ends)

    def convert():
        return CliffordSampler(seed=7).run([program.circuit], shots=1).result()[0]

    assert benchmark.pedantic(convert, setup=compiled.cache_clear, rounds=9).data.ends.num_shots == 1
