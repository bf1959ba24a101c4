"""Annealing of runs of groups: each run of a wire's groups goes to another node, or two wires change places.

Written as `quantumlink.distributed.cover_arrays` is, on flat sequences, for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any, NamedTuple

from quantumlink.distributed.cover_arrays import NOW, Given, State, change, undo

DRAWS = 7
"""Random numbers that a proposal takes."""

RUN = 4
"""Entries of a run: its wire, its first group, the one after its last, and where it goes."""

BETTER = 1e-9
"""By how much the best must be better than the one before."""


class Wires(NamedTuple):
    """The groups of each wire, and where there is room."""

    own_at: Sequence[int]
    own: Sequence[int]
    """The groups of each wire, in order."""
    start: Sequence[int]
    """The layer in which each of these begins; the first of a wire in the first layer."""
    acting: Sequence[int]
    """Wires that have groups."""
    fixed: Sequence[int]
    """Of each wire, whether it begins where it is."""
    nodes: Sequence[int]
    """Nodes that hold wires."""
    layers: int
    """How many there are."""
    room: Any
    """By node and layer, how many wires more there may be: shape (nodes · layers)."""


class Work(NamedTuple):
    """What proposals are written down in."""

    runs: Any
    moved: Any
    where: Any
    old: Any
    found: Any
    """The nodes of all groups when they were cheapest."""


def bisect(W: Wires, first: int, last: int, layer: int) -> int:
    """How many of a wire's groups begin by a layer."""
    low, high = first, last
    while low < high:
        middle = (low + high) // 2
        if layer < W.start[middle]:
            high = middle
        else:
            low = middle + 1
    return low - first


def moves_cost(T: Given, S: State, W: Wires, run: int, X: Work) -> float:
    """What the moves of a wire cost from before a run until after it."""
    begin, end = W.own_at[X.runs[run]], W.own_at[X.runs[run] + 1]
    first, last = max(begin, begin + X.runs[run + 1] - 1), min(end, begin + X.runs[run + 2] + 1)
    found = 0.0
    for i in range(first, last - 1):
        a, b = S.at[W.own[i]], S.at[W.own[i + 1]]
        if a != b:
            found += T.distance[a * T.nodes + b]
    return found


def shift(W: Wires, end: int, i: int, here: int, there: int) -> bool:
    """Note that a wire is elsewhere during one of its groups; whether there is room."""
    if here == there:
        return True
    until = W.start[i + 1] if i + 1 < end else W.layers
    enough = True
    for layer in range(W.start[i], until):
        W.room[here * W.layers + layer] += 1
        W.room[there * W.layers + layer] -= 1
        enough = enough and W.room[there * W.layers + layer] >= 0
    return enough


def drawn(S: State, W: Wires, X: Work, draws: Any, k: int, whole: float) -> int:
    """Runs of groups and where they go; how many there are."""
    wire = W.acting[int(draws[k] * len(W.acting))]
    begin, end = W.own_at[wire], W.own_at[wire + 1]
    size = end - begin
    first, last = 0, size
    if draws[k + 1] >= whole:
        first = int(draws[k + 2] * size)
        last = min(size, first + 1 + int(draws[k + 3] ** 4 * size))
    here = S.at[W.own[begin + first]]
    other = W.acting[int(draws[k + 4] * len(W.acting))] if draws[k + 5] < 0.5 else wire
    X.runs[0], X.runs[1], X.runs[2] = wire, first, last
    if other == wire:
        there = W.nodes[int(draws[k + 4] * len(W.nodes))]
        X.runs[3] = there
        return 0 if there == here or (first == 0 and W.fixed[wire]) else 1
    start = W.start[begin + first]
    until = W.start[begin + last] if last < size else W.layers
    low, high = W.own_at[other], W.own_at[other + 1]
    X.runs[4] = other
    if last - first == size:
        X.runs[5], X.runs[6] = 0, high - low
    else:
        X.runs[5] = bisect(W, low, high, start) - 1
        X.runs[6] = bisect(W, low, high, max(until - 1, start))
    X.runs[7] = here
    X.runs[3] = there = S.at[W.own[low + X.runs[5]]]
    if there == here or (first == 0 and W.fixed[wire]) or (X.runs[5] == 0 and W.fixed[other]):
        return 0
    return 2


def taken_back(W: Wires, X: Work, runs: int) -> None:
    """Note that all are where they were."""
    count = 0
    for run in range(0, RUN * runs, RUN):
        begin, end = W.own_at[X.runs[run]], W.own_at[X.runs[run] + 1]
        for i in range(begin + X.runs[run + 1], begin + X.runs[run + 2]):
            shift(W, end, i, X.runs[run + 3], X.old[count])
            count += 1


def enough_room(W: Wires, X: Work, runs: int) -> bool:
    """Whether no node of the runs holds too many now."""
    for run in range(0, RUN * runs, RUN):
        begin, end = W.own_at[X.runs[run]], W.own_at[X.runs[run] + 1]
        last = begin + X.runs[run + 2]
        until = W.start[last] if last < end else W.layers
        row = X.runs[run + 3] * W.layers
        for layer in range(W.start[begin + X.runs[run + 1]], until):
            if W.room[row + layer] < 0:
                return False
    return True


def propose(T: Given, S: State, W: Wires, X: Work, draws: Any, k: int, whole: float, temperature: float) -> float:
    """One proposal, taken or not; the change of the cost."""
    runs = drawn(S, W, X, draws, k, whole)
    if runs == 0:
        return 0.0
    before, count, enough = 0.0, 0, True
    for run in range(0, RUN * runs, RUN):
        before += moves_cost(T, S, W, run, X)
        begin, end = W.own_at[X.runs[run]], W.own_at[X.runs[run] + 1]
        for i in range(begin + X.runs[run + 1], begin + X.runs[run + 2]):
            group = W.own[i]
            X.moved[count], X.where[count], X.old[count] = group, X.runs[run + 3], S.at[group]
            enough = shift(W, end, i, S.at[group], X.runs[run + 3]) and enough
            count += 1
    if not enough and not enough_room(W, X, runs):
        taken_back(W, X, runs)
        return 0.0
    copies = S.total[NOW]
    difference: float = change(T, S, X.moved, X.where, count) - copies - before
    for run in range(0, RUN * runs, RUN):
        difference += moves_cost(T, S, W, run, X)
    if difference <= 0 or draws[k + 6] < exp(-difference / temperature):
        return difference
    if not undo(S):
        return difference
    taken_back(W, X, runs)
    return 0.0


def anneal(
    T: Given,
    S: State,
    W: Wires,
    X: Work,
    draws: Any,
    whole: float,
    hot: float,
    cold: float,
    now: float,
    best: float,
) -> tuple[float, float]:
    """As many proposals as random numbers suffice for; the cost now, and the least.

    Args:
        T: what is asked.
        S: the nodes of all groups, and what they cost.
        W: the wires.
        X: where `Work.found` is kept.
        draws: random numbers between 0 and 1, `DRAWS` for each proposal.
        whole: how often a wire is moved for the whole time.
        hot: the temperature in the beginning.
        cold: and in the end.
        now: the cost, that of moves counted.
        best: the least that was found.
    """
    count = len(draws) // DRAWS
    for n in range(count):
        temperature = hot + (cold - hot) * n / count
        difference = propose(T, S, W, X, draws, n * DRAWS, whole, temperature)
        now += difference
        if difference < 0 and now < best - BETTER:
            best = now
            for i in range(len(X.found)):
                X.found[i] = S.at[i]
    return now, best
