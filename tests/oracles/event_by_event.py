"""A link in time, event by event: a queue, callbacks, density matrices. Slow, and written apart from the library.

Plays the rules that `quantumlink.readings.timeline` states, for noiseless gates: elementary links deliver after
single attempts, halves are moved, messages travel, qubits decay by Kraus operators, a swap is a projection onto the
four Bell states, a purification the projection onto equal outcomes after DEJMPS's rotations. Nothing is looked up
in the library but the link's own data.
"""

import heapq
from itertools import count
from math import exp, sqrt

import numpy as np

I2 = np.eye(2)
X = np.array([[0, 1], [1, 0]], dtype=complex)
Z = np.diag([1, -1]).astype(complex)
PHI = np.array([1, 0, 0, 1]) / sqrt(2)
# Bell states by (phase, parity) and what the right end applies on that outcome.
OUTCOMES = [
    (np.kron(np.linalg.matrix_power(Z, phase) @ I2, np.linalg.matrix_power(X, parity)) @ PHI, phase, parity)
    for phase in (0, 1)
    for parity in (0, 1)
]
SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
CNOT = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], dtype=complex)


def bell_diagonal(populations):
    """ρ of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻); the left qubit is the first factor."""
    rho = np.zeros((4, 4), dtype=complex)
    for p, pauli in zip(populations, (I2, Z, X, X @ Z), strict=True):
        vector = np.kron(I2, pauli) @ PHI
        rho += p * np.outer(vector, vector.conj())
    return rho


def relaxed(rho, qubit, memory, time_s):
    """One qubit (0 is left) after waiting: amplitude damping, and what dephasing T2 has beyond it."""
    if time_s <= 0:
        return rho
    gamma = 1 - exp(-time_s / memory.t1_s)
    keep = exp(-time_s / memory.t2_s) / sqrt(1 - gamma) if gamma < 1 else 0.0
    damping = [np.diag([1, sqrt(1 - gamma)]), np.array([[0, sqrt(gamma)], [0, 0]])]
    dephasing = [sqrt((1 + keep) / 2) * I2, sqrt(max(1 - keep, 0) / 2) * Z]
    for operators in (damping, dephasing):
        full = [np.kron(k, I2) if qubit == 0 else np.kron(I2, k) for k in operators]
        rho = sum(k @ rho @ k.conj().T for k in full)
    return rho


def swapped(left, right):
    """(a, r) and (s, b) to (a, b): all four outcomes at (r, s), corrected at b."""
    both = np.kron(left, right).reshape([2] * 8)  # a r s b, a' r' s' b'
    total = np.zeros((4, 4), dtype=complex)
    for vector, phase, parity in OUTCOMES:
        v = vector.reshape(2, 2)
        rest = np.einsum("rs,arsbcduw,du->abcw", v.conj(), both, v).reshape(4, 4)
        fix = np.kron(I2, np.linalg.matrix_power(Z, phase) @ np.linalg.matrix_power(X, parity))
        total += fix @ rest @ fix.conj().T
    return total


def purified(kept, spent):
    """DEJMPS: the kept pair, unnormalized, summed over equal outcomes."""
    turn = np.kron(SX, SX.conj().T)
    kept, spent = (turn @ rho @ turn.conj().T for rho in (kept, spent))
    both = np.kron(kept, spent)  # ka kb sa sb
    flip = np.zeros((16, 16), dtype=complex)
    for ka, kb, sa, sb in np.ndindex(2, 2, 2, 2):
        flip[8 * ka + 4 * kb + 2 * (sa ^ ka) + (sb ^ kb), 8 * ka + 4 * kb + 2 * sa + sb] = 1
    both = (flip @ both @ flip.conj().T).reshape(4, 4, 4, 4)
    return both[:, 0, :, 0] + both[:, 3, :, 3]


