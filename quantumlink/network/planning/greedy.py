"""A plan found quickly: demand by demand, the paths that add least to the cost; then each is led anew.

It needs not be the best, but its cost bounds what the programme has to look for, and it is there if time runs out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from math import ceil, inf

from quantumlink.interrupts import between_parts
from quantumlink.network.planning.answers import PathFound
from quantumlink.network.planning.programme import Programme

ROUNDS = 3
"""How often every demand is led anew."""


class Greedy:
    """Leads demands one by one.

    Args:
        programme: the problem; what it was asked for is not changed.
    """

    def __init__(self, programme: Programme) -> None:
        self._p = programme
        self._paths: dict[int, list[PathFound]] = {}
        self._roles: dict[int, str] = {}
        self._steps: list[dict[int, list[tuple[int, int]]]] = []
        self.interrupted = False
        """Whether Ctrl-C was pressed after there was an answer."""
        for q in range(len(programme.demands)):
            steps = defaultdict(list)
            for (p, span, here), arc in programme.arcs.items():
                if p == q and programme.is_open(arc):
                    steps[here].append((span, programme.other(span, here)))
            self._steps.append(steps)

    def answer(self) -> tuple[tuple[PathFound, ...], dict[int, str]] | None:
        """Paths and what stands where; None if it finds none that hold."""
        p = self._p
        order = sorted(range(len(p.demands)), key=lambda q: -p.distance_km(q))
        for q in order:
            if not self._lead(q):
                return None
        with between_parts() as pressed:
            self._improve(order, pressed)
            self.interrupted = pressed()
        paths = tuple(path for q in sorted(self._paths) for path in self._paths[q])
        return paths, {site: self._role(site) for path in paths for site in path.sites[1:-1]}

    def _improve(self, order: list[int], pressed: Callable[[], bool]) -> None:
        best = self._value()
        for _ in range(ROUNDS):
            before = best
            for q in order:
                if pressed():
                    return
                kept = dict(self._paths)
                del self._paths[q]
                if not self._lead(q) or self._value() > best:
                    self._paths = kept
                best = self._value()
            if best >= before:
                return

    def _role(self, site: int) -> str:
        if site not in self._roles:
            roles = self._p.places.sites[site].hosts
            pairs = any(d.kind == "pairs" for d in self._p.demands)
            usable = [role for role in roles if role != "trusted" or not pairs]
            self._roles[site] = min(usable or roles, key=lambda role: getattr(self._p.costs, role))
        return self._roles[site]

    def _value(self) -> float:
        paths = [path for found in self._paths.values() for path in found]
        roles = {site: self._role(site) for path in paths for site in path.sites[1:-1]}
        return self._p.cost_of(paths, roles)

    def _lead(self, q: int) -> bool:
        """Give a demand its paths."""
        p, found = self._p, []
        passing = Counter(s for paths in self._paths.values() for path in paths for s in path.sites[1:-1])
        used = {s for paths in self._paths.values() for path in paths for s in path.spans}
        most = p.limits.paths_per_repeater or inf
        closed = {site for site, number in passing.items() if number >= most}
        taken: set[int] = set()
        for _ in range(p.limits.paths):
            path = self._path(q, passing, used, closed, taken)
            if path is None:
                return False
            splits = [s for s in path.sites[1:-1] if self._role(s) == "trusted"]
            if p.demands[q].kind == "pairs" and splits:
                return False
            if not p.judge.judge(p.demands[q], path.sites, path.spans, splits).good:
                return False
            found.append(path)
            closed |= set(path.sites[1:-1])
            taken |= set(path.spans)
        self._paths[q] = found
        return True

    def _path(
        self, q: int, passing: Counter[int], used: set[int], closed: set[int], taken: set[int]
    ) -> PathFound | None:
        """The path that adds least, by the number of hops (R. Bellman, Quart. Appl. Math. 16, 87 (1958))."""
        p = self._p
        start, end = p.ends[q]
        most = len(p.places.sites) if p.limits.max_repeaters is None else p.limits.max_repeaters + 1
        layer = {start: (0.0, PathFound(q, (start,), ()))}
        best: tuple[float, PathFound] | None = None
        for _ in range(most):
            reached: dict[int, tuple[float, PathFound]] = {}
            for here, (cost, path) in layer.items():
                for span, there in self._steps[q][here]:
                    if there in closed or there in path.sites or span in taken:
                        continue
                    each = cost + self._added(q, span, used)
                    if there != end and there not in passing:
                        each += p.price_of(there, self._role(there))
                    each += 1e-9 * p.judge.spans[span].length_km
                    longer = PathFound(q, (*path.sites, there), (*path.spans, span))
                    if there == end:
                        best = (each, longer) if best is None or each < best[0] else best
                    elif there not in reached or each < reached[there][0]:
                        reached[there] = (each, longer)
            layer = reached
            if not layer:
                break
        return None if best is None else best[1]

    def _added(self, q: int, span: int, used: set[int]) -> float:
        """What one more link costs, about."""
        p = self._p
        if not p.counted_links:
            return 0.0
        wanted, rate = p.needs.get((q, span), 0.0), p.judge.rate_hz(span)
        channels = ceil(wanted / (rate * p.limits.use) - 1e-9) if rate else 1
        cost = p.costs.source * max(channels, 0 if span in used else 1)
        return cost if span in used else cost + p.costs.fibre_per_km * p.judge.spans[span].length_km
