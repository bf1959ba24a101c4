"""WireGuard's preshared key from a key manager, set with ``wg``.

Both ends mix the key into their next handshake (J. A. Donenfeld, NDSS 2017): X25519 stays, and whoever breaks it
later lacks this key. A running session does not notice a new one, and lives for up to three minutes; so the old
session is thrown away by taking the peer out and putting it in again, and the time of the next handshake is what
tells that the keys agree. If the two ends have different keys, there is no handshake and no traffic.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Sequence

from quantumlink.keys.material import Secret

KEY_BYTES = 32


class WireGuardError(Exception):
    """``wg`` refused, or the peer is none of the interface's."""


def set_preshared_key(interface: str, peer: str, secret: Secret, *, command: Sequence[str] = ("wg",)) -> None:
    """Set the key of a peer, and throw the running session away so that the next packet begins a new one.

    Args:
        interface: such as ``"wg0"``.
        peer: the peer's public key, in base64.
        secret: 32 bytes; it goes through a pipe and never into an argument.
        command: how ``wg`` is called, such as ``("ip", "netns", "exec", "left", "wg")``.

    Raises:
        ValueError: if the key has another length.
        WireGuardError: if ``wg`` refuses.
    """
    if len(secret) != KEY_BYTES:
        raise ValueError(f"a preshared key must have {KEY_BYTES} bytes, got {len(secret)}")
    _, endpoint, ranges, _, _, _, keepalive = _peer(interface, peer, command)
    put = [interface, "peer", peer, "preshared-key", "/dev/stdin"]
    put += ["allowed-ips", "" if ranges == "(none)" else ranges]
    if endpoint != "(none)":
        put += ["endpoint", endpoint]
    if keepalive not in ("off", "0"):
        put += ["persistent-keepalive", keepalive]
    _run(command, ["set", interface, "peer", peer, "remove"])
    _run(command, ["set", *put], base64.b64encode(secret.reveal()) + b"\n")


def last_handshake_s(interface: str, peer: str, *, command: Sequence[str] = ("wg",)) -> int | None:
    """When the last handshake with a peer was, in seconds since 1970; None if none was since its key was set.

    Raises:
        WireGuardError: if the interface has no such peer.
    """
    return int(_peer(interface, peer, command)[3]) or None


def _peer(interface: str, peer: str, command: Sequence[str]) -> list[str]:
    """Preshared key (never used here), endpoint, allowed ranges, last handshake, received, sent, keepalive."""
    lines = _run(command, ["show", interface, "dump"]).decode().splitlines()[1:]
    for line in lines:
        name, *found = line.split("\t")
        if name == peer:
            return ["", *found[1:]]
    raise WireGuardError(f"{interface} has no peer {peer}")


def _run(command: Sequence[str], arguments: Sequence[str], given: bytes | None = None) -> bytes:
    try:
        done = subprocess.run([*command, *arguments], input=given, capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        text = said.decode(errors="replace").strip()
        raise WireGuardError(f"{command[-1]} {arguments[0]} failed: {text}") from None
    return done.stdout
