"""From Qiskit to stim, piece by piece: gates, conditions and noise, each beside Qiskit's own matrices."""

from itertools import product
from math import pi

import numpy as np
import pytest
import stim
from qiskit.circuit import ClassicalRegister, Clbit, Gate, Measure, QuantumCircuit, Reset
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UnitaryGate, XGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Kraus, Operator, SuperOp, random_clifford
from qiskit_aer.noise import (
    QuantumError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)

from quantumlink.exact import PAULI_MATRICES, UnsupportedOperation, transfer_of_superoperator
from quantumlink.exact.conditions import holds
from quantumlink.execution.clifford.conditions import Equal, Expression, Parity, read_condition
from quantumlink.execution.clifford.gates import clifford_gate, standard_gate
from quantumlink.execution.clifford.noise import ModelNoise, NotPauli, mixture, mixture_of_channel, mixture_of_error
from quantumlink.execution.clifford.steps import NoiseStep, bind, read

STANDARD = {
    name: gate
    for name, gate in get_standard_gate_name_mapping().items()
    if isinstance(gate, Gate) and 1 <= gate.num_qubits <= 3
}
# stim's matrices are single precision: an overlap of 1 up to 1e-6, where the next Clifford gate is at 0.71.
SINGLE = 1e-5


def matrix_of(lines, num_qubits):
    circuit = stim.Circuit("\n".join([f"I {q}" for q in range(num_qubits)] + lines))
    return circuit.to_tableau().to_unitary_matrix(endian="little")


def assert_same_gate(gate, unitary):
    num_qubits = unitary.shape[0].bit_length() - 1
    overlap = np.trace(matrix_of(gate.lines(range(num_qubits)), num_qubits).conj().T @ unitary)
    assert abs(overlap) / len(unitary) == pytest.approx(1, abs=SINGLE)
    if gate.pauli is not None:
        word = np.eye(1)
        for letter in gate.pauli:
            word = np.kron(PAULI_MATRICES["IXYZ".index(letter)], word)
        assert abs(np.trace(word.conj().T @ unitary)) / len(unitary) == pytest.approx(1, abs=1e-9)


def is_clifford(unitary):
    try:
        stim.Tableau.from_unitary_matrix(unitary, endian="little")
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_gate_at_every_right_angle(name):
    number = len(STANDARD[name].params)
    # 4π periods matter for controlled rotations; four angles are tried at 0, π/2, … below 2π only.
    angles = [i * pi / 2 for i in (range(-1, 8) if number < 3 else range(4))]
    for params in product(angles, repeat=number):
        unitary = Operator(STANDARD[name].base_class(*params) if params else STANDARD[name]).data
        gate = standard_gate(name, params)
        assert (gate is not None) == is_clifford(unitary), (name, params)
        if gate is not None:
            assert_same_gate(gate, unitary)


def test_which_standard_gates_are_clifford():
    never = {"t", "tdg", "ch", "cs", "csdg", "csx", "ccx", "cswap", "ccz", "rccx"}
    assert {name for name, gate in STANDARD.items() if not gate.params and standard_gate(name) is None} == never


@pytest.mark.parametrize("name", [name for name, gate in STANDARD.items() if gate.params])
def test_other_angles_are_none(name):
    # A thousandth of a radian is refused, the rounding of π/2 is not.
    number = len(STANDARD[name].params)
    assert standard_gate(name, (1e-3,) * number) is None or name == "u0"
    almost = (2 * pi + 1e-12,) + (0.0,) * (number - 1)
    assert standard_gate(name, almost) is standard_gate(name, (2 * pi, *almost[1:]))


def test_angles_may_cancel():
    # U(0, φ, λ) is a phase gate of φ + λ.
    assert standard_gate("u", (0.0, 0.3, pi / 2 - 0.3)).lines([4]) == ["S 4"]
    assert standard_gate("u", (0.0, 0.3, -0.3)).lines([4]) == []


@pytest.mark.parametrize("num_qubits", [1, 2, 3])
def test_random_clifford_unitaries(num_qubits, rng):
    for _ in range(20):
        unitary = random_clifford(num_qubits, seed=rng).to_operator().data
        assert_same_gate(clifford_gate(UnitaryGate(unitary)), unitary)


def test_equal_gates_are_one_object():
    assert standard_gate("s") is standard_gate("rz", (pi / 2,)) is standard_gate("p", (5 * pi / 2,))
    assert standard_gate("cx") is clifford_gate(UnitaryGate(Operator(STANDARD["cx"]).data))


