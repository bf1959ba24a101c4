"""Processors with errors of their own: Aer errors by gate, noise models, devices, corrections that always cost."""

import pickle

import numpy as np
import pytest
from oracles.density import program_state
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import CXGate, RXGate, RZGate, XGate, get_standard_gate_name_mapping
from qiskit.quantum_info import DensityMatrix, Operator, Pauli, SuperOp, average_gate_fidelity
from qiskit_aer.noise import (
    NoiseModel,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

import quantumlink as ql
from quantumlink.rewrites import noisy_circuit

EXACT = 1e-9
COHERENT = coherent_unitary_error(Operator(RXGate(0.1)).tensor(Operator(RZGate(0.2))))
CORRELATED = pauli_error([("XX", 0.02), ("ZI", 0.03), ("II", 0.95)])
DAMPING = amplitude_damping_error(0.05)
ERRORS = {"cx": COHERENT, "h": DAMPING, "x": pauli_error([("Z", 0.04), ("I", 0.96)])}


def swap_at(processor, fidelity=0.95):
    nodes = [ql.Node(name, processor=processor) for name in "abc"]
    return ql.swap(
        ql.ElementaryLink(*nodes[:2], fidelity=fidelity), ql.ElementaryLink(*nodes[1:], fidelity=fidelity)
    )


def by_density_matrix(cx, h, x, flip, always):
    """A swap of two Werner pairs by superoperators, outcome by outcome, apart from the library."""
    werner = (4 * 0.95 - 1) / 3 * DensityMatrix(np.outer([1, 0, 0, 1], [1, 0, 0, 1]) / 2).data
    werner = werner + (1 - (4 * 0.95 - 1) / 3) * np.eye(4) / 4
    state = DensityMatrix(np.kron(werner, werner))  # left 0, relay 1 and 2, right 3
    state = state.evolve(CXGate(), [1, 2]).evolve(SuperOp(cx), [1, 2])
    gates = QuantumCircuit(4)
    gates.h(1)
    state = state.evolve(gates).evolve(SuperOp(h), [1])
    total = np.zeros((4, 4), dtype=complex)
    for phase in (0, 1):
        for parity in (0, 1):
            part = state.data.reshape((2,) * 8)[:, parity, phase, :, :, parity, phase, :].reshape(4, 4)
            for read_phase in (0, 1):
                for read_parity in (0, 1):
                    seen = (flip if read_phase != phase else 1 - flip) * (
                        flip if read_parity != parity else 1 - flip
                    )
                    pair = DensityMatrix(part)
                    for fires, gate, error in (
                        (read_parity, XGate(), x["x"]),
                        (read_phase, Operator(np.diag([1, -1])), x["z"]),
                    ):
                        if fires:
                            pair = pair.evolve(gate, [1])
                        if (fires or always) and error is not None:
                            pair = pair.evolve(SuperOp(error), [1])
                    total += seen * pair.data
    return total


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("cx", [COHERENT, CORRELATED, depolarizing_error(0.02, 2)])
def test_a_swap_under_errors_of_any_kind(cx, always):
    processor = ql.Processor(
        0.01, 0.5, 0.015, noise={"cx": cx, "h": DAMPING, "x": ERRORS["x"]}, always_correct=always
    )
    expected = by_density_matrix(cx, DAMPING, {"x": ERRORS["x"], "z": depolarizing_error(0.01, 1)}, 0.015, always)
    link = swap_at(processor)
    for state in (ql.evaluate(link), ql.evaluate(ql.compose(link))):
        np.testing.assert_allclose(state.density_matrix.data, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize(("always", "fidelity"), [(True, 0.856696168), (False, 0.859748723)])
def test_worked_corrections_that_always_cost(always, fidelity):
    processor = ql.Processor(0.005, 0.02, 0.015, always_correct=always)
    assert ql.evaluate(swap_at(processor)).fidelity == pytest.approx(fidelity, abs=1e-9)
    # In closed form: λz = w²·p₂·m·pX·pZ, λx = λz·p_H, λy = λx·m; where noise waits for the correction, (1 + p)/2.
    w, p2, m, p1 = (4 * 0.95 - 1) / 3, 0.98, 0.97, 0.995
    corrected = p1 if always else (1 + p1) / 2
    lz = w**2 * p2 * m * corrected**2
    assert fidelity == pytest.approx((1 + lz + lz * p1 + lz * p1 * m) / 4, abs=1e-9)


@pytest.mark.parametrize("corrections", ["sequential", "feedforward"])
def test_always_correct_in_every_lowering(corrections):
    program = ql.compose(swap_at(ql.Processor(0.03, 0.02, 0.015, always_correct=True)), corrections=corrections)
    # The oracle adds noise where a gate fires only: here with the noise written into the circuit before.
    noisy = noisy_circuit(program.circuit, program.nodes)
    ideal = ql.Program(noisy, program.ends, tuple(ql.Node(n.name) for n in program.nodes))
    found, _ = program_state(ideal)
    np.testing.assert_allclose(ql.evaluate(program).density_matrix.data, found, rtol=0, atol=EXACT)
    samples = ql.sample(program, shots=20_000, seed=5)
    # Hoeffding at 1e-6 for three correlations of 20,000 shots: 0.028 for a fidelity.
    assert samples.fidelity().best == pytest.approx(ql.evaluate(program).fidelity, abs=0.028)


def conditional(form):
    """A coin at one node, and conditions on it at others: what is played for either value, gate by gate."""
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"))
    circuit.h(0)
    circuit.h(1)
    circuit.measure(0, 0)
    coin = circuit.clbits[0]
    if form == "if and else":
        with circuit.if_test((coin, 1)) as otherwise:
            circuit.x(1)
        with otherwise:
            circuit.s(1)
            circuit.z(1)
        return circuit, [("x", 1, {1}), ("s", 1, {0}), ("z", 1, {0})]
    if form == "nested":
        with circuit.if_test((coin, 1)):
            circuit.s(1)
            with circuit.if_test((coin, 0)):
                circuit.x(1)
            circuit.z(1)
        return circuit, [("s", 1, {1}), ("x", 1, set()), ("z", 1, {1})]
    if form == "two nodes":
        with circuit.if_test((coin, 1)):
            circuit.x(2)
            circuit.z(1)
            circuit.x(1)
        return circuit, [("x", 2, {1}), ("z", 1, {1}), ("x", 1, {1})]
    if form == "a register":
        with circuit.if_test((circuit.cregs[0], 0)) as otherwise:
            circuit.x(1)
        with otherwise:
            circuit.z(1)
        return circuit, [("x", 1, {0}), ("z", 1, {1})]
    if form == "a composite gate":
        both = QuantumCircuit(1, name="both")
        both.s(0)
        both.x(0)
        with circuit.if_test((coin, 1)):
            circuit.append(both.to_gate(), [1])
        return circuit, [("s", 1, {1}), ("x", 1, {1})]
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0):
            circuit.x(1)
        with case(2):
            circuit.s(1)
        with case(case.DEFAULT):
            circuit.z(1)
    return circuit, [("x", 1, {0}), ("s", 1, set()), ("z", 1, {1})]


@pytest.mark.parametrize(
    "form", ["if and else", "nested", "two nodes", "a register", "a composite gate", "a switch"]
)
def test_conditions_of_any_form_cost_anyway_where_that_is_said(form):
    circuit, played = conditional(form)
    errors = {"x": DAMPING, "s": ERRORS["x"], "z": depolarizing_error(0.1, 1)}
    paying, other = (ql.Processor(noise=errors, always_correct=always) for always in (True, False))
    nodes = (ql.Node("coin"), ql.Node("paying", processor=paying), ql.Node("other", processor=other))
    program = ql.Program(circuit, {"paying": 1, "other": 2}, nodes)
    expected = np.zeros((4, 4), dtype=complex)
    for coin in (0, 1):
        rho = DensityMatrix.from_label("0+")
        for gate, qubit, fires in played:
            if coin in fires:
                rho = rho.evolve(get_standard_gate_name_mapping()[gate], [qubit - 1])
            if coin in fires or qubit == 1:
                rho = rho.evolve(SuperOp(errors[gate]), [qubit - 1])
        expected += rho.data / 2
    np.testing.assert_allclose(ql.evaluate(program).density_matrix.data, expected, rtol=0, atol=EXACT)
    # On Aer: Hoeffding at 1e-6 for 20,000 shots, ±0.038 of an expectation.
    samples = ql.sample(program, ["ZX"], shots=20_000, seed=5, engine="aer")
    wanted = float(np.real(np.trace(Pauli("ZX").to_matrix() @ expected)))
    assert abs(samples.expectation("ZX").best - wanted) < 0.038


def test_a_noise_model_is_read_whole():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(CORRELATED, ["cx"])
    model.add_all_qubit_quantum_error(DAMPING, ["h", "x"])
    model.add_all_qubit_readout_error([[0.97, 0.03], [0.05, 0.95]])
    processor = ql.Processor(noise=model)
    same = ql.Processor(
        noise={"x": DAMPING, "h": DAMPING, "cx": CORRELATED}, readout_error=[[0.97, 0.03], [0.05, 0.95]]
    )
    assert processor == same
    assert hash(processor) == hash(same)
    assert processor.confusion == ((0.97, 0.03), (0.05, 0.95))
    assert pickle.loads(pickle.dumps(processor)) == processor


def test_a_reset_may_leave_one():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.reset(0)
    for processor in (
        ql.Processor(reset_error=0.1),
        ql.Processor(noise={"reset": pauli_error([("X", 0.1), ("I", 0.9)])}),
    ):
        noisy = noisy_circuit(circuit, (ql.Node("a", processor=processor),))
        rho = DensityMatrix.from_label("0")
        for instruction in noisy.data:
            operation = getattr(instruction.operation, "_quantum_error", instruction.operation)
            rho = rho.reset([0]) if instruction.name == "reset" else rho.evolve(SuperOp(operation))
        np.testing.assert_allclose(rho.probabilities(), [0.9, 0.1], atol=EXACT)


def test_errors_are_what_was_given():
    for error, name in (
        (COHERENT, "cx"),
        (CORRELATED, "cz"),
        (DAMPING, "sx"),
        (thermal_relaxation_error(1, 1.5, 0.2), "x"),
    ):
        kept = ql.Processor(noise={name: error}).gate_errors.error(name)
        np.testing.assert_allclose(SuperOp(kept).data, SuperOp(error).data, rtol=0, atol=1e-12)


def test_mixtures_of_paulis_stay_so_for_stabilizer_simulators():
    link = swap_at(ql.Processor(noise={"cx": CORRELATED}, readout_error=0.01))
    samples = ql.sample(link, shots=20_000, seed=2, engine="clifford")
    assert samples.fidelity().best == pytest.approx(ql.evaluate(link).fidelity, abs=0.028)


def test_each_qubit_has_its_own_readout():
    # At a relay the qubit of the left link tells the phase, that of the right one the parity.
    relay = ql.Node("b", processor=ql.Processor(readout_error={0: 0.1, 1: 0.02}))
    link = ql.swap(ql.ElementaryLink(ql.Node("a"), relay), ql.ElementaryLink(relay, ql.Node("c")))
    expected = (0.9 * 0.98, 0.1 * 0.98, 0.9 * 0.02, 0.1 * 0.02)
    for state in (
        ql.evaluate(link),
        ql.evaluate(ql.compose(link)),
        ql.evaluate(ql.compose(link, reuse_qubits=True)),
    ):
        assert state.bell_diagonal == pytest.approx(expected, abs=EXACT)
    # A purification between two nodes reads the qubits of links to the right at one, to the left at the other.
    a = ql.Node("a", processor=ql.Processor(readout_error={0: 0.3, 1: 0.05}))
    b = ql.Node("b", processor=ql.Processor(readout_error={0: 0.02, 1: 0.4}))
    plain = [
        ql.Node("a", processor=ql.Processor(readout_error=0.05)),
        ql.Node("b", processor=ql.Processor(readout_error=0.02)),
    ]
    pairs = [ql.purify(*[ql.ElementaryLink(*ends, fidelity=0.8)] * 2) for ends in ((a, b), plain)]
    sided, same = (ql.evaluate(pair) for pair in pairs)
    np.testing.assert_allclose(sided.coefficients, same.coefficients, rtol=0, atol=EXACT)
    assert_same(ql.evaluate(pairs[0]), ql.compose(pairs[0]))


def assert_same(state, program):
    rho, success = program_state(program)
    assert state.success_probability == pytest.approx(success, abs=EXACT)
    np.testing.assert_allclose(state.density_matrix.data, rho, rtol=0, atol=EXACT)


def test_a_device_gives_its_figures():
    backend = FakeManilaV2()
    processor = ql.Processor.from_backend(backend, [1, 2])
    target = backend.target
    # The average gate error is the stated one, however it is made up.
    error = processor.gate_errors.error("cx")
    stated = np.mean([target["cx"][pair].error for pair in ((1, 2), (2, 1))])
    assert 1 - average_gate_fidelity(SuperOp(error)) == pytest.approx(stated, rel=1e-6)
    one = np.mean([target["sx"][(q,)].error for q in (1, 2)])
    assert 1 - average_gate_fidelity(SuperOp(processor.gate_errors.error("h"))) == pytest.approx(one, rel=1e-3)
    assert processor.gate_2q_s == pytest.approx(np.mean([target["cx"][p].duration for p in ((1, 2), (2, 1))]))
    assert "z" not in processor.gate_errors.names
    readout = [target["measure"][(q,)].error for q in (1, 2)]
    assert [1 - np.trace(processor.facing(side).confusion) / 2 for side in ("left", "right")] == pytest.approx(
        readout
    )
    assert 0.5 < ql.evaluate(swap_at(processor)).fidelity < 0.95


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"noise": {"cxx": CORRELATED}}, ValueError, "names of gates .*did you mean 'cx'"),
        ({"noise": {"delay": DAMPING}}, ValueError, "names of gates"),
        ({"noise": {"cx": DAMPING}}, ValueError, "QuantumError on 2 qubits, got one on 1"),
        ({"noise": {"x": "bad"}}, TypeError, r"noise\['x'\] must be a QuantumError on 1 qubit"),
        ({"noise": {"x": np.diag([1, 1, 1, -1.0])}}, (ValueError, TypeError), "noise"),
        ({"noise": 3}, TypeError, "noise"),
        ({"reset_error": 1.1}, ValueError, "reset_error"),
        ({"always_correct": 1}, TypeError, "always_correct"),
        ({"readout_error": {0: 0.1, 1: 1.2}}, ValueError, "readout_error"),
        ({"readout_error": {0: 0.1, 2: 0.2}}, ValueError, "that of 0 and of 1"),
    ],
)
def test_what_is_no_noise_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        ql.Processor(**arguments)


def test_models_of_some_qubits_only_are_refused():
    model = NoiseModel()
    model.add_quantum_error(DAMPING, "x", [1])
    with pytest.raises(ValueError, match="some qubits only"):
        ql.Processor(noise=model)
    for qubits in ([0, 4], [7], [0, 0], []):
        with pytest.raises(ValueError, match="qubits must"):
            ql.Processor.from_backend(FakeManilaV2(), qubits)
