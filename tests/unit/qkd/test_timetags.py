"""Time tags: clocks found and followed, coincidences against the closed form, to a key, and none with Eve."""

from math import sqrt

import numpy as np
import pytest

from quantumlink.hardware import Detector, Fiber
from quantumlink.hardware.continuous_source import ContinuousSource
from quantumlink.qkd import RecordsConsumed, distill
from quantumlink.qkd.timetags import (
    NoCommonPeak,
    Receiver,
    TimeTags,
    align_clocks,
    clock_search,
    find_coincidences,
    match,
    simulate_tags,
)

ENDS = (Receiver(z=(1, 2), x=(3, 4)), Receiver(z=(1, 2), x=(3, 4)))
DETECTOR = Detector(
    0.6, dark_count_rate_hz=1000, jitter_s=0.4e-9, dead_time_s=45e-9, elements=4, misalignment=0.01, window_s=1e-9
)
SOURCE = ContinuousSource(pair_rate_hz=1e6)


@pytest.fixture(scope="module")
def run():
    return simulate_tags(
        SOURCE, Fiber(60), duration_s=2.0, seed=5, detector=DETECTOR, offset_s=-0.2871, drift=4e-7, wander=2e-9
    )


@pytest.fixture(scope="module")
def found(run):
    return find_coincidences(run.alice, run.bob, receivers=ENDS)


def test_the_clocks_truth_is_found(found):
    moments = found.alignment.moments_ps
    # where Bob's clock stands when Alice's shows a moment, by what was simulated
    truth = -0.2871e12 + 4e-7 * moments + 0.5 * 2e-9 / 1e12 * moments**2
    # 300 pairs of a width of 0.24 ns tell the center to 14 ps, and six standard errors are 84
    assert np.abs(found.alignment.differences_ps - truth)[found.alignment.locked].max() < 100
    assert found.alignment.locked_share > 0.99
    assert found.alignment.false_alarm < 1e-9


@pytest.mark.parametrize("window_s", [0.3e-9, 0.6e-9, 1e-9, 2e-9])
def test_coincidences_by_window_are_those_of_the_model(run, window_s):
    from dataclasses import replace

    end = replace(DETECTOR, window_s=window_s)
    expected = SOURCE.coincidences(Fiber(60), detector=end)
    found = find_coincidences(run.alice, run.bob, receivers=ENDS, window_s=window_s)
    mean = expected.rate_hz * found.common_s
    # five standard deviations (false alarm 6e-7), and 0.5 % for what the closed form leaves out
    assert abs(len(found) - mean) < 5 * sqrt(mean) + 0.005 * mean
    accidental = expected.accidental_hz * found.common_s
    assert found.accidentals == pytest.approx(accidental, rel=0.02)


def test_far_from_the_peak_coincidences_are_accidental(run, found):
    moved = found.alignment.to_alice(found.bob.times_ps)
    count = 0
    for shift in range(1, 41):
        count += len(match(found.alice.times_ps, moved + 50_000 * shift, 1000)[0])
    mean = 40 * SOURCE.coincidences(Fiber(60), detector=DETECTOR).accidental_hz * found.common_s
    assert abs(count - mean) < 5 * sqrt(mean) + 0.01 * mean


def test_pairs_that_were_made_together_are_matched_together(run, found):
    """Errors of the key are those of the source: were pairs matched at random, half of the bits would differ."""
    alice, bob = (records.consume() for records in found.records(seed=1))
    same = alice.settings == bob.settings
    wrong = float(np.mean(alice.bits[same] != bob.bits[same]))
    n = int(same.sum())
    # misaligned at either end, and accidentals half the time
    expected = 2 * 0.01 * 0.99 + found.accidentals / len(found) / 2
    assert abs(wrong - expected) < 5 * sqrt(expected / n) + 0.002
    other = float(np.mean(alice.bits[~same] != bob.bits[~same]))
    assert abs(other - 0.5) < 5 * 0.5 / sqrt(int((~same).sum()))
    assert abs(n / len(found) - 0.5) < 5 * 0.5 / sqrt(len(found))


def test_end_to_end_to_a_key_and_none_where_eve_listens(found):
    key = distill(*found.records(seed=1), agreement=found.agreement(), seed=1)
    assert len(key) > 5_000
    assert key.simulated
    spied = simulate_tags(SOURCE, Fiber(60), duration_s=2.0, seed=5, detector=DETECTOR, intercepted=1.0)
    heard = find_coincidences(spied.alice, spied.bob, receivers=ENDS)
    assert abs(len(heard) - len(found)) < 5 * sqrt(2 * len(found))  # the clocks tell nothing of her
    none = distill(*heard.records(seed=1), agreement=heard.agreement(), seed=1)
    assert not none
    assert none.qber.low > 0.2


@pytest.mark.parametrize("drift", [-9e-6, 9e-6])
def test_poor_clocks(drift):
    run = simulate_tags(SOURCE, Fiber(60), duration_s=1.0, seed=7, detector=DETECTOR, offset_s=0.01, drift=drift)
    found = find_coincidences(run.alice, run.bob, receivers=ENDS, max_offset_s=0.05, max_drift=1e-5)
    assert found.alignment.drift == pytest.approx(drift, abs=1e-9)
    assert len(found) > 0.9 * run.true_pairs


