"""When everything happens, as late as possible: how long a circuit takes, and which qubits wait meanwhile.

Rules: operations on common qubits follow one another; a block runs once its bits are measured and the latency of
the feed-forward has passed, and takes as long as its longer branch; blocks that read a common bit follow one
another, each after that latency, as if every block were told of it anew; a qubit that has not been touched yet does
not wait, nor does one that is done. Hardware may start things earlier, which makes the waits longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qiskit.circuit import CircuitInstruction, IfElseOp, QuantumCircuit

Duration = Callable[[CircuitInstruction, Sequence[int]], float]
"""Seconds that an operation takes on these qubits."""


@dataclass(frozen=True)
class Schedule:
    """The times of a circuit's instructions, in their order."""

    duration_s: float
    """From the first operation to the end of the last."""
    waits_s: tuple[tuple[float, ...], ...]
    """How long each qubit of each instruction waits after it for its next one; 0 after its last."""
    lengths_s: tuple[float, ...]
    """How long each instruction takes."""


def latest_schedule(
    circuit: QuantumCircuit,
    duration: Duration,
    *,
    latency_s: float,
    qubits: Sequence[int] | None = None,
) -> Schedule:
    """Schedule a circuit as late as possible.

    Args:
        circuit: the circuit; barriers take no time but hold.
        duration: seconds that an operation takes.
        latency_s: seconds from the end of a measurement to the start of a block that reads its bit.
        qubits: what ``duration`` is to be told of the circuit's qubits; their indices if None.
    """
    outer = range(circuit.num_qubits) if qubits is None else qubits
    qubit_of = {q: outer[i] for i, q in enumerate(circuit.qubits)}
    next_start: dict[object, float] = {}  # of each bit, counted back from the end
    waits: list[tuple[float, ...]] = []
    lengths: list[float] = []
    first = last = 0.0
    for instruction in reversed(circuit.data):
        places = [qubit_of[q] for q in instruction.qubits]
        if isinstance(instruction.operation, IfElseOp):
            length = max(
                latest_schedule(block, duration, latency_s=latency_s, qubits=places).duration_s
                for block in instruction.operation.blocks
            )
        else:
            length = 0.0 if instruction.name == "barrier" else duration(instruction, places)
        bits = (*instruction.qubits, *instruction.clbits)
        end = min((next_start[bit] for bit in bits if bit in next_start), default=last)
        start = end - length
        waits.append(tuple(next_start.get(q, end) - end for q in instruction.qubits))
        lengths.append(length)
        next_start.update(dict.fromkeys(instruction.qubits, start))
        reads = isinstance(instruction.operation, IfElseOp)
        for clbit in instruction.clbits:
            earlier = start - latency_s if reads else start
            next_start[clbit] = min(earlier, next_start.get(clbit, earlier))
        first = min(first, start)
    return Schedule(last - first, tuple(reversed(waits)), tuple(reversed(lengths)))
