"""Routes through a network: which links may be used, what each is worth, and what is said if there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from quantumlink import validation
from quantumlink.link import CHAIN_ORDERS, ChainOrder, ElementaryLink, Link, chain
from quantumlink.link.expression import MOST_PURIFY_ROUNDS, purification
from quantumlink.network.graph import Avoid, Graph, listed
from quantumlink.network.inline_repeaters import in_line
from quantumlink.network.objectives import OBJECTIVES, TIMED, Objective, score
from quantumlink.network.route import Route
from quantumlink.network.search import Edge, Found, Hops, Outcome, Search
from quantumlink.network.stored_routes import MOST_PATHS, paths_between
from quantumlink.progress import track
from quantumlink.readings.forecasting import Forecast, forecast, forecasts
from quantumlink.readings.forecasting.side_by_side import swapped_side_by_side
from quantumlink.readings.forecasting.stages import Stage

SWAPPING = ("repeater", "satellite")
"""Roles that let entanglement through."""


@dataclass(frozen=True)
class Plan:
    """How every path is used: the options of `chain`."""

    order: ChainOrder = "balanced"
    purify_rounds: int = 0
    protocol: Any = "dejmps"

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.choice("order", self.order, CHAIN_ORDERS)
        validation.count("purify_rounds", self.purify_rounds, at_most=MOST_PURIFY_ROUNDS)
        purification("protocol", self.protocol)

    def link(self, hops: Hops) -> Link:
        """The link that this plan makes of a path."""
        return chain(hops, order=self.order, purify_rounds=self.purify_rounds, protocol=self.protocol)

    def forecasts(
        self, paths: Sequence[Sequence[Stage]], known: dict[tuple[int, int], Stage] | None = None
    ) -> list[Forecast]:
        """What the link of each path delivers, ``forecast(self.link(hops))``, from its hops as they are swapped.

        Args:
            paths: of each path, the stages of its hops.
            known: what the swaps of other paths over the same stages made, by the ``id`` of both; grows.
        """
        made = {} if known is None else known
        layers = [list(hops) for hops in paths]
        while any(len(layer) > 1 for layer in layers):
            joints = [self._joints(layer) for layer in layers]
            pairs = {(id(a), id(b)): (a, b) for own in joints for a, b in own}
            missing = [key for key in pairs if key not in made]
            made.update(zip(missing, swapped_side_by_side([pairs[key] for key in missing]), strict=True))
            layers = [
                [*(made[id(a), id(b)] for a, b in own), *layer[2 * len(own) :]]
                for own, layer in zip(joints, layers, strict=True)
            ]
        return [forecasts(layer[0])[0] for layer in layers]

    def _joints(self, layer: Sequence[Stage]) -> list[tuple[Stage, Stage]]:
        """Which of the links that are left are swapped next, from the left."""
        pairs = list(zip(layer[::2], layer[1::2], strict=False))
        return pairs if self.order == "balanced" else pairs[:1]


def best_routes(
    network: Graph,
    source: str,
    target: str,
    k: int = 1,
    *,
    by: Objective | None = None,
    plan: Plan | None = None,
    avoid: Avoid = (),
) -> tuple[Route, ...]:
    """The k best entangled routes, best first: see `Network.route`.

    Raises:
        ValueError: if a node is unknown, both are the same, an option is wrong, or there is no route.
    """
    validation.count("k", k, at_least=1)
    avoid = listed("avoid", avoid)
    if any(node.stores_apart for i in network.usable(avoid) for node in network.links[i].ends):
        return _path_by_path(network, source, target, k, by=by, plan=plan or Plan(), avoid=avoid)
    field = Field(network, source, target, by=by, plan=plan or Plan(), avoid=avoid)
    search = field.search(source, target)
    if search is None:
        raise field.no_route(source, target)
    outcome = search.run(k)
    return tuple(field.route(found, outcome) for found in outcome.best)


def _path_by_path(
    network: Graph, source: str, target: str, k: int, *, by: Objective | None, plan: Plan, avoid: Avoid
) -> tuple[Route, ...]:
    """The k best routes where nodes store apart: see `quantumlink.network.stored_routes`."""
    check_ends(network, source, target)
    usable = [network.links[i] for i in sorted(network.usable(avoid))]
    by = objective(by, usable)
    passable = [node.name for node in network.nodes.values() if node.role in SWAPPING]
    paths = paths_between(usable, source, target, passable, by)
    if not paths:
        raise ValueError(
            f"there is no route from {source!r} to {target!r} over nodes that swap, by links that may be used and, "
            f"for {by!r}, whose pairs are said how they come"
        )
    if len(paths) > MOST_PATHS:
        check_searched(usable)
    found, refused, hidden = [], [], in_line(network)
    for hops in paths:
        link = plan.link(hops)
        try:
            foreseen = forecast(link)
        except ValueError as error:  # too few places, or it is not known which attempts disturb it
            refused.append(error)
            continue
        nodes = (hops[0].left.name, *(hop.right.name for hop in hops))
        found.append((score(by, foreseen, hops), Route(nodes, hops, (link,), (foreseen,), True, None, hidden)))
    if not found:
        raise refused[0]
    best = sorted(found, key=lambda each: each[0], reverse=True)[:k]
    return tuple(route for _, route in best)


def objective(by: Objective | None, links: Sequence[ElementaryLink]) -> Objective:
    """What is best; if nobody says, the secret-key rate where all links say how pairs come, else the fidelity."""
    if by is not None:
        validation.choice("by", by, OBJECTIVES)
        return by
    return "fidelity" if any(link.attempts is None for link in links) else "secret_key_rate"


class Field:
    """The links of a network that routes between two nodes may use, and what each is worth under a plan."""

    def __init__(
        self, network: Graph, source: str, target: str, *, by: Objective | None, plan: Plan, avoid: Avoid
    ) -> None:
        check_ends(network, source, target)
        self._network, self.plan = network, plan
        avoid = listed("avoid", avoid)
        for argument, name in (("source", source), ("target", target)):
            if name in avoid:
                raise ValueError(f"avoid holds the {argument}, {name!r}")
        self._numbers = sorted(network.usable(avoid))
        check_searched(network.links[i] for i in self._numbers)
        self._silent: list[ElementaryLink] = []
        self._refused: list[str] = []
        usable = [network.links[i] for i in self._numbers]
        self.by: Objective = objective(by, usable)
        made = [(i, self._edge(network.links[i])) for i in track(self._numbers, "purifying links")]
        self.edges = [edge for _, edge in made if edge is not None]
        self.numbers = [i for i, edge in made if edge is not None]

    @cached_property
    def _in_line(self) -> frozenset[str]:
        return in_line(self._network)

    def _edge(self, link: ElementaryLink) -> Edge | None:
        if self.by in TIMED and link.attempts is None:
            self._silent.append(link)
            return None
        if not self.plan.purify_rounds:
            return Edge(link)
        try:
            edge = Edge(link, (self.plan.link((link,)), self.plan.link((link.reversed(),))))
            edge.stages  # noqa: B018 - refused here if at all
            return edge
        except ValueError as error:  # cannot be purified
            self._refused.append(str(error))
            return None

    def search(
        self, source: str, target: str, *, without: Collection[int] = (), trusting: bool = False
    ) -> Search | None:
        """The search for routes between two nodes, without some of the edges; None if there is no route.

        Trusting, they may lead through trusted nodes, where one entangled segment ends and the next begins.
        """
        nodes = self._network.nodes.values()
        parting = [node.name for node in nodes if trusting and node.role == "trusted"]
        passable = [node.name for node in nodes if node.role in SWAPPING or node.name in parting]
        ends = {source, target, *parting}
        edges = [e for i, e in enumerate(self.edges) if i not in without and self._can_be_held(e, ends)]
        known: dict[tuple[int, int], Stage] = {}  # paths have much in common
        scorer = partial(self.plan.forecasts, known=known)
        search = Search(source, target, edges=edges, passable=passable, by=self.by, scorer=scorer, parting=parting)
        return search if search.reachable else None

    def _can_be_held(self, edge: Edge, ends: set[str]) -> bool:
        """Whether a pair of this link can wait for others, or need not: it is a segment by itself."""
        link = edge.link
        return all(node.memories != 0 for node in link.ends) or {node.name for node in link.ends} <= ends

    def no_route(self, source: str, target: str, *, trusting: bool = False) -> ValueError:
        """What is said where there is no route."""
        why = self._why(source, target, trusting)
        return ValueError(f"there is no route from {source!r} to {target!r}: {why}")

    def route(self, found: Found, outcome: Outcome) -> Route:
        """A path found, as a result."""
        nodes = (found.hops[0].left.name, *(hop.right.name for hop in found.hops))
        limit = None if outcome.proven else outcome.at_most
        link = self.plan.link(found.hops)
        return Route(nodes, found.hops, (link,), (found.forecast,), outcome.proven, limit, self._in_line)

    def _why(self, source: str, target: str, trusting: bool) -> str:
        groups = self._network.groups()
        if not any(source in group and target in group for group in groups):
            text = " | ".join(", ".join(sorted(repr(name) for name in group)) for group in groups)
            return f"the nodes are not all connected, these groups are apart: {text}"
        reasons = []
        if len(self._numbers) < len(self._network.links):
            reasons.append(f"{len(self._network.links) - len(self._numbers)} links are avoided")
        if self._silent:
            names = ", ".join(f"{link.left}–{link.right}" for link in self._silent[:5])
            reasons.append(
                f"of {len(self._silent)} links ({names}) it is not known how pairs come, which {self.by!r} needs: "
                f"give them a rate_hz, a success_probability or a source, or choose by='fidelity'"
            )
        reasons.extend(self._refused[:3])
        if self._refused and self.plan.purify_rounds > 1:
            reasons.append(f"with fewer rounds than purify_rounds={self.plan.purify_rounds} it may be otherwise")
        empty = [repr(node.name) for node in self._network.nodes.values() if node.memories == 0]
        if empty:
            names = ", ".join(empty[:8])
            reasons.append(f"without memory (memories=0), {names} can only end a link that is used on its own")
        closing = ("end",) if trusting else ("end", "trusted")
        nodes = [node for node in self._network.nodes.values() if node.name not in (source, target)]
        closed = [repr(node.name) for node in nodes if node.role in closing]
        if closed:
            hint = "" if trusting else ": Network.key_route passes keys through trusted nodes"
            names = ", ".join(closed[:8])
            reasons.append(f"no entanglement passes {names}, by their role ({' or '.join(closing)}){hint}")
        return "; ".join(reasons)


def check_searched(links: Iterable[ElementaryLink]) -> None:
    """Refuse nodes of which a search does not know how they share their qubits among their links.

    Raises:
        ValueError: if one stores halves of pairs apart, or its attempts disturb them.
    """
    for node in (node for link in links for node in link.ends):
        if node.stores_apart:
            raise ValueError(
                f"searches among many paths, and for strategies, do not know the storage of node {node.name!r} "
                f"(storage={node.storage!r}, per_attempt={node.memory.per_attempt:g}): avoid it, or build the "
                f"link and forecast or simulate it"
            )


def check_ends(network: Graph, source: str, target: str) -> None:
    """Refuse unknown nodes and a route from a node to itself."""
    for argument, name in (("source", source), ("target", target)):
        validation.choice(argument, name, network.nodes)
    if source == target:
        raise ValueError(f"a route needs two different nodes, got {source!r} twice")
