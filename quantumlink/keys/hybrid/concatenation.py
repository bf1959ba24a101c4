"""CatKDF, the concatenation combiner of ETSI TS 103 744 (V1.1.1, sections 7.2 and 8.2), for peers that speak it.

V1.2.1 has it too, with HKDF as here, and with HMAC and KMAC, which are not here.

    secret    = psk ‖ k₁ ‖ … ‖ kₙ
    f_context = H(len ‖ context ‖ len ‖ MA ‖ len ‖ MB)         lengths in four bytes, big-endian
    key       = HKDF(salt = label, input = secret, info = f_context)

A QKD key takes the place of the psk. The lengths of the secrets are fixed by their schemes; two of them of unknown
lengths could be cut otherwise. Our own messages use `combine`, which binds ids and roles as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quantumlink import validation
from quantumlink.keys.material import Secret

Hash = Literal["SHA-256", "SHA-384"]
_HASHES: Final[dict[Hash, type[hashes.HashAlgorithm]]] = {"SHA-256": hashes.SHA256, "SHA-384": hashes.SHA384}


def catkdf(
    secrets: Sequence[Secret],
    *,
    message_a: bytes,
    message_b: bytes,
    context: bytes,
    label: bytes,
    psk: Secret | None = None,
    length: int = 32,
    hash_name: Hash = "SHA-384",
) -> Secret:
    """Combine secrets to one key.

    Args:
        secrets: those of the key exchanges, in their order; two or more with the psk.
        message_a: what the initiator sent.
        message_b: what the responder sent.
        context: what else is to be bound.
        label: what the key is for.
        psk: a key that both had before, such as a QKD key.
        length: bytes of the key.
        hash_name: the hash, of the context and of HKDF.

    Raises:
        ValueError: if there are fewer than two secrets, or an empty one.
    """
    validation.choice("hash_name", hash_name, _HASHES)
    validation.count("length", length, at_least=1)
    parts = [*(() if psk is None else (psk,)), *secrets]
    if len(parts) < 2 or not all(len(part) for part in parts):
        raise ValueError(f"there must be two secrets or more, none of them empty; got {len(parts)}")
    digest = hashes.Hash(_HASHES[hash_name]())
    for piece in (context, message_a, message_b):
        digest.update(len(piece).to_bytes(4, "big") + piece)
    material = b"".join(part.reveal() for part in parts)
    return Secret(HKDF(_HASHES[hash_name](), length, label, digest.finalize()).derive(material))
