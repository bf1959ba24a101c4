"""Circuits of stim's as Qiskit's, against stim's flows, tableaus, records and error models."""

import numpy as np
import pytest
import stim
from oracles.stim_circuits import to_stim as by_hand
from qiskit.quantum_info import Clifford

import quantumlink as ql
from quantumlink.circuits import Operation
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.execution.clifford import from_stim, to_stim

DATA = stim.gate_data()
UNITARY = [n for n, d in DATA.items() if d.is_unitary and (d.is_single_qubit_gate or d.is_two_qubit_gate)]
MEASURING = ["M", "MX", "MY", "MR", "MRX", "MRY", "MXX", "MYY", "MZZ", "R", "RX", "RY"]


def qubits_text(rng, name, qubits):
    count = 1 if DATA[name].is_single_qubit_gate or name in MEASURING[:6] + MEASURING[9:] else 2
    chosen = rng.permutation(qubits)[:count]
    inverted = DATA[name].produces_measurements
    return " ".join(("!" if inverted and rng.random() < 0.5 else "") + str(q) for q in chosen)


def product_text(rng, qubits):
    chosen = rng.permutation(qubits)[: rng.integers(1, qubits + 1)]
    return "*".join(("!" if rng.random() < 0.3 else "") + rng.choice(list("XYZ")) + str(q) for q in chosen)


def random_circuit(rng, *, qubits=4, length=14):
    """Gates, measurements of every kind and feedback, each as likely as the next."""
    lines, measured = [f"I {qubits - 1}"], 0
    for _ in range(length):
        kind = rng.integers(5)
        if kind == 1 and measured < 7:
            name = rng.choice(MEASURING)
            lines.append(f"{name} {qubits_text(rng, name, qubits)}")
            measured += DATA[name].produces_measurements
        elif kind == 2 and measured < 7:
            lines.append(f"MPP {product_text(rng, qubits)}")
            measured += 1
        elif kind == 3 and measured:
            record, qubit = f"rec[-{rng.integers(1, measured + 1)}]", rng.integers(qubits)
            lines.append(rng.choice([f"C{p} {record} {qubit}" for p in "XYZ"] + [f"XCZ {qubit} {record}"]))
        elif kind == 4:
            lines.append(f"{rng.choice(['SPP', 'SPP_DAG'])} {product_text(rng, qubits)}")
        else:
            name = rng.choice(UNITARY)
            lines.append(f"{name} {qubits_text(rng, name, qubits)}")
    return stim.Circuit("\n".join(lines))


@pytest.mark.parametrize("name", UNITARY)
def test_every_gate_has_its_tableau(name):
    circuit = stim.Circuit(f"{name} {'1' if DATA[name].is_single_qubit_gate else '1 0'}\nI 0")
    x, z, x_signs, z_signs = [], [], [], []
    tableau = circuit.to_tableau()
    for q in range(2):
        for images, signs, image in ((x, x_signs, tableau.x_output(q)), (z, z_signs, tableau.z_output(q))):
            xs, zs = image.to_numpy()
            images.append([*xs, *zs])
            signs.append(image.sign.real < 0)
    found = Clifford(from_stim(circuit))
    assert np.array_equal(found.symplectic_matrix, np.array(x + z))
    assert np.array_equal(found.phase, np.array(x_signs + z_signs))


def test_random_circuits_have_all_of_stims_flows(rng):
    for _ in range(40):
        circuit = random_circuit(rng)
        again, record = by_hand(from_stim(circuit))
        assert record == {i: i for i in range(circuit.num_measurements)}
        assert again.has_all_flows(circuit.flow_generators())
        assert circuit.has_all_flows(again.flow_generators())


def test_records_are_as_frequent(rng):
    for _ in range(6):
        circuit = random_circuit(rng, qubits=3, length=16)
        exact = {r: float(t.reshape(())) for r, t in branches(from_stim(circuit)).items()}
        drawn = circuit.compile_sampler(seed=int(rng.integers(2**31))).sample(4096)
        # Records of a Clifford circuit are uniform over those that occur; of 128 one is missed once in e¹⁵ times.
        assert set(map(tuple, drawn.astype(int).tolist())) == {r for r, p in exact.items() if p > 1e-12}
        assert max(exact.values()) == pytest.approx(1 / len([p for p in exact.values() if p > 1e-12]))


def errors(circuit):
    """The probability that each set of detectors and observables is flipped by one of its errors."""
    found = {}
    for error in circuit.detector_error_model(approximate_disjoint_errors=True).flattened():
        if error.type == "error":
            key, p = frozenset(map(str, error.targets_copy())), error.args_copy()[0]
            found[key] = found.get(key, 0.0) * (1 - p) + p * (1 - found.get(key, 0.0))
    return {key: p for key, p in found.items() if p > 1e-15}


def annotated(circuit, source):
    """The circuit, with the detectors and observables of another one that has the same records."""
    records = 0
    for line in source.flattened():
        records += line.num_measurements
        if line.name in ("DETECTOR", "OBSERVABLE_INCLUDE"):
            targets = [stim.target_rec(records + t.value - source.num_measurements) for t in line.targets_copy()]
            circuit.append(line.name, targets, line.gate_args_copy())
    return circuit


