"""How strings are dealt out to frames, and the checks that every reconciliation makes alike."""

from __future__ import annotations

from math import ceil

import numpy as np

from quantumlink import validation
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.reconciliation.outcome import ReconciliationError


def shape(length: int, frame: int) -> tuple[int, int]:
    """Number and size of the frames for a string: as few and as equal as can be, none above ``frame`` bits."""
    frames = ceil(length / frame)
    return frames, ceil(length / frames)


def deal(bits: Bits, frame: int) -> Bits:
    """Deal the bits out to frames like cards, so that a burst of errors is shared out; zeros fill up.

    Returns:
        A fresh array of shape (frames, bits of a frame).
    """
    frames, n = shape(len(bits), frame)
    padded = np.zeros(frames * n, dtype=np.uint8)
    padded[: len(bits)] = bits
    return np.ascontiguousarray(padded.reshape(n, frames).T)


def collect(frames: Bits, length: int) -> Bits:
    """The string that was dealt out, without what filled it up."""
    return frames.T.ravel()[:length]


def error_rate(qber: float) -> float:
    """An error rate at which something is shared.

    Raises:
        ValueError: if it lies outside [0, 1/2).
    """
    qber = validation.probability("qber", qber)
    if qber >= 0.5:
        raise ValueError(f"qber must be below 0.5, for else no information is shared, got {qber}")
    return qber


def unpacked(message: bytes, count: int) -> Bits:
    """The bits of a message that must hold ``count`` of them.

    Raises:
        ReconciliationError: if it is longer or shorter.
    """
    if len(message) != (count + 7) // 8:
        raise ReconciliationError(f"{count} bits come in {(count + 7) // 8} bytes, got {len(message)}")
    return np.unpackbits(np.frombuffer(message, dtype=np.uint8), count=count)
