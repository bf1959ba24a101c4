"""The exact state of a pair, and what follows from it: of one pair, and in arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.estimation import Estimate
from quantumlink.hardware.pauli_coefficients import bell_populations, density_matrices
from quantumlink.readings.observables import Observable, is_label, pauli_sum_of
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from qiskit.quantum_info import DensityMatrix, Operator, SparsePauliOp


PAULI_LABELS = "IXYZ"


def largest_chsh(coefficients: FloatArray) -> FloatArray:
    """2√(t₁² + t₂²), shape (...): the two largest singular values of the correlations (Horodecki et al. 1995)."""
    singular = np.linalg.svd(coefficients[..., 1:, 1:], compute_uv=False)
    return 2 * np.hypot(singular[..., 0], singular[..., 1])  # type: ignore[no-any-return]


def is_pauli(label: object, ends: int) -> bool:
    """Whether it is a label with a letter I, X, Y or Z for each of so many ends."""
    return isinstance(label, str) and len(label) == ends and not set(label) - set(PAULI_LABELS)


def pauli_index(pauli: Any) -> tuple[int, int]:
    """Where a label's expectation value is in the coefficients.

    Raises:
        ValueError: if the label is not two letters of I, X, Y, Z.
    """
    if not is_pauli(pauli, 2):
        raise ValueError(f"pauli must be two letters of I, X, Y, Z, got {pauli!r}")
    return PAULI_LABELS.index(pauli[1]), PAULI_LABELS.index(pauli[0])  # the right end's letter is the first


def agreement(basis: str) -> int:
    """The correlation of Φ⁺ in a basis: 1 in X and Z, −1 in Y.

    Raises:
        ValueError: if the basis is not X, Y or Z.
    """
    validation.choice("basis", basis, ("X", "Y", "Z"))
    return -1 if basis == "Y" else 1


def pauli_sum(coefficients: FloatArray) -> SparsePauliOp:
    """The state ρ = Σ Tr(P·ρ)·P/2ᵏ as Qiskit's sum of Pauli labels, those that vanish left out.

    Args:
        coefficients: shape (4, …, 4), an axis for each of the k qubits, qubit 0 first, in the order I, X, Y, Z.
    """
    from qiskit.quantum_info import SparsePauliOp

    terms = [
        ("".join(PAULI_LABELS[i] for i in reversed(index)), coefficients[tuple(index)] / 2**coefficients.ndim)
        for index in np.argwhere(coefficients).tolist()
    ]
    return SparsePauliOp.from_list(terms, num_qubits=coefficients.ndim)


@dataclass(frozen=True, eq=False, repr=False)
class PairState:
    """The two-qubit state that a link ends with, given that it was accepted.

    Wherever a label or an array orders the two qubits, the left end is qubit 0 and the right end qubit 1, and
    labels read as Qiskit's: ``"ZX"`` is Z on the right end and X on the left one.

    >>> import quantumlink as ql
    >>> state = ql.evaluate(ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.97))
    >>> round(float(state.fidelity), 6), round(float(state.qber("Z")), 6), round(float(state.chsh), 4)
    (0.97, 0.02, 2.7153)
    """

    coefficients: FloatArray
    """Shape (4, 4): Tr(P⊗Q·ρ) for the left end's P and the right end's Q in the order I, X, Y, Z."""
    success_probability: float
    """The probability that every herald accepts."""
    ends: tuple[str, str]
    """The names of the left and the right end node."""
    off_by: float = 0.0
    """How far its populations may be off, all together, where some link was sampled (confidence 95 % each); 0 if it
    is exact."""

    @property
    def fidelity_estimate(self) -> Estimate:
        """The fidelity as an interval, of no width if the state is exact."""
        best = self.fidelity
        return Estimate(max(0.0, best - self.off_by), best, min(1.0, best + self.off_by))

    @property
    def bell_diagonal(self) -> tuple[float, float, float, float]:
        """Populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻)."""
        a, b, c, d = bell_populations(self.coefficients.reshape(16)).tolist()
        return a, b, c, d

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺, ⟨Φ⁺|ρ|Φ⁺⟩."""
        return self.bell_diagonal[0]

    @property
    def density_matrix(self) -> DensityMatrix:
        """The state as Qiskit's density matrix, left end as qubit 0."""
        from qiskit.quantum_info import DensityMatrix

        return DensityMatrix(density_matrices(self.coefficients.reshape(16)))

    @property
    def sparse_pauli_op(self) -> SparsePauliOp:
        """The state as Qiskit's sum of Paulis, Σ Tr(P·ρ)·P/4; in a label the right end's letter is the first.

        ``ElementaryLink(…, state=…)`` takes it back.
        """
        return pauli_sum(self.coefficients)

    def to_operator(self) -> Operator:
        """The density matrix as an operator, for Qiskit's ``DensityMatrix(state)`` and ``Operator(state)``."""
        return self.density_matrix.to_operator()

    @property
    def chsh(self) -> float:
        """The largest CHSH value over all measurements, 2√(t₁² + t₂²) (Horodecki et al. 1995).

        t₁, t₂ are the two largest singular values of the correlation matrix.
        """
        return float(largest_chsh(self.coefficients))

    def expectation(self, pauli: Observable) -> float:
        """The expectation value of a two-letter Pauli label, such as ``"ZZ"`` or ``"IX"``, or of an operator.

        Args:
            pauli: the label; or a `Pauli`, `SparsePauliOp` or `Operator` of Qiskit's, the left end as qubit 0.

        Raises:
            ValueError: if the label is not two letters of I, X, Y, Z, or the operator not Hermitian or not on two
                qubits.
        """
        if not is_label(pauli):
            told = pauli_sum_of(pauli, self.ends)
            return told.constant + sum(c * self.expectation(label) for c, label in told.terms)
        return float(self.coefficients[pauli_index(pauli)])

    def qber(self, basis: str) -> float:
        """The quantum bit error rate when both ends measure in that basis.

        The probability of a result that Φ⁺ would not give: unequal bits for Z and X, equal ones for Y.

        Raises:
            ValueError: if the basis is not X, Y or Z.
        """
        return (1 - agreement(basis) * self.expectation(basis * 2)) / 2

    def _repr_html_(self) -> str:
        rows = [
            ("fidelity to Φ⁺", f"{self.fidelity:.6f}"),
            ("populations Φ⁺, Φ⁻, Ψ⁺, Ψ⁻", ", ".join(f"{p:.6f}" for p in self.bell_diagonal)),
            ("QBER Z, X, Y", ", ".join(f"{self.qber(basis):.6f}" for basis in "ZXY")),
            ("CHSH, at best", f"{self.chsh:.6f}"),
            ("success probability", f"{self.success_probability:.6g}"),
            *([("sampled, off by at most", f"{self.off_by:.2g}")] if self.off_by else []),
        ]
        return html_table(" – ".join(self.ends), rows)

    def __repr__(self) -> str:
        return (
            f"<PairState {self.ends[0]}–{self.ends[1]}: fidelity {self.fidelity:.6f}, "
            f"success probability {self.success_probability:.6g}"
            f"{f', sampled, off by at most {self.off_by:.2g}' if self.off_by else ''}>"
        )
