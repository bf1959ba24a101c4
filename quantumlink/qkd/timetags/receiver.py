"""Which detector stands for which basis and bit, and what an end notes of its clicks."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantumlink import validation
from quantumlink.arrays import IntArray
from quantumlink.distillation.choices import Choices
from quantumlink.distillation.records import Records, RecordsConsumed
from quantumlink.qkd.timetags.tags import TimeTags

Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """The four detectors of a receiver whose basis a beam splitter chooses.

    Where the source's pairs are anticorrelated in a basis (a singlet in both), one end names that pair of
    channels the other way round.

    Args:
        z: channels of bit 0 and of bit 1 in the Z basis.
        x: the same in the X basis.
        delays_ps: by channel how much later its clicks are noted than they should be; taken off. Delays left in
            would tell Eve the detector by the time that an end says in public.

    Raises:
        ValueError: if a channel is named twice, or is no whole number in [0, 255]; or a delay is no whole number.

    >>> Receiver(z=(1, 2), x=(3, 4)).channels
    (1, 2, 3, 4)
    """

    z: Pair
    """Channels of bit 0 and of bit 1 in the Z basis."""
    x: Pair
    """The same in the X basis."""
    delays_ps: dict[int, int] = field(default_factory=dict)
    """How much later each channel is noted."""

    def __post_init__(self) -> None:
        for name in ("z", "x"):
            pair = tuple(validation.sequence(name, getattr(self, name), "two channels"))
            if len(pair) != 2:
                raise ValueError(f"{name} must name the channels of bit 0 and bit 1, got {pair!r}")
            for channel in pair:
                if validation.count(name, channel) > 255:
                    raise ValueError(f"{name} must name channels in [0, 255], got {channel}")
            object.__setattr__(self, name, pair)
        if len(set(self.channels)) < 4:
            raise ValueError(f"four different channels are needed, got z={self.z} and x={self.x}")
        validation.instance("delays_ps", self.delays_ps, dict, "a mapping from channels to picoseconds")
        delays: dict[Any, Any] = self.delays_ps
        for channel, delay in delays.items():
            if isinstance(delay, bool) or not isinstance(delay, Integral) or abs(int(delay)) >= 1 << 61:
                raise ValueError(f"delays_ps[{channel!r}] must be a whole number of picoseconds, got {delay!r}")
        strange = set(self.delays_ps) - set(self.channels)
        if strange:
            raise ValueError(f"delays_ps must be of channels {self.channels}, got {sorted(strange)}")

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """All four: Z0, Z1, X0, X1."""
        return (*self.z, *self.x)

    def detections(self, tags: TimeTags, simultaneous_ps: int) -> Detections:
        """Clicks as detections: those of different detectors at once are one.

        Clicks closer than ``simultaneous_ps`` to the one before are one detection at the time of the first. If all
        were in one basis, its bit is random, else basis and bit are; they are kept, for a proof may not leave
        out what Eve can cause.

        Raises:
            ValueError: if the tags have channels that are none of the four, or lack one of them.
        """
        validation.instance("tags", tags, TimeTags, "TimeTags")
        there = tags.counts()
        strange, silent = sorted(set(there) - set(self.channels)), sorted(set(self.channels) - set(there))
        if strange or silent:
            what = "; ".join(
                f"{text} {', '.join(map(str, some))}"
                for text, some in (("not named are", strange), ("no click have", silent))
                if some
            )
            raise ValueError(
                f"the channels must be {', '.join(map(str, self.channels))}: {what} (clicks by channel: {there}); "
                "TimeTags.only(channels) leaves others out"
            )
        if any(self.delays_ps.values()):
            late = np.zeros(256, dtype=np.int64)
            late[list(self.delays_ps)] = list(self.delays_ps.values())
            tags = TimeTags.sorted(tags.times_ps - late[tags.channels], tags.channels, simulated=tags.simulated)
        return self._merged(tags, simultaneous_ps)

    def _merged(self, tags: TimeTags, simultaneous_ps: int) -> Detections:
        bit_of = np.zeros(256, dtype=np.uint8)
        bit_of[list(self.channels)] = 1 << np.arange(4, dtype=np.uint8)
        flags = bit_of[tags.channels]
        first = np.flatnonzero(
            np.diff(tags.times_ps, prepend=tags.times_ps[0] - simultaneous_ps) >= simultaneous_ps
        )
        return Detections(tags.times_ps[first], np.bitwise_or.reduceat(flags, first), tags.simulated)


@dataclass(frozen=True, eq=False)
class Detections:
    """What one end has of its clicks: moments that it tells, and results that it does not."""

    times_ps: IntArray
    """When each was, rising; the end tells these in public, and nothing else before the conversation."""
    _clicked: NDArray[np.uint8] = field(repr=False)
    simulated: bool
    """Whether no detector was there."""
    _told: list[int] = field(default_factory=list, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.times_ps)

    @property
    def multiple(self) -> int:
        """Detections of more than one detector."""
        return int(np.count_nonzero(self._clicked & (self._clicked - 1)))

    def records(self, indices: IntArray, *, seed: int | np.random.Generator | None = None) -> Records:
        """The raw records of these detections: settings 0 for Z and 1 for X.

        Args:
            indices: which detections were found to be half of a coincidence, rising.
            seed: decides multiple detections, for study; None draws from the system, and gives records once: a
                second conversation about the same clicks would disclose other bits of them.

        Raises:
            RecordsConsumed: without a seed, if records of these detections were given before.
        """
        if seed is None and self._told:
            raise RecordsConsumed(
                "records of these detections have been given already: new clicks must be recorded; with a seed "
                "they are given again, for study"
            )
        self._told.append(len(indices))
        coins = Choices(seed).bits(2 * len(indices)).reshape(2, len(indices))
        clicked = self._clicked[indices]
        in_z, in_x = clicked & 0b0011, clicked >> 2
        settings = np.where((in_z > 0) & (in_x > 0), coins[0], in_x > 0).astype(np.uint8)
        both = (in_z | in_x) == 3
        mixed = (in_z > 0) & (in_x > 0)
        bits = np.where(both | mixed, coins[1], (in_z | in_x) >> 1).astype(np.uint8)
        return Records(bits=bits, settings=settings, simulated=self.simulated, seeded=seed is not None)
