"""Exact outcome probabilities of a program's ends: what `Samples` tends to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantumlink.estimation import Estimate
from quantumlink.execution.bases import sign_of
from quantumlink.execution.told_by_bases import ToldByBases
from quantumlink.readings.observables import Observable, is_label, pauli_sum_of
from quantumlink.tables import html_table

ROUNDING = 1e-9
"""By how much a sum of probabilities may leave its range."""


@dataclass(frozen=True)
class Probabilities(ToldByBases):
    """Exact probabilities, read as `Samples` are: every estimate has an interval of no width."""

    ends: tuple[str, ...]
    """The names of the left and the right end node, or of all ends."""
    outcomes: Mapping[str, tuple[float, ...]]
    """For each basis the probabilities of being accepted with 00, 01, 10, 11 (right end, left end), or all 2ᵏ."""
    stabilizers: tuple[tuple[str, int], ...] = ()
    """Where there are not two ends: the stabilizers, and their signs, of the state that is to be delivered."""

    _absent: ClassVar[str] = "is not predicted"

    @property
    def acceptance(self) -> Estimate:
        """The probability that all heralds accept, averaged over the bases."""
        return _sharp(float(np.mean([sum(p) for p in self.outcomes.values()])), 0.0, 1.0)

    def expectation(self, pauli: Observable) -> Estimate:
        """The expectation value of a Pauli label such as ``"ZZ"`` or ``"IX"`` among accepted runs.

        Args:
            pauli: the label, or a Hermitian operator of Qiskit's, see `Samples.expectation`.

        Raises:
            ValueError: if the label is not one, the operator is not Hermitian or not on the ends, no basis tells a
                label, or no run is accepted.
        """
        if not is_label(pauli):
            told = pauli_sum_of(pauli, self.ends)
            value = told.constant + sum(c * self.expectation(label).best for c, label in told.terms)
            return _sharp(value, told.constant - told.size, told.constant + told.size)
        fitting = self._checked_telling(pauli)
        total = np.sum([self.outcomes[basis] for basis in fitting], axis=0)
        if not total.sum() > 0:
            raise ValueError(f"no run is accepted, so {pauli} has no expectation value")
        signs = [sign_of(pauli, outcome) for outcome in range(2 ** len(self.ends))]
        return _sharp(float(total @ signs / total.sum()), -1.0, 1.0)

    def fidelity(self) -> Estimate:
        """Fidelity to Φ⁺ as the stabilizers are read, (1 + ⟨XX⟩ − ⟨YY⟩ + ⟨ZZ⟩)/4, readout errors included.

        Of k ends it is the mean of all 2ᵏ stabilizers of the state that is to be delivered.

        Raises:
            ValueError: if one of the bases XX, YY, ZZ is missing, or one that tells a stabilizer.
        """
        stabilizers = self._checked_fidelity_terms()
        terms = sum(sign * self.expectation(label).best for label, sign in stabilizers)
        return _sharp((1 + terms) / 2 ** len(self.ends), 0.0, 1.0)

    def qber(self, basis: str) -> Estimate:
        """The quantum bit error rate in X, Y or Z: how often the ends disagree with Φ⁺.

        Raises:
            ValueError: if the basis is none of these, is missing at both ends, or there are not two ends.
        """
        both, sign = self._checked_at_both(basis), -1 if basis == "Y" else 1
        return _sharp((1 - sign * self.expectation(both).best) / 2, 0.0, 1.0)

    def _repr_html_(self) -> str:
        rows = [(f"⟨{basis}⟩", f"{self.expectation(basis).best:.6f}") for basis in self.outcomes]
        return html_table(" – ".join(self.ends), [*rows, ("acceptance", f"{self.acceptance.best:.6g}")])


def _sharp(value: float, low: float, high: float) -> Estimate:
    if low - ROUNDING <= value <= high + ROUNDING:
        value = min(max(value, low), high)
    return Estimate(value, value, value)
