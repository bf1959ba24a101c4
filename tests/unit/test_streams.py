"""Streams of pairs and classical delays: closed forms, and an event-by-event play of places."""

import heapq
from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quantumlink as ql

SURE = sqrt(2 * log(2e6))
"""Standard errors of a mean that are passed in one case of a million (a normal tail bound)."""

FAR = ql.Fiber(100)
W = (4 * 0.9 - 1) / 3


def tried(a, b, p=0.5, time_s=1.0, medium=None, **options):
    return ql.ElementaryLink(a, b, medium, fidelity=0.9, success_probability=p, attempt_time_s=time_s, **options)


def near(values, expected):
    assert abs(values.mean() - expected) < SURE * values.std() / sqrt(len(values)) + 1e-12 * abs(expected)


def intervals(stream):
    return (stream.delivered_s[:, -1] - stream.delivered_s[:, 0]) / (stream.pairs - 1)


def test_attempts_in_flight(seed):
    # A clock of .1 ms, light that takes .49 ms: as many attempts in flight as there are places.
    a, b = ql.Node("a"), ql.Node("b")
    free = ql.simulate(tried(a, b, time_s=1e-4, medium=FAR), trials=2000, pairs=40, seed=seed)
    near(intervals(free), 1e-4 / 0.5)
    near(free.delivered_s[:, 0], 1e-4 / 0.5 + FAR.delay_s - 1e-4)
    a, b = ql.Node("a", memories=3), ql.Node("b", memories=5)
    few = ql.simulate(tried(a, b, time_s=1e-4, medium=FAR), trials=2000, pairs=61, seed=seed)
    # Each of three places makes 20 pairs in 40 times the delay; the first of the three comes sooner.
    assert abs(few.interval_s.best * 3 * 0.5 / FAR.delay_s - 1) < 0.02
    assert ql.forecast(tried(ql.Node("a"), ql.Node("b"), time_s=1e-4, medium=FAR)).rate_hz == pytest.approx(
        1 / intervals(free).mean(), rel=0.02
    )


def test_one_place_is_a_trial_after_the_other(seed):
    r = ql.Node("r", memories=1)
    link = ql.swap(tried(ql.Node("a"), r, medium=FAR), tried(r, ql.Node("b"), medium=FAR))
    stream = ql.simulate(link, trials=2000, pairs=20, seed=seed)
    # The later of two geometric moments, then word of the swap.
    near(intervals(stream), 2 / 0.5 - 1 / (1 - 0.25) + FAR.delay_s)
    near(stream.delivered_s[:, 0], 2 / 0.5 - 1 / (1 - 0.25) + FAR.delay_s)


def test_spares_are_buffered(seed):
    def rate(places):
        r = ql.Node("r", memories=places)
        link = ql.swap(tried(ql.Node("a"), r, 0.2), tried(r, ql.Node("b"), 0.2))
        return ql.simulate(link, trials=500, pairs=60, seed=seed).rate_hz

    one, four = rate(1), rate(4)
    assert four.low > 4 * one.high  # four places and no buffer would be four times as fast at most
    assert four.high < 4 * 0.2  # nor is it faster than its attempts


def test_what_may_fail_is_repeated(seed):
    pair = tried(ql.Node("a"), ql.Node("b"))
    link = ql.purify(pair, pair)
    stream = ql.simulate(link, trials=2000, pairs=10, seed=seed)
    once = ql.simulate(link, trials=20_000, seed=seed)
    times = intervals(stream)
    error = sqrt(times.var() / len(times) + once.latencies_s.var() / once.trials)
    assert abs(times.mean() - once.latencies_s.mean()) < SURE * error
    np.testing.assert_allclose(stream.fidelities, ql.evaluate(link).fidelity, rtol=0, atol=1e-9)


def played(periods, delays, places, pairs):
    """Swaps of links that always succeed, event by event: when each is known, and how long its pairs waited."""
    events = [(periods[i], i) for i in (0, 1) for _ in range(places)]
    heapq.heapify(events)
    waiting, found = ([], []), []
    while len(found) < pairs:
        now, link = heapq.heappop(events)
        waiting[link].append(now)
        if waiting[0] and waiting[1]:
            made = [waiting[i].pop(0) for i in (0, 1)]
            known = now + max(delays)
            found.append((known, now - min(made)))
            for i in (0, 1):
                heapq.heappush(events, (known + periods[i], i))
    return np.array(found).T


