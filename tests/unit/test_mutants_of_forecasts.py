"""Times and waits recomputed apart; each number and operator of what forecasts are made of, changed, is noticed.

Distributions are summed attempt by attempt, or by formulas in decimals; decays by their integrals. Mutants that no
check notices fail the test, but for those that are listed with the reason why they change nothing.
"""

from decimal import Decimal, localcontext
from math import exp, inf, log1p

import numpy as np
import pytest
from oracles.formula_mutations import in_place_of, mutants
from qiskit.circuit import QuantumCircuit
from scipy.integrate import dblquad
from scipy.stats import gamma

import quantumlink as ql
from quantumlink.circuits import known_operation
from quantumlink.link import Attempts
from quantumlink.readings.forecasting import joins, renewal, repeating, stages, waits
from quantumlink.readings.forecasting.meeting import Ensemble
from quantumlink.readings.forecasting.renewal import Failures
from quantumlink.timing import arrivals, attempts
from quantumlink.timing.arrivals import EDGES_S, Moments
from quantumlink.timing.attempts import Rounds
from quantumlink.timing.course import Course


@pytest.fixture(autouse=True)
def digits():
    with localcontext() as context:
        context.prec = 50
        yield


def close(found, expected, rel=1e-10):
    np.testing.assert_allclose(np.asarray(found, dtype=float), np.asarray(expected, dtype=float), rtol=rel, atol=0)


# --- attempts


def check_attempts():
    periods = [0.0, 0.2, 1.0, 1 + 1e-9, 1.5, 2 + 5e-7, 2 + 3e-6, 3.0]
    assert attempts.whole_attempts(periods).tolist() == [0, 1, 1, 1, 2, 2, 3, 3]
    late, soon, random = Rounds(0.25, 2.0, 5.0), Rounds(0.5, 5.0, 2.0), Rounds(None, 2.0, 5.0)
    assert (late.herald_s, soon.herald_s, random.herald_s) == (3.0, 0.0, 0.0)
    assert (late.mean_s, soon.mean_s, random.mean_s) == (11.0, 10.0, 2.0)


def check_at_once():
    found = Attempts(0.3, 2.0).at_once(4)
    close(found.success_probability, 1 - 0.7**4, rel=1e-14)
    assert found.time_s == 2.0
    close(Attempts(1e-17, 2.0).at_once(3).success_probability, 3e-17, rel=1e-14)
    assert Attempts(1.0, 2.0).at_once(3) == Attempts(1.0, 2.0)
    assert Attempts(0.3, 2.0).at_once(1) == Attempts(0.3, 2.0)
    close(Attempts(0.3, 2.0).at_once(2).success_probability, 1 - 0.7**2, rel=1e-14)
    assert Attempts(None, 2.0).at_once(4) == Attempts(None, 0.5)


# --- when pairs are there


def gathered(times, masses, first, cells):
    """Masses and mean moments in the cells of a window, what is outside of it in the outermost ones."""
    place = np.clip(np.searchsorted(EDGES_S, times, side="right") - 1 - first, 0, cells - 1)
    total = np.bincount(place, masses, cells)
    return total, np.bincount(place, masses * times, cells)


