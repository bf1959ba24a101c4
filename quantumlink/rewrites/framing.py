"""Pauli frame: corrections leave the circuit and become parities of classical bits.

A conditional Pauli on a qubit is remembered instead of applied. The remembered Pauli is carried through the
Clifford gates that follow; where it anticommutes with a measurement, that bit's meaning changes to a parity.
What is left at the end qubits is the program's frame. Static circuits run on any hardware without feed-forward
latency, and samplers draw them orders of magnitude faster.

A condition may be anything: it is a polynomial over the measured bits, and so is whether a qubit needs X or Z.
Only where that is asked for (by a bit that is read, or by an end) it must be a parity. What is always applied
(the X of "if the bit is 0", which is X, and X again if it is 1) stays in the circuit as a gate.

Reference:
    E. Knill, Nature 434, 39 (2005).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.conditions import odd_parity

from quantumlink.program import Frame, Program, toggle
from quantumlink.rewrites.pauli_tracking import PauliTracker


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
        UnsupportedOperation: naming the operation, if what is conditional is not a Pauli, if a correction that is
            needed is not one on a parity of bits, if a remembered Pauli meets a gate that is not Clifford, if a
            bit is written over that is still needed, or if nothing tells what an operation does to its bits.

    >>> from quantumlink.circuits import entanglement_swap
    >>> framed_circuit(entanglement_swap()).frames[3]
    Frame(x=(1,), z=(0,))
    """
    tracker = PauliTracker(circuit)
    frames = tuple(Frame(*tracker.frame(qubit)) for qubit in range(circuit.num_qubits))
    return FramedCircuit(tracker.circuit, frames, tuple(map(tracker.meaning, range(circuit.num_clbits))))


def pauli_frame(program: Program) -> Program:
    """Remove the feed-forward of a Clifford program and return it with heralds and frame as parities.

    Raises:
        UnsupportedOperation: naming the operation, as `framed_circuit`, and if a conditional delay, which would
            leave with its condition, is at a memory that is not ideal.

    >>> import quantumlink as ql
    >>> from quantumlink.rewrites import pauli_frame
    >>> a, m, b = ql.Node("a"), ql.Node("m"), ql.Node("b")
    >>> program = ql.compose(ql.swap(ql.ElementaryLink(a, m), ql.ElementaryLink(m, b)), corrections="sequential")
    >>> framed = pauli_frame(program)
    >>> "if_else" in program.circuit.count_ops(), "if_else" in framed.circuit.count_ops()
    (True, False)
    """
    tracker = PauliTracker(program.circuit, may_wait=[is_ideal(program, q) for q in range(len(program.nodes))])

    def measured(bits: Iterable[int]) -> set[int]:
        result: set[int] = set()
        for bit in bits:
            result = toggle(result, tracker.meaning(bit))
        return result

    frame = {}
    for name, qubit in program.ends.items():
        before = program.frame.get(name, Frame())
        x, z = tracker.frame(qubit)
        frame[name] = Frame(_sorted(toggle(measured(before.x), x)), _sorted(toggle(measured(before.z), z)))
    heralds, odd_heralds = (
        tuple(_sorted(measured(herald)) for herald in parities)
        for parities in (program.heralds, program.odd_heralds)
    )
    return replace(
        program,
        circuit=tracker.circuit,
        heralds=heralds,
        odd_heralds=odd_heralds,
        frame=frame,
        corrections="frame",
    )


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


def is_ideal(program: Program, qubit: int) -> bool:
    """Whether every memory that holds a qubit of the program is ideal, so that waiting does nothing."""
    return all(node.memory.is_ideal for node in (program.nodes[qubit], *program.earlier_nodes.get(qubit, ())))


def _sorted(bits: set[int]) -> tuple[int, ...]:
    return tuple(sorted(bits))
