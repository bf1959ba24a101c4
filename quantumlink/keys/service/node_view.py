"""One node as its operator's page shows it: the page of the demonstration, without links to play and attacks."""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quantumlink.keys.service.kme import KeyService
from quantumlink.keys.service.link_watch import LinkWatch
from quantumlink.keys.service.metrics import metrics
from quantumlink.keys.service.snapshot import certificate_of


class NodeView:
    """What the operator of a node sees.

    Args:
        service: the node.
        page_port: where its page listens.
        token: the operator's.
        is_demo: whether its keys may be simulated.
    """

    def __init__(self, service: KeyService, *, page_port: int, token: str, is_demo: bool) -> None:
        self._service, self.page_port, self.token, self._is_demo = service, page_port, token, is_demo
        self.services = {service.registry.kme_id: service}
        self.links: Sequence[LinkWatch] = ()
        self.attacked: dict[int, float] = {}
        self.events: deque[dict[str, Any]] = deque(maxlen=200)
        self._started_at_s = time.time()
        service.on_alarm = lambda text: self.tell("mode alarm", text)

    @property
    def is_ready(self) -> bool:
        """Whether it answers requests, with a store that can be read."""
        return self._service.manager is not None

    def tell(self, kind: str, text: str) -> None:
        """Put an event on the page."""
        self.events.append({"at_s": time.time(), "kind": kind, "text": text})

    def metrics(self) -> str:
        """Its metrics."""
        return metrics(self)

    def attack(self, hop: int, fraction: float) -> None:
        """There is nothing to attack."""
        raise ValueError("hop must be a link of a demonstration, and this is a node of its own")

    def end_quarantine(self, name: str, *, burn: bool) -> int:
        """Release or burn what is held back of a pool, at this end; the operator of the other end does the same."""
        if name not in (pools := self._service.store.pools()):
            raise ValueError(f"link must be one of {', '.join(pools)}, got {name!r}")
        moved = self._service.store.release(name, burn=burn)
        self.tell("burnt" if burn else "released", f"{name}: {moved} bytes")
        return moved

    async def changed(self, timeout_s: float) -> None:
        """Wait a while."""
        await asyncio.sleep(timeout_s)

    def snapshot(self) -> dict[str, Any]:
        """What the page shows, as plain values; no key material."""
        service = self._service
        own, peers = service.registry.kme_id, [peer.id for peer in service.registry.peers]
        return {
            "at_s": time.time(),
            "network": own,
            "started_at_s": self._started_at_s,
            "nodes": [
                {"name": name, "role": "trusted", "position": None, "holds_keys": True, "port": None}
                for name in (own, *peers)
            ],
            "hops": [],
            "links": [self._pool(name) for name in dict.fromkeys((*peers, *service.store.pools())) if name != own],
            "relays": [],
            "refused": dict(service.counts.refused),
            "answered": dict(service.counts.answered),
            "modes": {
                "default": service.registry.default_mode,
                "below": [
                    {"pair": list(pair), "why": why} for pair, why in service.manager.modes.downgraded.items()
                ],
            },
            "certificates": [certificate_of(own, service)],
            "events": list(self.events)[-60:],
            "simulated": self._is_demo,
        }

    def _pool(self, name: str) -> dict[str, Any]:
        store = self._service.store
        level, books, policy = store.level(name), store.ledger(name), store.policy(name)
        return {
            "name": name,
            "ends": [self._service.registry.kme_id, name],
            "way": [self._service.registry.kme_id, name],
            "state": "down" if level.quarantined else "well",
            "alarms": 0,
            "rate_bit_s": 8 * books.generated / max(1.0, time.time() - self._started_at_s),
            "stored_bytes": level.stored,
            "quarantined_bytes": level.quarantined,
            "capacity_bytes": level.capacity,
            "low_water_bytes": policy.low_water_bytes,
            "is_low": level.is_low,
            "delivered_bytes": books.delivered,
            "ledger": {entry: getattr(books, entry) for entry in books.__dataclass_fields__},
            "consumed_keys": books.delivered // 32,
            "failed_requests": 0,
            "qber": {},
            "history": [],
        }


def operator_token(path: Path) -> str:
    """The operator's token of a file that only its owner can read; made if it is not there.

    Raises:
        PermissionError: if others can read it.
        ValueError: if it is too short to be one.
    """
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    if os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:  # elsewhere modes say nothing
        raise PermissionError(f"the operator's token {path} can be read by others (mode {mode:04o}): chmod 600")
    token = path.read_text(encoding="ascii").strip()
    if len(token) < 16:
        raise ValueError(f"{path} must hold a token of 16 characters at least")
    return token
