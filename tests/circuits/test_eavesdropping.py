"""Eavesdroppers, exactly: what they do to the traveling qubit, and what Eve knows.

Maps come from the branch interpreter as Pauli transfer matrices; they are compared with formulas, with Qiskit's
channels, and, for what Eve knows, with Helstrom's bound.
"""

from itertools import product
from math import cos, inf, nan, pi, sin, sqrt

import numpy as np
import pytest
from oracles.eavesdropper import (
    best_guess,
    binary_entropy,
    error_rates,
    eve_states,
    mean_error,
    mutual_information,
    transfer,
)
from qiskit import QuantumCircuit
from qiskit.quantum_info import Kraus, Operator, Pauli, SuperOp
from quantumlink_circuits.bell import bell_pair
from quantumlink_circuits.eavesdropping import (
    BREIDBART_ANGLES,
    CLONER_PLANES,
    entangling_probe,
    intercept_resend,
    phase_covariant_cloner,
    universal_cloner,
)
from quantumlink_circuits.measurement import BASIS_ANGLES, basis_measurement
from quantumlink_circuits.qkd import (
    BB84_SETTINGS,
    BB84_STATES,
    SIX_STATE_SETTINGS,
    bb84_preparation,
    bb84_round,
    six_state_round,
)
from quantumlink_circuits.qkd_pairs import E91_CHSH, E91_SETTINGS, e91_measurement

from quantumlink.exact import PAULI_MATRICES, branches, outcome_probabilities
from quantumlink.testing import assert_channel, assert_flow

EXACT = 1e-9
STRENGTHS = [0.0, 0.1, pi / 6, pi / 4, 1.0, pi / 3, pi / 2]
DIRECTIONS = [(0.0, 0.0), (pi / 2, 0.0), (pi / 2, pi / 2), BREIDBART_ANGLES, (0.7, 1.9), (2.6, -0.4)]


def direction(theta, phi):
    """The Bloch vector (x, y, z) of the angles."""
    return np.array([sin(theta) * cos(phi), sin(theta) * sin(phi), cos(theta)])


# --- contracts of all ------------------------------------------------------------------------------------------

ATTACKS = {
    **{f"intercept {a:.2f}, {b:.2f}": intercept_resend(a, b) for a, b in DIRECTIONS},
    **{f"probe {a:.2f}": entangling_probe(a) for a in STRENGTHS},
    **{f"phase {p} {a:.2f}": phase_covariant_cloner(a, plane=p) for a, p in product(STRENGTHS, CLONER_PLANES)},
    **{f"universal {a:.2f}": universal_cloner(a) for a in STRENGTHS},
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_traveling_qubit_sees_a_channel(attack):
    # Trace preserving: its first row. Completely positive: no negative eigenvalue of the Choi matrix.
    matrix = transfer(ATTACKS[attack])
    assert matrix[0] == pytest.approx([1, 0, 0, 0], abs=EXACT)
    choi = sum(
        matrix[i, j] * np.kron(PAULI_MATRICES[j].T, PAULI_MATRICES[i]) / 4 for i, j in np.ndindex(matrix.shape)
    )
    assert np.linalg.eigvalsh(choi).min() > -EXACT
    # The same channel by Qiskit's algebra, where the circuit is unitary.
    if not ATTACKS[attack].num_clbits:
        assert_channel(ATTACKS[attack], isometry_channel(ATTACKS[attack]), inputs="q", outputs="q")


def isometry_channel(circuit):
    """Tr_Eve[U(ρ ⊗ |0…0⟩⟨0…0|)U†], q being qubit 0."""
    unitary = Operator(circuit).data
    eve = 2 ** (circuit.num_qubits - 1)
    columns = unitary[:, :2].reshape(eve, 2, 2)  # Eve's qubits are the high bits, and start in |0…0⟩
    return SuperOp(Kraus(list(columns)))


@pytest.mark.parametrize("attack", [intercept_resend, entangling_probe, phase_covariant_cloner, universal_cloner])
def test_ports_and_names(attack):
    for name in ("eve", "mallory"):
        circuit = attack(name=name)
        assert circuit.qregs[0].name == "q"
        assert circuit.qregs[0].size == 1
        assert [r.name for r in (*circuit.qregs[1:], *circuit.cregs)] == [name]
        assert all(parameter.name.startswith(f"{name}_") for parameter in circuit.parameters)


@pytest.mark.parametrize("attack", [intercept_resend, entangling_probe, phase_covariant_cloner, universal_cloner])
@pytest.mark.parametrize(
    ("value", "error"), [(nan, ValueError), (inf, ValueError), ("1", TypeError), (True, TypeError)]
)
def test_bad_angles_are_refused(attack, value, error):
    with pytest.raises(error, match=f"theta must be .*{value}"):
        attack(value)


def test_an_unknown_plane_is_refused():
    with pytest.raises(ValueError, match="plane must be one of XZ, XY, YZ; got 'ZX'"):
        phase_covariant_cloner(plane="ZX")


def record_map(circuit):
    """Everything an attack does: q to q and Eve's qubits, for each record."""
    found = branches(circuit, inputs=[0], outputs=range(circuit.num_qubits))
    shape = next(iter(found.values())).shape
    return np.array([found.get(r, np.zeros(shape)) for r in product((0, 1), repeat=circuit.num_clbits)])


@pytest.mark.parametrize(
    "attack",
    [
        intercept_resend(0.7, 1.9),
        entangling_probe(1.0),
        *(phase_covariant_cloner(0.6, plane=plane) for plane in CLONER_PLANES),
        universal_cloner(0.4),
    ],
    ids=lambda circuit: circuit.name,
)
def test_no_instruction_is_idle(attack):
    correct = record_map(attack)
    for i, instruction in enumerate(attack.data):
        mutant = attack.copy_empty_like()
        for j, other in enumerate(attack.data):
            if j != i:
                mutant.append(other)
        assert np.abs(record_map(mutant) - correct).max() > 0.01, instruction


# --- intercept and resend --------------------------------------------------------------------------------------


@pytest.mark.parametrize("angles", DIRECTIONS, ids=str)
def test_intercept_resend_measures_and_prepares(angles):
    n = direction(*angles)
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1:, 1:] = 1, np.outer(n, n)
    assert transfer(intercept_resend(*angles)) == pytest.approx(matrix, abs=EXACT)
    axis = sum(c * Pauli(p).to_matrix() for c, p in zip(n, "XYZ", strict=True))
    projectors = Kraus([(np.eye(2) + axis) / 2, (np.eye(2) - axis) / 2])
    assert_channel(intercept_resend(*angles), projectors, inputs="q", outputs="q")


