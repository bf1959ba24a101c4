"""All ways to use a path: every order of swaps, with every number of purification rounds at every stretch.

A *stretch* is a run of neighboring hops. Its alternatives are: a hop itself, or a swap of an alternative of a
shorter stretch with one of the rest, for every place to swap; then that purified 0, 1, … rounds, each round
with copies of itself (nested) and by any of the purifications. With p protocols and r rounds a hop has 1 + p + … +
pʳ alternatives, and the number grows quickly with the hops: four hops with one round of one protocol have 640,
with two rounds 10,935.

Dynamic programming makes the alternatives of longer stretches from those of shorter ones, many at once. Up to
`MOST_KEPT` in total nothing is left out. Beyond, each stretch keeps those that are on a Pareto front of time
against fidelity, against ⟨XX⟩, −⟨YY⟩, ⟨ZZ⟩ or secret bits: one that is slower and not better in any of these is
left out. As purification may prefer it nevertheless, the result is then good, and not proven to be the best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from quantumlink import rates
from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, purify, swap
from quantumlink.link.expression import is_odd, purification
from quantumlink.readings.forecasting.joins import joined, swapped_each_with_each
from quantumlink.readings.forecasting.stages import Stage, elementary, stacked

MOST_KEPT = 12_000
"""Alternatives of a path up to which all are compared."""

Recipe = tuple[Any, ...]
"""How an alternative is made: ("hop", link), ("swap", left, right) or ("purify", recipe, operation)."""

Stretch = tuple[tuple[ElementaryLink, ...], float, bool]
"""A stretch's hops, how many alternatives are kept, and whether memories on the path are limited."""


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Ways to make one stretch of a path."""

    stage: Stage
    recipes: tuple[Recipe, ...]

    def take(self, chosen: IndexArray) -> Alternatives:
        """Some of them."""
        return Alternatives(self.stage.take(chosen), tuple(self.recipes[i] for i in chosen))


def number_of_alternatives(hops: int, rounds: int, protocols: int) -> int:
    """How many ways there are to use a path.

    >>> number_of_alternatives(4, 1, 1), number_of_alternatives(4, 2, 1)
    (640, 10935)
    """
    ways = sum(protocols**r for r in range(rounds + 1))
    count: list[int] = [0, ways]
    for length in range(2, hops + 1):
        count.append(ways * sum(count[k] * count[length - k] for k in range(1, length)))
    return count[hops]


def alternatives(
    hops: Sequence[ElementaryLink],
    *,
    rounds: int,
    protocols: Sequence[Any],
    breadth: int,
    known: dict[Stretch, Alternatives] | None = None,
    step: Callable[[], None] = lambda: None,
) -> tuple[Alternatives, bool]:
    """The ways to use a path, and whether none was left out.

    Args:
        hops: the elementary links in turn.
        rounds: most rounds of purification of one stretch.
        protocols: the purifications to choose from, whatever `purify` takes.
        breadth: how many alternatives of each stretch are kept where not all can be.
        known: what was found for the stretches of other paths with the same options; grows by those of this one.
        step: called so often as `work` says.
    """
    complete = number_of_alternatives(len(hops), rounds, len(protocols)) <= MOST_KEPT
    keep = inf if complete else breadth
    limited = any(min(memory_limits(hop.ends)) < inf for hop in hops)
    made = {} if known is None else known
    for stretch in _stretches(hops):
        key = stretch, keep, limited
        if key in made:
            continue
        if len(stretch) == 1:
            base = Alternatives(elementary(stretch[0], _places(stretch[0])), (("hop", stretch[0]),))
        else:
            parts = [
                (made[stretch[:k], keep, limited], made[stretch[k:], keep, limited]) for k in range(1, len(stretch))
            ]
            base = _best(_together(_swaps(parts, keep)), keep)
        made[key] = _best(_purifications(base, rounds, protocols, in_turn=limited), keep)
        for _ in range(len(stretch)):
            step()
    return made[tuple(hops), keep, limited], complete


def work(paths: Sequence[Sequence[ElementaryLink]]) -> int:
    """How much there is to do for some paths: an equal part for every hop of every stretch, each stretch once.

    Stretches take time in proportion to the places to swap in them.
    """
    return sum(len(stretch) for stretch in {stretch for hops in paths for stretch in _stretches(hops)})


def _stretches(hops: Sequence[ElementaryLink]) -> list[tuple[ElementaryLink, ...]]:
    """The stretches of a path, shorter ones first."""
    return [tuple(hops[i : i + n]) for n in range(1, len(hops) + 1) for i in range(len(hops) - n + 1)]


_BITS = 34
"""Of what differs in later ones nothing is told."""


def link_of(recipe: Recipe) -> Link:
    """The link that a recipe makes; equal parts are one object."""
    known: dict[Recipe, Link] = {}

    def make(part: Recipe) -> Link:
        if part not in known:
            if part[0] == "hop":
                known[part] = part[1]
            elif part[0] == "swap":
                known[part] = swap(make(part[1]), make(part[2]))
            else:
                inner = make(part[1])
                known[part] = purify(*(inner,) * len(part[2].inputs), by=part[2])
        return known[part]

    return make(recipe)


def memory_limits(ends: Sequence[Node]) -> tuple[float, ...]:
    """How many qubits nodes can hold for each of their links."""
    return tuple(inf if node.memories is None else node.memories for node in ends)


def _places(hop: ElementaryLink) -> int:
    places = min(memory_limits(hop.ends))
    return 1 if places == inf else max(1, int(places))


def _swaps(parts: Sequence[tuple[Alternatives, Alternatives]], keep: float) -> list[Alternatives]:
    """Of each place to swap, every alternative on the left with every one on the right.

    If that is more than may be kept, only what is on a front of its place: nothing else is on a front of all.
    """
    number = sum(len(left.stage) * len(right.stage) for left, right in parts)
    choose = _on_fronts if number > keep else None
    result = []
    for left, right in parts:
        stage, first, second = swapped_each_with_each(left.stage, right.stage, choose)
        pairs = zip(first.tolist(), second.tolist(), strict=True)
        result.append(Alternatives(stage, tuple(("swap", left.recipes[i], right.recipes[j]) for i, j in pairs)))
    return result


def _purifications(base: Alternatives, rounds: int, protocols: Sequence[Any], *, in_turn: bool) -> Alternatives:
    """Each alternative purified up to so many times, as far as the ends' memories allow."""
    levels = [base]
    for _ in range(rounds):
        grown = []
        for operation, before in _by_operation(levels[-1], protocols):
            stage = joined(operation, *[before.stage] * len(operation.inputs), in_turn=in_turn)
            recipes = tuple(("purify", recipe, operation) for recipe in before.recipes)
            left, right = memory_limits(stage.ends)
            fits = np.flatnonzero((stage.left_memories <= left) & (stage.right_memories <= right))
            if len(fits):
                grown.append(Alternatives(stage, recipes).take(fits))
        if not grown:
            break
        levels.append(_together(grown))
    return _together(levels)


