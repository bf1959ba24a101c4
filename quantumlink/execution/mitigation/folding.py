"""Zero-noise extrapolation: the same circuit with its two-qubit gates undone and redone, and figures drawn to zero.

A gate G becomes G·(G†·G)ᵏ: the same gate with about 2k + 1 times its error. Of the figures at several such scales
a line, or the polynomial through all of them, is followed to scale 0. It removes what grows with the gates and in
that way only: readout and waiting stay as they were. What is extrapolated is an estimate with a wider interval and
a bias of its own, so it stands beside the raw figure, never in its place; no key is made of it.

Reference:
    T. Giurgica-Tiron et al., IEEE QCE (2020), on folding of gates; K. Temme, S. Bravyi, J. M. Gambetta, Phys. Rev.
    Lett. 119, 180509 (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan, prod, sqrt
from statistics import NormalDist, fmean
from typing import Literal

from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink import validation
from quantumlink.estimation import CONFIDENCE, Estimate
from quantumlink.execution.mitigation.sums import Terms, value_of
from quantumlink.execution.preparation import Prepared, lint
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import cost_of
from quantumlink.execution.samples import Samples
from quantumlink.readings.observables import Observable

Fit = Literal["linear", "richardson"]
FITS = ("linear", "richardson")

_STABILIZERS = (("XX", 1), ("YY", -1), ("ZZ", 1))
_STEP = 1e-6


def folded(prepared: Prepared, scale: int) -> Prepared:
    """The prepared program with each two-qubit gate an odd number of times: to be submitted as the original is.

    Args:
        prepared: what `prepare` returned.
        scale: 1, 3, 5, …

    Raises:
        ValueError: if the scale is not odd, or the target lacks the inverse of a gate.
    """
    validation.instance("prepared", prepared, Prepared, "what prepare returned")
    validation.count("scale", scale, at_least=1)
    if scale % 2 == 0:
        raise ValueError(f"scale must be odd, as a gate is undone and redone; got {scale}")
    circuit = _folded(prepared.circuit, (scale - 1) // 2)
    lint([(circuit, prepared.settings(), 1)], prepared.target, options=prepared.options)
    cost = cost_of(circuit, Calibration(prepared.target), latency_s=prepared.latency_s)
    return replace(prepared, circuit=circuit, cost=cost, plain_cost=None, again=None)


def _folded(circuit: QuantumCircuit, times: int) -> QuantumCircuit:
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, IfElseOp):
            operation = operation.replace_blocks([_folded(block, times) for block in operation.blocks])
            result.append(operation, instruction.qubits, instruction.clbits)
            continue
        result.append(instruction)
        if len(instruction.qubits) == 2 and not instruction.clbits and instruction.name != "barrier":
            for _ in range(times):
                result.append(operation.inverse(), instruction.qubits)
                result.append(operation, instruction.qubits)
    return result


@dataclass(frozen=True, eq=False, repr=False)
class ZeroNoise:
    """Figures extrapolated to no gate errors, each beside the raw one."""

    raw: Samples
    """As measured at the lowest scale."""
    samples: Mapping[int, Samples]
    """By scale."""
    extrapolate: Callable[[Sequence[float], Sequence[float]], float]
    """From scales and values to the value at 0."""

    def expectation(self, pauli: Observable, *, confidence: float = CONFIDENCE) -> Estimate:
        """The extrapolated expectation value of a Pauli label such as ``"ZZ"``; not cut to what is physical.

        Args:
            pauli: the label, or a Hermitian operator of Qiskit's, whose labels are extrapolated each by itself.
            confidence: of the interval.
        """

        def combined(terms: Terms, offset: float) -> Estimate:
            return self._combined(terms, offset, confidence)

        return value_of(pauli, self.raw, combined, confidence)

    def fidelity(self, *, confidence: float = CONFIDENCE) -> Estimate:
        """The extrapolated fidelity to Φ⁺ from its stabilizers; not cut to [0, 1].

        Raises:
            ValueError: if one of the bases XX, YY, ZZ was not measured.
        """
        self.raw.fidelity()
        return self._combined([(sign / 4, label) for label, sign in _STABILIZERS], 0.25, confidence)

    def lines(self) -> tuple[tuple[str, Estimate, Estimate], ...]:
        """The figures: name, raw, mitigated."""
        found = [(f"⟨{b}⟩", self.raw.expectation(b), self.expectation(b)) for b in self.raw.outcomes]
        if {label for label, _ in _STABILIZERS} <= set(self.raw.outcomes):
            found.insert(0, ("fidelity to Φ⁺", self.raw.fidelity(), self.fidelity()))
        return tuple(found)

    def note(self) -> str:
        """What was done, in a sentence."""
        return f"Mitigated: two-qubit gates at scales {', '.join(map(str, self.samples))}, extrapolated to 0."

    def _combined(self, terms: Sequence[tuple[float, str]], offset: float, confidence: float) -> Estimate:
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        scales = [float(scale) for scale in self.samples]
        best, variance = offset, 0.0
        for factor, pauli in terms:
            values = [samples.expectation(pauli).best for samples in self.samples.values()]
            best += factor * self._at_zero(scales, values)
            for i, samples in enumerate(self.samples.values()):
                moved = [[v + way * _STEP * (j == i) for j, v in enumerate(values)] for way in (1, -1)]
                slope = (self._at_zero(scales, moved[0]) - self._at_zero(scales, moved[1])) / (2 * _STEP)
                variance += (factor * slope * _spread(samples, pauli, values[i], z)) ** 2
        return Estimate(best - z * sqrt(variance), best, best + z * sqrt(variance), confidence)

    def _at_zero(self, scales: Sequence[float], values: Sequence[float]) -> float:
        found = self.extrapolate(scales, values)
        try:
            value = float(found)
        except (TypeError, ValueError):
            value = nan
        if not isfinite(value):
            raise ValueError(f"fit must give a finite number at 0, of the values {list(values)} it makes {found!r}")
        return value

    def __repr__(self) -> str:
        told = ", ".join(f"{name} raw {raw}, mitigated {best}" for name, raw, best in self.lines())
        return f"<ZeroNoise {'–'.join(self.raw.ends)} (scales {list(self.samples)}): {told}>"

    def __str__(self) -> str:
        rows = [("", "raw", "mitigated"), *((name, str(raw), str(best)) for name, raw, best in self.lines())]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, self.note()])


def zero_noise(
    samples: Mapping[int, Samples], fit: Fit | Callable[[Sequence[float], Sequence[float]], float] = "linear"
) -> ZeroNoise:
    """Extrapolate what was measured at several scales to no gate errors.

    Args:
        samples: by scale, as `folded` made it, of the same program in the same bases.
        fit: ``"linear"``: the line of least squares; ``"richardson"``: the polynomial through all; or a function of
            scales and values that gives the value at 0, such as the ``extrapolate`` of Mitiq's factories (the extra
            ``mitigation``): ``functools.partial(ExpFactory.extrapolate, asymptote=0.0)``.

    Raises:
        ValueError: if there are fewer than two scales, or ends or bases differ; and whenever a figure is asked for
            which a function of the user's makes no finite number of.
    """
    validation.instance("samples", samples, Mapping, "a mapping from scales to Samples")
    if len(samples) < 2:
        raise ValueError(f"samples must be of at least two scales, got {list(samples)}")
    for scale, each in samples.items():
        validation.count("a scale of samples", scale, at_least=1)
        validation.instance(f"samples[{scale}]", each, Samples, "Samples")
    ordered = dict(sorted(samples.items()))
    first, *others = ordered.values()
    for other in others:
        if (other.ends, set(other.outcomes)) != (first.ends, set(first.outcomes)):
            raise ValueError(f"samples must have the same ends and bases, got {first!r} and {other!r}")
    if callable(fit):
        return ZeroNoise(first, ordered, fit)
    validation.choice("fit", fit, FITS)
    return ZeroNoise(first, ordered, _line_at_zero if fit == "linear" else _polynomial_at_zero)


def _line_at_zero(scales: Sequence[float], values: Sequence[float]) -> float:
    """The line of least squares, at 0."""
    middle, mean = fmean(scales), fmean(values)
    slope = sum((s - middle) * v for s, v in zip(scales, values, strict=True)) / sum(
        (s - middle) ** 2 for s in scales
    )
    return mean - slope * middle


def _polynomial_at_zero(scales: Sequence[float], values: Sequence[float]) -> float:
    """The polynomial through all values, at 0, as Lagrange writes it."""
    return sum(
        value * prod(other / (other - own) for other in scales if other != own)
        for own, value in zip(scales, values, strict=True)
    )


def _spread(samples: Samples, pauli: str, value: float, z: float) -> float:
    """The standard deviation of an expectation value, never zero (as Wilson's interval)."""
    fitting = [b for b in samples.outcomes if all(p in ("I", x) for p, x in zip(pauli, b, strict=True))]
    runs = sum(sum(samples.outcomes[b]) for b in fitting)
    p = ((1 + value) / 2 * runs + z * z / 2) / (runs + z * z)
    return 2 * sqrt(p * (1 - p) / (runs + z * z))
