"""Measurement-device-independent key distribution: two senders of single photons, an untrusted relay between them.

The relay's Bell measurement is the circuit; where linear optics tells two Bell states only, it has four detectors
(two outputs, two polarizations) and announces what makes exactly two of opposite polarization click:

- both photons arrive: Ψ⁺ or Ψ⁻ as the circuit finds, if no dark count adds a third click; otherwise the two photons
  leave together by one detector, and a dark count may fake the second click;
- one photon or none arrives: one dark count or two may fake an announcement.

With p the probability of a dark count in one detector the fakes have probability 2p(1 − p)² for one detector lit by
photons, 4p²(1 − p)² for none; they announce Ψ⁺ or Ψ⁻ at random.

References:
    H.-K. Lo, M. Curty, B. Qi, Phys. Rev. Lett. 108, 130503 (2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.circuits import MDI_FLIPS, MDI_SETTINGS, PauliChannel, mdi_round
from quantumlink.distillation.agreement import two_bases
from quantumlink.distillation.key import Key
from quantumlink.distillation.sifting import Sifting
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.qkd.protocols.observed import Kind, ObservedRounds
from quantumlink.qkd.protocols.playing import Play, binary_reading, register_bits
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.relay_session import RelaySession
from quantumlink.qkd.protocols.session import Allotment
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import SINGLE_PHOTONS, TOMAMICHEL, Proof
from quantumlink.security.recipes import TwoBases


@dataclass(frozen=True, kw_only=True)
class MDI(RelaySession):
    """A session through an untrusted relay, with single photons.

    Args:
        medium_a: what lies between Alice and the relay.
        medium_b: what lies between Bob and the relay; the same as Alice's if None.
        rounds: pairs of qubits sent, at least 1.
        z_probability: probability with which each end chooses Z, in (0, 1), independently.
        detector: the relay's receiver; ideal if None. Its misalignment turns the photon of each arm.
        linear_optics: whether the relay tells two of the four Bell states only.

    Raises:
        ValueError: if an argument is out of range, or dark counts meet a relay without linear optics.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> sifted = MDI(medium_a=Fiber(0), rounds=40_000, seed=7).sift()
    >>> sifted, bool((sifted.key_alice == sifted.key_bob).all())
    (<Sifted: 12... bits for the key, ... for the test, 2... detected>, True)
    """

    linear_optics: bool = True
    """Whether the relay tells two of the four Bell states only."""

    protocol: ClassVar[str] = "MDI"
    proof: ClassVar[Proof] = Proof(TOMAMICHEL, "coherent attacks, whatever the relay does", (SINGLE_PHOTONS,))

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.flags(self, "linear_optics")
        if self.receiver.dark_probability and not self.linear_optics:
            raise ValueError(
                "detector must have no dark or background counts where linear_optics is False: how they fake an "
                f"announcement is known of the linear-optics relay only; got {self.detector!r}"
            )

    @cached_property
    def _play(self) -> Play:
        between = []
        for medium in self.arms:
            stages = [] if medium.channel is None else [medium.channel]
            if self.receiver.misalignment:  # Y turns a photon over in both bases
                stages.append(PauliChannel(0.0, self.receiver.misalignment, 0.0))
            between.append(stages)
        circuit = mdi_round(between_a=between[0], between_b=between[1], linear_optics=self.linear_optics)
        bits = register_bits(circuit, "phase", "success" if self.linear_optics else "parity")
        names = tuple(parameter.name for parameter in circuit.parameters)
        rows = tuple(MDI_SETTINGS.values())
        return Play(circuit=circuit, names=names, rows=rows, read=binary_reading(bits), bits=bits, outcomes=4)

    def plays(self) -> Sequence[Play]:
        """The round of `mdi_round`."""
        return [self._play]

    @property
    def _dark(self) -> float:
        """The probability of a dark count in one of the four detectors."""
        return self.receiver.dark_probability_each(4)

    @property
    def _faked(self) -> tuple[float, float]:
        """The probability that dark counts fake an announcement: with one detector lit by photons, with none."""
        p = self._dark
        return 2 * p * (1 - p) ** 2, 4 * p**2 * (1 - p) ** 2

    @property
    def _arriving_shares(self) -> tuple[float, float]:
        """The probability that both photons arrive, and that dark counts fake an announcement if not both do."""
        a, b = (medium.transmittance * self.receiver.efficiency for medium in self.arms)
        lit, unlit = self._faked
        return a * b, (a * (1 - b) + (1 - a) * b) * lit + (1 - a) * (1 - b) * unlit

    @property
    def _setting_shares(self) -> FloatArray:
        """The probability of each setting."""
        chosen = {"Z": self.z_probability, "X": 1 - self.z_probability}
        return np.array([chosen[setting[1]] * chosen[setting[3]] / 4 for setting in MDI_SETTINGS])

    def sifting(self) -> Sifting:
        """Z on both sides makes the key, X on both sides tests it; what the relay announced, Bob has followed."""
        return two_bases(self.z_probability)

    def recipe(self) -> Recipe:
        """The bound of two bases."""
        return TwoBases()

    def allot(self, rng: np.random.Generator) -> Allotment:
        """How many rounds have each setting, and which photons arrive."""
        both, faked = self._arriving_shares
        table = np.outer(self._setting_shares, [both, faked, 1 - both - faked])
        rounds = rng.multinomial(self.rounds, table.ravel() / table.sum()).reshape(table.shape)
        return Allotment((rounds[:, :1],), rounds)

    def observe(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ObservedRounds:
        """What the ends note of the rounds that the relay announces."""
        silent, (lit, _) = (1 - self._dark) ** 2, self._faked
        kinds = []
        for s, (bit_a, basis_a, bit_b, basis_b) in enumerate(MDI_SETTINGS):
            both, faked = (int(n) for n in allotment.rounds[s, :2])
            found = pools[0].counts(s, both).reshape(2, 2)  # (phase, success or parity)
            if self.linear_optics:
                together = int(rng.binomial(found[:, 0].sum(), lit))
                phases = rng.binomial(found[:, 1], silent)
                ones = rng.binomial(faked + together, 0.5)
                found = np.array([[0, phases[0] + faked + together - ones], [0, phases[1] + ones]])
            for phase in (0, 1):
                for parity in (0, 1):
                    his = bit_b ^ MDI_FLIPS[basis_b, phase, parity]
                    settings = "ZX".index(basis_a), "ZX".index(basis_b)
                    kinds.append(Kind(settings[0], bit_a, settings[1], his, int(found[phase, parity])))
        return ObservedRounds.of_kinds(kinds, self.rounds, rng)

    def seen_photons(self) -> FloatArray:
        """What the relay announces of two photons that arrive, by setting and kind: see `expected_rounds`.

        Returns:
            Shape (settings, phase, success or parity).
        """
        return self._play.probabilities()[:, 0].reshape(-1, 2, 2)

    def expected_rounds(self, seen: FloatArray | None = None) -> FloatArray:
        """How many rounds of each kind to expect: the means of what `observe` draws.

        Args:
            seen: `seen_photons`, of this session or of one with the same circuits.

        Returns:
            Shape (6, kinds): Alice's setting and bit, Bob's setting and bit, the class, and the mean number.
        """
        table = self.seen_photons() if seen is None else seen
        silent, (lit, _), (both, faked) = (1 - self._dark) ** 2, self._faked, self._arriving_shares
        kinds = []
        for chosen, found, (bit_a, basis_a, bit_b, basis_b) in zip(
            self._setting_shares, table, MDI_SETTINGS, strict=True
        ):
            told = both * found
            if self.linear_optics:
                told = np.zeros((2, 2))
                told[:, 1] = both * (silent * found[:, 1] + lit * found[:, 0].sum() / 2) + faked / 2
            settings = "ZX".index(basis_a), "ZX".index(basis_b)
            for phase, parity in product((0, 1), repeat=2):
                his = bit_b ^ MDI_FLIPS[basis_b, phase, parity]
                mean = self.rounds * chosen * told[phase, parity]
                kinds.append([settings[0], bit_a, settings[1], his, 0, mean])
        return np.array(kinds, dtype=np.float64).T


def mdi(
    medium_a: Medium,
    rounds: int,
    *,
    medium_b: Medium | None = None,
    seed: int | None = None,
    detector: Any = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key through an untrusted relay in the middle.

    Args:
        medium_a: what lies between Alice and the relay.
        rounds: pairs of qubits sent, at least 1.
        medium_b: what lies between Bob and the relay; the same as Alice's if None.
        seed: makes everything repeatable.
        detector: the relay's receiver; ideal if None.
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `MDI`.

    Returns:
        The key, or a refused one that says why.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> key = ql.qkd.mdi(ql.Fiber(0), rounds=100_000, seed=7)
    >>> len(key) > 10_000, float(key.qber)
    (True, 0.0)
    """
    session = MDI(
        medium_a=medium_a,
        medium_b=medium_b,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        detector=detector,
        **options,
    )
    return session.run(sampler)
