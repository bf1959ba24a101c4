"""Circuits over links: a circuit that consumes links through named ports, and what it does to its other qubits.

Three lines tell how well a chain teleports:

>>> import quantumlink as ql
>>> nodes = [ql.Node(name) for name in "arb"]
>>> chain = ql.chain([ql.ElementaryLink(*ends, fidelity=0.9) for ends in zip(nodes, nodes[1:])])
>>> program = wire(ql.circuits.teleportation(prepare_pair=False), links={"pair": chain})
>>> round(program.channel.average_fidelity, 6), round((2 * ql.evaluate(chain).fidelity + 1) / 3, 6)
(0.875556, 0.875556)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.ports import Ports

from quantumlink import validation
from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.circuits import Operation
from quantumlink.exact import PAULI_MATRICES
from quantumlink.hardware import Node
from quantumlink.link import Join, Link
from quantumlink.link.joins import retrieved, same_hardware
from quantumlink.link.operations import as_operation
from quantumlink.program import CORRECTIONS, Corrections, Program
from quantumlink.readings.circuit import compose_joined
from quantumlink.readings.folding import IMPOSSIBLE, NeverSucceeds, fold
from quantumlink.readings.maps import carrier
from quantumlink.readings.perfect import perfect

if TYPE_CHECKING:
    from qiskit.quantum_info import SuperOp


MAX_CHANNEL_QUBITS = 4
"""Most input qubits of a channel that is told exactly: 4⁴ inputs at once."""

UNITARY = 1e-9
"""How far from 1 the unitarity of a perfect channel may be (rounding)."""


@dataclass(frozen=True, eq=False, repr=False)
class WiredChannel:
    """What a wired circuit does to its inputs, exactly, given that all heralds accept.

    Inputs and outputs stand in the order of `inputs` and `outputs`, the first as Qiskit's qubit 0.
    """

    transfer: FloatArray
    """Shape (4^outputs, 4^inputs), not normalized: Tr(P·E(Q))/2^inputs; rows and columns count Paulis in the order
    I, X, Y, Z with the *first* qubit as the most significant digit."""
    inputs: tuple[str, ...]
    """The qubits that carry an input, by port."""
    outputs: tuple[str, ...]
    """What the ends are called at which its outputs are."""
    perfect_transfer: FloatArray
    """The same of perfect links and nodes."""

    @property
    def success_probability(self) -> float:
        """The probability that all heralds accept, of a maximally mixed input."""
        return float(self.transfer[0, 0])

    @property
    def superop(self) -> SuperOp:
        """Qiskit's superoperator, qubit 0 the first input and output; trace preserving where no herald refuses."""
        from qiskit.quantum_info import SuperOp

        rows, columns = len(self.outputs), len(self.inputs)
        matrix = _pauli_vectors(rows).T @ self.transfer @ _pauli_vectors(columns).conj() / 2**rows
        return SuperOp(matrix, input_dims=(2,) * columns or (1,), output_dims=(2,) * rows)

    @property
    def process_fidelity(self) -> float:
        """Fidelity to the perfect channel, of one half of maximally entangled inputs.

        Raises:
            ValueError: if the perfect channel is not unitary.
        """
        size = self.transfer.shape[1]
        if not self.perfect_transfer[0, 0]:
            raise ValueError(
                "a fidelity needs a channel to compare with, and with perfect links and nodes no run of this "
                "circuit is accepted: see superop"
            )
        ideal = self.perfect_transfer / self.perfect_transfer[0, 0]
        unitarity = float((ideal**2).sum()) / size
        if self.transfer.shape[0] != size or abs(unitarity - 1) > UNITARY:
            raise ValueError(
                f"a fidelity needs a unitary to compare with; even with perfect links this circuit takes "
                f"{len(self.inputs)} qubits to {len(self.outputs)} with unitarity {unitarity:.6g}: compare superop"
            )
        fidelity: float = float((ideal * self.transfer).sum()) / size / self.success_probability
        return fidelity

    @property
    def average_fidelity(self) -> float:
        """Fidelity to the perfect channel, averaged over all pure inputs: (d·F + 1)/(d + 1), F `process_fidelity`.

        M. Horodecki, P. Horodecki, R. Horodecki, Phys. Rev. A 60, 1888 (1999). Where heralds refuse some inputs
        more often than others, inputs count as often as they are accepted.

        Raises:
            ValueError: if the perfect channel is not unitary.
        """
        d = 2 ** len(self.inputs)
        average: float = (d * self.process_fidelity + 1) / (d + 1)
        return average

    def __repr__(self) -> str:
        return (
            f"<WiredChannel {', '.join(self.inputs)} -> {', '.join(self.outputs)}: success probability "
            f"{self.success_probability:.6g}>"
        )


