"""What a path gives, exactly: its fidelity, and how many pairs of its links a pair or a secret bit takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, chain, swap
from quantumlink.network.load.demand import Demand
from quantumlink.network.load.ways import ROUNDING
from quantumlink.network.planning.equipment import Parts
from quantumlink.network.planning.places import Places, Span
from quantumlink.rates import secret_fraction
from quantumlink.readings.exact import evaluate


@dataclass(frozen=True)
class Judgement:
    """What is known of a path."""

    fidelity: float
    """Of its pairs; of a key over trusted nodes, of the worst segment's."""
    needs: tuple[float, ...]
    """For each span, how many of its pairs a delivered pair or secret bit takes."""
    good: bool
    """Whether it gives what is wanted."""
    bad_segment: tuple[int, int] = (0, 0)
    """From which site of the path to which it is not good enough."""


class Judge:
    """Judges paths; what was asked before is remembered.

    Args:
        places: sites and fibres.
        spans: places for elementary links.
        parts: what they are built from.
    """

    def __init__(self, places: Places, spans: Sequence[Span], parts: Parts) -> None:
        self.places, self.spans, self.parts = places, spans, parts
        self._links: dict[int, ElementaryLink] = {}
        self._known: dict[tuple[int, tuple[int, ...]], tuple[float, float]] = {}

    def node(self, site: int, role: str) -> Node:
        """What stands at a site."""
        found = self.places.sites[site]
        for link in self.places.given:
            for end in link.ends:
                if end.name == found.name:
                    return end
        return self.parts.node(found, role)

    def link(self, span: int) -> ElementaryLink:
        """One channel of an elementary link."""
        if span not in self._links:
            place = self.spans[span]
            ends = self.node(place.a, "repeater"), self.node(place.b, "repeater")
            self._links[span] = place.given or self.parts.link(*ends, place.length_km)
        return self._links[span]

    def rate_hz(self, span: int) -> float | None:
        """Pairs a second of one channel; None if it does not say how they come."""
        attempts = self.link(span).attempts
        return None if attempts is None else attempts.rate_hz

    def loss(self, span: int) -> float:
        """−log of what a link leaves of any correlation, at most."""
        return _loss(self.link(span))

    def swap_loss(self, site: int) -> float:
        """−log of what a swap at a site leaves of any correlation, at most."""
        left, right = (
            ElementaryLink(*ends) for ends in pairwise((Node("\0"), self.node(site, "repeater"), Node("\1")))
        )
        return _loss(swap(left, right))

    def segment(self, start: int, spans: tuple[int, ...]) -> tuple[float, float]:
        """Fidelity and secret fraction of one entangled stretch."""
        key = start, spans
        if key not in self._known:
            hops, here = [], start
            for span in spans:
                place, link = self.spans[span], self.link(span)
                forward = place.a == here
                name = self.places.sites[here].name
                hops.append(link if link.left.name == name else link.reversed())
                here = place.b if forward else place.a
            state = evaluate(chain(hops))
            self._known[key] = state.fidelity, secret_fraction(state.qber("Z"), state.qber("X"))
        return self._known[key]

    def needs(
        self, demand: Demand, sites: tuple[int, ...], spans: tuple[int, ...], splits: Sequence[int]
    ) -> list[float]:
        """For each span of a path, how many of its pairs a pair or secret bit takes."""
        stops = [0, *(i for i in range(1, len(spans)) if sites[i] in splits), len(spans)]
        found: list[float] = []
        for first, last in pairwise(stops):
            fraction = self.segment(sites[first], spans[first:last])[1] if demand.kind == "key" else 1.0
            found += [1 / fraction if fraction else np.inf] * (last - first)
        return found

    def judge(
        self, demand: Demand, sites: tuple[int, ...], spans: tuple[int, ...], splits: Sequence[int]
    ) -> Judgement:
        """A path through sites over spans, which trusted nodes at some sites cut into segments."""
        stops = [0, *(i for i in range(1, len(spans)) if sites[i] in splits), len(spans)]
        fidelity = 1.0
        for first, last in pairwise(stops):
            own, fraction = self.segment(sites[first], spans[first:last])
            if own < (demand.min_fidelity or 0.0) - ROUNDING or (demand.kind == "key" and not fraction):
                return Judgement(own, (), good=False, bad_segment=(first, last))
            fidelity = min(fidelity, own)
        return Judgement(fidelity, tuple(self.needs(demand, sites, spans, splits)), good=True)


def least_loss(demand: Demand) -> float:
    """The most that correlations of a pair may have lost, −log, for it to be good enough; infinite if any will do.

    F ≤ (1 + 3m)/4 where m is the largest correlation of a pair, and both error rates are at least (1 − m)/2.
    """
    allowed = np.inf
    if demand.min_fidelity is not None and demand.min_fidelity > 0.25:
        allowed = -np.log(max((4 * (demand.min_fidelity - ROUNDING) - 1) / 3, 1e-300))
    if demand.kind == "key":
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if secret_fraction((1 - middle) / 2, (1 - middle) / 2) else (middle, high)
        allowed = min(allowed, -np.log(low))
    return float(allowed)


def _loss(link: Link) -> float:
    table = np.asarray(evaluate(link).density_matrix.data)
    paulis = (np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1]))
    matrix = np.array([[np.trace(table @ np.kron(b, a)).real for b in paulis] for a in paulis])
    return float(-np.log(min(max(np.linalg.svd(matrix, compute_uv=False)[0], 1e-300), 1.0)))
