"""From a circuit to its steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qiskit.circuit import (
    BoxOp,
    BreakLoopOp,
    CircuitInstruction,
    ContinueLoopOp,
    ControlledGate,
    ForLoopOp,
    Gate,
    IfElseOp,
    Instruction,
    Parameter,
    QuantumCircuit,
    Qubit,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UnitaryGate

from quantumlink.exact.classical import (
    Reading,
    Scope,
    assignment,
    condition_reading,
    constant,
    switch_reading,
)
from quantumlink.exact.directed_boxes import refuse_directed
from quantumlink.exact.lives import end_lives
from quantumlink.exact.steps import (
    Assign,
    Block,
    Choose,
    Jump,
    Measure,
    Operate,
    Repeat,
    Reset,
    Step,
    Steps,
    While,
)
from quantumlink.exact.transfer import UnsupportedOperation, device_operation, instruction_of

MAX_ROUNDS = 2**16
"""Most rounds of a loop that are followed one by one."""

MAX_WHOLE_QUBITS = 8
"""Most qubits of a gate that has parts and is taken as a whole."""

IGNORED = frozenset({"barrier", "delay", "global_phase"})
"""Names of instructions that do nothing to a state."""

_CHANNELS = {"pauli_channel", "quantum_channel", "kraus", "superop"}


def steps_of(circuit: QuantumCircuit, live_qubits: Iterable[int], live_bits: Iterable[int]) -> Steps:
    """The steps of a circuit, and where lives end.

    Args:
        circuit: the circuit; parameters may be unbound.
        live_qubits: the qubits that are wanted at the end.
        live_bits: the classical bits that are wanted at the end.

    Raises:
        UnsupportedOperation: on an operation without a rule, by name and qubits.
    """
    scope = Scope({bit: i for i, bit in enumerate(circuit.clbits)})
    qubit_of = {bit: i for i, bit in enumerate(circuit.qubits)}
    steps: list[Step] = []
    lowering = _Lowering()
    for place, instruction in enumerate(circuit.data):
        first = len(steps)
        lowering.add(steps, instruction, qubit_of, scope)
        for step in steps[first:]:
            step.place = place
    block = tuple(steps)
    start = (set(live_qubits), set(live_bits))
    end_lives(block, start, None, None)
    widths = (1,) * circuit.num_clbits + tuple(getattr(v.type, "width", 1) for v in scope.variables)
    return Steps(block, circuit.num_qubits, scope.num_cells, widths, start)


class _Lowering:
    def block(self, data: Iterable[CircuitInstruction], qubit_of: Mapping[Qubit, int], scope: Scope) -> Block:
        steps: list[Step] = []
        for instruction in data:
            self.add(steps, instruction, qubit_of, scope)
        return tuple(steps)

    def add(
        self, steps: list[Step], instruction: CircuitInstruction, qubit_of: Mapping[Qubit, int], scope: Scope
    ) -> None:
        name = instruction.name
        if name in IGNORED:
            return
        qubits = tuple([qubit_of[q] for q in instruction.qubits])
        if name in _CHANNELS or (instruction.is_standard_gate() and len(qubits) <= MAX_WHOLE_QUBITS):
            steps.append(Operate(instruction.operation, qubits))
            return
        operation = instruction_of(instruction.operation)
        kind = device_operation(operation)
        if kind is not None:
            if kind != "reset":
                steps.append(Measure(qubits[0], scope.cell(instruction.clbits[0])))
            if kind != "measure":
                steps.append(Reset(qubits[0]))
        elif isinstance(operation, Gate) and _is_whole(operation):
            unknown = _opaque_part(operation)
            if unknown is not None:
                raise UnsupportedOperation(f"no rule for the operation {unknown!r} on qubits {list(qubits)}")
            steps.append(Operate(operation, qubits))
        elif isinstance(operation, Store):
            steps.append(Assign(assignment(operation, scope)))
        elif isinstance(operation, BreakLoopOp | ContinueLoopOp):
            steps.append(Jump(isinstance(operation, BreakLoopOp)))
        elif isinstance(operation, IfElseOp | SwitchCaseOp | ForLoopOp | WhileLoopOp):
            steps.append(self._control_flow(operation, instruction, qubit_of, scope))
        else:
            parts = operation.blocks[0] if isinstance(operation, BoxOp) else operation.definition
            if parts is None or (getattr(operation, "blocks", None) and not isinstance(operation, BoxOp)):
                raise UnsupportedOperation(f"no rule for the operation {name!r} on qubits {list(qubits)}")
            if isinstance(operation, BoxOp):
                refuse_directed(operation)
            steps += self._inside(parts, instruction, qubit_of, scope, block=isinstance(operation, BoxOp))

    def _inside(
        self,
        parts: QuantumCircuit,
        instruction: CircuitInstruction,
        qubit_of: Mapping[Qubit, int],
        scope: Scope,
        *,
        block: bool,
    ) -> Block:
        qubits = {q: qubit_of[o] for q, o in zip(parts.qubits, instruction.qubits, strict=True)}
        return self.block(parts.data, qubits, scope.inner(parts.clbits, instruction.clbits, block=block))

    def _control_flow(
        self,
        operation: Instruction,
        instruction: CircuitInstruction,
        qubit_of: Mapping[Qubit, int],
        scope: Scope,
    ) -> Step:
        def inside(block: QuantumCircuit) -> Block:
            return self._inside(block, instruction, qubit_of, scope, block=True)

        if isinstance(operation, IfElseOp):
            found = condition_reading(operation.condition, scope)
            choice = Reading(found.cells, found.keys, lambda values: 0 if found.evaluate(values) else 1)
            return Choose(choice, tuple(map(inside, operation.blocks)))
        if isinstance(operation, SwitchCaseOp):
            blocks = tuple(inside(block) for _, block in operation.cases_specifier())
            return Choose(switch_reading(operation, scope), blocks)
        if isinstance(operation, WhileLoopOp):
            return While(condition_reading(operation.condition, scope), inside(operation.blocks[0]))
        values, variable, body = operation.params
        check_rounds(values)
        if isinstance(variable, Parameter) and variable in body.parameters:
            bound = [body.assign_parameters({variable: value}) for value in values]
            return Repeat(tuple((None, inside(block)) for block in bound))
        block = inside(body)
        if not isinstance(variable, expr.Var):
            return Repeat(tuple((None, block) for _ in values))
        return Repeat(tuple((constant(variable, value, scope), block) for value in values))


def check_rounds(values: Sequence[int]) -> None:
    """Refuse a `for_loop` of too many rounds.

    Raises:
        UnsupportedOperation: saying how many it has and how many are followed.
    """
    if len(values) > MAX_ROUNDS:
        raise UnsupportedOperation(f"a for_loop of {len(values)} rounds is too long: at most {MAX_ROUNDS}")


def _opaque_part(gate: Instruction) -> str | None:
    """The name of the first part of a gate that has neither a matrix nor a definition."""
    if hasattr(gate, "__array__") or isinstance(gate, ControlledGate):
        return None
    if gate.definition is None:
        return str(gate.name)
    names = (None if p.is_standard_gate() else _opaque_part(p.operation) for p in gate.definition.data)
    return next((name for name in names if name is not None), None)


def _is_whole(gate: Gate) -> bool:
    return gate.num_qubits <= MAX_WHOLE_QUBITS or isinstance(gate, UnitaryGate) or gate.definition is None
