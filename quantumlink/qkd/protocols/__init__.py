"""Protocols: sessions of key distribution, each from its own parameterized circuit."""

from quantumlink.distillation.group.key import ConferenceKey
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

__all__ = [
    "B92",
    "BB84",
    "BBM92",
    "E91",
    "MDI",
    "SARG04",
    "Conference",
    "ConferenceKey",
    "DecoyBB84",
    "DecoyMDI",
    "NetworkConference",
    "OneDecoyBB84",
    "SecretSharing",
    "Session",
    "Sifted",
    "SixState",
    "SixStatePairs",
    "TwinField",
    "WeakPulseBB84",
    "bb84",
    "bbm92",
    "conference",
    "decoy_bb84",
    "decoy_mdi",
    "e91",
    "mdi",
    "one_decoy_bb84",
    "secret_sharing",
    "six_state",
    "twin_field",
    "weak_pulse_bb84",
]
