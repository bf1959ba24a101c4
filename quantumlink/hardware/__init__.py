"""Hardware as data: frozen dataclasses with their units in the names. No physics of circuits here."""

from quantumlink.hardware.arms import Arms
from quantumlink.hardware.astronomy import CircularOrbit, Orbit, TleOrbit, sun_synchronous, walker
from quantumlink.hardware.background_light import SKY_RADIANCE, background_rate_hz, earth_radiance
from quantumlink.hardware.capacity import plob_bits
from quantumlink.hardware.continuous_source import Coincidences, ContinuousSource
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.downlink import DecoyDownlink, PairDownlink
from quantumlink.hardware.dual_downlink import DualDownlink
from quantumlink.hardware.environment import Conditions, Environment
from quantumlink.hardware.fiber import Fiber
from quantumlink.hardware.free_space import FreeSpace
from quantumlink.hardware.inter_satellite import InterSatelliteLink
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.memory import Memory
from quantumlink.hardware.midpoint_measurement import MidpointBellMeasurement, TimeBinMeasurement
from quantumlink.hardware.node import NODE_ROLES, Node, NodeRole
from quantumlink.hardware.one_photon import BarrettKok, SinglePhotonHeralding, interference_visibility
from quantumlink.hardware.optics import Optics, air_mass
from quantumlink.hardware.orbit import slant_range_km
from quantumlink.hardware.pair_source import MidpointSource, NodeSource
from quantumlink.hardware.processor import Processor
from quantumlink.hardware.raman import ClassicalSignal, raman_coefficient
from quantumlink.hardware.satellite import PassSeries, SatellitePass
from quantumlink.hardware.source import HeraldedPair, Source

__all__ = [
    "NODE_ROLES",
    "SKY_RADIANCE",
    "Arms",
    "BarrettKok",
    "CircularOrbit",
    "ClassicalSignal",
    "Coincidences",
    "Conditions",
    "ContinuousSource",
    "DecoyDownlink",
    "Detector",
    "DualDownlink",
    "Environment",
    "Fiber",
    "FreeSpace",
    "HeraldedPair",
    "InterSatelliteLink",
    "Medium",
    "Memory",
    "MidpointBellMeasurement",
    "MidpointSource",
    "Node",
    "NodeRole",
    "NodeSource",
    "Optics",
    "Orbit",
    "PairDownlink",
    "PassSeries",
    "Processor",
    "SatellitePass",
    "SinglePhotonHeralding",
    "Source",
    "TimeBinMeasurement",
    "TleOrbit",
    "air_mass",
    "background_rate_hz",
    "earth_radiance",
    "interference_visibility",
    "plob_bits",
    "raman_coefficient",
    "slant_range_km",
    "sun_synchronous",
    "walker",
]
