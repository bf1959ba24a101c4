"""Circuits over links: their exact channel is that of the whole circuit, in Qiskit's order."""

import re
from itertools import pairwise, product

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import DensityMatrix, Operator, SuperOp, average_gate_fidelity

import quantumlink as ql
from quantumlink import circuits
from quantumlink.circuits import Operation
from quantumlink.exact import branches
from quantumlink.rewrites import add_noise

EXACT = 1e-9
NOISY = ql.Processor(0.005, 0.01, ((0.99, 0.01), (0.03, 0.97)))


def chain(hops, processor=NOISY, **options):
    nodes = [ql.Node(f"n{i}", processor=processor) for i in range(hops + 1)]
    return ql.chain([ql.ElementaryLink(*ends, fidelity=0.95) for ends in pairwise(nodes)], **options)


def followed(program):
    """The transfer matrix of the accepted runs, gate by gate through all branches."""
    keep = sorted(program.herald_bits)
    noisy = add_noise(program).circuit
    inputs, outputs = list(program.inputs.values()), list(program.ends.values())
    bits, total = np.zeros(noisy.num_clbits, dtype=bool), 0
    for record, tensor in branches(noisy, inputs=inputs, outputs=outputs, keep=keep).items():
        bits[keep] = record
        if program.accepted(bits):
            total = total + tensor.reshape(4 ** len(outputs), 4 ** len(inputs))
    return total


WIRED = {
    "teleportation over three hops": lambda: ql.wire(
        circuits.teleportation(prepare_pair=False), links={"pair": chain(3)}
    ),
    "a remote CNOT over a purified link": lambda: ql.wire(
        circuits.remote_cnot(), links={"pair": chain(1, purify_rounds=1)}
    ),
    "by the names of qubits": lambda: ql.wire(
        circuits.remote_cz(),
        links={("near", "far"): chain(2)},
        inputs=["target", "control"],
        outputs=["target", "control"],
    ),
}


@pytest.mark.parametrize("what", WIRED)
def test_the_channel_is_that_of_the_whole_circuit(what):
    program = WIRED[what]()
    np.testing.assert_allclose(program.channel.transfer, followed(program), rtol=0, atol=EXACT)


def test_average_fidelity_of_teleportation_is_that_of_its_pair():
    # Over ideal nodes: F_avg = (2·F + 1)/3 of the pair (Horodecki et al. 1999); the chain's, in closed form.
    w = (4 * 0.95 - 1) / 3
    fidelity = 0.25 + 0.75 * w**3
    program = ql.wire(circuits.teleportation(prepare_pair=False), links={"pair": chain(3, ql.Processor())})
    assert program.channel.average_fidelity == pytest.approx((2 * fidelity + 1) / 3, abs=1e-12)


@pytest.mark.parametrize("what", ["teleportation over three hops", "by the names of qubits"])
def test_qiskit_finds_the_same_average_fidelity(what):
    channel = WIRED[what]().channel
    gate = QuantumCircuit(len(channel.inputs))
    if gate.num_qubits == 2:
        gate.cz(0, 1)
    assert channel.average_fidelity == pytest.approx(
        average_gate_fidelity(channel.superop, Operator(gate)), abs=EXACT
    )


def test_inputs_and_outputs_stand_in_qiskits_order():
    # A remote CNOT is not symmetric: control is input 0, and |01⟩ (control 1) goes to |11⟩.
    program = ql.wire(circuits.remote_cnot(), links={"pair": chain(1, ql.Processor())})
    assert program.channel.inputs == ("control", "target")
    after = DensityMatrix.from_label("01").evolve(program.channel.superop)
    wanted = np.real(np.diag(after.data))
    w = (4 * 0.95 - 1) / 3
    assert wanted[3] > 0.9 > w / 2
    assert wanted[3] == pytest.approx(wanted.max())
    turned = ql.wire(circuits.remote_cnot(), links={"pair": chain(1, ql.Processor())}, inputs=["target", "control"])
    after = DensityMatrix.from_label("10").evolve(SuperOp(turned.channel.superop))
    assert np.real(np.diag(after.data))[3] > 0.9


