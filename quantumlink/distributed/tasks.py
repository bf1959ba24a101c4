"""From a circuit to tasks: one gate, measurement or reset each, on wires, perhaps under a condition.

Loops are told round by round, conditions gate by gate. A swap is done by calling its wires by the other's name: it
costs nothing. Barriers are dropped: order is kept where it matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from qiskit import QiskitError
from qiskit.circuit import (
    AnnotatedOperation,
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    ControlFlowOp,
    ForLoopOp,
    Gate,
    IfElseOp,
    QuantumCircuit,
    Qubit,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr
from qiskit.transpiler.passes import HighLevelSynthesis

from quantumlink.distributed.axes import Axes, Kinds, axes_of, kinds_of
from quantumlink.distributed.collecting import collector_paused
from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.conditions import Condition, condition_bits
from quantumlink.rewrites import expanded_circuit
from quantumlink.rewrites.delay_times import is_open_time, time_in_words
from quantumlink.rewrites.expanded_form import reads, registers_of, writes
from quantumlink.rewrites.expansion import why_not_told

MAX_TASKS = 4_000_000
"""Most tasks that a circuit may have."""

WIDE = 2
"""Gates on more qubits are kept whole where few e-bits do it, else told by smaller ones."""


WHY_NOT = {
    "store": "nodes share bits, no classical variables",
    "break_loop": "it leaves a loop early; unroll that",
    "continue_loop": "it leaves a round early; unroll that",
}
"""Why an operation cannot be told by tasks."""

ON_A_VARIABLE = "it depends on a classical variable; use bits"
"""Why a condition cannot."""


@dataclass(frozen=True)
class Move:
    """Wires are brought to other nodes, all at one time."""

    nodes: tuple[int, ...]
    """The node of each of the task's wires, by number."""
    name: str = "move"
    """Its name, as of an operation."""


class Task(NamedTuple):
    """One thing to be done."""

    operation: Any
    """The instruction: a gate, measurement, reset or delay, an `if_else` that cannot be told gate by gate; or a
    `Move`. As an instruction, since Qiskit makes the operation of a standard gate anew whenever it is asked."""
    wires: tuple[int, ...]
    """The wires it acts on, in order."""
    clbits: tuple[int, ...]
    """The classical bits it is given, by index."""
    axes: tuple[str, ...]
    """Along which axes it reads each wire."""
    turns: tuple[str, ...]
    """Which axes it turns around, of a task on one wire."""
    condition: Condition | None
    """When it is done; always if None."""
    reads: tuple[int, ...]
    """The classical bits of its condition; and those that it may write or leave as they were."""
    writes: tuple[int, ...]
    """The classical bits that it writes."""


@dataclass(frozen=True)
class Tasks:
    """A circuit as tasks."""

    circuit: QuantumCircuit
    """The circuit."""
    tasks: tuple[Task, ...]
    """What is to be done, in order."""
    wire_of_qubit: tuple[int, ...]
    """The wire that carries each qubit in the end: a swap exchanges two."""


@collector_paused()
def tasks_of(circuit: QuantumCircuit, *, keep_wide: bool = True, keep_blocks: bool = True) -> Tasks:
    """The tasks of a circuit.

    Args:
        circuit: any circuit.
        keep_wide: whether gates on three and more qubits that read their qubits stay whole.
        keep_blocks: whether gates on two qubits that read none or one of them stay whole.

    Raises:
        UnsupportedOperation: on an operation that cannot be distributed, with its name and place.
    """
    reader = _Reader(circuit, keep_wide, keep_blocks)
    reader.read()
    return Tasks(circuit, tuple(reader.tasks), tuple(reader.wires))


