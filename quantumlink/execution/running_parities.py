"""Running parities: a program's records are added up while it runs, instead of being kept to its end.

Heralds and frames read records of the whole circuit, and an exact engine must tell every pattern of kept records
from every other: 2^(records) branches. Yet only a few parities of them matter. Here each parity is the value of a
spare qubit: right after a measurement the spares of the parities that read its bit are flipped where it is 1, and
the bit is free for the next measurement. All heralds become one bit, set once one of them is odd. So a chain of
any length has a handful of bits at one time.

What is added are ideal gates on spare qubits. It is done after the noise, and changes no probability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    IfElseOp,
    Instruction,
    Measure,
    QuantumCircuit,
    Qubit,
    Reset,
)
from qiskit.circuit.library import XGate

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.condition_forms import parity_of
from quantumlink.program import Frame, Program


def running_parities(program: Program, *, keep: Sequence[int] = ()) -> Program:
    """The same program with heralds and frame that are single bits, written while it runs.

    Args:
        program: a program with its noise written into the circuit; its corrections may be of any kind.
        keep: classical bits (by index) that are wanted as they are; they become the last ones, in that order.

    Returns:
        A program with the same distribution of acceptance, frame and kept bits, and other classical bits; or the
        given one if a bit of it is measured twice or in a conditional block, or a condition is nested or on
        anything but a parity of bits.

    >>> from quantumlink.exact import interpreter_size
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, chain
    >>> from quantumlink.readings import compose
    >>> nodes = [Node(f"n{i}") for i in range(31)]
    >>> program = compose(chain([ElementaryLink(*pair) for pair in zip(nodes, nodes[1:])]), corrections="frame")
    >>> [interpreter_size(p.circuit).bits for p in (program, running_parities(program))]
    [58, 2]
    """
    source = program.circuit
    measured = _measurements(source)
    if measured is None:
        return program
    conditions = _conditions(source, measured)
    if conditions is None:
        return program
    return _Fold(program, measured, conditions, keep).program()


@dataclass(eq=False)
class _Parity:
    """A parity that is being added up."""

    left: set[int]
    """The bits that are yet to be measured."""
    spare: Any = None
    """The qubit that holds it; None before its first bit."""


class _Fold:
    def __init__(
        self,
        program: Program,
        measured: Mapping[int, int],
        conditions: Mapping[int, tuple[Sequence[int], int]],
        keep: Sequence[int],
    ) -> None:
        self._program, self._source = program, program.circuit
        self._clbit = {clbit: i for i, clbit in enumerate(self._source.clbits)}
        self._spares, self._bits = _Pool(Qubit), _Pool(Clbit)
        self._steps: list[CircuitInstruction] = []
        self._last = {bit: Clbit() for bit in keep}
        self._refused: Qubit | None = None

        def parity(bits: Iterable[int]) -> _Parity:  # a bit twice cancels, one that is not measured is 0
            return _Parity({b for b, number in Counter(bits).items() if number % 2 and b in measured})

        self._frames = {end: (parity(frame.x), parity(frame.z)) for end, frame in program.frame.items()}
        self._odd = [parity(herald) for herald in program.odd_heralds]
        self._heralds = [parity(herald) for herald in program.heralds] + self._odd
        self._wanted = {i: value for i, (_, value) in conditions.items()}
        self._xors = {i: parity(bits) for i, (bits, _) in conditions.items() if len(bits) > 1}
        self._single = {i: bits[0] for i, (bits, _) in conditions.items() if len(bits) == 1}
        self._readers: dict[int, list[_Parity]] = {}
        for each in (*(p for pair in self._frames.values() for p in pair), *self._heralds, *self._xors.values()):
            for bit in each.left:
                self._readers.setdefault(bit, []).append(each)
        self._read_last = {bit: i for i, bit in self._single.items()}
        self._now: dict[int, Clbit] = {}
        """Where each bit that is still to be read stands."""

    def program(self) -> Program:
        for i, instruction in enumerate(self._source.data):
            if isinstance(instruction.operation, IfElseOp):
                self._if(i, instruction)
            elif instruction.name == "measure":
                self._measure(i, instruction)
            else:
                self._steps.append(instruction)
        for herald in self._odd:
            if herald.spare is None:  # its bits are never measured: it is even for certain
                herald.spare = self._spares.take()
                self._add(Reset(), [herald.spare])
                self._refuse_if(herald)
        found = {end: tuple(self._told(p) for p in pair) for end, pair in self._frames.items()}
        accepted = None if self._refused is None else self._read(self._refused)
        circuit = self._circuit()
        index = {clbit: i for i, clbit in enumerate(circuit.clbits)}
        return replace(
            self._program,
            circuit=circuit,
            nodes=(*self._program.nodes, *[self._program.nodes[0]] * len(self._spares.all)),
            heralds=() if accepted is None else ((index[accepted],),),
            odd_heralds=(),
            frame={end: Frame(*(tuple(index[c] for c in told) for told in pair)) for end, pair in found.items()},
        )

    def _circuit(self) -> QuantumCircuit:
        clbits = [*self._bits.all, *self._last.values()]
        circuit = QuantumCircuit(
            [*self._source.qubits, *self._spares.all], clbits, global_phase=self._source.global_phase
        )
        circuit.add_register(ClassicalRegister(bits=clbits, name="parities"))
        for step in self._steps:
            circuit.append(step)
        return circuit

    def _add(self, operation: Instruction, qubits: Sequence[Qubit] = (), clbits: Sequence[Clbit] = ()) -> None:
        self._steps.append(CircuitInstruction(operation, tuple(qubits), tuple(clbits)))

    def _measure(self, place: int, instruction: CircuitInstruction) -> None:
        bit = self._clbit[instruction.clbits[0]]
        clbit = self._last[bit] if bit in self._last else self._bits.take()
        self._add(instruction.operation, instruction.qubits, [clbit])
        readers = self._readers.get(bit, [])
        for parity in readers:
            if parity.spare is None:
                parity.spare = self._spares.take()
                self._add(Reset(), [parity.spare])
        self._flip_where(clbit, [parity.spare for parity in readers])
        for parity in readers:
            parity.left.remove(bit)
            if not parity.left and parity in self._heralds:
                self._refuse_if(parity)
        if self._read_last.get(bit, -1) > place:
            self._now[bit] = clbit
        elif bit not in self._last:
            self._bits.give_back(clbit)

    def _flip_where(self, clbit: Clbit, spares: Sequence[Qubit]) -> None:
        if spares:
            self._if_one(clbit, spares, [(XGate(), i) for i in range(len(spares))])
            for spare in spares:  # a basis state again, for the interpreter
                self._bits.give_back(self._read(spare))

    def _if_one(self, clbit: Clbit, qubits: Sequence[Qubit], body: Sequence[tuple[Instruction, int]]) -> None:
        block = QuantumCircuit(list(qubits), [clbit])
        for operation, i in body:
            block.append(operation, [qubits[i]])
        self._add(IfElseOp((clbit, 1), block), qubits, [clbit])

    def _read(self, spare: Qubit) -> Clbit:
        clbit = self._bits.take()
        self._add(Measure(), [spare], [clbit])
        return clbit

    def _told(self, parity: _Parity) -> tuple[Clbit, ...]:
        return () if parity.spare is None else (self._read(parity.spare),)

    def _refuse_if(self, herald: _Parity) -> None:
        """One qubit is set once any herald is not as it must be."""
        if self._refused is None:
            self._refused = self._spares.take()
            self._add(Reset(), [self._refused])
        if herald in self._odd:
            self._add(XGate(), [herald.spare])
        clbit = self._read(herald.spare)
        self._if_one(clbit, [self._refused], [(Reset(), 0), (XGate(), 0)])
        self._bits.give_back(self._read(self._refused))
        self._bits.give_back(clbit)
        self._spares.give_back(herald.spare)

    def _if(self, place: int, instruction: CircuitInstruction) -> None:
        operation, qubits = instruction.operation, instruction.qubits
        if place in self._xors:
            parity = self._xors[place]
            clbit = self._read(parity.spare)
            self._add(_conditioned(operation, clbit, self._wanted[place]), qubits, [clbit])
            self._bits.give_back(clbit)
            self._spares.give_back(parity.spare)
            return
        bit = self._single[place]
        self._add(_conditioned(operation, self._now[bit], self._wanted[place]), qubits, [self._now[bit]])
        if self._read_last[bit] == place:
            clbit = self._now.pop(bit)
            if bit not in self._last:
                self._bits.give_back(clbit)


class _Pool:
    """Bits or qubits that are made when they are needed, and used again once they are given back."""

    def __init__(self, kind: type) -> None:
        self._kind, self._free = kind, []  # type: tuple[type, list[Any]]
        self.all: list[Any] = []

    def take(self) -> Any:
        if not self._free:
            self._free.append(self._kind())
            self.all.extend(self._free)
        return self._free.pop()

    def give_back(self, item: Any) -> None:
        self._free.append(item)


def _measurements(circuit: QuantumCircuit) -> dict[int, int] | None:
    """Where each bit is measured, or None if one is measured twice, or in a block."""
    clbit_of = {clbit: i for i, clbit in enumerate(circuit.clbits)}
    found: dict[int, int] = {}
    for i, instruction in enumerate(circuit.data):
        operation = instruction.operation
        if instruction.name == "measure":
            bit = clbit_of[instruction.clbits[0]]
            if bit in found:
                return None
            found[bit] = i
        elif isinstance(operation, IfElseOp):
            if any(inner.clbits or inner.name == "store" for block in operation.blocks for inner in block.data):
                return None
        elif instruction.clbits or instruction.name == "store" or getattr(operation, "blocks", None):
            return None
    return None if circuit.num_identifiers else found


def _conditions(circuit: QuantumCircuit, measured: Mapping[int, int]) -> dict[int, tuple[list[int], int]] | None:
    """The bits and the parity that each condition is on; None if one is no parity of bits measured before."""
    clbit_of = {clbit: i for i, clbit in enumerate(circuit.clbits)}
    found: dict[int, tuple[list[int], int]] = {}
    for i, instruction in enumerate(circuit.data):
        if not isinstance(instruction.operation, IfElseOp):
            continue
        try:
            parity = parity_of(instruction.operation.condition)
        except UnsupportedOperation:
            return None
        if parity is None or not parity[0]:
            return None
        bits = sorted(clbit_of[bit] for bit in parity[0])
        if any(measured.get(bit, i) >= i for bit in bits):
            return None
        found[i] = bits, int(not parity[1])
    return found


def _conditioned(operation: IfElseOp, clbit: Clbit, value: int) -> IfElseOp:
    """The same blocks, on a condition that is one bit."""
    blocks = []
    for block in operation.blocks:
        told = QuantumCircuit(block.qubits, [clbit], global_phase=block.global_phase)
        for inner in block.data:
            told.append(inner)
        blocks.append(told)
    return IfElseOp((clbit, value), *blocks)
