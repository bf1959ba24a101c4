"""Tapes: what is known of a state at one moment, as the steps of an operation's circuit are played on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product

from quantumlink.arrays import FloatArray
from quantumlink.circuits import Operation
from quantumlink.exact import UnsupportedOperation
from quantumlink.readings.steps import Step, Wire


class Lives:
    """Until when each qubit and bit is needed as it is."""

    def __init__(self, steps: Sequence[Step], operation: Operation) -> None:
        self._uses: dict[Wire, list[tuple[int, bool]]] = {}
        for place, step in enumerate(steps):
            for q in step.qubits:
                self._uses.setdefault(("q", q), []).append((place, step.kind == "reset"))
            for c in step.reads:
                self._uses.setdefault(("c", c), []).append((place, False))
            for c in step.writes:
                self._uses.setdefault(("c", c), []).append((place, step.kind == "measure"))
        self._kept = {("q", q) for q in operation.outputs}

    def over(self, wire: Wire, place: int) -> bool:
        """Whether what a wire holds after a step is never needed again."""
        for at, anew in self._uses.get(wire, ()):
            if at > place:
                return anew
        return wire not in self._kept


class Tape(ABC):
    """The state of some qubits and bits; what each kind of step does to it.

    Args:
        operation: the operation that is played.
        lives: until when its qubits and bits are needed.
    """

    def __init__(self, operation: Operation, lives: Lives) -> None:
        self._operation = operation
        self._lives = lives
        self._link_of = {q: i for i, qubits in enumerate(operation.inputs) for q in qubits}
        self._entered: set[int] = set()

    def do(self, step: Step) -> None:
        """Play one step.

        Raises:
            UnsupportedOperation: if it is of an unknown kind.
        """
        for q in step.qubits:
            self._admit(q)
        for bit in (*step.reads, *(() if step.kind == "measure" else step.writes)):
            self._ensure(bit)
        if step.kind == "gate":
            self._apply(step.transfer, step.qubits)
        elif step.kind == "measure":
            self._read_out(step.qubits[0], step.writes[0])
        elif step.kind == "reset":
            self._drop(("q", step.qubits[0]))
            self._admit(step.qubits[0])
        elif step.kind == "herald":
            self._accept(step)
        elif step.kind == "if":
            self._branch(step)
        else:
            raise UnsupportedOperation(f"no rule for a step of the kind {step.kind!r}")
        self._measure_up()

    def _admit_rest(self) -> None:
        """Make known what no step has touched: what is delivered, and links, which may be unnormalized."""
        for q in self._operation.outputs:
            self._admit(q)
        for link, qubits in enumerate(self._operation.inputs):
            if link not in self._entered:
                self._admit(qubits[0])

    @abstractmethod
    def _admit(self, qubit: int) -> None:
        """Make a qubit known: with its link, in |0⟩, or as it was measured."""

    @abstractmethod
    def _ensure(self, bit: int) -> None:
        """Make a bit known: one that was never written is 0."""

    @abstractmethod
    def _apply(self, matrix: FloatArray, qubits: Sequence[int]) -> None:
        """Apply a transfer matrix to qubits."""

    @abstractmethod
    def _read_out(self, qubit: int, bit: int) -> None:
        """Measure a qubit into a bit."""

    @abstractmethod
    def _drop(self, wire: Wire) -> None:
        """Forget a bit, or trace a qubit out."""

    @abstractmethod
    def _accept(self, step: Step) -> None:
        """Keep what a herald accepts."""

    @abstractmethod
    def _branch(self, step: Step) -> None:
        """Play a condition: one block where it holds, the other one elsewhere."""

    @abstractmethod
    def _measure_up(self) -> None:
        """Take account of how large the state has become."""


def holding(step: Step) -> list[bool]:
    """Whether a step's condition holds, or its herald accepts, for each value of the bits that it decides by."""
    return [step.holds(values) for values in product((0, 1), repeat=len(step.decides))]
