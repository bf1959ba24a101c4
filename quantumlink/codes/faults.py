"""Faults: what each error of a noisy circuit of syndrome measurements does to what is measured and to what is left.

The circuit measures stabilizers on both sides of n pairs (see `quantumlink_circuits.correcting`). Its gates are
Clifford; each error in it is a mixture of Pauli strings, which go through the rest of the circuit as Pauli strings:
they turn measured bits round, and stay on the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Pauli

from quantumlink.arrays import Bits, FloatArray

SMALLEST = 1e-16
"""Probabilities below this are rounding."""

NO_PAULI = "is no mixture of Pauli errors: logical links take depolarizing, Pauli and even readout errors"


@dataclass(frozen=True, eq=False)
class Fault:
    """One place at which something may happen, of several possibilities (nothing is one of them)."""

    probabilities: FloatArray
    """Shape (m,): of each possibility; sums to 1."""
    measured: Bits
    """Shape (m, bits): which measured bits it turns round."""
    left: Bits
    """Shape (m, 2·qubits): which Pauli string (x | z) is left in the end, on all qubits of the circuit."""

    def joined(self, measured: Bits, left: Bits) -> Fault:
        """The same, told in other bits of each possibility, those that are alike told once."""
        rows = np.hstack([measured, left])
        distinct, which = np.unique(rows, axis=0, return_inverse=True)
        weights = np.bincount(which.reshape(-1), self.probabilities, len(distinct)).astype(float)
        k = measured.shape[1]
        return Fault(weights, distinct[:, :k].astype(np.uint8), distinct[:, k:].astype(np.uint8))


def faults_of(circuit: QuantumCircuit) -> list[Fault]:
    """Every fault of a noisy Clifford circuit of gates, measurements and resets.

    Raises:
        ValueError: if an error is no mixture of Pauli strings, or an instruction is not known, by name.
    """
    found = []
    for place, instruction in enumerate(circuit.data):
        error = getattr(instruction.operation, "_quantum_error", None)
        if error is None:
            continue
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        strings, probabilities = pauli_errors(error, len(qubits), instruction.name)
        frame = np.zeros((len(strings), 2 * circuit.num_qubits), dtype=np.uint8)
        for row, pauli in zip(frame, strings, strict=True):
            row[qubits] = pauli.x
            row[[q + circuit.num_qubits for q in qubits]] = pauli.z
        measured = _propagated(circuit, place + 1, frame)
        found.append(Fault(np.array(probabilities), measured, frame))
    return found


def check_pauli(circuit: QuantumCircuit) -> None:
    """Refuse a noisy circuit with an error that is no mixture of Pauli strings.

    Raises:
        ValueError: naming it.
    """
    for instruction in circuit.data:
        error = getattr(instruction.operation, "_quantum_error", None)
        if error is not None:
            pauli_errors(error, len(instruction.qubits), instruction.name)


def pauli_errors(error: Any, qubits: int, name: str) -> tuple[list[Pauli], list[float]]:
    """The Pauli strings of an Aer error and their probabilities.

    Raises:
        ValueError: if it is no mixture of them.
    """
    strings, probabilities = [], []
    for parts, probability in zip(error.circuits, error.probabilities, strict=True):
        if probability < SMALLEST:
            continue
        total = Pauli("I" * qubits)
        for part in parts.data:
            label = part.operation.params[0] if part.name == "pauli" else _LETTERS.get(part.name)
            if label is None:
                raise ValueError(f"the error {name!r} holds {part.name!r}, and {NO_PAULI}")
            at = [parts.find_bit(q).index for q in part.qubits]
            total = total.compose(Pauli(str(label)), at)
        strings.append(total)
        probabilities.append(float(probability))
    return strings, probabilities


_LETTERS = {"id": "I", "x": "X", "y": "Y", "z": "Z"}


def _propagated(circuit: QuantumCircuit, start: int, frame: Bits) -> Bits:
    """Take Pauli strings through the rest of a circuit, in place; which bits they turn round."""
    n = circuit.num_qubits
    measured = np.zeros((len(frame), circuit.num_clbits), dtype=np.uint8)
    x, z = frame[:, :n], frame[:, n:]
    for instruction in circuit.data[start:]:
        name = instruction.name
        q: Sequence[int] = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        if name == "measure":
            measured[:, circuit.find_bit(instruction.clbits[0]).index] = x[:, q[0]]
            z[:, q[0]] = 0
        elif name == "reset":
            x[:, q[0]] = z[:, q[0]] = 0
        elif name == "h":
            x[:, q[0]], z[:, q[0]] = z[:, q[0]].copy(), x[:, q[0]].copy()
        elif name in ("s", "sdg"):
            z[:, q[0]] ^= x[:, q[0]]
        elif name in ("cx", "cy", "cz"):
            _controlled(name[1].upper(), x, z, *q)
        elif name not in _UNCHANGED and not hasattr(instruction.operation, "_quantum_error"):
            raise ValueError(f"faults are followed through Clifford circuits of known gates, got {name!r}")
    return measured


_UNCHANGED = {"barrier", "id", "x", "y", "z"}


def _controlled(letter: str, x: Bits, z: Bits, control: int, target: int) -> None:
    """A controlled X, Y or Z: what anticommutes with the letter on the target puts Z on the control."""
    turns_z, turns_x = letter in "XY", letter in "YZ"
    if turns_z:
        z[:, control] ^= z[:, target]
    if turns_x:
        z[:, control] ^= x[:, target]
    if turns_z:
        x[:, target] ^= x[:, control]
    if turns_x:
        z[:, target] ^= x[:, control]
