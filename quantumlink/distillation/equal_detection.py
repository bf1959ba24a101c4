"""Whether a bit is detected as often in one basis of the other end as in another: told by one's own bits.

The proofs take detection to be the same in all bases. Detectors of unequal efficiency break that: where Bob
measures Z he misses more ones than zeros, where he measures X he does not, so Alice's bits of Z hold fewer ones in
the former rounds. Were detection the same, his basis, chosen apart, would split the rounds of each of her bases at
random, whatever Eve did and whatever state there was: the ones in one part then follow the hypergeometric
distribution.

Each end looks at its own bits, of which no bit of the raw key is counted: giving up tells nothing of the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.records import Symbols
from quantumlink.distillation.sifting import FAIR_SAMPLE
from quantumlink.security.sampling import log_hypergeometric_cdf


def unequal_detection(
    bits: Bits,
    own: Symbols,
    others: Symbols,
    counted: NDArray[np.bool_],
    names: Sequence[str],
    their: Sequence[str],
    looks: int,
) -> str | None:
    """Why detection cannot be the same in all bases; None if it can.

    An honest channel and detectors that are alike are refused in at most one of 10¹² conversations.

    Args:
        bits: this end's bit of each detected round.
        own: its setting in each.
        others: the other end's.
        counted: which rounds count: none of the raw key.
        names: names of its settings.
        their: names of the other end's.
        looks: how often a conversation asks this, at all of its ends.
    """
    size = len(their)
    cells = own[counted].astype(np.intp) * size + others[counted]
    rounds = np.bincount(cells, minlength=len(names) * size).reshape(-1, size)
    ones = np.bincount(cells[bits[counted] == 1], minlength=len(names) * size).reshape(-1, size)
    most = log(FAIR_SAMPLE / (2 * rounds.size * looks))  # each cell may have too few ones, or too many
    for setting, (n, k) in enumerate(zip(rounds.tolist(), ones.tolist(), strict=True)):
        total, marked = sum(n), sum(k)
        for other in range(size):
            fewer = log_hypergeometric_cdf(k[other], total, marked, n[other])
            more = log_hypergeometric_cdf(n[other] - k[other], total, total - marked, n[other])
            if min(fewer, more) < most:
                rest = total - n[other]
                return (
                    f"of the bits in {names[setting]} {k[other] / n[other]:.4f} are 1 in {n[other]} rounds in "
                    f"which the other end chose {their[other]}, and {(marked - k[other]) / rest:.4f} in {rest} "
                    "others: "
                    "whether a photon is detected depends on its bit, and the proof does not cover that; detectors "
                    "of equal efficiency would help"
                )
    return None
