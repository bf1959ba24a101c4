"""What every medium says of itself: how much light passes, how long it takes, and what it does to a qubit."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from quantumlink.circuits import PauliChannel


@runtime_checkable
class Medium(Protocol):
    """What lies between two nodes: `Fiber`, `FreeSpace` and others; a user's own class may join them."""

    @property
    def transmittance(self) -> float:
        """The fraction of photons that arrive, in [0, 1]."""
        ...

    @property
    def delay_s(self) -> float:
        """The time of flight in seconds; classical messages take as long."""
        ...

    @property
    def channel(self) -> PauliChannel | None:
        """What the medium does to the polarization of a photon that arrives; None if nothing."""
        ...


def as_medium(name: str, value: Any, *, otherwise: str = "") -> Medium:
    """The medium, or the argument's name, what it was, and what is allowed.

    Args:
        name: the argument's.
        value: what it was given.
        otherwise: what else is allowed, for the text.

    Raises:
        TypeError: if it is no medium; a class, such as ``Fiber`` without its length, is none.
    """
    if isinstance(value, type) or not isinstance(value, Medium):
        raise TypeError(f"{name} must be a medium such as Fiber(length_km=25){otherwise}, got {value!r}")
    return value
