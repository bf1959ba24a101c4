"""What Aer's samplers cannot take, so that nothing is sent there that they refuse, or that ends their process.

Seen in Aer 0.18: `box`, a stretch and ``measure_2`` are refused, `store` into a variable aborts the process (into
bits of the circuit it runs), an index into a register, arithmetic and numbers of the type Float are refused in
conditions and in what is stored, and an opaque instruction is unknown. A number that is cast to Bool is read
wrongly, and an error on fewer qubits than its instruction acts on the first of them, both without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from qiskit.circuit import (
    CircuitInstruction,
    Clbit,
    Gate,
    IfElseOp,
    Instruction,
    QuantumCircuit,
    Qubit,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr, types

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.condition_forms import bitwise

_HARMLESS = frozenset(
    {
        "barrier",
        "break_loop",
        "continue_loop",
        "delay",
        "kraus",
        "measure",
        "pauli_channel",
        "quantum_channel",
        "reset",
        "superop",
    }
)
_OPERATORS = frozenset(
    [expr.Unary.Op.BIT_NOT, expr.Unary.Op.LOGIC_NOT]
    + [
        getattr(expr.Binary.Op, name)
        for name in (
            *("BIT_AND", "BIT_OR", "BIT_XOR", "LOGIC_AND", "LOGIC_OR"),
            *("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"),
        )
    ]
)
"""What Aer knows in conditions."""


def unknown_to_aer(circuit: QuantumCircuit) -> str:
    """What stands in a circuit, at any depth, that Aer cannot take; empty if there is nothing."""
    found: dict[str, None] = {}
    if circuit.num_identifiers or circuit.num_stretches:
        found["classical variables"] = None
    _look_into(circuit, found)
    return ", ".join(found)


def _look_into(circuit: QuantumCircuit, found: dict[str, None]) -> None:
    known = _aer_names()
    for instruction in circuit.data:
        name, operation = instruction.name, instruction.operation
        if name == "box" or (name == "store" and not _stores_bits(operation)):
            found[repr(name)] = None
        elif name == "store":
            found |= dict.fromkeys(_strange_parts(operation.params[1], "what is stored"))
        elif instruction.is_control_flow():
            found |= dict.fromkeys(_strange_in_condition(operation))
            for block in getattr(operation, "blocks", ()):
                _look_into(block, found)
        elif name not in known and name not in _HARMLESS:
            definition = getattr(operation, "definition", None)
            if definition is not None:
                _look_into(definition, found)
            elif not instruction.is_standard_gate() and not hasattr(operation, "__array__"):
                found[repr(name)] = None


def on_single_bits(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with every condition that Aer does not know told in single bits, as far as it can be.

    A circuit without such conditions is returned as it is.
    """
    if not _has_strange_conditions(circuit):
        return circuit
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if instruction.is_control_flow() and getattr(operation, "blocks", ()):
            operation = operation.replace_blocks([on_single_bits(block) for block in operation.blocks])
            if isinstance(operation, IfElseOp | WhileLoopOp) and any(_strange_in_condition(operation)):
                operation = _with_bits(operation)
        result.append(operation, instruction.qubits, instruction.clbits)
    return result


def _has_strange_conditions(circuit: QuantumCircuit) -> bool:
    return any(
        any(_strange_in_condition(instruction.operation))
        or any(_has_strange_conditions(block) for block in getattr(instruction.operation, "blocks", ()))
        for instruction in circuit.data
        if instruction.is_control_flow()
    )


def _with_bits(operation: IfElseOp | WhileLoopOp) -> IfElseOp | WhileLoopOp:
    try:
        condition = bitwise(operation.condition)
    except UnsupportedOperation:
        return operation  # Aer's refusal names what is strange
    told = expr.lift(condition) if isinstance(condition, bool) else condition
    return type(operation)(told, *operation.blocks, label=operation.label)


