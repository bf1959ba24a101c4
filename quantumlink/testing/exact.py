"""Exact checks of circuits, through measurement and feed-forward, without a single shot.

Each runs the branch interpreter once and fails with what a person needs to mend the circuit: the Pauli that
comes out wrong, and the branch in which it happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import DensityMatrix, SuperOp

from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.exact import PAULI_MATRICES, branches, transfer_of_superoperator
from quantumlink.testing.failure import CheckFailed
from quantumlink.testing.ports import Arrivals, Port, accepts, qubit_indices, record_text, with_arrivals

ATOL = 1e-9
"""How far an exact number may be off: rounding of some thousand operations."""

Records = dict[tuple[int, ...], FloatArray]


def assert_prepares(
    circuit: QuantumCircuit,
    state: Any,
    *,
    qubits: Port | Sequence[Port] | None = None,
    prepare: Arrivals = None,
    atol: float = ATOL,
) -> None:
    """The circuit, run from |0…0⟩, leaves these qubits in this state.

    The state is averaged over all measured records; with heralds in the circuit's metadata, over the
    accepted ones.

    Args:
        circuit: the circuit, parameters bound.
        state: what Qiskit's ``DensityMatrix`` accepts: a statevector, a density matrix, an array, a circuit;
            or a label such as ``"00"`` or ``"+-"``. Little-endian: qubit 0 is the first of ``qubits``.
        qubits: registers or qubits in order, all of the circuit if None; the others are ignored.
        prepare: a circuit that is run first, or ``"pairs"`` for Φ⁺ on each of the pairs in the metadata.
        atol: largest allowed error of a Pauli expectation value.

    Raises:
        AssertionError: naming the expectation value that is off most, and the worst branch; or if no run is
            accepted.
        ValueError: if the state has another number of qubits.

    >>> from quantumlink.circuits import bell_pair
    >>> from qiskit.quantum_info import Statevector
    >>> assert_prepares(bell_pair("psi+"), (Statevector.from_label("01") + Statevector.from_label("10")) / 2**0.5)
    """
    outputs = qubit_indices(circuit, range(circuit.num_qubits) if qubits is None else qubits, "qubits")
    target = DensityMatrix.from_label(state) if isinstance(state, str) else DensityMatrix(state)
    if target.num_qubits != len(outputs):
        raise ValueError(f"state must have {len(outputs)} qubits, as many as named; got {target.num_qubits}")
    expected = pauli_coefficients(target.data)
    whole = with_arrivals(circuit, prepare)
    records = _accepted(circuit, branches(whole, outputs=outputs))
    flat = {record: tensor.reshape(expected.shape) for record, tensor in records.items()}
    total = np.sum(list(flat.values()), axis=0)
    found = total / total[0]
    if np.abs(found - expected).max() <= atol:
        return
    worst = int(np.abs(found - expected).argmax())
    record = min(flat, key=lambda r: float(flat[r] @ expected) / flat[r][0])
    overlap = float(flat[record] @ expected) / flat[record][0] / len(expected) ** 0.5
    raise CheckFailed(
        f"the circuit does not prepare the state: ⟨{_label(worst, len(outputs))}⟩ (first letter: first qubit) is "
        f"{found[worst]:.6g}, expected {expected[worst]:.6g}; worst is {record_text(circuit, record)} "
        f"(probability {flat[record][0]:.6g}), whose overlap Tr(ρσ) with the state is {overlap:.6g}",
        whole,
        record,
    )


def assert_channel(
    circuit: QuantumCircuit,
    expected: Any,
    *,
    inputs: Port | Sequence[Port],
    outputs: Port | Sequence[Port],
    prepare: Arrivals = None,
    atol: float = ATOL,
) -> None:
    """The circuit takes its inputs to its outputs by exactly this channel, averaged over all records.

    Args:
        circuit: the circuit, parameters bound. Qubits that are no inputs start in |0⟩.
        expected: what Qiskit's ``SuperOp`` accepts (a gate, a circuit, an operator, a channel), or a label
            such as ``"X"``; its qubit 0 is the first input and the first output.
        inputs: registers or qubits in order.
        outputs: registers or qubits in order, as many.
        prepare: a circuit that is run first, or ``"pairs"`` for Φ⁺ on each of the pairs in the metadata.
        atol: largest allowed error of an element of the Pauli transfer matrix.

    With heralds in the circuit's metadata the channel is that of the accepted runs, and acceptance must not
    depend on the input.

    Raises:
        AssertionError: naming the Pauli that arrives wrong, and the worst branch: if that is off by a Pauli
            only, which one; or if no run is accepted.
        ValueError: if the numbers of qubits differ.

    >>> from quantumlink.circuits import teleportation
    >>> assert_channel(teleportation(), "I", inputs="message", outputs="receiver")
    >>> from quantumlink.circuits import remote_cnot
    >>> from qiskit.circuit.library import CXGate
    >>> ports = ["control", "target"]
    >>> assert_channel(remote_cnot(), CXGate(), inputs=ports, outputs=ports, prepare="pairs")
    """
    qubits_in = qubit_indices(circuit, inputs, "inputs")
    qubits_out = qubit_indices(circuit, outputs, "outputs")
    matrix = _expected_transfer(expected)
    size = 4 ** len(qubits_in)
    if matrix.shape != (size, size) or len(qubits_out) != len(qubits_in):
        raise ValueError(
            f"expected, inputs and outputs must have equally many qubits, got "
            f"{(matrix.shape[0].bit_length() - 1) // 2}, {len(qubits_in)} and {len(qubits_out)}"
        )
    whole = with_arrivals(circuit, prepare)
    records = _accepted(circuit, branches(whole, inputs=qubits_in, outputs=qubits_out))
    flat = {record: tensor.reshape(size, size) for record, tensor in records.items()}
    total = np.sum(list(flat.values()), axis=0)
    found = total / total[0, 0]
    error = np.abs(found - matrix)
    if error.max() <= atol:
        return
    row, column = np.unravel_index(int(error.argmax()), error.shape)
    n = len(qubits_in)
    record = max(flat, key=lambda r: float(np.abs(flat[r] / flat[r][0, 0] - matrix).max()))
    raise CheckFailed(
        f"the channel differs from what is expected: {_label(int(column), n)} at the input arrives as "
        f"{_label(int(row), n)} with weight {found[row, column]:.6g}, expected {matrix[row, column]:.6g} (first "
        f"letter: first port); worst is {record_text(circuit, record)} (probability {flat[record][0, 0]:.6g})"
        f"{_off_by_pauli(flat[record] / flat[record][0, 0], matrix, n)}",
        whole,
        record,
    )


def assert_outcomes(
    circuit: QuantumCircuit,
    probabilities: Mapping[str, float],
    *,
    prepare: Arrivals = None,
    atol: float = ATOL,
) -> None:
    """The circuit's classical bits have exactly these probabilities.

    Args:
        circuit: the circuit, parameters bound.
        probabilities: the probability of each bit string, written as Qiskit's counts are: clbit 0 is the
            rightmost, spaces between registers are ignored. A missing one is 0.
        prepare: a circuit that is run first, or ``"pairs"`` for Φ⁺ on each of the pairs in the metadata.
        atol: largest allowed error of a probability.

    Raises:
        AssertionError: naming the outcome that is off most.
        ValueError: if a bit string has another length than the circuit has classical bits.

    >>> from quantumlink.circuits import bbm92_measurement
    >>> same_basis = bbm92_measurement().assign_parameters([0.0, 0.0])
    >>> assert_outcomes(same_basis, {"0 0": 0.5, "1 1": 0.5}, prepare="pairs")
    """
    expected = {key.replace(" ", ""): float(p) for key, p in probabilities.items()}
    if any(len(key) != circuit.num_clbits or set(key) - set("01") for key in expected):
        raise ValueError(f"probabilities must have keys of {circuit.num_clbits} bits, got {list(probabilities)}")
    whole = with_arrivals(circuit, prepare)
    records = branches(whole)
    found = {"".join(map(str, reversed(bits))): float(tensor.reshape(())) for bits, tensor in records.items()}
    worst = max({*expected, *found}, key=lambda bits: abs(found.get(bits, 0.0) - expected.get(bits, 0.0)))
    if abs(found.get(worst, 0.0) - expected.get(worst, 0.0)) > atol:
        raise CheckFailed(
            f"the outcome {worst} has probability {found.get(worst, 0.0):.9g}, "
            f"expected {expected.get(worst, 0.0):.9g}",
            whole,
            [int(bit) for bit in reversed(worst)],
        )


def pauli_coefficients(rho: ComplexArray) -> FloatArray:
    """Tr(P·ρ) for all Pauli strings P, the first qubit as the most significant digit: shape (4ⁿ,)."""
    n = rho.shape[0].bit_length() - 1
    # Qiskit's first qubit is the last axis of the reshaped rows and columns.
    tensor = rho.reshape((2,) * (2 * n)).transpose([*range(n - 1, -1, -1), *range(2 * n - 1, n - 1, -1)])
    for i in range(n):
        tensor = np.tensordot(PAULI_MATRICES, tensor, axes=([2, 1], [i, n]))
        tensor = np.moveaxis(tensor, 0, i)
    return np.ascontiguousarray(tensor.real).reshape(-1)


def _expected_transfer(expected: Any) -> FloatArray:
    if isinstance(expected, str):
        from qiskit.quantum_info import Operator

        expected = Operator.from_label(expected)
    try:
        return transfer_of_superoperator(SuperOp(expected).data)
    except QiskitError as error:
        raise ValueError(
            "expected must be what Qiskit's SuperOp accepts, a circuit, an Operator or a channel (an array is "
            f"read as a superoperator: put a unitary into Operator), got {type(expected).__name__}: {error.message}"
        ) from error


def _accepted(circuit: QuantumCircuit, records: Records) -> Records:
    kept = {
        record: tensor
        for record, tensor in records.items()
        if accepts(circuit, record) and abs(tensor.ravel()[0]) > ATOL
    }
    if not kept:
        raise CheckFailed("no run of this circuit is accepted by the heralds in its metadata", circuit)
    return kept


def _label(index: int, n: int) -> str:
    return "".join("IXYZ"[(index >> 2 * (n - 1 - i)) & 3] for i in range(n))


def _off_by_pauli(found: FloatArray, expected: FloatArray, n: int) -> str:
    signs = {"I": (1, 1, 1, 1), "X": (1, 1, -1, -1), "Y": (1, -1, 1, -1), "Z": (1, -1, -1, 1)}
    for letters in product("IXYZ", repeat=n):
        diagonal = reduce(np.kron, [np.array(signs[letter]) for letter in letters])
        if np.abs(diagonal[:, None] * expected - found).max() < 1e-6:
            return (
                f", which is off by {''.join(letters)} on the outputs: a Pauli correction is missing or misplaced"
            )
    return ""
