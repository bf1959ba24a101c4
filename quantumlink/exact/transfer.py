"""Pauli transfer matrices: what an instruction does to the Pauli coefficients of a state.

A state of n qubits is kept as the real coefficients r_P = Tr(P·ρ), P running over {I, X, Y, Z}ⁿ. An operation
on k of them is a real 4ᵏ × 4ᵏ matrix R_PQ = Tr(P·E(Q))/2ᵏ; rows and columns count Paulis with the *first*
qubit of the instruction as the most significant digit.

Reference:
    D. Greenbaum, arXiv:1509.02921 (2015), section 2.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any, Literal

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, Gate, Instruction, Operation
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Clifford, Operator, SuperOp

from quantumlink.arrays import ComplexArray, FloatArray

Transfer = FloatArray

PAULI_MATRICES = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=complex
)
"""I, X, Y, Z as 2×2 matrices, shape (4, 2, 2)."""

ZERO = np.array([1.0, 0.0, 0.0, 1.0])
"""The Pauli coefficients of |0⟩⟨0|."""

PROJECTORS = (np.array([0.5, 0.0, 0.0, 0.5]), np.array([0.5, 0.0, 0.0, -0.5]))
"""The functionals r ↦ ⟨b|ρ|b⟩ for b = 0, 1."""

_SIGNS = {
    "I": np.ones(4),
    "X": np.array([1.0, 1.0, -1.0, -1.0]),
    "Y": np.array([1.0, -1.0, 1.0, -1.0]),
    "Z": np.array([1.0, -1.0, -1.0, 1.0]),
}
"""What each Pauli does to the coefficients of I, X, Y, Z."""

_LABELS = {"id": "I", "x": "X", "y": "Y", "z": "Z"}

_CHANNELS = {"kraus", "superop", "quantum_channel"}

MAX_TRANSFER_QUBITS = 3
"""Most qubits of a gate whose transfer matrix is made: it has 16ᵏ entries, its unitary only 4ᵏ."""


class UnsupportedOperation(ValueError):
    """An operation that a reading of the circuit has no rule for; the text names it."""


def instruction_of(operation: Operation) -> Instruction:
    """An operation as an instruction: a `Clifford` as its circuit, an annotated operation as its unitary.

    >>> instruction_of(Clifford.from_label("H")).definition.count_ops()
    OrderedDict([('h', 1)])
    """
    if isinstance(operation, Clifford):
        return operation.to_instruction()
    return UnitaryGate(Operator(operation)) if isinstance(operation, AnnotatedOperation) else operation


def transfer_matrix(operation: Instruction) -> Transfer | None:
    """The transfer matrix of a gate, a Kraus or superoperator instruction, or an inlined noise channel.

    Args:
        operation: any bound instruction without classical bits.

    Returns:
        Shape (4ᵏ, 4ᵏ) for k qubits, or None if the operation has no such matrix of its own (a measurement,
        a reset, a composite with those inside).

    Raises:
        UnsupportedOperation: if the instruction has unbound parameters.

    >>> from qiskit.circuit.library import XGate
    >>> from quantumlink.exact import transfer_matrix
    >>> transfer_matrix(XGate()).round(12).tolist()  # I and X stay, Y and Z change their sign
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 0.0, 0.0, -1.0]]
    """
    _check_bound(operation)
    if operation.name == "pauli_channel":
        return _pauli_channel(*(float(p) for p in operation.params))
    if operation.name in _CHANNELS:
        return _channel(operation)
    return _gate(operation) if isinstance(operation, Gate) else None


def unitary_matrix(gate: Gate) -> ComplexArray:
    """The unitary of a gate, shape (2ᵏ, 2ᵏ), the *first* qubit of the instruction as the most significant digit.

    Raises:
        UnsupportedOperation: if the gate has unbound parameters.
    """
    _check_bound(gate)
    k = gate.num_qubits
    matrix = Operator(gate).data.reshape((2,) * (2 * k))
    reverse = [*range(k)][::-1]
    return matrix.transpose([*reverse, *(k + axis for axis in reverse)]).reshape(2**k, 2**k)  # type: ignore[no-any-return]


def _check_bound(operation: Instruction) -> None:
    if any(getattr(p, "parameters", None) for p in operation.params):
        raise UnsupportedOperation(f"{operation.name!r} has unbound parameters: {operation.params}")


_known_gates: dict[tuple[object, ...], Transfer] = {}


def _gate(operation: Gate) -> Transfer:
    # Standard gates are what their class, angles and control state say; anything else is worked out anew.
    if not str(operation.base_class.__module__).startswith("qiskit.circuit.library.standard_gates"):
        return _of_unitary(Operator(operation).data)
    control_state = getattr(operation, "ctrl_state", None)
    key = (operation.base_class, operation.num_qubits, *map(float, operation.params), control_state)
    if key not in _known_gates:
        if len(_known_gates) >= 4096:
            _known_gates.clear()
        _known_gates[key] = _of_unitary(Operator(operation).data)
    return _known_gates[key]


# By identity; the error is kept beside its matrix, so that its identity cannot pass to another one.
_known_errors: dict[int, tuple[object, Transfer]] = {}


def _channel(operation: Instruction) -> Transfer:
    error = getattr(operation, "_quantum_error", None)  # Aer's inlined errors
    if error is None:
        return transfer_of_superoperator(SuperOp(operation).data)
    if id(error) not in _known_errors:
        if len(_known_errors) >= 4096:
            _known_errors.clear()
        _known_errors[id(error)] = (error, _of_error(error))
    return _known_errors[id(error)][1]


def _of_error(error: Any) -> Transfer:
    """The transfer matrix of an error of Aer's: the mean of those of its circuits."""
    dim = 4**error.num_qubits
    diagonal, whole = np.zeros(dim), np.zeros((dim, dim))
    for circuit, probability in zip(error.circuits, error.probabilities, strict=True):
        signs = _signs_of_paulis(circuit)
        if signs is not None:
            diagonal += probability * signs
        else:
            whole += probability * transfer_of_superoperator(SuperOp(circuit).data)
    return _frozen(whole + np.diag(diagonal))


