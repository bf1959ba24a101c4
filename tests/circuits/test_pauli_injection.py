"""Every Pauli error on every pair that enters a purification: which are detected, and what the others do.

Derived by hand from commutation, then compared with the branch interpreter and with stim. Also the twirl,
as a group.
"""

from itertools import product

import numpy as np
import pytest
import stim
from oracles.density import BELL_VECTORS, PAULIS, pauli_coefficients
from oracles.stim_circuits import to_stim
from qiskit.circuit import QuantumCircuit

from quantumlink.circuits import TWIRL_ANGLES, bbpssw, bilateral_twirl, dejmps
from quantumlink.exact import branches

PAIR_ERRORS = ["".join(letters) for letters in product("IXYZ", repeat=2)]
"""On side a, then side b."""

# By hand (see test_flows): the herald compares this letter on all four qubits; XX of the pair that comes out
# is XXXX of those that go in, ZZ is this string, up to a sign that no error changes. Qubits: kept_a, spent_a,
# spent_b, kept_b.
PROMISES = {
    "dejmps": (dejmps(), "YYYY", "XXXX", "YIIY"),
    "bbpssw": (bbpssw(twirl=False), "ZZZZ", "XXXX", "ZIIZ"),
}

# The same, as a person would say it. On perfect pairs an error on one half is the same error on the other, so
# a pair's error is the product of its letters (II, XX, YY, ZZ do nothing). BBPSSW sees X and Y, since they flip
# the parity; DEJMPS sees X and Z, since they anticommute with Y. An error on both pairs is detected if one of
# the two is, not both.
SEEN = {"bbpssw": {"X", "Y"}, "dejmps": {"X", "Z"}}
# What an accepted error (kept, spent) leaves on the kept pair. BBPSSW: the CNOTs carry X down and Z up, so a Z
# error of either pair arrives and X errors are accepted in pairs only. DEJMPS exchanges Y and Z first.
LEFT = {
    "bbpssw": {
        ("I", "I"): "I",
        ("Z", "I"): "Z",
        ("I", "Z"): "Z",
        ("Z", "Z"): "I",
        ("X", "X"): "X",
        ("Y", "X"): "Y",
        ("X", "Y"): "Y",
        ("Y", "Y"): "X",
    },
    "dejmps": {
        ("I", "I"): "I",
        ("Y", "I"): "Z",
        ("I", "Y"): "Z",
        ("Y", "Y"): "I",
        ("X", "X"): "X",
        ("Z", "X"): "Y",
        ("X", "Z"): "Y",
        ("Z", "Z"): "X",
    },
}
BELL_OF_ERROR = {"I": 0, "Z": 1, "X": 2, "Y": 3}


def anticommutes(a, b):
    return sum("I" != p != q != "I" for p, q in zip(a, b, strict=True)) % 2


def product_letter(pair):
    """The Pauli on one half that is the same as this one on both halves of Φ⁺."""
    flips = [anticommutes(letter, "Z") for letter in pair], [anticommutes(letter, "X") for letter in pair]
    return "IXZY"[sum(flips[0]) % 2 + 2 * (sum(flips[1]) % 2)]


def by_commutation(protocol, kept, spent):
    """Detected or not, and the Bell state that comes out: 0…3 from the signs of XX and ZZ."""
    _, herald, xx, zz = PROMISES[protocol]
    error = kept[0] + spent[0] + spent[1] + kept[1]
    return anticommutes(error, herald), anticommutes(error, xx) + 2 * anticommutes(error, zz)


@pytest.mark.parametrize("protocol", PROMISES)
def test_the_table_and_the_commutation_rules_agree(protocol):
    for kept, spent in product(PAIR_ERRORS, repeat=2):
        k, s = product_letter(kept), product_letter(spent)
        detected, state = by_commutation(protocol, kept, spent)
        assert detected == ((k in SEEN[protocol]) != (s in SEEN[protocol]))
        if not detected:
            assert state == BELL_OF_ERROR[LEFT[protocol][k, s]]


