"""What a circuit becomes: stages for stim's flip simulator, and a reference sample.

The flip simulator follows, for all shots at once, the Pauli by which each differs from one noiseless run, the
*reference*. That run takes the corrections that are xors of records, as stim's own feedback, and none of the
others: where those apply is worked out for each shot from its actual bits (reference ^ flip), and their Paulis are
flips like any other. What is recorded may differ from what was found: a classical bit is a parity of records.

A row drawn by us is appended to the records, so that stim's feedback can apply it; in the reference it is 0.

Reference:
    C. Gidney, Quantum 5, 497 (2021), section 4: Pauli frames beside a reference sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import BoolArray
from quantumlink.execution.clifford.conditions import Condition, Row

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]

BATCH_BITS = 1 << 27
"""Most bits of one batch: more shots are drawn in several."""

DRAWN_AT_ONCE = 1 << 20
"""Random bits of one probability that are drawn at a time: a call of stim's costs more than a row of them."""


class Stage(Protocol):
    """Something that happens to all shots."""

    def apply(self, shots: Shots) -> None:
        """Let it happen."""


@dataclass(frozen=True)
class Compiled:
    """A circuit ready to be sampled."""

    stages: tuple[Stage, ...]
    num_qubits: int
    """How many qubits stim needs; a qubit that is done with makes room for the next."""
    reference: BoolArray
    """The records of the reference."""
    clbits: tuple[tuple[int, ...], ...]
    """For each classical bit the records whose parity it is."""

    def sample(self, shots: int, seed: np.random.SeedSequence) -> npt.NDArray[np.uint8]:
        """Draw all classical bits, clbit 0 first: a row of bits for each, shape (clbits, ⌈shots/8⌉)."""
        size = 2 * self.num_qubits + len(self.reference) + len(self.clbits) + 1
        batch = max(64, BATCH_BITS // size // 64 * 64)  # whole bytes, so that rows can be joined
        if shots <= batch:
            return self._batch(shots, seed)
        sizes = [min(batch, shots - start) for start in range(0, shots, batch)]
        children = seed.spawn(len(sizes))
        return np.concatenate([self._batch(n, s) for n, s in zip(sizes, children, strict=True)], axis=1)

    def _batch(self, count: int, seed: np.random.SeedSequence) -> npt.NDArray[np.uint8]:
        shots = Shots(count, self.num_qubits, self.reference, int(seed.generate_state(1, np.uint64)[0]))
        for stage in self.stages:
            stage.apply(shots)
        bits = np.zeros((len(self.clbits), len(shots.every)), dtype=np.uint8)
        flips = shots.simulator.get_measurement_flips(bit_packed=True)
        for clbit, records in enumerate(self.clbits):
            for record in records:
                bits[clbit] ^= flips[record]
                if self.reference[record]:
                    bits[clbit] ^= shots.every
        return bits


class Shots:
    """The shots of one batch while they run."""

    def __init__(self, count: int, num_qubits: int, reference: BoolArray, seed: int) -> None:
        import stim

        self.simulator = stim.FlipSimulator(batch_size=count, num_qubits=num_qubits, seed=seed)
        self.every: Row = np.packbits(np.ones(count, dtype=bool), bitorder="little")
        self._drawn: dict[float, Iterator[Row]] = {}
        self._reference = reference

    def value(self, records: Sequence[int]) -> Row:
        """The parity of some records, as they are."""
        row: Row | None = None
        odd = False
        for record in records:
            flips: Row = self.simulator.get_measurement_flips(record_index=record, bit_packed=True)
            row = flips if row is None else row ^ flips
            odd ^= bool(self._reference[record])
        if row is None:
            return np.zeros(len(self.every), dtype=np.uint8)
        return row ^ self.every if odd else row

    def random(self, p: float) -> Row:
        """A row of bits that are set with that probability; nobody else gets it."""
        drawn = self._drawn.get(p)
        row: Row | None = next(drawn, None) if drawn is not None else None
        if row is None:
            width = len(self.every)
            number = max(1, DRAWN_AT_ONCE // (8 * width))
            rows = self.simulator.generate_bernoulli_samples(8 * width * number, p=min(1.0, p), bit_packed=True)
            rows = rows.reshape(number, width) & self.every
            drawn = self._drawn[p] = iter(rows)
            row = next(drawn)
        return row

    def append(self, rows: npt.NDArray[np.uint8]) -> None:
        """Add rows to the records: shape (rows, ⌈shots/8⌉)."""
        self.simulator.append_measurement_flips(rows)


@dataclass(frozen=True)
class Chunk:
    """A piece of a stim circuit."""

    circuit: stim.Circuit

    def apply(self, shots: Shots) -> None:
        """See `Stage`."""
        shots.simulator.do(self.circuit)


@dataclass(frozen=True)
class Misread:
    """Appends one row: where a bit changes, with a probability that depends on its value."""

    records: tuple[int, ...]
    """The records whose parity is the bit before."""
    up: float
    """The probability that 0 becomes 1."""
    down: float
    """The probability that 1 becomes 0."""

    def apply(self, shots: Shots) -> None:
        """See `Stage`."""
        value = shots.value(self.records)
        shots.append(((value & shots.random(self.down)) | (~value & shots.random(self.up)))[None])


@dataclass(frozen=True)
class Flips:
    """Paulis on slots, as which rows they toggle."""

    rows: tuple[int, ...]


@dataclass(frozen=True)
class Mixed:
    """Flips of which one at most happens, at random."""

    terms: tuple[tuple[float, Flips], ...]


@dataclass(frozen=True)
class Branch:
    """What happens where a condition holds, and where it does not."""

    condition: Condition
    records: tuple[tuple[int, ...], ...]
    """For each of the condition's bits the records whose parity it is."""
    body: tuple[Flips | Mixed | Branch, ...]
    other: tuple[Flips | Mixed | Branch, ...]


@dataclass(frozen=True)
class Corrections:
    """Appends rows: where the Paulis of some branches apply, which follow one another."""

    branches: tuple[Branch, ...]
    num_rows: int

    def apply(self, shots: Shots) -> None:
        """See `Stage`."""
        rows = np.zeros((self.num_rows, len(shots.every)), dtype=np.uint8)
        for branch in self.branches:
            _follow(branch, shots.every, rows, shots)
        shots.append(rows)


def _follow(branch: Branch, where: Row, rows: npt.NDArray[np.uint8], shots: Shots) -> None:
    found = branch.condition.evaluate([shots.value(records) for records in branch.records], shots.every)
    for steps, taken in ((branch.body, where & found), (branch.other, where & ~found if branch.other else where)):
        for step in steps:
            if isinstance(step, Branch):
                _follow(step, taken, rows, shots)
            elif isinstance(step, Flips):
                for row in step.rows:
                    rows[row] ^= taken
            else:
                _mix(step, taken, rows, shots)


def _mix(mixed: Mixed, where: Row, rows: npt.NDArray[np.uint8], shots: Shots) -> None:
    left = 1.0
    free = where
    for i, (p, flips) in enumerate(mixed.terms):
        hit = shots.random(p / left)
        hit &= free
        for row in flips.rows:
            rows[row] ^= hit
        if i + 1 < len(mixed.terms):
            free = free ^ hit
            left = max(left - p, 1e-300)