def test_peaks_too_high_for_a_probability_are_told_apart():
    """At 150,000 coincidences a second the tail is 0.0 at a wrong drift too; the highest peak is the right one."""
    run = simulate_tags(
        ContinuousSource(pair_rate_hz=2e6),
        Fiber(40),
        duration_s=1.0,
        seed=4,
        detector=DETECTOR,
        offset_s=0.03,
        drift=3e-7,
    )
    found = find_coincidences(run.alice, run.bob, receivers=ENDS, max_offset_s=0.5)
    assert found.alignment.drift == pytest.approx(3e-7, abs=1e-9)
    assert found.alignment.locked_share > 0.99
    assert len(found) > 0.95 * run.true_pairs


def test_a_run_with_the_light_off_for_a_while_is_bridged():
    run = simulate_tags(SOURCE, Fiber(60), duration_s=2.0, seed=8, detector=DETECTOR, offset_s=0.1, drift=1e-7)
    dark = (run.bob.times_ps > 1.55e12) & (run.bob.times_ps < 1.65e12)
    bob = TimeTags(run.bob.times_ps[~dark], run.bob.channels[~dark], True)
    found = find_coincidences(run.alice, bob, receivers=ENDS)
    assert 0.9 < found.alignment.locked_share < 0.97
    assert len(found) == pytest.approx(0.95 * 0.965 * run.true_pairs, rel=0.01)


def test_unrelated_files_are_said_to_be_so(rng, monkeypatch):
    monkeypatch.setattr(clock_search, "_LARGEST", 1 << 18)  # two stretches, so that it is quick
    refused = 0
    for _ in range(5):
        alice, bob = (np.sort(rng.integers(0, 10**12, 30_000)) for _ in range(2))
        try:
            align_clocks(alice, bob, max_offset_s=0.05)
        except NoCommonPeak as error:
            refused += "would give the highest peak found with probability" in str(error)
    assert refused == 5  # each deceives with at most 1e-9


def test_the_false_alarm_rate_is_kept(rng, monkeypatch):
    """With half of the runs allowed to deceive, about half or fewer do: 30 fair coins show 27 once in 10⁶."""
    monkeypatch.setattr(clock_search, "_LARGEST", 1 << 16)
    deceived = 0
    for _ in range(30):
        alice, bob = (np.sort(rng.integers(0, 10**11, 3_000)) for _ in range(2))
        try:
            align_clocks(alice, bob, max_offset_s=0.001, false_alarm=0.5)
        except NoCommonPeak:
            continue
        deceived += 1
    assert deceived < 27


def test_offsets_beyond_what_is_allowed_are_not_found():
    run = simulate_tags(SOURCE, Fiber(60), duration_s=1.0, seed=9, detector=DETECTOR, offset_s=0.2)
    with pytest.raises(NoCommonPeak, match="larger offset"):
        find_coincidences(run.alice, run.bob, receivers=ENDS, max_offset_s=0.1)


def test_match_is_the_same_as_by_hand(rng):
    alice, bob = np.sort(rng.integers(0, 2_000, 150)), np.sort(rng.integers(0, 2_000, 150))
    first, second = match(alice, bob, 10)
    assert (np.diff(first) > 0).all()
    assert (np.diff(second) > 0).all()
    assert (2 * np.abs(alice[first] - bob[second]) <= 10).all()

    def nearest(value, others):
        return min(range(len(others)), key=lambda i: (abs(others[i] - value), others[i], i))

    expected = []
    for i, moment in enumerate(alice):
        j = nearest(moment, bob)
        if 2 * abs(bob[j] - moment) <= 10 and nearest(bob[j], alice) == i:
            expected.append((i, j))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected


def test_clicks_of_several_detectors_at_once_are_decided_by_chance():
    starts = np.arange(4_000) * 10_000
    one = TimeTags.sorted(np.concatenate([starts, starts + 200]), np.repeat([1, 2], 4_000))
    rest = TimeTags.sorted(
        np.concatenate([one.times_ps, 10**9 + starts, 10**9 + starts + 100]),
        np.concatenate([one.channels, np.repeat([1, 4], 4_000)]),
    )
    with pytest.raises(ValueError, match="no click have 3"):
        ENDS[0].detections(rest, 1000)
    full = TimeTags.sorted(np.append(rest.times_ps, 2 * 10**9), np.append(rest.channels, 3))
    seen = ENDS[0].detections(full, 1000)
    assert len(seen) == 8_001
    assert seen.multiple == 8_000
    raw = seen.records(np.arange(8_001), seed=3).consume()
    assert not raw.settings[:4_000].any()
    assert 0.45 < raw.bits[:4_000].mean() < 0.55
    assert 0.45 < raw.settings[4_000:8_000].mean() < 0.55
    assert 0.45 < raw.bits[4_000:8_000].mean() < 0.55
    assert (raw.settings[-1], raw.bits[-1]) == (1, 0)
    # Basis and bit are two coins: of 4,000 rounds 0.45 to 0.55 is 6.3 standard deviations.
    assert 0.45 < (raw.settings[4_000:8_000] == raw.bits[4_000:8_000]).mean() < 0.55


