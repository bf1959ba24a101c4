"""A program whose ends are measured along directions that are set at every run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qiskit.circuit import ClassicalRegister, Parameter

from quantumlink.circuits import basis_measurement
from quantumlink.program import Program
from quantumlink.rewrites.classical_bits import fresh_name

ENDS_REGISTER = "ends"
"""The classical register into which the ends are measured: bit 0 is the left end's."""

Angles = tuple[Parameter, Parameter]
"""θ and φ of a direction of measurement, see `quantumlink.circuits.basis_measurement`."""


@dataclass(frozen=True)
class MeasuredEnds:
    """A program with the measurement of its ends, whose bits come last."""

    program: Program
    """The program."""
    angles: dict[str, Angles]
    """Along which direction each end is measured."""
    bits: dict[str, int]
    """The bit of each end, by index."""


def with_ends_measured(program: Program) -> MeasuredEnds:
    """Append the measurement of the ends, into a register of their own."""
    circuit = program.circuit.copy()
    register = ClassicalRegister(len(program.ends), fresh_name(ENDS_REGISTER, circuit))
    circuit.add_register(register)
    angles, bits = {}, {}
    for number, ((end, qubit), bit) in enumerate(zip(program.ends.items(), register, strict=True)):
        angles[end] = (Parameter(f"theta_{number}"), Parameter(f"phi_{number}"))
        bits[end] = circuit.find_bit(bit).index
        circuit.compose(basis_measurement(*angles[end]), [qubit], [bit], inplace=True)
    return MeasuredEnds(replace(program, circuit=circuit), angles, bits)
