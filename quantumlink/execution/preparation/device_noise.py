"""A device's noise written into an ISA circuit, as far as the target states it; what it does not state is left out.

- Gates: a depolarizing error after thermal relaxation over the gate's duration, such that the average gate error is
  the stated one (Aer's rule).
- Resets: the qubit is left in |1⟩ with the stated error as its probability, which is then the average error of the
  channel; where none is stated, in |0⟩.
- Readout: the stated confusion of each qubit, which also drives the feed-forward.
- Waiting: every gap of the latest schedule, and every `Delay`, relaxes by T1 and T2, conditional blocks and the
  feed-forward latency included. A block that does not run waits as long. Low-frequency dephasing acts there too,
  where it is stated.

A simulator that has a noise model of its own plays that and nothing else, so that is what is written then.

Not included, as targets do not state them: crosstalk, leakage, coherent errors, drift, errors of preparation, and
what a mid-circuit measurement does to its neighbors. The qubits are those that the circuit uses, renumbered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from qiskit.circuit import CircuitInstruction, Delay, IfElseOp, Instruction, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import Measure
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from quantumlink.arrays import FloatArray
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.mid_circuit import told_plainly, variants_in
from quantumlink.execution.preparation.prepared import used_qubits
from quantumlink.execution.preparation.schedule import Schedule, latest_schedule
from quantumlink.execution.preparation.slow_dephasing import DephasingTimes, dephased
from quantumlink.execution.preparation.stated import Stated, stated_by_model, stated_by_target, with_slow_dephasing
from quantumlink.rewrites import inlined_noise, readout_errors
from quantumlink.rewrites.hardware_errors import relaxation_error

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

Relaxation = Callable[[int, float], Instruction | None]
"""The error of a physical qubit that waits so many seconds."""

Confusion = FloatArray


@dataclass(frozen=True, eq=False)
class NoisyCircuit:
    """A small circuit with its noise."""

    circuit: QuantumCircuit
    """Errors as instructions; only the qubits in use; classical bits as they were."""
    readout: Mapping[int, Confusion]
    """Confusion matrices ``[true, read]`` by the small circuit's qubits."""
    physical: tuple[int, ...]
    """The physical qubit of each."""
    stated: Stated
    """Which noise that is."""


def noisy_isa_circuit(
    circuit: QuantumCircuit,
    target: Target,
    *,
    latency_s: float,
    noise_model: NoiseModel | None = None,
    dephasing_s: DephasingTimes | None = None,
) -> NoisyCircuit:
    """Write noise into an ISA circuit; its parameters may be free.

    Args:
        circuit: an ISA circuit.
        target: its device.
        latency_s: of the feed-forward, in seconds.
        noise_model: instead of the target's noise, and by itself. If it relaxes (as Aer's models of backends do),
            a `Delay` relaxes; other waiting does nothing.
        dephasing_s: T of low-frequency dephasing beside the target's noise, of all qubits or by physical qubit
            (see `quantumlink.execution.preparation.slow_dephasing`); not with a model.

    Raises:
        UnsupportedOperation: if the model has custom passes that are no relaxation of delays.
        ValueError: if a qubit is measured in several ways, by variants of the device's.
    """
    used = used_qubits(circuit)
    calibration = Calibration(target)
    variants_in(circuit)  # each qubit has one confusion
    if noise_model is None:
        model = target_noise(circuit, target)
        stated = stated_by_target(circuit, target, latency_s=latency_s)
        told = circuit
        if dephasing_s is not None:
            told, several = dephased(circuit, calibration, dephasing_s, latency_s=latency_s)
            stated = with_slow_dephasing(stated, dephasing_s, used, several)
        schedule = latest_schedule(told, calibration.duration_s, latency_s=latency_s)
        told = _unlabelled(told)  # Aer looks an error up by the label, the target states it by the name
        told = _with_waiting(told, schedule, calibration, _by_target(calibration))
    else:
        told, model = told_plainly(circuit, "reset"), copy(noise_model)  # a model knows no variants
        for each in noise_model._custom_noise_passes:
            told = _with_waiting(told, None, calibration, _by_pass(each))
        model._custom_noise_passes = []
        stated = stated_by_model(circuit, model, relaxes=bool(noise_model._custom_noise_passes))
    confusions = readout_errors(model, circuit.num_qubits)
    return NoisyCircuit(
        small(told_plainly(inlined_noise(told_plainly(told, "measure"), model)), used),
        {i: confusions[q] for i, q in enumerate(used) if q in confusions},
        tuple(used),
        stated,
    )