class Pair:
    def __init__(self, made):
        self.made, self.rho, self.pending = made, None, []
        self.since, self.knows = [made, made], [False, False]
        self.used = self.gone = False

    def relax(self, ends, end, until):
        # One end may go on before the other one has corrected: its decay is applied when the state is known.
        self.pending.append((end, ends[end].memory, until - self.since[end]))
        self.since[end] = until
        if self.rho is not None:
            self.known(self.rho)

    def known(self, rho):
        for end, memory, time_s in self.pending:
            rho = relaxed(rho, end, memory, time_s)
        self.rho, self.pending = rho, []


class World:
    """The queue. At one moment, operations come before pairs are thrown away."""

    def __init__(self, rng, cutoff_s):
        self.rng, self.cutoff_s = rng, cutoff_s
        self.queue, self.order = [], count()

    def at(self, time_s, what, *, last=False):
        heapq.heappush(self.queue, (time_s, last, next(self.order), what))

    def run(self, until):
        while not until():
            time_s, _, _, what = heapq.heappop(self.queue)
            what(time_s)


class Elementary:
    def __init__(self, world, link, parent):
        self.world, self.link, self.parent = world, link, parent
        self.delay_s = link.medium.delay_s if link.medium else 0.0
        self.way = link.attempts
        self.life = 0

    def begin(self, now):
        self.life += 1
        life = self.life
        self.world.at(now + self.way.time_s, lambda t: self.attempt(t, life))

    def stop(self):
        self.life += 1

    def attempt(self, now, life):
        if life != self.life:
            return
        if self.world.rng.random() >= self.way.success_probability:
            self.world.at(now + self.way.time_s, lambda t: self.attempt(t, life))
            return
        # A herald is no faster than light: photons to the middle, messages back.
        herald = max(now, now - self.way.time_s + self.delay_s)
        self.world.at(herald, lambda t: self.heralded(t, life))

    def heralded(self, now, life):
        if life != self.life:
            return
        pair = Pair(now)
        pair.rho = bell_diagonal(self.link.bell_diagonal)
        moved = [now + end.memory.move_s for end in self.link.ends]
        pair.since = list(moved)
        self.parent.made(self, pair, now)
        for end, time_s in enumerate(moved):
            if time_s > now:
                self.world.at(time_s, lambda t, end=end: self.parent.heard(self, pair, end, t))
            else:
                self.parent.heard(self, pair, end, now)


class Join:
    """What a swap and a purification have in common: two parts, messages, cut-offs."""

    def __init__(self, world, link, parent, one_by_one):
        self.world, self.link, self.parent = world, link, parent
        self.parts = [part_of(world, child, self, one_by_one) for child in link.children]
        self.one_by_one = any(link is other for other in one_by_one)

    def begin(self, now):
        self.pairs = [None, None]
        self.parts[0].begin(now)
        if not self.one_by_one:
            self.parts[1].begin(now)

    def stop(self):
        for part in self.parts:
            part.stop()
        self.pairs = [None, None]

    def made(self, part, pair, now):
        self.pairs[self.parts.index(part)] = pair
        if self.world.cutoff_s is not None:
            self.world.at(now + self.world.cutoff_s, lambda t: self.expire(part, pair, t), last=True)

    def expire(self, part, pair, now):
        if pair.used or pair.gone or pair not in self.pairs:
            return
        pair.gone = True
        self.pairs[self.parts.index(part)] = None
        if self.one_by_one:
            self.parts[1].stop()
            self.world.at(now + part.delay_s, self.begin)
        else:
            self.world.at(now + part.delay_s, part.begin)

    def heard(self, part, pair, end, now):
        if pair.gone:
            return
        pair.knows[end] = True
        if self.one_by_one and part is self.parts[0] and all(pair.knows) and not pair.used:
            self.parts[1].begin(now)
        if None not in self.pairs and not any(p.used for p in self.pairs) and self.all_there():
            for each in self.pairs:
                each.used = True
            self.operate(now)
        elif pair.used:
            self.late(end, now)

    def late(self, end, now):
        """An end hears of its own pair when the operation at the other end has begun."""


