"""Exact outcome probabilities of a program's two ends: what `Samples` tends to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantumlink import validation
from quantumlink.estimation import Estimate
from quantumlink.readings.state import html_table

_FIDELITY_TERMS = (("XX", 1), ("YY", -1), ("ZZ", 1))
ROUNDING = 1e-9
"""By how much a sum of probabilities may leave its range."""


@dataclass(frozen=True)
class Probabilities:
    """Exact probabilities, read as `Samples` are: every estimate has an interval of no width."""

    ends: tuple[str, str]
    """The names of the left and the right end node."""
    outcomes: Mapping[str, tuple[float, float, float, float]]
    """For each basis the probabilities of being accepted with 00, 01, 10, 11 (right end, left end)."""

    @property
    def acceptance(self) -> Estimate:
        """The probability that all heralds accept, averaged over the bases."""
        return _sharp(float(np.mean([sum(p) for p in self.outcomes.values()])), 0.0, 1.0)

    def expectation(self, pauli: str) -> Estimate:
        """The expectation value of a Pauli label such as ``"ZZ"`` or ``"IX"`` among accepted runs.

        Raises:
            ValueError: if the label is not one, no basis tells it, or no run is accepted.
        """
        if not isinstance(pauli, str) or len(pauli) != 2 or set(pauli) - set("IXYZ") or pauli == "II":
            raise ValueError(f"pauli must be two letters of I, X, Y, Z, not both I; got {pauli!r}")
        fitting = [b for b in self.outcomes if all(p in ("I", x) for p, x in zip(pauli, b, strict=True))]
        if not fitting:
            raise ValueError(f"{pauli} is not predicted: the bases are {', '.join(self.outcomes)}")
        total = np.sum([self.outcomes[basis] for basis in fitting], axis=0)
        if not total.sum() > 0:
            raise ValueError(f"no run is accepted, so {pauli} has no expectation value")
        signs = [
            (-1) ** sum(bit for bit, letter in zip((o >> 1, o & 1), pauli, strict=True) if letter != "I")
            for o in range(4)
        ]
        return _sharp(float(total @ signs / total.sum()), -1.0, 1.0)

    def fidelity(self) -> Estimate:
        """Fidelity to Φ⁺ as the stabilizers are read, (1 + ⟨XX⟩ − ⟨YY⟩ + ⟨ZZ⟩)/4, readout errors included.

        Raises:
            ValueError: if one of the bases XX, YY, ZZ is missing.
        """
        missing = [label for label, _ in _FIDELITY_TERMS if label not in self.outcomes]
        if missing:
            raise ValueError(f"the fidelity needs the bases XX, YY and ZZ; missing: {', '.join(missing)}")
        terms = sum(sign * self.expectation(label).best for label, sign in _FIDELITY_TERMS)
        return _sharp((1 + terms) / 4, 0.0, 1.0)

    def qber(self, basis: str) -> Estimate:
        """The quantum bit error rate in X, Y or Z: how often the ends disagree with Φ⁺.

        Raises:
            ValueError: if the basis is none of these, or is missing at both ends.
        """
        validation.choice("basis", basis, ("X", "Y", "Z"))
        if basis * 2 not in self.outcomes:
            raise ValueError(f"{basis * 2} is not predicted: the bases are {', '.join(self.outcomes)}")
        sign = -1 if basis == "Y" else 1
        return _sharp((1 - sign * self.expectation(basis * 2).best) / 2, 0.0, 1.0)

    def _repr_html_(self) -> str:
        rows = [(f"⟨{basis}⟩", f"{self.expectation(basis).best:.6f}") for basis in self.outcomes]
        return html_table(" – ".join(self.ends), [*rows, ("acceptance", f"{self.acceptance.best:.6g}")])


def _sharp(value: float, low: float, high: float) -> Estimate:
    if low - ROUNDING <= value <= high + ROUNDING:
        value = min(max(value, low), high)
    return Estimate(value, value, value)
