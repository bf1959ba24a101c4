"""Feeding programs that nobody here wrote: WireGuard, strongSwan, TLS with preshared keys."""

from quantumlink.keys.feeding.strongswan import load_ppk, ppk_of, rekey, unload_ppk
from quantumlink.keys.feeding.tls import client_context, openssl_arguments, server_context
from quantumlink.keys.feeding.wireguard import WireGuardError, last_handshake_s, set_preshared_key

__all__ = [
    "WireGuardError",
    "client_context",
    "last_handshake_s",
    "load_ppk",
    "openssl_arguments",
    "ppk_of",
    "rekey",
    "server_context",
    "set_preshared_key",
    "unload_ppk",
]
