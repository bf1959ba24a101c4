"""Networks under load against a slow simulation written apart: nothing left to chance, delivery by delivery."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from oracles.busy_network import Case, Flow, Link, Play
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink import Memory, Network, Node, operate
from quantumlink.link import ElementaryLink
from quantumlink.network import (
    Attack,
    Demand,
    FirstComeFirstServed,
    MaxWeight,
    Outage,
    ProportionalFairness,
    Reservation,
    TimeSlots,
)

TICK_S, SLOT = 1e-4, 10
"""A slot has ten ticks."""

POLICIES = {"age": FirstComeFirstServed, "queue": MaxWeight, "share": ProportionalFairness}


@dataclass(frozen=True)
class Wire:
    """A medium of a given delay."""

    delay_s: float
    transmittance: float = 1.0
    channel = None


def random_case(rng):
    """A network of five to seven nodes, links of every attempt's own length, two to four demands."""
    n = int(rng.integers(5, 8))
    names = [f"n{i}" for i in range(n)]
    memories = {name: rng.choice([None, 1, 2, 3], p=[0.4, 0.2, 0.2, 0.2]) for name in names}
    times = {name: (float(rng.uniform(500, 3000)), float(rng.uniform(100, 900))) for name in names}
    pairs = [(i, i + 1) for i in range(n - 1)]
    others = [pair for pair in combinations(range(n), 2) if pair not in pairs]
    pairs += [others[i] for i in rng.choice(len(others), 2, replace=False)]
    links = [
        Link(
            names[i],
            names[j],
            int(rng.integers(7, 40)),
            int(rng.choice([0, 0, 7, 15])),
            float(rng.uniform(0.93, 1)),
        )
        for i, j in pairs
    ]
    demands = []
    for _ in range(int(rng.integers(2, 5))):
        a, b = (names[i] for i in rng.choice(n, 2, replace=False))
        wanted = {"priority": int(rng.integers(2))}
        if rng.random() < 0.6:
            ticks = np.sort(rng.integers(0, 1500, int(rng.integers(5, 40)))).tolist()
            wanted["requests"] = ticks
            wanted["deadline"] = int(rng.integers(100, 400)) if rng.random() < 0.5 else None
        if rng.random() < 0.3:
            wanted["floor"] = float(rng.uniform(0.6, 0.8))
        demands.append((a, b, wanted))
    return names, memories, times, links, demands


def flips_seen():
    """A purification that keeps a pair if another one agrees in Z, as of two with phase errors alone it does."""
    names = ("kept_a", "spent_a", "spent_b", "kept_b")
    kept_a, spent_a, spent_b, kept_b = registers = [QuantumRegister(1, name) for name in names]
    herald = ClassicalRegister(2, "herald")
    circuit = QuantumCircuit(*registers, herald, name="flips seen")
    for kept, spent, bit in ((kept_a, spent_a, 0), (kept_b, spent_b, 1)):
        circuit.cx(kept, spent)
        circuit.measure(spent, herald[bit])
    circuit.metadata = {"heralds": [[0, 1]]}
    return circuit


def network_of(names, memories, times, links, rounds=0):
    nodes = {
        name: Node(name, memory=Memory(t1_s=times[name][0] * TICK_S, t2_s=times[name][1] * TICK_S),
                   memories=None if memories[name] is None else int(memories[name]))
        for name in names
    }  # fmt: skip
    made = []
    for x in links:
        state = {"bell_diagonal": (x.fidelity, 1 - x.fidelity, 0, 0)} if rounds else {"fidelity": x.fidelity}
        timing = {"success_probability": 1.0, "attempt_time_s": x.time * TICK_S}
        made.append(ElementaryLink(nodes[x.a], nodes[x.b], Wire(x.delay * TICK_S), **timing, **state))
    return Network(nodes.values(), made)