def target_noise(circuit: QuantumCircuit, target: Target) -> NoiseModel:
    """Aer's noise model of a device, restricted to the instructions that a circuit uses."""
    from qiskit_aer.noise import NoiseModel, pauli_error
    from qiskit_aer.noise.device.models import basic_device_gate_errors, basic_device_readout_errors

    calibration = Calibration(target)
    lifetimes = [calibration.lifetimes(qubit) for qubit in range(calibration.num_qubits)]
    properties = [QubitProperties(t1=t1, t2=t2) for t1, t2 in lifetimes]
    part = Target(num_qubits=target.num_qubits, qubit_properties=properties, dt=target.dt)
    found: dict[str, set[tuple[int, ...]]] = {}
    for name, qubits in _instructions(circuit, list(range(circuit.num_qubits))):
        found.setdefault(name, set()).add(qubits)
    readouts: dict[tuple[int, ...], InstructionProperties | None] = {}
    for name, places in found.items():
        known = target[name] if name in target.operation_names else None
        if known is not None and None not in known and name not in ("delay", "barrier"):
            told = {
                qubits: _figures(calibration, known[qubits], name, qubits)
                for qubits in sorted(places)
                if qubits in known
            }
            if name.startswith("measure"):  # by whatever variant: a qubit is measured in one way
                readouts |= told
            else:
                part.add_instruction(target.operation_from_name(name), told)
    if readouts:
        part.add_instruction(Measure(), readouts)
    model = NoiseModel()
    for name, gate_qubits, error in basic_device_gate_errors(target=part):
        if not name.startswith("reset"):  # to relax changes nothing in |0⟩
            model.add_quantum_error(error, name, gate_qubits)
    for name, places in found.items():
        for qubits in places if name.startswith("reset") else ():
            flip = calibration.error(name, qubits)
            if flip:
                model.add_quantum_error(pauli_error([("X", flip), ("I", 1 - flip)]), name, qubits)
    if "measure" in part.operation_names:
        for readout_qubits, error in basic_device_readout_errors(target=part):
            model.add_readout_error(error, readout_qubits)
    return model


def _figures(
    calibration: Calibration, given: InstructionProperties | None, name: str, qubits: tuple[int, ...]
) -> InstructionProperties | None:
    """What a target states of an instruction, without what is no number; None if a readout has no error."""
    error, duration = calibration.error(name, qubits), calibration.duration(name, qubits)
    if not name.startswith("measure"):
        return InstructionProperties(duration=duration, error=error)
    if calibration.flips(qubits[0], name) is not None:
        return given  # Aer takes the two as they are
    return None if error is None else InstructionProperties(duration=duration, error=error)


def small(circuit: QuantumCircuit, used: Sequence[int]) -> QuantumCircuit:
    """The circuit on those of its qubits, without barriers and delays; parameters and classical bits stay."""
    register = QuantumRegister(len(used), "q")
    result = QuantumCircuit(register, global_phase=circuit.global_phase)
    result.add_bits(circuit.clbits)
    for creg in circuit.cregs:
        result.add_register(creg)
    place = {circuit.qubits[q]: register[i] for i, q in enumerate(used)}
    for instruction in circuit.data:
        if instruction.name not in ("barrier", "delay"):
            result.append(instruction.operation, [place[q] for q in instruction.qubits], instruction.clbits)
    return result


