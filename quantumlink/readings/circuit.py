"""The circuit reading: a link becomes one flat circuit.

Every elementary pair has two qubits of its own, in a register named after the node that holds them. A pair
arrives as a ``bell_pair`` followed by its `PauliChannel`; then the primitives of the circuits floor are
appended, children before parents. With ``reuse_qubits`` few qubits stand for all of them in turn; with a
``timeline`` they wait in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    Parameter,
    ParameterVector,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
)

from quantumlink import validation
from quantumlink.circuits import (
    Operation,
    PauliChannel,
    bell_diagonal_channel,
    bell_pair,
)
from quantumlink.hardware import Node
from quantumlink.hardware.processor import Side
from quantumlink.link import (
    ElementaryLink,
    Encoded,
    Encoding,
    Join,
    Link,
    LogicalOperation,
    Purify,
    Swap,
)
from quantumlink.link.arriving_pair import PREPARATION_ANGLES, STATED_PAIR, StatedPair, preparations
from quantumlink.program import CORRECTIONS, Corrections, Program, RandomSetting
from quantumlink.readings.maps import sides_of
from quantumlink.readings.perfect import target_of
from quantumlink.readings.placing import Primitive
from quantumlink.readings.shared_state import MAX_ENDS, stabilizers_of
from quantumlink.readings.succeeding import check_succeeds
from quantumlink.readings.timeline import Timeline
from quantumlink.readings.trial_waits import Waits
from quantumlink.rewrites import feedforward, pauli_frame, qubit_reuse
from quantumlink.rewrites.classical_bits import without_registers

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
        NeverSucceeds: if an operation can never succeed on its links. Operations of two pairs and of up to 8
            qubits are followed to see that, larger ones of up to 20 if no more than 10 qubits are entangled in them
            at one time and it takes no longer than tenths of a second; what others deliver is not looked at, and
            `sample` warns if no run is accepted.
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
    check_succeeds(link)
    waits = None if timeline is None else Waits(link, timeline)
    program = _Composer(link, waits, conditional=corrections == "sequential").program()
    if corrections == "frame":
        program = pauli_frame(program)
    elif corrections == "feedforward":
        program = feedforward(program)
    return qubit_reuse.reuse_qubits(program) if reuse_qubits else program


def compose_joined(link: Join, corrections: Corrections) -> tuple[Program, dict[int, int]]:
    """The circuit of a join, and where each qubit of its operation's circuit stands in it.

    Raises:
        NeverSucceeds: as `compose`; of a join whose qubits carry inputs, if one of its links never does.
    """
    for part in link.links if link.operation.data else (link,):
        check_succeeds(part)
    composer = _Composer(link, conditional=corrections == "sequential")
    program = composer.program()
    place = {q: composer.circuit.find_bit(qubit).index for q, qubit in composer.last_place.items()}
    if corrections == "frame":
        return pauli_frame(program), place
    return (feedforward(program) if corrections == "feedforward" else program), place


class _Composer:
    def __init__(self, link: Link, waits: Waits | None = None, *, conditional: bool = True) -> None:
        self._link = link
        self._waits = waits
        self._conditional = conditional
        """Whether conditions stay in the circuit; if not, a rewrite is to take them out."""
        node_of: dict[str, Node] = {}
        sizes: Counter[str] = Counter()
        flags: list[Node] = []
        for part in _every_occurrence(link):
            for node in _own_qubits(part):
                known = node_of.setdefault(node.name, node)
                if known is not node and known != node:
                    raise ValueError(f"two different nodes are named {node.name!r}: {known!r}, {node!r}")
                sizes[node.name] += 1
            if isinstance(part, Join) and part.operation.success_probability < 1:
                flags.append(Node(f"detector of {part.end_labels[0]}–{part.end_labels[-1]}"))
        self._registers = {name: QuantumRegister(sizes[name], name) for name in node_of}
        self._free = {name: iter(register) for name, register in self._registers.items()}
        nodes = [node_of[name] for name, register in self._registers.items() for _ in register]
        registers = list(self._registers.values())
        if flags:
            name = "detector"
            while name in self._registers:
                name += "_"
            registers.append(QuantumRegister(len(flags), name))
            self._flags = iter(registers[-1])
        self._circuit = QuantumCircuit(*registers, name=f"{link.left}-{link.right}")
        self._nodes = [*nodes, *flags]
        self._link_nodes = tuple(self._nodes)
        self._uneven = any(not node.processor.is_even for node in node_of.values())
        self._heralds: list[tuple[int, ...]] = []
        self._odd_heralds: list[tuple[int, ...]] = []
        self._random: list[RandomSetting] = []
        self._counts: Counter[str] = Counter()
        self._pair = bell_pair().to_gate(label="Φ⁺")
        self._channels: dict[tuple[float, ...], PauliChannel] = {}
        self._primitives: dict[int, Primitive] = {}
        """The circuits of operations, by ``id``."""
        self.last_place: dict[int, Qubit] = {}
        """Where each qubit of the operation stands that was appended last."""
        self._preparations: dict[int, tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]] = {}

    @property
    def circuit(self) -> QuantumCircuit:
        """What was composed so far."""
        return self._circuit

    def program(self) -> Program:
        qubits = self._build()
        ends = {
            label: self._circuit.find_bit(qubit).index
            for label, qubit in zip(self._link.end_labels, qubits, strict=True)
        }
        random = tuple(self._random)
        if self._waits is not None:
            self._waits.delay(self._circuit, qubits)
            random += self._waits.setting()
        return Program(
            self._circuit,
            ends,
            tuple(self._nodes),
            tuple(self._heralds),
            random_settings=random,
            odd_heralds=tuple(self._odd_heralds),
            stabilizers=self._stabilizers(),
        )

    def _stabilizers(self) -> tuple[tuple[str, int], ...]:
        """Of the state that the link is to deliver, where that is not Φ⁺."""
        ends = len(self._link.ends)
        return () if ends == 2 or ends > MAX_ENDS else stabilizers_of(target_of(self._link))

    def _build(self) -> tuple[Qubit, ...]:
        stack: list[tuple[Qubit, ...]] = []
        for link in _every_occurrence(self._link):
            if isinstance(link, Join):
                count = len(link.links)
                qubits = [q for ends in stack[-count:] for q in ends]
                del stack[-count:]
                stack.append(self._join(link, qubits))
            elif isinstance(link, ElementaryLink):
                stack.append(self._elementary(link))
            else:
                raise TypeError(f"a link must be an ElementaryLink or a Join to be composed, got {link!r}")
        return stack.pop()

    def _elementary(self, link: ElementaryLink) -> tuple[Qubit, Qubit]:
        left, right = next(self._free[link.left.name]), next(self._free[link.right.name])
        if self._uneven:
            self._face((left, right), ("right", "left"))
        if not link.is_bell_diagonal:
            self._circuit.append(self._prepared(link), [left, right])
        else:
            self._arrive(link, left, right)
        for node, qubit in zip(link.ends, (left, right), strict=True):
            if lost := node.memory.move_depolarizing:
                self._circuit.append(PauliChannel(lost / 4, lost / 4, lost / 4), [qubit])
        return left, right

    def _arrive(self, link: ElementaryLink, left: Qubit, right: Qubit) -> None:
        """A pair in a mixture of Bell states."""
        self._circuit._append(CircuitInstruction(self._pair, (left, right)))
        if link.fidelity < 1:
            channel = self._channels.get(link.bell_diagonal)
            if channel is None:
                channel = self._channels[link.bell_diagonal] = bell_diagonal_channel(link.bell_diagonal)
            self._circuit._append(CircuitInstruction(channel, (right,)))

    def _face(self, qubits: Sequence[Qubit], sides: Sequence[Side | None]) -> None:
        """Note on which side of their nodes the qubits' links are, where qubits are not read alike."""
        for qubit, side in zip(qubits, sides, strict=True):
            index = self._circuit.find_bit(qubit).index
            node = self._link_nodes[index]
            self._nodes[index] = replace(node, processor=node.processor.facing(side))

    def _prepared(self, link: ElementaryLink) -> StatedPair:
        """A stated state: one of its eigenvectors, drawn anew in every run."""
        if id(link) not in self._preparations:
            self._preparations[id(link)] = preparations(link.state.data)
        rows, weights = self._preparations[id(link)]
        angles = tuple(ParameterVector(f"pair_{self._counts[STATED_PAIR]}", PREPARATION_ANGLES))
        self._counts[STATED_PAIR] += 1
        if len(rows) == 1:
            return StatedPair(rows[0])
        self._random.append(RandomSetting(angles, rows, weights))
        return StatedPair(angles)

    def _join(self, link: Join, qubits: list[Qubit]) -> tuple[Qubit, ...]:
        """Append an operation on these qubits, in the order of its inputs; what it delivers."""
        operation = link.operation
        if self._waits is not None:
            self._waits.delay(self._circuit, qubits)
        ports = [q for ends in operation.inputs for q in ends]
        place = dict(zip(ports, qubits, strict=True))
        for q, site in enumerate(operation.site_of_qubit):
            if q not in place:
                place[q] = next(self._free[link.nodes[site].name])
        if self._uneven:
            self._face([place[q] for q in range(len(place))], sides_of(operation))
        circuit = operation.circuit
        if isinstance(operation, LogicalOperation):
            _check_perfect(link)
            circuit = operation.played
        if operation.random_settings:
            circuit = self._with_fresh_parameters(operation)
        self.last_place = place
        first = self._circuit.num_clbits
        self._append(operation, _register_kind(link), circuit, [place[q] for q in range(circuit.num_qubits)])
        for mine, parities in ((self._heralds, operation.heralds), (self._odd_heralds, operation.odd_heralds)):
            mine.extend(tuple(first + bit for bit in parity) for parity in parities)
        if operation.success_probability < 1:
            self._succeed(link)
        return tuple(place[q] for q in operation.outputs)

    def _succeed(self, link: Join) -> None:
        """A detector's qubit, flipped where the operation fails: its herald refuses those runs."""
        flag = next(self._flags)
        self._circuit.append(PauliChannel(1 - link.operation.success_probability, 0.0, 0.0), [flag])
        first = self._circuit.num_clbits
        bits = ClassicalRegister(1, self._register_name("failed"))
        self._circuit.add_register(bits)
        self._circuit.measure(flag, bits[0])
        self._heralds.append((first,))

    def _with_fresh_parameters(self, operation: Operation) -> QuantumCircuit:
        values: dict[Parameter, Parameter] = {}
        for setting in operation.random_settings:
            fresh = ParameterVector(f"twirl_{len(self._random)}", len(setting.parameters))
            values.update(zip(setting.parameters, fresh, strict=True))
            self._random.append(RandomSetting(tuple(fresh), setting.rows, setting.probabilities))
        return operation.circuit.assign_parameters(values)

    def _append(self, operation: Operation, kind: str, primitive: QuantumCircuit, qubits: list[Qubit]) -> None:
        clbits: list[Clbit] = []
        if primitive.num_clbits:
            bits = ClassicalRegister(primitive.num_clbits, self._register_name(kind))
            self._circuit.add_register(bits)
            clbits = list(bits)
        known = self._primitives.get(id(primitive))
        if known is None:
            known = Primitive(primitive)
            if primitive is operation.circuit:  # which lives as long as the link
                self._primitives[id(primitive)] = known
        if not known.is_simple:
            self._circuit.compose(without_registers(primitive), qubits, clbits, inplace=True)
            return
        # Bits are known to be there and to fit: Qiskit need not check each again.
        add = self._circuit._append
        for instruction in known.placed(qubits, clbits, retell=self._conditional):
            add(instruction)

    def _register_name(self, kind: str) -> str:
        name = f"{kind}_{self._counts[kind]}"
        self._counts[kind] += 1
        while name in self._registers:  # a node of that name
            name += "_"
        return name


