"""Rounds of key distribution: every setting's exact outcome probabilities against the textbook's.

The circuits are read by the branch interpreter. What is expected comes from Born's rule on Bloch vectors
written down here, from Qiskit's states and channels, or from closed forms; nothing is sampled.
"""

from itertools import product
from math import cos, nan, pi, sin, sqrt

import numpy as np
import pytest
from qiskit import QuantumCircuit, QuantumRegister, qasm3
from qiskit.circuit import ClassicalRegister, Parameter
from qiskit.circuit.library import CXGate, RXGate, XGate
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import DensityMatrix, Kraus, Pauli, Statevector
from quantumlink_circuits import qkd, qkd_pairs, qkd_relay
from quantumlink_circuits.bell import bell_pair
from quantumlink_circuits.channel import PauliChannel
from quantumlink_circuits.eavesdropping import entangling_probe, intercept_resend

from quantumlink.exact import outcome_probabilities
from quantumlink.testing import assert_prepares
from quantumlink.testing.ports import accepts

EXACT = 1e-9

# What the words mean: the eigenstates of Z, X and Y as Qiskit's labels and as Bloch vectors (x, y, z).
LABELS = {(0, "Z"): "0", (1, "Z"): "1", (0, "X"): "+", (1, "X"): "-", (0, "Y"): "r", (1, "Y"): "l"}
AXES = {"X": np.array([1, 0, 0]), "Y": np.array([0, 1, 0]), "Z": np.array([0, 0, 1])}
MEDIA = [(0.0, 0.0, 0.0), (0.03, 0.02, 0.05), (0.3, 0.0, 0.1), (0.0, 0.5, 0.0), (0.25, 0.25, 0.25)]


def bloch(bit, basis):
    return (-1) ** bit * AXES[basis]


def shrunk(direction, px, py, pz):
    """A Bloch vector behind a Pauli channel: each component keeps its sign unless another Pauli acts."""
    return direction * np.array([1 - 2 * (py + pz), 1 - 2 * (px + pz), 1 - 2 * (px + py)])


def depolarizing(visibility):
    return PauliChannel(*[(1 - visibility) / 4] * 3)


def bound(circuit, row):
    """With the row's values, in the order of the circuit's parameters."""
    return circuit.assign_parameters(list(row))


def outcomes(circuit, row, register="outcome"):
    """P(value of that register of one bit), over all records that the heralds accept."""
    return {value: accepted(circuit, row, {register: value}) for value in (0, 1)}


def accepted(circuit, row, where=()):
    """The probability that the heralds accept and these registers of one bit have these values."""
    circuit = bound(circuit, row)
    values = {circuit.find_bit(r[0]).index: v for r in circuit.cregs for n, v in dict(where).items() if r.name == n}
    assert len(values) == len(dict(where))
    return sum(
        p
        for record, p in outcome_probabilities(circuit).items()
        if accepts(circuit, record) and all(record[i] == v for i, v in values.items())
    )


# --- the tables ------------------------------------------------------------------------------------------------

ROUNDS = {
    "bb84": (qkd.bb84_round, qkd.BB84_SETTINGS, 8, ["alice_theta", "bob_theta"]),
    "b92": (qkd.b92_round, qkd.B92_SETTINGS, 4, ["alice_theta", "bob_theta"]),
    "sarg04": (qkd.sarg04_round, qkd.SARG04_SETTINGS, 8, ["alice_theta", "bob_theta"]),
    "six_state": (
        qkd.six_state_round,
        qkd.SIX_STATE_SETTINGS,
        18,
        ["alice_phi", "alice_theta", "bob_phi", "bob_theta"],
    ),
    "e91": (qkd_pairs.e91_measurement, qkd_pairs.E91_SETTINGS, 9, ["alice_theta", "bob_theta"]),
    "bbm92": (qkd_pairs.bbm92_measurement, qkd_pairs.BBM92_SETTINGS, 4, ["alice_theta", "bob_theta"]),
    "six_state_pair": (
        qkd_pairs.six_state_measurement,
        qkd_pairs.SIX_STATE_PAIR_SETTINGS,
        9,
        ["alice_phi", "alice_theta", "bob_phi", "bob_theta"],
    ),
    "mdi": (qkd_relay.mdi_round, qkd_relay.MDI_SETTINGS, 16, ["alice_theta", "bob_theta"]),
}


