"""Attempts that disturb stored qubits, storage apart from communication: closed forms, and all readings agree."""

from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.network import best_strategy

TRIALS = 40_000

SURE = sqrt(2 * log(2e6))
"""Standard errors of a mean that are passed in one case of a million (a normal tail bound)."""

FLIP = 0.1
W = (4 * 0.9 - 1) / 3
"""Of Werner pairs of fidelity .9."""


def tried(a, b, probability=0.5, fidelity=0.9, time_s=1.0, **options):
    return ql.ElementaryLink(
        a, b, fidelity=fidelity, success_probability=probability, attempt_time_s=time_s, **options
    )


def single(name, **memory):
    """A node with one communication qubit and two storage qubits."""
    return ql.Node(name, memory=ql.Memory(**memory), communication=1, storage=2)


def swapped_fidelity(coherence):
    """Of two Werner pairs, the left one's relay qubit dephased."""
    return (1 + W**2 + 2 * W**2 * coherence) / 4


def agrees(timeline, fidelity):
    error = timeline.fidelities.std() / sqrt(timeline.trials)
    assert abs(timeline.fidelities.mean() - fidelity) < SURE * error + 1e-12


def lasts(timeline, latency_s):
    error = timeline.latencies_s.std() / sqrt(timeline.trials)
    assert abs(timeline.latencies_s.mean() - latency_s) < SURE * error + 1e-12


def test_pairs_made_in_turn_are_disturbed_by_every_attempt_of_the_later_one(seed):
    a, r, b = ql.Node("a"), single("r", per_attempt=FLIP), ql.Node("b")
    p, q, c = 0.5, 0.25, 1 - 2 * FLIP
    link = ql.swap(tried(a, r, p), tried(r, b, q))
    # E[c^k], k geometric.
    fidelity = swapped_fidelity(q * c / (1 - (1 - q) * c))
    timeline = ql.simulate(link, trials=TRIALS, seed=seed)
    agrees(timeline, fidelity)
    lasts(timeline, 1 / p + 1 / q)
    found = ql.forecast(link)
    assert found.fidelity == pytest.approx(fidelity, abs=3e-5)
    assert found.latency_s == pytest.approx(1 / p + 1 / q, rel=1e-4)
    # Without a limit they are made at once, and only what the other one needs longer counts.
    free = ql.Node("r", memory=ql.Memory(per_attempt=FLIP))
    link = ql.swap(tried(a, free, p), tried(free, b, q))
    ways = [
        p * (1 - p) ** (i - 1) * q * (1 - q) ** (j - 1) * c ** abs(i - j)
        for i in range(1, 150)
        for j in range(1, 150)
    ]
    agrees(ql.simulate(link, trials=TRIALS, seed=seed), swapped_fidelity(sum(ways)))
    assert ql.forecast(link).fidelity == pytest.approx(swapped_fidelity(sum(ways)), abs=3e-5)


def test_attempts_go_on_until_the_herald_is_there(seed):
    # Light takes 5e-4 s: two and a half attempts more, so that three begin.
    a, r, b = ql.Node("a"), single("r", per_attempt=FLIP), ql.Node("b")
    far = ql.Fiber(100)
    late = tried(r, b, 0.25, time_s=2e-4, medium=far)
    link = ql.swap(tried(a, r, time_s=2e-4, medium=far), late)
    q, c = 0.25, 1 - 2 * FLIP
    begun = np.ceil(far.delay_s / 2e-4 - 1) if far.delay_s > 2e-4 else 0
    fidelity = swapped_fidelity(c**begun * q * c / (1 - (1 - q) * c))
    agrees(ql.simulate(link, trials=TRIALS, seed=seed), fidelity)
    assert ql.forecast(link).fidelity == pytest.approx(fidelity, abs=3e-5)


