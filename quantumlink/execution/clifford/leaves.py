"""What the gates and channels of a circuit do to stabilizer states and Pauli frames.

A channel is a choice among terms, each a sequence of Clifford gates and resets: Pauli noise, and noise that is more
than that (a gate that happens by chance, a relaxation to |0⟩).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from qiskit.circuit import Gate, Instruction
from qiskit.circuit.library import UnitaryGate

from quantumlink.exact import instruction_of
from quantumlink.exact.steps import Assign, Block, Choose, Jump, Operate, Step, blocks_of
from quantumlink.execution.clifford.gates import (
    MAX_MATRIX_QUBITS,
    STATEVECTOR,
    CliffordGate,
    clifford_gate,
    refusal,
)
from quantumlink.execution.clifford.noise import DENSITY_MATRIX, NotPauli, Readout, mixture_of_channel

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]

_CHANNELS = {"pauli_channel", "quantum_channel", "kraus", "superop"}
NOT_CLIFFORD_NOISE = "it is not a mixture of Clifford gates and resets"


@dataclass(frozen=True, eq=False)
class Part:
    """A gate, a Pauli or a reset, on qubits of the circuit."""

    gate: CliffordGate | None
    """None for a reset."""
    qubits: tuple[int, ...]
    pauli: str
    """Of a Pauli, its letters, the first qubit's first; else empty."""

    @property
    def is_pauli(self) -> bool:
        """Whether it is a Pauli."""
        return bool(self.pauli)


@dataclass(frozen=True, eq=False)
class Term:
    """What a channel does with some probability."""

    probability: float
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class Single:
    """A gate, or a choice among terms; what is missing from 1 does nothing."""

    qubits: tuple[int, ...]
    gate: CliffordGate | None = None
    terms: tuple[Term, ...] = ()


Applied: TypeAlias = "Single | tuple[Applied, ...]"


@dataclass(eq=False)
class Leaves:
    """The gates and channels of a circuit, each worked out once."""

    readout: Mapping[int, Readout]
    """The readout error of each qubit that has one."""
    _applied: dict[int, tuple[Operate, Applied]] = field(default_factory=dict)
    _images: dict[int, tuple[CliffordGate, tuple[tuple[int, ...], ...]]] = field(default_factory=dict)
    _circuits: dict[tuple[int, tuple[int, ...]], Any] = field(default_factory=dict)
    _quiet: dict[int, tuple[Block, bool]] = field(default_factory=dict)

    def of(self, step: Operate) -> Applied:
        """What a step does.

        Raises:
            UnsupportedOperation: if it is neither Clifford nor a mixture of what is.
        """
        found = self._applied.get(id(step))
        if found is None:
            found = self._applied[id(step)] = (step, _applied(step.operation, step.qubits))
        return found[1]

    def check(self, block: Block) -> None:
        """Refuse a block that holds what has no rule: see `of`."""
        for step in block:
            if isinstance(step, Operate):
                self.of(step)
            elif hasattr(step, "blocks") or hasattr(step, "block") or hasattr(step, "rounds"):
                for inner in blocks_of(step):
                    self.check(inner)

    def leaves_reference(self, block: Block) -> bool:
        """Whether a block changes frames and bits only."""
        found = self._quiet.get(id(block))
        if found is None:
            found = self._quiet[id(block)] = (block, all(map(self._is_quiet, block)))
        return found[1]

    def _is_quiet(self, step: Step) -> bool:
        if isinstance(step, Operate):
            return _is_pauli(self.of(step))
        if isinstance(step, Choose):
            return all(map(self.leaves_reference, step.blocks))
        return isinstance(step, Assign | Jump) and not isinstance(step, Jump)

    def circuit(self, gate: CliffordGate, qubits: Sequence[int]) -> stim.Circuit:
        """The gate for stim."""
        import stim

        key = (id(gate), tuple(qubits))
        if key not in self._circuits:
            self._circuits[key] = stim.Circuit("\n".join(gate.lines(qubits)))
        return self._circuits[key]

    def images(self, gate: CliffordGate) -> tuple[tuple[int, ...], ...]:
        """For each x, then each z of the gate's qubits the x's and z's (counted alike) whose parity it becomes."""
        if id(gate) not in self._images:
            self._images[id(gate)] = (gate, _images_of(gate))
        return self._images[id(gate)][1]