def demand_of(a, b, wanted):
    floor, deadline = wanted.get("floor"), wanted.get("deadline")
    requests = wanted.get("requests")
    return Demand(
        a, b, min_fidelity=floor, priority=wanted["priority"],
        requests=None if requests is None else [t * TICK_S for t in requests],
        deadline_s=None if deadline is None else deadline * TICK_S,
    )  # fmt: skip


def flow_of(links, flow, wanted):
    routes = []
    for route in flow.routes:
        told = zip(route.numbers, route.hops, strict=True)
        routes.append([(number, hop.left.name != links[number].a) for number, hop in told])
    return Flow(
        routes, wanted.get("requests"), wanted.get("deadline"), wanted.get("floor", 0.0), wanted["priority"]
    )


def more_of(rng, network, ticks):
    """Attacks, also several on one link at once, more outages, and turns: policy, happenings, and plain numbers."""
    links, nodes = list(network.links), list(network.nodes)
    attacks, outages = [], []
    hit = int(rng.integers(len(links)))
    for _ in range(int(rng.integers(4))):
        start, which = int(rng.integers(0, 900)), hit if rng.random() < 0.7 else int(rng.integers(len(links)))
        attacks.append((start, start + int(rng.integers(100, 600)), which, float(rng.choice([0.4, 1.0]))))
    for _ in range(int(rng.integers(4))):
        start = int(rng.integers(0, 1200))
        what = nodes[int(rng.integers(len(nodes)))] if rng.random() < 0.4 else int(rng.integers(len(links)))
        outages.append((start, start + int(rng.integers(20, 500)), what))
    turn = int(rng.choice([10, 35, 100])) if rng.random() < 0.5 else 0
    return attacks, outages, turn


def played_both(rng, *, ticks=1500, more=False, reserving=False, rounds=0):
    """One random case, by the library and by the slow simulation."""
    while True:
        names, memories, times, links, demands = random_case(rng)
        if rounds:
            times = {name: (np.inf, t2) for name, (_, t2) in times.items()}
            memories = {name: number and number + 2 * rounds for name, number in memories.items()}
        network = network_of(names, memories, times, links, rounds)
        weight = "age" if reserving else str(rng.choice(list(POLICIES)))
        paths, recovery = int(rng.integers(1, 4 if reserving else 3)), int(rng.integers(2))
        swapping = str(rng.choice(["asap", "balanced", "fidelity"]))
        take = str(rng.choice(["newest", "oldest"]))
        cutoff = int(rng.integers(60, 250)) if rng.random() < 0.6 else None
        buffer, in_flight = int(rng.integers(1, 5)), int(rng.choice([1, 3, 64]))
        outages = []
        if rng.random() < 0.5:
            start = int(rng.integers(100, 900))
            what = names[int(rng.integers(len(names)))] if rng.random() < 0.5 else int(rng.integers(len(links)))
            outages = [(start, start + int(rng.integers(50, 400)), what)]
        attacks, others, turn = more_of(rng, network, ticks) if more else ([], [], 0)
        attacks = [] if rounds else attacks  # which bring errors of other kinds
        turn = 0 if reserving else turn
        outages, weight = outages + others, "turn" if turn else weight
        happenings = [
            Attack(network.links[i], start * TICK_S, end * TICK_S, share) for start, end, i, share in attacks
        ]
        happenings += [
            Outage(what if isinstance(what, str) else network.links[what], start * TICK_S, end * TICK_S)
            for start, end, what in outages
        ]
        options = {"paths": paths, "recovery": recovery}
        setup = bool(rng.integers(2)) if reserving else True
        if reserving:
            policy = Reservation(setup=setup, **options)
        else:
            policy = TimeSlots(turn_s=turn * TICK_S, **options) if turn else POLICIES[weight](**options)
        try:
            found = operate(
                network, [demand_of(*each) for each in demands], policy=policy,
                duration_s=ticks * TICK_S, slot_s=SLOT * TICK_S, swapping=swapping, take=take, buffer=buffer,
                in_flight=in_flight, cutoff_s=None if cutoff is None else cutoff * TICK_S, happenings=happenings,
                purify_rounds=rounds, protocol=flips_seen, seed=1,
            )  # fmt: skip
        except ValueError as error:
            assert "no path" in str(error) or "cutoff_s must not be shorter" in str(error)
            continue
        break
    flows = [flow_of(links, flow, demands[flow.demand][2]) for flow in found.layout.flows]
    decay = {name: Memory(t1_s=t1, t2_s=t2) for name, (t1, t2) in times.items()}
    case = Case(
        SLOT, memories, decay, links, flows, weight, paths, cutoff, buffer, in_flight, take == "newest",
        swapping == "fidelity", swapping == "balanced", outages, attacks, turn or 1,
        reserving, setup, rounds,
    )  # fmt: skip
    return found, Play(case, ticks)