class _Reader:
    def __init__(self, circuit: QuantumCircuit, keep_wide: bool, keep_blocks: bool) -> None:
        self._circuit = circuit
        self._keep_wide, self._keep_blocks = keep_wide, keep_blocks
        self._bit = {bit: i for i, bit in enumerate(circuit.clbits)}
        self._qubit = {qubit: i for i, qubit in enumerate(circuit.qubits)}
        self.wires = list(range(circuit.num_qubits))
        self.tasks: list[Task] = []
        self._axes: dict[tuple[str, Kinds], Axes] = {}

    def read(self) -> None:
        try:
            expanded = expanded_circuit(self._circuit)
        except UnsupportedOperation as error:
            raise UnsupportedOperation(f"the circuit cannot be distributed: {error}") from error
        for place, instruction in enumerate(expanded.data):
            self._add(instruction, [self._qubit[q] for q in instruction.qubits], None, place)
            if len(self.tasks) > MAX_TASKS:
                raise ValueError(
                    f"circuit must have at most {MAX_TASKS} operations, got more by instruction {place}"
                )

    def _add(self, instruction: Any, qubits: Sequence[int], condition: Condition | None, place: int) -> None:
        name = instruction.name
        if name == "barrier":
            return
        if instruction.is_standard_gate():
            self._standard(instruction, name, qubits, condition, place)
            return
        operation = instruction.operation
        if isinstance(operation, IfElseOp):
            self._conditional(instruction, qubits, condition, place)
        elif isinstance(operation, (WhileLoopOp, ForLoopOp)):
            raise _cannot(name, place, f"{why_not_told(operation)}; unroll it")
        elif isinstance(operation, ControlFlowOp) or name in WHY_NOT:
            raise _cannot(name, place, WHY_NOT.get(name, ON_A_VARIABLE))
        elif name in ("measure", "reset", "delay"):
            if name == "delay" and is_open_time(operation.duration):
                raise _cannot(name, place, f"it lasts {time_in_words(operation)}; give a time")
            self._task(instruction, qubits, instruction.clbits, condition, axes_of(operation))
        elif isinstance(operation, Gate):
            if (part := _opaque(operation)) is not None:
                within = "" if part == name else f"{part!r} in it "
                raise _cannot(name, place, f"{within or 'it '}has neither a definition nor a matrix")
            self._gate(instruction, axes_of(operation), qubits, condition, place)
        elif getattr(operation, "definition", None) is not None and name != "pauli_channel":
            self._inside(operation.definition, qubits, condition, place)
        elif isinstance(operation, AnnotatedOperation) and (made := synthesized(operation)) is not None:
            self._inside(made, qubits, condition, place)
        else:
            raise _cannot(name, place, "it is no gate, measurement, reset or delay, and has no definition")

    def _standard(
        self, instruction: Any, name: str, qubits: Sequence[int], condition: Condition | None, place: int
    ) -> None:
        if name == "swap" and condition is None:
            a, b = qubits
            self.wires[a], self.wires[b] = self.wires[b], self.wires[a]
            return
        angles = instruction.params
        key = (name, kinds_of(name, angles) if angles else ())
        axes = self._axes.get(key)
        if axes is None:
            axes = self._axes[key] = axes_of(instruction.operation)
        self._gate(instruction, axes, qubits, condition, place)

    def _gate(
        self, instruction: Any, axes: Axes, qubits: Sequence[int], condition: Condition | None, place: int
    ) -> None:
        width = len(qubits)
        if width < WIDE or self._stays(axes, width):
            self._task(instruction, qubits, (), condition, axes)
            return
        definition = instruction.operation.definition or synthesized(instruction.operation)
        if definition is not None:
            self._inside(definition, qubits, condition, place)
        elif width == WIDE:
            self._task(instruction, qubits, (), condition, axes)
        else:
            raise _cannot(
                instruction.name, place, f"it acts on {width} qubits and has no definition by smaller gates"
            )

    def _stays(self, axes: Axes, width: int) -> bool:
        """Whether a gate is done as a whole."""
        if width == WIDE:
            return self._keep_blocks or all(axes.reads)
        return self._keep_wide and sum(not reads for reads in axes.reads) <= 1

    def _inside(self, body: QuantumCircuit, qubits: Sequence[int], condition: Condition | None, place: int) -> None:
        for inner in body.data:
            self._add(inner, [qubits[body.find_bit(q).index] for q in inner.qubits], condition, place)

    def _conditional(self, instruction: Any, qubits: Sequence[int], outer: Condition | None, place: int) -> None:
        operation = instruction.operation
        own = operation.condition
        try:
            read = condition_bits(own)
        except UnsupportedOperation as error:
            raise _cannot(instruction.name, place, ON_A_VARIABLE) from error
        written = {bit for block in operation.blocks for inner in block.data for bit in writes(inner)}
        if read & written or any(i.name == "swap" for block in operation.blocks for i in block.data):
            self._whole(instruction, qubits, outer)
            return
        for taken, block in zip((True, False), operation.blocks, strict=False):
            condition = _both(outer, own if taken else _negated(own))
            at = dict(zip(block.qubits, qubits, strict=True))
            for inner in block.data:
                self._add(inner, [at[q] for q in inner.qubits], condition, place)

    def _whole(self, instruction: Any, qubits: Sequence[int], outer: Condition | None) -> None:
        """A condition that is not told gate by gate, on those qubits only that it acts on."""
        operation = instruction.operation
        used = _used(operation, qubits)
        kept = [i for i, q in enumerate(qubits) if q in used]
        blocks = [_on_some(block, kept, instruction.clbits) for block in operation.blocks]
        smaller = IfElseOp(operation.condition, *blocks, label=operation.label)
        wires = tuple(self.wires[qubits[i]] for i in kept)
        step = CircuitInstruction(smaller, [instruction.qubits[i] for i in kept], instruction.clbits)
        if outer is not None:
            step = self._within(outer, step)
        clbits = tuple(self._bit[c] for c in step.clbits)
        none = ("",) * len(wires)
        written = writes(step)
        bits = self._bits(reads(step) | written), self._bits(written)
        self.tasks.append(Task(step, wires, clbits, none, none, None, *bits))

    def _within(self, condition: Condition, step: CircuitInstruction) -> CircuitInstruction:
        """A condition under one more."""
        told = _lifted(condition)
        read = sorted(condition_bits(told), key=self._bit.__getitem__)
        bits = list(dict.fromkeys((*step.clbits, *read)))
        body = QuantumCircuit(list(step.qubits), bits)
        body.add_register(*registers_of(step.operation.condition))
        body.append(step)
        return CircuitInstruction(IfElseOp(told, body), step.qubits, bits)

    def _task(
        self,
        instruction: Any,
        qubits: Sequence[int],
        clbits: Sequence[Clbit],
        condition: Condition | None,
        axes: Axes,
    ) -> None:
        wires = tuple([self.wires[q] for q in qubits])
        bits = tuple([self._bit[c] for c in clbits])
        written = bits if bits and instruction.name == "measure" else ()
        read = () if condition is None else self._bits(condition_bits(condition).union(clbits if written else ()))
        self.tasks.append(Task(instruction, wires, bits, axes.reads, axes.turns, condition, read, written))

    def _bits(self, bits: Iterable[Clbit]) -> tuple[int, ...]:
        return tuple(sorted(self._bit[bit] for bit in bits))


