"""Any operation in time: times in closed form, states as evaluate says, and two pairs as they are played."""

from math import log, sqrt

import numpy as np
import pytest

import quantumlink as ql
from quantumlink import circuits
from quantumlink.circuits import Operation

TRIALS = 20_000

SURE = sqrt(2 * log(2e6))
"""Standard errors of a mean that are passed in one case of a million (a normal tail bound)."""

SLOW = ql.Processor(0.002, 0.01, 0.01, gate_1q_s=1e-5, gate_2q_s=1e-4, readout_s=1e-4)
HELD = ql.Memory(t1_s=0.05, t2_s=0.02)


def close(values, others):
    """Whether two sets of independent trials have one mean."""
    error = sqrt(np.var(values) / len(values) + np.var(others) / len(others))
    return abs(np.mean(values) - np.mean(others)) < SURE * error + 1e-12


def nodes(names, **hardware):
    return [ql.Node(name, **hardware) for name in names]


def tried(a, b, probability=0.2, **options):
    return ql.ElementaryLink(a, b, success_probability=probability, attempt_time_s=1e-3, **options)


def mean_of_last(count, p):
    """E[max] of independent geometric numbers, by inclusion and exclusion."""
    from math import comb

    return sum((-1) ** (k + 1) * comb(count, k) / (1 - (1 - p) ** k) for k in range(1, count + 1))


@pytest.mark.parametrize("arms", [3, 4])
def test_a_star_waits_for_its_last_arm(arms, seed):
    hub, *ends = nodes("habcd"[: arms + 1])
    link = ql.join(circuits.multiway_swap(arms), *(tried(end, hub, fidelity=0.95) for end in ends))
    timeline = ql.simulate(link, trials=TRIALS, seed=seed)
    error = timeline.latencies_s.std() / sqrt(TRIALS)
    assert abs(timeline.latencies_s.mean() - 1e-3 * mean_of_last(arms, 0.2)) < SURE * error
    # Nothing decays: every trial has the exact state.
    np.testing.assert_allclose(timeline.fidelities, ql.evaluate(link).fidelity, rtol=0, atol=1e-9)
    assert timeline.state.ends == ("a", "b", "c", "d")[:arms]


def test_a_swap_of_linear_optics_is_tried_twice_on_average(seed):
    a, r, b = nodes("arb")
    link = ql.swap(tried(a, r, fidelity=0.9), tried(r, b, fidelity=0.9), by="linear_optics_swap")
    timeline = ql.simulate(link, trials=TRIALS, seed=seed)
    error = timeline.latencies_s.std() / sqrt(TRIALS)
    assert abs(timeline.latencies_s.mean() - 2e-3 * mean_of_last(2, 0.2)) < SURE * error
    np.testing.assert_allclose(timeline.fidelities, ql.evaluate(link).fidelity, rtol=0, atol=1e-9)


def test_a_success_probability_of_its_own(seed):
    a, r, b = nodes("arb")
    by = Operation(circuits.entanglement_swap(), success_probability=0.25)
    timeline = ql.simulate(ql.swap(tried(a, r), tried(r, b), by=by), trials=TRIALS, seed=seed)
    error = timeline.latencies_s.std() / sqrt(TRIALS)
    assert abs(timeline.latencies_s.mean() - 4e-3 * mean_of_last(2, 0.2)) < SURE * error


@pytest.mark.parametrize("name", ["double_selection", "expedient"])
def test_a_purification_of_many_pairs_begins_again_where_it_fails(name, seed):
    a, b = nodes("ab")
    count = len(circuits.known_operation(name).inputs)
    link = ql.purify(*[tried(a, b, fidelity=0.85)] * count, by=name)
    state = ql.evaluate(link)
    timeline = ql.simulate(link, trials=TRIALS, seed=seed)
    error = timeline.latencies_s.std() / sqrt(TRIALS)
    wanted = 1e-3 * mean_of_last(count, 0.2) / state.success_probability
    assert abs(timeline.latencies_s.mean() - wanted) < SURE * error
    np.testing.assert_allclose(timeline.fidelities, state.fidelity, rtol=0, atol=1e-9)


@pytest.mark.parametrize("what", ["swap", "purify"])
def test_two_pairs_are_played_as_ever(what, seed):
    # The same operation told as a join takes the way of any operation; messages, gates and memories included.
    a, r, b = nodes("arb", processor=SLOW, memory=HELD)

    def far(one, other, km):
        return ql.ElementaryLink(one, other, ql.Fiber(km), fidelity=0.95, success_probability=0.3)

    known = ql.swap(far(a, r, 20), far(r, b, 40)) if what == "swap" else ql.purify(far(a, b, 20), far(a, b, 30))
    any_way = ql.join(known.operation, *known.links)
    one = ql.simulate(known, trials=TRIALS, seed=seed)
    other = ql.simulate(any_way, trials=TRIALS, seed=seed + 1)
    assert close(one.latencies_s, other.latencies_s)
    assert close(one.fidelities, other.fidelities)
    assert np.std(one.fidelities) > 1e-3  # there is something to be compared


