"""Metrics in the text format of Prometheus; no key material, no ids of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from quantumlink.keys.ledger import HELD, LEFT
from quantumlink.keys.service.kme import KeyService
from quantumlink.keys.service.link_watch import LinkWatch


class Measured(Protocol):
    """Nodes, and links that are played."""

    @property
    def services(self) -> Mapping[str, KeyService]:
        """The nodes, by name."""

    @property
    def links(self) -> Sequence[LinkWatch]:
        """The links."""


def metrics(demo: Measured) -> str:
    """The metrics of all nodes."""
    lines: list[str] = []
    levels, books = [], []
    answered, refused = [], []
    for node, service in demo.services.items():
        for pool in service.store.pools():
            level = service.store.level(pool)
            where = {"kme": node, "pool": pool}
            levels += [(where | {"state": name}, getattr(level, name)) for name in HELD]
            ledger = service.store.ledger(pool)
            books += [(where | {"entry": name}, getattr(ledger, name)) for name in ("generated", *LEFT)]
        answered += [({"kme": node, "face": face}, n) for face, n in service.counts.answered.items()]
        refused += [({"kme": node, "cause": cause}, n) for cause, n in service.counts.refused.items()]
    lines += _family("quantumlink_pool_bytes", "gauge", "Key material that is held.", levels)
    lines += _family("quantumlink_ledger_bytes_total", "counter", "Key material that came and went.", books)
    lines += _family("quantumlink_answers_total", "counter", "Requests that were met.", answered)
    lines += _family("quantumlink_refusals_total", "counter", "Requests that were refused, by cause.", refused)
    below = [({"kme": node}, service.counts.mode_alarms) for node, service in demo.services.items()]
    lines += _family("quantumlink_mode_alarms_total", "counter", "Pairs that got less than agreed.", below)
    errors = [
        ({"link": watch.name, "basis": basis}, found.best)
        for watch in demo.links
        for basis, found in watch.errors.items()
    ]
    lines += _family("quantumlink_qber", "gauge", "Error rate of the last block.", errors)
    alarms = [({"link": watch.name}, int(watch.is_alarmed or watch.is_down)) for watch in demo.links]
    lines += _family("quantumlink_link_alarm", "gauge", "Whether the link is under alarm.", alarms)
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[dict[str, str], float]]) -> list[str]:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        told = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{told}}} {value:g}" if isinstance(value, float) else f"{name}{{{told}}} {value}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
