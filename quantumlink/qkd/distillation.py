"""Distillation: from the sifted bits of both ends to a secret key, or to a refusal with its reason.

The steps, in the order in which two real ends would take them:

1. All bits of the test basis (X) are compared in public; their error rate bounds the phase errors of the key
   basis.
2. A random sample of the key basis (Z) is compared in public and thrown away; its error rate tells
   reconciliation what to expect. It has no part in the secrecy.
3. If no key can come of it, the protocol stops here, before anything more is disclosed.
4. Reconciliation, then verification by a tag. If the tags differ the key is refused.
5. The finite-key bound says how many bits are secret, and privacy amplification keeps that many.

Assumption: the classical channel is authenticated. What that spends is not deducted from the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.qkd.amplification import toeplitz_hash
from quantumlink.qkd.arguments import as_count, as_tolerance
from quantumlink.qkd.asymptotic import bb84_rate, binary_entropy
from quantumlink.qkd.bits import Bits, as_bit_pair, random_bits
from quantumlink.qkd.finite_key import FiniteKeyTerms, finite_key_terms
from quantumlink.qkd.key import Key
from quantumlink.qkd.reconciliation import Cascade, Reconciler
from quantumlink.qkd.verification import verify

_CASCADE = Cascade()


def distill(
    *,
    protocol: str,
    rounds: int,
    accepted: int,
    key_alice: ArrayLike,
    key_bob: ArrayLike,
    test_alice: ArrayLike,
    test_bob: ArrayLike,
    sample_fraction: float = 0.05,
    reconciliation: Reconciler = _CASCADE,
    eps_sec: float = 1e-10,
    eps_cor: float = 1e-10,
    rng: np.random.Generator,
    remarks: tuple[str, ...] = (),
) -> Key:
    """Distill a key from sifted bits.

    Args:
        protocol: name of the protocol, for the report.
        rounds: rounds attempted, for the report.
        accepted: rounds in which both ends got a bit, for the report.
        key_alice: Alice's sifted bits of the key basis, in the order of the rounds.
        key_bob: Bob's, as many; where the protocol anticorrelates, one end has flipped its bits before.
        test_alice: Alice's sifted bits of the test basis; all of them are disclosed.
        test_bob: Bob's, as many.
        sample_fraction: share of the key-basis bits disclosed to estimate their error rate, in (0, 1).
        reconciliation: how the errors are corrected; anything with the ``reconcile`` of ``Cascade``.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).
        rng: source of all random choices: sample, orders, hash functions.
        remarks: what else the report must say.

    Returns:
        The key. One in which nothing is secret is refused: it holds a reason and no bits.

    Raises:
        ValueError: if an argument is out of range, no bit string, or differs in length from its counterpart.

    >>> rng = np.random.default_rng(5)
    >>> alice = rng.integers(0, 2, (2, 40_000))
    >>> bob = alice ^ (rng.random((2, 40_000)) < 0.02)
    >>> key = distill(protocol="bbm92", rounds=160_000, accepted=160_000, key_alice=alice[0], key_bob=bob[0],
    ...               test_alice=alice[1], test_bob=bob[1], rng=rng)
    >>> len(key) > 15_000, np.array_equal(key.secret_bits, key.peer_bits)
    (True, True)
    """
    alice, bob = as_bit_pair("key_alice", key_alice, "key_bob", key_bob)
    test_a, test_b = as_bit_pair("test_alice", test_alice, "test_bob", test_bob)
    eps_sec, eps_cor = as_tolerance("eps_sec", eps_sec), as_tolerance("eps_cor", eps_cor)
    sifted = len(alice) + len(test_a)
    if not sifted <= as_count("accepted", accepted) <= as_count("rounds", rounds):
        raise ValueError(
            f"accepted must lie between the sifted bits and the rounds, [{sifted}, {rounds}], got {accepted}"
        )
    sample = _sample(len(alice), as_tolerance("sample_fraction", sample_fraction), rng)
    draft = _Draft(
        protocol=protocol,
        rounds=rounds,
        accepted=accepted,
        sifted=sifted,
        sampled=int(np.count_nonzero(sample)),
        tested=len(test_a),
        qber=_error_rate(alice[sample], bob[sample]),
        test_qber=_error_rate(test_a, test_b),
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        remarks=remarks,
    )
    draft.enter("sifted in the key basis", len(alice))
    draft.enter("disclosed to estimate the error rate", -draft.sampled)
    return _finish(draft, alice[~sample], bob[~sample], reconciliation, rng)


def _finish(draft: _Draft, alice: Bits, bob: Bits, reconciliation: Reconciler, rng: np.random.Generator) -> Key:
    """Steps 3 to 5, for the bits that the sample has left."""
    if (reason := draft.too_few(len(alice)) or draft.hopeless(len(alice))) is not None:
        return draft.key(reason=reason)
    result = reconciliation.reconcile(alice, bob, qber=draft.expected_qber, seed=rng)
    draft.enter("disclosed by reconciliation", -result.leaked_bits)
    draft.corrected_errors = result.corrected_errors
    draft.terms = terms = draft.bound(len(alice), leak=result.leaked_bits)
    if not terms.length:
        return draft.key(
            reason=f"reconciliation disclosed {result.leaked_bits} bits and the price of ε is "
            f"{terms.epsilon_bits:.1f}, which leaves nothing of {terms.entropy_bits:.1f} bits of entropy"
        )
    check = verify(alice, result.bits, eps_cor=draft.eps_cor, seed=rng)
    draft.tag_bits = check.tag_bits
    if not check.matched:
        return draft.key(
            reason=f"the verification tags of {check.tag_bits} bits differ: reconciliation left errors"
        )
    # The tag is public as well, yet it is no part of the leak: its ⌈log₂(1/ε_cor)⌉ bits are at most the
    # log₂(2/ε_cor) within the bound's log₂(2/(ε_sec²·ε_cor)). The leak would charge for it a second time.
    draft.settle(terms)
    matrix = random_bits(rng, len(alice) + terms.length - 1)
    return draft.key(
        alice=toeplitz_hash(alice, seed=matrix, length=terms.length),
        bob=toeplitz_hash(result.bits, seed=matrix, length=terms.length),
    )


@dataclass(kw_only=True)
class _Draft:
    """What is known of a key while it is being distilled; the fields are those of ``Key``."""

    protocol: str
    rounds: int
    accepted: int
    sifted: int
    sampled: int
    tested: int
    qber: Estimate
    test_qber: Estimate
    eps_sec: float
    eps_cor: float
    remarks: tuple[str, ...] = ()
    corrected_errors: int | None = None
    tag_bits: int | None = None
    terms: FiniteKeyTerms | None = None
    ledger: list[tuple[str, int]] = field(default_factory=list)

    @property
    def expected_qber(self) -> float:
        """The error rate to tell reconciliation: never 0, as a sample without errors does not prove that."""
        return (round(self.qber * self.sampled) + 1) / (self.sampled + 2)  # Laplace's rule of succession

    def enter(self, label: str, bits: int) -> None:
        """Add an entry to the ledger."""
        self.ledger.append((label, bits))

    def settle(self, terms: FiniteKeyTerms) -> None:
        """Enter the two terms of the bound that no message showed; the ledger then adds up to the length."""
        self.enter("known to an eavesdropper, at most (phase errors)", floor(terms.entropy_bits) - terms.n)
        balance = sum(bits for _, bits in self.ledger)
        self.enter("price of ε, verification tag included", terms.length - balance)

    def bound(self, n: int, leak: int) -> FiniteKeyTerms:
        """The finite-key bound for ``n`` raw bits."""
        return finite_key_terms(
            n=n,
            k=self.tested,
            qber=float(self.test_qber),
            leak=leak,
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
        )

    def too_few(self, n: int) -> str | None:
        """Why ``n`` raw bits, the sample and the test bits are too few; None if they may do."""
        if not n or not self.sampled:
            return (
                f"{n + self.sampled} sifted bits in the key basis (Z) are too few: "
                "a sample and a raw key need one each at least"
            )
        if not self.tested:
            return "there are no sifted bits in the test basis (X), so nothing bounds the phase errors"
        return None

    def hopeless(self, n: int) -> str | None:
        """Why no key can come of ``n`` raw bits, however good the reconciliation; None if one may."""
        self.terms = self.bound(n, leak=0)
        if self.expected_qber >= 0.5:
            return (
                f"the error rate in the key basis (Z) is {self.qber.best:.4f} in {self.sampled} sampled "
                "bits, it must be below 0.5"
            )
        # Even perfect reconciliation discloses Shannon's limit; the low end of the interval gives it a
        # chance.
        limit = self.bound(n, leak=floor(n * binary_entropy(min(self.qber.low, 0.5))))
        if limit.length:
            return None
        rate = bb84_rate(self.qber.best, phase_error=self.test_qber.best)
        hope = "more rounds may help" if rate > 0 else "more rounds will not help"
        return (
            f"nothing is secret at error rates of {self.qber.best:.4f} in the key basis (Z) and "
            f"{self.test_qber.best:.4f} in the test basis (X): with a margin of {limit.mu:.4f} from "
            f"{limit.k} test bits, the {n} raw bits hold {limit.entropy_bits:.1f} bits of entropy, while "
            f"reconciliation must disclose at least {limit.leak:.0f} and the price of ε is "
            f"{limit.epsilon_bits:.1f}; {hope}"
        )

    def key(self, *, reason: str | None = None, alice: Bits | None = None, bob: Bits | None = None) -> Key:
        """The key as it stands: refused for a reason, or given with the bits of both ends."""
        return Key(
            protocol=self.protocol,
            rounds=self.rounds,
            accepted=self.accepted,
            sifted=self.sifted,
            sampled=self.sampled,
            tested=self.tested,
            qber=self.qber,
            test_qber=self.test_qber,
            corrected_errors=self.corrected_errors,
            tag_bits=self.tag_bits,
            terms=self.terms,
            reason=reason,
            ledger=tuple(self.ledger),
            remarks=self.remarks,
            _alice_bits=alice,
            _bob_bits=bob,
        )


def _sample(total: int, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask over ``total`` bits that picks a random share, but never none and never all of two or more."""
    mask = np.zeros(total, dtype=np.bool_)
    size = min(ceil(fraction * total), total - 1)
    if size > 0:
        mask[rng.choice(total, size, replace=False)] = True
    return mask


def _error_rate(alice: Bits, bob: Bits) -> Estimate:
    return binomial_estimate(int(np.count_nonzero(alice != bob)), len(alice))
