"""Quantum memories: what becomes of a stored qubit.

On the Pauli coefficients (I, X, Y, Z) of a qubit, waiting for a time t is the map
(I, c·X, c·Y, k·Z + g·I) with the *coherence* c, what is *kept* k and the *gain* g:

    c = exp(−t/T2 − t/D − (t/G)²)        k = exp(−t/T1 − t/D)        g = (1 − k)·D/(T1 + D)

T1 pulls to |0⟩ (zero temperature), D depolarizes, G dephases as slow random fields do. This solves the sum of
their generators, so that they may act together; D alone shrinks a Werner pair's w by exp(−2t/D) if both ends wait.

Attempts that a node makes for other pairs disturb what it stores, as those of an electron disturb the nuclear spins
beside it: each flips the phase with the same probability p, so that the coherence falls by 1 − 2p an attempt. A
fall to 1/e in N attempts is p = (1 − exp(−1/N))/2.

References:
    P. C. Humphreys et al., Nature 558, 268 (2018): slow fields, Gaussian decay.
    N. Kalb, P. C. Humphreys, J. J. Slim, R. Hanson, Phys. Rev. A 97, 062330 (2018): dephasing by attempts.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from math import inf
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import FloatArray


class Decay(NamedTuple):
    """What waiting does to the Pauli coefficients of a qubit; see the module."""

    coherence: FloatArray
    """The factor of X and Y."""
    kept: FloatArray
    """The factor of Z."""
    gain: FloatArray
    """What Z gains of I."""


@dataclass(frozen=True, repr=False)
class Memory:
    """A memory in which a qubit relaxes, dephases or depolarizes while it waits; ideal unless said otherwise.

    A waiting time t (a Qiskit ``Delay``) damps the amplitude with probability 1 − exp(−t/T1) and the
    coherence by exp(−t/T2). Φ⁺ waiting at both ends, γ = 1 − exp(−t/T1), keeps the fidelity
    [1 + γ² + (1 − γ)²]/4 + exp(−2t/T2)/2.

    Args:
        t1_s: relaxation time in seconds; infinity for none.
        t2_s: coherence time in seconds, at most 2·T1; if None it is 2·T1, no dephasing but by relaxation.
        depolarizing_s: D in seconds: the qubit is replaced by a maximally mixed one with probability
            1 − exp(−t/D).
        gaussian_s: G in seconds: the coherence falls by exp(−(t/G)²) too, t counted in every wait between two
            operations from its own start, as after an echo.
        retrieval: probability that a stored qubit is found when an operation reads it out, in (0, 1]. A loss is
            noticed: the operation fails. Qubits that are delivered stay where they are.
        per_attempt: probability of a phase flip of a stored qubit with every attempt that its node makes for
            another pair meanwhile, in [0, 1/2]. Readings that know attempts count them: `simulate`, `forecast`,
            and `evaluate` where it is told how many.
        move_s: how long it takes to move a heralded half from the communication qubit into the memory, in seconds;
            it can be used after that, and the next attempt begins then.
        move_depolarizing: λ of that move: ρ ↦ (1 − λ)·ρ + λ·𝟙/2, what happens while it lasts included.

    Raises:
        ValueError: if a time is not positive, T2 > 2·T1, or a probability is out of range.

    >>> Memory(t1_s=10, t2_s=1)
    Memory(t1_s=10.0, t2_s=1.0)
    >>> [round(float(x), 4) for x in Memory(depolarizing_s=1.0).decay(0.5)]
    [0.6065, 0.6065, 0.0]
    """

    t1_s: float = inf
    """Relaxation time in seconds."""
    t2_s: float = None  # type: ignore[assignment]
    """Coherence time in seconds."""
    _: KW_ONLY
    depolarizing_s: float = inf
    """Time in which a qubit depolarizes, in seconds."""
    gaussian_s: float = inf
    """Time of Gaussian dephasing in seconds."""
    retrieval: float = 1.0
    """Probability that a stored qubit is found when it is read out."""
    per_attempt: float = 0.0
    """Probability of a phase flip with every attempt that the node makes for another pair."""
    move_s: float = 0.0
    """How long moving a heralded half into the memory takes, in seconds."""
    move_depolarizing: float = 0.0
    """λ of that move."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        changed = sorted({"after_attempts", "decay", "exponents", "is_ideal", "relaxes"} & set(vars(cls)))
        if changed:
            raise TypeError(
                f"{cls.__name__} must not override {', '.join(changed)}: circuits and forecasts read a memory's "
                "lifetimes, and would not notice. Set the lifetimes in __post_init__ instead"
            )

    def __post_init__(self) -> None:
        for name in ("t1_s", "depolarizing_s", "gaussian_s"):
            object.__setattr__(self, name, validation.lifetime(name, getattr(self, name)))
        found = validation.positive("retrieval", self.retrieval, at_most=1.0)
        object.__setattr__(self, "retrieval", found)
        flip = validation.number("per_attempt", self.per_attempt, at_least=0.0, at_most=0.5)
        object.__setattr__(self, "per_attempt", flip)
        object.__setattr__(self, "move_s", validation.number("move_s", self.move_s, at_least=0.0))
        lost = validation.probability("move_depolarizing", self.move_depolarizing)
        object.__setattr__(self, "move_depolarizing", lost)
        t2_s: float | None = self.t2_s
        t2_s = 2 * self.t1_s if t2_s is None else validation.lifetime("t2_s", t2_s)
        object.__setattr__(self, "t2_s", t2_s)
        if self.t2_s > 2 * self.t1_s:
            raise ValueError(f"t2_s must not exceed 2·t1_s, got t2_s={self.t2_s} with t1_s={self.t1_s}")

    @property
    def is_ideal(self) -> bool:
        """Whether waiting does nothing."""
        return self.t1_s == self.t2_s == self.depolarizing_s == self.gaussian_s == inf

    @property
    def relaxes(self) -> bool:
        """Whether waiting pulls to |0⟩, and so turns part of I into Z."""
        return self.t1_s < inf

    def decay(self, time_s: npt.ArrayLike) -> Decay:
        """What a wait does to a qubit, at one time or many: exactly nothing where the memory is ideal.

        Args:
            time_s: times in seconds, at least 0.
        """
        lost, left = self.exponents(time_s)
        share = 1 / (1 + self.t1_s / self.depolarizing_s) if self.relaxes else 0.0
        kept = np.exp(-left)
        return Decay(np.exp(-lost), kept, share * -np.expm1(-left))

    def after_attempts(self, attempts: npt.ArrayLike) -> FloatArray:
        """The factor of X and Y after so many attempts for other pairs.

        >>> float(Memory(per_attempt=0.25).after_attempts(3))
        0.125
        """
        kept: FloatArray = np.power(1 - 2 * self.per_attempt, np.asarray(attempts, dtype=float))
        return kept

    def exponents(self, time_s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """−ln c and −ln k at one time or many, for those who need 1 − c or 1 − k with all their digits."""
        t = np.asarray(time_s, dtype=float)
        coherence, kept = t / self.t2_s, t / self.t1_s
        if self.depolarizing_s < inf:
            coherence, kept = coherence + t / self.depolarizing_s, kept + t / self.depolarizing_s
        if self.gaussian_s < inf:
            coherence = coherence + (t / self.gaussian_s) ** 2
        return coherence, kept

    def __repr__(self) -> str:
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        usual = Memory(self.t1_s, self.t2_s)
        told = [f"{name}={x!r}" for name, x in said.items() if name[0] == "t" or x != getattr(usual, name)]
        return f"Memory({', '.join(told)})"
