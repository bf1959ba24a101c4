"""Steps: a noisy circuit as what happens to Pauli coefficients, in an order that needs little memory.

Gates and channels are transfer matrices, conditions keep their blocks. Random parameters are averaged: where a
setting's gates can stand together, as one channel; else setting by setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from qiskit.circuit import CircuitInstruction, Clbit, IfElseOp, Instruction, Parameter, QuantumCircuit, Qubit
from quantumlink_circuits.random_settings import choices_of

from quantumlink.arrays import FloatArray
from quantumlink.circuits import Operation, RandomSetting
from quantumlink.exact import UnsupportedOperation, instruction_of, transfer_matrix
from quantumlink.exact.conditions import condition_bits, holds

MAX_SETTINGS = 1 << 12
"""Most settings of random parameters that are averaged one by one."""

MAX_AVERAGED_QUBITS = 4
"""Most qubits on which the random gates of a setting are averaged as one channel."""

_IGNORED = {"barrier", "delay", "global_phase"}

Wire = tuple[str, int]
"""A qubit ("q", index) or a bit ("c", index)."""


@dataclass(frozen=True, eq=False)
class Step:
    """One thing that happens: a gate, a measurement, a reset, a condition, or a herald."""

    kind: str
    """``"gate"`` (any channel), ``"measure"``, ``"reset"``, ``"if"`` or ``"herald"``."""
    qubits: tuple[int, ...] = ()
    """The qubits that take part."""
    reads: tuple[int, ...] = ()
    """The classical bits that are read, in blocks as well."""
    writes: tuple[int, ...] = ()
    """The classical bits that are written, in blocks as well."""
    matrix: FloatArray | None = None
    """Of a gate, the transfer matrix; None while it has parameters."""
    blocks: tuple[tuple[Step, ...], tuple[Step, ...]] = ((), ())
    """Of a condition, what happens where it holds, and elsewhere."""
    decides: tuple[int, ...] = ()
    """The bits that a condition or a herald reads itself."""
    holds: Callable[[Sequence[int]], bool] = bool
    """Whether the condition holds, or the herald accepts, for values of those bits."""
    gate: Instruction | None = None
    """A gate with parameters."""
    parameters: frozenset[Parameter] = frozenset()
    """The parameters of a gate, or in blocks."""

    @property
    def transfer(self) -> FloatArray:
        """The transfer matrix of a gate."""
        if self.matrix is None:
            raise UnsupportedOperation(f"{self.gate!r} has unbound parameters")
        return self.matrix

    @property
    def wires(self) -> set[Wire]:
        """All qubits and bits that take part."""
        return {("q", q) for q in self.qubits} | {("c", c) for c in (*self.reads, *self.writes)}

    def bound(self, values: Mapping[Parameter, float]) -> Step:
        """The step with its parameters set."""
        if not self.parameters & values.keys():
            return self
        if self.kind == "if":
            first, second = (tuple(step.bound(values) for step in block) for block in self.blocks)
            return replace(self, blocks=(first, second), parameters=self.parameters - values.keys())
        assert self.gate is not None
        gate = self.gate.copy()
        gate.params = [_set(value, values) for value in self.gate.params]
        return replace(self, matrix=transfer_matrix(gate), parameters=frozenset())

    @classmethod
    def herald(cls, parity: tuple[int, ...], *, odd: bool) -> Step:
        """What a herald does: runs of another parity are refused."""
        return cls("herald", reads=parity, decides=parity, holds=lambda values: sum(values) % 2 == odd)


def _set(value: object, values: Mapping[Parameter, float]) -> object:
    own = getattr(value, "parameters", None)
    if not own:
        return value
    return float(value.bind({p: values[p] for p in own}))  # type: ignore[attr-defined]


def steps_of(circuit: QuantumCircuit) -> list[Step]:
    """What happens in a circuit.

    Raises:
        UnsupportedOperation: on an instruction without a rule, by name.
    """
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    clbit_of = {c: i for i, c in enumerate(circuit.clbits)}
    return list(_steps(circuit.data, qubit_of, clbit_of))


def _steps(
    data: Iterable[CircuitInstruction], qubit_of: Mapping[Qubit, int], clbit_of: Mapping[Clbit, int]
) -> Iterator[Step]:
    for instruction in data:
        name = instruction.name
        qubits = tuple(qubit_of[q] for q in instruction.qubits)
        clbits = tuple(clbit_of[c] for c in instruction.clbits)
        if name in _IGNORED:
            continue
        if name in ("measure", "reset"):
            yield Step(name, qubits, writes=clbits)
        elif isinstance(instruction.operation, IfElseOp):
            yield _conditional(instruction, qubits, clbits, clbit_of)
        else:
            yield from _gate(instruction, qubits, clbits)


def _gate(instruction: CircuitInstruction, qubits: tuple[int, ...], clbits: tuple[int, ...]) -> Iterator[Step]:
    operation = instruction_of(instruction.operation)
    parameters = frozenset(p for value in operation.params for p in getattr(value, "parameters", ()))
    if parameters:
        yield Step("gate", qubits, gate=operation, parameters=parameters)
        return
    matrix = None if clbits else transfer_matrix(operation)
    if matrix is not None:
        yield Step("gate", qubits, matrix=matrix)
        return
    definition = getattr(operation, "definition", None)
    if definition is None or getattr(operation, "blocks", None):
        raise UnsupportedOperation(f"no rule for the operation {instruction.name!r} on qubits {list(qubits)}")
    inner_qubits = dict(zip(definition.qubits, qubits, strict=True))
    inner_clbits = dict(zip(definition.clbits, clbits, strict=True))
    yield from _steps(definition.data, inner_qubits, inner_clbits)


def _conditional(
    instruction: CircuitInstruction, qubits: tuple[int, ...], clbits: tuple[int, ...], clbit_of: Mapping[Clbit, int]
) -> Step:
    operation, blocks = instruction.operation, []
    for block in operation.blocks:
        inner_qubits = dict(zip(block.qubits, qubits, strict=True))
        inner_clbits = dict(zip(block.clbits, clbits, strict=True))
        blocks.append(tuple(_steps(block.data, inner_qubits, inner_clbits)))
    condition = operation.condition
    bits = sorted(condition_bits(condition), key=clbit_of.__getitem__)
    decides = tuple(clbit_of[bit] for bit in bits)
    inner = [step for block in blocks for step in block]
    return Step(
        "if",
        qubits,
        reads=tuple(sorted({*decides, *(bit for step in inner for bit in step.reads)})),
        writes=tuple(sorted({bit for step in inner for bit in step.writes})),
        blocks=(blocks[0], blocks[1] if len(blocks) > 1 else ()),
        decides=decides,
        holds=lambda values: holds(condition, dict(zip(bits, values, strict=True))),
        parameters=frozenset(p for step in inner for p in step.parameters),
    )


# --- random parameters


def averaged_settings(steps: list[Step], operation: Operation) -> Iterator[tuple[float, list[Step]]]:
    """The steps without parameters, once for each setting that is not averaged as a channel, with its weight.

    Raises:
        ValueError: if there are too many settings.
    """
    one_by_one: list[RandomSetting] = []
    for setting in operation.random_settings:
        averaged = _as_channel(steps, setting)
        if averaged is None:
            one_by_one.append(setting)
        else:
            steps = averaged
    settings = prod(len(setting.rows) for setting in one_by_one)
    if settings > MAX_SETTINGS:
        raise ValueError(
            f"{operation.name} draws one of {settings} settings of its random parameters, at most {MAX_SETTINGS} "
            f"are averaged exactly; sample still can"
        )
    for weight, values in choices_of(one_by_one):
        yield weight, [step.bound(values) for step in steps]


def _as_channel(steps: list[Step], setting: RandomSetting) -> list[Step] | None:
    """The steps, a setting's gates drawn together and averaged; None if something stands between them."""
    drawn = set(setting.parameters)
    before: list[Step] = []
    after: list[Step] = []
    members: list[Step] = []
    ours: set[Wire] = set()
    blocked: set[Wire] = set()
    for step in steps:
        if step.parameters & drawn:
            if step.kind != "gate" or not step.parameters <= drawn or step.wires & blocked:
                return None
            members.append(step)
            ours |= step.wires
        elif step.wires & (ours | blocked):
            after.append(step)
            blocked |= step.wires
        else:
            before.append(step)
    qubits = tuple(sorted(q for _, q in ours))
    if len(qubits) > MAX_AVERAGED_QUBITS:
        return None
    if not members:
        return steps
    size = 4 ** len(qubits)
    total = np.zeros((size, size))
    for row, weight in zip(setting.rows, setting.weights, strict=True):
        values = dict(zip(setting.parameters, row, strict=True))
        matrix = np.eye(size).reshape((4,) * len(qubits) + (size,))
        for step in members:
            axes, k = [qubits.index(q) for q in step.qubits], len(step.qubits)
            transfer = step.bound(values).transfer.reshape((4,) * (2 * k))
            matrix = np.moveaxis(np.tensordot(transfer, matrix, axes=(range(k, 2 * k), axes)), range(k), axes)
        total += weight * matrix.reshape(size, size)
    return [*before, Step("gate", qubits, matrix=total), *after]


