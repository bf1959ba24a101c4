"""D(G(ρ) ‖ Z(G(ρ))) with its gradient and Hessian, in nats: what an eavesdropper lacks of a key bit.

Logarithms are taken on the supports of the maps, which are those of G(1) and Z(G(1)) for every ρ of full rank.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import ComplexArray, FloatArray

Operator = ComplexArray

_TINY = 1e-300
_SUPPORT = 1e-12


class KeyEntropy:
    """The relative entropy of what is kept of a round to the same with its key bit read.

    Args:
        kraus: operators of shape (m, d).
        projectors: of the key map, of shape (m, m), summing to the identity.
    """

    def __init__(self, kraus: Sequence[Operator], projectors: Sequence[Operator]) -> None:
        self._kraus, self._projectors = list(kraus), list(projectors)
        whole = [k.copy() for k in kraus]
        read = [z @ k for z in projectors for k in kraus]
        # Z(G(ρ)) is the sum over the outcomes of the key map, Z_k·K·ρ·K†·Z_k.
        self._maps = [(1.0, _on_support(whole)), (-1.0, _on_support(read))]

    def within(self, face: Operator) -> KeyEntropy:
        """The same for states of the face that the columns span: ρ = V·σ·V†."""
        return KeyEntropy([k @ face for k in self._kraus], self._projectors)

    def value(self, rho: Operator) -> float:
        """D in nats; of a state on the edge, with 0·ln 0 = 0."""
        total = 0.0
        for sign, kraus in self._maps:
            p = np.maximum(np.linalg.eigvalsh(_applied(kraus, rho)), 0.0)
            total += sign * float(p @ np.log(np.maximum(p, _TINY)))
        return max(0.0, total)

    def gradient(self, rho: Operator) -> Operator:
        """∇ with D(ρ + ε) = D(ρ) + Tr(∇·ε): G†(ln G(ρ)) − (Z∘G)†(ln Z(G(ρ))), for a state of full rank."""
        total = np.zeros_like(rho)
        for sign, kraus in self._maps:
            p, u = np.linalg.eigh(_applied(kraus, rho))
            logarithm = (u * np.log(np.maximum(p, _TINY))) @ u.conj().T
            total += sign * np.einsum("kji,jl,klm->im", kraus.conj(), logarithm, kraus)
        return (total + total.conj().T) / 2

    def hessian(self, rho: Operator, directions: Operator) -> FloatArray:
        """The second derivatives along the directions, shape (n, n)."""
        total = np.zeros((len(directions),) * 2)
        for sign, kraus in self._maps:
            p, u = np.linalg.eigh(_applied(kraus, rho))
            p = np.maximum(p, _TINY)
            moved = np.stack([u.conj().T @ _applied(kraus, g) @ u for g in directions])
            slopes = _divided_differences(p)
            total += sign * np.einsum("aij,ij,bji->ab", moved, slopes, moved).real
        return total


def affine_directions(observables: Operator) -> Operator:
    """A basis of the Hermitian matrices that change no expectation: shape (n, d, d), orthonormal."""
    size = observables.shape[1]
    units = hermitian_basis(size)
    table = np.einsum("aij,bji->ab", observables, units).real
    _, scales, rows = np.linalg.svd(table)
    rank = int((scales > 1e-9 * max(1.0, scales[0])).sum())
    return np.asarray(np.tensordot(rows[rank:], units, axes=1))


def hermitian_basis(size: int) -> Operator:
    """An orthonormal basis of the Hermitian matrices: shape (size², size, size)."""
    found = []
    for i in range(size):
        for j in range(size):
            unit = np.zeros((size, size), dtype=complex)
            if i == j:
                unit[i, i] = 1
            else:
                unit[i, j] = (1 if i < j else 1j) / np.sqrt(2)
                unit[j, i] = unit[i, j].conj()
            found.append(unit)
    return np.stack(found)


def inner(first: Operator, second: Operator) -> float:
    """Tr(A·B) of Hermitian matrices."""
    return float(np.einsum("ij,ji->", first, second).real)


def _applied(kraus: Operator, rho: Operator) -> Operator:
    found: Operator = np.einsum("kij,jl,kml->im", kraus, rho, kraus.conj())
    return found


def _on_support(kraus: list[Operator]) -> Operator:
    """The operators with their outputs in a basis of the space that they reach."""
    p, u = np.linalg.eigh(sum(k @ k.conj().T for k in kraus))
    reached = u[:, p > _SUPPORT * max(p[-1], _TINY)]
    return np.stack([reached.conj().T @ k for k in kraus])


def _divided_differences(p: FloatArray) -> FloatArray:
    """(ln p − ln q)/(p − q), on the diagonal 1/p."""
    ratio = (p[:, None] - p[None, :]) / (p[None, :] + _TINY)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(ratio) < 1e-12, 1 / p[None, :], np.log1p(ratio) / (ratio * p[None, :]))
