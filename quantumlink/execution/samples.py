"""What a run measured: accepted outcomes per basis, and the estimates they support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantumlink import validation
from quantumlink.estimation import CONFIDENCE, Estimate, affine_estimate, binomial_estimate
from quantumlink.readings.state import html_table

Outcomes = tuple[int, int, int, int]
"""Accepted counts of the outcomes 00, 01, 10, 11, written right end, left end."""

NoiseSource = Literal["program", "sampler"]
"""Whose noise acted: the program's own processors and media, or that of the sampler it ran on."""

_PARITY = np.array([1, -1, -1, 1])
_FIDELITY_TERMS = (("XX", 1), ("YY", -1), ("ZZ", 1))


@dataclass(frozen=True)
class Samples:
    """Measured outcomes of a program's two ends, post-selected by its heralds and corrected by its frame.

    A basis label reads as Qiskit's: its rightmost letter belongs to the left end (qubit 0). Samples of the
    same program add up with ``+``.
    """

    ends: tuple[str, str]
    """The names of the left and the right end node."""
    outcomes: Mapping[str, Outcomes]
    """For each basis the accepted counts of 00, 01, 10, 11."""
    shots: Mapping[str, int]
    """For each basis the number of runs, accepted or not."""
    noise: NoiseSource = "program"
    """Whose noise acted."""
    engine: str = ""
    """What ran the circuits, and why it was chosen."""
    twirled_relaxation: bool = False
    """Whether memories relaxed by a Pauli twirl, an approximation that was asked for."""

    @property
    def acceptance(self) -> Estimate:
        """The probability that all heralds accept."""
        return binomial_estimate(sum(map(sum, self.outcomes.values())), sum(self.shots.values()))

    def expectation(self, pauli: str, *, confidence: float = CONFIDENCE) -> Estimate:
        """The expectation value of a Pauli label such as ``"ZZ"`` or ``"IX"``.

        Args:
            pauli: two letters of I, X, Y, Z; the rightmost belongs to the left end.
            confidence: of the interval.

        Raises:
            ValueError: if the label is not one, or no measured basis tells it.
        """
        if not isinstance(pauli, str) or len(pauli) != 2 or set(pauli) - set("IXYZ") or pauli == "II":
            raise ValueError(f"pauli must be two letters of I, X, Y, Z, not both I; got {pauli!r}")
        fitting = [b for b in self.outcomes if all(p in ("I", x) for p, x in zip(pauli, b, strict=True))]
        if not fitting:
            raise ValueError(
                f"{pauli} was not measured: the bases are {', '.join(self.outcomes)}; sample with it in bases"
            )
        counts = np.sum([self.outcomes[basis] for basis in fitting], axis=0)
        signs = np.array([_sign(pauli, outcome) for outcome in range(4)])
        even = binomial_estimate(int(counts[signs > 0].sum()), int(counts.sum()), confidence)
        return affine_estimate([(2.0, even)], offset=-1.0)

    def fidelity(self, *, confidence: float = CONFIDENCE) -> Estimate:
        """Fidelity to Φ⁺ from its stabilizers, (1 + ⟨XX⟩ − ⟨YY⟩ + ⟨ZZ⟩)/4.

        Raises:
            ValueError: if one of the bases XX, YY, ZZ was not measured.
        """
        missing = [label for label, _ in _FIDELITY_TERMS if label not in self.outcomes]
        if missing:
            raise ValueError(
                f"the fidelity needs the bases XX, YY and ZZ; not measured: {', '.join(missing)}; "
                f"the bases are {', '.join(self.outcomes)}"
            )
        terms = [(sign / 4, self.expectation(label, confidence=confidence)) for label, sign in _FIDELITY_TERMS]
        return affine_estimate(terms, offset=0.25, bounds=(0.0, 1.0))

    def qber(self, basis: str, *, confidence: float = CONFIDENCE) -> Estimate:
        """The quantum bit error rate in a basis: how often the ends disagree with Φ⁺.

        Unequal bits are errors for Z and X, equal ones for Y.

        Raises:
            ValueError: if the basis is not X, Y or Z, or was not measured at both ends.
        """
        validation.choice("basis", basis, ("X", "Y", "Z"))
        if basis * 2 not in self.outcomes:
            raise ValueError(
                f"{basis * 2} was not measured: the bases are {', '.join(self.outcomes)}; sample with it in bases"
            )
        counts = np.array(self.outcomes[basis * 2])
        wrong = _PARITY > 0 if basis == "Y" else _PARITY < 0
        return binomial_estimate(int(counts[wrong].sum()), int(counts.sum()), confidence)

    def __add__(self, other: Samples) -> Samples:
        if not isinstance(other, Samples):
            return NotImplemented
        if self._origin != other._origin:
            raise ValueError(f"only samples of one program add up, got {self._origin} and {other._origin}")
        bases = [*self.outcomes, *(b for b in other.outcomes if b not in self.outcomes)]
        nothing: Outcomes = (0, 0, 0, 0)
        total = {}
        for basis in bases:
            a, b, c, d = np.add(self.outcomes.get(basis, nothing), other.outcomes.get(basis, nothing)).tolist()
            total[basis] = (a, b, c, d)
        shots = {basis: self.shots.get(basis, 0) + other.shots.get(basis, 0) for basis in bases}
        engines = "; ".join(dict.fromkeys(e for e in (self.engine, other.engine) if e))
        return Samples(self.ends, total, shots, self.noise, engines, self.twirled_relaxation)

    @property
    def _origin(self) -> str:
        twirled = ", its relaxation twirled" * self.twirled_relaxation
        return f"{self.ends[0]}–{self.ends[1]} under the noise of the {self.noise}{twirled}"

    def _repr_html_(self) -> str:
        rows = [(f"⟨{basis}⟩", str(self.expectation(basis))) for basis in self.outcomes]
        if all(label in self.outcomes for label, _ in _FIDELITY_TERMS):
            rows.insert(0, ("fidelity to Φ⁺", str(self.fidelity())))
        rows += [("acceptance", str(self.acceptance)), ("runs", f"{sum(self.shots.values())}")]
        rows += [("noise of the", self.noise), ("engine", self.engine)]
        rows += [("relaxation", "Pauli-twirled, as asked for")] * self.twirled_relaxation
        return html_table(" – ".join(self.ends), rows)

    def __repr__(self) -> str:
        runs = ", ".join(f"{basis}: {sum(self.outcomes[basis])}/{self.shots[basis]}" for basis in self.outcomes)
        twirled = ", relaxation Pauli-twirled" * self.twirled_relaxation
        return f"<Samples {'–'.join(self.ends)}, accepted/runs {runs}, noise of the {self.noise}{twirled}>"


def _sign(pauli: str, outcome: int) -> int:
    """The eigenvalue of a label for an outcome 0…3, the left end as the least significant bit."""
    bits = (outcome >> 1, outcome & 1)
    return 1 - 2 * (sum(bit for bit, letter in zip(bits, pauli, strict=True) if letter != "I") % 2)
