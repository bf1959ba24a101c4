"""The branch interpreter: a dynamic, noisy circuit followed exactly, one branch per classical record.

Every measurement splits a branch in two, `if_test` acts within the branches where it holds, and branches whose
remaining bits agree are added up again. The state of a branch is not normalized: its trace is the branch's
probability, and everything is linear in the input. So one run on all Pauli inputs at once is the circuit's
exact map; a run without inputs gives exact outcome probabilities.

Only qubits that are entangled with something take memory: one that has not been touched, or has been
measured, is a classical bit, and one that is not used again is traced out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qiskit.circuit import CircuitInstruction, Clbit, Gate, IfElseOp, QuantumCircuit, Qubit

from quantumlink.exact.conditions import Condition, condition_bits, holds
from quantumlink.exact.transfer import (
    MAX_TRANSFER_QUBITS,
    PAULI_MATRICES,
    PROJECTORS,
    ZERO,
    Transfer,
    UnsupportedOperation,
    instruction_of,
    transfer_matrix,
    unitary_matrix,
)

MAX_ACTIVE_QUBITS = 12
"""Most qubits that may be entangled at one time: 4¹² real coefficients are 134 MB a branch."""

MAX_NUMBERS = 4**13
"""Most coefficients over all branches, the qubits and bits that each branch notes included: half a gigabyte."""

MAX_BRANCHES = 2**16
"""Most branches at one time: an instruction then takes about a second."""

Array = npt.NDArray[np.float64]
_ACTIVE = -1
_IGNORED = {"barrier", "delay", "global_phase"}

_ENTRIES = PAULI_MATRICES.reshape(4, 4).T / 2
"""From the Pauli coefficients of a qubit to its matrix entries ρ₀₀, ρ₀₁, ρ₁₀, ρ₁₁."""
_COEFFICIENTS = PAULI_MATRICES.transpose(0, 2, 1).reshape(4, 4)
"""And back: Tr(P·ρ)."""


@dataclass(frozen=True)
class _Branch:
    """A classical record: the bits, what is known of the qubits, and which are in the state tensor."""

    bits: tuple[int, ...]
    known: tuple[int, ...]
    """For each qubit 0 or 1 if it is in that basis state, −1 if it is an axis of the tensor."""

    @property
    def active(self) -> list[int]:
        return [q for q, value in enumerate(self.known) if value == _ACTIVE]


_Branches = dict[_Branch, Array]


def branches(
    circuit: QuantumCircuit,
    *,
    inputs: Sequence[int] = (),
    outputs: Sequence[int] = (),
    keep: Sequence[int] | None = None,
    readout: Mapping[int, Array] | None = None,
) -> dict[tuple[int, ...], Array]:
    """Follow a circuit through all its branches.

    Gates, Kraus and superoperator instructions, Pauli channels, inlined noise, measurement, reset and
    `if_test` (also nested, with `else`, registers and expressions) are understood. A bare delay and a
    barrier do nothing.

    Args:
        circuit: the circuit, all parameters bound.
        inputs: qubits (by index) that carry an input; all others start in |0⟩.
        outputs: qubits (by index) whose final state is wanted; the others are traced out.
        keep: classical bits (by index) whose record is wanted, all of them if None. Branches that differ
            only in other bits are added up.
        readout: confusion matrices ``[true, read]`` by qubit: what is recorded, and drives the feed-forward,
            may differ from what was measured.

    Returns:
        For each record of the kept bits (in the order of ``keep``) an array of shape
        (4,)·len(outputs) + (4^len(inputs),): Pauli coefficients Tr(P·ρ) of the outputs, by those of the
        inputs with the first input as the most significant digit. Records that never occur are missing.

    Raises:
        UnsupportedOperation: on an operation without a rule, by name.
        ValueError: if more than `MAX_ACTIVE_QUBITS` qubits are entangled at one time, or the branches become too
            many (`MAX_BRANCHES`) or too large (`MAX_NUMBERS`).

    >>> circuit = QuantumCircuit(2, 1)
    >>> _ = circuit.h(0), circuit.cx(0, 1), circuit.measure(0, 0)
    >>> {bits: state.ravel().round(3).tolist() for bits, state in branches(circuit, outputs=[1]).items()}
    {(0,): [0.5, 0.0, 0.0, 0.5], (1,): [0.5, 0.0, 0.0, -0.5]}
    """
    kept = tuple(range(circuit.num_clbits) if keep is None else keep)
    known = [0] * circuit.num_qubits
    for q in inputs:
        known[q] = _ACTIVE
    size = 4 ** len(inputs)
    start = np.eye(size).reshape((4,) * len(inputs) + (size,))
    order = [int(i) for i in np.argsort(inputs)]  # the tensor keeps its qubits sorted
    start = start.transpose([*order, len(inputs)])
    run = _Run(circuit, set(outputs), set(kept), readout or {})
    final = run.circuit({_Branch((0,) * circuit.num_clbits, tuple(known)): start})
    return _collect(final, outputs, kept)


def outcome_probabilities(circuit: QuantumCircuit) -> dict[tuple[int, ...], float]:
    """The exact probability of every record of all classical bits, clbit 0 first.

    >>> circuit = QuantumCircuit(1, 1)
    >>> _ = circuit.h(0), circuit.measure(0, 0)
    >>> {bits: round(p, 9) for bits, p in outcome_probabilities(circuit).items()}
    {(0,): 0.5, (1,): 0.5}
    """
    return {bits: float(value.reshape(())) for bits, value in branches(circuit).items()}


class _Run:
    """One walk through a circuit. Liveness says what may be forgotten after each instruction."""

    def __init__(
        self,
        circuit: QuantumCircuit,
        live_qubits: set[int],
        live_bits: set[int],
        readout: Mapping[int, Array],
    ) -> None:
        self._circuit = circuit
        self._readout = readout
        self._qubit = {bit: i for i, bit in enumerate(circuit.qubits)}
        self._clbit = {bit: i for i, bit in enumerate(circuit.clbits)}
        self._live = self._liveness(live_qubits, live_bits)

    def circuit(self, state: _Branches) -> _Branches:
        for instruction, (qubits, bits) in zip(self._circuit.data, self._live, strict=True):
            state = self._step(instruction, state, self._qubit, self._clbit)
            state = _forget(state, qubits, bits)
            self._check_size(state)
        return state

    def _check_size(self, state: _Branches) -> None:
        noted = len(state) * (self._circuit.num_qubits + self._circuit.num_clbits)
        if len(state) > MAX_BRANCHES or noted + sum(tensor.size for tensor in state.values()) > MAX_NUMBERS:
            raise ValueError(
                f"the circuit has too many outcomes to follow exactly: {len(state)} different records at one time, "
                f"of {self._circuit.num_clbits} classical bits"
            )

    def _liveness(self, qubits: set[int], bits: set[int]) -> list[tuple[frozenset[int], frozenset[int]]]:
        after = []
        for instruction in reversed(self._circuit.data):
            after.append((frozenset(qubits), frozenset(bits)))
            name, operation = instruction.name, instruction.operation
            touched = {self._qubit[q] for q in instruction.qubits}
            if name == "measure":
                bits = bits - {self._clbit[instruction.clbits[0]]}
            elif isinstance(operation, IfElseOp):
                bits = bits | {self._clbit[c] for c in instruction.clbits}
            if name == "reset":
                qubits = qubits - touched
            elif name not in _IGNORED:
                qubits = qubits | touched
        return after[::-1]

    def _step(
        self,
        instruction: CircuitInstruction,
        state: _Branches,
        qubit_of: Mapping[Qubit, int],
        clbit_of: Mapping[Clbit, int],
    ) -> _Branches:
        operation, name = instruction_of(instruction.operation), instruction.name
        qubits = [qubit_of[q] for q in instruction.qubits]
        if name in _IGNORED:
            return state
        if name == "measure":
            clbit = clbit_of[instruction.clbits[0]]
            state = _measure(state, qubits[0], clbit)
            return _misread(state, clbit, self._readout[qubits[0]]) if qubits[0] in self._readout else state
        if name == "reset":
            return _merged((_reset(branch, tensor, qubits[0]) for branch, tensor in state.items()))
        if isinstance(operation, IfElseOp):
            return self._if_else(instruction, state, qubit_of, clbit_of)
        if isinstance(operation, Gate) and operation.num_qubits > MAX_TRANSFER_QUBITS:
            unitary = unitary_matrix(operation)
            return _merged((_apply_unitary(branch, tensor, unitary, qubits) for branch, tensor in state.items()))
        matrix = None if instruction.clbits else transfer_matrix(operation)
        if matrix is not None:
            return _merged((_apply(branch, tensor, matrix, qubits) for branch, tensor in state.items()))
        definition = getattr(operation, "definition", None)
        if definition is None or getattr(operation, "blocks", None):
            raise UnsupportedOperation(f"no rule for the operation {name!r} on qubits {qubits}")
        return self._block(definition, instruction, state, qubit_of, clbit_of)

    def _if_else(
        self,
        instruction: CircuitInstruction,
        state: _Branches,
        qubit_of: Mapping[Qubit, int],
        clbit_of: Mapping[Clbit, int],
    ) -> _Branches:
        operation = instruction.operation
        condition: Condition = operation.condition
        reads = condition_bits(condition)
        groups: list[_Branches] = [{}, {}]
        for branch, tensor in state.items():
            bits = {bit: branch.bits[clbit_of[bit]] for bit in reads}
            groups[0 if holds(condition, bits) else 1][branch] = tensor
        blocks = [*operation.blocks, None][:2]
        for i, block in enumerate(blocks):
            if block is not None and groups[i]:
                groups[i] = self._block(block, instruction, groups[i], qubit_of, clbit_of)
        # A qubit touched in one branch only takes part in all of them, so that they can be added up again.
        touched = {qubit_of[q] for q in instruction.qubits}
        everything = [item for group in groups for item in group.items()]
        entangled = {q for branch, _ in everything for q in touched if branch.known[q] == _ACTIVE}
        return _merged(_activate(branch, tensor, entangled) for branch, tensor in everything)

    def _block(
        self,
        block: QuantumCircuit,
        instruction: CircuitInstruction,
        state: _Branches,
        qubit_of: Mapping[Qubit, int],
        clbit_of: Mapping[Clbit, int],
    ) -> _Branches:
        inner_qubits = {q: qubit_of[o] for q, o in zip(block.qubits, instruction.qubits, strict=True)}
        inner_clbits = {c: clbit_of[o] for c, o in zip(block.clbits, instruction.clbits, strict=True)}
        for inner in block.data:
            state = self._step(inner, state, inner_qubits, inner_clbits)
        return state


def _merged(items: object) -> _Branches:
    state: _Branches = {}
    for branch, tensor in items:  # type: ignore[attr-defined]
        state[branch] = state[branch] + tensor if branch in state else tensor
    return state


def _activate(branch: _Branch, tensor: Array, qubits: set[int]) -> tuple[_Branch, Array]:
    for q in sorted(qubits):
        value = branch.known[q]
        if value == _ACTIVE:
            continue
        axis = sum(1 for other in branch.known[:q] if other == _ACTIVE)
        if len(branch.active) >= MAX_ACTIVE_QUBITS:
            raise ValueError(
                f"the circuit entangles more than {MAX_ACTIVE_QUBITS} qubits at once: too many to follow exactly"
            )
        vector = ZERO if value == 0 else ZERO * [1, 1, 1, -1]
        shape = [1] * (tensor.ndim + 1)
        shape[axis] = 4
        tensor = np.expand_dims(tensor, axis) * vector.reshape(shape)
        branch = _with_known(branch, q, _ACTIVE)
    return branch, tensor


def _apply(branch: _Branch, tensor: Array, matrix: Transfer, qubits: list[int]) -> tuple[_Branch, Array]:
    branch, tensor = _activate(branch, tensor, set(qubits))
    active = branch.active
    axes = [active.index(q) for q in qubits]
    k = len(axes)
    moved = np.tensordot(matrix.reshape((4,) * (2 * k)), tensor, axes=(list(range(k, 2 * k)), axes))
    return branch, np.moveaxis(moved, range(k), axes)


def _apply_unitary(
    branch: _Branch, tensor: Array, unitary: npt.NDArray[np.complex128], qubits: list[int]
) -> tuple[_Branch, Array]:
    """U·ρ·U†, for gates whose transfer matrix would be too large."""
    branch, tensor = _activate(branch, tensor, set(qubits))
    axes, k = [branch.active.index(q) for q in qubits], len(qubits)
    entries: npt.NDArray[np.complex128] = np.moveaxis(tensor, axes, range(k)).astype(complex)
    shape = entries.shape
    for axis in range(k):  # each qubit's coefficients become entries [row, column]
        entries = np.moveaxis(np.tensordot(_ENTRIES, entries, axes=(1, axis)), 0, axis)
    rows_first = [*range(0, 2 * k, 2), *range(1, 2 * k, 2), 2 * k]
    entries = entries.reshape((2,) * (2 * k) + (-1,)).transpose(rows_first).reshape(*unitary.shape, -1)
    entries = np.tensordot(unitary, entries, axes=(1, 0))
    entries = np.moveaxis(np.tensordot(entries, unitary.conj(), axes=(1, 1)), -1, 1)
    entries = entries.reshape((2,) * (2 * k) + (-1,)).transpose(np.argsort(rows_first)).reshape(shape)
    for axis in range(k):
        entries = np.moveaxis(np.tensordot(_COEFFICIENTS, entries, axes=(1, axis)), 0, axis)
    return branch, np.moveaxis(entries.real, range(k), axes)


def _measure(state: _Branches, qubit: int, clbit: int) -> _Branches:
    found: list[tuple[_Branch, Array]] = []
    for branch, tensor in state.items():
        if branch.known[qubit] != _ACTIVE:
            found.append((_with_bit(branch, clbit, branch.known[qubit]), tensor))
            continue
        axis = branch.active.index(qubit)
        for value, projector in enumerate(PROJECTORS):
            part = np.tensordot(projector, tensor, axes=(0, axis))
            if part.any():
                found.append((_with_bit(_with_known(branch, qubit, value), clbit, value), part))
    return _merged(found)


def _misread(state: _Branches, clbit: int, confusion: Array) -> _Branches:
    return _merged(
        (_with_bit(branch, clbit, read), confusion[branch.bits[clbit], read] * tensor)
        for branch, tensor in state.items()
        for read in (0, 1)
        if confusion[branch.bits[clbit], read] > 0
    )


def _reset(branch: _Branch, tensor: Array, qubit: int) -> tuple[_Branch, Array]:
    if branch.known[qubit] == _ACTIVE:
        axis = branch.active.index(qubit)
        tensor = np.take(tensor, [0], axis=axis).squeeze(axis)  # Tr over a qubit: its coefficient of I
    return _with_known(branch, qubit, 0), tensor


def _forget(state: _Branches, live_qubits: frozenset[int], live_bits: frozenset[int]) -> _Branches:
    def forgotten(branch: _Branch, tensor: Array) -> tuple[_Branch, Array]:
        for q, value in enumerate(branch.known):
            if value != 0 and q not in live_qubits:
                branch, tensor = _reset(branch, tensor, q)
        bits = tuple(bit if i in live_bits else 0 for i, bit in enumerate(branch.bits))
        return _Branch(bits, branch.known), tensor

    return _merged(forgotten(branch, tensor) for branch, tensor in state.items())


def _collect(state: _Branches, outputs: Sequence[int], kept: tuple[int, ...]) -> dict[tuple[int, ...], Array]:
    result: dict[tuple[int, ...], Array] = {}
    for branch, tensor in state.items():
        branch, tensor = _activate(branch, tensor, set(outputs))
        active = branch.active
        tensor = tensor.transpose([*(active.index(q) for q in outputs), len(active)])
        record = tuple(branch.bits[c] for c in kept)
        result[record] = result[record] + tensor if record in result else tensor
    return result


def _with_known(branch: _Branch, qubit: int, value: int) -> _Branch:
    known = branch.known
    return _Branch(branch.bits, (*known[:qubit], value, *known[qubit + 1 :]))


def _with_bit(branch: _Branch, clbit: int, value: int) -> _Branch:
    bits = branch.bits
    return _Branch((*bits[:clbit], value, *bits[clbit + 1 :]), branch.known)
