"""Decoy-state BB84: weak coherent pulses of three intensities.

The phase of each pulse is random, so that it holds a number of photons, Poisson distributed with the pulse's mean.
Each photon passes the medium on its own, and each that arrives is one play of the BB84 circuit; several may make
both detectors click. All detections in Z, of all intensities, give the key; those in X, counted by intensity,
tell how many of the key's bits came from single photons and with how many phase errors.

References:
    X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005).
    C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.hardware import Medium
from quantumlink.qkd.bounds.contract import KeyBound
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper
from quantumlink.qkd.key import Key
from quantumlink.qkd.protocols.bb84 import BB84
from quantumlink.qkd.protocols.playing import Counts, Floats
from quantumlink.qkd.protocols.prepare_and_measure import laid_out
from quantumlink.qkd.protocols.session import Sifted

Triple = tuple[float, float, float]

NEGLIGIBLE = 1e-15
"""Photon numbers that are less likely than that are counted as the largest one that is not."""

MAX_INTENSITY = 10.0
"""Photons a pulse: far beyond what any decoy protocol sends."""

_NAMES = ("signal", "decoy", "vacuum")


@dataclass(frozen=True, kw_only=True)
class DecoyBB84(BB84):
    """A session of decoy-state BB84. The other fields are those of `BB84`.

    Args:
        intensities: mean photon numbers of signal, decoy and vacuum, falling; signal > decoy + vacuum.
        intensity_probabilities: with which each is sent, above 0, summing to 1.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> session = DecoyBB84(medium=Fiber(50), rounds=10**9, seed=7)
    >>> sifted = session.sift()  # a signal pulse clicks with 1 − exp(−0.5·0.1) = 0.0488
    >>> bool(abs(sifted.accepted / 10**9 - session.exact_gain("signal") * 0.7) < 0.01)
    True
    """

    intensities: Triple = (0.5, 0.1, 0.0)
    """Mean photon numbers of signal, decoy and vacuum."""
    intensity_probabilities: Triple = (0.7, 0.2, 0.1)
    """With which each is sent."""

    protocol: ClassVar[str] = "decoy-state BB84"
    count_replies: ClassVar[bool] = True
    has_pulses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("intensities", "intensity_probabilities"):
            values = tuple(
                validation.number(name, v, at_least=0.0, at_most=MAX_INTENSITY)
                for v in validation.sequence(name, getattr(self, name), "three numbers")
            )
            if len(values) != 3:
                raise ValueError(f"{name} must be three numbers (signal, decoy, vacuum), got {values}")
            self._set(**{name: values})
        signal, decoy, vacuum = self.intensities
        if not (signal > decoy + vacuum and decoy > vacuum):
            raise ValueError(
                f"intensities must fall, with signal > decoy + vacuum and decoy > vacuum; got {self.intensities}"
            )
        total = sum(self.intensity_probabilities)
        if min(self.intensity_probabilities) <= 0 or abs(total - 1) > 1e-9:
            raise ValueError(
                f"intensity_probabilities must be above 0 and sum to 1, got {self.intensity_probabilities}"
            )
        super().__post_init__()

    def photons(self) -> list[tuple[float, Floats]]:
        """Poisson distributions."""
        return [
            (share, poisson(mean))
            for share, mean in zip(self.intensity_probabilities, self.intensities, strict=True)
        ]

    def exact_gain(self, intensity: str) -> float:
        """The probability that a pulse of that intensity makes a click, without Eve: 1 − (1 − Y₀)·exp(−μη).

        Args:
            intensity: ``"signal"``, ``"decoy"`` or ``"vacuum"``.

        Raises:
            ValueError: if the intensity is unknown.
        """
        validation.choice("intensity", intensity, _NAMES)
        mean = self.intensities[_NAMES.index(intensity)]
        seen = self.medium.transmittance * self.receiver.efficiency
        return float(1 - (1 - self.receiver.dark_probability) * np.exp(-mean * seen))

    def _sift_counts(self, counts: Counts, rng: np.random.Generator) -> Sifted:
        labels = list(self.settings())
        statistics: dict[str, int] = {}
        cells: dict[str, list[tuple[int, Counts]]] = {"Z": [], "X": []}
        for k, name in enumerate(_NAMES):
            for basis in "ZX":
                rows = [(bit, counts[k, labels.index((bit, basis, basis))]) for bit in (0, 1)]
                cells[basis] += rows
                statistics[f"{basis} {name}"] = int(sum(row.sum() for _, row in rows))
                statistics[f"{basis} errors {name}"] = int(sum(row[1 - bit] for bit, row in rows))
        # How many errors the key basis has is not said in public.
        public = {name: n for name, n in statistics.items() if not name.startswith("Z errors")}
        key, test = laid_out(cells["Z"], rng), laid_out(cells["X"], rng)
        return Sifted(*key, *test, accepted=int(counts.sum()), statistics=public)

    def _bound(self, sifted: Sifted) -> KeyBound:
        from quantumlink.qkd.bounds.decoy import DecoyBound

        def triple(prefix: str) -> tuple[int, int, int]:
            a, b, c = (sifted.statistics[f"{prefix} {name}"] for name in _NAMES)
            return a, b, c

        return DecoyBound(
            intensities=self.intensities,
            probabilities=self.intensity_probabilities,
            key_counts=triple("Z"),
            test_counts=triple("X"),
            test_errors=triple("X errors"),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
        )


def decoy_bb84(
    medium: Medium,
    rounds: int,
    *,
    seed: int | None = None,
    intensities: Triple = (0.5, 0.1, 0.0),
    intensity_probabilities: Triple = (0.7, 0.2, 0.1),
    detector: Any = None,
    eavesdropper: Eavesdropper | None = None,
    sampler: BaseSamplerV2 | BackendV2 | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by decoy-state BB84 with weak coherent pulses.

    Args:
        medium: what lies between Alice and Bob.
        rounds: pulses sent, at least 1.
        seed: makes everything repeatable.
        intensities: mean photon numbers of signal, decoy and vacuum, falling.
        intensity_probabilities: with which each is sent, summing to 1.
        detector: Bob's receiver; ideal if None.
        eavesdropper: who stands between.
        sampler: what the photons' rounds run on; see `Session.run`.
        options: the other fields of `DecoyBB84`.

    Returns:
        The key, or a refused one that says why.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.
    """
    session = DecoyBB84(
        medium=medium,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        intensities=intensities,
        intensity_probabilities=intensity_probabilities,
        detector=detector,
        eavesdropper=eavesdropper,
        **options,
    )
    return session.run(sampler)


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