def check_geometric():
    for p, step in ((0.3, 1.1e-3), (0.01, 2.3e-6), (0.2, 1.1e-7)):
        k = np.arange(1, int(40 / p))
        first, masses, points = arrivals._geometric(p, step)
        total, weighted = gathered(k * step, p * (1 - p) ** (k - 1), first, masses.shape[1])
        seen = total > 1e-15
        close(masses[0][seen], total[seen], rel=1e-6)
        close((masses * points)[0][seen], weighted[seen], rel=1e-6)
        close((masses * points).sum(), step / p, rel=1e-12)
        # The window begins and ends where one in a thousand, and one in 10¹⁰, is outside.
        assert EDGES_S[first] <= step * max(1, log1p(-1e-3) / log1p(-p)) < EDGES_S[first + 1]
        beyond = step * log1p(-(1 - 1e-10)) / log1p(-p)
        assert EDGES_S[first + masses.shape[1] - 1] <= beyond < EDGES_S[first + masses.shape[1]]
    # So rare that no sum of attempts tells: cells of many attempts, in decimals.
    p, step = Decimal("1e-9"), Decimal("1e-6")
    first, masses, points = arrivals._geometric(float(p), float(step))
    q = 1 - p
    for i in range(masses.shape[1] - 1):
        edges = [Decimal(float(edge)) for edge in EDGES_S[first + i : first + i + 2]]
        low, high = ((edge / step).to_integral_value("ROUND_CEILING") for edge in edges)
        low = max(low, Decimal(1)) if i else Decimal(1)
        n = high - low
        if n > 0:
            mass = q ** (low - 1) * (1 - q**n)
            within = q / p - n * q**n / (1 - q**n)
            close(masses[0, i], mass, rel=1e-8)
            close(points[0, i], (low + within) * step, rel=1e-8)


def check_exponential():
    mean = Decimal("0.02")
    first, masses, points = arrivals._exponential(float(mean))
    edges = [Decimal(float(e)) for e in EDGES_S[first : first + masses.shape[1]]]
    edges[0] = Decimal(0)
    for i, (a, b) in enumerate(zip(edges, [*edges[1:], None], strict=True)):
        left = Decimal(0) if b is None else (-b / mean).exp()
        mass = (-a / mean).exp() - left
        weighted = (a + mean) * (-a / mean).exp() - (0 if b is None else (b + mean) * left)
        close(masses[0, i], mass, rel=1e-9)
        close(points[0, i], weighted / mass, rel=1e-8)
    assert EDGES_S[first] <= -0.02 * log1p(-1e-3) < EDGES_S[first + 1]
    late = -0.02 * log1p(-(1 - 1e-10))
    assert EDGES_S[first + masses.shape[1] - 1] <= late < EDGES_S[first + masses.shape[1]]


def check_gamma():
    earliest, mean, variance = map(np.array, ([0.0, 2.0, 1.0], [3.0, 5.0, 1.0 + 1e-3], [4.0, 0.5, 1e-7]))
    first, masses, points = arrivals.later_gamma(earliest, mean, variance)
    edges = np.append(EDGES_S[first : first + masses.shape[1]], inf)
    edges[0] = 0.0
    close((masses * points).sum(axis=1), mean, rel=1e-9)
    for row, (start, excess, v) in enumerate(zip(earliest, mean - earliest, variance, strict=True)):
        shape = excess**2 / v
        inside = gamma(shape, scale=v / excess), gamma(shape + 1, scale=v / excess)
        total, weighted = (np.diff(law.cdf(np.maximum(edges - start, 0.0))) for law in inside)
        seen = total > 1e-12
        close(masses[row][seen], total[seen], rel=1e-6)
        close((masses * points)[row][seen], (start * total + excess * weighted)[seen], rel=1e-6)
    # From the earliest moment, or a thousandth of the mean, to 24 deviations or scales behind the mean.
    edge = EDGES_S[EDGES_S.searchsorted(60.0)]
    for start, mean_s, v, begin, end in (
        (0.0, 3.0, ((0.99 * edge - 3.0) / 24) ** 2, 3e-3, 0.99 * edge),
        (0.5, 5.0, 0.5, 0.5, 5 + 24 * 0.5**0.5),
        (0.0, 3.0, 16.0, 3e-3, 3.0 + 24 * 16 / 3),
    ):
        found = arrivals.later_gamma(*(np.array([x]) for x in (start, mean_s, v)))
        assert found.first == arrivals.cell_of(begin)
        assert found.first + found.masses.shape[1] - 1 == arrivals.cell_of(end)
        close(found.masses.sum(), 1.0, rel=1e-14)
    # Shapes from a thousandth to a million: what is certain is nearly so.
    for mean_s, v, shape in ((edge * 1.0005, 0.0, 1e6), (1.0, 1e4, 1e-3)):
        found = arrivals.later_gamma(np.zeros(1), np.array([mean_s]), np.array([v]))
        law, at = gamma(shape, scale=mean_s / shape), EDGES_S[found.first + 1 : found.first + found.masses.shape[1]]
        close(np.cumsum(found.masses[0])[:-1], law.cdf(at), rel=1e-6)
    at_once = arrivals.later_gamma(np.array([4.0]), np.array([4.0]), np.zeros(1))
    assert (at_once.masses * at_once.points_s).sum() - 4.0 == pytest.approx(4e-9, rel=1e-5)


