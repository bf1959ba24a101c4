"""A session: one run of a key-distribution protocol, from its circuits to its key.

Two ways to drive it. ``session.run(sampler)`` does all in one. Or, where jobs are one's own affair:

    pubs = session.circuits()                  # PUBs, for any V2 sampler (transpile the circuits for a device)
    result = sampler.run(pubs).result()        # now or next week
    key = session.analyse(result)

All random choices (bases, bits, which rounds are attacked, which photons arrive) come from the session's stored
seed, before any circuit runs, so a session rebuilt from ``to_dict`` analyses the result of the first one. Its keys
say that they are seeded; what ``to_dict`` gives must stay as secret as the key.

Assumption: rounds are independent of one another, so that the number of each outcome is multinomial and a million
rounds cost what a handful of settings cost. Seeded and simulated keys are for study, not for use.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from qiskit.primitives import BaseSamplerV2, PrimitiveResult
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.arrays import BoolArray, IntArray
from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.distilling import at_one_table, key_of, talk_over
from quantumlink.distillation.key import Key
from quantumlink.distillation.reconciliation import Cascade, Reconciler
from quantumlink.distillation.records import Records
from quantumlink.distillation.sifting import Sifting
from quantumlink.execution.engine import Engine, seed_of_run
from quantumlink.execution.engines import given_engine
from quantumlink.parts import UnknownPart, from_data, to_data
from quantumlink.qkd.protocols.drawable import check_rounds
from quantumlink.qkd.protocols.observed import ObservedRounds
from quantumlink.qkd.protocols.playing import Counts, Play, Pub
from quantumlink.qkd.protocols.pools import DrawnPool, ExactPool, Pool
from quantumlink.qkd.protocols.sifted import Sifted
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import Proof

Outcomes = list[list[IntArray]]
"""The outcomes of each setting and draw of a play."""


@dataclass(frozen=True)
class Allotment:
    """How the rounds were divided before anything ran."""

    wanted: tuple[Counts, ...]
    """For each play how often each setting and draw is played, shape (settings, draws)."""
    rounds: Any
    """What the protocol's own reading needs of it."""


