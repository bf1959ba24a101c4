"""Relays of a demonstration: ends without a link of their own get keys over trusted nodes, by the widest path."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Final

from quantumlink.keys.relay.hop_by_hop import RelayFailed, relay, widest_path
from quantumlink.keys.store.contract import StoreError
from quantumlink.keys.store.sql import SqlStore

FIRST_BYTES: Final = 1 << 15
"""What a pair gets at the beginning."""
MORE_BYTES: Final = 1 << 12
"""What it gets when it is below `FIRST_BYTES`."""


class Relays:
    """The relays between the ends of a network.

    Args:
        stores: the nodes' stores, by their ids.
        ends: ids of the nodes that want keys.
        trusted: ids of the nodes that may relay.
        linked: pairs of ids that have a link.
    """

    def __init__(
        self,
        stores: Mapping[str, SqlStore],
        ends: Sequence[str],
        trusted: Collection[str],
        linked: Collection[tuple[str, str]],
    ) -> None:
        self._stores, self._trusted = stores, trusted
        self._linked = {frozenset(pair) for pair in linked}
        self.pairs = [pair for pair in combinations(ends, 2) if frozenset(pair) not in self._linked]
        self.paths: dict[tuple[str, str], list[str] | None] = {}
        """The way of the last relay of each pair, None where there was none."""

    def top_up(self, failed: Collection[tuple[str, str]] = ()) -> list[str]:
        """Relay to pairs that have little; what changed, in words.

        Args:
            failed: links under alarm, which are not used.
        """
        told = []
        for pair in self.pairs:
            first, last = pair
            stored = self._stores[first].level(last).stored
            if stored >= FIRST_BYTES:
                continue
            path = widest_path(self._available(), first, last, relays=self._trusted, failed=failed)
            if path is not None:
                try:
                    relay(self._stores, path, MORE_BYTES if stored else FIRST_BYTES)
                except (RelayFailed, StoreError):
                    path = None
            if self.paths.get(pair, []) != path:
                way = "no way" if path is None else " – ".join(path)
                told.append(f"{first} to {last}: {way}")
            self.paths[pair] = path
        return told

    def _available(self) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        for link in self._linked:
            a, b = sorted(link)
            found[a, b] = self._stores[a].level(b).available
            found[b, a] = self._stores[b].level(a).available
        return found