@pytest.mark.parametrize("angles", DIRECTIONS, ids=str)
def test_eves_bit_is_the_state_she_resends(angles):
    n = direction(*angles)
    for record, matrix in branches(intercept_resend(*angles), inputs=[0], outputs=[0]).items():
        sign = (-1) ** record[0]
        # P(record)·(state): half of (1, ±n) for every component along ±n.
        expected = np.outer([1, *(sign * n)], [1, *(sign * n)]) / 2
        assert matrix == pytest.approx(expected, abs=EXACT)


def test_intercept_resend_in_stabiliser_flows():
    for letter, angles in (("Z", (0.0, 0.0)), ("X", BASIS_ANGLES["X"]), ("Y", BASIS_ANGLES["Y"])):
        assert_flow(intercept_resend(*angles), f"{letter} -> {letter}")
        assert_flow(intercept_resend(*angles), f"{letter} -> _ xor eve")
        assert_flow(intercept_resend(*angles), f"_ -> {letter} xor eve", inputs="q")


@pytest.mark.parametrize("angle", [0.0, pi / 2, *BREIDBART_ANGLES[:1], 0.3, 2.0, -1.1])
def test_bb84_sees_a_quarter_whatever_the_direction_in_its_plane(angle):
    rates = error_rates(bb84_round(intercept_resend(angle, 0.0)), BB84_SETTINGS, "ZX")
    assert mean_error(rates) == pytest.approx(1 / 4, abs=EXACT)
    assert rates["Z"] == pytest.approx([sin(angle) ** 2 / 2] * 2, abs=EXACT)
    assert rates["X"] == pytest.approx([cos(angle) ** 2 / 2] * 2, abs=EXACT)


@pytest.mark.parametrize("angles", DIRECTIONS, ids=str)
def test_six_states_see_a_third_whatever_the_direction(angles):
    rates = error_rates(six_state_round(intercept_resend(*angles)), SIX_STATE_SETTINGS, "ZXY")
    assert mean_error(rates) == pytest.approx(1 / 3, abs=EXACT)
    for basis, component in zip("XYZ", direction(*angles), strict=True):
        assert rates[basis] == pytest.approx([(1 - component**2) / 2] * 2, abs=EXACT)


