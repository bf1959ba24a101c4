"""The branch interpreter against Aer's density matrix, exactly: no test here samples anything random.

Static circuits are compared with `save_density_matrix` directly; dynamic ones with the same circuit with its
measurements deferred (see `oracles.density`), and with Aer's own branches, whose states are exact too.
"""

from functools import reduce
from itertools import product

import numpy as np
import pytest
from oracles.density import PAULIS, deferred, odd, pauli_coefficients
from qiskit.circuit import ClassicalRegister, Gate, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import (
    CCXGate,
    CXGate,
    MCPhaseGate,
    Measure,
    PhaseGate,
    Reset,
    RXXGate,
    SXGate,
    TGate,
    UGate,
    UnitaryGate,
)
from qiskit.quantum_info import Kraus, Operator, SuperOp, random_unitary
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveDensityMatrix
from qiskit_aer.noise import (
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    phase_damping_error,
    thermal_relaxation_error,
)

from quantumlink.circuits import PauliChannel
from quantumlink.exact import (
    MAX_ACTIVE_QUBITS,
    UnsupportedOperation,
    branches,
    outcome_probabilities,
    transfer_matrix,
)

# Rounding: at most some thousand multiplications of numbers below 1, at 2e-16 each.
EXACT = 1e-11


def aer_state(circuit):
    """The final Pauli coefficients of a circuit without measurements, by Aer.

    Gates are given as matrices, since Aer does not know them all, and Pauli channels as Aer's errors.
    """
    static = QuantumCircuit(circuit.num_qubits)
    for instruction in circuit.data:
        operation, qubits = instruction.operation, [circuit.find_bit(q).index for q in instruction.qubits]
        if instruction.name == "pauli_channel":
            x, y, z = operation.params
            error = pauli_error([("X", x), ("Y", y), ("Z", z), ("I", 1 - x - y - z)])
            static.append(error.to_instruction(), qubits)
        elif isinstance(operation, Gate):
            static.unitary(Operator(operation), qubits)
        else:
            static.append(operation, qubits)
    static.save_density_matrix()
    simulator = AerSimulator(method="density_matrix", fusion_enable=False)
    rho = simulator.run(static, shots=1).result().data()["density_matrix"]
    return pauli_coefficients(np.asarray(rho), circuit.num_qubits)


def assert_same_branches(circuit, outputs=None):
    """Every record and its state, against the deferred circuit."""
    outputs = list(range(circuit.num_qubits)) if outputs is None else outputs
    found = branches(circuit, outputs=outputs)
    wanted = deferred(circuit, outputs).by_record()
    shape = (4,) * len(outputs)
    for record, rho in wanted.items():
        mine = found.get(record, np.zeros(shape)).reshape(shape)
        np.testing.assert_allclose(mine, pauli_coefficients(rho, len(outputs)), rtol=0, atol=EXACT)
    assert set(found) <= set(wanted)


# --- static circuits


def random_gates(circuit, rng, count, qubits=None):
    """Append random gates: Clifford, T, rotations, one to three qubits."""
    qubits = list(range(circuit.num_qubits)) if qubits is None else qubits
    one = ["h", "s", "t", "sdg", "tdg", "sx", "sxdg", "x", "y", "z"]
    two = ["cx", "cz", "cy", "swap", "ch", "iswap", "ecr", "dcx"]
    for _ in range(count):
        kind = rng.integers(6)
        if kind == 0:
            circuit.u(*rng.uniform(0, 2 * np.pi, 3), int(rng.choice(qubits)))
        elif kind <= 2:
            getattr(circuit, rng.choice(one))(int(rng.choice(qubits)))
        elif kind == 3 and len(qubits) > 1:
            a, b = rng.choice(qubits, 2, replace=False).tolist()
            circuit.append(RXXGate(rng.uniform(0, 6)), [a, b])
        elif kind == 4 and len(qubits) > 1:
            a, b = rng.choice(qubits, 2, replace=False).tolist()
            getattr(circuit, rng.choice(two))(a, b)
        elif len(qubits) > 2:
            circuit.append(CCXGate(), rng.choice(qubits, 3, replace=False).tolist())