def _strange_in_condition(operation: Instruction) -> Iterator[str]:
    """What stands in the condition of control flow that Aer does not know."""
    condition = getattr(operation, "condition", getattr(operation, "target", None))
    if isinstance(condition, expr.Expr):
        yield from _strange_parts(condition, "a condition")


def _strange_parts(whole: expr.Expr, where: str) -> Iterator[str]:
    """The parts of an expression that Aer does not know."""
    for node in _nodes(whole):
        if isinstance(node, expr.Index):
            yield "an index into a register"
        elif isinstance(node, expr.Cast) and node.type == types.Bool() and node.operand.type != types.Bool():
            yield f"a number as a truth value in {where}"
        elif not isinstance(node.type, types.Bool | types.Uint):
            yield f"a number of the type {type(node.type).__name__}"
        elif isinstance(node, expr.Unary | expr.Binary) and node.op not in _OPERATORS:
            yield f"{node.op.name} in {where}"


def _nodes(node: expr.Expr) -> Iterator[expr.Expr]:
    yield node
    for name in ("operand", "left", "right", "target", "index"):
        inner = getattr(node, name, None)
        if isinstance(inner, expr.Expr):
            yield from _nodes(inner)


def _stores_bits(operation: Instruction) -> bool:
    target, value = operation.params
    if not isinstance(target, expr.Var) or target.standalone:
        return False
    return not any(isinstance(leaf, expr.Stretch) or leaf.standalone for leaf in expr.iter_identifiers(value))


@lru_cache(maxsize=16)
def _aer_names(method: str = "automatic") -> frozenset[str]:
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(method=method)
    custom = getattr(simulator.configuration(), "custom_instructions", [])
    return frozenset(simulator.configuration().basis_gates) | frozenset(custom)


def lost_by_truncation(circuit: QuantumCircuit) -> bool:
    """Whether Aer 0.18 may fail to load the circuit unless it is told to keep all qubits.

    It drops qubits that no measurement depends on, but not the conditional operations on them.
    """
    conditional: set[Qubit] = set()
    measured: set[Qubit] = set()
    for instruction in circuit.data:
        if instruction.is_control_flow():
            conditional.update(instruction.qubits)
        elif instruction.name == "measure":
            measured.update(instruction.qubits)
    return bool(conditional - measured)


def spelt_for_aer(circuit: QuantumCircuit, method: str = "automatic") -> QuantumCircuit:
    """The circuit, at any depth, with every gate that this method of Aer knows by no name told by its definition.

    A circuit without such gates is returned as it is.
    """
    names = _aer_names(method)
    if not _has_strangers(circuit, names):
        return circuit
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        _spell(result, instruction, instruction.qubits, instruction.clbits, method)
    return result


def _has_strangers(circuit: QuantumCircuit, names: frozenset[str]) -> bool:
    return any(
        any(_has_strangers(block, names) for block in instruction.operation.blocks)
        if instruction.is_control_flow() and hasattr(instruction.operation, "blocks")
        else _is_strange(instruction, names)
        for instruction in circuit.data
    )


def _is_strange(instruction: CircuitInstruction, names: frozenset[str]) -> bool:
    # What has classical bits inside was told step by step before.
    return (
        isinstance(instruction.operation, Gate)
        and instruction.name not in names
        and instruction.name not in _HARMLESS
        and instruction.operation.definition is not None
    )


def _spell(
    result: QuantumCircuit,
    instruction: CircuitInstruction,
    qubits: Sequence[Qubit],
    clbits: Sequence[Clbit],
    method: str,
) -> None:
    operation = instruction.operation
    if instruction.is_control_flow() and getattr(operation, "blocks", ()):
        blocks = [spelt_for_aer(block, method) for block in operation.blocks]
        result.append(operation.replace_blocks(blocks), qubits, clbits)
    elif _is_strange(instruction, _aer_names(method)):
        definition = operation.definition
        for part in definition.data:
            _spell(result, part, [qubits[definition.find_bit(q).index] for q in part.qubits], (), method)
        result.global_phase += definition.global_phase
    else:
        result.append(operation, qubits, clbits)