def test_tries_that_failed_count_too(seed):
    # The relay holds a qubit while the other side is purified: every attempt of every try disturbs it.
    a, r, b = ql.Node("a"), single("r", per_attempt=0.02), ql.Node("b")
    pair = tried(r, b, 1.0, 0.8)
    link = ql.swap(tried(a, r, 1.0, 1.0), ql.purify(pair, pair))
    with pytest.raises(ValueError, match="storage=2 for all of its links"):
        ql.simulate(link, trials=1)
    r = ql.Node("r", memory=ql.Memory(per_attempt=0.02), communication=1, storage=3)
    pair = tried(r, b, 1.0, 0.8)
    left, better = tried(a, r, 1.0, 1.0), ql.purify(pair, pair)
    link = ql.swap(left, better)
    # A try is two attempts; the first one's qubit at the relay is disturbed by the second.
    timeline = ql.simulate(link, trials=TRIALS, seed=seed)
    histories = timeline.histories()
    joined = histories.attempts_by_operation[-1]
    tries = joined[:, 1] / 2
    np.testing.assert_array_equal(joined[:, [0, 2, 3]], 0)
    np.testing.assert_allclose(timeline.latencies_s, 1 + 2 * tries, rtol=0, atol=1e-9)
    # Both readings of one history: as it is replayed, and as evaluate holds it.
    number = int(tries.max())
    row = int(np.flatnonzero(tries == number)[0])
    one, other = tried(r, b, 1.0, 0.8), tried(r, b, 1.0, 0.79999)
    exact = ql.evaluate(
        ql.swap(left, ql.purify(one, other)),
        hold_attempts={left: (0, 2 * number), one: (1, 0)},
        fidelity={one: 0.8, other: 0.8},
    )
    assert timeline.fidelities[row] == pytest.approx(exact.fidelity, abs=1e-9)


def test_a_chain_side_by_side_counts_the_attempts_of_every_neighbor(seed):
    # In order: the qubit that waits through two swaps is disturbed by the third link's attempts in both.
    nodes = [ql.Node(f"n{i}", memory=ql.Memory(per_attempt=0.05)) for i in range(4)]
    hops = [tried(a, b, p, 0.95) for a, b, p in zip(nodes, nodes[1:], (0.3, 0.6, 0.2), strict=False)]
    link = ql.chain(hops, order="sequential")
    timeline = ql.simulate(link, trials=30, seed=seed)
    first, second = timeline.histories().attempts_by_operation
    inner = ql.swap(hops[0], hops[1])
    for row in range(30):
        # Whole attempts: what is left of the slowest.
        counts = first[row], second[row]
        exact = ql.evaluate(
            ql.swap(inner, hops[2]),
            hold_attempts={
                hops[0]: tuple(counts[0][:2]),
                hops[1]: tuple(counts[0][2:]),
                inner: tuple(counts[1][:2]),
                hops[2]: tuple(counts[1][2:]),
            },
        )
        assert timeline.fidelities[row] == pytest.approx(exact.fidelity, abs=1e-9)
        # At one moment all three are compared: k of each link are attempts until its pair is there.
        assert counts[0][1] * counts[0][2] == 0
        assert counts[1][1] * counts[1][2] == 0
    assert (first[:, 3] > 0).any()
    with pytest.raises(ValueError, match=r"not known without sampling|come and go"):
        ql.forecast(link)


