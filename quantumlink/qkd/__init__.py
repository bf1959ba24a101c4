"""Quantum key distribution: from sifted bits to a secret key, and the formulas that say how long it is."""

from quantumlink.qkd.amplification import toeplitz_hash
from quantumlink.qkd.asymptotic import bb84_rate, binary_entropy, device_independent_rate, six_state_rate
from quantumlink.qkd.bbm92 import bbm92
from quantumlink.qkd.distillation import distill
from quantumlink.qkd.finite_key import finite_key_length
from quantumlink.qkd.key import Key, NoSecretKey
from quantumlink.qkd.reconciliation import Cascade

__all__ = [
    "Cascade",
    "Key",
    "NoSecretKey",
    "bb84_rate",
    "bbm92",
    "binary_entropy",
    "device_independent_rate",
    "distill",
    "finite_key_length",
    "six_state_rate",
    "toeplitz_hash",
]
