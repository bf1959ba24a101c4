"""How long a delay of a circuit is, in seconds."""

from __future__ import annotations

from typing import Any

from quantumlink.exact import UnsupportedOperation
from quantumlink.rewrites.expansion import time_in_words

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
"""Units of time of Qiskit's delays, but for dt, whose length a target states."""


def delay_s(delay: Any, wanted_for: str) -> float:
    """The length of a `Delay` in seconds.

    Args:
        delay: the delay.
        wanted_for: what its length is wanted for, for the error.

    Raises:
        UnsupportedOperation: if it has a free parameter, or is counted in dt and not zero.
    """
    duration = delay.params[0]
    if isinstance(duration, int | float) and duration == 0:  # its unit makes no difference
        return 0.0
    if getattr(duration, "parameters", None) or delay.unit not in SECONDS:
        raise UnsupportedOperation(
            f"a delay needs a bound duration in one of {', '.join(SECONDS)} {wanted_for}, "
            f"got {time_in_words(delay)}"
        )
    return float(duration) * SECONDS[delay.unit]
