"""Hybrid keys: quantum, post-quantum and classical ones combined, so that breaking one of them is not enough."""

from quantumlink.keys.hybrid.agreement import Agreed, AgreementError, Identity, Offer, Responder
from quantumlink.keys.hybrid.combiner import KeyParts, combine
from quantumlink.keys.hybrid.concatenation import catkdf
from quantumlink.keys.hybrid.modes import Downgrade, Mode, ModePolicy

__all__ = [
    "Agreed",
    "AgreementError",
    "Downgrade",
    "Identity",
    "KeyParts",
    "Mode",
    "ModePolicy",
    "Offer",
    "Responder",
    "catkdf",
    "combine",
]
