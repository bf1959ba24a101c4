"""The trail of deliveries: what was handed to whom and when, chained by hashes, never a secret.

Each entry's digest is that of the entry and the digest before it: whoever holds the last digest can tell whether
any earlier entry was changed, left out or put in.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from typing import Any, Final

from quantumlink.keys.store.database import Transaction

BEGINNING: Final = "0" * 64
"""What the first entry of all follows."""


def append(tx: Transaction, event: str, **told: Any) -> None:
    """Write an entry."""
    last = tx.run("SELECT digest FROM trail ORDER BY n DESC LIMIT 1")
    text = json.dumps({"event": event, "at_s": round(time.time(), 6), **told}, sort_keys=True)
    tx.run(
        "INSERT INTO trail (event, digest) VALUES (?, ?)", text, _digest(last[0][0] if last else BEGINNING, text)
    )


def read(tx: Transaction, after: int) -> list[dict[str, Any]]:
    """The entries beyond a number."""
    rows = tx.run("SELECT n, event, digest FROM trail WHERE n > ? ORDER BY n", after)
    return [{"number": n, **json.loads(text), "digest": digest} for n, text, digest in rows]


def verify(entries: Iterable[dict[str, Any]], before: str = BEGINNING) -> str:
    """Check a chain of entries; returns the last digest.

    Raises:
        ValueError: at the first entry that does not follow from those before it.
    """
    for entry in entries:
        told = {name: value for name, value in entry.items() if name not in ("number", "digest")}
        before = _digest(before, json.dumps(told, sort_keys=True))
        if before != entry["digest"]:
            raise ValueError(f"the trail is broken at entry {entry['number']}")
    return before


def _digest(before: str, text: str) -> str:
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()
