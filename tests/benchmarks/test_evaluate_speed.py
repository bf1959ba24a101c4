"""How fast the exact reading is, beside a density-matrix simulation of the same circuits in the same run.

`pytest tests/benchmarks --benchmark-only` prints the table; nothing here fails because a machine is slow.
"""

from itertools import pairwise

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.readings.maps import purification_map, swap_map
from quantumlink.rewrites import add_noise

PROCESSOR = ql.Processor(depolarizing_1q=1e-3, depolarizing_2q=1e-2, readout_error=0.01)


def unequal_chain(hops: int, order: str = "balanced") -> ql.Link:
    rng = np.random.default_rng(hops)
    nodes = [ql.Node(f"n{i}", processor=PROCESSOR) for i in range(hops + 1)]
    links = [ql.ElementaryLink(a, b, fidelity=1 - 0.002 * rng.random()) for a, b in pairwise(nodes)]
    return ql.chain(links, order=order)


@pytest.mark.benchmark(group="evaluate a chain of unequal links, maps extracted before")
@pytest.mark.parametrize("order", ["balanced", "sequential"])
@pytest.mark.parametrize("hops", [10, 100, 1000])
def test_evaluate_chain(benchmark, hops, order):
    link = unequal_chain(hops, order)
    ql.evaluate(link)
    state = benchmark(ql.evaluate, link)
    assert 0.25 - 1e-9 <= state.fidelity <= 1


@pytest.mark.benchmark(group="two and three links: evaluate beside Aer's density matrix of the composed circuit")
@pytest.mark.parametrize("hops", [2, 3])
@pytest.mark.parametrize("engine", ["evaluate", "aer_density_matrix_1000_shots"])
def test_beside_density_matrix(benchmark, hops, engine):
    link = unequal_chain(hops)
    exact = ql.evaluate(link).fidelity
    if engine == "evaluate":
        assert benchmark(ql.evaluate, link).fidelity == pytest.approx(exact, abs=1e-12)
        return
    from qiskit_aer import AerSimulator

    backend = AerSimulator(method="density_matrix")
    program = ql.compose(link)
    samples = benchmark.pedantic(
        ql.sample, (program,), {"shots": 1000, "seed": 7, "sampler": backend}, rounds=1, warmup_rounds=0
    )
    # 3000 shots: Hoeffding at 1e-6 allows 0.05 for each correlator, 3/4 of that for the fidelity.
    assert abs(samples.fidelity() - exact) < 0.12


@pytest.mark.benchmark(group="extract a map from its circuit")
@pytest.mark.parametrize("primitive", ["swap", "dejmps", "bbpssw"])
def test_extract_map(benchmark, primitive):
    if primitive == "swap":
        matrix = benchmark(swap_map.__wrapped__, PROCESSOR, PROCESSOR, PROCESSOR)
    else:
        matrix = benchmark(purification_map.__wrapped__, primitive, PROCESSOR, PROCESSOR)
    assert matrix.shape == (16, 256)


@pytest.mark.benchmark(group="compose and add noise")
@pytest.mark.parametrize("hops", [3, 30])
def test_compose(benchmark, hops):
    link = unequal_chain(hops)
    program = benchmark(lambda: add_noise(ql.compose(link)))
    assert program.circuit.num_qubits == 2 * hops
