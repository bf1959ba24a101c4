"""GHZ states in the loop: pairs from a center to several ends, held side by side, then fused at the center.

A flow of such a demand is an *arm*. A pair that is in a fusion is in no list: ``following`` leads to the next
arm's, ``preceding`` says its route, and ``made`` when the state was asked for.
"""

from __future__ import annotations

from typing import Any

from quantumlink.network.control.links import attempt, free, release, restart
from quantumlink.network.control.pool import append, at_slot, discard, mark_flow, wanted
from quantumlink.network.control.rules import call, let_go, may_take, reject, take, usable
from quantumlink.network.control.states import fidelity_of, wait
from quantumlink.network.control.tables import (
    ARMS,
    COMPLETE,
    EPS,
    FAILED,
    FUSED,
    IN_FUSION,
    LOST,
    NONE,
    RECORDS,
    SPOILED,
    TRIED,
    State,
    Tables,
)


def hold_arms(T: Tables, S: State, rng: Any, route: int, now: float) -> bool:
    """Whether all arms of a GHZ state hold their paths, if need be from now on."""
    if S.held[route]:
        return True
    flow, begins = T.route_flow[route], now
    for arm in range(T.flow_arms[flow, 0], T.flow_arms[flow, 1]):
        own = first_active(T, S, arm)
        if own == NONE or (arm == flow and own != route):
            return False
        for hop in range(T.route_hops_from[own], T.route_hops_from[own + 1]):
            if S.holder[T.hop_link[hop]] != NONE:
                return False
        if T.setup:
            begins = max(begins, now + 2 * T.route_delay[own])
    for arm in range(T.flow_arms[flow, 0], T.flow_arms[flow, 1]):
        own = first_active(T, S, arm)
        S.held[own] = True
        for hop in range(T.route_hops_from[own], T.route_hops_from[own + 1]):
            S.holder[T.hop_link[hop]] = own
            S.ready[T.hop_link[hop]] = begins
    for arm in range(T.flow_arms[flow, 0], T.flow_arms[flow, 1]):
        own = first_active(T, S, arm)
        for hop in range(T.route_hops_from[own], T.route_hops_from[own + 1]):
            attempt(T, S, rng, T.hop_link[hop], begins)
    return True


def let_go_arms(T: Tables, S: State, rng: Any, flow: int, now: float) -> None:
    """No arm of a GHZ state holds its path any longer."""
    for arm in range(T.flow_arms[flow, 0], T.flow_arms[flow, 1]):
        for route in range(T.flow_routes_from[arm], T.flow_routes_from[arm + 1]):
            let_go(T, S, rng, route, now)


def first_active(T: Tables, S: State, flow: int) -> int:
    """The first of a flow's routes that is in use; -1 if there is none."""
    for route in range(T.flow_routes_from[flow], T.flow_routes_from[flow + 1]):
        if S.active[route]:
            return int(route)
    return NONE


def complete_route(T: Tables, S: State, flow: int, now: float) -> int:
    """The first of an arm's routes with a pair from end to end of which the center knows; -1 if there is none."""
    for route in range(T.flow_routes_from[flow], T.flow_routes_from[flow + 1]):
        if S.active[route] and (not T.reserving or S.held[route]):
            root = T.route_root[route]
            if usable(T, S, root, NONE, True, False, now) != NONE and (
                T.tag_link[root] == NONE or may_take(T, S, route, T.route_hops_from[route], 1)
            ):
                return int(route)
    return NONE


def fuse(T: Tables, S: State, rng: Any, flow: int, now: float) -> bool:
    """Fuse the arms' pairs into a GHZ state, if all are there; whether anything was done."""
    first, last = T.flow_arms[flow, 0], T.flow_arms[flow, 1]
    there = now + T.fuse_done[flow]
    for arm in range(first, last):
        route = complete_route(T, S, arm, now)
        if route == NONE:
            return False
        there = max(there, known_at(T, S, route, now))
    asked = S.last_served[flow]
    if not T.flow_saturated[flow]:
        asked = T.requests[T.requests_from[flow] + S.gone[flow]]
        if there > asked + T.flow_deadline[flow] + EPS:
            return False  # it would come too late
    for arm in range(first, last):
        if too_poor(T, S, rng, complete_route(T, S, arm, now), now):
            return True
    works = T.fuse_success[flow] >= 1.0 or rng.random() < T.fuse_success[flow]
    S.counted[FUSED if works else FAILED] += last - first
    head = NONE
    for arm in range(last - 1, first - 1, -1):
        route = complete_route(T, S, arm, now)
        root = T.route_root[route]
        until = known_at(T, S, route, now)
        pair = usable(T, S, root, NONE, True, False, now)
        take(T, S, root, pair, now)
        wait(T, S, pair, 0, S.node[pair, 0], now + T.fuse_done[arm] - S.since[pair, 0])
        wait(T, S, pair, 1, S.node[pair, 1], until - S.since[pair, 1])
        S.since[pair, 0], S.since[pair, 1] = now + T.fuse_done[arm], until
        S.list[pair] = IN_FUSION
        S.following[pair], S.preceding[pair], S.made[pair] = head, route, asked
        head = pair
    S.node_counts[S.node[head, 0], 2] += 1
    if works:
        under_way(T, S, rng, head, there, now)
    else:
        broken(T, S, rng, head, there, now)
    return True


