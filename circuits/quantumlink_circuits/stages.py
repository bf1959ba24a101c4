"""Stages of a round, joined on the ports they share: preparation, medium, eavesdropper, measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from qiskit.circuit import Instruction, Parameter, ParameterExpression, QuantumCircuit, QuantumRegister, Qubit

from quantumlink_circuits.arguments import angle

Between: TypeAlias = QuantumCircuit | Instruction | Sequence[QuantumCircuit | Instruction]
"""What stands between two parties: one stage, or several in order."""


def attach(
    circuit: QuantumCircuit, stage: QuantumCircuit | Instruction, ports: Mapping[str, QuantumRegister]
) -> None:
    """Append a stage in place: its ports on registers of the circuit, its other registers as they are.

    Heralds, odd heralds and pairs in the stage's metadata are added to the circuit's, with indices that are
    right there.

    Args:
        circuit: what is extended.
        stage: a circuit that has every port as a register, or an instruction on as many qubits.
        ports: the stage's register name → the circuit's register, of equal size.

    Raises:
        TypeError: if the stage is neither a circuit nor an instruction.
        ValueError: if a port is missing or of another size, or a register or parameter of the stage has a
            name that is taken.
    """
    if isinstance(stage, QuantumCircuit):
        _attach_circuit(circuit, stage, ports)
        return
    if not isinstance(stage, Instruction):
        raise TypeError(f"a stage must be a QuantumCircuit or an Instruction, got {stage!r}")
    qubits = [qubit for register in ports.values() for qubit in register]
    if (stage.num_qubits, stage.num_clbits) != (len(qubits), 0):
        raise ValueError(
            f"an instruction used as a stage must act on {len(qubits)} qubit(s) and no classical bit, "
            f"got {stage.name!r} on {stage.num_qubits} and {stage.num_clbits}"
        )
    circuit.append(stage, qubits)


def stages(between: Between) -> tuple[QuantumCircuit | Instruction, ...]:
    """One stage, or several in order, as a tuple.

    Raises:
        TypeError: if it is neither.
    """
    # A circuit is iterable itself: over its instructions, which is not what is meant.
    if isinstance(between, (QuantumCircuit, Instruction)):
        return (between,)
    if not isinstance(between, Sequence):
        raise TypeError(f"what stands between must be a stage or a sequence of stages, got {between!r}")
    return tuple(between)


def named_angle(
    argument: str, value: float | ParameterExpression | None, parameter: str
) -> float | ParameterExpression:
    """An angle in radians as it is, or a fresh parameter of the given name for None.

    Raises:
        TypeError: if it is neither a number nor a Qiskit parameter.
        ValueError: if it is not finite.
    """
    return Parameter(parameter) if value is None else angle(argument, value)


def _attach_circuit(circuit: QuantumCircuit, stage: QuantumCircuit, ports: Mapping[str, QuantumRegister]) -> None:
    place = _port_qubits(stage, ports)
    taken = {register.name for register in (*circuit.qregs, *circuit.cregs)}
    for register in (*stage.qregs, *stage.cregs):
        if register.name in ports:
            continue
        if register.name in taken:
            raise ValueError(
                f"a stage's own registers must have names that are free, got {register.name!r} in "
                f"{stage.name!r} beside {', '.join(sorted(taken))}"
            )
        circuit.add_register(register)
    known = {parameter.name: parameter for parameter in circuit.parameters}
    for parameter in stage.parameters:
        if known.get(parameter.name, parameter) != parameter:
            raise ValueError(
                f"parameters of two stages must not share a name, got {parameter.name!r} in {stage.name!r} "
                f"beside {', '.join(known)}"
            )
    circuit.compose(stage, [place.get(q, q) for q in stage.qubits], stage.clbits, inplace=True)
    _adopt_metadata(circuit, stage, place)


def _port_qubits(stage: QuantumCircuit, ports: Mapping[str, QuantumRegister]) -> dict[Qubit, Qubit]:
    registers = {register.name: register for register in stage.qregs}
    place: dict[Qubit, Qubit] = {}
    for name, target in ports.items():
        if name not in registers or registers[name].size != target.size:
            have = ", ".join(f"{r.name} of {r.size}" for r in stage.qregs) or "none"
            raise ValueError(
                f"a stage must have a quantum register {name!r} of {target.size} qubit(s), the port; "
                f"got {stage.name!r} with {have}"
            )
        place.update(zip(registers[name], target, strict=True))
    return place


def _adopt_metadata(circuit: QuantumCircuit, stage: QuantumCircuit, place: Mapping[Qubit, Qubit]) -> None:
    metadata = dict(circuit.metadata or {})
    found = stage.metadata or {}
    for key in ("heralds", "odd_heralds"):
        for herald in found.get(key, ()):
            bits = [circuit.find_bit(stage.clbits[i]).index for i in herald]
            metadata[key] = [*metadata.get(key, ()), bits]
    for pair in found.get("pairs", ()):
        qubits = [stage.qubits[i] for i in pair]
        indices = [circuit.find_bit(place.get(q, q)).index for q in qubits]
        metadata["pairs"] = [*metadata.get("pairs", ()), indices]
    circuit.metadata = metadata
