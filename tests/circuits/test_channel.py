"""The medium's instruction: what it refuses, what it does, and what is left of it after a round trip."""

import copy
import io
import pickle
from math import inf, nan, sqrt

import matplotlib as mpl
import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm3, qpy, transpile
from qiskit.circuit import Instruction
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix, Kraus, Operator, Pauli, Statevector
from quantumlink_circuits.bell import BELL_STATES, bell_pair
from quantumlink_circuits.channel import (
    CHANNEL_NAME,
    PauliChannel,
    bell_diagonal_channel,
    pauli_probabilities,
)

from quantumlink.testing import assert_channel, assert_prepares

mpl.use("Agg")

PROBABILITIES = [
    (0.0, 0.0, 0.0),
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.25, 0.25, 0.25),
    (0.01, 0.02, 0.03),
    (1 / 3, 1 / 3, 1 / 3),
]


def medium(*probabilities):
    circuit = QuantumCircuit(1)
    circuit.append(PauliChannel(*probabilities), [0])
    return circuit


def kraus(px, py, pz):
    weights = {"I": max(0.0, 1 - px - py - pz), "X": px, "Y": py, "Z": pz}
    return Kraus([sqrt(weight) * Pauli(letter).to_matrix() for letter, weight in weights.items()])


def reloaded(circuit):
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    buffer.seek(0)
    return qpy.load(buffer)[0]


@pytest.mark.parametrize("name", ["px", "py", "pz"])
@pytest.mark.parametrize("value", [-0.1, -1e-12, 1.1, nan, inf, -inf])
def test_a_probability_outside_the_unit_interval_is_refused_by_name(name, value):
    probabilities = {"px": 0.0, "py": 0.0, "pz": 0.0, name: value}
    with pytest.raises(ValueError, match=rf"{name} must be a probability in \[0, 1\], got {value}"):
        PauliChannel(**probabilities)


def test_a_sum_above_one_is_refused_with_the_three_values():
    with pytest.raises(ValueError, match=r"px \+ py \+ pz must not exceed 1, got 0.5 \+ 0.4 \+ 0.2 = 1.1"):
        PauliChannel(0.5, 0.4, 0.2)


def test_rounding_in_the_sum_is_forgiven_but_no_more():
    assert pauli_probabilities(0.5, 0.5, 1e-10) == (0.5, 0.5, 1e-10)
    with pytest.raises(ValueError, match="must not exceed 1"):
        pauli_probabilities(0.5, 0.5, 1e-8)


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError):
        PauliChannel(None, 0.0, 0.0)


@pytest.mark.parametrize("probabilities", PROBABILITIES)
def test_parameters_are_plain_floats_in_order(probabilities):
    channel = PauliChannel(*map(np.float64, probabilities))
    assert channel.params == list(probabilities)
    assert [type(p) for p in channel.params] == [float] * 3
    assert (channel.name, channel.num_qubits, channel.num_clbits) == (CHANNEL_NAME, 1, 0)


@pytest.mark.parametrize("probabilities", PROBABILITIES)
def test_the_exact_reading_is_the_channel_of_the_formula(probabilities):
    assert_channel(medium(*probabilities), kraus(*probabilities), inputs=0, outputs=0)


def test_two_in_a_row_compose():
    first, second = (0.1, 0.05, 0.2), (0.02, 0.3, 0.01)
    circuit = medium(*first).compose(medium(*second))
    assert_channel(circuit, kraus(*first).compose(kraus(*second)), inputs=0, outputs=0)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    "diagonal", [(0.97, 0.01, 0.015, 0.005), (0.0, 1.0, 0.0, 0.0), (0.25,) * 4, (0.4, 0.3, 0.2, 0.1)]
)
def test_on_half_a_pair_it_gives_the_bell_diagonal_state(side, diagonal):
    circuit = bell_pair()
    circuit.append(bell_diagonal_channel(diagonal), [side])
    expected = sum(
        weight * DensityMatrix(Statevector(bell_pair(state))).data
        for weight, state in zip(diagonal, BELL_STATES, strict=True)
    )
    assert_prepares(circuit, DensityMatrix(expected))


@pytest.mark.parametrize("probabilities", PROBABILITIES)
def test_qpy_keeps_name_parameters_and_label(probabilities):
    circuit = medium(*probabilities)
    for _ in range(2):
        circuit = reloaded(circuit)
        operation = circuit.data[0].operation
        assert (operation.name, operation.params, operation.num_qubits) == (CHANNEL_NAME, list(probabilities), 1)
        assert operation.label == PauliChannel(*probabilities).label
    assert_channel(circuit, kraus(*probabilities), inputs=0, outputs=0)


def test_qpy_keeps_it_within_a_condition():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.append(PauliChannel(1e-5, 1.23456789e-3, 0.1), [1])
    (inner,) = reloaded(circuit).data[-1].operation.blocks[0].data
    assert (inner.name, inner.operation.params) == (CHANNEL_NAME, [1e-5, 1.23456789e-3, 0.1])


def test_copies_are_the_same_channel():
    channel = PauliChannel(0.1, 0.2, 0.3)
    for other in (channel.copy(), copy.deepcopy(channel), pickle.loads(pickle.dumps(channel))):
        assert other == channel
        assert isinstance(other, PauliChannel)
        assert other.params == [0.1, 0.2, 0.3]
    assert channel != PauliChannel(0.1, 0.2, 0.31)


def test_a_person_can_read_it_in_text():
    drawing = str(medium(0.01, 0.02, 0.03).draw("text"))
    assert "Pauli X,Y,Z(0.01,0.02,0.03)" in drawing


def test_a_person_can_read_it_in_a_picture():
    figure = medium(0.01, 0.02, 0.03).draw("mpl")
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "Pauli X,Y,Z" in texts
    assert "0.01, 0.02, 0.03" in texts


def test_openqasm_refuses_it_by_name_and_does_not_drop_it():
    with pytest.raises(qasm3.QASM3ExporterError, match=CHANNEL_NAME):
        qasm3.dumps(medium(0.01, 0.02, 0.03))


def test_it_has_no_inverse():
    with pytest.raises(ValueError, match="no inverse"):
        PauliChannel(0.01, 0.0, 0.0).inverse()
    with pytest.raises(ValueError, match="no inverse"):
        medium(0.01, 0.0, 0.0).inverse()


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("through_qpy", [False, True])
def test_a_hardware_target_drops_it_and_nothing_else(level, through_qpy):
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.append(PauliChannel(0.1, 0.1, 0.1), [0])
    circuit = reloaded(circuit) if through_qpy else circuit
    backend = GenericBackendV2(2, seed=1)
    found = transpile(circuit, backend, optimization_level=level, initial_layout=[0], seed_transpiler=1)
    assert CHANNEL_NAME not in found.count_ops()
    assert Operator.from_circuit(found).equiv(Operator(Pauli("IX")))


def test_it_is_an_instruction_and_no_gate():
    # As a gate it could be controlled, or taken for unitary by a transpiler pass.
    channel = PauliChannel(0.1, 0.0, 0.0)
    assert type(channel).__mro__[1] is Instruction
    assert not hasattr(channel, "control")


def test_an_array_of_the_wrong_shape_is_no_channel():
    with pytest.raises(ValueError, match="an array is read as a superoperator"):
        assert_channel(QuantumCircuit(1), np.eye(2), inputs=[0], outputs=[np.int64(0)])
    assert_channel(QuantumCircuit(1), np.eye(4), inputs=np.array([0]), outputs=[np.int64(0)])
