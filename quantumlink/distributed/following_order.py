"""An order in which a circuit is followed with few qubits in use at one time."""

from __future__ import annotations

from qiskit.circuit import Clbit, IfElseOp, QuantumCircuit, Qubit


def emptied_sooner(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same circuit, qubits filled no sooner than what empties others, or tells by bits, needs them.

    What shares a qubit or a classical bit stays in its order; barriers are dropped.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.h(0), circuit.h(1), circuit.reset(0), circuit.reset(1)
    >>> [(step.name, circuit.find_bit(step.qubits[0]).index) for step in emptied_sooner(circuit).data]
    [('h', 0), ('reset', 0), ('h', 1), ('reset', 1)]
    """
    steps = [step for step in circuit.data if step.name != "barrier"]
    before: list[set[int]] = []
    last: dict[Qubit | Clbit, int] = {}
    for number, step in enumerate(steps):
        before.append({last[bit] for bit in (*step.qubits, *step.clbits) if bit in last})
        last.update(dict.fromkeys((*step.qubits, *step.clbits), number))
    first = [n for n, s in enumerate(steps) if s.name == "reset" or isinstance(s.operation, IfElseOp)]
    taken = [False] * len(steps)
    result = circuit.copy_empty_like()
    for number in (*first, *range(len(steps))):
        needed, found = [number], []
        while needed:
            one = needed.pop()
            if not taken[one]:
                taken[one] = True
                found.append(one)
                needed += before[one]
        for one in sorted(found):
            result._append(steps[one])
    return result
