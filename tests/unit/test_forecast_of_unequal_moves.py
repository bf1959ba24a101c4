"""Halves that one end moves for longer than the other: forecasts beside sums over all attempts.

Of a chain whose hops succeed in their k-th attempt, all moments are known once the k are: relays act when both
their halves are moved, an end knows when its own half is and it has been told. So what memories keep is a sum over
all k, which is made here in full.
"""

import warnings
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from quantumlink import Memory, Network, Node, Operation, Processor, chain, evaluate, purify, swap
from quantumlink.circuits import entanglement_swap
from quantumlink.link import ElementaryLink
from quantumlink.network import forecast
from quantumlink.readings.forecasting import by_lag, forecasts, lateness, stage_of
from quantumlink.readings.forecasting.stages import stacked
from quantumlink.readings.timeline import simulate

STEP_S, W = 1e-3, 0.96


def nodes_of(moves_s, t2_s, corrections_s=0.0):
    times = Processor(gate_1q_s=corrections_s / 2)
    return [
        Node(f"n{i}", Memory(t2_s=t2_s, move_s=move_s), times if i == len(moves_s) - 1 else Processor())
        for i, move_s in enumerate(moves_s)
    ]


def hops_of(nodes, p, steps_s):
    return [
        ElementaryLink(a, b, fidelity=(1 + 3 * W) / 4, success_probability=p, attempt_time_s=s)
        for (a, b), s in zip(pairwise(nodes), steps_s, strict=True)
    ]


@cache
def summed(moves_s, p, steps_s, t2_s, *, last_s=0.0, balanced=False, most=60):
    """Mean latency and fidelity of a chain swapped from the left, or of four hops by halves: all sums.

    The last end's two corrections, after each swap, take so long; no other gate takes time.
    """
    hops = len(steps_s)
    grid = np.meshgrid(*(np.arange(1, most + 1),) * hops, indexing="ij")
    weights = np.prod([p * (1 - p) ** (k - 1) for k in grid], axis=0)
    made = [k * s for k, s in zip(grid, steps_s, strict=True)]
    parts = [
        ([made[i] + moves_s[i], made[i] + moves_s[i + 1]], i, i + 1, np.zeros_like(made[i])) for i in range(hops)
    ]

    def swapped(one, other):
        (left, near), a, _, ours = one
        (far, right), _, b, theirs = other
        at = np.maximum(near, far)
        # Corrections are at the right end of each swap; only the last node's take time.
        known = np.maximum(left, at), np.maximum(right, at) + (last_s if b == hops else 0.0)
        waited = (at - near) + (at - far) + (known[0] - left) + (known[1] - right)
        return list(known), a, b, ours + theirs + waited

    if balanced:
        parts = [swapped(*parts[:2]), swapped(*parts[2:])]
    while len(parts) > 1:
        parts[:2] = [swapped(*parts[:2])]
    (left, right), _, _, waited = parts[0]
    latency = np.maximum(left, right)
    waited = waited + (latency - left) + (latency - right)
    coherence = np.exp(-waited / t2_s)
    total = weights.sum()
    kept = (weights * coherence).sum() / total
    return (weights * latency).sum() / total, (1 + W**hops * (1 + 2 * kept)) / 4


CHAINS = [
    ((0.02, 0.0, 0.02), (STEP_S,) * 2, 0.05, 0.0, "sequential"),
    ((0.02, 0.0, 0.0), (STEP_S,) * 2, 0.02, 0.0, "sequential"),
    ((0.0, 0.004, 0.03), (STEP_S, 2.7 * STEP_S), 0.02, 0.0, "sequential"),
    ((0.003, 0.001, 0.0), (STEP_S, 1.3 * STEP_S), 0.004, 0.0, "sequential"),
    ((0.001, 0.001, 0.001), (STEP_S, STEP_S), 0.02, 0.004, "sequential"),
    ((0.02, 0.0, 0.003, 0.01), (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S), 0.05, 0.0, "sequential"),
    ((0.004, 0.009, 0.0, 0.007), (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S), 0.02, 0.003, "sequential"),
    ((0.003, 0.001, 0.02, 0.01, 0.004), (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S, STEP_S), 0.02, 0.0, "sequential"),
    ((0.01, 0.0, 0.004, 0.0, 0.012), (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S, STEP_S), 0.05, 0.0, "balanced"),
    ((0.003, 0.005, 0.0, 0.002, 0.006), (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S, STEP_S), 0.01, 0.002, "balanced"),
]


