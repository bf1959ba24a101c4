"""A Clifford circuit with Pauli feed-forward, translated from Qiskit to stim, by hand.

A conditional X or Z becomes CX or CZ controlled by a measurement record; a condition on a xor, one for each bit.
"""

import stim
from qiskit.circuit import Clbit, IfElseOp
from qiskit.circuit.classical import expr

GATES = {
    "id": "I",
    "x": "X",
    "y": "Y",
    "z": "Z",
    "h": "H",
    "s": "S",
    "sdg": "S_DAG",
    "sx": "SQRT_X",
    "sxdg": "SQRT_X_DAG",
    "cx": "CX",
    "cy": "CY",
    "cz": "CZ",
    "swap": "SWAP",
    "iswap": "ISWAP",
    "reset": "R",
    "measure": "M",
}


def to_stim(circuit, *, zeros=(), before=None):
    """Translate a circuit.

    Args:
        circuit: gates of `GATES`, and X, Y, Z within `if_test` on one bit or on a xor of bits.
        zeros: qubits that start in |0⟩; all others carry any input.
        before: instructions to insert, as {index in circuit.data: [(stim gate, qubits)]}; one past the end is
            allowed.

    Returns:
        The stim circuit, and for each classical bit the index of the measurement that it holds at the end.
    """
    result, record, measured = stim.Circuit(), {}, 0
    if zeros:
        result.append("R", list(zeros))
    for place, instruction in enumerate(circuit.data):
        for gate, qubits in (before or {}).get(place, ()):
            result.append(gate, qubits)
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        operation = instruction.operation
        if isinstance(operation, IfElseOp):
            (block,) = operation.blocks
            bits, value = _parity(operation.condition)
            for inner in block.data if value == 0 else ():  # always, and once more where the parity is odd
                result.append(GATES[inner.name], [qubits[block.find_bit(inner.qubits[0]).index]])
            for bit in bits:
                # A bit that nothing was measured into is 0.
                index = record.get(circuit.find_bit(bit).index)
                if index is None:
                    continue
                for inner in block.data:
                    target = qubits[block.find_bit(inner.qubits[0]).index]
                    result.append("C" + GATES[inner.name], [stim.target_rec(index - measured), target])
            continue
        result.append(GATES[instruction.name], qubits)
        if instruction.name == "measure":
            record[circuit.find_bit(instruction.clbits[0]).index] = measured
            measured += 1
    for gate, qubits in (before or {}).get(len(circuit.data), ()):
        result.append(gate, qubits)
    return result, record


def has_flow(circuit, flow, *, zeros=(), bits=()):
    """Whether a circuit has a stabiliser flow, signs included: "input -> output", up to the parity of bits."""
    translated, record = to_stim(circuit, zeros=zeros)
    try:
        records = [record[bit] for bit in bits]
    except KeyError:  # a bit that nothing was measured into
        return False
    text = flow + "".join(f" xor rec[{index}]" for index in records)
    return translated.has_flow(stim.Flow(text))


def _parity(condition):
    """The bits whose parity a condition is on, and the value that it wants of it."""
    if isinstance(condition, tuple):
        target, value = condition
        bits = [target] if isinstance(target, Clbit) else list(target)
        assert len(bits) == 1
        return bits, int(value)
    if isinstance(condition, expr.Var):
        return [condition.var], 1
    assert condition.op.name == "BIT_XOR"
    return [*_parity(condition.left)[0], *_parity(condition.right)[0]], 1
