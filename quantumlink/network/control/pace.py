"""How fast a run goes, seen at its beginning."""

from __future__ import annotations

from time import perf_counter

PILOT_S = 0.6
"""How long the beginning is watched."""


class Pace:
    """Says once how long a run will take in all, by how fast its beginning went.

    Slots of one run cost about the same, for all links and demands are in each. What comes before the first
    `note`, such as what is only done once, is not counted.

    Args:
        total: how much there is to do, in the unit of `note`.
    """

    def __init__(self, total: float) -> None:
        self._total = total
        self._first: tuple[float, float] | None = None
        self._told = False

    def note(self, done: float) -> float | None:
        """Note that so much is done; the seconds that all of it takes, at the first call when they are known."""
        now = perf_counter()
        if self._first is None:
            self._first = done, now
            return None
        before, begun = self._first
        if self._told or done <= before or (now - begun < PILOT_S and done < self._total):
            return None
        self._told = True
        return (now - begun) / (done - before) * self._total
