"""Belief propagation: find the bits that have given parities, from how probable each was beforehand.

Row after row of a `LiftedCode`, all parities of a block at once (a *layered* schedule: what a row learns serves
the next row of the same round). Of each bit the odds o = P(0)/P(1) are kept, and of each edge the odds t that its
row last told. Without that row the bit has the odds q = o/t and the expectation d = ⟨(−1)^bit⟩ = (q − 1)/(q + 1).
With D the product of those of the row, and of the sign of its parity, the row tells each of its bits D/d: the
product of the others. In odds that is t' = (d + D)/(d − D), and o' = q·t'. This is the sum-product rule, exactly,
by three divisions, without a logarithm or an exponential.

With numba the loops are compiled; without, numpy does the same, several times slower.

References:
    R. G. Gallager, IRE Trans. Inf. Theory 8, 21 (1962), the rule of expectations.
    D. E. Hocevar, IEEE Workshop on Signal Processing Systems (2004), 107, layered schedules.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.reconciliation.lifted_codes import LiftedCode, compiled
from quantumlink.distillation.reconciliation.odds import LEAST_EXPECTED, MOST_TOLD, SURE, Odds


def decode(code: LiftedCode, parities: Bits, odds: Odds, *, iterations: int) -> tuple[Bits, bool]:
    """Look for bits that have these parities.

    Args:
        code: which bits each parity is of.
        parities: shape (rows, lift).
        odds: P(0)/P(1) of each bit beforehand, punctured blocks included: shape (blocks + pairs, lift), in
            [2⁻¹⁰⁰, 2¹⁰⁰]; bits at the ends of this range are known.
        iterations: rounds at most.

    Returns:
        The bits, shape (blocks + pairs, lift), and whether they have these parities.
    """
    signs = 1 - 2 * parities.astype(np.float32)
    kernel = compiled()
    run = _run if kernel is None else kernel.run
    after, converged = run(code.starts, code.columns, code.shifts, signs, odds, iterations)
    found = (after < 1).astype(np.uint8)
    # each parity was right when its row had its turn, and bits may have changed since
    return found, bool(converged) and np.array_equal(code.parities(found), parities)


def _run(
    starts: NDArray[np.int64],
    columns: NDArray[np.int64],
    shifts: NDArray[np.int64],
    signs: Odds,
    prior: Odds,
    iterations: int,
) -> tuple[Odds, bool]:
    """All rounds, in numpy: the odds afterwards, and whether all parities seemed right."""
    lift = signs.shape[1]
    odds = prior.ravel().copy()
    told = np.ones((len(columns), lift), dtype=np.float32)
    known = np.flatnonzero((prior.ravel() >= SURE) | (prior.ravel() <= 1 / SURE))
    place = columns[:, None] * lift + (np.arange(lift) + shifts[:, None]) % lift
    for _ in range(iterations):
        wrong = False
        for row, sign in enumerate(signs):
            edges = slice(starts[row], starts[row + 1])
            now = odds[place[edges]]
            wrong |= not np.array_equal(np.where(now < 1, -1, 1).prod(axis=0), sign)
            quotient = now / told[edges]
            without = (quotient - 1) / (quotient + 1)
            without[np.abs(without) <= LEAST_EXPECTED] = LEAST_EXPECTED
            product = sign * without.prod(axis=0)
            most = np.abs(without) * MOST_TOLD
            others = np.clip(product, -most, most)
            told[edges] = (without + others) / (without - others)
            odds[place[edges]] = np.clip(quotient * told[edges], 1 / SURE, SURE)
        odds[known] = prior.ravel()[known]
        if not wrong:
            return odds.reshape(prior.shape), True
    return odds.reshape(prior.shape), False
