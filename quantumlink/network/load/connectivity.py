"""Which nodes are still joined by entanglement when some nodes and links have failed, all pairs at once."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from quantumlink.arrays import BoolArray
from quantumlink.network.graph import Graph
from quantumlink.network.routing import SWAPPING


class Connectivity:
    """Some links of a network as what they join.

    A route leads through nodes that swap; a node without memory can only end a link that is used on its own.
    """

    def __init__(self, network: Graph, links: Collection[int]) -> None:
        self.index = {name: i for i, name in enumerate(network.nodes)}
        self._swaps = [node.role in SWAPPING for node in network.nodes.values()]
        self._links: list[tuple[int, int, int, bool]] = []
        for number in sorted(links):
            ends = network.links[number].ends
            a, b = (self.index[end.name] for end in ends)
            self._links.append((number, a, b, all(end.memories != 0 for end in ends)))

    def joined(self, nodes: Collection[str], links: Collection[int]) -> BoolArray:
        """Shape (nodes, nodes): which pairs are joined when nodes and links (by number) have failed."""
        n = len(self.index)
        gone = {self.index[name] for name in nodes}
        left = [(a, b, held) for i, a, b, held in self._links if i not in links and a not in gone and b not in gone]
        group = list(range(n))

        def root(i: int) -> int:
            while group[i] != i:
                group[i] = group[group[i]]
                i = group[i]
            return i

        for a, b, held in left:
            if held and self._swaps[a] and self._swaps[b]:
                group[root(a)] = root(b)
        reach = np.zeros((n, n), dtype=np.float32)
        for i in range(n):
            if self._swaps[i] and i not in gone:
                reach[i, root(i)] = 1
        for a, b, held in left:
            for one, other in ((a, b), (b, a)):
                if held and not self._swaps[one] and self._swaps[other]:
                    reach[one, root(other)] = 1
        found: BoolArray = reach @ reach.T > 0
        for a, b, _ in left:
            found[a, b] = found[b, a] = True
        return found
