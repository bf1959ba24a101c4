"""Expansion: what holds classical bits inside is told step by step, so that it is seen who writes which bit.

An expanded circuit has gates, channels, ``measure``, ``reset``, delays, barriers and ``if_else``:

- a composite instruction that has classical bits is its definition, a `box` its body, a `for` loop its rounds;
- a box that has a duration is refused: who waits in it, and when, is left to a compiler; a delay says it;
- a delay whose duration is an expression of a plain time has that time; a stretch stays as it is;
- a `switch` is one `if_test` after the other (one in the ``else`` of the other if a case writes what it reads);
- a number that is read as a truth value is compared with 0, also where it is stored or a loop depends on it;
- ``measure_2``, ``reset_2`` and ``measure_reset``, the names that devices give, are what they do;
- blocks are told in the circuit's own bits, and every condition's bits are among its instruction's.

What has no such form stays as it is (`while`, a loop that is left early, real-time variables, an instruction
without a definition), for the reader to refuse by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from qiskit.circuit import (
    CASE_DEFAULT,
    BoxOp,
    BreakLoopOp,
    CircuitInstruction,
    Clbit,
    ContinueLoopOp,
    ControlFlowOp,
    Delay,
    ForLoopOp,
    Gate,
    IfElseOp,
    Measure,
    Parameter,
    QuantumCircuit,
    Qubit,
    Reset,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.condition_forms import compared, mapped
from quantumlink.exact.conditions import Condition, check_condition, two_bits_of_one_name
from quantumlink.exact.directed_boxes import refuse_directed
from quantumlink.exact.expressions import cells_of
from quantumlink.exact.transfer import device_operation
from quantumlink.rewrites.delay_times import time_in_words
from quantumlink.rewrites.expanded_form import cells, constant, is_expanded, registers_of, writes

MAX_ROUNDS = 10_000
"""Most rounds of a `for` loop that are told one after the other."""


class _Bits(dict[Clbit, Clbit]):
    """What bits are called, and what they are in the circuit."""

    twofold: frozenset[Clbit] = frozenset()
    """Those of a block by which the circuit around it calls another one."""


_Qubits = Mapping[Qubit, Qubit]


def expanded_circuit(circuit: QuantumCircuit, *, keep: Callable[[str], bool] | None = None) -> QuantumCircuit:
    """The same circuit, expanded: see the module. A circuit that is so already is returned as it is.

    Args:
        circuit: any circuit.
        keep: which of a device's own names for measurement and reset stay, e.g. ``measure_2``; by default none.

    Raises:
        UnsupportedOperation: if a condition has no one meaning, or what stays as it is stands in a composite.

    >>> from qiskit.circuit import Instruction
    >>> inner = QuantumCircuit(1, 1)
    >>> _ = inner.measure(0, 0)
    >>> circuit = QuantumCircuit(2, 2)
    >>> _ = circuit.append(inner.to_instruction(), [1], [0])
    >>> _ = circuit.append(Instruction("measure_2", 1, 1, []), [0], [1])
    >>> [(step.name, circuit.find_bit(step.clbits[0]).index) for step in expanded_circuit(circuit).data]
    [('measure', 0), ('measure', 1)]
    """
    kept = keep or _none
    if is_expanded(circuit, kept):
        return circuit
    qubits, clbits = {q: q for q in circuit.qubits}, _Bits({c: c for c in circuit.clbits})
    steps, phase = _Expansion(kept).block(circuit, qubits, clbits)
    result = circuit.copy_empty_like()
    result.global_phase = phase
    for step in steps:
        result.append(step)
    return result


def _none(_: str) -> bool:
    return False


class _Expansion:
    def __init__(self, keep: Callable[[str], bool]) -> None:
        self._keep = keep

    def block(
        self, block: QuantumCircuit, qubits: _Qubits, clbits: _Bits
    ) -> tuple[list[CircuitInstruction], float]:
        """The steps of a block, and its global phase."""
        steps: list[CircuitInstruction] = []
        phase = block.global_phase
        for instruction in block.data:
            phase += self._add(steps, instruction, qubits, clbits)
        return steps, phase

    def _add(
        self, steps: list[CircuitInstruction], instruction: CircuitInstruction, qubits: _Qubits, clbits: _Bits
    ) -> float:
        operation = instruction.operation
        moved = instruction.replace(
            qubits=tuple(qubits[q] for q in instruction.qubits), clbits=tuple(clbits[c] for c in instruction.clbits)
        )
        kind = device_operation(operation) if not isinstance(operation, Gate) else None
        if kind is not None:
            stays = moved.name in ("measure", "reset") or self._keep(moved.name)
            steps += [moved] if stays else _plain(moved, kind)
            return 0.0
        if isinstance(operation, IfElseOp) and not _has_variables(operation):
            branches = [(operation.condition, operation.blocks[0])]
            return self._chain(steps, moved, branches, [*operation.blocks, None][1], clbits)
        if isinstance(operation, SwitchCaseOp) and not _has_variables(operation):
            return self._switch(steps, moved, clbits)
        if isinstance(operation, ForLoopOp) and _can_be_told(operation):
            return sum(self._inside(steps, body, moved, clbits) for body in _rounds(operation))
        if isinstance(operation, BoxOp) and not _has_variables(operation):
            refuse_directed(operation)
            if operation.duration is not None:
                raise UnsupportedOperation(
                    f"a 'box' with a duration, {time_in_words(operation)}: who waits in it is not said; put delays "
                    f"in its place"
                )
            return self._inside(steps, operation.blocks[0], moved, clbits)
        if isinstance(operation, Delay) and isinstance(operation.duration, expr.Value):
            time = operation.duration.value
            steps.append(moved.replace(operation=Delay(time.value(), unit=time.unit())))
            return 0.0
        if isinstance(operation, ControlFlowOp | Store):
            if any(inner is not outer for inner, outer in (*qubits.items(), *clbits.items())):
                raise UnsupportedOperation(
                    f"{instruction.name!r} within a box or another composite instruction, of which only steps are "
                    f"taken out: {why_not_told(operation)}; put it into the circuit itself, or unroll it"
                )
            moved = _with_comparisons(moved)
        elif moved.clbits and getattr(operation, "definition", None) is not None:
            return self._inside(steps, operation.definition, moved, clbits)
        steps.append(moved)
        return 0.0

    def _inside(
        self, steps: list[CircuitInstruction], body: QuantumCircuit, outer: CircuitInstruction, clbits: _Bits
    ) -> float:
        """A body in place of an instruction."""
        inner, phase = self.block(body, *_told(body, outer, clbits))
        steps += inner
        return phase

    def _switch(self, steps: list[CircuitInstruction], outer: CircuitInstruction, clbits: _Bits) -> float:
        operation = outer.operation
        otherwise = None
        branches = []
        for labels, body in operation.cases_specifier():
            if CASE_DEFAULT in labels:
                otherwise = body
                break
            branches.append((_one_of(operation.target, labels), body))
        read = {clbits.get(bit, bit) for bit in cells(expr.lift(operation.target))}
        bodies = [body for _, body in branches] + [otherwise] * (otherwise is not None)
        written = {bit for body in bodies for step in self._body(body, outer, clbits).data for bit in writes(step)}
        if read & written:
            return self._chain(steps, outer, branches, otherwise, clbits)
        phase = 0.0
        for condition, body in branches:
            phase += self._chain(steps, outer, [(condition, body)], None, clbits)
        if otherwise is not None:
            every = [_lifted(condition) for condition, _ in branches]
            phase += self._chain(steps, outer, [(expr.logic_not(_any(every)), otherwise)], None, clbits)
        return phase

    def _chain(
        self,
        steps: list[CircuitInstruction],
        outer: CircuitInstruction,
        branches: Sequence[tuple[Condition, QuantumCircuit]],
        otherwise: QuantumCircuit | None,
        clbits: _Bits,
    ) -> float:
        """The first of the branches whose condition holds, else the last body."""
        if not branches:
            return 0.0 if otherwise is None else self._inside(steps, otherwise, outer, clbits)
        (condition, body), *rest = branches
        check_condition(condition)
        _check_names(condition, clbits)
        told = mapped(compared(condition), clbits)
        value = told if isinstance(told, bool) else constant(told)
        if value is True:
            return self._inside(steps, body, outer, clbits)
        if value is False:
            return self._chain(steps, outer, rest, otherwise, clbits)
        other: list[CircuitInstruction] = []
        phase = self._chain(other, outer, rest, otherwise, clbits)
        blocks = [self._body(body, outer, clbits)]
        if other:
            blocks.append(_circuit(other, outer.qubits, phase))
        needed = {bit: None for block in blocks for bit in block.clbits} | dict.fromkeys(_in_order(told))
        extra = [bit for bit in needed if bit not in outer.clbits]
        every = (*outer.clbits, *extra)
        blocks = [_with_bits(block, every) for block in blocks]
        steps.append(CircuitInstruction(IfElseOp(told, *blocks, label=_label(outer)), outer.qubits, every))
        return 0.0

    def _body(self, body: QuantumCircuit, outer: CircuitInstruction, clbits: _Bits) -> QuantumCircuit:
        inner, phase = self.block(body, *_told(body, outer, clbits))
        return _circuit(inner, outer.qubits, phase)


def _check_names(condition: Condition, clbits: _Bits) -> None:
    if clbits.twofold:
        target = condition[0] if isinstance(condition, tuple) else condition
        for bit in cells(target if isinstance(target, expr.Expr) else expr.lift(target)):
            if bit in clbits.twofold:
                raise UnsupportedOperation(two_bits_of_one_name(bit))


def _with_comparisons(instruction: CircuitInstruction) -> CircuitInstruction:
    """What stays as it is, at any depth, but for numbers that are read as truth values."""
    operation = instruction.operation
    if isinstance(operation, Store):
        value = compared(operation.rvalue)
        assert isinstance(value, expr.Expr)
        return instruction.replace(operation=Store(operation.lvalue, value))
    if not isinstance(operation, ControlFlowOp) or not operation.blocks:
        return instruction
    blocks = []
    for block in operation.blocks:
        blocks.append(block.copy_empty_like())
        for inner in block.data:
            blocks[-1].append(_with_comparisons(inner))
    if isinstance(operation, IfElseOp | WhileLoopOp):
        operation = type(operation)(compared(operation.condition), *blocks, label=operation.label)
    else:
        operation = operation.replace_blocks(blocks)
    return instruction.replace(operation=operation)


def _plain(instruction: CircuitInstruction, kind: str) -> list[CircuitInstruction]:
    """A device's measurement or reset in plain words."""
    steps = []
    if kind != "reset":
        steps.append(CircuitInstruction(Measure(), instruction.qubits, instruction.clbits))
    if kind != "measure":
        steps.append(CircuitInstruction(Reset(label=instruction.operation.label), instruction.qubits))
    return steps


