"""Prepare and measure: Alice sends one qubit a round through a medium, Bob's two detectors see it or not.

Which photons arrive, dark counts and dead time are drawn classically; the bit of a photon that arrives comes from
the protocol's circuit, with the medium's channel and the eavesdropper's circuit between preparation and
measurement. A click does not depend on what the photon carries, so what is drawn first is the number of
clicks, and only rounds that click are looked at any further.

The eavesdropper stands behind the medium, next to Bob; what is lost is lost before her.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.stages import Between

from quantumlink import validation
from quantumlink.distillation.key import Key
from quantumlink.hardware import Medium
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper, as_stage
from quantumlink.qkd.photon_numbers import thinned
from quantumlink.qkd.protocols.observed import Kind, ObservedRounds
from quantumlink.qkd.protocols.playing import Counts, Floats, Play, binary_reading, register_bits
from quantumlink.qkd.protocols.pools import DrawnPool, ExactPool, Pool
from quantumlink.qkd.protocols.reception import (
    DARK,
    NO_PHOTON,
    Receiver,
    bits_of_patterns,
    blind_rounds,
    clicks_in,
    receiver_of,
)
from quantumlink.qkd.protocols.session import Allotment, Outcomes, Session, refused

Label = tuple[Any, ...]
"""What a setting means, as in the tables of `quantumlink.circuits`."""


@dataclass(frozen=True)
class KeyCell:
    """A kind of sifted round: which setting and result give which bit of Alice's, and what was announced."""

    setting: Label
    """The setting."""
    results: tuple[int, ...]
    """Bob's results with which the round is kept."""
    bit: int
    """Alice's bit of the key."""
    announced: Any = None
    """What is said in public about it."""
    weight: float = 1.0
    """Probability of the announcement, given the setting."""


@dataclass(frozen=True)
class Pulses:
    """A kind of round by its pulse: an intensity, attacked or not."""

    intensity: int
    """Index of the intensity, 0 if there is but one."""
    attacked: bool
    """Whether Eve acts."""
    probability: float
    """Of the rounds."""
    arriving: Floats
    """Probability of 0, 1, 2, … photons that reach Bob's detectors."""