def test_a_move_takes_time_and_depolarizes(seed):
    nodes = [ql.Node(name, ql.Memory(t2_s=9.0, move_s=0.25, move_depolarizing=0.1), storage=2) for name in "arb"]
    left, right = tried(nodes[0], nodes[1], 1.0), tried(nodes[1], nodes[2], 1.0)
    link = ql.swap(left, right)
    moved = W * 0.9**2
    assert ql.evaluate(left).fidelity == pytest.approx((1 + 3 * moved) / 4, abs=1e-12)
    fidelity = (1 + 3 * moved**2) / 4
    assert ql.evaluate(link).fidelity == pytest.approx(fidelity, abs=1e-12)
    assert ql.evaluate(ql.compose(link)).fidelity == pytest.approx(fidelity, abs=1e-12)
    assert ql.evaluate(link, fidelity=[0.9]).fidelity[0] == pytest.approx(fidelity, abs=1e-12)
    timeline = ql.simulate(link, trials=10, seed=seed)
    np.testing.assert_allclose(timeline.latencies_s, 1.25, rtol=0, atol=1e-12)
    np.testing.assert_allclose(timeline.fidelities, fidelity, rtol=0, atol=1e-12)
    np.testing.assert_allclose(timeline.spent_s.sum(axis=1), timeline.latencies_s, rtol=0, atol=1e-12)
    assert ql.forecast(link).latency_s == pytest.approx(1.25, abs=1e-9)
    assert ql.forecast(link).fidelity == pytest.approx(fidelity, abs=1e-9)
    # One after the other: the second attempt begins when the first half is moved, which then waits for 1.25 s.
    once = [ql.Node(n.name, n.memory, communication=1, storage=2) if n.name == "r" else n for n in nodes]
    left, right = tried(once[0], once[1], 1.0), tried(once[1], once[2], 1.0)
    link = ql.swap(left, right)
    timeline = ql.simulate(link, trials=10, seed=seed)
    np.testing.assert_allclose(timeline.latencies_s, 2.5, rtol=0, atol=1e-12)
    w = moved**2
    np.testing.assert_allclose(timeline.fidelities, (1 + w + 2 * w * exp(-2 * 1.25 / 9)) / 4, rtol=0, atol=1e-12)
    assert ql.evaluate(link, hold_s={left: 1.25}).fidelity == pytest.approx(timeline.fidelity.best, abs=1e-9)
    assert ql.forecast(link).fidelity == pytest.approx(timeline.fidelity.best, abs=3e-5)


def test_in_turn_the_next_pair_is_begun_when_both_ends_have_theirs():
    # The far end's move takes longest; then a swap's far end, which hears of it late.
    moves = {"a": 0.6, "r": 0.25, "b": 0.1, "c": 0.0}
    nodes = [
        ql.Node(
            name, ql.Memory(t2_s=9.0, move_s=move), **({"communication": 1, "storage": 9} if name in "rb" else {})
        )
        for name, move in moves.items()
    ]
    hops = [tried(x, y, 1.0, classical_delay_s=0.3) for x, y in pairwise(nodes)]
    first = ql.swap(*hops[:2])
    # a's half is moved at 1.6, the second pair's at 2.85; then the result goes to both ends.
    assert ql.simulate(first, trials=1).latencies_s[0] == pytest.approx(2.85 + 0.3, abs=1e-12)
    assert ql.forecast(first).latency_s == pytest.approx(2.85 + 0.3, rel=1e-8)
    whole = ql.swap(first, hops[2])
    sampled, found = ql.simulate(whole, trials=1), ql.forecast(whole)
    # The third attempt begins at 3.15, and b has moved its half at 4.25; then a is told over two links.
    assert sampled.latencies_s[0] == pytest.approx(4.25 + 0.6, abs=1e-12)
    assert found.latency_s == pytest.approx(4.25 + 0.6, rel=1e-8)
    assert found.fidelity == pytest.approx(sampled.fidelities[0], abs=3e-5)


def test_long_chains_are_moved_as_short_ones():
    memory = ql.Memory(move_depolarizing=1e-3)
    nodes = [ql.Node(f"n{i}", memory) for i in range(101)]
    hops = [ql.ElementaryLink(a, b, fidelity=0.999) for a, b in pairwise(nodes)]
    w = ((4 * 0.999 - 1) / 3 * (1 - 1e-3) ** 2) ** 100
    for order in ("sequential", "balanced"):
        assert ql.evaluate(ql.chain(hops, order=order)).fidelity == pytest.approx((1 + 3 * w) / 4, abs=1e-9)


