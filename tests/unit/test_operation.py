"""Operations: what ports a circuit has, when two are equal, and what is refused."""

import contextlib
import copy
import pickle
import re

import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr

import quantumlink as ql
from quantumlink import circuits
from quantumlink.circuits import Operation, RandomSetting, known_operation

PORTS = {
    "entanglement_swap": ("left–relay[0], relay[1]–right", "left, right", 3),
    "linear_optics_swap": ("left–relay[0], relay[1]–right", "left, right", 3),
    "chain_swap": ("left–relay[0], relay[1]–relay[2], relay[3]–right", "left, right", 4),
    "multiway_swap": ("end[0]–center[0], end[1]–center[1], end[2]–center[2]", "end[0], end[1], end[2]", 4),
    "fuse_pairs_to_ghz": ("end[0]–center[0], end[1]–center[1]", "end[0], end[1], center[0]", 3),
    "distribute_ghz": ("center[0]–end[0], center[1]–end[1], center[2]–end[2]", "end[0], end[1], end[2]", 4),
    "dejmps": ("kept_a–kept_b, spent_a–spent_b", "kept_a, kept_b", 2),
    "bbpssw": ("kept_a–kept_b, spent_a–spent_b", "kept_a, kept_b", 2),
    "epl": ("kept_a–kept_b, spent_a–spent_b", "kept_a, kept_b", 2),
    "double_selection": ("kept_a–kept_b, spent_a[0]–spent_b[0], spent_a[1]–spent_b[1]", "kept_a, kept_b", 2),
}


@pytest.mark.parametrize("name", PORTS)
def test_the_ports_of_the_library(name):
    operation = Operation(getattr(circuits, name)())
    links, outputs, sites = PORTS[name]
    assert repr(operation) == f"<Operation {name}: {links} -> {outputs}>"
    assert len(operation.site_names) == sites


def test_equal_content_is_equal_whatever_the_registers_are_called():
    def swap(names, flip=False):
        left, relay, right = (QuantumRegister(n, name) for n, name in zip((1, 2, 1), names, strict=True))
        circuit = QuantumCircuit(left, relay, right, ClassicalRegister(2, "c"))
        circuit.cx(1, 2)
        circuit.h(1)
        circuit.measure([1, 2], [0, 1])
        with circuit.if_test((circuit.clbits[1], 0 if flip else 1)):
            circuit.x(3)
        return Operation(circuit, [(0, 1), (2, 3)])

    one, other = swap("abc"), swap("xyz")
    assert one == other or one.sites != other.sites
    assert swap("abc") == swap("abc")
    assert hash(swap("abc")) == hash(swap("abc"))
    assert swap("abc") != swap("abc", flip=True)
    assert Operation(circuits.dejmps()) != Operation(circuits.bbpssw())
    assert Operation(circuits.dejmps()) == known_operation("dejmps")


@pytest.mark.parametrize(
    "copier", [copy.deepcopy, *(lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(6))]
)
@pytest.mark.parametrize("name", ["bbpssw", "stringent", "entanglement_swap"])
def test_copies_are_equal(copier, name):
    operation = known_operation(name)
    other = copier(operation)
    assert other == operation
    assert hash(other) == hash(operation)
    assert other.name == name


def bare(**registers):
    return QuantumCircuit(*(QuantumRegister(n, name) for name, n in registers.items()), ClassicalRegister(2, "c"))


def purifying():
    circuit = bare(kept_a=1, spent_a=1, spent_b=1, kept_b=1)
    circuit.cx(0, 1)
    circuit.cx(3, 2)
    circuit.measure([1, 2], [0, 1])
    return circuit


def across():
    circuit = purifying()
    circuit.cx(0, 3)
    return circuit


def lonely():
    circuit = purifying()
    circuit.add_register(QuantumRegister(1, "flag"))
    circuit.h(4)
    return circuit


def turning():
    circuit = purifying()
    circuit.rx(Parameter("angle"), 0)
    return circuit


