"""What a stream delivered: pairs in turn, and their means with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf

from quantumlink.arrays import FloatArray
from quantumlink.estimation import Estimate
from quantumlink.link import Link
from quantumlink.readings.perfect import target_of
from quantumlink.readings.timeline.budget import fidelities
from quantumlink.readings.timeline.result import CONFIDENCE, mean_estimate
from quantumlink.readings.timeline.run import Run
from quantumlink.tables import html_table


@dataclass(frozen=True, eq=False, repr=False)
class Stream:
    """Many trials of a link that delivers one pair after the other: see `simulate` with ``pairs``.

    Means are over the later half of each trial's pairs: the first ones find empty memories.
    """

    run: Run
    """What was simulated."""
    delivered_s: FloatArray
    """Shape (trials, pairs): when all ends knew that they had each pair, in seconds from the trial's start."""
    states: FloatArray
    """Shape (trials, pairs, 4^ends): its state then, as Pauli coefficients, see `Timeline.states`."""

    @property
    def link(self) -> Link:
        """The link."""
        return self.run.link

    @property
    def trials(self) -> int:
        """How many trials there are."""
        return len(self.delivered_s)

    @property
    def pairs(self) -> int:
        """How many pairs each trial delivered."""
        return int(self.delivered_s.shape[1])

    @cached_property
    def fidelities(self) -> FloatArray:
        """Shape (trials, pairs): the fidelity of each, to Φ⁺ or to what perfect links would give."""
        target = target_of(self.link).reshape(-1)
        flat = self.states.reshape(-1, self.states.shape[-1])
        return fidelities(flat.T, target).reshape(self.delivered_s.shape)

    @property
    def fidelity(self) -> Estimate:
        """The mean fidelity of the later half of the pairs."""
        return mean_estimate(self.fidelities[:, self.pairs // 2 :].mean(axis=1), bounds=(0.0, 1.0))

    @property
    def interval_s(self) -> Estimate:
        """The mean time from one pair to the next, in the later half."""
        first = (self.pairs - 1) // 2
        times = self.delivered_s[:, -1] - self.delivered_s[:, first]
        return mean_estimate(times / (self.pairs - 1 - first), bounds=(0.0, inf))

    @property
    def rate_hz(self) -> Estimate:
        """Pairs per second, in the later half."""
        low, best, high = self.interval_s
        return Estimate(1 / high, 1 / best if best else inf, 1 / low if low else inf, CONFIDENCE)

    @property
    def latency_s(self) -> Estimate:
        """The mean time to the first pair."""
        return mean_estimate(self.delivered_s[:, 0], bounds=(0.0, inf))

    def _repr_html_(self) -> str:
        rows = [
            ("trials", f"{self.trials}, {self.pairs} pairs each"),
            ("rate", f"{self.rate_hz:.4g} pairs/s"),
            ("latency of the first", f"{self.latency_s:.4g} s"),
            ("fidelity", f"{self.fidelity:.6f}"),
        ]
        return html_table(" – ".join(self.link.end_labels), rows)

    def __repr__(self) -> str:
        return (
            f"<Stream {'–'.join(self.link.end_labels)}: {self.trials} trials of {self.pairs} pairs, "
            f"{self.rate_hz.best:.3g} pairs/s, fidelity {self.fidelity.best:.3g}>"
        )
