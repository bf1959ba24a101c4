"""Stated errors of gates inverted: exact where devices depolarize, and the mixture with negative weights."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from qiskit.circuit import Measure, Parameter, QuantumCircuit, Reset
from qiskit.circuit.library import CZGate, RZGate, SXGate, XGate
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import InstructionProperties, Target

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.execution.mitigation import cancelled
from quantumlink.execution.preparation import predict, prepare
from quantumlink.execution.preparation.device_noise import noisy_isa_circuit

A, B = ql.Node("alice"), ql.Node("bob")
PAIR = ql.ElementaryLink(A, B)
SHOTS = 10**5
SIZE = 6


def chain(hops):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)])


PROGRAMS = {
    "a pair": PAIR,
    "a swap": chain(2),
    "three hops": chain(3),
    "a purified pair": ql.purify(PAIR, PAIR),
    "a pair, purified twice": ql.purify(ql.purify(PAIR, PAIR), PAIR),
    "two hops on few qubits": ql.compose(chain(2), reuse_qubits=True),
}


def device(single=1e-3, double=2e-2):
    """Gates depolarize, nothing else errs; unlike ones on every place."""
    target = Target(num_qubits=SIZE)
    for number, gate in enumerate((SXGate(), XGate())):
        errors = {(q,): InstructionProperties(error=single * (1 + q + number)) for q in range(SIZE)}
        target.add_instruction(gate, errors)
    perfect = {(q,): InstructionProperties(error=0.0) for q in range(SIZE)}
    target.add_instruction(RZGate(Parameter("t")), dict(perfect))
    target.add_instruction(Measure(), dict(perfect))
    target.add_instruction(Reset(), dict(perfect))
    pairs = [(a, b) for a in range(SIZE) for b in range(SIZE) if abs(a - b) == 1]
    target.add_instruction(CZGate(), {(a, b): InstructionProperties(error=double * (1 + a)) for a, b in pairs})
    made = GenericBackendV2(SIZE, coupling_map=[list(pair) for pair in pairs], seed=1)
    made._target = target
    return made


def as_predicted(prepared, shots=SHOTS):
    """A result whose counts are the exact probabilities of all bits, rounded."""
    noisy = noisy_isa_circuit(prepared.circuit, prepared.target, latency_s=0.0)
    rows = []
    for row in prepared.settings():
        values = dict(zip(prepared.circuit.parameters, row, strict=True))
        there = {p: v for p, v in values.items() if p in noisy.circuit.parameters}
        bits = list(range(noisy.circuit.num_clbits))
        found = branches(noisy.circuit.assign_parameters(there), keep=bits, readout=noisy.readout)
        shares = np.array([float(tensor.reshape(())) for tensor in found.values()])
        edges = np.rint(np.cumsum(shares) * shots).astype(int)
        counts = np.diff(edges, prepend=0)
        rows.append(np.repeat(np.array(list(found), dtype=bool), counts, axis=0))
    bits = np.stack(rows)
    data = {
        name: BitArray.from_bool_array(bits[:, :, list(places)], order="little")
        for name, places in prepared.recipe.registers
    }
    return PrimitiveResult([SamplerPubResult(DataBin(**data, shape=(len(rows),)))])


@pytest.mark.parametrize("name", PROGRAMS)
def test_exact_where_gates_depolarize(name):
    made = device()
    place = prepare(PROGRAMS[name], made, corrections="frame", seed=1).layout
    prepared = prepare(
        PROGRAMS[name], made, corrections="frame", optimization_level=1, initial_layout=place, seed=1
    )
    found = cancelled(prepared, as_predicted(prepared))
    assert found.raw.fidelity().best < 0.97
    assert found.fidelity().best == pytest.approx(1.0, abs=1e-3)  # rounded counts
    for basis, sign in (("XX", 1), ("YY", -1), ("ZZ", 1)):
        assert found.expectation(basis).best == pytest.approx(sign, abs=1e-3)
    operator = SparsePauliOp.from_list([("II", 0.25), ("XX", 0.25), ("YY", -0.25), ("ZZ", 0.25)])
    assert found.expectation(operator) == pytest.approx(found.fidelity(), abs=1e-12)
    with pytest.raises(ValueError, match="pauli must be one of"):
        found.expectation(SparsePauliOp("IZ"))
    if not prepared.recipe.heralds:
        assert abs(found.raw.expectation("ZZ").best) == pytest.approx(found.kept["ZZ"], abs=1e-3)


def test_it_is_the_mixture_with_negative_weights():
    """All sixteen Paulis behind the gate: the identity weighs (1 − λ/16)/(1 − λ), others −(λ/16)/(1 − λ)."""
    made = device(single=0.0)
    prepared = prepare(PAIR, made, corrections="frame", optimization_level=1, seed=1)
    place = next(i for i, step in enumerate(prepared.circuit.data) if step.name == "cz")
    gate = prepared.circuit.data[place]
    pair = tuple(prepared.circuit.find_bit(q).index for q in gate.qubits)
    shrunk = made.target["cz"][pair].error * 4 / 3
    total = {"XX": 0.0, "YY": 0.0, "ZZ": 0.0}
    for paulis in product("IXYZ", repeat=2):
        circuit = prepared.circuit.copy_empty_like()
        for i, step in enumerate(prepared.circuit.data):
            circuit.append(step)
            if i == place:
                for qubit, letter in zip(gate.qubits, paulis, strict=True):
                    if letter in "XY":
                        circuit.x(qubit)
                    if letter in "YZ":
                        circuit.rz(np.pi, qubit)
        weight = ((paulis == ("I", "I")) - shrunk / 16) / (1 - shrunk)
        told = predict(replace(prepared, circuit=circuit))
        for basis in total:
            total[basis] += weight * told.expectation(basis).best
    found = cancelled(prepared, as_predicted(prepared))
    for basis, value in total.items():
        assert found.expectation(basis).best == pytest.approx(value, abs=1e-4)


def test_only_what_acts_on_the_parity_counts():
    """A qubit that is thrown away errs without harm."""
    prepared = prepare(PAIR, device(single=0.0), corrections="frame", optimization_level=1, seed=1)
    circuit = prepared.circuit.copy()
    free = next(q for q in range(SIZE - 1) if not {q, q + 1} & set(prepared.physical_qubits))
    beside = QuantumCircuit(SIZE)
    beside.cz(free, free + 1)
    more = circuit.compose(beside, front=True)
    result = as_predicted(prepared)
    assert cancelled(replace(prepared, circuit=more), result).kept == cancelled(prepared, result).kept


def test_intervals_grow_by_what_is_inverted_and_are_never_nothing():
    prepared = prepare(PAIR, device(), corrections="frame", optimization_level=1, seed=1)
    found = cancelled(prepared, as_predicted(prepared, 2_000))
    raw, mitigated = found.raw.expectation("ZZ"), found.expectation("ZZ")
    assert mitigated.high - mitigated.low == pytest.approx((raw.high - raw.low) / found.kept["ZZ"], rel=0.1)
    perfect = prepare(PAIR, device(0.0, 0.0), corrections="frame", optimization_level=1, seed=1)
    sure = cancelled(perfect, as_predicted(perfect, 2_000))
    raw, same = sure.raw.expectation("ZZ"), sure.expectation("ZZ")
    assert (same.best, sure.kept["ZZ"]) == (1.0, 1.0)
    assert 1 - same.low == pytest.approx(1 - raw.low, rel=0.1)
    for word in ("raw", "mitigated", "readout and waiting stay"):
        assert word in str(found)


def test_what_cannot_be_inverted():
    made = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], control_flow=True, seed=1)
    conditional = prepare(chain(2), made, corrections="feedforward", seed=1)
    with pytest.raises(UnsupportedOperation, match="conditions: prepare with corrections='frame'"):
        cancelled(conditional, as_predicted(conditional, 100))
    hopeless = prepare(PAIR, device(double=0.1), initial_layout=[4, 5], corrections="frame", seed=1)
    hopeless.target["cz"][4, 5].error = hopeless.target["cz"][5, 4].error = 0.74
    with pytest.raises(ValueError, match="too little to be inverted"):
        cancelled(hopeless, as_predicted(hopeless, 100))
    with pytest.raises(TypeError, match="what prepare returned"):
        cancelled(PAIR, None)
    bare = prepare(PAIR, device(), corrections="frame", optimization_level=1, bases=["ZZ"], seed=1)
    found = cancelled(bare, as_predicted(bare, 1_000))
    with pytest.raises(ValueError, match="pauli must be one of"):
        found.expectation("XX")
    assert [name for name, *_ in found.lines()] == ["⟨ZZ⟩"]


def test_what_is_no_result_and_no_confidence_is_refused(seed):
    backend = GenericBackendV2(3, seed=1)
    prepared = prepare(PAIR, backend, corrections="frame", optimization_level=1, initial_layout=[0, 1], seed=seed)
    for result in ("x", ["x"], 3, None):
        with pytest.raises(ValueError, match="result must be that of one PUB, got"):
            cancelled(prepared, result)
    found = cancelled(prepared, StatevectorSampler(seed=seed).run(prepared.pubs(shots=100)).result())
    for confidence in (None, "0.9", True, 1j, float("nan"), 0.0, 1.0, 2):
        for ask in (found.fidelity, found.raw.fidelity):
            with pytest.raises(ValueError, match="confidence must be a number strictly between 0 and 1, got"):
                ask(confidence=confidence)