def check_points():
    masses = np.array([[0.5, 0.0, 0.25]])
    edges = EDGES_S[100:103]
    found = arrivals.points_of(100, masses, masses * edges * 1.05)
    close(found, [edges * [1.05, 1.0, 1.05]], rel=1e-14)


# --- how pairs decay


def check_decay():
    memory = ql.Memory(t1_s=3.0, t2_s=2.0, depolarizing_s=7.0, gaussian_s=1.5)
    rates, squares = waits._by_pauli(memory)
    close(rates[1:], [1 / 2 + 1 / 7, 1 / 2 + 1 / 7, 1 / 3 + 1 / 7], rel=1e-12)
    close(squares[1:3], [1 / 1.5**2] * 2, rel=1e-12)
    assert rates[0] == squares[0] == squares[3] == 0
    assert not waits._by_pauli(ql.Memory(t1_s=3.0, t2_s=2.0))[1].any()
    # ⟨Z⟩ tends to what repolarizing and relaxing, in balance, leave.
    lift = waits._lift(memory)
    close(lift[3, 0], (1 / 3) / (1 / 3 + 1 / 7), rel=1e-12)
    assert (lift - np.eye(4)).nonzero() == (3, 0)
    assert (waits._lift(ql.Memory(t2_s=1.0)) == np.eye(4)).all()


def check_within():
    """Half of the pairs of a cell that both fill come before a moment in it, and wait until then."""
    width, rates, squares = np.array([0.5]), np.array([[0.0, 1.3, 40.0]]), np.array([[0.0, 0.0, 2.0]])
    found = waits.left_within(np.array([[0.1]]), np.array([[True]]), width, rates, squares)[0, 0]
    for value, r, q in zip(found, (0.0, 1.3, 40.0), (0.0, 0.0, 2.0), strict=True):
        kept = lambda u, v, r=r, q=q: exp(-r * 0.5 * (v - u) - q * (0.5 * (v - u)) ** 2)
        integral, _ = dblquad(kept, 0, 1, 0, lambda v: v)
        assert value == pytest.approx(integral, rel=1e-9)
    for r, q in (
        (0.0, 8.0),
        (99.0, 0.5),
        (99.5, 10.0),
    ):  # without a rate; where it is just resolved; where it is not
        found = waits.left_within(np.zeros((1, 1)), np.ones((1, 1), bool), width, np.array([[r]]), np.array([[q]]))
        kept = lambda u, v, r=r, q=q: exp(-r * 0.5 * (v - u) - q * (0.5 * (v - u)) ** 2)
        integral, _ = dblquad(kept, 0, 1, 0, lambda v: v, epsabs=1e-10)
        assert found[0, 0, 0] == pytest.approx(integral, rel=1e-6 if r + q / 2 < 100 else 0.05)
        assert r + q / 2 < 100 or found[0, 0, 0] == pytest.approx((52.25 - 1) / 52.25**2, rel=1e-9)
    for rate in (1.9e-3, 2.1e-3):  # to either side of where the difference loses its digits
        none, filled = np.zeros((1, 1)), np.ones((1, 1), bool)
        found = waits.left_within(none, filled, width, np.array([[rate]]), none)
        u = Decimal(rate) / 2
        close(found, [[[(u + (-u).exp() - 1) / u**2]]], rel=1e-7)
    alone = waits.left_within(np.array([[0.1, -0.1]]), np.zeros((1, 2), bool), np.array([0.5, 0.5]), rates, squares)
    close(alone[0, 0], np.exp(-0.1 * np.array([0.0, 1.3, 40.0 + 2.0 * 0.1])), rel=1e-12)
    assert (alone[0, 1] == 0).all()


