"""What the secrecy of a key rests on: where it is proven, against whom, and what must hold besides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Proof:
    """What a key's secrecy rests on."""

    reference: str
    """Where it is proven."""
    attacks: str
    """Against which attacks."""
    assumptions: tuple[str, ...] = ()
    """What must hold besides what holds for every protocol."""


TOMAMICHEL = "M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nat. Commun. 3, 634 (2012)"
"""Finite keys from two bases."""

SINGLE_PHOTONS = "The source sends single photons: a pulse never holds two."
"""An assumption of protocols that prepare and measure without decoys."""

EQUAL_DETECTION = (
    "Whether a photon is detected depends neither on the basis in which it is measured nor on its bit."
)
"""An assumption of all proofs that take the detected rounds as a fair sample."""

HERALDED = "Which pairs count is settled before the measurements are chosen."
"""An assumption of protocols with pairs."""
