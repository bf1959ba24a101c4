"""Routes that share no link: how many there are, and good ones.

The greatest number of routes without a common link is a maximum flow (Menger's theorem). Routes of least total
cost are found by successive shortest paths in the residual graph (J. W. Suurballe, Networks 4, 125 (1974); R.
Bhandari, *Survivable Networks* (1999)), exactly for costs that add up along a route. What is asked for does not
add up; so flows of least error, least delay, least length and fewest links are made, and a greedy set (the best
route, then the best without its links, and so on), each is scored exactly, and the best set wins. The number of
routes is the greatest possible; that no other set is better is not claimed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from quantumlink import validation
from quantumlink.network.graph import Avoid, Graph
from quantumlink.network.objectives import Objective
from quantumlink.network.route import Multipath
from quantumlink.network.routing import Field, Plan
from quantumlink.network.search import Found, Outcome, Search

Steps = Sequence[Sequence[tuple[int, int]]]
"""For each node, the edges from it and the nodes they lead to."""

TOLERANCE = 1e-12
"""Differences of costs below this are rounding: a loop of theirs would never end."""


def disjoint_routes(
    network: Graph, source: str, target: str, k: int, *, by: Objective | None, plan: Plan, avoid: Avoid = ()
) -> Multipath:
    """Up to k routes that share no link: see `Network.disjoint_routes`."""
    validation.count("k", k, at_least=1)
    field = Field(network, source, target, by=by, plan=plan, avoid=avoid)
    search = field.search(source, target)
    if search is None:
        raise field.no_route(source, target)
    costs = search.costs()
    possible = len(disjoint_paths(search.steps, [1.0] * len(costs)))
    flows = [disjoint_paths(search.steps, column.tolist(), k) for column in costs.T]
    sets = [[search.complete(path) for path in paths] for paths in flows]
    sets.append(_greedy(field, source, target, k))
    chosen = max(sets, key=lambda found: (len(found), sum(f.score[0] for f in found)))
    chosen.sort(key=lambda found: found.score, reverse=True)
    outcome = Outcome(tuple(chosen), proven=False, at_most=None)
    return Multipath(tuple(field.route(found, outcome) for found in chosen), possible)


def _greedy(field: Field, source: str, target: str, k: int) -> list[Found]:
    used: set[int] = set()
    found: list[Found] = []
    while len(found) < k:
        search: Search | None = field.search(source, target, without=used)
        if search is None:
            break
        found.extend(search.run(1).best)
        mine = {id(hop) for hop in found[-1].hops}
        used |= {i for i, edge in enumerate(field.edges) if mine & {id(link) for link in edge.links}}
    return found


def disjoint_paths(steps: Steps, costs: Sequence[float], k: int | None = None) -> list[tuple[int, ...]]:
    """Paths from node 0 to node 1 without a common edge, of least total cost.

    Args:
        steps: for each node, the undirected edges from it and where they lead.
        costs: the cost of each edge, at least 0.
        k: how many; None for as many as there are.

    Returns:
        The edges of each path in turn.

    >>> square = [[(0, 2), (1, 3)], [(2, 2), (3, 3)], [(0, 0), (2, 1)], [(1, 0), (3, 1)]]
    >>> disjoint_paths(square, [1.0, 1.0, 1.0, 1.0])
    [(0, 2), (1, 3)]
    """
    head: dict[int, int] = {}  # edges with flow, and the node that it runs to
    paths = 0
    while k is None or paths < k:
        way = _cheapest_way(steps, costs, head)
        if way is None:
            break
        for edge, node in way:
            if edge in head:
                del head[edge]  # flow in both directions is none
            else:
                head[edge] = node
        paths += 1
    return [_follow(steps, head) for _ in range(paths)]


def _cheapest_way(steps: Steps, costs: Sequence[float], head: dict[int, int]) -> list[tuple[int, int]] | None:
    """The cheapest way to one more path, back along flow at a negative cost (Bellman and Ford, with a queue)."""
    least = {0: 0.0}
    came: dict[int, tuple[int, int]] = {}
    queue, waiting = deque([0]), {0}
    while queue:
        here = queue.popleft()
        waiting.discard(here)
        if here == 1:  # a path ends there
            continue
        for edge, there in steps[here]:
            if head.get(edge) == there or there == 0:
                continue
            cost = least[here] + (-costs[edge] if edge in head else costs[edge])
            if cost < least.get(there, float("inf")) - TOLERANCE:
                least[there], came[there] = cost, (edge, here)
                if there not in waiting:
                    queue.append(there)
                    waiting.add(there)
    if 1 not in came:
        return None
    way, node = [], 1
    while node != 0:
        edge, before = came[node]
        way.append((edge, node))
        node = before
    return way[::-1]


def _follow(steps: Steps, head: dict[int, int]) -> tuple[int, ...]:
    """Take one path out of the flow, loops cut off."""
    path: list[int] = []
    nodes = [0]
    while nodes[-1] != 1:
        edge, there = next((e, n) for e, n in steps[nodes[-1]] if head.get(e) == n)
        del head[edge]
        if there in nodes:
            del path[nodes.index(there) :], nodes[nodes.index(there) + 1 :]
        else:
            path.append(edge)
            nodes.append(there)
    return tuple(path)
