"""Key distribution over pairs: every setting of E91, BBM92 and six states against Born's rule, exactly."""

from itertools import product
from math import cos, pi, sin, sqrt

import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Pauli
from quantumlink_circuits import qkd, qkd_pairs
from quantumlink_circuits.bell import BELL_STATES, bell_pair
from quantumlink_circuits.channel import bell_diagonal_channel

from quantumlink.exact import outcome_probabilities

EXACT = 1e-9

AXES = {"X": np.array([1, 0, 0]), "Y": np.array([0, 1, 0]), "Z": np.array([0, 0, 1])}


def bound(circuit, row):
    """With the row's values, in the order of the circuit's parameters."""
    return circuit.assign_parameters(list(row))


DIAGONALS = [(1.0, 0.0, 0.0, 0.0), (0.9, 0.05, 0.03, 0.02), (0.25, 0.25, 0.25, 0.25), (0.1, 0.2, 0.3, 0.4)]


def on_pair(measurement, diagonal=(1.0, 0.0, 0.0, 0.0)):
    """The measurement of a Bell-diagonal pair; it arrives where the metadata says."""
    circuit = measurement.copy_empty_like()
    ((a, b),) = measurement.metadata["pairs"]
    circuit.compose(bell_pair(), [a, b], inplace=True)
    circuit.append(bell_diagonal_channel(diagonal), [b])
    return circuit.compose(measurement)


def joint(circuit, row):
    """P(outcome_a, outcome_b) as a 2×2 array."""
    found = np.zeros((2, 2))
    for record, p in outcome_probabilities(bound(circuit, row)).items():
        found[record] += p
    return found


def correlation(circuit, row):
    p = joint(circuit, row)
    return p[0, 0] + p[1, 1] - p[0, 1] - p[1, 0]


def expected_joint(diagonal, first, second):
    """Born's rule for directions on the two sides of Σ weight·|Bell⟩⟨Bell|."""
    rho = sum(w * DensityMatrix(bell_pair(s)).data for w, s in zip(diagonal, BELL_STATES, strict=True))
    found = np.zeros((2, 2))
    for i, j in product((0, 1), repeat=2):
        projectors = [
            (np.eye(2) + (-1) ** bit * sum(n * Pauli(p).to_matrix() for n, p in zip(direction, "XYZ", strict=True)))
            / 2
            for bit, direction in ((i, first), (j, second))
        ]
        found[i, j] = np.trace(rho @ np.kron(projectors[1], projectors[0])).real  # Qiskit: b is the left factor
    return found


@pytest.mark.parametrize("diagonal", DIAGONALS, ids=str)
def test_every_setting_of_e91(diagonal):
    circuit = on_pair(qkd_pairs.e91_measurement(), diagonal)
    alice, bob = (0, pi / 4, pi / 2), (pi / 4, pi / 2, 3 * pi / 4)  # Ekert 1991
    for (i, j), row in qkd_pairs.E91_SETTINGS.items():
        directions = [np.array([sin(angle), 0, cos(angle)]) for angle in (alice[i - 1], bob[j - 1])]
        assert joint(circuit, row) == pytest.approx(expected_joint(diagonal, *directions), abs=EXACT)


def chsh(circuit):
    rows = qkd_pairs.E91_SETTINGS
    return sum(sign * correlation(circuit, rows[setting]) for setting, sign in qkd_pairs.E91_CHSH.items())


def test_e91_correlators_bell_violation_and_key_on_a_perfect_pair():
    circuit = on_pair(qkd_pairs.e91_measurement())
    for row in qkd_pairs.E91_SETTINGS.values():
        assert correlation(circuit, row) == pytest.approx(cos(row[0] - row[1]), abs=EXACT)
        assert joint(circuit, row).sum(axis=0) == pytest.approx([0.5, 0.5], abs=EXACT)
    assert chsh(circuit) == pytest.approx(2 * sqrt(2), abs=EXACT)
    for setting in qkd_pairs.E91_KEY:
        assert joint(circuit, qkd_pairs.E91_SETTINGS[setting]) == pytest.approx(np.eye(2) / 2, abs=EXACT)
    # The nine settings: four for the Bell test, two for the key, three dropped.
    assert not set(qkd_pairs.E91_KEY) & set(qkd_pairs.E91_CHSH)


def test_e91_signs_are_a_bell_test():
    # Deterministic local strategies: each side answers ±1 to its own setting alone. At most 2.
    best = max(
        sum(sign * a[i - 1] * b[j - 1] for (i, j), sign in qkd_pairs.E91_CHSH.items())
        for a in product((1, -1), repeat=3)
        for b in product((1, -1), repeat=3)
    )
    assert best == 2


@pytest.mark.parametrize("w", [1.0, 0.8, 1 / sqrt(2), 0.3])
def test_e91_on_a_werner_pair(w):
    werner = (1 - w) / 4
    circuit = on_pair(qkd_pairs.e91_measurement(), (w + werner, werner, werner, werner))
    assert chsh(circuit) == pytest.approx(2 * sqrt(2) * w, abs=EXACT)


@pytest.mark.parametrize("diagonal", DIAGONALS, ids=str)
def test_every_setting_of_bbm92_and_its_error_rates(diagonal):
    circuit = on_pair(qkd_pairs.bbm92_measurement(), diagonal)
    _, phi_minus, psi_plus, psi_minus = diagonal
    rates = {"Z": psi_plus + psi_minus, "X": phi_minus + psi_minus}
    for (a, b), row in qkd_pairs.BBM92_SETTINGS.items():
        assert joint(circuit, row) == pytest.approx(expected_joint(diagonal, AXES[a], AXES[b]), abs=EXACT)
        rate = rates[a] if a == b else 0.5
        assert joint(circuit, row) == pytest.approx(np.array([[1 - rate, rate], [rate, 1 - rate]]) / 2, abs=EXACT)


@pytest.mark.parametrize("diagonal", DIAGONALS, ids=str)
def test_every_setting_of_six_states_on_pairs_and_its_error_rates(diagonal):
    circuit = on_pair(qkd_pairs.six_state_measurement(), diagonal)
    _, phi_minus, psi_plus, psi_minus = diagonal
    rates = {"Z": psi_plus + psi_minus, "X": phi_minus + psi_minus, "Y": phi_minus + psi_plus}
    bobs = {**AXES, "Y": -AXES["Y"]}
    for (a, b), row in qkd_pairs.SIX_STATE_PAIR_SETTINGS.items():
        assert joint(circuit, row) == pytest.approx(expected_joint(diagonal, AXES[a], bobs[b]), abs=EXACT)
        rate = rates[a] if a == b else 0.5
        assert joint(circuit, row) == pytest.approx(np.array([[1 - rate, rate], [rate, 1 - rate]]) / 2, abs=EXACT)


def test_measuring_half_a_pair_prepares_the_state_of_the_round():
    # BBM92 is BB84 with Alice's choice made by a measurement: the same table, each bit with 1/2.
    pair, single = on_pair(qkd_pairs.bbm92_measurement()), qkd.bb84_round()
    for (a, b), row in qkd_pairs.BBM92_SETTINGS.items():
        for bit in (0, 1):
            found = outcome_probabilities(bound(single, qkd.BB84_SETTINGS[bit, a, b]))
            expected = [found.get((value,), 0.0) / 2 for value in (0, 1)]
            assert joint(pair, row)[bit] == pytest.approx(expected, abs=EXACT)
