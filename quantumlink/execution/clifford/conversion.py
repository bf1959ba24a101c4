"""A circuit or a program as a circuit of stim's, for stim's own tools: its samplers, error models and decoders.

Heralds become detectors, and what the delivered state is to be becomes observables: a run that fires no detector is
accepted, and one of those that flips no observable has delivered what it should. So with stim's error model the
success probability and the fidelity are known exactly, and either by sampling.

Reference:
    C. Gidney, Quantum 5, 497 (2021): detectors and observables as parities of records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from qiskit.circuit import QuantumCircuit

from quantumlink import validation
from quantumlink.execution.clifford.conditions import Parity
from quantumlink.execution.clifford.gates import refusal
from quantumlink.execution.clifford.noise import ModelNoise
from quantumlink.execution.clifford.steps import (
    ANY_METHOD,
    GateStep,
    IfStep,
    MeasureStep,
    NoiseStep,
    ResetStep,
    Step,
    read,
)
from quantumlink.program import Frame, Program, toggle
from quantumlink.rewrites import add_noise, pauli_frame

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]

BELL_STABILIZERS = (("XX", 1), ("ZZ", 1))
"""What generates the stabilizers of Φ⁺, and their signs."""


def to_stim(source: Program | QuantumCircuit, *, noise: bool = True) -> stim.Circuit:
    """The circuit as stim's: qubit i is stim's qubit i, and each measurement is one record, in their order.

    A program is taken in its frame lowering, its noise written in unless ``noise=False``. Each herald is a
    detector. Behind the circuit stabilizers that generate those of the state to be delivered are measured without
    noise, and each is an observable, the frame included: XX and ZZ for a pair, in this order.

    Args:
        source: a program; or a circuit, its noise written into it, which has neither detectors nor observables.
        noise: whether a program's own noise acts. The medium's does in any case.

    Returns:
        The circuit. In ``circuit.compile_detector_sampler()`` a run without a detection event is one that
        ``program.accepted`` accepts, and one of those without an observable's flip counts towards the fidelity.

    Raises:
        TypeError: if it is neither a program nor a circuit.
        UnsupportedOperation: on what is no Clifford gate, no mixture of Paulis, a readout error that depends on the
            bit's value, and conditions other than a parity under which a Pauli is applied: by name.
        ValueError: if the circuit has free parameters, as one with random settings has, or perfect parts would not
            fulfil a herald, or not deliver the state.
        ImportError: if stim is not installed.

    >>> import quantumlink as ql
    >>> link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.97)
    >>> print(to_stim(ql.compose(ql.purify(link, link))).num_detectors)
    1
    """
    if find_spec("stim") is None:
        raise ImportError("to_stim needs stim, which is not installed (pip install stim)")
    if not isinstance(source, Program):
        return _converted(validation.instance("source", source, QuantumCircuit, "a Program or a QuantumCircuit"))[0]
    framed = pauli_frame(source)
    circuit, records = _converted((add_noise(framed) if noise else framed).circuit)
    measured = circuit.num_measurements

    def record_targets(bits: Iterable[int]) -> list[str]:
        odd = set[int]()
        for bit in bits:
            odd = toggle(odd, records[bit])
        return [f"rec[{record - circuit.num_measurements}]" for record in sorted(odd)]

    stabilizers = _generators(framed)
    for label, sign in stabilizers:
        product = "*".join(f"{pauli}{qubit}" for pauli, qubit in _letters(label, framed))
        circuit.append_from_stim_program_text(f"MPP {'!' if sign < 0 else ''}{product}")
    for herald in (*framed.heralds, *framed.odd_heralds):
        circuit.append_from_stim_program_text(f"DETECTOR {' '.join(record_targets(herald))}")
    for place, (label, _) in enumerate(stabilizers):
        own = f"rec[{measured + place - circuit.num_measurements}]"
        targets = [*record_targets(_needs(label, framed)), own]
        circuit.append_from_stim_program_text(f"OBSERVABLE_INCLUDE({place}) {' '.join(targets)}")
    _check_reference(circuit, framed)
    return circuit


def _converted(circuit: QuantumCircuit) -> tuple[stim.Circuit, list[tuple[int, ...]]]:
    """The circuit, and for each classical bit the records whose parity it is at the end."""
    import stim

    if circuit.num_parameters:
        names = ", ".join(p.name for p in circuit.parameters)
        raise ValueError(
            f"source must have all its parameters bound, got free ones: {names}; stim has no settings drawn at "
            f"random, as 'bbpssw' twirls and a stated pair needs (a Bell-diagonal one and 'dejmps' do not)"
        )
    written: list[tuple[int, ...]] = [()] * circuit.num_clbits
    lines: list[str] = []
    records = 0
    for step in read(circuit, ModelNoise(None)):
        lines += _lines(step, written, records)
        if isinstance(step, MeasureStep):
            written[step.clbit] = (records,)
            records += 1
    result = stim.Circuit()
    if circuit.num_qubits:  # those too on which nothing happens
        result.append("R", range(circuit.num_qubits))
    result.append_from_stim_program_text("\n".join(lines))
    return result, written


def _lines(step: Step, written: Sequence[tuple[int, ...]], records: int) -> list[str]:
    if isinstance(step, GateStep):
        return step.gate.lines(step.qubits)
    if isinstance(step, ResetStep):
        return [f"R {step.qubit}"]
    if isinstance(step, MeasureStep):
        return [f"M {step.qubit}"]  # a circuit's own readout errors stand before it
    if isinstance(step, NoiseStep):
        if step.mixture.resets:
            raise refusal("noise that resets at random", step.qubits, "it is no mixture of Paulis", ANY_METHOD)
        return step.mixture.lines(step.qubits)
    if isinstance(step, IfStep):
        return _feedback(step, written, records)
    raise AssertionError(f"an unbound step: {step}")


def _feedback(step: IfStep, written: Sequence[tuple[int, ...]], records: int) -> list[str]:
    """Paulis under a parity of records: those of the even case always, and undone where it is odd."""
    steps = (*step.body, *step.other)
    if not isinstance(step.condition, Parity) or not all(
        isinstance(s, GateStep) and s.gate.pauli is not None for s in steps
    ):
        qubits = [q for s in steps if isinstance(s, GateStep) for q in s.qubits]
        why = "stim's feedback is a Pauli without noise, under a parity of records"
        raise refusal("a condition", qubits, why, "CliffordSampler may, and Aer's SamplerV2 can")
    odd, even = (step.body, step.other) if step.condition.odd else (step.other, step.body)
    which = set[int]()
    for bit in step.condition.bits:
        which = toggle(which, written[bit])
    lines = [line for s in even if isinstance(s, GateStep) for line in s.gate.lines(s.qubits)]
    for s in (*odd, *even):
        if isinstance(s, GateStep) and s.gate.pauli is not None:
            letters = [(p, q) for p, q in zip(s.gate.pauli, s.qubits, strict=True) if p != "I"]
            lines += [f"C{p} rec[{r - records}] {q}" for p, q in letters for r in sorted(which)]
    return lines


def _letters(label: str, program: Program) -> list[tuple[str, int]]:
    """The letters of a label that are not I, each with its end's qubit; the rightmost is the first end's."""
    ends = program.ends.values()
    return [(p, qubit) for p, qubit in zip(reversed(label), ends, strict=True) if p != "I"]


def _needs(label: str, program: Program) -> list[int]:
    """The bits by which the frame inverts a stabilizer."""
    bits: list[int] = []
    for pauli, end in zip(reversed(label), program.ends, strict=True):
        bits += program.frame.get(end, Frame()).inverting(pauli)
    return bits


def _generators(program: Program) -> list[tuple[str, int]]:
    """Stabilizers of which all others are products."""
    if len(program.ends) == 2 and not program.stabilizers:
        return list(BELL_STABILIZERS)
    found: list[tuple[str, int]] = []
    spanned = {(0, 0)}
    for label, sign in program.stabilizers:
        x = sum(1 << i for i, letter in enumerate(label) if letter in "XY")
        z = sum(1 << i for i, letter in enumerate(label) if letter in "YZ")
        if (x, z) not in spanned:
            found.append((label, sign))
            spanned |= {(x ^ a, z ^ b) for a, b in spanned}
    return found


def _check_reference(circuit: stim.Circuit, program: Program) -> None:
    """Refuse what noiseless runs do not do: a parity that is random, or not the one that is wanted.

    Raises:
        ValueError: if there is one.
    """
    quiet = circuit.without_noise()
    try:
        quiet.detector_error_model()
    except ValueError:
        raise ValueError(
            "source must fulfil its heralds, and deliver its state, with perfect parts: here one of them is "
            "random, which stim has no detector for"
        ) from None
    detectors, observables = quiet.reference_detector_and_observable_signs()
    even = len(program.heralds)
    for place, fired in enumerate(detectors):
        if bool(fired) != (place >= even):
            raise ValueError(f"source must fulfil its heralds with perfect parts, herald {place} never is")
    if observables.any():
        raise ValueError("source must deliver its state with perfect parts, but a stabilizer has the other sign")