@pytest.mark.parametrize("protocol", ROUNDS)
def test_one_broadcast_pub_plays_all_settings(protocol):
    builder, table, rows, names = ROUNDS[protocol]
    circuit = builder()
    assert [parameter.name for parameter in circuit.parameters] == names
    assert len(table) == rows
    pub = SamplerPub.coerce((circuit, list(table.values())))
    assert pub.shape == (rows,)
    assert np.array(list(table.values())).shape == (rows, len(names))


@pytest.mark.parametrize("setting", qkd.BB84_STATES, ids=str)
def test_bb84_states(setting):
    circuit = qkd.bb84_preparation(qkd.BB84_STATES[setting])
    assert_prepares(circuit, LABELS[setting])
    assert Statevector(circuit).equiv(Statevector.from_label(LABELS[setting]))


@pytest.mark.parametrize("setting", qkd.SIX_STATE_STATES, ids=str)
def test_six_states(setting):
    circuit = qkd.six_state_preparation(*qkd.SIX_STATE_STATES[setting])
    assert_prepares(circuit, LABELS[setting])
    assert Statevector(circuit).equiv(Statevector.from_label(LABELS[setting]))


@pytest.mark.parametrize(("theta", "phi"), [(0.3, 0.0), (1.1, 2.0), (2.5, -0.7)])
def test_preparation_points_along_its_angles(theta, phi):
    state = Statevector(qkd.six_state_preparation(theta, phi))
    direction = [state.expectation_value(Pauli(letter)).real for letter in "XYZ"]
    assert direction == pytest.approx([sin(theta) * cos(phi), sin(theta) * sin(phi), cos(theta)], abs=EXACT)
    plane = Statevector(qkd.bb84_preparation(theta))
    assert plane.data == pytest.approx([cos(theta / 2), sin(theta / 2)], abs=EXACT)


# --- BB84 and six states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("medium", MEDIA, ids=str)
@pytest.mark.parametrize(
    ("builder", "table"),
    [(qkd.bb84_round, qkd.BB84_SETTINGS), (qkd.six_state_round, qkd.SIX_STATE_SETTINGS)],
    ids=["bb84", "six_state"],
)
def test_every_setting_of_bb84_and_six_state(builder, table, medium):
    circuit = builder(PauliChannel(*medium))
    px, py, pz = medium
    weights = {"I": 1 - px - py - pz, "X": px, "Y": py, "Z": pz}
    noise = Kraus([sqrt(max(weight, 0)) * Pauli(letter).to_matrix() for letter, weight in weights.items()])
    for (bit, sent, measured), row in table.items():
        found = outcomes(circuit, row)
        arrives = shrunk(bloch(bit, sent), *medium)
        rho = DensityMatrix.from_label(LABELS[bit, sent]).evolve(noise)
        for value in (0, 1):
            born = (1 + arrives @ bloch(value, measured)) / 2
            projected = rho.expectation_value(DensityMatrix.from_label(LABELS[value, measured])).real
            assert found[value] == pytest.approx(born, abs=EXACT)
            assert found[value] == pytest.approx(projected, abs=EXACT)


def test_textbook_bb84_same_basis_is_certain_and_different_random():
    circuit = qkd.bb84_round()
    for (bit, sent, measured), row in qkd.BB84_SETTINGS.items():
        assert outcomes(circuit, row)[bit] == pytest.approx(1.0 if sent == measured else 0.5, abs=EXACT)


