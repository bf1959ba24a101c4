"""How long a network under load will take is said beforehand, rightly, and only of long runs."""

from itertools import pairwise
from time import process_time

import pytest

from quantumlink import Memory, Network, Node, operate
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand
from quantumlink.network.control import duration, expected_duration_s, operating, pace
from quantumlink.network.control.pace import Pace


@pytest.fixture
def processor_time(monkeypatch):
    """The clock is the processor's, so that a busy machine changes nothing."""
    monkeypatch.setattr(pace, "perf_counter", process_time)
    monkeypatch.setattr(operating, "SHORT_S", 0.0)
    monkeypatch.setattr(duration, "SHORT_S", 0.0)


def chained(hops=3):
    nodes = [Node(f"n{i}", memory=Memory(t2_s=1.0)) for i in range(hops + 1)]
    half = {"success_probability": 0.5, "attempt_time_s": 1e-3, "fidelity": 0.98}
    network = Network(nodes, [ElementaryLink(a, b, **half) for a, b in pairwise(nodes)])
    return network, [Demand("n0", f"n{hops}")]


@pytest.mark.parametrize("trials", [1, 4, 100])
def test_what_is_said_is_what_it_takes(processor_time, trials):
    """Within a factor of two and a half; the run is some three times as long as its beginning."""
    network, demands = chained()
    options = {"duration_s": 12 / trials, "trials": trials, "seed": 7, "records": 0}
    said = expected_duration_s(network, demands, **options)
    started = process_time()
    operate(network, demands, **options)
    assert 0.4 < said / (process_time() - started) < 2.5


def test_of_short_runs_nothing_is_said(monkeypatch, capsys):
    monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda _: True))
    network, demands = chained()
    assert expected_duration_s(network, demands, duration_s=0.2, seed=1) is None
    operate(network, demands, duration_s=0.2, seed=1)
    assert "takes about" not in capsys.readouterr().err


def test_a_long_run_says_so_to_who_watches(processor_time, monkeypatch, capsys):
    monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda _: True))
    monkeypatch.setattr(pace, "PILOT_S", 0.05)
    network, demands = chained()
    operate(network, demands, duration_s=3, seed=1)
    assert capsys.readouterr().err.count("operating takes about") == 1


def test_nothing_changes_by_asking():
    """The run after it is the one without."""
    network, demands = chained()
    expected = operate(network, demands, duration_s=0.5, seed=3).as_dict()
    expected_duration_s(network, demands, duration_s=0.5, seed=3)
    assert operate(network, demands, duration_s=0.5, seed=3).as_dict() == expected


def test_what_operate_refuses_is_refused():
    network, demands = chained()
    with pytest.raises(ValueError, match="duration_s must be"):
        expected_duration_s(network, demands, duration_s=-1)
    with pytest.raises(TypeError, match="duration"):
        expected_duration_s(network, demands)


def test_the_pace_is_told_once_and_by_what_was_done_since_the_first_note(monkeypatch):
    now = iter([10.0, 10.3, 10.7, 11.0])
    monkeypatch.setattr(pace, "perf_counter", lambda: next(now))
    seen = Pace(8)
    assert [seen.note(done) for done in (1.0, 1.5, 2.4, 3.0)] == [None, None, pytest.approx(0.7 / 1.4 * 8), None]
