"""How fast the exact reading is, beside a density-matrix simulation of the same circuits in the same run.

`pytest tests/benchmarks --benchmark-only` prints the table; nothing here fails because a machine is slow.
"""

from dataclasses import replace
from itertools import pairwise
from time import process_time

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.circuits import known_operation
from quantumlink.readings.maps import _carrier, _pair_map
from quantumlink.rewrites import add_noise

PROCESSOR = ql.Processor(depolarizing_1q=1e-3, depolarizing_2q=1e-2, readout_error=0.01)


def unequal_chain(hops: int, order: str = "balanced", *, distinct: bool = False) -> ql.Link:
    rng = np.random.default_rng(hops)
    nodes = [ql.Node(f"n{i}", processor=replace(PROCESSOR) if distinct else PROCESSOR) for i in range(hops + 1)]
    links = [ql.ElementaryLink(a, b, fidelity=1 - 0.002 * rng.random()) for a, b in pairwise(nodes)]
    return ql.chain(links, order=order)


@pytest.mark.benchmark(group="evaluate a chain of unequal links, maps extracted before")
@pytest.mark.parametrize("order", ["balanced", "sequential"])
@pytest.mark.parametrize("hops", [10, 100, 1000, 100_000])
def test_evaluate_chain(benchmark, hops, order):
    few = hops <= 1000 or benchmark.disabled
    link = unequal_chain(min(hops, 1000) if benchmark.disabled else hops, order)
    ql.evaluate(unequal_chain(2))
    state = benchmark(ql.evaluate, link) if few else benchmark.pedantic(ql.evaluate, (link,), rounds=3)
    assert 0.25 - 1e-9 <= state.fidelity <= 1
    assert state.success_probability == 1


@pytest.mark.benchmark(group="evaluate a chain of equal noise in distinct objects beside one shared object")
@pytest.mark.parametrize("processors", ["shared", "distinct"])
def test_evaluate_equal_processors(benchmark, processors):
    link = unequal_chain(1000, distinct=processors == "distinct")
    wanted = ql.evaluate(unequal_chain(1000)).fidelity
    extracted = _pair_map.cache_info().misses
    assert benchmark(ql.evaluate, link).fidelity == pytest.approx(wanted, abs=1e-12)
    assert _pair_map.cache_info().misses == extracted


@pytest.mark.benchmark(group="nested DEJMPS: three rounds over eight pairs a hop, sixteen hops")
@pytest.mark.parametrize("pairs", ["all distinct", "shared"])
def test_nested_dejmps(benchmark, pairs):
    nodes = [ql.Node(f"n{i}", processor=PROCESSOR) for i in range(17)]
    hops = []
    for ends in pairwise(nodes):
        shared = ql.ElementaryLink(*ends, fidelity=0.95)
        layer = [shared if pairs == "shared" else ql.ElementaryLink(*ends, fidelity=0.95) for _ in range(8)]
        while len(layer) > 1:
            layer = [ql.purify(*two) for two in zip(layer[::2], layer[1::2], strict=True)]
        hops.append(layer[0])
    link = ql.chain(hops)
    assert link.pairs == 128
    ql.evaluate(link)
    state = benchmark(ql.evaluate, link)
    one_hop = ql.evaluate(hops[0])
    assert state.success_probability == pytest.approx(one_hop.success_probability**16, rel=1e-9)


@pytest.mark.benchmark(group="purification nested forty times: 2**40 pairs, shared")
def test_nested_forty_times(benchmark):
    link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.8)
    for _ in range(40):
        link = ql.purify(link, link)
    assert benchmark(ql.evaluate, link).fidelity == pytest.approx(1, abs=1e-9)


@pytest.mark.benchmark(group="10,000 points: all at once, beside a loop of evaluate over a sample of them")
@pytest.mark.parametrize("hops", [2, 16])
def test_sweep_beside_a_loop(benchmark, hops):
    """A hundred fidelities by a hundred hold times; `extra_info` has the time of a point each way and the ratio."""
    memory = ql.Memory(t1_s=10, t2_s=1)
    nodes = [ql.Node(f"n{i}", memory=memory, processor=PROCESSOR) for i in range(hops + 1)]
    link = ql.chain([ql.ElementaryLink(*ends) for ends in pairwise(nodes)])
    fidelities, times = np.linspace(0.8, 1, 100)[:, None], np.linspace(0, 1, 100)
    sample = [(i, i) for i in range(0, 100, 2)]

    def loop():
        return [ql.evaluate(link, fidelity=float(fidelities[i, 0]), hold_s=float(times[j])) for i, j in sample]

    def batch():
        return ql.evaluate(link, fidelity=fidelities, hold_s=times)

    def seconds(work):
        """The best of three, of this process alone."""
        starts = [(process_time(), work(), process_time()) for _ in range(3)]
        return min(end - start for start, _, end in starts)

    loop_s, batch_s = seconds(loop), seconds(batch)
    states = benchmark(batch)
    assert states.shape == (100, 100)
    for (i, j), one in zip(sample, loop(), strict=True):
        assert states.fidelity[i, j] == pytest.approx(one.fidelity, abs=1e-12)
    benchmark.extra_info["microseconds a point, at once"] = batch_s / 1e4 * 1e6
    benchmark.extra_info["microseconds a point, in a loop"] = loop_s / len(sample) * 1e6
    benchmark.extra_info["ratio"] = (loop_s / len(sample)) / (batch_s / 1e4)


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
    operation = known_operation({"swap": "entanglement_swap"}.get(primitive, primitive))
    processors = (PROCESSOR,) * len(operation.site_names)

    def extract():
        _carrier.cache_clear()
        return _pair_map.__wrapped__(operation, processors)

    assert benchmark(extract).shape == (16, 256)


@pytest.mark.benchmark(group="compose and add noise")
@pytest.mark.parametrize("hops", [3, 30])
def test_compose(benchmark, hops):
    link = unequal_chain(hops)
    program = benchmark(lambda: add_noise(ql.compose(link)))
    assert program.circuit.num_qubits == 2 * hops
