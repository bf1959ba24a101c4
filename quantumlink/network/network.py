"""The network: a graph, and all that is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from quantumlink import validation
from quantumlink.link import ChainOrder, Link
from quantumlink.network import reader, saving, writer
from quantumlink.network.disjoint import disjoint_routes
from quantumlink.network.graph import Avoid, Graph
from quantumlink.network.key_relay import key_route
from quantumlink.network.load import Capacity, Cut, Demand, Resilience
from quantumlink.network.load.capacities import capacity_of, min_cut
from quantumlink.network.load.failures import resilience_of
from quantumlink.network.objectives import Objective
from quantumlink.network.route import Multipath, Route
from quantumlink.network.routing import Plan, best_routes
from quantumlink.network.strategy import Strategy, best_strategy


class Network(Graph):
    """Nodes joined by elementary links; there may be cycles, several links between two nodes, and parts apart.

    What a node does for others is its `Node.role`: an entanglement route leads through ``"repeater"`` and
    ``"satellite"`` nodes, which swap; a key may also pass through ``"trusted"`` ones, which read it; nothing
    leads through an ``"end"``.

    Two networks are equal if their names, nodes and links are. What fails (`Graph.without`), what is left
    (`Graph.usable`) and what hangs together (`Graph.groups`) the graph itself tells.

    Args:
        nodes: the nodes, names unique.
        links: the elementary links between them, at least one unless there are satellites with an orbit.
        name: a name for tables and plots.

    Raises:
        ValueError: if names repeat, or a link's node is not among the nodes.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> network = Network([a, r, b], [ElementaryLink(a, r), ElementaryLink(b, r)])
    >>> network.route("a", "b")
    <Swap a–b via r, 2 elementary pairs>
    """

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read a network from a TOML file: see `quantumlink.network.files` for its form.

        Raises:
            NetworkFileError: if it is not TOML, or anything is missing, misspelt or out of range: it says where.
            FileNotFoundError: if there is no such file.
        """
        return reader.load(cls, Path(path))

    def save(self, path: str | Path, *, like: str | Path | None = None) -> None:
        """Write a TOML file that `load` reads back as an equal network, whole or not at all.

        What has not changed stays as it is written, with comments, defaults and templates: in the file that is
        there, if it is of the same network, with other lengths or another link, say; else in the one that this
        network was loaded from (also if nodes or links failed since, see `without`).

        Args:
            path: the file.
            like: the network file whose words stay instead: for a network that was made anew of another's parts.

        Raises:
            OSError: if the file cannot be written, or the other one not be read; what was there is then as it was.
            TypeError: as `to_toml`.
        """
        saving.save(self, Path(path), None if like is None else Path(like))

    def to_toml(self) -> str:
        """The network as the text of a TOML file.

        Raises:
            TypeError: if a node or a link has a part that files have no name for, such as a medium of your own.
        """
        return writer.to_toml(self)

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
        return key_route(self, source, target, plan=Plan(order, purify_rounds, protocol), avoid=avoid)

    def best_strategy(self, source: str, target: str, **options: Any) -> Strategy:
        """The best way to use the best path: see `quantumlink.network.best_strategy`, which takes the options.

        Raises:
            TypeError: if there is no such option (near names are suggested).
            ValueError: as it does.
        """
        known = [
            name for name, each in signature(best_strategy).parameters.items() if each.kind == each.KEYWORD_ONLY
        ]
        for name in options:
            if name not in known:
                near = validation.did_you_mean(name, known)
                raise TypeError(f"best_strategy takes {', '.join(known)}; got {name!r}{near}")
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

        >>> from quantumlink.hardware import Node
        >>> from quantumlink.link import ElementaryLink
        >>> a, r, b = Node("a"), Node("r"), Node("b")
        >>> links = [ElementaryLink(a, r, rate_hz=100), ElementaryLink(r, b, rate_hz=60)]
        >>> Network([a, r, b], links).capacity([Demand("a", "b", rate_hz=20), Demand("a", "r", rate_hz=10)])
        <Capacity of 2 demands: 3 times what is wanted, at most 3>
        """
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
            demands: who is to be served, and how well; if None, pairs between any two users, or between any two
                nodes where there are fewer than two users.
            order: in which order a path swaps, see `chain`.
            purify_rounds: rounds of purification of each hop.
            protocol: the purification, whatever `purify` takes.
            avoid: nodes and links that no path may use.

        Returns:
            The failures that harm. If interrupted by Ctrl-C, those of the numbers at once that were looked at
            whole, with a warning.

        Raises:
            ValueError: if a node is unknown or an option is out of range; where a key or a least fidelity is
                wanted, if a link does not say how its pairs come.

        >>> from quantumlink.hardware import Node
        >>> from quantumlink.link import ElementaryLink
        >>> a, r, b = Node("a"), Node("r"), Node("b")
        >>> line = Network([a, r, b], [ElementaryLink(a, r), ElementaryLink(r, b)])
        >>> [failure.name for failure in line.resilience(1).single_points]
        ['the link a–r', 'the link r–b', 'r']
        """
        plan = Plan(order, purify_rounds, protocol)
        return resilience_of(self, failures, demands, plan=plan, avoid=avoid)