@pytest.mark.parametrize("medium", MEDIA, ids=str)
def test_error_rates_by_basis(medium):
    px, py, pz = medium
    expected = {"Z": px + py, "X": py + pz, "Y": px + pz}  # the Paulis that flip a bit of that basis
    circuit = qkd.six_state_round(PauliChannel(*medium))
    for basis, rate in expected.items():
        errors = [outcomes(circuit, qkd.SIX_STATE_SETTINGS[bit, basis, basis])[1 - bit] for bit in (0, 1)]
        assert errors == pytest.approx([rate, rate], abs=EXACT)
    circuit = qkd.bb84_round(PauliChannel(*medium))
    for basis in "ZX":
        errors = [outcomes(circuit, qkd.BB84_SETTINGS[bit, basis, basis])[1 - bit] for bit in (0, 1)]
        assert errors == pytest.approx([expected[basis]] * 2, abs=EXACT)


# --- B92 and SARG04 --------------------------------------------------------------------------------------------


def test_b92_is_conclusive_one_time_in_four_and_never_wrong():
    circuit = qkd.b92_round()
    for (bit, tested), row in qkd.B92_SETTINGS.items():
        # Testing against what was sent never fires; against the other state, |⟨−|0⟩|² = |⟨1|+⟩|² = 1/2.
        assert accepted(circuit, row) == pytest.approx(0.0 if tested == bit else 0.5, abs=EXACT)


@pytest.mark.parametrize("angle", [0.2, pi / 4, pi / 2, 2.0])
def test_b92_with_any_two_states(angle):
    settings = qkd.b92_settings(angle)
    states = [Statevector([1, 0]), Statevector([cos(angle / 2), sin(angle / 2)])]
    total = 0.0
    for (bit, tested), row in settings.items():
        overlap = abs(states[bit].inner(states[tested])) ** 2
        assert accepted(qkd.b92_round(), row) == pytest.approx(1 - overlap, abs=EXACT)
        total += accepted(qkd.b92_round(), row) / len(settings)
    assert total == pytest.approx(sin(angle / 2) ** 2 / 2, abs=EXACT)


@pytest.mark.parametrize("visibility", [1.0, 0.95, 0.7, 0.2, 0.0])
def test_b92_error_rate_at_a_visibility(visibility):
    circuit = qkd.b92_round(depolarizing(visibility))
    right = sum(accepted(circuit, qkd.B92_SETTINGS[bit, 1 - bit]) for bit in (0, 1)) / 4
    wrong = sum(accepted(circuit, qkd.B92_SETTINGS[bit, bit]) for bit in (0, 1)) / 4
    assert right + wrong == pytest.approx((2 - visibility) / 4, abs=EXACT)
    assert wrong / (right + wrong) == pytest.approx((1 - visibility) / (2 - visibility), abs=EXACT)


@pytest.mark.parametrize("angle", [0.5, pi / 2, 2.5])
@pytest.mark.parametrize("visibility", [1.0, 0.9, 0.3])
def test_b92_error_rate_for_any_two_states(angle, visibility):
    circuit, settings = qkd.b92_round(depolarizing(visibility)), qkd.b92_settings(angle)
    wrong = accepted(circuit, settings[0, 0])
    right = accepted(circuit, settings[0, 1])
    expected = (1 - visibility) / (2 - visibility * (1 + cos(angle)))
    assert wrong / (wrong + right) == pytest.approx(expected, abs=EXACT)


def sarg04(visibility):
    """(probability of a right, of a wrong conclusion), averaged over states, announcements and Bob's basis."""
    circuit = qkd.sarg04_round(depolarizing(visibility))
    right = wrong = 0.0
    for (bit, basis), other_bit, measured in product(qkd.BB84_STATES, (0, 1), "ZX"):
        other = {"Z": "X", "X": "Z"}[basis]
        announced = {basis: bit, other: other_bit}
        conclusive = outcomes(circuit, qkd.SARG04_SETTINGS[bit, basis, measured])[1 - announced[measured]]
        concluded = {"Z": "X", "X": "Z"}[measured]
        if concluded == basis:
            right += conclusive / 16
        else:
            wrong += conclusive / 16
    return right, wrong


