"""The loop over slots: events in turn, then what is possible on the routes on which something happened."""

from __future__ import annotations

from typing import Any

from quantumlink.network.control.fusing import complete, fuse, hold_arms, let_go_arms
from quantumlink.network.control.links import (
    arrive,
    attempt,
    drop,
    expire,
    give_back,
    vacate,
)
from quantumlink.network.control.pool import at_slot, mark, mark_flow, pop, wanted
from quantumlink.network.control.rules import (
    abandon,
    apply,
    best_of,
    call,
    cancel,
    deliver,
    hold,
    holding,
    let_go,
    may_take,
    possible,
    usable,
)
from quantumlink.network.control.tables import (
    ARMS,
    CHANGE,
    COMPLETE,
    DEADLINE,
    DIRTY,
    EPS,
    EXPIRY,
    FINISHED,
    FREE,
    FREE_PAIRS,
    FULL_ARMS,
    FULL_HEAP,
    FULL_POOL,
    FULL_RECORDS,
    HEAP,
    IN_FUSION,
    KNOWN,
    LINK_DOWN,
    LINK_STATE,
    LINK_UP,
    LOST,
    NODE_DOWN,
    NODE_UP,
    NONE,
    NOW,
    RECORDS,
    RELEASE,
    REPAIR,
    REQUEST,
    SPOILED,
    SUCCESS,
    TURN,
    State,
    Tables,
)

ROOM = 64
"""Events, pairs and records that one step may add at most."""


def advance(T: Tables, S: State, rng: Any, until: int) -> int:
    """Go on until all events before a slot are done; or come back early where there is no room left."""
    while True:
        full = room(S)
        if full != FINISHED:
            return full
        if S.numbers[HEAP] > 0 and S.heap_key[0] == S.numbers[NOW]:
            step(T, S, rng)
            continue
        if S.numbers[DIRTY] > 0:
            serve(T, S, rng, float(S.numbers[NOW] >> 1))
            continue
        if S.numbers[HEAP] == 0 or S.heap_key[0] >= 2 * until:
            return FINISHED
        S.numbers[NOW] = S.heap_key[0]


def room(S: State) -> int:
    """Whether there is room for one more step, or what is full."""
    if S.numbers[FREE_PAIRS] < ROOM:
        return FULL_POOL
    if S.numbers[HEAP] + 2 * len(S.running) + ROOM > len(S.heap_key):
        return FULL_HEAP
    if 0 < len(S.record_flow) < S.numbers[RECORDS] + ROOM:
        return FULL_RECORDS
    if 0 < len(S.arm_flow) < S.numbers[ARMS] + ROOM:
        return FULL_ARMS
    return FINISHED


def serve(T: Tables, S: State, rng: Any, now: float) -> None:
    """Do one thing on the route that comes first; nothing is possible on those that are not looked at again."""
    i = best_of(T, S, now)
    if i < 0:
        for k in range(S.numbers[DIRTY]):
            S.dirty[S.list_of_dirty[k]] = False
        S.numbers[DIRTY] = 0
        return
    route = S.list_of_dirty[i]
    if not look_at(T, S, rng, route, now):
        last = S.numbers[DIRTY] - 1
        S.list_of_dirty[i] = S.list_of_dirty[last]
        S.numbers[DIRTY] = last
        S.dirty[route] = False


def look_at(T: Tables, S: State, rng: Any, route: int, now: float) -> bool:
    """Do one thing on a route, if there is one that can be done; whether there was."""
    root, flow = T.route_root[route], T.route_flow[route]
    if T.flow_fuses[flow]:
        if T.reserving and not hold_arms(T, S, rng, route, now):
            return False
        if fuse(T, S, rng, flow, now):
            return True
    else:
        if T.reserving and not hold(T, S, rng, route, now):
            return False
        pair = usable(T, S, root, NONE, True, True, now)
        if pair != NONE and (T.tag_link[root] == NONE or may_take(T, S, route, T.route_hops_from[route], 1)):
            deliver(T, S, rng, route, pair, now)
            return True
    rule = possible(T, S, route, now)
    if rule == NONE:
        return False
    first = usable(T, S, T.rule_first[rule], NONE, T.rule_needs[rule, 0], T.rule_needs[rule, 1], now)
    second = usable(T, S, T.rule_second[rule], first, T.rule_needs[rule, 2], T.rule_needs[rule, 3], now)
    apply(T, S, rng, rule, first, second, now)
    return True


