"""The beam search: against every placement there is, on small devices; and that lines stay lines."""

from itertools import pairwise, permutations
from math import log

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import CouplingMap

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.placement import interactions, placements

LATENCY = 1e-6


def line(n):
    circuit = QuantumCircuit(n, n)
    for a, b in pairwise(range(n)):
        circuit.cx(a, b)
    circuit.measure(range(n), range(n))
    return circuit


def ring(n):
    circuit = QuantumCircuit(n, n)
    for a in range(n):
        circuit.cx(a, (a + 1) % n)
    circuit.measure(range(n), range(n))
    return circuit


def best_of_all(asked, calibration):
    """The best score over all placements on neighbors, by trying each."""
    target, best = calibration.target, None
    for physical in permutations(range(calibration.num_qubits), asked.num_qubits):
        score = 0.0
        for (a, b), count in asked.pairs.items():
            x, y = physical[a], physical[b]
            found = [target["cx"][pair].error for pair in ((x, y), (y, x)) if pair in target["cx"]]
            if not found:
                break
            score += count * log(1 - 1.25 * min(found))
        else:
            for q, place in enumerate(physical):
                score += asked.readouts[q] * log(1 - target["measure"][place,].error)
                score += log(calibration.waiting_fidelity(place, asked.waits_s[q]))
            best = score if best is None else max(best, score)
    return best


@pytest.mark.parametrize("shape", [line, ring])
@pytest.mark.parametrize("coupling", [CouplingMap.from_grid(2, 4), CouplingMap.from_heavy_square(3)])
def test_the_search_finds_the_best_placement(seed, shape, coupling):
    if coupling.size() > 8:
        coupling = coupling.reduce(range(8), check_if_connected=False)
    backend = GenericBackendV2(coupling.size(), coupling_map=coupling, seed=seed)
    calibration = Calibration(backend.target)
    asked = interactions(shape(4), calibration, latency_s=LATENCY)
    best = best_of_all(asked, calibration)
    found = placements(asked, calibration)
    if best is None:  # no ring of four in there
        assert all(placement.missing for placement in found)
        return
    assert found[0].missing == 0
    assert found[0].score == pytest.approx(best, abs=1e-9)


def test_scores_of_placements_are_what_they_say(seed):
    backend = GenericBackendV2(6, coupling_map=CouplingMap.from_line(6), seed=seed)
    calibration = Calibration(backend.target)
    found = placements(interactions(line(6), calibration, latency_s=LATENCY), calibration)
    assert {p.physical for p in found} == {(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0)}
    assert found[0].score >= found[1].score


def test_a_broken_gate_is_walked_around(seed):
    coupling = CouplingMap.from_grid(3, 3)
    backend = GenericBackendV2(9, coupling_map=coupling, seed=seed)
    calibration = Calibration(backend.target)
    first = placements(interactions(line(5), calibration, latency_s=LATENCY), calibration)[0]
    broken = first.physical[1], first.physical[2]
    for pair in (broken, broken[::-1]):
        backend.target["cx"][pair].error = 1.0
    calibration = Calibration(backend.target)
    second = placements(interactions(line(5), calibration, latency_s=LATENCY), calibration)[0]
    assert broken not in set(pairwise(second.physical)) | set(pairwise(second.physical[::-1]))


def test_a_star_on_a_line_is_placed_near_by():
    circuit = QuantumCircuit(4)
    for q in (1, 2, 3):
        circuit.cx(0, q)
    calibration = Calibration(GenericBackendV2(9, coupling_map=CouplingMap.from_line(9), seed=1).target)
    found = placements(interactions(circuit, calibration, latency_s=LATENCY), calibration)[0]
    assert found.missing == 1
    assert max(found.physical) - min(found.physical) == 3


def test_islands_are_not_mixed():
    coupling = CouplingMap([[0, 1], [2, 3], [3, 4]])
    calibration = Calibration(GenericBackendV2(5, coupling_map=coupling, seed=1).target)
    found = placements(interactions(line(3), calibration, latency_s=LATENCY), calibration)
    assert {p.physical for p in found} == {(2, 3, 4), (4, 3, 2)}


def test_no_region_is_large_enough():
    calibration = Calibration(GenericBackendV2(4, coupling_map=CouplingMap([[0, 1], [2, 3]]), seed=1).target)
    assert placements(interactions(line(3), calibration, latency_s=LATENCY), calibration) == []


def test_pairs_count_their_gates_also_in_blocks():
    circuit = QuantumCircuit(3, 1)
    circuit.cx(0, 1)
    circuit.cz(1, 0)
    circuit.swap(1, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.cx(2, 1)
    calibration = Calibration(GenericBackendV2(3, seed=1).target)
    asked = interactions(circuit, calibration, latency_s=LATENCY)
    assert asked.pairs == {(0, 1): 2, (1, 2): 4}
    assert asked.readouts == {0: 1}
