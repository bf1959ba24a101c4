"""The timeline beside closed forms, enumeration and hand-made histories: exact, no sampling error.

Where a test enumerates, it feeds the drawing with scripted random numbers: all outcomes of the geometric draws in
a grid, one a trial, each with its weight.
"""

from itertools import pairwise
from math import exp, inf

import numpy as np
import pytest
from oracles.event_by_event import play

import quantumlink as ql
from quantumlink.readings import evaluate
from quantumlink.readings.timeline import simulate
from quantumlink.readings.timeline.drawing import Drawing
from quantumlink.readings.timeline.histories import delivered_states, last_waits, replayed
from quantumlink.readings.timeline.planning import make_plan

EXACT = 1e-12
ATTEMPT_S = 2.0**-10  # a power of two: multiples of it are exact


class Scripted:
    """Random numbers from a list: each call takes the next array, its last value as often as needed."""

    def __init__(self, *, geometric=(), random=()):
        self._geometric, self._random = iter(geometric), iter(random)

    def geometric(self, p, size):
        return padded(next(self._geometric), size)

    def random(self, size):
        return padded(next(self._random), size).astype(float)


def padded(values, size):
    values = np.atleast_1d(values)
    return np.append(values, np.repeat(values[-1], max(size - len(values), 0)))


def elementary(a, b, p=0.5, **state):
    return ql.ElementaryLink(a, b, success_probability=p, attempt_time_s=ATTEMPT_S, **state)


def fidelities(states):
    return (1 + states[5] - states[10] + states[15]) / 4


def grid(p, most):
    """All pairs (N₁, N₂) of attempts up to `most`, and their probabilities."""
    n = np.arange(1, most + 1)
    first, second = (part.ravel() for part in np.meshgrid(n, n))
    return first, second, p**2 * (1 - p) ** (first + second - 2)


@pytest.mark.parametrize("p", [0.3, 0.5, 0.9])
def test_waiting_for_two_links_and_the_average_dephasing(p):
    # Only the relay dephases and messages take no time: F = (1 + e^{-x|N₁-N₂|})/2.
    t2_s = 5 * ATTEMPT_S
    a, r, b = ql.Node("a"), ql.Node("r", memory=ql.Memory(t2_s=t2_s)), ql.Node("b")
    plan = make_plan(ql.swap(elementary(a, r, p), elementary(r, b, p)))
    most = 95  # what is left out weighs 2·0.7⁹⁵ = 4e-15
    first, second, weights = grid(p, most)
    pairs = Drawing(Scripted(geometric=[first, second])).pairs(plan, len(first))
    mean = weights @ pairs.ready / ATTEMPT_S
    assert mean == pytest.approx((3 - 2 * p) / (p * (2 - p)), abs=1e-9)
    q, z = 1 - p, exp(-ATTEMPT_S / t2_s)
    coherence = p / (2 - p) * (1 + 2 * q * z / (1 - q * z))
    assert weights @ fidelities(delivered_states(plan, pairs)) == pytest.approx((1 + coherence) / 2, abs=1e-9)


@pytest.mark.parametrize(("t1", "t2"), [(inf, 3.0), (4.0, 3.0), (2.0, 4.0), (1.0, 0.5)])
def test_idling(t1, t2):
    # One attempt, which the memories hold: both, and the left one only.
    memory = ql.Memory(t1_s=t1 * ATTEMPT_S, t2_s=t2 * ATTEMPT_S)
    gamma, coherence = 1 - exp(-1 / t1), exp(-1 / t2)
    both = elementary(ql.Node("a", memory=memory), ql.Node("b", memory=memory), p=1.0)
    one = elementary(ql.Node("a", memory=memory), ql.Node("b"), p=1.0)
    found = [simulate(link, trials=2, seed=1, stored="attempt").fidelity.best for link in (both, one)]
    expected = [(1 + gamma**2 + (1 - gamma) ** 2) / 4 + coherence**2 / 2, (2 - gamma) / 4 + coherence / 2]
    assert found == pytest.approx(expected, abs=EXACT)
    assert simulate(both, trials=2, seed=1).fidelity == pytest.approx(1.0, abs=EXACT)


