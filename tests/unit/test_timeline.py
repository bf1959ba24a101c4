"""The timeline's result, its budget, its seeds, and what it refuses."""

import pickle
from itertools import pairwise

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.link import Link
from quantumlink.readings import evaluate
from quantumlink.readings.timeline import TimeBudget, simulate
from quantumlink.readings.timeline.drawing import Drawing
from quantumlink.readings.timeline.planning import make_plan
from quantumlink.readings.timeline.result import mean_estimate
from quantumlink.readings.timeline.run import Run

PROCESSOR = ql.Processor(1e-3, 1e-2, 1e-2, gate_2q_s=1e-5)
MEMORY = ql.Memory(t1_s=0.1, t2_s=0.02)


def nodes(names, **options):
    return [ql.Node(name, **options) for name in names]


def elementary(a, b, p=0.5, **options):
    return ql.ElementaryLink(a, b, success_probability=p, attempt_time_s=1e-3, **options)


def metro(hops=2, rounds=0, **options):
    places = nodes([f"n{i}" for i in range(hops + 1)], memory=MEMORY, processor=PROCESSOR, **options)
    return ql.chain(
        [ql.ElementaryLink(x, y, ql.Fiber(20), fidelity=0.95) for x, y in pairwise(places)], purify_rounds=rounds
    )


def test_the_same_seed_gives_the_same_trials():
    link = metro(3, 1)
    first, second, other = (simulate(link, trials=1500, seed=s, cutoff_s=0.01) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.states, second.states)
    np.testing.assert_array_equal(first.latencies_s, second.latencies_s)
    assert not np.array_equal(first.latencies_s, other.latencies_s)
    # Without a seed each run is another.
    latencies = [simulate(link, trials=20).latencies_s for _ in range(2)]
    assert not np.array_equal(*latencies)


def test_results_read_consistently():
    timeline = simulate(metro(), trials=3000, seed=1)
    assert timeline.latencies_s.shape == timeline.fidelities.shape == (3000,)
    assert timeline.states.shape == (3000, 16)
    for array in (timeline.latencies_s, timeline.states, timeline.spent_s):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert timeline.rate_hz.low < timeline.rate_hz < timeline.rate_hz.high
    assert timeline.rate_hz * timeline.latency_s.best == pytest.approx(1)
    assert timeline.state.fidelity == pytest.approx(timeline.fidelity.best, abs=1e-12)
    for basis in "XYZ":
        assert timeline.qber(basis).best == pytest.approx(timeline.state.qber(basis), abs=1e-12)
    assert timeline.latency_quantile_s(0.5) == np.median(timeline.latencies_s)
    assert timeline.fidelity_quantile(0.0) == timeline.fidelities.min()
    assert pickle.loads(pickle.dumps(timeline)).fidelity == timeline.fidelity
    assert repr(timeline).startswith("<Timeline n0–n2: 3000 trials, ")
    assert "bits/s" in timeline._repr_html_()
    assert "infidelity: waiting" in timeline.budget._repr_html_()


def test_the_secret_key_rate_is_that_of_the_mean_state():
    timeline = simulate(metro(), trials=3000, seed=1)
    fraction = ql.qkd.bb84_rate(timeline.state.qber("Z"), 1.16, phase_error=timeline.state.qber("X"))
    assert fraction > 0.05
    expected = fraction * timeline.rate_hz
    assert timeline.secret_key_rate_hz(efficiency=1.16).best == pytest.approx(expected, rel=1e-12)
    assert simulate(metro(6), trials=100, seed=1).secret_key_rate_hz().best == 0
    with pytest.raises(ValueError, match="efficiency"):
        timeline.secret_key_rate_hz(efficiency=0.9)


def test_intervals_are_as_wide_as_results_scatter():
    # 200 runs: a standard deviation is known to 5 %, a quarter is five of that (false alarm 6e-7).
    link = metro()
    runs = [simulate(link, trials=400, seed=s) for s in range(200)]
    for read in (lambda t: t.secret_key_rate_hz(), lambda t: t.latency_s, lambda t: t.fidelity):
        found = [read(run) for run in runs]
        half_width = np.mean([(x.high - x.low) / 2 for x in found]) / 1.966  # Student's, 399 degrees
        assert half_width == pytest.approx(np.std([x.best for x in found]), rel=0.25)