def test_a_wired_program_is_a_program(seed):
    program = WIRED["teleportation over three hops"]()
    assert list(program.ends) == ["n3"]
    # |0⟩ in: Hoeffding at 1e-6 for 20,000 shots: ±0.038 of an expectation.
    samples = ql.sample(program, ["Z"], shots=20_000, seed=seed)
    state = ql.evaluate(program)
    assert abs(samples.expectation("Z").best - state.expectation("Z")) < 0.038
    for corrections in ("frame", "feedforward"):
        other = ql.wire(
            circuits.teleportation(prepare_pair=False), links={"pair": chain(3)}, corrections=corrections
        )
        assert abs(ql.evaluate(other).expectation("Z") - state.expectation("Z")) < 0.05


def test_a_circuit_of_ones_own_by_a_register():
    pair, mine = QuantumRegister(2, "pair"), QuantumRegister(1, "mine")
    circuit = QuantumCircuit(pair, mine, ClassicalRegister(1, "c"))
    circuit.cx(mine[0], pair[0])
    circuit.measure(pair[0], 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(pair[1])
    program = ql.wire(circuit, links={"pair": chain(1, ql.Processor())})
    assert list(program.ends) == ["n1", "n0"]
    assert program.channel.transfer.shape == (16, 4)
    np.testing.assert_allclose(program.channel.transfer, followed(program), rtol=0, atol=EXACT)


@pytest.mark.parametrize("inputs", [[], ["mine"], ["mine", "other"]])
@pytest.mark.parametrize("outputs", [["pair[1]"], ["pair[1]", "mine", "other"]])
@pytest.mark.parametrize("turns", [(), ("h",), ("x", "sx", "t")])
def test_the_superoperator_of_any_number_of_inputs_and_outputs(inputs, outputs, turns):
    # What it makes of inputs that were turned is what the program makes, gate by gate, that turns them itself.
    def wired(turns):
        registers = [QuantumRegister(n, name) for n, name in ((2, "pair"), (1, "mine"), (1, "other"))]
        circuit = QuantumCircuit(*registers, ClassicalRegister(1, "c"))
        for turn, qubit in product(turns, inputs):
            getattr(circuit, turn)(2 if qubit == "mine" else 3)
        circuit.cx(2, 0)
        circuit.ry(0.7, 2)
        circuit.cx(2, 3)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
        return ql.wire(circuit, {"pair": chain(2, ql.Processor())}, inputs=inputs, outputs=outputs)

    turned = QuantumCircuit(len(inputs))
    for turn, qubit in product(turns, range(len(inputs))):
        getattr(turned, turn)(qubit)
    superop = wired(()).channel.superop
    assert superop.dim == (2 ** len(inputs), 2 ** len(outputs))
    state = ql.evaluate(wired(turns)).density_matrix.data
    after = superop.data @ DensityMatrix(turned).data.reshape(-1, order="F")
    np.testing.assert_allclose(after.reshape(state.shape, order="F"), state, rtol=0, atol=EXACT)


def test_what_is_not_found_in_a_memory_fails_in_a_wired_circuit():
    # Teleportation reads the sender's half of the pair; the receiver's is delivered.
    sender, receiver = (ql.Node(name, memory=ql.Memory(retrieval=p)) for name, p in (("a", 0.8), ("b", 0.7)))
    for corrections in ("sequential", "frame"):
        circuit = circuits.teleportation(prepare_pair=False)
        link = ql.ElementaryLink(sender, receiver, fidelity=0.9)
        program = ql.wire(circuit, {"pair": link}, corrections=corrections)
        assert program.channel.success_probability == pytest.approx(0.8, abs=EXACT)
        assert program.channel.average_fidelity == pytest.approx((2 * 0.9 + 1) / 3, abs=EXACT)
        assert ql.evaluate(program).success_probability == pytest.approx(0.8, abs=EXACT)


def test_data_is_read_with_the_mean_error_of_a_node_whose_qubits_differ():
    uneven = ql.Processor(readout_error={0: 0.3, 1: 0.1})
    circuit = circuits.teleportation(prepare_pair=False)
    sender, receiver = ql.Node("sender", processor=uneven), ql.Node("receiver")
    channel = ql.wire(circuit, {"pair": ql.ElementaryLink(sender, receiver)}).channel
    # The message is read with 0.2 (then Z fails), the half of the pair, of a link to the right, with 0.1 (X fails).
    wanted = np.diag([1, 1 - 2 * 0.2, (1 - 2 * 0.2) * (1 - 2 * 0.1), 1 - 2 * 0.1])
    np.testing.assert_allclose(channel.transfer, wanted, rtol=0, atol=EXACT)


def test_an_operation_brings_what_it_declares():
    pair, mine = QuantumRegister(2, "pair"), QuantumRegister(1, "mine")
    circuit = QuantumCircuit(pair, mine, ClassicalRegister(1, "c"))
    circuit.cx(mine[0], pair[0])
    circuit.h(mine)
    circuit.measure(mine[0], 0)
    angle = Parameter("angle")
    circuit.rx(angle, pair[1])
    half_a_turn = ql.circuits.RandomSetting((angle,), ((0.0,), (np.pi,)), (0.75, 0.25))
    operation = Operation(
        circuit,
        [["pair[1]", "pair[0]"]],
        ["pair[1]"],
        odd_heralds=[[0]],
        random_settings=[half_a_turn],
        success_probability=0.4,
    )
    link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"))
    for port, node in (("pair[0]", "a"), ("pair", "b")):
        program = ql.wire(operation, {port: link})
        assert list(program.ends) == [node]
        assert program.channel.inputs == ("mine",)
        # The message is read in X: −1 half of the time, of those that work at all.
        for success in (program.channel.success_probability, ql.evaluate(program).success_probability):
            assert success == pytest.approx(0.4 / 2, abs=EXACT)
    plain = ql.wire(operation, {"pair": link}, inputs=["mine"], outputs=["pair[0]", "pair[1]"])
    # |0⟩ in: Φ⁺, turned to Ψ⁺ in a quarter of the runs.
    assert ql.evaluate(plain).expectation("ZZ") == pytest.approx(0.5, abs=EXACT)


REFUSED = {
    "no such port": (lambda: ql.wire(circuits.remote_cnot(), {"link": chain(1)}), ("'link'", "near of 1", "pair")),
    "a port of another size": (lambda: ql.wire(circuits.remote_cnot(), {"near": chain(1)}), ("port 'near' has 1",)),
    "across nodes": (
        lambda: ql.wire(circuits.teleportation(), {("sender", "receiver"): chain(1)}),
        ("across sites",),
    ),
    "an input that receives a link": (
        lambda: ql.wire(circuits.remote_cnot(), {"pair": chain(1)}, inputs=["near"]),
        ("near", "receives a link"),
    ),
    "a node of no port": (
        lambda: ql.wire(circuits.remote_cnot(), {"pair": chain(1)}, nodes={"far away": ql.Node("mars")}),
        ("nodes names no register and no qubit", "'far away'", "control"),
    ),
    "a port that a tuple names wrongly": (
        lambda: ql.wire(circuits.remote_cnot(), {("near", "fare"): chain(1)}),
        ("links[0] names no qubit", "'fare'"),
    ),
    "a node against its link": (
        lambda: ql.wire(circuits.remote_cnot(), {"pair": chain(1)}, nodes={"control": ql.Node("mars")}),
        ("across nodes", "'mars'", "'n0'"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_by_port(what):
    make, texts = REFUSED[what]
    with pytest.raises(ValueError, match=re.escape(texts[0])) as refusal:
        make()
    assert all(text in str(refusal.value) for text in texts), str(refusal.value)


def test_a_lonely_qubit_stands_at_a_named_node():
    circuit = circuits.teleportation(prepare_pair=False)
    circuit.add_register(QuantumRegister(1, "spectator"))
    circuit.h(3)
    program = ql.wire(circuit, {"pair": chain(1)}, nodes={"spectator": ql.Node("far away")})
    assert "far away" in program.ends
    with pytest.raises(ValueError, match=r"spectator stands, .* name its site in nodes"):
        ql.wire(circuit, {"pair": chain(1)})


def spectator(**sites):
    """A pair that is delivered as it comes, and a qubit turned by X that no gate joins to it."""
    circuit = QuantumCircuit(QuantumRegister(2, "pair"), QuantumRegister(1, "flag"), ClassicalRegister(1, "c"))
    circuit.x(2)
    return Operation(circuit, [(0, 1)], ["pair[0]", "pair[1]", "flag"], sites=sites)


@pytest.mark.parametrize("end", [0, 1])
def test_the_sites_of_an_operation_hold_where_it_is_wired(end):
    link = ql.ElementaryLink(ql.Node("a"), ql.Node("b", processor=ql.Processor(depolarizing_1q=0.3)))
    program = ql.wire(spectator(flag=f"pair[{end}]"), {"pair": link}, inputs=[])
    assert [program.nodes[program.ends[name]].name for name in program.ends] == ["a", "b", "ab"[end]]
    state = ql.evaluate(program)
    # X where gates are depolarised by 0.3, or where they are perfect.
    assert state.expectation("ZII") == pytest.approx(-(0.7 if end else 1.0), abs=EXACT)
    joined = ql.evaluate(ql.join(spectator(flag=f"pair[{end}]"), link))
    assert state.density_matrix.data == pytest.approx(joined.density_matrix.data, abs=EXACT)


def test_a_site_of_an_operation_is_at_one_node():
    circuit = QuantumCircuit(4, 2)
    circuit.measure([1, 3], [0, 1])
    operation = Operation(circuit, [(0, 1), (2, 3)], sites={0: "here", 2: "here"})
    a, b, c = (ql.Node(name) for name in "abc")
    with pytest.raises(ValueError, match=r"gates or sites join q\[0\], q\[2\].*'a' and at 'b'"):
        ql.wire(operation, {"pair[0]": ql.ElementaryLink(a, c), "pair[1]": ql.ElementaryLink(b, c)})
    wired = ql.wire(operation, {"pair[0]": ql.ElementaryLink(a, c), "pair[1]": ql.ElementaryLink(a, b)})
    assert [wired.nodes[place].name for place in wired.ends.values()] == ["a", "a"]
    nodes = {0: ql.Node("x"), 2: ql.Node("y")}
    with pytest.raises(ValueError, match=r"its site 'here', which would be at 'x' and at 'y'"):
        ql.wire(operation, {"pair[0]": ql.ElementaryLink(a, c), "pair[1]": ql.ElementaryLink(a, b)}, nodes=nodes)


def test_a_node_may_be_called_as_another_site_is():
    link = ql.ElementaryLink(ql.Node("b"), ql.Node("pair[0]"))
    program = ql.wire(spectator(flag="pair[0]"), {"pair": link}, nodes={"pair[1]": link.right})
    assert [program.nodes[place].name for place in program.ends.values()] == ["b", "pair[0]", "b"]


def test_each_input_of_an_operation_receives_its_link():
    link = chain(1)
    with pytest.raises(ValueError, match="supply each input of 'dejmps', nothing arrives at spent_a, spent_b"):
        ql.wire(circuits.known_operation("dejmps"), {"pair[0]": link})


def test_an_operation_of_other_nodes_does_not_bring_their_memories():
    sender = ql.Node("a", memory=ql.Memory(retrieval=0.8))
    link = ql.ElementaryLink(sender, ql.Node("b"))
    operation = ql.purify(link, link).operation
    assert operation.success_probability == pytest.approx(0.8)
    program = ql.wire(operation, {"pair[0]": link, "pair[1]": link})
    assert program.channel.success_probability == pytest.approx(0.8, abs=EXACT)  # not its square
    ideal = ql.ElementaryLink(ql.Node("a"), ql.Node("b"))
    program = ql.wire(operation, {"pair[0]": ideal, "pair[1]": ideal})
    assert program.channel.success_probability == pytest.approx(1.0, abs=EXACT)


def test_operations_of_logical_qubits_are_for_links_in_their_code():
    link = chain(1)
    other = ql.ElementaryLink(link.right, ql.Node("far"), fidelity=0.95)
    encoded = ql.encode(link, "five_qubit")
    swapped = ql.swap(encoded, ql.encode(other, "five_qubit"))
    with pytest.raises(ValueError, match=r"circuit must be an operation on qubits, 'five_qubit by lookup'"):
        ql.wire(encoded.operation, {f"pair[{i}]": link for i in range(5)})
    with pytest.raises(ValueError, match=r"operation must be an operation on qubits"):
        ql.join(encoded.operation, *[link] * 5)
    with pytest.raises(ValueError, match=r"by must be an operation on qubits, 'swap in five_qubit'"):
        ql.swap(link, other, by=swapped.operation)
