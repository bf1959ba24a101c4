"""The machine: what a network offers to a computation - room for qubits, and links to every other node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import inf, log
from typing import Any, Literal

import rustworkx as rx

from quantumlink import validation
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, chain
from quantumlink.network import Network

Weights = Literal["hops", "fidelity", "time"]
"""What a link costs: one each, −ln of its fidelity, or its mean time in seconds."""

WEIGHTS: tuple[Weights, ...] = ("hops", "fidelity", "time")

LEAST = 1e-9
"""What a perfect or instantaneous link costs, so that fewer are better."""


@dataclass(frozen=True)
class Machine:
    """The nodes that compute, and how far they are from one another; nodes by number, in the network's order."""

    network: Network
    """The network."""
    nodes: tuple[Node, ...]
    """All its nodes, repeaters too."""
    room: tuple[int, ...]
    """How many wires each node can hold."""
    communication: tuple[float, ...]
    """How many halves of pairs each can hold at one time; infinity if no limit is stated."""
    distance: tuple[tuple[float, ...], ...]
    """What a pair between two nodes costs."""
    paths: Mapping[tuple[int, int], tuple[int, ...]]
    """The nodes along the best way from one to the other."""
    edges: Mapping[tuple[int, int], ElementaryLink]
    """The best elementary link between neighbors."""
    purify_rounds: Mapping[tuple[int, int], int]
    """How often each pair of neighbors purifies; not at all where missing."""
    improve: Callable[[Link], Link] | None = None
    """What is made of the link between neighbors before it is used."""

    @cached_property
    def computing(self) -> tuple[int, ...]:
        """The nodes that hold wires."""
        return tuple(v for v, room in enumerate(self.room) if room)

    @cached_property
    def relays(self) -> tuple[int, ...]:
        """The nodes that may pass copies on: those that swap."""
        return tuple(v for v, node in enumerate(self.nodes) if may_swap(node))

    @cached_property
    def branches(self) -> bool:
        """Whether ways to several nodes can share links: not where all nodes are as near to one another as any."""
        between = [self.distance[a][b] for a in self.computing for b in self.computing if a != b]
        return max(between, default=0.0) > min((d for row in self.distance for d in row if d > 0), default=0.0)

    def only(self, nodes: Sequence[int]) -> Machine:
        """The same, wires at these nodes only."""
        return replace(self, room=tuple(room if v in nodes else 0 for v, room in enumerate(self.room)))

    @cached_property
    def perfect(self) -> Machine:
        """The same with perfect links and nodes without noise, improved alike."""
        ideal = tuple(Node(n.name, role=n.role, qubits=n.qubits, communication=n.communication) for n in self.nodes)
        edges = {(a, b): ElementaryLink(ideal[a], ideal[b]) for a, b in self.edges}
        network = Network(ideal, edges.values(), self.network.name)
        return replace(self, network=network, nodes=ideal, edges=edges)

    def link(self, left: int, right: int) -> Link:
        """The link that brings a pair from one node to the other."""
        key = (left, right)
        if key not in self._links:
            path = self.paths[key]
            hops = [self._hop(a, b) for a, b in pairwise(path)]
            self._links[key] = chain(hops) if len(hops) > 1 else hops[0]
        return self._links[key]

    def hops(self, left: int, right: int) -> int:
        """How many elementary links lie between two nodes."""
        return len(self.paths[left, right]) - 1

    def _hop(self, left: int, right: int) -> Link:
        link = self.edges[min(left, right), max(left, right)]
        if link.left.name != self.nodes[left].name:
            link = link.reversed()
        rounds = self.purify_rounds.get((min(left, right), max(left, right)), 0)
        hop = chain([link], purify_rounds=rounds) if rounds else link
        return hop if self.improve is None else _improved(self.improve, hop)

    @cached_property
    def _links(self) -> dict[tuple[int, int], Link]:
        return {}


def _improved(improve: Callable[[Link], Link], hop: Link) -> Link:
    made = validation.instance("what improve makes of a hop", improve(hop), Link, "a link")
    if [node.name for node in made.ends] != [node.name for node in hop.ends]:
        raise ValueError(f"improve must make a link between the same nodes, of {hop!r} it made {made!r}")
    link: Link = made
    return link


