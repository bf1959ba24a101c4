"""Detectors: what a receiver for single photons counts, and how often it errs.

A receiver reads a qubit by two threshold detectors, one an outcome. In one window it clicks with its
*gain* if a photon was sent; two clicks at once are read as a random bit. Its dark and background counts
are those of the whole receiver, shared equally by its detectors.

References:
    X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005): yield, gain and error rate.
    N. Lütkenhaus, Phys. Rev. A 59, 3301 (1999): double clicks as random bits.
    J. W. Müller, Nucl. Instrum. Methods 112, 47 (1973): dead times.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from math import expm1
from typing import Any, Literal, get_args, overload

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.said import said

Basis = Literal["X", "Y", "Z"]
"""In which basis a qubit is read."""

BASES: tuple[Basis, ...] = get_args(Basis)


@dataclass(frozen=True, repr=False)
class Detector:
    """A receiver for single photons, ideal unless said otherwise.

    Args:
        efficiency: probability that a photon that arrives is counted, in [0, 1].
        dark_count_rate_hz: counts per second in the dark, of all detectors of the receiver together.
        background_rate_hz: counts per second of stray light, of all detectors together; see `SatellitePass`.
        dead_time_s: time after a count of one element in which it has no other; see `count_rate_hz`.
        window_s: duration of the window in which a photon is expected.
        misalignment: probability e_d that a photon goes to the wrong detector, in [0, 1/2], the same in
            every basis.
        jitter_s: full width at half maximum of the moments at which a photon is counted; see `ContinuousSource`.
        elements: detectors that share the counts and are dead each for itself, at least 1: four where the basis is
            chosen by a beam splitter. With one, the receiver is dead as a whole.

    Raises:
        ValueError: if a value is out of its range.
        TypeError: if it is not a number.

    >>> detector = Detector(0.5, dark_count_rate_hz=1000, window_s=1e-9, misalignment=0.01)
    >>> round(detector.gain(0.001), 7), round(detector.qber(0.001), 5)
    (0.000501, 0.01098)

    >>> from quantumlink.hardware import Fiber
    >>> round(detector.qber(Fiber(50, depolarization_per_km=1e-3)), 5)
    0.03391
    """

    efficiency: float = 1.0
    """Probability that a photon that arrives is counted."""
    _: KW_ONLY
    dark_count_rate_hz: float = 0.0
    """Counts per second in the dark, all detectors together."""
    background_rate_hz: float = 0.0
    """Counts per second of stray light, all detectors together."""
    dead_time_s: float = 0.0
    """Time after a count in which there is no other, in seconds."""
    window_s: float = 1e-9
    """Duration of the window in which a photon is expected, in seconds."""
    misalignment: float = 0.0
    """Probability that a photon goes to the wrong detector."""
    jitter_s: float = 0.0
    """Full width at half maximum of the moments at which a photon is counted, in seconds."""
    elements: int = 1
    """Detectors that share the counts and are dead each for itself."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "efficiency", validation.probability("efficiency", self.efficiency))
        for name in ("dark_count_rate_hz", "background_rate_hz", "dead_time_s", "window_s", "jitter_s"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name), at_least=0.0))
        wrong = validation.number("misalignment", self.misalignment, at_least=0.0, at_most=0.5)
        object.__setattr__(self, "misalignment", wrong)
        object.__setattr__(self, "elements", validation.count("elements", self.elements, at_least=1))

    __repr__ = said

    @property
    def noise_probability(self) -> float:
        """Y₀: probability of at least one noise count in a window, 1 − exp(−rate·window)."""
        return self.noise_probability_each(1)

    def noise_probability_each(self, detectors: int) -> float:
        """The same for one of several detectors that share the receiver's noise counts equally."""
        rate = self.dark_count_rate_hz + self.background_rate_hz
        return -expm1(-rate * self.window_s / validation.count("detectors", detectors, at_least=1))

    @property
    def contrast(self) -> float:
        """1 − 2e, e the error rate of a photon that was counted: (1 − 2e_d)(1 − d).

        A noise count of the other detector, probability d, makes the bit random.
        """
        return (1 - 2 * self.misalignment) * (1 - self.noise_probability_each(2))

    @overload
    def gain(self, transmittance: float | Medium) -> float: ...
    @overload
    def gain(self, transmittance: FloatArray) -> FloatArray: ...
    def gain(self, transmittance: float | FloatArray | Medium) -> float | FloatArray:
        """Probability that the receiver clicks in the window of a photon sent, Q = Y₀ + η − Y₀·η.

        The last term, a noise count together with the photon, is often left out (Ma et al. 2005).

        Args:
            transmittance: of the medium, without the detector's efficiency, a number or an array in [0, 1]; or
                the medium itself.

        Raises:
            ValueError: if it lies outside [0, 1].
        """
        eta, noise = self._counted(transmittance), self.beside(transmittance).noise_probability
        return _plain(noise + eta * (1 - noise))

    @overload
    def qber(self, transmittance: float | Medium, *, basis: Basis = "Z") -> float: ...
    @overload
    def qber(self, transmittance: FloatArray, *, basis: Basis = "Z") -> FloatArray: ...
    def qber(self, transmittance: float | FloatArray | Medium, *, basis: Basis = "Z") -> float | FloatArray:
        """Error rate of the bits read, [(1 − η)·Y₀/2 + e·η]/Q with e = (1 − `contrast`)/2.

        To first order in Y₀ it is the familiar (Y₀/2 + e_d·η)/(Y₀ + η). A receiver that never clicks errs
        in half of the cases.

        Args:
            transmittance: of the medium, without the detector's efficiency, a number or an array in [0, 1]; or
                the medium itself, whose channel then errs as well.
            basis: ``"X"``, ``"Y"`` or ``"Z"``, in which a medium's errors are read; the detector has no other
                in one than in another.

        Raises:
            ValueError: if the transmittance lies outside [0, 1], or the basis is unknown.
        """
        validation.choice("basis", basis, BASES)
        lit = self.beside(transmittance)
        eta, noise = self._counted(transmittance), lit.noise_probability
        gain = noise + eta * (1 - noise)
        contrast = lit.contrast * _kept(transmittance, basis)
        wrong = (1 - eta) * noise / 2 + eta * (1 - contrast) / 2
        return _plain(np.divide(wrong, gain, out=np.full_like(gain, 0.5), where=gain > 0))

    def pulse_clicks(
        self, transmittance: FloatArray, mean_photons: float | FloatArray, *, kept: float = 1.0
    ) -> tuple[FloatArray, FloatArray]:
        """Probabilities that a coherent pulse makes a click, and a wrong one (Ma et al. 2005).

        1 − (1 − Y₀)·e^(−ημ), and Y₀/2·e^(−ημ) + e·(1 − e^(−ημ)) with e = (1 − kept·`contrast`)/2.

        Args:
            transmittance: of the medium, without the detector's efficiency; broadcast with the mean photons.
            mean_photons: of the pulse, μ.
            kept: 1 − 2e of the medium.
        """
        light = transmittance * self.efficiency * mean_photons
        empty, seen = np.exp(-light), -np.expm1(-light)
        noise, wrong = self.noise_probability, (1 - kept * self.contrast) / 2
        return noise + (1 - noise) * seen, noise / 2 * empty + wrong * seen

    @overload
    def count_rate_hz(self, rate_hz: float) -> float: ...
    @overload
    def count_rate_hz(self, rate_hz: FloatArray) -> FloatArray: ...
    def count_rate_hz(self, rate_hz: float | FloatArray) -> float | FloatArray:
        """Counts per second where ``rate_hz`` would be counted without dead time, n/(1 + n·τ/k).

        The arrivals are random (Poisson), the dead time is not extended by them (Müller 1973); each of the k
        ``elements`` is dead for itself.

        Raises:
            ValueError: if the rate is negative.
        """
        rate = np.asarray(rate_hz, dtype=np.float64)
        if not np.all((rate >= 0) & np.isfinite(rate)):
            raise ValueError(f"rate_hz must be finite, at least 0; got {rate_hz!r}")
        return _plain(rate / (1 + rate * self.dead_time_s / self.elements))

    def with_background(self, rate_hz: float) -> Detector:
        """The same detector in stray light of this rate, in counts per second."""
        return replace(self, background_rate_hz=rate_hz)

    def beside(self, *media: Any) -> Detector:
        """The same detector at the end of media, with the background that they bring along (see `Fiber`)."""
        brought = sum(getattr(medium, "background_hz", 0.0) for medium in media)
        if not brought:
            return self
        return self.with_background(self.background_rate_hz + self.efficiency * brought)

    def _counted(self, transmittance: Any) -> FloatArray:
        known = transmittance.transmittance if _is_medium(transmittance) else transmittance
        values = np.asarray(known, dtype=np.float64)
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError(f"transmittance must be in [0, 1], got {transmittance!r}")
        return values * self.efficiency


def _is_medium(value: Any) -> bool:
    return isinstance(value, Medium) and not isinstance(value, type)


def _kept(medium: Any, basis: Basis) -> float:
    """1 − 2e, e the error rate by a medium's channel in this basis."""
    channel = medium.channel if _is_medium(medium) else None
    if channel is None:
        return 1.0
    px, py, pz = (float(p) for p in channel.params)
    return 1 - 2 * {"X": py + pz, "Y": px + pz, "Z": px + py}[basis]


def _plain(values: FloatArray) -> float | FloatArray:
    return values if values.ndim else float(values)
