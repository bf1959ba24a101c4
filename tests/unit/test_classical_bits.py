"""Classical bits keep their meaning in whatever registers they stand: each is compared with an enumeration.

The enumeration (`oracles.dynamic_circuits`) reads bits by their index and knows no order of registers.
"""

from random import Random

import numpy as np
import pytest
from oracles.dynamic_circuits import delivered, histories
from oracles.random_circuits import CLIFFORD, DEFERRABLE, EVERYTHING, random_circuit, random_program
from qiskit.circuit import ClassicalRegister, Clbit, IfElseOp, Instruction, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.primitives import SamplerV2

import quantumlink as ql
from quantumlink.circuits import bell_pair, teleportation
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.execution.exact_sampler import ExactSampler
from quantumlink.execution.running_parities import running_parities
from quantumlink.rewrites import (
    deferred_circuit,
    expanded_circuit,
    ordered_circuit,
    pauli_frame,
    reused_circuit,
)
from quantumlink.rewrites.classical_bits import registers_in_order
from quantumlink.testing import assert_channel

EXACT = 1e-9


def same(found, wanted):
    for record in {*found, *wanted}:
        np.testing.assert_allclose(found.get(record, 0), wanted.get(record, 0), rtol=0, atol=EXACT)


def chance(circuit):
    return {record: np.trace(state).real for record, state in histories(circuit).items()}


def rewritten_or_none(rewrite, circuit):
    try:
        return rewrite(circuit)
    except UnsupportedOperation:
        return None


@pytest.mark.parametrize("rewrite", [expanded_circuit, ordered_circuit])
def test_expansion_and_order_change_nothing(rewrite, seed):
    for number in range(60):
        rng = Random(f"{seed} {number}")
        circuit = random_circuit(rng, (EVERYTHING, CLIFFORD, DEFERRABLE)[number % 3], qubits=rng.randint(1, 3))
        other = rewrite(circuit)
        assert rewrite is expanded_circuit or registers_in_order(other)
        assert list(other.clbits) == list(circuit.clbits)
        same(histories(other), histories(circuit))


def test_deferred_circuits_give_the_same_records(seed):
    compared = 0
    for number in range(60):
        rng = Random(f"{seed} {number}")
        palette = (CLIFFORD, DEFERRABLE)[number % 2]
        circuit = random_circuit(rng, palette, qubits=rng.randint(1, 2), bits=rng.randint(1, 2))
        other = rewritten_or_none(deferred_circuit, circuit)
        if other is not None and other.num_qubits <= 7:
            compared += 1
            assert not {"if_else", "reset"}.intersection(other.count_ops())
            same(chance(other), chance(circuit))
    assert compared > 20


def test_reused_qubits_give_the_same_records(seed):
    compared = 0
    for number in range(40):
        rng = Random(f"{seed} {number}")
        circuit = random_circuit(rng, (EVERYTHING, CLIFFORD)[number % 2], qubits=rng.randint(1, 3))
        lean = rewritten_or_none(lambda of: reused_circuit(of).circuit, circuit)
        if lean is not None:
            compared += 1
            same(chance(lean), chance(circuit))
    assert compared > 20


def test_running_parities_deliver_the_same(seed):
    for number in range(40):
        program = random_program(Random(f"{seed} {number}"), (CLIFFORD, DEFERRABLE)[number % 2])
        program = ql.Program(ordered_circuit(program.circuit), program.ends, program.nodes, program.heralds)
        folded = running_parities(program)
        if folded.circuit.num_qubits <= 8:
            np.testing.assert_allclose(delivered(folded), delivered(program), rtol=0, atol=EXACT)


# --- what is sampled