def test_communication_qubits_make_attempts_and_storage_does_not(seed):
    # Two communication qubits and five storage qubits on either side: two attempts at once.
    a, b = (ql.Node(name, communication=2, storage=5) for name in "ab")
    lasts(ql.simulate(tried(a, b, 0.3), trials=TRIALS, seed=seed), 1 / (1 - 0.7**2))
    # Without storage the number is for computing, as before.
    a, b = (ql.Node(name, communication=2) for name in "ab")
    lasts(ql.simulate(tried(a, b, 0.3), trials=TRIALS, seed=seed), 1 / 0.3)


def test_what_no_reading_can_know_is_refused():
    memory = ql.Memory(per_attempt=0.1)
    a, r, b = ql.Node("a"), ql.Node("r", memory), ql.Node("b")
    streams = [ql.ElementaryLink(x, y, fidelity=0.9, rate_hz=10) for x, y in ((a, r), (r, b))]
    hops = [tried(a, r), tried(r, b)]
    better = [ql.purify(hop, hop) for hop in hops]
    for link in (ql.swap(*streams), ql.swap(*better)):
        with pytest.raises(ValueError, match=r"'r'.*not known when"):
            ql.simulate(link, trials=1)
        with pytest.raises(ValueError, match=r"'r'.*not known without sampling"):
            ql.forecast(link)
    with pytest.raises(ValueError, match="not known when"):
        ql.simulate(ql.swap(*hops), trials=1, cutoff_s=5.0)
    timeline = ql.simulate(ql.swap(*hops), trials=20, seed=1)
    with pytest.raises(ValueError, match="per_attempt"):
        ql.compose(timeline.link, timeline=timeline)
    with pytest.raises(ValueError, match="storage of node 'r'"):
        best_strategy(hops)
    one, none = ql.Node("r", storage=1), ql.Node("r", communication=0, storage=2)
    with pytest.raises(ValueError, match="storage=1 for all"):
        ql.simulate(ql.swap(tried(a, one), tried(one, b)), trials=1)
    with pytest.raises(ValueError, match="communication=0"):
        ql.simulate(ql.swap(tried(a, none), tried(none, b)), trials=1)
    with pytest.raises(ValueError, match="memories=0"):
        ql.Node("r", memories=0, storage=2)
    with pytest.raises(ValueError, match=r"hold_attempts.*whole numbers"):
        ql.evaluate(hops[0], hold_attempts=0.5)
    for name, value in (("per_attempt", 0.6), ("per_attempt", -0.1), ("move_depolarizing", 1.1), ("move_s", -1)):
        with pytest.raises(ValueError, match=name):
            ql.Memory(**{name: value})


def test_of_few_routes_each_is_forecast():
    # Two relays that store apart, one way to either side of them; the better one has the better memory.
    a, b, ward = ql.Node("a"), ql.Node("b"), ql.Node("ward", role="trusted")
    good, poor = single("good", per_attempt=0.01, t2_s=90.0, move_s=0.1), single("poor", per_attempt=0.1)
    hops = [tried(x, y) for x, y in ((a, poor), (b, poor), (a, good), (good, b), (a, ward), (ward, b))]
    network = ql.Network([a, b, ward, good, poor], hops)
    routes = network.routes("b", "a", by="fidelity")
    assert [route.nodes for route in routes] == [("b", "good", "a"), ("b", "poor", "a")]
    told = ql.swap(hops[3].reversed(), hops[2].reversed()), ql.swap(hops[1], hops[0].reversed())
    for route, link in zip(routes, told, strict=True):
        assert route.link == link
        assert route.fidelity == ql.forecast(link).fidelity
        agrees(ql.simulate(route.link, trials=TRIALS, seed=1), route.fidelity)
    assert network.route("a", "b", avoid=["good"]).nodes[1].name == "poor"
    with pytest.raises(ValueError, match="no route from 'a' to 'b'"):
        network.route("a", "b", avoid=["good", "poor"])
    with pytest.raises(ValueError, match="by must be one of"):
        network.route("a", "b", by="beauty")
    # Streams at random moments into a memory that attempts disturb: of the only route no forecast is known.
    streams = [ql.ElementaryLink(x, y, fidelity=0.9, rate_hz=10) for x, y in ((a, good), (good, b))]
    with pytest.raises(ValueError, match="not known without sampling"):
        ql.Network([a, b, good], streams).route("a", "b")
    crowd = [ql.Node(f"c{i}", storage=9) for i in range(7)]
    every = [tried(x, y) for i, x in enumerate(crowd) for y in crowd[:i]]
    with pytest.raises(ValueError, match="do not know the storage"):
        ql.Network(crowd, every).route("c0", "c1")


