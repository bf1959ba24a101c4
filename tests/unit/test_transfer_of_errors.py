"""Transfer matrices of Aer's errors beside Qiskit's superoperators, of every form of their circuits."""

from itertools import product

import numpy as np
import pytest
from qiskit.quantum_info import SuperOp
from qiskit_aer.noise import (
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)

from quantumlink.exact.transfer import transfer_matrix, transfer_of_superoperator

FLIP = pauli_error([("X", 0.1), ("Y", 0.03), ("I", 0.87)])
RELAXED = thermal_relaxation_error(1.0, 0.5, 0.3, 0.1)  # Paulis beside resets
THREE = [("".join(label), w / 2080) for w, label in enumerate(product("IXYZ", repeat=3), start=1)]
ERRORS = {
    "depolarizing of one": depolarizing_error(0.03, 1),
    "depolarizing of two": depolarizing_error(0.03, 2),
    "Paulis": FLIP,
    "Paulis of three": pauli_error(THREE),
    "Paulis in turn": pauli_error([("XY", 0.1), ("ZI", 0.9)]).compose(pauli_error([("YY", 0.1), ("XZ", 0.9)])),
    "Paulis side by side": FLIP.tensor(pauli_error([("Z", 0.2), ("I", 0.8)])),
    "relaxation": RELAXED,
    "relaxation beside Paulis": FLIP.tensor(RELAXED),
    "Kraus": amplitude_damping_error(0.2),
    "a rotation": coherent_unitary_error(np.array([[0.6, -0.8], [0.8, 0.6]])),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_what_its_superoperator_is(name):
    error = ERRORS[name]
    found = transfer_matrix(error.to_instruction())
    assert found == pytest.approx(transfer_of_superoperator(SuperOp(error).data), abs=2e-15)
