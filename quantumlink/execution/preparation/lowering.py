"""A program lowered for a device: its corrections, its medium, and the measurement of its ends.

The corrections come in four lowerings. ``"sequential"`` and ``"feedforward"`` apply them by `if_test`, after each
swap or gathered at the end; ``"frame"`` applies none and corrects the measured bits; ``"deferred"`` makes
controlled gates of them, for devices without feed-forward and programs without a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from qiskit.circuit import ControlFlowOp, QuantumCircuit
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.transpiler import Target

from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.measured_ends import Angles, with_ends_measured
from quantumlink.execution.preparation.conditional_paulis import ConditionalPaulis, conditional_paulis
from quantumlink.program import Program
from quantumlink.rewrites import (
    deferred_measurement,
    feedforward,
    pauli_frame,
    sampled_channels,
    without_medium,
)

Lowering = Literal["frame", "feedforward", "sequential", "deferred"]
"""Where a program's corrections go on a device: see the module."""

LOWERINGS: tuple[Lowering, ...] = get_args(Lowering)

Medium = Literal["drop", "play"]
"""Whether the medium's Pauli channels are left out, or played as rotations that are drawn at random."""

MEDIA: tuple[Medium, ...] = get_args(Medium)

_ALWAYS_KNOWN = {"barrier", "delay", "measure", "reset", "store"}


@dataclass(frozen=True, eq=False)
class Lowered:
    """A program as a device will measure it, before it has a place there."""

    program: Program
    """Its circuit measures the ends; heralds and frame read its bits."""
    angles: dict[str, Angles]
    """For each end the direction (θ, φ) in which it is measured."""
    end_bits: dict[str, int]
    """For each end the classical bit that it is measured into."""
    _corrected: Program
    """Before its ends are measured, with the medium still in it."""

    @cached_property
    def conditional(self) -> ConditionalPaulis | None:
        """What its conditions do, where it can be undone in the record."""
        return conditional_paulis(self._corrected)

    @property
    def has_conditions(self) -> bool:
        """Whether something in the circuit depends on what was measured."""
        return _has(self.program, "if_else")


def lowered(program: Program, lowering: Lowering, medium: Medium, target: Target) -> Lowered:
    """The program with its corrections lowered, its medium dropped or played, its ends measured.

    Raises:
        UnsupportedOperation: if the program cannot be lowered so, or the target lacks what that takes.
    """
    if lowering != "frame" and not _has(program, "if_else") and program.corrections != "frame":
        raise UnsupportedOperation("the program has no corrections to be applied")
    corrected = _LOWER[lowering](program)
    _check_operations(corrected, target.operation_names)
    bare = without_medium(sampled_channels(corrected) if medium == "play" else corrected)
    _check_synthesis(bare.circuit, target.operation_names)
    measured = with_ends_measured(bare)
    return Lowered(measured.program, measured.angles, measured.bits, corrected)


def without_conditions(program: Program, operations: Collection[str]) -> Program:
    """The program for a device that may have no `if_test`: its corrections as a frame, or else deferred.

    Args:
        program: any program.
        operations: names of what the device can do. With ``"if_else"`` among them the program stays as it is.

    Raises:
        UnsupportedOperation: if there is no way, naming why, or the device lacks the reset that is needed.
    """
    if _has(program, "if_else") and "if_else" not in operations:
        try:
            program = pauli_frame(program)
        except UnsupportedOperation as no_frame:
            try:
                program = deferred_measurement(program)
            except UnsupportedOperation as error:
                raise UnsupportedOperation(
                    f"the device has no if_test; as a frame: {no_frame}; deferred: {error}"
                ) from error
    _check_operations(program, operations)
    return program


def _sequential(program: Program) -> Program:
    if program.corrections != "sequential":
        raise UnsupportedOperation(f"the program's corrections are {program.corrections!r} already")
    return program


def _deferred(program: Program) -> Program:
    if not _has(program, "if_else"):
        raise UnsupportedOperation("the program's corrections are a frame already")
    return deferred_measurement(program)


_LOWER: dict[Lowering, Callable[[Program], Program]] = {
    "frame": pauli_frame,
    "feedforward": feedforward,
    "sequential": _sequential,
    "deferred": _deferred,
}


def _check_operations(program: Program, operations: Collection[str]) -> None:
    if _has(program, "if_else") and "if_else" not in operations:
        raise UnsupportedOperation("the target has no if_test")
    if _has(program, "reset") and "reset" not in operations:
        raise UnsupportedOperation("the target has no reset: compose the link without reuse_qubits")


def _check_synthesis(circuit: QuantumCircuit, operations: Collection[str]) -> None:
    """Refuse what nobody could synthesize: no definition, no known equivalence, and not the device's own."""
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                _check_synthesis(block, operations)
        elif (
            operation.name not in operations
            and operation.name not in _ALWAYS_KNOWN
            and getattr(operation, "definition", True) is None
            and not SessionEquivalenceLibrary.has_entry(operation)
        ):
            raise UnsupportedOperation(
                f"{operation.name!r} has no definition, and the target has no operation of that name: give the "
                "instruction a definition, or prepare for a device that has it"
            )


def _has(program: Program, name: str) -> bool:
    return any(instruction.name == name for instruction in program.circuit.data)
