"""Two media that meet in the middle, and media that change while they are used.

A source or a station in the middle of a link has an arm to either end. `Arms` names them where they differ;
a medium with ``half()`` has two equal ones. A medium that moves, as a satellite does, lists its ``moments``:
shares of the time, and the medium at each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quantumlink.circuits import PauliChannel
from quantumlink.hardware.bell_diagonal import combined, through
from quantumlink.hardware.capacity import plob_bits
from quantumlink.hardware.medium import Medium, as_medium


@dataclass(frozen=True)
class Arms:
    """The two media from the middle of a link to its ends.

    Args:
        left: the medium to the left end.
        right: the medium to the right end.

    Raises:
        TypeError: if one is no medium.

    >>> from quantumlink.hardware import Fiber
    >>> round(Arms(Fiber(20), Fiber(30)).transmittance, 12)
    0.1
    """

    left: Medium
    """The medium to the left end."""
    right: Medium
    """The medium to the right end."""

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            as_medium(name, getattr(self, name))
        if all(hasattr(arm, "moments") for arm in (self.left, self.right)):
            raise ValueError("two arms that both change with time belong together: see DualDownlink")

    @property
    def transmittance(self) -> float:
        """The fraction of pairs both of whose photons arrive."""
        return self.left.transmittance * self.right.transmittance

    @property
    def delay_s(self) -> float:
        """The time from end to end in seconds, through the middle."""
        return self.left.delay_s + self.right.delay_s

    @property
    def longer_s(self) -> float:
        """The time from the middle to the farther end in seconds."""
        return max(self.left.delay_s, self.right.delay_s)

    @property
    def channel(self) -> PauliChannel | None:
        """What both arms together do to the polarization; None if nothing."""
        if self.left.channel is None or self.right.channel is None:
            return self.left.channel or self.right.channel
        _, pz, px, py = combined(through(self.left.channel), through(self.right.channel))
        return PauliChannel(px, py, pz)

    @property
    def plob_bits(self) -> float:
        """The most secret bits per use: no more than either arm could carry on its own."""
        return min(capacity(self.left), capacity(self.right))

    def reversed(self) -> Arms:
        """The same, told from the other end."""
        return Arms(self.right, self.left)


def arms_of(medium: Medium) -> Arms:
    """The way from the middle of a medium to its two ends.

    Raises:
        TypeError: if it has no middle: neither `Arms` nor a ``half()``.
    """
    if isinstance(medium, Arms):
        return medium
    half = getattr(medium, "half", None)
    if half is None:
        raise TypeError(
            f"{type(medium).__name__} has no middle: give the two media from the middle to the ends, "
            f"Arms(left, right); got {medium!r}"
        )
    arm: Medium = half()
    return Arms(arm, arm)


def moments(medium: Medium) -> Sequence[tuple[float, Medium]]:
    """Shares of the time, summing to 1, and the medium in each; a medium at rest is one."""
    if isinstance(medium, Arms):
        left, right = moments(medium.left), moments(medium.right)
        return [(a * b, Arms(one, other)) for a, one in left for b, other in right]
    changing: Sequence[tuple[float, Medium]] = getattr(medium, "moments", [(1.0, medium)])
    return changing


def arm_moments(medium: Medium) -> list[tuple[float, Medium]]:
    """The same for whoever is in the middle: the two arms at each moment.

    Raises:
        TypeError: if the medium has no middle, or moves and is one way only.
    """
    every = moments(medium)
    if len(every) > 1 and not isinstance(every[0][1], Arms):
        raise TypeError(
            f"a {type(medium).__name__} has no middle, it is one way to one station: see DualDownlink, or "
            f"Arms(left, right); got {medium!r}"
        )
    return [(share, arms_of(moment)) for share, moment in every]


def capacity(medium: Any) -> float:
    """The most secret bits per use of a medium: its own word, or the PLOB bound of its transmittance."""
    bits: float = medium.plob_bits if hasattr(medium, "plob_bits") else plob_bits(medium.transmittance)
    return bits