# --- stages

A, B = ql.Node("a", memory=ql.Memory(t2_s=0.2, move_s=3e-4, move_depolarizing=0.1)), ql.Node("b")
FAR = ql.Fiber(100)


def check_elementary():
    link = ql.ElementaryLink(A, B, FAR, fidelity=0.9, success_probability=0.3, attempt_time_s=1e-4)
    stage = stages.elementary(link, 2)
    p, delay = 1 - 0.7**2, FAR.delay_s
    close((stage.pairs[..., 0] * stage.points_s).sum(), 1e-4 / p, rel=1e-12)
    w = (4 * 0.9 - 1) / 3
    close(stage.vectors[0, [0, 5, 10, 15]], [1, 0.9 * w, -0.9 * w, 0.9 * w], rel=1e-12)
    close(stage.overlap_s, [delay - 1e-4], rel=1e-12)
    for lags in ((stage.left_lag_s, stage.right_lag_s), (stage.left_since_s, stage.right_since_s)):
        close(np.array(lags)[:, 0], [delay - 1e-4 + 3e-4, delay - 1e-4], rel=1e-12)  # the herald, and the move
    assert [n.tolist() for n in (stage.left_memories, stage.right_memories, stage.success)] == [[1], [1], [1.0]]
    close(stages.elementary(link).attempts.rate_hz, 1e4, rel=1e-12)
    assert (stage.timed, stage.delay_s, stage.ends) == (True, delay, (A, B))
    close(stage.attempts.rate_hz, 2e4, rel=1e-12)
    # Attempts go on until the herald is there: 4.9 attempts of .1 ms, of which the last one is begun.
    behind = (delay - 1e-4) / 1e-4
    close(stage.attempts.further, 2 * (np.ceil(behind) - behind), rel=1e-9)
    quiet = stages.elementary(ql.ElementaryLink(A, B, fidelity=0.9))
    assert (quiet.timed, quiet.left_lag_s.tolist(), quiet.overlap_s.tolist()) == (False, [0.0], [0.0])
    assert (quiet.first, quiet.points_s.tolist(), quiet.pairs.shape) == (0, [[0.0]], (1, 1, 4))
    close(quiet.vectors[0, 0], 1.0)
    assert np.isnan(quiet.mean_s).all()
    assert stages.elementary(ql.ElementaryLink(A, B, rate_hz=10.0)).attempts.rate_hz is None


def check_delivered():
    link = ql.ElementaryLink(A, B, FAR, fidelity=1.0, success_probability=1.0, attempt_time_s=1e-3)
    stage = stages.elementary(link)
    late = stages.replace(stage, right_lag_s=np.array([0.05]), left_since_s=np.array([0.01]))
    vectors, times = stages.delivered(late)
    close(times, [1e-3 + 0.05], rel=1e-12)
    close(vectors[0, [0, 5, 15]], [1, 0.9 * exp(-0.04 / 0.2), 0.9], rel=1e-12)
    early, moment = stages.delivered(stages.replace(stage, left_lag_s=np.array([0.03]), left_since_s=np.zeros(1)))
    close(moment, [1e-3 + 0.03], rel=1e-12)
    close(early[0, 5], 0.9 * exp(-0.03 / 0.2), rel=1e-12)
    assert vectors.shape == early.shape == (1, 16)
    turned = stages.elementary(link.reversed())
    turned = stages.replace(turned, left_lag_s=np.array([0.05]), right_since_s=np.array([0.01]))
    close(stages.delivered(turned)[0][0, 5], 0.9 * exp(-0.04 / 0.2), rel=1e-12)
    # One of three that know late: what they are together.
    rows = stages.stacked([late.scaled(np.array([0.25])), stage.scaled(np.array([0.75]))])
    both, moment = stages.delivered(stage.with_lags(rows))
    assert both.shape == (1, 16)
    close(both[0], 0.25 * vectors[0] + 0.75 * stages.delivered(stage)[0][0], rel=1e-12)
    close(moment, 0.25 * times + 0.75 * stages.delivered(stage)[1], rel=1e-12)