def test_sarg04_is_conclusive_one_time_in_four_and_never_wrong():
    assert sarg04(1.0) == pytest.approx((0.25, 0.0), abs=EXACT)


@pytest.mark.parametrize("visibility", [0.95, 0.7, 0.2, 0.0])
def test_sarg04_sifting_and_error_rate_at_a_visibility(visibility):
    right, wrong = sarg04(visibility)
    assert right + wrong == pytest.approx((2 - visibility) / 4, abs=EXACT)
    assert wrong / (right + wrong) == pytest.approx((1 - visibility) / (2 - visibility), abs=EXACT)


# --- what stands between ---------------------------------------------------------------------------------------


def test_stages_stand_in_order():
    rotation = RXGate(pi / 2)  # takes Z to −Y
    measured_z = intercept_resend(0.0, 0.0)
    first = qkd.bb84_round([rotation, measured_z])
    second = qkd.bb84_round([measured_z, rotation])
    row = qkd.BB84_SETTINGS[0, "Z", "Z"]
    # Rotated first, |0⟩ gives Eve a random bit; measured first, always 0.
    eve_first = [accepted(first, row, {"eve": value}) for value in (0, 1)]
    eve_second = [accepted(second, row, {"eve": value}) for value in (0, 1)]
    assert eve_first == pytest.approx([0.5, 0.5], abs=EXACT)
    assert eve_second == pytest.approx([1.0, 0.0], abs=EXACT)


def test_one_stage_needs_no_list():
    row = qkd.BB84_SETTINGS[0, "Z", "Z"]
    for between in (XGate(), [XGate()], (XGate(),)):
        assert outcomes(qkd.bb84_round(between), row)[1] == pytest.approx(1.0, abs=EXACT)
    circuit = QuantumCircuit(1)
    circuit.x(0)
    assert outcomes(qkd.bb84_round(circuit), row)[1] == pytest.approx(1.0, abs=EXACT)


def test_heralds_keep_their_meaning_behind_other_registers():
    circuit = qkd.b92_round(intercept_resend(0.0, 0.0))
    assert [register.name for register in circuit.cregs] == ["eve", "outcome"]
    assert circuit.metadata == {"odd_heralds": [[1]]}
    # Eve measures Z and resends: |0⟩ is undisturbed, and so never excluded by the test against it.
    assert accepted(circuit, qkd.B92_SETTINGS[0, 0]) == pytest.approx(0.0, abs=EXACT)
    assert accepted(circuit, qkd.B92_SETTINGS[1, 1]) == pytest.approx(0.5, abs=EXACT)


def test_metadata_of_a_stage_is_adopted():
    q, own = QuantumRegister(1, "q"), QuantumRegister(2, "own")
    flag, other = ClassicalRegister(1, "flag"), ClassicalRegister(1, "other")
    metadata = {"heralds": [[0, 1]], "pairs": [[0, 2]]}
    stage = QuantumCircuit(own, q, flag, other, metadata=metadata)
    stage.measure(own, [flag[0], other[0]])
    circuit = qkd.b92_round([entangling_probe(0.3), stage])
    names = [[f"{r.name}" for r, _ in circuit.find_bit(circuit.clbits[i]).registers] for i in (0, 1)]
    assert names == [["flag"], ["other"]]
    ((first, second),) = circuit.metadata["pairs"]
    assert (circuit.qubits[first], circuit.qubits[second]) == (own[0], q[0])
    assert circuit.metadata["heralds"] == [[0, 1]]
    assert circuit.metadata["odd_heralds"] == [[2]]
    assert stage.metadata == metadata  # untouched


def test_a_round_with_an_eavesdropper_draws_and_exports():
    circuits = [
        qkd.bb84_round(intercept_resend()),
        qkd_relay.mdi_round(between_a=intercept_resend(), between_b=intercept_resend(name="mallory")),
    ]
    for circuit in circuits:
        assert "alice_theta" in str(circuit.draw("text", fold=-1))
        assert "if (eve[0])" in qasm3.dumps(circuit)


