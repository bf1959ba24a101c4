"""Key rates of one's own protocol, from its operators and statistics: a numerical proof with a certificate.

A round is an unknown state ρ (of Alice's and Bob's systems) that an attacker chose. What is known of it are
expectations Tr(Γᵢ·ρ) = γᵢ. The Kraus operators Kⱼ describe what is kept of a round and how the key bit is written:
G(ρ) = Σⱼ KⱼρKⱼ†; the projectors Z_k of the key map read the bit. By Devetak and Winter the rate is

    R = min_ρ D(G(ρ) ‖ Z(G(ρ))) − leak,    Z(σ) = Σ_k Z_k·σ·Z_k,

with D in bits (Coles, Metodiev, Lütkenhaus). It is found in two steps (Winick, Lütkenhaus, Coles):

1. a ρ₀ that is nearly the best, by Newton's method with a barrier inside the states that have the statistics.
   Nothing rests on how well that went, but how near the proven rate comes to the true one;
2. D is convex, so its tangent at ρ₀ lies below it. The least value of the tangent is a semidefinite program, and
   any feasible point of the *dual* one bounds it from below: multipliers yᵢ with ∇ − Σᵢ yᵢ·Γᵢ ≥ 0. The multipliers
   are taken from the solver, and what the matrix lacks of being positive is computed anew and subtracted: so the
   rate is proven up to rounding, however accurate the solver.

Numbers are rounded, and statistics that contradict one another in the ninth digit are those of no state, of which
anything could be proven. So each expectation is known to within δᵢ only, and Σ|yᵢ|·δᵢ is subtracted as well.

Asymptotic: infinitely many rounds; against collective attacks, and so against coherent ones where the rounds may be
permuted (Renner 2005). Finite dimensions: photons need a squashing map or a cut-off of one's own.

References:
    A. Winick, N. Lütkenhaus, P. J. Coles, Quantum 2, 77 (2018).
    P. J. Coles, E. M. Metodiev, N. Lütkenhaus, Nat. Commun. 7, 11712 (2016).
    H. Hu, J. Im, J. Lin, N. Lütkenhaus, H. Wolkowicz, Quantum 6, 792 (2022): interior points and small faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.security.relative_entropy import KeyEntropy, affine_directions, inner
from quantumlink.security.semidefinite import feasible_state, least_expectation

Operator = ComplexArray

LARGEST = 16
"""Largest dimension of ρ."""

_FACE = 1e-6  # what is smaller than that among the eigenvalues of the most mixed state is no part of the face
_INFEASIBLE = 1e-6  # no nearer state: none
_BARRIERS = tuple(10.0**-k for k in range(1, 11))
_MIXED = 1e-10  # white noise in the point of the tangent, so that the gradient is finite


@dataclass(frozen=True)
class NumericalRate:
    """A key rate with the certificate that proves it, in bits per round."""

    rate: float
    """Secret bits per round, proven: ``entropy − leak``, at least 0."""
    entropy: float
    """What an eavesdropper lacks of the key bit, at least, in bits per round."""
    entropy_at_most: float
    """The entropy of a state that has the statistics, to the tolerance: the true one lies between."""
    leak: float
    """Bits per round that reconciliation discloses."""
    tangent: Operator
    """The gradient ∇ at the point of the tangent, in nats, Hermitian."""
    offset: float
    """What the tangent has besides: the entropy of any state ρ is at least ``offset + Tr(∇·ρ)``, in nats."""
    multipliers: FloatArray
    """yᵢ of the certificate; the first belongs to Tr ρ = 1, the others to the statistics."""
    tolerance: float
    """How far each expectation may be from what was told, in units of the observable's largest eigenvalue: that
    asked for, or that of the nearest state found."""

    @property
    def gap(self) -> float:
        """By how much the proof may fall short of the truth, in bits per round."""
        return self.entropy_at_most - self.entropy


def numerical_key_rate(
    *,
    kraus: Sequence[npt.ArrayLike],
    key_map: Sequence[npt.ArrayLike],
    statistics: Sequence[tuple[npt.ArrayLike, float]],
    leak: float = 0.0,
    tolerance: float = 1e-9,
) -> NumericalRate:
    """The asymptotic key rate of a protocol, proven from below.

    Needs the packages cvxpy and Clarabel (``pip install quantumlink[proofs]``).

    Args:
        kraus: Kraus operators of what is kept and how the key bit is written, each of shape (m, d); their sum of
            K†K must not exceed the identity. An announcement is a register of the m levels, or a Kraus operator of
            its own.
        key_map: projectors that read the key bit, each of shape (m, m), summing to the identity.
        statistics: observables, Hermitian of shape (d, d), and their expectations. That a source's half is
            untouched is a statistic too: one for each operator of a basis of it.
        leak: bits that reconciliation discloses, per round (those that are not kept included).
        tolerance: how far each expectation may be from what is told, in units of the observable's largest
            eigenvalue (in absolute value); in [1e-10, 1e-4]. The rate is proven for all such states; where none
            was found that near, for the distance of the nearest one, which must be at most 1e-6.

    Returns:
        The rate with its certificate.

    Raises:
        ValueError: if shapes do not fit, an operator is not Hermitian, no state has the statistics, or d is above
            `LARGEST`.
        ArithmeticError: if the solver finds no proof.
        ImportError: if a package is missing.

    >>> bits, signs = np.eye(2), np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    >>> def differ(basis):  # the two bits differ in a basis
    ...     a, b = (np.outer(v, v) for v in basis)
    ...     return np.kron(a, b) + np.kron(b, a)
    >>> keep = [np.kron(np.outer(v, v), np.eye(2)) for v in bits]  # Alice's bit is the key; BB84, mostly Z
    >>> found = numerical_key_rate(kraus=[np.eye(4)], key_map=keep, statistics=[(differ(bits), 0.05),
    ...                            (differ(signs), 0.05)], leak=0.2863969571)  # h(0.05)
    >>> round(found.rate, 6), found.gap < 1e-6  # 1 − 2·h(0.05)
    (0.427206, True)
    """
    operators, projectors = _checked_maps(kraus, key_map)
    observables, values = _checked_statistics(statistics, operators[0].shape[1])
    leak = validation.number("leak", leak, at_least=0.0)
    tolerance = validation.number("tolerance", tolerance, at_least=1e-10, at_most=1e-4)
    scales = np.array([float(np.abs(np.linalg.eigvalsh(o)).max()) or 1.0 for o in observables])
    observables, values = observables / scales[:, None, None], values / scales
    entropy = KeyEntropy(operators, projectors)
    start, distance = feasible_state(observables, values, within=max(tolerance, _INFEASIBLE))
    tolerance = max(tolerance, distance)
    within = np.array([0.0, *[tolerance] * (len(values) - 1)])  # Tr ρ is 1
    best = _nearly_best(entropy, observables, start)
    size = len(best)
    point = (1 - _MIXED) * best + _MIXED * np.eye(size) / size
    value, gradient = entropy.value(point), entropy.gradient(point)
    multipliers = least_expectation(gradient, observables, values, within=within)
    offset = value - inner(gradient, point)
    found = _certified(gradient, offset, multipliers, observables, values, within)
    most = entropy.value(best) / log(2)
    return NumericalRate(
        rate=max(0.0, found - leak),
        entropy=found,
        entropy_at_most=max(most, found),
        leak=leak,
        tangent=gradient,
        offset=offset,
        multipliers=multipliers / scales,
        tolerance=tolerance,
    )


def _certified(
    gradient: Operator,
    offset: float,
    multipliers: FloatArray,
    observables: Operator,
    values: FloatArray,
    within: FloatArray,
) -> float:
    """The entropy that the multipliers prove, in bits.

    It is y·γ, less |y|·δ, less what ∇ − Σᵢ yᵢ·Γᵢ lacks of being positive (Tr ρ is 1).
    """
    if not np.isfinite(multipliers).all():
        raise ArithmeticError("the semidefinite program was not solved: its multipliers are no finite numbers")
    slack = gradient - np.tensordot(multipliers, observables, axes=1)
    lacking = min(0.0, float(np.linalg.eigvalsh(slack)[0]))
    proven = offset + float(multipliers @ values) - float(np.abs(multipliers) @ within) + lacking
    return max(0.0, proven / log(2))


def _nearly_best(entropy: KeyEntropy, observables: Operator, start: Operator) -> Operator:
    """A state with the statistics at which the entropy is nearly least."""
    eigenvalues, vectors = np.linalg.eigh(start)
    # Where the statistics leave no states of full rank, the search goes on within the face that they leave.
    face = vectors[:, eigenvalues > _FACE * eigenvalues[-1]]
    inside = np.stack([face.conj().T @ operator @ face for operator in observables])
    reduced = entropy.within(face)
    state = face.conj().T @ start @ face
    directions = affine_directions(inside)
    for barrier in _BARRIERS if len(directions) else ():
        state = _newton(reduced, state, directions, barrier)
    whole: Operator = face @ state @ face.conj().T
    return whole


def _newton(entropy: KeyEntropy, state: Operator, directions: Operator, barrier: float) -> Operator:
    """The minimum of D − barrier·ln det ρ along the directions, from a state of full rank."""

    def objective(rho: Operator) -> float:
        eigenvalues = np.linalg.eigvalsh(rho)
        return np.inf if eigenvalues[0] <= 0 else entropy.value(rho) - barrier * float(np.log(eigenvalues).sum())

    for _ in range(60):
        inverse = np.linalg.inv(state)
        gradient = np.array([inner(g, entropy.gradient(state) - barrier * inverse) for g in directions])
        moved = inverse @ directions @ inverse
        hessian = entropy.hessian(state, directions)
        hessian += barrier * np.einsum("aij,bji->ab", directions, moved).real
        step = -np.linalg.lstsq(hessian, gradient, rcond=1e-15)[0]
        decrease = -float(gradient @ step)
        if decrease < 1e-14:
            break
        change, length, here = np.tensordot(step, directions, axes=1), 1.0, objective(state)
        while length > 1e-10 and not objective(state + length * change) <= here - 1e-4 * length * decrease:
            length /= 2
        if length <= 1e-10:
            break
        state = state + length * change
    return state


def _checked_maps(
    kraus: Sequence[npt.ArrayLike], key_map: Sequence[npt.ArrayLike]
) -> tuple[list[Operator], list[Operator]]:
    operators = [np.asarray(k, dtype=complex) for k in kraus]
    projectors = [_hermitian("key_map", z) for z in key_map]
    if not operators or any(k.ndim != 2 or k.shape != operators[0].shape for k in operators):
        raise ValueError(f"kraus must be matrices of one shape (m, d), got {[k.shape for k in operators]}")
    m, d = operators[0].shape
    if d > LARGEST:
        raise ValueError(f"kraus must act on at most {LARGEST} dimensions, got {d}")
    if float(np.linalg.eigvalsh(sum(k.conj().T @ k for k in operators))[-1]) > 1 + 1e-9:
        raise ValueError("kraus must have a sum of K†K of at most the identity: a round is kept at most once")
    if len(projectors) < 2 or any(z.shape != (m, m) for z in projectors):
        raise ValueError(
            f"key_map must be two or more projectors of shape {(m, m)}, got {[z.shape for z in projectors]}"
        )
    if any(not np.allclose(z @ z, z, rtol=0, atol=1e-9) for z in projectors) or not np.allclose(
        sum(projectors), np.eye(m), rtol=0, atol=1e-9
    ):
        raise ValueError("key_map must be projectors that sum to the identity")
    return operators, projectors


def _checked_statistics(
    statistics: Sequence[tuple[npt.ArrayLike, float]], dimension: int
) -> tuple[Operator, FloatArray]:
    """Observables and values, that of Tr ρ = 1 in front."""
    observables, values = [np.eye(dimension, dtype=complex)], [1.0]
    for observable, value in statistics:
        operator = _hermitian("statistics", observable)
        if operator.shape != (dimension, dimension):
            raise ValueError(f"statistics must have operators of shape {(dimension,) * 2}, got {operator.shape}")
        observables.append(operator)
        values.append(validation.number("statistics", value))
    return np.stack(observables), np.array(values)


def _hermitian(name: str, value: npt.ArrayLike) -> Operator:
    operator = np.asarray(value, dtype=complex)
    if operator.ndim != 2 or operator.shape[0] != operator.shape[1]:
        raise ValueError(f"{name} must hold square matrices, got shape {operator.shape}")
    if not np.allclose(operator, operator.conj().T, rtol=0, atol=1e-9):
        raise ValueError(f"{name} must hold Hermitian matrices, got {operator}")
    half: Operator = (operator + operator.conj().T) / 2  # eigenvalues are taken of one triangle
    return half
