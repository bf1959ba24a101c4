"""How long a delay or a box of a circuit is: in seconds, or in words where that is not known."""

from __future__ import annotations

from typing import Any

from qiskit.circuit import BoxOp, Delay
from qiskit.circuit.classical import expr

from quantumlink.exact import UnsupportedOperation

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


def is_open_time(duration: Any) -> bool:
    """Whether a duration is a stretch, or another expression of times that is not a plain one."""
    return isinstance(duration, expr.Expr) and not isinstance(duration, expr.Value)


def time_in_words(operation: Delay | BoxOp) -> str:
    """The duration of a delay or a box; that a stretch is none yet."""
    duration = operation.duration
    if not isinstance(duration, expr.Expr):
        return f"{duration} {operation.unit}"
    names = [leaf.name for leaf in expr.iter_identifiers(duration) if isinstance(leaf, expr.Stretch)]
    told = f"the stretch {', '.join(map(repr, names))}" if names else "an expression"
    return f"{told}, whose length is known to the compiler of a device only"
