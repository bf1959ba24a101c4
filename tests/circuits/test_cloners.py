"""Cloners as eavesdroppers, exactly: fidelities, error rates, and Eve's best guess by Helstrom's bound."""

from math import acos, cos, log2, pi, sin, sqrt

import numpy as np
import pytest
from oracles.eavesdropper import best_guess, error_rates, eve_states, mean_error, mutual_information, transfer
from qiskit import QuantumCircuit
from qiskit.quantum_info import (
    DensityMatrix,
    Operator,
    Statevector,
    partial_trace,
    random_statevector,
    state_fidelity,
)
from quantumlink_circuits.bell import bell_pair
from quantumlink_circuits.eavesdropping import CLONER_PLANES, phase_covariant_cloner, universal_cloner
from quantumlink_circuits.measurement import BASIS_ANGLES, basis_measurement
from quantumlink_circuits.qkd import (
    BB84_SETTINGS,
    BB84_STATES,
    SIX_STATE_SETTINGS,
    SIX_STATE_STATES,
    bb84_preparation,
    bb84_round,
    six_state_preparation,
    six_state_round,
)

from quantumlink.exact import outcome_probabilities
from quantumlink.testing import assert_channel

EXACT = 1e-9
STRENGTHS = [0.0, 0.1, pi / 6, pi / 4, 1.0, pi / 3, pi / 2]

# --- the phase-covariant cloner --------------------------------------------------------------------------------


def in_plane(plane, angle):
    """A pure state on the plane's great circle, as a statevector."""
    vector = dict.fromkeys("XYZ", 0.0) | {plane[0]: cos(angle), plane[1]: sin(angle)}
    theta = acos(max(-1.0, min(1.0, vector["Z"])))
    phi = np.arctan2(vector["Y"], vector["X"])
    return Statevector([cos(theta / 2), np.exp(1j * phi) * sin(theta / 2)])


@pytest.mark.parametrize("theta", STRENGTHS)
def test_on_the_equator_it_is_the_isometry_of_the_literature(theta):
    unitary = Operator(phase_covariant_cloner(theta, plane="XY")).data
    # |q, eve⟩: q is the low bit. |00⟩ → |00⟩ and |10⟩ → cos θ·|10⟩ + sin θ·|01⟩.
    assert unitary[:, 0] == pytest.approx([1, 0, 0, 0], abs=EXACT)
    assert unitary[:, 1] == pytest.approx([0, cos(theta), sin(theta), 0], abs=EXACT)


@pytest.mark.parametrize("plane", CLONER_PLANES)
@pytest.mark.parametrize("theta", STRENGTHS)
def test_phase_covariance(theta, plane):
    for angle in np.linspace(0, 2 * pi, 9):
        sent = in_plane(plane, angle)
        both = Statevector.from_label("0").tensor(sent).evolve(phase_covariant_cloner(theta, plane=plane))
        assert state_fidelity(sent, partial_trace(both, [1])) == pytest.approx((1 + cos(theta)) / 2, abs=EXACT)
        assert state_fidelity(sent, partial_trace(both, [0])) == pytest.approx((1 + sin(theta)) / 2, abs=EXACT)


@pytest.mark.parametrize("plane", CLONER_PLANES)
@pytest.mark.parametrize("disturbance", [0.0, 0.01, 0.05, 0.11, (1 - 1 / sqrt(2)) / 2, 0.3, 0.5])
def test_the_cloner_attains_the_bound_of_individual_attacks(disturbance, plane):
    attack = phase_covariant_cloner(acos(1 - 2 * disturbance), plane=plane)
    x = 2 * sqrt(disturbance * (1 - disturbance))
    bound = ((1 + x) * log2(1 + x) + ((1 - x) * log2(1 - x) if x < 1 else 0.0)) / 2
    rates = error_rates(six_state_round(attack), SIX_STATE_SETTINGS, plane)
    for basis in plane:
        assert rates[basis] == pytest.approx([disturbance] * 2, abs=EXACT)
        states = [eve_states(attack, six_state_preparation(*SIX_STATE_STATES[bit, basis])) for bit in (0, 1)]
        guess = best_guess(*states)
        assert guess == pytest.approx((1 + x) / 2, abs=EXACT)
        # Eve measures her qubit in the announced basis: that is Helstrom's measurement, and its information.
        joint = np.zeros((2, 2))
        for bit in (0, 1):
            circuit = QuantumCircuit(2, 1)
            circuit.compose(six_state_preparation(*SIX_STATE_STATES[bit, basis]), [0], inplace=True)
            circuit.compose(attack, [0, 1], inplace=True)
            circuit.compose(basis_measurement(*BASIS_ANGLES[basis]), [1], [0], inplace=True)
            for (seen,), p in outcome_probabilities(circuit).items():
                joint[bit, seen] += p / 2
        assert np.trace(joint) == pytest.approx(guess, abs=EXACT)
        assert mutual_information(joint) == pytest.approx(bound, abs=EXACT)