def _told(body: QuantumCircuit, outer: CircuitInstruction, clbits: _Bits) -> tuple[_Qubits, _Bits]:
    """What a body calls its bits, in those of the circuit.

    Where Qiskit composes conditions on registers that stand within others, a block has more bits than are brought
    to it: the circuit's own ones.
    """
    qubits = dict(zip(body.qubits, outer.qubits, strict=True))
    brought = len(outer.clbits)
    if any(bit not in clbits for bit in body.clbits[brought:]):
        raise UnsupportedOperation(
            f"a block of {outer.name!r} has {len(body.clbits)} classical bits, {brought} are brought to it"
        )
    own = dict(zip(body.clbits[:brought], outer.clbits, strict=True))
    names = _Bits({**clbits, **own})
    if isinstance(outer.operation, ControlFlowOp):
        names.twofold = clbits.twofold | {bit for bit, told in own.items() if clbits.get(bit, told) != told}
    return qubits, names


def _circuit(steps: Iterable[CircuitInstruction], qubits: Sequence[Qubit], phase: float) -> QuantumCircuit:
    steps = list(steps)
    clbits = list(dict.fromkeys(bit for step in steps for bit in step.clbits))
    result = QuantumCircuit(list(qubits), clbits, global_phase=phase)
    for step in steps:
        if isinstance(step.operation, IfElseOp):
            for register in registers_of(step.operation.condition):
                if register not in result.cregs:
                    result.add_register(register)
        result.append(step)
    return result