def test_one_trial_says_nothing_of_its_error():
    timeline = simulate(metro(), trials=1, seed=1)
    assert timeline.fidelity.low == 0
    assert timeline.fidelity.high == 1
    assert timeline.rate_hz.low == 0
    assert mean_estimate(np.array([0.5, 0.5]), bounds=(0, 1)).errors == (0, 0)


def test_the_time_budget_adds_up_and_knows_its_parts():
    a, r, b = nodes("arb")
    p = 0.3
    timeline = simulate(ql.swap(elementary(a, r, p), elementary(r, b, p)), trials=20_000, seed=3)
    budget = timeline.budget.time
    assert budget.total_s == pytest.approx(timeline.latency_s.best)
    # Waiting for two: attempts 1/p, the rest of E[max] is waiting for the partner. Standard deviations below
    # 3 attempts: 5.2 standard errors are 0.11 (false alarm 2e-7 each).
    assert budget.attempts_s * 1e3 == pytest.approx(1 / p, abs=0.11)
    assert budget.partner_s * 1e3 == pytest.approx((3 - 2 * p) / (p * (2 - p)) - 1 / p, abs=0.11)
    assert budget == TimeBudget(budget.attempts_s, budget.partner_s, 0, 0, 0, 0)
    full = simulate(metro(3, 1), trials=2000, seed=3, cutoff_s=3e-4).budget.time
    assert min(vars(full).values()) > 0


def test_the_fidelity_budget_adds_up_and_knows_its_parts():
    link = metro(3, 1)
    timeline = simulate(link, trials=2500, seed=3)
    lost = timeline.budget.fidelity
    assert lost.total == pytest.approx(1 - timeline.fidelity.best, abs=1e-12)
    assert min(vars(lost).values()) > 1e-4
    # Without waiting what is lost is evaluate's, whatever the histories.
    assert lost.total - lost.waiting == pytest.approx(1 - evaluate(link).fidelity, abs=1e-12)
    for only, options in {
        "gates": {"processor": ql.Processor(depolarizing_2q=0.01)},
        "readout": {"processor": ql.Processor(readout_error=0.01)},
        "waiting": {"memory": MEMORY},
    }.items():
        a, r, b = nodes("arb", **options)
        parts = vars(simulate(ql.swap(elementary(a, r), elementary(r, b)), trials=50, seed=1).budget.fidelity)
        assert parts[only] > 1e-3
        assert sum(abs(part) for name, part in parts.items() if name != only) < 1e-12


def test_spare_memories_make_attempts_in_parallel():
    a, b = nodes("ab", memories=3)
    assert make_plan(elementary(a, b, 0.2)).success_probability == pytest.approx(1 - 0.8**3)
    assert make_plan(elementary(a, ql.Node("c"), 0.2)).success_probability == pytest.approx(1 - 0.8**3)
    pair = elementary(a, b, 0.2)
    shared = make_plan(ql.purify(pair, pair))
    assert shared.side_by_side
    # Three places for two pairs: one and two.
    assert shared.children[0].success_probability == pytest.approx(0.2)
    assert shared.children[1].success_probability == pytest.approx(1 - 0.8**2)
    nested = make_plan(ql.purify(ql.purify(pair, pair), ql.purify(pair, pair)))
    assert not nested.side_by_side
    assert nested.children[0].side_by_side
    assert nested.children[1].side_by_side
    assert nested.children[1].children[1].success_probability == pytest.approx(0.2)
    stream = ql.ElementaryLink(a, b, rate_hz=100)
    assert make_plan(stream).time == pytest.approx(1 / 300)


def test_memories_are_those_of_a_link_not_of_a_node():
    a, r, b = nodes("arb", memories=1)
    assert make_plan(ql.swap(elementary(a, r), elementary(r, b))).side_by_side
    a, r, b = nodes("arb", memories=2)
    long = ql.swap(elementary(a, r), elementary(r, b))
    assert make_plan(ql.purify(long, long)).side_by_side