def step(T: Tables, S: State, rng: Any) -> None:
    """One event."""
    time, kind, what, age = S.heap_time[0], S.heap_kind[0], S.heap_what[0], S.heap_age[0]
    now = float(S.numbers[NOW] >> 1)
    pop(S)
    if kind == SUCCESS:
        if age == S.link_age[what]:
            arrive(T, S, rng, what, time)
            if S.score[what] >= T.test_limit[what]:
                alarm(T, S, rng, what, now)
    elif kind == KNOWN:
        mark(S, what)
    elif kind == FREE:
        vacate(T, S, what, time)
        attempt(T, S, rng, what >> 1, time)
    elif kind == EXPIRY:
        if age == S.age[what]:
            expire(T, S, rng, what, time, now)
    elif kind == RELEASE:
        released(T, S, rng, what, age, time)
    elif kind == REQUEST:
        request(T, S, rng, what, now)
    elif kind == DEADLINE:
        overdue(T, S, rng, what, now)
    elif kind == TURN:
        for flow in range(len(T.flow_demand)):
            mark_flow(T, S, flow)
        at_slot(S, time + T.turn, TURN, 0, 0)
    elif kind == REPAIR:
        S.score[what] = 0.0
        S.link_up[what] += 1
        rerouted(T, S, rng, now)
        attempt(T, S, rng, what, now)
    elif kind == COMPLETE:
        complete(T, S, rng, what, time, now)
    elif kind == CHANGE and what == NONE:
        begin(T, S, rng)
    elif kind == CHANGE:
        change(T, S, rng, T.changes_kind[what], T.changes_what[what], T.changes_state[what], now)


def begin(T: Tables, S: State, rng: Any) -> None:
    """The first slot: flows take their routes, and links begin."""
    rerouted(T, S, rng, 0.0)
    for link in range(len(T.link_probability)):
        attempt(T, S, rng, link, 0.0)


def released(T: Tables, S: State, rng: Any, what: int, age: int, time: float) -> None:
    """The other end knows that a pair is gone."""
    if what < 0:
        link = -1 - what
        if age == S.link_age[link]:
            S.unheard[link] -= 1
            attempt(T, S, rng, link, time)
        return
    if age == S.route_age[T.tag_route[what]]:
        give_back(T, S, what)
        if T.wanted_only:
            for i in range(T.tag_hops_from[what], T.tag_hops_from[what + 1]):
                attempt(T, S, rng, T.hop_link[T.tag_hops[i]], time)


def request(T: Tables, S: State, rng: Any, flow: int, now: float) -> None:
    """A request comes, and the next one of that flow is looked forward to."""
    first, last = T.requests_from[flow], T.requests_from[flow + 1]
    at = T.requests[first + S.arrived[flow]]
    S.arrived[flow] += 1
    if T.flow_deadline[flow] < T.horizon:
        at_slot(S, at + T.flow_deadline[flow] + 2 * EPS, DEADLINE, flow, S.arrived[flow])
    if first + S.arrived[flow] < last:
        at_slot(S, T.requests[first + S.arrived[flow]], REQUEST, flow, 0)
    mark_flow(T, S, flow)
    call(T, S, rng, flow, now)


def overdue(T: Tables, S: State, rng: Any, flow: int, now: float) -> None:
    """Requests whose time is over are blocked; paths that are held for nobody are let go."""
    block(T, S, flow, now)
    if T.reserving:
        let_go_surplus(T, S, rng, flow, now)


def let_go_surplus(T: Tables, S: State, rng: Any, flow: int, now: float) -> None:
    """Of the paths that a flow holds for more requests than it has, the last are let go."""
    if T.flow_fuses[flow]:
        if wanted(T, S, flow) <= 0 and S.fusing[flow] == 0:
            let_go_arms(T, S, rng, flow, now)
        return
    first, last = T.flow_routes_from[flow], T.flow_routes_from[flow + 1]
    surplus = holding(T, S, flow) - max(wanted(T, S, flow), 0)
    for back in range(last - first):
        route = last - 1 - back
        if surplus > 0 and S.held[route]:
            let_go(T, S, rng, route, now)
            surplus -= 1