class SwapPart(Join):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.delay_s = sum(part.delay_s for part in self.parts)

    def all_there(self):
        return self.pairs[0].knows[1] and self.pairs[1].knows[0]

    def operate(self, now):
        p = self.link.relay.processor
        self.result, self.told = None, [False, False]
        self.corrected = [None, None]
        self.inputs = list(self.pairs)
        self.world.at(now + p.gate_2q_s + max(p.gate_1q_s + p.readout_s, p.readout_s), self.measured)

    def measured(self, now):
        left, right = self.inputs
        left.relax(self.parts[0].link.ends, 1, now)
        right.relax(self.parts[1].link.ends, 0, now)
        self.result = Pair(now)
        self.parent.made(self, self.result, now)
        for end in (0, 1):
            self.world.at(now + self.parts[end].delay_s, lambda t, end=end: self.message(end, t))

    def message(self, end, now):
        self.told[end] = True
        self.correct(end, now)

    def late(self, end, now):
        if self.result is not None:
            self.correct(end, now)

    def correct(self, end, now):
        if self.told[end] and self.inputs[end].knows[end] and self.corrected[end] is None:
            self.corrected[end] = now
            gates = 2 * self.link.right.processor.gate_1q_s if end else 0.0
            self.world.at(now + gates, lambda t: self.done(end, t))

    def done(self, end, now):
        self.inputs[end].relax(self.parts[end].link.ends, end, now)
        self.result.since[end] = now
        self.corrected[end] = "done"
        if self.corrected == ["done", "done"]:
            self.result.known(swapped(self.inputs[0].rho, self.inputs[1].rho))
        self.parent.heard(self, self.result, end, now)


class PurifyPart(Join):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.delay_s = min(part.delay_s for part in self.parts)

    def all_there(self):
        return all(all(pair.knows) for pair in self.pairs)

    def operate(self, now):
        self.finished, self.outcomes = [None, None], [set(), set()]
        self.inputs = list(self.pairs)
        for end in (0, 1):
            p = self.link.ends[end].processor
            took = p.gate_1q_s + p.gate_2q_s + p.readout_s
            self.world.at(now + took, lambda t, end=end: self.measured(end, t))

    def measured(self, end, now):
        self.finished[end] = now
        for pair in self.inputs:
            pair.relax(self.link.ends, end, now)
        if None not in self.finished:
            rho = purified(self.inputs[0].rho, self.inputs[1].rho)
            chance = rho.trace().real
            self.success = self.world.rng.random() < chance
            self.result = Pair(now)
            self.result.rho, self.result.since = rho / chance, list(self.finished)
            if self.success:
                self.parent.made(self, self.result, now)
        self.outcome(end, end, now)
        self.world.at(now + self.delay_s, lambda t: self.outcome(1 - end, end, t))

    def outcome(self, end, of, now):
        self.outcomes[end].add(of)
        if len(self.outcomes[end]) < 2:
            return
        if self.success:
            self.parent.heard(self, self.result, end, now)
        elif all(len(known) == 2 for known in self.outcomes):
            self.begin(now)


class Root:
    def __init__(self):
        self.pair = self.latency_s = None

    def made(self, part, pair, now):
        self.pair = pair

    def heard(self, part, pair, end, now):
        pair.knows[end] = True
        if all(pair.knows):
            self.latency_s = now
            for each in (0, 1):
                pair.relax(part.link.ends, each, now)


def part_of(world, link, parent, one_by_one):
    if not link.children:
        return Elementary(world, link, parent)
    kind = SwapPart if hasattr(link, "relay") else PurifyPart
    return kind(world, link, parent, one_by_one)


def play(link, rng, *, cutoff_s=None, one_by_one=()):
    """One trial.

    Args:
        link: the link.
        rng: a ``random.Random``.
        cutoff_s: as `simulate` takes it.
        one_by_one: the joins whose second part begins only when the first one's pair is there.

    Returns:
        The latency in seconds, and the density matrix (the left end is the first factor).
    """
    world, root = World(rng, cutoff_s), Root()
    part_of(world, link, root, one_by_one).begin(0.0)
    world.run(lambda: root.latency_s is not None)
    return root.latency_s, root.pair.rho