def random_channel(circuit, rng, *, share_of_two_qubit_ones=0.3):
    """Append a random noisy instruction of one of the kinds there are."""
    a, b = rng.choice(circuit.num_qubits, 2, replace=False).tolist()
    p = float(rng.uniform(0.05, 0.5))
    one = [
        lambda: amplitude_damping_error(p).to_instruction(),
        lambda: phase_damping_error(p).to_instruction(),
        lambda: pauli_error([("X", p / 2), ("Y", p / 3), ("I", 1 - 5 * p / 6)]).to_instruction(),
        lambda: thermal_relaxation_error(5.0, 7.0, p).to_instruction(),  # T2 > T1: Kraus operators
        lambda: thermal_relaxation_error(5.0, 2.0, p).to_instruction(),  # T2 < T1: resets and Z
        lambda: PauliChannel(p / 2, p / 3, p / 4),
        lambda: Kraus([[[1, 0], [0, np.sqrt(1 - p)]], [[0, np.sqrt(p)], [0, 0]]]).to_instruction(),
        lambda: SuperOp(depolarizing_error(p, 1)).to_instruction(),
        lambda: Reset(),
    ]
    two = [
        lambda: depolarizing_error(p, 2).to_instruction(),
        lambda: SuperOp(random_unitary(4, seed=rng)).to_instruction(),
        lambda: UnitaryGate(random_unitary(4, seed=rng)),
        lambda: amplitude_damping_error(p).tensor(depolarizing_error(p / 2, 1)).to_instruction(),
    ]
    if rng.random() >= share_of_two_qubit_ones:
        circuit.append(one[rng.integers(len(one))](), [a])
    else:
        circuit.append(two[rng.integers(len(two))](), [a, b])


def test_random_clifford_and_t_circuits(rng):
    for n in (1, 2, 3, 4):
        for _ in range(3):
            circuit = QuantumCircuit(n)
            random_gates(circuit, rng, 25)
            (found,) = branches(circuit, outputs=range(n)).values()
            np.testing.assert_allclose(found[..., 0], aer_state(circuit), rtol=0, atol=EXACT)


def test_random_noisy_circuits(rng):
    for _ in range(12):
        circuit = QuantumCircuit(3)
        for _ in range(6):
            random_gates(circuit, rng, 3)
            random_channel(circuit, rng)
        (found,) = branches(circuit, outputs=range(3)).values()
        np.testing.assert_allclose(found[..., 0], aer_state(circuit), rtol=0, atol=EXACT)


def test_a_composite_is_followed_into_its_definition(rng):
    inner = QuantumCircuit(2, name="mixed")
    inner.h(0)
    inner.cx(0, 1)
    inner.reset(0)
    inner.ry(0.3, 0)
    circuit = QuantumCircuit(3)
    random_gates(circuit, rng, 10)
    circuit.append(inner.to_instruction(), [2, 0])
    (found,) = branches(circuit, outputs=range(3)).values()
    np.testing.assert_allclose(found[..., 0], aer_state(circuit.decompose("mixed")), rtol=0, atol=EXACT)


def test_a_composite_that_measures_writes_the_right_bits():
    inner = QuantumCircuit(2, 2, name="measured")
    inner.x(0)
    inner.measure([0, 1], [0, 1])
    circuit = QuantumCircuit(2, 3)
    circuit.append(inner.to_instruction(), [1, 0], [2, 0])
    assert outcome_probabilities(circuit) == {(0, 0, 1): 1.0}