def block(T: Tables, S: State, flow: int, now: float) -> None:
    """Requests whose time is over are gone."""
    while S.gone[flow] < S.arrived[flow]:
        at = T.requests[T.requests_from[flow] + S.gone[flow]]
        if now <= at + T.flow_deadline[flow] + EPS:
            return
        S.gone[flow] += 1
        if T.warm_up <= now + EPS:
            batch = min(int((now - T.warm_up) / (T.horizon - T.warm_up) * T.batches), T.batches - 1)
            S.blocked[batch, flow] += 1


def alarm(T: Tables, S: State, rng: Any, link: int, now: float) -> None:
    """A link is taken out, and what it had in stock with it."""
    S.link_counts[link, 3] += 1
    S.score[link] = 0.0
    if now + T.test_repair[link] <= T.horizon + EPS:
        at_slot(S, now + T.test_repair[link], REPAIR, link, 0)
    S.link_up[link] -= 1
    cancel(T, S, link, now)
    stock = len(T.tag_link) + link
    while S.first[stock] != NONE:
        S.counted[LOST] += 1
        drop(T, S, rng, S.first[stock], now, now)
    rerouted(T, S, rng, now)


def change(T: Tables, S: State, rng: Any, kind: int, what: int, state: int, now: float) -> None:
    """Something fails, is repaired, or is attacked."""
    if kind == LINK_STATE:
        S.link_state[what] = state
        return
    if kind == LINK_DOWN:
        S.link_up[what] -= 1
        cancel(T, S, what, now)
    elif kind == LINK_UP:
        S.link_up[what] += 1
    elif kind == NODE_DOWN:
        S.node_up[what] -= 1
        lose(T, S, rng, what, now)
    elif kind == NODE_UP:
        S.node_up[what] += 1
    if kind in (NODE_DOWN, NODE_UP):
        for link in range(len(T.link_probability)):
            if T.link_node[link, 0] == what or T.link_node[link, 1] == what:
                S.link_up[link] += 1 if kind == NODE_UP else -1
                if kind == NODE_DOWN:
                    cancel(T, S, link, now)
    rerouted(T, S, rng, now)
    if kind == LINK_UP:
        attempt(T, S, rng, what, now)
    elif kind == NODE_UP:
        for link in range(len(T.link_probability)):
            if T.link_node[link, 0] == what or T.link_node[link, 1] == what:
                attempt(T, S, rng, link, now)


def lose(T: Tables, S: State, rng: Any, node: int, now: float) -> None:
    """A node loses all its qubits."""
    for pair in range(len(S.list)):
        where = S.list[pair]
        if where == NONE or (S.node[pair, 0] != node and S.node[pair, 1] != node):
            continue
        if where == IN_FUSION:
            S.list[pair] = SPOILED
        elif where >= 0:
            S.counted[LOST] += 1
            drop(T, S, rng, pair, now, now)
            if where < len(T.tag_link):
                give_back(T, S, where)


def rerouted(T: Tables, S: State, rng: Any, now: float) -> None:
    """Each flow uses the first of its routes on which nothing is down."""
    for flow in range(len(T.flow_demand)):
        left, changed = T.flow_paths[flow], False
        for route in range(T.flow_routes_from[flow], T.flow_routes_from[flow + 1]):
            goes = left > 0 and is_up(T, S, route)
            left -= 1 if goes else 0
            if goes == S.active[route]:
                continue
            changed = True
            S.active[route] = goes
            if not goes:
                let_go(T, S, rng, route, now)
                if T.flow_fuses[flow]:
                    let_go_arms(T, S, rng, flow, now)
                abandon(T, S, rng, route, now)
        if changed:
            mark_flow(T, S, flow)
            if wanted(T, S, flow) > 0:
                call(T, S, rng, flow, now)


def is_up(T: Tables, S: State, route: int) -> bool:
    """Whether nothing on a route is down."""
    for hop in range(T.route_hops_from[route], T.route_hops_from[route + 1]):
        if S.link_up[T.hop_link[hop]] < 0:
            return False
    for i in range(T.route_nodes_from[route], T.route_nodes_from[route + 1]):
        if S.node_up[T.route_nodes[i]] < 0:
            return False
    return True
