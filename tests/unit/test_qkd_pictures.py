"""Pictures of keys: what they show is what the key, the attack and the monitor say."""

import numpy as np
import pytest

from quantumlink import Fiber
from quantumlink.qkd import BB84, InterceptResend, Monitor
from quantumlink.visualization.qkd import draw_error_rate, draw_eve, draw_key


def played(fraction=None, rounds=100_000):
    eve = None if fraction is None else InterceptResend(fraction)
    session = BB84(medium=Fiber(0), rounds=rounds, seed=7, eavesdropper=eve)
    return session, session.run()


def bars(axes):
    """(left, right) of each bar, in the order in which they were drawn."""
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]


def labels(axes):
    return [text.get_text().replace("\n", " ") for text in axes.get_yticklabels()]


def test_the_waterfall_falls_from_the_sifted_bits_to_the_key():
    _, key = played()
    (axes,) = draw_key(key).axes
    drawn = bars(axes)
    assert drawn[0] == (0, key.sifted - key.tested)
    level = drawn[0][1]
    for left, right in drawn[1:-1]:  # each step begins where the last one ended
        assert right == pytest.approx(level)
        level = left
    assert drawn[-1] == (0, len(key))
    assert drawn[-2][0] == pytest.approx(len(key))
    assert labels(axes)[-1] == "secret key"
    assert [label for label, bits in key.ledger if bits] == labels(axes)[:-1]


def test_a_refused_key_is_drawn_as_refused():
    _, key = played(1.0)
    (axes,) = draw_key(key).axes
    assert bars(axes)[-1] == (0, 0)
    assert axes.texts[-1].get_text() == "refused"


def test_eve_stands_beside_what_the_bound_granted_her():
    session, key = played(0.1)
    ledger, eve = draw_key(key, session=session).axes
    assert "BB84" in ledger.get_title()
    granted, holevo, mutual = (right for _, right in bars(eve))
    assert granted == pytest.approx(1 - key.terms.entropy_bits / key.terms.n)
    # a tenth of the bits, of which she knows half
    assert (holevo, mutual) == (pytest.approx(0.05), pytest.approx(0.05))


def test_several_attacks_in_one_picture():
    cases = {"a tenth": played(0.1), "all": played(1.0)}
    (axes,) = draw_eve(cases).axes
    assert labels(axes) == ["a tenth", "all"]
    outcomes = [text.get_text() for text in axes.texts]
    assert outcomes == [f"{len(cases['a tenth'][1]):,} bits", "no key"]


def test_pictures_of_eve_need_her():
    with pytest.raises(ValueError, match="at least one"):
        draw_eve({})
    with pytest.raises(ValueError, match="sessions with an eavesdropper"):
        draw_eve({"nobody": played()})


def watched(rounds=20_000, seed=7):
    """A monitor that sees 2 % of errors, and 8 % from the middle on."""
    rng = np.random.default_rng(seed)
    errors = rng.random(rounds) < np.where(np.arange(rounds) < rounds // 2, 0.02, 0.08)
    monitor = Monitor(0.02, attack=0.06)
    monitor.update(errors)
    return monitor


def lines(axes):
    return {line.get_label().split(",")[0]: line.get_xdata() for line in axes.lines}


def test_the_alarm_stands_where_it_was():
    monitor = watched()
    (alarm,) = monitor.alarms
    (axes,) = draw_error_rate(monitor, attack_from=10_000).axes
    found = lines(axes)
    assert found[f"alarm at round {alarm.round}"][0] == alarm.round
    assert found[f"rise since round {alarm.change.round}"][0] == alarm.change.round
    assert axes.get_title() == f"one alarm in {monitor.rounds()} compared rounds"


def test_the_blocks_hold_all_errors():
    monitor = watched()
    (axes,) = draw_error_rate(monitor).axes
    _, stairs = (patch for patch in axes.patches if hasattr(patch, "get_data"))  # the first is their intervals
    rates, edges, _ = stairs.get_data()
    assert rates @ np.diff(edges) == pytest.approx(monitor.errors().sum())


def test_one_stream_of_several():
    monitor = Monitor({"Z": 0.01, "X": 0.02}, attack=0.06, policy="record")
    monitor.update(np.zeros(500, dtype=int), "Z")
    assert draw_error_rate(monitor, stream="Z").axes[0].get_title() == "no alarm in 500 compared rounds"
    with pytest.raises(ValueError, match="at least one round"):
        draw_error_rate(monitor, stream="X")
    with pytest.raises(ValueError, match="say which stream"):
        draw_error_rate(monitor)
    with pytest.raises(ValueError, match="attack_from"):
        draw_error_rate(monitor, stream="Z", attack_from=-1)


def test_titles_are_whole_in_small_pictures():
    monitor = Monitor(0.01, attack=0.05)
    monitor.update(np.zeros(2_000, dtype=bool))
    _, key = played()
    for figure in (draw_key(key, size=(4, 3)), draw_error_rate(monitor, size=(2.2, 2.2))):
        figure.canvas.draw()
        title = figure.axes[0].title.get_window_extent()
        assert title.x0 >= 0
        assert title.x1 <= figure.bbox.width
