"""What an eavesdropper is told of a session: what anybody may know of it, and none of its random choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from quantumlink.arrays import FloatArray
from quantumlink.hardware import Medium


class Overheard(Protocol):
    """A session of prepare and measure as she knows it: its circuits, its settings and its optics."""

    has_pulses: ClassVar[bool]
    """Whether a round may hold several photons."""
    names_bases: ClassVar[bool]
    """Whether Bob measures in a basis that the setting names."""

    @property
    def medium(self) -> Medium:
        """What lies between Alice and Bob."""
        ...

    @property
    def receiver(self) -> Any:
        """Bob's detectors, by the numbers that matter."""
        ...

    def photons(self) -> list[tuple[float, FloatArray]]:
        """For each intensity its probability, and that of 0, 1, 2, … photons sent."""
        ...

    def settings(self) -> Mapping[tuple[Any, ...], tuple[tuple[float, ...], float]]:
        """For each setting the values of the circuit's parameters, and its probability."""
        ...

    def measured_basis(self, setting: tuple[Any, ...]) -> str | None:
        """Bob's basis in a setting, if the protocol names it."""
        ...

    def key_cells(self) -> Sequence[Any]:
        """Which sifted rounds make the key."""
        ...

    def plays(self) -> Sequence[Any]:
        """The round without her and, if she attacks, the one with her circuit in it."""
        ...

    def probabilities(self, *, attacked: bool = False) -> dict[tuple[Any, ...], tuple[float, float]]:
        """The probability of Bob's results 0 and 1 in each setting, if a photon arrives and answers."""
        ...

    def arrival_probability(self, *, attacked: bool = False) -> float:
        """The probability that any photon reaches Bob's detectors."""
        ...

    def attacked_share(self) -> float:
        """Of the rounds in which a photon reaches Bob's detectors, the share that she attacked."""
        ...

    def several_photons_share(self, *, attacked: bool = False) -> float:
        """Of the rounds in which a photon reaches Bob's detectors, the share whose pulse held several."""
        ...
