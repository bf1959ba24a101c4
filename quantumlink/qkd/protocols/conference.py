"""Conference key: a GHZ state for every round, one qubit for each party, and one key for all of them.

A source in the middle sends qubit i through medium i. All parties measure in Z for the key, or all in X for the
test; which, they take from a short common key beforehand (for rare tests about h(1 − z) bits a round, not
deducted). On the GHZ state Z bits are equal and X bits have even parity. A round counts if every party has a click.

References:
    M. Epping, H. Kampermann, C. Macchiavello, D. Bruß, New J. Phys. 19, 093012 (2017).
    F. Grasselli, H. Kampermann, D. Bruß, New J. Phys. 20, 113014 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi, prod
from typing import Any, ClassVar

import numpy as np
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.circuits import basis_measurement, ghz_state
from quantumlink.hardware import Medium
from quantumlink.qkd.bits import Bits
from quantumlink.qkd.key import Key
from quantumlink.qkd.protocols.bb84 import between_zero_and_one
from quantumlink.qkd.protocols.conference_key import ConferenceKey, distill_conference
from quantumlink.qkd.protocols.playing import Play, binary_reading, register_bits
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.reception import DARK, Receiver, receiver_of
from quantumlink.qkd.protocols.session import Allotment, Session, Sifted

MAX_PARTIES = 8
"""Most parties: their outcomes are tabulated."""


@dataclass(frozen=True, eq=False, repr=False)
class ConferenceSifted(Sifted):
    """Sifted bits of all parties. ``test_alice`` is Alice's X bit, ``test_bob`` the parity of all others'."""

    key_others: tuple[Bits, ...] = ()
    """The key bits of the parties after the second."""

    @property
    def parties(self) -> tuple[Bits, ...]:
        """The key bits of every party, Alice's first."""
        return (self.key_alice, self.key_bob, *self.key_others)


