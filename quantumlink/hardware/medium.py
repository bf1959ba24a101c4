"""What every medium says of itself: how much light passes, how long it takes, and what it does to a qubit."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

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
