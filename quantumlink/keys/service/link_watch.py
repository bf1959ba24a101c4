"""One link of a demonstration: what it plays, the monitor that hears what it discloses, and how it goes."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from quantumlink import readings
from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.hardware import Node
from quantumlink.keys.supply.interception import intercepted
from quantumlink.keys.supply.links import QkdLink
from quantumlink.keys.supply.session_blocks import SessionResult
from quantumlink.link import Link
from quantumlink.monitoring import Alarm, Monitor
from quantumlink.readings.state import PairState

_RISE = 0.06
"""A rise of the error rate that is to be found soon."""


class LinkWatch:
    """A link and its monitor.

    Args:
        link: the link.
    """

    def __init__(self, link: QkdLink) -> None:
        self.name = link.name
        self.history: deque[dict[str, float]] = deque(maxlen=240)
        """Time, error rate and key rate of each block, oldest first."""
        self.is_down = False
        self.is_alarmed = False
        self.last_block = 0
        self.errors: dict[str, Estimate] = {}
        self.take_way(link)
        self.is_rerouted = False

    @property
    def source(self) -> str:
        """Name of its stream of blocks."""
        return f"{self.name} sessions"

    def take_way(self, link: QkdLink) -> None:
        """Go this way from now on, under a monitor for its error rates."""
        self.link, self.is_down, self.is_rerouted = link, False, True
        self.is_alarmed = False
        state = readings.evaluate(link.link)
        expected = {basis: _expected(state, basis, link.link) for basis in ("Z", "X")}
        self.expected = expected
        self.monitor = Monitor(
            expected, attack=min(0.45, max(expected.values()) + _RISE), policy="record",
            rounds_between_false_alarms=1e9,
        )  # fmt: skip

    def calm(self) -> None:
        """The operator has ended the alarm."""
        self.is_alarmed = self.is_down = self.is_rerouted = False

    def played(self, fraction: float) -> Link:
        """What is played: the link, or the link with somebody on it."""
        return intercepted(self.link.link, fraction) if fraction else self.link.link

    def hear(self, result: SessionResult) -> list[Alarm]:
        """Take in what a session disclosed; the alarms that it raises."""
        alarms: list[Alarm] = []
        rng = np.random.default_rng()
        for basis, (wrong, compared) in result.errors.items():
            if compared:
                self.errors[basis] = binomial_estimate(wrong, compared)
                alarms += self.monitor.update(rng.permutation(np.arange(compared) < wrong), basis)
        if alarms:
            self.is_alarmed = True
        self.history.append(
            {
                "at_s": time.time(),
                "qber_z": result.qber("Z") or 0.0,
                "qber_x": result.qber("X") or 0.0,
                "bits": 8.0 * len(result.first),
            }
        )
        return alarms


def _expected(state: PairState, basis: str, link: Link) -> float:
    rate = state.qber(basis)
    left, right = (_readout_error(node) for node in link.ends)
    flips = left + right - 2 * left * right
    return min(0.44, max(0.005, rate + flips - 2 * rate * flips))


def _readout_error(node: Node) -> float:
    (_, wrong_of_0), (wrong_of_1, _) = node.processor.confusion
    return (float(wrong_of_0) + float(wrong_of_1)) / 2
