"""Mutants of any circuit, one plausible mistake each; and whether a mistake makes a difference, decided exactly.

A mutant is built up instruction by instruction; the original is not touched. Not every mutant is wrong: a CNOT
turned round on a symmetric state is no mistake. `Judge` tells them apart by the instrument: the map from what
arrives to every record together with the qubits that remain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import combinations
from typing import TypeAlias

import numpy as np
from oracles.proofs import arriving
from qiskit.circuit import CircuitInstruction, Clbit, ControlledGate, IfElseOp, Operation, QuantumCircuit, Qubit
from qiskit.circuit.classical import expr
from qiskit.circuit.library import XGate, ZGate

from quantumlink.exact import branches
from quantumlink.exact.conditions import Condition, xor_leaves

Step: TypeAlias = tuple[Operation, Sequence[Qubit]]

EXCHANGED = {"x": ZGate(), "z": XGate()}
SYMMETRIC = {"cz", "cp", "ccz"}
"""Controlled gates that do not tell their qubits apart."""

WHOLE = 4
"""Most qubits for which a circuit is compared for every input."""


def mutants(circuit: QuantumCircuit) -> dict[str, QuantumCircuit]:
    """Every mutant by its name, which begins with the kind of mistake."""
    data = list(circuit.data)
    found: dict[str, QuantumCircuit] = {}
    for i, instruction in enumerate(data):
        where = ",".join(str(circuit.find_bit(qubit).index) for qubit in instruction.qubits)
        for what, replaced in _wrong_instructions(circuit, instruction):
            found[f"{what}: {i} {instruction.name} on {where}"] = _rebuilt(
                circuit, [*data[:i], *replaced, *data[i + 1 :]]
            )
    for place, qubit in _halves(circuit):
        for gate in (XGate(), ZGate()):
            wrong = CircuitInstruction(gate, [qubit])
            name = f"{gate.name} on half a pair: before {place}, qubit {circuit.find_bit(qubit).index}"
            found[name] = _rebuilt(circuit, [*data[:place], wrong, *data[place:]])
    measured = [i for i, instruction in enumerate(data) if instruction.name == "measure"]
    for i, j in combinations(measured, 2):
        exchanged = list(data)
        exchanged[i], exchanged[j] = (
            data[i].replace(clbits=data[j].clbits),
            data[j].replace(clbits=data[i].clbits),
        )
        found[f"records exchanged: {i} and {j}"] = _rebuilt(circuit, exchanged)
    return found


def _wrong_instructions(
    circuit: QuantumCircuit, instruction: CircuitInstruction
) -> Iterator[tuple[str, list[CircuitInstruction]]]:
    """What may stand in the place of an instruction."""
    operation = instruction.operation
    if isinstance(operation, IfElseOp):
        yield "correction dropped", []
        yield from _wrong_corrections(circuit, instruction)
    elif instruction.name == "reset":
        yield "reset dropped", []
    elif instruction.name != "measure":
        yield "gate dropped", []
        if isinstance(operation, ControlledGate) and instruction.name not in SYMMETRIC:
            yield "turned round", [instruction.replace(qubits=instruction.qubits[::-1])]


def _wrong_corrections(
    circuit: QuantumCircuit, instruction: CircuitInstruction
) -> Iterator[tuple[str, list[CircuitInstruction]]]:
    (block,) = instruction.operation.blocks
    outer = dict(zip(block.qubits, instruction.qubits, strict=True))
    steps = [(inner.operation, [outer[qubit] for qubit in inner.qubits]) for inner in block.data]
    condition = instruction.operation.condition
    bits = _parity(circuit, condition)

    def corrected(condition: Condition, steps: Iterable[Step]) -> list[CircuitInstruction]:
        scratch = circuit.copy_empty_like()
        with scratch.if_test(condition):
            for operation, qubits in steps:
                scratch.append(operation, qubits)
        return list(scratch.data)

    if any(operation.name in EXCHANGED for operation, _ in steps):
        swapped = [(EXCHANGED.get(operation.name, operation), qubits) for operation, qubits in steps]
        yield "X and Z exchanged", corrected(condition, swapped)
    yield "correction always", [CircuitInstruction(operation, qubits) for operation, qubits in steps]
    even = (bits[0], 0) if len(bits) == 1 else expr.logic_not(_odd(bits))
    yield "condition negated", corrected(even, steps)
    for bit in bits:
        rest = [other for other in bits if other != bit]
        if rest:
            yield f"condition without bit {circuit.clbits.index(bit)}", corrected(_odd(rest), steps)
        for other in circuit.clbits:
            if other not in bits:
                moved = f"{circuit.clbits.index(bit)} to {circuit.clbits.index(other)}"
                yield f"condition moved from bit {moved}", corrected(_odd([*rest, other]), steps)
    for qubit in outer.values():
        for other in circuit.qubits:
            if other not in instruction.qubits:
                elsewhere = [
                    (operation, [other if q == qubit else q for q in qubits]) for operation, qubits in steps
                ]
                moved = f"{circuit.find_bit(qubit).index} to {circuit.find_bit(other).index}"
                yield f"correction moved from qubit {moved}", corrected(condition, elsewhere)


def _parity(circuit: QuantumCircuit, condition: Condition) -> list[Clbit]:
    """The bits of which an odd number must be set."""
    bits = xor_leaves(condition)
    if isinstance(condition, tuple) and isinstance(condition[0], Clbit) and condition[1] == 1:
        bits = [condition[0]]
    if bits is None:
        raise ValueError(f"a correction must wait for an odd parity, got {condition!r} in {circuit.name}")
    return bits


def _odd(bits: Sequence[Clbit]) -> Condition:
    return (bits[0], 1) if len(bits) == 1 else reduce(expr.bit_xor, map(expr.lift, bits))


def _halves(circuit: QuantumCircuit) -> Iterator[tuple[int, Qubit]]:
    """Where a pair is there: the place in the data and one of its halves."""
    given = [[circuit.qubits[i] for i in pair] for pair in (circuit.metadata or {}).get("pairs", [])]
    for pair in given:
        yield 0, pair[0]
    untouched = {*circuit.qubits} - {qubit for pair in given for qubit in pair}
    fresh = set(untouched)
    for i, instruction in enumerate(circuit.data):
        if instruction.name == "cx":
            control, target = instruction.qubits
            if control in untouched and control not in fresh and target in fresh:
                yield i + 1, target
        fresh -= {*instruction.qubits}
        if len(instruction.qubits) > 1:
            untouched -= {*instruction.qubits}


def _rebuilt(circuit: QuantumCircuit, instructions: Iterable[CircuitInstruction]) -> QuantumCircuit:
    result = circuit.copy_empty_like()
    for instruction in instructions:
        result.append(instruction)
    return result


class Judge:
    """Whether a mutant of a circuit is a different circuit, in anything that was promised.

    Up to four qubits: for every input, in every record. Larger ones: with Φ⁺ on the pairs that are to arrive and
    every input elsewhere; if there are heralds, errors may come with the pairs, and only accepted records matter.
    Parameters and the probabilities of errors are drawn at random: as both enter as trigonometric or multilinear
    functions, what is equal there is equal everywhere, but for coincidences of probability 0.

    Args:
        circuit: the original.
        rng: for the parameters and errors.
        zeros: registers that start in |0⟩.
        leftover: registers that hold nothing of interest after.
    """

    def __init__(
        self, circuit: QuantumCircuit, rng: np.random.Generator, *, zeros: Sequence[str], leftover: Sequence[str]
    ) -> None:
        self._original = circuit
        self._values = {p.name: rng.uniform(0, 2 * np.pi) for p in circuit.parameters}
        metadata = circuit.metadata or {}
        self._pairs = metadata.get("pairs", []) if circuit.num_qubits > WHOLE else []
        self._heralded = circuit.num_qubits > WHOLE and "heralds" in metadata
        self._errors = [rng.dirichlet([3, 1, 1, 1])[1:] for _ in self._pairs] if self._heralded else None
        paired = {qubit for pair in self._pairs for qubit in pair}
        self._inputs = [q for q in range(circuit.num_qubits) if q not in paired | _qubits(circuit, zeros)]
        last = {qubit: instruction.name for instruction in circuit.data for qubit in instruction.qubits}
        measured = {i for i, qubit in enumerate(circuit.qubits) if last.get(qubit) == "measure"}
        self._outputs = [q for q in range(circuit.num_qubits) if q not in measured | _qubits(circuit, leftover)]
        self._expected = self._instrument(circuit)

    def equivalent(self, mutant: QuantumCircuit) -> bool:
        """Whether nothing that matters is different."""
        found = self._instrument(mutant)
        nothing = np.zeros_like(next(iter(self._expected.values())))
        return all(
            np.abs(found.get(record, nothing) - self._expected.get(record, nothing)).max() < 1e-9
            for record in {*found, *self._expected}
        )

    def _instrument(self, circuit: QuantumCircuit) -> dict[tuple[int, ...], np.ndarray]:
        values = {p: self._values[p.name] for p in circuit.parameters}
        bound = circuit.assign_parameters(values)
        if self._pairs:
            bound = arriving(bound, self._errors)
        records = branches(bound, inputs=self._inputs, outputs=self._outputs)
        return {record: tensor for record, tensor in records.items() if self._matters(record)}

    def _matters(self, record: Sequence[int]) -> bool:
        heralds = self._original.metadata["heralds"] if self._heralded else []
        return not any(sum(record[bit] for bit in herald) % 2 for herald in heralds)


def _qubits(circuit: QuantumCircuit, ports: Sequence[str]) -> set[int]:
    return {circuit.find_bit(qubit).index for port in circuit.qregs if port.name in ports for qubit in port}
