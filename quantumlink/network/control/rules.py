"""Routes in the loop: which operation is possible, what it makes, and what is delivered."""

from __future__ import annotations

from typing import Any

import numpy as np

from quantumlink.network.control.links import attempt, drop, expire_later, free, release, restart
from quantumlink.network.control.pool import (
    append,
    at_slot,
    discard,
    mark,
    mark_flow,
    remove,
    wanted,
)
from quantumlink.network.control.states import fidelity_of, operate_on, turn, wait
from quantumlink.network.control.tables import (
    BY_AGE,
    BY_QUEUE,
    BY_SHARE,
    DELIVERED,
    DIRTY,
    EPS,
    FAILED,
    IN_TURN,
    KNOWN,
    NONE,
    PURIFIED,
    RECORDS,
    REJECTED,
    RELEASED,
    RESULT,
    SWAPPED,
    State,
    Tables,
)


def weight_of(T: Tables, S: State, flow: int, now: float) -> float:
    """How much a flow is to be served, the more the sooner; minus infinity for not now."""
    if T.policy == BY_AGE:
        if T.flow_saturated[flow]:
            return now - float(S.last_served[flow])
        return now - float(T.requests[T.requests_from[flow] + S.gone[flow]])
    if T.policy == BY_QUEUE:
        return float(T.window if T.flow_saturated[flow] else S.arrived[flow] - S.gone[flow])
    if T.policy == BY_SHARE:
        return -float(S.served_ever[flow])
    if T.policy == IN_TURN:
        turns = len(S.weights)
        return 0.0 if int(np.floor(now / T.turn + EPS)) % turns == T.flow_demand[flow] else -np.inf
    return float(S.weights[T.flow_demand[flow]])


def best_of(T: Tables, S: State, now: float) -> int:
    """The place in ``list_of_dirty`` of the route to serve: by priority, weight, who waits longest, and number."""
    best, found, weight, waited = -1, -1, 0.0, 0.0
    for i in range(S.numbers[DIRTY]):
        route = S.list_of_dirty[i]
        flow = T.route_flow[route]
        if not S.active[route] or wanted(T, S, flow) <= 0:  # a failure may have come after it was marked
            continue
        own = weight_of(T, S, flow, now)
        if own == -np.inf:
            continue
        if found >= 0:
            other = T.route_flow[found]
            if T.flow_priority[flow] < T.flow_priority[other]:
                continue
            if T.flow_priority[flow] == T.flow_priority[other]:
                if own < weight - EPS:
                    continue
                if own <= weight + EPS:
                    if S.last_served[flow] > waited:
                        continue
                    if S.last_served[flow] == waited and route > found:
                        continue
        best, found, weight, waited = i, route, own, S.last_served[flow]
    return best


def possible(T: Tables, S: State, route: int, now: float) -> int:
    """The first of a route's rules whose pairs are there and may be taken; -1 if there is none."""
    found, start = NONE, T.route_tags_from[route]
    for k in range(start, start + S.filled_size[route]):
        tag = S.filled[k]
        if S.size[T.tag_list[tag]] == 0:
            continue
        for i in range(T.tag_rules_from[tag], T.tag_rules_from[tag + 1]):
            rule = T.tag_rules[i]
            if found != NONE and rule > found:
                break
            if S.size[T.tag_list[T.rule_second[rule]]] > 0 and can_apply(T, S, route, rule, now):
                found = rule
                break
    return found


def can_apply(T: Tables, S: State, route: int, rule: int, now: float) -> bool:
    """Whether the ends know of an operation's pairs, and the route may take them."""
    first = usable(T, S, T.rule_first[rule], NONE, T.rule_needs[rule, 0], T.rule_needs[rule, 1], now)
    if first == NONE:
        return False
    second = usable(T, S, T.rule_second[rule], first, T.rule_needs[rule, 2], T.rule_needs[rule, 3], now)
    return bool(second != NONE and may_take_both(T, S, route, rule))


