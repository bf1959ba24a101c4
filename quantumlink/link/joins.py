"""Joins: the one inner node of a link's tree, an operation and the links that it consumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain as concatenated
from itertools import product
from math import prod

from quantumlink import validation
from quantumlink.circuits import Operation
from quantumlink.hardware import Node
from quantumlink.link.operations import as_operation
from quantumlink.link.tree import Link

MAX_TURNED = 12
"""Most links whose directions are told by trying."""


@dataclass(frozen=True, eq=False, repr=False)
class Join(Link):
    """Links made into one by an operation: see `join`.

    >>> import quantumlink as ql
    >>> from quantumlink.circuits import fuse_pairs_to_ghz
    >>> center, a, b = ql.Node("center"), ql.Node("a"), ql.Node("b")
    >>> link = ql.join(fuse_pairs_to_ghz(2), ql.ElementaryLink(center, a), ql.ElementaryLink(center, b))
    >>> len(link.ends), link.pairs
    (3, 2)
    """

    operation: Operation
    """What is done."""
    links: tuple[Link, ...]
    """The links that it consumes, in the order of its inputs."""
    nodes: tuple[Node, ...]
    """The node at each of the operation's sites."""

    @property
    def children(self) -> tuple[Link, ...]:
        """The links that it consumes."""
        return self.links

    @property
    def ends(self) -> tuple[Node, ...]:
        """The node of each qubit that is delivered, in order."""
        return delivered(self.operation, self.nodes)

    @property
    def does(self) -> str:
        """What is done, in words."""
        return f"{self.operation.name} to {'–'.join(self.end_labels)}"

    @property
    def caption(self) -> str:
        """What is done, as briefly as a picture has room for."""
        return self.operation.name

    def with_links(self, links: Sequence[Link]) -> Join:
        """The same operation on other links between nodes of the same names."""
        nodes = _bound(self.operation, links)
        assert nodes is not None
        return _made(type(self), self.operation, tuple(links), nodes)

    def _own_fields(self) -> tuple[object, ...]:
        return (self.operation,)


@dataclass(frozen=True, eq=False, repr=False)
class Swap(Join):
    """Two links joined at a relay: see `swap`.

    >>> import quantumlink as ql
    >>> a, m, b = ql.Node("a"), ql.Node("m"), ql.Node("b")
    >>> link = ql.swap(ql.ElementaryLink(a, m, fidelity=0.9), ql.ElementaryLink(m, b, fidelity=0.8))
    >>> link
    <Swap a–b via m, 2 elementary pairs>
    >>> round(float(ql.evaluate(link).fidelity), 6)  # Werner pairs: 1/4 + 3/4 w₁ w₂
    0.726667
    """

    @property
    def left_link(self) -> Link:
        """The left link."""
        return self.links[0]

    @property
    def right_link(self) -> Link:
        """The right link."""
        return self.links[1]

    @property
    def relay(self) -> Node:
        """The node where the two links meet."""
        return self.links[0].right

    @property
    def ends(self) -> tuple[Node, ...]:
        """The two end nodes, left and right."""
        return self.left, self.right

    @property
    def does(self) -> str:
        """What is done, in words."""
        how = "" if self.operation.name == "entanglement_swap" else f" by {self.operation.name}"
        return f"swap at {self.relay}{how}: {self.left}–{self.right}"

    @property
    def caption(self) -> str:
        """What is done, as briefly as a picture has room for."""
        return f"swap at {self.relay}"


@dataclass(frozen=True, eq=False, repr=False)
class Purify(Join):
    """One link improved at the expense of others: see `purify`.

    >>> import quantumlink as ql
    >>> pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.7)
    >>> link = ql.purify(pair, pair, by="bbpssw")
    >>> state = ql.evaluate(link)
    >>> link.pairs, round(float(state.success_probability), 6), round(float(state.fidelity), 6)
    (2, 0.68, 0.735294)
    """

    @property
    def kept(self) -> Link:
        """The link that is improved."""
        return self.links[0]

    @property
    def spent(self) -> Link | tuple[Link, ...]:
        """The link that is measured; of several, a tuple."""
        return self.links[1] if len(self.links) == 2 else self.links[1:]

    @property
    def protocol(self) -> str:
        """The name of the purification."""
        return self.operation.name

    @property
    def ends(self) -> tuple[Node, ...]:
        """The two end nodes, left and right."""
        return self.left, self.right

    @property
    def does(self) -> str:
        """What is done, in words."""
        return f"purify {self.left}–{self.right} by {self.protocol}"


def join(operation: object, *links: Link) -> Join:
    """Wire links into an operation: any circuit with ports, on any number of nodes.

    Links may be told from either end: they are turned where that is the only way in which all ends that the
    operation has at one site are at one node.

    Args:
        operation: an `Operation`, a circuit or a builder of one (see `Operation` for what its ports are), or the
            name of one of the library's.
        links: the links that it consumes, in the order of its inputs.

    Returns:
        A link between the nodes of all qubits that are delivered, in their order: ``.ends``.

    Raises:
        ValueError: if the operation has no ports for these links, its sites do not fit their nodes, or two nodes of
            one name differ in their hardware.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink.circuits import fuse_pairs_to_ghz
    >>> from quantumlink.link import ElementaryLink
    >>> a, b, center = Node("a"), Node("b"), Node("center")
    >>> join(fuse_pairs_to_ghz(2), ElementaryLink(a, center), ElementaryLink(b, center))
    <Join a–b–center, 2 elementary pairs>
    """
    return joined(Join, as_operation("operation", operation), links)


