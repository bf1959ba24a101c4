"""Engines by name and by choice, and the forms in which they run a program.

Every form must give the distribution of the program as it is: compared exactly, with Aer's density matrix as the
independent reference. What is sampled goes through `assert_counts`: correct counts fail one in 10⁶ times a check.
"""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2 as AerSamplerV2

import quantumlink as ql
from quantumlink.circuits import bell_pair
from quantumlink.exact import UnsupportedOperation, branches, interpreter_size
from quantumlink.execution.aer_plans import aer_plan, lean_form
from quantumlink.execution.engine import Setting
from quantumlink.execution.engine_choice import bits_that_matter, local_engine
from quantumlink.execution.engines import AerEngine
from quantumlink.execution.running_parities import running_parities
from quantumlink.program import Frame
from quantumlink.rewrites import add_noise, deferred_circuit, reuse_qubits
from quantumlink.testing import assert_counts

# Rounding of some hundred products of matrices with entries below 1, on both sides.
EXACT = 1e-9

PROCESSOR = ql.Processor(0.02, 0.05, [[0.97, 0.03], [0.08, 0.92]])
PAULIS_ONLY = ql.Processor(0.0, 0.05, [[0.97, 0.03], [0.08, 0.92]])
MEMORY = ql.Memory(t1_s=3.0, t2_s=4.0)


def waiting(program, time_s=0.5):
    """The program with a wait after each elementary pair."""
    circuit = program.circuit.copy_empty_like()
    for instruction in program.circuit.data:
        circuit.append(instruction)
        if instruction.name == "bell_pair":
            for qubit in instruction.qubits:
                circuit.delay(time_s, qubit, unit="s")
    return replace(program, circuit=circuit)


def with_ends(program):
    """The ends measured in Y, where a wrong X and a wrong Z of the frame both show."""
    circuit = program.circuit.copy()
    ends = ClassicalRegister(2, "ends")
    circuit.add_register(ends)
    left, right = program.ends.values()
    circuit.sdg([left, right])
    circuit.h([left, right])
    circuit.measure([left, right], ends)
    return replace(program, circuit=circuit)


def hops(number, processor=PROCESSOR, memory=MEMORY):
    nodes = [ql.Node(f"n{i}", memory=memory, processor=processor) for i in range(number + 1)]
    return [ql.ElementaryLink(a, b, fidelity=0.9) for a, b in pairwise(nodes)]


def chain(number, corrections="frame", order="sequential", processor=PROCESSOR):
    return waiting(ql.compose(ql.chain(hops(number, processor), order=order), corrections=corrections))


def purified(corrections):
    left, right = hops(2)
    link = ql.purify(ql.swap(ql.purify(left, left), right), ql.swap(left, right))
    return waiting(ql.compose(link, corrections=corrections))


def distribution(program, readings=None):
    """The exact probability of (accepted, left bit, right bit), the frame applied; the ends in Y."""
    found = branches(program.circuit) if readings is None else readings
    bits = np.array(list(found), dtype=bool)
    weights = np.array([float(np.reshape(p, ())) for p in found.values()])
    left, right = program.ends
    first = program.circuit.num_clbits - 2
    reading = np.stack(
        [
            program.accepted(bits),
            bits[:, first] ^ program.flips(bits, left, "Y"),
            bits[:, first + 1] ^ program.flips(bits, right, "Y"),
        ]
    )
    table = np.zeros(8)
    np.add.at(table, reading.T @ [4, 2, 1], weights)
    return table


def kept_distribution(program):
    """As `distribution`, of the bits that matter only."""
    keep = bits_that_matter(program)
    found = {}
    for record, p in branches(program.circuit, keep=keep).items():
        bits = [0] * program.circuit.num_clbits
        for bit, value in zip(keep, record, strict=True):
            bits[bit] = value
        found[tuple(bits)] = p
    return distribution(program, found)


