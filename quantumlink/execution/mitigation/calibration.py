"""Calibration of the readout, in the same job as the program: all qubits in |0⟩, all in |1⟩, measured.

Two circuits, whatever the number of qubits; a balanced one has 0 and 1 mixed (`balanced_states`), and in its second
circuit the opposite of the first. They tell each qubit's two error probabilities if the errors of
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
from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.estimation import CONFIDENCE, Estimate, binomial_estimate
from quantumlink.execution.mitigation.balanced_states import ROWS, balanced_states, columns_apart
from quantumlink.execution.preparation.mid_circuit import variants_in, with_variants
from quantumlink.execution.preparation.recipe import Recipe

REGISTER = "calibration"


@dataclass(frozen=True)
class Calibration:
    """Which bits are calibrated, on which qubits, and how often: plain data for a file."""

    bits: tuple[int, ...]
    """The program's classical bits that a reading needs, ascending."""
    qubits: tuple[int, ...]
    """Of each the qubit that is measured into it."""
    acted_on: tuple[int, ...]
    """Those of the bits that conditions read: what followed depended on the bit as it was recorded, so they are
    corrected only where that can be undone (`Recipe.conditional`)."""
    rows: int
    """Rows of each calibration circuit, so that it runs about as often as a basis."""
    columns: tuple[int, ...] = ()
    """Of a balanced one for each of the measured qubits the column of states that it goes through."""
    variants: tuple[tuple[int, str], ...] = ()
    """Qubits that are measured by a variant of the device's, and its name: so they are calibrated."""

    @property
    def measured(self) -> tuple[int, ...]:
        """The qubits, each once, as in the calibration's register."""
        return tuple(dict.fromkeys(self.qubits))

    @property
    def is_balanced(self) -> bool:
        """Whether every qubit is calibrated over both states of those near it."""
        return bool(self.columns)

    @property
    def states(self) -> BoolArray:
        """Of the first circuit the states of the measured qubits, shape (rows, qubits), True for |1⟩."""
        if not self.is_balanced:
            return np.zeros((self.rows, len(self.measured)), dtype=bool)
        return balanced_states(self.columns, self.rows)

    def circuits(
        self, num_qubits: int, target: Target | None
    ) -> tuple[tuple[QuantumCircuit, FloatArray | None], tuple[QuantumCircuit, FloatArray | None]]:
        """All in |0⟩, and all in |1⟩; or in balanced states, and in the opposite ones.

        Each has the table of its parameters, None if it has a single row.

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
        if self.is_balanced:
            return self._balanced(circuit, record, prepared, target)
        if self.rows > 1:
            # Rows are rows of a table, so there is a parameter: an angle about Z, which does nothing to |0⟩.
            angle = Parameter("nothing")
            circuit.rz(angle, self.measured[0])
        if prepared:
            circuit.x(list(self.measured))
        circuit.measure(list(self.measured), record)
        circuit = self._in_instructions(circuit, target)
        return circuit, np.zeros((self.rows, 1)) if self.rows > 1 else None

    def _balanced(
        self, circuit: QuantumCircuit, record: ClassicalRegister, opposite: int, target: Target | None
    ) -> tuple[QuantumCircuit, FloatArray]:
        """One angle about X for each column: 0 or π, the same pulses either way."""
        angles = {column: Parameter(f"state_{column}") for column in sorted(set(self.columns))}
        for qubit, column in zip(self.measured, self.columns, strict=True):
            circuit.rx(angles[column], qubit)
        circuit.measure(list(self.measured), record)
        circuit = self._in_instructions(circuit, target)
        states = self.states ^ bool(opposite)
        of_angle = {angles[c]: states[:, self.columns.index(c)] for c in angles}
        table: FloatArray = np.where(np.stack([of_angle[p] for p in circuit.parameters], axis=-1), np.pi, 0.0)
        return circuit, table

    def errors(self, zeros: Any, ones: Any) -> tuple[ReadoutErrors, ...]:
        """What the two circuits measured, one entry for each of ``bits``.

        Args:
            zeros: the result of the first PUB, in which all qubits were in |0⟩ unless it is balanced.
            ones: that of the second, in which all were in the opposite states.

        Raises:
            ValueError: if a result is not that of these circuits.
        """
        wrong = np.zeros((2, len(self.measured)), dtype=int)
        runs = np.zeros_like(wrong)
        for result, states in ((zeros, self.states), (ones, ~self.states)):
            record = self._record(result)
            for side in (0, 1):
                here = states == bool(side)
                wrong[side] += ((record != bool(side)) & here[:, None]).sum(axis=(0, 1))
                runs[side] += here.sum(axis=0) * record.shape[1]
        column = {qubit: i for i, qubit in enumerate(self.measured)}
        told = [(qubit, column[qubit]) for qubit in self.qubits]
        return tuple(ReadoutErrors(q, _pair(wrong[:, i]), _pair(runs[:, i])) for q, i in told)

    def _record(self, result: Any) -> BoolArray:
        """Shape (rows, shots, qubits)."""
        array = getattr(result.data, REGISTER, None)
        if not isinstance(array, BitArray) or array.num_bits != len(self.measured):
            raise ValueError(f"the result must hold the register {REGISTER!r} of {len(self.measured)} bits")
        bits: BoolArray = array.to_bool_array(order="little").reshape(-1, array.num_shots, array.num_bits)
        if len(bits) != self.rows:
            raise ValueError(f"the result must have {self.rows} rows of the register {REGISTER!r}, got {len(bits)}")
        return bits

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        told = {"bits": self.bits, "qubits": self.qubits, "acted_on": self.acted_on}
        more: dict[str, Any] = {"columns": list(self.columns)} if self.is_balanced else {}
        more |= {"variants": [list(each) for each in self.variants]} if self.variants else {}
        return {**{name: list(values) for name, values in told.items()}, "rows": self.rows, **more}

    def _in_instructions(self, circuit: QuantumCircuit, target: Target | None) -> QuantumCircuit:
        if target is None:
            return circuit
        layout = list(range(circuit.num_qubits))
        told = generate_preset_pass_manager(0, target=target, initial_layout=layout).run(circuit)
        return with_variants(told, target, dict(self.variants))

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
            if len(bits) != len(qubits):
                raise ValueError(f"there are {len(bits)} bits and {len(qubits)} qubits")
            columns = tuple(validation.count("columns", n) for n in told.get("columns", ()))
            variants = tuple((validation.count("variants", q), str(name)) for q, name in told.get("variants", ()))
            rows = validation.count("rows", told["rows"], at_least=1)
            found = cls(bits, qubits, acted_on, rows, columns, variants)
            if columns and (len(columns) != len(found.measured) or max(columns) >= ROWS - 1 or found.rows % ROWS):
                raise ValueError(f"the columns {columns} are not those of {len(found.measured)} qubits")
            return found
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


def calibration_of(
    circuit: QuantumCircuit,
    recipe: Recipe,
    *,
    shots: int,
    row_shots: int,
    balanced: bool = False,
    target: Target | None = None,
) -> Calibration:
    """What has to be calibrated to read a program's circuit.

    Args:
        circuit: the circuit that runs.
        recipe: how it is read.
        shots: of each basis.
        row_shots: of each row, as all PUBs of a job have it.
        balanced: whether states are mixed, in a multiple of 8 rows.
        target: the device, which tells which qubits are near each other then.

    Raises:
        ValueError: if a bit that the reading needs is not measured, or a qubit in several ways.
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
    bits = sorted(recipe.bits_read)
    missing = [bit for bit in bits if bit not in measured]
    if missing:
        raise ValueError(f"the classical bits {missing} are not measured, so their readout cannot be calibrated")
    rows, qubits = -(-shots // row_shots), tuple(measured[bit] for bit in bits)
    columns: tuple[int, ...] = ()
    if balanced:
        rows, columns = ROWS * -(-rows // ROWS), columns_apart(tuple(dict.fromkeys(qubits)), target)
    variants = tuple((q, name) for q, name in variants_in(circuit).items() if q in qubits)
    return Calibration(tuple(bits), qubits, tuple(sorted(acted_on & set(bits))), rows, columns, variants)


def errors_as_array(errors: Sequence[ReadoutErrors]) -> FloatArray:
    """The rates, shape (bits, 2)."""
    return np.array([[rate.best for rate in each.rates] for each in errors]).reshape(-1, 2)


def _pair(values: npt.NDArray[np.int_]) -> tuple[int, int]:
    zero, one = values.tolist()
    return zero, one
