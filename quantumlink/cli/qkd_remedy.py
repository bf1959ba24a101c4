"""From how many rounds on a session may expect a key, where it gave none."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from quantumlink.qkd.expectation import expected_key
from quantumlink.qkd.protocols import Session

MOST_ROUNDS = 10**17
"""Of more nothing is told: a source of a gigahertz takes three years for them."""

STEP = 4
"""By how much the number of rounds grows from one try to the next; then it is halved twice."""

PATIENCE_S = 3.0
"""How long is looked, where a single expectation takes long."""


def rounds_to_expect_a_key(session: Session) -> int | None:
    """About how many rounds, within a factor of two; None if not even very many, or if that is not known.

    The settings stay as they are, and whoever listens is left out of it: nobody may count on her.
    """
    started = monotonic()

    def gives(rounds: int) -> bool:
        return expected_key(replace(session, rounds=rounds)).bits > 0

    try:
        rounds = max(session.rounds, 1)
        while not gives(rounds):
            rounds *= STEP
            if rounds > MOST_ROUNDS or monotonic() - started > PATIENCE_S:
                return None
        return rounds // 2 if rounds > session.rounds and gives(rounds // 2) else rounds
    except (TypeError, ValueError, OverflowError):  # a session of whose rounds nothing is to be expected
        return None
