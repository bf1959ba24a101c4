"""How long a session will take on this machine, told before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np

from quantumlink.distillation.key import Key
from quantumlink.qkd.protocols.drawable import check_detected
from quantumlink.qkd.protocols.session import Session

SHORT = 3_000_000
"""Sessions with fewer detected rounds are done in some five seconds: nothing is told of them."""

_PILOT, _FIRST = 500_000, 20_000
_LEAST_QBER = 0.001


def expected_duration_s(session: Session, *, sifted_only: bool = False) -> float | None:
    """Seconds that ``session.run()`` will take, by a run of some 500,000 of its rounds; None if it is short.

    It is to be right within a factor of two: the work of all stages grows as the rounds that reach both ends do.

    Args:
        session: the session.
        sifted_only: tell of ``session.sift()`` instead.

    Raises:
        ValueError: as ``session.run()`` does where memory does not hold the rounds, but before they are drawn.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd.protocols import BB84
    >>> expected_duration_s(BB84(medium=Fiber(10), rounds=1_000_000, seed=1)) is None
    True
    """
    drawn = session.drawn_rounds
    if drawn < SHORT:
        return None
    pilot, first = (replace(session, rounds=max(1, round(session.rounds * n / drawn))) for n in (_PILOT, _FIRST))
    play: Callable[[Session], int] = _sift if sifted_only else _run
    play(first)  # what is loaded, compiled and tabulated once
    started = perf_counter()
    accepted = play(pilot)
    seconds = perf_counter() - started
    check_detected(session.rounds, round(session.rounds * accepted / pilot.rounds))
    return seconds * drawn / pilot.drawn_rounds


def _sift(session: Session) -> int:
    session.sift()
    return session.drawn_rounds


def _run(session: Session) -> int:
    key = session.run()
    if key.disclosed_bits is None:  # too few rounds for a key: it stopped before the errors were corrected
        _correct(session, key)
    return key.accepted


def _correct(session: Session, key: Key) -> None:
    """What the pilot left out: the reconciliation of as many bits at its error rate."""
    n = max(1, key.sifted - key.tested - key.sampled)
    rng = np.random.default_rng(1)
    bits, qber = rng.integers(0, 2, n, dtype=np.uint8), min(0.2, max(_LEAST_QBER, float(key.qber)))
    heard = (bits ^ (rng.random(n) < qber)).astype(np.uint8)
    session.reconciliation.reconcile(bits, heard, qber=qber, seed=1)
