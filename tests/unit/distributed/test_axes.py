"""What gates read and turn: beside their matrices, for angles that are quarter turns, ordinary, and related."""

from math import pi

import numpy as np
import pytest
from qiskit.circuit import Gate, Parameter, QuantumCircuit
from qiskit.circuit.library import CUGate, UGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Operator, Pauli

import quantumlink as ql
from quantumlink.distributed.axes import axes_of
from quantumlink.exact import UnsupportedOperation

GATES = {name: gate for name, gate in get_standard_gate_name_mapping().items() if isinstance(gate, Gate)}
ANGLES = [0, pi / 2, pi, -pi / 2, 2 * pi, 3 * pi, 0.3, -0.3, 0.3 + pi]


def by_matrix(gate):
    """The axes that commute with a gate on each qubit, and those that anticommute."""
    matrix, found = Operator(gate).data, []
    for qubit in range(gate.num_qubits):
        label = {axis: "I" * (gate.num_qubits - 1 - qubit) + axis + "I" * qubit for axis in "ZXY"}
        paulis = {axis: Pauli(text).to_matrix() for axis, text in label.items()}
        found.append(
            tuple(
                {axis for axis, p in paulis.items() if np.allclose(matrix @ p, sign * p @ matrix, atol=1e-10)}
                for sign in (1, -1)
            )
        )
    return found


@pytest.mark.parametrize("name", sorted(name for name, gate in GATES.items() if gate.params))
def test_no_gate_is_said_to_read_or_turn_what_it_does_not(name):
    rng = np.random.default_rng(len(name))
    for _ in range(30):
        gate = GATES[name].base_class(*rng.choice(ANGLES, len(GATES[name].params)).tolist())
        axes = axes_of(gate)
        for qubit, (reads, turns) in enumerate(by_matrix(gate)):
            assert set(axes.reads[qubit]) <= reads
            assert set(axes.turns[qubit]) <= turns


@pytest.mark.parametrize(
    "name", sorted(name for name, gate in GATES.items() if gate.num_qubits and len(gate.params) < 2)
)
def test_gates_with_one_angle_read_all_that_their_matrices_do(name):
    for angle in ANGLES[: 9 if GATES[name].params else 1]:
        gate = GATES[name].base_class(angle) if GATES[name].params else GATES[name]
        axes = axes_of(gate)
        found = by_matrix(gate)
        assert [set(one) for one in axes.reads] == [reads for reads, _ in found]
        if gate.num_qubits == 1:
            assert set(axes.turns[0]) == found[0][1]


@pytest.mark.parametrize("theta", [0, pi, 2 * pi, 0.4])
@pytest.mark.parametrize(("phi", "lam"), [(0.3, 0.4), (0.3, -0.3), (0.3, 0.3 + pi), (-pi / 2, pi / 2), (0, pi)])
def test_a_gate_told_by_three_angles_is_what_its_matrix_says(theta, phi, lam):
    axes = axes_of(UGate(theta, phi, lam))
    reads, turns = by_matrix(UGate(theta, phi, lam))[0]
    assert (set(axes.reads[0]), set(axes.turns[0])) == (reads, turns)
    controlled = axes_of(CUGate(theta, phi, lam, 0.2))
    assert set(controlled.reads[1]) == by_matrix(CUGate(theta, phi, lam, 0.2))[1][0]


def test_parameters_stand_for_every_value():
    p = Parameter("p")
    assert axes_of(UGate(p, 0.0, 0.0)) == axes_of(UGate(0.4, 0.0, 0.0)) != axes_of(UGate(pi, 0.0, 0.0))
    assert axes_of(UGate(0.0, p, 0.0)).reads == ("Z",)
    assert axes_of(UGate(pi, p, 0.2)).turns == ("Z",)


@pytest.mark.parametrize("angles", [(0, 0.3, 0.4), (pi, 0.3, 0.9), (pi, 0, pi)])
def test_a_u_gate_that_keeps_the_axis_does_not_end_its_group(angles):
    circuit = QuantumCircuit(4)
    circuit.cx(0, 2), circuit.u(*angles, 0), circuit.cx(0, 3)
    nodes = [ql.Node(name, qubits=2) for name in "ab"]
    place = {q: "a" if q < 2 else "b" for q in range(4)}
    net = ql.Network(nodes, [ql.ElementaryLink(*nodes)])
    d = ql.distribute(circuit, net, placement=place, budget_s=0)
    assert d.ebits == 1
    assert "state" in d.verify().tiers


def test_a_gate_that_nothing_tells_is_refused_with_its_place():
    within = QuantumCircuit(2, name="outer")
    within.h(0), within.append(Gate("mine", 1, []), [1])
    nodes = [ql.Node(name, qubits=2) for name in "ab"]
    net = ql.Network(nodes, [ql.ElementaryLink(*nodes)])
    for gate, told in (
        (Gate("mine", 1, []), "'mine'"),
        (Gate("mine", 2, []), "'mine'"),
        (within.to_gate(), "'outer'"),
    ):
        circuit = QuantumCircuit(4)
        circuit.h(0), circuit.append(gate, range(gate.num_qubits))
        with pytest.raises(
            UnsupportedOperation, match=rf"{told} \(instruction 1 .*neither a definition nor a matrix"
        ):
            ql.distribute(circuit, net, budget_s=0)
