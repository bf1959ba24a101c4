"""The expression: a link is an immutable tree of elementary links and of operations that consume links.

An `ElementaryLink` joins two nodes through a medium; `swap` joins two links that meet at a relay; `purify` spends
links to improve another between the same two nodes; `encode` corrects n copies of a link in a code; `join` wires
links into any operation, and may deliver a state on more than two nodes. Everything else reads this tree.

Every occurrence of a link in the tree is a pair of its own: ``purify(left, left)`` uses two pairs.
"""

from quantumlink.link.elementary import Attempts, ElementaryLink
from quantumlink.link.encoded import Encoded, Encoding, LogicalOperation, LogicalSwap, encode, end_encoding
from quantumlink.link.expression import CHAIN_ORDERS, ChainOrder, chain, purify, swap
from quantumlink.link.joins import Join, Purify, Swap, join
from quantumlink.link.operations import as_operation
from quantumlink.link.tree import Link, distinct_links, pairs_text
from quantumlink.link.weather import under

__all__ = [
    "CHAIN_ORDERS",
    "Attempts",
    "ChainOrder",
    "ElementaryLink",
    "Encoded",
    "Encoding",
    "Join",
    "Link",
    "LogicalOperation",
    "LogicalSwap",
    "Purify",
    "Swap",
    "as_operation",
    "chain",
    "distinct_links",
    "encode",
    "end_encoding",
    "join",
    "pairs_text",
    "purify",
    "swap",
    "under",
]
