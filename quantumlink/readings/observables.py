"""What an expectation value is asked of: a Pauli label, or a sum of them as Qiskit has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from quantumlink import validation

if TYPE_CHECKING:
    from qiskit.quantum_info import Operator, Pauli, SparsePauliOp

Observable: TypeAlias = "str | Pauli | SparsePauliOp | Operator"
"""A label such as ``"ZZ"``, or a Hermitian operator of Qiskit's on the ends, the first end as qubit 0."""

HERMITIAN = 1e-9
"""Largest imaginary part of a coefficient that is taken for rounding, relative to the largest coefficient."""

ROUNDING = 1e-13
"""Coefficients of a matrix that are smaller than this, relative to its largest entry, are rounding."""


@dataclass(frozen=True)
class PauliSum:
    """An observable: a constant and a sum of Paulis."""

    constant: float
    """What multiplies the identity."""
    terms: tuple[tuple[float, str], ...]
    """Coefficients and labels, each label once, the identity left out."""

    @property
    def size(self) -> float:
        """The sum of the coefficients' sizes: no expectation value is farther than that from the constant."""
        return sum(abs(coefficient) for coefficient, _ in self.terms)


def is_label(observable: object) -> bool:
    """Whether an observable is given as a label, or as what is no observable at all."""
    if isinstance(observable, str):
        return True
    from qiskit.quantum_info.operators.base_operator import BaseOperator

    return not isinstance(observable, BaseOperator)


def pauli_sum_of(observable: Any, ends: Sequence[str]) -> PauliSum:
    """An operator of Qiskit's as a sum of Paulis.

    Args:
        observable: a `Pauli`, a `SparsePauliOp` or an `Operator`.
        ends: what the ends are called.

    Raises:
        TypeError: if it is another of Qiskit's objects, such as a channel.
        ValueError: if it is on another number of qubits, is not Hermitian, or has unbound parameters.
    """
    from qiskit.quantum_info import Operator, Pauli, ScalarOp, SparsePauliOp

    if not isinstance(observable, (Pauli, SparsePauliOp, Operator, ScalarOp)):  # channels tell no operator's phase
        told = "a label, or a Pauli, SparsePauliOp or Operator of Qiskit's"
        raise TypeError(f"pauli must be {told}; got a {type(observable).__name__}")
    k = len(ends)
    if tuple(observable.input_dims()) != (2,) * k or tuple(observable.output_dims()) != (2,) * k:
        raise ValueError(
            f"pauli must be an operator on {k} qubits, one for each end ({', '.join(ends)}), got one on "
            f"{observable.num_qubits or 'other systems than'} qubits"
        )
    if isinstance(observable, Pauli):
        found = SparsePauliOp(observable)
    elif isinstance(observable, SparsePauliOp):
        found = observable
        if found.parameters:
            raise ValueError(f"pauli must have numbers as coefficients, got parameters in {found.coeffs!r}")
    else:
        found = paulis_of(Operator(observable))
    sums: dict[str, complex] = {}
    for label, coefficient in found.to_list():
        sums[label] = sums.get(label, 0.0) + _finite(label, complex(coefficient))
    rounding = HERMITIAN * max(map(abs, sums.values()), default=0.0)
    for label, value in sums.items():
        if abs(value.imag) > rounding:
            raise ValueError(f"pauli must be Hermitian, so with real coefficients; that of {label} is {value:g}")
    constant = sums.pop("I" * k, 0.0).real
    return PauliSum(constant, tuple((value.real, label) for label, value in sums.items() if value.real))


def paulis_of(operator: Operator) -> SparsePauliOp:
    """A matrix as a sum of Paulis, to all digits: Qiskit itself leaves out what is below 1e-5."""
    from qiskit.quantum_info import SparsePauliOp

    return SparsePauliOp.from_operator(operator, atol=ROUNDING * float(abs(operator.data).max()), rtol=0.0)


def _finite(label: str, coefficient: complex) -> complex:
    for part in (coefficient.real, coefficient.imag):
        validation.number(f"the coefficient of {label}", part)
    return coefficient