def aer_distribution(program):
    """As `distribution`, from Aer's density matrix of the circuit with its measurements deferred."""
    circuit = deferred_circuit(program.circuit)
    assert circuit.num_qubits <= 10
    owner = {
        circuit.find_bit(i.clbits[0]).index: circuit.find_bit(i.qubits[0]).index
        for i in circuit.data
        if i.name == "measure"
    }
    circuit.remove_final_measurements()
    circuit.save_probabilities()
    result = AerSimulator(method="density_matrix").run(circuit).result()
    number = program.circuit.num_clbits
    found = {}
    for index, p in enumerate(result.data()["probabilities"]):
        record = tuple(index >> owner[bit] & 1 for bit in range(number))
        found[record] = found.get(record, 0.0) + p
    return distribution(program, found)


SMALL = {
    "a frame": lambda: chain(3),
    "a frame in balanced order": lambda: chain(4, order="balanced"),
    "feed-forward": lambda: chain(3, "feedforward"),
    "a correction after each swap": lambda: chain(3, "sequential"),
    "purified, with a frame": lambda: purified("frame"),
    "purified": lambda: purified("sequential"),
    "purified, feed-forward": lambda: purified("feedforward"),
}


# --- forms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("reused", [False, True], ids=["wide", "lean"])
def test_running_parities_change_no_probability(name, reused):
    program = with_ends(add_noise(SMALL[name]()))
    wanted = distribution(program)
    number = program.circuit.num_clbits
    source = reuse_qubits(program) if reused else program
    folded = running_parities(source, keep=[number - 2, number - 1])
    assert folded is not source
    np.testing.assert_allclose(kept_distribution(folded), wanted, rtol=0, atol=EXACT)
    assert wanted[4:].sum() < 1 - 1e-3 or "purified" not in name  # heralds do refuse


@pytest.mark.parametrize("name", ["a frame", "a frame in balanced order"])
def test_forms_of_a_static_program_are_aers_density_matrix(name):
    program = with_ends(add_noise(SMALL[name]()))
    wanted = aer_distribution(program)
    ends = [program.circuit.num_clbits - 2, program.circuit.num_clbits - 1]
    for form in (program, lean_form(program), running_parities(lean_form(program), keep=ends)):
        np.testing.assert_allclose(kept_distribution(form), wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("corrections", ["sequential", "feedforward"])
def test_noiseless_corrections_are_deferred_as_they_are(corrections):
    # No noise on one-qubit gates, so that the conditional blocks hold nothing else than Paulis.
    program = with_ends(add_noise(chain(3, corrections, processor=PAULIS_ONLY)))
    plan = aer_plan(program)
    assert plan.method == "density_matrix"
    assert "deferred" in plan.reason
    np.testing.assert_allclose(distribution(plan.program), distribution(program), rtol=0, atol=EXACT)
    np.testing.assert_allclose(aer_distribution(program), distribution(program), rtol=0, atol=EXACT)


@pytest.mark.parametrize("pauli", ["x", "z"])
def test_a_bit_that_is_missing_in_a_parity_is_noticed(pauli):
    program = with_ends(add_noise(chain(3)))
    wanted = distribution(program)
    frame = {end: replace(f, **{pauli: getattr(f, pauli)[1:]}) for end, f in program.frame.items()}
    wrong = replace(program, frame=frame)
    ends = [program.circuit.num_clbits - 2, program.circuit.num_clbits - 1]
    assert np.abs(kept_distribution(running_parities(wrong, keep=ends)) - wanted).max() > 0.03


def odd_programs():
    """Programs that running parities leave alone."""
    base = QuantumCircuit(2, 4)
    node = ql.Node("anywhere")

    def program(build, heralds=((0, 1),)):
        circuit = base.copy()
        build(circuit)
        return ql.Program(circuit, {"a": 0, "b": 1}, (node,) * 2, heralds=heralds)

    def conditional(condition, operation):
        def build(circuit):
            circuit.h(0)
            circuit.measure([0, 1], [0, 1])
            with circuit.if_test(condition(circuit)):
                operation(circuit)

        return build

    return {
        "measured twice": program(lambda c: [c.h(0), c.measure(0, 0), c.h(0), c.measure(0, 0)]),
        "measured in a block": program(conditional(lambda c: (c.clbits[0], 1), lambda c: c.measure(1, 2))),
        "a register": program(conditional(lambda c: (c.cregs[0], 1), lambda c: c.x(1))),
        "an and": program(conditional(lambda c: expr.bit_and(*c.clbits[:2]), lambda c: c.x(1))),
        "a bit that is never measured": program(conditional(lambda c: (c.clbits[3], 0), lambda c: c.x(1))),
        "a bit twice": program(conditional(lambda c: expr.bit_xor(*[c.clbits[0]] * 2), lambda c: c.x(1))),
    }


@pytest.mark.parametrize("name", odd_programs())
def test_what_does_not_fit_stays_as_it_is(name):
    program = odd_programs()[name]
    assert running_parities(program, keep=[2, 3]) is program


def test_an_else_branch_and_a_condition_on_zero_are_kept():
    circuit = QuantumCircuit(3, 5)
    circuit.h(0)
    circuit.rx(0.7, 1)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[0], 0)) as otherwise:
        circuit.ry(0.4, 2)
    with otherwise:
        circuit.ry(1.1, 2)
    with circuit.if_test(expr.bit_xor(*circuit.clbits[:2])) as otherwise:
        circuit.x(2)
    with otherwise:
        circuit.rx(0.3, 2)
    circuit.reset(0)
    circuit.rx(0.2, 0)
    circuit.measure([0, 2], [3, 4])
    frame = {"a": Frame(z=(0, 1, 1)), "b": Frame(x=(1, 2))}
    program = ql.Program(circuit, {"a": 0, "b": 2}, (ql.Node("n"),) * 3, heralds=((0,), (1, 2)), frame=frame)
    folded = running_parities(program, keep=[3, 4])
    assert folded is not program
    np.testing.assert_allclose(kept_distribution(folded), distribution(program), rtol=0, atol=EXACT)


