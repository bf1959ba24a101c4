"""Pairs made one after the other: what takes long has decayed more, and what waits for it has too."""

import warnings
from itertools import pairwise
from math import exp

import pytest

from quantumlink import Memory, Node, purify, swap
from quantumlink.link import ElementaryLink
from quantumlink.network import best_strategy, forecast
from quantumlink.readings.timeline import simulate

W, T2_S = 0.96, 0.02
P, STEPS_S = (0.2, 0.35, 0.1), (1e-3, 0.7e-3, 0.5e-3)


def chain_in_turn(*, gaussian=False):
    memory = Memory(gaussian_s=T2_S) if gaussian else Memory(t2_s=T2_S)
    nodes = [Node(f"n{i}", memory, storage=4, communication=1) for i in range(4)]
    a, b, c = (
        ElementaryLink(*ends, fidelity=(1 + 3 * W) / 4, success_probability=p, attempt_time_s=step_s)
        for ends, p, step_s in zip(pairwise(nodes), P, STEPS_S, strict=True)
    )
    return swap(a, swap(b, c))


def kept(p, step_s, rate_hz):
    """The mean of e^(−rate·T) of a geometric time."""
    one = exp(-rate_hz * step_s)
    return p * one / (1 - (1 - p) * one)


def test_a_chain_in_turn_is_the_closed_form():
    """The first pair waits for both others, the second one for the third: each wait dephases two qubits."""
    coherence = kept(P[1], STEPS_S[1], 2 / T2_S) * kept(P[2], STEPS_S[2], 4 / T2_S)
    apart = kept(P[1], STEPS_S[1], 2 / T2_S) * kept(P[2], STEPS_S[2], 2 / T2_S) ** 2
    found = forecast(chain_in_turn())
    assert found.fidelity == pytest.approx((1 + W**3 * (1 + 2 * coherence)) / 4, abs=5e-5)
    assert coherence > apart + 0.01  # as if the two waits for the third pair had nothing to do with each other
    assert found.latency_s == pytest.approx(sum(s / p for s, p in zip(STEPS_S, P, strict=True)), rel=1e-9)


def test_gaussian_dephasing_in_turn(seed):
    """At 6 standard errors, a false alarm is below 10⁻⁸."""
    link, trials = chain_in_turn(gaussian=True), 40_000
    found, sampled = forecast(link), simulate(link, trials=trials, seed=seed)
    for mine, theirs in ((found.latency_s, sampled.latencies_s), (found.fidelity, sampled.fidelities)):
        assert abs(mine - theirs.mean()) < 6 * theirs.std() / trials**0.5


def test_gaussian_dephasing_within_a_cell_is_exact():
    """All moments certain: a wait of .1 ms for a pair that is there after 5 ms."""
    memories = (Memory(), Memory(gaussian_s=1e-3), Memory(), Memory())
    nodes = [Node(f"n{i}", memory) for i, memory in enumerate(memories)]
    a, b, c = (
        ElementaryLink(*ends, fidelity=0.95, success_probability=1.0, attempt_time_s=step_s)
        for ends, step_s in zip(pairwise(nodes), (5e-3, 5.1e-3, 5.1e-3), strict=True)
    )
    link = swap(a, swap(b, c))
    assert forecast(link).fidelity == pytest.approx(simulate(link, trials=1, seed=1).fidelities[0], rel=1e-12)
    w = (4 * 0.95 - 1) / 3
    assert forecast(swap(a, b)).fidelity == pytest.approx((1 + w**2 * (1 + 2 * exp(-0.01))) / 4, rel=1e-12)


def purified_in_turn(memory, by, count):
    """Pairs of two hops each, made in turn, and one pair more that waits beside them."""
    a = Node("a", memory, storage=count, communication=1)
    m, r, b = (Node(name, memory) for name in "mrb")

    def hop(left, right, p):
        return ElementaryLink(left, right, fidelity=0.97, success_probability=p, attempt_time_s=1e-3)

    pairs = [swap(hop(a, m, 0.3), hop(m, r, 0.1)) for _ in range(count)]
    return swap(purify(*pairs, by=by), hop(r, b, 0.04))


@pytest.mark.parametrize(
    ("by", "count", "memory"),
    [
        ("double_selection", 3, Memory(t2_s=0.1)),
        ("double_selection", 3, Memory(gaussian_s=0.1)),
        ("double_selection", 3, Memory(t1_s=0.2, t2_s=0.1)),
        ("expedient", 4, Memory(t2_s=0.1)),
    ],
    ids=["dephasing", "gaussian", "relaxing", "of four"],
)
def test_three_pairs_and_more_in_turn(by, count, memory, seed):
    """What took long has decayed more, and all wait for the last one: .006 to .012 more than in the mean.

    At 6 standard errors, .004, a false alarm is below 10⁻⁸.
    """
    link, trials = purified_in_turn(memory, by, count), 20_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = forecast(link)
    sampled = simulate(link, trials=trials, seed=seed)
    for mine, theirs in ((found.latency_s, sampled.latencies_s), (found.fidelity, sampled.fidelities)):
        assert abs(mine - theirs.mean()) < 6 * theirs.std() / trials**0.5


def test_pairs_in_turn_that_are_not_followed_are_told_of(seed):
    """Four that slow fields dephase: once, with the nodes; and the forecast is too low."""
    link, trials = purified_in_turn(Memory(gaussian_s=0.1), "expedient", 4), 4_000
    with pytest.warns(UserWarning, match=r"purify a–r by expedient.* 'a' and 'r' have too few .* too low") as told:
        found = forecast(link)
    assert len(told) == 1
    assert told[0].filename == __file__
    sampled = simulate(link, trials=trials, seed=seed)
    assert found.fidelity < sampled.fidelity


def test_nothing_is_told_where_waits_are_short_beside_coherence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecast(purified_in_turn(Memory(gaussian_s=10.0), "expedient", 4))
        forecast(purified_in_turn(Memory(), "expedient", 4))


@pytest.mark.parametrize(("fidelity", "p", "gaussian_s", "count"), [(0.8, 0.2, 0.25, 0), (0.65, 0.5, 0.4, 1)])
def test_strategies_tell_of_what_they_choose_alone(fidelity, p, gaussian_s, count):
    """Sixteen pairs a hop over seven places are compared many times; they are what is chosen, or are not."""
    a, r, b = (Node(name, Memory(gaussian_s=gaussian_s), memories=7) for name in "arb")
    hops = [
        ElementaryLink(*ends, fidelity=fidelity, success_probability=p, attempt_time_s=1e-3)
        for ends in ((a, r), (r, b))
    ]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        best_strategy(hops, protocols=("expedient",), objective="fidelity")
    assert len(told) == count