def test_one_after_the_other_takes_the_sum():
    a, b = nodes("ab", memories=2)
    pair = elementary(a, b, 1.0)  # two places make two attempts, which changes nothing here
    link = ql.purify(ql.purify(pair, pair), pair)
    assert simulate(link, trials=5, seed=1).latencies_s == pytest.approx(2e-3)
    # The other way round three qubits are held at one time, whatever the order.
    with pytest.raises(ValueError, match="too few for the pairs"):
        simulate(ql.purify(pair, ql.purify(pair, pair)), trials=5, seed=1)


def test_pairs_at_random_moments(seed):
    a, b = nodes("ab")
    timeline = simulate(ql.ElementaryLink(a, b, rate_hz=50), trials=20_000, seed=seed)
    # An exponential's mean and, for its shape, how many are beyond one mean: 5.2 errors, false alarm 2e-7 each.
    assert timeline.latency_s.best * 50 == pytest.approx(1, abs=5.2 / np.sqrt(20_000))
    assert (timeline.latencies_s * 50 > 1).mean() == pytest.approx(np.exp(-1), abs=5.2 * 0.4823 / np.sqrt(20_000))


def test_a_long_chain_from_left_to_right():
    places = nodes([f"n{i}" for i in range(1501)], memory=ql.Memory(t2_s=1e3))
    link: Link = ql.chain([elementary(x, y, 1.0, fidelity=0.9999) for x, y in pairwise(places)], order="sequential")
    timeline = simulate(link, trials=2, seed=1)
    assert timeline.fidelity.best == pytest.approx(evaluate(link).fidelity, abs=1e-9)


def test_interrupt_leaves_what_was_done(monkeypatch):
    link = metro(2, 1)
    whole = simulate(link, trials=4500, seed=9)
    batch = Run.batch

    def interrupted(self, number, **options):
        if number == 2:
            raise KeyboardInterrupt
        return batch(self, number, **options)

    monkeypatch.setattr(Run, "batch", interrupted)
    with pytest.warns(UserWarning, match="2000 of 4500"):
        part = simulate(link, trials=4500, seed=9)
    assert part.interrupted
    assert not whole.interrupted
    assert "interrupted" in repr(part)
    np.testing.assert_array_equal(part.states, whole.states[:2000])
    assert part.budget.fidelity.total == pytest.approx(1 - part.fidelity.best, abs=1e-12)
    assert part.histories().waits_s.shape == (2000, 3, 4)