def condition_examples():
    a, b = ClassicalRegister(3, "a"), ClassicalRegister(2, "b")
    loose = Clbit()
    circuit = QuantumCircuit([loose], a, b)
    return circuit, {
        "bit": ((a[1], 1), Parity),
        "bit is 0": ((loose, 0), Parity),
        "register": ((a, 5), Equal),
        "register never": ((b, 4), Equal),
        "xor": (expr.bit_xor(a[0], expr.bit_xor(b[1], loose)), Parity),
        "xor cancels": (expr.bit_xor(a[0], a[0]), Parity),
        "not": (expr.logic_not(a[2]), Parity),
        "unlike": (expr.not_equal(a[0], b[0]), Parity),
        "alike": (expr.equal(a[0], b[0]), Parity),
        "constant": (expr.lift(True), Parity),
        "and": (expr.logic_and(a[0], expr.logic_not(b[1])), Expression),
        "or": (expr.bit_or(a[0], loose), Expression),
        "less": (expr.less(a, 3), Expression),
        "registers": (expr.greater(a, expr.cast(b, a_type(a))), Expression),
        "index": (expr.index(a, 2), Expression),
        "and of registers": (expr.equal(expr.bit_and(a, 6), 4), Expression),
    }


def a_type(register):
    return expr.lift(register).type


@pytest.mark.parametrize("name", condition_examples()[1])
def test_conditions_hold_where_they_should(name, rng):
    circuit, examples = condition_examples()
    given, kind = examples[name]
    clbit_of = {clbit: i for i, clbit in enumerate(circuit.clbits)}
    condition = read_condition(given, clbit_of.__getitem__)
    assert isinstance(condition, kind)
    shots = 203  # not a multiple of 8; each of the 64 patterns several times
    bits = rng.integers(0, 2, (circuit.num_clbits, shots), dtype=np.uint8)
    every = np.packbits(np.ones(shots, dtype=np.uint8), bitorder="little")
    rows = [np.packbits(bits[i], bitorder="little") for i in condition.bits]
    found = np.unpackbits(condition.evaluate(rows, every), bitorder="little")
    expected = [holds(given, dict(zip(circuit.clbits, map(int, column), strict=True))) for column in bits.T]
    assert found[:shots].tolist() == list(map(int, expected))
    assert not found[shots:].any()


def test_equal_conditions_are_equal_and_others_are_not():
    one, two = condition_examples(), condition_examples()
    read_all = [
        [
            read_condition(c, {bit: i for i, bit in enumerate(circuit.clbits)}.__getitem__)
            for c, _ in examples.values()
        ]
        for circuit, examples in (one, two)
    ]
    assert read_all[0] == read_all[1]
    assert len(set(read_all[0])) == len(read_all[0])


def transfer_of_mixture(found, num_qubits):
    """The transfer matrix of a mixture, from its words alone."""
    commutes = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    diagonal = np.zeros(4**num_qubits)
    words = [] if found is None else list(found.terms)
    for p, word in [(1 - sum(p for p, _ in words), "I" * num_qubits), *words]:
        signs = np.ones(1)
        for letter in word:
            signs = np.kron(signs, commutes["IXYZ".index(letter)])
        diagonal += p * signs
    return np.diag(diagonal)


