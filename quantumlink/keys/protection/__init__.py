"""Files and streams protected with delivered keys: sealed under hybrid keys, or under a one-time pad."""

from quantumlink.keys.protection.pad_file import open_padded, protect_padded
from quantumlink.keys.protection.recipient import Recipient
from quantumlink.keys.protection.records import RecordOpener, RecordRefused, RecordSealer
from quantumlink.keys.protection.sealed_file import ProtectedFileError, open_sealed, protect_sealed

__all__ = [
    "ProtectedFileError",
    "Recipient",
    "RecordOpener",
    "RecordRefused",
    "RecordSealer",
    "open_padded",
    "open_sealed",
    "protect_padded",
    "protect_sealed",
]
