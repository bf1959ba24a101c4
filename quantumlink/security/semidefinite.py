"""Semidefinite programs over states with known expectations, by cvxpy and Clarabel.

The packages come with ``pip install quantumlink[proofs]``.

What they give is taken as a proposal: who uses it checks it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quantumlink.arrays import ComplexArray, FloatArray

Operator = ComplexArray


_NEAR = 1e-10  # no other way need be tried
_WEIGHT = 1e3  # of a distance from the values against how mixed a state is


def feasible_state(observables: Operator, values: FloatArray, *, within: float) -> tuple[Operator, float]:
    """A state with the expectations, about as mixed as they allow, and how far it is from having them.

    Args:
        observables: Hermitian, shape (n, d, d), none much larger than 1.
        values: what each expectation is.
        within: how far it may be from that.

    Raises:
        ValueError: if no state was found that is so near.
        ArithmeticError: if the solver fails.
        ImportError: if a package is missing.
    """
    candidates, failed = [], None
    for softly in (True, False):  # where the solver fails one way, it mostly finds the other
        try:
            solved = _proposed_state(observables, values, softly=softly)
        except ArithmeticError as error:
            failed = error
            continue
        for state in (_nearest_state(matrix) for matrix in (solved, _moved(solved, observables, values))):
            distance = np.abs(np.einsum("aij,ji->a", observables, state).real - values)
            candidates.append((float(distance.max()), int(np.argmax(distance)), state))
        if min(far for far, _, _ in candidates) <= _NEAR:
            break
    if not candidates:
        raise ArithmeticError(str(failed))
    far, worst, state = min(candidates, key=lambda candidate: candidate[0])
    # Looked at anew: below a state that is not there anything can be proven.
    if far > within:
        raise ValueError(
            f"statistics must be those of a state: no state was found that has the expectations "
            f"{values[1:].tolist()}; the nearest one is {far:.2g} from the one at place {worst - 1}"
        )
    return state, far


def _proposed_state(observables: Operator, values: FloatArray, *, softly: bool) -> Operator:
    """What the solver takes for the most mixed state with the expectations, or softly: with nearly these.

    Raises:
        ArithmeticError: if it fails.
    """
    cvxpy = _cvxpy()
    size = observables.shape[1]
    real, imaginary = cvxpy.Variable((size, size), symmetric=True), cvxpy.Variable((size, size))
    least, far = cvxpy.Variable(), cvxpy.Variable()
    whole = cvxpy.bmat([[real, -imaginary], [imaginary, real]])
    found = cvxpy.hstack(
        [cvxpy.trace(operator.real @ real) - cvxpy.trace(operator.imag @ imaginary) for operator in observables]
    )
    constraints = [imaginary == -imaginary.T, whole - least * np.eye(2 * size) >> 0, cvxpy.trace(real) == 1]
    constraints += [least >= 0, cvxpy.abs(found - values) <= far] if softly else [found == values, far == 0]
    problem = cvxpy.Problem(cvxpy.Maximize(least - _WEIGHT * far), constraints)
    _solve(problem)
    if real.value is None:
        raise ArithmeticError(f"the semidefinite program has no solution: {problem.status}")
    solved: Operator = real.value + 1j * imaginary.value
    return solved


def _moved(matrix: Operator, observables: Operator, values: FloatArray) -> Operator:
    """The nearest Hermitian matrix that has the expectations, as far as they agree: what a solver lacks of them."""
    table = observables.reshape(len(observables), -1)
    gram = (table.conj() @ table.T).real
    lacking = values - np.einsum("aij,ji->a", observables, matrix).real
    return matrix + np.tensordot(np.linalg.lstsq(gram, lacking, rcond=None)[0], observables, axes=1)


def _nearest_state(matrix: Operator) -> Operator:
    """The matrix without what rounding made negative, of trace 1."""
    p, u = np.linalg.eigh((matrix + matrix.conj().T) / 2)
    p = np.maximum(p, 0.0)
    state: Operator = (u * (p / p.sum())) @ u.conj().T
    return state


def least_expectation(
    target: Operator, observables: Operator, values: FloatArray, *, within: FloatArray
) -> FloatArray:
    """Multipliers yᵢ with T − Σᵢ yᵢ·Γᵢ ≥ 0 and y·γ − |y|·δ as large as can be: the dual of the least Tr(T·ρ).

    Args:
        target: T, Hermitian.
        observables: Γᵢ, Hermitian, shape (n, d, d), none much larger than 1.
        values: γᵢ.
        within: δᵢ, how far the expectations may be from them.

    Raises:
        ArithmeticError: if the solver finds none.
    """
    cvxpy = _cvxpy()
    scale = max(1.0, float(np.abs(target).max()))  # gradients have large logarithms
    y = cvxpy.Variable(len(values))
    slack = _embedded(target / scale) - sum(y[i] * _embedded(g) for i, g in enumerate(observables))
    problem = cvxpy.Problem(cvxpy.Maximize(values @ y - within @ cvxpy.abs(y)), [slack >> 0])
    _solve(problem)
    if y.value is None:
        raise ArithmeticError(f"the semidefinite program has no solution: {problem.status}")
    return np.asarray(y.value, dtype=np.float64) * scale


def _embedded(operator: Operator) -> FloatArray:
    """A Hermitian matrix as a real symmetric one of twice the size, with the same eigenvalues."""
    return np.block([[operator.real, -operator.imag], [operator.imag, operator.real]])


def _solve(problem: Any) -> None:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of inaccurate solutions: they are checked
            problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    except BaseException as error:
        # Clarabel is of Rust, whose panics are no exceptions of Python's own kind.
        if type(error).__name__ not in ("SolverError", "PanicException"):
            raise
        raise ArithmeticError(f"the semidefinite program was not solved: {error}") from None


def _cvxpy() -> Any:
    try:
        import clarabel  # noqa: F401
        import cvxpy
    except ImportError:
        raise ImportError(
            "numerical_key_rate needs the packages cvxpy and clarabel: pip install quantumlink[proofs]"
        ) from None
    return cvxpy
