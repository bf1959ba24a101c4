"""Relays in time against closed forms, maximum flow and the linear programme, and by the books."""

import numpy as np
import pytest
import rustworkx as rx
from scipy.optimize import linprog

from quantumlink.keys.relay import Consumer, LinkFailure, plan_traffic, simulate_relays

DAY = 86_400.0


def consumer(a, b, rate, **options):
    return Consumer(source=a, target=b, wanted_bit_s=rate, **options)


def balanced(told):
    spent = sum(told.books[name] for name in ("relayed", "authentication", "burnt", "stored"))
    assert told.books["generated"] == pytest.approx(spent, rel=1e-12)


def test_one_line_gives_what_its_slowest_link_makes():
    rates = {("a", "b"): 100.0, ("b", "c"): 40.0}
    told = simulate_relays(rates, [consumer("a", "c", 1e6)], duration_s=DAY, step_s=600)
    # Each turn of a step sends one message: 256 bits of tag a hop. All else of the slow link is keys.
    assert told.delivered_bits[0] <= 40.0 * DAY
    assert told.delivered_bits[0] >= 40.0 * DAY - (4 * DAY / 600) * 256 - 2 * 256
    assert told.at_risk_bits == {"a": 0, "b": told.delivered_bits[0], "c": 0}
    assert told.first_key_s == (600.0,)
    balanced(told)


def test_disjoint_ways_add_up_to_the_maximum_flow(rng):
    """Two-hop ways from s to t: the maximum flow is the least cut, found by trying all of them."""
    rates = {}
    for way in range(4):
        rates["s", f"r{way}"], rates[f"r{way}", "t"] = rng.uniform(50, 500, 2)
    cut = min(
        sum(rate for (a, b), rate in rates.items() if (a in side) != (b in side))
        for mask in range(16)
        for side in [{"s"} | {f"r{way}" for way in range(4) if mask >> way & 1}]
    )
    told = simulate_relays(rates, [consumer("s", "t", 1e5)], duration_s=DAY, step_s=300)
    assert told.delivered_bits[0] <= cut * DAY
    assert told.delivered_bits[0] >= 0.99 * cut * DAY - 4 * 8 * 256 * DAY / 300
    balanced(told)


def most_by_programme(rates, consumers):
    """The largest total rate, by a linear programme of its own: flows on arcs, conservation, shared capacity."""
    arcs = [arc for a, b in rates for arc in ((a, b), (b, a))]
    nodes = sorted({name for link in rates for name in link})
    columns = len(consumers) * len(arcs)
    equal, right = [], []
    for c, each in enumerate(consumers):
        for node in nodes:
            if node in (each.source, each.target):
                continue
            row = np.zeros(columns)
            for a, (start, end) in enumerate(arcs):
                row[c * len(arcs) + a] = (start == node) - (end == node)
            equal.append(row)
            right.append(0.0)
    upper, bound = [], []
    for link in range(len(rates)):
        row = np.zeros(columns)
        for c in range(len(consumers)):
            row[c * len(arcs) + 2 * link : c * len(arcs) + 2 * link + 2] = 1
        upper.append(row)
        bound.append(list(rates.values())[link])
    gain = np.zeros(columns)
    for c, each in enumerate(consumers):
        row = np.zeros(columns)
        for a, (start, end) in enumerate(arcs):
            row[c * len(arcs) + a] = (start == each.source) - (end == each.source)
        gain += row
        upper.append(row)
        bound.append(each.wanted_bit_s)
    found = linprog(-gain, A_ub=upper, b_ub=bound, A_eq=equal, b_eq=right, method="highs")
    assert found.status == 0
    return -found.fun


def test_never_more_than_the_linear_programme_and_not_much_less(rng):
    nodes = [f"n{i}" for i in range(8)]
    rates = {(nodes[i], nodes[(i + 1) % 8]): float(rng.uniform(100, 300)) for i in range(8)}
    rates |= {(nodes[i], nodes[i + 4]): float(rng.uniform(100, 300)) for i in range(4)}
    consumers = [consumer(nodes[i], nodes[(i + 3) % 8], 400.0) for i in range(5)]
    most = most_by_programme(rates, consumers)
    told = simulate_relays(rates, consumers, duration_s=DAY, step_s=600, paths=6)
    total = sum(told.delivered_bits) / DAY
    assert 0.6 * most <= total <= most
    balanced(told)
    fair = plan_traffic(rates, consumers)
    assert min(told.delivered_bits) / DAY >= 0.5 * min(fair.rates_bit_s)
    assert told.jain > 0.8


def test_within_the_plan_everybody_gets_everything():
    rates = {("a", "b"): 100.0, ("b", "c"): 100.0, ("c", "d"): 100.0}
    consumers = [consumer("a", "c", 30.0), consumer("b", "d", 30.0)]
    assert plan_traffic(rates, consumers).satisfaction == pytest.approx((1.0, 1.0))
    told = simulate_relays(rates, consumers, duration_s=DAY, step_s=60, seed=3)
    assert sum(told.blocked_bits) <= 0.001 * sum(told.asked_bits)  # the first minute has too little in the pools
    assert told.jain == pytest.approx(1.0, abs=1e-3)
    again = simulate_relays(rates, consumers, duration_s=DAY, step_s=60, seed=3)
    assert again == told


