"""The library's own parts: of each kind the names, and where the class of each name is found.

A class is named by its place rather than imported: protocols and eavesdroppers live above this floor.
"""

from __future__ import annotations

from collections.abc import Mapping

_HARDWARE = "quantumlink.hardware."
_QKD = "quantumlink.qkd."
_POLICIES = "quantumlink.network.control.policies:"
_ENGINES = "quantumlink.execution.engines:"
_SECURITY = "quantumlink.security."

LIBRARY: Mapping[str, Mapping[str, str]] = {
    "medium": {
        "fiber": _HARDWARE + "fiber:Fiber",
        "free_space": _HARDWARE + "free_space:FreeSpace",
        "satellite": _HARDWARE + "satellite:SatellitePass",
        "dual_downlink": _HARDWARE + "dual_downlink:DualDownlink",
        "inter_satellite": _HARDWARE + "inter_satellite:InterSatelliteLink",
        "arms": _HARDWARE + "arms:Arms",
    },
    "source": {
        "midpoint": _HARDWARE + "pair_source:MidpointSource",
        "node": _HARDWARE + "pair_source:NodeSource",
        "continuous": _HARDWARE + "continuous_source:ContinuousSource",
        "bell_measurement": _HARDWARE + "midpoint_measurement:MidpointBellMeasurement",
        "time_bin": _HARDWARE + "midpoint_measurement:TimeBinMeasurement",
        "single_photon": _HARDWARE + "one_photon:SinglePhotonHeralding",
        "barrett_kok": _HARDWARE + "one_photon:BarrettKok",
        "turned": _HARDWARE + "source:TurnedSource",
    },
    "detector": {"detector": _HARDWARE + "detector:Detector"},
    "memory": {"memory": _HARDWARE + "memory:Memory"},
    "processor": {"processor": _HARDWARE + "processor:Processor"},
    "detail": {
        "classical_signal": _HARDWARE + "raman:ClassicalSignal",
        "per_qubit": _HARDWARE + "processor:PerQubit",
        "optics": _HARDWARE + "optics:Optics",
    },
    "orbit": {
        "circular": _HARDWARE + "astronomy.circular:CircularOrbit",
        "tle": _HARDWARE + "astronomy.tle:TleOrbit",
    },
    "downlink": {
        "decoy_downlink": _HARDWARE + "downlink:DecoyDownlink",
        "pair_downlink": _HARDWARE + "downlink:PairDownlink",
    },
    "node": {"node": _HARDWARE + "node:Node"},
    "environment": {
        "environment": _HARDWARE + "environment:Environment",
        "conditions": _HARDWARE + "environment:Conditions",
    },
    "eavesdropper": {
        "intercept-resend": _QKD + "eavesdropping.intercept_resend:InterceptResend",
        "entangling-probe": _QKD + "eavesdropping.probes:EntanglingProbe",
        "phase-covariant-cloner": _QKD + "eavesdropping.probes:PhaseCovariantCloner",
        "universal-cloner": _QKD + "eavesdropping.probes:UniversalCloner",
        "photon-number-splitting": _QKD + "eavesdropping.pulses:PhotonNumberSplitting",
        "detector-blinding": _QKD + "eavesdropping.pulses:DetectorBlinding",
        "memory": _QKD + "eavesdropping.probes:MemoryAttack",
    },
    "protocol": {
        "bb84": _QKD + "protocols.bb84_session:BB84",
        "six-state": _QKD + "protocols.six_state_session:SixState",
        "b92": _QKD + "protocols.b92:B92",
        "sarg04": _QKD + "protocols.sarg04:SARG04",
        "decoy-bb84": _QKD + "protocols.decoy:DecoyBB84",
        "one-decoy-bb84": _QKD + "protocols.decoy:OneDecoyBB84",
        "weak-pulse-bb84": _QKD + "protocols.weak_pulse_session:WeakPulseBB84",
        "bbm92": _QKD + "protocols.bbm92_session:BBM92",
        "six-state-pairs": _QKD + "protocols.bbm92_session:SixStatePairs",
        "e91": _QKD + "protocols.e91_session:E91",
        "mdi": _QKD + "protocols.mdi_session:MDI",
        "decoy-mdi": _QKD + "protocols.decoy_mdi_session:DecoyMDI",
        "twin-field": _QKD + "protocols.twin_field_session:TwinField",
        "conference": _QKD + "protocols.conference_session:Conference",
        "secret-sharing": _QKD + "protocols.sharing_session:SecretSharing",
        "network-conference": _QKD + "protocols.network_conference:NetworkConference",
    },
    "reconciliation": {
        "cascade": "quantumlink.distillation.reconciliation.cascade:Cascade",
        "ldpc": "quantumlink.distillation.reconciliation.syndromes:Ldpc",
    },
    "bound": {
        "two_bases": _SECURITY + "recipes:TwoBases",
        "three_bases": _SECURITY + "recipes:ThreeBases",
        "both_bases": _SECURITY + "recipes:BothBases",
        "decoys": _SECURITY + "recipes:Decoys",
        "one_decoy": _SECURITY + "recipes:OneDecoy",
        "relay_decoys": _SECURITY + "recipes:RelayDecoys",
        "twin_fields": _SECURITY + "recipes:TwinFields",
        "weak_pulses": _SECURITY + "recipes:WeakPulses",
        "two_states": _SECURITY + "recipes:TwoStates",
        "accumulated_three_bases": _SECURITY + "recipes:AccumulatedThreeBases",
        "accumulated_bell_test": _SECURITY + "recipes:AccumulatedBellTest",
        "bell_test": _SECURITY + "recipes:BellTest",
        "sharing": _SECURITY + "recipes:Sharing",
    },
    "policy": {
        "first-come-first-served": _POLICIES + "FirstComeFirstServed",
        "max-weight": _POLICIES + "MaxWeight",
        "proportional-fairness": _POLICIES + "ProportionalFairness",
        "many-paths": _POLICIES + "ManyPaths",
        "reservation": _POLICIES + "Reservation",
        "time-slots": _POLICIES + "TimeSlots",
    },
    "engine": {
        "exact": _ENGINES + "ExactEngine",
        "clifford": _ENGINES + "CliffordEngine",
        "aer": _ENGINES + "AerEngine",
    },
}
"""Names by kind, and for each ``"module:Class"``."""
