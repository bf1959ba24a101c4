"""Security bounds: how many bits of a raw key are secret, each by a named proof."""

from quantumlink.qkd.bounds.collective import DeviceIndependentBound, SixStateBound
from quantumlink.qkd.bounds.decoy import DecoyBound, DecoyEstimate
from quantumlink.qkd.bounds.single_photon import SinglePhotonBound
from quantumlink.qkd.bounds.terms import BoundTerms
from quantumlink.qkd.bounds.two_state import TwoStateBound

__all__ = [
    "BoundTerms",
    "DecoyBound",
    "DecoyEstimate",
    "DeviceIndependentBound",
    "SinglePhotonBound",
    "SixStateBound",
    "TwoStateBound",
]
