"""Key distribution through an untrusted relay: its announcements and Bob's flips for every setting, exactly."""

from itertools import product

import numpy as np
import pytest
from qiskit.quantum_info import Statevector
from quantumlink_circuits import qkd_relay
from quantumlink_circuits.bell import BELL_STATES, bell_pair
from quantumlink_circuits.channel import PauliChannel

from quantumlink.exact import outcome_probabilities
from quantumlink.testing.ports import accepts

EXACT = 1e-9

LABELS = {(0, "Z"): "0", (1, "Z"): "1", (0, "X"): "+", (1, "X"): "-"}
MEDIA = [(0.0, 0.0, 0.0), (0.03, 0.02, 0.05), (0.3, 0.0, 0.1), (0.0, 0.5, 0.0), (0.25, 0.25, 0.25)]


def bound(circuit, row):
    """With the row's values, in the order of the circuit's parameters."""
    return circuit.assign_parameters(list(row))


ANNOUNCED = {"phi+": (0, 0), "phi-": (1, 0), "psi+": (0, 1), "psi-": (1, 1)}


def announcements(circuit, row):
    """P(phase, parity), over what the relay accepts."""
    circuit = bound(circuit, row)
    found = {}
    for record, p in outcome_probabilities(circuit).items():
        if accepts(circuit, record):
            found[record[-2:]] = found.get(record[-2:], 0.0) + p
    return found


@pytest.mark.parametrize("linear_optics", [False, True])
def test_every_setting_of_the_relay(linear_optics):
    circuit = qkd_relay.mdi_round(linear_optics=linear_optics)
    total = 0.0
    for (bit_a, basis_a, bit_b, basis_b), row in qkd_relay.MDI_SETTINGS.items():
        alice, bob = Statevector.from_label(LABELS[bit_a, basis_a]), Statevector.from_label(LABELS[bit_b, basis_b])
        found = announcements(circuit, row)
        for state in BELL_STATES:
            phase, parity = ANNOUNCED[state]
            overlap = abs(Statevector(bell_pair(state)).inner(bob.tensor(alice))) ** 2
            expected = 0.0 if linear_optics and not parity else overlap
            assert found.get((phase, parity), 0.0) == pytest.approx(expected, abs=EXACT)
        total += sum(found.values()) / len(qkd_relay.MDI_SETTINGS)
    assert total == pytest.approx(0.5 if linear_optics else 1.0, abs=EXACT)


@pytest.mark.parametrize(
    ("linear_optics", "state"),
    [*product([False], BELL_STATES), (True, "psi+"), (True, "psi-")],
)
@pytest.mark.parametrize("basis", ["Z", "X"])
def test_bobs_flip_makes_the_bits_equal(state, basis, linear_optics):
    circuit = qkd_relay.mdi_round(linear_optics=linear_optics)
    phase, parity = ANNOUNCED[state]
    table = np.zeros((2, 2))
    for a, b in product((0, 1), repeat=2):
        found = announcements(circuit, qkd_relay.MDI_SETTINGS[a, basis, b, basis])
        table[a, b ^ qkd_relay.MDI_FLIPS[basis, phase, parity]] = found.get((phase, parity), 0.0)
    # Equal after the flip; and each value is as likely as the other, so that the relay learns nothing of it.
    assert table == pytest.approx(np.eye(2) / 2, abs=EXACT)


@pytest.mark.parametrize("state", BELL_STATES)
def test_with_different_bases_the_announcement_tells_nothing(state):
    circuit = qkd_relay.mdi_round()
    for a, b in product((0, 1), repeat=2):
        for bases in (("Z", "X"), ("X", "Z")):
            found = announcements(circuit, qkd_relay.MDI_SETTINGS[a, bases[0], b, bases[1]])
            assert found[ANNOUNCED[state]] == pytest.approx(0.25, abs=EXACT)


@pytest.mark.parametrize("first", MEDIA, ids=str)
def test_errors_on_both_lines_to_the_relay(first):
    second = (0.02, 0.07, 0.01)
    circuit = qkd_relay.mdi_round(between_a=PauliChannel(*first), between_b=[PauliChannel(*second)])
    flips = {"Z": [px + py for px, py, _ in (first, second)], "X": [py + pz for _, py, pz in (first, second)]}
    for basis, (q1, q2) in flips.items():
        error = 0.0
        for a, b in product((0, 1), repeat=2):
            for (phase, parity), p in announcements(circuit, qkd_relay.MDI_SETTINGS[a, basis, b, basis]).items():
                error += p / 4 * (a != b ^ qkd_relay.MDI_FLIPS[basis, phase, parity])
        assert error == pytest.approx(q1 * (1 - q2) + q2 * (1 - q1), abs=EXACT)
