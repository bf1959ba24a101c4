"""What the operator's page shows, as plain values; no key material."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from cryptography import x509

from quantumlink.keys.service.kme import KeyService
from quantumlink.keys.service.link_watch import LinkWatch

if TYPE_CHECKING:
    from quantumlink.keys.service.demonstration import Demonstration


def snapshot(demo: Demonstration) -> dict[str, Any]:
    """The state of a demonstration."""
    return {
        "at_s": time.time(),
        "network": demo.network.name,
        "started_at_s": demo.started_at_s,
        "nodes": [_node(demo, name) for name in demo.network.nodes],
        "hops": [
            {
                "number": number,
                "ends": [link.left.name, link.right.name],
                "attacked": demo.attacked.get(number, 0.0),
            }
            for number, link in enumerate(demo.network.links)
        ],
        "links": [_link(demo, watch) for watch in demo.links],
        "relays": [
            {
                "ends": list(pair),
                "way": demo.relays.paths.get(pair),
                "stored_bytes": demo.services[pair[0].removeprefix("kme-")].store.level(pair[1]).stored,
            }
            for pair in demo.relays.pairs
        ],
        "refused": dict(sum((Counter(s.counts.refused) for s in demo.services.values()), Counter())),
        "answered": dict(sum((Counter(s.counts.answered) for s in demo.services.values()), Counter())),
        "modes": {
            "default": next(iter(demo.services.values())).registry.default_mode,
            "below": [
                {"pair": list(pair), "why": why}
                for service in demo.services.values()
                for pair, why in service.manager.modes.downgraded.items()
            ],
        },
        "certificates": [certificate_of(name, service) for name, service in demo.services.items()],
        "events": list(demo.events)[-60:],
        "simulated": True,
    }


def _node(demo: Demonstration, name: str) -> dict[str, Any]:
    node = demo.network.nodes[name]
    position = getattr(node, "position", None)
    return {
        "name": name,
        "role": node.role,
        "position": None if position is None else [float(position[0]), float(position[1])],
        "holds_keys": name in demo.services,
        "port": demo.ports.get(name),
    }


def _link(demo: Demonstration, watch: LinkWatch) -> dict[str, Any]:
    first, second = watch.link.ends
    store = demo.services[first].store
    level, books = store.level(f"kme-{second}"), store.ledger(f"kme-{second}")
    errors = {
        basis: {"low": found.low, "best": found.best, "high": found.high, "expected": watch.expected[basis]}
        for basis, found in watch.errors.items()
    }
    state = "down" if watch.is_down else "rerouted" if watch.is_rerouted else "well"
    return {
        "name": watch.name,
        "ends": [first, second],
        "way": watch.link.nodes(),
        "state": state,
        "alarms": len(watch.monitor.alarms),
        "rate_bit_s": watch.link.rate_bit_s,
        "stored_bytes": level.stored,
        "quarantined_bytes": level.quarantined,
        "capacity_bytes": level.capacity,
        "low_water_bytes": store.policy(f"kme-{second}").low_water_bytes,
        "is_low": level.is_low,
        "delivered_bytes": books.delivered,
        "ledger": {name: getattr(books, name) for name in books.__dataclass_fields__},
        "consumed_keys": demo.consumed[watch.name],
        "failed_requests": demo.failed[watch.name],
        "qber": errors,
        "history": list(watch.history)[-120:],
    }


def certificate_of(name: str, service: KeyService) -> dict[str, Any]:
    """When a node's certificate ends, and the list of revocations."""
    certificate = x509.load_pem_x509_certificate(service.credentials.certificate.read_bytes())
    return {
        "node": name,
        "expires_at_s": certificate.not_valid_after_utc.timestamp(),
        "list_expires_at_s": service.revocations.ends_s,
    }
