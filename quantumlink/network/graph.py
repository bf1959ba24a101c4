"""The graph: nodes joined by elementary links, with cycles and parallel links; it knows of nothing built on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import rustworkx as rx

from quantumlink import validation
from quantumlink.hardware import NODE_ROLES, Node
from quantumlink.link import ElementaryLink, Link
from quantumlink.network.objectives import length_km
from quantumlink.tables import html_table

Avoid = Iterable["str | ElementaryLink | tuple[str, str]"]
"""What a route must not use: names of nodes, elementary links, or pairs of names for all between two nodes."""

MOST_NAMES = 12
"""Most names of one role that the table of a network tells."""


class Graph:
    """The nodes and links of a `quantumlink.network.Network`, without what is asked of it.

    Args:
        nodes: the nodes, names unique.
        links: the elementary links between them, at least one unless there are satellites with an orbit.
        name: a name for tables and plots.

    Raises:
        ValueError: if names repeat, or a link's node is not among the nodes.

    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> Graph([a, r, b], [ElementaryLink(a, r), ElementaryLink(b, r)]).groups()
    (('a', 'r', 'b'),)
    """

    def __init__(self, nodes: Iterable[Node], links: Iterable[ElementaryLink], name: str = "") -> None:
        self.name = name
        self.written: bytes = b""
        """The file that it was loaded from, as it was: saved to another place, its comments stay."""
        self.nodes: dict[str, Node] = {}
        for node in listed("nodes", nodes):
            validation.instance("nodes", node, Node, "nodes")
            if node.name in self.nodes:
                raise ValueError(f"two nodes are named {node.name!r}")
            self.nodes[node.name] = node
        for x in (given := list(listed("links", links))):
            if isinstance(x, Link) and not isinstance(x, ElementaryLink):
                raise TypeError(
                    f"links must be elementary links, which a network's readings swap and purify themselves; got "
                    f"{x!r}: `evaluate`, `forecast` and `simulate` tell what it gives, and an ElementaryLink of "
                    f"that state and rate stands for it"
                )
            validation.instance("links", x, ElementaryLink, "elementary links")
        self.links: tuple[ElementaryLink, ...] = tuple(given)
        if not self.nodes:
            raise ValueError("a network needs at least one node, got none")
        if not self.links and all(node.orbit is None for node in self.nodes.values()):
            raise ValueError("a network needs at least two nodes and a link between them, got no link")
        for link in self.links:
            for end in link.ends:
                if self.nodes.get(end.name) != end:
                    raise ValueError(f"the link {link.left}–{link.right} ends at {end!r}, which is no node here")

    @property
    def users(self) -> tuple[str, ...]:
        """Names of the nodes where somebody wants pairs or keys, see `Node.user`: ends, unless more is said."""
        return tuple(name for name, node in self.nodes.items() if node.is_user)

    def without(self, *, nodes: Iterable[str] = (), links: Avoid = ()) -> Self:
        """The network after failures.

        Args:
            nodes: names of nodes that fail, and with them all their links.
            links: links that fail: elementary links of this network, or pairs of names for all between two nodes.

        Raises:
            ValueError: if one of them is not in the network, or no link is left.

        >>> a, r, b = Node("a"), Node("r"), Node("b")
        >>> ring = Graph([a, r, b], [ElementaryLink(a, r), ElementaryLink(r, b), ElementaryLink(a, b)])
        >>> ring.without(nodes=["r"]).links
        (<ElementaryLink a–b, fidelity 1>,)
        """
        gone = [validation.choice("nodes", name, self.nodes) for name in listed("nodes", nodes)]
        kept = self.usable([*gone, *listed("links", links)], name="links")
        left = [link for i, link in enumerate(self.links) if i in kept]
        if not left:
            raise ValueError(f"no link of {self!r} would be left")
        found = type(self)([node for name, node in self.nodes.items() if name not in gone], left, self.name)
        found.written = self.written
        return found

    def usable(self, avoid: Avoid = (), *, name: str = "avoid") -> frozenset[int]:
        """Numbers (positions in ``links``) of the links that are left when some nodes and links are avoided.

        Args:
            avoid: nodes and links.
            name: what a message calls them.

        Raises:
            ValueError: if one of them is not in the network.
        """
        nodes: set[str] = set()
        out: set[int] = set()
        for item in listed(name, avoid):
            if isinstance(item, str):
                nodes.add(validation.choice(name, item, self.nodes))
                continue
            found = self._numbers(item)
            if not found:
                raise ValueError(f"{name} must hold nodes and links of this network, it has no link {item!r}")
            out |= found
        return frozenset(
            i for i, link in enumerate(self.links) if i not in out and not nodes & {end.name for end in link.ends}
        )

    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The names of nodes that are connected with each other, one group for each part of the network."""
        graph: rx.PyGraph[str, None] = rx.PyGraph()
        index = {name: graph.add_node(name) for name in self.nodes}
        graph.add_edges_from([(index[x.left.name], index[x.right.name], None) for x in self.links])
        return tuple(tuple(graph[i] for i in sorted(part)) for part in rx.connected_components(graph))

    def _numbers(self, link: object) -> set[int]:
        if isinstance(link, ElementaryLink):
            return {i for i, known in enumerate(self.links) if known in (link, link.reversed())}
        if not isinstance(link, Sequence) or len(link) != 2 or not all(isinstance(name, str) for name in link):
            raise TypeError(f"a link must be an ElementaryLink or the names of its two nodes, got {link!r}")
        ends = {validation.choice("a link's node", name, self.nodes) for name in link}
        return {i for i, known in enumerate(self.links) if {end.name for end in known.ends} == ends}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return (self.name, self.nodes, self.links) == (other.name, other.nodes, other.links)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.nodes), self.links))

    def __repr__(self) -> str:
        return f"<Network {self.name!r}: {len(self.nodes)} nodes, {len(self.links)} links>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, str]] = []
        for role in NODE_ROLES:
            names = [node.name for node in self.nodes.values() if node.role == role]
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            kind = role if len(names) == 1 or role == "trusted" else f"{role}s"
            rows += [(f"{len(names)} {kind}", ", ".join(names[:MOST_NAMES]) + more)] if names else []
        if any(self.nodes[name].role != "end" for name in self.users):
            more = f" and {len(self.users) - MOST_NAMES} more" if len(self.users) > MOST_NAMES else ""
            rows.append((f"{len(self.users)} users", ", ".join(self.users[:MOST_NAMES]) + more))
        rows.append((f"{len(self.links)} links", f"{sum(map(length_km, self.links)):.0f} km in all"))
        return html_table(f"network {self.name}".rstrip(), rows)


def listed(name: str, values: Any) -> list[Any]:
    """Some names or links as a list; a single name, whose letters would be taken for names, is none.

    Raises:
        TypeError: if they are no list.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {name}, got {values!r}")
    return list(values)
