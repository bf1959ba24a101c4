"""Durations: how long the local parts of operations take, by their circuits and processors."""

from __future__ import annotations

from functools import lru_cache

from qiskit.circuit import CircuitInstruction, IfElseOp, QuantumCircuit

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


def _takes_s(instruction: CircuitInstruction, times: _Times) -> float:
    """How long one instruction takes that is no condition."""
    if instruction.name == "barrier":
        return 0.0
    if instruction.name == "delay":
        return delay_s(instruction.operation, "to be timed")
    gate_1q_s, gate_2q_s, readout_s = times
    if instruction.name == "measure":
        return readout_s
    return gate_1q_s if len(instruction.qubits) == 1 else gate_2q_s


def _in_turn(block: QuantumCircuit, times: _Times) -> float:
    """How long a conditional block takes, one thing after the other."""
    return sum(_takes_s(inner, times) for inner in block.data)


@lru_cache(maxsize=1024)
def _durations(operation: Operation, times: tuple[_Times, ...]) -> tuple[list[float], list[float]]:
    """When each qubit's operations are done, and how long its conditional ones take after that.

    Operations start as soon as their qubits are free; conditional ones keep their place if they do not fire.
    """
    circuit: QuantumCircuit = operation.circuit
    until, corrections = [0.0] * circuit.num_qubits, [0.0] * circuit.num_qubits
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        if instruction.name == "barrier":
            continue
        here = times[operation.site_of_qubit[qubits[0]]]
        if isinstance(instruction.operation, IfElseOp):
            took = max(_in_turn(block, here) for block in instruction.operation.blocks)
            for qubit in qubits:
                corrections[qubit] += took
            continue
        done = max(until[qubit] for qubit in qubits) + _takes_s(instruction, here)
        for qubit in qubits:
            until[qubit] = done
    return until, corrections