def test_barriers_bare_delays_and_global_phases_do_nothing():
    circuit = QuantumCircuit(2, 1, global_phase=0.4)
    circuit.h(0)
    circuit.barrier()
    circuit.delay(100, 0, "ns")
    circuit.cx(0, 1)
    circuit.measure(1, 0)
    assert outcome_probabilities(circuit) == pytest.approx({(0,): 0.5, (1,): 0.5}, abs=EXACT)


# --- the order of inputs, outputs and kept bits


@pytest.mark.parametrize(
    ("inputs", "outputs"), [([2, 0], [1, 2]), ([1], [3, 0]), ([3, 1, 0], [2]), ([], [2, 0, 3])]
)
def test_inputs_and_outputs_in_any_order(inputs, outputs, rng):
    circuit = QuantumCircuit(4)
    random_gates(circuit, rng, 20)
    random_channel(circuit, rng)
    random_gates(circuit, rng, 20)
    (matrix,) = branches(circuit, inputs=inputs, outputs=outputs).values()
    # Feed in one random product state; the first input is the most significant digit.
    angles = rng.uniform(0, np.pi, (len(inputs), 2))
    prepared = QuantumCircuit(4)
    vector = np.ones(1)
    for q, (theta, phi) in zip(inputs, angles, strict=True):
        prepared.ry(theta, q)
        prepared.rz(phi, q)
        bloch = [1, np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
        vector = np.kron(vector, bloch)
    wanted = aer_state(prepared.compose(circuit))
    rest = [q for q in range(4) if q not in outputs]
    wanted = wanted.transpose([*outputs, *rest])[(...,) + (0,) * len(rest)]  # the coefficient of I: traced out
    np.testing.assert_allclose(matrix @ vector, wanted, rtol=0, atol=EXACT)


def test_kept_bits_in_any_order_and_summed_over_the_others():
    circuit = QuantumCircuit(3, 3)
    circuit.ry(2 * np.arcsin(np.sqrt(0.3)), 0)  # 1 with probability 0.3
    circuit.x(1)
    circuit.h(2)
    circuit.measure([0, 1, 2], [0, 1, 2])
    found = {record: float(p.item()) for record, p in branches(circuit, keep=[1, 0]).items()}
    assert found == pytest.approx({(1, 0): 0.7, (1, 1): 0.3}, abs=EXACT)


# --- dynamic circuits


def random_condition(circuit, rng, written):
    """A condition on the bits written so far, of a random kind."""
    a, b = (circuit.clbits[i] for i in rng.choice(written, 2))
    register = circuit.cregs[rng.integers(len(circuit.cregs))]
    kinds = [
        lambda: (a, int(rng.integers(2))),
        lambda: (register, int(rng.integers(2**register.size))),
        lambda: odd([circuit.clbits[i] for i in written]),
        lambda: expr.bit_xor(a, b),
        lambda: expr.logic_and(a, expr.logic_not(b)),
        lambda: expr.bit_or(a, b),
        lambda: expr.equal(register, int(rng.integers(2**register.size))),
        lambda: expr.less(register, int(rng.integers(1, 2**register.size))),
    ]
    return kinds[rng.integers(len(kinds))]()


def random_dynamic(rng, depth=2):
    """A circuit of three qubits with two classical registers, each bit written once."""
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"), ClassicalRegister(2, "d"))
    written = []
    free = iter(rng.permutation(4).tolist())

    def body(level, inside):
        random_gates(circuit, rng, 3)
        if rng.random() < 0.3:
            circuit.reset(int(rng.integers(3)))
        if rng.random() < 0.3:
            random_channel(circuit, rng, share_of_two_qubit_ones=0)
        if level and written and rng.random() < 0.8:
            with circuit.if_test(random_condition(circuit, rng, written)) as otherwise:
                body(level - 1, True)
            if rng.random() < 0.5:
                with otherwise:
                    body(level - 1, True)
        if not inside or rng.random() < 0.2:
            bit = next(free, None)
            if bit is not None:
                circuit.measure(int(rng.integers(3)), bit)
                written.append(bit)

    for _ in range(4):
        body(depth, False)
    return circuit


@pytest.mark.parametrize("number", range(12))
def test_random_dynamic_circuits(number, rng):
    assert_same_branches(random_dynamic(rng))


def test_the_random_dynamic_circuits_hold_what_they_should():
    # Twenty of a fixed seed, so that this says nothing about luck: nested blocks, else, resets, measurements
    # within blocks and conditions of every kind all occur.
    text = [str(_shape(random_dynamic(np.random.default_rng(i)))) for i in range(20)]
    for what in (
        "if in if",
        "else",
        "reset in if",
        "measure in if",
        "quantum_channel in if",
        "tuple",
        "Expr",
        "register",
    ):
        assert any(what in t for t in text), what


def _shape(circuit, prefix=""):
    found = set()
    for instruction in circuit.data:
        operation = instruction.operation
        if instruction.name == "if_else":
            found.add(f"if{prefix}")
            condition = operation.condition
            found.add("tuple" if isinstance(condition, tuple) else "Expr")
            if isinstance(condition, tuple) and isinstance(condition[0], ClassicalRegister):
                found.add("register")
            if len(operation.blocks) == 2:
                found.add("else")
            for block in operation.blocks:
                found |= _shape(block, " in if")
        else:
            found.add(f"{instruction.name}{prefix}")
    return found


CONDITIONS = {
    "a bit": lambda c, d: (c[1], 1),
    "a bit that is 0": lambda c, d: (c[0], 0),
    "a register": lambda c, d: (c, 0b10),
    "another register": lambda c, d: (d, 1),
    "xor of three": lambda c, d: odd([c[0], c[1], d[0]]),
    "xor of registers": lambda c, d: expr.equal(expr.bit_xor(c, 0b01), 0b10),
    "not": lambda c, d: expr.logic_not(c[0]),
    "and, or": lambda c, d: expr.logic_or(expr.logic_and(c[0], c[1]), d[0]),
    "bitwise not": lambda c, d: expr.equal(expr.bit_not(c), 0b01),
    "less": lambda c, d: expr.less(c, 2),
    "greater or equal": lambda c, d: expr.greater_equal(c, 2),
    "not equal": lambda c, d: expr.not_equal(c, 3),
}
# What Aer 0.18 does not know, or (the cast of a register to a truth value) reads as true even for 0: by hand.
UNKNOWN_TO_AER = {
    "bit of a register": (lambda c: expr.index(c, 1), lambda c: c >> 1),
    "shift, the upper bit is lost": (lambda c: expr.equal(expr.shift_left(c, 1), 0b10), lambda c: c & 1),
    "shift to the right": (lambda c: expr.equal(expr.shift_right(c, 1), 1), lambda c: c >> 1),
    "cast": (lambda c: expr.cast(c, types.Bool()), lambda c: c != 0),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_hold_where_aer_says(name):
    # Bits are set by X, so that Aer's single shot is certain: an exact comparison for every value of the bits.
    for values in product((0, 1), repeat=3):
        c, d = ClassicalRegister(2, "c"), ClassicalRegister(1, "d")
        result = ClassicalRegister(1, "result")
        circuit = QuantumCircuit(QuantumRegister(4, "q"), c, d, result)
        for q, value in enumerate(values):
            if value:
                circuit.x(q)
        circuit.measure([0, 1, 2], [0, 1, 2])
        with circuit.if_test(CONDITIONS[name](c, d)):
            circuit.x(3)
        circuit.measure(3, result[0])
        (counts,) = AerSimulator().run(circuit, shots=1).result().get_counts()
        (record,) = outcome_probabilities(circuit)
        assert record == tuple(int(bit) for bit in reversed(counts.replace(" ", "")))


@pytest.mark.parametrize("name", UNKNOWN_TO_AER)
def test_conditions_that_aer_does_not_know(name):
    build, wanted = UNKNOWN_TO_AER[name]
    for value in range(4):
        c, result = ClassicalRegister(2, "c"), ClassicalRegister(1, "result")
        circuit = QuantumCircuit(QuantumRegister(3, "q"), c, result)
        for q in (0, 1):
            if value >> q & 1:
                circuit.x(q)
        circuit.measure([0, 1], [0, 1])
        with circuit.if_test(build(c)):
            circuit.x(2)
        circuit.measure(2, result[0])
        (record,) = outcome_probabilities(circuit)
        assert record[2] == int(wanted(value))


def test_aer_agrees_branch_by_branch_under_a_noise_free_dynamic_circuit(rng):
    # Aer's state for given classical bits is exact, however many shots went there: 200 make it sure that each
    # of four branches with probability 1/4 is seen (missed with 4·(3/4)^200 < 1e-24).
    circuit = QuantumCircuit(3, 2)
    circuit.h([0, 1])
    circuit.cx(0, 2)
    circuit.u(0.3, 0.4, 0.5, 2)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.cx(1, 2)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.t(2)
    with otherwise:
        circuit.append(amplitude_damping_error(0.3).to_instruction(), [2])
    found = branches(circuit, outputs=[0, 1, 2])
    saved = circuit.copy()
    saved.save_density_matrix(conditional=True)
    data = AerSimulator(method="density_matrix", seed_simulator=1).run(saved, shots=200).result().data()
    assert len(data["density_matrix"]) == len(found) == 4
    for key, rho in data["density_matrix"].items():
        value = int(key, 16)
        mine = found[value & 1, value >> 1][..., 0]
        np.testing.assert_allclose(mine / mine[0, 0, 0], pauli_coefficients(np.asarray(rho), 3), atol=EXACT)
        assert mine[0, 0, 0] == pytest.approx(1 / 4, abs=EXACT)


def test_a_bit_that_is_written_twice_holds_the_last_outcome():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.x(1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)  # so that qubit 1 is the opposite of the first outcome
    circuit.measure(1, 0)
    found = branches(circuit, outputs=[0])
    # Bit 1 now means that the first outcome was 0.
    np.testing.assert_allclose(found[(1,)].ravel(), [0.5, 0, 0, 0.5], atol=EXACT)
    np.testing.assert_allclose(found[(0,)].ravel(), [0.5, 0, 0, -0.5], atol=EXACT)


def test_a_measured_qubit_goes_on_and_may_be_measured_again():
    circuit = QuantumCircuit(1, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(0, 1)
    assert outcome_probabilities(circuit) == pytest.approx({(0, 1): 0.5, (1, 0): 0.5}, abs=EXACT)
    assert_same_branches(circuit)


def test_reset_and_reuse():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    circuit.reset(0)
    circuit.cx(1, 0)
    circuit.measure(0, 1)
    assert outcome_probabilities(circuit) == pytest.approx({(0, 0): 0.5, (1, 1): 0.5}, abs=EXACT)


def test_a_bit_that_was_never_written_is_zero():
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test((circuit.clbits[1], 0)):
        circuit.x(0)
    circuit.measure(0, 0)
    assert outcome_probabilities(circuit) == {(1, 0): 1.0}


def test_probabilities_add_up_to_one_and_are_not_negative(rng):
    for _ in range(5):
        found = outcome_probabilities(random_dynamic(rng))
        assert sum(found.values()) == pytest.approx(1, abs=EXACT)
        assert min(found.values()) >= -EXACT


# --- size


def test_many_qubits_one_after_the_other_are_followed():
    # A chain of 40: each is traced out as soon as it is not used again.
    n = 40
    circuit = QuantumCircuit(n, n)
    circuit.h(0)
    for q in range(n - 1):
        circuit.cx(q, q + 1)
        circuit.measure(q, q)
    circuit.measure(n - 1, n - 1)
    found = branches(circuit, keep=[0, n - 1])
    assert {record: float(p.item()) for record, p in found.items()} == pytest.approx({(0, 0): 0.5, (1, 1): 0.5})


def test_too_many_entangled_qubits_are_refused_with_the_limit():
    n = MAX_ACTIVE_QUBITS + 1
    circuit = QuantumCircuit(n)
    circuit.h(0)
    for q in range(n - 1):
        circuit.cx(q, q + 1)
    with pytest.raises(ValueError, match=str(MAX_ACTIVE_QUBITS)):
        branches(circuit, outputs=range(n))


# --- refusals


def _save(circuit):
    circuit.append(SaveDensityMatrix(1), [0])


def _unbound(circuit):
    circuit.rx(Parameter("angle"), 0)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (_save, "save_density_matrix"),
        (_unbound, "rx"),
    ],
)
def test_operations_without_a_rule_are_refused_by_name(build, name):
    circuit = QuantumCircuit(1, 1)
    build(circuit)
    with pytest.raises(UnsupportedOperation, match=name):
        branches(circuit, outputs=[0])


def test_conditions_on_classical_variables_are_refused():
    circuit = QuantumCircuit(1, 1)
    variable = circuit.add_input("flag", types.Bool())
    with circuit.if_test(variable):
        circuit.x(0)
    with pytest.raises(UnsupportedOperation, match="flag"):
        branches(circuit, outputs=[0])


# --- transfer matrices


@pytest.mark.parametrize(
    "gate",
    [
        TGate(),
        UGate(0.3, 1.1, -0.4),
        CXGate(),
        CXGate(ctrl_state=0),
        RXXGate(0.7),
        CCXGate(),
        UnitaryGate(np.eye(4)),
    ],
    ids=lambda g: f"{g.name}{getattr(g, 'ctrl_state', '')}",
)
def test_transfer_matrix_of_a_gate_is_its_definition(gate):
    matrix = Operator(gate).data
    k = gate.num_qubits
    # The first qubit is the most significant digit, and Qiskit's least significant bit: the last factor.
    strings = [reduce(np.kron, [PAULIS[p] for p in reversed(letters)]) for letters in product("IXYZ", repeat=k)]
    wanted = [[np.trace(p @ matrix @ q @ matrix.conj().T).real / 2**k for q in strings] for p in strings]
    np.testing.assert_allclose(transfer_matrix(gate), wanted, rtol=0, atol=EXACT)


def test_transfer_matrix_of_a_pauli_channel():
    px, py, pz = 0.1, 0.05, 0.2
    wanted = np.diag([1, 1 - 2 * (py + pz), 1 - 2 * (px + pz), 1 - 2 * (px + py)])
    np.testing.assert_allclose(transfer_matrix(PauliChannel(px, py, pz)), wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("operation", [Measure(), Reset()])
def test_what_has_no_matrix_of_its_own_gives_none(operation):
    assert transfer_matrix(operation) is None


def test_gates_of_one_class_are_told_apart():
    # A cache that goes by the class and the angles must also see the controls.
    pairs = [
        (PhaseGate(0.3), PhaseGate(0.4)),
        (CXGate(), CXGate(ctrl_state=0)),
        (SXGate(), SXGate().inverse()),
        (MCPhaseGate(0.3, 2, ctrl_state=0), MCPhaseGate(0.3, 3, ctrl_state=0)),
    ]
    for first, second in pairs:
        for gate in (first, second):
            found = transfer_matrix(gate)
            assert found.shape == (4**gate.num_qubits,) * 2
            circuit = QuantumCircuit(gate.num_qubits)
            circuit.h(range(gate.num_qubits))
            circuit.append(gate, range(gate.num_qubits))
            (state,) = branches(circuit, outputs=range(gate.num_qubits)).values()
            np.testing.assert_allclose(state[..., 0], aer_state(circuit), rtol=0, atol=EXACT)


def test_a_cached_matrix_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        transfer_matrix(TGate())[0, 0] = 2