@pytest.mark.parametrize("protocol", PROMISES)
def test_every_pauli_on_both_pairs_is_detected_or_acts_as_derived(protocol):
    circuit = PROMISES[protocol][0]
    # The exact map of two pairs to the kept one, for each record of the two outcomes.
    maps = branches(circuit, inputs=[0, 1, 2, 3], outputs=[0, 3])
    counts = {True: 0, False: 0}
    for kept, spent in product(PAIR_ERRORS, repeat=2):
        detected, state = by_commutation(protocol, kept, spent)
        counts[bool(detected)] += 1
        vector = _pairs_with_errors(kept, spent)
        accepted = np.zeros((4, 4))
        for record, matrix in maps.items():
            if sum(record) % 2 == 0:
                accepted += (matrix.reshape(16, 256) @ vector).reshape(4, 4)
        # Exact up to rounding: the entries are sums of a few numbers ±1/2.
        wanted = np.zeros((4, 4)) if detected else _bell_coefficients(state)
        np.testing.assert_allclose(accepted, wanted, rtol=0, atol=1e-12, err_msg=f"{kept} {spent}")
    # Half of all errors anticommute with the compared stabiliser.
    assert counts == {True: 128, False: 128}


@pytest.mark.parametrize("protocol", PROMISES)
def test_every_pauli_on_both_pairs_does_the_same_in_stim(protocol):
    circuit = PROMISES[protocol][0]
    for kept, spent in product(PAIR_ERRORS, repeat=2):
        errors = [(p, [q]) for q, p in zip((0, 3, 1, 2), kept + spent, strict=True)]
        prepare = [("H", [0, 1]), ("CX", [0, 3, 1, 2])]
        detected, state = by_commutation(protocol, kept, spent)
        assert _in_stim(circuit, {0: prepare + errors}) == (detected, state), f"{kept} {spent}"


@pytest.mark.parametrize("protocol", PROMISES)
def test_a_pauli_anywhere_within_the_circuit_does_the_same_in_stim_and_in_the_interpreter(protocol):
    # Faults of the purification itself, one qubit, every place: no expectation by hand, two programs instead.
    circuit = PROMISES[protocol][0]
    prepare = [("H", [0, 1]), ("CX", [0, 3, 1, 2])]
    detected_places = set()
    for place, qubit, letter in product(range(len(circuit.data) + 1), range(4), "XYZ"):
        faults = {0: list(prepare)}
        faults.setdefault(place, []).append((letter, [qubit]))
        detected, state = _in_stim(circuit, faults)
        with_fault = QuantumCircuit(*circuit.qregs, *circuit.cregs)
        with_fault.h([0, 1])
        with_fault.cx([0, 1], [3, 2])
        for i in range(len(circuit.data) + 1):
            if i == place:
                getattr(with_fault, letter.lower())(qubit)
            if i < len(circuit.data):
                with_fault.append(circuit.data[i])
        accepted = np.zeros((4, 4))
        for record, tensor in branches(with_fault, outputs=[0, 3]).items():
            if sum(record) % 2 == 0:
                accepted += tensor.reshape(4, 4)
        wanted = np.zeros((4, 4)) if detected else _bell_coefficients(state)
        np.testing.assert_allclose(accepted, wanted, rtol=0, atol=1e-12)
        if detected:
            detected_places.add(place)
    assert len(detected_places) > 1


def test_only_the_herald_detects():
    # A single outcome is random whatever the error: what tells is the parity of the two.
    records = {record: p.ravel() for record, p in branches(_prepared(dejmps()), outputs=[]).items()}
    np.testing.assert_allclose(records[0, 0], 0.5, atol=1e-12)
    np.testing.assert_allclose(records[1, 1], 0.5, atol=1e-12)
    assert set(records) == {(0, 0), (1, 1)}


# --- the twirl


def rotation(theta, phi, lam):
    """The rotation of the Bloch sphere that U(θ, φ, λ) is, worked out from its matrix."""
    u = np.array(
        [
            [np.cos(theta / 2), -np.exp(1j * lam) * np.sin(theta / 2)],
            [np.exp(1j * phi) * np.sin(theta / 2), np.exp(1j * (phi + lam)) * np.cos(theta / 2)],
        ]
    )
    axes = [PAULIS[letter] for letter in "XYZ"]
    return np.array([[np.trace(p @ u @ q @ u.conj().T).real / 2 for q in axes] for p in axes])


