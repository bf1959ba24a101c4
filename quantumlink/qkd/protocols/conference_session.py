"""Conference key: a GHZ state for every round, one qubit for each party, and one key for all of them.

A source in the middle sends qubit i through medium i; a round counts if every party has a click. Or a link with an
end for every party delivers the states, over a network of swaps, purifications and fusions: see
`quantumlink.qkd.protocols.network_conference`. Which rounds make the key is told in `conference_rounds`.

References:
    M. Epping, H. Kampermann, C. Macchiavello, D. Bruß, New J. Phys. 19, 093012 (2017).
    F. Grasselli, H. Kampermann, D. Bruß, New J. Phys. 20, 113014 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi, prod
from typing import Any

import numpy as np
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.circuits import basis_measurement, ghz_state
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.group.key import ConferenceKey
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.qkd.protocols.conference_rounds import MAX_PARTIES, Bases, ConferenceSession
from quantumlink.qkd.protocols.drawable import check_detected
from quantumlink.qkd.protocols.network_conference import NetworkConference
from quantumlink.qkd.protocols.playing import Play, binary_reading, register_bits
from quantumlink.qkd.protocols.reception import DARK, Receiver, receiver_of


@dataclass(frozen=True, kw_only=True)
class Conference(ConferenceSession):
    """A session among several parties.

    Args:
        media: what lies between the source and each party, Alice's first; at least two.
        rounds: GHZ states sent, at least 1.
        z_probability: share of the rounds that make the key, in (0, 1); with independent bases, the probability
            with which each party chooses Z.
        bases: ``"marked"`` by a common key, which the key must repay, or chosen ``"independent"``-ly.
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
    detector: Any = None
    """Every party's receiver."""

    def __post_init__(self) -> None:
        super().__post_init__()
        media = tuple(validation.sequence("media", self.media, "media such as Fiber, one for each party"))
        if not 2 <= len(media) <= MAX_PARTIES:
            raise ValueError(f"media must hold 2 to {MAX_PARTIES} media, one for each party; got {len(media)}")
        for medium in media:
            validation.instance("media", medium, Medium, "media such as Fiber")
            if getattr(medium, "background_hz", 0.0):
                raise ValueError(
                    "media must bring no background of their own here, as all parties' detectors are alike: give "
                    f"the detector its background_rate_hz; got {medium!r}"
                )
        self._set(media=media)
        self.receiver  # noqa: B018 - refuses a bad detector at once

    @property
    def parties(self) -> int:
        """How many parties there are."""
        return len(self.media)

    @property
    def reaching_all(self) -> float:
        """The probability that all have a click."""
        return prod(click for click, _ in self._clicks)

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

    def seen_outcomes(self) -> FloatArray:
        """The probability of each outcome, with the errors of all receivers: see `ConferenceSession`."""
        k = self.parties
        found = np.einsum("sdo,d->so", self._play.probabilities(), self._play.weights).reshape((2,) * (k + 1))
        for i, (_, random) in enumerate(self._clicks):
            turned = self.receiver.misalignment * (1 - random) + random / 2
            found = (1 - turned) * found + turned * np.flip(found, axis=i + 1)
        return np.asarray(found.reshape(2, -1))

    def bits_of_rounds(self, setting: int, counts: Any, rng: np.random.Generator) -> list[Bits]:
        """Every party's bits, with the errors of its receiver."""
        check_detected(self.rounds, int(counts.sum()))
        outcomes = rng.permutation(np.repeat(np.arange(len(counts), dtype=np.uint8), counts))
        parties, found = len(self.media), []
        for i, (_, random) in enumerate(self._clicks):
            bits = (outcomes >> (parties - 1 - i) & 1).astype(np.uint8)
            bits ^= (rng.random(len(bits)) < self.receiver.misalignment).astype(np.uint8)
            # Where the photon was lost, or both detectors clicked, half of the bits are turned over.
            bits ^= (rng.random(len(bits)) < random / 2).astype(np.uint8)
            found.append(bits)
        return found


def conference(
    media: Sequence[Medium] | Link | Program,
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.97,
    bases: Bases = "marked",
    detector: Any = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> ConferenceKey:
    """Distribute one key to several parties by GHZ states.

    Args:
        media: what lies between the source and each party, Alice's first, at least two; or a link that delivers a
            GHZ state to its ends, one for each party, or a program composed from one.
        rounds: GHZ states sent, or how often the link is run, at least 1.
        seed: makes everything repeatable.
        z_probability: share of the rounds that make the key, in (0, 1).
        bases: ``"marked"`` or ``"independent"``; see `Conference`.
        detector: every party's receiver; ideal if None. The ends of a link read with their own processors.
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `Conference`.

    Returns:
        The key, or a refused one that says why; ``key.bits_of(i)`` is party i's.

    Raises:
        ValueError: if an argument is out of range, or the link does not deliver a GHZ state.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.circuits import multiway_swap
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, join
    >>> hub, *ends = (Node(name) for name in ("hub", "a", "b", "c"))
    >>> link = join(multiway_swap(3), *(ElementaryLink(end, hub, fidelity=0.99) for end in ends))
    >>> key = conference(link, 300_000, seed=7)
    >>> key.parties, len(key) > 30_000
    (3, True)
    """
    options |= {"rounds": rounds, "seed": seed, "z_probability": z_probability, "bases": bases}
    session: ConferenceSession
    if isinstance(media, (Link, Program)):
        if detector is not None:
            raise ValueError(
                f"detector is of a source's photons: the ends of a link read with their own processors, got "
                f"{detector!r}"
            )
        session = NetworkConference(link=media, **options)
    else:
        session = Conference(media=media, detector=detector, **options)
    key = session.run(sampler)
    assert isinstance(key, ConferenceKey)
    return key