def eve_joint(angles, basis):
    """P(Alice's bit, Eve's bit) when Alice sends in that basis."""
    joint = np.zeros((2, 2))
    for bit in (0, 1):
        circuit = bb84_round(intercept_resend(*angles)).assign_parameters(list(BB84_SETTINGS[bit, basis, basis]))
        for record, p in outcome_probabilities(circuit).items():
            joint[bit, record[circuit.find_bit(circuit.cregs[0][0]).index]] += p / 2
    return joint


@pytest.mark.parametrize("basis", ["Z", "X"])
def test_breidbart(basis):
    joint = eve_joint(BREIDBART_ANGLES, basis)
    guess = cos(pi / 8) ** 2
    assert np.trace(joint) == pytest.approx(guess, abs=EXACT)
    assert mutual_information(joint) == pytest.approx(1 - binary_entropy(guess), abs=EXACT)
    assert mutual_information(joint) == pytest.approx(0.3991, abs=5e-5)
    rates = error_rates(bb84_round(intercept_resend(*BREIDBART_ANGLES)), BB84_SETTINGS, "ZX")
    assert rates[basis] == pytest.approx([1 / 4, 1 / 4], abs=EXACT)


def test_in_the_right_basis_eve_knows_all_and_in_the_wrong_one_nothing():
    for eve, alice in product("ZX", repeat=2):
        information = mutual_information(eve_joint(BASIS_ANGLES[eve], alice))
        assert information == pytest.approx(1.0 if eve == alice else 0.0, abs=EXACT)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.6, 1.0])
def test_interception_of_a_fraction_costs_the_bell_violation(fraction):
    # S = 2√2·(1 − ξ/2) for Z or X at random; classical choices mix the correlations linearly.
    found = 0.0
    for between, weight in [(None, 1 - fraction), ("Z", fraction / 2), ("X", fraction / 2)]:
        circuit = QuantumCircuit(*e91_measurement().qregs, *e91_measurement().cregs)
        circuit.compose(bell_pair(), [0, 1], inplace=True)
        if between:
            attack = intercept_resend(*BASIS_ANGLES[between])
            circuit.add_register(*attack.cregs)
            circuit.compose(attack, [1], attack.clbits, inplace=True)
        circuit.compose(e91_measurement(), [0, 1], [0, 1], inplace=True)
        for setting, sign in E91_CHSH.items():
            for record, p in outcome_probabilities(circuit.assign_parameters(list(E91_SETTINGS[setting]))).items():
                found += weight * sign * p * (-1) ** (record[0] + record[1])
    assert found == pytest.approx(2 * sqrt(2) * (1 - fraction / 2), abs=EXACT)


# --- the entangling probe --------------------------------------------------------------------------------------


@pytest.mark.parametrize("theta", [*STRENGTHS, pi, 2.3])
def test_the_probe_dephases(theta):
    overlap = cos(theta / 2)
    assert transfer(entangling_probe(theta)) == pytest.approx(np.diag([1, overlap, overlap, 1]), abs=EXACT)
    rates = error_rates(six_state_round(entangling_probe(theta)), SIX_STATE_SETTINGS, "ZXY")
    assert rates["Z"] == pytest.approx([0, 0], abs=EXACT)
    for basis in "XY":
        assert rates[basis] == pytest.approx([(1 - overlap) / 2] * 2, abs=EXACT)


@pytest.mark.parametrize("theta", [*STRENGTHS, pi, 2.3])
def test_what_the_probe_tells(theta):
    attack = entangling_probe(theta)
    zero, one = (eve_states(attack, bb84_preparation(BB84_STATES[bit, "Z"])) for bit in (0, 1))
    assert best_guess(zero, one) == pytest.approx((1 + sin(theta / 2)) / 2, abs=EXACT)
    # The measurement of the docstring attains it.
    guess = 0.0
    for bit in (0, 1):
        circuit = QuantumCircuit(2, 1)
        circuit.compose(bb84_preparation(BB84_STATES[bit, "Z"]), [0], inplace=True)
        circuit.compose(attack, [0, 1], inplace=True)
        circuit.compose(basis_measurement((theta - pi) / 2, 0.0), [1], [0], inplace=True)
        guess += outcome_probabilities(circuit).get((bit,), 0.0) / 2
    assert guess == pytest.approx((1 + sin(theta / 2)) / 2, abs=EXACT)
    # Of a bit sent in X the probe alone tells nothing.
    plus, minus = (eve_states(attack, bb84_preparation(BB84_STATES[bit, "X"])) for bit in (0, 1))
    assert best_guess(plus, minus) == pytest.approx(1 / 2, abs=EXACT)
