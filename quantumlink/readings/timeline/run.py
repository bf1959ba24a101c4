"""A run: what was simulated, and with which random numbers, so that any part of it can be played again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from quantumlink.link import Link
from quantumlink.readings.timeline.drawing import Drawing
from quantumlink.readings.timeline.pairs import Pairs
from quantumlink.readings.timeline.plan import Plan, make_plan

Swapping = Literal["asap", "levels"]
"""When a swap happens: as soon as both its pairs are there, or when all pairs of its level are."""

SWAPPINGS: tuple[Swapping, ...] = get_args(Swapping)

Stored = Literal["herald", "attempt"]
"""Since when an elementary pair's qubits wait: since its herald, or since the attempt that made it began."""

STORED: tuple[Stored, ...] = get_args(Stored)

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

    @cached_property
    def plan(self) -> Plan:
        """The link as it is played."""
        return make_plan(self.link, cutoff_s=self.cutoff_s, stored_at_start=self.stored == "attempt")

    @property
    def batches(self) -> int:
        """Into how many batches the trials fall."""
        return -(-self.trials // BATCH)

    def batch(self, number: int, *, record: bool = False) -> Pairs:
        """The pairs of one batch, the same each time; with all their waiting times if recorded."""
        # Each batch has a stream of its own: what was drawn before it, and how, does not matter.
        rng = np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=(number,)))
        drawing = Drawing(rng, cutoff_s=self.cutoff_s, levels=self.swapping == "levels", record=record)
        return drawing.pairs(self.plan, min(BATCH, self.trials - number * BATCH))
