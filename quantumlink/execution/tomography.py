"""State tomography of a pair from its nine bases: linear inversion and maximum likelihood, with intervals.

The linear inversion is ρ = Σ_P ⟨P⟩ P/4 over all sixteen Pauli labels. The most likely state maximizes Σ n log p by
Cholesky factors ρ = T†T/tr T†T, and it is certified: by convexity no state is more likely by more than
N·(λ_max(R) − 1), with R = Σ (f/p) Π over all outcomes' projectors Π and shares f.

Intervals are those of the measured averages, whatever the method: what is estimated is a sum of averages of the
bases, and each average's interval is that of a coin (Clopper-Pearson), combined by MOVER; they are widened to hold
the best value. The interval of a Pauli label is that of `Samples.expectation`, of the fidelity `Samples.fidelity`.

References:
    Z. Hradil, Phys. Rev. A 55, R1561 (1997); D. F. V. James et al., Phys. Rev. A 64, 052312 (2001).
    S. Glancy, E. Knill, M. Girard, New J. Phys. 14, 095017 (2012), on the certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.estimation import Estimate, weighted_estimate
from quantumlink.execution.bases import sign_of
from quantumlink.readings.observables import paulis_of
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from quantumlink.execution.samples import Samples

Method = Literal["linear", "maximum_likelihood"]
METHODS: tuple[Method, ...] = get_args(Method)


BASES = tuple("".join(pair) for pair in product("XYZ", repeat=2))
LABELS = tuple("".join(pair) for pair in product("IXYZ", repeat=2))[1:]
_PAULI = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0 + 0j, -1.0]),
}
MAX_GAP = 0.01
"""By how much the log likelihood of the state found may be less than the largest: far below the half of one that a
standard deviation makes."""

MAX_RELATIVE_GAP = 1e-8
"""The same for each run, where there are so many that rounding shows."""


@dataclass(frozen=True, eq=False, repr=False)
class Tomography:
    """The state of a pair as it was measured."""

    ends: tuple[str, str]
    """The names of the left and the right end node."""
    matrix: ComplexArray
    """Shape (4, 4), left end as qubit 0; with ``"linear"`` it may have negative eigenvalues."""
    method: Method
    """How it was found."""
    confidence: float
    """Of the intervals."""
    samples: Samples = field(repr=False)
    """What it was found from."""

    @property
    def density_matrix(self) -> Any:
        """The matrix as Qiskit's `DensityMatrix`."""
        from qiskit.quantum_info import DensityMatrix

        return DensityMatrix(self.matrix)

    @property
    def sparse_pauli_op(self) -> Any:
        """The matrix as Qiskit's `SparsePauliOp`; in a label the right end's letter is the first."""
        return paulis_of(self.to_operator())

    def to_operator(self) -> Any:
        """The matrix as an operator: Qiskit's ``DensityMatrix(tomography)`` asks for it."""
        return self.density_matrix.to_operator()

    @property
    def is_physical(self) -> bool:
        """Whether no eigenvalue is negative."""
        return bool(np.linalg.eigvalsh(self.matrix).min() >= -1e-9)

    @cached_property
    def expectations(self) -> Mapping[str, Estimate]:
        """The expectation value of each of the fifteen Pauli labels, rightmost letter the left end's."""
        return {
            label: _holding(self._value(_pauli(label)), self.samples.expectation(label, confidence=self.confidence))
            for label in LABELS
        }

    def fidelity(self) -> Estimate:
        """Fidelity to Φ⁺ of the state."""
        phi = np.array([1, 0, 0, 1]) / np.sqrt(2)
        best = self._value(np.outer(phi, phi).astype(complex))
        return _holding(min(max(best, 0.0), 1.0), self.samples.fidelity(confidence=self.confidence))

    def expectation(self, observable: npt.ArrayLike) -> Estimate:
        """The expectation value of any observable.

        Args:
            observable: a Hermitian matrix of shape (4, 4), left end as qubit 0; ``(|i⟩⟨j| + |j⟩⟨i|)/2`` gives the
                real part of an element of the density matrix.

        Raises:
            TypeError: if it is a label: `expectations` has those.
            ValueError: if it is no Hermitian 4×4 matrix.
        """
        if isinstance(observable, str):
            raise TypeError(f"observable must be a matrix; expectations[{observable!r}] is that of a Pauli label")
        matrix = np.asarray(observable, dtype=complex)
        size = float(np.abs(matrix).max(initial=0.0))  # joules are as good as ones
        if matrix.shape != (4, 4) or not np.allclose(matrix, matrix.conj().T, rtol=0, atol=1e-12 * size):
            raise ValueError(f"observable must be a Hermitian matrix of shape (4, 4), got {observable!r}")
        offset, values = float(np.trace(matrix).real / 4), dict[str, FloatArray]()
        for label in LABELS:
            weight = float(np.trace(_pauli(label) @ matrix).real / 4)
            if abs(weight) > 1e-15 * size:  # every label is read in one of the bases that tell it
                basis = label.replace("I", "Z")
                signs = np.array([sign_of(label, outcome) for outcome in range(4)], dtype=float)
                values[basis] = values.get(basis, np.zeros(4)) + weight * signs
        best = self._value(matrix)
        if not values:
            return Estimate(best, best, best, self.confidence)
        terms = []
        for basis, of_outcome in values.items():
            least, span = float(of_outcome.min()), float(np.ptp(of_outcome))
            counts = np.array(self.samples.outcomes[basis])
            offset += least
            if span:
                terms.append((span, float(counts @ (of_outcome - least) / span), int(counts.sum())))
        eigenvalues = np.linalg.eigvalsh(matrix)
        limits = (float(eigenvalues[0]), float(eigenvalues[-1]))
        found = weighted_estimate(terms, offset=offset, bounds=limits, confidence=self.confidence)
        return _holding(best, found)

    def _value(self, observable: ComplexArray) -> float:
        return float(np.trace(self.matrix @ observable).real)

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("fidelity to Φ⁺", str(self.fidelity()))]
        rows += [(f"⟨{label}⟩", str(value)) for label, value in self.expectations.items()]
        return [*rows, ("method", self.method.replace("_", " "))]

    def _repr_html_(self) -> str:
        return html_table(f"{' – '.join(self.ends)}, tomography", self._rows())

    def __repr__(self) -> str:
        return f"<Tomography {'–'.join(self.ends)} ({self.method.replace('_', ' ')}): fidelity {self.fidelity()}>"


