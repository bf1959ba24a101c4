"""Deferred measurement: every measurement moves to the end, and feed-forward becomes controlled gates.

For machines without mid-circuit measurement. A measured qubit that is not used again is its own record;
one that is used again is copied to a fresh qubit first, and a reset exchanges the qubit for a fresh one. A
condition becomes the value of a qubit: of the record itself, or of a fresh one that is set where it holds.

Reference:
    M. A. Nielsen, I. L. Chuang, Quantum Computation and Quantum Information (2010), section 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    Gate,
    IfElseOp,
    Instruction,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
)
from qiskit.circuit.library import CXGate, SwapGate, XGate

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.condition_forms import parity_of, polynomial_of
from quantumlink.exact.conditions import Condition
from quantumlink.exact.transfer import device_operation
from quantumlink.program import Program
from quantumlink.rewrites.classical_bits import fresh_name
from quantumlink.rewrites.expansion import expanded_circuit
from quantumlink.rewrites.framing import is_ideal

RECORD_REGISTER = "record"
"""The fresh qubits of the rewritten circuit."""


def deferred_measurement(program: Program) -> Program:
    """The program with all its measurements at the end; ends, heralds and frame stay as they are.

    Raises:
        UnsupportedOperation: naming the operation, as `deferred_circuit`, and if the qubits are reused, or a
            conditional delay, which would leave with its condition, is at a memory that is not ideal.

    >>> import quantumlink as ql
    >>> from quantumlink.rewrites import deferred_measurement
    >>> a, m, b = ql.Node("a"), ql.Node("m"), ql.Node("b")
    >>> program = ql.compose(ql.swap(ql.ElementaryLink(a, m), ql.ElementaryLink(m, b)), corrections="sequential")
    >>> "if_else" in deferred_measurement(program).circuit.count_ops()
    False
    """
    if program.earlier_nodes:
        raise UnsupportedOperation(
            "the qubits of this program are reused, which takes resets: defer its measurements before that"
        )
    may_wait = [is_ideal(program, qubit) for qubit in range(program.circuit.num_qubits)]
    circuit, owners = _Deferral(program.circuit, may_wait).rewrite()
    nodes = (*program.nodes, *(program.nodes[owner] for owner in owners))
    return replace(program, circuit=circuit, nodes=nodes)


def deferred_circuit(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with all its measurements at the end.

    The original qubits keep their indices and the classical bits their meaning; fresh qubits follow in the
    register ``record``.

    Raises:
        UnsupportedOperation: naming the operation, if a conditional block holds anything but gates, measurements
            and resets (barriers and delays, which do nothing by themselves, leave with it), if a condition reads
            a variable, or if nothing tells what an operation does to its bits.
    """
    return _Deferral(circuit).rewrite()[0]


class _Control(NamedTuple):
    """A qubit and the value of it for which something happens."""

    qubit: Qubit
    value: int