def check_repeated():
    """Each alternative has its own failures, known after its own lag; one that never fails is as it was."""
    pair = np.array([[[0.1, 0.05], [0.3, 0.21]], [[0.2, 0.1], [0.8, 0.3]], [[0.3, 0.1], [0.1, 0.1]]])
    start, masses = int(arrivals.cell_of(1.0)), np.array([[0.2, 0.4], [0.0, 0.0], [0.5, 0.1]])
    points, lag = np.array([[1.0, 1.06], [1.01, 1.07], [1.0, 1.05]]), np.array([0.5, 0.7, 0.25])
    failed = Failures(masses, masses * np.array([[1.1, 2.1], [1.0, 1.0], [1.2, 3.1]]))
    tries = Ensemble(Moments(start, pair[..., 0], points), pair, failed)
    accepted = repeating.accepted_of(pair)
    close(accepted, [0.4, 1.0, 0.4], rel=1e-15)
    found, pairs = repeating.repeated(tries, accepted, lag)
    later = []
    for i in (0, 2):
        rows = start, pair[i : i + 1], pair[i : i + 1, :, 0] * points[i]
        known = Failures(masses[i], failed.weighted[i] + masses[i] * lag[i])
        later.append(renewal.added(rows, renewal.after_failures(known, rows)))
    later.insert(1, (start, pair[1:2], pair[1:2, :, 0] * points[1]))
    moments, states = repeating.trimmed(*renewal.stacked(later))
    assert found.first == moments.first
    close(found.points_s, moments.points_s, rel=1e-12)
    close(pairs, states, rel=1e-12)
    close((found.masses * found.points_s)[1].sum(), 0.2 * 1.01 + 0.8 * 1.07, rel=1e-12)
    # Of the first: failures of .6 in the mean of (.22 + .84)/.6 and a lag, before a success of (.1 + .318)/.4.
    mean = 0.6 / 0.4 * ((0.22 + 0.84) / 0.6 + 0.5) + (0.1 + 0.318) / 0.4
    close((found.masses * found.points_s)[0].sum(), mean, rel=1e-12)


def check_until_success():
    """What never fails, or never succeeds, is as it was."""
    rows = 700, np.array([[[0.4]]]), np.array([[0.5]])
    failed = Failures(np.array([0.6]), np.array([0.9]))
    for accepted in (repeating.IMPOSSIBLE, 1.0 - repeating.IMPOSSIBLE, 1.0 - repeating.IMPOSSIBLE / 4, 1.0):
        assert repeating.until_success(rows, np.array([accepted]), failed) is rows
    nearly = 1.0 - 1.1 * repeating.IMPOSSIBLE, 1.1 * repeating.IMPOSSIBLE
    for accepted in nearly:
        close(repeating.until_success(rows, np.array([accepted]), failed)[1].sum(), 1.0, rel=1e-9)
    assert repeating.accepted_of(np.zeros((1, 2, 3))).tolist() == [repeating.IMPOSSIBLE]


