"""Decoy-state BB84: weak coherent pulses of three intensities, or of two (see `PulsedBB84`).

Counted by intensity, the detections tell how many of the key's bits came from single photons, and with how many
phase errors.

References:
    X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005).
    C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014).
    D. Rusca, A. Boaron, F. Grünenfelder, A. Martin, H. Zbinden, Appl. Phys. Lett. 112, 171104 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink.distillation.key import Key
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper
from quantumlink.qkd.protocols.pulsed_bb84 import RANDOM_PHASES, PulsedBB84
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, Proof
from quantumlink.security.recipes import INTENSITIES, Decoys, OneDecoy

Pair = tuple[float, float]
Triple = tuple[float, float, float]

_TUPKARY = (
    "D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1, with the photon numbers of "
)


@dataclass(frozen=True, kw_only=True)
class DecoyBB84(PulsedBB84):
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
    proof: ClassVar[Proof] = Proof(
        f"{_TUPKARY}C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014)",
        "coherent attacks",
        (RANDOM_PHASES, EQUAL_DETECTION),
    )
    names: ClassVar[tuple[str, ...]] = INTENSITIES

    def check_order(self) -> None:
        """Refuse intensities that are not told in their order."""
        signal, decoy, vacuum = self.intensities
        if not (signal > decoy + vacuum and decoy > vacuum):
            raise ValueError(
                f"intensities must fall, with signal > decoy + vacuum and decoy > vacuum; got {self.intensities}"
            )

    def recipe(self) -> Recipe:
        """The bound of three intensities."""
        return Decoys(self.intensities, self.intensity_probabilities)


@dataclass(frozen=True, kw_only=True)
class OneDecoyBB84(PulsedBB84):
    """A session of BB84 with one decoy: signal and decoy, no vacuum. The other fields are those of `BB84`.

    Once they are reconciled, Bob tells how many bits of each intensity differed, and that is charged.

    Args:
        intensities: mean photon numbers of signal and decoy: signal > decoy > 0.
        intensity_probabilities: with which each is sent, above 0, summing to 1.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> OneDecoyBB84(medium=Fiber(50), rounds=10**6, seed=7).sift()
    <Sifted: 24516 bits for the key, 1513 for the test, 38253 detected>
    """

    intensities: Pair = (0.5, 0.15)
    """Mean photon numbers of signal and decoy."""
    intensity_probabilities: Pair = (0.7, 0.3)
    """With which each is sent."""

    protocol: ClassVar[str] = "BB84 with one decoy"
    proof: ClassVar[Proof] = Proof(
        f"{_TUPKARY}D. Rusca, A. Boaron, F. Grünenfelder, A. Martin, H. Zbinden, Appl. Phys. Lett. 112, 171104 "
        "(2018)",
        "coherent attacks",
        (RANDOM_PHASES, EQUAL_DETECTION),
    )
    names: ClassVar[tuple[str, ...]] = INTENSITIES[:2]

    def check_order(self) -> None:
        """Refuse intensities that are not told in their order."""
        signal, decoy = self.intensities
        if not signal > decoy > 0:
            raise ValueError(f"intensities must fall, with signal > decoy > 0; got {self.intensities}")

    def recipe(self) -> Recipe:
        """The bound of two intensities."""
        return OneDecoy(self.intensities, self.intensity_probabilities)


def decoy_bb84(
    medium: Medium,
    rounds: int,
    *,
    seed: int | None = None,
    intensities: Triple = (0.5, 0.1, 0.0),
    intensity_probabilities: Triple = (0.7, 0.2, 0.1),
    detector: Any = None,
    eavesdropper: Eavesdropper | None = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
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

    >>> import quantumlink as ql
    >>> detector = ql.Detector(0.8, dark_count_rate_hz=100)
    >>> key = ql.qkd.decoy_bb84(ql.Fiber(5), rounds=10**6, seed=7, detector=detector)
    >>> key.protocol, len(key) > 10_000
    ('decoy-state BB84', True)
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


def one_decoy_bb84(
    medium: Medium,
    rounds: int,
    *,
    seed: int | None = None,
    intensities: Pair = (0.5, 0.15),
    intensity_probabilities: Pair = (0.7, 0.3),
    detector: Any = None,
    eavesdropper: Eavesdropper | None = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by BB84 with weak coherent pulses of two intensities.

    Args:
        medium: what lies between Alice and Bob.
        rounds: pulses sent, at least 1.
        seed: makes everything repeatable.
        intensities: mean photon numbers of signal and decoy, falling.
        intensity_probabilities: with which each is sent, summing to 1.
        detector: Bob's receiver; ideal if None.
        eavesdropper: who stands between.
        sampler: what the photons' rounds run on; see `Session.run`.
        options: the other fields of `OneDecoyBB84`.

    Returns:
        The key, or a refused one that says why.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> key = ql.qkd.one_decoy_bb84(ql.Fiber(5), rounds=10**6, seed=7)
    >>> key.protocol, len(key) > 10_000
    ('BB84 with one decoy', True)
    """
    session = OneDecoyBB84(
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