def synthesized(operation: Any) -> QuantumCircuit | None:
    """What Qiskit makes of an operation that has no definition of its own; None if nothing."""
    whole = QuantumCircuit(operation.num_qubits)
    whole.append(operation, whole.qubits)
    try:
        made = HighLevelSynthesis(qubits_initially_zero=False)(whole)
    except QiskitError:
        return None
    return None if any(step.name == operation.name for step in made.data) else made


def _opaque(gate: Gate) -> str | None:
    """The name of a gate, or of a part of it, of which nothing tells what it does; None if there is none."""
    if hasattr(gate, "__array__"):
        return None
    definition = gate.definition or synthesized(gate)
    if definition is None:
        return str(gate.name)
    parts = (step.operation for step in definition.data if not step.is_standard_gate())
    return next((found for part in parts if isinstance(part, Gate) and (found := _opaque(part))), None)


def _used(operation: IfElseOp, qubits: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for block in operation.blocks:
        at: dict[Qubit, int] = dict(zip(block.qubits, qubits, strict=True))
        found.update(at[q] for inner in block.data if inner.name != "barrier" for q in inner.qubits)
    return found


def _on_some(block: QuantumCircuit, kept: Sequence[int], clbits: Sequence[Clbit]) -> QuantumCircuit:
    """A block without the qubits on which nothing happens."""
    result = QuantumCircuit([block.qubits[i] for i in kept], list(clbits), global_phase=block.global_phase)
    result.add_register(*block.cregs)
    for inner in block.data:
        if inner.name != "barrier":
            result.append(inner)
    return result


def _cannot(name: str, place: int, reason: str) -> UnsupportedOperation:
    return UnsupportedOperation(f"{name!r} (instruction {place} of the circuit) cannot be distributed: {reason}")


def _lifted(condition: Condition) -> expr.Expr:
    if not isinstance(condition, tuple):
        return condition
    target, value = condition
    if isinstance(target, ClassicalRegister):
        return expr.equal(expr.lift(target), int(value))
    return expr.lift(target) if value else expr.logic_not(expr.lift(target))


def _negated(condition: Condition) -> Condition:
    if isinstance(condition, tuple) and isinstance(condition[0], Clbit):
        return condition[0], 1 - int(condition[1])
    return expr.logic_not(_lifted(condition))


def _both(outer: Condition | None, inner: Condition) -> Condition:
    return inner if outer is None else expr.logic_and(_lifted(outer), _lifted(inner))