def check_after_failures():
    """Sums over all numbers of failures, by their transforms; the grid's end and what is behind it, by hand."""
    lag, rates = 0.13, np.array([0.0, 0.1, 0.4, 1.5, 6.0])
    start = int(arrivals.cell_of(0.9))
    moments = np.array([[0.95, 1.04, 1.13], [0.97, 1.06, 1.16]])
    pairs = np.array([[[0.1, 0.05], [0.2, -0.1], [0.02, 0.02]], [[0.04, 0.0], [0.1, 0.1], [0.14, 0.03]]])
    failed = np.array([[0.15, 0.05], [0.0, 0.2]]), np.array([[0.6, 1.1], [0.0, 2.5]])
    first, later, done = renewal.after_failures(
        Failures(failed[0], failed[0] * (failed[1] + lag)), (start, pairs, pairs[..., 0] * moments)
    )
    law = lambda values, times: np.array([(values * np.exp(-rate * times)).sum() for rate in rates])
    lost = law(failed[0], failed[1] + lag)
    points = done / np.where(later[..., 0] > 0, later[..., 0], 1.0)
    for row in range(2):
        for k in range(2):
            expected = law(pairs[row, :, k], moments[row]) * lost / (1 - lost)
            close(law(later[row, :, k], points[row])[0], expected[0], rel=1e-12)
            np.testing.assert_allclose(law(later[row, :, k], points[row]), expected, rtol=0.02, atol=2e-4)
    mean = (failed[0] * (failed[1] + lag)).sum()
    for row in range(2):
        made, times = pairs[row, :, 0], moments[row]
        close(done[row].sum(), (made * times).sum() * 0.4 / 0.6 + made.sum() * mean / 0.6**2, rel=1e-12)
    # Three failures of a kind, and a success: where that is.
    only = Failures(np.array([0.5]), np.array([0.75]))
    first, later, done = renewal.after_failures(only, (start, np.array([[[0.5]]]), np.array([[0.5 * 2.0]])))
    mean, variance = 1.5 / 0.5 + 2.0, 1.5**2 * 0.5 / 0.5**2
    step = (mean + renewal.SPAN * variance**0.5) / renewal.STEPS
    assert first == arrivals.cell_of(3.5 - 2 * step)
    last = first + later.shape[1] - 1  # what is behind the grid, where its mean is
    assert last == arrivals.cell_of(step * renewal.STEPS) + 1
    assert EDGES_S[last] < done[0, -1] / later[0, -1, 0] < EDGES_S[last + 1]
    for n in range(1, 5):
        cell = int(arrivals.cell_of(2.0 + 1.5 * n)) - first
        close(later[0, cell - 1 : cell + 2, 0].sum(), 0.5 ** (n + 1), rel=1e-8)
        near = done[0, cell - 1 : cell + 2].sum() / later[0, cell - 1 : cell + 2, 0].sum()
        close(near, 2.0 + 1.5 * n, rel=1e-8)
    # A grid of four times as many steps tells the same.
    fewer = _second(done, later)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renewal, "STEPS", 4 * renewal.STEPS)
        _, later, done = renewal.after_failures(only, (start, np.array([[[0.5]]]), np.array([[0.5 * 2.0]])))
    close(fewer, _second(done, later), rel=2e-4)


def _second(done, later):
    return (done**2 / np.where(later[..., 0] > 0, later[..., 0], 1.0)).sum()


def check_variance_of_later_tries():
    """Beside all sequences of up to 60 failures."""
    times, masses = np.array([0.6, 2.0, 2.5]), np.array([0.2, 0.1, 0.2])
    made, at = np.array([0.3, 0.2]), np.array([1.0, 1.4])
    mean_f, square_f = (masses * times).sum() / 0.5, (masses * times**2).sum() / 0.5
    mean_s, square_s = (made * at).sum() / 0.5, (made * at**2).sum() / 0.5
    n = np.arange(1, 200)
    weights = 0.5**n  # of n failures, if there is one
    mean = (weights * (n * mean_f + mean_s)).sum()
    spread = n * (square_f - mean_f**2) + (square_s - mean_s**2) + (n * mean_f + mean_s) ** 2
    variance = (weights * spread).sum() - mean**2
    close(renewal._moments(masses, times, made, at), [mean, variance], rel=1e-12)
    close(renewal._moments(masses, 0.1 * times, made, 0.1 * at), [0.1 * mean, 0.01 * variance], rel=1e-12)