def test_where_eve_knows_as_much_as_bob():
    disturbance = (1 - cos(pi / 4)) / 2
    assert disturbance == pytest.approx(0.1464, abs=5e-5)
    rates = error_rates(bb84_round(phase_covariant_cloner(pi / 4)), BB84_SETTINGS, "ZX")
    assert mean_error(rates) == pytest.approx(disturbance, abs=EXACT)
    states = [eve_states(phase_covariant_cloner(pi / 4), bb84_preparation(BB84_STATES[bit, "X"])) for bit in (0, 1)]
    assert best_guess(*states) == pytest.approx(1 - disturbance, abs=EXACT)


# --- the universal cloner --------------------------------------------------------------------------------------


def test_the_symmetric_cloner_has_five_sixths():
    for sent in (random_statevector(2, seed=seed) for seed in range(6)):
        both = Statevector.from_label("00").tensor(sent).evolve(universal_cloner())
        assert state_fidelity(sent, partial_trace(both, [1, 2])) == pytest.approx(5 / 6, abs=EXACT)
        assert state_fidelity(sent, partial_trace(both, [0, 2])) == pytest.approx(5 / 6, abs=EXACT)
        # What is left is the best approximation to the orthogonal state: fidelity 2/3 with it, transposed.
        assert state_fidelity(sent.conjugate(), partial_trace(both, [0, 1])) == pytest.approx(2 / 3, abs=EXACT)


@pytest.mark.parametrize("theta", [0.0, 0.1, 0.3, pi / 6, 0.8, 1.0, pi / 3])
def test_both_copies_are_depolarized_and_nothing_else(theta):
    bob, eve = 1 - 4 / 3 * sin(theta) ** 2, 1 - 4 / 3 * sin(pi / 3 - theta) ** 2
    assert transfer(universal_cloner(theta), output=0) == pytest.approx(np.diag([1, bob, bob, bob]), abs=EXACT)
    assert transfer(universal_cloner(theta), output=1) == pytest.approx(np.diag([1, eve, eve, eve]), abs=EXACT)


@pytest.mark.parametrize("theta", [0.0, 0.1, pi / 6, 0.8, pi / 3])
def test_the_state_is_the_superposition_of_the_formula(theta):
    alpha, beta = 2 / sqrt(3) * sin(pi / 3 - theta), 2 / sqrt(3) * sin(theta)
    assert alpha**2 + beta**2 + alpha * beta == pytest.approx(1, abs=EXACT)
    sent = random_statevector(2, seed=5)
    pair = Statevector(bell_pair())
    kept = pair.tensor(sent)  # Eve's two qubits hold Φ⁺, q the state
    given = QuantumCircuit(3)
    given.swap(0, 1)  # eve[0] holds the state, q and eve[1] the pair
    expected = alpha * kept + beta * kept.evolve(given)
    found = Statevector.from_label("00").tensor(sent).evolve(universal_cloner(theta))
    assert found.data == pytest.approx(expected.data, abs=EXACT)


def test_its_ends_are_nothing_and_everything():
    assert_channel(universal_cloner(0.0), "I", inputs="q", outputs="q")
    assert_channel(universal_cloner(pi / 3), "I", inputs=[0], outputs=[1])


@pytest.mark.parametrize("theta", [0.1, 0.3, pi / 6, 0.9, pi / 3])
def test_six_states_under_the_universal_cloner(theta):
    disturbance = 2 / 3 * sin(theta) ** 2
    rates = error_rates(six_state_round(universal_cloner(theta)), SIX_STATE_SETTINGS, "ZXY")
    guess = (1 + disturbance + sqrt(disturbance * (2 - 3 * disturbance))) / 2
    for basis in "ZXY":
        assert rates[basis] == pytest.approx([disturbance] * 2, abs=EXACT)
        states = [
            eve_states(universal_cloner(theta), six_state_preparation(*SIX_STATE_STATES[bit, basis]))
            for bit in (0, 1)
        ]
        assert best_guess(*states) == pytest.approx(guess, abs=EXACT)


def test_against_two_bases_the_universal_clone_tells_less():
    # At equal error rates, Eve's own copy is worth less than the phase-covariant one: it serves a third basis, too.
    for theta in (0.2, pi / 6, 0.8):
        disturbance = 2 / 3 * sin(theta) ** 2
        universal = 1 - 2 / 3 * sin(pi / 3 - theta) ** 2
        covariant = 0.5 + sqrt(disturbance * (1 - disturbance))
        states = [
            DensityMatrix(partial_trace(_cloned(universal_cloner(theta), bit), [0, 2])).data for bit in (0, 1)
        ]
        own = 0.5 + np.abs(np.linalg.eigvalsh(states[0] - states[1])).sum() / 4
        assert own == pytest.approx(universal, abs=EXACT)
        assert own < covariant


def _cloned(circuit, bit):
    return Statevector.from_label(f"00{bit}").evolve(circuit)