@pytest.mark.parametrize(("moves_s", "steps_s", "t2_s", "last_s", "order"), CHAINS)
def test_chains_are_sums_over_all_attempts(moves_s, steps_s, t2_s, last_s, order):
    p, hops = 0.35, len(steps_s)
    latency_s, fidelity = summed(
        moves_s, p, steps_s, t2_s, last_s=last_s, balanced=order == "balanced", most=26 if hops == 4 else 40
    )
    found = forecast(chain(hops_of(nodes_of(moves_s, t2_s, last_s), p, steps_s), order=order))
    assert found.latency_s == pytest.approx(latency_s, rel=5e-4)
    assert found.fidelity == pytest.approx(fidelity, abs=3e-4)


def test_where_every_attempt_succeeds_it_is_exact():
    """One moment each: what an end waits for is a number, and lags are handed on as they are."""
    moves_s = (0.004, 0.009, 0.0, 0.007, 0.011)
    steps_s = (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S, 6 * STEP_S)
    for order in ("sequential", "balanced"):
        latency_s, fidelity = summed(
            moves_s, 1.0, steps_s, 0.02, last_s=0.003, balanced=order == "balanced", most=1
        )
        found = forecast(chain(hops_of(nodes_of(moves_s, 0.02, 0.003), 1.0, steps_s), order=order))
        assert found.latency_s == pytest.approx(latency_s, rel=1e-12)
        assert found.fidelity == pytest.approx(fidelity, rel=1e-12)


def memory(kind, move_s):
    options = {
        "relaxing": {"t1_s": 0.02, "t2_s": 0.03},
        "depolarizing": {"depolarizing_s": 0.02},
        "gaussian": {"gaussian_s": 0.02},
        "losing": {"t2_s": 0.02, "retrieval": 0.8},
    }[kind]
    return Memory(move_s=move_s, **options)


@pytest.mark.parametrize("kind", ["relaxing", "depolarizing", "gaussian", "losing"])
@pytest.mark.parametrize("tree", ["swap", "failing swap", "purified", "chain, then purified", "in turn", "rate"])
def test_all_trees_and_memories_agree_with_the_timeline(kind, tree, seed):
    """At 6 standard errors, a false alarm is below 10⁻⁸; waits that are counted twice are hundreds of them off."""
    # Where one pair is made after the other, moments are gamma distributed.
    trials, places, within = 20_000, *((3, 3e-3) if tree == "in turn" else (None, 1e-4))
    nodes = [
        Node(f"n{i}", memory(kind, move_s), Processor(depolarizing_2q=0.01, readout_s=2e-4), memories=places)
        for i, move_s in enumerate((0.01, 0.001, 0.004, 0.012))
    ]
    a, b, c = [
        ElementaryLink(*ends, fidelity=0.97, rate_hz=500)
        if tree == "rate"
        else ElementaryLink(*ends, fidelity=0.97, success_probability=0.3, attempt_time_s=step_s)
        for ends, step_s in zip(pairwise(nodes), (1e-3, 2.3e-3, 1e-3), strict=True)
    ]
    half = Operation(entanglement_swap(), success_probability=0.5)
    link = {
        "swap": swap(a, b),
        "rate": swap(swap(a, b), c),
        "failing swap": swap(swap(a, b, by=half), c),
        "purified": swap(purify(a, a), swap(b, c)),
        "chain, then purified": purify(swap(a, b), swap(a, b)),
        "in turn": swap(purify(purify(a, a), purify(a, a)), b),
    }[tree]
    found, sampled = forecast(link), simulate(link, trials=trials, seed=seed)
    for mine, theirs in ((found.latency_s, sampled.latencies_s), (found.fidelity, sampled.fidelities)):
        assert abs(mine - theirs.mean()) < 6 * theirs.std() / trials**0.5 + within * mine