def check_added():
    one = 3, np.array([[[1.0, 0.5], [2.0, 0.25]]] * 2), np.array([[3.0, 8.0], [3.0, 9.0]])
    other = (
        4,
        np.array([[[0.5, 0.125], [4.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0], [2.0, 0.5]]]),
        np.array([[2.0, 20.0, 6.0], [0.0, 0.0, 14.0]]),
    )
    for several in ((one, other), (other, one)):
        first, pairs, done = renewal.added(*several)
        assert first == 3
        assert pairs.tolist() == [
            [[1.0, 0.5], [2.5, 0.375], [4.0, 0.0], [1.0, 1.0]],
            [[1.0, 0.5], [2.0, 0.25], [0.0, 0.0], [2.0, 0.5]],
        ]
        assert done.tolist() == [[3.0, 10.0, 20.0, 6.0], [3.0, 9.0, 0.0, 14.0]]
    assert [len(each) for each in renewal.stacked([one, other, one])[1:]] == [6, 6]


def check_joined():
    pair = ql.ElementaryLink(B, ql.Node("c"), fidelity=0.9)
    stage = stages.elementary(pair)
    kept = joins.joined(known_operation("double_selection"), stage, stage, stage)
    assert (kept.left_memories.tolist(), kept.right_memories.tolist()) == ([3], [3])
    state = ql.evaluate(ql.purify(pair, pair, pair, by="double_selection"))
    close([kept.success[0], kept.fidelity[0]], [state.success_probability, state.fidelity], rel=1e-12)
    assert kept.overlap_s.tolist() == [0.0]
    # Each end hears of a swap along its own medium; of four alternatives each has its own.
    relay = ql.Node("r")
    hops = [
        ql.ElementaryLink(*ends, ql.Fiber(km), fidelity=0.9, success_probability=1.0, attempt_time_s=1.0)
        for ends, km in (((A, relay), 100), ((relay, B), 200))
    ]
    left, right = map(stages.elementary, hops)
    left = stages.replace(left, success=np.array([0.5]), left_lag_s=np.zeros(1), left_since_s=np.zeros(1))
    several = left.take(np.zeros(3, dtype=int)), right.take(np.zeros(3, dtype=int))
    found = joins.swapped(*several)
    assert found.success.tolist() == [0.5] * 3
    for (lag, since), hop in zip(((found.left_lag_s, found.left_since_s),
                                  (found.right_lag_s, found.right_since_s)), hops, strict=True):  # fmt: skip
        close([lag, since], np.full((2, 3), hop.delay_s), rel=1e-12)


# --- how operations go


def check_course():
    """Two sites of a swap's ends, the relay's gates, ways of 2 and 5 s; a correction of two gates at one end."""
    quick, slow = ql.Processor(gate_1q_s=1.0, gate_2q_s=10.0, readout_s=100.0), ql.Processor(gate_1q_s=0.25)
    way = lambda delay: [[0.0, delay], [delay, 0.0]]
    course = Course.of(known_operation("entanglement_swap"), (slow, quick, slow), [way(2.0), way(5.0)])
    assert course.done[1] == 111.0
    assert course.told == (113.0, 111.0, 116.0)
    known = course.known([0.0, 0.0, 200.0], 3.0)
    assert [float(time) for time in known] == [116.0, 114.0, 200.0 + 2 * 0.25]
    assert course.message == 5.0 + 2 * 0.25
    assert course.delays.tolist() == [[0.0, 7.0], [7.0, 0.0]]
    near = Course.of(known_operation("entanglement_swap"), (ql.Processor(),) * 3, [way(0.25), way(0.5)])
    assert near.message == 0.5
    both = Course.of(known_operation("dejmps"), (quick, slow), [way(2.0), way(2.0)])
    assert both.done == (111.0, 0.25)
    assert both.message == 2.0
    # A site that measures only if another one's outcome says so: all wait for it.
    circuit = QuantumCircuit(4, 2)
    circuit.cx(1, 2)
    circuit.measure(1, 0)
    with circuit.if_test((0, 1)):
        circuit.measure(3, 1)
    late = ql.Operation(circuit, [(0, 1), (2, 3)], [0, 2])
    course = Course.of(late, (slow, quick, ql.Processor(readout_s=30.0)), [way(2.0), way(5.0)])
    assert [float(time) for time in course.known([0.0] * 3, 3.0)] == [155.0, 153.0, 148.0]