def _signs_of_paulis(circuit: QuantumCircuit) -> FloatArray | None:
    """The factors of all Pauli coefficients if a circuit is made of Paulis: shape (4ᵏ,); else None."""
    signs: list[FloatArray] = [np.ones(4) for _ in circuit.qubits]
    for instruction in circuit.data:
        operation = instruction.operation
        label = operation.params[0] if operation.name == "pauli" else _LABELS.get(operation.name)
        if label is None:
            return None
        for pauli, qubit in zip(reversed(label), instruction.qubits, strict=True):
            signs[circuit.find_bit(qubit).index] = signs[circuit.find_bit(qubit).index] * _SIGNS[pauli]
    found: FloatArray = np.ones(1)
    for factors in signs:
        found = (found[:, None] * factors).ravel()
    return found


@lru_cache(maxsize=4096)
def _pauli_channel(px: float, py: float, pz: float) -> Transfer:
    return _frozen(np.diag([1.0, 1 - 2 * (py + pz), 1 - 2 * (px + pz), 1 - 2 * (px + py)]))


@lru_cache(maxsize=8)
def _pauli_strings(k: int) -> ComplexArray:
    # Qiskit's matrices have the first qubit as the least significant bit: it is the last factor of the kron.
    strings = []
    for digits in product(range(4), repeat=k):
        matrix = np.ones((1, 1), dtype=complex)
        for digit in digits:
            matrix = np.kron(PAULI_MATRICES[digit], matrix)
        strings.append(matrix)
    return np.array(strings)


def _of_unitary(unitary: ComplexArray) -> Transfer:
    paulis = _pauli_strings(unitary.shape[0].bit_length() - 1)
    images = unitary @ paulis @ unitary.conj().T
    return _frozen(np.einsum("pij,qji->pq", paulis, images).real / unitary.shape[0])


def transfer_of_superoperator(superop: ComplexArray) -> Transfer:
    """The transfer matrix of a superoperator in Qiskit's form, shape (4ᵏ, 4ᵏ), column-stacking."""
    dim = round(superop.shape[0] ** 0.5)
    paulis = _pauli_strings(dim.bit_length() - 1)
    # Qiskit's superoperator acts on column-stacked matrices.
    columns = paulis.transpose(0, 2, 1).reshape(len(paulis), -1)
    images = (columns @ superop.T).reshape(-1, dim, dim).transpose(0, 2, 1)
    return _frozen(np.einsum("pij,qji->pq", paulis, images).real / dim)


def _frozen(matrix: Transfer) -> Transfer:
    matrix = np.ascontiguousarray(np.where(np.abs(matrix) < 1e-16, 0.0, matrix))
    whole = np.rint(matrix)
    matrix = np.where(np.abs(matrix - whole) < 1e-15, whole, matrix)  # so that a Clifford gate is one exactly
    matrix.setflags(write=False)
    return matrix


DeviceOperation = Literal["measure", "reset", "measure_reset"]


def device_operation(operation: Instruction) -> DeviceOperation | None:
    """What a measurement or reset is, by whatever name a device gives it; None if it is something else.

    Devices have variants of their own: ``measure_2``, ``reset_2``, and ``measure_reset``, which keeps the bit of a
    reset. They have no definition, and go by their names.

    >>> device_operation(Instruction("measure_2", 1, 1, []))
    'measure'
    """
    name = operation.name
    if name == "measure":
        return "measure"
    if name == "reset":
        return "reset"
    if operation.num_qubits != 1 or not name.startswith(("measure_", "reset_")):
        return None
    if isinstance(operation, Gate) or operation.definition is not None or operation.params:
        return None
    if name.startswith("reset_"):
        return "reset" if operation.num_clbits == 0 else None
    if operation.num_clbits != 1:
        return None
    return "measure_reset" if name.startswith("measure_reset") else "measure"
