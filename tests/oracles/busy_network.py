"""Many demands on one network, slot by slot: lists and density matrices, written apart from the library.

Plays the rules that `quantumlink.network.control` states, for what is certain: every attempt succeeds, gates are
perfect and take no time, and purifications look for errors that there are none of. Then nothing is drawn, and each
delivery has one moment and one fidelity. Times are whole *ticks*, so that no rounding decides. Nothing is looked up
in the library: a case is plain numbers.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from oracles.event_by_event import bell_diagonal, relaxed, swapped

SWAP = np.eye(4)[[0, 2, 1, 3]]


@dataclass
class Link:
    """A link between nodes ``a`` and ``b``: an attempt takes ``time``, a message ``delay``, all in ticks."""

    a: str
    b: str
    time: int
    delay: int
    fidelity: float


@dataclass
class Flow:
    """What one demand wants; its routes are lists of (link number, whether it is told from its end ``b``)."""

    routes: list
    requests: list | None
    deadline: int | None = None
    floor: float = 0.0
    priority: int = 0


@dataclass
class Case:
    """A network and its demands."""

    slot: int
    memories: dict
    decay: dict
    """Of each node an object with ``t1_s`` and ``t2_s``, in ticks."""
    links: list
    flows: list
    weight: str
    paths: int = 1
    cutoff: int | None = None
    buffer: int = 16
    window: int = 64
    newest: bool = True
    early: bool = False
    levels: bool = False
    """Whether swaps go in a balanced order."""
    outages: list = field(default_factory=list)
    """(from, to, node or link number) in ticks."""
    attacks: list = field(default_factory=list)
    """(from, to, link number, fraction) in ticks: so many are measured in Z or X, and what was seen is sent on."""
    turn: int = 1
    """With the weight "turn", how long each flow's turn is, in ticks."""
    reserving: bool = False
    """Whether a request holds the links of its path, which make pairs for it alone, and no more than it wants."""
    setup: bool = True
    """Whether a message goes along the path and back before they begin."""
    rounds: int = 0
    """How often each hop's pairs are purified; they come with phase errors alone then."""


class Pair:
    """Two qubits, told from the route's first node: where they are, until when they waited, what they hold."""

    def __init__(self, rho, ends, at, places):
        self.rho, self.ends, self.made, self.places = rho, list(ends), at, list(places)
        self.since, self.known = [at, at], [at, at]
        self.span = self.where = None
        self.level, self.due = 0, None

    def turn(self):
        self.rho = SWAP @ self.rho @ SWAP
        for name in ("ends", "since", "known", "places"):
            getattr(self, name).reverse()