def test_records_of_clicks_come_once_unless_for_study():
    """A second conversation about the same bits would disclose others of them."""
    tags = TimeTags([0, 10_000, 20_000, 30_000], [1, 2, 3, 4])
    places = np.arange(4)
    seen = ENDS[0].detections(tags, 1000)
    first = seen.records(places)
    assert (first.seeded, len(first)) == (False, 4)
    with pytest.raises(RecordsConsumed, match="new clicks must be recorded"):
        seen.records(places)
    assert seen.records(places, seed=1).seeded
    assert seen.records(places, seed=1).seeded
    for_study_first = ENDS[0].detections(tags, 1000)
    for_study_first.records(places, seed=1)
    with pytest.raises(RecordsConsumed):
        for_study_first.records(places)


def test_delays_of_channels_are_taken_off():
    receiver = Receiver(z=(1, 2), x=(3, 4), delays_ps={2: 700})
    tags = TimeTags([0, 10_700, 20_000, 30_000], [1, 2, 3, 4])
    assert receiver.detections(tags, 1000).times_ps.tolist() == [0, 10_000, 20_000, 30_000]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TimeTags([0, 5, 4], [1, 1, 1]), "click 2 .* 4 ps, the one before at 5 ps"),
        (lambda: TimeTags([0.5, 1.0], [1, 1]), "times_ps must be whole numbers"),
        (lambda: TimeTags([0, 1], [1, 256]), r"channels must lie in \[0, 255\]"),
        (lambda: TimeTags([0, 1], [1]), "one number a click"),
        (lambda: Receiver(z=(1, 2), x=(2, 3)), "four different channels"),
        (lambda: Receiver(z=(1, 2), x=(3, 4), delays_ps={9: 1}), "delays_ps must be of channels"),
        (lambda: ENDS[0].detections(TimeTags([0, 1], [1, 7]), 10), "not named are 7; no click have 2, 3, 4"),
        (lambda: align_clocks([3], [1, 2]), "alice_ps must be two whole numbers"),
        (lambda: align_clocks([1, 2], [2, 1]), "bob_ps must not fall"),
        (lambda: align_clocks([1, 2], [1, 2], max_drift=1e-3), "max_drift"),
    ],
)
def test_bad_input_is_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": None}, "source must be a ContinuousSource, got None"),
        ({"seed": "3"}, "seed must be a whole number"),
        ({"offset_s": float("nan")}, "offset_s must be a finite number, got nan"),
        ({"drift": True}, "drift must be a finite number, got True"),
        ({"wander": "3"}, "wander must be a finite number, got '3'"),
    ],
)
def test_what_cannot_be_simulated(change, said):
    with pytest.raises((TypeError, ValueError), match=said):
        simulate_tags(**{"source": SOURCE, "medium": Fiber(60), "duration_s": 0.01, "seed": 5, **change})


@pytest.mark.parametrize("delay", [1.5, float("nan"), "3", None, True, 1 << 61])
def test_delays_are_whole_picoseconds(delay):
    with pytest.raises(ValueError, match=r"delays_ps\[1\] must be a whole number of picoseconds"):
        Receiver(z=(1, 2), x=(3, 4), delays_ps={1: delay})


@pytest.mark.parametrize("receivers", [None, 3, "ab", (), (Receiver(z=(1, 2), x=(3, 4)), None)])
def test_what_is_no_receiver_is_refused(receivers):
    with pytest.raises((TypeError, ValueError), match=r"receivers.* must be"):
        find_coincidences(TimeTags([0], [1]), TimeTags([0], [1]), receivers=receivers)


def test_a_clock_that_drifts_faster_and_faster_is_followed_in_a_narrow_window():
    """Its rate smears the peak of the first stretch over several windows, and pieces must be no longer for that."""
    run = simulate_tags(SOURCE, Fiber(60), duration_s=2.0, seed=5, detector=DETECTOR, offset_s=0.05, wander=1e-8)
    found = find_coincidences(run.alice, run.bob, receivers=ENDS, window_s=0.2e-9, max_offset_s=0.1)
    moments = found.alignment.moments_ps
    assert len(moments) > 0.8 * run.true_pairs / 300
    truth = 0.05e12 + 0.5 * 1e-8 / 1e12 * moments**2
    # some 100 of 300 pairs are within the window, whose half tells the center to 10 ps; the slope at the ends adds
    assert np.abs(found.alignment.differences_ps - truth).max() < 200


def test_too_many_clicks_for_an_offset_are_told():
    """What helps is a smaller offset: the same clicks are then found to fit."""
    clicks = np.cumsum(np.random.default_rng(3).integers(1, 400_000, 500_000))
    with pytest.raises(NoCommonPeak, match=r"5e\+06 clicks a second are too many .*allow a smaller offset"):
        align_clocks(clicks, clicks)
    assert align_clocks(clicks, clicks, max_offset_s=0.01).offset_s == pytest.approx(0.0, abs=1e-9)