# --- the order


def in_good_order(steps: Sequence[Step], operation: Operation) -> list[Step]:
    """The same steps, those that do not depend on each other in an order that keeps the state small.

    Greedy: of what can happen next, always that after which least is kept; of several, the earliest.
    """
    waits_for, followers = _dependencies(steps)
    account = _Account(steps, operation)
    ready = {place for place, count in enumerate(waits_for) if not count}
    found = []
    while ready:
        place = min(ready, key=lambda p: (account.growth(steps[p]), p))
        ready.remove(place)
        found.append(steps[place])
        account.take(steps[place])
        for follower in followers[place]:
            waits_for[follower] -= 1
            if not waits_for[follower]:
                ready.add(follower)
    return found


def _dependencies(steps: Sequence[Step]) -> tuple[list[int], list[list[int]]]:
    """How many others each step waits for, and which wait for it."""
    waits_for: list[set[int]] = [set() for _ in steps]
    last: dict[Wire, int] = {}
    readers: dict[Wire, list[int]] = {}
    for place, step in enumerate(steps):
        written: list[Wire] = [*(("q", q) for q in step.qubits), *(("c", c) for c in step.writes)]
        for wire in (("c", c) for c in step.reads):
            if wire in last:
                waits_for[place].add(last[wire])
            readers.setdefault(wire, []).append(place)
        for wire in written:
            if wire in last:
                waits_for[place].add(last[wire])
            waits_for[place].update(p for p in readers.pop(wire, ()) if p != place)
            last[wire] = place
    followers: list[list[int]] = [[] for _ in steps]
    for place, others in enumerate(waits_for):
        for other in others:
            followers[other].append(place)
    return [len(others) for others in waits_for], followers


