"""The monitor's charts against enumeration, simulation written apart, and what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.monitoring import (
    BernoulliScore,
    CusumChart,
    Monitor,
    SequentialTest,
    estimate_change,
)


def run_length_by_enumeration(chart: CusumChart, rate: float, steps: int) -> float:
    """The mean run length as a sum over rounds of the probability that no alarm came yet."""
    weight = np.zeros(chart.threshold)
    weight[0] = 1.0
    total = 0.0
    for _ in range(steps):
        total += weight.sum()
        later = np.zeros_like(weight)
        later[chart.score.error :] += rate * weight[: max(chart.threshold - chart.score.error, 0)]
        down = chart.score.agreement
        later[:-down] += (1 - rate) * weight[down:]
        later[0] += (1 - rate) * weight[:down].sum()
        weight = later
    assert weight.sum() < 1e-12
    return total


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 0.4, 1.0])
@pytest.mark.parametrize(("error", "threshold"), [(3, 5), (9, 14), (1, 2), (7, 7)])
def test_the_run_length_of_a_chart_is_the_enumerated_one(rate, error, threshold):
    chart = CusumChart(BernoulliScore(0.05, 0.2, error, 0.17, 2 if error == 9 else 1), threshold)
    assert chart.average_run_length(rate) == pytest.approx(run_length_by_enumeration(chart, rate, 12_000), rel=1e-9)


def test_one_error_suffices_where_the_threshold_is_its_score():
    chart = CusumChart(BernoulliScore(0.05, 0.2, 8, 0.17), 8)
    assert chart.average_run_length(0.05) == pytest.approx(20)  # geometric
    assert chart.average_run_length(0.0) == np.inf


@settings(max_examples=25, deadline=None)
@given(
    baseline=st.floats(0.005, 0.1), factor=st.floats(1.5, 5), between=st.floats(10, 1e8), extra=st.floats(0, 0.2)
)
def test_a_designed_chart_keeps_its_promise_and_no_lower_threshold_does(baseline, factor, between, extra):
    attack = min(0.5, baseline * factor + extra)
    chart = CusumChart.design(baseline, attack, rounds_between_false_alarms=between)
    assert chart.average_run_length(baseline) >= between
    if chart.threshold > 1:
        assert CusumChart(chart.score, chart.threshold - 1).average_run_length(baseline) < between
    # The more errors, the sooner the alarm.
    assert chart.average_run_length(attack) <= chart.average_run_length(baseline)


@given(baseline=st.floats(0.001, 0.2), attack=st.floats(0.01, 0.5))
def test_scores_are_log_likelihood_ratios_in_units(baseline, attack):
    if attack < baseline * 1.2:
        return
    score = BernoulliScore.between(baseline, attack)
    assert score.error * score.unit == pytest.approx(np.log(score.attack / baseline), rel=1e-9)
    down = np.log((1 - score.attack) / (1 - baseline))
    assert -score.unit * score.agreement == pytest.approx(down, rel=1e-9)
    assert abs(score.attack - attack) <= 0.1001 * (attack - baseline)


def test_the_walk_is_pages_recursion(rng):
    chart = CusumChart.design(0.03, 0.1, rounds_between_false_alarms=1e5)
    errors = rng.random(3000) < 0.06
    expected, w = [], 11
    for error in errors:
        w = max(0, w + (chart.score.error if error else -chart.score.agreement))
        expected.append(w)
    np.testing.assert_array_equal(chart.walk(errors, start=11), expected)


def test_the_sequential_test_against_walds_approximations_and_a_walk_written_apart():
    test = SequentialTest.design(0.02, 0.06, false_alarm=1e-3, missed=1e-2)
    score = test.score
    assert test.false_alarm_probability(score.baseline) <= 1e-3
    assert 1 - test.false_alarm_probability(score.attack) <= 1e-2
    # Enumeration of the walk between its two ends.
    size = test.upper + test.lower - 1
    for rate in (score.baseline, 0.04, score.attack):
        weight = np.zeros(size)
        weight[test.lower - 1] = 1.0
        alarm = rounds = 0.0
        for _ in range(20_000):
            rounds += weight.sum()
            alarm += rate * weight[max(size - score.error, 0) :].sum()
            later = np.zeros(size)
            later[score.error :] += rate * weight[: size - score.error]
            later[:-1] += (1 - rate) * weight[1:]
            weight = later
        assert weight.sum() < 1e-9
        assert test.false_alarm_probability(rate) == pytest.approx(alarm, rel=1e-7)
        assert test.expected_rounds(rate) == pytest.approx(rounds, rel=1e-7)
    # Wald: E[N] = [L·ln B + (1 − L)·ln A]/E[z], short of the overshoot of at most one score.
    accept = 1 - test.false_alarm_probability(score.attack)
    mean = score.attack * score.error - (1 - score.attack)
    wald = ((1 - accept) * test.upper - accept * test.lower) / mean
    assert wald <= test.expected_rounds(score.attack) <= wald + score.error / mean


def test_the_sequential_test_decides_on_streams():
    test = SequentialTest.design(0.02, 0.1, false_alarm=1e-6, missed=1e-6)
    assert test.run(np.zeros(5)) == (None, 5)
    verdict, rounds = test.run(np.zeros(10_000))
    assert (verdict, rounds) == ("baseline", test.lower)
    verdict, rounds = test.run(np.ones(10_000))
    assert (verdict, rounds) == ("attack", -(-test.upper // test.score.error))


def test_false_alarms_come_as_rarely_as_designed(rng):
    # 400,000 rounds at a mean of 1,000 rounds between alarms: about 400 alarms. The time to an alarm is nearly
    # exponential; six standard deviations (20 each) is a false alarm of 2e-9.
    monitor = Monitor(0.03, attack=0.09, rounds_between_false_alarms=1000, policy="record")
    exact = monitor.charts["errors"].average_run_length(0.03)
    for _ in range(20):
        monitor.update(rng.random(20_000) < 0.03)
    expected = 400_000 / exact
    assert abs(len(monitor.alarms) - expected) < 6 * np.sqrt(expected)


def test_chunks_do_not_matter(rng):
    errors = np.concatenate([rng.random(3000) < 0.02, rng.random(3000) < 0.09])
    whole = Monitor(0.02, attack=0.06, policy="record")
    whole.update(errors)
    pieces = Monitor(0.02, attack=0.06, policy="record")
    for part in np.array_split(errors, 37):
        pieces.update(part)
    np.testing.assert_array_equal(whole.walk(), pieces.walk())
    assert [a.round for a in whole.alarms] == [a.round for a in pieces.alarms]
    assert whole.alarms


def test_an_attack_is_found_dated_and_measured(rng):
    # Intercept-resend of a fraction 0.3: Q = 0.02 + 0.3·(1/4 − 0.01) = 0.092. The mean delay is some 150 rounds;
    # the probability that 3,000 rounds give no alarm is far below 1e-6.
    before, after = rng.random(50_000) < 0.02, rng.random(20_000) < 0.092
    monitor = Monitor({"Z": 0.02, "X": 0.02}, attack=0.06, rounds_between_false_alarms=1e9, policy="record")
    assert monitor.update(before, "Z") == []
    alarms = monitor.update(after, "Z")
    assert 50_000 <= alarms[0].round < 53_000
    assert abs(alarms[0].change.round - 50_000) < 3000
    found = estimate_change(np.concatenate([before, after]), baseline=0.02)
    # 20,000 rounds at 0.092: one standard deviation is 0.002, six of them are 2e-9.
    assert abs(found.error_rate - 0.092) < 0.0125
    assert abs(found.intercepted_fraction(0.02) - 0.3) < 0.055
    assert found.manner == "sudden"
    assert abs(found.round - 50_000) < 600


def test_a_drift_is_told_from_an_attack(rng):
    climb = np.concatenate([np.full(40_000, 0.02), np.linspace(0.02, 0.1, 60_000)])
    found = estimate_change(rng.random(100_000) < climb, baseline=0.02)
    # The two models differ by some hundred nats here.
    assert found.manner == "gradual"


def test_little_data_leave_the_manner_undecided():
    errors = np.zeros(500, dtype=int)
    errors[[430, 450, 460, 490]] = 1
    assert estimate_change(errors, baseline=0.02).manner == "undecided"


def test_policies(rng):
    noisy = np.ones(50)
    seen = []
    paused = Monitor(0.02, attack=0.1, on_alarm=seen.append)
    (alarm,) = paused.update(noisy)
    assert seen == [alarm]
    assert "rose from 0.0200" in str(alarm)
    assert paused.rounds() == alarm.round + 1 < 50  # what follows a pause was not watched
    with pytest.raises(RuntimeError, match=r"paused since its last alarm .* resume\(\)"):
        paused.update([0])
    paused.resume()
    assert paused.update([0, 0]) == []
    assert paused.walk()[-2:].tolist() == [0, 0]
    aborted = Monitor(0.02, attack=0.1, policy="abort")
    aborted.update(noisy)
    with pytest.raises(RuntimeError, match="given up"):
        aborted.update([0])
    with pytest.raises(RuntimeError, match="only a paused monitor"):
        aborted.resume()


def test_an_alarm_is_on_record_even_if_its_callback_fails():
    def broken(alarm):
        raise OSError("no route")

    monitor = Monitor(0.02, attack=0.1, on_alarm=broken)
    with pytest.raises(OSError, match="no route"):
        monitor.update(np.ones(50))
    assert len(monitor.alarms) == 1
    assert monitor.state == "paused"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Monitor(0.0, attack=0.1), "baseline must lie between 0 and 1/2"),
        (lambda: Monitor(0.1, attack=0.05), "attack must be above the baseline 0.1"),
        (lambda: Monitor({}, attack=0.05), "at least one stream"),
        (lambda: Monitor(0.02, attack=0.1, policy="panic"), "policy must be one of"),
        (lambda: Monitor(0.02, attack=0.1).update([0, 2]), "only 0 and 1"),
        (lambda: Monitor(0.02, attack=0.1).update([[0, 1]]), "one-dimensional"),
        (lambda: Monitor({"Z": 0.02, "X": 0.02}, attack=0.1).update([0]), "say which stream: Z, X"),
        (lambda: Monitor({"Z": 0.02, "X": 0.02}, attack=0.1).update([0], "Y"), "stream must be one of Z, X"),
        (lambda: SequentialTest.design(0.02, 0.1, false_alarm=1.5), "false_alarm"),
        (lambda: estimate_change([], baseline=0.1), "at least one round"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_the_picture(rng, tmp_path):
    monitor = Monitor({"Z": 0.02, "X": 0.03}, attack=0.08, policy="record")
    monitor.update(rng.random(5000) < 0.02, "Z")
    monitor.update(np.concatenate([rng.random(3000) < 0.03, rng.random(3000) < 0.12]), "X")
    assert monitor.alarms
    figure = monitor.plot()
    figure.savefig(tmp_path / "monitor.png")
    lines = figure.axes[0].get_lines()
    assert max(line.get_ydata().max() for line in lines if len(line.get_xdata()) > 2) >= min(
        chart.threshold for chart in monitor.charts.values()
    )
