"""Corrected Bell pairs: n pairs are measured into a code, compared, corrected, and taken out of the code again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Clifford

from quantumlink_circuits.codes import Bits, Code, anticommuting
from quantumlink_circuits.encoding import compared_syndromes

_CONJUGATE = {"s": "sdg", "sdg": "s"}


def corrected_bell_pair(
    code: Code, corrections: Sequence[str] | None, name: str = "corrected_bell_pair"
) -> QuantumCircuit:
    """One Bell pair on bare qubits from n arriving ones, corrected by a code of one logical qubit.

    Both sides measure the syndromes as in `encoded_bell_pair` and take their logical qubit out of the code. Side a
    tells each of its bits, by which side b turns its ancilla round, so that ``syndrome_b`` holds the difference;
    that says which Pauli is done on side b. In the complex conjugate code of side b the logical operators are
    conjugates, so that Φ⁺ stays Φ⁺ whatever syndrome both found.

    ```
     data_a: ─/─┤ S₁ ├─ … ┤ U† ├─ data_a[0]
    check_a: ───┤    ├─ … ── syndrome_a
    check_b: ───┤    ├─ … ── syndrome_b
     data_b: ─/─┤ S₁*├─ … ┤ Uᵀ ├─ data_b[0] ─[Pauli by syndrome_b]─
    ```

    Ports:
        as `encoded_bell_pair`; the pair is delivered on ``data_a[0]`` and ``data_b[0]``.

    Args:
        code: the code.
        corrections: a letter of I, X, Y, Z for each difference of syndromes, 2^r of them; number d has the bits of
            d, that of the first stabilizer lowest. It is the logical class of the correction. None to correct
            nothing: then nothing is told, both registers hold what their side found, and the metadata's heralds
            refuse runs in which they differ.
        name: what the circuit is called.

    Raises:
        ValueError: if the code does not have one logical qubit, or the corrections do not fit.

    >>> from quantumlink_circuits import repetition_code
    >>> circuit = corrected_bell_pair(repetition_code(3), ["I", "X", "I", "I"])
    >>> circuit.count_ops()["if_else"]
    3
    """
    r, n = len(code.stabilizers), code.qubits
    if code.logical_qubits != 1:
        raise ValueError(f"code must have one logical qubit, {code!r} has {code.logical_qubits}")
    if corrections is not None and (len(corrections) != 1 << r or set(corrections) - set("IXYZ")):
        raise ValueError(f"corrections must be {1 << r} letters of I, X, Y, Z, got {len(corrections)}")
    circuit = compared_syndromes(code.stabilizers, name, told=corrections is not None)
    heralds = {"heralds": circuit.metadata["heralds"]} if corrections is None else {}
    circuit.metadata = {"pairs": circuit.metadata["pairs"], "outputs": [0, n + 2], **heralds}
    data_a, _, _, data_b = circuit.qregs
    _, syndrome_b = circuit.cregs
    for instruction in _taken_out(code).data:
        at = [_taken_out(code).find_bit(q).index for q in instruction.qubits]
        getattr(circuit, instruction.name)(*(data_a[i] for i in at))
        getattr(circuit, _CONJUGATE.get(instruction.name, instruction.name))(*(data_b[i] for i in at))
    for difference, letter in enumerate(corrections or ()):
        if letter != "I":
            with circuit.if_test((syndrome_b, difference)):
                getattr(circuit, letter.lower())(data_b[0])
    return circuit


@lru_cache(maxsize=32)
def _taken_out(code: Code) -> QuantumCircuit:
    """Takes logical X and Z to those of qubit 0, and each stabilizer to Z of another qubit."""
    n = code.qubits
    logical_x, logical_z = code.logical_matrix
    # As images of X and Z of each qubit; destabilizers must commute with each other, too.
    x = np.vstack([logical_x, _commuting(code.destabilizers, code.matrix)])
    z = np.vstack([logical_z, code.matrix])
    table = np.hstack([np.vstack([x, z]), np.zeros((2 * n, 1), dtype=np.uint8)]).astype(bool)
    return Clifford(table).adjoint().to_circuit()


def _commuting(destabilizers: Bits, stabilizers: Bits) -> Bits:
    rows = destabilizers.copy()
    for i in range(len(rows)):
        for j in range(i):
            if anticommuting(rows[i : i + 1], rows[j : j + 1])[0, 0]:
                rows[i] ^= stabilizers[j]
    return rows
