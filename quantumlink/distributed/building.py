"""From events to one dynamic circuit: a register of each node's computing qubits, one of its halves of pairs.

Copies along Z are made and removed as by `quantumlink.circuits.cat_entangler` and `cat_disentangler`. Along
another axis P, a controlled P from the near half onto the qubit, the half then measured along X, makes the far
half's X tell what the qubit's P is; a rotation turns that X into P. A copy is removed by a measurement along
another axis, and P on the qubit where it was odd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    IfElseOp,
    Measure,
    Parameter,
    ParameterVector,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
    Reset,
)
from qiskit.circuit.library import CXGate, CYGate, HGate, SGate, XGate, YGate, ZGate

from quantumlink.distributed.events import Copy, Do, Place, Settle, TakeOver, Teleport, Uncopy
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.plans import Scheduled
from quantumlink.distributed.tasks import Tasks
from quantumlink.hardware import Node
from quantumlink.program import Program, RandomSetting
from quantumlink.rewrites.expanded_form import registers_of

PAULI_GATES = {"X": XGate(), "Y": YGate(), "Z": ZGate()}
FLIPS = {"Z": XGate(), "X": ZGate(), "Y": ZGate()}
"""What exchanges the two states of a copy along an axis, without a phase between them."""

_H, _S, _CX, _MEASURE, _RESET = HGate(), SGate(), CXGate(), Measure(), Reset()
_KICK = {"X": CXGate(), "Y": CYGate()}


@dataclass(frozen=True)
class Step:
    """One instruction, and the event that it belongs to."""

    instruction: CircuitInstruction
    """The instruction, in the circuit's bits."""
    event: int
    """Which event."""


