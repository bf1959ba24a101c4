"""The loop's lists: a heap of events, a pool of pairs, and who is where."""

from __future__ import annotations

import numpy as np

from quantumlink.network.control.tables import (
    DIRTY,
    EPS,
    FREE_PAIRS,
    HEAP,
    NONE,
    NOW,
    SEQUENCE,
    State,
    Tables,
)


def push(S: State, key: int, time: float, kind: int, what: int, age: int) -> None:
    """Add an event; of those with one key the earlier added comes first."""
    i = S.numbers[HEAP]
    S.numbers[HEAP] = i + 1
    order = S.numbers[SEQUENCE]
    S.numbers[SEQUENCE] = order + 1
    while i > 0:
        parent = (i - 1) >> 1
        if S.heap_key[parent] <= key:
            break
        _copy(S, parent, i)
        i = parent
    S.heap_key[i], S.heap_order[i], S.heap_time[i] = key, order, time
    S.heap_kind[i], S.heap_what[i], S.heap_age[i] = kind, what, age


def pop(S: State) -> None:
    """Remove the first event."""
    n = S.numbers[HEAP] - 1
    S.numbers[HEAP] = n
    if n == 0:
        return
    key, order, i = S.heap_key[n], S.heap_order[n], 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        other = child + 1
        if other < n and _before(S, other, S.heap_key[child], S.heap_order[child]):
            child = other
        if not _before(S, child, key, order):
            break
        _copy(S, child, i)
        i = child
    _copy(S, n, i)


def _before(S: State, i: int, key: int, order: int) -> bool:
    return bool(S.heap_key[i] < key or (S.heap_key[i] == key and S.heap_order[i] < order))


def _copy(S: State, source: int, to: int) -> None:
    S.heap_key[to], S.heap_order[to], S.heap_time[to] = (
        S.heap_key[source],
        S.heap_order[source],
        S.heap_time[source],
    )
    S.heap_kind[to], S.heap_what[to], S.heap_age[to] = S.heap_kind[source], S.heap_what[source], S.heap_age[source]


def at_slot(S: State, time: float, kind: int, what: int, age: int) -> None:
    """Add an event for the first slot at or after a time."""
    push(S, max(2 * int(np.ceil(time - EPS)), S.numbers[NOW]), time, kind, what, age)


def after_slot(S: State, time: float, kind: int, what: int, age: int) -> None:
    """Add an event for the end of the last slot at or before a time."""
    push(S, max(2 * int(np.floor(time + EPS)) + 1, S.numbers[NOW]), time, kind, what, age)


def append(T: Tables, S: State, pair: int, where: int) -> None:
    """Put a pair at the end of a list."""
    if S.size[where] == 0 and where < len(T.tag_link):
        route = T.tag_route[where]
        place = T.route_tags_from[route] + S.filled_size[route]
        S.filled[place], S.filled_place[where] = where, place
        S.filled_size[route] += 1
    S.list[pair] = where
    S.following[pair] = NONE
    S.preceding[pair] = S.last[where]
    if S.last[where] == NONE:
        S.first[where] = pair
    else:
        S.following[S.last[where]] = pair
    S.last[where] = pair
    S.size[where] += 1


def remove(T: Tables, S: State, pair: int) -> None:
    """Take a pair from its list."""
    where, before, after = S.list[pair], S.preceding[pair], S.following[pair]
    if before == NONE:
        S.first[where] = after
    else:
        S.following[before] = after
    if after == NONE:
        S.last[where] = before
    else:
        S.preceding[after] = before
    S.size[where] -= 1
    S.list[pair] = NONE
    S.age[pair] += 1
    if S.size[where] == 0 and where < len(T.tag_link):
        route, place = T.tag_route[where], S.filled_place[where]
        S.filled_size[route] -= 1
        other = S.filled[T.route_tags_from[route] + S.filled_size[route]]
        S.filled[place], S.filled_place[other] = other, place


def discard(S: State, pair: int) -> None:
    """Give back a pair's place in the pool; it must be in no list."""
    S.spare[S.numbers[FREE_PAIRS]] = pair
    S.numbers[FREE_PAIRS] += 1


def fresh(S: State) -> int:
    """A free place in the pool."""
    S.numbers[FREE_PAIRS] -= 1
    return int(S.spare[S.numbers[FREE_PAIRS]])


def mark(S: State, route: int) -> None:
    """Something may be possible on a route."""
    if S.active[route] and not S.dirty[route]:
        S.dirty[route] = True
        S.list_of_dirty[S.numbers[DIRTY]] = route
        S.numbers[DIRTY] += 1


def mark_link(T: Tables, S: State, link: int) -> None:
    """Something may be possible on every route that uses a link."""
    for i in range(T.link_routes_from[link], T.link_routes_from[link + 1]):
        mark(S, T.link_routes[i])


def mark_flow(T: Tables, S: State, flow: int) -> None:
    """Something may be possible on every route of a flow."""
    for route in range(T.flow_routes_from[flow], T.flow_routes_from[flow + 1]):
        mark(S, route)


def wanted(T: Tables, S: State, flow: int) -> int:
    """Requests of a flow that are worked on."""
    room = T.window - S.fusing[flow]
    if T.flow_saturated[flow]:
        return int(room)
    return int(min(S.arrived[flow] - S.gone[flow], room))
