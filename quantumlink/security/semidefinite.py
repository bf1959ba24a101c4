"""Semidefinite programs over states with known expectations, by cvxpy and Clarabel.

The packages come with ``pip install quantumlink[proofs]``.

What they give is taken as a proposal: who uses it checks it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quantumlink.arrays import ComplexArray, FloatArray

Operator = ComplexArray

_INFEASIBLE = 1e-6


def feasible_state(observables: Operator, values: FloatArray) -> Operator:
    """A state with the expectations, as mixed as they allow.

    Args:
        observables: Hermitian, shape (n, d, d), the identity among them.
        values: what each expectation is.

    Raises:
        ValueError: if no state has them.
        ImportError: if a package is missing.
    """
    cvxpy = _cvxpy()
    size = observables.shape[1]
    real, imaginary = cvxpy.Variable((size, size), symmetric=True), cvxpy.Variable((size, size))
    least = cvxpy.Variable()
    whole = cvxpy.bmat([[real, -imaginary], [imaginary, real]])
    expectations = [
        cvxpy.trace(operator.real @ real) - cvxpy.trace(operator.imag @ imaginary) for operator in observables
    ]
    constraints = [imaginary == -imaginary.T, whole - least * np.eye(2 * size) >> 0]
    constraints += [found == value for found, value in zip(expectations, values, strict=True)]
    problem = cvxpy.Problem(cvxpy.Maximize(least), constraints)
    _solve(problem)
    if problem.status not in ("optimal", "optimal_inaccurate") or least.value < -_INFEASIBLE:
        raise ValueError(
            f"statistics must be those of a state: no state has the expectations {values[1:].tolist()}"
        )
    return _with_expectations(real.value + 1j * imaginary.value, observables, values)


def least_expectation(target: Operator, observables: Operator, values: FloatArray) -> FloatArray:
    """Multipliers yᵢ with T − Σᵢ yᵢ·Γᵢ ≥ 0 and y·γ as large as can be: the dual of the least Tr(T·ρ).

    Args:
        target: T, Hermitian.
        observables: Γᵢ, Hermitian, shape (n, d, d).
        values: γᵢ.
    """
    cvxpy = _cvxpy()
    scale = max(1.0, float(np.abs(target).max()))  # gradients have large logarithms
    y = cvxpy.Variable(len(values))
    slack = _embedded(target / scale) - sum(y[i] * _embedded(g) for i, g in enumerate(observables))
    problem = cvxpy.Problem(cvxpy.Maximize(values @ y), [slack >> 0])
    _solve(problem)
    if y.value is None:
        raise ArithmeticError(f"the semidefinite program has no solution: {problem.status}")
    return np.asarray(y.value, dtype=np.float64) * scale


def _embedded(operator: Operator) -> FloatArray:
    """A Hermitian matrix as a real symmetric one of twice the size, with the same eigenvalues."""
    return np.block([[operator.real, -operator.imag], [operator.imag, operator.real]])


def _with_expectations(state: Operator, observables: Operator, values: FloatArray) -> Operator:
    """The nearest Hermitian matrix that has the expectations to rounding."""
    state = (state + state.conj().T) / 2
    table = observables.reshape(len(observables), -1)
    gram = (table.conj() @ table.T).real
    lacking = values - np.einsum("aij,ji->a", observables, state).real
    return state + np.tensordot(np.linalg.lstsq(gram, lacking, rcond=None)[0], observables, axes=1)


def _solve(problem: Any) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of inaccurate solutions: they are checked
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)


def _cvxpy() -> Any:
    try:
        import clarabel  # noqa: F401
        import cvxpy
    except ImportError:
        raise ImportError(
            "numerical_key_rate needs the packages cvxpy and clarabel: pip install quantumlink[proofs]"
        ) from None
    return cvxpy