def star(arms=3, probability=0.2, **hardware):
    hub, *ends = nodes("habcd"[: arms + 1], **hardware)
    return ql.join(circuits.multiway_swap(arms), *(tried(end, hub, probability, fidelity=0.95) for end in ends))


def test_budgets_and_histories_of_three_ends(seed):
    hub, *ends = nodes("habc", processor=SLOW, memory=HELD)
    arms = [tried(end, hub, fidelity=0.9) for end in ends]
    purified = ql.purify(arms[0], arms[0], arms[0], by="double_selection")
    link = ql.join(circuits.multiway_swap(3), purified, *arms[1:])
    timeline = ql.simulate(link, trials=2000, seed=seed)
    budget = timeline.budget
    assert budget.time.total_s == pytest.approx(timeline.latencies_s.mean(), rel=1e-9)
    assert budget.fidelity.total == pytest.approx(1 - timeline.fidelities.mean(), abs=1e-9)
    assert min(budget.fidelity.source, budget.fidelity.gates, budget.fidelity.waiting) > 1e-3
    assert budget.time.retries_s > 1e-4
    histories = timeline.histories()
    assert [waits.shape for waits in histories.by_operation] == [(2000, 6), (2000, 6)]
    assert histories.last_s.shape == (2000, 3)
    # A circuit that waits as these trials did, followed gate by gate: what it post-selects is weighed.
    few = ql.simulate(link, trials=3, seed=seed)
    state = ql.evaluate(ql.compose(link, timeline=few))
    np.testing.assert_allclose(state.coefficients.ravel(), few.states.mean(axis=0), rtol=0, atol=1e-9)


def test_levels_and_cutoffs_of_three_arms(seed):
    """Each trial played by a loop of one's own: who is older than the cut-off begins again when it is."""
    link, cutoff, trials, p = star(), 4e-3, 4000, 0.2
    rng = np.random.default_rng(seed)
    latencies = np.empty(trials)
    for trial in range(trials):
        made = 1e-3 * rng.geometric(p, 3)
        while made.max() > made.min() + cutoff * (1 + 1e-9):
            made = np.where(
                made.max() > made + cutoff * (1 + 1e-9), made + cutoff + 1e-3 * rng.geometric(p, 3), made
            )
        latencies[trial] = made.max()
    timeline = ql.simulate(link, trials=TRIALS, seed=seed, cutoff_s=cutoff)
    assert close(timeline.latencies_s, latencies)
    assert timeline.latencies_s.mean() > ql.simulate(link, trials=TRIALS, seed=seed).latencies_s.mean() + 5e-4
    a, b, c, d, e = nodes("abcde", memory=HELD)
    far = ql.swap(tried(a, b), tried(b, c))
    whole = ql.join(circuits.fuse_pairs_to_ghz(2), far, ql.swap(tried(d, e), tried(e, c)))
    asap, levels = (ql.simulate(whole, trials=TRIALS, seed=seed, swapping=when) for when in ("asap", "levels"))
    np.testing.assert_allclose(asap.latencies_s, levels.latencies_s, rtol=1e-12)  # nothing takes time here
    assert levels.fidelities.mean() < asap.fidelities.mean()


def test_memories_are_shared_between_any_links(seed):
    """Spare places of a hub make attempts in parallel; what does not fit is made in turn, or refused."""
    link = star(memories=3)
    timeline = ql.simulate(link, trials=TRIALS, seed=seed)
    error = timeline.latencies_s.std() / sqrt(TRIALS)
    assert abs(timeline.latencies_s.mean() - 1e-3 * mean_of_last(3, 1 - 0.8**3)) < SURE * error

    def purified(places):
        a, b = nodes("ab", memories=places)
        pair = tried(a, b, 1.0, fidelity=1.0)
        twice = ql.purify(pair, pair)
        return ql.purify(twice, twice, twice, by="double_selection")

    # All certain: one attempt side by side; with four places three in turn; three are too few for the last one.
    for places, steps in ((None, 1), (6, 1), (4, 3)):
        assert ql.simulate(purified(places), trials=9, seed=1).latency_s.best == pytest.approx(steps * 1e-3)
        assert ql.forecast(purified(places)).latency_s == pytest.approx(steps * 1e-3, rel=1e-6)
    with pytest.raises(ValueError, match="memories=3"):
        ql.simulate(purified(3), trials=10)
    with pytest.raises(ValueError, match="two ends"):
        timeline.qber("Z")


