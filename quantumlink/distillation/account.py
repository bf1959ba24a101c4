"""The account of a distillation: what one end knows of a key in the making, and whether one can come of it.

Both ends keep the same account, for all that enters it is public.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import floor, log
from typing import Any, Protocol, Self

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.key import Key
from quantumlink.distillation.shortfall import remedy
from quantumlink.distillation.sifting import FAIR_SAMPLE
from quantumlink.distillation.transcript import Sender
from quantumlink.distillation.vault import Vault
from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.rates import binary_entropy
from quantumlink.security.contract import BlockKeyBound, KeyBound, KeyTerms, Recipe, Tally
from quantumlink.security.deviations import chernoff_high
from quantumlink.security.finite_key import FiniteKeyTerms
from quantumlink.security.single_photon import SinglePhotonBound, least_test_errors

OVER_SHANNON = 1.05
"""What a good reconciliation discloses, over Shannon's limit, to tell how long a block should have been."""


class Agreed(Protocol):
    """What an account takes from an agreement."""

    @property
    def protocol(self) -> str:
        """What the key's protocol is called."""

    @property
    def rounds(self) -> int:
        """Rounds that were attempted."""

    @property
    def recipe(self) -> Recipe:
        """How the security bound is made."""

    @property
    def eps_sec(self) -> float:
        """Secrecy."""

    @property
    def eps_cor(self) -> float:
        """Correctness."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said of every key."""


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
    recipe: Recipe
    """How the security bound is made."""
    tally: Tally
    """The counts that it is made of."""
    eps_sec: float
    eps_cor: float
    authentication_bits: int
    sample_ones: int | None = None
    """How many of Alice's bits in the sample are 1, None where that was not counted."""
    blocks: tuple[str, ...] = ("",)
    """Names of the parts of the key that are reconciled and hashed apart."""
    remarks: tuple[str, ...] = ()
    corrected_errors: int | None = None
    disclosed_bits: int | None = None
    tag_bits: int | None = None
    terms: KeyTerms | None = None
    simulated: bool = False
    seeded: bool = False
    forgery_probability: float = 0.0
    inherited_epsilon: float = 0.0
    ledger: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.enter("sifted in the key basis", self.sifted - self.tested)
        self.enter("disclosed to estimate the error rate", -self.sampled)

    @classmethod
    def opened(
        cls, agreed: Agreed, tally: Tally, *, accepted: int, sifted: int, test: tuple[int, int], **more: Any
    ) -> Self:
        """The account that opens with the counts.

        Args:
            agreed: what was agreed beforehand.
            tally: what was counted.
            accepted: rounds that both ends have.
            sifted: bits of them in equal bases, those of the test included.
            test: bits in the test basis, and errors among them.
            more: other fields.
        """
        tested, errors = test
        return cls(
            protocol=agreed.protocol,
            rounds=agreed.rounds,
            accepted=accepted,
            sifted=sifted,
            sampled=tally.sampled,
            tested=tested,
            qber=binomial_estimate(tally.sample_errors, tally.sampled),
            test_qber=binomial_estimate(errors, tested),
            recipe=agreed.recipe,
            tally=tally,
            eps_sec=agreed.eps_sec,
            eps_cor=agreed.eps_cor,
            remarks=agreed.remarks,
            **more,
        )

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
        return self.tally.sample_errors

    @property
    def tells_errors(self) -> bool:
        """Whether Bob tells how many errors reconciliation found."""
        return bool(getattr(self.recipe, "tells_errors", False))

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """Raw bits of each block."""
        return (self.raw,) if len(self.blocks) == 1 else tuple(self.tally.raw[name] for name in self.blocks)

    def told(self, errors: Mapping[str, int]) -> None:
        """Bob tells how many errors there were, by the names of `Tally.raw`."""
        self.tally = replace(self.tally, corrected=errors)
        self.__dict__.pop("bound", None)

    @cached_property
    def bound(self) -> KeyBound | BlockKeyBound:
        """The security bound, from what was counted."""
        return self.recipe.bound(self.tally, eps_sec=self.eps_sec, eps_cor=self.eps_cor)

    @property
    def count_replies(self) -> bool:
        """Whether the bound takes what Bob says in the reconciliation as disclosed."""
        return bool(getattr(self.bound, "count_replies", True))

    @property
    def most_leak(self) -> int:
        """More disclosed bits than that leave no key."""
        left = self.evaluate([0] * len(self.blocks)).length - self.spent_bits
        # A bound of a length settled beforehand has charged for that many already.
        return left if left < 1 else max(left, floor(getattr(self.bound, "leak_limit", 0)))

    def enter(self, label: str, bits: int) -> None:
        """Add an entry to the ledger."""
        self.ledger.append((label, bits))

    def evaluate(self, leaks: Sequence[int]) -> KeyTerms:
        """The security bound for the raw bits, so many of each block disclosed.

        Raises:
            ValueError: if the bound grants more bits than were left undisclosed, or for other tolerances than the
                ends agreed on.
        """
        leak = sum(leaks)
        # One block has a number for its leak, several have one each: recipe and sifting were agreed on together.
        terms: KeyTerms = self.bound.terms(n=self.raw, leak=leak if len(leaks) == 1 else tuple(leaks))  # type: ignore[arg-type]
        for name in ("eps_sec", "eps_cor"):
            if getattr(terms, name) != getattr(self, name):
                raise ValueError(
                    f"bound must be for the {name} that the ends agreed on, {getattr(self, name)}, got "
                    f"{getattr(terms, name)}"
                )
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
                "a sample and a raw key need one each at least; more rounds, or less loss, would bring "
                "them"
            )
        if isinstance(self.bound, SinglePhotonBound) and not self.tested:
            return (
                "there are no sifted bits in the test basis (X), so nothing bounds the phase errors; more rounds, "
                "or X chosen more often, would bring some"
            )
        if (unequal := self._unequal_detection()) is not None:
            return unequal
        for name, size in zip(self.blocks, self.block_sizes, strict=True):
            if not size:
                return (
                    f"there are no raw bits of {name}, so nothing bounds the phase errors of the others; more "
                    f"rounds, or {name} chosen more often, would bring some"
                )
        self.terms = self.evaluate([0] * len(self.blocks))
        if self.expected_qber >= 0.5:
            return (
                f"the error rate in the key basis (Z) is {self.qber.best:.4f} in {self.sampled} sampled "
                "bits, it must be below 0.5"
            )
        leaks = self.least_leaks()
        limit = self.evaluate(leaks)
        return None if limit.length > self.spent_bits else self._shortfall(limit, leaks)

    def _unequal_detection(self) -> str | None:
        """Why the rounds of both bases cannot be alike; None if they can, or if the bound does not ask for it."""
        bound, ones = self.bound, self.sample_ones
        if not isinstance(bound, SinglePhotonBound) or ones is None:
            return None
        price = -log(FAIR_SAMPLE)
        share = chernoff_high(min(ones, self.sampled - ones), self.sampled, price)
        most = chernoff_high(round(bound.qber * bound.tested), bound.tested, price)
        if share >= 0.5 or most >= (least := least_test_errors(share)):
            return None
        return (
            f"of {self.sampled} sampled bits {ones} are 1, which goes with an error rate of {least:.4f} or more in "
            f"the test basis (X), but {bound.qber:.4f} was found: whether a photon is detected depends on its bit, "
            "and the proof does not cover that; detectors of equal efficiency would help"
        )

    def least_leaks(self) -> list[int]:
        """What even perfect reconciliation discloses of each block: Shannon's limit.

        The low end of the interval gives it a chance.
        """
        return [floor(size * binary_entropy(min(self.qber.low, 0.5))) for size in self.block_sizes]

    def likely_leaks(self) -> list[int]:
        """What reconciliation is likely to disclose; of a longer block as much the more."""
        share = OVER_SHANNON * self.answers * binary_entropy(min(self.qber.best, 0.5))
        return [floor(share * size) for size in self.block_sizes]

    @property
    def answers(self) -> int:
        """How many answers to a question are disclosed: Alice's, and Bob's where the bound counts it."""
        return 2 if self.count_replies else 1

    @property
    def spent_bits(self) -> int:
        """Bits that the key owes to secrets that were there before it."""
        return self.authentication_bits

    @property
    def spending(self) -> str:
        """The same in words."""
        return f"authentication spends {self.authentication_bits}"

    def hope(self, told: int) -> str:
        """What would change it that reconciliation disclosed so many bits or more, and no key is left."""
        likely = self.likely_leaks()
        more = max(0, told - sum(likely))
        return self._remedy([likely[0] + more, *likely[1:]])

    def _remedy(self, leaks: Sequence[int], likely: Sequence[int] | None = None) -> str:
        tolerances = {"eps_sec": self.eps_sec, "eps_cor": self.eps_cor, "spent": self.authentication_bits}
        return remedy(self.recipe, self.tally, leaks, likely=likely, **tolerances)  # type: ignore[arg-type]

    def _shortfall(self, limit: KeyTerms, leaks: Sequence[int]) -> str:
        leak = sum(leaks)
        rates = f"at error rates of {self.qber.best:.4f} in the key basis (Z) and "
        rates += f"{self.test_qber.best:.4f} in the test basis (X)"
        if not self.tested:
            rates = f"at an error rate of {self.qber.best:.4f} in the sample"
        hope = self._remedy(leaks, self.likely_leaks())
        if limit.length:
            return (
                f"of the {self.raw} raw bits at most {limit.length} would be secret, while {self.spending}; {hope}"
            )
        if not isinstance(limit, FiniteKeyTerms):
            found = "; ".join(f"{label}: {text}" for label, text in limit.lines())
            return f"nothing is secret {rates}, if reconciliation discloses at least {leak} bits ({found}); {hope}"
        return (
            f"nothing is secret {rates}: with a margin of {limit.mu:.4f} from "
            f"{limit.k} test bits, the {limit.n} raw bits hold {limit.entropy_bits:.1f} bits of entropy, while "
            f"reconciliation must disclose at least {limit.leak:.0f} and the price of ε is "
            f"{limit.epsilon_bits:.1f}; {hope}"
        )

    def reconciled(self, told: Sequence[tuple[int, int]]) -> str | None:
        """Enter what reconciliation disclosed; returns why that was too much, None if a key is left.

        Args:
            told: for each block the bits that Alice disclosed and those that Bob disclosed, which are counted
                where the bound does.
        """
        leak, replies = (sum(bits) for bits in zip(*told, strict=True))
        replies = replies if self.count_replies else 0
        leaks = [hers + (his if self.count_replies else 0) for hers, his in told]
        self.disclosed_bits = leak
        self.enter("disclosed by reconciliation", -leak)
        if replies:
            self.enter("disclosed by Bob's replies", -replies)
        self.terms = terms = self.evaluate(leaks)
        if terms.length > self.spent_bits:
            return None
        hope = self._remedy(leaks)
        if terms.length:
            return f"{terms.length} bits would be secret, while {self.spending}; {hope}"
        if isinstance(terms, FiniteKeyTerms):
            return (
                f"reconciliation disclosed {terms.leak:.0f} bits and the price of ε is "
                f"{terms.epsilon_bits:.1f}, which leaves nothing of {terms.entropy_bits:.1f} bits of entropy; "
                f"{hope}"
            )
        return f"reconciliation disclosed {leak + replies} bits, which leaves nothing secret; {hope}"

    def settle(self) -> list[int]:
        """Enter what no message showed; the ledger then adds up to the length of the key.

        Returns:
            The length of the key of each block.
        """
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
        lengths, spent = list(getattr(terms, "lengths", (terms.length,))), self.spent_bits
        for number, length in enumerate(lengths):
            lengths[number] -= min(length, spent)
            spent -= min(length, spent)
        return lengths

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
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            forgery_probability=self.forgery_probability,
            inherited_epsilon=self.inherited_epsilon,
            simulated=self.simulated,
            seeded=self.seeded,
            _vault=None if bits is None else Vault(bits),
        )
