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
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit

from quantumlink import validation
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.link import Link
from quantumlink.program import Program, parity
from quantumlink.qkd.protocols.playing import BoolArray, Counts, Floats, Play, register_bits
from quantumlink.qkd.protocols.pools import ExactPool, Pool
from quantumlink.qkd.protocols.session import Allotment, Session, Sifted
from quantumlink.readings import compose, evaluate
from quantumlink.rewrites import noisy_circuit

PairLabel = tuple[Any, Any]
"""A setting: Alice's choice and Bob's."""

REFUSED = 64
"""The outcome of a round whose heralds refuse; the others are (a, b) and which Paulis the frames still ask for."""


@dataclass(frozen=True, kw_only=True)
class PairSession(Session):
    """A session over the pairs of a link; see `Session` for what all sessions share."""

    link: Link | Program
    """The link, or a program composed from it. Alice is at its left end, Bob at its right one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.link, Program):
            validation.instance("link", self.link, Link, "a link or a program")

    # --- what a protocol says

    @abstractmethod
    def measurement(self) -> QuantumCircuit:
        """The circuit on an arrived pair: ports ``a``, ``b``, bits ``outcome_a``, ``outcome_b``."""

    @abstractmethod
    def settings(self) -> Mapping[PairLabel, tuple[tuple[float, ...], float]]:
        """For each setting the values of the measurement's parameters in their order, and its probability."""

    @abstractmethod
    def _sift_counts(self, counts: Mapping[PairLabel, Counts], accepted: int, rng: np.random.Generator) -> Sifted:
        """Sifted bits from the counts of (Alice's bit, Bob's bit), shape (2, 2), of each setting."""

    def flips(self, choice: Any, frame: tuple[int, int]) -> int:
        """Whether an X and a Z that are still needed invert the bit of a choice.

        Raises:
            ValueError: if they do more than that.
        """
        x, z = frame
        return (x if choice in ("Z", "Y") else 0) ^ (z if choice in ("X", "Y") else 0)

    # --- circuits

    @cached_property
    def program(self) -> Program:
        """What runs on a sampler, but for the measurement of its ends."""
        return self.link if isinstance(self.link, Program) else compose(self.link)

    @cached_property
    def _bare_program(self) -> Program:
        """What runs on a machine with noise of its own: the corrections in a frame, if they can be."""
        paulis = all(choice in ("X", "Y", "Z") for label in self.settings() for choice in label)
        if isinstance(self.link, Program) or not paulis:  # a late Pauli inverts the outcome of a Pauli, no more
            return self.program
        try:
            return compose(self.link, corrections="frame")
        except UnsupportedOperation:  # a twirl stands between a correction and the end
            return self.program

    def _played(self, program: Program) -> Play:
        measurement = self.measurement()
        circuit = program.circuit.copy()
        circuit.add_register(*measurement.cregs)
        circuit.compose(measurement, list(program.ends.values()), measurement.clbits, inplace=True)
        ends = register_bits(circuit, "outcome_a", "outcome_b")
        frames = [bit for frame in program.frame.values() for bit in (*frame.x, *frame.z)]
        heralds = [bit for herald in program.heralds for bit in herald]
        return Play(
            circuit=circuit,
            names=tuple(parameter.name for parameter in measurement.parameters),
            rows=tuple(row for row, _ in self.settings().values()),
            read=_Reading(program, ends),
            bits=tuple(sorted({*ends, *frames, *heralds})),
            outcomes=REFUSED + 1,
            random=program.random_settings,
        )

    @cached_property
    def _play(self) -> Play:
        return self._played(self.program)

    def plays(self) -> Sequence[Play]:
        """The program with its ends measured."""
        return [self._play]

    def _bare_plays(self) -> list[Play]:
        return [self._played(self._bare_program).on_sampler(play_medium=self.play_medium)]

    def _noisy(self, play: Play) -> Play:
        program = self.program
        circuit = noisy_circuit(play.circuit, program.nodes, earlier_nodes=program.earlier_nodes)
        return replace(play, circuit=circuit)

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

    def probabilities(self) -> dict[PairLabel, npt.NDArray[np.float64]]:
        """The exact probability of (Alice's bit, Bob's bit) in each setting, of accepted rounds: shape (2, 2)."""
        found = {}
        for label, row in zip(self.settings(), self._table, strict=True):
            found[label] = row[:4].reshape(2, 2).T / row[:4].sum()
        return found

    def _exact_pools(self, rng: np.random.Generator) -> list[Pool]:
        return [ExactPool(self._table / self._table.sum(axis=1, keepdims=True), rng)]

    def _allot(self, rng: np.random.Generator) -> Allotment:
        chosen = [probability for _, probability in self.settings().values()]
        rounds = rng.multinomial(self.rounds, chosen)
        # A twirl multiplies the settings only where circuits run, not for draws from the exact state.
        return Allotment((rounds[:, None],), rounds)

    @cached_property
    def _bare_wanted(self) -> list[Counts]:
        rng = np.random.default_rng([self.seed, 3])
        return [play.allot(self._allotment.rounds, rng) for play in self._bare_plays()]

    @property
    def _own_wanted(self) -> Sequence[Counts]:
        return [self._play.allot(self._allotment.rounds, np.random.default_rng([self.seed, 3]))]

    def _sift(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> Sifted:
        counts: dict[PairLabel, Counts] = {}
        for s, label in enumerate(self.settings()):
            found = pools[0].counts(s, int(allotment.rounds[s]))
            table = np.zeros((2, 2), dtype=np.int64)
            for value in np.flatnonzero(found[:REFUSED]):
                a, b, xa, za, xb, zb = (int(value) >> i & 1 for i in range(6))
                flip_a, flip_b = self.flips(label[0], (xa, za)), self.flips(label[1], (xb, zb))
                table[a ^ flip_a, b ^ flip_b] += found[value]
            counts[label] = table
        return self._sift_counts(counts, int(sum(table.sum() for table in counts.values())), rng)


class _Reading:
    """Bits as an outcome: a, b, then x and z of Alice's frame and of Bob's; `REFUSED` if a herald is odd."""

    def __init__(self, program: Program, ends: tuple[int, ...]) -> None:
        self._program, self._ends = program, ends

    def __call__(self, bits: BoolArray) -> npt.NDArray[np.int64]:
        values = np.zeros(bits.shape[:-1], dtype=np.int64)
        for i, bit in enumerate(self._ends):
            values += bits[..., bit].astype(np.int64) << i
        for i, (end, letter) in enumerate(product(self._program.ends, "xz")):
            frame = self._program.frame.get(end)
            if frame is not None:
                values += parity(bits, getattr(frame, letter)).astype(np.int64) << (2 + i)
        return np.where(self._program.accepted(bits), values, REFUSED)


def cells_of(table: Counts) -> list[tuple[int, Counts]]:
    """The rows of a table of (Alice's bit, Bob's bit), as `laid_out` takes them."""
    return [(bit, table[bit]) for bit in (0, 1)]