def test_an_interrupt_before_any_trial_goes_on(monkeypatch):
    def interrupted(self, number, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(metro(), trials=10, seed=1)


def hopeless():
    # Orthogonal and all but pure: a purification that accepts one try in ten million.
    a, b = nodes("ab")
    good = elementary(a, b, bell_diagonal=(1 - 1e-7, 0, 1e-7, 0))
    bad = elementary(a, b, bell_diagonal=(0, 0, 1, 0))
    return ql.purify(good, bad)


@pytest.mark.parametrize(
    ("link", "options", "match"),
    [
        (lambda: ql.ElementaryLink(*nodes("ab")), {}, r"a–b.*does not say how its attempts go: give it"),
        (lambda: ql.ElementaryLink(*nodes("ab"), ql.Fiber(700)), {}, r"probability of 1e-14 an attempt"),
        (lambda: ql.ElementaryLink(*nodes("ab"), rate_hz=0.0), {}, "does not say"),
        (hopeless, {}, r"would be tried 1e\+07 times on average"),
        (metro, {"trials": 0}, "trials must be"),
        (metro, {"seed": -1}, "seed must be"),
        (metro, {"swapping": "asp"}, "did you mean 'asap'"),
        (metro, {"stored": "later"}, "stored must be one of herald, attempt"),
        (metro, {"cutoff_s": 0.0}, "cutoff_s must be"),
        (metro, {"cutoff_s": 0.01, "swapping": "levels"}, "swapping='asap' only"),
        (lambda: metro(4), {"cutoff_s": 9e-5}, r"messages.*n0–n2.*known at both its ends 9\.79\d*e-05 s after"),
        (lambda: metro(2), {"cutoff_s": 9e-5}, r"tells its other end in 9\.79"),
        (lambda: metro(2, memories=0), {}, r"'n0' has no memory \(memories=0\) .* n0–n1 while n0–n2"),
        (lambda: metro(1, 1, memories=0), {}, "'n0' has no memory"),
        (lambda: metro(1, 1, memories=1), {}, "'n0' has memories=1 for its link to 'n1', too few"),
        (lambda: metro(1, 2, memories=2), {}, "too few"),
    ],
)
def test_refused_with_the_reason(link, options, match):
    with pytest.raises(ValueError, match=match):
        simulate(link(), **{"trials": 5, **options})


def test_not_a_link():
    with pytest.raises(TypeError, match="link must be a link"):
        simulate("alice")


def test_a_purification_nested_too_deep_is_refused():
    a, b = nodes("ab")
    pair = elementary(a, b)
    link = pair
    for _ in range(201):
        link = ql.purify(link, pair)
    with pytest.raises(ValueError, match="more than 200 operations that may fail"):
        simulate(link, trials=1)


def test_what_waiting_makes_impossible_ends(monkeypatch):
    # The cut-off and the attempts share no moment: pairs that missed each other once always will.
    monkeypatch.setattr("quantumlink.readings.timeline.drawing.MOST_IN_VAIN", 500)
    a, r, b = nodes("arb")
    link = ql.swap(elementary(a, r, 0.05), elementary(r, b, 0.05))
    with pytest.raises(ValueError, match="cutoff_s=1e-09 is too short"):
        simulate(link, trials=50, seed=1, cutoff_s=1e-9)


def test_waiting_within_waiting_ends(monkeypatch):
    # Each part alone is possible; all rounds together are counted as well.
    monkeypatch.setattr("quantumlink.readings.timeline.drawing.MOST_ROUNDS", 20)
    names = nodes("abcde")
    link = ql.chain([elementary(a, b, 0.2) for a, b in pairwise(names)])
    with pytest.raises(ValueError, match=r"cutoff_s=0\.001 is too short.*in 20 rounds"):
        simulate(link, trials=500, seed=1, cutoff_s=1e-3)


@pytest.mark.parametrize("p", [0.5, 0.02])
def test_partners_that_miss_each_other_often_still_meet(p):
    # As long as an attempt, half of it: pairs of two hops meet if both succeed in one attempt, or by turns.
    a, r, b = nodes("arb")
    link = ql.swap(elementary(a, r, p), elementary(r, b, p))
    assert simulate(link, trials=200, seed=1, cutoff_s=5e-4).trials == 200


def test_tries_that_hardly_ever_succeed_end(monkeypatch):
    # Random numbers that accept nothing stand for decay that evaluate, which does not wait, cannot foresee.
    monkeypatch.setattr("quantumlink.readings.timeline.drawing.MOST_TRIES", 1000)
    a, b = nodes("ab")
    kept = elementary(a, b, 1.0, bell_diagonal=(1.0, 0, 0, 0))
    plan = make_plan(ql.purify(kept, kept))

    class Never:
        def geometric(self, p, size):
            return np.ones(size)

        def random(self, size):
            return np.full(size, 1.0)

    with pytest.raises(ValueError, match="succeeded 0 times in"):
        Drawing(Never()).pairs(plan, 100)


@pytest.mark.parametrize("options", [{}, {"pairs": 2}])
def test_trials_that_memory_cannot_hold_are_refused(options, monkeypatch):
    monkeypatch.setattr("quantumlink.validation.memory_bytes", lambda: 2_000_000)
    with pytest.raises(ValueError, match=r"trials must be at most about .e\+03 on this machine, got 1e\+04"):
        simulate(metro(), trials=10_000, seed=1, **options)
    assert simulate(metro(), trials=1_000, seed=1, **options) is not None
