"""The account of a distillation: what one end knows of a key in the making, and whether one can come of it.

Both ends keep the same account, for all that enters it is public.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor

from quantumlink.estimation import Estimate
from quantumlink.qkd.asymptotic import bb84_rate, binary_entropy
from quantumlink.qkd.bits import Bits
from quantumlink.qkd.bounds.contract import KeyBound, KeyTerms, SampledKeyBound
from quantumlink.qkd.bounds.single_photon import SinglePhotonBound
from quantumlink.qkd.finite_key import FiniteKeyTerms
from quantumlink.qkd.key import Key
from quantumlink.qkd.transcript import Sender


@dataclass(kw_only=True)
class Account:
    """What is known of a key while it is being distilled; most fields are those of ``Key``."""

    protocol: str
    rounds: int
    accepted: int
    sifted: int
    sampled: int
    tested: int
    qber: Estimate
    test_qber: Estimate
    bound: KeyBound | None
    """The security bound given; None for the one from the test bits."""
    eps_sec: float
    eps_cor: float
    authentication_bits: int
    remarks: tuple[str, ...] = ()
    corrected_errors: int | None = None
    disclosed_bits: int | None = None
    tag_bits: int | None = None
    terms: KeyTerms | None = None
    ledger: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.enter("sifted in the key basis", self.sifted - self.tested)
        self.enter("disclosed to estimate the error rate", -self.sampled)

    @property
    def raw(self) -> int:
        """Bits that the sample has left."""
        return self.sifted - self.tested - self.sampled

    @property
    def expected_qber(self) -> float:
        """The error rate to tell reconciliation: never 0, as a sample without errors does not prove that."""
        return (self.sample_errors + 1) / (self.sampled + 2)  # Laplace's rule of succession

    @property
    def sample_errors(self) -> int:
        """How many bits of the sample differed."""
        return round(self.qber * self.sampled)

    def enter(self, label: str, bits: int) -> None:
        """Add an entry to the ledger."""
        self.ledger.append((label, bits))

    def evaluate(self, leak: int) -> KeyTerms:
        """The security bound for the raw bits.

        Raises:
            ValueError: if the bound grants more bits than were left undisclosed.
        """
        bound = self.bound or SinglePhotonBound(
            tested=self.tested, qber=float(self.test_qber), eps_sec=self.eps_sec, eps_cor=self.eps_cor
        )
        if isinstance(bound, SampledKeyBound):
            bound = bound.given_sample(sampled=self.sampled, errors=self.sample_errors)
        terms = bound.terms(n=self.raw, leak=leak)
        if terms.length > max(0, self.raw - leak):
            raise ValueError(
                f"bound must grant at most the {self.raw - leak} bits that were not disclosed, got {terms.length}"
            )
        return terms

    def refusal_before(self) -> str | None:
        """Why no key can come of this, however good the reconciliation; None if one may."""
        if self.raw < 1 or not self.sampled:
            return (
                f"{self.raw + self.sampled} sifted bits in the key basis (Z) are too few: "
                "a sample and a raw key need one each at least"
            )
        if self.bound is None and not self.tested:
            return "there are no sifted bits in the test basis (X), so nothing bounds the phase errors"
        self.terms = self.evaluate(leak=0)
        if self.expected_qber >= 0.5:
            return (
                f"the error rate in the key basis (Z) is {self.qber.best:.4f} in {self.sampled} sampled "
                "bits, it must be below 0.5"
            )
        # Even perfect reconciliation discloses Shannon's limit; the low end of the interval gives it a chance.
        leak = floor(self.raw * binary_entropy(min(self.qber.low, 0.5)))
        limit = self.evaluate(leak)
        return None if limit.length > self.authentication_bits else self._shortfall(limit, leak)

    def _shortfall(self, limit: KeyTerms, leak: int) -> str:
        rates = (
            f"at error rates of {self.qber.best:.4f} in the key basis (Z) and "
            f"{self.test_qber.best:.4f} in the test basis (X)"
        )
        if not isinstance(limit, FiniteKeyTerms):
            found = "; ".join(f"{label}: {text}" for label, text in limit.lines())
            return f"nothing is secret {rates}, if reconciliation discloses at least {leak} bits ({found})"
        if limit.length:
            return (
                f"of the {limit.n} raw bits at most {limit.length} would be secret, while authentication spends "
                f"{self.authentication_bits}; more rounds may help"
            )
        rate = bb84_rate(self.qber.best, phase_error=self.test_qber.best)
        hope = "more rounds may help" if rate > 0 else "more rounds will not help"
        return (
            f"nothing is secret {rates}: with a margin of {limit.mu:.4f} from "
            f"{limit.k} test bits, the {limit.n} raw bits hold {limit.entropy_bits:.1f} bits of entropy, while "
            f"reconciliation must disclose at least {limit.leak:.0f} and the price of ε is "
            f"{limit.epsilon_bits:.1f}; {hope}"
        )

    def reconciled(self, leak: int, replies: int = 0) -> str | None:
        """Enter what reconciliation disclosed; returns why that was too much, None if a key is left.

        Args:
            leak: bits that Alice disclosed.
            replies: bits that Bob disclosed, where the bound counts them.
        """
        self.disclosed_bits = leak
        self.enter("disclosed by reconciliation", -leak)
        if replies:
            self.enter("disclosed by Bob's replies", -replies)
        self.terms = terms = self.evaluate(leak + replies)
        if terms.length > self.authentication_bits:
            return None
        if terms.length:
            return f"{terms.length} bits would be secret, while authentication spends {self.authentication_bits}"
        if isinstance(terms, FiniteKeyTerms):
            return (
                f"reconciliation disclosed {terms.leak:.0f} bits and the price of ε is "
                f"{terms.epsilon_bits:.1f}, which leaves nothing of {terms.entropy_bits:.1f} bits of entropy"
            )
        return f"reconciliation disclosed {leak + replies} bits, which leaves nothing secret"

    def settle(self) -> int:
        """Enter what no message showed; the ledger then adds up to the length of the key, which is returned."""
        terms = self.terms
        assert terms is not None  # both ends have been through ``reconciled``
        # The verification tag is public as well, yet it is no part of the leak: its ⌈log₂(1/ε_cor)⌉ bits are
        # within the bound's own price of ε. The leak would charge for it a second time.
        if isinstance(terms, FiniteKeyTerms):
            self.enter("known to an eavesdropper, at most (phase errors)", floor(terms.entropy_bits) - terms.n)
            label = "price of ε, verification tag included"
        else:
            label = "known to an eavesdropper, at most, and price of ε, verification tag included"
        self.enter(label, terms.length - sum(bits for _, bits in self.ledger))
        self.enter("spent on authentication", -self.authentication_bits)
        return terms.length - self.authentication_bits

    def key(self, holder: Sender, *, reason: str | None = None, bits: Bits | None = None) -> Key:
        """The key as one end has it: refused for a reason, or given with the bits of that end."""
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
            disclosed_bits=self.disclosed_bits,
            tag_bits=self.tag_bits,
            authentication_bits=self.authentication_bits,
            terms=self.terms,
            reason=reason,
            ledger=tuple(self.ledger),
            remarks=self.remarks,
            holder=holder,
            _alice_bits=bits,
        )
