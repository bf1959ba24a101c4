"""The circuit reading: a link becomes one flat circuit.

Every elementary pair has two qubits of its own, in a register named after the node that holds them. A pair
arrives as a ``bell_pair`` followed by its `PauliChannel`; then the primitives of the circuits floor are
appended, children before parents. With ``reuse_qubits`` few qubits stand for all of them in turn; with a
``timeline`` they wait in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    IfElseOp,
    Parameter,
    ParameterVector,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
)

from quantumlink import validation
from quantumlink.circuits import (
    TWIRL_ANGLES,
    bell_diagonal_channel,
    bell_pair,
    entanglement_swap,
    purification,
)
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, Purify, Swap
from quantumlink.program import CORRECTIONS, Corrections, Program, RandomSetting
from quantumlink.readings.timeline import Timeline
from quantumlink.rewrites import feedforward, pauli_frame, qubit_reuse

FloatArray = npt.NDArray[np.float64]

MAX_PAIRS = 20_000
"""Most elementary pairs that are composed into one circuit."""


def compose(
    link: Link,
    *,
    corrections: Corrections = "sequential",
    reuse_qubits: bool = False,
    timeline: Timeline | None = None,
) -> Program:
    """One flat circuit for a link, and how to read its bits.

    Args:
        link: the link to build.
        corrections: where the Pauli corrections are applied: ``"sequential"`` (in the circuit, after each
            swap; what `evaluate` predicts), ``"feedforward"`` (in the circuit, at the end, one parity
            condition each) or ``"frame"`` (afterwards, on the measured bits). As a correction's gate is only
            noisy where there is one, the three differ slightly under noise: ``evaluate(program)`` predicts each.
        reuse_qubits: whether a qubit that was measured is reset and used again, by whichever node needs one
            next: a chain of any length and order then takes four qubits, and two more for each round of
            purification. The state and the bits are the same, the depth is larger: see
            `quantumlink.rewrites.reuse_qubits`.
        timeline: what `simulate` found for this link, or None for a circuit without waiting. Every qubit then
            waits before each swap and purification, and at the end, for a `Delay` in seconds whose duration is a
            parameter; delays that are zero in every trial are left out. The program's last random setting holds
            the trials' waiting times, one row a trial: drawing rows plays their histories. Each is of the try
            that was accepted in the end, and a run must still be accepted by its heralds: a row is drawn with a
            probability inverse to that, so that every history counts alike among the accepted runs. The states
            are the timeline's if the corrections are ``"sequential"``; if they come later, T1 acts on other
            states meanwhile.

    Returns:
        A `Program` whose circuit is ideal but for its ``pauli_channel`` instructions; the nodes' noise is
        added when it runs.

    Raises:
        ValueError: if two different nodes of the link share a name, an option is unknown, or the timeline is of
            another link.
        UnsupportedOperation: if the corrections cannot be moved to the end (a twirl stands in between).

    >>> from quantumlink.hardware import Node

    >>> from quantumlink.link import ElementaryLink, swap
    >>> a, r, b = Node("alice"), Node("relay"), Node("bob")
    >>> compose(swap(ElementaryLink(a, r), ElementaryLink(r, b, fidelity=0.9)))
    <Program alice–bob: 4 qubits, depth 5, 0 heralds, corrections 'sequential'>
    """
    validation.instance("link", link, Link, "a link")
    validation.choice("corrections", corrections, CORRECTIONS)
    if link.pairs > MAX_PAIRS:
        raise ValueError(
            f"link must have at most {MAX_PAIRS} elementary pairs to be composed, got {link.pairs}: "
            f"evaluate predicts it without a circuit"
        )
    program = _Composer(link, None if timeline is None else _Waits(link, timeline)).program()
    if corrections == "frame":
        program = pauli_frame(program)
    elif corrections == "feedforward":
        program = feedforward(program)
    return qubit_reuse.reuse_qubits(program) if reuse_qubits else program


class _Waits:
    """The waiting times of a timeline's trials, as delays whose durations are parameters."""

    def __init__(self, link: Link, timeline: Timeline) -> None:
        validation.instance("timeline", timeline, Timeline, "a Timeline of this link, or None")
        if timeline.link != link:
            raise ValueError(f"timeline must be of the link {link!r}, got one of {timeline.link!r}")
        histories = timeline.histories()
        operations = histories.waits_s.transpose(1, 2, 0)  # operation, qubit, trial
        weights = 1 / histories.accepted
        self._probabilities = weights / weights.sum()
        self._columns = iter([*operations, histories.last_s.T])
        self._parameters: list[Parameter] = []
        self._table: list[FloatArray] = []

    def delay(self, circuit: QuantumCircuit, qubits: Sequence[Qubit]) -> None:
        """Let these qubits wait for the next of the operations' waiting times."""
        for qubit, times in zip(qubits, next(self._columns), strict=True):
            if times.any():
                parameter = Parameter(f"wait_{len(self._parameters):05d}")
                circuit.delay(parameter, qubit, unit="s")
                self._parameters.append(parameter)
                self._table.append(times)

    def setting(self) -> tuple[RandomSetting, ...]:
        """What a run draws: the waiting times of one trial. Nothing if no qubit ever waits."""
        if not self._table:
            return ()
        rows = tuple(tuple(row) for row in np.array(self._table).T.tolist())
        return (RandomSetting(tuple(self._parameters), rows, tuple(self._probabilities.tolist())),)


