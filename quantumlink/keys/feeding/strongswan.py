"""strongSwan's post-quantum preshared key (RFC 8784) from a key manager, rotated through ``vici``.

The connection must have ``ppk_id`` and ``ppk_required = yes``. A rotation loads the new key at both ends under the
same id, and makes both agree on new keys at once; IKE mixes the PPK into what all traffic keys come from. Look at
the security association afterwards, not at "success": `rekey` returns what it found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from quantumlink.keys.material import Secret


class Session(Protocol):
    """What is used of ``vici.Session`` (package vici)."""

    def load_shared(self, secret: Mapping[str, Any]) -> Any:
        """Load a secret."""

    def unload_shared(self, identifier: Mapping[str, Any]) -> Any:
        """Unload it."""

    def rekey(self, sa: Mapping[str, Any]) -> Any:
        """Make new keys."""

    def list_sas(self, filters: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """The security associations."""


def load_ppk(session: Session, ppk_id: str, secret: Secret, *, name: str) -> None:
    """Load a key for an id; one of the same name is replaced.

    Args:
        session: of the daemon.
        ppk_id: the id that both ends name.
        secret: the key, 32 bytes at least (RFC 8784, section 6: 256 bits).
        name: name of the entry.

    Raises:
        ValueError: if the key is shorter.
    """
    if len(secret) < 32:
        raise ValueError(f"a PPK must have 32 bytes at least, got {len(secret)}")
    session.load_shared({"id": name, "type": "ppk", "data": secret.reveal(), "owners": [ppk_id]})


def unload_ppk(session: Session, name: str) -> None:
    """Take an entry out."""
    session.unload_shared({"id": name})


def rekey(session: Session, connection: str) -> None:
    """Authenticate anew, with the keys that are loaded now."""
    session.rekey({"ike": connection, "reauth": "yes"})


def ppk_of(session: Session, connection: str) -> list[tuple[str, str, bool]]:
    """Of each association: its number, its state, and whether a PPK went into it."""
    found = []
    for listed in session.list_sas({"ike": connection}):
        for sa in listed.values():
            told = {key: value.decode() if isinstance(value, bytes) else value for key, value in sa.items()}
            found.append((str(told.get("uniqueid")), str(told.get("state")), told.get("ppk") == "yes"))
    return found
