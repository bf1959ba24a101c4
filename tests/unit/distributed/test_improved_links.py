"""Distributed circuits whose hops are encoded, or otherwise improved, before they are used."""

import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.distributed import proof
from quantumlink.distributed.following import amplitudes
from quantumlink.distributed.following_order import emptied_sooner


@pytest.fixture
def network():
    nodes = [ql.Node(name, qubits=2, communication=8) for name in "ab"]
    return ql.Network(nodes, [ql.ElementaryLink(*nodes, ql.Fiber(1), bell_diagonal=(0.9, 0, 0.1, 0))])


@pytest.fixture
def circuit():
    made = QuantumCircuit(4)
    made.h(0)
    for i in range(3):
        made.cx(i, i + 1)
    return made


def test_pairs_are_corrected_before_they_are_used(network, circuit, seed):
    bare = ql.distribute(circuit, network, budget_s=0.1, seed=7)
    coded = ql.distribute(
        circuit, network, budget_s=0.1, seed=7, improve=lambda hop: ql.encode(hop, "repetition_z:3")
    )
    assert coded.ebits == bare.ebits == 1
    assert coded.circuit.num_qubits == bare.circuit.num_qubits + 2 * 3  # two pairs and two checks more
    assert coded.verify().word == "proven"
    # A flip of the one pair is a wrong bit of the GHZ state.
    assert bare.simulate(trials=20, seed=seed).fidelity == pytest.approx(0.9, abs=1e-9)
    assert coded.simulate(trials=20, seed=seed).fidelity == pytest.approx(0.9**3 + 3 * 0.9**2 * 0.1, abs=1e-9)


def test_what_is_no_improvement_is_refused(network, circuit):
    with pytest.raises(ValueError, match="improve must be a function of a link"):
        ql.distribute(circuit, network, improve="steane")
    with pytest.raises(TypeError, match="what improve makes of a hop must be a link"):
        ql.distribute(circuit, network, improve=lambda hop: 7)
    with pytest.raises(ValueError, match="between the same nodes"):
        ql.distribute(circuit, network, improve=lambda hop: hop.reversed())
    with pytest.raises(ValueError, match="8 communication qubits, too few"):
        ql.distribute(circuit, network, budget_s=0.1, improve=lambda hop: ql.encode(hop, "surface:3"))


def test_a_proof_is_sampled_where_all_outcomes_of_encoded_links_would_take_minutes(monkeypatch):
    nodes = [ql.Node(name, qubits=2) for name in "ab"]
    network = ql.Network(nodes, [ql.ElementaryLink(*nodes, fidelity=0.99)])
    pair = QuantumCircuit(2)
    pair.h(0)
    pair.cx(0, 1)
    d = ql.distribute(
        pair, network, placement={0: "a", 1: "b"}, budget_s=0, improve=lambda hop: ql.encode(hop, "five_qubit")
    )
    assert repr(d.verify()) == "<Proof: proven (linear, state, 1024 outcome records)>"
    work = amplitudes(emptied_sooner(d.circuit), list(d.inputs.values()))
    monkeypatch.setattr(proof, "MAX_BRANCHED_WORK", 0)
    monkeypatch.setattr(proof, "MIN_BRANCHES", 4)  # as few as for the 18 qubits of Steane's code, for its size
    assert repr(d.verify()) == "<Proof: sampled (linear, state, 1024 outcome records)>"
    monkeypatch.setattr(proof, "MAX_STATE_WORK", work - 1)
    told = d.verify()
    assert told.tiers == ("linear",)
    assert any("one outcome alone touches" in reason for reason in told.left_out)


@pytest.mark.parametrize(("measured", "word"), [(0, "proven"), (3, "proven"), (9, "proven")])
def test_outcomes_of_the_circuit_itself_are_told_apart_whatever_the_links_have(measured, word):
    nodes = [ql.Node(name, qubits=6, communication=1) for name in "ab"]
    network = ql.Network(nodes, [ql.ElementaryLink(*nodes, fidelity=0.9)])
    circuit = QuantumCircuit(12, 9)
    for i in range(11):
        circuit.cx(i, i + 1)
        circuit.ry(0.1 * i, i + 1)
    circuit.measure(range(measured), range(measured))
    assert ql.distribute(circuit, network, budget_s=0).verify().word == word