@pytest.mark.parametrize(
    "source",
    [
        stim.Circuit.generated("surface_code:rotated_memory_x", distance=3, rounds=3,
                               after_clifford_depolarization=0.01, before_measure_flip_probability=0.02,
                               after_reset_flip_probability=0.03, before_round_data_depolarization=0.004),
        stim.Circuit.generated("repetition_code:memory", distance=3, rounds=9, after_clifford_depolarization=0.01),
        stim.Circuit("R 0 1\nPAULI_CHANNEL_2(" + ",".join(f"{i / 400}" for i in range(15)) + ") 0 1\nM(0.1) !0 1\n"
                     "DETECTOR rec[-1]\nDETECTOR rec[-2]\nR 0\nMR(0.01) 0\nDETECTOR rec[-1]"),
        stim.Circuit("R 0 1 2\nE(0.1) X0 X2\nELSE_CORRELATED_ERROR(0.2) Y1\nELSE_CORRELATED_ERROR(0.3) X0 Y0 Y2\n"
                     "Y_ERROR(0.02) 1\nPAULI_CHANNEL_1(0.01,0.02,0.03) 2\nMX(0.25) 0\nM 1 2\nDETECTOR rec[-1]\n"
                     "DETECTOR rec[-2]"),
    ],
)  # fmt: skip
def test_noise_flips_the_same_detectors_as_often(source):
    circuit = from_stim(source)
    again = annotated(to_stim(circuit), source)
    assert errors(again) == pytest.approx(errors(source), abs=1e-12)
    assert len(circuit.metadata["heralds"] + circuit.metadata["odd_heralds"]) == source.num_detectors
    assert len(circuit.metadata["observables"]) == source.num_observables


def test_links_go_there_and_back():
    node = ql.Node("a", processor=ql.Processor(depolarizing_2q=0.02, readout_error=0.01))
    hop = ql.ElementaryLink(node, ql.Node("b"), bell_diagonal=(0.9, 0.05, 0.03, 0.02))
    there = to_stim(ql.compose(ql.purify(hop, hop)))
    back = from_stim(there)
    again = annotated(to_stim(back), there)
    assert errors(again) == pytest.approx(errors(there), abs=1e-12)


def test_a_part_that_waits_for_pairs_purifies():
    part = from_stim(stim.Circuit("SQRT_X 0 1\nSQRT_X_DAG 2 3\nCX 0 1 3 2\nM 1 2\nDETECTOR rec[-1] rec[-2]"))
    assert part.metadata["heralds"] == [[0, 1]]  # random where all is |0⟩
    hop = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), bell_diagonal=(0.8, 0.1, 0.06, 0.04))
    own = Operation(part, inputs=[(0, 3), (1, 2)], name="from stim")
    found, expected = ql.evaluate(ql.purify(hop, hop, by=own)), ql.evaluate(ql.purify(hop, hop, by="dejmps"))
    assert found.bell_diagonal == pytest.approx(expected.bell_diagonal, abs=1e-12)
    assert found.success_probability == pytest.approx(expected.success_probability, abs=1e-12)


def test_detectors_are_heralds_with_the_parity_of_the_quiet_run():
    circuit = from_stim(
        stim.Circuit(
            "X 0\nM 0 1\nDETECTOR rec[-2]\nDETECTOR rec[-1] rec[-1]\nDETECTOR rec[-1]\n"
            "REPEAT 2 {\n M !1\n DETECTOR rec[-1] rec[-3]\n SHIFT_COORDS(1)\n}\n"
            "OBSERVABLE_INCLUDE(2) rec[-1]\nOBSERVABLE_INCLUDE(2) rec[-1] rec[-2]"
        )
    )
    assert circuit.metadata == {
        "heralds": [[1], [0, 2]],
        "odd_heralds": [[0], [1, 3]],
        "observables": [[], [], [2]],
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("HERALDED_ERASE(0.1) 3", "'HERALDED_ERASE 3'"),
        ("CX sweep[2] 1", r"'CX sweep\[2\] 1'"),
        ("MPAD 0 1", "'MPAD 1'"),
        ("MPP !X0*X0", r"'MPP X0\*X0'"),
        ("OBSERVABLE_INCLUDE(0) X1", "'OBSERVABLE_INCLUDE X1'"),
        ("MPP(0.1) X0*X1", r"'MPP X0\*X1': the readout error"),
        ("M(0.1) 0\nR 1\nH 1 0", "'H 0': a qubit was measured with a readout error"),
        ("MX(0.1) 0\nM 1\nCX rec[-1] 0", r"'CX rec\[-1\] 0': a qubit was measured with a readout error"),
    ],
)
def test_what_has_no_place_is_refused_by_name(text, told):
    with pytest.raises(UnsupportedOperation, match=f"from_stim cannot translate {told}"):
        from_stim(stim.Circuit(text))


def test_what_is_no_circuit_or_too_long_is_refused():
    with pytest.raises(TypeError, match=r"source must be a stim\.Circuit"):
        from_stim("H 0")
    with pytest.raises(ValueError, match=r"at most 1000000 instructions .* got 2000000000000"):
        from_stim(stim.Circuit("REPEAT 1000000000000 {\nREPEAT 2 {\n X 0\n}\n}"))