class Play:
    """One run, until a tick."""

    def __init__(self, case, until):
        self.case, self.until, self.now = case, until, 0
        self.queue, self.order = [], count()
        self.stock = [[] for _ in case.links]
        self.running = [0] * len(case.links)
        self.lives = [0] * len(case.links)
        self.down = dict.fromkeys([*case.memories, *range(len(case.links))], 0)
        self.used = {(i, side): 0 for i in range(len(case.links)) for side in (0, 1)}
        self.routes = [(f, r) for f, flow in enumerate(case.flows) for r in range(len(flow.routes))]
        self.on_routes = {i for n in range(len(self.routes)) for i, _ in self.hops(n)}
        self.held = [[] for _ in self.routes]
        self.taken = [[0] * len(self.hops(n)) for n in range(len(self.routes))]
        self.lifes = [0] * len(self.routes)
        self.active = [False] * len(self.routes)
        self.arrived, self.gone = [0] * len(case.flows), [0] * len(case.flows)
        self.served, self.last = [0] * len(case.flows), [0] * len(case.flows)
        self.deliveries = []
        self.books = Counter()
        self.holder: list = [None] * len(case.links)
        self.ready, self.unheard = [0] * len(case.links), [0] * len(case.links)
        self.at_slot(0, self.begin)
        for start, end, what in case.outages:
            self.at_slot(start, lambda t, what=what: self.fails(what, t))
            self.at_slot(end, lambda t, what=what: self.mended(what, t))
        for moment in range(case.turn, until + 1, case.turn) if case.weight == "turn" else ():
            self.at_slot(moment, lambda t: None)
        for f, flow in enumerate(case.flows):
            if flow.requests:
                self.at_slot(flow.requests[0], lambda t, f=f: self.request(f))
        self.run()

    def hops(self, n):
        flow, route = self.routes[n]
        return self.case.flows[flow].routes[route]

    def at_slot(self, time, what):
        """At the first slot at or after a time; those of one slot in the order in which they were asked for."""
        slot = max(-(-time // self.case.slot), self.now)
        heapq.heappush(self.queue, (slot, 0, next(self.order), time, what))

    def after_slot(self, time, what):
        heapq.heappush(self.queue, (max(time // self.case.slot, self.now), 1, next(self.order), time, what))

    def run(self):
        while self.queue and self.queue[0][0] * self.case.slot <= self.until:
            moment = self.queue[0][:2]
            self.now = moment[0]
            while self.queue and self.queue[0][:2] == moment:
                *_, time, what = heapq.heappop(self.queue)
                what(time)
            while self.decide():
                while self.queue and self.queue[0][:2] <= moment:
                    *_, time, what = heapq.heappop(self.queue)
                    what(time)

    @property
    def tick(self):
        return self.now * self.case.slot

    # What links do.

    def begin(self, _):
        self.reroute()
        for i in sorted(self.on_routes):
            self.attempt(i, 0)

    def attempt(self, i, time):
        link = self.case.links[i]
        places = [self.case.memories[link.a], self.case.memories[link.b]]
        if i not in self.on_routes or self.down[i] or self.down[link.a] or self.down[link.b]:
            return
        if self.case.reserving and self.holder[i] is None:
            return
        time = max(time, self.ready[i])
        while True:
            have = len(self.stock[i]) + self.running[i]
            if places == [None, None] and (have >= self.case.buffer):
                return
            if self.case.reserving and have + self.unheard[i] >= self.missing(i):
                return
            if not self.case.reserving and places == [None, None] and self.running[i]:
                return
            if any(p is not None and self.used[i, side] >= p for side, p in enumerate(places)):
                return
            self.used[i, 0] += 1
            self.used[i, 1] += 1
            self.running[i] += 1
            herald = time + max(link.time, link.delay)
            if herald <= self.until:
                self.at_slot(herald, lambda t, life=self.lives[i]: self.herald(i, t, life))

    def herald(self, i, time, life):
        if life != self.lives[i]:
            return
        link = self.case.links[i]
        self.running[i] -= 1
        rest = (1 - link.fidelity) / 3
        rho = bell_diagonal((link.fidelity, rest, rest, rest))
        if self.case.rounds:
            rho = bell_diagonal((link.fidelity, 1 - link.fidelity, 0, 0))
        for start, end, attacked, fraction in self.case.attacks:
            if attacked == i and -(-start // self.case.slot) <= self.now < -(-end // self.case.slot):
                rho = (1 - fraction) * rho + fraction * (seen(rho, "Z") + seen(rho, "X")) / 2
        pair = Pair(rho, (link.a, link.b), time, ((i, 0), (i, 1)))
        self.books["made"] += 1
        pair.where = self.stock[i]
        pair.where.append(pair)
        self.ages(pair)
        self.attempt(i, time - max(link.delay - link.time, 0))

    def ages(self, pair):
        if self.case.cutoff is not None:
            pair.due = pair.made + self.case.cutoff
            if pair.due <= self.until:
                self.after_slot(pair.due, lambda t, due=pair.due: self.too_old(pair, due, t))

    def too_old(self, pair, due, time):
        if pair.where is None or pair.due != due:
            return
        told = time + self.way(pair)
        self.books["expired"] += 1
        if pair.span is None and told > self.tick:
            link, life = pair.places[0][0], self.lives[pair.places[0][0]]
            self.unheard[link] += 1
            self.at_slot(told, lambda t: self.heard(link, life, t))
        self.give_up(pair, told)

    def heard(self, i, life, time):
        """The other end knows that a pair in stock was too old."""
        if life == self.lives[i]:
            self.unheard[i] -= 1
            self.attempt(i, time)

    def way(self, pair):
        """How long a message takes from one end of a pair to the other."""
        if pair.span is None:
            return self.case.links[pair.places[0][0]].delay
        n, i, j = pair.span
        return sum(self.case.links[number].delay for number, _ in self.hops(n)[i:j])

    def give_up(self, pair, told):
        """A pair is dropped: places are free, and it is wanted again, when the other end knows."""
        if pair.span is not None:
            self.release(pair.span, told, pair.level)
        self.forget(pair, told)
        if pair.span is not None and told <= self.tick:
            self.again(pair.span, told)

    def again(self, span, time):
        """What is wanted again is made."""
        n, i, j = span
        for hop in range(i, j):
            self.attempt(self.hops(n)[hop][0], time)

    def forget(self, pair, told):
        pair.where.remove(pair)
        pair.where = None
        for place in pair.places:
            self.free(place, told)

    def release(self, span, told, level):
        n, i, j = span
        life = self.lifes[n]

        def back(_):
            if life == self.lifes[n]:
                for hop in range(i, j):
                    self.taken[n][hop] -= 2**level
                if told_later:
                    self.again(span, told)

        told_later = told > self.tick
        if told > self.tick:
            self.at_slot(told, back)
        else:
            back(told)

    def free(self, place, time):
        def vacate(at):
            self.used[place] -= 1
            self.attempt(place[0], at)

        if time > self.tick:
            self.at_slot(time, vacate)
        else:
            vacate(time)

    # What is asked for, and what fails.

    def request(self, f):
        flow = self.case.flows[f]
        asked = flow.requests[self.arrived[f]]
        self.arrived[f] += 1
        if flow.deadline is not None:
            self.at_slot(asked + flow.deadline + 1, lambda t: self.overdue(f))
        if self.arrived[f] < len(flow.requests):
            self.at_slot(flow.requests[self.arrived[f]], lambda t: self.request(f))
        self.call(f)

    def overdue(self, f):
        flow = self.case.flows[f]
        while self.gone[f] < self.arrived[f] and self.tick > flow.requests[self.gone[f]] + flow.deadline:
            self.gone[f] += 1
            self.waits_no_more(f)

    def waits_no_more(self, f):
        """Paths that are held for more requests than wait are let go, the last first."""
        holding = [n for n, (g, _) in enumerate(self.routes) if g == f and n in self.holder]
        for n in holding[::-1][: max(len(holding) - self.wanted(f), 0)]:
            self.let_go(n)

    def wanted(self, f):
        if self.case.flows[f].requests is None:
            return self.case.window
        return min(self.arrived[f] - self.gone[f], self.case.window)

    def fails(self, what, time):
        self.down[what] += 1
        if isinstance(what, str):
            for pair in [p for held in (*self.stock, *self.held) for p in held if what in p.ends]:
                span = pair.span
                self.books["lost"] += 1
                self.forget(pair, self.tick)
                if span is not None:
                    self.release(span, self.tick, pair.level)
        for i, link in enumerate(self.case.links):
            if what in (i, link.a, link.b):
                self.stop(i)
        self.reroute()

    def stop(self, i):
        """What a link has begun comes to nothing."""
        self.lives[i] += 1
        self.used[i, 0] -= self.running[i]
        self.used[i, 1] -= self.running[i]
        self.running[i] = self.unheard[i] = 0

    def mended(self, what, time):
        self.down[what] -= 1
        self.reroute()
        for i, link in enumerate(self.case.links):
            if what in (i, link.a, link.b):
                self.attempt(i, self.tick)

    def reroute(self):
        for f, flow in enumerate(self.case.flows):
            left = self.case.paths
            for r in range(len(flow.routes)):
                n = self.routes.index((f, r))
                parts = [i for i, _ in self.hops(n)]
                parts += [end for i in list(parts) for end in (self.case.links[i].a, self.case.links[i].b)]
                good = left > 0 and not any(self.down[part] for part in parts)
                left -= good
                if self.active[n] and not good:
                    self.active[n] = False
                    self.let_go(n)
                    self.abandon(n)
                self.active[n] = good

    def abandon(self, n):
        """All that a route was making is dropped."""
        self.lifes[n] += 1
        self.taken[n] = [0] * len(self.taken[n])
        for pair in list(self.held[n]):
            self.books["released"] += 1
            self.forget(pair, self.tick)

    # Paths that are held.

    def missing(self, i):
        """How many pairs of a link its holder wants, beside those that it has taken."""
        n = self.holder[i]
        hop = [number for number, _ in self.hops(n)].index(i)
        return max(self.wanted(self.routes[n][0]) * self.need - self.taken[n][hop], 0)

    def hold(self, n):
        """Whether a route holds its path, from now on if it can: one path for each request at most."""
        if n in self.holder:
            return True
        f, own = self.routes[n][0], [number for number, _ in self.hops(n)]
        holding = sum(k in self.holder for k, (g, _) in enumerate(self.routes) if g == f)
        if holding >= self.wanted(f) or any(self.holder[i] is not None for i in own):
            return False
        for i in own:
            self.holder[i] = n
            self.ready[i] = self.tick + 2 * self.case.setup * sum(self.case.links[k].delay for k in own)
        for i in own:
            self.attempt(i, self.ready[i])
        return True

    def let_go(self, n):
        """Others may have the path, and what is left on it is dropped."""
        if n not in self.holder:
            return
        own = [number for number, _ in self.hops(n)]
        for i in own:
            self.holder[i] = None
            self.stop(i)
        self.abandon(n)
        for i in own:
            for pair in list(self.stock[i]):
                self.books["released"] += 1
                self.forget(pair, self.tick)

    # What routes do.

    def decide(self):
        """One thing on the route that comes first of those on which something can be done."""
        able = [
            (self.rank(n), n)
            for n, (f, _) in enumerate(self.routes)
            if self.active[n] and self.wanted(f) and self.has_turn(f)
        ]
        for _, n in sorted(able):
            if self.case.reserving and not self.hold(n):
                continue
            action = self.possible(n)
            if action is not None:
                action()
                return True
        return False

    def has_turn(self, f):
        return self.case.weight != "turn" or self.tick // self.case.turn % len(self.case.flows) == f

    def rank(self, n):
        f, _ = self.routes[n]
        flow = self.case.flows[f]
        if self.case.weight == "age":
            asked = self.last[f] if flow.requests is None else flow.requests[self.gone[f]]
            weight = self.tick - asked
        elif self.case.weight == "queue":
            weight = self.case.window if flow.requests is None else self.arrived[f] - self.gone[f]
        else:
            weight = -self.served[f] if self.case.weight == "share" else 0
        return -flow.priority, -weight, self.last[f], n

    def possible(self, n):
        last = len(self.hops(n))
        root = self.of(n, 0, last, (True, True))
        if root is not None and (last > 1 or self.case.rounds or self.may_take(n, [0])):
            return lambda: self.deliver(n, root)
        for hop in range(last):
            for level in range(self.case.rounds):
                kept = self.of(n, hop, hop + 1, (True, True), level)
                spent = self.of(n, hop, hop + 1, (True, True), level, beside=kept)
                if spent is not None and (level or self.may_take(n, [hop], 2)):
                    return lambda: self.purify(n, hop, kept, spent)
        for i, m, j in self.joints(last):
            first, second = self.of(n, i, m, (False, True)), self.of(n, m, j, (True, False))
            if first is None or second is None:
                continue
            if self.case.rounds or self.may_take(n, [h for h, width in ((i, m - i), (m, j - m)) if width == 1]):
                return lambda: self.swap(n, i, m, j, first, second)
        return None

    def joints(self, last):
        """The swaps that a route may do: the longest stretches first, of those the farthest to the right."""
        if not self.case.levels:
            spans = [(i, m, j) for i in range(last) for j in range(i + 2, last + 1) for m in range(i + 1, j)]
            return sorted(spans, key=lambda s: (s[0] - s[2], -s[0], -s[1]))
        layer, found = [(i, i + 1) for i in range(last)], []
        while len(layer) > 1:
            joined = [(a, b, c) for (a, b), (_, c) in zip(layer[::2], layer[1::2], strict=False)]
            found += joined
            layer = [(a, c) for a, _, c in joined] + layer[2 * len(joined) :]
        return found

    def of(self, n, i, j, ends, level=None, beside=None):
        """A pair of a stretch of which those ends know, purified so often, another one than that beside it."""
        level = self.case.rounds if level is None else level
        if j == i + 1 and not level:
            number, turned = self.hops(n)[i]
            there, ends = self.stock[number], ends[::-1] if turned else ends
        else:
            there = [pair for pair in self.held[n] if (*pair.span[1:], pair.level) == (i, j, level)]
        good = [p for p in there if p is not beside and all(p.known[e] <= self.tick for e in (0, 1) if ends[e])]
        return (good[-1] if self.case.newest else good[0]) if good else None

    @property
    def need(self):
        """How many of a hop's pairs are in one from end to end."""
        return 2**self.case.rounds

    def may_take(self, n, hops, pairs=1):
        f, _ = self.routes[n]
        others = [k for k, (g, _) in enumerate(self.routes) if g == f and k != n and self.active[k]]
        left = self.wanted(f) - sum(-(-max(self.taken[k]) // self.need) for k in others)
        return all(self.taken[n][hop] + pairs <= left * self.need for hop in hops)

    def take(self, n, i, pair):
        pair.where.remove(pair)
        pair.where = None
        if pair.span is None:
            self.taken[n][i] += 1
            if self.hops(n)[i][1]:
                pair.turn()

    def wait(self, pair, end, until):
        pair.rho = relaxed(pair.rho, end, self.case.decay[pair.ends[end]], until - pair.since[end])
        pair.since[end] = max(until, pair.since[end])

    def purify(self, n, hop, kept, spent):
        """Both ends look whether the two differ by a flip, and tell each other: they never do."""
        for pair in (kept, spent):
            self.take(n, hop, pair)
            for end in (0, 1):
                self.wait(pair, end, self.tick)
        self.books["purified"] += 1
        kept.rho = without_flips(kept.rho, spent.rho)
        kept.made, kept.due, kept.span, kept.level = self.tick, None, (n, hop, hop + 1), kept.level + 1
        kept.known = [self.tick + self.case.links[self.hops(n)[hop][0]].delay] * 2
        for place in spent.places:
            self.free(place, self.tick)
        self.keep(n, kept)

    def swap(self, n, i, m, j, first, second):
        self.take(n, i, first)
        self.take(n, m, second)
        self.books["swapped"] += 1
        ways = [sum(self.case.links[number].delay for number, _ in self.hops(n)[a:b]) for a, b in ((i, m), (m, j))]
        known = [max(first.known[0], self.tick + ways[0]), max(second.known[1], self.tick + ways[1])]
        self.wait(first, 0, known[0])
        self.wait(first, 1, self.tick)
        self.wait(second, 0, self.tick)
        self.wait(second, 1, known[1])
        made = Pair(
            swapped(first.rho, second.rho), (first.ends[0], second.ends[1]), self.tick,
            (first.places[0], second.places[1]),
        )  # fmt: skip
        made.since, made.known, made.span = [first.since[0], second.since[1]], known, (n, i, j)
        made.level = self.case.rounds
        for place in (first.places[1], second.places[0]):
            self.free(place, self.tick)
        self.keep(n, made)

    def keep(self, n, made):
        """What was made of two pairs belongs to its route."""
        made.where = self.held[n]
        made.where.append(made)
        _, i, j = made.span
        if self.case.early and fidelity(made.rho) < self.case.flows[self.routes[n][0]].floor - 1e-9:
            self.books["rejected"] += 1
            self.give_up(made, self.tick + self.way(made))
            return
        if j - i < len(self.hops(n)) or made.level < self.case.rounds:
            self.ages(made)
        for known in made.known:
            if known > self.tick:
                self.at_slot(known, lambda t: None)

    def deliver(self, n, pair):
        f, r = self.routes[n]
        flow = self.case.flows[f]
        self.take(n, 0, pair)
        pair.span, pair.level = (n, 0, len(self.hops(n))), self.case.rounds
        asked = self.last[f] if flow.requests is None else flow.requests[self.gone[f]]
        there = max(*pair.known, asked)
        if self.case.reserving and len(self.hops(n)) == 1 and not self.case.rounds:
            there = max(there, self.ready[self.hops(n)[0][0]])
        for end in (0, 1):
            self.wait(pair, end, there)
        if fidelity(pair.rho) < flow.floor - 1e-9:
            pair.where = self.held[n]
            pair.where.append(pair)
            self.books["rejected"] += 1
            self.give_up(pair, self.tick + self.way(pair))
            return
        self.books["delivered"] += 1
        for hop in range(len(self.hops(n))):
            self.taken[n][hop] -= self.need
        self.deliveries.append((f, r, asked, there, fidelity(pair.rho)))
        self.gone[f] += 1
        self.served[f] += 1
        self.last[f] = self.tick
        for place in pair.places:
            self.free(place, self.tick)
        if self.case.reserving:
            self.let_go(n)
        self.call(f)

    def call(self, f):
        """What a flow's requests want is made, where pairs are made for requests only."""
        for n, (g, _) in enumerate(self.routes):
            if g == f and self.active[n] and self.case.reserving:
                self.again((n, 0, len(self.hops(n))), self.tick)

    @property
    def left(self):
        """How many pairs there are."""
        return sum(map(len, [*self.stock, *self.held]))


def seen(rho, basis):
    """Somebody measures the second qubit, and sends on what was seen."""
    turn = np.eye(2) if basis == "Z" else np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    outcomes = [np.kron(np.eye(2), np.outer(turn[i], turn[i])) for i in (0, 1)]
    return sum(outcome @ rho @ outcome for outcome in outcomes)


def without_flips(kept, spent):
    """CNOTs at both ends from a pair onto another one, which is then read in Z: both read the same, always."""
    both = np.kron(kept, spent).reshape((2,) * 8)
    for control, target in ((0, 2), (1, 3)):  # of kept a, kept b, spent a, spent b
        for side in (0, 4):
            flipped = np.flip(both, side + target)
            on = np.arange(2).reshape([2 if axis == side + control else 1 for axis in range(8)])
            both = np.where(on, flipped, both)
    agreed = sum(both[:, :, i, i, :, :, i, i] for i in (0, 1)).reshape(4, 4)
    assert abs(np.trace(agreed) - 1) < 1e-12
    return agreed


def fidelity(rho):
    """Fidelity to Φ⁺."""
    return float((rho[0, 0] + rho[0, 3] + rho[3, 0] + rho[3, 3]).real) / 2
