"""Protocols: sessions of key distribution, each from its own parameterized circuit."""

from quantumlink.qkd.protocols.b92 import B92
from quantumlink.qkd.protocols.bb84 import BB84, bb84
from quantumlink.qkd.protocols.bbm92 import BBM92, SixStatePairs, bbm92
from quantumlink.qkd.protocols.conference import Conference, conference
from quantumlink.qkd.protocols.conference_key import ConferenceKey
from quantumlink.qkd.protocols.decoy import DecoyBB84, decoy_bb84
from quantumlink.qkd.protocols.e91 import E91, e91
from quantumlink.qkd.protocols.mdi import MDI, mdi
from quantumlink.qkd.protocols.sarg04 import SARG04
from quantumlink.qkd.protocols.session import Session, Sifted
from quantumlink.qkd.protocols.six_state import SixState, six_state

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
    "Session",
    "Sifted",
    "SixState",
    "SixStatePairs",
    "bb84",
    "bbm92",
    "conference",
    "decoy_bb84",
    "e91",
    "mdi",
    "six_state",
]