@settings(deadline=None, max_examples=25)
@given(
    periods=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    delays=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    places=st.integers(1, 4),
)
def test_as_it_is_played_event_by_event(periods, delays, places):
    # Attempts at least as long as the way of their heralds, so that nothing but places holds anybody up.
    periods = [max(period, -(-delay // 2)) for period, delay in zip(periods, delays, strict=True)]
    r = ql.Node("r", memory=ql.Memory(t2_s=20.0), memories=places)
    left, right = (
        tried(*ends, 1.0, float(period), classical_delay_s=float(delay))
        for ends, period, delay in zip(((ql.Node("a"), r), (r, ql.Node("b"))), periods, delays, strict=True)
    )
    stream = ql.simulate(ql.swap(left, right), trials=2, pairs=12, seed=1)
    known, waits = played(periods, delays, places, 12)
    np.testing.assert_allclose(stream.delivered_s, [known, known], rtol=0, atol=1e-9)
    fidelity = (1 + W**2 + 2 * W**2 * np.exp(-waits / 20)) / 4
    np.testing.assert_allclose(stream.fidelities, [fidelity, fidelity], rtol=0, atol=1e-9)


def test_messages_may_take_longer_than_light(seed):
    a, r, b = ql.Node("a"), ql.Node("r"), ql.Node("b", memory=ql.Memory(t2_s=0.1))

    def link(delay_s):
        hops = [tried(x, y, 0.5, 1e-2, ql.Fiber(10), classical_delay_s=delay_s) for x, y in ((a, r), (r, b))]
        return ql.swap(*hops)

    as_light = ql.Fiber(10).delay_s
    usual, said, slow = (ql.simulate(link(delay), trials=500, seed=seed) for delay in (None, as_light, 3e-3))
    np.testing.assert_array_equal(said.latencies_s, usual.latencies_s)
    np.testing.assert_allclose(slow.latencies_s - usual.latencies_s, 3e-3 - as_light, rtol=0, atol=1e-12)
    # Bob's half waits for word of the swap: all of it decays by as much more.
    before, after = usual.states[:, 5], slow.states[:, 5]
    np.testing.assert_allclose(after, before * exp(-(3e-3 - as_light) / 0.1), rtol=0, atol=1e-12)
    difference = ql.forecast(link(3e-3)).latency_s - ql.forecast(link(None)).latency_s
    assert difference == pytest.approx(3e-3 - as_light, abs=1e-9)
    np.testing.assert_allclose(slow.spent_s.sum(axis=1), slow.latencies_s, rtol=0, atol=1e-12)
    assert slow.budget.time.messages_s == pytest.approx(3e-3, abs=1e-9)


def test_heralds_come_by_light_and_by_messages(tmp_path):
    a, b = ql.Node("a"), ql.Node("b")
    far = tried(a, b, 1.0, 1e-5, FAR, classical_delay_s=2e-3)
    half = (FAR.delay_s + 2e-3) / 2
    assert ql.simulate(far, trials=1, seed=1).latency_s.best == pytest.approx(half, abs=1e-12)
    assert ql.forecast(far).latency_s == pytest.approx(half, rel=1e-4)
    # What an attempt lasts if nobody says.
    assert ql.ElementaryLink(a, b, FAR, classical_delay_s=2e-3).attempts.time_s == half
    assert far.reversed().classical_delay_s == 2e-3
    assert far != tried(a, b, 1.0, 1e-5, FAR)
    network = ql.Network([a, b], [far])
    network.save(tmp_path / "net.toml")
    assert ql.Network.load(tmp_path / "net.toml").links == (far,)
    with pytest.raises(ValueError, match="classical_delay_s"):
        tried(a, b, classical_delay_s=-1e-3)


def played_in_levels(periods, delays, pairs, *, levels):
    """Two levels of swaps of four hops with one place each, step by step; waits of the middle node's halves."""
    free, found = [0.0] * 4, []
    for _ in range(pairs):
        made = [start + period for start, period in zip(free, periods, strict=True)]
        first, second = max(made[:2]), max(made[2:])
        if levels:
            first = second = max(first, second)
        middle = max(first + delays[1], second + delays[2])
        known = max(middle + delays[0] + delays[1], middle + delays[2] + delays[3])
        found.append((known, 2 * middle - made[1] - made[2]))
        free = [known, middle, middle, known]
    return np.array(found).T


@settings(deadline=None, max_examples=20)
@given(
    periods=st.lists(st.integers(1, 9), min_size=4, max_size=4),
    delays=st.lists(st.integers(0, 5), min_size=4, max_size=4),
    swapping=st.sampled_from(["asap", "levels"]),
)
def test_levels_as_they_are_played_step_by_step(periods, delays, swapping):
    periods = [max(period, -(-delay // 2)) for period, delay in zip(periods, delays, strict=True)]
    nodes = [ql.Node(name, memories=1) for name in "abcde"]
    nodes[2] = ql.Node("c", memory=ql.Memory(t2_s=50.0), memories=1)
    hops = [
        tried(*ends, 1.0, float(period), classical_delay_s=float(delay))
        for ends, period, delay in zip(pairwise(nodes), periods, delays, strict=True)
    ]
    link = ql.chain(hops)
    stream = ql.simulate(link, trials=2, pairs=8, seed=1, swapping=swapping)
    known, waits = played_in_levels(periods, delays, 8, levels=swapping == "levels")
    np.testing.assert_allclose(stream.delivered_s, [known, known], rtol=0, atol=1e-9)
    fidelity = (1 + W**4 + 2 * W**4 * np.exp(-waits / 50)) / 4
    np.testing.assert_allclose(stream.fidelities, [fidelity, fidelity], rtol=0, atol=1e-9)
    once = ql.simulate(link, trials=1, seed=1, swapping=swapping)
    np.testing.assert_allclose(once.latencies_s, known[:1], rtol=0, atol=1e-9)


def test_the_first_pair_in_levels_is_a_trial(seed):
    nodes = [ql.Node(name) for name in "abcde"]
    link = ql.chain([tried(*ends, 0.3, 1.0, classical_delay_s=2.0) for ends in pairwise(nodes)])
    options = {"trials": 4000, "seed": seed, "swapping": "levels"}
    first, once = ql.simulate(link, pairs=2, **options).delivered_s[:, 0], ql.simulate(link, **options).latencies_s
    assert abs(first.mean() - once.mean()) < SURE * sqrt((first.var() + once.var()) / 4000)


def purified_twice(fidelity, period=1.0, delay=3.0):
    ends = ql.Node("a", memories=4), ql.Node("b", memories=4)
    pair = ql.ElementaryLink(
        *ends, fidelity=fidelity, success_probability=1.0, attempt_time_s=period, classical_delay_s=delay
    )
    once = ql.purify(pair, pair)
    return ql.purify(once, once)


def test_optimistic_streams_of_what_never_fails():
    """Four pairs side by side, both rounds at once, one message at the end: places go on where they are free."""
    link = purified_twice(1.0)
    stream = ql.simulate(link, trials=3, pairs=5, seed=1, purifying="optimistic")
    # The kept pair's place is taken until all know; its next pair comes a period later.
    moments = (1.5 + 3.0) * np.arange(1, 6)
    np.testing.assert_allclose(stream.delivered_s, np.tile(moments, (3, 1)), rtol=0, atol=1e-9)
    waiting = ql.simulate(link, trials=3, pairs=5, seed=1)
    np.testing.assert_allclose(waiting.delivered_s[:, 0], 1.5 + 2 * 3.0, rtol=0, atol=1e-9)


def test_optimistic_streams_of_what_may_fail(seed):
    """Every try takes as long, as its pairs are sure: a geometric number of them, as a trial by itself has."""
    link = purified_twice(0.9)
    state = ql.evaluate(link)
    stream = ql.simulate(link, trials=2000, pairs=6, seed=seed, purifying="optimistic")
    once = ql.simulate(link, trials=4000, seed=seed, purifying="optimistic")
    expected = (1.5 + 3.0) / state.success_probability
    for latencies in (stream.delivered_s[:, 0], intervals(stream), once.latencies_s):
        near(latencies, expected)
    np.testing.assert_allclose(stream.fidelities, state.fidelity, rtol=0, atol=1e-9)
    assert (np.diff(stream.delivered_s, axis=1) > 0).all()


def test_storage_of_what_is_made_in_turn(seed):
    """One communication qubit: a trial after the other, moves and disturbing attempts as in each of them."""
    memory = ql.Memory(t2_s=50.0, per_attempt=0.01, move_s=0.25)
    r = ql.Node("r", memory, storage=2, communication=1)
    link = ql.swap(tried(ql.Node("a"), r, 0.3), tried(r, ql.Node("b"), 0.4))
    stream = ql.simulate(link, trials=2000, pairs=10, seed=seed)
    once = ql.simulate(link, trials=20_000, seed=seed)
    for mine, other in ((intervals(stream), once.latencies_s), (stream.fidelities.mean(axis=1), once.fidelities)):
        error = sqrt(mine.var() / len(mine) + other.var() / len(other))
        assert abs(mine.mean() - other.mean()) < SURE * error
    # The first attempts, then a move, then the other ones, and a move.
    near(intervals(stream), 1 / 0.3 + 1 / 0.4 + 2 * 0.25)


def test_what_streams_do_not_know_is_refused():
    a, r, b = ql.Node("a"), ql.Node("r"), ql.Node("b")
    link = ql.swap(tried(a, r), tried(r, b))
    for pairs in (1, 2.5):
        with pytest.raises((TypeError, ValueError), match="pairs"):
            ql.simulate(link, trials=1, pairs=pairs)
    apart = ql.Node("r", ql.Memory(per_attempt=0.1))
    with pytest.raises(ValueError, match="node 'r'"):
        ql.simulate(ql.swap(tried(a, apart), tried(apart, b)), trials=1, pairs=3)
    many = ql.Node("r", storage=4, communication=2)
    with pytest.raises(ValueError, match=r"node 'r' shares storage=4.*communication=1"):
        ql.simulate(ql.swap(tried(a, many), tried(many, b)), trials=1, pairs=3)
    few = ql.Node("a", memories=1), ql.Node("b", memories=2)
    pair = tried(*few)
    with pytest.raises(ValueError, match=r"too few|side by side"):
        ql.simulate(ql.purify(pair, pair), trials=1, pairs=3, purifying="optimistic")