@dataclass(frozen=True, kw_only=True)
class Conference(Session):
    """A session among several parties.

    Args:
        media: what lies between the source and each party, Alice's first; at least two.
        rounds: GHZ states sent, at least 1.
        z_probability: share of the rounds that make the key, in (0, 1).
        detector: every party's receiver; ideal if None.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> sifted = Conference(media=[Fiber(0)] * 3, rounds=10_000, seed=7).sift()
    >>> len(sifted.parties), sifted.test_errors
    (3, 0)
    """

    media: Sequence[Medium]
    """Between the source and each party."""
    z_probability: float = 0.9
    """Share of the rounds that make the key."""
    detector: Any = None
    """Every party's receiver."""

    protocol: ClassVar[str] = "conference"

    def __post_init__(self) -> None:
        super().__post_init__()
        media = tuple(validation.sequence("media", self.media, "media such as Fiber, one for each party"))
        if not 2 <= len(media) <= MAX_PARTIES:
            raise ValueError(f"media must hold 2 to {MAX_PARTIES} media, one for each party; got {len(media)}")
        for medium in media:
            validation.instance("media", medium, Medium, "media such as Fiber")
        self._set(media=media, z_probability=between_zero_and_one("z_probability", self.z_probability))
        self.receiver  # noqa: B018 - refuses a bad detector at once

    @cached_property
    def receiver(self) -> Receiver:
        """Each party's detectors, by the numbers that matter."""
        return receiver_of(self.detector)

    def round_circuit(self) -> QuantumCircuit:
        """The GHZ state, its media, and every qubit measured along the same direction of the X–Z plane."""
        parties = len(self.media)
        circuit = ghz_state(parties)
        circuit.name = "conference_round"
        outcome = ClassicalRegister(parties, "outcome")
        circuit.add_register(outcome)
        measurement = basis_measurement(Parameter("theta"), 0.0)
        for i, medium in enumerate(self.media):
            if medium.channel is not None:
                circuit.append(medium.channel, [i])
            circuit.compose(measurement, [i], [outcome[i]], inplace=True)
        return circuit

    @cached_property
    def _play(self) -> Play:
        circuit = self.round_circuit()
        bits = register_bits(circuit, "outcome")
        return Play(
            circuit=circuit,
            names=("theta",),
            rows=((0.0,), (pi / 2,)),
            read=binary_reading(bits),
            bits=bits,
            outcomes=2 ** len(bits),
        )

    def plays(self) -> Sequence[Play]:
        """The round, in Z and in X."""
        return [self._play]

    @property
    def _clicks(self) -> list[tuple[float, float]]:
        """For each party the probability of a click, and that its bit is then random."""
        dark = self.receiver.dark_probabilities
        one_dark = float(dark[DARK.index((0, 1))] + dark[DARK.index((1, 1))])  # in the other detector
        found = []
        for medium in self.media:
            seen = medium.transmittance * self.receiver.efficiency
            click = seen + (1 - seen) * self.receiver.dark_probability
            random = (1 - seen) * self.receiver.dark_probability + seen * one_dark
            found.append((click, random / click if click else 0.0))
        return found

    def _allot(self, rng: np.random.Generator) -> Allotment:
        everybody = prod(click for click, _ in self._clicks)
        z = self.z_probability
        rounds = rng.multinomial(self.rounds, [z * everybody, (1 - z) * everybody, 1 - everybody])[:2]
        return Allotment((rounds[:, None],), rounds)

    def _sift(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ConferenceSifted:
        key, test = (self._bits(pools[0].counts(s, int(allotment.rounds[s])), rng) for s in (0, 1))
        parity = np.bitwise_xor.reduce(test[1:], axis=0)
        accepted = int(allotment.rounds.sum())
        return ConferenceSifted(key[0], key[1], test[0], parity, accepted=accepted, key_others=tuple(key[2:]))

    def _bits(self, counts: Any, rng: np.random.Generator) -> list[Bits]:
        outcomes = rng.permutation(np.repeat(np.arange(len(counts), dtype=np.uint8), counts))
        parties, found = len(self.media), []
        for i, (_, random) in enumerate(self._clicks):
            bits = (outcomes >> (parties - 1 - i) & 1).astype(np.uint8)
            bits ^= (rng.random(len(bits)) < self.receiver.misalignment).astype(np.uint8)
            # Where the photon was lost, or both detectors clicked, half of the bits are turned over.
            bits ^= (rng.random(len(bits)) < random / 2).astype(np.uint8)
            found.append(bits)
        return found

    def _key(self, sifted: Sifted, rng: np.random.Generator, remark: str) -> Key:
        assert isinstance(sifted, ConferenceSifted)
        return distill_conference(
            protocol=f"{self.protocol} of {len(self.media)}",
            rounds=self.rounds,
            accepted=sifted.accepted,
            parties=sifted.parties,
            test_alice=sifted.test_alice,
            test_others=sifted.test_bob,
            sample_fraction=self.sample_fraction,
            reconciliation=self.reconciliation,
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            rng=rng,
            remarks=(remark,),
        )


def conference(
    media: Sequence[Medium],
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.9,
    detector: Any = None,
    sampler: BaseSamplerV2 | BackendV2 | None = None,
    **options: Any,
) -> ConferenceKey:
    """Distribute one key to several parties by GHZ states.

    Args:
        media: what lies between the source and each party, Alice's first; at least two.
        rounds: GHZ states sent, at least 1.
        seed: makes everything repeatable.
        z_probability: share of the rounds that make the key, in (0, 1).
        detector: every party's receiver; ideal if None.
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `Conference`.

    Returns:
        The key, or a refused one that says why; ``key.bits_of(i)`` is party i's.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.
    """
    session = Conference(
        media=media,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        z_probability=z_probability,
        detector=detector,
        **options,
    )
    key = session.run(sampler)
    assert isinstance(key, ConferenceKey)
    return key
