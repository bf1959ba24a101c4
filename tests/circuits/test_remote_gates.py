"""Remote gates: exact channels, two ways, and the damage that a pair that is not Φ⁺ does.

The two ways: the branch interpreter, and plain statevectors of the coherent circuit (every measured bit stays
in its qubit and controls the corrections), with a reference qubit for each input.
"""

from itertools import product

import numpy as np
import pytest
from qiskit.circuit import IfElseOp, Parameter, QuantumCircuit
from qiskit.circuit.library import (
    CCXGate,
    CXGate,
    CZGate,
    PhaseGate,
    RYGate,
    SGate,
    SwapGate,
    TGate,
    UGate,
    UnitaryGate,
    XGate,
    YGate,
)
from qiskit.quantum_info import (
    PTM,
    Kraus,
    Operator,
    Pauli,
    SuperOp,
    average_gate_fidelity,
    partial_trace,
    process_fidelity,
    random_unitary,
)
from qiskit.quantum_info import Statevector as State
from quantumlink_circuits.channel import bell_diagonal_channel
from quantumlink_circuits.remote_gates import (
    cat_disentangler,
    cat_entangler,
    remote_cnot,
    remote_controlled,
    remote_cz,
    remote_toffoli,
    teleported_swap,
)

from quantumlink.exact import branches
from quantumlink.testing import assert_channel, assert_flow

PAULI_OF_BELL = "IZXY"
"""What takes Φ⁺ to Φ⁺, Φ⁻, Ψ⁺, Ψ⁻ on one half."""


def with_pairs(circuit, bell_diagonals=None):
    """The circuit after the arrival of its pairs, Φ⁺ or Bell-diagonal."""
    result = QuantumCircuit(*circuit.qregs, *circuit.cregs)
    for i, (near, far) in enumerate(circuit.metadata["pairs"]):
        result.h(near)
        result.cx(near, far)
        if bell_diagonals is not None:
            result.append(bell_diagonal_channel(bell_diagonals[i]), [far])
    return result.compose(circuit)


def ports(circuit, *names):
    return [circuit.find_bit(q).index for r in circuit.qregs if r.name in names for q in r]


def transfer(circuit, qubits):
    """By the interpreter: the Pauli transfer matrix of these qubits, averaged over the records."""
    size = 4 ** len(qubits)
    return sum(m.reshape(size, size) for m in branches(circuit, inputs=qubits, outputs=qubits).values())


def as_channel(circuit, qubits):
    """The same as Qiskit's PTM, which counts the last qubit as the most significant digit."""
    n = len(qubits)
    matrix = transfer(circuit, qubits).reshape((4,) * 2 * n)
    return PTM(matrix.transpose([*range(n - 1, -1, -1), *range(2 * n - 1, n - 1, -1)]).reshape(4**n, 4**n))


def coherent_channel(circuit, qubits):
    """By statevectors: the channel's Choi state, references first, with measured qubits as controls."""
    n, k = circuit.num_qubits, len(qubits)
    result, measured = QuantumCircuit(n + k), {}
    for i, q in enumerate(qubits):
        result.h(n + i)
        result.cx(n + i, q)
    for instruction in circuit.data:
        places = [circuit.find_bit(q).index for q in instruction.qubits]
        if instruction.name == "measure":
            measured[instruction.clbits[0]] = places[0]
        elif isinstance(instruction.operation, IfElseOp):
            bit, value = instruction.operation.condition
            assert value == 1
            for inner in instruction.operation.blocks[0].data:
                inner_places = [places[instruction.operation.blocks[0].find_bit(q).index] for q in inner.qubits]
                result.append(inner.operation.control(), [measured[bit], *inner_places])
        else:
            result.append(instruction.operation, places)
    others = [q for q in range(n) if q not in qubits]
    # Measured qubits lose their coherence with the rest: tracing them out does just that.
    return partial_trace(State(result), others), [
        q - sum(o < q for o in others) for q in [*qubits, *range(n, n + k)]
    ]


