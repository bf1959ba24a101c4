"""What BB84 with weak coherent pulses of one or several intensities has in common.

The phase of each pulse is random, so that it holds a number of photons, Poisson distributed with the pulse's mean.
Each photon passes the medium on its own, and each that arrives is one play of the BB84 circuit; several may make
both detectors click. All detections in Z, of all intensities, give the key; those in X, counted by intensity, test
it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from quantumlink import validation
from quantumlink.distillation.agreement import two_bases
from quantumlink.distillation.sifting import Sifting
from quantumlink.qkd.protocols.bb84_session import BB84
from quantumlink.qkd.protocols.playing import Floats
from quantumlink.security.decoy import Triple
from quantumlink.security.recipes import RELAY_INTENSITIES

NEGLIGIBLE = 1e-15
"""Photon numbers that are less likely than that are counted as the largest one that is not."""

MAX_INTENSITY = 10.0
"""Photons a pulse: far beyond what any protocol sends."""

RANDOM_PHASES = "The phase of each pulse is random, and nothing but its photon number tells intensities apart."
"""An assumption of protocols with pulses."""


@dataclass(frozen=True, kw_only=True)
class PulsedBB84(BB84):
    """BB84 with pulses of the intensities that a subclass names. The other fields are those of `BB84`."""

    intensities: Sequence[float] = ()
    """Mean photon numbers, falling."""
    intensity_probabilities: Sequence[float] = ()
    """With which each is sent."""

    names: ClassVar[tuple[str, ...]] = ()
    """Names of the intensities."""
    has_pulses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        words = {1: "one number", 2: "two numbers", 3: "three numbers"}[len(self.names)]
        for name in ("intensities", "intensity_probabilities"):
            values = tuple(
                validation.number(name, v, at_least=0.0, at_most=MAX_INTENSITY)
                for v in validation.sequence(name, getattr(self, name), words)
            )
            if len(values) != len(self.names):
                raise ValueError(f"{name} must be {words} ({', '.join(self.names)}), got {values}")
            self._set(**{name: values})
        if self.key_bases != "Z":
            raise ValueError(f"key_bases must be 'Z' where pulses are sent, got {self.key_bases!r}")
        self.check_order()
        total = sum(self.intensity_probabilities)
        if min(self.intensity_probabilities) <= 0 or abs(total - 1) > 1e-9:
            raise ValueError(
                f"intensity_probabilities must be above 0 and sum to 1, got {self.intensity_probabilities}"
            )
        super().__post_init__()

    @abstractmethod
    def check_order(self) -> None:
        """Refuse intensities in a wrong order."""

    def photons(self) -> list[tuple[float, Floats]]:
        """Poisson distributions."""
        return [
            (share, poisson(mean))
            for share, mean in zip(self.intensity_probabilities, self.intensities, strict=True)
        ]

    def exact_gain(self, intensity: str) -> float:
        """The probability that a pulse of that intensity makes a click, without Eve: 1 − (1 − Y₀)·exp(−μη).

        Args:
            intensity: one of ``names``.

        Raises:
            ValueError: if the intensity is unknown.
        """
        validation.choice("intensity", intensity, self.names)
        mean = self.intensities[self.names.index(intensity)]
        seen = self.medium.transmittance * self.receiver.efficiency
        dark = self.receiver.dark_probability
        return float(dark - (1 - dark) * np.expm1(-mean * seen))

    def sifting(self) -> Sifting:
        """As in BB84; Alice tells the intensity of each detected round too."""
        return replace(two_bases(self.z_probability), classes=self.names)


def intensity_triple(name: str, values: Any) -> Triple:
    """Three numbers, of a strong intensity, a weak one and vacuum.

    Raises:
        ValueError: if they are not three, or out of range.
    """
    words = f"three numbers ({', '.join(RELAY_INTENSITIES)})"
    found = [
        validation.number(name, value, at_least=0.0, at_most=MAX_INTENSITY)
        for value in validation.sequence(name, values, words)
    ]
    if len(found) != 3:
        raise ValueError(f"{name} must be {words}, got {values!r}")
    return found[0], found[1], found[2]


def poisson(mean: float) -> Floats:
    """The probability of 0, 1, 2, … photons, up to where it is negligible; it sums to 1.

    >>> poisson(0.0).tolist(), round(float(poisson(0.5)[1]), 6)
    ([1.0], 0.303265)
    """
    found = [float(np.exp(-mean))]
    while sum(found) < 1 - NEGLIGIBLE and found[-1] * mean > 0 and len(found) < 200:
        found.append(found[-1] * mean / len(found))
        if len(found) > mean and found[-1] < NEGLIGIBLE:
            break
    return np.array(found) / sum(found)