def hold(T: Tables, S: State, rng: Any, route: int, now: float) -> bool:
    """Whether a route holds its path, if need be from now on."""
    if S.held[route]:
        return True
    flow = T.route_flow[route]
    if holding(T, S, flow) >= wanted(T, S, flow):
        return False
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        if S.holder[T.hop_link[hop]] != NONE:
            return False
    S.held[route] = True
    begins = now + 2 * T.route_delay[route] if T.setup else now
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        S.holder[T.hop_link[hop]] = route
        S.ready[T.hop_link[hop]] = begins
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        attempt(T, S, rng, T.hop_link[hop], begins)
    return True


def holding(T: Tables, S: State, flow: int) -> int:
    """How many paths a flow holds."""
    held = 0
    for route in range(T.flow_routes_from[flow], T.flow_routes_from[flow + 1]):
        if S.held[route]:
            held += 1
    return held


def let_go(T: Tables, S: State, rng: Any, route: int, now: float) -> None:
    """A route no longer holds its path: what is left on it is dropped, and others may have it."""
    if not S.held[route]:
        return
    S.held[route] = False
    abandon(T, S, rng, route, now)
    tags = len(T.tag_link)
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        link = T.hop_link[hop]
        S.holder[link] = NONE
        cancel(T, S, link, now)
        while S.first[tags + link] != NONE:
            S.counted[RELEASED] += 1
            drop(T, S, rng, S.first[tags + link], now, now)
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        link = T.hop_link[hop]
        for i in range(T.link_routes_from[link], T.link_routes_from[link + 1]):
            mark(S, T.link_routes[i])


def abandon(T: Tables, S: State, rng: Any, route: int, now: float) -> None:
    """Drop everything that a route was making."""
    S.route_age[route] += 1
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        S.taken[hop] = 0
    for tag in range(T.route_tags_from[route], T.route_tags_from[route + 1]):
        while S.first[tag] != NONE:
            S.counted[RELEASED] += 1
            drop(T, S, rng, S.first[tag], now, now)


def cancel(T: Tables, S: State, link: int, now: float) -> None:
    """Stop the attempts of a link."""
    S.link_age[link] += 1
    while S.running[link] > 0:
        S.running[link] -= 1
        S.link_waits[link, 1] += now
        for side in range(2):
            bank = 2 * link + side
            S.bank_used[bank] -= 1
            S.node_time[T.link_node[link, side]] += now
    S.unheard[link] = 0


def usable(T: Tables, S: State, tag: int, beside: int, left: bool, right: bool, now: float) -> int:
    """A pair of a tag whose ends know of it, as far as asked for; -1 if there is none.

    It is the oldest, or the newest, of those that are there, another than ``beside``.
    """
    link = T.tag_link[tag]
    where = tag if link == NONE else len(T.tag_link) + link
    if T.tag_turned[tag]:
        left, right = right, left
    pair = S.last[where] if T.newest else S.first[where]
    while pair != NONE:
        if pair != beside and not (
            (left and S.known[pair, 0] > now + EPS) or (right and S.known[pair, 1] > now + EPS)
        ):
            return int(pair)
        pair = S.preceding[pair] if T.newest else S.following[pair]
    return NONE


def may_take(T: Tables, S: State, route: int, hop: int, pairs: int) -> bool:
    """Whether a route may take more pairs of a hop: not more than its flow's requests want."""
    flow = T.route_flow[route]
    requests = wanted(T, S, flow)
    for other in range(T.flow_routes_from[flow], T.flow_routes_from[flow + 1]):
        if other != route and S.active[other]:
            requests -= begun(T, S, other)
    return bool(S.taken[hop] + pairs <= requests * T.hop_need[hop])


