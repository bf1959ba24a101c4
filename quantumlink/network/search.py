"""The search for the best paths: best first, by what the rest of the way can at most give.

Whether a path is good cannot be told link by link: a rate is set by the slowest of its links together, an error
rate by the product of their correlations, both by the waiting. What *can* be told link by link are limits. With
F(t) the probability that a link's pair is there by time t, −log F(t) adds up along a path for every t, and so
do the logarithms of the correlations ⟨XX⟩, ⟨YY⟩, ⟨ZZ⟩, delays and lengths. One Dijkstra from the target for
each gives the least of each for the rest of the way; together they bound the score of every path that begins in
a given way. Paths are extended in the order of their bounds (A*), and a complete one whose turn comes is scored
exactly, by `forecast`.

When it is a scored path's turn, nothing better is left: the path is *proven* to be the best one under the
model. After `MOST_EXTENSIONS` or `MOST_SCORED` the search stops with the best path it has scored, and the bound
says how much better another could be.

The bounds hold as long as waiting only takes correlations away. Relaxation towards |00⟩ can add to ⟨ZZ⟩, but
only where so little of ⟨XX⟩ is left that neither a key remains nor a fidelity above one half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from itertools import count, pairwise

import numpy as np
import rustworkx as rx

from quantumlink.arrays import FloatArray, IntArray
from quantumlink.hardware import Processor
from quantumlink.link import ElementaryLink, Link
from quantumlink.network.objectives import Limits, Objective, Score, bound, length_km, score
from quantumlink.readings.forecasting import Forecast, stage_of
from quantumlink.readings.forecasting.stages import Stage
from quantumlink.timing.arrivals import CELLS, EDGES_S, arrived_by
from quantumlink.timing.attempts import Rounds, rounds_of

WIDTHS_S: FloatArray = np.diff(EDGES_S)

MOST_EXTENSIONS = 20_000
"""Paths that are extended before the search gives up proving."""

MOST_SCORED = 400
"""Complete paths that are scored exactly before it does."""

MOST_AT_ONCE = 64
"""Complete paths that are scored together, once that many were needed: they have much in common."""

SLACK = 1e-9
"""Relative: scores nearer than this are equal."""

Hops = tuple[ElementaryLink, ...]
Scorer = Callable[[Sequence[Sequence[Stage]]], list[Forecast]]


class Edge:
    """A link that a route may use, in both directions; what only few paths need is made when it is asked for.

    Args:
        link: the link.
        made: what is made of its pairs, told from either end, before the route swaps them; None for nothing.
    """

    def __init__(self, link: ElementaryLink, made: tuple[Link, Link] | None = None) -> None:
        self.link, self._made = link, made

    @cached_property
    def links(self) -> tuple[ElementaryLink, ElementaryLink]:
        """The link, and the same told from its other end."""
        return self.link, self.link.reversed()

    @cached_property
    def stages(self) -> tuple[Stage, Stage]:
        """Its pairs as the route swaps them, told from either end."""
        if self._made is None:
            return self.stage, self.stage.reversed()
        return self.stage, stage_of(self._made[1])  # a purification may treat its ends in different ways

    @cached_property
    def stage(self) -> Stage:
        """Its pairs as the route swaps them."""
        return stage_of(self.link if self._made is None else self._made[0])

    @property
    def rounds(self) -> Rounds | None:
        """The attempts whose first success is such a pair; None if more is done, or nothing known."""
        return rounds_of(self.link) if self._made is None else None

    @cached_property
    def mixes(self) -> bool:
        """Whether a swap may make one correlation of another: the pairs are not Bell-diagonal."""
        return bool(np.abs(np.delete(self.coefficients, [0, 5, 10, 15])).max() > 1e-12)

    @cached_property
    def coefficients(self) -> FloatArray:
        """Shape (16,): the Pauli coefficients of these pairs, nothing having to wait."""
        if self._made is None and self.link.move_factors is None:
            return self.link.coefficients
        coefficients: FloatArray = self.stage.vectors[0]
        return coefficients


@dataclass(frozen=True, eq=False)
class Found:
    """A complete path and what it delivers."""

    hops: Hops
    forecast: Forecast
    score: Score


_Entry = tuple[Score, int, tuple[int, ...], tuple[int, ...], "FloatArray | Found"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The best paths found, and what no other path exceeds."""

    best: tuple[Found, ...]
    proven: bool
    at_most: float | None


