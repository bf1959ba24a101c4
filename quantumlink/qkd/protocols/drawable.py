"""How many rounds can be drawn one by one: what a session says before it begins what it could not end."""

from __future__ import annotations

from typing import Final

from quantumlink.validation import memory_bytes

MOST_ROUNDS: Final = 10**18
"""Rounds that whole numbers of 64 bits count."""

_BYTES: Final = 70
"""Memory for each detected round from its place to the key, at most; 52 to 62 were measured with Cascade."""

_EXPECT = "quantumlink.qkd.expected_key(session) tells what key to expect of any number"


def check_rounds(rounds: int) -> None:
    """Refuse more rounds than can be counted.

    Raises:
        ValueError: if there are more than `MOST_ROUNDS`.
    """
    if rounds > MOST_ROUNDS:
        raise ValueError(f"rounds must be at most {MOST_ROUNDS:.0e} to be drawn, got {rounds:.3g}; {_EXPECT}")


def check_detected(rounds: int, detected: int) -> None:
    """Refuse what this machine has no memory for.

    Args:
        rounds: rounds of the session.
        detected: how many of them are detected.

    Raises:
        ValueError: if their bits take more memory than there is.
    """
    memory = memory_bytes()
    if memory and detected * _BYTES > memory:
        fit = float(f"{rounds * (memory / _BYTES / detected):.0e}")
        raise ValueError(
            f"rounds must be at most about {fit:.0e} to be drawn on this machine, got {rounds:.3g}: of these "
            f"{detected:.3g} are detected, which takes {detected * _BYTES / 1e9:.0f} GB of memory, and there are "
            f"{memory / 1e9:.0f}; {_EXPECT}"
        )
