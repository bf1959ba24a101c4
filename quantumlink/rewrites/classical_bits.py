"""Classical bits in one order: what any sampler returns register by register is then the circuit's bits in turn.

A circuit of Qiskit's may have bits in no register, in several, or in registers whose order is not the circuit's.
Samplers return registers; Aer even slices ones that overlap wrongly. So a program is brought into a form in which
the concatenated registers are the circuit's bits, before it is run or prepared. Bits keep their indices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    ControlFlowOp,
    ForLoopOp,
    IfElseOp,
    QuantumCircuit,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.condition_forms import MAX_TABLE_BITS, bitwise
from quantumlink.exact.conditions import Condition
from quantumlink.exact.expressions import cells_of
from quantumlink.program import Program
from quantumlink.rewrites.expansion import expanded_circuit

BITS_REGISTER = "bits"
"""The classical register of a circuit whose own ones are not in order."""


def ordered_bits(program: Program, *, keep: Callable[[str], bool] | None = None) -> Program:
    """The same program, expanded, whose concatenated classical registers are its circuit's bits in order.

    Every bit keeps its index, so heralds and frame stay. Registers that are in order are kept.

    Args:
        program: any program.
        keep: which of a device's own names for measurement and reset stay, as for `expanded_circuit`.

    Raises:
        UnsupportedOperation: as `ordered_circuit`.
    """
    circuit = ordered_circuit(program.circuit, keep=keep)
    return program if circuit is program.circuit else replace(program, circuit=circuit)


def ordered_circuit(circuit: QuantumCircuit, *, keep: Callable[[str], bool] | None = None) -> QuantumCircuit:
    """The same circuit, expanded (`expanded_circuit`, which ``keep`` is for), its classical registers in order.

    Raises:
        UnsupportedOperation: as `expanded_circuit`, and if something is stored in a register that is out of order.

    >>> circuit = QuantumCircuit(1, 2)
    >>> circuit.add_register(ClassicalRegister(bits=[circuit.clbits[1]], name="alias"))
    >>> _ = circuit.measure(0, 1)
    >>> ordered_circuit(circuit).cregs
    [ClassicalRegister(2, 'bits')]
    """
    circuit = expanded_circuit(circuit, keep=keep)
    if registers_in_order(circuit):
        return circuit
    result = QuantumCircuit(
        circuit.qubits,
        circuit.clbits,
        name=circuit.name,
        global_phase=circuit.global_phase,
        metadata=circuit.metadata,
        inputs=circuit.iter_input_vars(),
    )
    result.add_register(*circuit.qregs)
    name = fresh_name(BITS_REGISTER, circuit)
    result.add_register(ClassicalRegister(bits=circuit.clbits, name=name))
    for variable in circuit.iter_declared_vars():
        result.add_uninitialized_var(variable)
    for instruction in circuit.data:
        result.append(_without_registers(instruction))
    return result


def without_registers(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same circuit, expanded, with bits in no register: what `QuantumCircuit.compose` appends rightly.

    Of conditions on registers that stand within others, Qiskit makes blocks with bits that nothing brings.

    Raises:
        UnsupportedOperation: as `ordered_circuit`.
    """
    result = QuantumCircuit(circuit.qubits, circuit.clbits, name=circuit.name, global_phase=circuit.global_phase)
    for instruction in expanded_circuit(circuit).data:
        result.append(_without_registers(instruction))
    return result


def registers_in_order(circuit: QuantumCircuit) -> bool:
    """Whether the concatenated registers are the circuit's bits, and none of them is empty."""
    listed = [bit for register in circuit.cregs for bit in register]
    return len(listed) == circuit.num_clbits and listed == list(circuit.clbits) and all(map(len, circuit.cregs))


def fresh_name(wanted: str, *circuits: QuantumCircuit) -> str:
    """A register's name that none of the circuits has yet: the wanted one, with underscores if it must be.

    >>> fresh_name("c", QuantumCircuit(1, 1))
    'c_'
    """
    taken = {register.name for circuit in circuits for register in (*circuit.qregs, *circuit.cregs)}
    while wanted in taken:
        wanted += "_"
    return wanted


def _without_registers(instruction: CircuitInstruction) -> CircuitInstruction:
    operation = instruction.operation
    if isinstance(operation, Store):
        if _on_registers(operation.lvalue):
            raise UnsupportedOperation(f"'store' in a register that is out of order: {operation.lvalue!r}")
        return instruction.replace(operation=Store(operation.lvalue, _single(operation.rvalue)))
    if not isinstance(operation, ControlFlowOp):
        return instruction
    blocks = [_block_without(block) for block in operation.blocks]
    if isinstance(operation, IfElseOp):
        operation = IfElseOp(_condition(operation.condition), *blocks, label=operation.label)
    elif isinstance(operation, WhileLoopOp):
        operation = WhileLoopOp(_condition(operation.condition), *blocks, label=operation.label)
    elif isinstance(operation, SwitchCaseOp):
        labels = [labels for labels, _ in operation.cases_specifier()]
        target = operation.target
        if isinstance(target, ClassicalRegister):
            target = expr.lift(target)
        target = _single(target) if isinstance(target, expr.Expr) else target
        operation = SwitchCaseOp(target, list(zip(labels, blocks, strict=True)), label=operation.label)
    elif isinstance(operation, ForLoopOp) or blocks:
        operation = operation.replace_blocks(blocks)
    return instruction.replace(operation=operation)


def _block_without(block: QuantumCircuit) -> QuantumCircuit:
    if block.num_identifiers:
        result = block.copy_empty_like()
    else:
        result = QuantumCircuit(block.qubits, block.clbits, name=block.name, global_phase=block.global_phase)
    for instruction in block.data:
        result.append(_without_registers(instruction))
    return result


def _condition(condition: Condition) -> Condition:
    """The same condition on single bits."""
    if isinstance(condition, tuple) and isinstance(condition[0], Clbit):
        return condition
    if isinstance(condition, expr.Expr):
        if not _on_registers(condition):
            return condition
        cells = cells_of(condition)
        if len(cells) > MAX_TABLE_BITS or not all(isinstance(cell, Clbit) for cell in cells):
            return _single(condition)
    found = bitwise(condition)
    return expr.lift(found) if isinstance(found, bool) else found


def _on_registers(node: expr.Expr) -> bool:
    return any(isinstance(leaf.var, ClassicalRegister) for leaf in expr.iter_vars(node))


def _single(node: expr.Expr) -> expr.Expr:
    """The same expression, with each register as the sum of its bits."""
    if isinstance(node, expr.Var) and isinstance(node.var, ClassicalRegister):
        parts = [expr.shift_left(expr.cast(bit, node.type), i) for i, bit in enumerate(node.var)]
        return reduce(expr.bit_or, parts)
    if isinstance(node, expr.Cast):
        return expr.Cast(_single(node.operand), node.type, implicit=node.implicit)
    if isinstance(node, expr.Unary):
        return expr.Unary(node.op, _single(node.operand), node.type)
    if isinstance(node, expr.Binary):
        return expr.Binary(node.op, _single(node.left), _single(node.right), node.type)
    if isinstance(node, expr.Index):
        return expr.Index(_single(node.target), _single(node.index), node.type)
    return node
