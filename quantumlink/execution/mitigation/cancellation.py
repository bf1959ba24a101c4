"""Probabilistic error cancellation of gates, without a draw: the errors that the target states, inverted.

The inverse of a depolarizing channel is a mixture of Paulis with negative weights. As a rule it is sampled: Paulis
are put behind gates at random, and outcomes counted with signs. In a Clifford circuit a Pauli behind a gate does
nothing but flip known bits, so the mean over all draws is known: behind a gate that depolarizes by λ, a Pauli that
the measured parity goes back to is shrunk by 1 − λ if it acts on the gate's qubits, and untouched else. Each parity
is divided by these factors, on its way back through the circuit; the device runs the circuit as it is.

What is assumed: a gate errs as a depolarizing channel of its stated average error, e = λ(d − 1)/d. Readout, waiting
and what is not stated stay as they were. The interval is that of the counts; the figures' own error is not in it.

Reference:
    K. Temme, S. Bravyi, J. M. Gambetta, Phys. Rev. Lett. 119, 180509 (2017); E. van den Berg, Z. K. Minev,
    A. Kandala, K. Temme, Nature Physics 19, 1116 (2023).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from qiskit.circuit import ControlFlowOp, QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Operator

from quantumlink import validation
from quantumlink.arrays import BoolArray, ComplexArray, FloatArray
from quantumlink.estimation import CONFIDENCE, Estimate, check_confidence
from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.transfer import device_operation
from quantumlink.execution.mitigation.sums import Terms, value_of
from quantumlink.execution.preparation import Prepared
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.samples import Samples
from quantumlink.program import Frame, parity, toggle
from quantumlink.readings.observables import Observable

MAX_HERALDS = 8
"""Most heralds: the parities that are followed back double with each."""

LEAST_KEPT = 0.1
"""Least of a parity that must be left of it: below, its inverse is next to nothing but noise."""

_STABILIZERS = (("XX", 1), ("YY", -1), ("ZZ", 1))
_HINT = "prepare with corrections='frame', optimization_level=1 and initial_layout=prepared.layout"


@dataclass(frozen=True, eq=False, repr=False)
class Cancelled:
    """Figures with the stated errors of gates taken out, each beside the raw one."""

    raw: Samples
    """As measured."""
    prepared: Prepared
    """What was run."""
    kept: Mapping[str, float]
    """By basis what the stated errors of gates leave of its parity: 1 of perfect ones."""
    _weighted: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]]
    """By basis counts of equal runs, and of each its weight in numerator and denominator."""

    def expectation(self, pauli: Observable, *, confidence: float = CONFIDENCE) -> Estimate:
        """The mitigated expectation value of a label that was measured, such as ``"ZZ"``; not cut to [−1, 1].

        Args:
            pauli: the label, or an operator of Qiskit's that is a sum of such.
            confidence: of the interval.

        Raises:
            ValueError: if it was not measured, or no run is accepted.
        """

        def combined(terms: Terms, offset: float) -> Estimate:
            for _, label in terms:
                validation.choice("pauli", label, tuple(self._weighted))
            return self._combined(terms, offset, confidence)

        return value_of(pauli, self.raw, combined, confidence)

    def fidelity(self, *, confidence: float = CONFIDENCE) -> Estimate:
        """The mitigated fidelity to Φ⁺ from its stabilizers; not cut to [0, 1].

        Raises:
            ValueError: if one of the bases XX, YY, ZZ was not measured, or no run is accepted.
        """
        self.raw.fidelity()
        return self._combined([(sign / 4, label) for label, sign in _STABILIZERS], 0.25, confidence)

    def lines(self) -> tuple[tuple[str, Estimate, Estimate], ...]:
        """The figures: name, raw, mitigated."""
        found = [(f"⟨{b}⟩", self.raw.expectation(b), self.expectation(b)) for b in self._weighted]
        if {label for label, _ in _STABILIZERS} <= set(self._weighted):
            found.insert(0, ("fidelity to Φ⁺", self.raw.fidelity(), self.fidelity()))
        return tuple(found)

    def note(self) -> str:
        """What was done, in a sentence."""
        least = min(self.kept.values())
        return (
            f"Mitigated: stated errors of gates inverted as depolarizing, of which a parity of {least:.3f} is left "
            f"at least; readout and waiting stay."
        )

    def _combined(self, terms: Sequence[tuple[float, str]], offset: float, confidence: float) -> Estimate:
        check_confidence(confidence)
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        best, variance = offset, 0.0
        for factor, basis in terms:
            counts, numerator, denominator = self._weighted[basis]
            runs, whole = float(counts.sum()), float(counts @ denominator)
            if whole <= 0:
                raise ValueError(f"no run in {basis} is accepted: there is nothing to mitigate")
            value = float(counts @ numerator) / whole
            # As much is added as makes Wilson's interval where no error is seen.
            squares = float(counts @ (numerator - value * denominator) ** 2)
            squares += (2 * z * float(np.abs(numerator).max())) ** 2
            best += factor * value
            variance += (factor * runs / whole) ** 2 * squares / (runs * (runs + z * z))
        return Estimate(best - z * sqrt(variance), best, best + z * sqrt(variance), confidence)

    def __repr__(self) -> str:
        told = ", ".join(f"{name} raw {raw}, mitigated {best}" for name, raw, best in self.lines())
        return f"<Cancelled {'–'.join(self.raw.ends)}: {told}>"

    def __str__(self) -> str:
        rows = [("", "raw", "mitigated"), *((name, str(raw), str(best)) for name, raw, best in self.lines())]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, self.note()])


def cancelled(prepared: Prepared, result: Any) -> Cancelled:
    """Take the stated errors of gates out of what was measured: see the module.

    Args:
        prepared: what `prepare` returned, without conditions in its circuit (``corrections="frame"``).
        result: a sampler's result of it, such as ``Job.result()``.

    Raises:
        TypeError: if it is not prepared.
        UnsupportedOperation: if the circuit has conditions, or gates that are not Clifford.
        ValueError: if the result is another circuit's, there are not two ends, heralds must be odd or are more than
            `MAX_HERALDS`, or the errors leave next to nothing of a parity.
    """
    validation.instance("prepared", prepared, Prepared, "what prepare returned")
    recipe = prepared.recipe
    if len(recipe.ends) != 2 or recipe.odd_heralds or len(recipe.heralds) > MAX_HERALDS:
        raise ValueError(
            f"cancellation is for programs of two ends and at most {MAX_HERALDS} heralds, all even parities; this "
            f"one has {len(recipe.ends)} ends, {len(recipe.heralds)} heralds, {len(recipe.odd_heralds)} odd ones"
        )
    calibration = Calibration(prepared.target)
    columns = list(prepared.circuit.parameters)
    kept, weighted = dict[str, float](), dict[str, tuple[FloatArray, FloatArray, FloatArray]]()
    raw = recipe.samples(result[0] if hasattr(result, "__len__") and len(result) > 1 else result)
    data = result[0].data if hasattr(result, "__len__") else result.data
    for basis in dict.fromkeys(recipe.bases):
        rows = [i for i, label in enumerate(recipe.bases) if label == basis]
        row = dict(zip(columns, prepared.settings()[rows[0]], strict=True))
        back = _Backwards(prepared.circuit.assign_parameters(row), calibration)
        patterns, counts = np.unique(_bits(data, prepared, rows), axis=0, return_counts=True)
        sign = _sign(prepared, basis)
        kept[basis] = back.kept(sign)
        accepted = _weights(patterns, recipe.heralds, (), back)
        weighted[basis] = counts.astype(float), _weights(patterns, recipe.heralds, sign, back), accepted
    if min(kept.values()) < LEAST_KEPT:
        told = ", ".join(f"{share:.2g} of {basis}" for basis, share in kept.items())
        raise ValueError(f"the stated errors of gates leave {told}: too little to be inverted")
    return Cancelled(raw, prepared, kept, weighted)


def _weights(
    patterns: BoolArray, heralds: Sequence[tuple[int, ...]], sign: Iterable[int], back: _Backwards
) -> FloatArray:
    """Of each pattern the estimate of [all heralds even] times the sign of a parity: summed over subsets."""
    total = np.zeros(len(patterns))
    for size in range(len(heralds) + 1):
        for some in combinations(heralds, size):
            which = set(sign)
            for herald in some:
                which = toggle(which, herald)
            total += (1.0 - 2.0 * parity(patterns, sorted(which))) / back.kept(which)
    weights: FloatArray = total / 2 ** len(heralds)
    return weights


def _sign(prepared: Prepared, basis: str) -> set[int]:
    """The bits whose parity is the outcome: the ends' and those of their frames."""
    frames, found = dict(prepared.recipe.frame), set[int]()
    for (name, bit), letter in zip(prepared.recipe.ends, reversed(basis), strict=True):
        found = toggle(toggle(found, {bit}), frames.get(name, Frame()).inverting(letter))
    return found


