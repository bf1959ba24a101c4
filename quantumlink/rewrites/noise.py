"""Noise: an ideal program becomes a noisy one, with the errors inlined.

Rules, recursively into control flow:

- a one- or two-qubit gate at a node is followed by that node's depolarizing error;
- a measurement is preceded by the classical flip its readout would make (the same statistics, as a measured
  qubit is not used again before it is reset: anything else is refused);
- a delay relaxes the qubit with its node's memory, exactly or, if asked for, as the Pauli twirl of that;
- at a reset with the label `HANDED_ON` the qubit passes to its next node;
- a `PauliChannel` becomes that error; a ``bell_pair`` across two nodes is the medium's business and arrives
  as it is. Every other operation across nodes, and every unknown one, is refused by name.

The result runs on Aer, in every method that can carry the errors: depolarizing errors, Pauli channels and
readout errors stay within the stabilizer formalism, and twirled relaxation does.

Reference:
    M. R. Geller, Z. Zhou, Phys. Rev. A 88, 012314 (2013): the Pauli twirl of relaxation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import expm1
from typing import TYPE_CHECKING

from qiskit.circuit import CircuitInstruction, Gate, IfElseOp, Instruction, QuantumCircuit, Qubit
from qiskit.circuit.library import get_standard_gate_name_mapping

from quantumlink.exact import UnsupportedOperation
from quantumlink.hardware import Memory, Node, Processor
from quantumlink.program import HANDED_ON, Program

if TYPE_CHECKING:
    from qiskit_aer.noise import QuantumError

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_UNCHANGED = {"barrier", "reset", "quantum_channel", "kraus", "superop"}


def add_noise(program: Program, *, twirl_relaxation: bool = False) -> Program:
    """The program under its processors' and memories' noise, the medium's channels included.

    Args:
        program: a program whose circuit is ideal.
        twirl_relaxation: whether each relaxation is replaced by its Pauli twirl, see `twirled_relaxation`: an
            approximation that a stabilizer simulator can run.

    Returns:
        The same program with Aer ``QuantumError`` instructions in its circuit, ready for any Aer method.

    Raises:
        UnsupportedOperation: on an operation that has no rule, by name.
    """
    noisy = noisy_circuit(
        program.circuit,
        program.nodes,
        earlier_nodes=program.earlier_nodes,
        twirl_relaxation=twirl_relaxation,
    )
    return replace(program, circuit=noisy)


def noisy_circuit(
    circuit: QuantumCircuit,
    nodes: tuple[Node, ...],
    *,
    earlier_nodes: Mapping[int, tuple[Node, ...]] | None = None,
    twirl_relaxation: bool = False,
) -> QuantumCircuit:
    """The circuit under the noise of the node that holds each qubit: see the module for the rules.

    Args:
        circuit: an ideal circuit.
        nodes: the node of each qubit, by the qubit's index; of one that is reused, the last one.
        earlier_nodes: of each qubit that is reused, the nodes that held it before, in turn.
        twirl_relaxation: as in `add_noise`.

    Raises:
        UnsupportedOperation: on an operation that has no rule, by name, and if a reused qubit is not handed on as
            often as it has nodes.
    """
    in_turn = {
        qubit: [*(earlier_nodes or {}).get(i, ()), node]
        for i, (qubit, node) in enumerate(zip(circuit.qubits, nodes, strict=True))
    }
    noise = _Noise(in_turn, twirl_relaxation)
    noisy = noise.rewrite(circuit, noise.node_of)
    noise.check_handed_on()
    return noisy


class _Noise:
    def __init__(self, in_turn: dict[Qubit, list[Node]], twirl_relaxation: bool) -> None:
        self._relaxation = twirled_relaxation if twirl_relaxation else relaxation
        self._outer = {qubit: qubit for qubit in in_turn}
        self._measured: set[Qubit] = set()
        self._depth = 0
        self._next_nodes = {qubit: deque(nodes) for qubit, nodes in in_turn.items()}
        self.node_of = {qubit: nodes.popleft() for qubit, nodes in self._next_nodes.items()}
        """The node that holds each qubit of the circuit at this point."""

    def check_handed_on(self) -> None:
        """Refuse nodes that never had their turn."""
        for i, (qubit, nodes) in enumerate(self._next_nodes.items()):
            if nodes:
                raise UnsupportedOperation(
                    f"qubit {i} stays at node {self.node_of[qubit].name!r} but was to be handed on to "
                    f"{', '.join(node.name for node in nodes)}: each takes a reset with the label {HANDED_ON!r}, "
                    f"so reuse qubits after any rewrite that removes resets"
                )

    def rewrite(
        self, circuit: QuantumCircuit, node_of: dict[Qubit, Node], outer: dict[Qubit, Qubit] | None = None
    ) -> QuantumCircuit:
        outer = self._outer if outer is None else outer
        result = circuit.copy_empty_like()
        for instruction in circuit.data:
            self._add(result, instruction, node_of, outer)
        return result

    def _add(
        self,
        result: QuantumCircuit,
        instruction: CircuitInstruction,
        node_of: dict[Qubit, Node],
        outer: dict[Qubit, Qubit],
    ) -> None:
        operation, qubits, name = instruction.operation, instruction.qubits, instruction.name
        if name == "barrier":
            result.append(instruction)
            return
        self._check_use(name, [outer[q] for q in qubits], node_of[qubits[0]] if qubits else None)
        if name == "reset" and operation.label == HANDED_ON:
            self._hand_on(outer[qubits[0]])
        if isinstance(operation, IfElseOp):
            self._depth += 1
            blocks = [
                self.rewrite(
                    block,
                    {inner: node_of[q] for inner, q in zip(block.qubits, qubits, strict=True)},
                    {inner: outer[q] for inner, q in zip(block.qubits, qubits, strict=True)},
                )
                for block in operation.blocks
            ]
            self._depth -= 1
            result.append(operation.replace_blocks(blocks), qubits, instruction.clbits)
        elif name in _UNCHANGED:
            result.append(instruction)
        elif name == "bell_pair":
            for part in operation.definition.data:
                index = [operation.definition.find_bit(q).index for q in part.qubits]
                result.append(part.operation, [qubits[i] for i in index])
        else:
            self._add_local(result, instruction, _only_node(name, [node_of[q] for q in qubits]), node_of, outer)

    def _add_local(
        self,
        result: QuantumCircuit,
        instruction: CircuitInstruction,
        node: Node,
        node_of: dict[Qubit, Node],
        outer: dict[Qubit, Qubit],
    ) -> None:
        operation, qubits, name = instruction.operation, instruction.qubits, instruction.name
        if name == "measure":
            _append_error(result, readout_flip(node.processor), qubits)
            result.append(instruction)
        elif name == "delay":
            result.append(instruction)
            _append_error(result, self._relaxation(node.memory, _seconds(operation)), qubits)
        elif name == "pauli_channel":
            _append_error(result, _pauli_error(*map(float, operation.params)), qubits)
        elif name in get_standard_gate_name_mapping() and isinstance(operation, Gate) and len(qubits) <= 2:
            result.append(instruction)
            strength = node.processor.depolarizing_1q if len(qubits) == 1 else node.processor.depolarizing_2q
            _append_error(result, _depolarizing(strength, len(qubits)), qubits)
        elif isinstance(operation, Gate) and operation.definition is not None and len(qubits) <= 2:
            for part in operation.definition.data:
                index = [operation.definition.find_bit(q).index for q in part.qubits]
                self._add(result, part.replace(qubits=[qubits[i] for i in index]), node_of, outer)
        else:
            raise UnsupportedOperation(
                f"no noise rule for {name!r} on {len(qubits)} qubits at node {node.name!r}: rules exist for "
                f"one- and two-qubit gates, measure, reset, delay, barrier, if_test and pauli_channel"
            )

    def _hand_on(self, qubit: Qubit) -> None:
        if not self._next_nodes[qubit]:
            raise UnsupportedOperation(
                f"a reused qubit at node {self.node_of[qubit].name!r} is handed on, but earlier_nodes do not tell "
                f"to which node: a program's do"
            )
        self.node_of[qubit] = self._next_nodes[qubit].popleft()

    def _check_use(self, name: str, qubits: list[Qubit], node: Node | None) -> None:
        used = self._measured.intersection(qubits)
        if name == "reset" and not self._depth:  # in a block it may not run
            self._measured -= used
        elif used and node is not None and name != "if_else":
            raise UnsupportedOperation(
                f"no noise rule for {name!r} on a qubit at node {node.name!r} that was measured with a readout "
                f"error and not reset: reset it first"
            )
        if name == "measure" and node is not None and readout_flip(node.processor) is not None:
            self._measured.update(qubits)


def readout_flip(processor: Processor) -> QuantumError | None:
    """A processor's readout error as an error on the qubit just before it is measured, or None if ideal.

    0 is read as 1 with probability a and 1 as 0 with b. That is X with probability min(a, b), and a reset
    to the likelier reading for the rest, which every simulation method can carry.
    """
    (_, a), (b, _) = processor.confusion
    if a == b == 0:
        return None
    return _flip_error(a, b)


def relaxation(memory: Memory, time_s: float) -> QuantumError | None:
    """What a memory does to a qubit that waits, or None if nothing."""
    if memory.is_ideal or time_s == 0:
        return None
    return _relaxation_error(memory.t1_s, memory.t2_s, time_s)


def twirled_relaxation(memory: Memory, time_s: float) -> QuantumError | None:
    """The Pauli twirl of what a memory does to a qubit that waits, or None if it does nothing.

    pX = pY = (1 − e^(−t/T1))/4 and pZ = (1 − e^(−t/T2))/2 − pX. Each Pauli expectation value shrinks as under the
    relaxation itself; what is lost is the pull to |0⟩, by which ⟨Z⟩ gains 1 − e^(−t/T1).
    """
    if memory.is_ideal or time_s == 0:
        return None
    flip = -expm1(-time_s / memory.t1_s) / 4
    phase = -expm1(-time_s / memory.t2_s) / 2 - flip
    return _pauli_error(flip, flip, max(0.0, phase))  # rounding only: T2 ≤ 2·T1


@lru_cache(maxsize=1024)
def _flip_error(a: float, b: float) -> QuantumError:
    from qiskit.circuit.library import IGate, Reset, XGate
    from qiskit_aer.noise import QuantumError

    settle = [(Reset(), [0])] if b > a else [(Reset(), [0]), (XGate(), [0])]
    terms = [([(XGate(), [0])], min(a, b)), (settle, abs(b - a)), ([(IGate(), [0])], 1 - max(a, b))]
    return QuantumError([term for term in terms if term[1] > 0])


@lru_cache(maxsize=1024)
def _relaxation_error(t1_s: float, t2_s: float, time_s: float) -> QuantumError:
    from qiskit_aer.noise import thermal_relaxation_error

    return thermal_relaxation_error(t1_s, t2_s, time_s)


@lru_cache(maxsize=1024)
def _depolarizing(strength: float, num_qubits: int) -> QuantumError | None:
    from qiskit_aer.noise import depolarizing_error

    return depolarizing_error(strength, num_qubits) if strength else None


@lru_cache(maxsize=1024)
def _pauli_error(px: float, py: float, pz: float) -> QuantumError:
    from qiskit_aer.noise import pauli_error

    return pauli_error([("X", px), ("Y", py), ("Z", pz), ("I", 1 - px - py - pz)])


def _append_error(circuit: QuantumCircuit, error: QuantumError | None, qubits: tuple[Qubit, ...]) -> None:
    if error is not None:
        circuit.append(error.to_instruction(), qubits)


def _only_node(name: str, nodes: list[Node]) -> Node:
    if len({node.name for node in nodes}) != 1:
        raise UnsupportedOperation(
            f"{name!r} acts across the nodes {', '.join(sorted({n.name for n in nodes}))}: only a bell_pair may"
        )
    return nodes[0]


def _seconds(delay: Instruction) -> float:
    if getattr(delay.params[0], "parameters", None) or delay.unit not in _SECONDS:
        raise UnsupportedOperation(
            f"a delay needs a bound duration in one of {', '.join(_SECONDS)} to relax its qubit, "
            f"got {delay.params[0]} {delay.unit}"
        )
    return float(delay.params[0]) * _SECONDS[delay.unit]
