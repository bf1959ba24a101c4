"""Quantum secret sharing: a dealer's key that two players know together, and neither of them alone.

A source in the middle sends one qubit of a GHZ state to each of three. All choose their bases by themselves;
who detected something is told before any basis is. In X the dealer's bit is the parity of the players': it
makes the key. In Z all bits are equal: that is compared, by the dealer with each of the players, in every round
in which both measured Z. A player may be dishonest, see `quantumlink.security.sharing`.

The dealer reconciles her string with the parity of the players': of each parity that she asks for either player
tells his own, so what is said in reply counts twice. Either player hashes his own string, and the hashes are
linear, so the parity of their two shares is the dealer's key.

All three sit at one table here, as in a conference: their talk is not a conversation of two.

References:
    M. Hillery, V. Bužek, A. Berthiaume, Phys. Rev. A 59, 1829 (1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, ClassVar

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink.distillation.amplification import toeplitz_hash
from quantumlink.distillation.bits import Bits, random_bits
from quantumlink.distillation.key import Key
from quantumlink.distillation.party import AUTHENTICATION_BITS
from quantumlink.distillation.vault import Vault
from quantumlink.distillation.verification import verify
from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.hardware import Medium
from quantumlink.qkd.protocols.conference_key import ConferenceKey
from quantumlink.qkd.protocols.conference_rounds import Bases
from quantumlink.qkd.protocols.conference_session import Conference
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.session import Allotment
from quantumlink.qkd.protocols.sifted import Sifted
from quantumlink.security.proof import EQUAL_DETECTION, Proof
from quantumlink.security.sharing import SharingBound

_Z, _X = 0, 1
_CONVERSATIONS = 3
"""Each of the three talks with the two others."""


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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SharedKey(ConferenceKey):
    """A key split in two: ``secret_bits`` is the dealer's, ``bits_of(1)`` and ``bits_of(2)`` are the shares."""

    @property
    def parties(self) -> int:
        """The dealer and two players."""
        return 3

    @property
    def peer_bits(self) -> Bits:
        """What the two players find together."""
        vault = self.open_vault()
        found: Bits = vault.read(1) ^ vault.read(2)
        return found


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

    def remarks(self) -> tuple[str, ...]:
        """Which basis makes the key."""
        return ("Here X makes the key and Z tests it, the other way around than the names of the report have it.",)

    def allot(self, rng: np.random.Generator) -> Allotment:
        """How many rounds that reach all have which bases: (dealer, Bob, Charlie), Z is 0 and X is 1."""
        p = (self.z_probability, 1 - self.z_probability)
        shares = [self.reaching_all * p[a] * p[b] * p[c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
        rounds = rng.multinomial(self.rounds, [*shares, max(0.0, 1 - sum(shares))])[:8].reshape(2, 2, 2)
        wanted = [rounds[_Z, _Z, _Z] + rounds[_Z, _Z, _X] + rounds[_Z, _X, _Z], rounds[_X, _X, _X]]
        return Allotment((np.array(wanted)[:, None],), rounds)

    def observe(  # type: ignore[override]
        self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator
    ) -> SharingSifted:
        """The bits of all three.

        Two of three Z outcomes are distributed alike whatever the third one measures, so those of the rounds in
        which he measured X are drawn from rounds of three.
        """
        rounds = allotment.rounds

        def bits(setting: int, count: int) -> list[Bits]:
            return self.bits_of_rounds(setting, pools[0].counts(setting, int(count)), rng)

        dealer, bob, charlie = bits(_X, rounds[_X, _X, _X])
        together = bits(_Z, rounds[_Z, _Z, _Z])
        without = [bits(_Z, rounds[_Z, _X, _Z]), bits(_Z, rounds[_Z, _Z, _X])]  # Bob, Charlie measured X
        tests = []
        for rest, honest in zip(without, (2, 1), strict=True):
            tests.append([np.concatenate([together[i], rest[i]]) for i in (0, honest)])
        return SharingSifted(
            dealer,
            bob ^ charlie,
            tests[0][0],
            tests[0][1],
            accepted=int(rounds.sum()),
            shares=(bob, charlie),
            tested=(len(tests[0][0]), len(tests[1][0])),
            wrong=(_differing(*tests[0]), _differing(*tests[1])),
            population=(int(rounds[_X, :, _X].sum()), int(rounds[_X, _X, :].sum())),
        )

    def sifted(self, observed: Any, rng: np.random.Generator) -> SharingSifted:  # type: ignore[override]
        """They are sifted already."""
        assert isinstance(observed, SharingSifted)
        return observed

    def key_of(self, observed: Any, rng: np.random.Generator, remark: str, simulated: bool) -> Key:
        """The key of observed rounds."""
        return _Dealing(self, observed, rng, (remark, *self.remarks())).key()


class _Dealing:
    """The way from the sifted bits to the dealer's key and two shares of it."""

    def __init__(
        self, session: SecretSharing, sifted: SharingSifted, rng: np.random.Generator, remarks: tuple[str, ...]
    ) -> None:
        self._session, self._sifted, self._rng, self._remarks = session, sifted, rng, remarks
        total = len(sifted.key_alice)
        size = max(0, min(ceil(session.sample_fraction * total), total - 1))
        self._sample = np.zeros(total, dtype=np.bool_)
        self._sample[rng.choice(total, size, replace=False)] = True
        self._size = size
        wrong = sifted.key_alice[self._sample] != sifted.key_bob[self._sample]
        self._rate = binomial_estimate(int(np.count_nonzero(wrong)), size)
        self._ledger = [("sifted in the key basis", total), ("disclosed to estimate the error rate", -size)]

    def key(self) -> SharedKey:
        """The key, or a refused one."""
        session, sifted, rate = self._session, self._sifted, self._rate
        kept = ~self._sample
        dealer, parity = sifted.key_alice[kept], sifted.key_bob[kept]
        n = len(dealer)
        if not n or not self._size or not all(sifted.tested):
            return self._made(f"{n} raw bits in X and {sifted.tested} in Z are too few")
        bound = SharingBound(
            tested=sifted.tested,
            errors=sifted.wrong,
            population=sifted.population,
            eps_sec=session.eps_sec,
            eps_cor=session.eps_cor,
        )
        best = bound.terms(n=n, leak=0)
        if not best.length or rate >= 0.5:
            return self._made("the error rates leave nothing secret", terms=best)
        expected = (round(float(rate) * self._size) + 1) / (self._size + 2)  # Laplace's rule of succession
        result = session.reconciliation.reconcile(dealer, parity, qber=expected, seed=self._rng)
        check = verify(dealer, result.bits, eps_cor=session.eps_cor, seed=self._rng)
        leak = result.leaked_bits + 2 * result.replied_bits
        terms = bound.terms(n=n, leak=leak)
        spent = _CONVERSATIONS * AUTHENTICATION_BITS
        told: dict[str, Any] = {
            "terms": terms,
            "disclosed_bits": leak,
            "tag_bits": check.tag_bits,
            "corrected_errors": _differing(parity, result.bits),
        }
        self._ledger.append(("disclosed by reconciliation, replies of both players among it", -leak))
        if terms.length <= spent:
            return self._made(f"{terms.length} bits would be secret, while authentication spends {spent}", **told)
        if not check.matched:
            return self._made("the verification tags differ: reconciliation left errors", **told)
        self._ledger.append(("known to a dishonest player, at most", floor(terms.entropy_bits) - n))
        self._ledger.append(
            ("price of ε, verification tag included", terms.length - sum(bits for _, bits in self._ledger))
        )
        self._ledger.append(("spent on authentication, by each with the two others", -spent))
        length = terms.length - spent
        matrix = random_bits(self._rng, n + length - 1)
        bob, charlie = (share[kept] for share in sifted.shares)
        # Where errors were is public by the parities that were told: Bob corrects his string for both.
        strings = (dealer, bob ^ (parity ^ result.bits), charlie)
        return self._made(
            None, _vault=Vault(*(toeplitz_hash(s, seed=matrix, length=length) for s in strings)), **told
        )

    def _made(self, reason: str | None, **fields: Any) -> SharedKey:
        session, sifted = self._session, self._sifted
        worse = max((0, 1), key=lambda i: sifted.wrong[i] / max(1, sifted.tested[i]))
        test: Estimate = binomial_estimate(sifted.wrong[worse], sifted.tested[worse])
        return SharedKey(
            protocol=session.protocol,
            rounds=session.rounds,
            accepted=sifted.accepted,
            sifted=len(sifted.key_alice) + sifted.tested[worse],
            sampled=self._size,
            tested=sifted.tested[worse],
            qber=self._rate,
            test_qber=test,
            reason=reason,
            ledger=tuple(self._ledger),
            remarks=self._remarks,
            authentication_bits=_CONVERSATIONS * AUTHENTICATION_BITS,
            eps_sec=session.eps_sec,
            eps_cor=session.eps_cor,
            authenticated=False,
            simulated=True,
            seeded=True,
            **fields,
        )


def _differing(first: Bits, second: Bits) -> int:
    return int(np.count_nonzero(first != second))


def secret_sharing(
    media: Sequence[Medium],
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.1,
    detector: Any = None,
    sampler: BaseSamplerV2 | BackendV2 | None = None,
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
