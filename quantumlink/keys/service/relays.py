"""Relays of a demonstration: ends without a link of their own get keys over trusted nodes, by the widest path.

Which path is chosen here, by what all stores hold. The secret goes as it would between machines: over HTTPS from
key manager to key manager, each hop under a one-time pad.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Final

from quantumlink.keys.delivery.manager import KeyManager
from quantumlink.keys.relay.hop_by_hop import widest_path
from quantumlink.keys.relay.one_time_pad import TAG_KEY_BYTES
from quantumlink.keys.store.contract import StoreError

FIRST_BYTES: Final = 1 << 15
"""What a pair gets at the beginning."""
MORE_BYTES: Final = 1 << 12
"""What it gets when it is below `FIRST_BYTES`."""


class Relays:
    """The relays between the ends of a network.

    Args:
        managers: the nodes' key managers, by their ids.
        ends: ids of the nodes that want keys.
        trusted: ids of the nodes that may relay.
        linked: pairs of ids that have a link.
    """

    def __init__(
        self,
        managers: Mapping[str, KeyManager],
        ends: Sequence[str],
        trusted: Collection[str],
        linked: Collection[tuple[str, str]],
    ) -> None:
        self._managers, self._trusted = managers, trusted
        self._linked = {frozenset(pair) for pair in linked}
        self.pairs = [pair for pair in combinations(ends, 2) if frozenset(pair) not in self._linked]
        self.paths: dict[tuple[str, str], list[str] | None] = {}
        """The way of the last relay of each pair, None where there was none."""

    async def top_up(self, failed: Collection[tuple[str, str]] = ()) -> list[str]:
        """Relay to pairs that have little; what changed, in words.

        Args:
            failed: links under alarm, which are not used.
        """
        told = []
        for pair in self.pairs:
            first, last = pair
            manager = self._managers[first]
            stored = manager.store.level(last).stored
            if stored >= FIRST_BYTES:
                continue
            available = self._available()
            path = widest_path(available, first, last, relays=self._trusted, failed=failed)
            if path is not None:  # more than a hop has would use up the hops before it for nothing
                room = int(min(available[hop] for hop in pairwise(path))) - TAG_KEY_BYTES
                try:
                    await manager.handing.relay(path, min(MORE_BYTES if stored else FIRST_BYTES, max(1, room)))
                except StoreError:
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
            found[a, b] = self._managers[a].store.level(b).available
            found[b, a] = self._managers[b].store.level(a).available
        return found
