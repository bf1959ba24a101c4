"""The loops of `lifted_codes` and `belief_propagation` compiled by numba.

Each inner loop is short and has few arrays, so that it becomes vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from quantumlink.distillation.reconciliation.odds import LEAST_EXPECTED, MOST_TOLD, SURE

_ONE = np.float32(1)
_LEAST = np.float32(1 / SURE)
_RULES: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"nnan", "ninf", "nsz", "arcp", "contract"},
}


@njit(**_RULES)
def _add(sums, bits):
    for z in range(sums.shape[0]):
        sums[z] ^= bits[z]


@njit(**_RULES)
def add_parities(starts, columns, shifts, bits, sums):
    """Add to each row the bits of its edges, those of columns that there are."""
    lift = sums.shape[1]
    for row in range(len(sums)):
        for edge in range(starts[row], starts[row + 1]):
            if columns[edge] < len(bits):
                column, shift = bits[columns[edge]], shifts[edge]
                _add(sums[row, : lift - shift], column[shift:])
                _add(sums[row, lift - shift :], column[:shift])


@njit(**_RULES)
def _expect(odds, told, without, product):
    """Take away what the row told its bits, and multiply their expectations."""
    for z in range(odds.shape[0]):
        quotient = odds[z] / told[z]
        odds[z] = quotient
        expected = (quotient - _ONE) / (quotient + _ONE)
        expected = expected if abs(expected) > LEAST_EXPECTED else LEAST_EXPECTED
        without[z] = expected
        product[z] *= expected


@njit(**_RULES)
def _flip(sign, odds):
    """Take away from the sign of each parity its bit, as it seems now."""
    for z in range(odds.shape[0]):
        sign[z] = sign[z] if odds[z] >= _ONE else -sign[z]


@njit(**_RULES)
def _tell(odds, told, without, product):
    """Tell each bit the product of the others."""
    for z in range(odds.shape[0]):
        own = without[z]
        most = abs(own) * MOST_TOLD
        all_ = min(max(product[z], -most), most)
        new = (own + all_) / (own - all_)
        told[z] = new
        odds[z] = min(max(odds[z] * new, _LEAST), SURE)


@njit(**_RULES)
def _keep_known(odds, prior):
    for z in range(odds.shape[0]):
        sure = (prior[z] >= SURE) | (prior[z] <= _LEAST)
        odds[z] = prior[z] if sure else odds[z]


@njit(**_RULES)
def run(starts, columns, shifts, signs, prior, iterations):
    """All rounds: the odds afterwards, and whether all parities seemed right."""
    rows, lift = signs.shape
    odds = prior.copy()
    told = np.ones((len(columns), lift), dtype=np.float32)
    longest = 0
    for row in range(rows):
        longest = max(longest, starts[row + 1] - starts[row])
    now = np.empty((longest, lift), dtype=np.float32)  # each an array of its own, or no loop becomes vectors
    without = np.empty((longest, lift), dtype=np.float32)
    product = np.empty(lift, dtype=np.float32)
    sign = np.empty(lift, dtype=np.float32)
    for _ in range(iterations):
        wrong = 0
        for row in range(rows):
            first, count = starts[row], starts[row + 1] - starts[row]
            product[:] = signs[row]
            sign[:] = signs[row]
            for k in range(count):
                column, shift = odds[columns[first + k]], shifts[first + k]
                now[k, : lift - shift] = column[shift:]
                now[k, lift - shift :] = column[:shift]
                _flip(sign, now[k])
                _expect(now[k], told[first + k], without[k], product)
            for z in range(lift):
                wrong += sign[z] < 0
            for k in range(count):
                column, shift = odds[columns[first + k]], shifts[first + k]
                _tell(now[k], told[first + k], without[k], product)
                column[shift:] = now[k, : lift - shift]
                column[:shift] = now[k, lift - shift :]
        for column in range(len(odds)):
            _keep_known(odds[column], prior[column])
        if wrong == 0:
            return odds, True
    return odds, False