class _Account:
    """How many qubits and bits are kept, in units of a factor of 2, while steps are taken."""

    def __init__(self, steps: Sequence[Step], operation: Operation) -> None:
        self._left: dict[Wire, int] = {}
        for step in steps:
            for wire in step.wires:
                self._left[wire] = self._left.get(wire, 0) + 1
        self._outputs = {("q", q) for q in operation.outputs}
        self._link_of = {q: qubits for qubits in operation.inputs for q in qubits}
        self._kept: set[Wire] = set()
        self._entered: set[int] = set()

    def _admitted(self, step: Step) -> set[Wire]:
        new: set[Wire] = set()
        for q in step.qubits:
            if q not in self._entered:
                new.update(("q", other) for other in self._link_of.get(q, (q,)))
            elif ("q", q) not in self._kept:
                new.add(("q", q))
        return new

    def _leaving(self, step: Step, kept: set[Wire]) -> set[Wire]:
        over = {wire for wire in step.wires if self._left[wire] == 1 and wire not in self._outputs}
        if step.kind == "measure":
            over.add(("q", step.qubits[0]))
        return over & kept

    def growth(self, step: Step) -> int:
        """By how much the state grows."""
        new = self._admitted(step) | ({("c", c) for c in step.writes} - self._kept)
        return _weight(new) - _weight(self._leaving(step, self._kept | new))

    def take(self, step: Step) -> None:
        """Let the step happen."""
        self._kept |= self._admitted(step) | {("c", c) for c in step.writes}
        self._entered.update(other for q in step.qubits for other in self._link_of.get(q, (q,)))
        self._kept -= self._leaving(step, self._kept)
        for wire in step.wires:
            self._left[wire] -= 1


def _weight(wires: set[Wire]) -> int:
    return sum(2 if kind == "q" else 1 for kind, _ in wires)
