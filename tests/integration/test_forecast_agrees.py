"""The forecast beside the sampled timeline: random links, memories, processors and durations."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quantumlink as ql
from quantumlink.circuits import Operation, entanglement_swap, known_operation
from quantumlink.readings.timeline import simulate

TRIALS = 20_000
ERRORS = 5.5  # standard errors: a false alarm of 4e-8 a comparison

TIMES = st.floats(-5, -1.5).map(lambda x: 10.0**x)


@st.composite
def memories(draw):
    t1_s = draw(st.one_of(st.just(np.inf), TIMES))
    kind = draw(st.sampled_from(["relaxing", "depolarizing", "gaussian", "ideal"]))
    if kind == "ideal":
        return ql.Memory()
    t2_s = 10 * draw(TIMES)
    options = {"relaxing": {}, "depolarizing": {"depolarizing_s": t2_s}, "gaussian": {"gaussian_s": t2_s}}[kind]
    return ql.Memory(10 * t1_s, min(t2_s, 20 * t1_s), **options)


@st.composite
def links(draw):
    number = draw(st.integers(1, 4))
    places = draw(st.sampled_from([None, None, 2, 3, 5]))
    nodes = []
    for i in range(number + 1):
        durations = [draw(st.sampled_from([0.0, 2e-6, 3e-5])) for _ in range(3)]
        noise = draw(st.sampled_from([0.0, 5e-3]))
        processor = ql.Processor(noise / 3, noise, noise / 2, *durations)
        nodes.append(ql.Node(f"n{i}", draw(memories()), processor, memories=places))
    hops = []
    for a, b in pairwise(nodes):
        medium = draw(st.sampled_from([None, ql.Fiber(2), ql.Fiber(30)]))
        state = {"fidelity": draw(st.floats(0.85, 1))}
        if draw(st.booleans()):
            how = {"rate_hz": 1 / draw(TIMES)}
        else:
            p = draw(st.one_of(st.floats(0.01, 1), st.just(1.0)))
            how = {"success_probability": p, "attempt_time_s": p * draw(TIMES)}
        hops.append(ql.ElementaryLink(a, b, medium, **state, **how))
    order = draw(st.sampled_from(["balanced", "sequential"]))
    protocol = draw(st.sampled_from(["dejmps", "bbpssw"]))
    link = ql.chain(hops, order=order, purify_rounds=draw(st.integers(0, 1)), protocol=protocol)
    return ql.purify(link, link, protocol) if places is None and draw(st.booleans()) else link


@st.composite
def any_operations(draw):
    """Purifications of many pairs, swaps that may fail, memories that lose qubits."""

    def node(name, *, losing=False):
        durations = [draw(st.sampled_from([0.0, 2e-6, 3e-5])) for _ in range(3)]
        noise = draw(st.sampled_from([0.0, 5e-3]))
        held = {"depolarizing_s": 10 * draw(TIMES), "retrieval": draw(st.sampled_from([0.7, 1.0])) if losing else 1}
        return ql.Node(name, ql.Memory(**held), ql.Processor(noise / 3, noise, noise / 2, *durations))

    def pair(*ends):
        clocked = {"success_probability": draw(st.floats(0.05, 1)), "attempt_time_s": draw(TIMES) / 4}
        how = draw(st.sampled_from([clocked, {"rate_hz": 1 / draw(TIMES)}]))
        return ql.ElementaryLink(*ends, draw(st.sampled_from([None, ql.Fiber(5)])), fidelity=0.95, **how)

    a, r, b = node("a"), node("r", losing=True), node("b")
    kind = draw(st.sampled_from(["purify", "swap", "both"]))
    by = draw(st.sampled_from(["double_selection", "single_selection_3to1", "expedient"]))
    count = len(known_operation(by).inputs)
    failing = draw(st.sampled_from(["linear_optics_swap", Operation(entanglement_swap(), success_probability=0.3)]))
    if kind == "swap":
        return ql.swap(pair(a, r), pair(r, b), by=failing)
    if kind == "purify":
        return ql.purify(*(pair(a, b) for _ in range(count)), by=by)
    one = pair(a, r)
    return ql.swap(ql.purify(*(one,) * count, by=by), pair(r, b), by=failing)


@settings(max_examples=10, deadline=None)
@given(link=any_operations())
def test_random_operations(link):
    agree(link)


@settings(max_examples=40, deadline=None)
@given(link=links())
def test_random_links(link):
    agree(link)


def test_where_nothing_fails_the_latency_is_exact(rng):
    """Perfect pairs from attempts that all succeed: any durations, media, orders, places."""

    def time_s():
        return float(rng.choice([0, 2e-6, 3e-5, 1e-4]))

    for _ in range(150):
        places = [None, None, 2, 3][rng.integers(4)]
        nodes = [
            ql.Node(f"n{i}", processor=ql.Processor(0, 0, 0, time_s(), time_s(), time_s()), memories=places)
            for i in range(rng.integers(2, 8))
        ]
        hops = [
            ql.ElementaryLink(a, b, [None, ql.Fiber(2), ql.Fiber(20)][rng.integers(3)],
                              success_probability=1.0, attempt_time_s=float(rng.uniform(5e-6, 3e-4)))
            for a, b in pairwise(nodes)
        ]  # fmt: skip
        order, protocol = str(rng.choice(["balanced", "sequential"])), str(rng.choice(["dejmps", "bbpssw"]))
        link = ql.chain(hops, order=order, purify_rounds=int(rng.integers(2)), protocol=protocol)
        if places is None and rng.random() < 0.4:
            link = ql.purify(link, link, protocol)
        sampled = simulate(link, trials=1, seed=1)
        assert ql.forecast(link).latency_s == pytest.approx(sampled.latencies_s[0], rel=1e-9)


def test_an_end_corrects_while_its_pair_waits():
    """By hand, in μs, to what the farther end knows; 2 km take what light needs.

    The swap at n1 begins at 84 and its readout tells n2 after 30 and 2 km. Meanwhile n4 has corrected after the
    swap at n3 (32, readout 2, two gates of 30). So n2 swaps, and n4 corrects again: two gates of 30. n0 and n4
    purify, a readout of 30 and a rotation of 30, and tell each other over 4 km.
    """
    processors = [{}, {"readout_s": 30e-6}, {}, {"readout_s": 2e-6}, {"gate_1q_s": 30e-6, "readout_s": 30e-6}]
    nodes = [ql.Node(f"n{i}", processor=ql.Processor(**times)) for i, times in enumerate(processors)]
    fiber = ql.Fiber(2)
    hops = [
        ql.ElementaryLink(a, b, medium, success_probability=1.0, attempt_time_s=time_s)
        for (a, b), medium, time_s in zip(
            pairwise(nodes), (fiber, fiber, None, None), (84e-6, 20e-6, 32e-6, 15e-6), strict=True
        )
    ]
    chain = ql.chain(hops)
    expected = 84e-6 + 30e-6 + fiber.delay_s + 60e-6 + 60e-6 + 2 * fiber.delay_s
    link = ql.purify(chain, chain)
    assert ql.forecast(link).latency_s == pytest.approx(expected, rel=1e-9)
    assert simulate(link, trials=2, seed=1).latencies_s == pytest.approx(expected, rel=1e-9)


def test_three_pairs_made_in_turn():
    """Four places for three purified pairs: the second waits for the third, the first for both."""
    a, b = (ql.Node(name, ql.Memory(t2_s=0.2), memories=4) for name in "ab")
    pair = ql.ElementaryLink(a, b, fidelity=0.95, success_probability=0.3, attempt_time_s=1e-3)
    twice = ql.purify(pair, pair)
    agree(ql.purify(twice, twice, twice, by="double_selection"))


def agree(link):
    """Latency and infidelity within 1 % of themselves, and what sampling leaves open."""
    within = 0.01
    found, sampled = ql.forecast(link), simulate(link, trials=TRIALS, seed=3)
    error = ERRORS * sampled.latencies_s.std() / np.sqrt(TRIALS)
    assert found.latency_s == pytest.approx(sampled.latencies_s.mean(), rel=within, abs=error)
    error = ERRORS * sampled.fidelities.std() / np.sqrt(TRIALS)
    lost = 1 - sampled.fidelities.mean()
    assert 1 - found.fidelity == pytest.approx(lost, rel=within, abs=error + 1e-12)
    for basis in "XYZ":
        error = ERRORS * sampled._errors(basis).std() / np.sqrt(TRIALS)
        assert found.state.qber(basis) == pytest.approx(
            sampled.state.qber(basis), rel=within, abs=error + 0.002 * lost + 1e-12
        )


def durations_apart(factor):
    """Three purified hops over fibers, all times but those of gates fixed."""
    times = [factor * x for x in (2e-4, 5e-4, 1e-3)]
    nodes = [ql.Node(f"n{i}", ql.Memory(t2_s=0.05), ql.Processor(1e-3, 5e-3, 4e-3, *times)) for i in range(4)]
    hops = [
        ql.ElementaryLink(a, b, ql.Fiber(20), fidelity=0.97, success_probability=0.4, attempt_time_s=2e-3)
        for a, b in pairwise(nodes)
    ]
    return ql.chain(hops, purify_rounds=1)


def test_every_duration_is_counted():
    """Where gates take as long as attempts: a correction forgotten would be 2 % of the latency, 40 errors off."""
    link = durations_apart(1.0)
    found, sampled = ql.forecast(link), simulate(link, trials=100_000, seed=5)
    error = sampled.latencies_s.std() / np.sqrt(100_000)
    assert abs(found.latency_s - sampled.latencies_s.mean()) < ERRORS * error + 2e-3 * found.latency_s
    assert 2 * (ERRORS * error + 2e-3 * found.latency_s) < 2 * 2e-4  # what one end's two corrections take
    error = sampled.fidelities.std() / np.sqrt(100_000)
    assert abs(found.fidelity - sampled.fidelities.mean()) < ERRORS * error + 2e-3 * (1 - found.fidelity)
    assert found.latency_s > ql.forecast(durations_apart(0.0)).latency_s + 5e-3


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_a_secret_fraction_at_short_coherence(spread):
    """Two exponential arrivals, the mean wait so many coherence times of the pair: E[e^(-x)] = 1/(1 + spread)."""
    wait_s = 1.0
    nodes = [ql.Node(name, ql.Memory(t2_s=2 * wait_s / spread)) for name in "arb"]
    hops = [ql.ElementaryLink(a, b, rate_hz=1 / wait_s) for a, b in pairwise(nodes)]
    found = ql.forecast(ql.swap(*hops))
    # Both ends' memories and the relay's hold the earlier pair, two of them.
    correlation = 1 / (1 + spread)
    assert found.state.expectation("XX") == pytest.approx(correlation, abs=1.5e-3)
    assert found.secret_fraction == pytest.approx(
        ql.qkd.bb84_rate(0.0, phase_error=(1 - correlation) / 2), rel=0.02
    )
    assert found.secret_fraction == pytest.approx({0.3: 0.485, 1.0: 0.190, 3.0: 0.0459}[spread], rel=0.03)


def test_a_strategy_where_waiting_for_its_mean_shows_none():
    from quantumlink.hardware import MidpointSource

    relay = ql.Node("r", memory=ql.Memory(t2_s=0.006))
    a, b = ql.Node("a", role="end"), ql.Node("b", role="end")
    source, detector = MidpointSource(fidelity=0.98), ql.Detector(0.8)
    hops = [
        ql.ElementaryLink(*ends, ql.Fiber(60), source=source, detector=detector)
        for ends in ((a, relay), (relay, b))
    ]
    strategy = ql.Network([a, relay, b], hops).best_strategy("a", "b")
    assert strategy.secret_key_rate_hz == pytest.approx(4, rel=0.02)
    low, _, high = simulate(strategy.link, trials=50_000, seed=2).secret_key_rate_hz()
    assert low * 0.98 < strategy.secret_key_rate_hz < high * 1.02