def test_alternatives_are_compared_by_mean_lags():
    """Taken and stacked, each is about what it is alone; turned round, it is the same."""
    links = [
        swap(*hops_of(nodes_of(moves_s, 0.02), p, (STEP_S,) * 2))
        for moves_s, p in (((0.02, 0.0, 0.01), 0.35), ((0.001,) * 3, 0.2), ((0.0, 0.003, 0.005), 0.5))
    ]
    stages = [stage_of(link) for link in links]
    alone = [forecast(link) for link in links]
    together = stacked(stages)
    for order in ([0, 1, 2], [2, 0], [1, 1, 2]):
        for found, one in zip(forecasts(together.take(np.array(order))), order, strict=True):
            assert found.latency_s == pytest.approx(alone[one].latency_s, rel=0.02)
            assert found.fidelity == pytest.approx(alone[one].fidelity, abs=0.02)
    for stage, found in zip(stages, alone, strict=True):
        assert forecasts(stage.reversed())[0].fidelity == pytest.approx(found.fidelity, rel=1e-9)


def test_routes_and_strategies_tell_what_forecasts_tell():
    nodes = nodes_of((0.02, 0.0, 0.003, 0.01), 0.05)
    nodes = [Node(n.name, n.memory, role="end" if n.name in ("n0", "n3") else "repeater") for n in nodes]
    links = hops_of(nodes, 0.35, (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S))
    network = Network(nodes, links)
    (route,) = network.routes("n0", "n3", 1)
    here, told = route.forecasts[0], forecast(chain(links))
    assert here.fidelity == pytest.approx(told.fidelity, abs=2e-3)
    best = network.best_strategy("n0", "n3", objective="fidelity")
    assert best.fidelity == pytest.approx(forecast(best.link).fidelity, rel=1e-9)


def test_moves_of_any_length_are_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = forecast(swap(*hops_of(nodes_of((0.2, 0.0, 0.15), 0.5), 0.1, (STEP_S,) * 2)))
    assert found.state.success_probability == evaluate(swap(*hops_of(nodes_of((0.0,) * 3, 0.5), 0.1, (1e-3,) * 2))
                                                       ).success_probability  # fmt: skip


def test_one_window_would_not_do(monkeypatch):
    """What windows are for: how late each end is, where the next operation asks."""
    moves_s, steps_s = (0.01, 0.0, 0.004, 0.0, 0.012), (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S, STEP_S)
    link = chain(hops_of(nodes_of(moves_s, 0.05), 0.35, steps_s), order="balanced")
    exact, _ = summed(moves_s, 0.35, steps_s, 0.05, balanced=True, most=26)
    assert forecast(link).latency_s == pytest.approx(exact, rel=5e-4)
    monkeypatch.setattr(lateness, "WINDOWS", 1)
    monkeypatch.setattr(by_lag, "KEPT_LAGS", 1)
    assert forecast(link).latency_s < 0.99 * exact


@pytest.mark.parametrize("move", [0.03, 0.3, 3.0])
def test_pairs_at_random_moments_are_integrals(move):
    """Two of mean 1, the first one's far half moved for so long: what all four waits leave, by a double sum."""
    nodes = nodes_of((move, 0.0, 0.0), 4.0)
    found = forecast(swap(*(ElementaryLink(*ends, fidelity=1.0, rate_hz=1.0) for ends in pairwise(nodes))))
    # The later of T₁ + m and T₂.
    assert found.latency_s == pytest.approx(move + 1 + np.exp(-move) / 2, rel=2e-5)
    quantiles = (np.arange(2000) + 0.5) / 2000
    first, second = np.meshgrid(-np.log(quantiles), -np.log(quantiles))
    at, known = np.maximum(first, second), np.maximum(first + move, second)
    waited = (at - first) + (at - second) + (known - first - move) + (known - second)
    assert found.fidelity == pytest.approx((1 + np.exp(-waited / 4.0).mean()) / 2, abs=3e-4)


