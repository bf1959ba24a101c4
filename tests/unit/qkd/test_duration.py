"""How long a session takes, told beforehand: the pilot's time, scaled by the rounds that reach the ends."""

import pytest

from quantumlink import progress
from quantumlink.hardware import Fiber
from quantumlink.qkd import BB84, Conference, DecoyBB84, DecoyMDI, Ldpc, TwinField, duration
from quantumlink.qkd.duration import expected_duration_s


@pytest.fixture
def clock(monkeypatch):
    """Every look at the clock is half a second after the one before."""
    moments = iter(range(1000))
    monkeypatch.setattr(duration, "perf_counter", lambda: next(moments) / 2)


def test_short_sessions_say_nothing(clock):
    assert expected_duration_s(BB84(medium=Fiber(0), rounds=duration.SHORT - 1, seed=1)) is None
    lossy = BB84(medium=Fiber(100), rounds=10 * duration.SHORT, seed=1)
    assert expected_duration_s(lossy) is None  # of these few are detected


@pytest.mark.parametrize(
    "session",
    [
        DecoyBB84(medium=Fiber(50), rounds=10**8, seed=1),
        DecoyMDI(medium_a=Fiber(25), medium_b=Fiber(25), rounds=10**9, seed=1),
        TwinField(medium_a=Fiber(50), medium_b=Fiber(50), rounds=10**9, seed=1),
    ],
)
def test_sessions_of_ten_seconds_say_so(session, clock, monkeypatch):
    """Lengths and rounds are those of the command line."""
    monkeypatch.setattr(duration, "_run", lambda played: played.drawn_rounds)
    assert expected_duration_s(session) == pytest.approx(0.5 * session.drawn_rounds / 500_000, rel=0.1)


@pytest.mark.parametrize("change", [{}, {"reconciliation": Ldpc()}, {"medium": Fiber(1)}, {"z_probability": 0.999}])
def test_the_pilots_time_is_scaled(change, clock, monkeypatch):
    """With z = 0.999 the pilot is refused before it corrects anything: that is then done apart."""
    monkeypatch.setattr(duration, "_PILOT", 20_000)
    corrected = []
    monkeypatch.setattr(duration, "_correct", lambda session, key: corrected.append(key.rounds))
    session = BB84(**{"medium": Fiber(0), "rounds": 2 * duration.SHORT, "seed": 1} | change)
    expected = 0.5 * session.drawn_rounds / 20_000
    assert expected_duration_s(session) == pytest.approx(expected, rel=0.05)
    assert (max(corrected, default=0) > 10_000) == ("z_probability" in change)


def test_what_the_pilot_left_out_is_done(monkeypatch):
    done = []

    class Noting(Ldpc):
        def reconcile(self, alice_bits, bob_bits, *, qber, seed=None):
            done.append((len(alice_bits), qber, float((alice_bits != bob_bits).mean())))

    monkeypatch.setattr(duration, "_PILOT", 20_000)
    session = BB84(medium=Fiber(0), rounds=2 * duration.SHORT, seed=1, z_probability=0.999, reconciliation=Noting())
    assert expected_duration_s(session) > 0
    n, qber, differing = done[-1]
    assert 15_000 < n < 20_000
    assert qber == 0.001
    assert abs(differing - qber) < 6 * (qber / n) ** 0.5


def test_a_conference_tells_it_too(clock, monkeypatch):
    monkeypatch.setattr(duration, "_PILOT", 20_000)
    session = Conference(media=[Fiber(0)] * 3, rounds=2 * duration.SHORT, seed=1)
    monkeypatch.setattr(duration, "_correct", lambda session, key: None)
    assert expected_duration_s(session) == pytest.approx(0.5 * 2 * duration.SHORT / 20_000, rel=0.01)


def interrupted_at(place):
    for item in progress.track(range(7), "reconciling"):
        if item == place:
            raise KeyboardInterrupt


def test_the_last_step_is_known_to_whoever_was_interrupted():
    with pytest.raises(KeyboardInterrupt):
        interrupted_at(4)
    assert progress.last_step() == "reconciling, 4 of 7"
