"""Sessions over entangled pairs: any link delivers them, both ends measure along directions they choose.

Without a sampler the outcomes come from the pair's exact state (`evaluate`) and the exact, noisy measurement
circuits; on a sampler from the composed program with those circuits at its ends. The ends' own processors take
part either way: their rotations and their readout count, as in any real round.

On a machine with noise of its own, a link's corrections are no gates but parities of measured bits that invert
outcomes afterwards, wherever the directions of measurement allow it: it is exact, spares the time and the errors of
feed-forward, and runs on devices without it. A program that is given runs as it was composed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from qiskit.circuit import ClassicalRegister, QuantumCircuit

from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.exact import branches
from quantumlink.program import Program, parity
from quantumlink.qkd.protocols.link_session import LinkSession
from quantumlink.qkd.protocols.observed import Kind, ObservedRounds
from quantumlink.qkd.protocols.playing import Floats, Play, register_bits
from quantumlink.qkd.protocols.pools import ExactPool, Pool
from quantumlink.qkd.protocols.session import Allotment
from quantumlink.readings import evaluate
from quantumlink.rewrites import noisy_circuit
from quantumlink.rewrites.classical_bits import fresh_name

PairLabel = tuple[Any, Any]
"""A setting: Alice's choice and Bob's."""

REFUSED = 64
"""The outcome of a round whose heralds refuse; the others are (a, b) and which Paulis the frames still ask for."""


@dataclass(frozen=True, kw_only=True)
class PairSession(LinkSession):
    """A session over the pairs of a link, Alice at its left end, Bob at its right one; see `Session`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.link.ends) != 2:
            raise ValueError(
                f"link must have two ends, Alice's and Bob's, got {self.link!r} with {len(self.link.ends)}"
            )

    # --- what a protocol says

    @abstractmethod
    def measurement(self) -> QuantumCircuit:
        """The circuit on an arrived pair: ports ``a``, ``b``, bits ``outcome_a``, ``outcome_b``."""

    @abstractmethod
    def settings(self) -> Mapping[PairLabel, tuple[tuple[float, ...], float]]:
        """For each setting the values of the measurement's parameters in their order, and its probability.

        The choices of either end are numbered in the order in which they appear, as they are in the sifting.
        """

    def flips(self, choice: Any, frame: tuple[int, int]) -> int:
        """Whether an X and a Z that are still needed invert the bit of a choice.

        Raises:
            ValueError: if they do more than that.
        """
        x, z = frame
        return (x if choice in ("Z", "Y") else 0) ^ (z if choice in ("X", "Y") else 0)

    # --- circuits

    @property
    def late_paulis_invert(self) -> bool:
        """Whether a Pauli that is left to the end inverts outcomes, and does no more: not on turned axes."""
        return all(choice in ("X", "Y", "Z") for label in self.settings() for choice in label)

    def played(self, program: Program) -> Play:
        """A program with its ends measured as the setting says."""
        measurement = self.measurement()
        circuit = program.circuit.copy()
        first = circuit.num_clbits
        for register in measurement.cregs:
            circuit.add_register(ClassicalRegister(len(register), fresh_name(register.name, circuit)))
        circuit.compose(measurement, list(program.ends.values()), circuit.clbits[first:], inplace=True)
        ends = tuple(first + bit for bit in register_bits(measurement, "outcome_a", "outcome_b"))
        return Play(
            circuit=circuit,
            names=tuple(parameter.name for parameter in measurement.parameters),
            rows=tuple(row for row, _ in self.settings().values()),
            read=_Reading(program, ends),
            bits=tuple(sorted({*ends, *program.bits_read})),
            outcomes=REFUSED + 1,
            random=program.random_settings,
        )

    # --- outcomes

    @cached_property
    def _table(self) -> Floats:
        state = evaluate(self.link)
        ends = self.link.node_by_end.values() if isinstance(self.link, Program) else self.link.ends
        measurement = noisy_circuit(self.measurement(), tuple(ends))
        table = np.zeros((len(self.settings()), REFUSED + 1))
        for s, (row, _) in enumerate(self.settings().values()):
            for (a, b), functional in branches(measurement.assign_parameters(row), inputs=[0, 1]).items():
                table[s, a + 2 * b] = max(0.0, float(functional @ state.coefficients.ravel()))
            table[s] *= state.success_probability / table[s].sum()
            table[s, REFUSED] = max(0.0, 1 - table[s].sum())
        return table

    def probabilities(self) -> dict[PairLabel, FloatArray]:
        """The exact probability of (Alice's bit, Bob's bit) in each setting, of accepted rounds: shape (2, 2)."""
        found = {}
        for label, row in zip(self.settings(), self._table, strict=True):
            found[label] = row[:4].reshape(2, 2).T / row[:4].sum()
        return found

    def exact_pools(self, rng: np.random.Generator) -> list[Pool]:
        """Where outcomes are drawn from if nothing is run: their exact probabilities."""
        return [ExactPool(self._table / self._table.sum(axis=1, keepdims=True), rng)]

    def allot(self, rng: np.random.Generator) -> Allotment:
        """How many rounds have each setting."""
        chosen = [probability for _, probability in self.settings().values()]
        rounds = rng.multinomial(self.rounds, chosen)
        # A twirl multiplies the settings only where circuits run, not for draws from the exact state.
        return Allotment((rounds[:, None],), rounds)

    def expected_rounds(self) -> Floats:
        """How many rounds of each kind to expect of a link: the means of what `observe` draws.

        Returns:
            Shape (6, kinds): Alice's setting and bit, Bob's setting and bit, the class, and the mean number.
        """
        ends = [list(dict.fromkeys(label[end] for label in self.settings())) for end in (0, 1)]
        kinds = []
        for (label, (_, chosen)), row in zip(self.settings().items(), self._table, strict=True):
            settings = ends[0].index(label[0]), ends[1].index(label[1])
            means = self.rounds * chosen * row[:4]
            kinds += [[settings[0], a, settings[1], b, 0, means[a + 2 * b]] for a in (0, 1) for b in (0, 1)]
        return np.array(kinds, dtype=np.float64).T

    def observe(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ObservedRounds:
        """What the ends note of the rounds whose heralds accept."""
        return ObservedRounds.of_kinds(self._kinds(pools), self.rounds, rng)

    def _kinds(self, pools: Sequence[Pool]) -> list[Kind]:
        ends = [list(dict.fromkeys(label[end] for label in self.settings())) for end in (0, 1)]
        kinds = []
        for s, label in enumerate(self.settings()):
            found = pools[0].counts(s, int(self._played_rounds[s]))
            table = np.zeros((2, 2), dtype=np.int64)
            for value in np.flatnonzero(found[:REFUSED]):
                a, b, xa, za, xb, zb = (int(value) >> i & 1 for i in range(6))
                flip_a, flip_b = self.flips(label[0], (xa, za)), self.flips(label[1], (xb, zb))
                table[a ^ flip_a, b ^ flip_b] += found[value]
            settings = ends[0].index(label[0]), ends[1].index(label[1])
            kinds += [Kind(settings[0], a, settings[1], b, int(table[a, b])) for a in (0, 1) for b in (0, 1)]
        return kinds


class _Reading:
    """Bits as an outcome: a, b, then x and z of Alice's frame and of Bob's; `REFUSED` if a herald is odd."""

    def __init__(self, program: Program, ends: tuple[int, ...]) -> None:
        self._program, self._ends = program, ends

    def __call__(self, bits: BoolArray) -> IntArray:
        values = np.zeros(bits.shape[:-1], dtype=np.int64)
        for i, bit in enumerate(self._ends):
            values += bits[..., bit].astype(np.int64) << i
        for i, (end, letter) in enumerate(product(self._program.ends, "xz")):
            frame = self._program.frame.get(end)
            if frame is not None:
                values += parity(bits, getattr(frame, letter)).astype(np.int64) << (2 + i)
        return np.where(self._program.accepted(bits), values, REFUSED)
