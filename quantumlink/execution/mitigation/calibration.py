"""Calibration of the readout, in the same job as the program: all qubits in |0⟩, all in |1⟩, measured.

Two circuits, whatever the number of qubits. They tell each qubit's two error probabilities if the errors of
different qubits are independent of one another (the tensor-product assumption, on which the inversion rests too),
and if a measurement in the middle of a circuit errs as one at its end. What fails when |0⟩ or |1⟩ is prepared
counts as an error of the readout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ClassicalRegister, IfElseOp, Parameter, QuantumCircuit
from qiskit.primitives import BitArray
from qiskit.transpiler import Target, generate_preset_pass_manager

from quantumlink import validation
from quantumlink.estimation import CONFIDENCE, Estimate, binomial_estimate
from quantumlink.execution.preparation.recipe import Recipe

REGISTER = "calibration"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Which bits are calibrated, on which qubits, and how often: plain data for a file."""

    bits: tuple[int, ...]
    """The program's classical bits that a reading needs, ascending."""
    qubits: tuple[int, ...]
    """Of each the qubit that is measured into it."""
    acted_on: tuple[int, ...]
    """Those of the bits that conditions read: what followed depended on the bit as it was recorded, so they are
    never corrected."""
    rows: int
    """Rows of each calibration circuit, so that it runs about as often as a basis."""

    @property
    def measured(self) -> tuple[int, ...]:
        """The qubits, each once, as in the calibration's register."""
        return tuple(dict.fromkeys(self.qubits))

    def circuits(
        self, num_qubits: int, target: Target | None
    ) -> tuple[tuple[QuantumCircuit, FloatArray | None], tuple[QuantumCircuit, FloatArray | None]]:
        """All in |0⟩, and all in |1⟩: each with the table of its parameters, None if it has a single row.

        Args:
            num_qubits: of the program's circuit, whose qubits they use.
            target: the device whose instructions they are written in; None to leave them as they are.
        """
        return self._circuit(0, num_qubits, target), self._circuit(1, num_qubits, target)

    def _circuit(
        self, prepared: int, num_qubits: int, target: Target | None
    ) -> tuple[QuantumCircuit, FloatArray | None]:
        circuit = QuantumCircuit(num_qubits, name=f"readout of {prepared}")
        record = ClassicalRegister(len(self.measured), REGISTER)
        circuit.add_register(record)
        if self.rows > 1:
            # Rows are rows of a table, so there is a parameter: an angle about Z, which does nothing to |0⟩.
            angle = Parameter("nothing")
            circuit.rz(angle, self.measured[0])
        if prepared:
            circuit.x(list(self.measured))
        circuit.measure(list(self.measured), record)
        if target is not None:
            manager = generate_preset_pass_manager(0, target=target, initial_layout=list(range(num_qubits)))
            circuit = manager.run(circuit)
        return circuit, np.zeros((self.rows, 1)) if self.rows > 1 else None

    def errors(self, zeros: Any, ones: Any) -> tuple[ReadoutErrors, ...]:
        """What the two circuits measured, one entry for each of ``bits``.

        Args:
            zeros: the result of the PUB in which all qubits were in |0⟩.
            ones: that of the PUB in which all were in |1⟩.

        Raises:
            ValueError: if a result is not that of these circuits.
        """
        wrong = {0: self._record(zeros), 1: ~self._record(ones)}
        column = {qubit: i for i, qubit in enumerate(self.measured)}
        return tuple(
            ReadoutErrors(
                qubit,
                (int(wrong[0][:, column[qubit]].sum()), int(wrong[1][:, column[qubit]].sum())),
                (len(wrong[0]), len(wrong[1])),
            )
            for qubit in self.qubits
        )

    def _record(self, result: Any) -> npt.NDArray[np.bool_]:
        array = getattr(result.data, REGISTER, None)
        if not isinstance(array, BitArray) or array.num_bits != len(self.measured):
            raise ValueError(f"the result must hold the register {REGISTER!r} of {len(self.measured)} bits")
        bits: npt.NDArray[np.bool_] = array.to_bool_array(order="little").reshape(-1, array.num_bits)
        return bits

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        told = {"bits": self.bits, "qubits": self.qubits, "acted_on": self.acted_on}
        return {**{name: list(values) for name, values in told.items()}, "rows": self.rows}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Calibration:
        """From what `to_dict` told.

        Raises:
            ValueError: if something is missing or of the wrong kind.
        """
        try:
            bits, qubits, acted_on = (
                tuple(validation.count(name, n) for n in told[name]) for name in ("bits", "qubits", "acted_on")
            )
            return cls(bits, qubits, acted_on, validation.count("rows", told["rows"], at_least=1))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"this is no calibration: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, repr=False)
