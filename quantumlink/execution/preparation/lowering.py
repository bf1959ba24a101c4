"""A program lowered for a device: its corrections, its medium, and the measurement of its ends.

The corrections come in four lowerings. ``"sequential"`` and ``"feedforward"`` apply them by `if_test`, after each
swap or gathered at the end; ``"frame"`` applies none and corrects the measured bits; ``"deferred"`` makes
controlled gates of them, for devices without feed-forward and programs without a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, Parameter
from qiskit.transpiler import Target

from quantumlink.circuits import basis_measurement
from quantumlink.exact import UnsupportedOperation
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

_ENDS_REGISTER = "ends"


@dataclass(frozen=True, eq=False)
class Lowered:
    """A program as a device will measure it, before it has a place there."""

    program: Program
    """Its circuit measures the ends; heralds and frame read its bits."""
    angles: dict[str, tuple[Parameter, Parameter]]
    """For each end the direction (θ, φ) in which it is measured."""
    end_bits: dict[str, int]
    """For each end the classical bit that it is measured into."""


def lowered(program: Program, lowering: Lowering, medium: Medium, target: Target) -> Lowered:
    """The program with its corrections lowered, its medium dropped or played, its ends measured.

    Raises:
        UnsupportedOperation: if the program cannot be lowered so, or the target lacks what that takes.
    """
    if lowering != "frame" and not _has(program, "if_else") and program.corrections != "frame":
        raise UnsupportedOperation("the program has no corrections to be applied")
    corrected = _LOWER[lowering](program)
    _check_target(corrected, target)
    bare = without_medium(sampled_channels(corrected) if medium == "play" else corrected)
    circuit = bare.circuit.copy()
    taken = {register.name for register in (*circuit.qregs, *circuit.cregs)}
    name = _ENDS_REGISTER
    while name in taken:
        name += "_"
    register = ClassicalRegister(len(bare.ends), name)
    circuit.add_register(register)
    angles, end_bits = {}, {}
    for number, ((end, qubit), bit) in enumerate(zip(bare.ends.items(), register, strict=True)):
        angles[end] = (Parameter(f"theta_{number}"), Parameter(f"phi_{number}"))
        end_bits[end] = circuit.find_bit(bit).index
        circuit.compose(basis_measurement(*angles[end]), [qubit], [bit], inplace=True)
    return Lowered(replace(bare, circuit=circuit), angles, end_bits)


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


def _check_target(program: Program, target: Target) -> None:
    if _has(program, "if_else") and "if_else" not in target.operation_names:
        raise UnsupportedOperation("the target has no if_test")
    if _has(program, "reset") and "reset" not in target.operation_names:
        raise UnsupportedOperation("the target has no reset: compose the link without reuse_qubits")


def _has(program: Program, name: str) -> bool:
    return any(instruction.name == name for instruction in program.circuit.data)
