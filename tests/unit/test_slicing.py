"""A device cut into virtual processors: connected, disjoint, along bad gates, and refused where it cannot be."""

from itertools import combinations

import pytest
import rustworkx as rx
from qiskit.circuit import Measure, QuantumCircuit
from qiskit.circuit.library import CXGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import CouplingMap, InstructionProperties, generate_preset_pass_manager

from quantumlink.execution.preparation import lint, slice_device
from quantumlink.execution.preparation.calibration import Calibration


def device(coupling, seed=1):
    size = 1 + max(q for pair in coupling for q in pair)
    return GenericBackendV2(size, coupling_map=coupling, seed=seed)


def connected(graph, qubits):
    return rx.is_connected(graph.subgraph(list(qubits)))


@pytest.mark.parametrize("sizes", [(5, 5, 5), (7, 4, 2, 2), (9, 3, 1), (15,)])
def test_patches_are_connected_and_disjoint(sizes):
    backend = device(list(CouplingMap.from_grid(3, 5).get_edges()))
    asked = {f"n{i}": size for i, size in enumerate(sizes)}
    found = slice_device(backend, asked)
    assert {name: len(part.qubits) for name, part in found.items()} == asked
    used = [q for part in found.values() for q in part.qubits]
    assert len(set(used)) == len(used)
    graph = Calibration(backend.target).coupling
    for name, part in found.items():
        assert connected(graph, part.qubits)
        for other, pairs in part.neighbors.items():
            assert all(graph.has_edge(a, b) and a in part.qubits and b in found[other].qubits for a, b in pairs)
            assert sorted((b, a) for a, b in pairs) == sorted(found[other].neighbors[name])


def test_what_is_cut_is_the_bad_gate():
    """Six qubits in a ring: of its three cuts into halves that is taken which loses the two worst gates."""
    ring = [(i, (i + 1) % 6) for i in range(6)]
    backend = device([*ring, *((b, a) for a, b in ring)])
    for pair in ring:
        for way in (pair, pair[::-1]):
            bad = pair in ((1, 2), (4, 5))
            backend.target.update_instruction_properties(
                "cx", way, InstructionProperties(error=0.2 if bad else 1e-3)
            )
    found = slice_device(backend, {"a": 3, "b": 3})
    assert {found["a"].qubits, found["b"].qubits} == {(2, 3, 4), (0, 1, 5)}


def test_a_circuit_for_the_part_runs_on_the_whole():
    backend = device(list(CouplingMap.from_grid(2, 4).get_edges()))
    part = slice_device(backend, {"a": 4, "b": 4})["b"]
    assert part.target.num_qubits == 4
    circuit = QuantumCircuit(4, 4)
    circuit.h(0)
    for a, b in combinations(range(4), 2):
        circuit.cx(a, b)
    circuit.measure(range(4), range(4))
    isa = generate_preset_pass_manager(1, target=part.target, seed_transpiler=1).run(circuit)
    whole = QuantumCircuit(backend.num_qubits, 4)
    whole.compose(isa, part.qubits, range(4), inplace=True)
    lint([whole], backend.target)
    for name in ("cx", "measure"):
        for places, told in part.target[name].items():
            assert told == backend.target[name][tuple(part.qubits[i] for i in places)]
    assert isinstance(part.target.operation_from_name("cx"), CXGate)
    assert isinstance(part.target.operation_from_name("measure"), Measure)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"a": 4, "b": 4}, "ask for 8 qubits in all"),
        ({"a": 4}, "islands of 3, 3"),
        ({"a": 2, "b": 2, "c": 2}, "islands of 3, 3"),
        ({"a": 0}, "at least 1"),
        ({"a": 2.5}, "whole number"),
    ],
)
def test_what_cannot_be_cut(sizes, message):
    backend = device([(0, 1), (1, 2), (3, 4), (4, 5)])
    with pytest.raises(ValueError, match=message):
        slice_device(backend, sizes)


def test_arguments():
    with pytest.raises(TypeError, match="BackendV2"):
        slice_device("ibm_torino", {"a": 1})
    with pytest.raises(TypeError, match="mapping"):
        slice_device(device([(0, 1)]), [1, 1])


@pytest.mark.parametrize(("qubits", "seed"), [(7, 0), (8, 3), (10, 5)])
def test_patches_touch_where_pairs_are_to_be_made(qubits, seed):
    line = [pair for i in range(qubits - 1) for pair in ((i, i + 1), (i + 1, i))]
    found = slice_device(device(line, seed), {"a": 3, "b": 3})
    assert len(found["a"].neighbors["b"]) == 1