def _bits(data: Any, prepared: Prepared, rows: Sequence[int]) -> BoolArray:
    """The bits of all runs of these rows, shape (runs, bits): `Recipe.samples` has checked the result before."""
    found: BoolArray | None = None
    for name, places in prepared.recipe.registers:
        array = getattr(data, name)
        told = array.to_bool_array(order="little").reshape(-1, array.num_shots, array.num_bits)[list(rows)]
        if found is None:
            found = np.zeros((told.shape[0] * told.shape[1], prepared.recipe.num_bits), dtype=bool)
        found[:, list(places)] = told.reshape(-1, told.shape[2])
    assert found is not None
    return found


@dataclass(frozen=True)
class _Step:
    """A gate, a run of gates on one qubit, a measurement or a reset."""

    qubits: list[int]
    kept: float = 1.0
    """1 − λ of what errs behind it."""
    inverse: BoolArray | None = None
    """What becomes of Paulis on the way back: rows X₀, X₁, …, Z₀, …, columns alike."""
    bit: int | None = None
    """What a measurement writes."""


class _Backwards:
    """A circuit that parities of its bits are followed back through; signs of Paulis do not matter."""

    def __init__(self, circuit: QuantumCircuit, calibration: Calibration) -> None:
        self._width = circuit.num_qubits
        self._found: dict[frozenset[int], float] = {}
        self._steps = list(_steps(circuit, calibration))[::-1]

    def kept(self, bits: Iterable[int]) -> float:
        """What the stated errors leave of the parity of these bits."""
        which = frozenset(bits)
        if which not in self._found:
            self._found[which] = self._kept(which)
        return self._found[which]

    def _kept(self, which: frozenset[int]) -> float:
        x, z = np.zeros(self._width, dtype=bool), np.zeros(self._width, dtype=bool)
        left, kept = set(which), 1.0
        for step in self._steps:
            there = step.qubits
            if step.inverse is not None:
                if x[there].any() or z[there].any():
                    kept *= step.kept
                    moved = np.concatenate((x[there], z[there])).astype(int) @ step.inverse % 2
                    x[there], z[there] = moved[: len(there)], moved[len(there) :]
            elif x[there[0]]:
                return 1.0  # its mean is 0, with errors or without
            elif step.bit is None:
                z[there] = False
            elif step.bit in left:
                left.remove(step.bit)  # what was written before is overwritten
                z[there] ^= True
        return max(kept, 1e-12)


