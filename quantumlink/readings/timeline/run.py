"""A run: what was simulated, and with which random numbers, so that any part of it can be played again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.link import Link, distinct_links
from quantumlink.readings.carrying import Carrier
from quantumlink.readings.timeline.drawing import Drawing
from quantumlink.readings.timeline.pairs import Pairs
from quantumlink.readings.timeline.plan import Joining, Plan, in_order
from quantumlink.readings.timeline.planning import make_plan
from quantumlink.readings.timeline.streaming import delivered, one_after_the_other

Swapping = Literal["asap", "levels"]
"""When a swap happens: as soon as both its pairs are there, or when all pairs of its level are."""

SWAPPINGS: tuple[Swapping, ...] = get_args(Swapping)

Stored = Literal["herald", "attempt"]
"""Since when an elementary pair's qubits wait: since its herald, or since the attempt that made it began."""

Purifying = Literal["wait", "optimistic"]
"""Whether ends wait for word that a purification succeeded, or go on and begin all again if it did not."""

PURIFYINGS: tuple[Purifying, ...] = get_args(Purifying)

STORED: tuple[Stored, ...] = get_args(Stored)

MOST_COEFFICIENTS = 1 << 22
"""Coefficients of the states of one batch: 32 MB."""

MOST_CARRIED = 1 << 24
"""Numbers of states that are carried as a whole in one batch: about a second, after which progress is told."""

BATCH = 1000
"""Trials drawn at once: arrays that fit into a processor's cache, and often enough a place to stop at."""


@dataclass(frozen=True)
class Run:
    """Everything that decides what a simulation gives."""

    link: Link
    """The link."""
    trials: int
    """How many trials there are."""
    entropy: int
    """The seed."""
    cutoff_s: float | None
    """The age at which a pair is thrown away, or None."""
    swapping: Swapping
    """When swaps happen."""
    stored: Stored
    """Since when qubits wait."""
    purifying: Purifying = "wait"
    """Whether ends wait for word of a success."""

    @cached_property
    def plan(self) -> Plan:
        """The link as it is played."""
        return make_plan(
            self.link,
            cutoff_s=self.cutoff_s,
            stored_at_start=self.stored == "attempt",
            optimistic=self.purifying == "optimistic",
        )

    @property
    def batches(self) -> int:
        """Into how many batches the trials fall."""
        return -(-self.trials // self.batch_size)

    @cached_property
    def batch_size(self) -> int:
        """How many trials are drawn at once: fewer where their states take more, or long to be carried."""
        ends = max(len(part.ends) for part in distinct_links(self.link))
        made = [part.map.carries for part in in_order(self.plan) if isinstance(part, Joining)]
        carried = max((carries.entries for carries in made if isinstance(carries, Carrier)), default=1)
        return max(1, min(BATCH, MOST_COEFFICIENTS >> 2 * ends, MOST_CARRIED // carried))

    def batch(self, number: int, *, record: bool = False) -> Pairs:
        """The pairs of one batch in seconds, the same each time; with all their waiting times if recorded."""
        drawing = self._drawing(self._rng(number), record=record)
        return drawing.pairs(self.plan, self._in_batch(number)).in_seconds(self.plan.ticks.tick_s)

    def streamed(self, number: int, pairs: int) -> tuple[FloatArray, FloatArray]:
        """Some pairs in turn in each trial of one batch: see `quantumlink.readings.timeline.streaming`."""
        rng = self._rng(number)
        optimistic = self.purifying == "optimistic"
        return delivered(self.plan, self._drawing(rng), rng, self._in_batch(number), pairs, optimistic=optimistic)

    @property
    def one_after_the_other(self) -> bool:
        """Whether a stream makes its whole link anew for each pair."""
        return one_after_the_other(self.plan, self._drawing(self._rng(0)))

    def _in_batch(self, number: int) -> int:
        return min(self.batch_size, self.trials - number * self.batch_size)

    def _rng(self, number: int) -> np.random.Generator:
        # Each batch has a stream of its own: what was drawn before it, and how, does not matter.
        return np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=(number,)))

    def _drawing(self, rng: np.random.Generator, *, record: bool = False) -> Drawing:
        return Drawing(
            rng,
            cutoff_s=self.cutoff_s,
            levels=self.swapping == "levels",
            record=record,
            optimistic=self.purifying == "optimistic",
        )