def test_priorities_come_first():
    rates = {("a", "b"): 100.0, ("b", "c"): 100.0}
    told = simulate_relays(
        rates, [consumer("a", "c", 90.0), consumer("a", "c", 90.0, priority=1)], duration_s=DAY, step_s=600
    )
    assert told.delivered_bits[1] >= 0.99 * told.asked_bits[1]
    assert told.delivered_bits[0] <= 0.15 * told.asked_bits[0]
    equal = simulate_relays(rates, [consumer("a", "c", 90.0)] * 2, duration_s=DAY, step_s=600)
    assert equal.jain == pytest.approx(1.0, abs=0.01)


def test_a_failure_is_gone_around_and_what_was_stored_is_burnt():
    rates = {("a", "b"): 200.0, ("b", "z"): 200.0, ("a", "c"): 100.0, ("c", "z"): 100.0, ("a", "x"): 50.0}
    consumers = [consumer("a", "z", 60.0), consumer("a", "x", 10.0)]
    failure = LinkFailure(("z", "b"), 36_000.0, 72_000.0)
    told = simulate_relays(rates, consumers, duration_s=DAY, step_s=60, failures=[failure])
    assert told.recovery_s == (60.0,)
    assert sum(told.blocked_bits) <= 4 * 256
    assert told.books["burnt"] > 0
    balanced(told)
    lone = {link: rate for link, rate in rates.items() if "c" not in link}
    cut = simulate_relays(lone, consumers, duration_s=DAY, step_s=60, failures=[failure])
    assert cut.recovery_s == (pytest.approx(36_060.0),)  # when the link is back
    assert cut.blocked_bits[0] == pytest.approx(36_000 * 60.0, rel=0.01)
    never = simulate_relays(
        lone, consumers, duration_s=DAY, step_s=60, failures=[LinkFailure(("b", "z"), 36_000.0)]
    )
    assert np.isnan(never.recovery_s[0])


def test_shares_over_disjoint_paths_tell_no_relay_anything():
    rates = {("a", "b"): 100.0, ("b", "z"): 100.0, ("a", "c"): 100.0, ("c", "z"): 100.0}
    one, two = (
        simulate_relays(rates, [consumer("a", "z", 1e4)], duration_s=DAY, step_s=600, spread=spread)
        for spread in (1, 2)
    )
    assert sum(one.at_risk_bits.values()) == one.delivered_bits[0]
    assert set(two.at_risk_bits.values()) == {0}
    assert two.delivered_bits[0] == pytest.approx(one.delivered_bits[0] / 2, rel=0.02)
    line = {("a", "b"): 100.0, ("b", "z"): 100.0}
    none = simulate_relays(line, [consumer("a", "z", 10.0)], duration_s=DAY, spread=2)
    assert none.delivered_bits == (0,)
    assert np.isnan(none.first_key_s[0])


def test_who_may_not_relay_does_not():
    rates = {("a", "b"): 100.0, ("b", "z"): 100.0, ("a", "c"): 10.0, ("c", "z"): 10.0}
    told = simulate_relays(rates, [consumer("a", "z", 50.0)], duration_s=DAY, relays={"c"})
    assert told.at_risk_bits["c"] == told.delivered_bits[0] > 0
    assert told.delivered_bits[0] <= 10 * DAY


def test_full_pools_make_no_more():
    told = simulate_relays({("a", "b"): 1000.0}, [consumer("a", "b", 1.0)], duration_s=DAY, capacity_bits=1e5)
    assert told.books["stored"] <= 1e5
    balanced(told)


def test_hundreds_of_nodes_for_days(rng):
    graph = rx.undirected_gnm_random_graph(300, 700, seed=5)
    names = [f"n{i}" for i in range(300)]
    rates = {(names[a], names[b]): float(rng.uniform(500, 5000)) for a, b in graph.edge_list()}
    known = sorted({name for link in rates for name in link})
    pairs = [rng.choice(len(known), 2, replace=False) for _ in range(60)]
    consumers = [consumer(known[a], known[b], 64.0) for a, b in pairs]
    link = next(iter(rates))
    told = simulate_relays(
        rates, consumers, duration_s=2 * DAY, step_s=1800, failures=[LinkFailure(link, DAY)], seed=1, paths=3
    )
    balanced(told)
    assert sum(told.delivered_bits) >= 0.5 * sum(told.asked_bits)
    assert max(told.at_risk_bits.values()) <= sum(told.delivered_bits)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"duration_s": 0}, "duration_s"),
        ({"step_s": 1e9}, "step_s"),
        ({"spread": 0}, "spread"),
        ({"paths": 0}, "paths"),
        ({"key_bits": 0}, "key_bits"),
        ({"failures": [LinkFailure(("a", "q"), 0.0)]}, "links"),
        ({"capacity_bits": float("nan")}, "capacity_bits must be"),
        ({"consumers": [consumer("a", "q", 1.0)]}, "node"),
        ({"rates_bit_s": {("a", "b"): -1.0}}, "rates_bit_s"),
        ({"rates_bit_s": {("a", "b"): 1.0, ("b", "a"): 1.0}}, "once"),
    ],
)
def test_mistakes_are_named(changes, says):
    given = {
        "rates_bit_s": {("a", "b"): 1.0},
        "consumers": [consumer("a", "b", 1.0)],
        "duration_s": 600.0,
    } | changes
    rates, consumers = given.pop("rates_bit_s"), given.pop("consumers")
    with pytest.raises(ValueError, match=says):
        simulate_relays(rates, consumers, **given)