class _Deferral:
    def __init__(self, circuit: QuantumCircuit, may_wait: Sequence[bool] | None = None) -> None:
        self._source = circuit = expanded_circuit(circuit)
        self._may_wait = may_wait
        self._qubit = {q: i for i, q in enumerate(circuit.qubits)}
        steps = [(i, inst) for i, inst in enumerate(circuit.data) if inst.name != "barrier"]
        self._last_use = {q: i for i, inst in steps for q in inst.qubits}
        self._fresh: list[Qubit] = []
        self._owners: list[int] = []
        self._records: dict[Clbit, Qubit] = {}
        self._steps: list[tuple[Instruction, list[Qubit]]] = []

    def rewrite(self) -> tuple[QuantumCircuit, list[int]]:
        for i, instruction in enumerate(self._source.data):
            self._step(i, instruction)
        result = self._source.copy_empty_like()
        if self._fresh:
            name = fresh_name(RECORD_REGISTER, self._source)
            result.add_register(QuantumRegister(bits=self._fresh, name=name))
        for operation, qubits in self._steps:
            result.append(operation, qubits)
        for clbit, record in self._records.items():
            result.measure(record, clbit)
        return result, self._owners

    def _step(self, index: int | None, instruction: CircuitInstruction) -> None:
        operation, qubits = instruction.operation, list(instruction.qubits)
        kind = None if isinstance(operation, Gate) else device_operation(operation)
        if kind == "measure":
            self._measure(index, qubits[0], instruction.clbits[0])
        elif kind == "reset":
            self._steps.append((SwapGate(), [qubits[0], self._new(qubits[0])]))
        elif isinstance(operation, IfElseOp):
            self._if_else(instruction, None)
        elif instruction.clbits or getattr(operation, "blocks", None) or instruction.name == "store":
            raise UnsupportedOperation(
                f"{instruction.name!r} cannot be deferred: what it does to classical bits is not known"
            )
        else:
            self._steps.append((operation, qubits))

    def _measure(self, index: int | None, qubit: Qubit, clbit: Clbit) -> None:
        if self._last_use[qubit] == index:
            self._record(clbit, qubit)
            return
        record = self._new(qubit)
        self._steps.append((CXGate(), [qubit, record]))
        self._record(clbit, record)

    def _record(self, clbit: Clbit, qubit: Qubit) -> None:
        """What holds the bit from now on; a qubit that held it before was measured, and stays so."""
        before = self._records.get(clbit)
        if before in self._qubit:
            self._steps.append((CXGate(), [before, self._new(before)]))
        self._records[clbit] = qubit

    def _if_else(self, instruction: CircuitInstruction, outer: _Control | None) -> None:
        near = instruction.qubits[0] if instruction.qubits else self._source.qubits[0]
        blocks = instruction.operation.blocks
        if not any(block.data for block in blocks):
            return
        control = self._control(instruction.operation.condition, near)
        for block, wanted in zip(blocks, (True, False), strict=False):
            if isinstance(control, bool):
                if control is wanted:
                    self._block(block, instruction, outer)
                continue
            mine = _Control(control.qubit, control.value if wanted else 1 - control.value)
            if outer is None or outer == mine:
                self._block(block, instruction, mine)
            elif outer.qubit is not mine.qubit:  # or the two exclude each other
                self._block(block, instruction, self._flag([outer, mine], near))

    def _block(self, block: QuantumCircuit, outer: CircuitInstruction, control: _Control | None) -> None:
        qubit_of = dict(zip(block.qubits, outer.qubits, strict=True))
        for inner in block.data:
            moved = inner.replace(qubits=tuple(qubit_of[q] for q in inner.qubits))
            if control is None:
                self._step(None, moved)
            else:
                self._controlled(moved, control)

    def _controlled(self, instruction: CircuitInstruction, control: _Control) -> None:
        operation, name, qubits = instruction.operation, instruction.name, list(instruction.qubits)
        if isinstance(operation, IfElseOp):
            self._if_else(instruction, control)
        elif name == "delay":
            if self._may_wait is not None and not self._may_wait[self._qubit[qubits[0]]]:
                raise UnsupportedOperation(
                    f"a conditional 'delay' on qubit {self._qubit[qubits[0]]} cannot be deferred: its memory is "
                    f"not ideal"
                )
        elif name == "measure":
            self._measure_if(control, qubits[0], instruction.clbits[0])
        elif name == "reset":
            self._apply_if(control, SwapGate(), [qubits[0], self._new(qubits[0])])
        elif isinstance(operation, Gate):
            self._apply_if(control, operation, qubits)
        elif name != "barrier":
            raise UnsupportedOperation(
                f"{name!r} within if_test cannot be deferred: only gates, measure and reset can"
            )

    def _apply_if(self, control: _Control, gate: Gate, qubits: list[Qubit]) -> None:
        if qubits:  # a conditional phase is none
            self._steps.append((gate.control(1, ctrl_state=control.value), [control.qubit, *qubits]))

    def _measure_if(self, control: _Control, qubit: Qubit, clbit: Clbit) -> None:
        """The record is what is found, or else what it was."""
        record = self._new(qubit)
        self._apply_if(control, CXGate(), [qubit, record])
        before = self._records.get(clbit)
        if before is control.qubit:  # where nothing is measured, it is the value for which nothing is
            self._steps.extend([(CXGate(), [before, record])] * (1 - control.value))
        elif before is not None:
            self._apply_if(_Control(control.qubit, 1 - control.value), CXGate(), [before, record])
        self._record(clbit, record)

    def _flag(self, controls: Sequence[_Control], near: Qubit) -> _Control:
        flag = self._new(near)
        state = sum(control.value << i for i, control in enumerate(controls))
        gate = XGate().control(len(controls), ctrl_state=state)
        self._steps.append((gate, [*(control.qubit for control in controls), flag]))
        return _Control(flag, 1)

    def _control(self, condition: Condition, near: Qubit) -> _Control | bool:
        """A qubit and its value for which the condition holds, or whether it always does."""
        parity = parity_of(condition)
        if parity is not None:
            bits, even = parity
            return self._xor([self._records[bit] for bit in bits if bit in self._records], even, near)
        if isinstance(condition, tuple):
            return self._spelt(condition[0], condition[1], near)
        terms = [term for term in polynomial_of(condition) if all(bit in self._records for bit in term)]
        flag = self._new(near)
        for term in terms:
            records = [self._records[bit] for bit in term]
            self._steps.append((XGate().control(len(records)) if records else XGate(), [*records, flag]))
        return _Control(flag, 1)

    def _xor(self, records: Sequence[Qubit], even: bool, near: Qubit) -> _Control | bool:
        if len(records) <= 1:
            return _Control(records[0], 1 - even) if records else even
        flag = self._new(near)
        self._steps.extend((CXGate(), [record, flag]) for record in records)
        return _Control(flag, 1 - even)

    def _spelt(self, register: ClassicalRegister, value: int, near: Qubit) -> _Control | bool:
        # Where nothing was measured the bits are 0.
        wanted: Mapping[Clbit, int] = {bit: int(value) >> i & 1 for i, bit in enumerate(register)}
        if any(v for bit, v in wanted.items() if bit not in self._records):
            return False
        known = [_Control(self._records[bit], v) for bit, v in wanted.items() if bit in self._records]
        if len(known) <= 1:
            return known[0] if known else True
        return self._flag(known, near)

    def _new(self, near: Qubit) -> Qubit:
        fresh = Qubit()
        self._fresh.append(fresh)
        self._owners.append(self._qubit[near])
        return fresh