def test_it_is_saved(tmp_path):
    node = ql.Node(
        "r", ql.Memory(per_attempt=0.01, move_s=1e-4, move_depolarizing=0.02), communication=1, storage=3
    )
    network = ql.Network([node, ql.Node("a")], [ql.ElementaryLink(node, ql.Node("a"), fidelity=0.9)])
    network.save(tmp_path / "net.toml")
    assert ql.Network.load(tmp_path / "net.toml") == network


def test_an_unknown_kind_of_link_is_not_taken_for_another():
    from quantumlink.link.tree import Link
    from quantumlink.timing.places import Sharing
    from quantumlink.visualization.link import _hops

    class Unheard(Link):
        """A kind of link that no reading knows."""

    unheard = Unheard(ql.Node("a"), ql.Node("b"), 1)
    for reading in (Sharing, _hops, ql.evaluate, ql.compose, ql.forecast):
        with pytest.raises(TypeError, match="Unheard"):
            reading(unheard)


@pytest.mark.parametrize("apart", [{"memory": ql.Memory(move_s=1e-3)}, {"storage": 2}])
def test_a_network_under_load_refuses_what_it_does_not_know(apart):
    from quantumlink.network import Demand, operate

    nodes = [ql.Node("a"), ql.Node("r", **apart), ql.Node("b")]
    network = ql.Network(nodes, [tried(x, y) for x, y in pairwise(nodes)])
    with pytest.raises(ValueError, match="node 'r'"):
        operate(network, [Demand("a", "b", kind="pairs")], duration_s=10, seed=1)


@pytest.mark.parametrize("p", [(1.0, 1.0), (0.16, 1.0), (1.0, 0.3), (0.3, 0.2), (0.05, 0.02)])
@pytest.mark.parametrize("steps_s", [(1e-3, 5e-3), (0.49e-3, 1e-4), (1e-3, 1e-3), (1e-3, 2.7e-3)])
@pytest.mark.parametrize("flip", [0.02, 0.3])
def test_forecasts_count_whole_attempts_beside_a_sum_over_all(p, steps_s, flip):
    """Side by side: what is stored from its herald on, every attempt that the other one begins until its own."""
    r = ql.Node("r", memory=ql.Memory(per_attempt=flip))
    media = (None, ql.Fiber(100))
    links = [
        ql.ElementaryLink(*ends, medium, fidelity=1.0, success_probability=one, attempt_time_s=step_s)
        for ends, medium, one, step_s in zip(((ql.Node("a"), r), (r, ql.Node("b"))), media, p, steps_s, strict=True)
    ]
    k = np.meshgrid(*(np.arange(1, 2 if one == 1 else int(14 / one)) for one in p), indexing="ij")
    weights = np.prod([one * (1 - one) ** (which - 1.0) for one, which in zip(p, k, strict=True)], axis=0)
    heralds = [
        np.maximum(which * s, (which - 1) * s + link.herald_delay_s)
        for which, s, link in zip(k, steps_s, links, strict=True)
    ]
    begun = 0
    for step_s, first, last in zip(steps_s, heralds[::-1], heralds, strict=True):
        before, until = (np.ceil(time / step_s - 1e-6) for time in (first, last))
        begun = begun + np.maximum(until - before, 0)
    coherence = (weights * (1 - 2 * flip) ** begun).sum() / weights.sum()
    found = ql.forecast(ql.swap(*links)).state.expectation("XX")
    assert found == pytest.approx(coherence, abs=1.5e-3 if flip < 0.1 else 5e-3)
