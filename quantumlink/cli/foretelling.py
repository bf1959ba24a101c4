"""How long a command will take, told on standard error before it begins what is long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING

from rich.console import Console

from quantumlink.progress import foretold, in_words

if TYPE_CHECKING:
    from quantumlink.qkd.protocols import Session

SHORT_S = 5.0
"""Nothing is told of what takes less."""

MUCH_LONGER = 3.0
"""By what factor work must take longer than was told to be told of again."""

_told_s: dict[str, float] = {}
"""How long the work of the command that runs was said to take, by what it is; "" is all of it."""


@contextmanager
def steps_told() -> Iterator[None]:
    """While this lasts, tell how long work is going to take by its first steps, if nothing else was told of it."""
    _told_s.clear()
    with foretold(_tell_of_steps):
        yield


def _tell_of_steps(description: str, seconds: float) -> None:
    told_s = _told_s.get(description, SHORT_S / MUCH_LONGER)
    if "" not in _told_s and seconds > MUCH_LONGER * told_s:
        _told_s[description] = seconds
        _say(description if seconds == inf else f"{description}: this will take about {in_words(seconds)}")


def tell_part(description: str) -> None:
    """Tell of work by its first steps where it alone takes a good second already, since more is to follow.

    Args:
        description: what it is tracked as.
    """
    _told_s.setdefault(description, SHORT_S / MUCH_LONGER**2)


def tell_duration(session: Session, *, times: int = 1, sifted_only: bool = False) -> None:
    """Tell how long a session will take, if that is long.

    Args:
        session: the session.
        times: how often it is run.
        sifted_only: whether it is only sifted.

    Raises:
        ValueError: if memory does not hold its rounds.
    """
    from quantumlink.qkd.duration import expected_duration_s

    _told_s[""] = inf  # nothing is told of the trial run itself, nor of the steps of what it tells of
    seconds = expected_duration_s(session, sifted_only=sifted_only)
    if seconds is None:
        del _told_s[""]
    else:
        tell_seconds(times * seconds)


def tell_seconds(seconds: float) -> None:
    """Tell how long it will take, if that is long; then nothing is told of its steps."""
    if seconds > SHORT_S:
        _told_s[""] = seconds
        _say(f"this will take about {in_words(seconds)}")


@contextmanager
def told_limit(seconds: float, option: str) -> Iterator[None]:
    """Tell how long it takes at most, once it has taken long: often it is done before.

    Args:
        seconds: the limit.
        option: what sets it.
    """
    text = f"this will take at most about {in_words(seconds)} ({option})"
    timer = threading.Timer(SHORT_S, lambda: _say(text))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)
