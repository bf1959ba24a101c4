"""How much a circuit asks of the interpreter, told without running it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qiskit.circuit import IfElseOp, QuantumCircuit

_PASSIVE = {"barrier", "delay"}


@dataclass(frozen=True)
class Size:
    """The most that a circuit needs at one time, as upper bounds."""

    qubits: int
    """Qubits in the state tensor: 4^qubits coefficients a branch."""
    bits: int
    """Classical bits that are still to be read: up to 2^bits branches."""

    @property
    def coefficients(self) -> int:
        """Coefficients over all branches, 4^qubits · 2^bits."""
        return int(4**self.qubits * 2**self.bits)


def interpreter_size(circuit: QuantumCircuit, keep: Iterable[int] | None = None) -> Size:
    """What following a circuit exactly takes, from the lives of its qubits and bits.

    A qubit lives from its first gate to its last use, or to a measurement or reset after which it starts
    anew; a bit from its measurement to its last reading, or to the end if it is kept.

    Args:
        circuit: any circuit.
        keep: classical bits wanted at the end, all if None.

    >>> from quantumlink.circuits import entanglement_swap
    >>> interpreter_size(entanglement_swap(prepare_pairs=True), keep=[])
    Size(qubits=3, bits=2)
    """
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    clbit_of = {c: i for i, c in enumerate(circuit.clbits)}
    last_use: dict[int, int] = {}
    last_read: dict[int, int] = {}
    for i, instruction in enumerate(circuit.data):
        if instruction.name not in _PASSIVE:
            last_use.update((qubit_of[q], i) for q in instruction.qubits)
        if isinstance(instruction.operation, IfElseOp):
            last_read.update((clbit_of[c], i) for c in instruction.clbits)
    end = len(circuit.data)
    kept = range(circuit.num_clbits) if keep is None else keep
    last_read.update((bit, end) for bit in kept)

    active: set[int] = set()
    pending: set[int] = set()
    most_qubits = most_bits = 0
    for i, instruction in enumerate(circuit.data):
        qubits = {qubit_of[q] for q in instruction.qubits}
        if instruction.name == "measure":
            active -= qubits
            pending |= {clbit_of[c] for c in instruction.clbits if last_read.get(clbit_of[c], -1) > i}
        elif instruction.name == "reset":
            active -= qubits
        elif instruction.name not in _PASSIVE:
            active |= qubits
        most_qubits, most_bits = max(most_qubits, len(active)), max(most_bits, len(pending))
        active -= {q for q in qubits if last_use.get(q, -1) <= i}
        pending -= {clbit_of[c] for c in instruction.clbits if last_read.get(clbit_of[c], -1) <= i}
    return Size(most_qubits, most_bits)