@dataclass(frozen=True, eq=False)
class Built:
    """A distributed circuit."""

    program: Program
    """The circuit, and how to read it."""
    event_of: tuple[int, ...]
    """The event that each instruction belongs to."""
    qubit_of: Mapping[Place, int]
    """The index of each qubit."""
    messages: tuple[tuple[int, int, int, int], ...]
    """Messages: bit, from node, to node, event that needs it."""
    message_bits: frozenset[Clbit]
    """The bits that copies and teleportations measure."""
    arrivals: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Of each event that spends a pair, the instructions that bring it."""


class Building:
    """A circuit that grows event by event.

    Args:
        tasks: the tasks.
        scheduled: the events.
        machine: the nodes.
        circuits: the circuits of pairs.
    """

    def __init__(
        self, tasks: Tasks, task_list: Sequence[Any], scheduled: Scheduled, machine: Machine, circuits: PairCircuits
    ) -> None:
        self._tasks, self._list, self._scheduled = tasks, task_list, scheduled
        self._machine, self._circuits = machine, circuits
        source = tasks.circuit
        self._registers = _registers(scheduled, machine, source)
        self._messages = ClassicalRegister(_bits_needed(scheduled, circuits), _fresh("message", source))
        self.circuit = QuantumCircuit(
            *(register for pair in self._registers for register in pair if register.size),
            name=f"distributed_{source.name}",
        )
        self.circuit.add_bits(source.clbits)
        self.circuit.add_register(*source.cregs)
        if len(self._messages):
            self.circuit.add_register(self._messages)
        self.circuit.global_phase = source.global_phase
        self._next_message = 0
        self._event = 0
        self._event_of: list[int] = []
        self._told: list[tuple[int, int, int, int]] = []
        self._arrivals: dict[int, tuple[int, ...]] = {}
        self._heralds: list[tuple[int, ...]] = []
        self._odd_heralds: list[tuple[int, ...]] = []
        self._random: list[RandomSetting] = []
        self._owner: dict[Clbit, int] = {}
        self._index = {bit: i for i, bit in enumerate(self.circuit.clbits)}
        self._add = self.circuit._append
        self._templates: dict[tuple[int, int], list[CircuitInstruction]] = {}
        self._used: set[Place] = set()

    def built(self) -> Built:
        """The circuit after all events."""
        acts: dict[type, Callable[[Any], None]] = {
            Do: self._do,
            Copy: self._copy,
            Uncopy: self._uncopy,
            TakeOver: self._take_over,
            Teleport: self._teleport,
            Settle: self._settle,
        }
        for number, event in enumerate(self._scheduled.events):
            self._event = number
            acts[type(event)](event)
            self._event_of.extend([number] * (len(self.circuit.data) - len(self._event_of)))
        index = {qubit: i for i, qubit in enumerate(self.circuit.qubits)}
        qubit_of = {
            Place(node, i, pairs): index[qubit]
            for node, both in enumerate(self._registers)
            for pairs, register in enumerate(both)
            for i, qubit in enumerate(register)
            for pairs in [bool(pairs)]
        }
        return Built(
            self._program(qubit_of),
            tuple(self._event_of),
            qubit_of,
            tuple(self._told),
            frozenset(self._messages),
            self._arrivals,
        )

    def _program(self, qubit_of: Mapping[Place, int]) -> Program:
        nodes: list[Node] = [self._machine.nodes[0]] * self.circuit.num_qubits
        for place, index in qubit_of.items():
            nodes[index] = self._machine.nodes[place.node]
        ends = {}
        wire_of_qubit = self._tasks.wire_of_qubit
        names = qubit_names(self._tasks.circuit)
        for qubit, wire in enumerate(wire_of_qubit):
            ends[names[qubit]] = qubit_of[self._scheduled.end[wire]]
        return Program(
            self.circuit,
            ends,
            tuple(nodes),
            tuple(self._heralds),
            random_settings=tuple(self._random),
            odd_heralds=tuple(self._odd_heralds),
        )

    def _qubit(self, place: Place) -> Qubit:
        return self._registers[place.node][place.holds_pairs][place.number]

    # Parts of events.

    def _gate(self, gate: Any, *qubits: Qubit) -> None:
        self._add(CircuitInstruction(gate, qubits))

    def _measure(self, qubit: Qubit, node: int) -> Clbit:
        bit = self._messages[self._next_message]
        self._next_message += 1
        self._owner[bit] = node
        self._add(CircuitInstruction(_MEASURE, (qubit,), (bit,)))
        self._gate(_RESET, qubit)
        return bit

    def _correct(self, gate: Any, qubit: Qubit, bit: Clbit, node: int) -> None:
        self._message(bit, node)
        self._conditional(gate, (qubit,), (), (bit, 1), (bit,))

    def _conditional(
        self, gate: Any, qubits: tuple[Qubit, ...], clbits: tuple[Clbit, ...], condition: Any, read: Sequence[Clbit]
    ) -> None:
        every = tuple(dict.fromkeys((*clbits, *read)))
        body = QuantumCircuit(list(qubits), list(every))
        for register in registers_of(condition):
            body.add_register(register)
        if isinstance(gate, CircuitInstruction):
            body._append(gate.replace(qubits=qubits, clbits=clbits))
        else:
            body._append(CircuitInstruction(gate, qubits, clbits))
        self._add(CircuitInstruction(IfElseOp(condition, body), qubits, every))

    def _message(self, bit: Clbit, node: int) -> None:
        owner = self._owner.get(bit)
        if owner is not None and owner != node:
            self._told.append((self._index[bit], owner, node, self._event))

    def _pair(self, event: Copy | Teleport) -> tuple[Qubit, Qubit]:
        """Append the circuit that brings a pair; its near and its far half."""
        source, target = event.near.node, event.far.node
        circuit = self._circuits.of(source, target)
        inner = circuit.program.circuit
        first = len(self.circuit.data)
        qubits = [self._qubit(place) for place in event.pair]
        bits = [self._messages[self._next_message + i] for i in range(inner.num_clbits)]
        start = self._index[bits[0]] if bits else 0
        self._next_message += len(bits)
        if inner.parameters:
            inner = inner.assign_parameters(self._fresh_parameters(circuit.random_settings))
        if all(not getattr(i.operation, "blocks", None) for i in inner.data):
            at = {q: qubits[i] for i, q in enumerate(inner.qubits)}
            told = {c: bits[i] for i, c in enumerate(inner.clbits)}
            for step in inner.data:
                self._add(
                    step.replace(
                        qubits=tuple(at[q] for q in step.qubits), clbits=tuple(told[c] for c in step.clbits)
                    )
                )
        else:
            self.circuit.compose(inner, qubits, bits, inplace=True)
            self._messages_of_pair(first, circuit.nodes, dict(zip(qubits, circuit.nodes, strict=True)))
        program = circuit.program
        self._heralds += [tuple(start + bit for bit in parity) for parity in program.heralds]
        self._odd_heralds += [tuple(start + bit for bit in parity) for parity in program.odd_heralds]
        self._arrivals[self._event] = tuple(range(first, len(self.circuit.data)))
        for i, qubit in enumerate(qubits):
            if i not in circuit.ends:
                self._gate(_RESET, qubit)
        return qubits[circuit.ends[0]], qubits[circuit.ends[1]]

    def _messages_of_pair(self, first: int, nodes: Sequence[int], node_of: Mapping[Qubit, int]) -> None:
        for step in self.circuit.data[first:]:
            if step.name == "measure":
                self._owner[step.clbits[0]] = node_of[step.qubits[0]]
            elif isinstance(step.operation, IfElseOp):
                for bit in step.clbits:
                    for node in {node_of[q] for q in step.qubits}:
                        self._message(bit, node)

    def _fresh_parameters(self, settings: Sequence[RandomSetting]) -> dict[Parameter, Parameter]:
        values: dict[Parameter, Parameter] = {}
        for setting in settings:
            fresh = ParameterVector(f"draw_{len(self._random)}", len(setting.parameters))
            values.update(zip(setting.parameters, fresh, strict=True))
            self._random.append(RandomSetting(tuple(fresh), setting.rows, setting.probabilities))
        return values

    # Events.

    def _do(self, event: Do) -> None:
        task = self._list[event.task]
        qubits = tuple([self._qubit(place) for place in event.places])
        source = self._tasks.circuit.clbits
        clbits = tuple([source[bit] for bit in task.clbits])
        node = event.places[0].node if event.places else -1
        read = tuple([source[bit] for bit in task.reads])
        for bit in read:
            self._message(bit, node)
        if task.condition is None:
            self._add(task.operation.replace(qubits=qubits, clbits=clbits))
        else:
            self._conditional(task.operation, qubits, clbits, task.condition, read)
        for axis, place in event.flipped:
            if task.condition is None:
                self._gate(FLIPS[axis], self._qubit(place))
            else:
                for bit in read:
                    self._message(bit, place.node)
                self._conditional(FLIPS[axis], (self._qubit(place),), (), task.condition, read)
        for bit in task.writes:
            self._owner[source[bit]] = node

    def _copy(self, event: Copy) -> None:
        near, far = self._pair(event)
        root, here, there = self._qubit(event.source), event.near.node, event.far.node
        if event.axis == "Z":
            self._gate(_CX, root, near)
            self._correct(PAULI_GATES["X"], far, self._measure(near, here), there)
            return
        self._gate(_KICK[event.axis], near, root)
        self._gate(_H, near)
        self._correct(PAULI_GATES["Z"], far, self._measure(near, here), there)
        if event.axis == "Y":
            self._gate(_S, far)

    def _uncopy(self, event: Uncopy) -> None:
        copy = self._qubit(event.place)
        if event.axis == "Z":
            self._gate(_H, copy)
        bit = self._measure(copy, event.place.node)
        self._correct(PAULI_GATES[event.axis], self._qubit(event.root), bit, event.root.node)

    def _take_over(self, event: TakeOver) -> None:
        """The wire and its copy are alike: the one that stays is corrected for what the other was found to be."""
        root = self._qubit(event.root)
        if event.axis == "Z":
            self._gate(_H, root)
        bit = self._measure(root, event.root.node)
        self._correct(PAULI_GATES[event.axis], self._qubit(event.place), bit, event.place.node)

    def _teleport(self, event: Teleport) -> None:
        near, far = self._pair(event)
        source = self._qubit(event.source)
        self._gate(_CX, source, near)
        self._gate(_H, source)
        here, there = event.near.node, event.far.node
        flip, phase = self._measure(near, here), self._measure(source, here)
        self._correct(PAULI_GATES["X"], far, flip, there)
        self._correct(PAULI_GATES["Z"], far, phase, there)
        if event.target is not None:
            self._handed_over(far, self._qubit(event.target))

    def _settle(self, event: Settle) -> None:
        self._handed_over(self._qubit(event.source), self._qubit(event.target))

    def _handed_over(self, source: Qubit, target: Qubit) -> None:
        """A swap with an empty qubit."""
        self._gate(_CX, source, target)
        self._gate(_CX, target, source)


def qubit_names(circuit: QuantumCircuit) -> list[str]:
    """What each qubit is called: ``"register[i]"``, or ``"qubit[i]"`` where it has no register."""
    names = []
    for i, qubit in enumerate(circuit.qubits):
        registers = circuit.find_bit(qubit).registers
        names.append(f"{registers[0][0].name}[{registers[0][1]}]" if registers else f"qubit[{i}]")
    return names


def _registers(
    scheduled: Scheduled, machine: Machine, source: QuantumCircuit
) -> list[tuple[QuantumRegister, QuantumRegister]]:
    taken = {register.name for register in source.cregs}
    found = []
    for node, data, pairs in zip(machine.nodes, scheduled.computing, scheduled.communicating, strict=True):
        own = []
        for size, name in ((data, node.name), (pairs, f"{node.name}_link")):
            while name in taken:
                name += "_"
            taken.add(name)
            own.append(QuantumRegister(size, name))
        found.append((own[0], own[1]))
    return found


def _bits_needed(scheduled: Scheduled, circuits: PairCircuits) -> int:
    total = 0
    for event in scheduled.events:
        if isinstance(event, Copy | Teleport):
            total += circuits.of(event.near.node, event.far.node).program.circuit.num_clbits
            total += 1 if isinstance(event, Copy) else 2
        elif isinstance(event, Uncopy | TakeOver):
            total += 1
    return total


def _fresh(name: str, source: QuantumCircuit) -> str:
    taken = {register.name for register in source.cregs}
    while name in taken:
        name += "_"
    return name