@dataclass(frozen=True, kw_only=True)
class Session(ABC):
    """What all protocols share.

    Subclasses say which circuits are played, what both ends note of their outcomes and say of that, and by which
    bound a key comes of it.
    """

    protocol: ClassVar[str]
    """The protocol's name."""
    proof: ClassVar[Proof]
    """What the secrecy of its keys rests on; every protocol must say it."""

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
        validation.plain(self)
        if not isinstance(getattr(self, "proof", None), Proof):
            raise TypeError(f"{type(self).__name__} must have a class attribute proof, a Proof(...) of its keys")
        if not isinstance(getattr(self, "protocol", None), str):
            raise TypeError(f"{type(self).__name__} must have a class attribute protocol, the name of the protocol")
        seed = validation.seed("seed", self.seed)
        self._set(_has_own_seed=seed is not None)
        self._set(seed=secrets.randbits(62) if seed is None else seed)
        self._set(rounds=validation.many("rounds", self.rounds))
        validation.flags(self, "play_medium")
        for name in ("sample_fraction", "eps_sec", "eps_cor"):
            self._set(**{name: validation.tolerance(name, getattr(self, name))})
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
    def sifting(self) -> Sifting:
        """What both ends say of their rounds, and which of them make the key."""

    @abstractmethod
    def recipe(self) -> Recipe:
        """How the security bound is made of what the ends count."""

    @abstractmethod
    def allot(self, rng: np.random.Generator) -> Allotment:
        """Every random choice that comes before the circuits run."""

    @abstractmethod
    def observe(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ObservedRounds:
        """What both ends note of the rounds that are detected."""

    def remarks(self) -> tuple[str, ...]:
        """What the report says besides."""
        return ()

    def finished(self, key: Key, observed: ObservedRounds) -> Key:
        """The key with what the protocol adds to it."""
        return key

    def exact_pools(self, rng: np.random.Generator) -> list[Pool]:
        """Where outcomes are drawn from if nothing is run: their exact probabilities."""
        return [ExactPool(np.einsum("sdo,d->so", play.probabilities(), play.weights), rng) for play in self.plays()]

    def drawn_pools(self, found: Sequence[Outcomes], rng: np.random.Generator) -> list[Pool]:
        """Where outcomes are drawn from if circuits were run: what they gave."""
        return [
            DrawnPool([np.concatenate(draws) for draws in outcomes], play.outcomes, rng)
            for play, outcomes in zip(self.plays(), found, strict=True)
        ]

    def noisy(self, play: Play) -> Play:
        """The play under the noise of its own hardware, for Aer."""
        return play.with_noise()

    # --- driving it

    @cached_property
    def _allotment(self) -> Allotment:
        check_rounds(self.rounds)
        return self.allot(np.random.default_rng([self.seed, 1]))

    def _late_rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 2])

    def circuits(self) -> list[Pub]:
        """The PUBs to submit: one for each circuit, its rows all settings, each with the same shots.

        The circuits are bare: for a device transpile them, and put the result in the place of each.

        Returns:
            (circuit, parameter values of shape (rows, parameters), shots) for every circuit.
        """
        shots = self._equal_shots()
        return [play.pub(shots) for play in self.bare_plays()]

    def analyse(self, result: PrimitiveResult[Any]) -> Key:
        """The key, from the result of the PUBs of `circuits`.

        Raises:
            ValueError: if the result does not fit them.
        """
        rng = self._late_rng()
        found = self._kept(result, rng)
        remark = "The rounds ran on a sampler of the user's, under its noise alone" + self._medium_remark()
        return self.key_of(self.observe(self._allotment, self.drawn_pools(found, rng), rng), rng, remark, False)

    def run(self, sampler: BaseSamplerV2 | BackendV2 | Engine | None = None) -> Key:
        """The key, all in one.

        Args:
            sampler: what the rounds run on: Aer (under the noise of the session's own hardware), any other V2
                sampler or backend (under its own noise), an `Engine`, or None: outcomes are drawn from the exact
                probabilities of the circuits.

        Returns:
            The key. One in which nothing is secret is refused: it says why, and reading its bits raises
            `NoSecretKey`.
        """
        return self.key_of(*self.rounds_on(sampler))

    def sift(self, sampler: BaseSamplerV2 | BackendV2 | Engine | None = None) -> Sifted:
        """The sifted bits alone, before anything is distilled from them; the arguments are those of `run`."""
        observed, rng, _, _ = self.rounds_on(sampler)
        return self.sifted(observed, rng)

    def sifted(self, observed: ObservedRounds, rng: np.random.Generator) -> Sifted:
        """The sifted bits of observed rounds."""
        return observed.sifted(self.sifting(), rng)

    def records(self, sampler: BaseSamplerV2 | BackendV2 | Engine | None = None) -> tuple[Records, Records]:
        """The raw records of Alice and of Bob, for ends that talk by themselves (`Alice`, `Bob`).

        The arguments are those of `run`.
        """
        observed, rng, _, simulated = self.rounds_on(sampler)
        return observed.records(rng, simulated=simulated)

    def agreement(self) -> Agreement:
        """What both ends of this session hold alike."""
        return Agreement(
            protocol=self.protocol,
            rounds=self.rounds,
            sifting=self.sifting(),
            recipe=self.recipe(),
            sample_fraction=self.sample_fraction,
            reconciliation=at_one_table(self.reconciliation),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
        )

    def rounds_on(
        self, sampler: BaseSamplerV2 | BackendV2 | Engine | None
    ) -> tuple[ObservedRounds, np.random.Generator, str, bool]:
        """The observed rounds, the source of later choices, what to remark, whether nothing was measured."""
        rng = self._late_rng()
        if sampler is None:
            observed = self.observe(self._allotment, self.exact_pools(rng), rng)
            return observed, rng, "The outcomes were drawn from the exact probabilities of the circuits.", True
        engine = given_engine(sampler, self.seed % 2**31)
        name = type(sampler).__name__
        own_noise = engine.noise == "program"
        if own_noise:
            found = self._run_own_noise(engine)
            remark = f"The rounds ran on {name}, under the noise of the session's own medium and nodes."
        else:
            found = self._run_bare(engine, rng)
            remark = f"The rounds ran on {name}, under its noise alone{self._medium_remark()}"
        return self.observe(self._allotment, self.drawn_pools(found, rng), rng), rng, remark, own_noise

    def _run_own_noise(self, engine: Engine) -> list[Outcomes]:
        plays = zip(self.plays(), self.own_wanted, strict=True)
        return [
            self.noisy(play).run(counts, engine.seeded(seed_of_run(engine.seed, number)))
            for number, (play, counts) in enumerate(plays)
        ]

    def _run_bare(self, engine: Engine, rng: np.random.Generator) -> list[Outcomes]:
        shots, found = self._equal_shots(), []
        for number, (play, counts) in enumerate(zip(self.bare_plays(), self.bare_wanted, strict=True)):
            everything = play.run(np.full_like(counts, shots), engine.seeded(seed_of_run(engine.seed, number)))
            found.append(
                [
                    [rng.permutation(array)[:n] for array, n in zip(arrays, row, strict=True)]
                    for arrays, row in zip(everything, counts, strict=True)
                ]
            )
        return found

    def _kept(self, result: PrimitiveResult[Any], rng: np.random.Generator) -> list[Outcomes]:
        plays = self.bare_plays()
        if len(result) != len(plays):
            raise ValueError(
                f"result must be that of {len(plays)} PUBs, as session.circuits() gives, got {len(result)}"
            )
        return [
            play.keep(pub, counts, rng) for play, pub, counts in zip(plays, result, self.bare_wanted, strict=True)
        ]

    def bare_plays(self) -> list[Play]:
        """The plays without the noise of the session's own hardware."""
        return [play.on_sampler(play_medium=self.play_medium) for play in self.plays()]

    @property
    def own_wanted(self) -> Sequence[Counts]:
        """How often each setting and draw is played where the medium's noise is written into the circuit."""
        return self._allotment.wanted

    @property
    def drawn_rounds(self) -> int:
        """How many rounds are played: those that reach the ends, as far as that is drawn beforehand."""
        return sum(int(counts.sum()) for counts in self.own_wanted)

    @cached_property
    def bare_wanted(self) -> list[Counts]:
        """How often each setting and draw is played where only the sampler's own noise acts."""
        if not self.play_medium:
            return list(self._allotment.wanted)
        # The medium's own draws come after the allotment, so that they do not change it.
        rng = np.random.default_rng([self.seed, 3])
        pairs = zip(self.bare_plays(), self._allotment.wanted, strict=True)
        return [play.allot(counts.sum(axis=1), rng) for play, counts in pairs]

    def _equal_shots(self) -> int:
        return max(1, *(int(counts.max(initial=0)) for counts in self.bare_wanted))

    def _medium_remark(self) -> str:
        if self.play_medium:
            return "; the medium's own channel was played by rotations drawn at random."
        return ": that of the session's own medium and nodes was not played."

    def key_of(self, observed: ObservedRounds, rng: np.random.Generator, remark: str, simulated: bool) -> Key:
        """The key of observed rounds."""
        return self.key_and_errors(observed, rng, remark, simulated)[0]

    def key_and_errors(
        self, observed: ObservedRounds, rng: np.random.Generator, remark: str, simulated: bool
    ) -> tuple[Key, dict[str, BoolArray]]:
        """The key, and where the bits differed that the ends compared on the way."""
        alice, bob = observed.records(rng, simulated=simulated)
        agreement = replace(self.agreement(), remarks=(remark, *self.remarks()))
        # A seed that somebody chose makes everything repeatable; else what can come from the system does.
        ends = talk_over(alice, bob, agreement=agreement, seed=rng if self._has_own_seed else None)  # type: ignore[attr-defined]
        # The bits of both ends are drawn from the session's seed, or are measured at settings that are.
        return self.finished(replace(key_of(*ends), seeded=True), observed), ends[0].compared_errors

    # --- storing it

    def to_dict(self) -> dict[str, Any]:
        """The session as plain data for JSON: `from_dict` rebuilds it, circuits and random choices included.

        Raises:
            UnknownPart: if a part of it is of a class that is neither the library's nor registered.
        """
        try:
            parts = {f.name: to_data(getattr(self, f.name)) for f in fields(self)}
        except UnknownPart as error:
            raise UnknownPart(
                f"a session can be stored if its parts are the library's own, or registered: {error}"
            ) from None
        return {"session": type(self).__name__, **parts}

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
        return cls(**{name: from_data(data[name]) for name in known})


def refused(key: Key, reason: str) -> Key:
    """The same account, with the key withheld for a reason."""
    return replace(key, reason=reason, _vault=None)
