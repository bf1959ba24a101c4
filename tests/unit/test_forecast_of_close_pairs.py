"""Pairs that come much closer together than they are old: clocks of megahertz over fibers of milliseconds.

How long they wait for one another is told by sums over all attempts, and by simulation.
"""

from itertools import pairwise

import numpy as np
import pytest

from quantumlink import ElementaryLink, Fiber, FreeSpace, Memory, Network, Node, Processor, chain, purify, swap
from quantumlink.hardware import MidpointSource, NodeSource
from quantumlink.network import best_strategy, forecast
from quantumlink.readings.forecasting import windows
from quantumlink.readings.timeline import simulate
from quantumlink.timing.arrivals import EDGES_S, of_rounds
from quantumlink.timing.attempts import Rounds

RESOLVED = 3e-3
"""Of coherence, at most: what the grid does not tell of waits much shorter than the mean one."""


def depolarizing(time_s):
    return Memory(depolarizing_s=time_s)


def hops(lengths_km, clocks_hz, relay, *, end=None, fidelity=1.0, source=NodeSource, medium=Fiber, **node):
    clocks_hz = np.broadcast_to(clocks_hz, len(lengths_km)).tolist()
    names = [f"n{i}" for i in range(len(lengths_km) + 1)]
    ends = {names[0], names[-1]}
    nodes = [Node(n, end or Memory()) if n in ends else Node(n, relay, **node) for n in names]
    return [
        ElementaryLink(a, b, medium(length), source=source(clock_hz=clock, fidelity=fidelity))
        for (a, b), length, clock in zip(pairwise(nodes), lengths_km, clocks_hz, strict=True)
    ]


def stated(probabilities, steps_s, lengths_km, relay):
    a, r, b = Node("a"), Node("r", relay), Node("b")
    return [
        ElementaryLink(*ends, Fiber(km), fidelity=1.0, success_probability=p, attempt_time_s=step)
        for ends, km, p, step in zip(((a, r), (r, b)), lengths_km, probabilities, steps_s, strict=True)
    ]


def coherence(link):
    """What a depolarizing memory leaves of a perfect pair."""
    return (4 * forecast(link).fidelity - 1) / 3


def left_of(links, decay_s):
    """E exp(−|T₁ − T₂|/D) of Tᵢ = kᵢ·sᵢ + hᵢ, a sum over all attempts of both."""
    moments = []
    for link in links:
        p, step_s = link.attempts.success_probability, link.attempts.time_s
        k = np.arange(1, int(36 / p) + 2)
        moments.append((k * step_s + max(link.delay_s - step_s, 0.0), p * (1 - p) ** (k - 1)))
    (first_s, first), (second_s, second) = moments
    return sum(mass * (second @ np.exp(-np.abs(second_s - at) / decay_s)) for at, mass in zip(first_s, first))  # noqa: B905


@pytest.mark.parametrize("length_km", [1, 100, 1000])
@pytest.mark.parametrize(("p", "other"), [(0.5, 0.5), (0.9, 0.4), (0.02, 0.05)])
@pytest.mark.parametrize("mean_waits", [0.3, 3, 30])
def test_two_alike_clocks(length_km, p, other, mean_waits):
    """E x^|k₁ − k₂| = p₁p₂/(1 − q₁q₂)·(1 + q₁x/(1 − q₁x) + q₂x/(1 − q₂x)), whatever the way of the heralds."""
    step_s = 1e-8
    decay_s = mean_waits * step_s / min(p, other)
    links = stated((p, other), (step_s, step_s), (length_km, length_km), depolarizing(decay_s))
    x, (q1, q2) = np.exp(-step_s / decay_s), (1 - p, 1 - other)
    expected = p * other / (1 - q1 * q2) * (1 + q1 * x / (1 - q1 * x) + q2 * x / (1 - q2 * x))
    assert coherence(swap(*links)) == pytest.approx(expected, abs=1e-5 if min(p, other) > 0.3 else RESOLVED)
    # The later of two takes 1/p₁ + 1/p₂ − 1/(1 − q₁q₂) attempts, one of which is as long as its herald's way.
    attempts = 1 / p + 1 / other - 1 / (1 - q1 * q2)
    delay_s = links[0].delay_s
    found = forecast(swap(*links)).latency_s - 2 * delay_s
    assert found == pytest.approx((attempts - 1) * step_s, rel=2e-3, abs=1e-12 * delay_s)