def _by_operation(found: Alternatives, protocols: Sequence[Any]) -> Iterator[tuple[Operation, Alternatives]]:
    """Each purification with the alternatives that it is applied to: its form may depend on what is kept."""
    odd = np.array([_is_odd(recipe) for recipe in found.recipes])
    for protocol in protocols:
        even_form, odd_form = (purification("protocols", protocol, odd=which) for which in (False, True))
        if even_form == odd_form:
            yield even_form, found
            continue
        for operation, mine in ((even_form, ~odd), (odd_form, odd)):
            if mine.any():
                yield operation, found.take(np.flatnonzero(mine))


def _is_odd(recipe: Recipe) -> bool:
    """Whether the pairs that an alternative keeps are of odd parity: see `quantumlink.link.expression.is_odd`."""
    while recipe[0] == "purify":
        if recipe[2].name == "epl":
            return False
        recipe = recipe[1]
    return recipe[0] == "hop" and is_odd(recipe[1])


def _together(parts: Sequence[Alternatives]) -> Alternatives:
    return Alternatives(stacked([p.stage for p in parts]), tuple(r for p in parts for r in p.recipes))


def _best(found: Alternatives, keep: float) -> Alternatives:
    """At most about so many alternatives: those on the fronts of time against what may matter."""
    if len(found.stage) <= keep:
        return found
    fronts = _fronts(*_seen(found.stage))
    share = max(1, int(keep / len(fronts)))
    chosen = _spread(fronts, share)
    # The fronts have much in common: what one of them leaves, the others may use.
    while share < max(map(len, fronts)):
        share += 1
        more = _spread(fronts, share)
        if len(more) > keep:
            break
        chosen = more
    return found.take(chosen)


def _spread(fronts: Sequence[IndexArray], share: int) -> IndexArray:
    """So many of each front, evenly, in order."""
    chosen = [
        front[np.linspace(0, len(front) - 1, share).round().astype(np.intp)] if len(front) > share else front
        for front in fronts
    ]
    return np.unique(np.concatenate(chosen))


def _seen(stage: Stage) -> tuple[FloatArray, FloatArray]:
    """The mean states of a stage's alternatives, and when both ends know of them, on average."""
    return stage.vectors, stage.mean_s + np.maximum(stage.left_lag_s, stage.right_lag_s)


def _on_fronts(vectors: FloatArray, time: FloatArray) -> IndexArray:
    """Those on any of the fronts, in order."""
    found: IndexArray = np.unique(np.concatenate(_fronts(vectors, time)))
    return found


def _fronts(vectors: FloatArray, time: FloatArray) -> list[IndexArray]:
    """The fronts of time against what may matter."""
    x, y, z = vectors[:, 5], -vectors[:, 10], vectors[:, 15]
    goods = [1 + x + y + z, x, y, z, secret_fractions(vectors)]
    return [_front(time, good) for good in goods]


def rounded(values: FloatArray) -> FloatArray:
    """Values to ten digits or so: what differs by rounding alone is equal, whatever machine it was computed on.

    Equal hops have equal alternatives, and a linear algebra's last digits depend on the processor: a search that
    told them apart would find other strategies there.
    """
    mantissa, exponent = np.frexp(values)
    found: FloatArray = np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS)
    return found


def _front(time: FloatArray, good: FloatArray) -> IndexArray:
    """Those for which no faster one is at least as good, fastest first."""
    time, good = rounded(time), rounded(good)
    order = np.lexsort((-good, time))
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(good[order])[:-1]])
    return order[good[order] > best_before].astype(np.intp)


def secret_fractions(vectors: FloatArray) -> FloatArray:
    """Secret bits per pair, `rates.secret_fraction` of many states: shape (n, 16) to (n,)."""
    errors = (1 - np.clip(vectors[:, [5, 15]], -1, 1)) / 2
    return rates.secret_fractions(errors[:, 1], errors[:, 0])
