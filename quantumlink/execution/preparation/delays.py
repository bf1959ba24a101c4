"""Waiting memories in a device's own clock."""

from __future__ import annotations

from math import ceil, lcm

from qiskit.circuit import Delay, IfElseOp, ParameterExpression, QuantumCircuit
from qiskit.transpiler import Target

from quantumlink.execution.preparation.calibration import Calibration

ROUNDING_SLACK = 1e-9
"""By how much of a tick a delay may exceed a whole number and still count as one (rounding of floats)."""


def in_target_units(circuit: QuantumCircuit, target: Target) -> tuple[QuantumCircuit, float]:
    """The circuit with its delays in whole ticks of the target's clock, rounded up.

    A tick is the target's dt, times what its granularity and its pulse alignment demand; without a dt delays are
    told in seconds.

    Returns:
        The circuit, and the most by which a delay became longer, in seconds.

    Raises:
        ValueError: if a delay is a parameter or a stretch: neither has a length yet.

    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.delay(1.5, unit="ns")
    >>> told, longer = in_target_units(circuit, Target(num_qubits=1, dt=1e-9, granularity=8))
    >>> told.data[0].operation.duration, told.data[0].operation.unit, round(longer * 1e9, 6)
    (8, 'dt', 6.5)
    """
    calibration = Calibration(target)
    step = lcm(max(1, int(target.granularity)), max(1, int(target.pulse_alignment)))
    longer = 0.0

    def told(delay: Delay) -> Delay:
        nonlocal longer
        if isinstance(delay.duration, ParameterExpression):
            raise ValueError(
                f"delays must be numbers on a device, got the parameter {delay.duration}: bind it first"
            )
        seconds = calibration.delay_s(delay)
        if target.dt is None:
            return Delay(seconds, unit="s")
        ticks = step * ceil(seconds / float(target.dt) / step - ROUNDING_SLACK)
        longer = max(longer, ticks * float(target.dt) - seconds)
        return Delay(ticks, unit="dt")

    def rewritten(part: QuantumCircuit) -> QuantumCircuit:
        result = part.copy_empty_like()
        for instruction in part.data:
            operation = instruction.operation
            if isinstance(operation, Delay):
                operation = told(operation)
            elif isinstance(operation, IfElseOp):
                operation = operation.replace_blocks([rewritten(block) for block in operation.blocks])
            result.append(operation, instruction.qubits, instruction.clbits)
        return result

    return rewritten(circuit), longer