class ReadoutErrors:
    """How often one qubit was read wrongly."""

    qubit: int
    """Which qubit."""
    wrong: tuple[int, int]
    """Runs in which |0⟩ was read as 1, and |1⟩ as 0."""
    runs: tuple[int, int]
    """Of so many runs in |0⟩ and in |1⟩."""

    @property
    def rates(self) -> tuple[Estimate, Estimate]:
        """The probabilities of reading 1 for |0⟩, and 0 for |1⟩."""
        zero, one = (binomial_estimate(w, n) for w, n in zip(self.wrong, self.runs, strict=True))
        return zero, one

    def spread(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The standard deviations of the two rates, not zero where no error was seen (as Wilson's interval)."""
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        zero, one = (
            sqrt(p * (1 - p) / n)
            for p, n in (((w + z * z / 2) / (n + z * z), n) for w, n in zip(self.wrong, self.runs, strict=True))
        )
        return zero, one

    def __repr__(self) -> str:
        zero, one = self.rates
        return f"<ReadoutErrors of qubit {self.qubit}: 1 for |0⟩ {zero}, 0 for |1⟩ {one}>"


def calibration_of(circuit: QuantumCircuit, recipe: Recipe, *, shots: int, row_shots: int) -> Calibration:
    """What has to be calibrated to read a program's circuit.

    Args:
        circuit: the circuit that runs.
        recipe: how it is read.
        shots: of each basis.
        row_shots: of each row, as all PUBs of a job have it.

    Raises:
        ValueError: if a bit that the reading needs is not measured.
    """
    qubit_of = {qubit: i for i, qubit in enumerate(circuit.qubits)}
    clbit_of = {clbit: i for i, clbit in enumerate(circuit.clbits)}
    measured: dict[int, int] = {}
    acted_on: set[int] = set()
    for instruction in circuit.data:
        there = [clbit_of[clbit] for clbit in instruction.clbits]
        if isinstance(instruction.operation, IfElseOp):
            acted_on.update(there)
        elif there:  # a measurement, by whatever name
            measured.update(zip(there, (qubit_of[q] for q in instruction.qubits), strict=True))
    bits = sorted(needed_bits(recipe))
    missing = [bit for bit in bits if bit not in measured]
    if missing:
        raise ValueError(f"the classical bits {missing} are not measured, so their readout cannot be calibrated")
    return Calibration(
        tuple(bits),
        tuple(measured[bit] for bit in bits),
        tuple(sorted(acted_on & set(bits))),
        -(-shots // row_shots),
    )


def needed_bits(recipe: Recipe) -> set[int]:
    """The classical bits that a recipe reads."""
    bits = {bit for _, bit in recipe.ends} | {bit for herald in recipe.heralds for bit in herald}
    return bits | {bit for _, frame in recipe.frame for bit in (*frame.x, *frame.z)}


def errors_as_array(errors: Sequence[ReadoutErrors]) -> FloatArray:
    """The rates, shape (bits, 2)."""
    return np.array([[rate.best for rate in each.rates] for each in errors]).reshape(-1, 2)
