"""One program a node: its own qubits, what it measures, and messages from others as inputs.

A pair is asked for by an annotated box on the qubit that is to hold its half: ``@quantumlink.ebit K with NODE``,
where K is the number of the request at both ends. A bit from another node is an ``input bool``; it is told at the
place where it is needed first. Repeaters between two nodes have no program: a pair is what a link delivers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qiskit import qasm3
from qiskit.circuit import (
    Annotation,
    ClassicalRegister,
    Clbit,
    Gate,
    IfElseOp,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
)
from qiskit.circuit.annotation import OpenQASM3Serializer
from qiskit.circuit.classical import expr, types

from quantumlink.distributed.axes import standard_classes
from quantumlink.distributed.building import Built
from quantumlink.distributed.events import Copy, Place, Teleport
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.plans import Scheduled
from quantumlink.rewrites.expanded_form import reads, writes

NAMESPACE = "quantumlink.ebit"


class EbitRequest(Annotation):  # type: ignore[misc]
    """An annotation: this qubit is to hold a half of a pair.

    Args:
        number: which pair.
        partner: the node that has the other half.
    """

    namespace = NAMESPACE

    def __init__(self, number: int, partner: str) -> None:
        self.number, self.partner = number, partner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EbitRequest) and (self.number, self.partner) == (other.number, other.partner)

    def __hash__(self) -> int:
        return hash((self.number, self.partner))


class _Serializer(OpenQASM3Serializer):  # type: ignore[misc]
    def dump(self, annotation: Annotation) -> str:
        assert isinstance(annotation, EbitRequest)
        return f"{annotation.number} with {annotation.partner}"

    def load(self, namespace: str, payload: str) -> Annotation:
        number, _, partner = payload.partition(" with ")
        return EbitRequest(int(number), partner)


@dataclass(frozen=True)
class Message:
    """A bit that one node sends to another."""

    name: str
    """The input that receives it."""
    source: str
    """The node that measures it."""
    target: str
    """The node that needs it."""
    bit: int
    """The bit in the circuit of the whole."""
    version: int = 1
    """Which of its writings is told, the first being 1."""


class NodeProgram(str):
    """A node's program as OpenQASM 3, with the circuit that it was written from."""

    node: str
    """The node's name."""
    circuit: QuantumCircuit
    """The program as a circuit, with the messages as input variables."""
    receives: tuple[Message, ...]
    """Messages that it needs, in the order of their inputs."""
    sends: tuple[Message, ...]
    """Messages that others need of it."""
    requests: tuple[EbitRequest, ...]
    """Halves of pairs that it asks for, in order."""
    told_after: Mapping[int, tuple[tuple[Message, int], ...]]
    """By the index of an instruction of the circuit, the messages that it writes, each with its bit there."""


def node_programs(built: Built, scheduled: Scheduled, machine: Machine) -> dict[str, NodeProgram]:
    """The program of each node that does something, by the node's name."""
    whole = built.program.circuit
    place_of = {whole.qubits[index]: place for place, index in built.qubit_of.items()}
    writers = {place.node: _Writer(place.node, built, machine) for place in built.qubit_of}
    arrivals = {i for instructions in built.arrivals.values() for i in instructions}
    asked: set[int] = set()
    owner: dict[Clbit, int] = {}
    version: dict[Clbit, int] = {}
    number = 0
    for index, instruction in enumerate(whole.data):
        event = built.event_of[index]
        if index in arrivals:
            if event not in asked:
                asked.add(event)
                _ask(scheduled.events[event], number, writers, machine)
                number += 1
            continue
        nodes = {place_of[q].node for q in instruction.qubits}
        if not nodes:
            continue
        (node,) = nodes
        writer = writers.get(node)
        if writer is None:
            continue
        for bit in _needs(instruction):
            if owner.get(bit, node) != node:
                writer.receive(bit, version[bit], owner[bit])
        for bit in writes(instruction):
            owner[bit] = node
            version[bit] = version.get(bit, 0) + 1
        writer.add(instruction, place_of, version)
    messages = [message for writer in writers.values() for message in writer.messages]
    return {machine.nodes[node].name: w.program(messages) for node, w in sorted(writers.items()) if w.acts}


