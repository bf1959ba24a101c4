"""Swaps at many places at once: what each gives by itself, to rounding."""

from itertools import pairwise

import numpy as np
import pytest

from quantumlink import Fiber, Memory, Node, Processor
from quantumlink.link import ElementaryLink
from quantumlink.network import search
from quantumlink.network.routing import Plan
from quantumlink.readings.forecasting.joins import swapped
from quantumlink.readings.forecasting.reading import forecast, stage_of
from quantumlink.readings.forecasting.side_by_side import swapped_side_by_side
from quantumlink.timing.arrivals import EARLY, EDGES_S, LATE, arrived_by, of_rounds
from quantumlink.timing.attempts import Rounds

MEMORIES = [
    Memory(), Memory(t1_s=0.5, t2_s=0.2), Memory(t2_s=0.05), Memory(t1_s=3.0, t2_s=2.0, depolarizing_s=1.0),
]  # fmt: skip
ODD_MEMORIES = [Memory(t2_s=1.0, gaussian_s=0.1), Memory(t2_s=1.0, retrieval=0.8)]


def random_link(rng, left, right):
    """A link of some kind of attempts and state."""
    how = [
        {"rate_hz": float(10 ** rng.uniform(1, 4))},
        {"success_probability": float(10 ** rng.uniform(-3, 0))},
        {"success_probability": 1.0, "attempt_time_s": float(10 ** rng.uniform(-4, -2))},
    ]
    state = {"fidelity": float(rng.uniform(0.9, 1))}
    if rng.random() < 0.5:
        state = {"bell_diagonal": tuple(map(float, rng.dirichlet([30, 1, 2, 1])))}
    return ElementaryLink(left, right, Fiber(float(rng.uniform(0, 40))), **how[rng.integers(3)], **state)


def random_path(rng, number, hops, memories):
    gates = [{}, {"gate_1q_s": 1e-5, "gate_2q_s": 1e-4, "readout_s": 2e-4}]
    nodes = [
        Node(f"{number}.{i}", memory=memories[rng.integers(len(memories))],
             processor=Processor(depolarizing_2q=float(rng.uniform(0, 0.01)), **gates[rng.integers(2)]))
        for i in range(hops + 1)
    ]  # fmt: skip
    return [random_link(rng, a, b) for a, b in pairwise(nodes)]


def assert_same(one, other):
    assert (one.ends, one.first, one.support) == (other.ends, other.first, other.support)
    assert one.attempts == other.attempts
    for name in ("points_s", "pairs", "success", "left_lag_s", "right_lag_s", "left_since_s", "right_since_s"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12, abs=1e-15), name
    assert one.delay_s == pytest.approx(other.delay_s)
    assert (one.left_memories, one.right_memories) == (other.left_memories, other.right_memories)


@pytest.mark.parametrize("memories", [MEMORIES, [*MEMORIES, *ODD_MEMORIES]], ids=["plain", "odd ones among them"])
def test_each_swap_is_that_of_its_own(rng, memories):
    paths = [[stage_of(link) for link in random_path(rng, i, 4, memories)] for i in range(8)]
    first = [pair for a, b, c, d in paths for pair in ((a, b), (c, d))]
    joined = [swapped(*pair) for pair in first]
    second = list(zip(joined[::2], joined[1::2], strict=True))
    for pairs in (first, second, first[:1]):
        for one, pair in zip(swapped_side_by_side(pairs), pairs, strict=True):
            assert_same(one, swapped(*pair))


@pytest.mark.parametrize("order", ["balanced", "sequential"])
@pytest.mark.parametrize("rounds", [0, 1])
def test_paths_of_any_length_deliver_together_what_each_delivers(rng, order, rounds):
    plan = Plan(order, rounds)
    paths = [random_path(rng, i, hops, MEMORIES) for i, hops in enumerate((1, 2, 3, 5, 6, 7))]
    stages = [[stage_of(plan.link((link,))) for link in path] for path in paths]
    for path, found in zip(paths, plan.forecasts(stages), strict=True):
        wanted = forecast(plan.link(tuple(path)))
        assert found.fidelity == pytest.approx(wanted.fidelity, rel=1e-10)
        assert found.latency_s == pytest.approx(wanted.latency_s, rel=1e-10)


def test_bounds_know_when_pairs_are_there_without_their_distribution(rng):
    several = [Rounds(None, 0.01, 0.0), Rounds(1.0, 1e-3, 5e-3), Rounds(1.0, 1e-3, 0.0)]
    several += [
        Rounds(*(float(10 ** rng.uniform(*between)) for between in ((-4, -0.01), (-6, -1), (-7, 0))))
        for _ in range(60)
    ]  # fmt: skip
    cells = np.arange(0, search.CELLS)
    for rounds, found in zip(several, arrived_by(several, cells), strict=True):
        moments = of_rounds(rounds)
        total = np.cumsum(moments.masses[0])
        if not rounds.herald_s:
            assert found == pytest.approx(total[np.clip(cells - moments.first, 0, len(total) - 1)], abs=1e-14)
            continue
        # Of whole moments, by the number of attempts whose heralds are there; beyond both ends at least as many.
        done = np.floor((EDGES_S[cells + 1] - rounds.herald_s) / rounds.time_s * (1 - 1e-15))
        there = 1 - (1 - rounds.success_probability) ** np.maximum(done, 0.0)
        assert (found >= there - 1e-12).all()
        inside = (there > EARLY) & (there < 1 - LATE)
        assert found[inside] == pytest.approx(there[inside], abs=2 * LATE)