def test_random_clocks_lengths_and_memories(rng):
    """Beside sums over all attempts: of equal and unequal lengths, nearly equal ones among them."""
    errors = []
    for i in range(90):
        p, step_s = 10 ** rng.uniform(-1.8, -0.02, 2), 10 ** rng.uniform(-8, -4, 2)
        km = 10 ** rng.uniform(0, 2.3, 2)
        if i % 3 == 1:
            km[1], step_s[1] = km[0], step_s[0]
        elif i % 3 == 2:
            km[1], step_s[1] = km[0] * (1 + 10 ** rng.uniform(-5, -1)), step_s[0] * rng.uniform(0.3, 3)
        waits_s = max(step_s / p) + (i % 2) * abs(np.diff(km)[0]) * 5e-6
        decay_s = float(waits_s * 10 ** rng.uniform(-1, 1.5))
        links = stated(p.tolist(), step_s.tolist(), km.tolist(), depolarizing(decay_s))
        errors.append(abs(coherence(swap(*links)) - left_of(links, decay_s)))
    assert max(errors) < 2 * RESOLVED
    assert np.quantile(errors, 0.9) < 1e-3
    assert np.median(errors) < 1e-4


@pytest.mark.parametrize("order", ["balanced", "sequential"])
@pytest.mark.parametrize("lengths_km", [(50, 50, 50, 50), (100, 37, 37, 100), (20, 21, 22, 20)])
def test_waits_deeper_in_a_tree(order, lengths_km, rng):
    """By hand: each relay's qubits wait for both pairs, heralded there and back, and the messages beside it."""
    clocks_hz, decay_s, trials = np.array([1e6, 3e6, 1e6, 2e6]), 4e-4, 200_000
    links = hops(lengths_km, clocks_hz, depolarizing(decay_s))
    delay_s = [link.delay_s for link in links]
    t1, t2, t3, t4 = (
        rng.geometric(link.attempts.success_probability, trials) / clock - 1 / clock + 2 * link.delay_s
        for link, clock in zip(links, clocks_hz, strict=True)
    )
    one = np.maximum(t1, t2)  # when each relay swaps
    if order == "balanced":
        three = np.maximum(t3, t4)
        two = np.maximum(one + delay_s[1], three + delay_s[2])
        done = two
    else:
        two = np.maximum(one + delay_s[1], t3)
        done = three = np.maximum(two + delay_s[2], t4)
    waits = (one - t1) + (one - t2) + (two - t2) + (two - t3) + (three - t3) + (three - t4)
    left, found = np.exp(-waits / decay_s), forecast(chain(links, order=order))
    # 5.5 standard errors: a false alarm below 10⁻⁷; and what the grid does not tell.
    error = 5.5 * left.std() / np.sqrt(trials)
    assert (4 * found.fidelity - 1) / 3 == pytest.approx(left.mean(), abs=error + 3e-4 * left.mean())
    told = done + max(sum(delay_s[:2]), sum(delay_s[2:])) if order == "balanced" else done + sum(delay_s[:3])
    error = 5.5 * told.std() / np.sqrt(trials)
    assert found.latency_s == pytest.approx(told.mean(), abs=error + 1e-4 * told.std())


