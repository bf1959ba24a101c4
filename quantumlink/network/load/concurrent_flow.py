"""The maximum concurrent flow: the greatest share of all demands that a network can carry at once.

A linear programme over ways: how many pairs or bits a second each way carries, so that every demand gets the same
share of what it wants and no link is asked for more pairs than it makes. There are too many ways to write them all
down; so those are added, demand by demand, that the prices of the present optimum (its duals) show to be worth it,
until there are none (column generation; L. R. Ford and D. R. Fulkerson, Management Science 5, 97 (1958)). For any
prices p ≥ 0 of the links' pairs, the share is at most Σ p·rate / Σ wanted·cheapest way; the least of these bounds
is kept, so that it is known how far the answer can be from the optimum.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from quantumlink.arrays import FloatArray
from quantumlink.network.load.ways import Way, Ways

MOST_ROUNDS = 200
"""Rounds of new ways before it settles for what it has."""

GAP = 1e-7
"""Relative: a bound this near is reached."""

NO_PRICE = 1e-12
"""Of the highest price: less is rounding."""


@dataclass(frozen=True, eq=False)
class Flow:
    """What each way carries, and how far it is from the optimum."""

    share: float
    """What every demand gets of what it wants."""
    at_most: float
    """No flow gives every demand a larger share."""
    carried: tuple[tuple[tuple[Way, float], ...], ...]
    """For each demand, its ways and what they carry a second."""
    use: FloatArray
    """Shape (edges,): pairs a second that are taken of each link."""
    prices: FloatArray
    """Shape (edges,): how much the share would grow with one more pair a second of each link."""


def concurrent_flow(
    ways: Sequence[Ways], wanted_hz: FloatArray, rates_hz: FloatArray, *, without: Collection[int] = ()
) -> Flow:
    """The flow that gives every demand the largest equal share of what it wants.

    Args:
        ways: the ways of each demand; every one must have some.
        wanted_hz: shape (demands,): what each wants, above 0.
        rates_hz: shape (edges,): pairs a second that each link makes, above 0.
        without: numbers of edges that must not be used.
    """
    columns: dict[tuple[int, tuple[int, ...]], Way] = {}
    at_most, prices = np.inf, 1 / rates_hz
    for _ in range(MOST_ROUNDS):
        # Demands that want the same have the same ways.
        known = {id(each): each for each in ways}
        cheapest = {key: each.cheapest(prices, without=without) for key, each in known.items()}
        found = [cheapest[id(each)] for each in ways]
        costs = np.array([one.at_least for one in found])
        if (spent := float(wanted_hz @ costs)) > 0:
            at_most = min(at_most, float(prices @ rates_hz) / spent)
        new = {(i, one.way.edges): one.way for i, one in enumerate(found) if one.way is not None}
        grown = {**columns, **new}
        if len(grown) == len(columns):
            break
        columns = grown
        share, amounts, prices = _optimum(columns, wanted_hz, rates_hz)
        if share >= at_most * (1 - GAP):
            break
    return _flow(columns, amounts, share, at_most, prices, len(ways))


def _optimum(
    columns: dict[tuple[int, tuple[int, ...]], Way], wanted_hz: FloatArray, rates_hz: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """The best flow over given ways: the share, what each carries, and the price of each link."""
    demands, edges, n = len(wanted_hz), len(rates_hz), len(columns)
    owners = np.array([i for i, _ in columns])
    ways = list(columns.values())
    # Rates may be orders of magnitude apart and the solver's tolerances are absolute: what a way carries is counted
    # in what its demand would get at a share that the widest way of every demand could carry alone, what is taken
    # of a link in its rate.
    widths = np.array([np.min(rates_hz[list(way.edges)] / np.array(way.needs)) for way in ways])
    widest = np.zeros(demands)
    np.maximum.at(widest, owners, widths)
    unit = float(np.min(widest / wanted_hz))
    if not unit:
        return 0.0, np.zeros(n), 1 / rates_hz
    units_hz = wanted_hz[owners] * unit
    own = np.concatenate([np.full(len(way.edges), i) for i, way in enumerate(ways)])
    hops = np.concatenate([np.array(way.edges) for way in ways])
    taken = np.concatenate([np.array(way.needs) for way in ways]) * units_hz[own] / rates_hz[hops]
    rows = np.concatenate([owners, demands + hops, np.arange(demands)])
    places = np.concatenate([np.arange(n), own, np.full(demands, n)])
    values = np.concatenate([-np.ones(n), taken, np.ones(demands)])
    matrix = csr_array((values, (rows, places)), shape=(demands + edges, n + 1))
    limits = np.concatenate([np.zeros(demands), np.ones(edges)])
    goal = np.zeros(n + 1)
    goal[n] = -1.0
    result = linprog(goal, A_ub=matrix, b_ub=limits, bounds=(0, None), method="highs")
    if result.status != 0:
        raise RuntimeError(f"the linear programme of the flow was not solved: {result.message}")
    worth = np.maximum(-result.ineqlin.marginals[demands:], 0.0)
    worth[worth < NO_PRICE * worth.max(initial=0.0)] = 0.0
    share = float(-result.fun)
    amounts = np.maximum(result.x[:n], 0.0)
    surplus = np.maximum(np.bincount(owners, amounts, demands) / share, 1.0)  # nobody gets more than the share
    return share * unit, amounts / surplus[owners] * units_hz, worth * unit / rates_hz


def _flow(
    columns: dict[tuple[int, tuple[int, ...]], Way],
    amounts: FloatArray,
    share: float,
    at_most: float,
    prices: FloatArray,
    demands: int,
) -> Flow:
    carried: list[list[tuple[Way, float]]] = [[] for _ in range(demands)]
    use = np.zeros(len(prices))
    for ((owner, edges), way), amount in zip(columns.items(), amounts.tolist(), strict=True):
        if amount > 0:
            carried[owner].append((way, amount))
            np.add.at(use, list(edges), amount * np.array(way.needs))
    ordered = [tuple(sorted(ways, key=lambda item: -item[1])) for ways in carried]
    return Flow(share, max(share, at_most), tuple(ordered), use, prices)
