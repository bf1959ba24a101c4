"""The arrays of a run: what is the same in every slot (`Tables`), and what changes (`State`).

Times are in slots throughout. A *bank* is the memories that one end of a link has for it, bank 2·link + side. A
*tag* is what a pair is to a route: one of its links' pairs (a leaf), or what an operation makes. A *hop* is a
position of a route, numbered over all routes.
"""

from __future__ import annotations

from typing import NamedTuple

from quantumlink.arrays import BoolArray, FloatArray, IntArray

Floats = FloatArray
Ints = IntArray

KINDS = range(11)
SUCCESS, FREE, KNOWN, RELEASE, REQUEST, DEADLINE, CHANGE, TURN, EXPIRY, REPAIR, COMPLETE = KINDS
"""Kinds of events."""

LINK_DOWN, LINK_UP, NODE_DOWN, NODE_UP, LINK_STATE = range(5)
"""Kinds of changes from outside."""

BY_AGE, BY_QUEUE, BY_SHARE, GIVEN, IN_TURN = range(5)
"""How flows are weighted: see `quantumlink.network.control.policies`."""

MADE, DELIVERED, SWAPPED, PURIFIED, FAILED, EXPIRED, LOST, RELEASED, TESTED, REJECTED, FUSED = range(11)
"""What became of pairs: the columns of ``State.counted``."""

FINISHED, FULL_POOL, FULL_HEAP, FULL_RECORDS, FULL_ARMS = range(5)
"""Why `advance` came back."""

HEAP, SEQUENCE, FREE_PAIRS, RECORDS, NOW, DIRTY, ARMS = range(7)
"""Places in ``State.numbers``."""

EPS = 1e-9
"""Times that differ by less are equal."""

NONE = -1

RESULT, TRIED = 0, 1
"""Places of the pool that no pair has: for what an operation makes, and for what a pair would become."""

IN_FUSION, SPOILED = -2, -3
"""In place of a pair's list: in a GHZ state on its way to be known, and if a node has lost its part of it."""


class Tables(NamedTuple):
    """What is the same in every slot."""

    link_probability: Floats
    """Of each link, the probability that an attempt succeeds; 0 for pairs at random moments."""
    link_time: Floats
    """The duration of an attempt; of pairs at random moments, the mean time between them."""
    link_herald: Floats
    """From the end of an attempt until both ends know."""
    link_delay: Floats
    link_node: Ints
    """Shape (links, 2)."""
    link_place: Ints
    """Of each link, most pairs in stock; -1 for as many as the memories hold."""
    link_vector: Floats
    """Shape (links, states, 16): the states in which pairs may arrive."""
    link_error: Floats
    """Shape (links, states): how often a test of a pair finds an error."""
    link_routes: Ints
    link_routes_from: Ints
    link_hops: Ints
    """Beside ``link_routes``: the hop at which the route takes the link."""
    bank_places: Ints
    """Of each bank, how many memories it has; -1 for as many as needed."""
    memory: Floats
    """Shape (nodes, 5): 1/T1, 1/T2, 1/D, 1/G in 1/slots, and the share of Z that depolarizing leaves."""
    ideal: BoolArray
    tag_link: Ints
    """Of each tag, the link whose pairs it is; -1 for what an operation makes."""
    tag_turned: BoolArray
    """Whether the route takes that link from its right end to its left."""
    tag_route: Ints
    tag_delay: Floats
    """How long a message takes from one end of such a pair to the other."""
    tag_hops_from: Ints
    tag_hops: Ints
    tag_takes: Ints
    """Beside ``tag_hops``: how many pairs of that hop are in one of it."""
    tag_list: Ints
    """Of each tag, the list that its pairs are in."""
    tag_rules_from: Ints
    tag_rules: Ints
    """Of each tag, the rules of which it is the first, in order."""
    rule_first: Ints
    rule_second: Ints
    rule_result: Ints
    rule_node: Ints
    """Where it swaps; -1 for a purification."""
    rule_map: Ints
    rule_needs: BoolArray
    """Shape (rules, 4): which of the ends (first's left and right, second's) must know before it begins."""
    rule_times: Floats
    """Shape (rules, 4): from the beginning until word is at the left end, at the right one; how long each
    corrects."""
    rule_until_known: BoolArray
    """Shape (rules, 4): whether a qubit waits until its end knows, or until the gates are done."""
    rule_done: Floats
    """Shape (rules, 4): when the gates on each qubit are done."""
    rule_fails: BoolArray
    map_from: Ints
    map_out: Ints
    map_first: Ints
    map_second: Ints
    map_weight: Floats
    route_flow: Ints
    route_root: Ints
    route_tags_from: Ints
    route_hops_from: Ints
    hop_link: Ints
    hop_need: Ints
    """Pairs of that hop that one delivered pair takes, if nothing fails."""
    route_nodes: Ints
    route_nodes_from: Ints
    route_delay: Floats
    flow_routes_from: Ints
    """Routes are numbered flow by flow, the preferred ones first."""
    flow_paths: Ints
    """How many routes of a flow are used at once."""
    flow_demand: Ints
    flow_priority: Ints
    flow_saturated: BoolArray
    flow_deadline: Floats
    flow_floor: Floats
    flow_fuses: BoolArray
    """Whether the flow is an arm of a GHZ state."""
    flow_arms: Ints
    """Shape (flows, 2): the first of the flows of one GHZ state, and the one after the last."""
    fuse_done: Floats
    """Of each arm, when the gates at the center are done, after a fusion began."""
    fuse_corrects: Floats
    """Of each arm, how long its far end corrects."""
    fuse_success: Floats
    """Of each arm, the probability that the fusion works at all."""
    requests_from: Ints
    requests: Floats
    """When each flow's requests come, in order."""
    changes_at: Floats
    changes_kind: Ints
    changes_what: Ints
    changes_state: Ints
    test_share: Floats
    test_error: Floats
    test_agreement: Floats
    test_limit: Floats
    test_repair: Floats
    cutoff: float
    newest: bool
    early: bool
    """Whether what cannot reach its floor any more is dropped at once."""
    reserving: bool
    setup: bool
    wanted_only: bool
    """Whether links make pairs only for requests that are there."""
    window: int
    """Most requests of a flow that are worked on at once."""
    policy: int
    turn: float
    horizon: float
    warm_up: float
    batches: int


