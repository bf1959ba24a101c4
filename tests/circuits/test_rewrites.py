"""Every rewrite leaves every circuit of the library what it was: the same instrument, exactly.

The instrument is the map from the input to each record of the classical bits together with the state of the qubits
(but for those that end measured: the record tells their state). Small circuits are compared for every input at
once, larger ones from a random product state.
"""

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.circuits import bell_pair, builders, entanglement_swap
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.rewrites import deferred_circuit, framed_circuit, noisy_circuit, sampled_circuit

WHOLE = 4
"""Most qubits for which all inputs are compared: 256 of them."""

# Not Clifford, or not corrected by Paulis: what the Pauli frame must refuse.
NOT_A_FRAME = {
    "partial_bell_measurement": "h",
    "intercept_resend": "",
    "gate_teleportation": "s",
    "remote_toffoli": "",
    "remote_controlled": "",
}


def bound(circuit: QuantumCircuit, rng: np.random.Generator, *, clifford: bool) -> QuantumCircuit:
    n = circuit.num_parameters
    values = rng.integers(0, 4, n) * np.pi / 2 if clifford else rng.uniform(0, 2 * np.pi, n)
    return circuit.assign_parameters(values)


def prepared(circuit: QuantumCircuit, rng: np.random.Generator) -> tuple[QuantumCircuit, list[int]]:
    """The circuit with its input: all qubits if it is small, a random product state otherwise."""
    if circuit.num_qubits <= WHOLE:
        return circuit, list(range(circuit.num_qubits))
    result = circuit.copy_empty_like()
    for qubit in circuit.qubits:
        result.u(*rng.uniform(0, 2 * np.pi, 3), qubit)
    for instruction in circuit.data:
        result.append(instruction)
    return result, []


def unmeasured(circuit: QuantumCircuit) -> list[int]:
    last = {qubit: instruction.name for instruction in circuit.data for qubit in instruction.qubits}
    return [i for i, qubit in enumerate(circuit.qubits) if last.get(qubit) != "measure"]


def instrument(circuit: QuantumCircuit, inputs: list[int], outputs: list[int]) -> dict[tuple[int, ...], np.ndarray]:
    return branches(circuit, inputs=inputs, outputs=outputs)


def assert_same(found, expected):
    for record in {*found, *expected}:
        shape = next(iter(expected.values())).shape
        difference = found.get(record, np.zeros(shape)) - expected.get(record, np.zeros(shape))
        assert np.abs(difference).max() < 1e-9, record


@pytest.mark.parametrize("name", builders())
def test_deferred_measurement(name, rng):
    circuit, inputs = prepared(bound(builders()[name](), rng, clifford=False), rng)
    deferred = deferred_circuit(circuit)
    names = [instruction.name for instruction in deferred.data]
    assert "if_else" not in names
    assert "reset" not in names
    first = names.index("measure") if "measure" in names else len(names)
    assert set(names[first:]) <= {"measure"}
    if deferred.num_qubits > 9:
        return  # 4⁹ coefficients in up to 2⁹ branches: enough; the longer ones are of the same kind
    ends = unmeasured(circuit)
    assert_same(instrument(deferred, inputs, ends), instrument(circuit, inputs, ends))


@pytest.mark.parametrize("name", builders())
def test_pauli_frame(name, rng):
    circuit, inputs = prepared(bound(builders()[name](), rng, clifford=True), rng)
    try:
        framed = framed_circuit(circuit)
    except UnsupportedOperation as refusal:
        assert name in NOT_A_FRAME, str(refusal)
        assert NOT_A_FRAME[name] in str(refusal)
        return
    assert not any(instruction.name == "if_else" for instruction in framed.circuit.data)
    ends = unmeasured(circuit)
    found: dict[tuple[int, ...], np.ndarray] = {}
    for record, tensor in instrument(framed.circuit, inputs, ends).items():
        bits = np.array(record, dtype=bool)
        told = tuple(int(bits[list(parity)].sum() % 2) for parity in framed.bits)
        for place, frame in enumerate(framed.frames[end] for end in ends):
            x, z = bits[list(frame.x)].sum() % 2, bits[list(frame.z)].sum() % 2
            signs = np.array([1, (-1) ** z, (-1) ** (x + z), (-1) ** x])  # I, X, Y, Z under X^x Z^z
            tensor = tensor * signs.reshape([4 if axis == place else 1 for axis in range(tensor.ndim)])
        found[told] = found.get(told, 0) + tensor
    assert_same(found, instrument(circuit, inputs, ends))


@pytest.mark.parametrize("name", builders())
def test_ideal_noise_changes_nothing(name, rng):
    circuit, inputs = prepared(bound(builders()[name](), rng, clifford=False), rng)
    try:
        noisy = noisy_circuit(circuit, (ql.Node("here"),) * circuit.num_qubits)
    except UnsupportedOperation as refusal:
        assert "3 qubits" in str(refusal)
        return
    ends = unmeasured(circuit)
    assert_same(instrument(noisy, inputs, ends), instrument(circuit, inputs, ends))


@pytest.mark.parametrize("name", builders())
def test_sampled_channels_average_to_the_channel(name, rng):
    """A Pauli channel on the first qubit, before and after the circuit."""
    original, inputs = prepared(bound(builders()[name](), rng, clifford=False), rng)
    circuit = original.copy_empty_like()
    circuit.append(ql.circuits.PauliChannel(0.1, 0.2, 0.3), [0])
    for instruction in original.data:
        circuit.append(instruction)
    played, (setting,) = sampled_circuit(circuit)
    assert played.count_ops().get("pauli_channel", 0) == 0
    found: dict[tuple[int, ...], np.ndarray] = {}
    for row, weight in zip(setting.rows, setting.weights, strict=True):
        values = dict(zip(setting.parameters, row, strict=True))
        for record, tensor in instrument(played.assign_parameters(values), inputs, unmeasured(circuit)).items():
            found[record] = found.get(record, 0) + weight * tensor
    assert_same(found, instrument(circuit, inputs, unmeasured(circuit)))


def test_a_mutant_of_each_rewrite_is_noticed(rng):
    """Swapped records, a lost frame and a wrong weight must not pass for the same instrument."""
    circuit = entanglement_swap()
    expected = instrument(circuit, [0, 1, 2, 3], [0, 3])
    swapped = {record[::-1]: tensor for record, tensor in expected.items()}
    with pytest.raises(AssertionError):
        assert_same(swapped, expected)
    static = instrument(framed_circuit(circuit).circuit, [0, 1, 2, 3], [0, 3])
    with pytest.raises(AssertionError):
        assert_same(static, expected)
    with pytest.raises(AssertionError):
        assert_same(instrument(bell_pair("phi-"), [0, 1], [0, 1]), instrument(bell_pair(), [0, 1], [0, 1]))


def test_deferred_refuses_what_it_cannot_defer():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.append(ql.circuits.PauliChannel(0.1, 0.2, 0.3), [1])
    with pytest.raises(UnsupportedOperation, match="'pauli_channel' within if_test"):
        deferred_circuit(circuit)