@pytest.mark.parametrize("case", range(12))
def test_every_delivery_is_that_of_the_slow_simulation(rng, case):
    """Random networks, demands, policies, cut-offs, floors, memories, delays and outages."""
    found, slow = played_both(rng)
    compare(found, slow)


@pytest.mark.parametrize("case", range(12))
def test_every_delivery_under_attacks_and_in_turns_is_that_of_the_slow_simulation(rng, case):
    """Several outages and attacks at a time, and demands that take turns."""
    compare(*played_both(rng, more=True))


@pytest.mark.parametrize("case", range(12))
def test_every_delivery_on_held_paths_is_that_of_the_slow_simulation(rng, case):
    """Requests hold their paths, up to three at once; some wait for messages before links begin."""
    compare(*played_both(rng, more=case % 2 == 1, reserving=True))


@pytest.mark.parametrize("case", range(12))
def test_every_delivery_of_purified_pairs_is_that_of_the_slow_simulation(rng, case):
    """One or two rounds for every hop, on held paths and on others."""
    compare(*played_both(rng, more=case % 2 == 1, reserving=case % 3 == 2, rounds=1 + case // 6))


@pytest.mark.parametrize("number", [38, 41, 46, 102, 108])
def test_paths_are_let_go_when_nobody_waits_for_them(number):
    """After a deadline; and with several paths at once none is held beyond the requests."""
    compare(*played_both(np.random.default_rng(number), more=number % 2 == 1, reserving=True))


@pytest.mark.parametrize("number", [673])
def test_a_repair_begins_attempts_where_something_was_repaired(number):
    """A link is not woken by what happens elsewhere."""
    compare(*played_both(np.random.default_rng(number), more=True))


@pytest.mark.parametrize("number", [1187, 1286])
def test_moments_that_are_equal_but_for_rounding(number):
    """A delivery at the very end counts; requests that came in one slot have waited for as long."""
    compare(*played_both(np.random.default_rng(number)))


@pytest.mark.parametrize("number", [0, 15, 17, 25, 44])
def test_cases_that_once_differed(number):
    """Several paths at once, one of which gives back what the others may take; routes that have just failed."""
    compare(*played_both(np.random.default_rng(number)))


def compare(found, slow):
    got = found.deliveries
    ours = sorted(
        (int(d), int(p), round(t / TICK_S), round(float(f), 9))
        for d, p, t, f in zip(got.demand, got.path, got.time_s, got.fidelity, strict=True)
    )
    theirs = sorted((f, r, there, round(fidelity, 9)) for f, r, _, there, fidelity in slow.deliveries)
    assert [row[:3] for row in ours] == [row[:3] for row in theirs]
    assert [row[3] for row in ours] == pytest.approx([row[3] for row in theirs], abs=1e-8)
    requested = [flow.requests is not None for flow in slow.case.flows]
    told = {name: count for name, count in vars(found.pairs).items() if count and name != "left"}
    assert told == dict(slow.books)
    assert found.pairs.left == slow.left
    for f, result in enumerate(found.results):
        if requested[f]:
            assert result.waiting == slow.arrived[f] - slow.gone[f]
            assert result.blocked == slow.gone[f] - slow.served[f]