ERRORS = {
    "one": pauli_error([("X", 0.1), ("Y", 0.05), ("Z", 0.2), ("I", 0.65)]),
    "two, uneven": pauli_error([("XI", 0.1), ("IY", 0.05), ("ZX", 0.2), ("II", 0.65)]),
    "depolarizing 1": depolarizing_error(0.1, 1),
    "depolarizing 2": depolarizing_error(0.1, 2),
    "more than depolarizing": depolarizing_error(4 / 3, 1),
    "one after another": depolarizing_error(0.1, 2).compose(pauli_error([("XZ", 0.3), ("II", 0.7)])),
    "side by side": pauli_error([("X", 0.3), ("I", 0.7)]).tensor(pauli_error([("Z", 0.1), ("I", 0.9)])),
    "as Kraus operators": QuantumError(Kraus([np.sqrt(0.8) * np.eye(2), np.sqrt(0.2) * np.diag([1, -1])])),
    "as unitaries": QuantumError([(UnitaryGate(XGate().to_matrix()), 0.25), (UnitaryGate(np.eye(2)), 0.75)]),
    "three": pauli_error([("XYZ", 0.1), ("IIX", 0.2), ("III", 0.7)]),
    "nothing": pauli_error([("I", 1.0)]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mixtures_are_the_errors_they_came_from(name):
    error = ERRORS[name]
    expected = transfer_of_superoperator(SuperOp(error).data)
    for found in (mixture_of_error(error), mixture_of_channel(error.to_instruction())):
        np.testing.assert_allclose(transfer_of_mixture(found, error.num_qubits), expected, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in ERRORS if name != "nothing"])
def test_what_stim_is_told_are_the_mixtures_words(name):
    # Exact: how much of each Pauli string is left, by the terms that the text stands for.
    found = mixture_of_error(ERRORS[name])
    k = found.num_qubits
    expected = np.diag(transfer_of_superoperator(SuperOp(ERRORS[name]).data))
    for paulis in list(product("IXYZ", repeat=k))[1:]:
        flips = sum(p for p, word in parsed(found.lines(range(k)), k) if anticommute(word, paulis))
        index = int("".join(str("IXYZ".index(p)) for p in paulis), 4)
        assert 1 - 2 * flips == pytest.approx(expected[index], abs=1e-12)


def parsed(lines, k):
    """The exclusive terms that stim's text stands for."""
    letters = ["".join(word) for word in product("IXYZ", repeat=k)][1:]
    left, terms = 1.0, []
    for instruction in stim.Circuit("\n".join(lines)):
        args = instruction.gate_args_copy()
        if instruction.name.startswith("DEPOLARIZE"):
            return [(args[0] / len(letters), word) for word in letters]
        if instruction.name.startswith("PAULI_CHANNEL"):
            return list(zip(args, letters, strict=True))
        if instruction.name.endswith("CORRELATED_ERROR") or instruction.name == "E":
            word = ["I"] * k
            for target in instruction.targets_copy():
                word[target.value] = target.pauli_type
            terms.append((left * args[0], "".join(word)))
            left *= 1 - args[0]
        else:
            return [(args[0], instruction.name[0])]
    return terms


def anticommute(word, paulis):
    return sum(a != b and "I" not in (a, b) for a, b in zip(word, paulis, strict=True)) % 2 == 1


@pytest.mark.parametrize(
    "error",
    [amplitude_damping_error(0.1), thermal_relaxation_error(1.0, 1.5, 0.1), QuantumError([(STANDARD["h"], 1.0)])],
    ids=["amplitude damping", "relaxation with T2 > T1", "a Hadamard"],
)
def test_what_is_no_mixture_is_refused(error):
    with pytest.raises(NotPauli):
        mixture_of_error(error)


def test_resets_are_told_by_the_value_they_leave():
    terms = [([XGate()], 0.1), ([Reset(), XGate()], 0.2), ([Reset()], 0.3), ([STANDARD["id"]], 0.4)]
    found = mixture_of_error(QuantumError([([(operation, [0]) for operation in ops], p) for ops, p in terms]))
    assert found.resets
    assert {word: p for p, word in found.terms} == pytest.approx({"X": 0.1, "1": 0.2, "0": 0.3})
    # 0 becomes 1 by the X and the reset to 1; 1 becomes 0 by the X and the reset to 0.
    np.testing.assert_allclose(found.bit_map(), [[0.7, 0.3], [0.4, 0.6]], atol=1e-15)


def test_equal_mixtures_are_one_object():
    assert mixture(1, [(0.1, "X"), (0.2, "I")]) is mixture(1, [(0.05, "X"), (0.05, "X")])
    assert mixture(1, [(0.0, "X"), (1.0, "I")]) is None


def test_composites_are_taken_apart_and_noise_follows_their_parts():
    from qiskit_aer.noise import NoiseModel

    inner = QuantumCircuit(2, 1, name="part")
    inner.cx(0, 1)
    inner.append(Measure(), [1], [0])
    circuit = QuantumCircuit(3, 2)
    circuit.append(inner.to_instruction(), [2, 0], [1])
    model = NoiseModel()
    model.add_quantum_error(depolarizing_error(0.1, 2), "cx", [2, 0])
    model.add_quantum_error(depolarizing_error(0.3, 2), "cx", [0, 1])
    steps = read(circuit, ModelNoise(model))
    assert [type(step).__name__ for step in steps] == ["GateStep", "NoiseStep", "MeasureStep"]
    assert steps[0].qubits == steps[1].qubits == (2, 0)
    assert (steps[2].qubit, steps[2].clbit) == (0, 1)


def test_a_circuit_that_is_built_again_gives_the_same_key():
    def build():
        circuit = QuantumCircuit(2, 2)
        circuit.h(0)
        circuit.append(depolarizing_error(0.1, 1), [0])
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
        circuit.rz(pi, 1)
        circuit.measure(1, 1)
        return bind(read(circuit, ModelNoise(None)), {})

    assert build() == build()
    assert hash(build()) == hash(build())
    assert any(isinstance(step, NoiseStep) for step in build())


def test_refusals_name_the_operation_its_qubits_the_reason_and_what_could_take_it():
    circuit = QuantumCircuit(3)
    circuit.rx(0.3, 2)
    with pytest.raises(UnsupportedOperation, match=r"'rx\(0.3\)' on qubit 2: .* Aer's SamplerV2"):
        read(circuit, ModelNoise(None))
