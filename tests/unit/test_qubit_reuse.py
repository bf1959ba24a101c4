"""Reusing the qubits of any circuit, exactly: random dynamic circuits record by record, and plain ones by hand."""

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import types

from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.rewrites.qubit_reuse import reused_circuit

# Both sides are exact; rounding of some hundred products of numbers below 1.
EXACT = 1e-12


def random_dynamic_circuit(rng, num_qubits=5, length=40):
    """Gates, measurements (also of qubits in use), resets, and nested conditions on bits and a register."""
    circuit = QuantumCircuit(num_qubits, 4)
    for _ in range(length):
        a, b = (int(q) for q in rng.choice(num_qubits, 2, replace=False))
        c, d = (int(q) for q in rng.choice(4, 2, replace=False))
        match rng.integers(7):
            case 0:
                circuit.u(*rng.uniform(0, 3, 3), a)
            case 1 | 2:
                circuit.cx(a, b)
            case 3:
                circuit.measure(a, c)
            case 4:
                circuit.reset(a)
            case 5:
                with circuit.if_test((circuit.clbits[c], 1)) as otherwise:
                    circuit.h(a)
                    with circuit.if_test((circuit.clbits[d], 0)):
                        circuit.cx(b, a)
                with otherwise:
                    circuit.measure(b, d)
            case 6:
                with circuit.if_test((circuit.cregs[0], int(rng.integers(16)))):
                    circuit.x(a)
    return circuit


def test_any_circuit_is_reused_exactly(rng):
    saved = 0
    for length in (5, 10, 15, 20, 25, 30) * 5:
        circuit = random_dynamic_circuit(rng, length=length)
        outputs = [int(q) for q in rng.choice(5, rng.integers(3), replace=False)]
        lean = reused_circuit(circuit, outputs)
        mine = branches(lean.circuit, outputs=[lean.places[q] for q in outputs])
        theirs = branches(circuit, outputs=outputs)
        for record in {*mine, *theirs}:  # what rounds to nothing may be missing in one of them
            a, b = (found.get(record, 0) for found in (mine, theirs))
            np.testing.assert_allclose(a, b, rtol=0, atol=EXACT)
        assert lean.circuit.num_qubits <= 5
        saved += 5 - lean.circuit.num_qubits
    assert saved > 0


def test_reuse_never_takes_more_qubits_than_the_written_order(rng):
    # For about one circuit in fifty the rule's own order takes more: then the written one is kept.
    for _ in range(100):
        circuit = random_dynamic_circuit(rng, num_qubits=10, length=30)
        first, last = {}, {}
        for place, instruction in enumerate(circuit.data):
            for qubit in instruction.qubits:
                first.setdefault(qubit, place)
                last[qubit] = place
        alive = [sum(first[q] <= t <= last[q] for q in first) for t in range(len(circuit.data))]
        assert reused_circuit(circuit).circuit.num_qubits <= max(alive)


@pytest.mark.parametrize("hops", [2, 10, 60])
def test_pairs_written_in_any_order_are_born_as_neighbors_of_the_living(hops, rng):
    circuit = QuantumCircuit(2 * hops, 2 * hops - 2)
    for k in rng.permutation(hops).tolist():
        circuit.h(2 * k)
        circuit.cx(2 * k, 2 * k + 1)
    for k in rng.permutation(hops - 1).tolist():
        circuit.cx(2 * k + 1, 2 * k + 2)
        circuit.h(2 * k + 1)
        circuit.measure([2 * k + 1, 2 * k + 2], [2 * k, 2 * k + 1])
    assert reused_circuit(circuit, [0, 2 * hops - 1]).circuit.num_qubits == 4