@pytest.mark.parametrize("clock_hz", [None, 1e7])
def test_what_a_source_keeps_decays_while_the_other_half_flies_if_that_is_asked_for(clock_hz):
    """There and back, whatever the attempt that succeeds, and whether the next one waits for it or not."""
    decay_s, fiber = 1e-3, ql.Fiber(50)
    source = ql.hardware.NodeSource(fidelity=0.97, clock_hz=clock_hz)
    link = ql.ElementaryLink(
        ql.Node("a", memory=ql.Memory(depolarizing_s=decay_s)), ql.Node("b"), fiber, source=source
    )
    found = simulate(link, trials=5, seed=1, stored="attempt").fidelities
    expected = 0.25 + 0.72 * exp(-2 * fiber.length_km / 299792.458 * 1.468 / decay_s)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    at_the_herald = simulate(link, trials=5, seed=1), ql.forecast(link), evaluate(link)
    assert [reading.fidelity for reading in at_the_herald] == [pytest.approx(0.97, abs=EXACT)] * 3


def test_messages_and_operations_take_their_time():
    # Two unequal arms, every duration different: the moments by hand.
    relay = ql.Node("r", processor=ql.Processor(gate_1q_s=1e-6, gate_2q_s=5e-6, readout_s=2e-5))
    a, b = ql.Node("a"), ql.Node("b", processor=ql.Processor(gate_1q_s=3e-6))
    left = ql.ElementaryLink(a, relay, ql.Fiber(10), success_probability=1.0, attempt_time_s=1e-3)
    right = ql.ElementaryLink(relay, b, ql.Fiber(30), success_probability=1.0, attempt_time_s=2e-3)
    timeline = simulate(ql.swap(left, right), trials=3, seed=1)
    measured = 2e-3 + 5e-6 + 1e-6 + 2e-5
    at_left, at_right = measured + ql.Fiber(10).delay_s, measured + ql.Fiber(30).delay_s + 2 * 3e-6
    np.testing.assert_allclose(timeline.latencies_s, at_right, rtol=EXACT)
    histories = timeline.histories()
    expected = [at_left - 1e-3, measured - 1e-3, measured - 2e-3, at_right - 2e-3]
    np.testing.assert_allclose(histories.waits_s[0, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(histories.last_s[0], [at_right - at_left, 0], rtol=1e-9, atol=1e-18)


def test_a_purification_is_known_when_both_outcomes_are_there():
    a = ql.Node("a", processor=ql.Processor(gate_1q_s=1e-6, gate_2q_s=5e-6, readout_s=2e-5))
    b = ql.Node("b", processor=ql.Processor(gate_1q_s=2e-6, gate_2q_s=3e-6, readout_s=4e-5))
    kept, spent = (
        ql.ElementaryLink(a, b, ql.Fiber(10), success_probability=1.0, attempt_time_s=t) for t in (1e-3, 3e-3)
    )
    timeline = simulate(ql.purify(kept, spent), trials=2, seed=1)  # of two Φ⁺: never fails
    left, right = 3e-3 + 2.6e-5, 3e-3 + 4.5e-5
    np.testing.assert_allclose(timeline.latencies_s, right + ql.Fiber(10).delay_s, rtol=EXACT)
    np.testing.assert_allclose(
        timeline.histories().waits_s[0, 0], [left - 1e-3, right - 1e-3, left - 3e-3, right - 3e-3], rtol=1e-9
    )


def test_a_purification_that_fails_starts_both_its_pairs_again():
    # Tries in a row fail, fail, succeed, succeed, fail, succeed: three trials take 3, 1 and 2 of them.
    a, b = ql.Node("a"), ql.Node("b")
    link = ql.purify(elementary(a, b, fidelity=0.8), elementary(a, b, fidelity=0.8))
    fail, succeed = 0.999, 0.0
    scripted = Scripted(
        geometric=[[1, 2, 3], [5, 1, 1], [4, 1, 1, 9], [1, 1, 7, 9]],
        random=[[fail, fail, succeed], [succeed, fail, succeed, fail]],
    )
    # Three tries are drawn first, then enough for the two successes that are missing and more, to be thrown away.
    pairs = Drawing(scripted).pairs(make_plan(link), 3)
    np.testing.assert_allclose(pairs.ready / ATTEMPT_S, [5 + 2 + 3, 4, 1 + 7], rtol=EXACT)
    np.testing.assert_allclose(pairs.spent.sum(axis=0), pairs.made, rtol=EXACT)
    np.testing.assert_allclose(pairs.spent[4] / ATTEMPT_S, [5 + 2, 0, 1], rtol=EXACT)


def test_failed_tries_count_for_the_next_success_wherever_the_draws_are_cut():
    # Drawn two at a time at first: fail, fail; then fail, succeed, succeed.
    a, b = ql.Node("a"), ql.Node("b")
    link = ql.purify(elementary(a, b, fidelity=0.8), elementary(a, b, fidelity=0.8))
    scripted = Scripted(geometric=[[3, 5], [1, 1], [7, 2, 11], [1, 1]], random=[0.999, [0.999, 0.0]])
    pairs = Drawing(scripted).pairs(make_plan(link), 2)
    np.testing.assert_allclose(pairs.ready / ATTEMPT_S, [3 + 5 + 7 + 2, 11], rtol=EXACT)
    # A success between failures on both sides of a cut.
    scripted = Scripted(geometric=[[3, 5], [1, 1], [7, 2, 9], [1, 1]], random=[[0.0, 0.999], [0.999, 0.0]])
    pairs = Drawing(scripted).pairs(make_plan(link), 2)
    np.testing.assert_allclose(pairs.ready / ATTEMPT_S, [3, 5 + 7 + 2], rtol=EXACT)


def test_a_try_succeeds_by_the_probability_of_its_own_state():
    # Two perfect pairs always agree; after dephasing for long they do half the time: 0.7 tells the two apart.
    a, b = (ql.Node(name, memory=ql.Memory(t2_s=ATTEMPT_S)) for name in "ab")
    link = ql.purify(elementary(a, b), elementary(a, b))
    scripted = Scripted(geometric=[[1, 1], [60, 1], [1], [1]], random=[0.7, 0.7])
    pairs = Drawing(scripted).pairs(make_plan(link), 2)
    np.testing.assert_allclose(pairs.ready / ATTEMPT_S, [61, 1], rtol=EXACT)


@pytest.mark.parametrize("protocol", ["dejmps", "bbpssw"])
def test_the_mean_number_of_tries(protocol, seed):
    # With one attempt a pair, τ, and nothing that waits, a trial takes G·(τ + d), G geometric with evaluate's
    # probability P. Mean and its standard error √(1-P)/(P√n): 5.2 of them, false alarm 2e-7.
    a, b = (ql.Node(name, processor=ql.Processor(0.01, 0.02, 0.01)) for name in "ab")
    pair = ql.ElementaryLink(a, b, ql.Fiber(20), fidelity=0.7, success_probability=1.0, attempt_time_s=1e-4)
    link = ql.purify(pair, pair, protocol)
    p = evaluate(link).success_probability
    timeline = simulate(link, trials=40_000, seed=seed)
    tries = timeline.latencies_s / (1e-4 + ql.Fiber(20).delay_s)
    np.testing.assert_allclose(tries, np.rint(tries), rtol=1e-9)
    assert abs(tries.mean() - 1 / p) < 5.2 * np.sqrt(1 - p) / p / np.sqrt(40_000)
    # The second moment as well, so that tries are geometric and not just right on average.
    assert abs((tries == 1).mean() - p) < 5.2 * np.sqrt(p * (1 - p) / 40_000)


def test_levels_wait_for_the_slowest_of_their_level():
    nodes = [ql.Node(f"n{i}") for i in range(5)]
    link = ql.chain([elementary(x, y) for x, y in pairwise(nodes)])
    times = np.random.default_rng(1).integers(1, 50, (4, 100))
    plan = make_plan(link)
    asap = Drawing(Scripted(geometric=times), record=True).pairs(plan, 100)
    levels = Drawing(Scripted(geometric=times), levels=True, record=True).pairs(plan, 100)
    np.testing.assert_allclose(asap.ready, times.max(axis=0) * ATTEMPT_S)
    np.testing.assert_allclose(levels.ready, times.max(axis=0) * ATTEMPT_S)
    first, second = times[:2].max(axis=0), times[2:].max(axis=0)
    np.testing.assert_allclose(asap.waits[1][1], (second - times[2]) * ATTEMPT_S)
    np.testing.assert_allclose(levels.waits[0][1], (times.max(axis=0) - times[0]) * ATTEMPT_S)
    np.testing.assert_allclose(levels.waits[2], 0, atol=1e-18)
    np.testing.assert_allclose(asap.waits[2][1], np.maximum(second - first, 0) * ATTEMPT_S)


def test_a_pair_that_is_too_old_starts_again_while_its_partner_goes_on():
    a, r, b = (ql.Node(name) for name in "arb")
    link = ql.swap(elementary(a, r), elementary(r, b))
    plan = make_plan(link, cutoff_s=3 * ATTEMPT_S)
    # Left is there at 2 and gone at 5, then takes 4: 9. Right is there at 6, and used at its last moment, at 9.
    # Second trial: left at 1, gone at 4, takes 1: 5, gone at 8, takes 2: 10; right at 9: used at 10.
    scripted = Scripted(geometric=[[2, 1], [6, 9], [4, 1], [2, 2]])
    pairs = Drawing(scripted, cutoff_s=3 * ATTEMPT_S, record=True).pairs(plan, 2).in_seconds(plan.ticks.tick_s)
    np.testing.assert_array_equal(pairs.ready / ATTEMPT_S, [9, 10])
    np.testing.assert_array_equal(pairs.waits[0] / ATTEMPT_S, [[0, 0], [0, 0], [3, 1], [3, 1]])
    np.testing.assert_allclose(pairs.spent.sum(axis=0), pairs.made)


def test_the_other_end_is_told_before_a_pair_starts_again():
    a, r, b = (ql.Node(name) for name in "arb")
    left, right = (
        ql.ElementaryLink(x, y, ql.Fiber(km), success_probability=0.5, attempt_time_s=ATTEMPT_S)
        for x, y, km in ((a, r, 20), (r, b, 50))
    )
    near, far = ql.Fiber(20).delay_s / ATTEMPT_S, ql.Fiber(50).delay_s / ATTEMPT_S
    plan = make_plan(ql.swap(left, right), cutoff_s=2.5 * ATTEMPT_S)
    # Left is there at 2, gone at 4.5, its other end is told, and it takes 2 more; right is there at 6.
    # Second trial: right is there at 1, gone at 3.5, told, and takes 1; left is there at 4. Third: both in time.
    pairs = (
        Drawing(Scripted(geometric=[[2, 4, 1], [6, 1, 3], [2], [1]]), cutoff_s=2.5 * ATTEMPT_S)
        .pairs(plan, 3)
        .in_seconds(plan.ticks.tick_s)
    )
    at = [4.5 + near + 2, max(4, 3.5 + far + 1), 3]
    np.testing.assert_allclose(pairs.ready / ATTEMPT_S, np.array(at) + far, rtol=EXACT)
    # Too old by a little only: 2, of at most 1.9.
    plan = make_plan(ql.swap(left, right), cutoff_s=1.9 * ATTEMPT_S)
    pairs = (
        Drawing(Scripted(geometric=[[1], [3], [4], [1]]), cutoff_s=1.9 * ATTEMPT_S)
        .pairs(plan, 1)
        .in_seconds(plan.ticks.tick_s)
    )
    # Left is gone at 2.9, told, and there 4 later; right, there at 3, is gone at 4.9, told, and there 1 later.
    np.testing.assert_allclose(pairs.ready / ATTEMPT_S, max(2.9 + near + 4, 4.9 + far + 1) + far, rtol=EXACT)


def test_one_after_the_other_both_start_again():
    # Two places, three pairs: the kept one, then the spent one, which takes too long in the first try.
    a, b = (ql.Node(name, memories=2) for name in "ab")
    pair = ql.ElementaryLink(a, b, ql.Fiber(20), success_probability=0.5, attempt_time_s=ATTEMPT_S)
    message = ql.Fiber(20).delay_s / ATTEMPT_S
    link = ql.purify(ql.purify(pair, pair), pair)
    plan = make_plan(link, cutoff_s=4.5 * ATTEMPT_S)
    scripted = Scripted(geometric=[[2], [3], [5], [1, 1], [1, 1], [2, 2]], random=iter(lambda: 0.0, 1))
    pairs = Drawing(scripted, cutoff_s=4.5 * ATTEMPT_S).pairs(plan, 1).in_seconds(plan.ticks.tick_s)
    # Kept: measured at 3, known a message later; gone at 7.5, told; then 1, a message, 2, and the last message.
    expected = 3 + 4.5 + message + 1 + message + 2 + message
    np.testing.assert_allclose(pairs.ready / ATTEMPT_S, expected, rtol=EXACT)
    assert pairs.spent[5][0] / ATTEMPT_S == pytest.approx(7.5 + message)


@pytest.mark.parametrize(("p", "cutoff"), [(0.2, 2), (0.1, 3), (0.05, 1)])
def test_cut_off_beside_a_markov_chain(p, cutoff, seed):
    # State: nobody has a pair, or one has it since k steps, k ≤ cutoff; a step is an attempt, and all times are
    # multiples of it. At the step at which a pair is gone, both begin anew. E[T] by solving the chain.
    q = 1 - p
    size = cutoff + 2  # nobody; held for 0 … cutoff steps
    move = np.zeros((size, size))
    move[0, 0], move[0, 1] = q * q, 2 * p * q
    for k in range(cutoff):
        move[1 + k, 2 + k] = q
    # A pair held for `cutoff` steps is thrown away at once: the state is as good as nobody's.
    move[1 + cutoff] = move[0]
    steps = np.linalg.solve(np.eye(size) - move, np.ones(size))[0]
    a, r, b = (ql.Node(name) for name in "arb")
    link = ql.swap(elementary(a, r, p), elementary(r, b, p))
    timeline = simulate(link, trials=20_000, seed=seed, cutoff_s=cutoff * ATTEMPT_S)
    found = timeline.latencies_s / ATTEMPT_S
    # 5.2 standard errors: false alarm 2e-7.
    assert abs(found.mean() - steps) < 5.2 * found.std() / np.sqrt(20_000)


def test_states_are_evaluate_where_nothing_decays(rng):
    for trial in range(6):
        nodes = [ql.Node(name, processor=ql.Processor(*rng.uniform(0, 0.05, 3), gate_2q_s=1e-5)) for name in "abcd"]
        hops = [
            ql.ElementaryLink(x, y, ql.Fiber(20), bell_diagonal=(0.7, *rng.dirichlet([1, 1, 1]) * 0.3))
            for x, y in pairwise(nodes)
        ]
        order, protocol = ("balanced", "sequential")[trial % 2], ("dejmps", "bbpssw")[trial // 3]
        link = ql.chain(hops, order=order, purify_rounds=trial % 3, protocol=protocol)
        expected = evaluate(link).coefficients.reshape(16)
        timeline = simulate(link, trials=50, seed=1, cutoff_s=1.0 if trial == 2 else None)
        np.testing.assert_allclose(timeline.states, np.broadcast_to(expected, (50, 16)), rtol=0, atol=EXACT)


def test_equal_to_the_event_by_event_simulation_where_nothing_is_random(rng):
    # Attempts that succeed at once after times of their own, purifications that are made to succeed: every moment
    # and every wait of random trees, with unequal fibres, memories and durations, against events one by one.
    class Lucky:
        def random(self):
            return 0.0

    for _ in range(12):
        nodes = [
            ql.Node(
                name,
                memory=ql.Memory(t1_s := rng.uniform(2e-3, 9e-3), rng.uniform(0.1, 2) * t1_s),
                processor=ql.Processor(
                    gate_1q_s=rng.uniform(0, 1e-4), gate_2q_s=rng.uniform(0, 1e-4), readout_s=rng.uniform(0, 1e-4)
                ),
            )
            for name in "abcde"
        ]
        link = random_tree(rng, nodes, 0, int(rng.integers(2, 5)), budget=[6], p=lambda: 1.0)
        latency, rho = play(link, Lucky())
        plan = make_plan(link)
        scripted = Scripted(geometric=iter(lambda: 1, 0), random=iter(lambda: 0.0, 1))
        pairs = Drawing(scripted, record=True).pairs(plan, 1)
        assert pairs.ready[0] == pytest.approx(latency, rel=1e-12)
        states = delivered_states(plan, pairs)
        np.testing.assert_allclose(states[:, 0], coefficients(rho), rtol=0, atol=1e-10)
        again, _ = replayed(plan, pairs.waits, last_waits(pairs))
        np.testing.assert_allclose(again, states, rtol=0, atol=EXACT)


def coefficients(rho):
    """Tr(P⊗Q·ρ) with the left qubit as the first factor: shape (16,)."""
    paulis = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
    return np.array([np.trace(np.kron(p, q) @ rho).real for p in paulis for q in paulis])


def random_tree(rng, nodes, first, last, *, budget, p):
    """A random link from one node to another, of no more purifications than the budget says."""
    if budget[0] > 0 and rng.random() < 0.4:
        budget[0] -= 1
        kept, spent = (random_tree(rng, nodes, first, last, budget=budget, p=p) for _ in range(2))
        return ql.purify(kept, spent)
    if last - first == 1 or rng.random() < 0.1:
        fiber = ql.Fiber(rng.uniform(5, 60))
        state = (0.85, *rng.dirichlet([1, 1, 1]) * 0.15)
        return ql.ElementaryLink(
            nodes[first],
            nodes[last],
            fiber,
            bell_diagonal=state,
            success_probability=p(),
            attempt_time_s=rng.uniform(1e-4, 1e-3),
        )
    middle = int(rng.integers(first + 1, last))
    left = random_tree(rng, nodes, first, middle, budget=budget, p=p)
    return ql.swap(left, random_tree(rng, nodes, middle, last, budget=budget, p=p))
