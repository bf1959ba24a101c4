"""Stabilizer flows of Clifford circuits of any size, by stim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink.exact import UnsupportedOperation

CLIFFORD_GATES = {
    "h": "H",
    "s": "S",
    "sdg": "S_DAG",
    "sx": "SQRT_X",
    "sxdg": "SQRT_X_DAG",
    "x": "X",
    "y": "Y",
    "z": "Z",
    "id": "I",
    "cx": "CX",
    "cy": "CY",
    "cz": "CZ",
    "swap": "SWAP",
    "iswap": "ISWAP",
    "dcx": None,
}
"""What stim calls Qiskit's gates."""


def stim_circuit(circuit: QuantumCircuit, stim: Any, empty: Sequence[int] = ()) -> Any:
    """The circuit in stim, without what a medium does; some qubits empty in the beginning.

    Raises:
        UnsupportedOperation: on anything but Clifford gates, measurement, reset, and Paulis by one bit.
    """
    result = stim.Circuit()
    if empty:
        result.append("R", list(empty))
    record: dict[Any, int] = {}
    measured = 0
    for instruction in circuit.data:
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        name = instruction.name
        if name in ("barrier", "delay", "pauli_channel"):
            continue
        if name == "measure":
            result.append("M", qubits)
            record[instruction.clbits[0]] = measured
            measured += 1
        elif name == "reset":
            result.append("R", qubits)
        elif name == "bell_pair":
            result.append("H", qubits[:1])
            result.append("CX", qubits)
        elif isinstance(instruction.operation, IfElseOp):
            condition, (block,) = instruction.operation.condition, instruction.operation.blocks
            if not isinstance(condition, tuple) or condition[0] not in record or condition[1] != 1:
                raise UnsupportedOperation(f"flows do not follow the condition {condition!r}")
            for inner in block.data:
                if inner.name not in ("x", "y", "z"):
                    raise UnsupportedOperation(f"flows do not follow a conditional {inner.name!r}")
                target = qubits[block.find_bit(inner.qubits[0]).index]
                result.append(f"C{inner.name.upper()}", [stim.target_rec(record[condition[0]] - measured), target])
        elif name == "dcx":
            result.append("CX", qubits)
            result.append("CX", qubits[::-1])
        elif CLIFFORD_GATES.get(name):
            result.append(CLIFFORD_GATES[name], qubits)
        else:
            raise UnsupportedOperation(f"flows do not follow {name!r}")
    return result


def has_all_flows(circuit: QuantumCircuit, whole: QuantumCircuit, start: Sequence[int], end: Sequence[int]) -> bool:
    """Whether a distributed circuit has all stabilizer flows of a Clifford circuit.

    Args:
        circuit: the circuit, of gates alone.
        whole: the distributed circuit, over perfect links.
        start: the qubit at which each of the circuit's qubits is in the beginning.
        end: and in the end.
    """
    import stim  # type: ignore[import-untyped]

    tableau = stim_circuit(circuit, stim)
    tableau.append("I", list(range(circuit.num_qubits)))
    action = tableau.to_tableau()
    empty = sorted(set(range(whole.num_qubits)) - set(start))
    distributed = stim_circuit(whole, stim, empty)
    flows = []
    for k in range(circuit.num_qubits):
        for letter, image in (("X", action.x_output(k)), ("Z", action.z_output(k))):
            before, after = stim.PauliString(whole.num_qubits), stim.PauliString(whole.num_qubits)
            before[start[k]] = letter
            after.sign = image.sign
            for q in range(circuit.num_qubits):
                after[end[q]] = image[q]
            flows.append(stim.Flow(input=before, output=after))
    found: bool = distributed.has_all_flows(flows)
    return found
