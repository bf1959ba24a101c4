"""One key for several parties: Alice reconciles with each of the others, and all hash alike.

What Alice tells each of them counts as disclosed, so the leaks add up; so do the verification tags beyond the one
that the bound pays for. From what is then secret two debts are paid: the tags of Alice's conversation with each of
the others, and, where a common key marked the test rounds beforehand, that key. It marks all rounds that are
attempted, so it costs h(z) bits of each, those included that are lost. A key that does not pay its debts is
refused.

All parties sit at one table here: which rounds reached them, their bases and their test bits are not said in an
authenticated conversation as those of two ends are, and who could change them would know what she lets through. The
key says so (``authenticated`` is false), and is for study.

Of Cascade only what Alice says is counted: with error rates alike for both outcomes, a GHZ-diagonal state may be
assumed, whose purification tells the error pattern anyway.

Reference:
    F. Grasselli, H. Kampermann, D. Bruß, New J. Phys. 20, 113014 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import Any

import numpy as np

from quantumlink.distillation.amplification import toeplitz_hash
from quantumlink.distillation.bits import Bits, random_bits
from quantumlink.distillation.key import Key
from quantumlink.distillation.party import AUTHENTICATION_BITS
from quantumlink.distillation.reconciliation import Reconciler
from quantumlink.distillation.vault import Vault
from quantumlink.distillation.verification import verify
from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.security.single_photon import SinglePhotonBound


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ConferenceKey(Key):
    """A key that several parties share; ``secret_bits`` is Alice's copy, ``peer_bits`` the second party's.

    Raises:
        ValueError: as `Key`, and if the copies differ in length.
    """

    error_rates: tuple[Estimate, ...] = ()
    """Error rate in Z of each party after Alice against hers; ``qber`` is the largest."""
    marking_bits: int = 0
    """Bits of a common key that marked the test rounds beforehand; they are deducted from the key."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._vault is not None and self._vault.copies not in (0, self.parties):
            raise ValueError(f"a conference key of {self.parties} needs a copy each, got {self._vault.copies}")

    @property
    def parties(self) -> int:
        """How many share it."""
        return len(self.error_rates) + 1

    def bits_of(self, party: int) -> Bits:
        """The secret bits of one party, read-only; Alice is party 0.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
            ValueError: if there is no such party.
        """
        if not 0 <= party < self.parties:
            raise ValueError(f"party must be 0 to {self.parties - 1}, got {party!r}")
        return self.open_vault().read(party)


def distill_conference(
    *,
    protocol: str,
    rounds: int,
    accepted: int,
    parties: Sequence[Bits],
    test_alice: Bits,
    test_others: Bits,
    sample_fraction: float,
    reconciliation: Reconciler,
    eps_sec: float,
    eps_cor: float,
    rng: np.random.Generator,
    marking_bits: int,
    remarks: tuple[str, ...] = (),
) -> ConferenceKey:
    """Distill one key from the sifted bits of all parties.

    Args:
        protocol: name of the protocol, for the report.
        rounds: rounds attempted, for the report.
        accepted: rounds in which every party got a bit, for the report.
        parties: the Z bits of each party, Alice's first, in the order of the rounds.
        test_alice: Alice's X bits.
        test_others: the parity of all others' X bits.
        sample_fraction: share of the Z bits that all disclose, in (0, 1).
        reconciliation: how errors are corrected.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1), of all copies together.
        rng: source of all random choices.
        marking_bits: bits of a common key that marked the test rounds beforehand, 0 if none did.
        remarks: what else the report must say.
    """
    total, others = len(parties[0]), len(parties) - 1
    sample = np.zeros(total, dtype=np.bool_)
    size = max(0, min(ceil(sample_fraction * total), total - 1))
    sample[rng.choice(total, size, replace=False)] = True
    rates = tuple(_rate(parties[0][sample], bits[sample]) for bits in parties[1:])
    kept = [bits[~sample] for bits in parties]
    n, test = len(kept[0]), _rate(test_alice, test_others)
    authentication = others * AUTHENTICATION_BITS
    ledger = [("sifted in the key basis", total), ("disclosed to estimate the error rates", -size)]

    def key(reason: str | None = None, **fields: Any) -> ConferenceKey:
        found: dict[str, Any] = {
            "protocol": protocol,
            "rounds": rounds,
            "accepted": accepted,
            "sifted": total + len(test_alice),
            "sampled": size,
            "tested": len(test_alice),
            "qber": max(rates),
            "test_qber": test,
            "reason": reason,
            "ledger": tuple(ledger),
            "remarks": remarks,
            "error_rates": rates,
            "authentication_bits": authentication,
            "marking_bits": marking_bits,
            "eps_sec": eps_sec,
            "eps_cor": eps_cor,
            "authenticated": False,
            "simulated": True,
            "seeded": True,
        }
        return ConferenceKey(**(found | fields))

    if not n or not size or not len(test_alice):
        return key(f"{total} sifted bits in Z and {len(test_alice)} in X are too few")
    bound = SinglePhotonBound(tested=len(test_alice), qber=float(test), eps_sec=eps_sec, eps_cor=eps_cor)
    best = bound.terms(n=n, leak=0)
    if not best.length:
        return key(f"the error rate in X, {test}, leaves nothing of the {n} raw bits", terms=best)
    if max(rates) >= 0.5:
        return key(f"an error rate in Z is {max(rates)}, it must be below 0.5", terms=best)
    results = [
        # Never 0: a sample without errors does not prove that (Laplace's rule of succession).
        reconciliation.reconcile(kept[0], bits, qber=(round(rate * size) + 1) / (size + 2), seed=rng)
        for bits, rate in zip(kept[1:], rates, strict=True)
    ]
    checks = [verify(kept[0], result.bits, eps_cor=eps_cor / others, seed=rng) for result in results]
    tags = sum(check.tag_bits for check in checks)
    leak = sum(result.leaked_bits for result in results) + max(0, tags - floor(-log2(eps_cor)))
    terms = bound.terms(n=n, leak=leak)
    ledger.append(("disclosed by reconciliation, and tags beyond the first", -leak))
    errors = sum(int(np.count_nonzero(bits != result.bits)) for bits, result in zip(kept[1:], results, strict=True))
    told: dict[str, Any] = {"terms": terms, "corrected_errors": errors, "tag_bits": tags}
    if not terms.length:
        return key(f"reconciliation disclosed {leak} bits, which leaves nothing", **told)
    if not all(check.matched for check in checks):
        return key("the verification tags of some party differ: reconciliation left errors", **told)
    ledger.append(("known to an eavesdropper, at most (phase errors)", floor(terms.entropy_bits) - n))
    ledger.append(("price of ε, one verification tag included", terms.length - sum(bits for _, bits in ledger)))
    ledger.append(("spent on authentication, with each of the others", -authentication))
    if marking_bits:
        ledger.append(("spent on marking the test rounds", -marking_bits))
    length = terms.length - authentication - marking_bits
    if length < 1:
        return key(
            f"{terms.length} bits would be secret, while authentication spends {authentication} and marking the "
            f"test rounds {marking_bits}",
            **told,
        )
    matrix = random_bits(rng, n + length - 1)
    hashed = [toeplitz_hash(bits, seed=matrix, length=length) for bits in (kept[0], *(r.bits for r in results))]
    return key(_vault=Vault(*hashed), **told)


def _rate(first: Bits, second: Bits) -> Estimate:
    return binomial_estimate(int(np.count_nonzero(first != second)), len(first))
