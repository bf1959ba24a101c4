"""The timeline beside the event-by-event simulation: random links, chance and all.

Means of latency and fidelity of two independent samples, in units of their joint standard error. Each comparison is
off by more than 6 with a probability of 2e-9 for normal tails; the skewness of latencies, about 2, makes that
some forty times as much at 400 samples (exp(skewness·6³/(6·√400)), the leading correction): below 1e-7.
"""

import random

import numpy as np
import pytest
from oracles.event_by_event import play

import quantumlink as ql
from quantumlink.readings.timeline import simulate

ERRORS = 6
EVENTS, TRIALS = 400, 20_000

PROCESSOR = ql.Processor(gate_1q_s=1e-5, gate_2q_s=2e-5, readout_s=3e-5)
TIMES = {"a": (0.01, 0.01), "b": (0.02, 0.005), "c": (0.005, 0.005), "d": (0.03, 0.01)}


def node(name, **options):
    t1_s, t2_s = TIMES[name]
    return ql.Node(name, memory=ql.Memory(t1_s=t1_s, t2_s=t2_s), processor=PROCESSOR, **options)


A, B, C, D = map(node, "abcd")


def hop(left, right, length_km, p, fidelity=0.9, **options):
    return ql.ElementaryLink(left, right, ql.Fiber(length_km), fidelity=fidelity, success_probability=p, **options)


LINKS = {
    "swap": ql.swap(hop(A, B, 20, 0.2), hop(B, C, 40, 0.3)),
    "purify": ql.purify(hop(A, B, 20, 0.2, 0.8), hop(A, B, 20, 0.3)),
    "three hops, one purified": ql.swap(
        ql.purify(hop(A, B, 20, 0.4), hop(A, B, 20, 0.3)), ql.swap(hop(B, C, 10, 0.2), hop(C, D, 15, 0.3))
    ),
    "swap, then purify": ql.purify(
        ql.swap(hop(A, B, 20, 0.4), hop(B, C, 30, 0.3)), ql.swap(hop(A, B, 20, 0.4), hop(B, C, 30, 0.3))
    ),
    "faster than messages": ql.swap(hop(A, B, 20, 0.1, attempt_time_s=2e-5), hop(B, C, 20, 0.1)),
    "purified twice": ql.purify(ql.purify(hop(A, B, 20, 0.4), hop(A, B, 20, 0.4)), hop(A, B, 20, 0.3)),
}


def moving(name, move_s):
    t1_s, t2_s = TIMES[name]
    return ql.Node(name, memory=ql.Memory(t1_s=t1_s, t2_s=t2_s, move_s=move_s), processor=PROCESSOR)


FAR, NEAR, HERE, THERE = map(moving, "abcd", (3e-3, 1e-3, 2e-4, 4e-3))
MOVED = {
    "moved for long at the ends": ql.swap(hop(FAR, NEAR, 20, 0.2), hop(NEAR, THERE, 40, 0.3)),
    "moved everywhere": ql.swap(ql.purify(hop(FAR, NEAR, 20, 0.4), hop(FAR, NEAR, 20, 0.3)),
                                ql.swap(hop(NEAR, HERE, 10, 0.2), hop(HERE, THERE, 15, 0.3))),
}  # fmt: skip


def compare(link, seed, **how):
    timeline = simulate(link, trials=TRIALS, seed=seed, cutoff_s=how.get("cutoff_s"))
    rng = random.Random(seed)
    trials = [play(link, rng, **how) for _ in range(EVENTS)]
    phi = np.array([1, 0, 0, 1]) / np.sqrt(2)
    events = np.array([(latency, (phi @ rho @ phi).real) for latency, rho in trials]).T
    for mine, other in zip((timeline.latencies_s, timeline.fidelities), events, strict=True):
        error = np.sqrt(mine.var() / TRIALS + other.var() / EVENTS)
        assert abs(mine.mean() - other.mean()) < ERRORS * error
    return timeline


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("cutoff_s", [None, 0.0011])  # not a multiple of any attempt: no ties
def test_random_trials(name, cutoff_s, seed):
    timeline = compare(LINKS[name], seed, cutoff_s=cutoff_s)
    np.testing.assert_allclose(timeline.spent_s.sum(axis=1), timeline.latencies_s)


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("cutoff_s", [None, 0.0061])  # longer than the moves
def test_halves_that_are_moved(name, cutoff_s, seed):
    compare(MOVED[name], seed, cutoff_s=cutoff_s)


@pytest.mark.parametrize("cutoff_s", [None, 0.0011])
def test_one_pair_after_the_other(cutoff_s, seed):
    # Two places each: the inner purification fills them side by side, the outer one's spent pair has to wait.
    a, b = node("a", memories=2), node("b", memories=2)
    inner = ql.purify(hop(a, b, 20, 0.4), hop(a, b, 20, 0.4))
    link = ql.purify(inner, hop(a, b, 20, 0.3))
    compare(link, seed, cutoff_s=cutoff_s, one_by_one=(link,))
