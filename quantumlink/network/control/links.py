"""Links in the loop: attempts, memories, pairs that arrive, are tested, and grow too old."""

from __future__ import annotations

from typing import Any

import numpy as np

from quantumlink.network.control.pool import (
    after_slot,
    append,
    at_slot,
    discard,
    fresh,
    mark_flow,
    mark_link,
    remove,
    wanted,
)
from quantumlink.network.control.tables import (
    EPS,
    EXPIRED,
    EXPIRY,
    FREE,
    MADE,
    NONE,
    RELEASE,
    SUCCESS,
    TESTED,
    State,
    Tables,
)


def occupy(T: Tables, S: State, bank: int, time: float) -> None:
    """A memory begins to hold a qubit, or to try."""
    S.bank_used[bank] += 1
    S.node_time[T.link_node[bank >> 1, bank & 1]] -= time


def vacate(T: Tables, S: State, bank: int, time: float) -> None:
    """A memory is free again."""
    S.bank_used[bank] -= 1
    S.node_time[T.link_node[bank >> 1, bank & 1]] += time


def free(T: Tables, S: State, rng: Any, bank: int, time: float, now: float) -> None:
    """A memory is free from some time on; attempts begin."""
    if time > now + EPS:
        at_slot(S, time, FREE, bank, 0)
    else:
        vacate(T, S, bank, time)
        attempt(T, S, rng, bank >> 1, time)


def missing(T: Tables, S: State, link: int) -> int:
    """How many pairs of a link its routes want, beside those that they have taken."""
    total = 0
    for i in range(T.link_routes_from[link], T.link_routes_from[link + 1]):
        route, hop = T.link_routes[i], T.link_hops[i]
        if S.active[route] and (not T.reserving or S.holder[link] == route):
            total += max(wanted(T, S, T.route_flow[route]) * T.hop_need[hop] - S.taken[hop], 0)
    return total


def attempt(T: Tables, S: State, rng: Any, link: int, time: float) -> None:
    """Begin attempts on a link, as many as there are memories for and pairs are wanted."""
    if S.link_up[link] < 0 or (T.reserving and S.holder[link] == NONE):
        return
    stock = len(S.first) - len(S.running) + link
    a, b = 2 * link, 2 * link + 1
    # Without a number of memories one attempt at a time; of what is wanted, all side by side.
    alone = T.bank_places[a] < 0 and T.bank_places[b] < 0 and not T.wanted_only
    while True:
        if alone and S.running[link] > 0:
            return
        if T.bank_places[a] >= 0 and S.bank_used[a] >= T.bank_places[a]:
            return
        if T.bank_places[b] >= 0 and S.bank_used[b] >= T.bank_places[b]:
            return
        have = S.size[stock] + S.running[link]
        if T.link_place[link] >= 0 and have >= T.link_place[link]:
            return
        if T.wanted_only and have + S.unheard[link] >= missing(T, S, link):
            return
        start(T, S, rng, link, max(time, S.ready[link]))


def start(T: Tables, S: State, rng: Any, link: int, time: float) -> None:
    """One series of attempts, until one succeeds."""
    occupy(T, S, 2 * link, time)
    occupy(T, S, 2 * link + 1, time)
    S.running[link] += 1
    S.link_waits[link, 1] -= time
    p, chance = T.link_probability[link], rng.random()
    if p == 0.0:
        took = -np.log1p(-chance) * T.link_time[link]
    elif p == 1.0:
        took = T.link_time[link]
    else:
        took = (1.0 + np.floor(np.log1p(-chance) / np.log1p(-p))) * T.link_time[link]
    done = time + took
    if done + T.link_herald[link] <= T.horizon + EPS:
        at_slot(S, done + T.link_herald[link], SUCCESS, link, S.link_age[link])


def arrive(T: Tables, S: State, rng: Any, link: int, time: float) -> None:
    """A pair of a link is heralded."""
    S.running[link] -= 1
    S.link_waits[link, 1] += time - T.link_herald[link]
    S.counted[MADE] += 1
    S.link_counts[link, 0] += 1
    if tested(T, S, rng, link):
        vacate(T, S, 2 * link, time)
        vacate(T, S, 2 * link + 1, time)
    else:
        stock = len(S.first) - len(S.running) + link
        pair = fresh(S)
        S.vector[pair] = T.link_vector[link, S.link_state[link]]
        S.made[pair] = time
        for side in range(2):
            S.since[pair, side] = S.known[pair, side] = time
            S.bank[pair, side] = 2 * link + side
            S.node[pair, side] = T.link_node[link, side]
        append(T, S, pair, stock)
        expire_later(T, S, pair)
        mark_link(T, S, link)
    if S.score[link] >= T.test_limit[link]:
        return  # the alarm is raised by who called
    attempt(T, S, rng, link, time - T.link_herald[link])


def tested(T: Tables, S: State, rng: Any, link: int) -> bool:
    """Whether a pair was measured to see if the link is watched; its errors are scored."""
    if T.test_share[link] == 0.0 or rng.random() >= T.test_share[link]:
        return False
    S.counted[TESTED] += 1
    if rng.random() < T.link_error[link, S.link_state[link]]:
        S.score[link] += T.test_error[link]
    else:
        S.score[link] = max(S.score[link] - T.test_agreement[link], 0.0)
    return True


def expire_later(T: Tables, S: State, pair: int) -> None:
    """See to it that a pair is thrown away when it is too old."""
    if S.made[pair] + T.cutoff <= T.horizon + EPS:
        after_slot(S, S.made[pair] + T.cutoff, EXPIRY, pair, S.age[pair])


def expire(T: Tables, S: State, rng: Any, pair: int, time: float, now: float) -> None:
    """A pair is too old: its memories are free when the other end was told."""
    where, tags = S.list[pair], len(T.tag_link)
    S.counted[EXPIRED] += 1
    if where >= tags:
        link = where - tags
        S.link_counts[link, 2] += 1
        told = time + T.link_delay[link]
        if told > now + EPS:
            S.unheard[link] += 1
            at_slot(S, told, RELEASE, -1 - link, S.link_age[link])
    else:
        told = time + T.tag_delay[where]
        release(T, S, where, told, now)
    drop(T, S, rng, pair, told, now)
    if where < tags:
        restart(T, S, rng, where, told, now)


def drop(T: Tables, S: State, rng: Any, pair: int, time: float, now: float) -> None:
    """Forget a pair; its memories are free from some time on."""
    remove(T, S, pair)
    discard(S, pair)
    for side in range(2):
        free(T, S, rng, S.bank[pair, side], time, now)


def release(T: Tables, S: State, tag: int, time: float, now: float) -> None:
    """What a route had taken for a pair is wanted again from some time on."""
    if time > now + EPS:
        at_slot(S, time, RELEASE, tag, S.route_age[T.tag_route[tag]])
    else:
        give_back(T, S, tag)


def give_back(T: Tables, S: State, tag: int) -> None:
    """The pairs in one of a tag are no longer in what the route makes."""
    for i in range(T.tag_hops_from[tag], T.tag_hops_from[tag + 1]):
        S.taken[T.tag_hops[i]] -= T.tag_takes[i]
    mark_flow(T, S, T.route_flow[T.tag_route[tag]])  # other routes of the flow may take as many more


def restart(T: Tables, S: State, rng: Any, tag: int, time: float, now: float) -> None:
    """Attempts of the links below a tag begin, if it is wanted again already."""
    if T.wanted_only and time <= now + EPS:
        for i in range(T.tag_hops_from[tag], T.tag_hops_from[tag + 1]):
            attempt(T, S, rng, T.hop_link[T.tag_hops[i]], time)
