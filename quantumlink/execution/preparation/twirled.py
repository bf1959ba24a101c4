"""Noise as mixtures of Paulis, so that circuits of any size can be sampled.

What is left of an error is the diagonal of its Pauli transfer matrix, as after twirling over the Paulis.
It changes what is predicted: relaxation is not a mixture of Paulis. Populations relax to the mixed state instead of
to |0⟩; average gate fidelities stay as they are.

Reference:
    J. Emerson et al., Science 317, 1893 (2007).
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from qiskit.circuit import IfElseOp, Instruction, QuantumCircuit

from quantumlink.exact import transfer_matrix

if TYPE_CHECKING:
    from qiskit_aer.noise import QuantumError

_SIGNS = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=float)


def twirled_errors(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with every inlined error replaced by its Pauli twirl."""
    known: dict[int, tuple[object, Instruction]] = {}

    def twirl(operation: Instruction) -> Instruction:
        error = getattr(operation, "_quantum_error", operation)
        if id(error) not in known:  # the key's object is kept, so that its id stays its own
            known[id(error)] = (error, pauli_twirl(operation).to_instruction())
        return known[id(error)][1]

    def rewritten(part: QuantumCircuit) -> QuantumCircuit:
        result = part.copy_empty_like()
        for instruction in part.data:
            operation = instruction.operation
            if isinstance(operation, IfElseOp):
                operation = operation.replace_blocks([rewritten(block) for block in operation.blocks])
            elif instruction.name in ("quantum_channel", "kraus", "superop"):
                operation = twirl(operation)
            result.append(operation, instruction.qubits, instruction.clbits)
        return result

    return rewritten(circuit)


def pauli_twirl(error: Instruction) -> QuantumError:
    """The mixture of Paulis that twirling an error over the Pauli group leaves.

    >>> from qiskit_aer.noise import amplitude_damping_error
    >>> found = pauli_twirl(amplitude_damping_error(0.36).to_instruction())
    >>> [round(float(p), 6) for p in sorted(found.probabilities)]
    [0.01, 0.09, 0.09, 0.81]
    """
    from qiskit_aer.noise import pauli_error

    matrix = transfer_matrix(error)
    assert matrix is not None
    k = matrix.shape[0].bit_length() // 2
    signs = reduce(np.kron, [_SIGNS] * k)
    found = np.clip(signs @ np.diag(matrix) / 4**k, 0.0, None)
    # The first qubit's letter is the most significant here, and the last one in Aer's labels.
    labels = ["".join(reversed(word)) for word in product("IXYZ", repeat=k)]
    return pauli_error(list(zip(labels, (found / found.sum()).tolist(), strict=True)))
