"""Progress: it never changes the work, and nobody who is not watching sees it."""

import pytest

from quantumlink import progress
from quantumlink.progress import doing, foretold, steps, track


@pytest.fixture
def at_once(monkeypatch):
    """Show progress from the second item on, not after a second of work."""
    monkeypatch.setattr(progress, "DELAY_S", -1.0)


@pytest.fixture
def watched(monkeypatch, at_once):
    """As if standard error were a terminal."""
    monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda _: True))
    monkeypatch.setattr("rich.console.Console.is_jupyter", False, raising=False)


@pytest.mark.parametrize("items", [[], [1], [3, 1, 2], list(range(1000)), "abc", (None, None)])
def test_yields_all_items_in_order(items):
    assert list(track(items, "working")) == list(items)


@pytest.mark.parametrize("items", [[], [1], list(range(50))])
def test_yields_all_items_while_watched(watched, items):
    assert list(track(items, "working")) == items


def test_silent_when_not_a_terminal(at_once, capfd):
    assert list(track(range(100), "working")) == list(range(100))
    assert capfd.readouterr() == ("", "")


def test_silent_when_quick(monkeypatch, watched, capsys):
    monkeypatch.setattr(progress, "DELAY_S", 60.0)
    list(track(range(100), "working"))
    assert capsys.readouterr() == ("", "")


def test_shown_on_standard_error_in_a_terminal(watched, capsys):
    for _ in track(range(5), "counting sheep"):
        pass
    out, err = capsys.readouterr()
    assert out == ""
    assert "counting sheep" in err


@pytest.mark.parametrize("mode", ["unwatched", "in a terminal"])
def test_an_exception_goes_through_and_the_next_work_is_shown(mode, request, capsys):
    request.getfixturevalue("at_once" if mode == "unwatched" else "watched")

    def work():
        for i in track(range(10), "failing"):
            if i == 5:
                raise RuntimeError("broken at 5")

    with pytest.raises(RuntimeError, match="broken at 5"):
        work()
    # Whatever was shown is gone, so that another bar can start and the cursor is there again.
    assert list(track(range(3), "again")) == [0, 1, 2]
    err = capsys.readouterr().err
    assert err.count("\x1b[?25l") == err.count("\x1b[?25h")


def test_an_interrupt_goes_through(watched):
    def work():
        for _ in track(range(10), "interrupted"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()


def test_leaving_early_is_fine(watched, capsys):
    for i in track(range(10), "leaving"):
        if i == 3:
            break
    generator = track(range(10), "closing")
    assert next(generator) == 0
    assert next(generator) == 1
    generator.close()
    err = capsys.readouterr().err
    assert err.count("\x1b[?25l") == err.count("\x1b[?25h")
    assert list(track(range(3), "again")) == [0, 1, 2]


def test_items_are_taken_one_by_one():
    """The work of an item is done before the next one is taken."""
    log = []

    class Items:
        def __len__(self):
            return 3

        def __iter__(self):
            for i in range(3):
                log.append(("taken", i))
                yield i

    for i in track(Items(), "working"):
        log += [("done", i)]
    assert log == [(what, i) for i in range(3) for what in ("taken", "done")]


def test_nested_work(watched):
    """Two bars at once must not stop each other."""
    seen = [(i, j) for i in track(range(3), "outer") for j in track(range(3), "inner")]
    assert seen == [(i, j) for i in range(3) for j in range(3)]


def test_what_cannot_tell_how_far_it_is_is_said_to_who_watches(watched, capsys):
    with doing("compiling the loop"):
        pass
    assert "compiling the loop" in capsys.readouterr().err


def test_nobody_watching_nothing_is_said(capfd):
    with pytest.raises(ZeroDivisionError), doing("compiling the loop"):
        raise ZeroDivisionError
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def clock(monkeypatch):
    """A clock that is moved by hand: a list of the one moment."""
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_how_long_it_will_take_is_told_by_the_steps_after_the_first(clock):
    """Ten seconds of loading and 50 steps of 2 s each are 110 s in all; what is within a step tells nothing."""
    told = []
    with foretold(lambda what, seconds: told.append((what, seconds))), steps(51, "choosing") as step:
        clock[0] += 10.0
        step()
        assert not told
        for _ in range(50):
            for _ in track(range(4), "inner"):
                clock[0] += 0.5
            step()
    assert {what for what, _ in told} == {"choosing"}
    assert [seconds for _, seconds in told] == pytest.approx([110.0] * 49)
    list(track(range(9), "nobody asks"))
    assert len(told) == 49


def test_nothing_is_foretold_of_what_is_quick(clock):
    told = []
    with foretold(lambda *found: told.append(found)):
        for _ in track(range(9), "quick"):
            clock[0] += 0.1
    assert not told


def test_what_cannot_tell_how_far_it_is_is_foretold_without_end(capfd):
    told = []
    with foretold(lambda *found: told.append(found)), doing("compiling the loop"):
        pass
    assert told == [("compiling the loop", float("inf"))]
