"""TLS 1.3 with an external preshared key from a key manager: the key's id is the identity that the client names.

The handshake still makes an X25519 secret beside it (psk_dhe_ke), so that both must be broken. Python has the calls
from 3.13 on; before, or for other programs, `openssl_arguments` feeds ``openssl s_client`` and ``s_server``.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from quantumlink.keys.material import DeliveredKey, Secret


def client_context(key: DeliveredKey) -> ssl.SSLContext:
    """A client's context with a key of `KeyClient.new_keys`.

    Raises:
        NotImplementedError: if this Python cannot.
    """
    context: Any = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who has the key is who we mean
    said = key.key_id
    context.set_psk_client_callback(lambda _hint: (said, key.secret.reveal()))
    found: ssl.SSLContext = context
    return found


def server_context(key_of: Callable[[str], Secret]) -> ssl.SSLContext:
    """A server's context.

    Args:
        key_of: gets the key of an id, such as from `KeyClient.keys_with_ids`; what it raises refuses the client.

    Raises:
        NotImplementedError: if this Python cannot.
    """
    context: Any = _context(ssl.PROTOCOL_TLS_SERVER)

    def found(identity: str | None) -> bytes:
        try:
            return b"" if identity is None else key_of(identity).reveal()
        except Exception:  # an empty key ends the handshake
            return b""

    context.set_psk_server_callback(found)
    ready: ssl.SSLContext = context
    return ready


def openssl_arguments(key: DeliveredKey) -> list[str]:
    """What ``openssl s_client`` and ``s_server`` take; a server needs ``-nocert`` as well.

    The key is then in the list of processes, where others on the machine may read it: for tests, and for machines
    of one user.
    """
    return ["-tls1_3", "-psk_identity", key.key_id, "-psk", key.secret.reveal().hex()]


def _context(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    if not getattr(ssl, "HAS_PSK", False):
        raise NotImplementedError("TLS with preshared keys needs Python 3.13 or later; see openssl_arguments")
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