def _ask(event: Any, number: int, writers: Mapping[int, _Writer], machine: Machine) -> None:
    assert isinstance(event, Copy | Teleport)
    near, far = event.near, event.far
    writers[near.node].ask(near, number, machine.nodes[far.node].name)
    writers[far.node].ask(far, number, machine.nodes[near.node].name)


def _needs(instruction: Any) -> list[Clbit]:
    """The bits that an instruction reads, or may leave as they were."""
    if not isinstance(instruction.operation, IfElseOp):
        return []
    return sorted(reads(instruction) | writes(instruction), key=instruction.clbits.index)


def _inside(operation: IfElseOp) -> set[Clbit]:
    """The bits that blocks read or write."""
    return {bit for block in operation.blocks for step in block.data for bit in reads(step) | writes(step)}


class _Writer:
    """One node's circuit, as it grows."""

    def __init__(self, node: int, built: Built, machine: Machine) -> None:
        self._machine, self._built, self._whole = machine, built, built.program.circuit
        self.name = machine.nodes[node].name
        sizes = [0, 0]
        for place in built.qubit_of:
            if place.node == node:
                sizes[place.holds_pairs] = max(sizes[place.holds_pairs], place.number + 1)
        self._registers = [QuantumRegister(size, name) for size, name in zip(sizes, ("data", "link"), strict=True)]
        self._steps: list[Any] = []
        self._own: dict[Clbit, Clbit] = {}
        self._inputs: dict[tuple[Clbit, int], expr.Var] = {}
        self._current: dict[Clbit, expr.Var | None] = {}
        self._requests: list[EbitRequest] = []
        self._written: set[Clbit] = set()
        self.messages: list[Message] = []

    @property
    def acts(self) -> bool:
        """Whether it does anything."""
        return bool(self._steps)

    def ask(self, place: Place, number: int, partner: str) -> None:
        """Ask for a half of a pair."""
        request = EbitRequest(number, partner)
        self._requests.append(request)
        self._steps.append((request, place))

    def receive(self, bit: Clbit, version: int, source: int) -> None:
        """A bit from another node is needed."""
        key = (bit, version)
        if key not in self._inputs:
            name = f"from_{_identifier(self._machine.nodes[source].name)}_{len(self._inputs)}"
            self._inputs[key] = expr.Var.new(name, types.Bool())
            index = self._whole.find_bit(bit).index
            self.messages.append(Message(name, self._machine.nodes[source].name, self.name, index, version))
        self._current[bit] = self._inputs[key]

    def add(self, instruction: Any, place_of: Mapping[Qubit, Place], version: Mapping[Clbit, int]) -> None:
        """An instruction on its own qubits, which may write bits for the time that is told."""
        qubits = [place_of[q] for q in instruction.qubits]
        written = writes(instruction)
        self._steps.append((instruction, qubits, dict(self._current), [(bit, version[bit]) for bit in written]))
        for bit in written:
            self._current[bit] = None
            self._written.add(bit)

    def program(self, messages: Sequence[Message]) -> NodeProgram:
        """The program, as text and as a circuit."""
        circuit = QuantumCircuit(*(r for r in self._registers if r.size), name=_identifier(self.name))
        for variable in self._inputs.values():
            circuit.add_input(variable)
        self._bits(circuit)
        sends = [message for message in messages if message.source == self.name]
        told: dict[int, tuple[tuple[Message, int], ...]] = {}
        for step in self._steps:
            if isinstance(step[0], EbitRequest):
                self._request(circuit, *step)
                continue
            *parts, written = step
            self._instruction(circuit, *parts)
            wrote = {(self._whole.find_bit(bit).index, version): self._own[bit] for bit, version in written}
            own = [(m, wrote[m.bit, m.version]) for m in sends if (m.bit, m.version) in wrote]
            if own:
                told[len(circuit.data) - 1] = tuple((m, circuit.find_bit(bit).index) for m, bit in own)
        circuit.metadata = {"node": self.name}
        text = qasm3.dumps(circuit, annotation_handlers={NAMESPACE: _Serializer()}, allow_aliasing=True)
        result = NodeProgram(text)
        result.node, result.circuit = self.name, circuit
        result.receives = tuple(self.messages)
        result.sends = tuple(sends)
        result.requests = tuple(self._requests)
        result.told_after = told
        return result

    def _bits(self, circuit: QuantumCircuit) -> None:
        """The circuit's own bits, and those of messages that are measured here."""
        messages = self._built.message_bits
        circuit.add_register(*(r for r in self._whole.cregs if not len(r) or r[0] not in messages))
        circuit.add_bits([b for b in self._whole.clbits if b not in messages and b not in circuit.clbits])
        self._own.update({b: b for b in circuit.clbits})
        measured = [b for b in self._whole.clbits if b in messages and b in self._written]
        if measured:
            register = ClassicalRegister(len(measured), "measured")
            circuit.add_register(register)
            self._own.update(dict(zip(measured, register, strict=True)))

    def _request(self, circuit: QuantumCircuit, request: EbitRequest, place: Place) -> None:
        body = QuantumCircuit(1)
        body.reset(0)
        circuit.box(body, [self._registers[1][place.number]], [], annotations=[request])

    def _instruction(
        self, circuit: QuantumCircuit, instruction: Any, places: Sequence[Place], told: Mapping[Clbit, Any]
    ) -> None:
        qubits = [self._registers[place.holds_pairs][place.number] for place in places]
        operation = instruction.operation
        if not isinstance(operation, IfElseOp):
            _append(circuit, operation, qubits, [self._own[bit] for bit in instruction.clbits])
            return
        condition = operation.condition
        foreign = {bit: told[bit] for bit in _needs(instruction) if told.get(bit) is not None}
        direct: Clbit | None = None
        if isinstance(condition, tuple) and isinstance(condition[0], Clbit):
            bit, value = condition
            if bit in foreign and bit not in _inside(operation):
                direct, variable = bit, foreign.pop(bit)
                condition = variable if value else expr.logic_not(variable)
            else:
                condition = (self._own[bit], value)
        for bit, variable in foreign.items():  # told once, where it is needed
            circuit.store(self._own[bit], variable)
        kept = [bit for bit in instruction.clbits if bit in self._own and bit != direct]
        blocks = []
        for block in operation.blocks:
            at = dict(zip(block.qubits, qubits, strict=True))
            told_bit = dict(zip(block.clbits, instruction.clbits, strict=True))
            inner = QuantumCircuit(qubits, [self._own[bit] for bit in kept])
            for step in block.data:
                own = [self._own[told_bit[c]] for c in step.clbits]
                _append(inner, step.operation, [at[q] for q in step.qubits], own)
            blocks.append(inner)
        circuit.append(IfElseOp(condition, *blocks), qubits, [self._own[bit] for bit in kept])


