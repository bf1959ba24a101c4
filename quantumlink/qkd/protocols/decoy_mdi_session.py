"""Measurement-device-independent keys from weak coherent pulses: one intensity in Z, three in X.

Both ends send phase-randomized pulses to the relay of `quantumlink.qkd.protocols.mdi_session`. Where one photon of
each arrives, the round is a play of its circuit; what any other numbers of photons make click is a matter of linear
optics (`quantumlink.qkd.protocols.relay_optics`), known of coherent pulses as a whole, from which the share of the
circuit's rounds is taken. A medium's channel and a misalignment turn a pulse as a whole.

Z makes the key. In X a quarter of the rounds errs even if nothing is amiss: two photons of one end, announced as
well, tell nothing. What single photons did there is found by the counts of all nine pairs of intensities.

References:
    H.-K. Lo, M. Curty, B. Qi, Phys. Rev. Lett. 108, 130503 (2012).
    M. Curty, F. Xu, W. Cui, C. C. W. Lim, K. Tamaki, H.-K. Lo, Nat. Commun. 5, 3732 (2014).
    Y.-H. Zhou, Z.-W. Yu, X.-B. Wang, Phys. Rev. A 93, 042324 (2016): one intensity in Z, three in X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import exp
from typing import Any, ClassVar

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.circuits import MDI_FLIPS, MDI_SETTINGS
from quantumlink.distillation.key import Key
from quantumlink.distillation.relay_sifting import relay_decoy_sifting
from quantumlink.distillation.sifting import Sifting
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.qkd.protocols.mdi_session import MDI
from quantumlink.qkd.protocols.observed import Kind, ObservedRounds
from quantumlink.qkd.protocols.playing import Floats
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.pulsed_bb84 import MAX_INTENSITY, RANDOM_PHASES, intensity_triple
from quantumlink.qkd.protocols.relay_optics import coherent_announcements, pauli_turns
from quantumlink.qkd.protocols.session import Allotment
from quantumlink.security.contract import Recipe
from quantumlink.security.decoy import Triple, check_intensities
from quantumlink.security.proof import Proof
from quantumlink.security.recipes import RELAY_INTENSITIES, RelayDecoys

_KINDS = ((0, 0), *((a, b) for a, b in product((1, 2, 3), repeat=2)))
"""Settings of Alice and Bob that count: both Z, or both X with an intensity each."""
_BASES = "ZXXX"
"""The basis of each setting."""


@dataclass(frozen=True, kw_only=True)
class DecoyMDI(MDI):
    """A session through an untrusted relay, with weak coherent pulses. The other fields are those of `MDI`.

    Args:
        signal_intensity: mean photon number of the pulses in Z.
        signal_intensity_b: Bob's, as Alice's if None. Over unequal arms pulses should arrive equally strong.
        intensities: Alice's in X, strong, weak and vacuum; strong > weak + vacuum, weak > vacuum.
        intensities_b: Bob's, as Alice's if None.
        intensity_probabilities: with which each end sends them, given X; above 0, summing to 1.

    Raises:
        ValueError: if an argument is out of range, or the relay is not of linear optics.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd.expectation import expected_key
    >>> expected_key(DecoyMDI(medium_a=Fiber(25), rounds=10**11, seed=7)).bits > 10**7
    True
    """

    z_probability: float = 0.45
    """Probability with which each end chooses Z."""
    signal_intensity: float = 0.6
    """Mean photon number in Z."""
    signal_intensity_b: float | None = None
    """Bob's; as Alice's if None."""
    intensities: Triple = (0.5, 0.15, 0.0)
    """Alice's in X, strong, weak and vacuum."""
    intensities_b: Triple | None = None
    """Bob's; as Alice's if None."""
    intensity_probabilities: Triple = (0.15, 0.55, 0.3)
    """With which each end sends them, given X."""

    protocol: ClassVar[str] = "decoy-state MDI"
    proof: ClassVar[Proof] = Proof(
        "M. Curty, F. Xu, W. Cui, C. C. W. Lim, K. Tamaki, H.-K. Lo, Nat. Commun. 5, 3732 (2014), with the photon "
        "numbers of F. Xu, H. Xu, H.-K. Lo, Phys. Rev. A 89, 052333 (2014) and Y.-H. Zhou, Z.-W. Yu, X.-B. Wang, "
        "Phys. Rev. A 93, 042324 (2016), and theorem 1 of D. Tupkary, S. Nahar, "
        "P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), for keys of variable length",
        "coherent attacks, whatever the relay does",
        (RANDOM_PHASES,),
    )

    def __post_init__(self) -> None:
        for name in ("signal_intensity", "signal_intensity_b"):
            if (value := getattr(self, name)) is not None:
                self._set(**{name: validation.positive(name, value, at_most=MAX_INTENSITY)})
        for name in ("intensities", "intensities_b", "intensity_probabilities"):
            if (values := getattr(self, name)) is not None:
                self._set(**{name: intensity_triple(name, values)})
        for name in ("intensities", "intensities_b"):
            means = getattr(self, name) or self.intensities
            check_intensities(means, self.intensity_probabilities, called=name, named="intensity_probabilities")
        super().__post_init__()
        if not self.linear_optics:
            raise ValueError(
                "linear_optics must be True where pulses are sent: what photons that arrive by twos make of "
                "another relay is not known"
            )

    @property
    def _means(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """By setting the mean photon numbers of Alice and Bob."""
        signal = self.signal_intensity if self.signal_intensity_b is None else self.signal_intensity_b
        return (self.signal_intensity, *self.intensities), (signal, *(self.intensities_b or self.intensities))

    def sifting(self) -> Sifting:
        """Z makes the key; X is compared, by the two intensities."""
        return relay_decoy_sifting(self.z_probability, RELAY_INTENSITIES, self.intensity_probabilities)

    def recipe(self) -> Recipe:
        """The bound of nine pairs of intensities."""
        alice, bob = self._means
        return RelayDecoys(
            signals=(alice[0], bob[0]),
            intensities=self.intensities,
            intensities_b=self.intensities_b or self.intensities,
            probabilities=self.intensity_probabilities,
            z_probability=self.z_probability,
        )

    def remarks(self) -> tuple[str, ...]:
        """What the error rate in X means."""
        return ("In X two photons of one end err half of the time: a quarter of the rounds is wrong by nature.",)

    @cached_property
    def _shares(self) -> Floats:
        """The probability of each setting of the circuit and kind of pulses: shape (16, 10)."""
        chosen = [self.z_probability, *((1 - self.z_probability) * p for p in self.intensity_probabilities)]
        return np.array(
            [
                [chosen[a] * chosen[b] / 4 * (_BASES[a] == basis_a and _BASES[b] == basis_b) for a, b in _KINDS]
                for _, basis_a, _, basis_b in MDI_SETTINGS
            ]
        )

    def _arriving(self, kind: tuple[int, int]) -> tuple[float, float]:
        """Mean photon numbers of both pulses as they arrive."""
        a, b = (
            means[which] * medium.transmittance * self.receiver.efficiency
            for means, which, medium in zip(self._means, kind, self.arms, strict=True)
        )
        return a, b

    @cached_property
    def _single(self) -> Floats:
        """The probability that one photon of each end arrives, by the kind of pulses."""
        return np.array([a * b * exp(-a - b) for a, b in map(self._arriving, _KINDS)])

    @cached_property
    def _announced(self) -> Floats:
        """The probabilities of Ψ⁺ and Ψ⁻ by setting of the circuit and kind of pulses: shape (16, 10, 2)."""
        turns = [pauli_turns(medium.channel, self.receiver.misalignment) for medium in self.arms]
        found = [coherent_announcements(self._arriving(kind), self._dark, (turns[0], turns[1])) for kind in _KINDS]
        return np.stack(found, axis=1)

    @cached_property
    def _announced_singles(self) -> Floats:
        """The same given that one photon of each end arrives: shape (16, 2)."""
        found = self._play.probabilities()[:, 0].reshape(-1, 2, 2)  # (setting, phase, success)
        silent, lit = (1 - self._dark) ** 2, self._faked[0]
        return np.asarray(found[:, :, 1] * silent + found[:, :, 0].sum(axis=1, keepdims=True) * lit / 2)

    def allot(self, rng: np.random.Generator) -> Allotment:
        """In how many rounds of each kind one photon of each arrives, and how many others are announced."""
        singles = np.broadcast_to(self._single[:, None], (*self._shares.shape, 1))
        others = np.clip(self._announced - self._announced_singles[:, None] * singles, 0.0, None)
        table = self._shares[:, :, None] * np.concatenate([singles, others], axis=2)
        cells = np.append(table.ravel(), max(0.0, 1 - table.sum()))
        rounds = rng.multinomial(self.rounds, cells / cells.sum())[:-1].reshape(table.shape)
        return Allotment((rounds[:, :, 0].sum(axis=1, keepdims=True),), rounds)

    def observe(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ObservedRounds:
        """What the ends note of the rounds that the relay announces."""
        silent, (lit, _) = (1 - self._dark) ** 2, self._faked
        kinds = []
        for s, setting in enumerate(MDI_SETTINGS):
            for i, kind in enumerate(_KINDS):
                single, *others = (int(n) for n in allotment.rounds[s, i])
                if not self._shares[s, i]:
                    continue
                found = pools[0].counts(s, single).reshape(2, 2)  # (phase, success)
                together = int(rng.binomial(found[:, 0].sum(), lit))
                ones = int(rng.binomial(together, 0.5))
                told = rng.binomial(found[:, 1], silent) + np.array([together - ones, ones]) + np.array(others)
                kinds += [Kind(*_noted(setting, kind, phase), int(told[phase])) for phase in (0, 1)]
        return ObservedRounds.of_kinds(kinds, self.rounds, rng)

    def expected_rounds(self, seen: Floats | None = None) -> Floats:
        """How many rounds of each kind to expect: the means of what `observe` draws.

        Args:
            seen: of no use here, where pulses interfere.

        Returns:
            Shape (6, kinds): Alice's setting and bit, Bob's setting and bit, the class, and the mean number.
        """
        means = self.rounds * self._shares[:, :, None] * self._announced
        kinds = [
            [*_noted(setting, kind, phase), 0, means[s, i, phase]]
            for s, setting in enumerate(MDI_SETTINGS)
            for i, kind in enumerate(_KINDS)
            for phase in (0, 1)
            if self._shares[s, i]
        ]
        return np.array(kinds, dtype=np.float64).T


def _noted(setting: tuple[int, str, int, str], kind: tuple[int, int], phase: int) -> tuple[int, int, int, int]:
    """Alice's setting and bit, Bob's setting and bit, turned over as the relay's announcement asks for."""
    bit_a, _, bit_b, basis = setting
    return kind[0], bit_a, kind[1], bit_b ^ MDI_FLIPS[basis, phase, 1]


def decoy_mdi(
    medium_a: Medium,
    rounds: int,
    *,
    medium_b: Medium | None = None,
    seed: int | None = None,
    signal_intensity: float = 0.6,
    intensities: Triple = (0.5, 0.15, 0.0),
    detector: Any = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by weak coherent pulses through an untrusted relay in the middle.

    Args:
        medium_a: what lies between Alice and the relay.
        rounds: pairs of pulses sent, at least 1.
        medium_b: what lies between Bob and the relay; the same as Alice's if None.
        seed: makes everything repeatable.
        signal_intensity: mean photon number of the pulses in Z.
        intensities: of those in X, strong, weak and vacuum, falling.
        detector: the relay's receiver; ideal if None.
        sampler: what the pairs of single photons run on; see `Session.run`.
        options: the other fields of `DecoyMDI`.

    Returns:
        The key, or a refused one that says why.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> key = ql.qkd.decoy_mdi(ql.Fiber(0), rounds=10**8, seed=7)
    >>> key.protocol, bool(key)
    ('decoy-state MDI', True)
    """
    session = DecoyMDI(
        medium_a=medium_a,
        medium_b=medium_b,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        signal_intensity=signal_intensity,
        intensities=intensities,
        detector=detector,
        **options,
    )
    return session.run(sampler)