def begun(T: Tables, S: State, route: int) -> int:
    """How many pairs from end to end a route is making."""
    most = 0
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        most = max(most, (S.taken[hop] + T.hop_need[hop] - 1) // T.hop_need[hop])
    return most


def may_take_both(T: Tables, S: State, route: int, rule: int) -> bool:
    """Whether a route may take what an operation takes of its links."""
    first, second = T.rule_first[rule], T.rule_second[rule]
    one, other = NONE, NONE
    if T.tag_link[first] != NONE:
        one = T.tag_hops[T.tag_hops_from[first]]
    if T.tag_link[second] != NONE:
        other = T.tag_hops[T.tag_hops_from[second]]
    if one != NONE and one == other:
        return may_take(T, S, route, one, 2)
    return (one == NONE or may_take(T, S, route, one, 1)) and (other == NONE or may_take(T, S, route, other, 1))


def take(T: Tables, S: State, tag: int, pair: int, now: float) -> None:
    """A route takes a pair, told from its own side."""
    remove(T, S, pair)
    link = T.tag_link[tag]
    if link == NONE:
        return
    S.link_counts[link, 1] += 1
    S.link_waits[link, 0] += now - S.made[pair]
    S.taken[T.tag_hops[T.tag_hops_from[tag]]] += 1
    if T.tag_turned[tag]:
        turn(S, pair)


def apply(T: Tables, S: State, rng: Any, rule: int, first: int, second: int, now: float) -> None:
    """An operation on two pairs begins now."""
    take(T, S, T.rule_first[rule], first, now)
    take(T, S, T.rule_second[rule], second, now)
    swapping, result = T.rule_node[rule] != NONE, T.rule_result[rule]
    left, right = S.known[first, 0], S.known[second, 1]
    if not swapping:
        left, right = max(left, S.known[second, 0]), max(S.known[first, 1], right)
    heard = max(left, now + T.rule_times[rule, 0]) + T.rule_times[rule, 2]
    there = max(right, now + T.rule_times[rule, 1]) + T.rule_times[rule, 3]
    for k in range(4):
        pair, side = first if k < 2 else second, k & 1
        known = heard if (k == 0 or (k == 2 and not swapping)) else there
        until = known if T.rule_until_known[rule, k] else now + T.rule_done[rule, k]
        wait(T, S, pair, side, S.node[pair, side], until - S.since[pair, side])
        S.since[pair, side] = max(until, S.since[pair, side])
    accepted = operate_on(T, S, T.rule_map[rule], first, second)
    if swapping:
        S.node_counts[T.rule_node[rule], 0] += 1
    else:
        S.node_counts[S.node[first, 0], 1] += 1
        S.node_counts[S.node[first, 1], 1] += 1
    if T.rule_fails[rule] and rng.random() >= accepted:
        failed(T, S, rng, rule, first, second, heard, there, now)
        return
    S.counted[SWAPPED if swapping else PURIFIED] += 1
    # The relay's memories are free; of a purification, those of the pair that was spent.
    one = S.bank[first if swapping else second, 1 if swapping else 0]
    other = S.bank[second, 0 if swapping else 1]
    one_done = now + T.rule_done[rule, 1 if swapping else 2]
    other_done = now + T.rule_done[rule, 2 if swapping else 3]
    if swapping:
        S.bank[first, 1], S.node[first, 1], S.since[first, 1] = (
            S.bank[second, 1],
            S.node[second, 1],
            S.since[second, 1],
        )
    S.vector[first] = S.vector[RESULT]
    S.known[first, 0], S.known[first, 1] = heard, there
    S.made[first] = max(one_done, other_done)
    discard(S, second)
    free(T, S, rng, one, one_done, now)
    free(T, S, rng, other, other_done, now)
    if T.early and fidelity_of(S, first) < T.flow_floor[T.route_flow[T.tag_route[result]]] - EPS:
        append(T, S, first, result)
        reject(T, S, rng, result, first, now)
        return
    append(T, S, first, result)
    route = T.tag_route[result]
    if result != T.route_root[route] or T.flow_fuses[T.route_flow[route]]:  # for the last pair nobody waits
        expire_later(T, S, first)
    for side in range(2):
        if S.known[first, side] > now + EPS:
            at_slot(S, S.known[first, side], KNOWN, T.tag_route[result], 0)


def failed(
    T: Tables, S: State, rng: Any, rule: int, first: int, second: int, heard: float, there: float, now: float
) -> None:
    """An operation refused: all is free when it is known, and wanted again when the later end knows."""
    S.counted[FAILED] += 2
    swapping, result = T.rule_node[rule] != NONE, T.rule_result[rule]
    known = max(heard, there)
    release(T, S, result, known, now)
    for k in range(4):
        pair, side = first if k < 2 else second, k & 1
        until = known if (not swapping or k == 0 or k == 3) else now + T.rule_done[rule, k]
        free(T, S, rng, S.bank[pair, side], until, now)
    discard(S, first)
    discard(S, second)
    restart(T, S, rng, result, known, now)


def reject(T: Tables, S: State, rng: Any, tag: int, pair: int, now: float) -> None:
    """A pair is not good enough any more: all below it begins again."""
    S.counted[REJECTED] += 1
    told = now + T.tag_delay[tag]
    release(T, S, tag, told, now)
    drop(T, S, rng, pair, told, now)
    restart(T, S, rng, tag, told, now)


def deliver(T: Tables, S: State, rng: Any, route: int, pair: int, now: float) -> None:
    """A pair is there: both ends know, and the oldest request has it, if it is good enough."""
    root, flow = T.route_root[route], T.route_flow[route]
    take(T, S, root, pair, now)
    asked = S.last_served[flow]
    if not T.flow_saturated[flow]:
        asked = T.requests[T.requests_from[flow] + S.gone[flow]]
    there = max(S.known[pair, 0], S.known[pair, 1], asked)
    if T.tag_link[root] != NONE and T.reserving:
        there = max(there, S.ready[T.tag_link[root]])
    for side in range(2):
        wait(T, S, pair, side, S.node[pair, side], there - S.since[pair, side])
    fidelity = fidelity_of(S, pair)
    if fidelity < T.flow_floor[flow] - EPS:
        append(T, S, pair, root if T.tag_link[root] == NONE else len(T.tag_link) + T.tag_link[root])
        reject(T, S, rng, root, pair, now)
        return
    S.counted[DELIVERED] += 1
    for i in range(T.tag_hops_from[root], T.tag_hops_from[root + 1]):
        S.taken[T.tag_hops[i]] -= T.tag_takes[i]
    note(T, S, route, asked, there, fidelity, pair)
    discard(S, pair)
    S.gone[flow] += 1
    S.served_ever[flow] += 1
    S.last_served[flow] = now
    for side in range(2):
        free(T, S, rng, S.bank[pair, side], now, now)
    if T.reserving:
        let_go(T, S, rng, route, now)
    mark_flow(T, S, flow)
    call(T, S, rng, flow, now)


def call(T: Tables, S: State, rng: Any, flow: int, now: float) -> None:
    """Begin attempts on the links of a flow, where pairs are made for requests only."""
    if not T.wanted_only:
        return
    for route in range(T.flow_routes_from[flow], T.flow_routes_from[flow + 1]):
        if S.active[route]:
            for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
                attempt(T, S, rng, T.hop_link[hop], now)


def note(T: Tables, S: State, route: int, asked: float, there: float, fidelity: float, pair: int) -> None:
    """Keep account of what was delivered."""
    flow = T.route_flow[route]
    if there < T.warm_up - EPS or there > T.horizon + EPS:
        return
    batch = min(int((there - T.warm_up) / (T.horizon - T.warm_up) * T.batches), T.batches - 1)
    S.served[batch, flow] += 1
    S.latency[batch, flow] += there - asked
    S.fidelity[batch, flow] += fidelity
    for i in range(16):
        S.states[batch, flow, i] += S.vector[pair, i]
    i = S.numbers[RECORDS]
    if i < len(S.record_flow):
        S.record_flow[i], S.record_route[i] = flow, route
        S.record_times[i, 0], S.record_times[i, 1] = asked, there
        S.record_fidelity[i] = fidelity
        S.numbers[RECORDS] = i + 1