@pytest.mark.parametrize("at_most", [4, 5, 7, 12, 20, 30])
def test_a_chain_is_spread_over_a_line_and_goes_back_on_it(at_most):
    """On n qubits a chain of h hops takes about 2h/n rounds, and neighbors on the line alone meet."""
    hops = 10
    circuit = QuantumCircuit(2 * hops, 2 * hops - 2)
    for k in range(hops):
        circuit.h(2 * k)
        circuit.cx(2 * k, 2 * k + 1)
    for k in range(hops - 1):
        circuit.cx(2 * k + 1, 2 * k + 2)
        circuit.h(2 * k + 1)
        circuit.measure([2 * k + 1, 2 * k + 2], [2 * k, 2 * k + 1])
    lean = reused_circuit(circuit, [0, 2 * hops - 1], at_most=at_most)
    assert lean.circuit.num_qubits == min(at_most, 2 * hops)
    depth = lean.circuit.depth()
    narrow = reused_circuit(circuit, [0, 2 * hops - 1]).circuit.depth()
    assert depth <= narrow
    if at_most >= 12:
        gates = [i for i in lean.circuit.data if i.name == "cx"]
        met = [[lean.circuit.find_bit(q).index for q in gate.qubits] for gate in gates]
        assert all(abs(a - b) == 1 for a, b in met)
        rounds = -(-2 * hops // at_most)
        assert depth <= rounds * (circuit.depth() + 2)


def test_spread_circuits_are_exact(rng):
    spread = 0
    for length in (10, 20, 30) * 8:
        circuit = random_dynamic_circuit(rng, length=length)
        outputs = [int(q) for q in rng.choice(5, rng.integers(3), replace=False)]
        fewest = reused_circuit(circuit, outputs).circuit.num_qubits
        for at_most in range(fewest, 6):
            lean = reused_circuit(circuit, outputs, at_most=at_most)
            assert lean.circuit.num_qubits <= at_most
            mine = branches(lean.circuit, outputs=[lean.places[q] for q in outputs])
            theirs = branches(circuit, outputs=outputs)
            for record in {*mine, *theirs}:
                a, b = (found.get(record, 0) for found in (mine, theirs))
                np.testing.assert_allclose(a, b, rtol=0, atol=EXACT)
            spread += lean.circuit.num_qubits > fewest
        if fewest > 1:
            with pytest.raises(ValueError, match=f"at_most must be at least {fewest}"):
                reused_circuit(circuit, outputs, at_most=fewest - 1)
    assert spread > 0


def test_barriers_go_and_names_stay():
    circuit = QuantumCircuit(3, 3, name="three", global_phase=0.5, metadata={"heralds": [[0]], "pairs": [[0, 1]]})
    circuit.h([0, 1, 2])
    circuit.barrier()
    circuit.measure([0, 1, 2], [0, 1, 2])
    lean = reused_circuit(circuit)
    assert lean.tenants == ((0, 1, 2),)
    assert lean.circuit.count_ops() == {"h": 3, "measure": 3, "reset": 2}
    assert (lean.circuit.name, lean.circuit.global_phase) == ("three", 0.5)
    assert lean.circuit.metadata == {"heralds": [[0]]}


def test_an_output_that_is_never_used_is_zero():
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    lean = reused_circuit(circuit, [1])
    (state,) = branches(lean.circuit, outputs=[lean.places[1]]).values()
    np.testing.assert_allclose(state.ravel(), [1, 0, 0, 1], atol=EXACT)
    assert lean.circuit.num_qubits == 1


def test_the_register_gives_way_to_a_classical_one_of_its_name():
    circuit = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(1, "memory"))
    circuit.measure(0, 0)
    assert reused_circuit(circuit).circuit.qregs[0].name == "memory_"


def test_what_cannot_be_reused_is_refused():
    circuit = QuantumCircuit(1, name="counts")
    circuit.add_input("flag", types.Bool())
    with pytest.raises(UnsupportedOperation, match="real-time variables: 'counts'"):
        reused_circuit(circuit)
    with pytest.raises(ValueError, match=r"outputs must be qubits 0…1 of the circuit, got 2"):
        reused_circuit(QuantumCircuit(2), [2])