@dataclass(frozen=True, repr=False)
class WiredProgram(Program):
    """A program made by `wire`: it starts with its inputs in |0⟩, and knows what it does to any."""

    inputs: Mapping[str, int] = field(default_factory=dict)
    """The qubits that carry an input, by port of the circuit that was wired."""
    wired: Join | None = None
    """The circuit and the links, as an expression."""

    @cached_property
    def channel(self) -> WiredChannel:
        """What it does to its inputs, exactly, corrections in the circuit: folded from the links, not gate by gate.

        Raises:
            NeverSucceeds: if no run is accepted, whatever the inputs are.
            ValueError: if there are too many inputs, or too much is entangled at one time.
        """
        assert self.wired is not None
        if len(self.inputs) > MAX_CHANNEL_QUBITS:
            raise ValueError(
                f"a channel of at most {MAX_CHANNEL_QUBITS} input qubits is told exactly, got {len(self.inputs)}: "
                f"name fewer inputs (the others start in |0⟩), or sample the program"
            )
        twin = perfect(self.wired)
        assert isinstance(twin, Join)
        transfer = _transfer(self.wired)
        try:
            ideal = _transfer(twin)
        except NeverSucceeds:  # it accepts errors only
            ideal = np.zeros_like(transfer)
        return WiredChannel(transfer, tuple(self.inputs), self.wired.end_labels, ideal)


def wire(
    circuit: QuantumCircuit | Operation,
    links: Mapping[Any, Link],
    *,
    nodes: Mapping[Any, Node] | None = None,
    inputs: Sequence[Any] | None = None,
    outputs: Sequence[Any] | None = None,
    corrections: Corrections = "sequential",
) -> WiredProgram:
    """Let a circuit consume links: teleport this qubit, apply that gate to qubits far apart.

    Args:
        circuit: a circuit, plain or dynamic, whose qubits stand at nodes: those that receive a link's end, and what
            gates join to them, at that end's node. Or an `Operation`: with its heralds, random settings, sites and
            probability to work at all, its outputs and its inputs as ``"pair[i]"`` unless others are named here;
            each of its inputs takes a link, unless its qubits are named in ``inputs``.
        links: what arrives, by port: the name of a register with a qubit for each end of the link, in their
            order; a tuple of qubits (by name, ``"register[i]"``, index or itself); or ``"pair"``, ``"pair[i]"``
            for what the circuit's metadata says.
        nodes: the node of qubits that no gate joins to a link's end, by port or register.
        inputs: the qubits that carry an input, in order; the others start in |0⟩. All that receive no link if None.
        outputs: the qubits that are delivered, in order; all that are not measured in the end if None.
        corrections: as in `compose`.

    Returns:
        A `Program` with an end for each output, and its exact ``channel``.

    Raises:
        NeverSucceeds: as `compose`; where qubits carry inputs, ``channel`` tells.
        ValueError: if a port is missing or does not fit its link, the circuit acts across nodes, or an operation is
            one of logical qubits.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink import ElementaryLink, Node
    >>> from quantumlink.circuits import teleportation
    >>> link = ElementaryLink(Node("a"), Node("b"), fidelity=0.9)
    >>> program = wire(teleportation(prepare_pair=False), {"pair": link})
    >>> round(float(program.channel.average_fidelity), 4)
    0.9333
    """
    told = as_operation("circuit", circuit).plain if isinstance(circuit, Operation) else None
    pairs: Sequence[Any] | None = None
    named = inputs is not None
    if told is not None:
        circuit, pairs = told.circuit, told.inputs
        outputs = told.outputs if outputs is None else outputs
        inputs = (told.data or None) if inputs is None else inputs
    circuit = validation.instance("circuit", circuit, QuantumCircuit, "a QuantumCircuit")
    validation.choice("corrections", corrections, CORRECTIONS)
    if not isinstance(links, Mapping) or not links:
        raise TypeError(f"links must map ports to at least one link, got {links!r}")
    for key, link in links.items():
        validation.instance(f"links[{key!r}]", link, Link, "a link")
    given = dict(nodes or {})
    for key, node in given.items():
        validation.instance(f"nodes[{key!r}]", node, Node, "a Node")
    if pairs is None:
        pairs = (circuit.metadata or {}).get("pairs", ())
    ports = [_ports(circuit, pairs, key, link) for key, link in links.items()]
    operation = Operation.with_data(
        circuit,
        ports,
        outputs,
        data=inputs,
        sites=_sites(told, circuit, {key: node.name for key, node in given.items()}),
        called={"inputs": "links", "data": "inputs", "sites": "nodes"},
        like=told,
    )
    if told is not None:
        _check_supplied(told, operation, named=named)
    wired = _wired(operation, tuple(links.values()), {node.name: node for node in given.values()})
    program, place = compose_joined(wired, corrections)
    own = {f.name: getattr(program, f.name) for f in fields(Program)}
    names = {operation.port(q): place[q] for q in operation.data}
    return WiredProgram(**own, inputs=names, wired=wired)


