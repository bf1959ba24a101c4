"""How long a command will take, told on standard error before it begins what is long."""

from __future__ import annotations

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
