"""How fast a link can be, given how fast its elementary links are."""

from __future__ import annotations

from quantumlink.link import ElementaryLink, Link, Purify, distinct_links
from quantumlink.readings.exact import fold


def pairs_spent(link: Link) -> dict[ElementaryLink, float]:
    """How many pairs of each elementary link are used up for one accepted pair, on average.

    A purification that fails starts both its links again, so it uses 1/p of each.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import purify
    >>> pair = ElementaryLink(Node("a"), Node("b"), fidelity=0.7)
    >>> {str(e): round(n, 6) for e, n in pairs_spent(purify(pair, pair, "bbpssw")).items()}
    {'<ElementaryLink a–b, fidelity 0.7>': 2.941176}
    """
    parts = list(distinct_links(link))
    folded = fold(link)
    needed = {id(part): 0.0 for part in parts}
    needed[id(link)] = 1.0
    spent: dict[ElementaryLink, float] = {}
    for part in reversed(parts):  # parents before children
        count = needed[id(part)]
        if isinstance(part, ElementaryLink):
            spent[part] = spent.get(part, 0.0) + count
        if isinstance(part, Purify):
            count /= folded[id(part)].accepted
        for child in part.children:
            needed[id(child)] += count
    return spent


def highest_rate_hz(link: Link) -> float | None:
    """The rate of accepted pairs if nothing ever waits but for elementary pairs: no protocol is faster.

    Each elementary link delivers ``rate_hz`` pairs a second, and memories are without limit; the scarcest
    link then sets the pace. None if the rate of an elementary link is not known.
    """
    spent = pairs_spent(link)
    rates = []
    for elementary, count in spent.items():
        if elementary.rate_hz is None:
            return None
        rates.append(elementary.rate_hz / count)
    return min(rates)
