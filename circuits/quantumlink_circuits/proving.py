"""Proofs: which state a Clifford operation delivers of perfect pairs, whatever its accepted outcomes are.

Measurements are deferred: every record is a qubit, every correction a controlled Pauli. Then the final state is one
stabilizer group, and a stabilizer of the outputs holds in every accepted run if it is in that group together with
nothing but Z on the records of heralds. Linear algebra over two elements finds them all.

Reference:
    D. Gottesman, arXiv:quant-ph/9807006 (1998).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from qiskit.circuit import CircuitInstruction, Clbit, IfElseOp, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Clifford, Pauli

Bits = npt.NDArray[np.bool_]

_CONTROLLED = {"x": "cx", "y": "cy", "z": "cz"}


class NotClifford(ValueError):
    """The circuit has something that stabilizers do not follow; the text names it."""


def delivered_stabilizers(
    circuit: QuantumCircuit,
    inputs: Sequence[Sequence[int]],
    outputs: Sequence[int],
    heralds: Iterable[tuple[Sequence[int], bool]],
) -> list[Pauli]:
    """Generators of all stabilizers that the outputs have in every accepted run.

    Args:
        circuit: a Clifford circuit with measurements and conditional Paulis.
        inputs: the qubits on which a Φ⁺ arrives (a GHZ state, if there are more than two).
        outputs: the delivered qubits, in order.
        heralds: parities of classical bits, and whether they must be odd.

    Returns:
        Signed Paulis on the outputs, the first as qubit 0.

    Raises:
        NotClifford: naming the operation.
        ValueError: if no run is accepted.
    """
    whole, record = _deferred(circuit, inputs)
    try:
        tableau = Clifford(whole)
    except Exception as error:
        raise NotClifford(f"the circuit {circuit.name!r} is not Clifford") from error
    n = whole.num_qubits
    group = [Pauli(label) for label in tableau.to_labels(mode="S")]
    for parity, odd in heralds:
        z = np.zeros(n, dtype=bool)
        for bit in parity:
            if bit in record:
                z[record[bit]] ^= True
        group.append(Pauli((z, np.zeros(n, dtype=bool), 2 if odd else 0)))
    others = [q for q in range(n) if q not in outputs]
    found: list[Pauli] = []
    for combination in _vanishing_sums(np.array([[*p.x[others], *p.z[others]] for p in group], dtype=bool)):
        product = Pauli((np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)))
        for member in np.flatnonzero(combination):
            product = product.compose(group[member])
        delivered = Pauli((product.z[list(outputs)], product.x[list(outputs)], product.phase))
        sign = sign_in(found, delivered)
        if sign is None:
            found.append(delivered)
        elif sign == -1:
            raise ValueError(f"of perfect links no run of {circuit.name!r} is accepted: heralds exclude them all")
    return found


def sign_in(generators: Sequence[Pauli], wanted: Pauli) -> int | None:
    """The sign that a Pauli has relative to the group of these generators; None if it is not in it."""
    group = [*generators, wanted]
    for combination in _vanishing_sums(np.array([[*p.x, *p.z] for p in group], dtype=bool)):
        if combination[-1]:
            product = Pauli("I" * wanted.num_qubits)
            for member in np.flatnonzero(combination):
                product = product.compose(group[member])
            return -1 if product.phase else 1
    return None


def _deferred(circuit: QuantumCircuit, inputs: Sequence[Sequence[int]]) -> tuple[QuantumCircuit, dict[int, int]]:
    """The circuit without measurements, pairs prepared, and the qubit that holds each bit's record."""
    writes = [i for i in circuit.data if i.name == "measure"]
    resets = sum(i.name == "reset" for i in circuit.data)
    whole = QuantumCircuit(circuit.num_qubits + len(writes) + resets)
    fresh = iter(range(circuit.num_qubits, whole.num_qubits))
    for first, *rest in inputs:
        whole.h(first)
        for other in rest:
            whole.cx(first, other)
    record: dict[int, int] = {}
    for instruction in circuit.data:
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        if instruction.name in ("barrier", "delay"):
            continue
        if instruction.name == "measure":
            place = record[circuit.find_bit(instruction.clbits[0]).index] = next(fresh)
            whole.cx(qubits[0], place)
        elif instruction.name == "reset":
            whole.swap(qubits[0], next(fresh))
        elif isinstance(instruction.operation, IfElseOp):
            _correct(whole, circuit, instruction, qubits, record)
        elif instruction.clbits or getattr(instruction.operation, "blocks", None):
            raise NotClifford(f"stabilizers do not follow {instruction.name!r}")
        else:
            whole.append(instruction.operation, qubits)
    return whole, record


def _correct(
    whole: QuantumCircuit,
    circuit: QuantumCircuit,
    instruction: CircuitInstruction,
    qubits: Sequence[int],
    record: dict[int, int],
) -> None:
    operation = instruction.operation
    bits = _parity_bits(operation.condition)
    if bits is None or len(operation.blocks) != 1:
        raise NotClifford(f"stabilizers follow corrections by parities of bits, not {operation.condition!r}")
    (block,) = operation.blocks
    for inner in block.data:
        if inner.name not in _CONTROLLED:
            raise NotClifford(f"stabilizers follow conditional x, y and z, not {inner.name!r}")
        target = qubits[block.find_bit(inner.qubits[0]).index]
        for bit in bits:
            place = circuit.find_bit(bit).index
            if place in record:
                getattr(whole, _CONTROLLED[inner.name])(record[place], target)


def _parity_bits(condition: object) -> list[Clbit] | None:
    """The bits of whose parity being odd is the condition."""
    if isinstance(condition, tuple):
        target, value = condition
        bits = [target] if isinstance(target, Clbit) else list(target)
        return bits if len(bits) == 1 and int(value) == 1 else None
    if isinstance(condition, expr.Var) and isinstance(condition.var, Clbit):
        return [condition.var]
    if isinstance(condition, expr.Binary) and condition.op.name == "BIT_XOR":
        left, right = _parity_bits(condition.left), _parity_bits(condition.right)
        return None if left is None or right is None else left + right
    return None


def _vanishing_sums(rows: Bits) -> list[Bits]:
    """A basis of all combinations of rows that add up to nothing, over two elements."""
    work, told = rows.copy(), np.eye(len(rows), dtype=bool)
    used = 0
    for column in range(rows.shape[1]):
        pivots = np.flatnonzero(work[used:, column])
        if not pivots.size:
            continue
        pivot = used + int(pivots[0])
        work[[used, pivot]], told[[used, pivot]] = work[[pivot, used]], told[[pivot, used]]
        for row in np.flatnonzero(work[:, column]):
            if row != used:
                work[row] ^= work[used]
                told[row] ^= told[used]
        used += 1
        if used == len(work):
            break
    return list(told[used:])