def _check_perfect(link: Join) -> None:
    """Refuse to play an encoded link where nodes have errors: bare qubits have others than logical ones."""
    operation = link.operation
    for site in sorted(operation.acting_sites if isinstance(operation, Encoding) else {1}):
        if not link.nodes[site].processor.is_ideal:
            raise ValueError(
                f"a composed circuit takes logical qubits out of their code, and the errors of "
                f"{link.nodes[site].name!r} would then act on bare qubits in {operation.name!r}: compose encoded "
                f"links between nodes without errors of gates and readout; evaluate, forecast and simulate tell "
                f"others"
            )


def _register_kind(link: Join) -> str:
    """What the register of an operation's bits is called."""
    return {Swap: "swap", Purify: "purify", Encoded: "encode"}.get(type(link), "join")


def _own_qubits(part: Link) -> Iterator[Node]:
    """The nodes of the qubits that a part brings: an elementary link's two, an operation's that no link gives."""
    if not isinstance(part, Join):
        yield from part.ends
        return
    operation = part.operation
    if operation.circuit.num_qubits == sum(map(len, operation.inputs)):
        return
    given = {q for ends in operation.inputs for q in ends}
    yield from (part.nodes[site] for q, site in enumerate(operation.site_of_qubit) if q not in given)


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
