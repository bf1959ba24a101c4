"""Sending-or-not-sending twin fields: keys whose rate falls with the root of the transmittance.

The relay in the middle holds a beam splitter and two detectors, and announces what makes exactly one of them click.
One photon is enough, from either end: so the rate falls as that of half the way. Where it came from nobody knows,
and that is the bit. What coherent pulses make click is a matter of optics (`quantumlink.hardware.interference`); no
circuit of qubits is played.

Lasers of both ends are taken to be locked: a phase that drifts, or is known with an error, is part of the
detector's misalignment, the share of the light that leaves by the wrong output where phases agree.

Raw bits are wrong where both send, or none and a detector clicks by itself. Pairing the bits so as to find these
errors (actively odd-parity pairing) is not done.

References:
    X.-B. Wang, Z.-W. Yu, X.-L. Hu, Phys. Rev. A 98, 062323 (2018).
    C. Jiang, Z.-W. Yu, X.-L. Hu, X.-B. Wang, Phys. Rev. Applied 12, 024061 (2019): finite keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, ClassVar, NoReturn

import numpy as np
from qiskit.primitives import BaseSamplerV2, PrimitiveResult
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.key import Key
from quantumlink.distillation.records import Symbols
from quantumlink.distillation.sifting import Sifting
from quantumlink.distillation.twin_sifting import HALF, STRONG, VACUUM, WEAK, TwinSifting, Z
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.hardware.interference import lit_alone
from quantumlink.qkd.protocols.observed import Kind, ObservedRounds
from quantumlink.qkd.protocols.playing import Play, Pub
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.pulsed_bb84 import MAX_INTENSITY, RANDOM_PHASES, intensity_triple
from quantumlink.qkd.protocols.relay_session import RelaySession
from quantumlink.qkd.protocols.session import Allotment
from quantumlink.security.contract import Recipe
from quantumlink.security.decoy import Triple
from quantumlink.security.proof import Proof
from quantumlink.security.recipes import TwinFields
from quantumlink.security.twin_field import PHASES, check_twin_intensities, checked_window

_COSINES = np.cos(2 * np.pi * np.arange(PHASES) / PHASES)
_WAYS = ((Z, 0), (Z, 1), (VACUUM, 0), (STRONG, 0), (WEAK, 0), (WEAK, 1))
"""Settings and bits of one end, the phase of a weak pulse left open but for its half."""


@dataclass(frozen=True, kw_only=True)
class TwinField(RelaySession):
    """A session of sending-or-not-sending twin fields. The other fields are those of `RelaySession`.

    Args:
        signal_intensity: mean photon number of a pulse in Z.
        sending_probability: with which each end sends one there, in (0, 1).
        intensities: mean photon numbers in X, strong, weak and 0; vacuum is nothing sent.
        intensity_probabilities: with which each end sends them, given X; above 0, summing to 1.
        phase_window: by how many of 64 phases those of two weak pulses may differ, each way, from 0 to 8.

    Raises:
        ValueError: if an argument is out of range, or a medium has a channel of its own.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd.expectation import expected_key
    >>> expected_key(TwinField(medium_a=Fiber(50), rounds=10**11, seed=7)).bits > 10**7
    True
    """

    z_probability: float = 0.9
    """Probability with which each end chooses Z."""
    signal_intensity: float = 0.45
    """Mean photon number of a pulse in Z."""
    sending_probability: float = 0.035
    """With which each end sends one there."""
    intensities: Triple = (0.3, 0.05, 0.0)
    """Mean photon numbers in X, strong, weak and 0."""
    intensity_probabilities: Triple = (0.08, 0.67, 0.25)
    """With which each end sends them, given X."""
    phase_window: int = 3
    """By how many of 64 phases those of two weak pulses may differ, each way."""

    protocol: ClassVar[str] = "twin field"
    proof: ClassVar[Proof] = Proof(
        "X.-B. Wang, Z.-W. Yu, X.-L. Hu, Phys. Rev. A 98, 062323 (2018), for finite keys as C. Jiang, Z.-W. Yu, "
        "X.-L. Hu, X.-B. Wang, Phys. Rev. Applied 12, 024061 (2019), with the uncertainty relation of "
        "M. Tomamichel, R. Renner, Phys. Rev. Lett. 106, 110506 (2011), and theorem 1 of D. Tupkary, S. Nahar, "
        "P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), for keys of variable length",
        "coherent attacks, whatever the relay does",
        (
            RANDOM_PHASES,
            "Where an end does not send, no light leaves it.",
            "Both ends send exactly the same mean photon numbers with the same probabilities.",
            "The relay has announced all rounds before either end says anything of them.",
        ),
    )

    def __post_init__(self) -> None:
        self._set(
            signal_intensity=validation.positive("signal_intensity", self.signal_intensity, at_most=MAX_INTENSITY),
            sending_probability=validation.tolerance("sending_probability", self.sending_probability),
            phase_window=checked_window("phase_window", self.phase_window),
        )
        for name in ("intensities", "intensity_probabilities"):
            self._set(**{name: intensity_triple(name, getattr(self, name))})
        check_twin_intensities(self.intensities, self.intensity_probabilities, named="intensity_probabilities")
        super().__post_init__()
        for name, medium in zip(("medium_a", "medium_b"), self.arms, strict=True):
            if medium.channel is not None:
                raise ValueError(
                    f"{name} must have no channel of its own, as fields have no qubit that it could turn; got "
                    f"{medium!r}: what it does to their phase belongs in the detector's misalignment"
                )

    def plays(self) -> Sequence[Play]:
        """None: fields that interfere are no circuit."""
        return ()

    def sifting(self) -> Sifting:
        """Z on both sides makes the key; weak pulses in phase test it."""
        return TwinSifting(window=self.phase_window)

    def recipe(self) -> Recipe:
        """The bound of twin fields."""
        return TwinFields(
            signal=self.signal_intensity,
            sending=self.sending_probability,
            z_probability=self.z_probability,
            intensities=self.intensities,
            probabilities=self.intensity_probabilities,
            window=self.phase_window,
        )

    def remarks(self) -> tuple[str, ...]:
        """What the error rate in X means."""
        return (
            "In X phases within the window differ: some of the errors there are by nature, and so are those of Z, "
            "where both ends send now and then.",
        )

    @cached_property
    def _ways(self) -> list[tuple[float, float]]:
        """With which probability an end goes each of `_WAYS`, and the mean photon number that it sends."""
        in_z, in_x = self.z_probability, 1 - self.z_probability
        (strong, weak, _), (p_strong, p_weak, p_vacuum) = self.intensities, self.intensity_probabilities
        q = self.sending_probability
        return [
            (in_z * (1 - q), 0.0),
            (in_z * q, self.signal_intensity),
            (in_x * p_vacuum, 0.0),
            (in_x * p_strong, strong),
            (in_x * p_weak / 2, weak),
            (in_x * p_weak / 2, weak),
        ]

    def _announced(self, mean_a: float, mean_b: float) -> FloatArray:
        """By the phase of Bob's pulse from Alice's, that either detector alone clicks: shape (2, 64)."""
        a, b = (
            mean * medium.transmittance * self.receiver.efficiency
            for mean, medium in zip((mean_a, mean_b), self.arms, strict=True)
        )
        noise = self.receiver.dark_probability_each(2)
        return np.stack(lit_alone(a, b, _COSINES, contrast=1 - 2 * self.receiver.misalignment, noise=noise))

    @cached_property
    def _kinds(self) -> list[tuple[int, int, int, int, float]]:
        """Alice's setting and bit, Bob's setting and bit, and the probability of a round that is announced so.

        Where both pulses are weak, hers has the first of the phases; `TwinRounds` turns both alike.
        """
        found = []
        ways = list(zip(_WAYS, self._ways, strict=True))
        for ((set_a, bit_a), (share_a, mean_a)), ((set_b, bit_b), (share_b, mean_b)) in product(ways, repeat=2):
            told, share = self._announced(mean_a, mean_b), share_a * share_b
            if set_a < WEAK or set_b < WEAK:  # nobody knows the phase between them
                his = 1 - bit_b if set_b == Z else bit_b
                found.append((set_a, bit_a, set_b, his, share * float(told.sum(axis=0).mean())))
                continue
            for step, turned in product(range(HALF), (0, 1)):
                phase = (HALF * (bit_b ^ bit_a) + step) % PHASES
                chance = share / HALF * float(told[turned, phase])
                found.append((WEAK, bit_a, WEAK + step, bit_b ^ turned, chance))
        return found

    def allot(self, rng: np.random.Generator) -> Allotment:
        """How many rounds of each kind are announced."""
        chances = np.array([kind[4] for kind in self._kinds])
        cells = np.append(chances, max(0.0, 1 - chances.sum()))
        return Allotment((), rng.multinomial(self.rounds, cells / cells.sum())[:-1])

    @property
    def drawn_rounds(self) -> int:
        """How many rounds the relay announces."""
        return int(self._allotment.rounds.sum())

    def observe(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ObservedRounds:
        """What the ends note of the rounds that the relay announces."""
        kinds = [Kind(*kind[:4], int(n)) for kind, n in zip(self._kinds, allotment.rounds, strict=True)]
        return TwinRounds.of_kinds(kinds, self.rounds, rng)

    def expected_rounds(self) -> FloatArray:
        """How many rounds of each kind to expect: the means of what `observe` draws.

        Returns:
            Shape (6, kinds): Alice's setting and bit, Bob's setting and bit, the class, and the mean number.
        """
        return np.array([[*kind[:4], 0, self.rounds * kind[4]] for kind in self._kinds], dtype=np.float64).T

    def circuits(self) -> list[Pub]:
        """None to submit."""
        return []

    def analyse(self, result: PrimitiveResult[Any]) -> NoReturn:
        """There is nothing to analyse.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{_NO_CIRCUIT}, so that there is no result to analyse")

    def rounds_on(
        self, sampler: BaseSamplerV2 | BackendV2 | Engine | None
    ) -> tuple[ObservedRounds, np.random.Generator, str, bool]:
        """The observed rounds, the source of later choices, what to remark, whether nothing was measured."""
        if sampler is not None:
            raise ValueError(f"sampler must be None, got {sampler!r}: {_NO_CIRCUIT}")
        rng = self._late_rng()
        return self.observe(self._allotment, (), rng), rng, "What the relay announced was drawn by optics.", True