@pytest.mark.parametrize("t2_s", [0.01, 0.03])
def test_a_swap_behind_tries_that_fail_is_a_sum(t2_s):
    """All attempts succeed, the first swap in one of two: tries of one length each, and a pair beside them."""
    move_s, steps_s = 0.004, (STEP_S, STEP_S, 13.7 * STEP_S)
    nodes = nodes_of((move_s, 0.0, 0.0, 0.0), t2_s)
    a, b, c = hops_of(nodes, 1.0, steps_s)
    half = Operation(entanglement_swap(), success_probability=0.5)
    found = forecast(swap(swap(a, b, by=half), c))
    tries = np.arange(1, 60)
    weights = 0.5**tries
    # The first end knows after its move, and then the next try begins; the relay has swapped before that.
    swapped = (STEP_S + move_s) * tries - move_s
    at = np.maximum(swapped, steps_s[2])
    known = np.maximum(swapped + move_s, at)
    waited = (at - swapped) + (known - swapped - move_s) + (at - steps_s[2]) + (known - steps_s[2])
    assert found.latency_s == pytest.approx(weights @ known, rel=1e-6)
    kept = weights @ np.exp(-waited / t2_s)
    assert found.fidelity == pytest.approx((1 + W**3 * (1 + 2 * kept)) / 4, abs=2e-4)


@pytest.mark.parametrize("moves_s", [(0.02, 0.0, 0.0), (0.0, 0.0, 0.02), (0.02, 0.0, 0.03)])
def test_the_next_try_begins_when_the_later_end_knows_of_the_failure(moves_s):
    """Every attempt succeeds, a swap in two does: two tries in the mean, each as long as the other."""
    half = Operation(entanglement_swap(), success_probability=0.5)
    steps_s = (STEP_S, 1.7 * STEP_S)
    found = forecast(swap(*hops_of(nodes_of(moves_s, 0.05), 1.0, steps_s), by=half))
    assert found.latency_s == pytest.approx(2 * summed(moves_s, 1.0, steps_s, 0.05, most=1)[0], rel=1e-9)


@pytest.mark.parametrize(("memory_of", "within"), [({"t1_s": 0.05}, 1e-9), ({"gaussian_s": 0.03}, 1e-4)])
def test_pairs_of_many_lags_are_purified_at_the_lags_at_which_both_ends_know(monkeypatch, memory_of, within):
    """Every lag with every one, beside one row for each later lag of both ends: seven of each pair."""
    nodes = [Node(f"n{i}", Memory(t2_s=0.02, move_s=s, **memory_of)) for i, s in enumerate((0.005, 0.0, 0.004))]
    pair = swap(*hops_of(nodes, 0.7, (STEP_S, 1.3 * STEP_S)))
    rows, found = [], []
    combined = by_lag._combined
    monkeypatch.setattr(by_lag, "_combined", lambda several: rows.append(len(several[0])) or combined(several))
    for most in (1000, 100):
        monkeypatch.setattr(by_lag, "MOST_ROWS", most)
        found.append(forecast(purify(pair, pair)))
    assert rows == [1, 26, 1, 7]
    assert found[1].fidelity == pytest.approx(found[0].fidelity, rel=within)
    assert found[1].latency_s == pytest.approx(found[0].latency_s, rel=within)


def test_lags_are_fewer_where_there_would_be_too_many_rows(monkeypatch):
    monkeypatch.setattr(by_lag, "MOST_ROWS", 400)  # there would be 484
    t2_s, steps_s = 0.05, (STEP_S, 1.7 * STEP_S, 0.6 * STEP_S, STEP_S)
    moves_s = (0.01, 0.0, 0.004, 0.0, 0.012)
    latency_s, fidelity = summed(moves_s, 0.35, steps_s, t2_s, balanced=True, most=26)
    found = forecast(chain(hops_of(nodes_of(moves_s, t2_s), 0.35, steps_s), order="balanced"))
    assert found.latency_s == pytest.approx(latency_s, rel=5e-4)
    assert found.fidelity == pytest.approx(fidelity, abs=4e-4)
