"""What outcomes in some bases tell, measured and predicted ones alike.

Which basis tells a label, and what the fidelity needs, stands here; how sure a figure is differs, and stands where
the outcomes do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from quantumlink import validation
from quantumlink.estimation import Estimate
from quantumlink.execution.bases import OF_A_PAIR
from quantumlink.readings.state import is_pauli

Terms = tuple[tuple[str, int], ...]
"""Stabilizers' labels and their signs."""


class ToldByBases(ABC):
    """Outcomes of a program's ends in some bases."""

    ends: tuple[str, ...]
    outcomes: Mapping[str, Sequence[float]]
    stabilizers: Terms

    _absent: ClassVar[str]
    """What an error says of a basis that is not there."""
    _remedy: ClassVar[str] = ""

    @property
    @abstractmethod
    def acceptance(self) -> Estimate:
        """The probability that all heralds accept."""

    @property
    def success_probability(self) -> Estimate:
        """The probability that all heralds accept, as exact states and timelines call it."""
        return self.acceptance

    def _telling(self, pauli: str) -> list[str]:
        """The bases that tell a Pauli label."""
        return [b for b in self.outcomes if all(p in ("I", x) for p, x in zip(pauli, b, strict=True))]

    def _checked_telling(self, pauli: str) -> list[str]:
        """The same of a label that a user gave.

        Raises:
            ValueError: if the label is not one, or no basis tells it.
        """
        k = len(self.ends)
        if not is_pauli(pauli, k) or pauli == "I" * k:
            letters = "two letters of I, X, Y, Z, not both I" if k == 2 else f"{k} letters of I, X, Y, Z, not all I"
            raise ValueError(f"pauli must be {letters}; got {pauli!r}")
        fitting = self._telling(pauli)
        if not fitting:
            raise ValueError(f"{pauli} {self._absent}: {self._bases_there}{self._remedy}")
        return fitting

    @property
    def _fidelity_terms(self) -> Terms:
        return OF_A_PAIR if len(self.ends) == 2 else self.stabilizers

    def _checked_fidelity_terms(self) -> Terms:
        """The stabilizers whose mean, with the identity, is the fidelity.

        Raises:
            ValueError: if they are not known, or no basis tells one of them.
        """
        terms = self._fidelity_terms
        if not terms:
            raise ValueError(
                f"what {'–'.join(self.ends)} are to share is no known stabilizer state: no bases tell its fidelity"
            )
        missing = [label for label, _ in terms if not self._telling(label)]
        if missing:
            needed = "bases XX, YY and ZZ" if len(self.ends) == 2 else "bases that tell all stabilizers"
            raise ValueError(
                f"the fidelity needs the {needed}; {self._absent.split(maxsplit=1)[1]}: {', '.join(missing)}; "
                f"{self._bases_there}"
            )
        return terms

    def _checked_at_both(self, basis: str) -> str:
        """The label of one basis at two ends.

        Raises:
            ValueError: if the basis is not X, Y or Z, is not there at both ends, or there are not two ends.
        """
        if len(self.ends) != 2:
            raise ValueError(f"a QBER is of two ends, got {'–'.join(self.ends)}: see expectation")
        validation.choice("basis", basis, ("X", "Y", "Z"))
        if basis * 2 not in self.outcomes:
            raise ValueError(f"{basis * 2} {self._absent}: {self._bases_there}{self._remedy}")
        return basis * 2

    @property
    def _bases_there(self) -> str:
        return f"the bases are {', '.join(self.outcomes)}"
