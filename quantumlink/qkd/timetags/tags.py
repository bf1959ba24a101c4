"""Time tags: when which detector of a receiver clicked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantumlink import validation
from quantumlink.arrays import IntArray

Numbers = NDArray[np.uint8] | IntArray

PS = 1e12
"""Picoseconds of a second."""


@dataclass(frozen=True, eq=False, repr=False)
class TimeTags:
    """The clicks of one receiver, in the order of time.

    Args:
        times_ps: shape (clicks,), whole picoseconds of the receiver's own clock, not falling.
        channels: shape (clicks,), the number of the detector that clicked, in [0, 255].
        simulated: whether no detector was there; a key made of them will say so.

    Raises:
        ValueError: if the arrays do not fit together, hold something else than whole numbers, or times fall.

    >>> tags = TimeTags([0, 1_500, 4_000], [1, 2, 1])
    >>> tags
    TimeTags(3 clicks in 4e-09 s, channels 1, 2)
    >>> tags.only([1]).times_ps
    array([   0, 4000])
    """

    times_ps: IntArray
    """When each click was, in picoseconds."""
    channels: Numbers
    """Which detector each was of."""
    simulated: bool = False
    """Whether no detector was there."""

    def __post_init__(self) -> None:
        validation.flags(self, "simulated")
        times, channels = np.asarray(self.times_ps), np.asarray(self.channels)
        for name, array in (("times_ps", times), ("channels", channels)):
            if array.ndim != 1 or (array.size and array.dtype.kind not in "ui"):
                raise ValueError(f"{name} must be whole numbers, got shape {array.shape} of {array.dtype}")
        if len(times) != len(channels):
            raise ValueError(f"channels must hold one number a click, {len(times)}, got {len(channels)}")
        if channels.size and not 0 <= int(channels.min()) <= int(channels.max()) <= 255:
            raise ValueError(f"channels must lie in [0, 255], got {channels.min()} to {channels.max()}")
        if times.size and not -(1 << 61) < int(times.min()) <= int(times.max()) < 1 << 61:
            raise ValueError(f"times_ps must lie within ±2⁶¹, got {times.min()} to {times.max()}")
        times = np.ascontiguousarray(times, dtype=np.int64)
        falls = np.flatnonzero(times[1:] < times[:-1])
        if len(falls):
            at = int(falls[0]) + 1
            raise ValueError(
                f"times_ps must not fall: click {at} (from 0) is at {times[at]} ps, the one before at "
                f"{times[at - 1]} ps, and so at {len(falls)} places; TimeTags.sorted puts clicks in order"
            )
        object.__setattr__(self, "times_ps", times)
        object.__setattr__(self, "channels", np.ascontiguousarray(channels, dtype=np.uint8))

    @classmethod
    def sorted(cls, times_ps: Any, channels: Any, *, simulated: bool = False) -> TimeTags:
        """The same from clicks in any order."""
        order = np.argsort(np.asarray(times_ps), kind="stable")
        return cls(np.asarray(times_ps)[order], np.asarray(channels)[order], simulated)

    @property
    def duration_s(self) -> float:
        """From the first click to the last."""
        return float(self.times_ps[-1] - self.times_ps[0]) / PS if len(self) else 0.0

    def counts(self) -> dict[int, int]:
        """How many clicks each channel has, of those that have any."""
        found = np.bincount(self.channels, minlength=1)
        return {int(channel): int(found[channel]) for channel in np.flatnonzero(found)}

    def only(self, channels: Iterable[int]) -> TimeTags:
        """The clicks of these channels."""
        kept = np.isin(self.channels, np.array(list(channels), dtype=np.int64))
        return TimeTags(self.times_ps[kept], self.channels[kept], self.simulated)

    def __len__(self) -> int:
        return len(self.times_ps)

    def __repr__(self) -> str:
        names = ", ".join(map(str, self.counts())) or "none"
        return f"TimeTags({len(self)} clicks in {self.duration_s:.6g} s, channels {names})"
