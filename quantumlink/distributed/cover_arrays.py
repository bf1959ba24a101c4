"""The fewest copies for groups at nodes, kept up to date: functions on flat sequences.

For each pair of nodes the fewest copies are as many as a largest matching has edges (König). A change of a few
groups frees a few vertices of these matchings and adds a few: one search for an augmenting path from each, one
after the other, makes them largest again (C. Berge, Proc. Natl. Acad. Sci. 43, 842 (1957)).

A *vertex* is a copy of a group at a node; vertex ``group * nodes + node``. A vertex is *covered*, and joins no
matching, where a task needs that copy in any case, or where it costs nothing: the wire goes to that node after the
group, and the copy becomes the wire (see `quantumlink.distributed.moving`).

Everything is written for sequences that are indexed by one number, so that the same functions run on lists, and
compiled on arrays where numba is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

AT, MATE, FORCED, CHOSEN = range(4)
"""The sequences of a state that are written through `put`, and so can be taken back."""

STAMP, WRITTEN, EXPOSED, FULL = range(4)
"""Entries of `State.counters`."""

NOW, BEFORE = range(2)
"""Entries of `State.total`."""


class Given(NamedTuple):
    """What is asked, and where: lists within lists as one list, and where each begins."""

    nodes: int
    distance: Sequence[float]
    """Shape (nodes · nodes)."""
    reading: Sequence[int]
    """Of each group, whether its wire is only read."""
    after: Sequence[int]
    """Of each group, the one whose node may have its copy for nothing, or −1."""
    before: Sequence[int]
    """The other way round."""
    near_at: Sequence[int]
    near: Sequence[int]
    """Of each group, those that it shares tasks with that read both."""
    wide_at: Sequence[int]
    wide: Sequence[int]
    """The groups of each task that needs copies in any case."""
    held: Sequence[int]
    """Of these tasks, whether they are done where their second group is."""
    wide_of_at: Sequence[int]
    wide_of: Sequence[int]
    """Of each group, these tasks."""
    block_at: Sequence[int]
    block: Sequence[int]
    """Of each group, those that it shares blocks with, one entry a block."""


class State(NamedTuple):
    """What changes."""

    at: Any
    """The node of each group."""
    mate: Any
    """Of each vertex, the group of the vertex that it is matched with, or −1."""
    forced: Any
    """Of each vertex, how many tasks need it in any case."""
    chosen: Any
    """Where each task is done that needs copies in any case; −1 if it needs none."""
    absent: Any
    """Vertices that are not looked at yet: the matching is largest without."""
    away: Any
    """Groups that are not looked at yet."""
    seen: Any
    parent: Any
    queue: Any
    exposed: Any
    """Vertices that are absent."""
    touched: Any
    marked: Any
    counters: Any
    total: Any
    """The cost now, and before the last change."""
    kind: Any
    place: Any
    value: Any
    """What was written, to be taken back: where, and what was there (one place more, for what is not noted)."""


def put(S: State, kind: int, place: int, value: int) -> None:
    """Write one entry, so that it can be taken back, as far as there is room to note what was there."""
    n = S.counters[WRITTEN]
    if n < len(S.kind):
        S.kind[n], S.place[n] = kind, place
        S.counters[WRITTEN] = n + 1
    else:
        n = len(S.value) - 1
        S.counters[FULL] = 1
    if kind == AT:
        S.value[n] = S.at[place]
        S.at[place] = value
    elif kind == MATE:
        S.value[n] = S.mate[place]
        S.mate[place] = value
    elif kind == FORCED:
        S.value[n] = S.forced[place]
        S.forced[place] = value
    else:
        S.value[n] = S.chosen[place]
        S.chosen[place] = value


def undo(S: State) -> bool:
    """Take the last change back; False, and nothing is done, if it was too large to be noted."""
    if S.counters[FULL]:
        return False
    for n in range(S.counters[WRITTEN] - 1, -1, -1):
        kind, place, value = S.kind[n], S.place[n], S.value[n]
        if kind == AT:
            S.at[place] = value
        elif kind == MATE:
            S.mate[place] = value
        elif kind == FORCED:
            S.forced[place] = value
        else:
            S.chosen[place] = value
    S.counters[WRITTEN] = 0
    S.total[NOW] = S.total[BEFORE]
    return True


def is_free(T: Given, S: State, group: int, node: int) -> bool:
    """Whether a copy costs nothing."""
    after = T.after[group]
    return after >= 0 and S.at[after] == node


def covered(T: Given, S: State, group: int, node: int) -> bool:
    """Whether a copy is there in any case."""
    return S.forced[group * T.nodes + node] > 0 or is_free(T, S, group, node)


def expose(S: State, vertex: int) -> None:
    """A vertex is to be looked at anew."""
    if not S.absent[vertex]:
        S.absent[vertex] = 1
        S.exposed[S.counters[EXPOSED]] = vertex
        S.counters[EXPOSED] += 1


def unmatch(T: Given, S: State, group: int, node: int) -> int:
    """Take an edge out of the matching; the other group."""
    here: int = S.at[group]
    other: int = S.mate[group * T.nodes + node]
    put(S, MATE, group * T.nodes + node, -1)
    put(S, MATE, other * T.nodes + here, -1)
    S.total[NOW] -= T.distance[here * T.nodes + node]
    return other


def force(T: Given, S: State, task: int) -> None:
    """Note the copies of a task that does not read one of its wires, or has more than two."""
    first, last = T.wide_at[task], T.wide_at[task + 1]
    chosen, most, apart = -1, 0, False
    for i in range(first, last):
        node = S.at[T.wide[i]]
        apart = apart or node != S.at[T.wide[first]]
        if T.held[task]:
            if i == first + 1:
                chosen = node
        elif not T.reading[T.wide[i]]:
            if most <= last - first:
                chosen, most = node, last - first + 1
        else:
            count = 0
            for j in range(first, last):
                count += S.at[T.wide[j]] == node
            if count > most or (count == most and node > chosen):
                chosen, most = node, count
    if not apart:
        return
    put(S, CHOSEN, task, chosen)
    for i in range(first, last):
        group = T.wide[i]
        here = S.at[group]
        if here == chosen:
            continue
        vertex = group * T.nodes + chosen
        put(S, FORCED, vertex, S.forced[vertex] + 1)
        if S.forced[vertex] > 1 or is_free(T, S, group, chosen):
            continue
        S.total[NOW] += T.distance[here * T.nodes + chosen]
        if S.mate[vertex] >= 0:
            other = unmatch(T, S, group, chosen)
            expose(S, other * T.nodes + here)


def release(T: Given, S: State, task: int) -> None:
    """Forget the copies of a task again."""
    chosen = S.chosen[task]
    if chosen < 0:
        return
    for i in range(T.wide_at[task], T.wide_at[task + 1]):
        group = T.wide[i]
        if S.at[group] == chosen:
            continue
        vertex = group * T.nodes + chosen
        put(S, FORCED, vertex, S.forced[vertex] - 1)
        if S.forced[vertex] == 0 and not is_free(T, S, group, chosen):
            S.total[NOW] -= T.distance[S.at[group] * T.nodes + chosen]
            if not S.away[group]:
                expose(S, vertex)
    put(S, CHOSEN, task, -1)


def augment(T: Given, S: State, start: int, node: int) -> None:
    """Match one more vertex, the copy of a group at a node, if an alternating path leads to a free one."""
    K, here = T.nodes, S.at[start]
    vertex = start * K + node
    if here == node or S.mate[vertex] >= 0 or S.away[start] or S.absent[vertex] or covered(T, S, start, node):
        return
    S.counters[STAMP] += 1
    stamp = S.counters[STAMP]
    S.queue[0] = start
    head, tail = 0, 1
    while head < tail:
        a = S.queue[head]
        head += 1
        for i in range(T.near_at[a], T.near_at[a + 1]):
            b = T.near[i]
            if S.at[b] != node or S.seen[b] == stamp or S.away[b] or S.absent[b * K + here]:
                continue
            if covered(T, S, b, here):
                continue
            S.seen[b] = stamp
            S.parent[b] = a
            other = S.mate[b * K + here]
            if other < 0:
                flip(T, S, b, here, node)
                return
            S.queue[tail] = other
            tail += 1


def flip(T: Given, S: State, end: int, here: int, node: int) -> None:
    """Exchange what is matched and what is not along the path that was found."""
    K = T.nodes
    S.total[NOW] += T.distance[here * K + node]
    b = end
    while b >= 0:
        a = S.parent[b]
        following = S.mate[a * K + node]
        put(S, MATE, a * K + node, b)
        put(S, MATE, b * K + here, a)
        b = following


def blocks_cost(T: Given, S: State, group: int) -> float:
    """Of a group that moves, what its blocks cost: those of two that move are told by the one of smaller number."""
    here, found = S.at[group] * T.nodes, 0.0
    for i in range(T.block_at[group], T.block_at[group + 1]):
        other = T.block[i]
        if not S.away[other] or other > group:
            found += 2 * T.distance[here + S.at[other]]
    return found


def leave(T: Given, S: State, moved: Any, count: int) -> int:
    """Take groups that move out of everything; how many tasks are to be told anew."""
    K, tasks = T.nodes, 0
    for n in range(count):
        S.away[moved[n]] = 1
    for n in range(count):
        for i in range(T.wide_of_at[moved[n]], T.wide_of_at[moved[n] + 1]):
            task = T.wide_of[i]
            if not S.marked[task]:
                S.marked[task] = 1
                S.touched[tasks] = task
                tasks += 1
    for i in range(tasks):
        release(T, S, S.touched[i])
    for n in range(count):
        group = moved[n]
        here = S.at[group]
        for node in range(K):
            if S.mate[group * K + node] >= 0:
                other = unmatch(T, S, group, node)
                if not S.away[other]:
                    expose(S, other * K + here)
        S.total[NOW] -= blocks_cost(T, S, group)
        before = T.before[group]
        if before >= 0 and not S.away[before] and here != S.at[before]:
            if S.forced[before * K + here]:
                S.total[NOW] += T.distance[S.at[before] * K + here]
            else:
                expose(S, before * K + here)
    return tasks


def arrive(T: Given, S: State, moved: Any, count: int, tasks: int) -> None:
    """Take them in again, at their new nodes."""
    K = T.nodes
    for n in range(count):
        group = moved[n]
        here, before = S.at[group], T.before[group]
        S.total[NOW] += blocks_cost(T, S, group)
        if before >= 0 and not S.away[before] and here != S.at[before]:
            vertex = before * K + here
            if S.forced[vertex]:
                S.total[NOW] -= T.distance[S.at[before] * K + here]
            elif S.mate[vertex] >= 0:
                other = unmatch(T, S, before, here)
                expose(S, other * K + S.at[before])
    for i in range(tasks):
        S.marked[S.touched[i]] = 0
        force(T, S, S.touched[i])
    for i in range(S.counters[EXPOSED]):
        vertex = S.exposed[i]
        S.absent[vertex] = 0
        augment(T, S, vertex // K, vertex % K)
    for n in range(count):
        S.away[moved[n]] = 0
        for node in range(K):
            augment(T, S, moved[n], node)


def change(T: Given, S: State, moved: Any, where: Any, count: int) -> float:
    """Put some groups, each told once, at other nodes; the cost afterwards."""
    S.counters[WRITTEN] = S.counters[EXPOSED] = S.counters[FULL] = 0
    S.total[BEFORE] = S.total[NOW]
    left = 0
    for n in range(count):
        if S.at[moved[n]] != where[n]:
            moved[left], where[left] = moved[n], where[n]
            left += 1
    tasks = leave(T, S, moved, left)
    for n in range(left):
        put(S, AT, moved[n], where[n])
    arrive(T, S, moved, left, tasks)
    return float(S.total[NOW])