def _append(circuit: QuantumCircuit, operation: Any, qubits: Sequence[Qubit], clbits: Sequence[Clbit]) -> None:
    """Append an operation, told by its parts where OpenQASM 3 could not define it as a gate."""
    if isinstance(operation, IfElseOp):
        operation = operation.replace_blocks([_told_by_parts(block) for block in operation.blocks])
    inside = operation.definition
    if inside is None or (isinstance(operation, Gate) and _is_defined_by_gates(operation)):
        circuit.append(operation, qubits, clbits)
        return
    circuit.global_phase += inside.global_phase
    for step in inside.data:
        _append(circuit, step.operation, [qubits[inside.find_bit(q).index] for q in step.qubits], ())


def _told_by_parts(block: QuantumCircuit) -> QuantumCircuit:
    result = block.copy_empty_like()
    for step in block.data:
        _append(result, step.operation, step.qubits, step.clbits)
    return result


def _is_defined_by_gates(gate: Gate) -> bool:
    """Whether a gate is made of gates alone, however deep one looks, and told by numbers."""
    if any(isinstance(value, str) for value in gate.params):
        return False
    if gate.base_class in standard_classes() or gate.definition is None:
        return True
    parts = [step.operation for step in gate.definition.data]
    return all(isinstance(part, Gate) and _is_defined_by_gates(part) for part in parts)


def _identifier(name: str) -> str:
    found = re.sub(r"\W", "_", name, flags=re.ASCII)
    return found if found and not found[0].isdigit() else f"n{found}"
