"""Quantum memories: how long a stored qubit lives."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from quantumlink import validation


@dataclass(frozen=True)
class Memory:
    """A memory with relaxation time T1 and coherence time T2, both in seconds.

    A waiting time t (a Qiskit ``Delay``) damps the amplitude with probability 1 − exp(−t/T1) and the
    coherence by exp(−t/T2). Φ⁺ waiting at both ends, γ = 1 − exp(−t/T1), keeps the fidelity
    [1 + γ² + (1 − γ)²]/4 + exp(−2t/T2)/2.

    Args:
        t1_s: relaxation time in seconds; infinity for none.
        t2_s: coherence time in seconds, at most 2·T1; if None it is 2·T1, no dephasing but by relaxation.

    Raises:
        ValueError: if a time is not positive, or T2 > 2·T1.

    >>> Memory(t1_s=10, t2_s=1)
    Memory(t1_s=10.0, t2_s=1.0)
    """

    t1_s: float = inf
    """Relaxation time in seconds."""
    t2_s: float = None  # type: ignore[assignment]
    """Coherence time in seconds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "t1_s", validation.lifetime("t1_s", self.t1_s))
        t2_s: float | None = self.t2_s
        t2_s = 2 * self.t1_s if t2_s is None else validation.lifetime("t2_s", t2_s)
        object.__setattr__(self, "t2_s", t2_s)
        if self.t2_s > 2 * self.t1_s:
            raise ValueError(f"t2_s must not exceed 2·t1_s, got t2_s={self.t2_s} with t1_s={self.t1_s}")

    @property
    def is_ideal(self) -> bool:
        """Whether waiting does nothing."""
        return self.t1_s == inf and self.t2_s == inf