def assert_coherent(circuit, ideal, qubits):
    state, order = coherent_channel(circuit, qubits)
    k = len(qubits)
    expected = QuantumCircuit(2 * k)
    for i in range(k):
        expected.h(order[k + i])
        expected.cx(order[k + i], order[i])
    expected.append(ideal, order[:k])
    assert np.abs(state.data - np.outer(*(v := State(expected).data, v.conj()))).max() < 1e-9


GATES = {
    "remote_cnot": (remote_cnot(), CXGate(), ("control", "target")),
    "remote_cz": (remote_cz(), CZGate(), ("control", "target")),
    "remote_controlled": (
        remote_controlled(UGate(0.7, 0.3, -1.1)),
        UGate(0.7, 0.3, -1.1).control(),
        ("control", "target"),
    ),
    "remote_toffoli": (remote_toffoli(), CCXGate(), ("control", "target")),
    "remote_toffoli of two nodes": (remote_toffoli(nodes=2), CCXGate(), ("control", "target")),
    "teleported_swap": (teleported_swap(), SwapGate(), ("a", "b")),
}
every_gate = pytest.mark.parametrize(("circuit", "ideal", "names"), GATES.values(), ids=GATES)


@every_gate
def test_through_perfect_pairs_it_is_the_ideal_gate(circuit, ideal, names):
    assert_channel(with_pairs(circuit), ideal, inputs=names, outputs=names)


@every_gate
def test_the_same_by_statevectors(circuit, ideal, names):
    assert_coherent(with_pairs(circuit), ideal, ports(circuit, *names))


@every_gate
def test_no_instruction_can_be_left_out(circuit, ideal, names):
    for place, instruction in enumerate(circuit.data):
        if instruction.name == "measure":
            continue
        mutant = circuit.copy_empty_like()
        mutant.data = [other for i, other in enumerate(circuit.data) if i != place]
        with pytest.raises(AssertionError):
            assert_channel(with_pairs(mutant), ideal, inputs=names, outputs=names)


@pytest.mark.parametrize("remotes", [1, 2, 3])
def test_cat_entangler_copies_z_and_spreads_x(remotes):
    circuit = with_pairs(cat_entangler(remotes))
    start = "_" * 2 * remotes
    idle = "_" * remotes
    assert_flow(circuit, f"X{start} -> X{idle}{'X' * remotes}")
    assert_flow(circuit, f"Z{start} -> Z{idle}{idle}", inputs="control")
    for i in range(remotes):
        letters = ["_"] * remotes
        letters[i] = "Z"
        assert_flow(circuit, f"_{start} -> Z{idle}{''.join(letters)}", inputs="control")


@pytest.mark.parametrize("remotes", [1, 2, 3])
def test_cat_disentangler_takes_the_copies_away(remotes):
    circuit = cat_disentangler(remotes)
    idle = "_" * remotes
    assert_flow(circuit, f"X{'X' * remotes} -> X{idle}")
    assert_flow(circuit, f"Z{idle} -> Z{idle}", inputs="far")
    both = with_pairs(cat_entangler(remotes))
    both.add_register(*circuit.cregs)
    both.compose(circuit, [both.qubits[0], *both.qubits[1 + remotes :]], both.clbits[remotes:], inplace=True)
    assert_channel(both, "I", inputs="control", outputs="control")


def test_a_copy_for_two_controls_two_gates():
    circuit = with_pairs(cat_entangler(2))
    far = circuit.qregs[2]
    circuit.add_register(*(targets := QuantumCircuit(2, name="t").qregs), *cat_disentangler(2).cregs)
    circuit.cx(far[0], targets[0][0])
    circuit.cz(far[1], targets[0][1])
    circuit.compose(cat_disentangler(2), [circuit.qubits[0], *far], circuit.clbits[2:], inplace=True)
    ideal = QuantumCircuit(3)
    ideal.cx(0, 1)
    ideal.cz(0, 2)
    assert_channel(circuit, ideal, inputs=["control", "q"], outputs=["control", "q"])


