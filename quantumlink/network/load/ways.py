"""The ways that a demand can be served, and the cheapest of them under prices of the links' pairs.

A *way* is a path with the exact state of its pairs as `evaluate` folds it, nothing having to wait. It tells how
many pairs of each link one delivered pair, or one secret bit, takes. A key's way is cut into segments at trusted
nodes; each segment gives as many bits as the others, and so takes as many pairs as its secret fraction wants.

The cheapest way is found best first, as in `quantumlink.network.search`: prices add up along a path and so do the
logarithms of correlations; the least of each for the rest of the way bounds what a beginning can still become. A
complete way is evaluated exactly, so that a floor of fidelity holds for the state itself, not for an estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from heapq import heappop, heappush
from itertools import count, pairwise

import numpy as np
import rustworkx as rx

from quantumlink.arrays import FloatArray
from quantumlink.link import ElementaryLink, Link
from quantumlink.network.load.demand import Demand
from quantumlink.network.routing import Field
from quantumlink.network.search import Search
from quantumlink.progress import track
from quantumlink.rates import secret_fraction, secret_fractions
from quantumlink.readings.exact import evaluate

MOST_EXTENSIONS = 20_000
"""Beginnings of paths that are extended before a search settles for the best it has found."""

ROUNDING = 1e-9
"""A fidelity this little below its floor is not below it; what `best_strategy` allows too."""


@dataclass(frozen=True, eq=False)
class Segment:
    """One entangled stretch of a way."""

    link: Link
    fidelity: float
    """Fidelity to Φ⁺, nothing having to wait."""
    secret_fraction: float
    """Secret bits a pair."""


@dataclass(frozen=True, eq=False)
class Way:
    """A path that serves a demand."""

    edges: tuple[int, ...]
    """Numbers of the field's edges, in turn."""
    nodes: tuple[str, ...]
    hops: tuple[ElementaryLink, ...]
    segments: tuple[Segment, ...]
    needs: tuple[float, ...]
    """For each edge, how many of its pairs a delivered pair or secret bit takes in the mean."""

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺ of the pairs, of the worst segment if there are several."""
        return min(segment.fidelity for segment in self.segments)

    def cost(self, prices: FloatArray) -> float:
        """The price of a delivered pair or bit."""
        return float(np.dot(prices[list(self.edges)], self.needs))


@dataclass(frozen=True, eq=False)
class Cheapest:
    """The result of a search: the best way found, if any, and a price that no way falls below."""

    way: Way | None
    at_least: float
    proven: bool


@dataclass(frozen=True, eq=False)
class _Beginning:
    """A path from the source that may still become a way."""

    edges: tuple[int, ...] = ()
    nodes: tuple[int, ...] = (0,)
    starts: tuple[int, ...] = (0,)
    """Where among the edges each segment begins."""
    price: float = 0.0
    """Of the segments that are closed, a unit delivered."""
    pending: float = 0.0
    """Of the pairs of the segment that is open, for one of its pairs."""
    losses: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """−log of the largest ⟨XX⟩, ⟨YY⟩, ⟨ZZ⟩ of the open segment."""


class Ways:
    """The ways of one demand through the links that a field leaves.

    Args:
        field: the links that may be used; a way's edges are numbered as they are there.
        demand: the demand; its rate does not matter.

    Raises:
        ValueError: if there is no route at all.
    """

    def __init__(self, field: Field, demand: Demand) -> None:
        self.field, self.demand = field, demand
        self._trusting = demand.kind == "key"
        search = field.search(demand.a, demand.b, trusting=self._trusting)
        if search is None:
            raise field.no_route(demand.a, demand.b, trusting=self._trusting)
        self._search: Search = search
        numbers = {id(edge): i for i, edge in enumerate(field.edges)}
        self._numbers = np.array([numbers[id(edge)] for edge in search.edges], dtype=np.int64)
        self._splits = [name in search.parting for name in search.names]
        self._closing_early = any(self._splits[2:])
        self._needs = _needs_of(field)[self._numbers]
        self._losses = _safe_losses(search)
        self._graph: rx.PyGraph[None, int] = rx.PyGraph()
        self._graph.add_nodes_from([None] * len(search.names))
        for node, steps in enumerate(search.steps):
            self._graph.add_edges_from([(node, there, edge) for edge, there in steps if node < there])
        self._rest_losses = np.array([self._least(column) for column in self._losses.T]).T
        self._segments: dict[tuple[int, ...], Segment] = {}

    def cheapest(self, prices: FloatArray, *, without: Collection[int] = ()) -> Cheapest:
        """The cheapest way under a price for a pair of each edge.

        Args:
            prices: shape (edges of the field,), each at least 0.
            without: numbers of edges that must not be used.
        """
        own = prices[self._numbers]
        banned = {i for i, number in enumerate(self._numbers.tolist()) if number in without}
        least = own * self._needs.min(axis=1)
        least[list(banned)] = np.inf
        rest = self._least(least)

        def bound(begun: _Beginning, node: int) -> tuple[float, float]:
            losses = np.asarray(begun.losses) + (0.0 if self._closing_early else self._rest_losses[node])
            ahead = float(np.add(begun.losses, self._rest_losses[node]).sum())
            if not self._may_pass(losses):
                return float("inf"), ahead
            if self.demand.kind == "pairs":
                return begun.pending + rest[node], ahead
            fraction = _most_secret(losses)
            if not fraction:
                return float("inf"), ahead
            if self._closing_early:
                return begun.price + begun.pending / fraction + rest[node], ahead
            return begun.price + (begun.pending + rest[node]) / fraction, ahead

        return self._best_first(own, bound, lambda way: (way.cost(prices), -way.fidelity), banned)

    def fidelity_bound(self) -> tuple[float, bool]:
        """The best fidelity of all ways, of a key's ways the worst segment's; and whether it is proven."""

        def bound(begun: _Beginning, node: int) -> tuple[float, float]:
            losses = np.asarray(begun.losses) + (0.0 if self._closing_early else self._rest_losses[node])
            return 1 - _most_fidelity(losses), float(len(begun.edges))

        free = np.zeros(len(self._search.edges))
        found = self._best_first(free, bound, lambda way: (1 - way.fidelity, 0.0), set(), floor=False)
        return (found.way.fidelity if found.way else 0.0), found.proven

    def passes(self, way: Way) -> bool:
        """Whether the pairs are as good as is wanted, and give a key where that is wanted."""
        floor = self.demand.min_fidelity or 0.0
        good = way.fidelity >= floor - ROUNDING
        return good and (self.demand.kind == "pairs" or all(s.secret_fraction > 0 for s in way.segments))

    def _may_pass(self, losses: FloatArray) -> bool:
        floor = self.demand.min_fidelity
        return floor is None or _most_fidelity(losses) >= floor - ROUNDING

    def _best_first(
        self,
        prices: FloatArray,
        bound: Callable[[_Beginning, int], tuple[float, float]],
        value: Callable[[Way], tuple[float, float]],
        banned: Collection[int],
        *,
        floor: bool = True,
    ) -> Cheapest:
        order = count(0, -1)
        heap: list[tuple[tuple[float, float], int, _Beginning | Way]] = []
        heappush(heap, ((0.0, 0.0), next(order), _Beginning()))
        extended = 0
        while heap and extended < MOST_EXTENSIONS:
            limit, _, entry = heappop(heap)
            if isinstance(entry, Way):
                return Cheapest(entry, limit[0], proven=True)
            extended += 1
            for begun in self._extensions(entry, prices, banned):
                if begun.nodes[-1] == 1:
                    way = self._way(begun)
                    if not floor or self.passes(way):
                        heappush(heap, (value(way), next(order), way))
                    continue
                least = bound(begun, begun.nodes[-1])
                if np.isfinite(least[0]):
                    heappush(heap, (least, next(order), begun))
        if not heap:
            return Cheapest(None, float("inf"), proven=True)
        ways = [(key, entry) for key, _, entry in heap if isinstance(entry, Way)]
        best = min(ways, key=lambda item: item[0])[1] if ways else None
        return Cheapest(best, heap[0][0][0], proven=False)

    def _extensions(self, begun: _Beginning, prices: FloatArray, banned: Collection[int]) -> Iterator[_Beginning]:
        here = begun.nodes[-1]
        for edge, there in self._search.steps[here]:
            if edge in banned or there in begun.nodes:
                continue
            way = self._direction(edge, here)
            x, y, z = (float(a) + float(b) for a, b in zip(begun.losses, self._losses[edge], strict=True))
            edges, nodes = (*begun.edges, edge), (*begun.nodes, there)
            pending = begun.pending + float(prices[edge] * self._needs[edge, way])
            longer = _Beginning(edges, nodes, begun.starts, begun.price, pending, (x, y, z))
            if there == 1 or not self._splits[there]:
                yield longer
                continue
            fraction = self._segment(edges[begun.starts[-1] :], nodes[begun.starts[-1] :]).secret_fraction
            if fraction:
                yield _Beginning(edges, nodes, (*begun.starts, len(edges)), begun.price + pending / fraction)

    def _direction(self, edge: int, here: int) -> int:
        return 0 if self._search.edges[edge].link.left.name == self._search.names[here] else 1

    def _segment(self, edges: tuple[int, ...], nodes: tuple[int, ...]) -> Segment:
        key = (nodes[0], *edges)
        if key not in self._segments:
            hops = [self._search.edges[e].links[self._direction(e, n)] for e, n in zip(edges, nodes, strict=False)]
            link = self.field.plan.link(tuple(hops))
            state = evaluate(link)
            fraction = secret_fraction(state.qber("Z"), state.qber("X"))
            self._segments[key] = Segment(link, state.fidelity, fraction)
        return self._segments[key]

    def _way(self, begun: _Beginning) -> Way:
        stops = [*begun.starts, len(begun.edges)]
        segments, needs = [], []
        for start, stop in pairwise(stops):
            edges, nodes = begun.edges[start:stop], begun.nodes[start : stop + 1]
            segment = self._segment(edges, nodes)
            segments.append(segment)
            worth = segment.secret_fraction if self._trusting else 1.0
            for edge, node in zip(edges, nodes, strict=False):
                each = float(self._needs[edge, self._direction(edge, node)])
                needs.append(each / worth if worth else float("inf"))
        hops = tuple(
            self._search.edges[e].links[self._direction(e, n)]
            for e, n in zip(begun.edges, begun.nodes, strict=False)
        )
        numbers = tuple(self._numbers[list(begun.edges)].tolist())
        names = tuple(self._search.names[i] for i in begun.nodes)
        return Way(numbers, names, hops, tuple(segments), tuple(needs))

    def _least(self, costs: FloatArray) -> FloatArray:
        """Shape (nodes,): the least cost from each node to the target; infinite where there is no way."""
        prices = costs.tolist()
        least = np.full(len(self._search.names), np.inf)
        lengths = rx.dijkstra_shortest_path_lengths(self._graph, 1, prices.__getitem__)
        least[list(lengths)] = list(lengths.values())
        least[1] = 0.0
        return least


def pairs_needed(link: Link) -> float:
    """Pairs of an elementary link that one pair of a link purified from them takes in the mean.

    Pairs of every round are made anew after a failure, so that a round of m pairs takes m/p times what one of them
    took, with p the probability that the round succeeds.
    """
    needed: dict[int, float] = {}  # a round's pairs are often the same object

    def of(part: Link) -> float:
        if isinstance(part, ElementaryLink):
            return 1.0
        if id(part) not in needed:
            parts = part.children
            succeeded = reduce(lambda product, each: product * evaluate(each).success_probability, parts, 1.0)
            needed[id(part)] = sum(map(of, parts)) * succeeded / evaluate(part).success_probability
        return needed[id(part)]

    return of(link)


@lru_cache(maxsize=2)
def _needs_of(field: Field) -> FloatArray:
    """Shape (edges of the field, 2): pairs of each that one as the plan uses them takes, told from either end."""
    if not field.plan.purify_rounds:
        return np.ones((len(field.edges), 2))
    edges = track(field.edges, "counting pairs of purified links")
    return np.array([[pairs_needed(field.plan.link((link,))) for link in edge.links] for edge in edges])


def _safe_losses(search: Search) -> FloatArray:
    """Shape (edges, 3): −log of what each link leaves of every correlation, at most.

    Where correlations of different axes can mix (pairs that are not Bell-diagonal, a CNOT with errors of its own),
    the best axis stands for all three.
    """
    losses = search.costs()[:, :3]
    mixed = [edge.mixes for edge in search.edges]
    own_errors = any("cx" in end.processor.gate_errors.names for e in search.edges for end in e.link.ends)
    if any(mixed) or own_errors:
        losses = np.repeat(losses.min(axis=1, keepdims=True), 3, axis=1)
        losses[np.array(mixed)] = 0.0
    return losses


def _most_fidelity(losses: FloatArray) -> float:
    return float((1 + np.exp(-losses).sum()) / 4)


def _most_secret(losses: FloatArray) -> float:
    x, _, z = np.exp(-losses)
    return float(secret_fractions(np.array([(1 - z) / 2]), np.array([(1 - x) / 2]))[0])