def known_at(T: Tables, S: State, route: int, now: float) -> float:
    """When the far end of an arm knows of a fusion that begins now, and has corrected."""
    root, arm = T.route_root[route], T.route_flow[route]
    pair = usable(T, S, root, NONE, True, False, now)
    own = S.known[pair, 0 if T.tag_turned[root] else 1]
    return float(max(own, now + T.fuse_done[arm] + T.tag_delay[root]) + T.fuse_corrects[arm])


def too_poor(T: Tables, S: State, rng: Any, route: int, now: float) -> bool:
    """Whether an arm's pair would be below the floor when it is fused; it is dropped then."""
    root, arm = T.route_root[route], T.route_flow[route]
    if T.flow_floor[arm] <= 0.0:
        return False
    pair = usable(T, S, root, NONE, True, False, now)
    near = 1 if T.tag_turned[root] else 0
    far = 1 - near
    S.vector[TRIED] = S.vector[pair]
    wait(T, S, TRIED, near, S.node[pair, near], now + T.fuse_done[arm] - S.since[pair, near])
    wait(T, S, TRIED, far, S.node[pair, far], known_at(T, S, route, now) - S.since[pair, far])
    if fidelity_of(S, TRIED) >= T.flow_floor[arm] - EPS:
        return False
    take(T, S, root, pair, now)
    append(T, S, pair, root if T.tag_link[root] == NONE else len(T.tag_link) + T.tag_link[root])
    reject(T, S, rng, root, pair, now)
    return True


def under_way(T: Tables, S: State, rng: Any, head: int, there: float, now: float) -> None:
    """A GHZ state is made: its request is served, and all that it took is free for the next one."""
    pair = head
    while pair != NONE:
        route = S.preceding[pair]
        root, arm = T.route_root[route], T.route_flow[route]
        for i in range(T.tag_hops_from[root], T.tag_hops_from[root + 1]):
            S.taken[T.tag_hops[i]] -= T.tag_takes[i]
        S.gone[arm] += 1
        S.fusing[arm] += 1
        mark_flow(T, S, arm)
        pair = S.following[pair]
    at_slot(S, there, COMPLETE, head, 0)
    pair = S.following[head]  # the first pair's half stays in the state
    while pair != NONE:
        free(T, S, rng, S.bank[pair, 0], S.since[pair, 0], now)
        pair = S.following[pair]


def broken(T: Tables, S: State, rng: Any, head: int, there: float, now: float) -> None:
    """A fusion failed: all of its arms begin again when all know of it."""
    pair = head
    while pair != NONE:
        root = T.route_root[S.preceding[pair]]
        release(T, S, root, there, now)
        free(T, S, rng, S.bank[pair, 0], there if pair == head else S.since[pair, 0], now)
        free(T, S, rng, S.bank[pair, 1], there, now)
        restart(T, S, rng, root, there, now)
        following = S.following[pair]
        S.list[pair] = NONE
        discard(S, pair)
        pair = following


def complete(T: Tables, S: State, rng: Any, head: int, there: float, now: float) -> None:
    """All ends know of a GHZ state: it is delivered, unless one of them was down meanwhile."""
    spoiled, pair = False, head
    while pair != NONE:
        spoiled = spoiled or S.list[pair] == SPOILED
        pair = S.following[pair]
    flow = T.route_flow[S.preceding[head]]
    if not spoiled:
        note_state(T, S, head, there)
    pair = head
    while pair != NONE:
        arm = T.route_flow[S.preceding[pair]]
        S.fusing[arm] -= 1
        if spoiled:
            S.gone[arm] -= 1
            S.counted[FUSED] -= 1
            S.counted[LOST] += 1
        else:
            S.served_ever[arm] += 1
            S.last_served[arm] = now
        pair = S.following[pair]
    pair = head
    while pair != NONE:
        if pair == head:
            free(T, S, rng, S.bank[pair, 0], now, now)
        free(T, S, rng, S.bank[pair, 1], now, now)
        following = S.following[pair]
        S.list[pair] = NONE
        discard(S, pair)
        pair = following
    if T.reserving:
        let_go_arms(T, S, rng, flow, now)
    for arm in range(T.flow_arms[flow, 0], T.flow_arms[flow, 1]):
        mark_flow(T, S, arm)
        if wanted(T, S, arm) > 0:
            call(T, S, rng, arm, now)


def note_state(T: Tables, S: State, head: int, there: float) -> None:
    """Keep account of a GHZ state, and of the pairs that it is made of."""
    if there < T.warm_up - EPS or there > T.horizon + EPS:
        return
    batch = min(int((there - T.warm_up) / (T.horizon - T.warm_up) * T.batches), T.batches - 1)
    flow, asked = T.route_flow[S.preceding[head]], S.made[head]
    i = S.numbers[RECORDS]
    if i < len(S.record_flow):
        S.record_flow[i], S.record_route[i] = flow, S.preceding[head]
        S.record_times[i, 0], S.record_times[i, 1] = asked, there
        S.record_fidelity[i] = 0.0  # told when the states are worked out
        S.numbers[RECORDS] = i + 1
    pair = head
    while pair != NONE:
        arm = T.route_flow[S.preceding[pair]]
        S.served[batch, arm] += 1
        S.latency[batch, arm] += there - asked
        S.fidelity[batch, arm] += fidelity_of(S, pair)
        for k in range(16):
            S.states[batch, arm, k] += S.vector[pair, k]
        i = S.numbers[ARMS]
        S.arm_flow[i], S.arm_batch[i] = arm, batch
        S.arm_vector[i] = S.vector[pair]
        S.arm_waits[i, 0], S.arm_waits[i, 1] = there - S.since[pair, 0], there - S.since[pair, 1]
        S.numbers[ARMS] = i + 1
        pair = S.following[pair]
