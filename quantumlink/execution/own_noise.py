"""A program's own noise: what of it there is, for the samples to say what did not act."""

from __future__ import annotations

from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink.program import Program

LINKS_CHANNELS = "the Pauli channels of its links"


def own_noise_of(program: Program) -> tuple[str, ...]:
    """The noise of a program's own, in words, that a sampler of bare circuits or a device does not play."""
    nodes = [*program.nodes, *(node for earlier in program.earlier_nodes.values() for node in earlier)]
    found = {
        LINKS_CHANNELS: "pauli_channel" in program.circuit.count_ops(),
        "the errors of its processors": not all(node.processor.is_ideal for node in nodes),
        "the relaxation of its memories": relaxes(program),
    }
    return tuple(name for name, there in found.items() if there)


def relaxes(program: Program) -> bool:
    """Whether a memory that is not ideal may wait."""
    nodes = [*program.nodes, *(node for earlier in program.earlier_nodes.values() for node in earlier)]
    return _waits(program.circuit) and not all(node.memory.is_ideal for node in nodes)


def _waits(circuit: QuantumCircuit) -> bool:
    return any(
        instruction.name == "delay"
        or (isinstance(instruction.operation, IfElseOp) and any(map(_waits, instruction.operation.blocks)))
        for instruction in circuit.data
    )