@pytest.mark.parametrize("basis", "XYZ")
def test_a_bit_that_stands_twice_in_a_frame_changes_nothing(basis):
    """Every record of three bits, added up here."""
    frame = Frame(x=(0, 2, 2, 2), z=(0, 1, 1))
    program = ql.Program(QuantumCircuit(1, 3), {"a": 0}, (ql.Node("n"),), frame={"a": frame})
    for record in product((0, 1), repeat=3):
        odd = sum(record[bit] for bit in (*(frame.x if basis in "YZ" else ()), *(frame.z if basis in "XY" else ())))
        assert program.flips(np.array(record, dtype=bool), "a", basis) == odd % 2


@pytest.mark.parametrize("corrections", ["frame", "feedforward", "sequential"])
def test_a_long_chain_needs_a_handful_of_qubits_and_bits(corrections):
    program = with_ends(add_noise(chain(100, corrections)))
    number = program.circuit.num_clbits
    folded = running_parities(lean_form(program), keep=[number - 2, number - 1])
    size = interpreter_size(folded.circuit, bits_that_matter(folded))
    assert size.qubits <= 4
    assert size.bits <= 4
    assert folded.circuit.num_clbits <= 8


# --- which engine runs ---------------------------------------------------------------------------------------


def chosen(program, name=None, **options):
    engine, _ = local_engine(with_ends(add_noise(program, **options)), [Setting(np.zeros(0), 10)], 1, name)
    return engine.reason


def test_the_choice_and_its_reason():
    assert chosen(chain(2)).startswith("exact: up to 4 qubits at one time, ")
    assert "reused" not in chosen(chain(2))
    long = chosen(chain(30))
    assert long.startswith("exact: up to 3 qubits at one time, 4 bits")
    assert "resets at random" in long or "not a mixture of Paulis" in long
    assert chosen(chain(30), twirl_relaxation=True).startswith("clifford: ")
    assert chosen(chain(30), "exact", twirl_relaxation=True).startswith("exact: ")
    assert chosen(chain(30), "aer").startswith("aer: statevector on 4 qubits used again in place of 60")
    assert chosen(chain(3), "aer").startswith("aer: density_matrix on 6 qubits, measured last")
    assert chosen(chain(30), "clifford", twirl_relaxation=True) == "clifford: asked for"


def test_many_settings_of_no_clifford_circuit_run_on_aer():
    program = with_ends(add_noise(chain(2)))
    engine, form = local_engine(program, [Setting(np.zeros(0), 1)] * 2_001, 1)
    assert engine.reason.startswith("aer: density_matrix on 4 qubits")
    assert "2001 settings" in engine.reason
    assert form.circuit.num_qubits == 4


