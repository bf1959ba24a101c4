"""What a device would refuse, found before it is submitted: the runtime's sampler does not look.

The limits are those that IBM documents for its machines: conditions are not nested and hold gates only, one job has
one number of shots, and what `quantumlink.execution.preparation.documented_limits` has in figures. Broadcast bits
are counted as those that conditions read, over the circuits of a job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import (
    BoxOp,
    Clbit,
    ControlFlowOp,
    Delay,
    IfElseOp,
    ParameterExpression,
    QuantumCircuit,
)
from qiskit.circuit.classical import expr
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.transpiler import Target

from quantumlink.exact.transfer import device_operation
from quantumlink.execution.preparation.documented_limits import (
    MAX_BROADCAST_BITS,
    MAX_EXECUTIONS,
    MAX_OPERAND_BITS,
)
from quantumlink.execution.preparation.options_lint import option_findings
from quantumlink.rewrites.delay_times import is_open_time, time_in_words

_SHOWN = 3


class NotSubmittable(ValueError):
    """A job that the device would refuse, or that would run as something else; `findings` says why, one each."""

    def __init__(self, findings: Sequence[str]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  - {finding}" for finding in findings)
        super().__init__(f"this cannot be submitted as it is:\n{lines}")


@dataclass(frozen=True)
class _Pub:
    circuit: QuantumCircuit
    values: int
    """How many parameters a row of the table sets."""
    rows: int
    shots: int | None


def lint(
    pubs: Iterable[Any],
    target: Target,
    *,
    options: Mapping[str, Any] | None = None,
    max_executions: int = MAX_EXECUTIONS,
) -> None:
    """Check what will be one job: circuits, or PUBs such as ``(circuit, table, shots)``.

    Args:
        pubs: circuits or PUBs, all of one job.
        target: the device's target.
        options: of the runtime's sampler, with which the job is to run.
        max_executions: most executions (rows times shots) of a job.

    Raises:
        NotSubmittable: listing everything that was found: instructions that the target does not have on these
            qubits, control flow other than `if_test`, nested conditions, measurements or resets in one, operands
            of more than 32 bits, unbound parameters, delays that are parameters or stretches, options that the
            client does not take with the circuit, unequal shots, too many broadcast bits or executions.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.cx(0, 1)
    >>> lint([circuit], Target.from_configuration(["cz", "sx", "rz"], num_qubits=2))
    Traceback (most recent call last):
    quantumlink...NotSubmittable: this cannot be submitted as it is:
      - circuit 0 (...): 'cx' is no instruction of the target (qubits 0, 1)
    """
    told = [_told(pub) for pub in pubs]
    found: list[str] = []
    for number, pub in enumerate(told):
        where = f"circuit {number} ({pub.circuit.name})"
        kinds = [*_circuit_findings(pub, target)]
        kinds += [] if kinds else option_findings(pub.circuit, options, target)
        found += [f"{where}: {finding}" for finding in _summed(kinds)]
    found += _job_findings(told, max_executions)
    if found:
        raise NotSubmittable(found)


def broadcast_bits(circuit: QuantumCircuit) -> int:
    """How many classical bits the conditions of a circuit read, each condition counted by itself."""
    conditions = (i for i in circuit.data if isinstance(i.operation, ControlFlowOp))
    return sum(len(instruction.clbits) for instruction in conditions)


def _told(pub: Any) -> _Pub:
    if isinstance(pub, QuantumCircuit):
        return _Pub(pub, 0, 1, None)
    if isinstance(pub, SamplerPub):
        values = pub.parameter_values
        return _Pub(pub.circuit, values.num_parameters, int(np.prod(values.shape, dtype=int)), pub.shots)
    circuit, *rest = pub
    table = rest[0] if rest else None
    shots = rest[1] if len(rest) > 1 else None
    coerced = SamplerPub.coerce((circuit, table), 1) if table is not None else None
    if coerced is None:
        return _Pub(circuit, 0, 1, shots)
    values = coerced.parameter_values
    return _Pub(circuit, values.num_parameters, int(np.prod(values.shape, dtype=int)), shots)


def _circuit_findings(pub: _Pub, target: Target) -> Iterator[tuple[str, str]]:
    """Kinds of findings, and where each is."""
    circuit = pub.circuit
    if target.num_qubits is not None and circuit.num_qubits > target.num_qubits:
        yield f"it has {circuit.num_qubits} qubits, the target {target.num_qubits}", ""
        return
    if pub.values < circuit.num_parameters:
        names = ", ".join(parameter.name for parameter in list(circuit.parameters)[:_SHOWN])
        yield f"{circuit.num_parameters - pub.values} parameters are unbound ({names} …)", ""
    yield from _block_findings(circuit, list(range(circuit.num_qubits)), target, conditional=False)


def _block_findings(
    circuit: QuantumCircuit, outer: list[int], target: Target, *, conditional: bool
) -> Iterator[tuple[str, str]]:
    qubit_of = {q: outer[i] for i, q in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        operation, name = instruction.operation, instruction.name
        qubits = tuple(qubit_of[q] for q in instruction.qubits)
        where = f"qubit{'s' if len(qubits) > 1 else ''} {', '.join(map(str, qubits))}"
        if name == "barrier":
            continue
        if isinstance(operation, BoxOp):
            yield "a 'box', which devices do not know: quantumlink.rewrites.expanded_circuit opens it", where
            yield from _block_findings(operation.body, list(qubits), target, conditional=conditional)
            continue
        if isinstance(operation, ControlFlowOp):
            yield from _condition_findings(operation, where, target, conditional)
            for block in operation.blocks:
                yield from _block_findings(block, list(qubits), target, conditional=True)
            continue
        if conditional and device_operation(operation) is not None:
            yield f"{name!r} within a condition", where
        if isinstance(operation, Delay) and isinstance(operation.duration, ParameterExpression):
            yield "a delay is a parameter", where
        if isinstance(operation, Delay) and is_open_time(operation.duration):
            yield f"a delay is {time_in_words(operation)}: it can be neither timed nor checked before", where
        if not target.instruction_supported(name, qubits):
            yield f"{name!r} is no instruction of the target", where


def _condition_findings(
    operation: ControlFlowOp, where: str, target: Target, conditional: bool
) -> Iterator[tuple[str, str]]:
    if conditional:
        yield "conditions are nested", where
    if not isinstance(operation, IfElseOp):
        yield f"control flow {operation.name!r}: devices take if_test only", where
        return
    if "if_else" not in target.operation_names:
        yield "the target has no if_test", where
    widest = max(_operands(operation.condition), default=0)
    if widest > MAX_OPERAND_BITS:
        yield f"an operand of a condition has {widest} bits, at most {MAX_OPERAND_BITS} are allowed", where


def _operands(condition: Any) -> Iterator[int]:
    if isinstance(condition, tuple):
        yield 1 if isinstance(condition[0], Clbit) else len(condition[0])
        return
    for node in expr.iter_vars(condition):
        yield getattr(node.type, "width", 1)


def _job_findings(pubs: Sequence[_Pub], max_executions: int) -> Iterator[str]:
    shots = {pub.shots for pub in pubs if pub.shots is not None}
    if len(shots) > 1:
        yield f"the shots of one job must be equal, got {', '.join(map(str, sorted(shots)))}"
    executions = sum(pub.rows * (pub.shots or 0) for pub in pubs)
    if executions > max_executions:
        yield f"{executions} executions (rows times shots) in one job, at most {max_executions} are allowed"
    bits = sum(broadcast_bits(pub.circuit) for pub in pubs)
    if bits > MAX_BROADCAST_BITS:
        yield f"conditions read {bits} bits in one job, at most about {MAX_BROADCAST_BITS} can be broadcast"


def _summed(findings: Iterable[tuple[str, str]]) -> list[str]:
    """Findings of a kind in one line, with the first few places."""
    places: dict[str, list[str]] = {}
    for kind, where in findings:
        places.setdefault(kind, []).append(where)
    counted = Counter({kind: len(found) for kind, found in places.items()})
    lines = []
    for kind, found in places.items():
        shown = "; ".join(filter(None, dict.fromkeys(found[:_SHOWN])))
        more = f" and {counted[kind] - _SHOWN} more" if counted[kind] > _SHOWN else ""
        lines.append(f"{kind} ({shown}{more})" if shown else kind)
    return lines