def _with_bits(block: QuantumCircuit, clbits: Sequence[Clbit]) -> QuantumCircuit:
    """A block that has all these bits, in this order."""
    result = QuantumCircuit(block.qubits, list(clbits), global_phase=block.global_phase)
    result.add_register(*block.cregs)
    for step in block.data:
        result.append(step)
    return result


def _in_order(condition: Condition) -> list[Clbit]:
    if isinstance(condition, tuple):
        return [condition[0]] if isinstance(condition[0], Clbit) else list(condition[0])
    return [cell for cell in cells_of(condition) if isinstance(cell, Clbit)]


def _label(instruction: CircuitInstruction) -> str | None:
    label: str | None = instruction.operation.label if isinstance(instruction.operation, IfElseOp) else None
    return label


def _has_variables(operation: ControlFlowOp) -> bool:
    if any(block.num_identifiers for block in operation.blocks):
        return True
    read = getattr(operation, "condition", None) or getattr(operation, "target", None)
    return isinstance(read, expr.Expr) and not all(isinstance(cell, Clbit) for cell in cells_of(read))


def _one_of(target: Any, labels: Iterable[Any]) -> Condition:
    """The condition that a `switch` is in a case."""
    labels = list(labels)
    if len(labels) == 1 and not isinstance(target, expr.Expr):
        return target, int(labels[0])
    whole = expr.lift(target)
    return _any([expr.equal(whole, expr.Value(label, whole.type)) for label in labels])