class _Composer:
    def __init__(self, link: Link, waits: _Waits | None = None) -> None:
        self._link = link
        self._waits = waits
        leaves = link.elementary_links()
        node_of: dict[str, Node] = {}
        sizes: Counter[str] = Counter()
        for leaf in leaves:
            for node in leaf.ends:
                if node_of.setdefault(node.name, node) != node:
                    raise ValueError(
                        f"two different nodes are named {node.name!r}: {node_of[node.name]!r}, {node!r}"
                    )
                sizes[node.name] += 1
        self._registers = {name: QuantumRegister(sizes[name], name) for name in node_of}
        self._free = {name: iter(register) for name, register in self._registers.items()}
        self._circuit = QuantumCircuit(*self._registers.values(), name=f"{link.left}-{link.right}")
        self._nodes = tuple(node_of[name] for name, register in self._registers.items() for _ in register)
        self._heralds: list[tuple[int, ...]] = []
        self._random: list[RandomSetting] = []
        self._counts: Counter[str] = Counter()
        self._pair = bell_pair().to_gate(label="Φ⁺")
        self._primitives: dict[str, QuantumCircuit] = {"swap": entanglement_swap()}

    def program(self) -> Program:
        left, right = self._build()
        ends = {
            node.name: self._circuit.find_bit(qubit).index
            for node, qubit in ((self._link.left, left), (self._link.right, right))
        }
        random = tuple(self._random)
        if self._waits is not None:
            self._waits.delay(self._circuit, (left, right))
            random += self._waits.setting()
        return Program(self._circuit, ends, self._nodes, tuple(self._heralds), random_settings=random)

    def _build(self) -> tuple[Qubit, Qubit]:
        stack: list[tuple[Qubit, Qubit]] = []
        for link in _every_occurrence(self._link):
            if isinstance(link, ElementaryLink):
                stack.append(self._elementary(link))
            elif isinstance(link, Swap):
                right, left = stack.pop(), stack.pop()
                stack.append(self._swap(left, right))
            elif isinstance(link, Purify):
                spent, kept = stack.pop(), stack.pop()
                stack.append(self._purify(link.protocol, kept, spent))
        return stack.pop()

    def _elementary(self, link: ElementaryLink) -> tuple[Qubit, Qubit]:
        left, right = next(self._free[link.left.name]), next(self._free[link.right.name])
        self._circuit.append(self._pair, [left, right])
        if link.fidelity < 1:
            self._circuit.append(bell_diagonal_channel(link.bell_diagonal), [right])
        return left, right

    def _swap(self, left: tuple[Qubit, Qubit], right: tuple[Qubit, Qubit]) -> tuple[Qubit, Qubit]:
        self._wait(left, right)
        self._append("swap", self._primitives["swap"], [left[0], left[1], right[0], right[1]])
        return left[0], right[1]

    def _purify(self, protocol: str, kept: tuple[Qubit, Qubit], spent: tuple[Qubit, Qubit]) -> tuple[Qubit, Qubit]:
        if protocol not in self._primitives:
            self._primitives[protocol] = purification(protocol)  # type: ignore[arg-type]
        primitive = self._primitives[protocol]
        if primitive.parameters:
            primitive = self._with_fresh_twirls(primitive)
        self._wait(kept, spent)
        first = self._circuit.num_clbits
        self._append("purify", primitive, [kept[0], spent[0], spent[1], kept[1]])
        for herald in primitive.metadata["heralds"]:
            self._heralds.append(tuple(first + bit for bit in herald))
        return kept

    def _wait(self, first: tuple[Qubit, Qubit], second: tuple[Qubit, Qubit]) -> None:
        if self._waits is not None:
            self._waits.delay(self._circuit, (*first, *second))

    def _with_fresh_twirls(self, primitive: QuantumCircuit) -> QuantumCircuit:
        values = {}
        for name in ("twirl_kept", "twirl_spent"):
            fresh = ParameterVector(f"twirl_{len(self._random)}", 3)
            values.update({p: fresh[p.index] for p in primitive.parameters if p.vector.name == name})
            self._random.append(RandomSetting(tuple(fresh), TWIRL_ANGLES))
        return primitive.assign_parameters(values)

    def _append(self, kind: str, primitive: QuantumCircuit, qubits: list[Qubit]) -> None:
        bits = ClassicalRegister(primitive.num_clbits, self._register_name(kind))
        self._circuit.add_register(bits)
        qubit_of = dict(zip(primitive.qubits, qubits, strict=True))
        clbit_of = dict(zip(primitive.clbits, bits, strict=True))
        for instruction in primitive.data:
            self._circuit.append(_placed(instruction, qubit_of, clbit_of))

    def _register_name(self, kind: str) -> str:
        name = f"{kind}_{self._counts[kind]}"
        self._counts[kind] += 1
        while name in self._registers:  # a node of that name
            name += "_"
        return name


