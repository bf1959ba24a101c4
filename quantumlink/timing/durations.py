"""Durations: how long the local parts of operations take, by their circuits and processors."""

from __future__ import annotations

from functools import lru_cache

from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink.circuits import Operation
from quantumlink.hardware import Processor
from quantumlink.rewrites.delay_times import delay_s

_Times = tuple[float, float, float]


def _times(processor: Processor) -> _Times:
    return processor.gate_1q_s, processor.gate_2q_s, processor.readout_s


def _by_qubit(operation: Operation, times: tuple[_Times, ...]) -> tuple[list[float], list[float]]:
    if not any(map(any, times)) and not operation.waits:
        none = [0.0] * operation.circuit.num_qubits
        return none, none
    return _durations(operation, times)


def operation_durations_s(
    operation: Operation, processors: tuple[Processor, ...]
) -> tuple[list[float], list[float]]:
    """Of each qubit, in seconds: when its operations are done, and how long its conditional ones take after that.

    Args:
        operation: any operation.
        processors: that of each of its sites.
    """
    return _by_qubit(operation, tuple(map(_times, processors)))


def _in_turn(block: QuantumCircuit, gate_1q_s: float, gate_2q_s: float, readout_s: float) -> float:
    """How long a conditional block takes, one thing after the other."""
    total = 0.0
    for inner in block.data:
        if inner.name == "delay":
            total += delay_s(inner.operation, "to be timed")
        elif inner.name != "barrier":
            gate_s = gate_1q_s if len(inner.qubits) == 1 else gate_2q_s
            total += readout_s if inner.name == "measure" else gate_s
    return total


@lru_cache(maxsize=1024)
def _durations(operation: Operation, times: tuple[_Times, ...]) -> tuple[list[float], list[float]]:
    """When each qubit's operations are done, and how long its conditional ones take after that.

    Operations start as soon as their qubits are free; conditional ones keep their place if they do not fire.
    """
    circuit: QuantumCircuit = operation.circuit
    until, corrections = [0.0] * circuit.num_qubits, [0.0] * circuit.num_qubits
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        gate_1q_s, gate_2q_s, readout_s = times[operation.site_of_qubit[qubits[0]]]
        if instruction.name == "barrier":
            continue
        if isinstance(instruction.operation, IfElseOp):
            took = max(_in_turn(block, gate_1q_s, gate_2q_s, readout_s) for block in instruction.operation.blocks)
            for qubit in qubits:
                corrections[qubit] += took
            continue
        if instruction.name == "delay":
            took = delay_s(instruction.operation, "to be timed")
        else:
            gate_s = gate_1q_s if len(qubits) == 1 else gate_2q_s
            took = readout_s if instruction.name == "measure" else gate_s
        done = max(until[qubit] for qubit in qubits) + took
        for qubit in qubits:
            until[qubit] = done
    return until, corrections
