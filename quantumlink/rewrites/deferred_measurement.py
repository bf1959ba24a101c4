"""Deferred measurement: every measurement moves to the end, and feed-forward becomes controlled gates.

For machines without mid-circuit measurement. A measured qubit that is not used again is its own record;
one that is used again is copied to a fresh qubit first, and a reset exchanges the qubit for a fresh one.

Reference:
    M. A. Nielsen, I. L. Chuang, Quantum Computation and Quantum Information (2010), section 4.4.
"""

from __future__ import annotations

from dataclasses import replace

from qiskit.circuit import (
    CircuitInstruction,
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
from quantumlink.exact.conditions import Condition, xor_leaves
from quantumlink.program import Program

RECORD_REGISTER = "record"
"""The fresh qubits of the rewritten circuit."""


def deferred_measurement(program: Program) -> Program:
    """The program with all its measurements at the end; ends, heralds and frame stay as they are.

    Raises:
        UnsupportedOperation: naming the operation, as `deferred_circuit`.
    """
    if program.earlier_nodes:
        raise UnsupportedOperation(
            "the qubits of this program are reused, which takes resets: defer its measurements before that"
        )
    circuit, owners = _Deferral(program.circuit).rewrite()
    nodes = (*program.nodes, *(program.nodes[owner] for owner in owners))
    return replace(program, circuit=circuit, nodes=nodes)


def deferred_circuit(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with all its measurements at the end.

    The original qubits keep their indices and the classical bits their meaning; fresh qubits follow in the
    register ``record``.

    Raises:
        UnsupportedOperation: naming the operation, if a conditional block holds anything but gates, or a
            condition is not one on bits, on a register, or on a xor of bits.
    """
    return _Deferral(circuit).rewrite()[0]


class _Deferral:
    def __init__(self, circuit: QuantumCircuit) -> None:
        self._source = circuit
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
            result.add_register(QuantumRegister(bits=self._fresh, name=self._register_name()))
        for operation, qubits in self._steps:
            result.append(operation, qubits)
        for clbit, record in self._records.items():
            result.measure(record, clbit)
        return result, self._owners

    def _step(self, index: int, instruction: CircuitInstruction) -> None:
        operation, qubits = instruction.operation, list(instruction.qubits)
        if instruction.name == "measure":
            self._measure(index, qubits[0], instruction.clbits[0])
        elif instruction.name == "reset":
            self._steps.append((SwapGate(), [qubits[0], self._new(qubits[0])]))
        elif isinstance(operation, IfElseOp):
            self._if_else(instruction)
        elif instruction.clbits or getattr(operation, "blocks", None):
            raise UnsupportedOperation(f"{instruction.name!r} cannot be deferred: only measure and if_test can")
        else:
            self._steps.append((operation, qubits))

    def _measure(self, index: int, qubit: Qubit, clbit: Clbit) -> None:
        if self._last_use[qubit] == index:
            self._records[clbit] = qubit
            return
        record = self._new(qubit)
        self._steps.append((CXGate(), [qubit, record]))
        self._records[clbit] = record

    def _if_else(self, instruction: CircuitInstruction) -> None:
        control, state = self._control(instruction.operation.condition, instruction.qubits[0])
        for block, value in zip(instruction.operation.blocks, (state, 1 - state), strict=False):
            # Where nothing was measured the bits are 0 and the condition is decided.
            if control is not None or value == 1:
                self._block(block, instruction.qubits, control, value)

    def _block(self, block: QuantumCircuit, outer: tuple[Qubit, ...], control: Qubit | None, value: int) -> None:
        for inner in block.data:
            gate = inner.operation
            qubits = [outer[block.find_bit(q).index] for q in inner.qubits]
            if inner.name == "barrier":
                continue
            if not isinstance(gate, Gate):
                raise UnsupportedOperation(f"{inner.name!r} within if_test cannot be deferred: only gates can")
            if control is None:
                self._steps.append((gate, qubits))
            else:
                self._steps.append((gate.control(1, ctrl_state=value), [control, *qubits]))

    def _control(self, condition: Condition, near: Qubit) -> tuple[Qubit | None, int]:
        """A qubit and its value for which the condition holds; without a qubit, 1 if it holds and 0 if not."""
        if not isinstance(condition, tuple):
            return self._parity_control(condition, near)
        target, wanted = condition
        bits = [target] if isinstance(target, Clbit) else list(target)
        values = [(int(wanted) >> i) & 1 for i in range(len(bits))]
        known = [(self._records[b], v) for b, v in zip(bits, values, strict=True) if b in self._records]
        if any(v for b, v in zip(bits, values, strict=True) if b not in self._records):
            return None, 0
        if len(known) <= 1:
            return known[0] if known else (None, 1)
        flag = self._new(near)
        state = sum(value << i for i, (_, value) in enumerate(known))
        gate = XGate().control(len(known), ctrl_state=state)
        self._steps.append((gate, [*(record for record, _ in known), flag]))
        return flag, 1

    def _parity_control(self, condition: Condition, near: Qubit) -> tuple[Qubit | None, int]:
        leaves = xor_leaves(condition)
        if leaves is None:
            raise UnsupportedOperation(
                f"the condition {condition!r} cannot be deferred: it must be on a bit, a register or a xor of bits"
            )
        odd = [self._records[bit] for bit in leaves if bit in self._records]
        if len(odd) <= 1:
            return (odd[0], 1) if odd else (None, 0)
        flag = self._new(near)
        self._steps.extend((CXGate(), [record, flag]) for record in odd)
        return flag, 1

    def _new(self, near: Qubit) -> Qubit:
        fresh = Qubit()
        self._fresh.append(fresh)
        self._owners.append(self._qubit[near])
        return fresh

    def _register_name(self) -> str:
        name = RECORD_REGISTER
        while any(register.name == name for register in (*self._source.qregs, *self._source.cregs)):
            name += "_"
        return name
