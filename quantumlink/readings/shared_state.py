"""The exact state of qubits on any number of nodes, and how near it is to what the link is to deliver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import FloatArray
from quantumlink.exact import PAULI_MATRICES
from quantumlink.readings.observables import Observable, is_label, pauli_sum_of
from quantumlink.readings.state import PAULI_LABELS, is_pauli, pauli_sum
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from qiskit.quantum_info import DensityMatrix, Operator, SparsePauliOp


MAX_ENDS = 8
"""Most ends whose state is told: 4⁸ coefficients."""

PURE = 1e-9
"""How far from 1 the purity of a pure state may be (rounding)."""


@dataclass(frozen=True, eq=False, repr=False)
class SharedState:
    """The state of the qubits that a link delivers to its ends, given that it was accepted.

    Wherever a label or an array orders the qubits, the first end is qubit 0, and labels read as Qiskit's: the
    rightmost letter belongs to the first end. Evaluated at many points, ``success_probability`` and ``fidelity``
    are arrays of the points' shape, and ``state[i]`` is the state at one of them.
    """

    coefficients: FloatArray
    """Shape (*points, 4, …, 4): Tr(P⊗Q⊗…·ρ), an axis for each end, the first end's P first, in the order
    I, X, Y, Z."""
    success_probability: Any
    """The probability that every herald accepts."""
    ends: tuple[str, ...]
    """What the ends are called: their nodes' names; where a node holds several, with a number in brackets."""
    target: FloatArray
    """Shape (4, …, 4): the coefficients of what perfect pairs, gates and memories would give."""

    @property
    def fidelity(self) -> Any:
        """Fidelity to the target, ⟨ψ|ρ|ψ⟩: to the state that perfect pairs, gates and memories would give.

        Raises:
            ValueError: if that is not a pure state.
        """
        k = len(self.ends)
        if not self._has_pure_target:
            raise ValueError(
                f"the fidelity needs a pure target, but perfect links give {'–'.join(self.ends)} a mixed state, or "
                f"it is not known: compare density matrices instead"
            )
        axes = tuple(range(-k, 0))
        return self._plain((self.coefficients * self.target).sum(axis=axes) / 2**k)

    @property
    def _has_pure_target(self) -> bool:
        purity = float((self.target**2).sum()) / 2 ** len(self.ends)
        return bool(abs(purity - 1) < PURE)

    @cached_property
    def stabilizers(self) -> tuple[tuple[str, int], ...]:
        """The target's stabilizers and their signs, without the identity; nothing if it is no stabilizer state."""
        return stabilizers_of(self.target)

    @property
    def density_matrix(self) -> DensityMatrix:
        """The state as Qiskit's density matrix, the first end as qubit 0.

        Raises:
            ValueError: if there are many points: take one of them first.
        """
        from qiskit.quantum_info import DensityMatrix

        k = len(self.ends)
        self._check_single("a density matrix")
        matrix: npt.NDArray[Any] = self.coefficients.astype(complex)
        for _ in range(k):  # each qubit's coefficient becomes (row, column), which go to the back
            matrix = np.tensordot(matrix, PAULI_MATRICES / 2, axes=(0, 0))
        rows, columns = [*range(0, 2 * k, 2)][::-1], [*range(1, 2 * k, 2)][::-1]
        return DensityMatrix(matrix.transpose(rows + columns).reshape(2**k, 2**k))

    @property
    def sparse_pauli_op(self) -> SparsePauliOp:
        """The state as Qiskit's sum of Paulis, Σ Tr(P·ρ)·P/2ᵏ; the rightmost letter belongs to the first end.

        Raises:
            ValueError: if there are many points: take one of them first.
        """
        self._check_single("a sum of Paulis")
        return pauli_sum(self.coefficients)

    def to_operator(self) -> Operator:
        """The density matrix as an operator: Qiskit's ``DensityMatrix(state)`` and ``Operator(state)`` ask for it.

        Raises:
            ValueError: if there are many points: take one of them first.
        """
        return self.density_matrix.to_operator()

    def _check_single(self, what: str) -> None:
        if self.shape:
            raise ValueError(f"{what} is of one point, got points of shape {self.shape}: take one, state[i]")

    def expectation(self, pauli: Observable) -> Any:
        """The expectation value of a Pauli label, or of a Hermitian operator of Qiskit's on the ends.

        Args:
            pauli: a letter for each end, the rightmost for the first one; or a `Pauli`, `SparsePauliOp` or
                `Operator`, the first end as qubit 0.

        Raises:
            ValueError: if the label is not one, or the operator not Hermitian or not on the ends.
        """
        if not is_label(pauli):
            told = pauli_sum_of(pauli, self.ends)
            terms = [coefficient * self.expectation(label) for coefficient, label in told.terms]
            return sum(terms, start=self._plain(np.full(self.shape, told.constant)))
        k = len(self.ends)
        if not is_pauli(pauli, k):
            raise ValueError(f"pauli must be {k} letters of I, X, Y, Z, got {pauli!r}")
        index = tuple(PAULI_LABELS.index(letter) for letter in reversed(str(pauli)))
        return self._plain(np.asarray(self.coefficients[(Ellipsis, *index)]))  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the points; () of a single state."""
        return self.coefficients.shape[: self.coefficients.ndim - len(self.ends)]

    def __getitem__(self, index: Any) -> SharedState:
        if not self.shape:
            raise TypeError("a single state has no points to choose from")
        k = len(self.ends)
        flat = np.arange(int(np.prod(self.shape))).reshape(self.shape)[index]
        coefficients = self.coefficients.reshape(-1, *(4,) * k)[flat]
        return SharedState(coefficients, self.success_probability.reshape(-1)[flat], self.ends, self.target)

    def _plain(self, value: Any) -> Any:
        return value if self.shape else float(value)

    def _repr_html_(self) -> str:
        rows = [("fidelity", str(self.fidelity))] if self._has_pure_target else []
        rows += [("success probability", str(self.success_probability))]
        if not self.shape:
            rows += [(f"⟨{label}⟩", f"{self.expectation(label):.6f}") for label, _ in self.stabilizers[:8]]
        return html_table(" – ".join(self.ends), rows)

    def __repr__(self) -> str:
        if self.shape:
            return f"<SharedState {'–'.join(self.ends)} at points of shape {self.shape}>"
        fidelity = f"fidelity {self.fidelity:.6f}, " if self._has_pure_target else ""
        return f"<SharedState {'–'.join(self.ends)}: {fidelity}success probability {self.success_probability:.6g}>"


def stabilizers_of(coefficients: FloatArray) -> tuple[tuple[str, int], ...]:
    """The Pauli labels of expectation ±1 of a state, shape (4, …, 4), identity left out; nothing if it is none.

    A stabilizer state of k qubits has 2ᵏ with the identity, and all others vanish.
    """
    k = coefficients.ndim
    found = np.argwhere(np.abs(np.abs(coefficients) - 1) < PURE)
    if len(found) != 2**k:
        return ()
    return tuple(
        ("".join(PAULI_LABELS[i] for i in index[::-1]), round(float(coefficients[tuple(index)])))
        for index in found.tolist()
        if any(index)
    )


def bases_for(stabilizers: tuple[tuple[str, int], ...]) -> list[str]:
    """A few bases in which all these stabilizers are measured: letters without I, one for each end."""
    bases: list[list[str]] = []
    for label, _ in sorted(stabilizers, key=lambda each: each[0].count("I")):
        for basis in bases:
            if all(a in ("I", b) or b == "I" for a, b in zip(label, basis, strict=True)):
                basis[:] = [b if a == "I" else a for a, b in zip(label, basis, strict=True)]
                break
        else:
            bases.append(list(label))
    return list(dict.fromkeys("".join(basis).replace("I", "Z") for basis in bases))