def chain(order="own"):
    """Two perfect links and a swap, its bits in registers of some kind: the pair is perfect."""
    circuit = QuantumCircuit(4)
    bits = [Clbit(), Clbit()]
    if order in ("reversed", "overlapping", "none", "gap", "empty", "permuted"):
        circuit.add_bits(bits)
    if order in ("own", "ends"):
        circuit.add_register(ClassicalRegister(bits=bits, name=order))
    elif order == "reversed":
        circuit.add_register(ClassicalRegister(bits=bits[::-1], name="c"))
    elif order == "permuted":
        for name, bit in zip("ab", bits[::-1], strict=True):
            circuit.add_register(ClassicalRegister(bits=[bit], name=name))
    elif order == "overlapping":
        circuit.add_register(ClassicalRegister(bits=bits, name="c"), ClassicalRegister(bits=bits[1:], name="alias"))
    elif order == "gap":
        circuit.add_register(ClassicalRegister(bits=bits[1:], name="some"))
    elif order == "empty":
        circuit.add_register(ClassicalRegister(0, "nothing"), ClassicalRegister(bits=bits, name="c"))
    elif order == "long":
        circuit.add_register(ClassicalRegister(70, "unused"), ClassicalRegister(bits=bits, name="c"))
    circuit.append(bell_pair().to_gate(), [0, 1])
    circuit.append(bell_pair().to_gate(), [2, 3])
    circuit.cx(1, 2)
    circuit.h(1)
    circuit.measure([1, 2], bits)
    with circuit.if_test((bits[0], 1)):
        circuit.z(3)
    last = next((r for r in circuit.cregs if len(r) == 1 and r[0] is bits[1]), None)
    with circuit.if_test((bits[1], 1) if last is None else (last, 1)):
        circuit.x(3)
    a, relay, b = map(ql.Node, ("alice", "relay", "bob"))
    return ql.Program(circuit, {"alice": 0, "bob": 3}, (a, relay, relay, b))


KINDS = ["own", "ends", "reversed", "permuted", "overlapping", "none", "gap", "empty", "long"]


@pytest.mark.parametrize("order", KINDS)
@pytest.mark.parametrize("engine", ["exact", "clifford", "aer", None])
def test_every_engine_reads_the_right_bits(order, engine):
    assert ql.sample(chain(order), shots=300, seed=1, engine=engine).fidelity().best == 1


@pytest.mark.parametrize("order", KINDS)
@pytest.mark.parametrize("sampler", [lambda: SamplerV2(seed=1), lambda: ExactSampler(seed=1)])
def test_every_sampler_reads_the_right_bits(order, sampler):
    assert ql.sample(chain(order), shots=300, seed=1, sampler=sampler()).fidelity().best == 1


@pytest.mark.parametrize("order", KINDS)
def test_frames_and_heralds_are_read_by_the_same_bits(order):
    program = pauli_frame(chain(order))
    assert program.frame["bob"].x == (program.circuit.num_clbits - 1,)
    for engine in ("exact", "clifford", "aer"):
        assert ql.sample(program, shots=300, seed=1, engine=engine).fidelity().best == 1
    with_herald = ql.Program(program.circuit, program.ends, program.nodes, ((program.circuit.num_clbits - 1,),))
    samples = ql.sample(with_herald, bases="ZZ", shots=2000, seed=1, engine="aer")
    assert samples.acceptance.covers(0.5)
    assert sum(samples.outcomes["ZZ"][1:3]) == 0  # without X, where the bit is 0, none is needed


@pytest.mark.parametrize("order", KINDS)
@pytest.mark.parametrize("corrections", ["auto", "sequential", "feedforward", "deferred"])
def test_a_prepared_program_reads_the_right_bits(order, corrections):
    device = GenericBackendV2(6, control_flow=True, seed=1)
    prepared = ql.prepare(chain(order), device, corrections=corrections, optimization_level=1, seed=1)
    result = SamplerV2(seed=1).run(prepared.pubs(300)).result()
    assert prepared.samples(result).fidelity().best == 1


def test_keys_of_a_program_with_overlapping_registers():
    for order in ("overlapping", "reversed"):
        assert ql.qkd.bbm92(chain(order), rounds=2000, seed=7).qber.best == 0


def test_an_out_of_range_value_never_holds_on_any_engine():
    circuit = chain("own").circuit
    register = circuit.cregs[0]
    for value in (5, 6, 7, 4):  # by mask, one of the four would always hold
        with circuit.if_test((register, value)):
            circuit.x(0)
    nodes = tuple(map(ql.Node, ("alice", "relay", "relay", "bob")))
    program = ql.Program(circuit, {"alice": 0, "bob": 3}, nodes)
    for engine in ("exact", "clifford", "aer"):
        assert ql.sample(program, shots=300, seed=1, engine=engine).fidelity().best == 1
    assert "if_else" not in expanded_circuit(deferred_circuit(circuit)).count_ops()
    for rewrite in (deferred_circuit, ordered_circuit):
        same(chance(rewrite(circuit)), chance(circuit))


