"""What sessions through a relay in the middle have in common: two arms, one receiver, two bases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from quantumlink import validation
from quantumlink.hardware import Medium
from quantumlink.qkd.protocols.bb84_session import between_zero_and_one
from quantumlink.qkd.protocols.reception import Receiver, receiver_of
from quantumlink.qkd.protocols.session import Session


@dataclass(frozen=True, kw_only=True)
class RelaySession(Session):
    """A session through an untrusted relay. The other fields are those of `Session`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.
    """

    medium_a: Medium
    """Between Alice and the relay."""
    medium_b: Medium | None = None
    """Between Bob and the relay; the same as Alice's if None."""
    z_probability: float = 0.8
    """Probability with which each end chooses Z."""
    detector: Any = None
    """The relay's receiver; ideal if None."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(z_probability=between_zero_and_one("z_probability", self.z_probability))
        validation.instance("medium_a", self.medium_a, Medium, "a medium such as Fiber")
        if self.medium_b is None:
            self._set(medium_b=self.medium_a)
        validation.instance("medium_b", self.medium_b, Medium, "a medium such as Fiber")
        receiver_of(self.detector, *self.arms)

    @cached_property
    def receiver(self) -> Receiver:
        """The relay's detectors, by the numbers that matter."""
        return receiver_of(self.detector, *self.arms)

    @property
    def arms(self) -> tuple[Medium, Medium]:
        """Alice's medium and Bob's."""
        return self.medium_a, self.medium_b or self.medium_a