@dataclass(frozen=True, kw_only=True)
class PrepareAndMeasure(Session):
    """A session of prepare and measure with single photons; see `Session` for what all sessions share."""

    medium: Medium
    """What lies between Alice and Bob: its transmittance and its channel count."""
    detector: Any = None
    """Bob's receiver, a `Detector`; ideal if None."""
    eavesdropper: Eavesdropper | None = None
    """Who stands between, if anybody."""
    repetition_rate_hz: float = 1e9
    """Rounds in a second; only dead time asks for it."""

    has_pulses: ClassVar[bool] = False
    """Whether a round may hold several photons."""
    names_bases: ClassVar[bool] = True
    """Whether Bob measures in a basis that the setting names."""

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.instance("medium", self.medium, Medium, "a medium such as Fiber")
        validation.probability("medium.transmittance", self.medium.transmittance)
        if self.eavesdropper is not None:
            validation.instance("eavesdropper", self.eavesdropper, Eavesdropper, "an Eavesdropper or None")
        rate = validation.number("repetition_rate_hz", self.repetition_rate_hz, at_least=0.0)
        self._set(repetition_rate_hz=rate)
        self.receiver  # noqa: B018 - refuses a bad detector at once
        self._classes  # noqa: B018 - and an attack that does not fit

    # --- what a protocol says

    @abstractmethod
    def round_circuit(self, between: Between = ()) -> QuantumCircuit:
        """The protocol's circuit with something between Alice and Bob."""

    @abstractmethod
    def settings(self) -> Mapping[Label, tuple[tuple[float, ...], float]]:
        """For each setting the values of the circuit's own parameters in their order, and its probability."""

    @abstractmethod
    def key_cells(self) -> Sequence[KeyCell]:
        """Which sifted rounds make the key."""

    def noted(self, setting: Label, result: int) -> tuple[int, int, int, int]:
        """What the ends note of a round with this setting and result of Bob's.

        Returns:
            Alice's setting and bit, Bob's setting and bit, settings as numbers of their names in the sifting. By
            default for settings (bit, Alice's basis, Bob's basis), with the bases in the order Z, X, Y.
        """
        bit, sent, measured = setting
        return "ZXY".index(sent), bit, "ZXY".index(measured), result

    def measured_basis(self, setting: Label) -> str | None:
        """Bob's basis in a setting, if the protocol names it."""
        return str(setting[-1])

    def photons(self) -> list[tuple[float, Floats]]:
        """For each intensity its probability, and that of 0, 1, 2, … photons sent."""
        return [(1.0, np.array([0.0, 1.0]))]

    # --- circuits

    @cached_property
    def receiver(self) -> Receiver:
        """Bob's detectors, by the numbers that matter."""
        return receiver_of(self.detector, self.medium, counts_dead_time=True)

    @cached_property
    def _classes(self) -> list[Pulses]:
        eve, found = self.eavesdropper, []
        share = 0.0 if eve is None else eve.fraction
        for i, (probability, photons) in enumerate(self.photons()):
            for attacked, part in ((False, 1 - share), (True, share)):
                if part:
                    found.append(Pulses(i, attacked, probability * part, self._arriving(photons, attacked)))
        return found

    @cached_property
    def _plays(self) -> list[Play]:
        channel = [] if self.medium.channel is None else [self.medium.channel]
        plays = [self._play(channel, None)]
        if self.eavesdropper is not None and self.eavesdropper.fraction:
            plays.append(self._play([*channel, as_stage(self.eavesdropper.circuit())], self.eavesdropper))
        return plays

    def plays(self) -> Sequence[Play]:
        """The round without Eve and, if somebody listens, the one with her circuit in it."""
        return self._plays

    def _play(self, between: Between, eve: Eavesdropper | None) -> Play:
        circuit = self.round_circuit(between)
        bits = register_bits(circuit, "outcome")
        return Play(
            circuit=circuit,
            names=tuple(parameter.name for parameter in self.round_circuit().parameters),
            rows=tuple(row for row, _ in self.settings().values()),
            read=binary_reading(bits),
            bits=bits,
            outcomes=2,
            random=() if eve is None else eve.settings(),
        )

    # --- outcomes

    def _responses(self, play: int) -> Floats:
        """The probability that Bob's detectors answer, shape (settings, draws)."""
        draws = len(self._plays[play].draws)
        eve = self.eavesdropper
        if not play or eve is None:
            return np.ones((len(self.settings()), draws))
        return np.array(
            [[eve.responds(self.measured_basis(label), d) for d in range(draws)] for label in self.settings()]
        )

    def arrival_probability(self, *, attacked: bool = False) -> float:
        """The probability that any photon reaches Bob's detectors in a round that is (not) attacked."""
        mine = [pulses for pulses in self._classes if pulses.attacked == attacked]
        total = sum(pulses.probability for pulses in mine)
        return sum(p.probability * (1 - float(p.arriving[0])) for p in mine) / total if total else 0.0

    def attacked_share(self) -> float:
        """Of the rounds in which a photon reaches Bob's detectors, the share that Eve attacked."""
        eve = 0.0 if self.eavesdropper is None else self.eavesdropper.fraction
        loud, quiet = eve * self.arrival_probability(attacked=True), (1 - eve) * self.arrival_probability()
        return loud / (loud + quiet) if loud else 0.0

    def several_photons_share(self, *, attacked: bool = False) -> float:
        """Of the rounds in which a photon reaches Bob's detectors, the share whose pulse held several."""
        sent = self.photons()
        found = {False: 0.0, True: 0.0}
        for pulses in self._classes:
            if pulses.attacked == attacked:
                photons = sent[pulses.intensity][1]
                few = np.where(np.arange(len(photons)) < 2, photons, 0.0)
                for several, part in ((False, few), (True, photons - few)):
                    found[several] += pulses.probability * (part.sum() - self._arriving(part, attacked)[0])
        total = sum(found.values())
        return float(found[True] / total) if total else 0.0

    def _arriving(self, photons: Floats, attacked: bool) -> Floats:
        seen = self.medium.transmittance * self.receiver.efficiency
        if attacked and self.eavesdropper is not None:
            return self.eavesdropper.tuned(self).arrivals(photons, seen)
        return thinned(photons, seen)

    def probabilities(self, *, attacked: bool = False) -> dict[Label, tuple[float, float]]:
        """The exact probability of Bob's results 0 and 1 in each setting, if a photon arrives and answers."""
        table = self._seen(1 if attacked and len(self._plays) > 1 else 0)
        return {label: (float(row[0]), float(row[1])) for label, row in zip(self.settings(), table, strict=True)}

    def _seen(self, play: int) -> Floats:
        """Probabilities of 0, 1 and no answer: shape (settings, 3)."""
        one = self.receiver.flipped(self._plays[play].probabilities()[..., 1])
        weights = self._plays[play].weights * self._responses(play)
        return np.stack([((1 - one) * weights).sum(1), (one * weights).sum(1), 1 - weights.sum(1)], axis=1)

    def exact_pools(self, rng: np.random.Generator) -> list[Pool]:
        """Where outcomes are drawn from if nothing is run: their exact probabilities."""
        return [ExactPool(np.clip(self._seen(i), 0.0, 1.0), rng) for i in range(len(self._plays))]

    def drawn_pools(self, found: Sequence[Outcomes], rng: np.random.Generator) -> list[Pool]:
        """Where outcomes are drawn from if circuits were run: what they gave."""
        pools: list[Pool] = []
        for i, outcomes in enumerate(found):
            responses = self._responses(i)
            arrays = []
            for s, draws in enumerate(outcomes):
                parts = []
                for d, array in enumerate(draws):
                    flips = rng.random(len(array)) < self.receiver.misalignment
                    # A medium that is played multiplies the draws; Eve's own are the slower digit.
                    silent = rng.random(len(array)) >= responses[s, d * responses.shape[1] // len(draws)]
                    parts.append(np.where(silent, 2, array ^ flips))
                arrays.append(np.concatenate(parts))
            pools.append(DrawnPool(arrays, 3, rng))
        return pools

    # --- rounds

    def allot(self, rng: np.random.Generator) -> Allotment:
        """Which rounds click, and how many photons each play is needed for."""
        cells = self._cells(rng)
        wanted = []
        for i, play in enumerate(self._plays):
            mine = [c for c, pulses in enumerate(self._classes) if pulses.attacked == bool(i)]
            photons = np.arange(cells.shape[2])
            needed = np.einsum("csmd,m->s", cells[mine], photons) if mine else np.zeros(cells.shape[1], np.int64)
            wanted.append(play.allot(needed.astype(np.int64), rng))
        return Allotment(tuple(wanted), cells)

    def _cells(self, rng: np.random.Generator) -> Counts:
        """Rounds with a click: shape (classes, settings, photons arriving, dark counts)."""
        most = max(len(pulses.arriving) for pulses in self._classes)
        arriving = np.array([np.pad(p.arriving, (0, most - len(p.arriving))) for p in self._classes])
        classes = np.array([pulses.probability for pulses in self._classes])
        chosen = np.array([probability for _, probability in self.settings().values()])
        joint = np.einsum("c,s,cm,d->csmd", classes, chosen, arriving, self.receiver.dark_probabilities)
        joint[:, :, 0, DARK.index((0, 0))] = 0.0
        click = float(joint.sum())
        blind = blind_rounds(self.receiver.dead_time_s, self.repetition_rate_hz)
        clicks = clicks_in(self.rounds, min(click, 1.0), blind, rng)
        if not clicks:
            return np.zeros(joint.shape, dtype=np.int64)
        return rng.multinomial(clicks, (joint / click).ravel()).reshape(joint.shape)

    def observe(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ObservedRounds:
        """What the ends note of the rounds that click."""
        cells: Counts = allotment.rounds
        patterns = np.zeros((len(self.photons()), cells.shape[1], 4, len(DARK)), dtype=np.int64)
        for c, s, m, d in zip(*np.nonzero(cells), strict=True):
            pulses, rounds = self._classes[c], int(cells[c, s, m, d])
            if m:
                found = pools[int(pulses.attacked)].patterns(int(s), rounds, int(m))
            else:
                found = np.eye(4, dtype=np.int64)[NO_PHOTON] * rounds
            patterns[pulses.intensity, s, :, d] += found
        counts = bits_of_patterns(patterns, rng)
        kinds = [
            Kind(*self.noted(setting, result), int(counts[k, s, result]), k)
            for k in range(len(counts))
            for s, setting in enumerate(self.settings())
            for result in (0, 1)
        ]
        return ObservedRounds.of_kinds(kinds, self.rounds, rng)

    def seen_photons(self) -> list[Floats]:
        """What detectors make of a photon in each setting, for each play: see `expected_rounds`."""
        return [self._seen(play) for play in range(len(self._plays))]

    def expected_rounds(self, seen: Sequence[Floats] | None = None) -> Floats:
        """How many rounds of each kind to expect: the means of what `observe` draws.

        Args:
            seen: `seen_photons`, of this session or of one with the same circuits.

        Returns:
            Shape (6, kinds): Alice's setting and bit, Bob's setting and bit, the class, and the mean number.
        """
        tables = self.seen_photons() if seen is None else seen
        dark = self.receiver.dark_probability_each(2)
        kinds: dict[tuple[int, ...], float] = {}
        for pulses in self._classes:
            generating = np.polynomial.Polynomial(pulses.arriving)
            for (label, (_, chosen)), (zero, one, unseen) in zip(
                self.settings().items(), tables[int(pulses.attacked)], strict=True
            ):
                # The probabilities that the detector of 0, that of 1, or both of them stay silent.
                silent = [(1 - dark) * float(generating(p + unseen)) for p in (one, zero)]
                neither = (1 - dark) ** 2 * float(generating(unseen))
                both = 1 - sum(silent) + neither
                for result in (0, 1):
                    chance = silent[1 - result] - neither + both / 2
                    kind = (*self.noted(label, result), pulses.intensity)
                    kinds[kind] = kinds.get(kind, 0.0) + chosen * pulses.probability * chance
        blind = blind_rounds(self.receiver.dead_time_s, self.repetition_rate_hz)
        numbers = np.array(list(kinds.values()))
        numbers *= self.rounds / (1 + blind * numbers.sum())
        return np.vstack([np.array(list(kinds)).T, numbers])

    # --- the report

    def finished(self, key: Key, observed: ObservedRounds) -> Key:
        """The key with what the eavesdropper knows of it."""
        eve = self.eavesdropper
        if eve is None:
            return key
        knows = eve.information(self)
        granted = granted_bits(key)
        key = replace(key, remarks=(*key.remarks, f"Eavesdropper {eve!r}: {knows.sentence(granted)}"))
        if eve.outside_model is not None:
            return refused(key, f"{type(eve).__name__} is outside of what the bound covers: {eve.outside_model}")
        return key


def granted_bits(key: Key) -> float | None:
    """What the bound granted Eve, in bits for each bit of the raw key; None if it was not reached."""
    terms = key.terms
    entropy, n = getattr(terms, "entropy_bits", None), getattr(terms, "n", None)
    return None if entropy is None or not n else 1 - entropy / n
