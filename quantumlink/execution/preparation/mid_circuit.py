"""Measurements and resets in the middle of a circuit by the variant that suits them: devices have faster ones.

A device is tuned for measurements at the end, where time does not matter. While others wait for an outcome, or
for the qubit, a faster and perhaps less certain variant, such as ``measure_2``, may be the better one. It is taken
where the expected fidelity of the whole circuit, by the stated errors and durations, is higher with it. All
measurements of a qubit are of one kind, so that it has one confusion to be predicted and calibrated; a qubit that
is measured at the end only keeps the ordinary one. Of resets, whose errors targets hardly state, the faster
variant, such as ``reset_2``, is taken where its stated error is not above that of the ordinary one and the shorter
wait is worth something.

Reference:
    IBM Quantum documentation, guide "Measure qubits", https://quantum.cloud.ibm.com/docs/guides/measure-qubits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from qiskit.circuit import Bit, ControlFlowOp, Instruction, QuantumCircuit
from qiskit.circuit.library import Measure, Reset
from qiskit.transpiler import Target

from quantumlink.exact.transfer import device_operation
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import cost_of

MidCircuit = Literal["auto", "measure"]
"""The variant that is expected to be better, or always the ordinary measurement."""

MID_CIRCUIT: tuple[MidCircuit, ...] = ("auto", "measure")

Kind = Literal["measure", "reset"]

MAX_SINGLE = 40
"""Most qubits that are decided about one by one; of more, about all together."""

NO_DIFFERENCE = 1e-9
"""Log fidelities nearer than that are equal: then the ordinary measurement stays."""


def chosen_variants(
    circuit: QuantumCircuit, calibration: Calibration, *, latency_s: float, kind: Kind = "measure"
) -> dict[int, str]:
    """The variants that an ISA circuit had better be measured, or its qubits reset, by.

    Args:
        circuit: an ISA circuit, on all the device's qubits; its parameters may be free.
        calibration: the device's figures.
        latency_s: of the feed-forward, in seconds.
        kind: whether measurements or resets are decided about.

    Returns:
        Names by physical qubit; all others stay as they are.
    """
    fastest = _fastest(circuit, calibration, kind)
    if not fastest:
        return {}

    def log_fidelity(variants: Mapping[int, str]) -> float:
        told = with_variants(circuit, calibration.target, variants, kind)
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


def with_variants(
    circuit: QuantumCircuit, target: Target, variants: Mapping[int, str], kind: Kind = "measure"
) -> QuantumCircuit:
    """The circuit with measurements or resets of some physical qubits by variants of the device, by their names."""
    result = circuit.copy_empty_like()
    operations = {name: target.operation_from_name(name) for name in set(variants.values())}
    for instruction in circuit.data:
        name = variants.get(circuit.find_bit(instruction.qubits[0]).index) if instruction.name == kind else None
        result.append(instruction if name is None else instruction.replace(operation=operations[name]))
    return result


def told_plainly(circuit: QuantumCircuit, *kinds: Kind) -> QuantumCircuit:
    """The circuit with ordinary measurements and resets (or one of the two): simulators know no others."""
    plain: dict[Kind, type[Instruction]] = {"measure": Measure, "reset": Reset}
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        kind = next((k for k in kinds or plain if is_variant(instruction.operation, k)), None)
        result.append(instruction if kind is None else instruction.replace(operation=plain[kind]()))
    return result


def is_variant(operation: object, *kinds: Kind) -> bool:
    """Whether it is a device's own measurement or reset (or that one of the two)."""
    if not isinstance(operation, Instruction) or operation.name in ("measure", "reset"):
        return False
    return device_operation(operation) in (kinds or ("measure", "reset"))


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


def _fastest(circuit: QuantumCircuit, calibration: Calibration, kind: Kind) -> dict[int, str]:
    """Of qubits that are met in the middle the fastest variant, where it is faster than the ordinary one."""
    target = calibration.target
    names = [name for name in target.operation_names if is_variant(target.operation_from_name(name), kind)]
    found: dict[int, str] = {}
    for qubit in _in_the_middle(circuit, kind) if names else ():
        plain = calibration.duration(kind, (qubit,))
        told = {name: calibration.duration(name, (qubit,)) for name in names}
        faster = {n: t for n, t in told.items() if t is not None and plain is not None and t < plain}
        errors = {name: calibration.error(name, (qubit,)) for name in faster}
        if kind == "measure":
            known = [name for name, error in errors.items() if error is not None]
        else:
            most = calibration.error(kind, (qubit,)) or 0.0
            known = [name for name, error in errors.items() if (error or 0.0) <= most]
        if known:
            found[qubit] = min(known, key=lambda name: (faster[name], name))
    return found


def _in_the_middle(circuit: QuantumCircuit, kind: Kind) -> list[int]:
    """Qubits (by index) after one of whose measurements or resets something happens to the qubit, or by the bit."""
    later: set[Bit] = set()
    found: set[int] = set()
    for instruction in reversed(circuit.data):
        if instruction.name in ("barrier", "delay"):
            continue
        if instruction.name == kind and later.intersection((*instruction.qubits, *instruction.clbits)):
            found.add(circuit.find_bit(instruction.qubits[0]).index)
        later.update(instruction.qubits)
        if isinstance(instruction.operation, ControlFlowOp):
            later.update(instruction.clbits)
    return sorted(found)
