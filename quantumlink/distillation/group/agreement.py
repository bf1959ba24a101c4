"""What several parties must hold alike before they distill a key; all of it is public."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from quantumlink import validation
from quantumlink.distillation.bits import Bits, occurrences
from quantumlink.distillation.channel import AUTHENTICATION_BITS
from quantumlink.distillation.group.account import GroupAccount
from quantumlink.distillation.group.key import ConferenceKey
from quantumlink.distillation.reconciliation import Cascade, Reconciler
from quantumlink.distillation.records import Symbols
from quantumlink.distillation.sifting import Streams, unfair_share, unlikely_share
from quantumlink.security.contract import Recipe, Tally

_CASCADE = Cascade()

Z, X = 0, 1
"""Settings in the records of every party."""

Settings = NDArray[np.uint8]
"""The setting of every party in every round, shape (parties, rounds)."""


@dataclass(frozen=True, kw_only=True)
class GroupAgreement(ABC):
    """What all parties must hold alike; their settings are 0 (Z) and 1 (X)."""

    protocol: str
    """Name of the protocol, for the report."""
    rounds: int
    """Rounds attempted."""
    z_probability: float
    """With which Z is chosen, in (0, 1)."""
    sample_fraction: float = 0.05
    """Share of the key bits disclosed to estimate their error rates, in (0, 1)."""
    reconciliation: Reconciler = _CASCADE
    """How the errors are corrected."""
    eps_sec: float = 1e-10
    """Secrecy, in (0, 1)."""
    eps_cor: float = 1e-10
    """Correctness, in (0, 1), of all parties together."""
    remarks: tuple[str, ...] = ()
    """What else the report must say."""

    names: ClassVar[tuple[str, ...]]
    """Names of the streams after that of the key (see `distillation.sifting`)."""
    recipe: ClassVar[Recipe]
    """How the security bound is made of the counts."""
    kind: ClassVar[type[ConferenceKey]]
    """What comes of it."""
    answering: ClassVar[int] = 1
    """How many tell their answers to each question of the reconciliation, besides who corrects his bits by them."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "z_probability", "sample_fraction", "eps_sec", "eps_cor")
        validation.count("rounds", self.rounds)
        for method in ("alice_end", "bob_end"):
            if isinstance(self.reconciliation, type) or not hasattr(self.reconciliation, method):
                raise TypeError(
                    "reconciliation must be an object with reconcile, alice_end and bob_end, such as Cascade(), "
                    f"got {self.reconciliation!r}"
                )

    @property
    @abstractmethod
    def count_of_parties(self) -> int:
        """How many there are, Alice among them."""

    @property
    def marking_bits(self) -> int:
        """Bits of a common key that marked the test rounds beforehand."""
        return 0

    @property
    @abstractmethod
    def tag_bits(self) -> int:
        """Length of each verification tag."""

    @property
    @abstractmethod
    def further_tag_bits(self) -> int:
        """Bits of all tags beyond the one that the bound pays for."""

    @abstractmethod
    def streams(self, settings: Settings) -> Streams:
        """The stream of each round."""

    @abstractmethod
    def told_by(self, party: int) -> tuple[int, ...]:
        """The streams of which a party after Alice tells her its bits."""

    @property
    @abstractmethod
    def tests(self) -> Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """What is counted, as the recipe wants it: the streams, and whose bits must add up to Alice's.

        Where that is nobody's, the rounds alone are counted.
        """

    @property
    @abstractmethod
    def strings(self) -> tuple[tuple[int, ...], ...]:
        """The strings that are reconciled with Alice's: of each whose bits add up to it."""

    def compared(self, streams: Streams, alice: Bits, others: Sequence[Bits]) -> dict[str, tuple[int, int]]:
        """Bits compared and how many differed, as the recipe wants them.

        Args:
            streams: of each round.
            alice: her bit of each.
            others: that of each other party, 0 where it did not tell.
        """
        found = {}
        for name, (which, parties) in self.tests.items():
            here = np.isin(streams, which)
            wrong = int(np.count_nonzero(differing(alice, others, parties)[here])) if parties else 0
            found[name] = int(here.sum()), wrong
        return found

    def wrong(self, alice: Bits, others: Sequence[Bits]) -> tuple[int, ...]:
        """How many bits of the sample differ, of each string that is reconciled with Alice's."""
        return tuple(int(np.count_nonzero(differing(alice, others, parties))) for parties in self.strings)

    @abstractmethod
    def tested(self, tally: Tally) -> tuple[int, int]:
        """Bits compared in the test basis and how many differed, for the report."""

    def chosen(self, settings: Settings) -> list[tuple[str, int, float]]:
        """Each combination of settings: its name, how often it was found and with which probability chosen."""
        parties = len(settings)
        cells = np.zeros(settings.shape[1], dtype=np.uint8)
        for row in settings:
            cells = (cells << 1 | row).astype(np.uint8)
        found = []
        for cell, count in enumerate(occurrences(cells, 2**parties)):
            bases = [cell >> (parties - 1 - i) & 1 for i in range(parties)]
            share = self.z_probability ** bases.count(Z) * (1 - self.z_probability) ** bases.count(X)
            found.append((f"the settings {', '.join('ZX'[basis] for basis in bases)}", count, share))
        return found

    def unfair(self, settings: Settings) -> str | None:
        """Why the rounds that all detected cannot be a fair sample; None if they can."""
        names, counts, shares = zip(*self.chosen(settings), strict=True)
        cell = unlikely_share(counts, shares)
        return None if cell is None else unfair_share(sum(counts), counts[cell], names[cell], shares[cell])

    def terms(self) -> dict[str, Any]:
        """The agreement in words, to be compared."""
        own = {name: repr(value) for name, value in self.__dict__.items() if name != "remarks"}
        return own | {"kind": type(self).__name__}

    def account(
        self, tally: Tally, wrong: Sequence[int], *, inherited: float, simulated: bool, seeded: bool
    ) -> GroupAccount:
        """The account that opens with the counts.

        Raises:
            ValueError: if they cannot be.
        """
        for errors in wrong:
            if validation.count("wrong", errors) > tally.sampled:
                raise ValueError(f"wrong must be at most {tally.sampled}, got {errors}")
        tested, errors = self.tested(tally)
        others = self.count_of_parties - 1
        return GroupAccount.opened(
            self,
            tally,
            accepted=tally.detected,
            sifted=tally.n + tally.sampled + tested,
            test=(tested, errors),
            authentication_bits=others * AUTHENTICATION_BITS,
            inherited_epsilon=inherited,
            simulated=simulated,
            seeded=seeded,
            kind=self.kind,
            wrong=tuple(wrong),
            marking_bits=self.marking_bits,
            answering=self.answering,
            further_tag_bits=self.further_tag_bits,
        )


def differing(alice: Bits, others: Sequence[Bits], parties: Sequence[int]) -> Bits:
    """1 where the bits of these parties do not add up to Alice's."""
    found: Bits = np.bitwise_xor.reduce([alice, *(others[party - 1] for party in parties)], axis=0)
    return found


def settings_of(settings: Symbols) -> Symbols:
    """The settings of one party.

    Raises:
        ValueError: if they are others than Z and X.
    """
    if len(settings) and int(settings.max()) > X:
        raise ValueError(f"settings of records must be 0 (Z) or 1 (X), got {settings.max()}")
    return settings
