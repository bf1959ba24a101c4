"""The expression: a link is an immutable tree of elementary links, swaps and purifications.

An `ElementaryLink` joins two nodes through a medium; `swap` joins two links that meet at a relay; `purify`
spends one link to improve another between the same two nodes. Everything else reads this tree.

Every occurrence of a link in the tree is a pair of its own: ``purify(left, left)`` uses two pairs.
"""

from quantumlink.link.elementary import Attempts, ElementaryLink
from quantumlink.link.expression import CHAIN_ORDERS, ChainOrder, Purify, Swap, chain, purify, swap
from quantumlink.link.tree import Link, distinct_links, pairs_text

__all__ = [
    "CHAIN_ORDERS",
    "Attempts",
    "ChainOrder",
    "ElementaryLink",
    "Link",
    "Purify",
    "Swap",
    "chain",
    "distinct_links",
    "pairs_text",
    "purify",
    "swap",
]
