"""Eavesdroppers: policies that say what is inserted between Alice and Bob, and what is learned by it."""

from quantumlink.qkd.eavesdropping.classical_channel import TAMPERINGS, ManInTheMiddle, Tampering
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper
from quantumlink.qkd.eavesdropping.information import EveInformation
from quantumlink.qkd.eavesdropping.intercept_resend import INTERCEPT_BASES, InterceptBasis, InterceptResend
from quantumlink.qkd.eavesdropping.probes import (
    EntanglingProbe,
    MemoryAttack,
    PhaseCovariantCloner,
    UniversalCloner,
)
from quantumlink.qkd.eavesdropping.pulses import DetectorBlinding, PhotonNumberSplitting

__all__ = [
    "INTERCEPT_BASES",
    "TAMPERINGS",
    "DetectorBlinding",
    "Eavesdropper",
    "EntanglingProbe",
    "EveInformation",
    "InterceptBasis",
    "InterceptResend",
    "ManInTheMiddle",
    "MemoryAttack",
    "PhaseCovariantCloner",
    "PhotonNumberSplitting",
    "Tampering",
    "UniversalCloner",
]