def pair_tomography(samples: Samples, method: Method, confidence: float) -> Tomography:
    """See `Samples.tomography`."""
    validation.choice("method", method, METHODS)
    if len(samples.ends) != 2:
        raise ValueError(f"tomography is of two ends, got {'–'.join(samples.ends)}")
    missing = [basis for basis in BASES if not sum(samples.outcomes.get(basis, ()))]
    if missing:
        raise ValueError(
            f"tomography needs accepted runs in all nine bases, there are none in {', '.join(missing)}: sample "
            f"with bases={list(BASES)}"
        )
    matrix = _linear(samples)
    if method == "maximum_likelihood":
        matrix = _most_likely(np.array([samples.outcomes[basis] for basis in BASES], dtype=float), matrix)
    left, right = samples.ends
    return Tomography((left, right), matrix, method, confidence, samples)


def _linear(samples: Samples) -> ComplexArray:
    terms = [samples.expectation(label).best * _pauli(label) for label in LABELS]
    return np.asarray(sum(terms, np.eye(4, dtype=complex)) / 4)


def _most_likely(counts: FloatArray, start: ComplexArray) -> ComplexArray:
    """The most likely state: counts of shape (9, 4), and any matrix to begin at."""
    from scipy.optimize import minimize, minimize_scalar

    projectors = _projectors()
    shares = (counts / counts.sum()).reshape(-1)
    seen = shares > 0
    shares, projectors = shares[seen], projectors[seen]

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        root, square, norm = _square(parameters)
        probabilities = np.maximum(np.einsum("kij,ji->k", projectors, square).real / norm, 1e-300)
        slope = root @ (np.einsum("k,kij->ij", shares / probabilities, projectors) - np.eye(4)) / norm
        gradient = -2 * np.concatenate([slope.real.ravel(), slope.imag.ravel()])
        return float(-shares @ np.log(probabilities)), gradient

    parameters, gap = _root(start, least=1e-2), np.inf
    for _ in range(40):
        options = {"maxiter": 2000, "ftol": 1e-16, "gtol": 1e-12}
        parameters = minimize(loss, parameters, jac=True, method="L-BFGS-B", options=options).x
        _, square, norm = _square(parameters)
        state = square / norm
        weights = shares / np.maximum(np.einsum("kij,ji->k", projectors, state).real, 1e-300)
        values, vectors = np.linalg.eigh(np.einsum("k,kij->ij", weights, projectors))
        gap = float(counts.sum() * (values[-1] - 1))
        if gap <= max(MAX_GAP, MAX_RELATIVE_GAP * counts.sum()):
            return state
        # Towards the pure state by which the likelihood grows fastest: off a face that it should not lie on.
        pure = np.outer(vectors[:, -1], vectors[:, -1].conj())

        def along(t: float, state: ComplexArray = state, pure: ComplexArray = pure) -> float:
            mixed = np.einsum("kij,ji->k", projectors, (1 - t) * state + t * pure).real
            return float(-shares @ np.log(np.maximum(mixed, 1e-300)))

        step = minimize_scalar(along, bounds=(0, 0.5), method="bounded", options={"xatol": 1e-10}).x
        parameters = _root((1 - step) * state + step * pure, least=0.0)
    raise ArithmeticError(f"the most likely state was not found: its log likelihood may be {gap:.3g} too small")


def _root(matrix: ComplexArray, *, least: float) -> FloatArray:
    """The parameters of a T with T†T near to the matrix, its eigenvalues no less than ``least``."""
    populations, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(populations, least))[:, None] * vectors.conj().T
    return np.concatenate([root.real.ravel(), root.imag.ravel()])


def _square(parameters: FloatArray) -> tuple[ComplexArray, ComplexArray, float]:
    """T, T†T and its trace."""
    root = (parameters[:16] + 1j * parameters[16:]).reshape(4, 4)
    square = root.conj().T @ root
    return root, square, float(np.trace(square).real)


@lru_cache(maxsize=1)
def _projectors() -> ComplexArray:
    """Of each basis and outcome 00, 01, 10, 11 (right end, left end): shape (36, 4, 4)."""
    found = []
    for basis in BASES:
        for right, left in product((1, -1), repeat=2):
            parts = [
                (np.eye(2) + sign * _PAULI[letter]) / 2 for letter, sign in zip(basis, (right, left), strict=True)
            ]
            found.append(np.kron(*parts))
    return np.array(found, dtype=complex)


def _pauli(label: str) -> ComplexArray:
    matrix: ComplexArray = np.kron(_PAULI[label[0]], _PAULI[label[1]])
    return matrix


def _holding(best: float, interval: Estimate) -> Estimate:
    return Estimate(min(interval.low, best), best, max(interval.high, best), interval.confidence)
