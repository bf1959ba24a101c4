"""A circuit as steps: composites taken apart, blocks nested, every qubit and classical cell by its index."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from qiskit.circuit import Gate, Instruction

from quantumlink.exact.classical import Assignment, Reading
from quantumlink.exact.transfer import MAX_TRANSFER_QUBITS, Transfer, transfer_matrix


@dataclass(eq=False)
class _Step:
    def __post_init__(self) -> None:
        self.done_qubits: tuple[int, ...] = ()
        """The qubits that are not used after it, among those that were before it or are in it."""
        self.done_cells: tuple[int, ...] = ()
        """The classical cells that are not read after it."""
        self.touched: tuple[int, ...] = ()
        """Of a step with blocks, the qubits that it acts on."""
        self.place = -1
        """The index in the data of the whole circuit of the instruction that it comes from; −1 inside blocks."""


@dataclass(eq=False)
class Operate(_Step):
    """A gate or a channel."""

    operation: Instruction
    qubits: tuple[int, ...]

    @cached_property
    def matrix(self) -> Transfer | None:
        """Its transfer matrix; None if that would be too large.

        Raises:
            UnsupportedOperation: if it has unbound parameters.
        """
        wide = isinstance(self.operation, Gate) and len(self.qubits) > MAX_TRANSFER_QUBITS
        return None if wide else transfer_matrix(self.operation)


@dataclass(eq=False)
class Measure(_Step):
    """A measurement into a classical bit."""

    qubit: int
    cell: int


@dataclass(eq=False)
class Reset(_Step):
    """A reset to |0⟩."""

    qubit: int


@dataclass(eq=False)
class Assign(_Step):
    """Classical cells get values."""

    assignment: Assignment


@dataclass(eq=False)
class Choose(_Step):
    """One of several blocks, or none, by classical values."""

    choice: Reading
    """The number of the block; none if there is no such block."""
    blocks: tuple[Block, ...]


@dataclass(eq=False)
class Repeat(_Step):
    """A block for each of several values, one after the other."""

    rounds: tuple[tuple[Assignment | None, Block], ...]
    """The blocks, which may be one and the same, and what is set before each."""


@dataclass(eq=False)
class While(_Step):
    """A block as long as a condition holds."""

    condition: Reading
    block: Block


@dataclass(eq=False)
class Jump(_Step):
    """Out of the innermost loop, or to its next round."""

    out: bool


Step: TypeAlias = Operate | Measure | Reset | Assign | Choose | Repeat | While | Jump
Block: TypeAlias = tuple[Step, ...]
Lives: TypeAlias = tuple[set[int], set[int]]
"""The qubits and the classical cells that are still to be used."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The steps of a circuit."""

    block: Block
    num_qubits: int
    num_cells: int
    """Classical bits first, then variables."""
    widths: tuple[int, ...]
    """The number of bits of each cell."""
    start: Lives
    """What is used of that which the circuit begins with."""


def blocks_of(step: Step) -> list[Block]:
    """The blocks of a step, each once."""
    if isinstance(step, Choose):
        return list(step.blocks)
    if isinstance(step, Repeat):
        return list({id(block): block for _, block in step.rounds}.values())
    return [step.block] if isinstance(step, While) else [(step,)]
