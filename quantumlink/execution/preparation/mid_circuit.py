"""Measurements in the middle of a circuit by the variant that suits them: devices have faster ones of their own.

A device is tuned for measurements at the end, where time does not matter. While others wait for an outcome, or
for the qubit, a faster and perhaps less certain variant, such as ``measure_2``, may be the better one. It is taken
where the expected fidelity of the whole circuit, by the stated errors and durations, is higher with it. All
measurements of a qubit are of one kind, so that it has one confusion to be predicted and calibrated; a qubit that
is measured at the end only keeps the ordinary one.

Reference:
    IBM Quantum documentation, guide "Measure qubits", https://quantum.cloud.ibm.com/docs/guides/measure-qubits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from qiskit.circuit import Bit, ControlFlowOp, Instruction, QuantumCircuit
from qiskit.circuit.library import Measure
from qiskit.transpiler import Target

from quantumlink.exact.transfer import device_operation
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import cost_of

MidCircuit = Literal["auto", "measure"]
"""The variant that is expected to be better, or always the ordinary measurement."""

MID_CIRCUIT: tuple[MidCircuit, ...] = ("auto", "measure")

MAX_SINGLE = 40
"""Most qubits that are decided about one by one; of more, about all together."""

NO_DIFFERENCE = 1e-9
"""Log fidelities nearer than that are equal: then the ordinary measurement stays."""


def chosen_variants(circuit: QuantumCircuit, calibration: Calibration, *, latency_s: float) -> dict[int, str]:
    """The variants that an ISA circuit had better be measured by: names by physical qubit, all others as they are.

    Args:
        circuit: an ISA circuit, on all the device's qubits; its parameters may be free.
        calibration: the device's figures.
        latency_s: of the feed-forward, in seconds.
    """
    fastest = _fastest(circuit, calibration)
    if not fastest:
        return {}

    def log_fidelity(variants: Mapping[int, str]) -> float:
        told = with_variants(circuit, calibration.target, variants)
        return cost_of(told, calibration, latency_s=latency_s).log_fidelity

    chosen: dict[int, str] = {}
    best = log_fidelity(chosen)
    every = log_fidelity(fastest)
    if every > best + NO_DIFFERENCE:
        chosen, best = dict(fastest), every
    for qubit, name in fastest.items() if len(fastest) <= MAX_SINGLE else ():
        other = {q: n for q, n in chosen.items() if q != qubit} if qubit in chosen else {**chosen, qubit: name}
        found = log_fidelity(other)
        if found > best + NO_DIFFERENCE:
            chosen, best = other, found
    return dict(sorted(chosen.items()))


def with_variants(circuit: QuantumCircuit, target: Target, variants: Mapping[int, str]) -> QuantumCircuit:
    """The circuit with the measurements of some physical qubits by variants of the device, by their names."""
    result = circuit.copy_empty_like()
    operations = {name: target.operation_from_name(name) for name in set(variants.values())}
    for instruction in circuit.data:
        name = (
            variants.get(circuit.find_bit(instruction.qubits[0]).index) if instruction.name == "measure" else None
        )
        result.append(instruction if name is None else instruction.replace(operation=operations[name]))
    return result


def plainly_measured(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with ordinary measurements: simulators know no others."""
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        result.append(
            instruction.replace(operation=Measure()) if is_variant(instruction.operation) else instruction
        )
    return result


def is_variant(operation: object) -> bool:
    """Whether it is a device's own measurement."""
    return (
        isinstance(operation, Instruction)
        and operation.name != "measure"
        and device_operation(operation) == "measure"
    )


def variants_in(circuit: QuantumCircuit) -> dict[int, str]:
    """The names by which qubits (by index) are measured, those that are not measured in the ordinary way only.

    Raises:
        ValueError: if a qubit is measured in several ways: then it has no one confusion.
    """
    found: dict[int, set[str]] = {}
    for instruction in circuit.data:
        if device_operation(instruction.operation) in ("measure", "measure_reset"):
            found.setdefault(circuit.find_bit(instruction.qubits[0]).index, set()).add(instruction.name)
    for qubit, names in found.items():
        if len(names) > 1:
            raise ValueError(
                f"qubit {qubit} is measured in several ways ({', '.join(sorted(names))}), which err in their own "
                f"ways: measure it in one"
            )
    return {qubit: name for qubit, (name,) in found.items() if name != "measure"}


def _fastest(circuit: QuantumCircuit, calibration: Calibration) -> dict[int, str]:
    """Of qubits that are measured in the middle the fastest variant, where it is faster than the ordinary one."""
    target = calibration.target
    names = [name for name in target.operation_names if is_variant(target.operation_from_name(name))]
    found: dict[int, str] = {}
    for qubit in _measured_in_the_middle(circuit) if names else ():
        plain = calibration.duration("measure", (qubit,))
        told = {name: calibration.duration(name, (qubit,)) for name in names}
        faster = {n: t for n, t in told.items() if t is not None and plain is not None and t < plain}
        known = [n for n in faster if calibration.error(n, (qubit,)) is not None]
        if known:
            found[qubit] = min(known, key=lambda name: (faster[name], name))
    return found


def _measured_in_the_middle(circuit: QuantumCircuit) -> list[int]:
    """Qubits (by index) after one of whose measurements something happens to the qubit, or by the outcome."""
    later: set[Bit] = set()
    found: set[int] = set()
    for instruction in reversed(circuit.data):
        if instruction.name in ("barrier", "delay"):
            continue
        if instruction.name == "measure" and later.intersection((*instruction.qubits, *instruction.clbits)):
            found.add(circuit.find_bit(instruction.qubits[0]).index)
        later.update(instruction.qubits)
        if isinstance(instruction.operation, ControlFlowOp):
            later.update(instruction.clbits)
    return sorted(found)
