"""Conference key over a network: a link with an end for every party delivers the GHZ states.

Without a sampler the outcomes come from the link's exact state and the exact, noisy measurements of its ends; on a
sampler from the composed program. Rounds whose heralds refuse are lost. The corrections of a link are no gates on a
machine with noise of its own, but parities of measured bits that invert outcomes afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit

from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.circuits import basis_measurement
from quantumlink.distillation.bits import Bits
from quantumlink.exact import branches
from quantumlink.hardware import Node
from quantumlink.link import Link
from quantumlink.program import Program, parity
from quantumlink.qkd.protocols.conference_rounds import MAX_PARTIES, ConferenceSession
from quantumlink.qkd.protocols.drawable import check_detected
from quantumlink.qkd.protocols.link_session import LinkSession
from quantumlink.qkd.protocols.playing import Floats, Play, register_bits
from quantumlink.qkd.protocols.pools import ExactPool, Pool
from quantumlink.readings import evaluate
from quantumlink.readings.perfect import target_of
from quantumlink.rewrites import noisy_circuit
from quantumlink.rewrites.classical_bits import fresh_name

ROWS = ((0.0,), (pi / 2,))
"""The angle of the measurement in Z, and in X."""

ROUNDING = 1e-9
"""A correlation of perfect links that is that near to 1 is 1."""


@dataclass(frozen=True, kw_only=True)
class NetworkConference(LinkSession, ConferenceSession):
    """A session among the ends of a link.

    Args:
        link: the link, or a program composed from it: a GHZ state on its ends, Alice's first.
        rounds: how often the link is run, at least 1; rounds whose heralds refuse are lost.

    Raises:
        ValueError: if an argument is out of range, or the link does not deliver a GHZ state.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.circuits import multiway_swap
    >>> from quantumlink.link import ElementaryLink, join
    >>> hub, *ends = (Node(name) for name in ("hub", "a", "b", "c"))
    >>> link = join(multiway_swap(3), *(ElementaryLink(end, hub) for end in ends))
    >>> sifted = NetworkConference(link=link, rounds=10_000, seed=7).sift()
    >>> len(sifted.parties), sifted.test_errors
    (3, 0)
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.parties <= MAX_PARTIES:
            raise ValueError(
                f"link must have 2 to {MAX_PARTIES} ends, one for each party; got {self.link!r} with {self.parties}"
            )
        if isinstance(self.link, Link):
            _check_ghz(self.link)

    @property
    def parties(self) -> int:
        """How many parties there are."""
        return len(self.link.ends)

    @property
    def reaching_all(self) -> float:
        """Every round is run; what heralds refuse is seen afterwards."""
        return 1.0

    # --- circuits

    def played(self, program: Program) -> Play:
        """A program with its ends measured as the setting says."""
        circuit = program.circuit.copy()
        outcome = ClassicalRegister(self.parties, fresh_name("outcome", circuit))
        circuit.add_register(outcome)
        measurement = basis_measurement(Parameter("theta"), 0.0)
        for bit, qubit in zip(outcome, program.ends.values(), strict=True):
            circuit.compose(measurement, [qubit], [bit], inplace=True)
        bits = register_bits(circuit, outcome.name)
        return Play(
            circuit=circuit,
            names=("theta",),
            rows=ROWS,
            read=_Reading(program, bits),
            bits=tuple(sorted({*bits, *program.bits_read})),
            outcomes=4**self.parties + 1,
            random=program.random_settings,
        )

    # --- outcomes

    def probabilities(self) -> Floats:
        """The exact probability of each outcome in Z and in X, and that heralds refuse: shape (2, 2ᵏ + 1).

        The first party's bit is the most significant.
        """
        state, k = evaluate(self.link), self.parties
        nodes = list(self.link.node_by_end.values() if isinstance(self.link, Program) else self.link.ends)
        found = np.zeros((2, 2**k + 1))
        for setting, (theta,) in enumerate(ROWS):
            told = state.coefficients
            for end in reversed(range(k)):  # the last axis left is that of this end
                told = np.moveaxis(np.tensordot(told, _read_by(nodes[end], theta), axes=(end, 1)), -1, end)
            found[setting, :-1] = np.clip(told.reshape(-1), 0.0, None)
            found[setting] *= state.success_probability / found[setting].sum()
            found[setting, -1] = max(0.0, 1 - found[setting].sum())
        found /= found.sum(axis=1, keepdims=True)
        return found

    def seen_outcomes(self) -> FloatArray:
        """See `ConferenceSession`."""
        return self.probabilities()[:, :-1]

    def exact_pools(self, rng: np.random.Generator) -> list[Pool]:
        """Where outcomes are drawn from if nothing is run: their exact probabilities."""
        exact, values = self.probabilities(), np.arange(2**self.parties)
        table = np.zeros((2, 4**self.parties + 1))
        table[0, values], table[1, values << self.parties] = exact[:, :-1]
        table[:, -1] = exact[:, -1]
        return [ExactPool(table, rng)]

    def bits_of_rounds(self, setting: int, counts: Any, rng: np.random.Generator) -> list[Bits]:
        """Every party's bits of the rounds that no herald refuses."""
        check_detected(self.rounds, int(counts[:-1].sum()))
        values = rng.permutation(np.repeat(np.arange(len(counts) - 1, dtype=np.int64), counts[:-1]))
        if setting:
            values >>= self.parties
        return [(values >> (self.parties - 1 - i) & 1).astype(np.uint8) for i in range(self.parties)]


def _check_ghz(link: Link) -> None:
    """Refuse a link whose ends would not share a GHZ state if all were perfect."""
    target, k = target_of(link), len(link.ends)
    z_pairs = [tuple(3 if i in (0, end) else 0 for i in range(k)) for end in range(1, k)]
    for place, what in (((1,) * k, "X of all ends"), *((pair, "Z of two ends") for pair in z_pairs)):
        if abs(target[place] - 1) > ROUNDING:
            raise ValueError(
                f"a conference needs a GHZ state, and of perfect links {link!r} delivers another one: the "
                f"correlation of {what} is {target[place]:.3g}, not 1; correct it by an operation at the ends"
            )


def _read_by(node: Node, theta: float) -> Floats:
    """The outcome's probability by a qubit's Pauli coefficients under a node's noise: shape (outcomes, 4)."""
    measurement: QuantumCircuit = basis_measurement(theta, 0.0)
    found = np.zeros((2, 4))
    for (bit,), functional in branches(noisy_circuit(measurement, (node,)), inputs=[0]).items():
        found[int(bit)] = np.asarray(functional).reshape(4)
    return found


class _Reading:
    """Bits as an outcome: those of all parties if they measured in Z, then if in X; the last one if refused."""

    def __init__(self, program: Program, bits: tuple[int, ...]) -> None:
        self._program, self._bits = program, bits

    def __call__(self, bits: BoolArray) -> IntArray:
        values = np.zeros(bits.shape[:-1], dtype=np.int64)
        k = len(self._bits)
        for basis, letter in enumerate("xz"):  # an X that is still to be done inverts Z, and a Z inverts X
            for i, (end, bit) in enumerate(zip(self._program.ends, self._bits, strict=True)):
                frame = self._program.frame.get(end)
                told = bits[..., bit]
                if frame is not None:
                    told = told ^ parity(bits, getattr(frame, letter))
                values += told.astype(np.int64) << (basis * k + k - 1 - i)
        return np.where(self._program.accepted(bits), values, 4**k)
