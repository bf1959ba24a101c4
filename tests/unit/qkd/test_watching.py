"""Watched sessions: what a block discloses goes to the monitor, and nothing runs after its alarm."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from quantumlink.hardware import Detector, Fiber, Node
from quantumlink.link import ElementaryLink
from quantumlink.qkd import BB84, BBM92, Conference, InterceptResend, Monitor
from quantumlink.qkd.watching import blocks_of, watch

QUIET = BB84(medium=Fiber(0), rounds=10_000, seed=11, detector=Detector(misalignment=0.02))
RATES = {"Z": 0.02, "X": 0.02}


def monitor(**options):
    # 10⁹ rounds between false alarms: below 10⁻⁵ for a test of 10⁴ watched rounds, and the seeds are fixed.
    return Monitor(RATES, attack=0.1, rounds_between_false_alarms=1e9, **options)


def test_blocks_differ_in_nothing_but_their_seeds():
    found = list(blocks_of(QUIET, 5))
    assert len({block.seed for block in found}) == 5
    assert all(replace(block, seed=QUIET.seed) == QUIET for block in found)
    assert [block.seed for block in blocks_of(QUIET, 2, first=3)] == [block.seed for block in found[3:]]
    assert list(blocks_of(QUIET, 0)) == []


def test_the_monitor_sees_just_what_was_compared():
    watched = monitor(policy="record")
    run = list(watch(blocks_of(QUIET, 4), watched))
    assert [block.index for block in run] == [0, 1, 2, 3]
    for name, errors in (("Z", watched.errors("Z")), ("X", watched.errors("X"))):
        assert abs(errors.mean() - 0.02) < 0.02, name
    tested = sum(len(block.sifted.test_alice) for block in run)
    assert watched.rounds("X") == tested
    assert watched.errors("X").sum() == sum(block.sifted.test_errors for block in run)
    left = sum(len(block.key_alice) for block in run)
    assert watched.rounds("Z") + left == sum(len(block.sifted.key_alice) for block in run)
    wrong = sum(np.count_nonzero(block.sifted.key_alice != block.sifted.key_bob) for block in run)
    unseen = sum(np.count_nonzero(block.key_alice != block.key_bob) for block in run)
    assert watched.errors("Z").sum() + unseen == wrong


@pytest.mark.parametrize("basis", ["random", "Z", "X"])
@pytest.mark.parametrize("policy", ["pause", "abort"])
def test_nothing_runs_after_the_alarm(basis, policy):
    asked = []

    def line():
        heard = replace(QUIET, eavesdropper=InterceptResend(0.8, basis=basis))
        for session in chain(blocks_of(QUIET, 6), blocks_of(heard, 30, first=6)):
            asked.append(session)
            yield session

    watched = monitor(policy=policy)
    run = list(watch(line(), watched))
    assert len(asked) == len(run) < 12
    assert [bool(block.alarms) for block in run] == [False] * (len(run) - 1) + [True]
    assert run[-1].session.eavesdropper is not None
    # An attack in one basis disturbs the other one only.
    (alarm,) = watched.alarms
    assert {"Z": {"X"}, "X": {"Z"}, "random": {"X", "Z"}}[basis] >= {alarm.stream}
    # The rise is dated to the rounds of that stream in the sixth block and later.
    share = alarm.change.round / sum(
        len(b.sifted.test_alice if alarm.stream == "X" else b.sifted.key_alice)
        - (0 if alarm.stream == "X" else len(b.key_alice))
        for b in run[:6]
    )
    assert 0.9 < share < 1.3
    with pytest.raises(RuntimeError, match=watched.state):
        watch(line(), watched)


def test_a_paused_line_goes_on_where_it_stopped():
    watched = monitor(policy="pause")
    heard = replace(QUIET, eavesdropper=InterceptResend(1.0))
    left = chain(blocks_of(QUIET, 2), blocks_of(heard, 1, first=2), blocks_of(QUIET, 3, first=3))
    before = list(watch(left, watched))
    assert watched.state == "paused"
    watched.resume()
    after = list(watch(left, watched))
    assert len(before) + len(after) == 6
    assert watched.state == "running"


def test_one_stream_takes_both_bases():
    watched = Monitor(0.02, attack=0.1, policy="record")
    run = list(watch(blocks_of(QUIET, 3), watched))
    compared = sum(len(b.sifted.test_alice) + len(b.sifted.key_alice) - len(b.key_alice) for b in run)
    assert watched.rounds() == compared


def test_each_block_makes_a_key_of_its_own_and_its_conversation_is_watched():
    """That the watch stops spoils no proof: no block waits for what another one shows."""
    session = replace(QUIET, rounds=200_000)
    watched = monitor(policy="record")
    run = list(watch(blocks_of(session, 3), watched, keys=True))
    assert all(len(block.key) > 1_000 for block in run)
    assert watched.rounds("Z") == sum(block.key.sampled for block in run)
    assert watched.rounds("X") == sum(block.key.tested for block in run)
    seen = sum(round(block.key.test_qber * block.key.tested) for block in run)
    assert int(watched.errors("X").sum()) == seen
    assert len({block.key.secret_bits.tobytes() for block in run}) == 3
    assert sum(block.key.epsilon for block in run) == pytest.approx(6e-10)
    assert all(block.key is None for block in watch(blocks_of(session, 1), monitor(policy="record")))


@pytest.mark.parametrize(
    "session",
    [
        BBM92(link=ElementaryLink(Node("alice"), Node("bob"), fidelity=0.97), rounds=5_000, seed=5),
        Conference(media=[Fiber(0)] * 3, rounds=5_000, seed=5),
        replace(QUIET, rounds=1),
    ],
    ids=["pairs", "conference", "one round"],
)
def test_any_session_can_be_watched(session):
    first, again = (list(watch(blocks_of(session, 2), monitor(policy="record"))) for _ in range(2))
    assert len(first) == 2
    assert np.array_equal(first[1].key_alice, again[1].key_alice)


def test_bits_are_in_no_text():
    (block,) = watch(blocks_of(QUIET, 1), monitor())
    assert "array" not in repr(block)


def test_bad_input():
    with pytest.raises(ValueError, match="streams Z and X, or a single one; got A, B"):
        watch([], Monitor({"A": 0.02, "B": 0.02}, attack=0.1))
    with pytest.raises(TypeError, match="sessions must be sessions"):
        list(watch([QUIET, "BB84"], monitor()))
    with pytest.raises(TypeError, match="session must be a session"):
        blocks_of("BB84", 3)
    with pytest.raises(ValueError, match="count must be a whole number"):
        blocks_of(QUIET, -1)