def test_stages_that_do_not_fit_are_refused():
    two = QuantumCircuit(QuantumRegister(2, "q"))
    elsewhere = QuantumCircuit(QuantumRegister(1, "p"))
    with pytest.raises(ValueError, match="must have a quantum register 'q' of 1 qubit"):
        qkd.bb84_round(two)
    with pytest.raises(ValueError, match=r"register 'q' .* with p of 1"):
        qkd.bb84_round(elsewhere)
    with pytest.raises(ValueError, match="must act on 1 qubit"):
        qkd.bb84_round(CXGate())
    with pytest.raises(TypeError, match="must be a QuantumCircuit or an Instruction, got 'Eve'"):
        qkd.bb84_round(["Eve"])
    with pytest.raises(TypeError, match="a stage or a sequence of stages, got None"):
        qkd.bb84_round(None)


def test_names_that_are_taken_are_refused():
    with pytest.raises(ValueError, match="names that are free, got 'eve'"):
        qkd.bb84_round([intercept_resend(), entangling_probe()])
    with pytest.raises(ValueError, match="must not share a name, got 'bob_theta'"):
        qkd_relay.mdi_round(between_b=entangling_probe(Parameter("bob_theta")))
    with pytest.raises(ValueError, match="must not share a name, got 'alice_theta'"):
        qkd.bb84_round(entangling_probe(Parameter("alice_theta")))
    # The same parameter is no second one: Bob may measure with Eve's.
    shared = Parameter("eve_theta")
    circuit = qkd.bb84_round([entangling_probe(shared), entangling_probe(shared, name="mallory")])
    assert circuit.num_parameters == 3


@pytest.mark.parametrize("builder", [qkd.bb84_preparation, qkd.six_state_preparation])
@pytest.mark.parametrize(
    ("value", "error"), [(nan, ValueError), (float("inf"), ValueError), ("1", TypeError), (True, TypeError)]
)
def test_bad_angles_are_refused(builder, value, error):
    with pytest.raises(error, match=f"theta must be .*{value}"):
        builder(value)


@pytest.mark.parametrize("angle", [0.0, pi, -1.0, 4.0, nan])
def test_b92_refuses_equal_and_orthogonal_states(angle):
    with pytest.raises(ValueError, match="angle must lie between 0 and π"):
        qkd.b92_settings(angle)


# --- mutants ---------------------------------------------------------------------------------------------------


def outcome_table(circuit, table, names):
    """The outcome probabilities of all settings: what the tests above compare."""
    rows = []
    for row in table.values():
        values = dict(zip(names, row, strict=True))
        kept = {name: value for name, value in values.items() if circuit.has_parameter(name)}
        found = outcome_probabilities(circuit.assign_parameters(kept))
        rows.append([found.get(bits, 0.0) for bits in product((0, 1), repeat=circuit.num_clbits)])
    return np.array(rows)


@pytest.mark.parametrize("protocol", ROUNDS)
def test_no_instruction_is_idle(protocol):
    builder, table, _, names = ROUNDS[protocol]
    circuit = builder()
    if "pairs" in circuit.metadata:
        circuit.compose(bell_pair(), [0, 1], inplace=True, front=True)
    correct = outcome_table(circuit, table, names)
    for i, instruction in enumerate(circuit.data):
        mutant = circuit.copy_empty_like()
        for j, other in enumerate(circuit.data):
            if j != i:
                mutant.append(other)
        assert np.abs(outcome_table(mutant, table, names) - correct).max() > 0.01, instruction


def test_angles_of_the_measurement_turn_the_right_way():
    # U(−θ, 0, −φ) takes the direction (θ, φ) to Z; a sign the wrong way shows only off the axes.
    circuit = qkd.six_state_round()
    for theta, phi in [(0.4, 0.9), (1.2, -2.0), (2.9, 0.3)]:
        assert outcomes(circuit, (phi, theta, phi, theta))[0] == pytest.approx(1.0, abs=EXACT)