def test_a_bit_compared_with_two_is_refused_everywhere():
    program = chain("own")
    with program.circuit.if_test((program.circuit.clbits[0], 2)):
        program.circuit.x(0)
    for engine in ("exact", "clifford", "aer", None):
        with pytest.raises(ValueError, match="0 or 1, got 2"):
            ql.sample(program, shots=10, engine=engine)
    for rewrite in (pauli_frame, ql.evaluate):
        with pytest.raises(UnsupportedOperation, match="0 or 1, got 2"):
            rewrite(program)
    for rewrite in (deferred_circuit, branches, reused_circuit):
        with pytest.raises(UnsupportedOperation, match="0 or 1, got 2"):
            rewrite(program.circuit)
    with pytest.raises(UnsupportedOperation, match="0 or 1, got 2"):
        ql.prepare(program, GenericBackendV2(6, control_flow=True, seed=1))


@pytest.mark.parametrize("engine", ["exact", "clifford", "aer", None])
def test_the_names_that_devices_give(engine):
    program = chain("own")
    circuit = program.circuit.copy_empty_like()
    for instruction in program.circuit.data:
        if instruction.name == "measure":
            instruction = instruction.replace(operation=Instruction("measure_2", 1, 1, []))
        circuit.append(instruction)
    circuit.append(Instruction("reset_2", 1, 0, []), [1])
    circuit.append(Instruction("measure_reset", 1, 1, []), [2], [0])
    named = ql.Program(circuit, program.ends, program.nodes)
    assert ql.sample(named, shots=300, seed=1, engine=engine).fidelity().best == 1
    device = GenericBackendV2(6, control_flow=True, seed=1)
    if engine is None:
        prepared = ql.prepare(named, device, optimization_level=1, seed=1)
        assert prepared.samples(SamplerV2(seed=1).run(prepared.pubs(300)).result()).fidelity().best == 1


def test_an_empty_block():
    program = chain("own")
    with program.circuit.if_test((program.circuit.clbits[0], 1)):
        pass
    body = QuantumCircuit(0, 0)
    program.circuit.append(IfElseOp((program.circuit.clbits[0], 1), body), [], [])
    with program.circuit.if_test(expr.logic_and(*program.circuit.clbits)):
        program.circuit.barrier()
    for engine in ("exact", "clifford", "aer", None):
        assert ql.sample(program, shots=300, seed=1, engine=engine).fidelity().best == 1
    deferred_circuit(program.circuit)
    device = GenericBackendV2(6, control_flow=True, seed=1)
    prepared = ql.prepare(program, device, optimization_level=1, seed=1)
    assert prepared.samples(SamplerV2(seed=1).run(prepared.pubs(300)).result()).fidelity().best == 1


def test_a_condition_whose_bit_is_not_named_is_not_reordered():
    """The bit of `IfElseOp`'s condition need not be among the instruction's bits."""
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    body = QuantumCircuit(1)
    body.x(0)
    circuit.measure(0, 0)
    circuit.append(IfElseOp((circuit.clbits[0], 1), body), [1], [])
    circuit.measure(1, 1)
    for rewritten in (reused_circuit(circuit).circuit, deferred_circuit(circuit), ordered_circuit(circuit)):
        same(chance(rewritten), {(1, 1): 1.0})


# --- ports of the test kit


@pytest.mark.parametrize(
    "first", [0, np.int64(0), np.array(0), np.array([0]), [np.int32(0)], (np.uint8(0),), "message"]
)
def test_ports_are_numbers_of_any_kind(first):
    assert_channel(teleportation(), "I", inputs=first, outputs=np.array([2]))


@pytest.mark.parametrize("port", [True, [False], np.array([True]), np.array([0.0]), -1, np.int64(7), 1.0])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(ValueError, match="inputs must name"):
        assert_channel(teleportation(), "I", inputs=port if not np.isscalar(port) else [port], outputs=2)


def test_names_that_devices_give_stay_where_they_are_asked_to():
    circuit = QuantumCircuit(2, 1)
    circuit.add_bits([Clbit()])
    circuit.append(Instruction("measure_2", 1, 1, []), [0], [1])
    for keep, name in ((None, "measure"), (lambda name: name == "measure_2", "measure_2")):
        found = ordered_circuit(circuit, keep=keep)
        assert [(step.name, step.clbits) for step in found.data] == [(name, (circuit.clbits[1],))]
        assert registers_in_order(found)
