"""How many parities the bits of a good code stand in: published distributions for the binary symmetric channel.

Reference:
    D. Elkouss, A. Leverrier, R. Alléaume, J. Boutros, ISIT 2009, 1879 (arXiv:0901.2140), table I.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_EDGES: dict[float, dict[int, float]] = {
    0.50: {2: 0.14438, 3: 0.19026, 4: 0.01836, 5: 0.00233, 6: 0.04697, 8: 0.053943, 9: 0.05590, 10: 0.01290}
    | {11: 0.00162, 14: 0.06159, 15: 0.13115, 17: 0.01481, 47: 0.00879, 49: 0.00650, 55: 0.00210}
    | {56: 0.00099, 57: 0.11178, 58: 0.06238, 59: 0.05094, 66: 0.02230},
    0.55: {2: 0.16880, 3: 0.20994, 6: 0.18095, 15: 0.03846, 16: 0.02635, 18: 0.23454, 19: 0.05815, 31: 0.08280},
    0.60: {2: 0.11040, 3: 0.20804, 8: 0.14163, 9: 0.14858, 26: 0.14438, 27: 0.08909, 46: 0.00748, 71: 0.15038},
    0.65: {2: 0.10451, 3: 0.15652, 4: 0.08057, 5: 0.00056, 9: 0.12151, 13: 0.10485, 15: 0.10719}
    | {21: 0.00771, 51: 0.31656},
    0.70: {2: 0.05343, 3: 0.29406, 6: 0.00896, 9: 0.15571, 12: 0.12189, 25: 0.19872, 46: 0.09572}
    | {62: 0.02741, 65: 0.04056, 73: 0.00354},
    0.75: {2: 0.10805, 3: 0.09511, 4: 0.01449, 5: 0.13764, 6: 0.10667, 7: 0.05288, 28: 0.01107, 31: 0.47408},
    0.80: {2: 0.09420, 3: 0.18088, 6: 0.11972, 7: 0.08550, 8: 0.09816, 17: 0.07194, 26: 0.34960},
    0.85: {2: 0.04528, 3: 0.20537, 4: 0.05878, 5: 0.094274, 6: 0.08454, 7: 0.01176, 9: 0.05137, 21: 0.50015},
    0.90: {2: 0.07689, 3: 0.28096, 5: 0.08933, 9: 0.19620, 12: 0.30631, 21: 0.05031},
}
"""For each code rate the share of the edges that end at bits of each degree."""


def degrees(count: int, *, rate: float, most: int) -> NDArray[np.int64]:
    """The degrees of so many bits, rising.

    Args:
        count: number of bits.
        rate: of the code; between two published ones their distributions are mixed, beyond the last it is that.
        most: no degree is above; at least 2.

    >>> degrees(10, rate=0.9, most=8)
    array([2, 2, 3, 3, 3, 3, 3, 5, 8, 8])
    """
    published = sorted(_EDGES)
    above = min(int(np.searchsorted(published, rate)), len(published) - 1)
    low, high = published[max(above - 1, 0)], published[above]
    weight = float(np.clip((rate - low) / (high - low), 0, 1)) if high > low else 1.0
    edges: dict[int, float] = {}
    for share, table in ((1 - weight, _EDGES[low]), (weight, _EDGES[high])):
        for degree, part in table.items():
            edges[degree] = edges.get(degree, 0.0) + share * part
    kinds = np.array(sorted(edges))
    nodes = np.array([edges[int(kind)] / kind for kind in kinds])  # a bit of degree d has d edges
    until = np.rint(count * np.cumsum(nodes) / nodes.sum()).astype(np.int64)
    found: NDArray[np.int64] = np.minimum(np.repeat(kinds, np.diff(until, prepend=0)), most)
    return found
