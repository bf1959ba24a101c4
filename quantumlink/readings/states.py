"""The exact states of a pair at many points, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.hardware.pauli_coefficients import bell_populations, density_matrices
from quantumlink.readings import state as one
from quantumlink.readings.observables import Observable, is_label, pauli_sum_of
from quantumlink.readings.state import PairState
from quantumlink.tables import html_table


@dataclass(frozen=True, eq=False, repr=False)
class PairStates:
    """The two-qubit states that a link ends with at many points, each given that it was accepted.

    Everything is as in `PairState`, but in arrays of the points' shape. ``states[i]`` is a `PairState` where
    the index picks one point, and `PairStates` where it picks several, as numpy's arrays do.

    >>> import numpy as np
    >>> import quantumlink as ql
    >>> link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)
    >>> states = ql.evaluate(link, fidelity=np.array([0.8, 1.0]))
    >>> states.fidelity.round(12).tolist(), states.qber("Z").round(6).tolist()
    ([0.8, 1.0], [0.133333, 0.0])
    """

    coefficients: FloatArray
    """Shape (*points, 4, 4): Tr(P⊗Q·ρ) for the left end's P and the right end's Q in the order I, X, Y, Z."""
    success_probability: FloatArray
    """Shape (*points): the probability that every herald accepts."""
    ends: tuple[str, str]
    """The names of the left and the right end node."""
    off_by: float = 0.0
    """As of `PairState`, of the state of them all that may be off most."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the points."""
        return self.success_probability.shape

    @property
    def size(self) -> int:
        """How many points there are."""
        return self.success_probability.size

    @property
    def bell_diagonal(self) -> FloatArray:
        """Shape (*points, 4): populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻)."""
        return bell_populations(self._vectors)

    @property
    def fidelity(self) -> FloatArray:
        """Shape (*points): fidelity to Φ⁺."""
        return self.bell_diagonal[..., 0]

    @property
    def density_matrices(self) -> ComplexArray:
        """Shape (*points, 4, 4), the left end as qubit 0, the least significant."""
        return density_matrices(self._vectors)

    @property
    def _vectors(self) -> FloatArray:
        return self.coefficients.reshape(*self.shape, 16)

    @property
    def chsh(self) -> FloatArray:
        """Shape (*points): the largest CHSH value over all measurements at each point (Horodecki et al. 1995)."""
        return one.largest_chsh(self.coefficients)

    def expectation(self, pauli: Observable) -> FloatArray:
        """Shape (*points): the expectation value of a two-letter Pauli label, the right end's letter first.

        Args:
            pauli: the label, or an operator of Qiskit's, see `PairState.expectation`.

        Raises:
            ValueError: as `PairState.expectation`.
        """
        if not is_label(pauli):
            told = pauli_sum_of(pauli, self.ends)
            terms = [coefficient * self.expectation(label) for coefficient, label in told.terms]
            return sum(terms, start=np.full(self.shape, told.constant))
        return self.coefficients[(..., *one.pauli_index(pauli))]

    def qber(self, basis: str) -> FloatArray:
        """Shape (*points): the quantum bit error rate when both ends measure in that basis.

        Raises:
            ValueError: if the basis is not X, Y or Z.
        """
        return (1 - one.agreement(basis) * self.expectation(basis * 2)) / 2

    def __getitem__(self, index: Any) -> PairState | PairStates:
        chosen = np.arange(self.size).reshape(self.shape)[index]  # whatever numpy takes as an index
        coefficients = self.coefficients.reshape(self.size, 4, 4)[chosen]
        success = self.success_probability.reshape(self.size)[chosen]
        coefficients.setflags(write=False)
        if np.ndim(chosen) == 0:
            return PairState(coefficients, float(success), self.ends, self.off_by)
        success.setflags(write=False)
        return PairStates(coefficients, success, self.ends, self.off_by)

    def __len__(self) -> int:
        return len(self.success_probability)

    def __iter__(self) -> Iterator[PairState | PairStates]:
        return (self[i] for i in range(len(self)))

    def _repr_html_(self) -> str:
        rows = [("points", " × ".join(map(str, self.shape)))]
        if self.size:
            rows += [
                ("fidelity to Φ⁺", _range_text(self.fidelity)),
                *((f"QBER {basis}", _range_text(self.qber(basis))) for basis in "ZXY"),
                ("CHSH, at best", _range_text(self.chsh)),
                ("success probability", _range_text(self.success_probability)),
            ]
        return html_table(" – ".join(self.ends), rows)

    def __repr__(self) -> str:
        text = f"<PairStates {self.ends[0]}–{self.ends[1]} at points of shape {self.shape}"
        return f"{text}: fidelity {_range_text(self.fidelity)}>" if self.size else f"{text}>"


def _range_text(values: FloatArray) -> str:
    return f"{values.min():.6g} to {values.max():.6g}"
