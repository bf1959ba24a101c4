"""Pairs spent and the highest rate, against absorbing Markov chains whose probabilities are closed forms."""

from itertools import pairwise
from math import prod

import numpy as np
import pytest

from quantumlink import Fiber, Node, Processor, chain, evaluate, purify, swap
from quantumlink.link import ElementaryLink, Purify, Swap
from quantumlink.readings import highest_rate_hz, pairs_spent

# Populations are told by (phase, parity): index phase + 2·parity, that is Φ⁺, Φ⁻, Ψ⁺, Ψ⁻.


def compared(kept, spent, misread):
    """Populations after a bilateral CNOT and equal results at both ends, and the probability of those.

    The phases add up, the kept parity stays, and the results are equal if the parities are; with probability
    ``misread`` one of the two ends reads its bit wrongly.
    """
    out = np.zeros(4)
    for i, p in enumerate(kept):
        for j, q in enumerate(spent):
            equal = (i >> 1) == (j >> 1)
            out[((i ^ j) & 1) + (i & 2)] += p * q * (1 - misread if equal else misread)
    return out / out.sum(), out.sum()


def after_purification(protocol, kept, spent, misread):
    if protocol == "dejmps":  # √X at one end, its inverse at the other: Φ⁻ and Ψ⁻ change places
        return compared(kept[[0, 3, 2, 1]], spent[[0, 3, 2, 1]], misread)
    twirled = [np.array([x[0], *[(1 - x[0]) / 3] * 3]) for x in (kept, spent)]
    return compared(*twirled, misread)


def after_swap(left, right):
    out = np.zeros(4)
    for i, p in enumerate(left):
        for j, q in enumerate(right):
            out[i ^ j] += p * q
    return out


def plan(link, misread=0.0):
    """The steps that make one pair, waiting for nothing: what is drawn, and where a failure starts again.

    Returns:
        The final populations, and steps: an elementary link, or (probability of success, step to go back to).
    """
    steps = []

    def make(part):
        if isinstance(part, ElementaryLink):
            steps.append(part)
            return np.array(part.bell_diagonal)
        start = len(steps)
        first, second = (make(child) for child in part.children)
        if isinstance(part, Swap):
            return after_swap(first, second)
        state, success = after_purification(part.protocol, first, second, misread)
        steps.append((success, start))
        return state

    return make(link), steps


def expected_draws(steps):
    """How often each elementary link is drawn until all steps are done: visits of an absorbing Markov chain."""
    move = np.zeros((len(steps), len(steps) + 1))
    for i, step in enumerate(steps):
        success, back = (1.0, i) if isinstance(step, ElementaryLink) else step
        move[i, i + 1] += success
        move[i, back] += 1 - success
    start = np.eye(len(steps))[0]
    visits = np.linalg.solve(np.eye(len(steps)) - move[:, :-1].T, start)
    draws = {}
    for step, count in zip(steps, visits, strict=True):
        if isinstance(step, ElementaryLink):
            draws[step] = draws.get(step, 0.0) + count
    return draws


A, R, S, B = (Node(name) for name in ("a", "r", "s", "b"))
AR = ElementaryLink(A, R, fidelity=0.8, rate_hz=100)
AR_TOO = ElementaryLink(A, R, bell_diagonal=(0.85, 0.02, 0.1, 0.03), rate_hz=40)
RS = ElementaryLink(R, S, bell_diagonal=(0.9, 0.06, 0.03, 0.01), rate_hz=70)
SB = ElementaryLink(S, B, fidelity=0.95, rate_hz=30)

LINKS = {
    "elementary": AR,
    "swap": swap(AR, RS),
    "one round": purify(AR, AR),
    "one round, bbpssw": purify(AR, AR, "bbpssw"),
    "two sources": purify(AR, AR_TOO),
    "two sources, exchanged": purify(AR_TOO, AR, "bbpssw"),
    "nested": purify(purify(AR, AR), purify(AR, AR)),
    "nested, three rounds, mixed": purify(*[purify(*[purify(AR, AR, "bbpssw")] * 2)] * 2),
    "pumping": purify(purify(purify(AR, AR), AR), AR),
    "pumping with the other source": purify(purify(AR, AR), AR_TOO, "bbpssw"),
    "chain purified before": chain([AR, RS, SB], purify_rounds=1),
    "chain purified before, twice": chain([AR, RS, SB], purify_rounds=2, order="sequential"),
    "chain purified after": purify(swap(swap(AR, RS), SB), swap(AR, swap(RS, SB))),
    "purified at every level": purify(
        swap(purify(AR, AR), purify(RS, RS, "bbpssw")), swap(purify(AR_TOO, AR), purify(RS, RS))
    ),
}


@pytest.mark.parametrize("name", LINKS)
def test_pairs_spent_are_visits_of_a_markov_chain(name):
    link = LINKS[name]
    state, steps = plan(link)
    assert evaluate(link).bell_diagonal == pytest.approx(state, abs=1e-12)  # the chain has the right probabilities
    expected = expected_draws(steps)
    assert pairs_spent(link) == pytest.approx(expected, rel=1e-9)
    assert highest_rate_hz(link) == pytest.approx(min(e.rate_hz / n for e, n in expected.items()), rel=1e-9)


