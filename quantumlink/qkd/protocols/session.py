"""A session: one run of a key-distribution protocol, from its circuits to its key.

Two ways to drive it. ``session.run(sampler)`` does all in one. Or, where jobs are one's own affair:

    pubs = session.circuits()                  # PUBs, for any V2 sampler (transpile the circuits for a device)
    result = sampler.run(pubs).result()        # now or next week
    key = session.analyse(result)

All random choices (bases, bits, which rounds are attacked, which photons arrive) come from the session's stored
seed, before any circuit runs, so a session rebuilt from ``to_dict`` analyses the result of the first one.

Assumption: rounds are independent of one another, so that the number of each outcome is multinomial and a million
rounds cost what a handful of settings cost. Seeded and simulated keys are for study, not for use.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from qiskit.primitives import BaseSamplerV2, PrimitiveResult
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.execution.engines import Engine, given_engine
from quantumlink.qkd.arguments import as_tolerance
from quantumlink.qkd.bits import Bits
from quantumlink.qkd.bounds.contract import KeyBound
from quantumlink.qkd.distillation import distill
from quantumlink.qkd.key import Key
from quantumlink.qkd.protocols.playing import Counts, Play, Pub
from quantumlink.qkd.protocols.pools import DrawnPool, ExactPool, Pool
from quantumlink.qkd.protocols.records import decoded, encoded
from quantumlink.qkd.reconciliation import Cascade, Reconciler

Outcomes = list[list[npt.NDArray[np.int64]]]
"""The outcomes of each setting and draw of a play."""


@dataclass(frozen=True, eq=False)
class Sifted:
    """What both ends have after sifting, and what they said in public on the way."""

    key_alice: Bits
    """Alice's bits of the key basis."""
    key_bob: Bits
    """Bob's, as many."""
    test_alice: Bits
    """Alice's bits that are compared in public."""
    test_bob: Bits
    """Bob's, as many."""
    accepted: int
    """Rounds in which a bit was detected (and every herald accepted)."""
    statistics: Mapping[str, int] = field(default_factory=dict)
    """Public counts that a bound may need besides, by name."""

    @property
    def test_errors(self) -> int:
        """How many of the compared bits differ."""
        return int(np.count_nonzero(self.test_alice != self.test_bob))

    def __repr__(self) -> str:
        return (
            f"<Sifted: {len(self.key_alice)} bits for the key, {len(self.test_alice)} for the test, "
            f"{self.accepted} detected>"
        )


@dataclass(frozen=True)
class Allotment:
    """How the rounds were divided before anything ran."""

    wanted: tuple[Counts, ...]
    """For each play how often each setting and draw is played, shape (settings, draws)."""
    rounds: Any
    """What the protocol's own reading needs of it."""


