"""Quantum secret sharing: a dealer's key that two players know together, and neither of them alone.

A source in the middle sends one qubit of a GHZ state to each of three. All choose their bases by themselves;
who detected something is told before any basis is. In X the dealer's bit is the parity of the players': it
makes the key. In Z all bits are equal: that is compared, by the dealer with each of the players, in every round
in which both measured Z. A player may be dishonest, see `quantumlink.security.sharing`.

What the three say of this they say over authenticated lines of the dealer to each player; how they come to their
shares is told in `quantumlink.distillation.group.sharing`.

References:
    M. Hillery, V. Bužek, A. Berthiaume, Phys. Rev. A 59, 1829 (1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.group.conference import Bases
from quantumlink.distillation.group.key import SharedKey
from quantumlink.distillation.group.sharing import CHARLIE, SharingAgreement
from quantumlink.distillation.sifting import KEY
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.qkd.protocols.conference_rounds import ConferenceObserved
from quantumlink.qkd.protocols.conference_session import Conference
from quantumlink.qkd.protocols.sifted import Sifted
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, Proof
from quantumlink.security.recipes import PLAYERS, Sharing


@dataclass(frozen=True, eq=False, repr=False)
class SharingSifted(Sifted):
    """Sifted bits of the dealer (``key_alice``) and the parity of the players' (``key_bob``)."""

    shares: tuple[Bits, ...] = ()
    """The X bits of Bob and of Charlie."""
    tested: tuple[int, int] = (0, 0)
    """Rounds in Z of the dealer and Charlie, and of the dealer and Bob: against Bob, and against Charlie."""
    wrong: tuple[int, int] = (0, 0)
    """How many of these differed."""
    population: tuple[int, int] = (0, 0)
    """Rounds in X of the same two."""


@dataclass(frozen=True, kw_only=True)
class SecretSharing(Conference):
    """A session of secret sharing among three. The other fields are those of `Conference`.

    Args:
        media: what lies between the source and each of the three, the dealer's first.
        z_probability: probability with which each measures Z, which tests; in (0, 1).

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> key = SecretSharing(media=[Fiber(0)] * 3, rounds=100_000, seed=7).run()
    >>> shares = key.bits_of(1) ^ key.bits_of(2)
    >>> len(key) > 20_000, bool((shares == key.secret_bits).all()), bool((key.bits_of(1) == key.secret_bits).all())
    (True, True, False)
    """

    z_probability: float = 0.1
    """Probability with which each measures Z."""
    bases: Bases = "independent"
    """A dishonest player must not know the tests beforehand."""

    protocol: ClassVar[str] = "secret sharing"
    proof: ClassVar[Proof] = Proof(
        "M. Tomamichel, R. Renner, Phys. Rev. Lett. 106, 110506 (2011), for three parties, with theorem 1 of "
        "D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), for keys of variable length",
        "coherent attacks, and a dishonest player who tells his basis last",
        (
            EQUAL_DETECTION,
            "Which of the two players is dishonest, if one is, is settled before the states are distributed.",
            "Who detected a photon is told before any basis is.",
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parties != 3:
            raise ValueError(f"media must hold three media, the dealer's and two players', got {self.parties}")
        if self.bases != "independent":
            raise ValueError(
                "bases must be 'independent': who knows the test rounds beforehand cheats in the others; got "
                f"{self.bases!r}"
            )
        self.agreement()  # refuses a reconciliation that cannot ask two players together

    def remarks(self) -> tuple[str, ...]:
        """Which basis makes the key."""
        return ("Here X makes the key and Z tests it, the other way around than the names of the report have it.",)

    def agreement(self) -> SharingAgreement:  # type: ignore[override]
        """What the three hold alike."""
        return SharingAgreement(**self._agreed(self.protocol))

    def recipe(self) -> Recipe:
        """The bound of two tests of the dealer."""
        return Sharing()

    def sifted(self, observed: Any, rng: np.random.Generator) -> SharingSifted:  # type: ignore[override]
        """The sifted bits, by what the three would say of their rounds."""
        assert isinstance(observed, ConferenceObserved)
        agreement, bits = self.agreement(), observed.bits
        streams = agreement.streams(observed.settings)
        counts = agreement.compared(streams, bits[0], list(bits[1:]))
        against = [counts[f"Z against {player}"] for player in PLAYERS]
        in_x = [counts[f"X against {player}"][0] for player in PLAYERS]
        dealer, bob, charlie = bits[:, streams == KEY]
        tests = bits[:, np.isin(streams, agreement.told_by(CHARLIE))]
        return SharingSifted(
            dealer,
            bob ^ charlie,
            tests[0],
            tests[CHARLIE],
            accepted=bits.shape[1],
            shares=(bob, charlie),
            tested=(against[0][0], against[1][0]),
            wrong=(against[0][1], against[1][1]),
            population=(in_x[0], in_x[1]),
        )


def secret_sharing(
    media: Sequence[Medium],
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.1,
    detector: Any = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> SharedKey:
    """Split a dealer's key among two players by GHZ states.

    Args:
        media: what lies between the source and each of the three, the dealer's first.
        rounds: GHZ states sent, at least 1.
        seed: makes everything repeatable.
        z_probability: probability with which each measures Z, which tests.
        detector: everybody's receiver; ideal if None.
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `SecretSharing`.

    Returns:
        The key, or a refused one that says why; ``key.bits_of(1)`` and ``key.bits_of(2)`` are the shares.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> key = ql.qkd.secret_sharing([ql.Fiber(0)] * 3, rounds=200_000, seed=7)
    >>> len(key) > 1_000
    True
    """
    session = SecretSharing(
        media=media,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        z_probability=z_probability,
        detector=detector,
        **options,
    )
    key = session.run(sampler)
    assert isinstance(key, SharedKey)
    return key