class Search:
    """The search for paths between two nodes of a graph.

    Args:
        source: name of the first node.
        target: name of the last node.
        edges: the links that may be used.
        passable: names of nodes that a path may lead through.
        by: what is best.
        scorer: what complete paths deliver, given the stages of each one's hops.
        parting: names of nodes that do not swap what comes through: a segment ends there, and one begins.

    The source is node 0, the target node 1; ``steps[node]`` are the edges from a node and where they lead.
    """

    def __init__(
        self,
        source: str,
        target: str,
        *,
        edges: Sequence[Edge],
        passable: Iterable[str],
        by: Objective,
        scorer: Scorer,
        parting: Iterable[str] = (),
    ) -> None:
        self._by, self._scorer, self._edges = by, scorer, edges
        self.parting = frozenset((source, target, *parting))
        names = [source, target, *(name for name in passable if name not in (source, target))]
        index = {name: i for i, name in enumerate(names)}
        self._graph: rx.PyGraph[str, int] = rx.PyGraph()
        self._graph.add_nodes_from(names)
        self.steps: list[list[tuple[int, int]]] = [[] for _ in names]
        for number, edge in enumerate(edges):
            left, right = (index.get(end.name) for end in edge.link.ends)
            if left is None or right is None:
                continue
            self._graph.add_edge(left, right, number)
            self.steps[left].append((number, right))
            self.steps[right].append((number, left))
        self._scored: dict[tuple[int, ...], Found] = {}

    @property
    def edges(self) -> Sequence[Edge]:
        """The links that may be used, by their numbers in ``steps``."""
        return self._edges

    @property
    def names(self) -> Sequence[str]:
        """The names of the nodes, by their numbers in ``steps``."""
        return self._graph.nodes()

    @property
    def reachable(self) -> bool:
        """Whether there is a path at all."""
        return bool(rx.has_path(self._graph, 0, 1))

    def run(self, k: int, *, above: float = -np.inf) -> Outcome:
        """The k best paths, or as many as there are; perhaps none if none scores above a limit."""
        costs = self.costs()
        for column in costs.T:  # something good to begin with, whatever happens
            self.complete(self._cheapest(column))
        latencies = [f.forecast.latency_s for f in self._scored.values() if f.forecast.latency_s is not None]
        timed = latencies and self._by not in ("length", "hops")
        self._cells = _cells_around(min(latencies)) if timed else np.zeros(0, dtype=np.int64)
        self._weights = np.hstack([self._time_costs(), costs])
        rest = self._least_costs()
        # Of each node, for every step from it: what the link costs, and what the rest of the way does at least.
        self._onwards = [
            (self._weights[[number for number, _ in steps]], rest[[node for _, node in steps]])
            for steps in self.steps
        ]
        return self._best_first(k, above)

    def costs(self) -> FloatArray:
        """Shape (edges, 6): −log|⟨XX⟩|, |⟨YY⟩|, |⟨ZZ⟩| with the relays' noise, delay, length, one."""
        rows = []
        for edge in self._edges:
            kept = np.sqrt([self._kept(end.name, end.processor) for end in edge.link.ends])
            correlations = np.abs(edge.coefficients[[5, 10, 15]]) * kept.prod()
            weights = -np.log(np.maximum(correlations, 1e-300))
            rows.append([*weights, edge.link.delay_s, length_km(edge.link), 1.0])
        # A path's rounding must not make a cost negative.
        table: FloatArray = np.maximum(np.array(rows).reshape(-1, 6), 0.0) + 0.0
        return table

    def _kept(self, name: str, processor: Processor) -> float:
        """The factor by which a swap at a node shrinks every correlation at least; 1 where none is done."""
        return 1.0 if name in self.parting else _kept_by(processor)

    def _time_costs(self) -> FloatArray:
        """Shape (edges, cells): −log F(t) at the end of each cell."""
        if not len(self._cells):
            return np.zeros((len(self._edges), 0))
        arrived = np.empty((len(self._edges), len(self._cells)))
        plain = [(i, rounds) for i, edge in enumerate(self._edges) if (rounds := edge.rounds) is not None]
        if plain:
            arrived[[i for i, _ in plain]] = arrived_by([rounds for _, rounds in plain], self._cells)
        for i in set(range(len(self._edges))).difference(i for i, _ in plain):
            arrived[i] = self._edges[i].stage.arrived(self._cells)[0]
        costs: FloatArray = -np.log(np.clip(arrived, 1e-300, 1.0)) + 0.0  # no negative zeros: Dijkstra refuses them
        return costs

    def _cheapest(self, costs: FloatArray) -> tuple[int, ...]:
        """The edges of a path of least cost; of parallel edges, the cheapest."""
        prices = costs.tolist()
        path = rx.dijkstra_shortest_paths(self._graph, 0, target=1, weight_fn=prices.__getitem__)[1]
        edges = (self._graph.get_all_edge_data(*step) for step in pairwise(path))
        return tuple(min(parallel, key=prices.__getitem__) for parallel in edges)

    def _least_costs(self) -> FloatArray:
        """Shape (nodes, costs): the least of each cost from every node to the target; infinite: no way."""
        least = np.full((len(self._graph), self._weights.shape[1]), np.inf)
        for column, costs in enumerate(self._weights.T):
            prices = costs.tolist()
            lengths = rx.dijkstra_shortest_path_lengths(self._graph, 1, prices.__getitem__)
            least[list(lengths), column] = list(lengths.values())
        least[1] = 0.0
        return least

    def _best_first(self, k: int, above: float) -> Outcome:
        order = count(0, -1)  # of equal bounds, the newest first: that leads to the target
        best: list[Found] = []
        start = np.zeros(self._weights.shape[1])
        # The bound (negated), a number that breaks ties, the path's edges and nodes, its costs; or a path found.
        heap: list[_Entry] = []
        heappush(heap, ((-np.inf, 0.0, 0.0), next(order), (), (0,), start))
        complete: list[tuple[tuple[int, ...], tuple[int, ...]]] = []  # edges and nodes, still to be scored
        extended, new, at_once = 0, 0, 1
        most = max(MOST_SCORED, 4 * k)
        while heap or complete:
            stops = not heap or extended >= MOST_EXTENSIONS or len(self._scored) + new >= most
            if complete and (stops or len(complete) >= at_once or self._is_decided(heap[0], above)):
                for (edges, nodes), found in zip(complete, self._completed([e for e, _ in complete]), strict=True):
                    heappush(heap, (_negated(found.score), next(order), edges, nodes, found))
                complete, new, at_once = [], 0, min(2 * at_once, MOST_AT_ONCE)
                continue
            if stops:
                break
            bound, _, edges, nodes, entry = heappop(heap)
            if -bound[0] <= above:
                return Outcome(tuple(best), True, -bound[0])
            if isinstance(entry, Found):
                best.append(entry)
                if len(best) == k:
                    return Outcome(tuple(best), True, entry.score[0])
            elif nodes[-1] == 1:
                complete.append((edges, nodes))
                new += edges not in self._scored
            else:
                extended += 1
                for number, node, costs, limit in self._extensions(edges, nodes, entry):
                    heappush(heap, (_negated(limit), next(order), (*edges, number), (*nodes, node), costs))
        if not heap:
            return Outcome(tuple(best), True, best[-1].score[0] if best else 0.0)
        return self._unproven(k, best, -heap[0][0][0])

    @staticmethod
    def _is_decided(first: _Entry, above: float) -> bool:
        """Whether what comes first ends the search, unless a path that is still to be scored comes before it."""
        return isinstance(first[-1], Found) or -first[0][0] <= above

    def _unproven(self, k: int, best: list[Found], at_most: float) -> Outcome:
        """What there is when the search stops early: first what is proven, then the best of what was scored."""
        others = sorted((f for f in self._scored.values() if f not in best), key=lambda f: f.score, reverse=True)
        chosen = [*best, *others][:k]
        proven = at_most <= chosen[-1].score[0] + SLACK * abs(chosen[-1].score[0])
        return Outcome(tuple(chosen), proven, at_most)

    def _extensions(
        self, edges: tuple[int, ...], nodes: tuple[int, ...], costs: FloatArray
    ) -> Iterable[tuple[int, int, FloatArray, Score]]:
        """The paths that are one link longer: the link, the node it leads to, costs and bound."""
        steps = [(i, *step) for i, step in enumerate(self.steps[nodes[-1]]) if step[1] not in nodes]
        if not steps:
            return
        links, rests = self._onwards[nodes[-1]]
        chosen = [i for i, _, _ in steps]
        new = costs + links[chosen]
        limits = self._limits(new + rests[chosen])
        for (_, number, node), there, limit in zip(steps, new, limits, strict=True):
            if not edges and node == 1:  # a link on its own is a stream, which the bounds know nothing of
                yield number, node, there, self.complete((number,)).score
            elif limit.hops < np.inf:
                yield number, node, there, bound(self._by, limit)

    def _limits(self, costs: FloatArray) -> list[Limits]:
        """What paths of at least these costs can reach."""
        # P(T > t) falls with t: in each cell and before the first it is at least what it is at the cell's end.
        survived = -np.expm1(-costs[:, : len(self._cells)])
        time = survived @ WIDTHS_S[self._cells]
        if len(self._cells):
            time += survived[:, 0] * EDGES_S[self._cells[0]]
        # Wherever the last swap is, its message goes to both ends: the farther one is half the way off at least.
        time += costs[:, -3] / 2
        correlations = np.exp(-costs[:, -6:-3])
        columns = time.tolist(), correlations.tolist(), costs[:, -2].tolist(), costs[:, -1].tolist()
        return [Limits(*row) for row in zip(*columns, strict=True)]

    def complete(self, path: tuple[int, ...]) -> Found:
        """A complete path, scored once."""
        return self._completed([path])[0]

    def _completed(self, paths: Sequence[tuple[int, ...]]) -> list[Found]:
        """Complete paths, those that are not scored yet all at once."""
        new = [path for path in dict.fromkeys(paths) if path not in self._scored]
        ways = [self._way(path) for path in new]
        found = self._scorer([stages for _, stages in ways]) if new else []
        for path, (hops, _), forecast in zip(new, ways, found, strict=True):
            self._scored[path] = Found(hops, forecast, score(self._by, forecast, hops))
        return [self._scored[path] for path in paths]

    def _way(self, path: tuple[int, ...]) -> tuple[Hops, list[Stage]]:
        """The links of a path and their stages, told from the source's side."""
        here, hops, stages = self._graph[0], [], []
        for number in path:
            edge = self._edges[number]
            way = 0 if edge.link.left.name == here else 1
            hops.append(edge.links[way])
            stages.append(edge.stages[way])
            here = hops[-1].right.name
        return tuple(hops), stages


@lru_cache(maxsize=4096)
def _kept_by(processor: Processor) -> float:
    """The factor by which a swap shrinks every correlation at least: its CNOT and its readout."""
    (_, zero_read_one), (one_read_zero, _) = processor.facing("left").confusion
    # An error of the CNOT's own may be anything, even one that mends: it promises nothing.
    gate = 1.0 if "cx" in processor.gate_errors.names else 1 - processor.depolarizing_2q
    return gate * (1 - 2 * min(zero_read_one, one_read_zero, 0.5))


def _cells_around(latency_s: float) -> IntArray:
    """Cells of the grid of times that decide about a latency: from a twentieth of it to eight times."""
    first, last = np.searchsorted(EDGES_S, [latency_s / 20, latency_s * 8])
    return np.arange(max(int(first) - 1, 0), min(int(last), CELLS))


def _negated(value: Score) -> Score:
    return -value[0], -value[1], -value[2]