def machine_of(
    network: Network,
    *,
    weights: Weights = "hops",
    purify_rounds: Any = 0,
    improve: Callable[[Link], Link] | None = None,
) -> Machine:
    """What a network offers.

    Args:
        network: nodes with ``qubits`` to compute with, and links.
        weights: what a link costs, see `Weights`.
        purify_rounds: how often each hop is purified: a number, or one for some pairs of names.
        improve: what makes of each hop's link, purified if asked for, the one that is used.

    Raises:
        ValueError: if a link's time is not known but asked for, or a pair of names has no link.
        TypeError: if an argument is of the wrong kind.
    """
    validation.instance("network", network, Network, "a Network")
    validation.choice("weights", weights, WEIGHTS)
    if improve is not None and not callable(improve):
        raise validation.WrongKind(
            f"improve must be a function of a link, such as quantumlink.encode; got {improve!r}"
        )
    nodes = tuple(network.nodes.values())
    number = {node.name: i for i, node in enumerate(nodes)}
    costs: dict[tuple[int, int], float] = {}
    edges: dict[tuple[int, int], ElementaryLink] = {}
    for link in network.links:
        a, b = sorted((number[link.left.name], number[link.right.name]))
        cost = _cost(link, weights)
        if (a, b) not in costs or (cost, -link.fidelity) < (costs[a, b], -edges[a, b].fidelity):
            costs[a, b], edges[a, b] = cost, link
    distance, paths = _shortest(nodes, costs)
    return Machine(
        network,
        nodes,
        tuple(node.qubits for node in nodes),
        tuple(inf if node.communication is None else node.communication for node in nodes),
        distance,
        paths,
        edges,
        _rounds(purify_rounds, number, edges),
        improve,
    )


def _cost(link: ElementaryLink, weights: Weights) -> float:
    if weights == "hops":
        return 1.0
    if weights == "fidelity":
        return max(-log(link.fidelity), LEAST)
    attempts = link.attempts
    if attempts is None:
        raise ValueError(
            f"weights='time' needs links that say how their pairs come; {link!r} does not: give it a rate_hz, or a "
            f"success_probability and an attempt_time_s"
        )
    return max(1 / attempts.rate_hz, LEAST)


SWAPPING = ("repeater", "satellite")
"""Roles of nodes that bring pairs over."""


def may_swap(node: Node) -> bool:
    """Whether pairs are brought over a node."""
    return node.role in SWAPPING and node.communication not in (0, 1)


def _shortest(
    nodes: Sequence[Node], costs: Mapping[tuple[int, int], float]
) -> tuple[tuple[tuple[float, ...], ...], dict[tuple[int, int], tuple[int, ...]]]:
    """The best ways between all nodes; through nodes that swap only."""
    swaps = [may_swap(node) for node in nodes]
    distance = [[inf] * len(nodes) for _ in nodes]
    paths: dict[tuple[int, int], tuple[int, ...]] = {}
    for source in range(len(nodes)):
        graph: rx.PyDiGraph[None, float] = rx.PyDiGraph()
        graph.add_nodes_from([None] * len(nodes))
        for (a, b), cost in costs.items():
            for u, v in ((a, b), (b, a)):
                if u == source or swaps[u]:
                    graph.add_edge(u, v, cost)
        lengths = rx.dijkstra_shortest_path_lengths(graph, source, float)
        ways = rx.dijkstra_shortest_paths(graph, source, weight_fn=float)
        distance[source][source] = 0.0
        for target, length in lengths.items():
            distance[source][target] = float(length)
            paths[source, target] = tuple(ways[target])
    return tuple(map(tuple, distance)), paths


def _rounds(
    given: Any, number: Mapping[str, int], edges: Mapping[tuple[int, int], ElementaryLink]
) -> dict[tuple[int, int], int]:
    if not isinstance(given, Mapping):
        rounds = validation.count("purify_rounds", given)
        return dict.fromkeys(edges, rounds) if rounds else {}
    found = {}
    for pair, value in given.items():
        names = [validation.choice("purify_rounds", name, number) for name in pair]
        key = tuple(sorted(number[name] for name in names))
        if len(key) != 2 or key not in edges:
            raise ValueError(f"purify_rounds names {pair!r}, which no link joins")
        found[key[0], key[1]] = validation.count(f"purify_rounds[{pair!r}]", value)
    return found
