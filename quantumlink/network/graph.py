"""The graph: nodes joined by elementary links, with cycles and parallel links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rustworkx as rx

from quantumlink import validation
from quantumlink.hardware import NODE_ROLES, Node
from quantumlink.link import ChainOrder, ElementaryLink, Link
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from quantumlink.network.load import Capacity, Cut, Demand, Resilience
    from quantumlink.network.objectives import Objective
    from quantumlink.network.route import Multipath, Route
    from quantumlink.network.strategy import Strategy

Avoid = Iterable["str | ElementaryLink | tuple[str, str]"]
"""What a route must not use: names of nodes, elementary links, or pairs of names for all between two nodes."""

MOST_NAMES = 12
"""Most names of one role that the table of a network tells."""


class Network:
    """Nodes joined by elementary links; there may be cycles, several links between two nodes, and parts apart.

    What a node does for others is its `Node.role`: an entanglement route leads through ``"repeater"`` and
    ``"satellite"`` nodes, which swap; a key may also pass through ``"trusted"`` ones, which read it; nothing
    leads through an ``"end"``.

    Two networks are equal if their names, nodes and links are.

    Args:
        nodes: the nodes, names unique.
        links: the elementary links between them, at least one.
        name: a name for tables and plots.

    Raises:
        ValueError: if names repeat, or a link's node is not among the nodes.

    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> network = Network([a, r, b], [ElementaryLink(a, r), ElementaryLink(b, r)])
    >>> network.route("a", "b")
    <Swap a–b via r, 2 elementary pairs>
    """

    def __init__(self, nodes: Iterable[Node], links: Iterable[ElementaryLink], name: str = "") -> None:
        self.name = name
        self.nodes: dict[str, Node] = {}
        for node in _listed("nodes", nodes):
            validation.instance("nodes", node, Node, "nodes")
            if node.name in self.nodes:
                raise ValueError(f"two nodes are named {node.name!r}")
            self.nodes[node.name] = node
        self.links: tuple[ElementaryLink, ...] = tuple(
            validation.instance("links", x, ElementaryLink, "elementary links") for x in _listed("links", links)
        )
        if not self.nodes:
            raise ValueError("a network needs at least one node, got none")
        if not self.links:
            raise ValueError("a network needs at least two nodes and a link between them, got no link")
        for link in self.links:
            for end in link.ends:
                if self.nodes.get(end.name) != end:
                    raise ValueError(f"the link {link.left}–{link.right} ends at {end!r}, which is no node here")

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read a network from a TOML file: see `quantumlink.network.files` for its form.

        Raises:
            NetworkFileError: if it is not TOML, or anything is missing, misspelt or out of range: it says where.
            FileNotFoundError: if there is no such file.
        """
        from quantumlink.network.reader import load

        return load(cls, Path(path))

    def save(self, path: str | Path) -> None:
        """Write a TOML file that `load` reads back as an equal network, whole or not at all.

        Over a file of the same network, with other lengths or another link, say, what has not changed stays as it
        is written, with comments, defaults and templates.
        """
        from quantumlink.network.writer import save

        save(self, Path(path))

    def to_toml(self) -> str:
        """The network as the text of a TOML file.

        Raises:
            TypeError: if a node or a link has a part that files have no name for, such as a medium of your own.
        """
        from quantumlink.network.writer import to_toml

        return to_toml(self)

    def without(self, *, nodes: Iterable[str] = (), links: Avoid = ()) -> Network:
        """The network after failures.

        Args:
            nodes: names of nodes that fail, and with them all their links.
            links: links that fail: elementary links of this network, or pairs of names for all between two nodes.

        Raises:
            ValueError: if one of them is not in the network, or no link is left.

        >>> a, r, b = Node("a"), Node("r"), Node("b")
        >>> ring = Network([a, r, b], [ElementaryLink(a, r), ElementaryLink(r, b), ElementaryLink(a, b)])
        >>> ring.route("a", "b"), ring.without(links=[("a", "b")]).route("a", "b")
        (<ElementaryLink a–b, fidelity 1>, <Swap a–b via r, 2 elementary pairs>)
        """
        gone = [validation.choice("nodes", name, self.nodes) for name in _listed("nodes", nodes)]
        kept = self.usable([*gone, *_listed("links", links)])
        left = [link for i, link in enumerate(self.links) if i in kept]
        if not left:
            raise ValueError(f"no link of {self!r} would be left")
        return Network([node for name, node in self.nodes.items() if name not in gone], left, self.name)

    def usable(self, avoid: Avoid = ()) -> frozenset[int]:
        """Numbers (positions in ``links``) of the links that are left when some nodes and links are avoided.

        Raises:
            ValueError: if one of them is not in the network.
        """
        nodes: set[str] = set()
        out: set[int] = set()
        for item in _listed("avoid", avoid):
            if isinstance(item, str):
                nodes.add(validation.choice("avoid", item, self.nodes))
                continue
            found = self._numbers(item)
            if not found:
                raise ValueError(f"avoid must hold nodes and links of this network, it has no link {item!r}")
            out |= found
        return frozenset(
            i for i, link in enumerate(self.links) if i not in out and not nodes & {end.name for end in link.ends}
        )

    def route(
        self,
        source: str,
        target: str,
        *,
        by: Objective | None = None,
        order: ChainOrder = "balanced",
        purify_rounds: int = 0,
        protocol: Any = "dejmps",
        avoid: Avoid = (),
    ) -> Link:
        """The link from one node to another along the best path, entangled from end to end.

        Args:
            source: name of the left end.
            target: name of the right end.
            by: what is best: ``"secret_key_rate"``, ``"rate"``, ``"fidelity"``, ``"latency"``, ``"length"`` or
                ``"hops"``. If None, the secret-key rate if all links say how their pairs come, else the fidelity.
            order: in which order the path swaps, see `chain`.
            purify_rounds: rounds of purification of each hop, see `chain`.
            protocol: the purification, whatever `purify` takes.
            avoid: nodes (by name) and links (or pairs of names) that the route must not use.

        Raises:
            ValueError: if a node is unknown (near names are suggested), both are the same, or there is no route.
        """
        (best,) = self.routes(
            source, target, 1, by=by, order=order, purify_rounds=purify_rounds, protocol=protocol, avoid=avoid
        )
        return best.link

    def routes(
        self,
        source: str,
        target: str,
        k: int = 3,
        *,
        by: Objective | None = None,
        order: ChainOrder = "balanced",
        purify_rounds: int = 0,
        protocol: Any = "dejmps",
        avoid: Avoid = (),
    ) -> tuple[Route, ...]:
        """The k best routes, best first, with what each delivers.

        Fewer if there are fewer, or if the search stops early (see `quantumlink.network.search`). Each says whether
        it is proven that nothing better was left out. The arguments are those of `route`.
        """
        from quantumlink.network.routing import Plan, best_routes

        return best_routes(self, source, target, k, by=by, plan=Plan(order, purify_rounds, protocol), avoid=avoid)

    def disjoint_routes(
        self,
        source: str,
        target: str,
        k: int = 2,
        *,
        by: Objective | None = None,
        order: ChainOrder = "balanced",
        purify_rounds: int = 0,
        protocol: Any = "dejmps",
        avoid: Avoid = (),
    ) -> Multipath:
        """Up to k routes that share no link and can run at once, and their totals.

        Args:
            source: name of the left end.
            target: name of the right end.
            k: how many routes; as many as there are, if there are fewer.
            by: what is best, see `route`.
            order: in which order a path swaps.
            purify_rounds: rounds of purification of each hop.
            protocol: the purification, whatever `purify` takes.
            avoid: nodes and links that no route may use.

        Raises:
            ValueError: as `route` does.
        """
        from quantumlink.network.disjoint import disjoint_routes
        from quantumlink.network.routing import Plan

        plan = Plan(order, purify_rounds, protocol)
        return disjoint_routes(self, source, target, k, by=by, plan=plan, avoid=avoid)

    def key_route(
        self,
        source: str,
        target: str,
        *,
        order: ChainOrder = "balanced",
        purify_rounds: int = 0,
        protocol: Any = "dejmps",
        avoid: Avoid = (),
    ) -> Route:
        """The route with the highest secret-key rate when trusted nodes may hand keys on.

        A trusted node ends one entangled segment and begins the next; it makes a key over each, and announces
        their XOR. It therefore knows the key. The key is as fast as the slowest segment.

        Raises:
            ValueError: if a node is unknown, there is no route, or none of them yields a key.
        """
        from quantumlink.network.key_relay import key_route
        from quantumlink.network.routing import Plan

        return key_route(self, source, target, plan=Plan(order, purify_rounds, protocol), avoid=avoid)

    def best_strategy(self, source: str, target: str, **options: Any) -> Strategy:
        """The best way to use the best path: see `quantumlink.network.best_strategy`, which takes the options."""
        from quantumlink.network.strategy import best_strategy

        return best_strategy(self, source, target, **options)

    def capacity(
        self,
        demands: Sequence[Demand],
        *,
        order: ChainOrder = "balanced",
        purify_rounds: int = 0,
        protocol: Any = "dejmps",
        avoid: Avoid = (),
    ) -> Capacity:
        """How much of all demands the network can carry at once, and over which paths.

        Every demand gets the same multiple of what it wants (the maximum concurrent flow); a demand without a rate
        wants 1 a second. One demand alone gives the capacity between two nodes. See
        `quantumlink.network.load.capacities` for the model: what it gives is a limit for whatever schedule.

        Args:
            demands: what is wanted, at least one `Demand`.
            order: in which order a path swaps, see `chain`.
            purify_rounds: rounds of purification of each hop; the pairs that they take are counted.
            protocol: the purification, whatever `purify` takes.
            avoid: nodes and links that no path may use.

        Raises:
            ValueError: if a node is unknown or there is no route, a link does not say how its pairs come, or no
                path reaches a least fidelity or yields a key: the best that can be had is told.

        >>> from quantumlink.network import Demand
        >>> a, r, b = Node("a"), Node("r"), Node("b")
        >>> links = [ElementaryLink(a, r, rate_hz=100), ElementaryLink(r, b, rate_hz=60)]
        >>> Network([a, r, b], links).capacity([Demand("a", "b", rate_hz=20), Demand("a", "r", rate_hz=10)])
        <Capacity of 2 demands: 3 times what is wanted, at most 3>
        """
        from quantumlink.network.load.capacities import capacity_of
        from quantumlink.network.routing import Plan

        return capacity_of(self, demands, plan=Plan(order, purify_rounds, protocol), avoid=avoid)

    def min_cut(
        self,
        source: str,
        target: str,
        *,
        trusting: bool = False,
        purify_rounds: int = 0,
        protocol: Any = "dejmps",
        avoid: Avoid = (),
    ) -> Cut:
        """The links of least rate together whose loss parts two nodes: no demand between them gets more.

        Args:
            source: name of one node.
            target: name of the other.
            trusting: whether ways may lead through trusted nodes, as those of keys do.
            purify_rounds: rounds of purification of each hop; a link counts with what is left of its rate.
            protocol: the purification, whatever `purify` takes.
            avoid: nodes and links that are not there.

        Raises:
            ValueError: as `capacity` does.
        """
        from quantumlink.network.load.capacities import min_cut
        from quantumlink.network.routing import Plan

        plan = Plan("balanced", purify_rounds, protocol)
        return min_cut(self, source, target, plan=plan, trusting=trusting, avoid=avoid)

    def resilience(
        self,
        failures: int = 2,
        *,
        demands: Sequence[Demand] | None = None,
        order: ChainOrder = "balanced",
        purify_rounds: int = 0,
        protocol: Any = "dejmps",
        avoid: Avoid = (),
    ) -> Resilience:
        """Which failures of nodes and links cut off whom: every one, and every set of several at once.

        Args:
            failures: how many at once, 1 to 3.
            demands: who is to be served, and how well; if None, pairs between any two end nodes, or between any two
                nodes where there are no ends.
            order: in which order a path swaps, see `chain`.
            purify_rounds: rounds of purification of each hop.
            protocol: the purification, whatever `purify` takes.
            avoid: nodes and links that no path may use.

        Raises:
            ValueError: if a node is unknown or an option is out of range; where a key or a least fidelity is
                wanted, if a link does not say how its pairs come.

        >>> a, r, b = Node("a"), Node("r"), Node("b")
        >>> line = Network([a, r, b], [ElementaryLink(a, r), ElementaryLink(r, b)])
        >>> [failure.name for failure in line.resilience(1).single_points]
        ['the link a–r', 'the link r–b', 'r']
        """
        from quantumlink.network.load.failures import resilience_of
        from quantumlink.network.routing import Plan

        plan = Plan(order, purify_rounds, protocol)
        return resilience_of(self, failures, demands, plan=plan, avoid=avoid)

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
        if not isinstance(other, Network):
            return NotImplemented
        return (self.name, self.nodes, self.links) == (other.name, other.nodes, other.links)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.nodes), self.links))

    def __repr__(self) -> str:
        return f"<Network {self.name!r}: {len(self.nodes)} nodes, {len(self.links)} links>"

    def _repr_html_(self) -> str:
        from quantumlink.network.objectives import length_km

        rows: list[tuple[str, str]] = []
        for role in NODE_ROLES:
            names = [node.name for node in self.nodes.values() if node.role == role]
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            rows += [(f"{len(names)} {role}", ", ".join(names[:MOST_NAMES]) + more)] if names else []
        rows.append((f"{len(self.links)} links", f"{sum(map(length_km, self.links)):.0f} km in all"))
        return html_table(f"network {self.name}".rstrip(), rows)


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {name}, got {values!r}")
    return list(values)
