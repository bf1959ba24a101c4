"""Trees along which copies of one qubit are brought to several nodes: links that they share are paid for once.

A copy at a node where the tree branches is only passed on: copies are made of it, then it is measured away. A
method that chooses trees can be replaced, as the others can.

Reference:
    S. E. Dreyfus, R. A. Wagner, Networks 1, 195 (1971): the cheapest tree that joins some nodes; A. B. Kahng,
    G. Robins, IEEE Trans. Comput.-Aided Des. 11, 893 (1992): one more node at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Protocol, TypeAlias

from quantumlink.distributed.machine import Machine

Tree: TypeAlias = tuple[tuple[int, int], ...]
"""Pairs of nodes between which a copy is passed on, each away from where there is one."""

MAX_EXACT = 6
"""Most nodes to be reached for which the tree is the cheapest; for more, nodes are added one at a time."""


class Trees(Protocol):
    """A method that says along which ways copies are brought to nodes."""

    def __call__(self, machine: Machine, roots: frozenset[int], targets: frozenset[int]) -> Tree:
        """A tree that joins all targets with nodes where the qubit or a copy is, told from there outwards."""


def single_paths(machine: Machine, roots: frozenset[int], targets: frozenset[int]) -> Tree:
    """No tree: each copy comes from the nearest node that has one, all the way."""
    distance = machine.distance
    return tuple((min(sorted(roots), key=lambda r: distance[r][t]), t) for t in sorted(targets - roots))


def steiner_tree(machine: Machine, roots: frozenset[int], targets: frozenset[int]) -> Tree:
    """The cheapest tree, exactly for up to `MAX_EXACT` targets.

    >>> import quantumlink as ql
    >>> from quantumlink.distributed.machine import machine_of
    >>> hub, *ends = (ql.Node(name, qubits=1) for name in "habc")
    >>> star = machine_of(ql.Network([hub, *ends], [ql.ElementaryLink(hub, end) for end in ends]))
    >>> steiner_tree(star, frozenset({1}), frozenset({2, 3}))
    ((1, 0), (0, 2), (0, 3))
    """
    targets = targets - roots
    if not targets:
        return ()
    if len(targets) <= MAX_EXACT:
        return _Exact(machine, sorted(roots), sorted(targets)).tree()
    return _one_by_one(machine, sorted(roots), sorted(targets))


def cost_of_tree(machine: Machine, tree: Iterable[tuple[int, int]]) -> float:
    """What the pairs along a tree cost."""
    return sum(machine.distance[a][b] for a, b in tree)


def way_from(tree: Tree, roots: frozenset[int], target: int) -> tuple[int, ...]:
    """The nodes of a tree from where there is a copy until a target."""
    before = {b: a for a, b in tree}
    way = [target]
    while way[-1] not in roots:
        way.append(before[way[-1]])
    return tuple(reversed(way))


def _outwards(edges: Iterable[tuple[int, int]], roots: Sequence[int]) -> Tree:
    """The edges of a tree in an order in which a copy is passed on."""
    near: dict[int, list[int]] = {}
    for a, b in edges:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    found: list[tuple[int, int]] = []
    queue, seen = list(roots), set(roots)
    for node in queue:
        for other in sorted(near.get(node, ())):
            if other not in seen:
                seen.add(other)
                found.append((node, other))
                queue.append(other)
    return tuple(found)


ROOT = -1
"""All nodes together where there is a copy: what one of them reaches, all do."""


class _Exact:
    """By all subsets of targets: the cheapest tree that joins a subset with a node."""

    def __init__(self, machine: Machine, roots: Sequence[int], targets: Sequence[int]) -> None:
        self._machine, self._roots, self._targets = machine, roots, targets
        self._nodes = [ROOT, *sorted({*targets, *machine.relays} - {*roots})]
        self._from = {v: min(roots, key=lambda r: machine.distance[r][v]) for v in self._nodes if v != ROOT}
        """The nearest node with a copy."""
        self._cost: list[dict[int, float]] = [{} for _ in range(1 << len(targets))]
        self._how: list[dict[int, tuple[int, int]]] = [{} for _ in range(1 << len(targets))]
        """For each subset and node: a part of the subset that is joined there, or 0 and the next node."""

    def tree(self) -> Tree:
        full = (1 << len(self._targets)) - 1
        for subset in range(1, full + 1):
            self._join(subset)
        edges: list[tuple[int, int]] = []
        self._edges(full, ROOT, edges)
        return _outwards(edges, self._roots)

    def _distance(self, a: int, b: int) -> float:
        distance = self._machine.distance
        if a == ROOT or b == ROOT:
            node = max(a, b)
            return 0.0 if node == ROOT else distance[self._from[node]][node]
        return distance[a][b]

    def _join(self, subset: int) -> None:
        at: dict[int, float] = {}
        how: dict[int, tuple[int, int]] = {}
        if subset & (subset - 1) == 0:
            at[self._targets[subset.bit_length() - 1]] = 0.0
        else:
            for node in self._nodes:
                part = (subset - 1) & subset
                while part:
                    cost = self._cost[part].get(node, inf) + self._cost[subset ^ part].get(node, inf)
                    if cost < at.get(node, inf):
                        at[node], how[node] = cost, (part, ROOT)
                    part = (part - 1) & subset
        # Over the roots, too, since these are one: so two steps may be shorter than one.
        for middle in ((ROOT,), self._nodes):
            before = dict(at)
            for node in middle:
                for other, cost in before.items():
                    step = cost + self._distance(node, other)
                    if node != other and step < at.get(node, inf) - 1e-12:
                        at[node], how[node] = step, (0, other)
        self._cost[subset], self._how[subset] = at, how

    def _edges(self, subset: int, node: int, found: list[tuple[int, int]]) -> None:
        if node not in self._how[subset]:
            return
        part, other = self._how[subset][node]
        if part:
            self._edges(part, node, found)
            self._edges(subset ^ part, node, found)
            return
        a, b = (self._from[max(node, other)] if v == ROOT else v for v in (node, other))
        found.append((a, b))
        self._edges(subset, other, found)


def _one_by_one(machine: Machine, roots: Sequence[int], targets: Sequence[int]) -> Tree:
    """The cheapest tree of the targets alone, then with one relay more at a time, as long as that is cheaper."""
    chosen: list[int] = []
    best = _spanning(machine, roots, targets)
    while True:
        tried = [
            (cost_of_tree(machine, tree), relay, tree)
            for relay in machine.relays
            if relay not in (*roots, *targets, *chosen)
            for tree in [_spanning(machine, roots, [*targets, *chosen, relay])]
        ]
        if not tried or min(tried)[0] >= cost_of_tree(machine, best) - 1e-12:
            return best
        _, relay, best = min(tried)
        chosen.append(relay)


def _spanning(machine: Machine, roots: Sequence[int], others: Sequence[int]) -> Tree:
    """The cheapest tree on some nodes (R. C. Prim, Bell Syst. Tech. J. 36, 1389 (1957))."""
    distance, found = machine.distance, []
    nearest = {v: min(roots, key=lambda r: distance[r][v]) for v in others}
    while nearest:
        node = min(nearest, key=lambda v: (distance[nearest[v]][v], v))
        found.append((nearest.pop(node), node))
        for v, before in nearest.items():
            if distance[node][v] < distance[before][v]:
                nearest[v] = node
    return tuple(found)