# --- pairs that are not Φ⁺


def bell_diagonal(rng):
    return rng.dirichlet([6, 1, 1, 1])


def on_copies(letter_of_pair, kernel, size):
    """A gate whose copied controls are hit: X flips the copy before and after, Z stays on the control."""
    before = Operator(np.eye(2**size))
    after = Operator(np.eye(2**size))
    for qubit, letter in letter_of_pair.items():
        x, z = (Operator.from_label("I").compose(Pauli(p)) for p in ("X", "Z"))
        if letter in "XY":
            before, after = before.compose(x, [qubit]), after.compose(x, [qubit])
        if letter in "YZ":
            after = after.compose(z, [qubit])
    return before.compose(kernel).compose(after)


def expected_channel(kernel, controls, bell_diagonals):
    kraus = []
    for labels in product(range(4), repeat=len(controls)):
        weight = np.prod([bell[k] for bell, k in zip(bell_diagonals, labels, strict=True)])
        letters = dict(zip(controls, (PAULI_OF_BELL[k] for k in labels), strict=True))
        kraus.append(np.sqrt(weight) * on_copies(letters, Operator(kernel), Operator(kernel).num_qubits).data)
    return Kraus(kraus)


def test_remote_cnot_is_followed_by_paulis(rng):
    bell = bell_diagonal(rng)
    paulis = [Operator.from_label(label) for label in ("II", "IZ", "XI", "XZ")]  # labels read target, control
    channel = Kraus([np.sqrt(w) * (p @ Operator(CXGate())).data for w, p in zip(bell, paulis, strict=True)])
    circuit = with_pairs(remote_cnot(), [bell])
    names = ["control", "target"]
    assert_channel(circuit, channel, inputs=names, outputs=names)
    found = as_channel(circuit, ports(circuit, *names))
    assert process_fidelity(found, Operator(CXGate())) == pytest.approx(bell[0], abs=1e-9)
    assert average_gate_fidelity(found, Operator(CXGate())) == pytest.approx((4 * bell[0] + 1) / 5, abs=1e-9)


def test_remote_cz_has_the_same_fidelity(rng):
    bell = bell_diagonal(rng)
    circuit = with_pairs(remote_cz(), [bell])
    found = as_channel(circuit, ports(circuit, "control", "target"))
    assert process_fidelity(found, Operator(CZGate())) == pytest.approx(bell[0], abs=1e-9)


@pytest.mark.parametrize("name", ["u", "p", "s", "y", "ry"])
def test_remote_controlled_gate_through_a_bell_diagonal_pair(name, rng):
    angles = rng.uniform(-np.pi, np.pi, 3)
    gates = {"u": UGate(*angles), "p": PhaseGate(angles[0]), "s": SGate(), "y": YGate(), "ry": RYGate(angles[0])}
    gate, bell = gates[name], bell_diagonal(rng)
    circuit = with_pairs(remote_controlled(gate), [bell])
    names = ["control", "target"]
    assert_channel(circuit, expected_channel(gate.control(), [0], [bell]), inputs=names, outputs=names)
    trace = np.trace(gate.to_matrix())
    expected = bell[0] + bell[2] * trace.real**2 / 4 + bell[3] * trace.imag**2 / 4
    found = as_channel(circuit, ports(circuit, *names))
    assert process_fidelity(found, Operator(gate.control())) == pytest.approx(expected, abs=1e-9)


def test_remote_toffoli_through_bell_diagonal_pairs(rng):
    bells = [bell_diagonal(rng), bell_diagonal(rng)]
    names = ["control", "target"]
    three = expected_channel(CCXGate(), [0, 1], bells)
    assert_channel(with_pairs(remote_toffoli(), bells), three, inputs=names, outputs=names)
    # Two nodes: the target is what is copied, seen in X.
    h = QuantumCircuit(3)
    h.h(2)
    ccz = h.copy()
    ccz.ccx(0, 1, 2)
    ccz.h(2)
    two = SuperOp(h) & SuperOp(expected_channel(ccz, [2], bells[:1])) & SuperOp(h)
    assert_channel(with_pairs(remote_toffoli(2), bells[:1]), two, inputs=names, outputs=names)