LINK, TIMING = "quantumlink.link.elementary:", "quantumlink.timing."
FORECASTING = "quantumlink.readings.forecasting."
CHECKS = {
    TIMING + "attempts:whole_attempts": [check_attempts],
    TIMING + "attempts:Rounds.herald_s": [check_attempts],
    TIMING + "attempts:Rounds.mean_s": [check_attempts],
    LINK + "Attempts.at_once": [check_at_once],
    TIMING + "arrivals:_geometric": [check_geometric],
    TIMING + "arrivals:_exponential": [check_exponential],
    TIMING + "arrivals:later_gamma": [check_gamma],
    TIMING + "arrivals:points_of": [check_points],
    TIMING + "course:Course.known": [check_course],
    TIMING + "course:Course.message": [check_course],
    FORECASTING + "waits:_by_pauli": [check_decay],
    FORECASTING + "waits:_lift": [check_decay],
    FORECASTING + "waits:left_within": [check_within],
    FORECASTING + "waits:_apart": [check_within],
    FORECASTING + "stages:elementary": [check_elementary],
    FORECASTING + "stages:_attempting": [check_elementary],
    FORECASTING + "stages:delivered": [check_delivered],
    FORECASTING + "repeating:accepted_of": [check_until_success, check_repeated],
    FORECASTING + "repeating:repeated": [check_repeated],
    FORECASTING + "repeating:until_success": [check_until_success, check_repeated],
    FORECASTING + "renewal:after_failures": [check_after_failures],
    FORECASTING + "renewal:_moments": [check_variance_of_later_tries],
    FORECASTING + "renewal:_spread": [check_after_failures],
    FORECASTING + "renewal:_in_cells": [check_after_failures],
    FORECASTING + "renewal:added": [check_added],
    FORECASTING + "renewal:stacked": [check_added, check_repeated],
    FORECASTING + "joining:Joining.stage": [check_joined],
    FORECASTING + "joining:Joining._memories": [check_joined],
}
HARMLESS: dict[str, str] = {
    "_geometric, line 14, column 94: 1.0 is 2.0": "of no attempts",
    "_geometric, line 15, column 60: 0.0 is 1.0": "of no attempts",
    "_geometric, line 15, column 36: 0 is 1": "one attempt is in its place either way",
    "later_gamma, line 12, column 53: 1e-300 is 2e-300": "no variance either way",
    "later_gamma, line 21, column 56: 1.0 is 2.0": "before the earliest moment",
    "later_gamma, line 12, column 68: 1000000.0 is 1000001.0": "as certain",
    "Joining.stage, line 32, column 38: 0 is 1": "all have as many alternatives",
    "added, line 4, column 16: 1 is 2": "pairs and moments have as many rows",
    "stacked, line 6, column 51: 0 is 1": "all have as many coefficients",
    "points_of, line 5, column 83: 1.0 is 2.0": "of cells of nothing",
    "left_within, line 20, column 33: 0.0 is 1.0": "of what is not there",
    "_apart, line 4, column 28: 0.001 is 0.002": "where both forms agree",
    "_apart, line 3, column 67: 1.0 is 2.0": "of no decay",
    "Course.message, line 4, column 60: 0.0 is 1.0": "every operation acts somewhere",
}
"""Mutants that are the same function, or differ where nothing is told, and why."""


@pytest.mark.parametrize(
    "check", sorted({c for checks in CHECKS.values() for c in checks}, key=lambda c: c.__name__)
)
def test_times_and_waits_are_what_they_are_apart(check):
    check()


@pytest.mark.parametrize("target", CHECKS)
def test_every_changed_number_and_operator_is_noticed(target):
    survivors = []
    for check in CHECKS[target]:  # else every mutant would seem to be noticed
        check()
    for name, tree in mutants(target):
        with in_place_of(target, tree), np.errstate(all="ignore"):
            try:
                for check in CHECKS[target]:
                    check()
            except Exception:
                continue
        survivors.append(name)
    unexplained = [name for name in survivors if name not in HARMLESS]
    assert not unexplained, unexplained