def entangled(qubits, gate="t"):
    """Two ends of a state that entangles all its qubits."""
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for i in range(qubits - 1):
        circuit.cx(i, i + 1)
    for i in range(qubits):
        getattr(circuit, gate)(i)
    for i in reversed(range(qubits - 1)):
        circuit.cx(i, i + 1)
    node = ql.Node("anywhere")
    return ql.Program(circuit, {"left": 0, "right": qubits - 1}, (node,) * qubits)


def test_aers_methods():
    without_noise = aer_plan(with_ends(entangled(14)))
    assert (without_noise.method, without_noise.program.circuit.num_qubits) == ("statevector", 14)
    assert "one run for all shots" in without_noise.reason
    wide = entangled(24)
    assert aer_plan(with_ends(wide)).method == "matrix_product_state"
    noisy = replace(entangled(11), nodes=(ql.Node("n", processor=ql.Processor(depolarizing_1q=0.01)),) * 11)
    plan = aer_plan(with_ends(add_noise(noisy)))
    assert plan.method == "statevector"
    assert "shot by shot" in plan.reason


ENGINES = ("exact", "clifford", "aer")


@pytest.mark.parametrize("corrections", ["frame", "sequential"])
def test_every_engine_counts_the_same(corrections, seed):
    """Asked for by name, under noise that all of them take, and against the exact state."""
    link = ql.chain(hops(3))
    program = ql.compose(link, corrections=corrections)
    state = ql.evaluate(program)
    for name in ENGINES:
        samples = ql.sample(program, ["ZZ", "XX"], shots=4_000, seed=seed, engine=name)
        assert samples.engine.startswith(f"{name}: ")
        assert not samples.twirled_relaxation
        for basis in ("ZZ", "XX"):
            even = (1 + state.expectation(basis)) / 2
            counts = samples.outcomes[basis]
            found = {"even": counts[0] + counts[3], "odd": counts[1] + counts[2]}
            assert_counts(found, {"even": even, "odd": 1 - even})


@pytest.mark.parametrize("corrections", ["frame", "sequential", "feedforward"])
def test_relaxation_is_counted_as_it_is(corrections, seed):
    """Against the exact distribution of the wide circuit, on the engine of choice and on Aer's forms."""
    program = chain(4, corrections)
    exact = kept_distribution(with_ends(add_noise(program)))[4:]
    for name, shots in ((None, 100_000), ("aer", 3_000)):
        samples = ql.sample(program, ["YY"], shots=shots, seed=seed, engine=name)
        counts = samples.outcomes["YY"]  # right, left
        assert_counts(
            {(left, right): counts[2 * right + left] for left in (0, 1) for right in (0, 1)},
            {(left, right): exact[2 * left + right] for left in (0, 1) for right in (0, 1)},
        )


# --- refusals ------------------------------------------------------------------------------------------------


def on_one_qubit(operation):
    def build():
        circuit = QuantumCircuit(2)
        circuit.h(0)
        operation(circuit)
        return ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("anywhere"),) * 2)

    return build


def with_a_variable():
    circuit = QuantumCircuit(2, 1)
    flag = circuit.add_var("flag", True)
    with circuit.if_test(flag):
        circuit.t(0)
    return ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("anywhere"),) * 2)


REFUSED = [
    ("clifford", on_one_qubit(lambda c: c.t(1)), {}, ["'t' on qubit 1", "circuit.data[1]", "engine='exact' can"]),
    (
        "clifford",
        on_one_qubit(lambda c: c.rx(0.3, 0)),
        {},
        ["'rx(0.3)' on qubit 0", "angles", "circuit.data[1]", "engine='exact' can"],
    ),
    (
        "clifford",
        lambda: chain(2),
        {},
        ["'quantum_channel' on qubit", "circuit.data[3]", "engine='exact' can", "twirl_relaxation=True"],
    ),
    ("clifford", lambda: entangled(14), {"noise": "sampler"}, ["'t' on qubit 0", "circuit.data[", "'aer' can"]),
    (
        "exact",
        lambda: entangled(16),
        {},
        ["16 qubits are entangled", "'cx' on qubits", "circuit.data[15]", "4^13", "engine='aer' can"],
    ),
    ("exact", lambda: entangled(16, "s"), {}, ["16 qubits", "engine='clifford' can"]),
    ("aer", with_a_variable, {"noise": "sampler"}, ["classical variables, 'store'", "engine='exact' can"]),
    ("clifford", with_a_variable, {"noise": "sampler"}, ["circuit.data[", "engine='exact' can"]),
]


