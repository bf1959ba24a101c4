"""Noise: an ideal program becomes a noisy one, with the errors inlined.

Rules, recursively into control flow:

- a gate at a node is followed by that node's error of its name, or else, on one or two qubits, by the node's
  depolarizing error; in a block that does not run, too, where the node is said to be ``always_correct``; a
  composite gate is told part by part, a larger one is taken whole where the node's gates do not depolarize;
- a reset is followed by the node's error of resets;
- a measurement is preceded by the classical flip its readout would make (the same statistics, as a measured
  qubit is not used again before it is reset: anything else is refused);
- a delay relaxes the qubit with its node's memory, exactly or, if asked for, as the Pauli twirl of that;
- the circuit is expanded first (`quantumlink.rewrites.expansion`): composites with classical bits, `switch` and
  bounded loops are told step by step, and a device's own measurements and resets are what they do; what stands in
  other loops is noisy in each round, and classical variables have no noise;
- at a reset with the label `HANDED_ON` the qubit passes to its next node;
- a `PauliChannel` becomes that error; a ``bell_pair`` or a ``stated_pair`` across two nodes is the medium's
  business and arrives as it is. Every other operation across nodes, and every unknown one, is refused by name.

The result runs on Aer, in every method that can carry the errors: depolarizing errors, Pauli channels and
readout errors stay within the stabilizer formalism, and twirled relaxation does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from qiskit.circuit import (
    CircuitInstruction,
    ControlFlowOp,
    ForLoopOp,
    Gate,
    IfElseOp,
    Instruction,
    QuantumCircuit,
    Qubit,
    WhileLoopOp,
)
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit.circuit.library import get_standard_gate_name_mapping

from quantumlink.exact import UnsupportedOperation
from quantumlink.hardware import Node, Processor
from quantumlink.link.arriving_pair import ARRIVALS
from quantumlink.program import HANDED_ON, Program
from quantumlink.rewrites.costing_anyway import is_correction, told_apart
from quantumlink.rewrites.delay_times import delay_s
from quantumlink.rewrites.expansion import expanded_circuit
from quantumlink.rewrites.hardware_errors import (
    gate_error,
    pauli_channel_error,
    readout_flip,
    relaxation,
    reset_error,
    twirled_relaxation,
)
from quantumlink.rewrites.noise_model import NATIVE_GATES

if TYPE_CHECKING:
    from qiskit_aer.noise import QuantumError

_UNCHANGED = {"barrier", "reset", "quantum_channel", "kraus", "superop"}
_STANDARD_GATES = frozenset(get_standard_gate_name_mapping())
_CLASSICAL = {"store", "break_loop", "continue_loop"}


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

    >>> import quantumlink as ql
    >>> from quantumlink.rewrites import add_noise
    >>> a, b = ql.Node("a"), ql.Node("b", processor=ql.Processor(readout_error=0.1))
    >>> program = ql.compose(ql.ElementaryLink(a, b))
    >>> add_noise(program).circuit.size() >= program.circuit.size()
    True
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
    circuit = expanded_circuit(circuit)
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
        """Qubits that may have been measured with a readout error and not reset since, at this point."""
        self._ever_measured: set[Qubit] = set()
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
        qubits, name = instruction.qubits, instruction.name
        if name == "barrier" or name in _CLASSICAL:
            _keep(result, instruction)
            return
        self._check_use(name, [outer[q] for q in qubits], node_of[qubits[0]] if qubits else None)
        if instruction.is_standard_gate():  # told apart without Qiskit making a gate of it
            self._add_local(result, instruction, _only_node(name, [node_of[q] for q in qubits]), node_of, outer)
            return
        operation = instruction.operation
        if name == "reset" and operation.label == HANDED_ON:
            self._hand_on(outer[qubits[0]])
        if isinstance(operation, ControlFlowOp):
            blocks = self._blocks(instruction, node_of, outer)
            noisy = instruction.replace(operation=operation.replace_blocks(blocks))
            paying = [q for q in qubits if node_of[q].processor.always_correct]
            if paying and isinstance(operation, IfElseOp) and is_correction(operation):
                for part in told_apart(noisy, paying):
                    result.append(part)
            else:
                result.append(noisy)
        elif name == "reset" and operation.label != HANDED_ON:
            _keep(result, instruction)
            _append_error(result, reset_error(node_of[qubits[0]].processor), qubits)
        elif name in _UNCHANGED:
            _keep(result, instruction)
        elif name in ARRIVALS:
            for part in operation.definition.data:
                index = [operation.definition.find_bit(q).index for q in part.qubits]
                result.append(part.operation, [qubits[i] for i in index])
        else:
            self._add_local(result, instruction, _only_node(name, [node_of[q] for q in qubits]), node_of, outer)

    def _blocks(
        self, instruction: CircuitInstruction, node_of: dict[Qubit, Node], outer: dict[Qubit, Qubit]
    ) -> list[QuantumCircuit]:
        operation = instruction.operation
        before = frozenset(self._measured)
        if isinstance(operation, WhileLoopOp | ForLoopOp):
            known, self._ever_measured = self._ever_measured, set()
            self._told_each(instruction, node_of, outer, before)
            before |= self._ever_measured  # a round may end anywhere, and the next one begin
            self._ever_measured |= known
        blocks, after = self._told_each(instruction, node_of, outer, before)
        one_runs = isinstance(operation, IfElseOp) and len(blocks) == 2
        self._measured = set().union(*after, () if one_runs else before)
        return blocks

    def _told_each(
        self,
        instruction: CircuitInstruction,
        node_of: dict[Qubit, Node],
        outer: dict[Qubit, Qubit],
        before: frozenset[Qubit],
    ) -> tuple[list[QuantumCircuit], list[set[Qubit]]]:
        """The noisy blocks of control flow, and what may be measured after each of them."""
        blocks, after = [], []
        for block in instruction.operation.blocks:
            self._measured = set(before)
            own = list(zip(block.qubits, instruction.qubits, strict=True))
            nodes, places = ({inner: told[q] for inner, q in own} for told in (node_of, outer))
            blocks.append(self.rewrite(block, nodes, places))
            after.append(self._measured)
        return blocks, after

    def _add_local(
        self,
        result: QuantumCircuit,
        instruction: CircuitInstruction,
        node: Node,
        node_of: dict[Qubit, Node],
        outer: dict[Qubit, Qubit],
    ) -> None:
        qubits, name = instruction.qubits, instruction.name
        if name == "measure":
            _append_error(result, node.processor.gate_errors.error(name), qubits)
            _append_error(result, readout_flip(node.processor), qubits)
            _keep(result, instruction)
        elif name == "delay":
            _keep(result, instruction)
            delay = instruction.operation
            if not (node.memory.is_ideal or _is_zero(delay)):  # else its unit makes no difference
                _append_error(result, self._relaxation(node.memory, delay_s(delay, "to relax its qubit")), qubits)
        elif name == "pauli_channel":
            _append_error(result, pauli_channel_error(*map(float, instruction.params)), qubits)
        elif has_rule(instruction, node.processor):
            _keep(result, instruction)
            _append_error(result, gate_error(node.processor, name, len(qubits)), qubits)
        elif name in NATIVE_GATES and node.processor.is_ideal:
            result.append(instruction)  # whole, so that a sampler's own error on it acts
        elif (parts := _parts(instruction)) is not None:
            for part in parts.data:
                index = [parts.find_bit(q).index for q in part.qubits]
                self._add(result, part.replace(qubits=[qubits[i] for i in index]), node_of, outer)
        else:
            raise UnsupportedOperation(
                f"no noise rule for {name!r} on {len(qubits)} qubits at node {node.name!r}: rules exist for "
                f"one- and two-qubit gates, composites of them, measure, reset, delay, barrier, if_test and "
                f"pauli_channel; the processor's noise may name an error of its own for a larger gate"
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
        if name == "reset":
            self._measured -= used
        elif used and node is not None and name not in CONTROL_FLOW_OP_NAMES:
            raise UnsupportedOperation(
                f"no noise rule for {name!r} on a qubit at node {node.name!r} that was measured with a readout "
                f"error and not reset: reset it first"
            )
        if name == "measure" and node is not None and readout_flip(node.processor) is not None:
            self._measured.update(qubits)
            self._ever_measured.update(qubits)


def has_rule(instruction: CircuitInstruction, processor: Processor) -> bool:
    """Whether an instruction is a gate whose noise at a processor is known."""
    name = instruction.name
    if not instruction.is_standard_gate() and (
        name not in _STANDARD_GATES or not isinstance(instruction.operation, Gate)
    ):
        return False
    if len(instruction.qubits) <= 2 or name in processor.gate_errors.names:
        return True
    return not (processor.depolarizing_1q or processor.depolarizing_2q)


def _parts(instruction: CircuitInstruction) -> QuantumCircuit | None:
    """What a composite gate is made of; None of anything else."""
    operation = instruction.operation
    known = instruction.name in _STANDARD_GATES or not isinstance(operation, Gate)
    return None if known else operation.definition


def _append_error(circuit: QuantumCircuit, error: QuantumError | None, qubits: tuple[Qubit, ...]) -> None:
    if error is not None:
        circuit._append(CircuitInstruction(error.to_instruction(), qubits))


def _keep(circuit: QuantumCircuit, instruction: CircuitInstruction) -> None:
    """Append what stays; its bits are there, so that Qiskit need not check each again."""
    if instruction.is_parameterized():  # which Qiskit copies, so that no other circuit's values change
        circuit.append(instruction)
    else:
        circuit._append(instruction)


def _only_node(name: str, nodes: list[Node]) -> Node:
    if len({node.name for node in nodes}) != 1:
        arrivals = " or ".join(f"a {arrival}" for arrival in sorted(ARRIVALS))
        raise UnsupportedOperation(
            f"{name!r} acts across the nodes {', '.join(sorted({n.name for n in nodes}))}: only {arrivals} may"
        )
    return nodes[0]


def _is_zero(delay: Instruction) -> bool:
    """Whether a delay takes no time in any unit."""
    return isinstance(delay.params[0], int | float) and delay.params[0] == 0