SLOW = Memory(depolarizing_s=0.05)
CASES = {
    "dephasing": chain(hops([100, 100], 1e7, Memory(t2_s=1e-5))),
    "relaxation": chain(hops([100, 80], 1e7, Memory(t1_s=2e-4))),
    "slow fields": chain(hops([100, 100], 1e7, Memory(gaussian_s=1e-5))),
    "slow fields, deeper": chain(hops([50, 50, 50, 40], 1e6, Memory(t2_s=1, gaussian_s=1e-3))),
    "clocks in the middle": chain(hops([120, 100], [3e6, 1e7], depolarizing(5e-5), source=MidpointSource)),
    "free space": chain(hops([100, 100], 1e7, depolarizing(3e-7), medium=lambda km: FreeSpace(
        distance_km=km, wavelength_nm=850, beam_waist_m=0.15, receiver_diameter_m=1.0))),
    "a purification": purify(*hops([50], 1e6, Memory(), end=SLOW, fidelity=0.9) * 2),
    "purifications": chain(hops([50, 50], 1e7, depolarizing(1e-3), end=SLOW, fidelity=0.9), purify_rounds=1),
    "purifications, unequal": chain(hops([60, 20], 1e6, depolarizing(2e-3), fidelity=0.95), purify_rounds=1),
    "failing swaps": chain(hops([50] * 4, 1e7, Memory(depolarizing_s=5e-3, retrieval=0.7))),
    "moves": chain(hops([50] * 4, 1e7, Memory(depolarizing_s=1e-3, move_s=1e-5))),
    "an end that knows late": chain(
        hops([50, 50], 1e6, depolarizing(1e-4), end=Memory(depolarizing_s=0.1, move_s=4e-4))),
    "disturbed": chain(hops([50, 50], [1e7, 3e6], Memory(depolarizing_s=1e-3, per_attempt=1e-3))),
    "in turn": chain(hops([50, 40], 1e6, depolarizing(2e-3), storage=2, communication=1)),
    "in turn, disturbed": chain(
        hops([50, 40], 1e6, Memory(per_attempt=2e-5), storage=2, communication=1)),
    "in turn, purified": purify(*2 * [ElementaryLink(
        *(Node(name, SLOW, storage=2, communication=1) for name in "ab"), Fiber(50),
        source=NodeSource(clock_hz=1e6, fidelity=0.9))]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_simulations_agree(case, seed):
    link, trials = CASES[case], 8000
    found, sampled = forecast(link), simulate(link, trials=trials, seed=seed)
    # 5.5 standard errors: a false alarm below 10⁻⁷; and what the grid does not tell.
    error = 5.5 * sampled.fidelities.std() / np.sqrt(trials)
    assert found.fidelity == pytest.approx(sampled.fidelities.mean(), abs=error + 2e-4)
    error = 5.5 * sampled.latencies_s.std() / np.sqrt(trials)
    assert found.latency_s == pytest.approx(sampled.latencies_s.mean(), abs=error + 1e-4 * found.latency_s)


def test_searches_tell_the_same(seed, recwarn):
    """Beside what pairs that never wait would give, .97² in the mean."""
    links = hops([100, 100, 80], 1e7, depolarizing(1e-3), fidelity=0.97)
    strategy = best_strategy(links, objective="rate", max_rounds=0)
    sampled = simulate(strategy.link, trials=8000, seed=seed)
    error = 5.5 * sampled.fidelities.std() / np.sqrt(8000)
    assert strategy.fidelity == pytest.approx(sampled.fidelities.mean(), abs=error + 2e-4)
    network = Network([links[0].left, *(link.right for link in links)], links)
    (route,) = network.routes("n0", "n3", 1, by="fidelity")
    assert route.fidelity == pytest.approx(forecast(route.link).fidelity, rel=1e-12)
    assert not recwarn.list


def test_gates_take_their_time():
    """A relay whose gates take as long as many attempts: the grid counts neither them nor the heralds."""
    slow = Processor(gate_2q_s=1e-5, readout_s=2e-5)
    quick = hops([100, 100], 1e7, depolarizing(1e-5))
    late = hops([100, 100], 1e7, depolarizing(1e-5), processor=slow)
    gates = np.exp(-2 * 3e-5 / 1e-5)
    assert coherence(swap(*late)) == pytest.approx(coherence(swap(*quick)) * gates, rel=1e-9)


def law(edges_s, begin_s, mean_s):
    """Masses between edges, and behind the last one, of exponential moments after a beginning."""
    survive = np.exp(-np.maximum(np.asarray(edges_s) - begin_s, 0.0) / mean_s)
    return np.append(-np.diff(survive), survive[-1])


def one_row(rounds):
    moments = of_rounds(rounds)
    return windows.Pairs(moments.first, moments.points_s, moments.masses[..., None])


@pytest.mark.parametrize("early_s", [1e-4, 8e-4, 3e-3])
def test_moments_before_others_and_behind_them(early_s):
    """Exponential moments of 1 ms beside much quicker ones, counted from later on; and the same pairs later."""
    slow, quick = one_row(Rounds(None, 1e-3, 0.0)), one_row(Rounds(None, 1e-6, 0.0))
    early = [np.array([early_s]), np.zeros(1)]
    window = windows.Window([windows.Counted(*each) for each in zip((slow, quick), early, strict=True)])
    points_s, placed = window.placed(slow, early[0])
    masses = placed[0, :, 0]
    expected = law(window.edges_s[:-1], -early_s, 1e-3)
    near_s = EDGES_S[window.center[0]]
    near = (window.edges_s[:-1] >= -near_s) & (window.edges_s[:-1] < near_s)  # all that is at one moment
    assert masses[near].sum() == pytest.approx(expected[near].sum(), abs=1e-4)
    np.testing.assert_allclose(masses[~near], expected[~near], atol=1e-3)
    np.testing.assert_allclose(np.cumsum(masses)[~near], np.cumsum(expected)[~near], atol=1e-3)
    assert masses.sum() == pytest.approx(1, abs=1e-12)
    assert (masses * points_s[0]).sum() == pytest.approx(1e-3 - early_s, rel=1e-9)
    later = windows.later(slow, early[0])
    masses = later.coefficients[0, :, 0]
    expected = law(EDGES_S[later.first : later.first + len(masses)], early_s, 1e-3)
    np.testing.assert_allclose(np.cumsum(masses), np.cumsum(expected), atol=1.5e-3)
    assert (masses * later.points_s[0]).sum() == pytest.approx(1e-3 + early_s, rel=1e-9)