def test_optimistic_purification_waits_for_word_once(seed):
    """Certain attempts over a fiber: word of each of two rounds takes its delay, or that of both but one."""
    a, b = nodes("ab")
    fiber = ql.Fiber(100)
    pair = ql.ElementaryLink(a, b, fiber, fidelity=0.9, success_probability=1.0, attempt_time_s=1e-2)
    link = ql.purify(ql.purify(pair, pair), ql.purify(pair, pair))
    once = 1e-2 + fiber.delay_s
    sure = ql.evaluate(link)
    timeline = ql.simulate(link, trials=TRIALS, seed=seed, purifying="optimistic")
    error = timeline.latencies_s.std() / sqrt(TRIALS)
    assert abs(timeline.latencies_s.mean() - once / sure.success_probability) < SURE * error
    np.testing.assert_allclose(timeline.fidelities, sure.fidelity, rtol=0, atol=1e-9)
    perfect = ql.purify(
        *[ql.purify(*[ql.ElementaryLink(a, b, fiber, success_probability=1.0, attempt_time_s=1e-2)] * 2)] * 2
    )
    waits, goes_on = (ql.simulate(perfect, trials=5, seed=seed, purifying=how) for how in ("wait", "optimistic"))
    np.testing.assert_allclose(goes_on.latencies_s, once, rtol=1e-12)
    np.testing.assert_allclose(waits.latencies_s, once + fiber.delay_s, rtol=1e-12)
    budget = timeline.budget.time
    assert budget.total_s == pytest.approx(timeline.latencies_s.mean(), rel=1e-9)
    assert budget.retries_s > 0


def test_every_end_hears_of_optimistic_purifications_elsewhere():
    """What a measures goes to r, which needs it to tell b: that is farther than the swap's own messages go."""
    a, r, b = nodes("arb")
    near, far = ql.Fiber(100), ql.Fiber(150)

    def hop(left, right, fiber):
        return ql.ElementaryLink(left, right, fiber, success_probability=1.0, attempt_time_s=1e-2)

    link = ql.swap(ql.purify(hop(a, r, near), hop(a, r, near)), hop(r, b, far))
    mirrored = ql.swap(hop(b, r, far), ql.purify(hop(r, a, near), hop(r, a, near)))
    told_s = 1e-2 + near.delay_s + far.delay_s
    for each in (link, mirrored):
        once = ql.simulate(each, trials=3, seed=1, purifying="optimistic")
        np.testing.assert_allclose(once.latencies_s, told_s, rtol=1e-12)
        stream = ql.simulate(each, trials=3, pairs=4, seed=1, purifying="optimistic")
        np.testing.assert_allclose(stream.delivered_s[:, 0], told_s, rtol=1e-12)


def test_what_cannot_be_optimistic_is_refused():
    a, b = nodes("ab", memories=3)
    twice = ql.purify(tried(a, b), tried(a, b))
    with pytest.raises(ValueError, match="purifying='optimistic' needs memories"):
        ql.simulate(ql.purify(twice, twice), trials=10, purifying="optimistic")
    with pytest.raises(ValueError, match="purifying='wait' only"):
        ql.simulate(twice, trials=10, purifying="optimistic", cutoff_s=1.0)
    with pytest.raises(ValueError, match="purifying must be one of wait, optimistic"):
        ql.simulate(twice, trials=10, purifying="hopeful")


def test_more_ends_than_can_be_followed_are_refused():
    hub, *ends = nodes(["hub", *(f"e{i}" for i in range(9))])
    many = ql.join(circuits.multiway_swap(9), *(tried(end, hub) for end in ends))
    with pytest.raises(ValueError, match=r"at most 8 ends are played in time, got .* with 9: compose"):
        ql.simulate(many, trials=5)
    assert ql.draw(many).get_axes()[0].get_title().endswith("fidelity – (exact, waiting not included)")


def test_batches_are_smaller_where_states_are_larger(seed):
    link = star(4)
    run = ql.simulate(link, trials=10, seed=seed).run
    assert run.batch_size == 1000
    hub, *ends = nodes(["hub", *(f"e{i}" for i in range(8))])
    wide = ql.join(circuits.multiway_swap(8), *(tried(end, hub) for end in ends))
    timeline = ql.simulate(wide, trials=100, seed=seed)
    assert timeline.run.batch_size == 64
    assert (timeline.trials, timeline.run.batches) == (100, 2)
