"""Keys that are delivered: stored, handed over exactly once, relayed, and combined with post-quantum keys.

Key material comes from `qkd` or a device, rests in a store, and leaves it once: to an application over ETSI GS QKD
014, to a neighbor as a one-time pad, or as the tag of a message. Python cannot promise that a secret is erased from
memory, trusted nodes read the keys they relay, the last hop to an application is as good as its certificates, and
the keys of a simulation are not secret.
"""

from quantumlink.keys.ledger import Ledger, LedgerError
from quantumlink.keys.material import Block, DeliveredKey, Position, Provenance, Secret
from quantumlink.keys.signatures import Recipient, SignatureScheme, Signer
from quantumlink.keys.signing import Signing, prepare_signing
from quantumlink.keys.store import PoolPolicy, Store, StoreError, open_store

__all__ = [
    "Block",
    "DeliveredKey",
    "Ledger",
    "LedgerError",
    "PoolPolicy",
    "Position",
    "Provenance",
    "Recipient",
    "Secret",
    "SignatureScheme",
    "Signer",
    "Signing",
    "Store",
    "StoreError",
    "open_store",
    "prepare_signing",
]
