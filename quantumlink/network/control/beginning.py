"""How a trial begins: its requests, and the arrays of its state at time 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from quantumlink.network.control.tables import CHANGE, FREE_PAIRS, IN_TURN, NONE, REQUEST, TURN, Ints, State, Tables

if TYPE_CHECKING:
    from quantumlink.network.control.trial import Setting

ROOM = 1024
"""Places for pairs and events to begin with; they double when they are full."""

RECORDS_AT_ONCE = 1 << 14
"""Records of deliveries between two times that they are put away."""

ARMS_AT_ONCE = 1 << 12
"""Pairs in GHZ states between two times that these are worked out."""


def with_requests(setting: Setting, rng: np.random.Generator) -> Tables:
    """The tables of one trial."""
    requests, changes = setting.requests(rng), setting.changes(rng)
    starts = np.cumsum([0, *(len(times) for times in requests)])
    at, kind, what, state = (list(column) for column in zip(*changes, strict=True)) if changes else ([], [], [], [])
    return setting.tables._replace(
        requests=np.concatenate([*requests, np.zeros(0)]),
        requests_from=starts.astype(np.int64),
        changes_at=np.array(at, dtype=np.float64),
        changes_kind=np.array(kind, dtype=np.int64),
        changes_what=np.array(what, dtype=np.int64),
        changes_state=np.array(state, dtype=np.int64),
    )


def first_state(
    T: Tables,
    setting: Setting,
    *,
    room: int = ROOM,
    more: int = 0,
    records: int = RECORDS_AT_ONCE,
    arms: int | None = None,
) -> State:
    """The state at time 0, with the first events in the heap.

    Args:
        T: the tables of the trial.
        setting: what all trials have in common.
        room: places for pairs and events, at least, to begin with.
        more: further places for events.
        records: places for records, at most.
        arms: places for pairs of GHZ states; ARMS_AT_ONCE if None.
    """
    links, nodes, tags = len(T.link_time), len(T.memory), len(T.tag_link)
    flows, routes = len(T.flow_demand), len(T.route_flow)
    zeros: Callable[..., Ints] = lambda *shape: np.zeros(shape, dtype=np.int64)  # noqa: E731
    nothing: Callable[..., Ints] = lambda *shape: np.full(shape, NONE, dtype=np.int64)  # noqa: E731
    room = max(room, 8 * links)
    first_events = flows + len(T.changes_at) + 1
    events = room + 4 * links + first_events + more
    per_batch = (T.batches, flows)
    records = min(records, 2 * setting.most_records + 2 * ROOM) if setting.most_records else 0
    arms = (ARMS_AT_ONCE if arms is None else arms) if setting.fusions else 0
    S = State(
        numbers=zeros(7),
        heap_key=zeros(events), heap_order=zeros(events), heap_time=np.zeros(events),
        heap_kind=zeros(events), heap_what=zeros(events), heap_age=zeros(events),
        vector=np.zeros((room, 16)), made=np.zeros(room), since=np.zeros((room, 2)), known=np.zeros((room, 2)),
        bank=zeros(room, 2), node=zeros(room, 2), list=nothing(room), age=zeros(room),
        following=nothing(room), preceding=nothing(room), spare=_all_free(room),
        first=nothing(tags + links), last=nothing(tags + links), size=zeros(tags + links),
        filled=nothing(tags), filled_place=nothing(tags), filled_size=zeros(routes),
        link_up=zeros(links), node_up=zeros(nodes), link_state=zeros(links), link_age=zeros(links),
        running=zeros(links), unheard=zeros(links), bank_used=zeros(2 * links),
        holder=nothing(links), ready=np.zeros(links), score=np.zeros(links), taken=zeros(len(T.hop_link)),
        active=np.zeros(routes, dtype=bool), held=np.zeros(routes, dtype=bool), route_age=zeros(routes),
        dirty=np.zeros(routes, dtype=bool), list_of_dirty=zeros(routes),
        arrived=zeros(flows), gone=zeros(flows), last_served=np.zeros(flows), served_ever=zeros(flows),
        fusing=zeros(flows), weights=np.zeros(setting.demands),
        counted=zeros(11), link_counts=zeros(links, 4), link_waits=np.zeros((links, 2)),
        node_time=np.zeros(nodes), node_counts=zeros(nodes, 3),
        served=zeros(*per_batch), blocked=zeros(*per_batch), latency=np.zeros(per_batch),
        fidelity=np.zeros(per_batch), states=np.zeros((*per_batch, 16)),
        record_flow=zeros(records), record_route=zeros(records), record_times=np.zeros((records, 2)),
        record_fidelity=np.zeros(records),
        arm_flow=zeros(arms), arm_batch=zeros(arms), arm_vector=np.zeros((arms, 16)), arm_waits=np.zeros((arms, 2)),
    )  # fmt: skip
    S.numbers[FREE_PAIRS] = room - 2
    _begin(T, S)
    return S


def _all_free(room: int) -> Ints:
    """A stack of all places of the pool but RESULT and TRIED."""
    spare: Ints = np.zeros(room, dtype=np.int64)
    spare[: room - 2] = np.arange(room - 1, 1, -1)
    return spare


def _begin(T: Tables, S: State) -> None:
    from quantumlink.network.control.pool import at_slot, push

    for leaf in np.flatnonzero(T.tag_link != NONE):
        route = T.tag_route[leaf]
        place = T.route_tags_from[route] + S.filled_size[route]
        S.filled[place], S.filled_place[leaf] = leaf, place
        S.filled_size[route] += 1
    push(S, 0, 0.0, CHANGE, NONE, 0)
    for i, at in enumerate(T.changes_at):
        at_slot(S, float(at), CHANGE, i, 0)
    for flow in range(len(T.flow_demand)):
        first, last = T.requests_from[flow], T.requests_from[flow + 1]
        if first < last:
            at_slot(S, float(T.requests[first]), REQUEST, flow, 0)
    if T.policy == IN_TURN:
        at_slot(S, T.turn, TURN, 0, 0)