@dataclass(frozen=True, kw_only=True)
class Session(ABC):
    """What all protocols share. Subclasses say which circuits are played and how their outcomes are sifted."""

    protocol: ClassVar[str]
    """The protocol's name."""
    count_replies: ClassVar[bool] = False
    """Whether Bob's part of the reconciliation is disclosed information too, as bounds that take more than error
    rates alike for both outcomes must assume (see `quantumlink.qkd.reconciliation`)."""

    rounds: int
    """Rounds to attempt, at least 1."""
    seed: int = None  # type: ignore[assignment]
    """Source of every random choice; drawn anew if None."""
    sample_fraction: float = 0.05
    """Share of the key bits disclosed to estimate their error rate, in (0, 1)."""
    reconciliation: Reconciler = None  # type: ignore[assignment]
    """How errors are corrected; `Cascade` if None."""
    eps_sec: float = 1e-10
    """Secrecy of the key, in (0, 1)."""
    eps_cor: float = 1e-10
    """Correctness of the key, in (0, 1)."""
    play_medium: bool = False
    """On a machine with noise of its own: play the medium's Pauli channel by random rotations, or drop it."""

    def __post_init__(self) -> None:
        seed = validation.seed("seed", self.seed)
        self._set(seed=secrets.randbits(62) if seed is None else seed)
        self._set(rounds=validation.count("rounds", self.rounds, at_least=1))
        for name in ("sample_fraction", "eps_sec", "eps_cor"):
            self._set(**{name: as_tolerance(name, getattr(self, name))})
        method = Cascade() if self.reconciliation is None else self.reconciliation
        if isinstance(method, type) or not callable(getattr(method, "reconcile", None)):
            raise TypeError(
                f"reconciliation must be an object with a method reconcile, such as Cascade(), got {method!r}"
            )
        self._set(reconciliation=method)

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    # --- what a protocol says

    @abstractmethod
    def plays(self) -> Sequence[Play]:
        """The circuits and their settings."""

    @abstractmethod
    def _allot(self, rng: np.random.Generator) -> Allotment:
        """Every random choice that comes before the circuits run."""

    @abstractmethod
    def _sift(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> Sifted:
        """Sifted bits from the outcomes."""

    def _exact_pools(self, rng: np.random.Generator) -> list[Pool]:
        return [ExactPool(np.einsum("sdo,d->so", play.probabilities(), play.weights), rng) for play in self.plays()]

    def _drawn_pools(self, found: Sequence[Outcomes], rng: np.random.Generator) -> list[Pool]:
        return [
            DrawnPool([np.concatenate(draws) for draws in outcomes], play.outcomes, rng)
            for play, outcomes in zip(self.plays(), found, strict=True)
        ]

    def _noisy(self, play: Play) -> Play:
        """The play under the noise of its own hardware, for Aer."""
        return play.with_noise()

    def _bound(self, sifted: Sifted) -> KeyBound | None:
        """The security bound fed with the public data; None for the one of `distill`."""
        return None

    def _remarks(self) -> tuple[str, ...]:
        """What the report says besides."""
        return ()

    def _finished(self, key: Key, sifted: Sifted) -> Key:
        """The key with what the protocol adds to it."""
        return key

    # --- driving it

    @cached_property
    def _allotment(self) -> Allotment:
        return self._allot(np.random.default_rng([self.seed, 1]))

    def _late_rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 2])

    def circuits(self) -> list[Pub]:
        """The PUBs to submit: one for each circuit, its rows all settings, each with the same shots.

        The circuits are bare: for a device transpile them, and put the result in the place of each.

        Returns:
            (circuit, parameter values of shape (rows, parameters), shots) for every circuit.
        """
        shots = self._equal_shots()
        return [play.pub(shots) for play in self._bare_plays()]

    def analyse(self, result: PrimitiveResult[Any]) -> Key:
        """The key, from the result of the PUBs of `circuits`.

        Raises:
            ValueError: if the result does not fit them.
        """
        rng = self._late_rng()
        found = self._kept(result, rng)
        remark = "The rounds ran on a sampler of the user's, under its noise alone" + self._medium_remark()
        return self._key(self._sift(self._allotment, self._drawn_pools(found, rng), rng), rng, remark)

    def run(self, sampler: BaseSamplerV2 | BackendV2 | None = None) -> Key:
        """The key, all in one.

        Args:
            sampler: what the rounds run on: Aer (under the noise of the session's own hardware), any other V2
                sampler or backend (under its own noise), or None: outcomes are drawn from the exact
                probabilities of the circuits.

        Returns:
            The key. One in which nothing is secret is refused: it says why, and reading its bits raises
            `NoSecretKey`.
        """
        sifted, rng, remark = self._rounds_on(sampler)
        return self._key(sifted, rng, remark)

    def sift(self, sampler: BaseSamplerV2 | BackendV2 | None = None) -> Sifted:
        """The sifted bits alone, before anything is distilled from them; the arguments are those of `run`."""
        return self._rounds_on(sampler)[0]

    def _rounds_on(self, sampler: BaseSamplerV2 | BackendV2 | None) -> tuple[Sifted, np.random.Generator, str]:
        rng = self._late_rng()
        if sampler is None:
            sifted = self._sift(self._allotment, self._exact_pools(rng), rng)
            return sifted, rng, "The outcomes were drawn from the exact probabilities of the circuits."
        engine = given_engine(sampler, self.seed % 2**31)
        name = type(sampler).__name__
        if engine.noise == "program":
            found = self._run_own_noise(engine)
            remark = f"The rounds ran on {name}, under the noise of the session's own medium and nodes."
        else:
            found = self._run_bare(engine, rng)
            remark = f"The rounds ran on {name}, under its noise alone{self._medium_remark()}"
        return self._sift(self._allotment, self._drawn_pools(found, rng), rng), rng, remark

    def _run_own_noise(self, engine: Engine) -> list[Outcomes]:
        plays = zip(self.plays(), self._own_wanted, strict=True)
        return [self._noisy(play).run(counts, engine) for play, counts in plays]

    def _run_bare(self, engine: Engine, rng: np.random.Generator) -> list[Outcomes]:
        shots, found = self._equal_shots(), []
        for play, counts in zip(self._bare_plays(), self._bare_wanted, strict=True):
            everything = play.run(np.full_like(counts, shots), engine)
            found.append(
                [
                    [rng.permutation(array)[:n] for array, n in zip(arrays, row, strict=True)]
                    for arrays, row in zip(everything, counts, strict=True)
                ]
            )
        return found

    def _kept(self, result: PrimitiveResult[Any], rng: np.random.Generator) -> list[Outcomes]:
        plays = self._bare_plays()
        if len(result) != len(plays):
            raise ValueError(
                f"result must be that of {len(plays)} PUBs, as session.circuits() gives, got {len(result)}"
            )
        return [
            play.keep(pub, counts, rng) for play, pub, counts in zip(plays, result, self._bare_wanted, strict=True)
        ]

    def _bare_plays(self) -> list[Play]:
        return [play.on_sampler(play_medium=self.play_medium) for play in self.plays()]

    @property
    def _own_wanted(self) -> Sequence[Counts]:
        """How often each setting and draw is played where the medium's noise is written into the circuit."""
        return self._allotment.wanted

    @cached_property
    def _bare_wanted(self) -> list[Counts]:
        if not self.play_medium:
            return list(self._allotment.wanted)
        # The medium's own draws come after the allotment, so that they do not change it.
        rng = np.random.default_rng([self.seed, 3])
        pairs = zip(self._bare_plays(), self._allotment.wanted, strict=True)
        return [play.allot(counts.sum(axis=1), rng) for play, counts in pairs]

    def _equal_shots(self) -> int:
        return max(1, *(int(counts.max(initial=0)) for counts in self._bare_wanted))

    def _medium_remark(self) -> str:
        if self.play_medium:
            return "; the medium's own channel was played by rotations drawn at random."
        return ": that of the session's own medium and nodes was not played."

    def _key(self, sifted: Sifted, rng: np.random.Generator, remark: str) -> Key:
        bound = self._bound(sifted)
        key = distill(
            protocol=self.protocol,
            rounds=self.rounds,
            accepted=sifted.accepted,
            key_alice=sifted.key_alice,
            key_bob=sifted.key_bob,
            test_alice=sifted.test_alice,
            test_bob=sifted.test_bob,
            sample_fraction=self.sample_fraction,
            reconciliation=self.reconciliation,
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            rng=rng,
            remarks=(remark, *self._remarks()),
            bound=bound,
            count_replies=self.count_replies,
        )
        return self._finished(key, sifted)

    # --- storing it

    def to_dict(self) -> dict[str, Any]:
        """The session as plain data for JSON: `from_dict` rebuilds it, circuits and random choices included.

        Raises:
            TypeError: if a part of it is of a class that is not the library's own.
        """
        return {"session": type(self).__name__, **{f.name: encoded(getattr(self, f.name)) for f in fields(self)}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a session that `to_dict` described.

        Raises:
            ValueError: if it describes another kind of session, or its fields are not those of this one.
        """
        if data.get("session") != cls.__name__:
            raise ValueError(f"data must describe a session {cls.__name__!r}, got {data.get('session')!r}")
        known, given = {f.name for f in fields(cls)}, set(data) - {"session"}
        if known != given:
            raise ValueError(
                f"data must have the fields of {cls.__name__}: missing {sorted(known - given)}, "
                f"unknown {sorted(given - known)}"
            )
        return cls(**{name: decoded(data[name]) for name in known})


def refused(key: Key, reason: str) -> Key:
    """The same account, with the key withheld for a reason."""
    return replace(key, reason=reason, _alice_bits=None, _bob_bits=None)


def shuffled_pair(alice: npt.NDArray[Any], bob: npt.NDArray[Any], rng: np.random.Generator) -> tuple[Bits, Bits]:
    """Counted outcomes laid out as one bit an end and round, in random order.

    Args:
        alice: the bit of each kind of round.
        bob: counts of Bob's bits 0 and 1, shape (kinds, 2).
        rng: source of the order.
    """
    kinds = np.repeat(np.asarray(alice, dtype=np.uint8), 2) * 2 + np.tile([0, 1], len(alice)).astype(np.uint8)
    table = np.repeat(kinds.astype(np.uint8), np.asarray(bob).ravel())
    rng.shuffle(table)
    return (table >> 1).astype(np.uint8), (table & 1).astype(np.uint8)
