"""The account of a distillation among several: that of two, with the debts that more parties have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from quantumlink.distillation.account import OVER_SHANNON, Account
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.group.key import ConferenceKey
from quantumlink.distillation.shortfall import remedy
from quantumlink.distillation.transcript import Sender
from quantumlink.distillation.vault import Vault
from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.rates import binary_entropy
from quantumlink.security.contract import KeyTerms


@dataclass(kw_only=True)
class GroupAccount(Account):
    """What is known of a key of several while it is being distilled; ``qber`` is that of the worst string."""

    kind: type[ConferenceKey]
    wrong: tuple[int, ...]
    """Errors in the sample, of each string that is reconciled with Alice's."""
    marking_bits: int = 0
    """Bits of a common key that marked the test rounds beforehand."""
    answering: int = 1
    """How many tell their answers to each question of the reconciliation, besides who corrects his bits by them."""
    further_tag_bits: int = 0
    """Bits of verification tags beyond the one that the bound pays for."""

    @property
    def rates(self) -> tuple[Estimate, ...]:
        """The error rate of each string in the sample."""
        return tuple(binomial_estimate(errors, self.sampled) for errors in self.wrong)

    def expected(self, string: int) -> float:
        """The error rate to tell the reconciliation of one string (see `Account.expected_qber`)."""
        return (self.wrong[string] + 1) / (self.sampled + 2)

    def evaluate(self, leaks: Sequence[int]) -> KeyTerms:
        """See `Account.evaluate`; the further tags are disclosed whatever reconciliation needs."""
        return super().evaluate([leaks[0] + self.further_tag_bits])

    def least_leaks(self) -> list[int]:
        """Shannon's limit, of all strings together and of all who answer."""
        return [self.answering * sum(floor(self.raw * binary_entropy(min(rate.low, 0.5))) for rate in self.rates)]

    def likely_leaks(self) -> list[int]:
        """See `Account.likely_leaks`."""
        share = OVER_SHANNON * self.answers * self.raw
        return [sum(floor(share * binary_entropy(min(rate.best, 0.5))) for rate in self.rates)]

    @property
    def answers(self) -> int:
        """See `Account.answers`."""
        return super().answers + self.answering - 1

    @property
    def spent_bits(self) -> int:
        """Those of authentication, and of marking the test rounds."""
        return self.authentication_bits + self.marking_bits

    @property
    def spending(self) -> str:
        """The same in words."""
        marking = f" and marking the test rounds {self.marking_bits}" if self.marking_bits else ""
        return super().spending + marking

    def _remedy(self, leaks: Sequence[int], likely: Sequence[int] | None = None) -> str:
        return remedy(
            self.recipe,
            self.tally,
            leaks,
            likely=likely,
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            spent=self.authentication_bits,
            marking=self.marking_bits,
            tags=self.further_tag_bits,
        )

    def reconciled(self, told: Sequence[tuple[int, int]]) -> str | None:
        """See `Account.reconciled`."""
        self.enter("verification tags beyond the first", -self.further_tag_bits)
        return super().reconciled(told)

    def settle(self) -> list[int]:
        """See `Account.settle`."""
        lengths = super().settle()
        if self.marking_bits:
            self.enter("spent on marking the test rounds", -self.marking_bits)
        return lengths

    def key(self, holder: Sender, *, reason: str | None = None, bits: Bits | None = None) -> ConferenceKey:
        """The key as one party has it: refused for a reason, or given with the bits of that party."""
        fields = dict(super().key(holder, reason=reason or "").__dict__)
        fields |= {"reason": reason, "_vault": None if bits is None else Vault(bits)}
        return self.kind(**fields, error_rates=self.rates, marking_bits=self.marking_bits)