def _placed(
    instruction: CircuitInstruction, qubit_of: Mapping[Qubit, Qubit], clbit_of: Mapping[Clbit, Clbit]
) -> CircuitInstruction:
    """A primitive's instruction in the circuit's bits: what `QuantumCircuit.compose` does, in a third of the time.

    Blocks are told in the circuit's own bits as well: Qiskit's drawer needs them so.
    """
    operation = instruction.operation
    qubits = tuple(qubit_of[q] for q in instruction.qubits)
    clbits = tuple(clbit_of[c] for c in instruction.clbits)
    if isinstance(operation, IfElseOp):
        blocks = []
        for block in operation.blocks:
            told = QuantumCircuit(list(qubits), list(clbits))
            for inner in block.data:
                told.append(inner.operation, [qubits[block.find_bit(q).index] for q in inner.qubits])
            blocks.append(told)
        bit, value = operation.condition  # in the primitives that links are made of, always one bit's
        operation = IfElseOp((clbit_of[bit], value), *blocks)
    return CircuitInstruction(operation, qubits, clbits)


def _every_occurrence(link: Link) -> Iterator[Link]:
    """Every node of the tree, children before parents, shared subtrees as often as they occur."""
    stack = [(link, False)]
    while stack:
        current, expanded = stack.pop()
        if expanded or not current.children:
            yield current
        else:
            stack.append((current, True))
            stack.extend((child, False) for child in reversed(current.children))
