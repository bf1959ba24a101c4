"""Ages that equal the cut-off: kept, and found to be equal, whatever unit of time the link is stated in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quantumlink as ql
from quantumlink.readings.timeline import simulate
from quantumlink.timing.ticks import Ticks

TRIALS = 25_000
ERRORS = 5.2  # standard errors of the difference of two means: a false alarm of 2e-7


def hops(times_s, probabilities, factor=1.0, *, length_km=None, durations_s=(0.0, 0.0, 0.0), t2_s=np.inf):
    """A chain; with a length, a message takes as long over each hop, scaled by the speed of light."""
    one, two, readout = (factor * x for x in durations_s)
    nodes = [
        ql.Node(
            f"n{i}", ql.Memory(t2_s=factor * t2_s), ql.Processor(gate_1q_s=one, gate_2q_s=two, readout_s=readout)
        )
        for i in range(len(times_s) + 1)
    ]
    medium = None if length_km is None else ql.Fiber(length_km * factor, attenuation_db_per_km=0.0)
    made = [
        ql.ElementaryLink(*nodes[i : i + 2], medium, success_probability=p, attempt_time_s=factor * t)
        for i, (t, p) in enumerate(zip(times_s, probabilities, strict=True))
    ]
    return ql.chain(made)


def integer_latencies(rng, trials, steps, probabilities, cutoff):
    """Two hops, no messages, in whole numbers: a pair older than the cut-off starts again when it is gone."""
    made = [step * rng.geometric(p, trials) for step, p in zip(steps, probabilities, strict=True)]
    while True:
        later = np.maximum(*made)
        old = [later - x > cutoff for x in made]
        if not (old[0] | old[1]).any():
            return later
        for i in (0, 1):
            gone = made[i][old[i]] + cutoff
            made[i][old[i]] = gone + steps[i] * rng.geometric(probabilities[i], old[i].sum())


@pytest.mark.parametrize("unit_s", [2.0**-15, 1.22418e-4 / 4])
@pytest.mark.parametrize("nudge", [-1, 0, 1])
@pytest.mark.parametrize(
    ("steps", "probabilities", "cutoff"),
    [((4, 4), (0.25, 0.25), 12), ((6, 4), (0.3, 0.2), 10)],
)
def test_at_just_below_and_just_above_a_tie(steps, probabilities, cutoff, unit_s, nudge, rng, seed):
    fine = 10**6  # parts of a unit: the integers of the comparison
    link = hops([unit_s * step for step in steps], probabilities)
    cutoff_s = unit_s * cutoff * (1 + nudge / (cutoff * fine))
    found = simulate(link, trials=TRIALS, seed=seed, cutoff_s=cutoff_s).latencies_s / unit_s
    scaled = [step * fine for step in steps]
    expected = integer_latencies(rng, TRIALS, scaled, probabilities, cutoff * fine + nudge) / fine
    error = np.sqrt((found.var() + expected.var()) / TRIALS)
    assert abs(found.mean() - expected.mean()) < ERRORS * error


@pytest.mark.parametrize(("steps", "p", "cutoff"), [((4, 4), (0.25, 0.25), 12), ((6, 4), (0.3, 0.2), 10)])
def test_a_tie_decided_the_other_way_would_be_noticed(steps, p, cutoff, rng):
    """The means at a tie and just below it are further apart than the comparison's tolerance."""
    at, below = (integer_latencies(rng, TRIALS, [1000 * s for s in steps], p, 1000 * cutoff - n) for n in (0, 1))
    error = np.sqrt((at.var() + below.var()) / TRIALS)
    assert below.mean() - at.mean() > 2 * ERRORS * error


@settings(max_examples=25, deadline=None)
@given(
    factor=st.floats(1e-6, 1e6),
    step=st.floats(1e-6, 1e-3),
    parts=st.tuples(*[st.integers(1, 6)] * 3),
    number=st.integers(2, 3),
    length_km=st.sampled_from([None, 0.05, 3.0]),
    durations_s=st.sampled_from([(0.0, 0.0, 0.0), (1e-7, 3e-7, 1e-6)]),
)
def test_all_times_by_one_factor(factor, step, parts, number, length_km, durations_s):
    """Every latency of a seeded run is multiplied by it."""
    cutoff_s = step * parts[0] * 1.25 + (0.0 if length_km is None else 4 * ql.Fiber(length_km).delay_s) + 2e-6

    def latencies(by):
        times = [step * parts[1] / 4, step * parts[2] / 4, step][:number]
        link = hops(times, [0.3, 0.2, 0.4][:number], by, length_km=length_km, durations_s=durations_s)
        return simulate(link, trials=400, seed=11, cutoff_s=cutoff_s * by).latencies_s

    np.testing.assert_allclose(latencies(factor), factor * latencies(1.0), rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(1e-3, 1e3), memories=st.sampled_from([None, 2, 5]))
