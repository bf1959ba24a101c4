"""Security: how many bits of a raw key are secret, each bound by a named proof; rates over lossy channels."""

from quantumlink.security.both_bases import BothBasesBound, BothBasesTerms
from quantumlink.security.collective import DeviceIndependentBound, SixStateBound
from quantumlink.security.decoy import DecoyBound, DecoyEstimate
from quantumlink.security.entropy_accumulation import AccumulationBound
from quantumlink.security.numerical_proof import NumericalRate, numerical_key_rate
from quantumlink.security.one_decoy import OneDecoyBound
from quantumlink.security.relay_decoy import RelayDecoyBound
from quantumlink.security.sharing import SharingBound
from quantumlink.security.single_photon import SinglePhotonBound
from quantumlink.security.terms import BoundTerms
from quantumlink.security.twin_field import TwinFieldBound
from quantumlink.security.two_state import TwoStateBound
from quantumlink.security.weak_pulses import WeakPulseBound

__all__ = [
    "AccumulationBound",
    "BothBasesBound",
    "BothBasesTerms",
    "BoundTerms",
    "DecoyBound",
    "DecoyEstimate",
    "DeviceIndependentBound",
    "NumericalRate",
    "OneDecoyBound",
    "RelayDecoyBound",
    "SharingBound",
    "SinglePhotonBound",
    "SixStateBound",
    "TwinFieldBound",
    "TwoStateBound",
    "WeakPulseBound",
    "numerical_key_rate",
]