_NO_CIRCUIT = "fields that interfere are no circuit of qubits"


class TwinRounds(ObservedRounds):
    """Observed rounds whose kinds tell how far the phases are apart, and not yet the phases."""

    def _noted(self, rng: np.random.Generator) -> tuple[tuple[Symbols, Bits], tuple[Symbols, Bits]]:
        by = rng.integers(0, PHASES, len(self), dtype=np.uint8)
        alice = _turned(self.alice_settings, self.alice_bits, by)
        return alice, _turned(self.bob_settings, self.bob_bits, by)


def _turned(settings: Symbols, bits: Bits, by: Symbols) -> tuple[Symbols, Bits]:
    """The same with weak pulses turned by so many phases."""
    phases = (settings - WEAK + HALF * bits + by) % PHASES
    weak = settings >= WEAK
    return (
        np.where(weak, WEAK + phases % HALF, settings).astype(np.uint8),
        np.where(weak, phases // HALF, bits).astype(np.uint8),
    )


def twin_field(
    medium_a: Medium,
    rounds: int,
    *,
    medium_b: Medium | None = None,
    seed: int | None = None,
    detector: Any = None,
    **options: Any,
) -> Key:
    """Distribute a key by sending-or-not-sending twin fields.

    Args:
        medium_a: what lies between Alice and the relay.
        rounds: time windows in which each end sent or not.
        medium_b: what lies between Bob and the relay; the same as Alice's if None.
        seed: makes everything repeatable.
        detector: the relay's receiver; ideal if None.
        options: the other fields of `TwinField`.

    Returns:
        The key, or a refused one that says why.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> key = ql.qkd.twin_field(ql.Fiber(5), rounds=10**8, seed=7)
    >>> key.protocol, bool(key)
    ('twin field', True)
    """
    session = TwinField(
        medium_a=medium_a,
        medium_b=medium_b,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        detector=detector,
        **options,
    )
    return session.run()
