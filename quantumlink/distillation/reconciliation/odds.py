"""Odds of bits in belief propagation, and where they end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Odds = NDArray[np.float32]

SURE = np.float32(2.0**100)
"""Odds of a bit that is known to be 0; no odds are above, or below one over it, so what is learned of such a bit is
not kept."""
MOST_TOLD = np.float32(1 - 2.0**-12)
"""No row tells a larger expectation: odds of 2¹³. A bit of many rows, all of them sure, must not come to the end of
the range of numbers, or it would be lost when some of them become less sure."""
LEAST_EXPECTED = np.float32(1e-9)
"""What an expectation of nothing counts as: the others are found by dividing by it."""
