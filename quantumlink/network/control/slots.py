"""Slots: in what time is counted, and which durations of theirs floats can be counted in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantumlink.network.control.flows import Flow

if TYPE_CHECKING:
    from quantumlink.network.network import Network

MOST_IN_A_SLOT = 1e6
"""Most attempts in a slot: times are told in slots, and are equal if they differ by a billionth."""

MOST_SLOTS = 1e15
"""Most slots: floats tell no more of them apart."""


def slot_of(network: Network, flows: Sequence[Flow], duration_s: float, slot_s: float | None) -> float:
    """The duration of a slot, as it was asked for or as usual, if times can be told in slots.

    Raises:
        ValueError: if there are none of them, too many, or attempts are much shorter.
    """
    shortest_s = _shortest_s(network, flows)
    most = min(duration_s, MOST_IN_A_SLOT * shortest_s)
    if slot_s is not None and slot_s > most:
        raise ValueError(
            f"slot_s must be at most {most:.4g}, the duration_s or {MOST_IN_A_SLOT:.0e} of the shortest attempts, "
            f"got {slot_s!r}"
        )
    if slot_s is not None and duration_s / slot_s > MOST_SLOTS:
        raise ValueError(
            f"slot_s must be at least {duration_s / MOST_SLOTS:.4g} for duration_s={duration_s:g}, which is "
            f"{MOST_SLOTS:.0e} slots, got {slot_s!r}"
        )
    return slot_s or shortest_s


def _shortest_s(network: Network, flows: Sequence[Flow]) -> float:
    """The shortest attempt; of pairs at random moments alone, a tenth of the shortest mean time."""
    numbers = {n for flow in flows for route in flow.routes for n in route.numbers}
    attempts = [a for n in numbers if (a := network.links[n].attempts) is not None]
    clocked = [a.time_s for a in attempts if a.success_probability is not None]
    return min(clocked) if clocked else min(a.time_s for a in attempts) / 10
