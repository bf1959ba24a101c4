"""Quantum key distribution: protocols, the way from raw rounds to a secret key, its length."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantumlink.distillation.agreement import Agreement, two_bases
    from quantumlink.distillation.amplification import toeplitz_hash
    from quantumlink.distillation.authentication import SharedSecret
    from quantumlink.distillation.distilling import distill
    from quantumlink.distillation.ends import Alice, Bob, converse, replay
    from quantumlink.distillation.group.conference import ConferenceAgreement, ConferenceAlice, ConferenceBob
    from quantumlink.distillation.group.key import ConferenceKey, SharedKey
    from quantumlink.distillation.group.sharing import Dealer, Player, SharingAgreement
    from quantumlink.distillation.group.talking import convene
    from quantumlink.distillation.interleaving import Interleaved
    from quantumlink.distillation.key import Key, NoSecretKey
    from quantumlink.distillation.party import AUTHENTICATION_BITS
    from quantumlink.distillation.reconciliation import Cascade, Ldpc
    from quantumlink.distillation.records import Records, RecordsConsumed
    from quantumlink.distillation.shared_secret import SecretExhausted
    from quantumlink.distillation.sifting import BasisSifting, Sifting
    from quantumlink.distillation.transcript import Transcript, TranscriptError
    from quantumlink.distillation.vault import KeyBytes, KeyTaken
    from quantumlink.monitoring import Alarm, CusumChart, Monitor, SequentialTest
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
    from quantumlink.qkd.expectation import ExpectedKey, expected_key
    from quantumlink.qkd.optimization import optimize_session
    from quantumlink.qkd.protocols.b92 import B92
    from quantumlink.qkd.protocols.bb84_session import BB84, bb84
    from quantumlink.qkd.protocols.bbm92_session import BBM92, SixStatePairs, bbm92
    from quantumlink.qkd.protocols.conference_session import Conference, conference
    from quantumlink.qkd.protocols.decoy import DecoyBB84, OneDecoyBB84, decoy_bb84, one_decoy_bb84
    from quantumlink.qkd.protocols.decoy_mdi_session import DecoyMDI, decoy_mdi
    from quantumlink.qkd.protocols.e91_session import E91, e91
    from quantumlink.qkd.protocols.mdi_session import MDI, mdi
    from quantumlink.qkd.protocols.network_conference import NetworkConference
    from quantumlink.qkd.protocols.sarg04 import SARG04
    from quantumlink.qkd.protocols.session import Session
    from quantumlink.qkd.protocols.sharing_session import SecretSharing, secret_sharing
    from quantumlink.qkd.protocols.sifted import Sifted
    from quantumlink.qkd.protocols.six_state_session import SixState, six_state
    from quantumlink.qkd.protocols.twin_field_session import TwinField, twin_field
    from quantumlink.qkd.protocols.weak_pulse_session import WeakPulseBB84, weak_pulse_bb84
    from quantumlink.qkd.watching import WatchedBlock, blocks_of, watch
    from quantumlink.rates import (
        bb84_rate,
        binary_entropy,
        conference_rate,
        device_independent_rate,
        mdi_rate,
        sarg04_rate,
        six_state_rate,
    )
    from quantumlink.security import (
        AccumulationBound,
        BothBasesBound,
        DecoyBound,
        DeviceIndependentBound,
        NumericalRate,
        OneDecoyBound,
        RelayDecoyBound,
        SharingBound,
        SinglePhotonBound,
        SixStateBound,
        TwinFieldBound,
        TwoStateBound,
        WeakPulseBound,
        numerical_key_rate,
    )
    from quantumlink.security.contract import Tally
    from quantumlink.security.finite_key import finite_key_length
    from quantumlink.security.proof import Proof
    from quantumlink.security.recipes import (
        BothBases,
        Decoys,
        OneDecoy,
        RelayDecoys,
        TwinFields,
        TwoBases,
        WeakPulses,
    )
    from quantumlink.security.sampling import chsh_estimate, remaining_error_bound, serfling_margin

# Loaded at their first use, so that the import of the package stays about as quick as Qiskit's own.
_LATER = {
    "ExpectedKey": "quantumlink.qkd.expectation",
    "expected_key": "quantumlink.qkd.expectation",
    "optimize_session": "quantumlink.qkd.optimization",
    "Interleaved": "quantumlink.distillation.interleaving",
    "Records": "quantumlink.distillation.records",
    "RecordsConsumed": "quantumlink.distillation.records",
    "KeyBytes": "quantumlink.distillation.vault",
    "KeyTaken": "quantumlink.distillation.vault",
    "BasisSifting": "quantumlink.distillation.sifting",
    "Sifting": "quantumlink.distillation.sifting",
    "two_bases": "quantumlink.distillation.agreement",
    "Proof": "quantumlink.security.proof",
    "Tally": "quantumlink.security.contract",
    "BothBases": "quantumlink.security.recipes",
    "Decoys": "quantumlink.security.recipes",
    "OneDecoy": "quantumlink.security.recipes",
    "WeakPulses": "quantumlink.security.recipes",
    "TwoBases": "quantumlink.security.recipes",
    "Sifted": "quantumlink.qkd.protocols.sifted",
    "SecretExhausted": "quantumlink.distillation.shared_secret",
    "AUTHENTICATION_BITS": "quantumlink.distillation.party",
    "toeplitz_hash": "quantumlink.distillation.amplification",
    "bb84_rate": "quantumlink.rates",
    "binary_entropy": "quantumlink.rates",
    "conference_rate": "quantumlink.rates",
    "device_independent_rate": "quantumlink.rates",
    "mdi_rate": "quantumlink.rates",
    "sarg04_rate": "quantumlink.rates",
    "six_state_rate": "quantumlink.rates",
    "AccumulationBound": "quantumlink.security",
    "BothBasesBound": "quantumlink.security",
    "DecoyBound": "quantumlink.security",
    "DeviceIndependentBound": "quantumlink.security",
    "OneDecoyBound": "quantumlink.security",
    "NumericalRate": "quantumlink.security",
    "numerical_key_rate": "quantumlink.security",
    "SinglePhotonBound": "quantumlink.security",
    "SixStateBound": "quantumlink.security",
    "TwoStateBound": "quantumlink.security",
    "WeakPulseBound": "quantumlink.security",
    "distill": "quantumlink.distillation.distilling",
    "Agreement": "quantumlink.distillation.agreement",
    "SharedSecret": "quantumlink.distillation.authentication",
    "Alice": "quantumlink.distillation.ends",
    "Bob": "quantumlink.distillation.ends",
    "converse": "quantumlink.distillation.ends",
    "replay": "quantumlink.distillation.ends",
    "chsh_estimate": "quantumlink.security.sampling",
    "remaining_error_bound": "quantumlink.security.sampling",
    "serfling_margin": "quantumlink.security.sampling",
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
    "finite_key_length": "quantumlink.security.finite_key",
    "Key": "quantumlink.distillation.key",
    "NoSecretKey": "quantumlink.distillation.key",
    "Alarm": "quantumlink.monitoring",
    "CusumChart": "quantumlink.monitoring",
    "Monitor": "quantumlink.monitoring",
    "SequentialTest": "quantumlink.monitoring",
    "B92": "quantumlink.qkd.protocols.b92",
    "BB84": "quantumlink.qkd.protocols.bb84_session",
    "bb84": "quantumlink.qkd.protocols.bb84_session",
    "BBM92": "quantumlink.qkd.protocols.bbm92_session",
    "SixStatePairs": "quantumlink.qkd.protocols.bbm92_session",
    "bbm92": "quantumlink.qkd.protocols.bbm92_session",
    "Conference": "quantumlink.qkd.protocols.conference_session",
    "conference": "quantumlink.qkd.protocols.conference_session",
    "NetworkConference": "quantumlink.qkd.protocols.network_conference",
    "ConferenceKey": "quantumlink.distillation.group.key",
    "DecoyBB84": "quantumlink.qkd.protocols.decoy",
    "decoy_bb84": "quantumlink.qkd.protocols.decoy",
    "DecoyMDI": "quantumlink.qkd.protocols.decoy_mdi_session",
    "decoy_mdi": "quantumlink.qkd.protocols.decoy_mdi_session",
    "RelayDecoyBound": "quantumlink.security",
    "TwinField": "quantumlink.qkd.protocols.twin_field_session",
    "twin_field": "quantumlink.qkd.protocols.twin_field_session",
    "TwinFieldBound": "quantumlink.security",
    "TwinFields": "quantumlink.security.recipes",
    "RelayDecoys": "quantumlink.security.recipes",
    "OneDecoyBB84": "quantumlink.qkd.protocols.decoy",
    "one_decoy_bb84": "quantumlink.qkd.protocols.decoy",
    "WeakPulseBB84": "quantumlink.qkd.protocols.weak_pulse_session",
    "weak_pulse_bb84": "quantumlink.qkd.protocols.weak_pulse_session",
    "E91": "quantumlink.qkd.protocols.e91_session",
    "e91": "quantumlink.qkd.protocols.e91_session",
    "MDI": "quantumlink.qkd.protocols.mdi_session",
    "mdi": "quantumlink.qkd.protocols.mdi_session",
    "SecretSharing": "quantumlink.qkd.protocols.sharing_session",
    "SharedKey": "quantumlink.distillation.group.key",
    "ConferenceAgreement": "quantumlink.distillation.group.conference",
    "ConferenceAlice": "quantumlink.distillation.group.conference",
    "ConferenceBob": "quantumlink.distillation.group.conference",
    "SharingAgreement": "quantumlink.distillation.group.sharing",
    "Dealer": "quantumlink.distillation.group.sharing",
    "Player": "quantumlink.distillation.group.sharing",
    "convene": "quantumlink.distillation.group.talking",
    "secret_sharing": "quantumlink.qkd.protocols.sharing_session",
    "SharingBound": "quantumlink.security",
    "SARG04": "quantumlink.qkd.protocols.sarg04",
    "Session": "quantumlink.qkd.protocols.session",
    "SixState": "quantumlink.qkd.protocols.six_state_session",
    "six_state": "quantumlink.qkd.protocols.six_state_session",
    "Cascade": "quantumlink.distillation.reconciliation",
    "Ldpc": "quantumlink.distillation.reconciliation",
    "Transcript": "quantumlink.distillation.transcript",
    "TranscriptError": "quantumlink.distillation.transcript",
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
    "AUTHENTICATION_BITS",
    "B92",
    "BB84",
    "BBM92",
    "E91",
    "MDI",
    "SARG04",
    "AccumulationBound",
    "Agreement",
    "Alarm",
    "Alice",
    "BasisSifting",
    "Bob",
    "BothBases",
    "BothBasesBound",
    "Cascade",
    "Conference",
    "ConferenceAgreement",
    "ConferenceAlice",
    "ConferenceBob",
    "ConferenceKey",
    "CusumChart",
    "Dealer",
    "DecoyBB84",
    "DecoyBound",
    "DecoyMDI",
    "Decoys",
    "DetectorBlinding",
    "DeviceIndependentBound",
    "Eavesdropper",
    "EntanglingProbe",
    "EveInformation",
    "ExpectedKey",
    "InterceptResend",
    "Interleaved",
    "Key",
    "KeyBytes",
    "KeyTaken",
    "Ldpc",
    "ManInTheMiddle",
    "MemoryAttack",
    "Monitor",
    "NetworkConference",
    "NoSecretKey",
    "NumericalRate",
    "OneDecoy",
    "OneDecoyBB84",
    "OneDecoyBound",
    "PhaseCovariantCloner",
    "PhotonNumberSplitting",
    "Player",
    "Proof",
    "Records",
    "RecordsConsumed",
    "RelayDecoyBound",
    "RelayDecoys",
    "SecretExhausted",
    "SecretSharing",
    "SequentialTest",
    "Session",
    "SharedKey",
    "SharedSecret",
    "SharingAgreement",
    "SharingBound",
    "Sifted",
    "Sifting",
    "SinglePhotonBound",
    "SixState",
    "SixStateBound",
    "SixStatePairs",
    "Tally",
    "Transcript",
    "TranscriptError",
    "TwinField",
    "TwinFieldBound",
    "TwinFields",
    "TwoBases",
    "TwoStateBound",
    "UniversalCloner",
    "WatchedBlock",
    "WeakPulseBB84",
    "WeakPulseBound",
    "WeakPulses",
    "bb84",
    "bb84_rate",
    "bbm92",
    "binary_entropy",
    "blocks_of",
    "chsh_estimate",
    "conference",
    "conference_rate",
    "convene",
    "converse",
    "decoy_bb84",
    "decoy_mdi",
    "device_independent_rate",
    "distill",
    "e91",
    "expected_key",
    "finite_key_length",
    "mdi",
    "mdi_rate",
    "numerical_key_rate",
    "one_decoy_bb84",
    "optimize_session",
    "remaining_error_bound",
    "replay",
    "sarg04_rate",
    "secret_sharing",
    "serfling_margin",
    "six_state",
    "six_state_rate",
    "toeplitz_hash",
    "twin_field",
    "two_bases",
    "watch",
    "weak_pulse_bb84",
]
