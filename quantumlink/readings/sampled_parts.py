"""Which parts of a link's tree are sampled rather than exact, and how far that may put off the whole."""

from __future__ import annotations

from quantumlink.codes.sampled import SampledRecovery
from quantumlink.link import LogicalOperation
from quantumlink.readings.encoded import LogicalSwapping
from quantumlink.readings.maps import Carrying, carrier
from quantumlink.readings.tree import Tree


class SampledParts:
    """What is sampled in a tree; to be made before it is folded.

    Maps only ever bring states nearer to each other, and are linear in each link: so by how much the whole may be
    off is at most the sum over every occurrence of what is sampled.
    """

    def __init__(self, tree: Tree) -> None:
        self._parts: list[tuple[Carrying, int]] = []
        logical = [isinstance(operation, LogicalOperation) for operation in tree.operations]
        if not any(logical):
            return
        counts = [0] * len(tree.parts)
        counts[-1] = 1
        for k in range(len(tree.parts) - 1, -1, -1):
            key = tree.keys[k]
            for child in tree.children[k]:
                counts[child] += counts[k]
            if key is not None and logical[tree.maps[key][0]]:
                found = carrier(*tree.acting(key))
                if isinstance(found, SampledRecovery):
                    found.off_by = 0.0  # of states that were looked at before
                if isinstance(found, (SampledRecovery, LogicalSwapping)):
                    self._parts.append((found, counts[k]))

    @property
    def off_by(self) -> float:
        """How far the whole may be off; 0 if it is exact."""
        total = 0.0
        for part, count in self._parts:
            total += count * getattr(part, "off_by", 0.0)
        return min(1.0, total)
