"""What a circuit costs on a device, as far as its calibration tells: gates, time, and a fidelity to be expected.

The expected fidelity multiplies the process fidelities of all gates and waits with the probabilities that the
readouts are right: the probability that nothing went wrong, if errors were independent and none were harmless.
It compares circuits; what will be measured is for `predict` to say. A gate in a block counts half of its
logarithm: half of the time it does not fire.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.schedule import latest_schedule

FEEDFORWARD_LATENCY_S = 1e-6
"""Assumed time from the end of a measurement to the gate that depends on it: targets do not state it."""

_FREE = ("barrier", "delay")
"""How the names of operations begin that cost nothing but time."""


@dataclass(frozen=True)
class Cost:
    """The estimated cost of one circuit on one device."""

    two_qubit_gates: int
    """Gates on two qubits, those in blocks included."""
    depth: int
    """Depth in Qiskit's sense, barriers left out."""
    duration_s: float
    """Seconds from the first gate to the end of the last measurement, feed-forward latency included."""
    log_fidelity: float
    """The natural logarithm of the expected fidelity."""

    @property
    def expected_fidelity(self) -> float:
        """The probability that nothing went wrong: see the module for what it assumes."""
        return exp(self.log_fidelity)

    def __str__(self) -> str:
        return (
            f"{self.two_qubit_gates} two-qubit gates, depth {self.depth}, {self.duration_s * 1e6:.2f} µs, "
            f"expected fidelity {self.expected_fidelity:.4f}"
        )


def cost_of(circuit: QuantumCircuit, calibration: Calibration, *, latency_s: float = FEEDFORWARD_LATENCY_S) -> Cost:
    """The cost of a circuit whose qubits are the device's.

    Args:
        circuit: an ISA circuit; its parameters may be free.
        calibration: the device's figures.
        latency_s: of the feed-forward, in seconds.
    """
    schedule = latest_schedule(circuit, calibration.assumed_duration_s, latency_s=latency_s)
    gates, fidelity = _walk(circuit, calibration, list(range(circuit.num_qubits)))
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    for instruction, waits in zip(circuit.data, schedule.waits_s, strict=True):
        for qubit, wait in zip(instruction.qubits, waits, strict=True):
            if wait > 0:
                fidelity += log(calibration.waiting_fidelity(qubit_of[qubit], wait))
    depth = circuit.depth(lambda instruction: instruction.name != "barrier")
    return Cost(gates, depth, schedule.duration_s, fidelity)


def _walk(circuit: QuantumCircuit, calibration: Calibration, outer: list[int]) -> tuple[int, float]:
    """Two-qubit gates, and the log fidelity of gates, readouts and delays."""
    gates, total = 0, 0.0
    qubit_of = {q: outer[i] for i, q in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        qubits = [qubit_of[q] for q in instruction.qubits]
        name = instruction.name
        if isinstance(instruction.operation, IfElseOp):
            for block in instruction.operation.blocks:
                inner, fidelity = _walk(block, calibration, qubits)
                gates += inner
                total += fidelity / 2
        elif name.startswith("measure"):
            total += log(calibration.readout_fidelity(qubits[0], name))
        elif name == "delay":
            seconds = calibration.delay_s(instruction.operation)
            total += log(calibration.waiting_fidelity(qubits[0], seconds))
        elif name.startswith("reset"):
            total += log(calibration.reset_fidelity(qubits[0], name))
        elif not name.startswith(_FREE):
            gates += len(qubits) == 2
            total += log(calibration.gate_fidelity(name, qubits))
    return gates, total
