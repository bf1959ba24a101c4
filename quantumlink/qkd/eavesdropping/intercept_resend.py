"""Intercept and resend: measure the traveling qubit and send a fresh one in the state that was found.

Reference:
    C. H. Bennett, F. Bessette, G. Brassard, L. Salvail, J. Smolin, J. Cryptology 5, 3 (1992).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Literal, get_args

from qiskit.circuit import QuantumCircuit

from quantumlink import validation
from quantumlink.circuits import BASIS_ANGLES, BREIDBART_ANGLES, intercept_resend
from quantumlink.program import RandomSetting
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper, renamed

InterceptBasis = Literal["random", "Z", "X", "Y", "breidbart"]

INTERCEPT_BASES: tuple[InterceptBasis, ...] = get_args(InterceptBasis)


@dataclass(frozen=True)
class InterceptResend(Eavesdropper):
    """Measure and resend.

    In BB84 it makes an error rate of ¼·fraction (averaged over the two bases), in the six-state protocol
    ⅓·fraction. What she then knows depends on whether she measured in the basis that is announced: all of it or
    nothing with ``"random"``, a little always with ``"breidbart"``.

    Args:
        fraction: share of the rounds she attacks, in [0, 1].
        basis: ``"random"`` (Z or X, equally likely), ``"Z"``, ``"X"``, ``"Y"``, or ``"breidbart"``, half-way
            between Z and X.

    Raises:
        ValueError: if the fraction is out of range, or the basis unknown.

    >>> InterceptResend(0.2)
    InterceptResend(fraction=0.2, basis='random')
    """

    basis: InterceptBasis = "random"
    """The basis in which she measures."""

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.choice("basis", self.basis, INTERCEPT_BASES)

    def circuit(self) -> QuantumCircuit:
        """Her circuit; with a random basis its angles are parameters."""
        if self.basis == "random":
            return renamed(intercept_resend(phi=0.0), {"q": "signal"})
        angles = BREIDBART_ANGLES if self.basis == "breidbart" else BASIS_ANGLES[self.basis]
        return renamed(intercept_resend(*angles), {"q": "signal"})

    def settings(self) -> tuple[RandomSetting, ...]:
        """Z or X, if the basis is random."""
        if self.basis != "random":
            return ()
        (theta,) = self.circuit().parameters
        return (RandomSetting((theta,), ((0.0,), (pi / 2,))),)
