"""The combiner: HKDF-SHA384 over all parts and everything that was said in public.

    K = HKDF(salt = 0…0, input = K_QKD ‖ K_ML-KEM ‖ K_X25519,
             info = label ‖ version ‖ mode ‖ key id ‖ roles and ids ‖ H(transcript))

This is the concatenation combiner of NIST SP 800-56C (two-step, with HMAC) that SP 800-227, section 4.6, approves
if one of the parts is from an approved scheme; a QKD key may be a part. Parts have fixed lengths and an order, each
piece of the info carries its length, and a part that a mode leaves out is absent, which the mode in the info says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quantumlink import validation
from quantumlink.keys.hybrid.modes import MODES, Mode
from quantumlink.keys.material import Secret

LABEL: Final = b"quantumlink hybrid key"
VERSION: Final = 1
PART_BYTES: Final = 32
_PARTS: Final[dict[Mode, tuple[str, ...]]] = {
    "classical": ("x25519",),
    "post-quantum": ("mlkem", "x25519"),
    "post-quantum + QKD": ("qkd", "mlkem", "x25519"),
    "QKD required": ("qkd", "mlkem", "x25519"),
}


@dataclass(frozen=True)
class KeyParts:
    """The secret parts, 32 bytes each; what a mode does not use is None."""

    x25519: Secret
    mlkem: Secret | None = None
    qkd: Secret | None = None


def combine(
    parts: KeyParts, *, mode: Mode, key_id: str, master: str, slave: str, transcript: bytes, length: int = 32
) -> Secret:
    """Combine the parts to one key.

    Args:
        parts: exactly those that the mode uses.
        mode: see `Mode`.
        key_id: id of the QKD key, or of the session where there is none.
        master: id of the application that begins.
        slave: id of the other.
        transcript: all public messages, in order.
        length: bytes of the key.

    Raises:
        ValueError: if a part is missing, is there against the mode, or has another length.
    """
    validation.choice("mode", mode, MODES)
    used = _PARTS[mode]
    material = b""
    for name in ("qkd", "mlkem", "x25519"):
        part = getattr(parts, name)
        if (part is not None) != (name in used):
            is_there = "absent" if part is None else "given"
            raise ValueError(f"the mode {mode!r} uses {', '.join(used)}; {name} is {is_there}")
        if part is not None:
            if len(part) != PART_BYTES:
                raise ValueError(f"{name} must have {PART_BYTES} bytes, got {len(part)}")
            material += part.reveal()
    info = _encoded(
        LABEL, bytes([VERSION]), mode.encode(), key_id.encode(), b"master", master.encode(), b"slave",
        slave.encode(), hashlib.sha384(transcript).digest(),
    )  # fmt: skip
    return Secret(HKDF(hashes.SHA384(), length, None, info).derive(material))


def _encoded(*pieces: bytes) -> bytes:
    return b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)