def test_teleported_swap_through_bell_diagonal_pairs(rng):
    out, back = bell_diagonal(rng), bell_diagonal(rng)
    circuit = with_pairs(teleported_swap(), [out, back])
    kraus = [  # a arrives at b with the error of the pair out, b at a with that of back
        np.sqrt(out[i] * back[j])
        * np.kron(Pauli(PAULI_OF_BELL[i]).to_matrix(), Pauli(PAULI_OF_BELL[j]).to_matrix())
        @ Operator(SwapGate()).data
        for i, j in product(range(4), repeat=2)
    ]
    assert_channel(circuit, Kraus(kraus), inputs=["a", "b"], outputs=["a", "b"])
    found = as_channel(circuit, ports(circuit, "a", "b"))
    both = out[0] * back[0]
    assert process_fidelity(found, Operator(SwapGate())) == pytest.approx(both, abs=1e-9)
    assert average_gate_fidelity(found, Operator(SwapGate())) == pytest.approx((4 * both + 1) / 5, abs=1e-9)


# --- what goes in


def test_the_pairs_are_ports_at_two_nodes():
    assert remote_toffoli().metadata == {"pairs": [[2, 4], [3, 5]]}
    assert remote_toffoli(2).metadata == {"pairs": [[2, 3]]}
    assert cat_entangler(3).metadata == {"pairs": [[1, 4], [2, 5], [3, 6]]}
    for circuit in (remote_cnot(), remote_cz(), remote_controlled()):
        assert circuit.metadata == {"pairs": [[1, 2]]}


@pytest.mark.parametrize(
    ("circuit", "nodes"),
    [
        (remote_cnot(), "AABB"),
        (remote_controlled(), "AABB"),
        (remote_toffoli(), "ABABCCC"),
        (remote_toffoli(2), "AABAB"),
        (teleported_swap(), "AAABBB"),
    ],
)
def test_no_gate_leaves_its_node(circuit, nodes):
    for instruction in circuit.data:
        assert len({nodes[circuit.find_bit(q).index] for q in instruction.qubits}) == 1, instruction
    for near, far in circuit.metadata["pairs"]:
        assert nodes[near] != nodes[far]


def test_a_gate_keeps_its_parameter():
    theta = Parameter("angle")
    circuit = remote_controlled(RYGate(theta))
    assert set(circuit.parameters) == {theta}
    for value in (0.0, 0.4, -2.5):
        bound = with_pairs(circuit.assign_parameters({theta: value}))
        assert_channel(bound, RYGate(value).control(), inputs=["control", "target"], outputs=["control", "target"])
    default = remote_controlled()
    bound = with_pairs(default.assign_parameters([0.9]))
    assert_channel(bound, PhaseGate(0.9).control(), inputs=["control", "target"], outputs=["control", "target"])


@pytest.mark.parametrize("make", [XGate, TGate, lambda: UnitaryGate(random_unitary(2, seed=3))])
def test_any_gate_on_one_qubit(make):
    circuit = with_pairs(remote_controlled(make()))
    assert_channel(circuit, make().control(), inputs=["control", "target"], outputs=["control", "target"])


def test_what_is_refused():
    with pytest.raises(ValueError, match="gate must act on one qubit, got 'cx' on 2"):
        remote_controlled(CXGate())
    with pytest.raises(TypeError, match="gate must be a Qiskit Gate on one qubit, got 'x'"):
        remote_controlled("x")
    with pytest.raises(ValueError, match="nodes must be 2 or 3, got 4"):
        remote_toffoli(4)
    for builder in (cat_entangler, cat_disentangler):
        with pytest.raises(ValueError, match="remotes must be at least 1, got 0"):
            builder(0)
        with pytest.raises(TypeError, match=r"remotes must be a whole number, got 1\.5"):
            builder(1.5)
