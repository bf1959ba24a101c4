"""A network on several devices: pairs between them cut, the figures those of the whole network."""

from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.execution.jobs import resume, submit
from quantumlink.execution.several_devices import DevicePart, RowMeans, prepare_across
from quantumlink.execution.several_devices.settings import cut_settings, gamma_of
from quantumlink.program import Program

SURE = 1 - 1e-6
A, R, B = ql.Node("alice"), ql.Node("relay"), ql.Node("bob")
SKEW = (0.85, 0.08, 0.05, 0.02)
SWAPPED = ql.swap(ql.ElementaryLink(A, R), ql.ElementaryLink(R, B, bell_diagonal=SKEW))


def devices(number, qubits=4):
    return [
        GenericBackendV2(qubits, coupling_map=[[i, i + 1] for i in range(qubits - 1)], seed=i)
        for i in range(number)
    ]


def exact_means(part):
    """What the part's circuit would tell in the mean, row by row, followed exactly."""
    [(circuit, table, shots)] = part.circuits()
    values = []
    for row, which in zip(table, part.parities, strict=True):
        found = branches(circuit.assign_parameters(row), keep=list(which))
        values.append(sum(float(t.reshape(())) * (-1) ** sum(record) for record, t in found.items()))
    return RowMeans(np.array(values), shots)


def bloch(theta, phi):
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


@pytest.mark.parametrize("correlations", [(1.0, 1.0, 1.0), (0.7, 0.5, 0.6), (0.2, 0.3, -0.1)])
def test_settings_add_up_to_the_pair(correlations):
    total = np.zeros((4, 4), dtype=complex)
    for setting in cut_settings(correlations):
        state = np.kron(bloch(*setting.right), bloch(*setting.left))
        total += setting.weight * np.outer(state, state.conj())
    paulis = [np.array(m) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
    wanted = np.eye(4) / 4
    for t, sign, p in zip(correlations, (1, -1, 1), paulis, strict=True):
        wanted = wanted + sign * t * np.kron(p, p) / 4
    assert total == pytest.approx(wanted, abs=1e-12)
    # Below 1/3 each there is no entanglement, and it costs nothing.
    assert gamma_of(correlations) == pytest.approx(max(1.0, sum(max(abs(t), 1 / 3) for t in correlations)))


@pytest.mark.parametrize(("split", "gamma"), [("011", 3.0), ("001", 2.4), ("012", 7.2)])
def test_the_figures_are_those_of_the_network(split, gamma):
    """Nothing sampled: perfect gates, every row followed exactly, a skew pair where it is cut."""
    there = devices(3)
    where = {name: there[int(d)] for name, d in zip(("alice", "relay", "bob"), split, strict=True)}
    found = prepare_across(SWAPPED, where, seed=1)
    means = {name: exact_means(part) for name, part in found.parts.items()}
    within = split == "011"  # then the skew pair is within a device, which has errors of its own
    state = ql.evaluate(ql.swap(ql.ElementaryLink(A, R), ql.ElementaryLink(R, B)) if within else SWAPPED)
    assert found.dropped_channels == within
    assert not found.is_drawn
    assert found.gamma == pytest.approx(gamma)
    assert found.fidelity(means).best == pytest.approx(state.fidelity, abs=1e-9)
    good, phase, parity, both = state.bell_diagonal
    wanted = {
        "XX": good - phase + parity - both,
        "YY": parity + phase - good - both,
        "ZZ": good + phase - parity - both,
    }
    for label, value in wanted.items():
        assert found.expectation(means, label).best == pytest.approx(value, abs=1e-9)


def test_many_cuts_are_drawn():
    nodes = [ql.Node(f"n{i}") for i in range(4)]
    link = ql.chain([ql.ElementaryLink(a, b, fidelity=0.6) for a, b in pairwise(nodes)])
    found = prepare_across(link, dict(zip((n.name for n in nodes), devices(4), strict=True)), seed=3, shots=100_000)
    assert found.is_drawn
    assert len(found.bases) == 450
    means = {name: exact_means(part) for name, part in found.parts.items()}
    estimate = found.fidelity(means, confidence=SURE)
    assert estimate.low < ql.evaluate(link).fidelity < estimate.high
    assert "drawn" in found.report()


def test_by_jobs_and_their_files(tmp_path):
    """Each part goes to its device as a job of its own, and is read from the files alone."""
    one, two = devices(2)
    found = prepare_across(SWAPPED, {"alice": one, "relay": one, "bob": two}, shots=2_000, seed=1)
    paths = {
        name: submit(part, ql.ExactSampler(seed=7 + i), directory=tmp_path).path
        for i, (name, part) in enumerate(found.parts.items())
    }
    for path in paths.values():
        resume(path).result()
    means = {name: resume(path).key() for name, path in paths.items()}
    estimate = found.fidelity(means, confidence=SURE)
    truth = ql.evaluate(SWAPPED).fidelity
    assert estimate.low < truth < estimate.high
    assert estimate.high - estimate.low < 0.2
    with pytest.raises(ValueError, match="is missing"):
        found.fidelity({})


def test_on_fakes_it_is_as_noisy_as_they_are(tmp_path):
    one, two = devices(2)
    pair = ql.ElementaryLink(A, B)
    found = prepare_across(pair, {"alice": one, "bob": two}, shots=500, seed=1)
    means = {
        name: submit(part, backend, directory=tmp_path, seed=2).key()
        for (name, part), backend in zip(found.parts.items(), (one, two), strict=True)
    }
    assert 0.8 < found.fidelity(means).best < 1.02
    assert "9 times as many" in found.report()


def test_what_is_refused():
    one, two = devices(2)
    purified = ql.purify(ql.ElementaryLink(A, B), ql.ElementaryLink(A, B))
    with pytest.raises(UnsupportedOperation, match="has no heralds"):
        prepare_across(purified, {"alice": one, "bob": two})
    with pytest.raises(ValueError, match="'relay' has none"):
        prepare_across(SWAPPED, {"alice": one, "bob": two})
    with pytest.raises(TypeError, match="BackendV2"):
        prepare_across(SWAPPED, {"alice": one, "bob": two, "relay": "ibm_torino"})
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    program = Program(circuit, {"alice": 0, "bob": 1}, (A, B))
    with pytest.raises(UnsupportedOperation, match="'cx' is between alice and bob"):
        prepare_across(program, {"alice": one, "bob": two})
    part = DevicePart.from_dict({"parities": [[0], [1]], "shots": 5})
    result = ql.ExactSampler(seed=1).run([_measured()], shots=5).result()
    with pytest.raises(ValueError, match="2 rows"):
        part.analyse(result)


def _measured():
    circuit = QuantumCircuit(1)
    circuit.add_register(ClassicalRegister(1, "bits"))
    circuit.measure(0, 0)
    return circuit