def _images_of(gate: CliffordGate) -> tuple[tuple[int, ...], ...]:
    import stim

    k = 1 + max(q for _, own in gate.parts for q in own)
    circuit = stim.Circuit("\n".join(gate.lines(range(k))))
    circuit.append("I", [k - 1])
    tableau = stim.Tableau.from_circuit(circuit)
    matrix = np.zeros((2 * k, 2 * k), dtype=bool)
    for q in range(k):
        for column, image in ((q, tableau.x_output(q)), (k + q, tableau.z_output(q))):
            xs, zs = image.to_numpy()
            matrix[:k, column], matrix[k:, column] = xs, zs
    return tuple(tuple(int(j) for j in np.flatnonzero(row)) for row in matrix)


def _is_pauli(applied: Applied) -> bool:
    if isinstance(applied, tuple):
        return all(map(_is_pauli, applied))
    if applied.gate is not None:
        return applied.gate.pauli is not None
    return all(part.is_pauli for term in applied.terms for part in term.parts)


def _applied(operation: Instruction, qubits: tuple[int, ...]) -> Applied:
    if operation.name in _CHANNELS:
        return Single(qubits, terms=_terms(operation, qubits))
    if operation.num_qubits <= MAX_MATRIX_QUBITS:
        gate = clifford_gate(operation) if isinstance(operation, Gate) else None
        if gate is not None:
            return Single(qubits, gate)
    definition = None if isinstance(operation, UnitaryGate) else operation.definition
    if definition is None or operation.num_qubits <= MAX_MATRIX_QUBITS:
        angles = ", ".join(f"{float(p):.6g}" for p in operation.params if isinstance(p, int | float))
        name = f"{operation.name}({angles})" if angles else operation.name
        raise refusal(f"'{name}'", qubits, "it is not a Clifford gate", STATEVECTOR)
    return tuple(
        _applied(instruction_of(part.operation), tuple(qubits[definition.find_bit(q).index] for q in part.qubits))
        for part in definition.data
        if part.name not in ("barrier", "delay", "global_phase")
    )


def _terms(operation: Instruction, qubits: tuple[int, ...]) -> tuple[Term, ...]:
    try:
        mixture = mixture_of_channel(operation)
    except NotPauli:
        return _clifford_terms(operation, qubits)
    if mixture is None:
        return ()
    return tuple(Term(p, _word_parts(word, qubits)) for p, word in mixture.terms)


def _word_parts(word: str, qubits: Sequence[int]) -> tuple[Part, ...]:
    parts = []
    for letter, qubit in zip(word, qubits, strict=True):
        if letter in "01":
            parts.append(Part(None, (qubit,), ""))
        if letter == "1":
            parts.append(_pauli_part("X", (qubit,)))
        elif letter in "XYZ":
            parts.append(_pauli_part(letter, (qubit,)))
    return tuple(parts)


def _pauli_part(letters: str, qubits: tuple[int, ...]) -> Part:
    return Part(CliffordGate((), letters), qubits, letters)


def _clifford_terms(operation: Instruction, qubits: tuple[int, ...]) -> tuple[Term, ...]:
    error = getattr(operation, "_quantum_error", None)  # Aer's inlined errors
    if error is None:
        raise refusal(f"the noise {operation.name!r}", qubits, NOT_CLIFFORD_NOISE, DENSITY_MATRIX)
    terms = []
    for probability, circuit in zip(error.probabilities, error.circuits, strict=True):
        parts = []
        for instruction in circuit.data:
            own = tuple(qubits[circuit.find_bit(q).index] for q in instruction.qubits)
            if instruction.name == "reset":
                parts.append(Part(None, own, ""))
                continue
            gate = clifford_gate(instruction.operation)
            if gate is None:
                raise refusal(f"the noise {operation.name!r}", qubits, NOT_CLIFFORD_NOISE, DENSITY_MATRIX)
            parts.append(Part(gate, own, gate.pauli or ""))
        terms.append(Term(float(probability), tuple(parts)))
    return tuple(terms)
