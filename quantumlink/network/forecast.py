"""The forecast of a link: what state it delivers and how fast, in closed form, in about 0.1 ms for each operation.

It stands between two other readings: `evaluate` knows no time, and the sampled timeline knows every moment but
needs thousands of trials. Searches score their candidates by it, and the winner may then be simulated.

What it assumes is told in `stages`: swaps happen as soon as possible, memories wait for mean times, messages
travel at the media's speed.

Latency and rate are two things. The latency is the time to the first pair, the light time of its herald included.
An elementary link on its own is a stream: its attempts do not wait for the heralds of those before, if their clock
is faster than light, and the users take each pair as it comes. Its rate is then above 1/latency. What is swapped or
purified makes one pair after the other, each beginning with nothing, and its rate is 1/latency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, log2
from typing import Any

from quantumlink import validation
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, Purify, Swap, distinct_links
from quantumlink.link.tree import check_memories
from quantumlink.network.stages import IMPOSSIBLE, Stage, delivered, elementary, purified, swapped
from quantumlink.readings.state import PairState


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """What a link delivers, waiting and messages included."""

    state: PairState
    """The pair when both ends know their corrections."""
    latency_s: float | None
    """Mean time to the first accepted pair in seconds, from its first attempt until both ends know of it; None if
    some elementary link does not say how its pairs come."""
    interval_s: float | None
    """Mean time from one pair to the next in steady operation, in seconds; None where the latency is. It is the
    latency, except for a single elementary link: there the way of the heralds does not hold up the next pair."""

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺."""
        return self.state.fidelity

    @property
    def rate_hz(self) -> float | None:
        """Pairs per second in steady operation, 1/``interval_s``; None where the latency is.

        A single elementary link makes a stream: attempts go on while heralds travel, and the rate is that of its
        attempts, however far they go. A swap or a purification needs its pairs at the same time, so that every
        end-to-end pair begins with nothing when the one before is done: 1/latency, as in `simulate`.
        """
        return None if self.interval_s is None else 1 / self.interval_s

    @property
    def secret_fraction(self) -> float:
        """Secret bits per pair: see `secret_fraction`."""
        return secret_fraction(self.state.qber("Z"), self.state.qber("X"))

    @property
    def secret_key_rate_hz(self) -> float | None:
        """Secret bits per second; None where the latency is."""
        return None if self.interval_s is None else self.secret_fraction / self.interval_s

    def __repr__(self) -> str:
        return f"<Forecast {'–'.join(self.state.ends)}: {self._in_words()}>"

    def _in_words(self) -> str:
        text = f"fidelity {self.fidelity:.4f}"
        if self.rate_hz is None:
            return text
        return f"{text}, {self.rate_hz:.4g} pairs/s, {self.secret_key_rate_hz:.4g} secret bits/s"


def forecast(link: Link) -> Forecast:
    """The state that a link delivers and how long that takes, in closed form.

    Args:
        link: the link; for an elementary link that says nothing of its attempts, nobody waits.

    Raises:
        ValueError: if a purification can never succeed, or a node has fewer memories than are needed.

    >>> from quantumlink.hardware import Fiber, Node
    >>> from quantumlink.link import swap
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> hops = ElementaryLink(a, r, fidelity=0.98, rate_hz=100), ElementaryLink(r, b, fidelity=0.98, rate_hz=100)
    >>> forecast(swap(*hops))  # the slower of two exponential times takes 3/2 as long
    <Forecast a–b: fidelity 0.9605, 66.66 pairs/s, 43.26 secret bits/s>

    A clocked source over a long fiber: the first pair comes no sooner than light, the next at the clock's pace.

    >>> from quantumlink.hardware import NodeSource
    >>> far = forecast(ElementaryLink(a, b, Fiber(100), source=NodeSource(clock_hz=1e7)))
    >>> round(far.rate_hz), round(far.latency_s * 1e6)
    (100000, 500)
    """
    return forecasts(stage_of(link))[0]


