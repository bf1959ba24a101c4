"""Binary entropies and logarithms in decimals, for bounds that are reckoned a second time."""

from decimal import Decimal

import pytest

TWO = Decimal(2)


def log2(x):
    return Decimal(x).ln() / TWO.ln()


def h(p):
    return -p * log2(p) - (1 - p) * log2(1 - p) if 0 < p < 1 else Decimal(0)


def close(found, expected, rel=1e-10):
    assert found == pytest.approx(float(expected), rel=rel, abs=1e-300)
