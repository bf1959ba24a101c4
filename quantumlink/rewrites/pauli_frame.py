"""Pauli frame: corrections leave the circuit and become parities of classical bits.

A conditional X, Y or Z on a qubit is remembered instead of applied. The remembered Pauli is carried through
the Clifford gates that follow; where it anticommutes with a measurement, that bit's meaning changes to a
parity. What is left at the end qubits is the program's frame. Static circuits run on any hardware without
feed-forward latency, and samplers draw them orders of magnitude faster.

Reference:
    E. Knill, Nature 434, 39 (2005).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from qiskit.circuit import CircuitInstruction, Clbit, IfElseOp, QuantumCircuit, Qubit
from qiskit.quantum_info import Clifford, Pauli
from quantumlink_circuits.conditions import odd_parity

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.conditions import xor_leaves
from quantumlink.program import Frame, Program, toggle

_PAULIS = {"x": (True, False), "y": (True, True), "z": (False, True), "id": (False, False)}
# Symmetric under every Pauli: a remembered Pauli passes through unchanged.
_TRANSPARENT = {"barrier", "delay", "pauli_channel"}


@dataclass(frozen=True)
class FramedCircuit:
    """A circuit without feed-forward, and how its bits replace the corrections that left it."""

    circuit: QuantumCircuit
    """The static circuit; qubits and classical bits as before."""
    frames: tuple[Frame, ...]
    """For each qubit the correction that it still needs at the end."""
    bits: tuple[tuple[int, ...], ...]
    """For each classical bit of the original circuit, the measured bits whose parity it is."""


def framed_circuit(circuit: QuantumCircuit) -> FramedCircuit:
    """Remove the feed-forward of a Clifford circuit and return it with the parities that stand for it.

    Raises:
        UnsupportedOperation: naming the operation, if a correction is not a Pauli on one condition bit or
            parity of bits, or if a remembered Pauli meets a gate that is not Clifford.

    >>> from quantumlink.circuits import entanglement_swap
    >>> framed_circuit(entanglement_swap()).frames[3]
    Frame(x=(1,), z=(0,))
    """
    tracker = _Tracker(circuit)
    static = tracker.rewrite()
    frames = tuple(Frame(_sorted(x), _sorted(z)) for x, z in zip(tracker.x, tracker.z, strict=True))
    return FramedCircuit(static, frames, tuple(_sorted(tracker.meaning({i})) for i in range(circuit.num_clbits)))


def pauli_frame(program: Program) -> Program:
    """Remove the feed-forward of a Clifford program and return it with heralds and frame as parities.

    Raises:
        UnsupportedOperation: naming the operation, as `framed_circuit`.
    """
    framed = framed_circuit(program.circuit)

    def measured(bits: Iterable[int]) -> set[int]:
        result: set[int] = set()
        for bit in bits:
            result = toggle(result, framed.bits[bit])
        return result

    frame = {}
    for name, qubit in program.ends.items():
        before = program.frame.get(name, Frame())
        x = toggle(measured(before.x), framed.frames[qubit].x)
        z = toggle(measured(before.z), framed.frames[qubit].z)
        frame[name] = Frame(_sorted(x), _sorted(z))
    heralds = tuple(_sorted(measured(herald)) for herald in program.heralds)
    return replace(program, circuit=framed.circuit, heralds=heralds, frame=frame, corrections="frame")


def feedforward(program: Program) -> Program:
    """The same corrections gathered at the end qubits: one flat parity condition for each Pauli and end.

    Raises:
        UnsupportedOperation: as `pauli_frame`.
    """
    framed = pauli_frame(program)
    circuit = framed.circuit.copy()
    for name, frame in framed.frame.items():
        for gate, needs in (("x", frame.x), ("z", frame.z)):
            if needs:
                with circuit.if_test(odd_parity([circuit.clbits[c] for c in needs])):
                    getattr(circuit, gate)(framed.ends[name])
    return replace(framed, circuit=circuit, frame={}, corrections="feedforward")


class _Tracker:
    """The remembered Pauli of each qubit, and the meaning of each bit, as sets of classical bits."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.x: list[set[int]] = [set() for _ in circuit.qubits]
        self.z: list[set[int]] = [set() for _ in circuit.qubits]
        self._circuit = circuit
        # A bit that has not been written is 0: the parity of no bits.
        self._means: list[set[int]] = [set() for _ in range(circuit.num_clbits)]
        self._written: set[int] = set()
        self._qubit: dict[Qubit, int] = {q: i for i, q in enumerate(circuit.qubits)}
        self._clbit: dict[Clbit, int] = {c: i for i, c in enumerate(circuit.clbits)}

    def meaning(self, bits: Iterable[int]) -> set[int]:
        """The measured bits whose parity is the parity of these bits of the original circuit."""
        result: set[int] = set()
        for bit in bits:
            result = toggle(result, self._means[bit])
        return result

    def rewrite(self) -> QuantumCircuit:
        result = self._circuit.copy_empty_like()
        for instruction in self._circuit.data:
            operation, name = instruction.operation, instruction.name
            qubits = [self._qubit[q] for q in instruction.qubits]
            if isinstance(operation, IfElseOp):
                self._correct(instruction)
                continue
            result.append(instruction)
            if name == "measure":
                self._measure(qubits[0], self._clbit[instruction.clbits[0]])
            elif name == "reset":
                self.x[qubits[0]], self.z[qubits[0]] = set(), set()
            elif name not in _TRANSPARENT and any(self.x[q] or self.z[q] for q in qubits):
                self._pass_through(instruction, qubits)
        return result

    def _measure(self, qubit: int, clbit: int) -> None:
        if clbit in self._written:
            raise UnsupportedOperation(
                f"no Pauli frame for 'measure' into classical bit {clbit}, which is written twice"
            )
        self._written.add(clbit)
        self._means[clbit] = toggle({clbit}, self.x[qubit])
        self.z[qubit] = set()

    def _correct(self, instruction: CircuitInstruction) -> None:
        operation = instruction.operation
        needs = self._parity_of(operation)
        if len(operation.blocks) != 1:
            raise UnsupportedOperation("no Pauli frame for 'if_else' with an else branch")
        block = operation.blocks[0]
        for inner in block.data:
            if inner.name not in _PAULIS:
                raise UnsupportedOperation(
                    f"no Pauli frame for the conditional operation {inner.name!r}: a correction must be x, y or z"
                )
            flip_x, flip_z = _PAULIS[inner.name]
            qubit = self._qubit[instruction.qubits[block.find_bit(inner.qubits[0]).index]]
            if flip_x:
                self.x[qubit] = toggle(self.x[qubit], needs)
            if flip_z:
                self.z[qubit] = toggle(self.z[qubit], needs)

    def _parity_of(self, operation: IfElseOp) -> set[int]:
        condition = operation.condition
        if isinstance(condition, tuple):
            target, value = condition
            bits = [target] if isinstance(target, Clbit) else list(target)
            if len(bits) == 1 and int(value) == 1:
                return self.meaning({self._clbit[bits[0]]})
        else:
            found = xor_leaves(condition)
            if found is not None:
                parity: set[int] = set()
                for bit in found:
                    parity = toggle(parity, {self._clbit[bit]})
                return self.meaning(parity)
        raise UnsupportedOperation(
            f"no Pauli frame for 'if_else' on the condition {condition!r}: it must be one bit equal to 1, "
            f"or a xor of bits"
        )

    def _pass_through(self, instruction: CircuitInstruction, qubits: list[int]) -> None:
        # Each generator X, Z of each qubit maps to a Pauli; the bit sets follow linearly.
        try:
            clifford = Clifford(instruction.operation)
        except Exception as error:
            raise UnsupportedOperation(
                f"a Pauli correction meets {instruction.name!r} on qubits {qubits}, which is not Clifford"
            ) from error
        k = len(qubits)
        new_x: list[set[int]] = [set() for _ in qubits]
        new_z: list[set[int]] = [set() for _ in qubits]
        for i, qubit in enumerate(qubits):
            for sets, is_x in ((self.x, True), (self.z, False)):
                if not sets[qubit]:
                    continue
                one = np.zeros(k, dtype=bool)
                one[i] = True
                zero = np.zeros(k, dtype=bool)
                generator = Pauli((zero, one)) if is_x else Pauli((one, zero))
                image = generator.evolve(clifford, frame="s")
                for j in range(k):
                    if image.x[j]:
                        new_x[j] = toggle(new_x[j], sets[qubit])
                    if image.z[j]:
                        new_z[j] = toggle(new_z[j], sets[qubit])
        for j, qubit in enumerate(qubits):
            self.x[qubit], self.z[qubit] = new_x[j], new_z[j]


def _sorted(bits: set[int]) -> tuple[int, ...]:
    return tuple(sorted(bits))