class State(NamedTuple):
    """What changes from slot to slot."""

    numbers: Ints
    heap_key: Ints
    heap_order: Ints
    heap_time: Floats
    heap_kind: Ints
    heap_what: Ints
    heap_age: Ints
    vector: Floats
    """Shape (pairs, 16), of the pool of pairs."""
    made: Floats
    since: Floats
    """Shape (pairs, 2): until when the waiting of each qubit is in the state."""
    known: Floats
    """Shape (pairs, 2): when each end knows."""
    bank: Ints
    """Shape (pairs, 2)."""
    node: Ints
    """Shape (pairs, 2)."""
    list: Ints
    """Of each pair, in which list it is: that of its tag, or, in a link's stock, tags + link; below 0 if there is
    none."""
    age: Ints
    """How often this place of the pool was used: what an event is about may be gone."""
    following: Ints
    preceding: Ints
    spare: Ints
    """A stack of free places of the pool."""
    first: Ints
    """The first pair of each list, or -1; pairs are appended at the end."""
    last: Ints
    size: Ints
    filled: Ints
    """Of each route, from its first tag's place on, its leaves and the other tags of which there are pairs."""
    filled_place: Ints
    """Of each tag its place in ``filled``, if it is there."""
    filled_size: Ints
    """Of each route, how many these are."""
    link_up: Ints
    """How many reasons keep a link down, counted from 0 downwards."""
    node_up: Ints
    link_state: Ints
    link_age: Ints
    running: Ints
    """Attempts of each link that are going on, pairs whose herald travels included."""
    unheard: Ints
    """Pairs of each link that were thrown away, which the other end does not know yet."""
    bank_used: Ints
    holder: Ints
    """The route that holds a link, if paths are reserved."""
    ready: Floats
    """When a link that is held may begin."""
    score: Floats
    taken: Ints
    """Of each hop, pairs that are in what its route is making."""
    active: BoolArray
    held: BoolArray
    route_age: Ints
    dirty: BoolArray
    """Routes on which something may be possible."""
    list_of_dirty: Ints
    arrived: Ints
    gone: Ints
    """Requests of each flow that were served or blocked."""
    last_served: Floats
    served_ever: Ints
    fusing: Ints
    """GHZ states of each flow's demand that are on their way to be known."""
    weights: Floats
    counted: Ints
    """Shape (11,): what became of pairs."""
    link_counts: Ints
    """Shape (links, 4): made, taken, expired, alarms."""
    link_waits: Floats
    """Shape (links, 2): time in stock of what was taken, and time of attempts."""
    node_time: Floats
    """Time that memories were occupied."""
    node_counts: Ints
    """Shape (nodes, 3): swaps, purifications, fusions."""
    served: Ints
    """Shape (batches, flows)."""
    blocked: Ints
    latency: Floats
    fidelity: Floats
    states: Floats
    """Shape (batches, flows, 16)."""
    record_flow: Ints
    record_route: Ints
    record_times: Floats
    """Shape (records, 2): when it was asked for, when it was there."""
    record_fidelity: Floats
    arm_flow: Ints
    """Of each pair that went into a GHZ state, its flow; those of one state follow one another."""
    arm_batch: Ints
    arm_vector: Floats
    """Shape (arms, 16): as the fusion found it."""
    arm_waits: Floats
    """Shape (arms, 2): how long the center's qubit, and that of the far end, then waited until all knew."""