def joined(kind: type[Join], operation: Operation, links: Sequence[Link]) -> Join:
    """A join of that kind, its links turned as they need be."""
    for i, link in enumerate(links):
        validation.instance(f"links[{i}]", link, Link, "a link")
    if len(links) != len(operation.inputs):
        raise ValueError(
            f"{operation.name} consumes {len(operation.inputs)} links, got {len(links)}: its ports are "
            f"{operation!r}"
        )
    for i, (link, qubits) in enumerate(zip(links, operation.inputs, strict=True)):
        if len(link.ends) != len(qubits):
            ports = ", ".join(map(operation.port, qubits))
            raise ValueError(
                f"input {i} of {operation.name} takes a link of {len(qubits)} ends (at {ports}), got {link!r} with "
                f"{len(link.ends)}"
            )
    for node in concatenated.from_iterable(link.ends for link in links):
        validation.instance("a link's end", node, Node, "a Node")
    nodes = _bound(operation, links)
    if nodes is None:
        if kind is not Join:  # a swap and a purification say in which direction each link stands
            raise ValueError(_misfit(operation, links))
        operation, nodes = _turned(operation, links)
    return _made(kind, operation, tuple(links), nodes)


def delivered(operation: Operation, nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The node of each qubit that is delivered, of the nodes at each site."""
    site = operation.site_of_qubit
    return tuple(nodes[site[qubit]] for qubit in operation.outputs)


def same_hardware(a: Node, b: Node) -> None:
    """Refuse two nodes of one name that differ."""
    if a is not b and a != b:
        raise ValueError(f"two different nodes are named {a.name!r}: {a!r} and {b!r}")


def _bound(operation: Operation, links: Sequence[Link]) -> tuple[Node, ...] | None:
    """The node at each site; None if a site would be at two of them, or a link's ends at one."""
    ends = [link.ends for link in links]
    found = []
    for ports in operation.site_ports:
        first, *others = (ends[link][end] for link, end in ports)
        for other in others:
            if other.name != first.name:
                return None
            same_hardware(first, other)
        found.append(first)
    return tuple(found)


def _turned(operation: Operation, links: Sequence[Link]) -> tuple[Operation, tuple[Node, ...]]:
    """The operation, some links told from their other end, that fits these links in the only way there is."""
    fitting: list[tuple[Operation, tuple[Node, ...]]] = []
    if len(links) <= MAX_TURNED and all(len(link.ends) == 2 for link in links):
        for which in product((False, True), repeat=len(links)):
            other = operation.turned(i for i, turn in enumerate(which) if turn)
            nodes = _bound(other, links)
            if nodes is not None:
                fitting.append((other, nodes))
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ValueError(
            f"the links fit {operation.name} in {len(fitting)} ways, none of them as they are given: tell each "
            f"from "
            f"the end that its port says ({operation!r})"
        )
    raise ValueError(_misfit(operation, links))


def _misfit(operation: Operation, links: Sequence[Link]) -> str:
    for site, ports in zip(operation.site_names, operation.site_ports, strict=True):
        names = Counter(links[link].ends[end].name for link, end in ports)
        if len(names) > 1:
            told = ", ".join(
                f"{operation.port(operation.inputs[link][end])} at {links[link].ends[end].name!r}"
                for link, end in ports
            )
            return (
                f"the links do not fit {operation.name}: its site {site!r} would be at several nodes ({told}); "
                f"what a "
                f"gate joins must be at one node"
            )
    return f"the links do not fit {operation.name}"


def retrieved(operation: Operation, nodes: Sequence[Node]) -> Operation:
    """The operation with what its nodes' memories make of it.

    They may lose what it reads out, the qubits that links bring and it does not deliver, and decay in its delays.
    """
    operation = operation.plain
    memories = [node.memory for node in nodes]
    decay = operation.waits and not all(memory.is_ideal for memory in memories)
    if all(memory.retrieval == 1.0 for memory in memories) and not decay:
        return operation
    read = {q for qubits in operation.inputs for q in qubits} - set(operation.outputs)
    site = operation.site_of_qubit
    found = prod(memories[site[q]].retrieval for q in sorted(read))
    return operation.at_nodes(found, memories if decay else ())


def _made(kind: type[Join], operation: Operation, links: tuple[Link, ...], nodes: tuple[Node, ...]) -> Join:
    operation = retrieved(operation, nodes)
    ends = delivered(operation, nodes)
    if len(ends) == 2 and ends[0].name == ends[1].name:
        raise ValueError(f"a link needs two different ends, {operation.name} would join {ends[0].name!r} to itself")
    pairs = 0
    for link in links:
        pairs += link.pairs
    return kind(ends[0], ends[-1], pairs, operation, links, nodes)
