"""States of a pair as Pauli coefficients: to them, from them, and what a user may give as a state.

A pair is the vector of its 16 coefficients Tr(P⊗Q·ρ), the left qubit's Pauli P as the most significant digit, each
in the order I, X, Y, Z. As a density matrix the left qubit is the least significant, Qiskit's qubit 0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import ComplexArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence


STATE_TOLERANCE = 1e-9
"""How far a state that is given may be from trace 1, Hermitian and positive: that is rounding, no other state."""

ROUNDING = 1e-14
"""A coefficient, a trace's distance from 1 or an eigenvalue below this is rounding."""

BELL_PLACES = [5, 10, 15]
"""Where a Bell-diagonal pair has its coefficients beside the trace: XX, YY, ZZ."""

BELL_SIGNS = np.array([[1, -1, 1], [-1, 1, 1], [1, 1, -1], [-1, -1, -1]], dtype=float)
"""Signs of (XX, YY, ZZ) in Φ⁺, Φ⁻, Ψ⁺, Ψ⁻."""

FIDELITY_SIGNS: FloatArray = np.zeros(16)
"""Shape (16,): the fidelity of coefficients to Φ⁺ is their product with it."""
FIDELITY_SIGNS[[0, *BELL_PLACES]] = 0.25, *(BELL_SIGNS[0] / 4)


def bell_coefficients(populations: npt.ArrayLike) -> FloatArray:
    """Coefficients, shape (..., 16), of populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻), shape (..., 4)."""
    given = np.asarray(populations, dtype=float)
    vectors = np.zeros((*given.shape[:-1], 16))
    vectors[..., 0] = 1.0
    vectors[..., BELL_PLACES] = given @ BELL_SIGNS
    return vectors


def bell_populations(coefficients: FloatArray) -> FloatArray:
    """Populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻), shape (..., 4), of normalized coefficients of shape (..., 16)."""
    populations: FloatArray = (1 + coefficients[..., BELL_PLACES] @ BELL_SIGNS.T) / 4
    return populations


def key_errors(coefficients: FloatArray) -> FloatArray:
    """The mean of the error rates in X and Z, shape (...), of normalized coefficients of shape (..., 16)."""
    errors: FloatArray = (2 - coefficients[..., 5] - coefficients[..., 15]) / 4
    return errors


def density_matrices(coefficients: FloatArray) -> ComplexArray:
    """Density matrices, shape (..., 4, 4), of coefficients of shape (..., 16)."""
    found: ComplexArray = np.tensordot(coefficients, _paulis(), axes=1) / 4
    return found


def coefficients_of(density: ComplexArray) -> FloatArray:
    """Coefficients, shape (16,), of a density matrix; what is rounding of zero is zero."""
    found = np.einsum("pij,ji->p", _paulis(), density).real
    return np.where(np.abs(found) > ROUNDING, found, 0.0)


def read_state(name: str, value: Any) -> ComplexArray:
    """The density matrix, shape (4, 4), of two qubits that somebody gives; the left end is qubit 0.

    Args:
        name: what the argument is called.
        value: a Qiskit `DensityMatrix` or `Statevector`, whatever else has ``to_operator()`` (a `SparsePauliOp`, a
            `PairState`), or an array: amplitudes of shape (4,), a matrix of shape (4, 4), or one of shape (4, 4, 2)
            with real and imaginary parts apart, as files hold it.

    Raises:
        TypeError: if it holds something else than numbers.
        ValueError: if it is not of two qubits, or no state: its trace is not 1, it is not Hermitian or not
            positive; the text says by how much.
    """
    numbers = _numbers(name, value)
    if numbers.shape == (4, 4, 2):
        numbers = numbers[..., 0] + 1j * numbers[..., 1]
    if numbers.shape == (4,):
        norm = float(np.linalg.norm(numbers))
        if not abs(norm**2 - 1) <= STATE_TOLERANCE:
            raise ValueError(f"{name} must have norm 1: its squared amplitudes sum to {norm**2:.12g}")
        numbers = np.outer(numbers, numbers.conj())
    if numbers.shape != (4, 4):
        raise ValueError(
            f"{name} must be of two qubits: amplitudes of shape (4,) or a density matrix of shape (4, 4), "
            f"got the shape {numbers.shape}"
        )
    return _checked(name, numbers)


def _numbers(name: str, value: Any) -> ComplexArray:
    rule = f"{name} must be a DensityMatrix or Statevector of two qubits, or an array of numbers"
    if hasattr(value, "to_operator") and not hasattr(value, "__array__"):
        value = value.to_operator()
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal lengths
        raise ValueError(f"{rule}, got {value!r}") from None
    if array.dtype.kind not in "iufc":
        raise TypeError(f"{rule}, got {value!r}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers, got {value!r}")
    return array.astype(complex)


def _checked(name: str, matrix: ComplexArray) -> ComplexArray:
    rule = f"{name} must be a density matrix to {STATE_TOLERANCE:g}"
    most = STATE_TOLERANCE + ROUNDING  # 1 + 1e-9 is more than 1e-9 from 1, as a floating number
    skew = float(np.abs(matrix - matrix.conj().T).max())
    if skew > most:
        raise ValueError(f"{rule}: it is not Hermitian, it differs from its adjoint by up to {skew:.3g}")
    trace = float(np.trace(matrix).real)
    if abs(trace - 1) > most:
        raise ValueError(f"{rule}: its trace must be 1, it is {trace:.12g} (off by {trace - 1:.3g})")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -most:
        raise ValueError(f"{rule}: it is not positive, its least eigenvalue is {least:.3g}")
    hermitian: ComplexArray = (matrix + matrix.conj().T) / 2
    # Dividing by a trace that is 1 but for its last bit would make a state differ from its own copy in a file.
    return hermitian if abs(trace - 1) < ROUNDING else hermitian / trace


def populations_and_rest(
    density: ComplexArray,
) -> tuple[tuple[float, float, float, float], ComplexArray | None]:
    """The populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) in a state, and all of it unless they are all there is."""
    coefficients = coefficients_of(density)
    # Rounding may leave a population that vanishes a little below zero.
    found = np.maximum(bell_populations(coefficients), 0.0)
    a, b, c, d = (found / found.sum()).tolist()
    return (a, b, c, d), density if np.delete(coefficients, [0, *BELL_PLACES]).any() else None


def nested(density: ComplexArray) -> list[list[list[float]]]:
    """A density matrix as lists of shape (4, 4, 2), real and imaginary parts apart: what a file can hold."""
    parts: list[list[list[float]]] = np.stack([density.real, density.imag], axis=-1).tolist()
    return parts


def mixture(density: ComplexArray) -> tuple[FloatArray, Sequence[ComplexArray]]:
    """Eigenvalues above rounding, summing to 1, and their eigenvectors, each of shape (4,)."""
    values, vectors = np.linalg.eigh(density)
    kept = [k for k in range(3, -1, -1) if values[k] > ROUNDING]
    weights = values[kept]
    return weights / weights.sum(), [vectors[:, k] for k in kept]


@lru_cache(maxsize=1)
def _paulis() -> ComplexArray:
    """Shape (16, 4, 4): P⊗Q as matrices with the left qubit, P's, as the least significant."""
    from qiskit.quantum_info import Pauli

    return np.array([Pauli(q + p).to_matrix() for p in "IXYZ" for q in "IXYZ"])
