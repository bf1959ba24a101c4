"""How long a command will take, told on standard error before it begins what is long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from quantumlink.progress import in_words
from quantumlink.qkd.duration import expected_duration_s
from quantumlink.qkd.protocols import Session

SHORT_S = 5.0
"""Nothing is told of what takes less."""


def tell_duration(session: Session, *, times: int = 1, sifted_only: bool = False) -> None:
    """Tell how long a session will take, if that is long.

    Args:
        session: the session.
        times: how often it is run.
        sifted_only: whether it is only sifted.

    Raises:
        ValueError: if memory does not hold its rounds.
    """
    seconds = expected_duration_s(session, sifted_only=sifted_only)
    if seconds is not None:
        tell_seconds(times * seconds)


def tell_seconds(seconds: float) -> None:
    """Tell how long it will take, if that is long."""
    if seconds > SHORT_S:
        Console(stderr=True).print(f"this will take about {in_words(seconds)}", highlight=False)


@contextmanager
def told_limit(seconds: float, option: str) -> Iterator[None]:
    """Tell how long it takes at most, once it has taken long: often it is done before.

    Args:
        seconds: the limit.
        option: what sets it.
    """
    text = f"this will take at most about {in_words(seconds)} ({option})"
    timer = threading.Timer(SHORT_S, lambda: Console(stderr=True).print(text, highlight=False))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
