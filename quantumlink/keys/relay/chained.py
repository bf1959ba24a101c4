"""What a relayed key may fail with: all that the blocks of key may fail with that it used up, and its tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quantumlink.keys.material import Position, Provenance


def chained_epsilon(accounts: Sequence[Provenance], used: Iterable[Position], forgery: float) -> float | None:
    """What one hop adds to the failure probability of a key.

    Args:
        accounts: of the pool that the hop used up, one for each source. A stretch does not say with which account
            it came, so the worst one counts for each block.
        used: the stretches.
        forgery: probability with which its tags may be forged.

    Returns:
        The sum; None if nobody knows what some of the key may fail with.

    >>> account = Provenance(link="a–b", protocol="bbm92", origin="device", epsilon=1e-10)
    >>> chained_epsilon([account], [Position("line/4/0", 0, 32), Position("line/5/0", 0, 32)], 0.0)
    2e-10
    """
    known = [account.failure_probability for account in accounts]
    each = [epsilon for epsilon in known if epsilon is not None]
    if len(each) < len(known):
        return None
    blocks = {position.chunk.rpartition("/")[0] for position in used}
    return len(blocks) * max(each, default=0.0) + forgery


def added_up(parts: Iterable[float | None]) -> float | None:
    """The sum of failure probabilities, at most 1; None if one of them is unknown."""
    found = list(parts)
    known = [part for part in found if part is not None]
    return min(1.0, sum(known)) if len(known) == len(found) else None