def test_twirl_angles_are_the_rotations_of_the_tetrahedron():
    exact = [rotation(*angles) for angles in TWIRL_ANGLES]
    rotations = {tuple(np.rint(matrix).astype(int).ravel()) for matrix in exact}
    for matrix in exact:
        np.testing.assert_allclose(matrix, np.rint(matrix), rtol=0, atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-12)
    assert len(TWIRL_ANGLES) == len(rotations) == 12
    matrices = [np.array(r).reshape(3, 3) for r in rotations]
    assert {tuple((a @ b).ravel()) for a in matrices for b in matrices} == rotations
    # Orders of the elements: the identity, three half turns, eight thirds of a turn (trace = 1 + 2cos α).
    assert sorted(np.trace(m) for m in matrices) == [-1] * 3 + [0] * 8 + [3]


def test_twirl_takes_each_axis_to_each_direction_equally_often():
    for axis in np.eye(3):
        images = [tuple(np.rint(rotation(*angles) @ axis).astype(int)) for angles in TWIRL_ANGLES]
        assert {direction: images.count(direction) for direction in images} == {
            (1, 0, 0): 2,
            (-1, 0, 0): 2,
            (0, 1, 0): 2,
            (0, -1, 0): 2,
            (0, 0, 1): 2,
            (0, 0, -1): 2,
        }


def test_twirl_makes_any_state_the_werner_state_of_its_fidelity(rng):
    from qiskit.quantum_info import Operator

    circuit = bilateral_twirl()
    unitaries = [Operator(circuit.assign_parameters(list(angles))).data for angles in TWIRL_ANGLES]
    for _ in range(5):
        ginibre = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
        rho = ginibre @ ginibre.conj().T
        rho /= np.trace(rho)
        fidelity = (BELL_VECTORS[0] @ rho @ BELL_VECTORS[0]).real
        averaged = np.mean([u @ rho @ u.conj().T for u in unitaries], axis=0)
        phi_plus = np.outer(BELL_VECTORS[0], BELL_VECTORS[0])
        werner = fidelity * phi_plus + (1 - fidelity) / 3 * (np.eye(4) - phi_plus)
        np.testing.assert_allclose(averaged, werner, rtol=0, atol=1e-12)  # twelve products of 4×4 matrices


def test_twirl_leaves_phi_plus_alone_in_every_setting():
    from qiskit.quantum_info import Operator

    for angles in TWIRL_ANGLES:
        unitary = Operator(bilateral_twirl().assign_parameters(list(angles))).data
        overlap = BELL_VECTORS[0] @ unitary @ BELL_VECTORS[0]
        assert abs(overlap) == pytest.approx(1, abs=1e-12)


def test_twirled_bbpssw_binds_both_pairs_to_their_own_angles():
    circuit = bbpssw()
    assert sorted({p.vector.name for p in circuit.parameters}) == ["twirl_kept", "twirl_spent"]
    for name, qubits in (("twirl_kept", {0, 3}), ("twirl_spent", {1, 2})):
        touched = {
            circuit.find_bit(instruction.qubits[0]).index
            for instruction in circuit.data
            for p in instruction.operation.params
            if getattr(p, "parameters", None) and {q.vector.name for q in p.parameters} == {name}
        }
        assert touched == qubits


# --- helpers


def _prepared(circuit):
    prepared = circuit.copy_empty_like()
    prepared.h([0, 1])
    prepared.cx([0, 1], [3, 2])
    return prepared.compose(circuit)


def _bell_coefficients(state):
    vector = BELL_VECTORS[state]
    return pauli_coefficients(np.outer(vector, vector.conj()), 2)


def _pairs_with_errors(kept, spent):
    """Pauli coefficients (256,) of two perfect pairs with errors, qubits kept_a, spent_a, spent_b, kept_b."""
    tensors = []
    for error in (kept, spent):
        unitary = np.kron(PAULIS[error[1]], PAULIS[error[0]])  # side a is the least significant
        vector = unitary @ BELL_VECTORS[0]
        tensors.append(pauli_coefficients(np.outer(vector, vector.conj()), 2))
    return np.einsum("ad,bc->abcd", *tensors).ravel()


def _in_stim(circuit, before):
    """Whether the herald is odd, and which Bell state the kept pair is in, if it is one."""
    translated, record = to_stim(circuit, zeros=range(4), before=before)
    simulator = stim.TableauSimulator()
    simulator.do(translated)
    outcomes = simulator.current_measurement_record()
    detected = sum(outcomes[record[bit]] for bit in (0, 1)) % 2
    xx, zz = (simulator.peek_observable_expectation(stim.PauliString(p)) for p in ("X__X", "Z__Z"))
    assert abs(xx) == abs(zz) == 1
    return detected, (xx < 0) + 2 * (zz < 0)