def stage_of(link: Link) -> Stage:
    """The one alternative that a link is: see `forecast`."""
    validation.instance("link", link, Link, "a link")
    check_memories(link)
    found: dict[int, Stage] = {}
    leaves: dict[int, frozenset[ElementaryLink]] = {}
    parts = list(distinct_links(link))
    waiting_for, at_once = _uses(link, parts), _attempts_at_once(parts)
    for part in parts:
        children = [found[id(child)] for child in part.children]
        if isinstance(part, ElementaryLink):
            stage, below = elementary(part, at_once.get(id(part), 1)), frozenset([part])
        elif isinstance(part, Swap):
            stage, below = swapped(*children), frozenset().union(*(leaves[id(c)] for c in part.children))
        elif isinstance(part, Purify):
            kept, spent = (leaves[id(child)] for child in part.children)
            first, second = children
            stage = purified(first, second, part.protocol, in_turn=_in_turn(kept & spent))
            below = kept | spent
            _check(part, stage, children)
        else:
            raise TypeError(f"link must be made of elementary links, swaps and purifications, got {part!r}")
        found[id(part)], leaves[id(part)] = stage, below
        for child in part.children:
            _let_go(id(child), waiting_for, found, leaves)
    return found[id(link)]


def forecasts(stage: Stage) -> list[Forecast]:
    """One for each alternative of a stage."""
    vectors, latencies = delivered(stage)
    ends = stage.ends[0].name, stage.ends[1].name
    result = []
    rows = zip(vectors, stage.success, latencies, latencies - stage.overlap_s, strict=True)
    for vector, success, latency, interval in rows:
        coefficients = vector.reshape(4, 4).copy()
        coefficients.setflags(write=False)
        times = (float(latency), float(interval)) if isfinite(latency) else (None, None)
        result.append(Forecast(PairState(coefficients, float(success), ends), *times))
    return result


def secret_fraction(qber_z: float, qber_x: float) -> float:
    """Secret bits per pair of a key made in the Z basis, max(0, 1 − h(Q_X) − h(Q_Z)): asymptotic BBM92.

    Nearly all rounds are measured in Z, reconciliation is perfect. An error rate above one half gives nothing.

    Reference:
        P. W. Shor, J. Preskill, Phys. Rev. Lett. 85, 441 (2000).
    """
    if max(qber_z, qber_x) > 0.5:
        return 0.0
    return max(0.0, 1 - _entropy(qber_z) - _entropy(qber_x))


@lru_cache(maxsize=4096)
def _entropy(p: float) -> float:
    return -p * log2(p) - (1 - p) * log2(1 - p) if 0 < p < 1 else 0.0


def memory_limits(ends: Sequence[Node]) -> tuple[float, ...]:
    """How many qubits nodes can hold for each of their links."""
    return tuple(inf if node.memories is None else node.memories for node in ends)


def _in_turn(shared: Iterable[ElementaryLink]) -> bool:
    """Whether links that share these elementary links are made one after the other."""
    return any(min(memory_limits(leaf.ends)) < inf for leaf in shared)


def _attempts_at_once(parts: list[Link]) -> dict[int, int]:
    """How many attempts each elementary link makes at once, where a node says how many qubits it holds.

    As many as places are left while the purifications above hold a pair each; at least one.
    """
    held: dict[int, int] = {}
    for part in reversed(parts):
        above = held.get(id(part), 0)
        for i, child in enumerate(part.children):
            more = i if isinstance(part, Purify) else 0
            held[id(child)] = max(held.get(id(child), 0), above + more)
    found = {}
    for part in parts:
        places = min(memory_limits(part.ends))
        if isinstance(part, ElementaryLink) and places < inf:
            found[id(part)] = max(1, int(places) - held.get(id(part), 0))
    return found


def _check(part: Purify, stage: Stage, children: list[Stage]) -> None:
    before = children[0].success * children[1].success
    if stage.success[0] <= IMPOSSIBLE * before[0]:
        raise ValueError(f"this purification can never succeed: {part!r}")
    needed = stage.left_memories, stage.right_memories
    for node, limit, need in zip(part.ends, memory_limits(part.ends), needed, strict=True):
        if need[0] > limit:
            raise ValueError(
                f"purifying {part.left}–{part.right} needs {need[0]} qubits at a time for that link at "
                f"{node.name!r}, whose memories hold {node.memories}"
            )


def _uses(link: Link, parts: list[Link]) -> dict[int, int]:
    """How many parents each distinct link has."""
    count = {id(link): 1}
    for part in parts:
        for child in part.children:
            count[id(child)] = count.get(id(child), 0) + 1
    return count


def _let_go(key: int, waiting_for: dict[int, int], *kept: dict[int, Any]) -> None:
    """Forget a part once its last parent is done: a long chain needs the memory of a short one."""
    waiting_for[key] -= 1
    if not waiting_for[key]:
        for table in kept:
            del table[key]