def test_purifications_in_time_by_one_factor(factor, memories):
    """Also one pair after the other, where the kept one may just be old enough to be used."""

    def latencies(by):
        a, b = (ql.Node(name, ql.Memory(t2_s=0.1 * by), memories=memories) for name in "ab")
        pair = ql.ElementaryLink(a, b, fidelity=0.9, success_probability=0.4, attempt_time_s=1.22418e-4 * by)
        link = ql.purify(ql.purify(pair, pair), pair)
        return simulate(link, trials=400, seed=5, cutoff_s=1.5 * 1.22418e-4 * by).latencies_s

    np.testing.assert_allclose(latencies(factor), factor * latencies(1.0), rtol=1e-9)


def test_a_cutoff_that_is_the_sum_of_what_an_age_is_made_of(seed):
    """Attempts, messages and gates that fit in no common unit: the pair that just makes it is kept."""
    readout_s, step = 1.7e-5, 1e-4
    a, r, s, b = (ql.Node(name, processor=ql.Processor(readout_s=readout_s)) for name in "arsb")
    medium = ql.Fiber(7.3)
    first, second = (
        ql.ElementaryLink(*ends, medium, success_probability=1.0, attempt_time_s=step) for ends in ((a, r), (r, s))
    )
    last = ql.ElementaryLink(s, b, medium, success_probability=1.0, attempt_time_s=3 * step)
    link = ql.swap(ql.swap(first, second), last)
    age_s = 3 * step - (step + readout_s)  # since the measurement at r, when the last pair is there
    plain = simulate(link, trials=10, seed=seed).latencies_s
    np.testing.assert_allclose(simulate(link, trials=10, seed=seed, cutoff_s=age_s).latencies_s, plain, rtol=1e-12)
    shorter = simulate(link, trials=10, seed=seed, cutoff_s=2.5 * step)  # one attempt goes on until it ends, too
    assert (shorter.latencies_s >= plain * (1 - 1e-12)).all()


@given(
    tick=st.floats(1e-12, 1e3),
    counts=st.lists(st.integers(1, 200), min_size=1, max_size=5),
    cutoff=st.integers(1, 200),
)
def test_durations_that_have_a_common_unit_are_whole_numbers_of_it(tick, counts, cutoff):
    ticks = Ticks.of(cutoff * tick, [c * tick for c in counts], horizon_s=1e4 * tick)
    parts = ticks.count(cutoff * tick)
    assert parts == round(parts)
    for c in counts:
        found = ticks.count(c * tick)
        assert found == round(found)
        assert found * cutoff == c * parts  # exactly


def test_durations_without_a_common_unit_keep_their_digits():
    ticks = Ticks.of(1.0, [2**0.5, 3**0.5], horizon_s=1e4)
    for duration in (2**0.5, 3**0.5):
        assert ticks.count(duration) * ticks.tick_s == pytest.approx(duration, rel=1e-11)
        assert ticks.count(duration) % ticks.grain == 0


@pytest.mark.parametrize("unit_s", [1.0, 1e-9])
@pytest.mark.parametrize("many", [1e5, 1e10, 1e13, 1e18])
def test_a_cutoff_of_however_many_attempts_that_no_age_reaches_changes_nothing(many, unit_s, seed):
    """Attempts were rounded to a share of the cut-off: of 1e14 of them, all latencies were 0."""
    step_s = 1.22418e-4 * unit_s
    link = hops((step_s, step_s * np.sqrt(2)), (0.1, 0.2), durations_s=(0.0, 0.0, step_s / 7))
    plain = simulate(link, trials=300, seed=seed, cutoff_s=1e4 * step_s).latencies_s
    found = simulate(link, trials=300, seed=seed, cutoff_s=many * step_s).latencies_s
    np.testing.assert_allclose(found, plain, rtol=3e-6)
    assert found.min() > step_s