def _steps(circuit: QuantumCircuit, calibration: Calibration) -> Iterator[_Step]:
    """What happens, in order; gates on one qubit together, as a depolarizing error commutes with them."""
    runs: dict[int, tuple[ComplexArray, float]] = {}

    def ended(qubits: Iterable[int]) -> Iterator[_Step]:
        for qubit in qubits:
            if qubit in runs:
                matrix, kept = runs.pop(qubit)
                yield _Step([qubit], kept, _inverse(Operator(matrix), "gates on one qubit, taken together"))

    for instruction in circuit.data:
        if instruction.name in ("barrier", "delay"):
            continue
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            raise UnsupportedOperation(f"errors are not followed back through conditions: {_HINT}")
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        if device_operation(operation) not in ("measure", "reset"):
            size = 2 ** len(qubits)
            error = (calibration.error(instruction.name, qubits) or 0.0) * size / (size - 1)
            kept = 1 - min(1.0, error)
            if len(qubits) == 1:
                matrix, before = runs.get(qubits[0], (np.eye(2, dtype=complex), 1.0))
                runs[qubits[0]] = Operator(operation).data @ matrix, before * kept
                continue
            yield from ended(qubits)
            yield _Step(qubits, kept, _inverse(Operator(operation), repr(instruction.name)))
            continue
        yield from ended(qubits)
        bits = [circuit.find_bit(c).index for c in instruction.clbits]
        yield _Step(qubits, bit=bits[0] if bits else None)
    yield from ended(list(runs))


def _inverse(operator: Operator, name: str) -> BoolArray:
    try:
        found: BoolArray = Clifford.from_operator(operator).adjoint().symplectic_matrix
    except QiskitError as error:
        raise UnsupportedOperation(f"no Clifford gate, so Paulis are not followed back: {name}; {_HINT}") from error
    return found