def _lifted(condition: Condition) -> expr.Expr:
    if not isinstance(condition, tuple):
        return condition
    target, value = condition
    return expr.equal(expr.lift(target), bool(value) if isinstance(target, Clbit) else int(value))


def _any(conditions: Sequence[expr.Expr]) -> expr.Expr:
    whole = conditions[0] if conditions else expr.lift(False)
    for condition in conditions[1:]:
        whole = expr.logic_or(whole, condition)
    return whole


def _can_be_told(loop: ForLoopOp) -> bool:
    values, variable, body = loop.params
    told = hasattr(values, "__len__") and len(values) <= MAX_ROUNDS and not _has_variables(loop)
    return told and (variable is None or isinstance(variable, Parameter)) and not _jumps(body)


def why_not_told(operation: Any) -> str:
    """Why what stays as it is has no form step by step."""
    if isinstance(operation, WhileLoopOp):
        return "its end is not known beforehand"
    if isinstance(operation, ForLoopOp):
        values, _, body = operation.params
        if _jumps(body):
            return "it may be left early"
        if hasattr(values, "__len__") and len(values) > MAX_ROUNDS:
            return f"it has {len(values)} rounds, more than {MAX_ROUNDS}"
    return "it depends on a real-time variable"


def _jumps(body: QuantumCircuit) -> bool:
    """Whether a loop with this body may be left early."""
    for instruction in body.data:
        operation = instruction.operation
        if isinstance(operation, BreakLoopOp | ContinueLoopOp):
            return True
        if isinstance(operation, IfElseOp | SwitchCaseOp | BoxOp) and any(map(_jumps, operation.blocks)):
            return True
    return False


def _rounds(loop: ForLoopOp) -> Iterable[QuantumCircuit]:
    values, parameter, body = loop.params
    for value in values:
        yield body if parameter not in body.parameters else body.assign_parameters({parameter: value})