def _unlabelled(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with no labels on its instructions, those in blocks included."""
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, IfElseOp):
            operation = operation.replace_blocks([_unlabelled(block) for block in operation.blocks])
        elif getattr(operation, "label", None) is not None:
            operation = operation.to_mutable()
            operation.label = None
        result.append(operation, instruction.qubits, instruction.clbits)
    return result


def _instructions(circuit: QuantumCircuit, outer: list[int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    qubit_of = {q: outer[i] for i, q in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        qubits = [qubit_of[q] for q in instruction.qubits]
        if isinstance(instruction.operation, IfElseOp):
            for block in instruction.operation.blocks:
                yield from _instructions(block, qubits)
        else:
            yield instruction.name, tuple(qubits)


def _with_waiting(
    circuit: QuantumCircuit, schedule: Schedule | None, calibration: Calibration, relaxation: Relaxation
) -> QuantumCircuit:
    """The circuit with a relaxation wherever a qubit waits; without a schedule, only where a `Delay` says so."""
    result = circuit.copy_empty_like()
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    for i, instruction in enumerate(circuit.data):
        operation = instruction.operation
        physical = [qubit_of[q] for q in instruction.qubits]
        waits = [0.0] * len(physical) if schedule is None else schedule.waits_s[i]
        if isinstance(operation, IfElseOp) and schedule is not None:
            operation = _waiting_blocks(instruction, physical, schedule.lengths_s[i], calibration, relaxation)
        result.append(operation, instruction.qubits, instruction.clbits)
        told = calibration.delay_s(operation) if instruction.name == "delay" else 0.0
        for qubit, place, wait in zip(instruction.qubits, physical, waits, strict=True):
            error = relaxation(place, wait + told)
            if error is not None:
                result.append(error, [qubit])
    return result


def _waiting_blocks(
    instruction: CircuitInstruction,
    physical: list[int],
    length: float,
    calibration: Calibration,
    relaxation: Relaxation,
) -> IfElseOp:
    """The conditional with blocks in which every qubit spends the whole time, busy or waiting."""
    blocks = list(instruction.operation.blocks)
    if len(blocks) == 1:
        blocks.append(QuantumCircuit(blocks[0].qubits, blocks[0].clbits))
    told = []
    for block in blocks:
        busy = dict.fromkeys(block.qubits, 0.0)
        place = dict(zip(block.qubits, physical, strict=True))
        for inner in block.data:
            for q in inner.qubits:
                busy[q] += calibration.duration_s(inner, [place[p] for p in inner.qubits])
        rewritten = block.copy_empty_like()
        for q in block.qubits:
            error = relaxation(place[q], max(0.0, length - busy[q]))
            if error is not None:
                rewritten.append(error, [q])
        for inner in block.data:
            rewritten.append(inner)
        told.append(rewritten)
    return IfElseOp(instruction.operation.condition, told[0], told[1])


def _by_target(calibration: Calibration) -> Relaxation:
    return lambda qubit, seconds: _relaxation(*calibration.lifetimes(qubit), seconds)


def _by_pass(each: Any) -> Relaxation:
    """The relaxation that a pass of a noise model makes of a `Delay`."""
    from qiskit_aer.noise import RelaxationNoisePass

    if not isinstance(each, RelaxationNoisePass) or set(each._ops or ()) != {Delay}:
        raise UnsupportedOperation(
            f"a noise model with custom passes can be predicted if they relax qubits during delays alone, as Aer's "
            f"models of backends do; got {type(each).__name__}"
        )
    times = [[float(t) if t is not None and t > 0 else inf for t in ts] for ts in (each._t1s, each._t2s)]
    excited = [float(p) for p in each._p1s]
    return lambda qubit, seconds: _relaxation(times[0][qubit], times[1][qubit], seconds, excited[qubit])


def _relaxation(t1: float, t2: float, seconds: float, excited: float = 0.0) -> Instruction | None:
    if seconds <= 0 or t1 == t2 == inf:
        return None
    return relaxation_error(t1, t2, seconds, excited).to_instruction()
