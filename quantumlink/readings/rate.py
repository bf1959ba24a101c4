"""How fast a link can be, given how fast its elementary links are."""

from __future__ import annotations

from quantumlink.link import ElementaryLink, Link, distinct_links
from quantumlink.readings.exact import fold


def pairs_spent(link: Link) -> dict[ElementaryLink, float]:
    """How many pairs of each elementary link are used up for one accepted pair, on average.

    An operation that fails starts all its links again, so it uses 1/p of each.

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
        count /= folded[id(part)].accepted
        for child in part.children:
            needed[id(child)] += count
    return spent


def highest_rate_hz(link: Link) -> float | None:
    """The rate of accepted pairs if nothing ever waits but for elementary pairs: no protocol is faster.

    Each elementary link delivers ``rate_hz`` pairs a second, or what its attempts give if they never pause, and
    memories are without limit; the scarcest link then sets the pace. None if for an elementary link neither is
    known.

    >>> from quantumlink.hardware import Node
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> left = ElementaryLink(a, r, success_probability=0.01, attempt_time_s=1e-4)
    >>> from quantumlink.link import swap
    >>> highest_rate_hz(swap(left, ElementaryLink(r, b, rate_hz=1000)))
    100.0
    """
    rates = []
    for elementary, count in pairs_spent(link).items():
        rate = _pairs_per_second(elementary)
        if rate is None:
            return None
        rates.append(rate / count)
    return min(rates)


def _pairs_per_second(elementary: ElementaryLink) -> float | None:
    if elementary.rate_hz is not None:
        return elementary.rate_hz
    attempts = elementary.attempts
    return None if attempts is None else attempts.rate_hz