@pytest.mark.parametrize(("name", "build", "options", "words"), REFUSED)
def test_an_engine_that_was_asked_for_says_what_it_cannot_take(name, build, options, words):
    with pytest.raises(ValueError, match=f"engine='{name}' cannot take this program") as refusal:
        ql.sample(build(), shots=10, seed=1, engine=name, **options)
    for word in words:
        assert word in str(refusal.value), str(refusal.value)


def test_aer_is_never_given_what_aborts_it():
    program = with_a_variable()
    assert ql.sample(program, "ZZ", shots=10, seed=1, noise="sampler").engine.startswith("exact")
    with pytest.raises(ValueError, match="Aer cannot take classical variables, 'store'"):
        ql.sample(program, "ZZ", shots=10, seed=1, noise="sampler", sampler=AerSimulator())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "stim"}, ["engine", "'stim'", "exact", "clifford", "aer"]),
        ({"engine": "exakt"}, ["did you mean 'exact'"]),
        ({"engine": "aer", "sampler": AerSimulator()}, ["engine", "sampler"]),
        ({"engine": "aer", "shots": 0}, ["shots", "0"]),
        ({"twirl_relaxation": True, "noise": "sampler"}, ["twirl_relaxation", "noise='program'"]),
    ],
)
def test_bad_arguments_are_refused(options, words):
    with pytest.raises(ValueError, match=words[0]) as refusal:
        ql.sample(chain(1), **options)
    for word in words:
        assert word in str(refusal.value)


def conditions_that_aer_does_not_know():
    """Each holds if the second of two bits is 1; both are 1 or both 0."""
    bits = ClassicalRegister(2, "m")
    number = expr.lift(bits)
    return bits, {
        "an index": expr.index(bits, 1),
        "a shift": expr.cast(expr.shift_right(bits, 1), types.Bool()),
        "a Float": expr.greater(expr.cast(number, types.Float()), 1.5),
        "arithmetic": expr.equal(expr.add(number, number), 2),  # it wraps: 3 + 3 is 2
    }


@pytest.mark.parametrize("name", ["an index", "a shift", "a Float", "arithmetic"])
def test_conditions_that_aer_does_not_know_are_told_in_single_bits(name, seed):
    bits, conditions = conditions_that_aer_does_not_know()
    circuit = QuantumCircuit(QuantumRegister(3, "q"), bits)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], bits)
    with circuit.if_test(conditions[name]):
        with circuit.if_test(conditions[name]):
            circuit.x(2)
        circuit.h(0)  # no correction by Paulis, and so nothing that a frame takes
    keep = range(2)
    rows = AerEngine("automatic", seed).run(_with_readout(circuit), [Setting(np.zeros(0), 400)], keep)[0]
    assert np.array_equal(rows[:, 1], rows[:, 2])
    assert 0 < rows[:, 1].sum() < 400  # wrong with a probability of 2^-399


def test_a_condition_on_a_variable_is_still_refused_by_aer():
    circuit = QuantumCircuit(1, 1)
    circuit.add_var("v", expr.lift(True))
    with pytest.raises(UnsupportedOperation, match="classical variables"):
        AerEngine("automatic", 1).run(circuit, [Setting(np.zeros(0), 1)], [0])


def _with_readout(circuit):
    read = circuit.copy()
    read.add_register(ClassicalRegister(1, "read"))
    read.measure(2, 2)
    return read


@pytest.mark.parametrize("given", [{"engine": "aer"}, {"sampler": AerSimulator()}, {"sampler": AerSamplerV2()}])
def test_aer_keeps_qubits_that_only_conditions_touch(given, seed):
    """Aer 0.18 drops a qubit that no measurement depends on, and then fails on the condition over it."""
    circuit = QuantumCircuit(3, 1)
    circuit.append(bell_pair().to_gate(), [0, 1])
    with circuit.if_test((0, 0)):
        circuit.x(2)
    program = ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("a"), ql.Node("b"), ql.Node("a")))
    assert ql.sample(program, shots=100, seed=seed, **given).fidelity() == 1.0
