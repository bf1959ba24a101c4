"""Quantum key distribution: protocols, the way from raw rounds to a secret key, its length."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantumlink.qkd.agreement import Agreement
    from quantumlink.qkd.amplification import toeplitz_hash
    from quantumlink.qkd.asymptotic import (
        bb84_rate,
        binary_entropy,
        conference_rate,
        device_independent_rate,
        mdi_rate,
        sarg04_rate,
        six_state_rate,
    )
    from quantumlink.qkd.authentication import SharedSecret
    from quantumlink.qkd.bounds import (
        DecoyBound,
        DeviceIndependentBound,
        SinglePhotonBound,
        SixStateBound,
        TwoStateBound,
    )
    from quantumlink.qkd.distillation import distill
    from quantumlink.qkd.eavesdropping import (
        DetectorBlinding,
        Eavesdropper,
        EntanglingProbe,
        EveInformation,
        InterceptResend,
        ManInTheMiddle,
        MemoryAttack,
        PhaseCovariantCloner,
        PhotonNumberSplitting,
        UniversalCloner,
    )
    from quantumlink.qkd.ends import Alice, Bob, converse, replay
    from quantumlink.qkd.finite_key import finite_key_length
    from quantumlink.qkd.key import Key, NoSecretKey
    from quantumlink.qkd.monitoring import Alarm, CusumChart, Monitor, SequentialTest
    from quantumlink.qkd.parameter_estimation import chsh_estimate, remaining_error_bound, serfling_margin
    from quantumlink.qkd.protocols.b92 import B92
    from quantumlink.qkd.protocols.bb84 import BB84, bb84
    from quantumlink.qkd.protocols.bbm92 import BBM92, SixStatePairs, bbm92
    from quantumlink.qkd.protocols.conference import Conference, conference
    from quantumlink.qkd.protocols.conference_key import ConferenceKey
    from quantumlink.qkd.protocols.decoy import DecoyBB84, decoy_bb84
    from quantumlink.qkd.protocols.e91 import E91, e91
    from quantumlink.qkd.protocols.mdi import MDI, mdi
    from quantumlink.qkd.protocols.sarg04 import SARG04
    from quantumlink.qkd.protocols.session import Session
    from quantumlink.qkd.protocols.six_state import SixState, six_state
    from quantumlink.qkd.reconciliation import Cascade, Ldpc
    from quantumlink.qkd.sifting import sift
    from quantumlink.qkd.transcript import Transcript, TranscriptError
    from quantumlink.qkd.watching import WatchedBlock, blocks_of, watch

# Loaded at their first use, so that the import of the package stays about as quick as Qiskit's own.
_LATER = {
    "toeplitz_hash": "quantumlink.qkd.amplification",
    "bb84_rate": "quantumlink.qkd.asymptotic",
    "binary_entropy": "quantumlink.qkd.asymptotic",
    "conference_rate": "quantumlink.qkd.asymptotic",
    "device_independent_rate": "quantumlink.qkd.asymptotic",
    "mdi_rate": "quantumlink.qkd.asymptotic",
    "sarg04_rate": "quantumlink.qkd.asymptotic",
    "six_state_rate": "quantumlink.qkd.asymptotic",
    "DecoyBound": "quantumlink.qkd.bounds",
    "DeviceIndependentBound": "quantumlink.qkd.bounds",
    "SinglePhotonBound": "quantumlink.qkd.bounds",
    "SixStateBound": "quantumlink.qkd.bounds",
    "TwoStateBound": "quantumlink.qkd.bounds",
    "distill": "quantumlink.qkd.distillation",
    "Agreement": "quantumlink.qkd.agreement",
    "SharedSecret": "quantumlink.qkd.authentication",
    "Alice": "quantumlink.qkd.ends",
    "Bob": "quantumlink.qkd.ends",
    "converse": "quantumlink.qkd.ends",
    "replay": "quantumlink.qkd.ends",
    "chsh_estimate": "quantumlink.qkd.parameter_estimation",
    "remaining_error_bound": "quantumlink.qkd.parameter_estimation",
    "serfling_margin": "quantumlink.qkd.parameter_estimation",
    "sift": "quantumlink.qkd.sifting",
    "DetectorBlinding": "quantumlink.qkd.eavesdropping",
    "Eavesdropper": "quantumlink.qkd.eavesdropping",
    "EntanglingProbe": "quantumlink.qkd.eavesdropping",
    "EveInformation": "quantumlink.qkd.eavesdropping",
    "InterceptResend": "quantumlink.qkd.eavesdropping",
    "ManInTheMiddle": "quantumlink.qkd.eavesdropping",
    "MemoryAttack": "quantumlink.qkd.eavesdropping",
    "PhaseCovariantCloner": "quantumlink.qkd.eavesdropping",
    "PhotonNumberSplitting": "quantumlink.qkd.eavesdropping",
    "UniversalCloner": "quantumlink.qkd.eavesdropping",
    "finite_key_length": "quantumlink.qkd.finite_key",
    "Key": "quantumlink.qkd.key",
    "NoSecretKey": "quantumlink.qkd.key",
    "Alarm": "quantumlink.qkd.monitoring",
    "CusumChart": "quantumlink.qkd.monitoring",
    "Monitor": "quantumlink.qkd.monitoring",
    "SequentialTest": "quantumlink.qkd.monitoring",
    "B92": "quantumlink.qkd.protocols.b92",
    "BB84": "quantumlink.qkd.protocols.bb84",
    "bb84": "quantumlink.qkd.protocols.bb84",
    "BBM92": "quantumlink.qkd.protocols.bbm92",
    "SixStatePairs": "quantumlink.qkd.protocols.bbm92",
    "bbm92": "quantumlink.qkd.protocols.bbm92",
    "Conference": "quantumlink.qkd.protocols.conference",
    "conference": "quantumlink.qkd.protocols.conference",
    "ConferenceKey": "quantumlink.qkd.protocols.conference_key",
    "DecoyBB84": "quantumlink.qkd.protocols.decoy",
    "decoy_bb84": "quantumlink.qkd.protocols.decoy",
    "E91": "quantumlink.qkd.protocols.e91",
    "e91": "quantumlink.qkd.protocols.e91",
    "MDI": "quantumlink.qkd.protocols.mdi",
    "mdi": "quantumlink.qkd.protocols.mdi",
    "SARG04": "quantumlink.qkd.protocols.sarg04",
    "Session": "quantumlink.qkd.protocols.session",
    "SixState": "quantumlink.qkd.protocols.six_state",
    "six_state": "quantumlink.qkd.protocols.six_state",
    "Cascade": "quantumlink.qkd.reconciliation",
    "Ldpc": "quantumlink.qkd.reconciliation",
    "Transcript": "quantumlink.qkd.transcript",
    "TranscriptError": "quantumlink.qkd.transcript",
    "WatchedBlock": "quantumlink.qkd.watching",
    "blocks_of": "quantumlink.qkd.watching",
    "watch": "quantumlink.qkd.watching",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'quantumlink.qkd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "B92",
    "BB84",
    "BBM92",
    "E91",
    "MDI",
    "SARG04",
    "Agreement",
    "Alarm",
    "Alice",
    "Bob",
    "Cascade",
    "Conference",
    "ConferenceKey",
    "CusumChart",
    "DecoyBB84",
    "DecoyBound",
    "DetectorBlinding",
    "DeviceIndependentBound",
    "Eavesdropper",
    "EntanglingProbe",
    "EveInformation",
    "InterceptResend",
    "Key",
    "Ldpc",
    "ManInTheMiddle",
    "MemoryAttack",
    "Monitor",
    "NoSecretKey",
    "PhaseCovariantCloner",
    "PhotonNumberSplitting",
    "SequentialTest",
    "Session",
    "SharedSecret",
    "SinglePhotonBound",
    "SixState",
    "SixStateBound",
    "SixStatePairs",
    "Transcript",
    "TranscriptError",
    "TwoStateBound",
    "UniversalCloner",
    "WatchedBlock",
    "bb84",
    "bb84_rate",
    "bbm92",
    "binary_entropy",
    "blocks_of",
    "chsh_estimate",
    "conference",
    "conference_rate",
    "converse",
    "decoy_bb84",
    "device_independent_rate",
    "distill",
    "e91",
    "finite_key_length",
    "mdi",
    "mdi_rate",
    "remaining_error_bound",
    "replay",
    "sarg04_rate",
    "serfling_margin",
    "sift",
    "six_state",
    "six_state_rate",
    "toeplitz_hash",
    "watch",
]
