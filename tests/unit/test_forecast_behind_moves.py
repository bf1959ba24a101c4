"""Pairs that are moved for long before they can be used wait for one another as finely as those that are not."""

from itertools import pairwise
from math import exp

import pytest

from quantumlink import Memory, Network, Node, chain, purify, swap
from quantumlink.link import ElementaryLink
from quantumlink.network import forecast
from quantumlink.readings.forecasting import stage_of
from quantumlink.readings.forecasting.side_by_side import swapped_side_by_side
from quantumlink.readings.forecasting.stages import delivered
from quantumlink.readings.timeline import simulate

F, T2_S = 0.95, 0.5


def hops(count, p, step_s, *moves_s):
    nodes = [
        Node(
            f"n{i}",
            Memory(t2_s=T2_S, move_s=moves_s[i % len(moves_s)]),
            role="repeater" if 0 < i < count else "end",
        )
        for i in range(count + 1)
    ]
    return [
        ElementaryLink(a, b, fidelity=F, success_probability=p, attempt_time_s=step_s) for a, b in pairwise(nodes)
    ]


def exactly(p, step_s, move_s):
    """Of two hops: the later of two geometric moments; a wait of their difference dephases two qubits."""
    q, kept, w = 1 - p, exp(-2 * step_s / T2_S), (4 * F - 1) / 3
    coherence = p / (1 + q) * (1 + 2 * q * kept / (1 - q * kept))
    return (3 - 2 * p) / (p * (2 - p)) * step_s + move_s, (1 + w**2 * (1 + 2 * coherence)) / 4


@pytest.mark.parametrize(("p", "step_s", "move_s"), [(0.1, 1e-3, 0.3), (0.5, 1e-4, 0.03), (0.01, 1e-4, 5.0)])
def test_a_swap_behind_long_moves_is_the_closed_form(p, step_s, move_s):
    links = hops(2, p, step_s, move_s)
    latency_s, fidelity = exactly(p, step_s, move_s)
    found = forecast(swap(*links))
    assert found.latency_s - move_s == pytest.approx(latency_s - move_s, rel=3e-5)
    assert found.fidelity == pytest.approx(fidelity, abs=3e-6)
    stages = tuple(stage_of(link) for link in links)
    for stage in swapped_side_by_side([stages, stages]):
        vectors, latencies = delivered(stage)
        assert latencies[0] == pytest.approx(found.latency_s, rel=1e-12)
        assert vectors[0] == pytest.approx(found.state.coefficients.ravel(), abs=1e-12)
    nodes = [links[0].left, *(link.right for link in links)]
    (route,) = Network(nodes, links).routes("n0", "n2", 1)
    assert route.forecasts[0].latency_s == pytest.approx(found.latency_s, rel=1e-12)


def test_chains_and_purified_pairs_behind_moves_agree_with_the_timeline(seed):
    """At 6 standard errors, a false alarm is below 10⁻⁸."""
    links = hops(3, 0.2, 1e-3, 0.2)
    for link in (chain(links), swap(purify(links[0], links[0]), links[1])):
        found, sampled = forecast(link), simulate(link, trials=40_000, seed=seed)
        for here, there in ((found.latency_s, sampled.latencies_s), (found.fidelity, sampled.fidelities)):
            assert abs(here - there.mean()) < 6 * there.std() / 200