REFUSED = {
    "no ports": (lambda: Operation(bare(q=4)), ("does not say which qubits", "q of 4")),
    "uneven ports": (lambda: Operation(bare(kept_a=1, kept_b=1, spent_a=2, spent_b=1)), ("spent_a 2", "spent_b 1")),
    "an unknown port": (lambda: Operation(bare(q=4), [("q[0]", "q[7]")]), ("inputs[0]", "'q[7]'")),
    "a port twice": (lambda: Operation(bare(q=4), [(0, 1), (1, 2)]), ("q[1] again", "inputs[1]")),
    "an index out of range": (lambda: Operation(bare(q=4), [(0, 4)]), ("inputs[0]", "0 to 3", "4")),
    "a half link": (lambda: Operation(bare(q=4), [(0,)]), ("inputs[0]", "at least two")),
    "a herald that is never written": (
        lambda: Operation(bare(kept_a=1, spent_a=1, spent_b=1, kept_b=1), heralds=[[1]]),
        ("heralds", "classical bit 1", "never writes"),
    ),
    "a frame of a bit that is never written": (
        lambda: Operation(bare(kept_a=1, spent_a=1, spent_b=1, kept_b=1), frame={"kept_b": ([1], [])}),
        ("frame reads", "classical bit 1", "never writes"),
    ),
    "a frame of what is measured": (
        lambda: Operation(purifying(), frame={"spent_b": ([0], [])}),
        ("frame corrects spent_b", "measures"),
    ),
    "a frame of one list": (lambda: Operation(purifying(), frame={"kept_b": [0, 1]}), ("two lists of bits",)),
    "a frame with a bit twice": (
        lambda: Operation(purifying(), frame={"kept_b": ([0, 0], [])}),
        ("frame", "once", "[0, 0]"),
    ),
    "a delivered qubit that is measured": (
        lambda: Operation(purifying(), outputs=["kept_a", "spent_b"]),
        ("outputs", "spent_b", "measures"),
    ),
    "a gate across sites": (lambda: Operation(across()), ("across sites", "kept_a", "kept_b")),
    "a declared site against the gates": (
        lambda: Operation(purifying(), sites={"kept_a": "here", "spent_a": "there"}),
        ("across sites", "spent_a", "'there'", "'here'"),
    ),
    "a qubit nowhere": (lambda: Operation(lonely()), ("flag", "site")),
    "ports and sites the other way round": (
        lambda: Operation(purifying(), sites={"alice": "kept_a"}),
        ("sites must tell of each port at which site it stands", "{'kept_a': 'alice'}", "no port 'alice'"),
    ),
    "a site of an unknown port": (
        lambda: Operation(purifying(), sites={"kept": "alice"}),
        ("sites names no register and no qubit", "'kept'", "kept_a, spent_a"),
    ),
    "a site without a link": (lambda: Operation(lonely(), sites={"flag": "mars"}), ("mars",)),
    "a parameter that nothing sets": (lambda: Operation(turning()), ("angle", "nothing sets")),
    "it never works": (lambda: Operation(purifying(), success_probability=0), ("success_probability", "(0, 1]")),
    "nothing is left": (
        lambda: Operation(circuits.remote_cnot()),
        ("delivers nothing",),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_rule(what):
    make, texts = REFUSED[what]
    with pytest.raises(ValueError, match=re.escape(texts[0])) as refusal:
        make()
    assert all(text in str(refusal.value) for text in texts)


@pytest.mark.parametrize("argument", ["inputs", "sites", "frame", "heralds"])
def test_arguments_of_another_kind_are_named(argument):
    with pytest.raises(TypeError, match=f"^{argument} must"):
        Operation(purifying(), **{argument: 3})


def test_a_lonely_qubit_with_a_site():
    operation = Operation(lonely(), sites={"flag": "kept_a"})
    assert operation.sites[4] == operation.sites[0]
    assert operation.sites[3] != operation.sites[0]


def test_random_settings_are_the_twirls_that_the_metadata_names():
    twirls = Operation(circuits.bbpssw()).random_settings
    assert [len(setting.parameters) for setting in twirls] == [3, 3]
    angle = Parameter("angle")
    circuit = purifying()
    circuit.rz(angle, 0)
    setting = RandomSetting((angle,), ((0.0,), (3.0,)), (0.25, 0.75))
    assert Operation(circuit, random_settings=[setting]).random_settings == (setting,)


# --- wired to links

a, b, c, d = (ql.Node(name) for name in "abcd")
ab, cb, db = (ql.ElementaryLink(*ends, fidelity=0.9) for ends in ((a, b), (c, b), (d, b)))


def test_links_are_turned_where_that_is_the_only_way():
    fused = ql.join(circuits.fuse_pairs_to_ghz, ab, ql.ElementaryLink(b, c, fidelity=0.9))
    assert [node.name for node in fused.ends] == ["a", "c", "b"]
    as_given = ql.join(circuits.fuse_pairs_to_ghz, ab, cb)
    assert ql.evaluate(fused).fidelity == pytest.approx(ql.evaluate(as_given).fidelity, abs=1e-12)
    assert repr(as_given) == "<Join a–c–b, 2 elementary pairs>"


def test_all_ways_to_name_a_purification():
    link = ql.purify(ab, ab)
    assert link == ql.purify(ab, ab, "dejmps") == ql.purify(ab, ab, protocol="dejmps")
    assert link == ql.purify(ab, ab, by=circuits.dejmps) == ql.purify(ab, ab, by=circuits.dejmps())
    assert link == ql.purify(ab, ab, by=Operation(circuits.dejmps()))
    thrice = ql.purify(ab, ab, ab, by="double_selection")
    assert thrice.protocol == "double_selection"
    assert thrice.spent == (ab, ab)
    assert thrice.pairs == 3
    assert ql.purify(*[ab] * 4, by="expedient") == ql.purify(*[ab] * 4, by="expedient_round")


WRONG = {
    "too few links": (lambda: ql.purify(ab, ab, by="stringent"), ("spends 4", "got 1")),
    "links that do not meet": (
        lambda: ql.join("entanglement_swap", ab, ql.ElementaryLink(c, d)),
        ("several nodes",),
    ),
    "one link too many": (lambda: ql.join(circuits.fuse_pairs_to_ghz(2), ab, cb, db), ("consumes 2", "got 3")),
    "two names": (lambda: ql.purify(ab, ab, by="epl", protocol="dejmps"), ("by or protocol",)),
    "a purification that is a swap": (
        lambda: ql.purify(ab, ab, by=circuits.entanglement_swap),
        ("several nodes", "relay"),
    ),
    "an unknown name": (
        lambda: ql.swap(ab, ql.ElementaryLink(b, c), by="teleport"),
        ("by must be one of", "teleport"),
    ),
    "a state of three ends to be swapped": (
        lambda: ql.swap(ql.join(circuits.fuse_pairs_to_ghz(2), ab, cb), ab),
        ("two ends",),
    ),
    "a pair at one node": (
        lambda: ql.join("entanglement_swap", ab, ql.ElementaryLink(b, a)),
        ("two different ends",),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_links_that_do_not_fit(what):
    make, texts = WRONG[what]
    with pytest.raises(ValueError, match=re.escape(texts[0])) as refusal:
        make()
    assert all(text in str(refusal.value) for text in texts)


def test_what_can_never_succeed_is_refused():
    perfect = ql.ElementaryLink(a, b)
    opposite = Operation(circuits.dejmps(), heralds=[], odd_heralds=[[0, 1]])
    with pytest.raises(ValueError, match="this purification can never succeed"):
        ql.evaluate(ql.purify(perfect, perfect, by=opposite))


def parts_of(form):
    """A purification whose local parts are composite instructions: one at each end, one for both, or in a block."""
    local = QuantumCircuit(2, 1, name="local")
    local.cx(0, 1)
    local.measure(1, 0)
    circuit = QuantumCircuit(4, 3)
    if form == "both ends":
        both = QuantumCircuit(4, 2, name="both")
        both.append(local.to_instruction(), [0, 2], [0])
        both.append(local.to_instruction(), [1, 3], [1])
        circuit.append(both.to_instruction(), range(4), [0, 1])
    elif form == "in a block":
        circuit.cx(1, 3)
        circuit.measure(3, 1)
        with circuit.if_test((circuit.clbits[2], 0)):  # never written, so that it always holds
            circuit.append(local.to_instruction(), [0, 2], [0])
    else:
        for qubits, bit in (([0, 2], 0), ([1, 3], 1)):
            if form == "each end":
                circuit.append(local.to_instruction(), qubits, [bit])
            else:
                circuit.compose(local, qubits, [bit], inplace=True)
    return Operation(circuit, [(0, 1), (2, 3)], None if form != "in a block" else [0, 1], heralds=[[0, 1]])


@pytest.mark.parametrize("form", ["each end", "both ends", "in a block"])
def test_composite_instructions_are_told_part_by_part(form):
    plain, composite = parts_of("plain"), parts_of(form)
    assert composite.outputs == (0, 1)
    processor = ql.Processor(0.01, 0.02, 0.03, gate_1q_s=0.1, gate_2q_s=0.3, readout_s=0.5)
    ends = [ql.Node(name, processor=processor) for name in "ab"]
    link = ql.ElementaryLink(*ends, ql.Fiber(2e4), fidelity=0.9, success_probability=1.0, attempt_time_s=1.0)
    states = [ql.evaluate(ql.join(operation, link, link)) for operation in (plain, composite)]
    assert states[1].density_matrix.data == pytest.approx(states[0].density_matrix.data, abs=1e-12)
    assert states[1].success_probability == pytest.approx(states[0].success_probability, abs=1e-12)
    if form != "in a block":
        times = [ql.forecast(ql.join(operation, link, link)).latency_s for operation in (plain, composite)]
        assert times[1] == pytest.approx(times[0], rel=1e-12)
        assert composite.verify() == plain.verify()


@pytest.mark.parametrize("value", [0, 1, 2])
def test_conditions_on_registers_within_others_are_composed_rightly(value):
    circuit = QuantumCircuit(QuantumRegister(4), ClassicalRegister(2, "c"))
    circuit.measure([2, 3], [0, 1])
    with circuit.if_test((circuit.clbits[1], 0)):
        with circuit.if_test(expr.less(circuit.cregs[0], value)) as otherwise:
            circuit.s(0)
        with otherwise, circuit.if_test((circuit.cregs[0], 1)):
            circuit.h(1)
        circuit.t(0)
    pair = ql.ElementaryLink(a, b, bell_diagonal=(0.7, 0.1, 0.15, 0.05))
    link = ql.join(Operation(circuit, [(0, 1), (2, 3)], [0, 1]), pair, pair)
    found, wanted = ql.evaluate(ql.compose(link)), ql.evaluate(link)
    assert found.density_matrix.data == pytest.approx(wanted.density_matrix.data, abs=1e-9)


@pytest.mark.parametrize("kind", ["condition", "expression", "switch"])
def test_parts_that_were_composed_keep_their_conditions_on_registers_within_others(kind):
    """A user's part, placed by `QuantumCircuit.compose` on other bits, beside the same written out."""

    def with_part(circuit, m):
        circuit.cx(0, 2)
        circuit.cx(1, 3)
        circuit.measure([2, 3], m)
        with circuit.if_test((m[1], 0)):
            if kind == "switch":
                with circuit.switch(m) as case, case(1):
                    circuit.sx(0)
            else:
                with circuit.if_test((m, 1) if kind == "condition" else expr.equal(m, 1)):
                    circuit.sx(0)
        return circuit

    m = ClassicalRegister(2, "m")
    part = with_part(QuantumCircuit(QuantumRegister(4), m), m)
    composed = QuantumCircuit(QuantumRegister(4), ClassicalRegister(3, "other"))
    composed.compose(part, [0, 1, 2, 3], [2, 0], inplace=True)
    pair = ql.ElementaryLink(a, b, bell_diagonal=(0.7, 0.1, 0.15, 0.05))
    operations = [Operation(circuit, [(0, 1), (2, 3)], [0, 1]) for circuit in (part, composed)]
    links = [ql.join(operation, pair, ql.ElementaryLink(a, b)) for operation in operations]
    wanted = ql.evaluate(links[0]).density_matrix.data
    assert ql.evaluate(links[1]).density_matrix.data == pytest.approx(wanted, abs=1e-12)
    assert ql.evaluate(ql.compose(links[1])).density_matrix.data == pytest.approx(wanted, abs=1e-12)
    assert abs(wanted[0, 1]) > 0.01  # the inner condition holds at times


@pytest.mark.parametrize("nested", [False, True])
def test_stores_are_refused_where_the_operation_is_made(nested):
    circuit = QuantumCircuit(4, 3)
    circuit.measure([2, 3], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)) if nested else contextlib.nullcontext():
        circuit.store(circuit.clbits[2], expr.bit_xor(*circuit.clbits[:2]))
    with pytest.raises(ValueError, match="has classical variables or stores, which links do not follow"):
        Operation(circuit, [(0, 1), (2, 3)], heralds=[[2]])


# --- what is proven

PROVEN = {
    "entanglement_swap": {"XX", "ZZ"},
    "linear_optics_swap": {"XX", "ZZ"},
    "chain_swap": {"XX", "ZZ"},
    "dejmps": {"XX", "ZZ"},
    "epl": {"XX", "ZZ"},
    "double_selection": {"XX", "ZZ"},
    "stringent_round": {"XX", "ZZ"},
    "fuse_pairs_to_ghz": {"XXX", "ZZI", "IZZ"},
    "multiway_swap": {"XXX", "ZZI", "IZZ"},
    "distribute_ghz": {"XXX", "ZZI", "IZZ"},
}


@pytest.mark.parametrize("name", PROVEN)
def test_what_the_library_delivers_is_proven(name):
    operation = Operation(getattr(circuits, name)())
    proven = operation.verify(delivers=sorted(PROVEN[name]))
    assert len(proven) == len(operation.outputs)
    # A state by its stabilizers is what evaluate finds.
    rows = [ql.Node(f"n{i}") for i in range(len(operation.site_names))]
    links = [ql.ElementaryLink(*(rows[operation.site_of_qubit[q]] for q in qubits)) for qubits in operation.inputs]
    state = ql.evaluate(ql.join(operation, *links))
    assert all(state.expectation(label.lstrip("+-")) == (-1 if label[0] == "-" else 1) for label in proven)


@pytest.mark.parametrize("place", [-1, -2])
def test_a_missing_correction_is_found(place):
    for builder in (circuits.entanglement_swap, circuits.multiway_swap):
        circuit = builder()
        circuit.data.pop(place)
        with pytest.raises(ValueError, match=r"at the ports .*(right|end)"):
            Operation(circuit).verify()


def test_what_is_not_delivered_is_refused_by_its_ports():
    with pytest.raises(ValueError, match="YY at the ports left, right: of perfect links it has the other sign"):
        known_operation("entanglement_swap").verify(delivers=["YY"])
    with pytest.raises(ValueError, match="no run of 'dejmps' is accepted"):
        Operation(circuits.dejmps(), heralds=[], odd_heralds=[[0, 1]]).verify()
    with pytest.raises(ValueError, match="2 letters"):
        known_operation("dejmps").verify(delivers=["XXX"])


def test_of_what_is_not_clifford_the_ports_are_all_that_is_checked():
    assert known_operation("bbpssw").verify() == ()