def _ports(circuit: QuantumCircuit, pairs: Sequence[Any], key: Any, link: Link) -> tuple[Any, ...]:
    """The qubits that a link's ends arrive at."""
    count = len(link.ends)
    if isinstance(key, tuple):
        found = key
    else:
        register = next((r for r in circuit.qregs if r.name == key), None)
        told = {f"pair[{i}]": pair for i, pair in enumerate(pairs)}
        if len(pairs) == 1:
            told["pair"] = pairs[0]
        if register is not None:
            found = tuple(register)
        elif key in told:
            found = tuple(told[key])
        else:
            have = ", ".join([*(f"{r.name} of {r.size}" for r in circuit.qregs), *told]) or "none"
            raise ValueError(
                f"links must name registers of {circuit.name!r}, tuples of its qubits, or pairs of its "
                f"metadata; got "
                f"{key!r}, it has {have}"
            )
    if len(found) != count:
        raise ValueError(
            f"port {key!r} has {len(found)} qubits, but its link {link!r} has {count} ends: one qubit for each"
        )
    return found


def _check_supplied(told: Operation, operation: Operation, *, named: bool) -> None:
    """Refuse an operation of which an input neither receives a link nor is named as one that carries a state."""
    brought = {q for qubits in operation.inputs for q in qubits} | set(operation.data if named else told.data)
    missing = [operation.port(q) for qubits in told.inputs for q in qubits if q not in brought]
    if missing:
        raise ValueError(
            f"links must supply each input of {told.name!r}, nothing arrives at {', '.join(missing)}: give a link, "
            f"or name these qubits in inputs if they bring a state of their own"
        )


def _sites(told: Operation | None, circuit: QuantumCircuit, named: Mapping[Any, str]) -> Mapping[Any, str]:
    """Which qubits stand together, as an operation says if it is one: sites by their nodes' names, if given."""
    if told is None:
        return named
    node_of: dict[str, str] = {}
    ports = Ports(circuit)
    for key, name in named.items():
        for q in ports.register("nodes", key):
            other = node_of.setdefault(told.sites[q], name)
            if other != name:
                raise ValueError(
                    f"the operation {told.name!r} has {ports.name(q)} at its site {told.sites[q]!r}, which would "
                    f"be at {other!r} and at {name!r}: see nodes"
                )
    taken = set(node_of.values())
    for site in told.site_names:
        if site not in node_of:
            name = site
            while name in taken:  # a node of that name stands elsewhere
                name += "'"
            node_of[site] = name
            taken.add(name)
    return {q: node_of[site] for q, site in enumerate(told.sites)}


def _wired(operation: Operation, links: tuple[Link, ...], given: Mapping[str, Node]) -> Join:
    nodes: list[Node] = []
    for name, ports in zip(operation.site_names, operation.site_ports, strict=True):
        ends = [links[link].ends[end] for link, end in ports]
        if name in given:
            ends.append(given[name])
        for other in ends[1:]:
            if other.name != ends[0].name:
                told = ", ".join(operation.port(operation.inputs[link][end]) for link, end in ports)
                raise ValueError(
                    f"the circuit {operation.name!r} acts across nodes: gates or sites join {told} and what "
                    f"belongs to them, which would be at {ends[0].name!r} and at {other.name!r}; only links reach "
                    f"from node to node"
                )
            same_hardware(ends[0], other)
        if not ends:
            alone = ", ".join(operation.port(q) for q, site in enumerate(operation.sites) if site == name)
            raise ValueError(f"no link ends where {alone} of {operation.name!r} stand: name their node in nodes")
        nodes.append(ends[0])
    sites = operation.site_of_qubit
    ends = [nodes[sites[q]] for q in operation.outputs]
    operation = retrieved(operation, nodes)
    return Join(ends[0], ends[-1], sum(link.pairs for link in links), operation, links, tuple(nodes))


def _pauli_vectors(qubits: int) -> ComplexArray:
    """Shape (4^qubits, 4^qubits): a row for each Pauli, as Qiskit's superoperators stack its columns."""
    found: ComplexArray = np.ones((1, 1, 1), dtype=complex)
    for _ in range(qubits):  # the first qubit is the most significant digit, and the least significant factor
        size = 2 * found.shape[1]
        found = np.einsum("pij,qkl->pqkilj", found, PAULI_MATRICES).reshape(-1, size, size)
    return found.transpose(0, 2, 1).reshape(len(found), -1)


def _transfer(wired: Join) -> FloatArray:
    """Shape (4^outputs, 4^inputs)."""
    states = [fold(link)[id(link)] for link in wired.links]
    operation = wired.operation.with_data_as_link()
    vectors = [state.vector[None] for state in states]
    if wired.operation.data:
        # An input of coefficients Tr(P·ρ) = δ is Q/2ⁿ: so the columns are those of a transfer matrix.
        vectors.append(np.eye(4 ** len(wired.operation.data)))
    found = carrier(operation, [node.processor for node in wired.nodes])(*vectors)
    if found[0, 0] < IMPOSSIBLE:  # of a maximally mixed input
        raise NeverSucceeds(f"this circuit can never succeed: {wired!r}")
    accepted = float(np.prod([state.success_probability for state in states]))
    matrix: FloatArray = accepted * found.T
    return matrix