@pytest.mark.parametrize("protocol", ["dejmps", "bbpssw"])
def test_misread_heralds_change_what_is_spent(protocol):
    left = Node("a", processor=Processor(readout_error=0.05))
    right = Node("r", processor=Processor(readout_error=0.02))
    misread = 0.05 * 0.98 + 0.02 * 0.95
    pair = ElementaryLink(left, right, bell_diagonal=(0.8, 0.1, 0.06, 0.04))
    link = purify(purify(pair, pair, protocol), purify(pair, pair, protocol), protocol)
    _, steps = plan(link, misread)
    assert pairs_spent(link) == pytest.approx(expected_draws(steps), rel=1e-9)
    assert pairs_spent(link)[pair] > 1.01 * expected_draws(plan(link)[1])[pair]


def test_bbpssw_of_werner_pairs_in_closed_form():
    f = 0.7  # p = F² + 2F(1−F)/3 + 5(1−F)²/9
    pair = ElementaryLink(A, R, fidelity=f, rate_hz=1000)
    p = f**2 + 2 * f * (1 - f) / 3 + 5 * (1 - f) ** 2 / 9
    link = purify(pair, pair, "bbpssw")
    assert pairs_spent(link) == pytest.approx({pair: 2 / p}, rel=1e-12)
    assert highest_rate_hz(link) == pytest.approx(1000 * p / 2, rel=1e-12)


def test_perfect_pairs_never_fail():
    pair = ElementaryLink(A, R, rate_hz=64)
    link = chain([pair], purify_rounds=5)
    assert pairs_spent(link) == pytest.approx({pair: 32})
    assert highest_rate_hz(link) == pytest.approx(2)


def test_shared_subtrees_cost_what_they_are():
    """Thirty rounds are 2³⁰ pairs of one small tree: linear in the rounds, and right."""
    pair = ElementaryLink(A, R, bell_diagonal=(0.99, 0.005, 0.003, 0.002), rate_hz=1e9)
    rounds, state, costs = 30, np.array(pair.bell_diagonal), []
    for _ in range(rounds):
        state, success = after_purification("dejmps", state, state, 0.0)
        costs.append(2 / success)
    link = chain([pair], purify_rounds=rounds)
    assert isinstance(link, Purify)
    assert pairs_spent(link) == pytest.approx({pair: prod(costs)}, rel=1e-9)


def test_the_scarcest_link_sets_the_pace():
    nodes = [Node(f"n{i}") for i in range(2001)]  # deeper than Python's recursion limit
    hops = [
        ElementaryLink(a, b, rate_hz=7.0 if i == 1234 else 1000.0 + i) for i, (a, b) in enumerate(pairwise(nodes))
    ]
    link = chain(hops, order="sequential")
    assert pairs_spent(link) == dict.fromkeys(hops, 1.0)
    assert highest_rate_hz(link) == 7.0


def test_equal_links_are_one_source():
    """Two objects that say the same mean the same link, whose pairs are shared."""
    again = ElementaryLink(A, R, fidelity=0.8, rate_hz=100)
    assert again is not AR
    assert pairs_spent(purify(AR, again)) == pairs_spent(purify(AR, AR))
    assert highest_rate_hz(purify(AR, again)) == highest_rate_hz(purify(AR, AR))


def test_an_unknown_rate_leaves_the_rate_unknown():
    unknown = ElementaryLink(R, S, fidelity=0.9)
    assert highest_rate_hz(swap(AR, unknown)) is None
    assert highest_rate_hz(unknown) is None
    assert pairs_spent(swap(AR, unknown)) == {AR: 1.0, unknown: 1.0}


def test_attempts_set_the_pace_where_no_rate_is_told(rng):
    """Against drawn waiting times: the number of attempts until one of three modes delivers is geometric."""
    tried = ElementaryLink(A, R, success_probability=0.2, attempt_time_s=0.01, multiplexing=3)
    once = 1 - 0.8**3
    assert highest_rate_hz(tried) == pytest.approx(once / 0.01, rel=1e-12)
    # Mean of n geometric waits: standard deviation √(1 − p)/(p·√n); six of them, a false alarm in 5e8.
    waits = rng.geometric(once, 200_000)
    tolerance = 6 * np.sqrt(1 - once) / once / np.sqrt(len(waits))
    assert 1 / highest_rate_hz(tried) == pytest.approx(0.01 * waits.mean(), abs=0.01 * tolerance)
    assert highest_rate_hz(purify(tried, tried)) == pytest.approx(once / 0.01 / 2, rel=1e-12)  # perfect pairs
    assert highest_rate_hz(swap(tried, ElementaryLink(R, S, rate_hz=3.0))) == 3.0


def test_a_medium_tells_how_attempts_go():
    fiber = Fiber(50)  # 10 dB: a photon in ten arrives
    link = ElementaryLink(A, R, fiber)
    assert highest_rate_hz(link) == pytest.approx(0.1 / fiber.delay_s, rel=1e-12)
    assert highest_rate_hz(ElementaryLink(A, R, fiber, rate_hz=5.0)) == 5.0


def test_a_link_without_pairs_has_rate_zero():
    assert highest_rate_hz(swap(AR, ElementaryLink(R, S, rate_hz=0))) == 0.0


@pytest.mark.parametrize("reading", [pairs_spent, highest_rate_hz])
def test_a_purification_that_never_succeeds_is_refused(reading):
    phi, psi = (ElementaryLink(A, R, bell_diagonal=p, rate_hz=1) for p in ((1, 0, 0, 0), (0, 0, 1, 0)))
    with pytest.raises(ValueError, match="can never succeed"):
        reading(purify(phi, psi))
