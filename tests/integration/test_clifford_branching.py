"""`CliffordSampler` where more than Paulis is conditional: shots in groups, against enumeration and closed forms.

Counts against exact probabilities by `assert_counts`: correct ones fail one in 10⁶ times a check.
"""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from oracles.dynamic_circuits import probabilities
from oracles.random_circuits import CLIFFORD, random_circuit
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import HGate, IGate, SGate
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, QuantumError, pauli_error, thermal_relaxation_error
from qiskit_aer.primitives import SamplerV2

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.clifford.branching import branching
from quantumlink.rewrites import inlined_noise, readout_errors
from quantumlink.testing import assert_counts

SHOTS = 20_000
SOMETIMES_H = QuantumError([([(HGate(), [0])], 0.3), ([(SGate(), [0])], 0.2), ([(IGate(), [0])], 0.5)])
RELAXES = thermal_relaxation_error(10.0, 8.0, 3.0)


def drawn(plan, shots, seed, num_clbits):
    rows = plan.sample(shots, np.random.SeedSequence(seed))
    table = np.unpackbits(rows, axis=1, count=shots, bitorder="little").T
    found = {}
    for record in map(tuple, table.tolist()):
        found[record] = found.get(record, 0) + 1
    return found


def counts(circuit, seed, **options):
    data = CliffordSampler(seed=seed, **options).run([circuit], shots=SHOTS).result()[0].data
    return data.c.get_counts()


def exact_counts(circuit, **options):
    found = branches(circuit, **options)
    return {"".join(map(str, bits[::-1])): float(p.reshape(())) for bits, p in found.items()}


@pytest.mark.parametrize("part", range(4))
def test_random_circuits_of_any_control_flow(part, seed):
    rng = Random(4 * seed + part)
    for number in range(10):
        circuit = random_circuit(rng, replace(CLIFFORD, variables=True), qubits=rng.randint(1, 3))
        plan = branching(circuit, None, UnsupportedOperation("rules exist"))
        wanted = {record: p for record, p in probabilities(circuit).items() if p > 1e-12}
        assert_counts(drawn(plan, 4000, seed + number, circuit.num_clbits), wanted)


def conditional(operation):
    circuit = QuantumCircuit(3, 3)
    circuit.h([0, 2])
    circuit.cx(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        operation(circuit)
    circuit.h(1)
    circuit.measure([1, 2], [1, 2])
    return circuit


CONDITIONAL = {
    "Clifford": lambda c: [c.h(2), c.cx(2, 1)],
    "measurement": lambda c: [c.measure(2, 1), c.h(2)],
    "reset": lambda c: c.reset(2),
    "relaxation": lambda c: c.append(RELAXES, [2]),
    "Clifford noise": lambda c: c.append(SOMETIMES_H, [1]),
}


@pytest.mark.parametrize("name", CONDITIONAL)
def test_what_is_conditional_besides_paulis(name, seed):
    circuit = conditional(CONDITIONAL[name])
    assert_counts(counts(circuit, seed), exact_counts(circuit))


@pytest.mark.parametrize("error", [RELAXES, SOMETIMES_H], ids=["relaxation", "a gate by chance"])
def test_noise_beyond_paulis_in_any_place(error, seed):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, ["h", "x"])
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), "measure")
    model.add_readout_error([[0.9, 0.1], [0.2, 0.8]], [1])
    circuit = QuantumCircuit(2, 2)
    with circuit.for_loop(range(3)):
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 0)):
            circuit.x(0)
    circuit.measure(0, 0)
    wanted = exact_counts(inlined_noise(circuit, model), readout=readout_errors(model, 2))
    assert_counts(counts(circuit, seed, noise_model=model), wanted)


def test_repeat_until_success_is_geometric(seed):
    circuit = QuantumCircuit(2, 4)
    tries = circuit.add_var("tries", expr.lift(0, types.Uint(3)))
    with circuit.while_loop(expr.logic_and(expr.logic_not(circuit.clbits[0]), expr.less(tries, 5))):
        circuit.reset([0, 1])
        circuit.h([0, 1])
        circuit.cx(0, 1)
        circuit.measure(0, 0)
        circuit.store(tries, expr.add(tries, 1))
    for i in range(3):
        circuit.store(circuit.clbits[1 + i], expr.index(tries, i))
    wanted = {f"{n:03b}1": 0.5**n for n in range(1, 6)} | {"1010": 0.5**5}
    assert_counts(counts(circuit, seed), wanted)


def test_a_loop_that_does_not_end_is_refused_with_what_is_left(monkeypatch):
    monkeypatch.setattr("quantumlink.execution.clifford.branching.MAX_ROUNDS", 50)
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.h(0)
    with pytest.raises(ValueError, match="still runs in 7 of 7 shots after 50 rounds"):
        CliffordSampler().run([circuit], shots=7).result()


def test_groups_that_meet_again_are_one():
    """A qubit that is measured and reset leaves no trace of what was done before."""
    circuit = QuantumCircuit(2, 2)
    for _ in range(40):
        circuit.h(0)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.h(1)
            circuit.measure(1, 1)
            circuit.reset(1)
        circuit.reset(0)
    plan = branching(circuit, None, UnsupportedOperation(""))
    found = drawn(plan, 2000, 7, 2)  # 2⁴⁰ histories; in groups of their own they would take hours
    assert sum(found.values()) == 2000


def test_batches_are_all_the_shots(monkeypatch):
    monkeypatch.setattr("quantumlink.execution.clifford.branching.BATCH_BITS", 1)
    circuit = conditional(CONDITIONAL["Clifford"])
    assert_counts(counts(circuit, 5), exact_counts(circuit))
    one, two = (CliffordSampler(seed=3).run([circuit], shots=200).result()[0].data.c.array for _ in range(2))
    assert (one == two).all()


def test_devices_own_measurements(seed):
    from qiskit_ibm_runtime.circuit import MidCircuitMeasure
    from qiskit_ibm_runtime.circuit.library import MeasureReset, MidCircuitReset

    circuit = QuantumCircuit(2, 4)
    circuit.h(0)
    circuit.append(MidCircuitMeasure(), [0], [0])
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.append(MeasureReset(), [1], [1])
    circuit.append(MidCircuitReset(), [0])
    circuit.measure([0, 1], [2, 3])
    assert_counts(counts(circuit, seed), {"0000": 0.5, "0011": 0.5})


@pytest.mark.parametrize("sampler", [ql.CliffordSampler, ql.ExactSampler], ids=["clifford", "exact"])
def test_an_error_on_too_few_qubits_is_refused(sampler):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), "unitary")
    circuit = QuantumCircuit(2, 2)
    circuit.unitary(np.eye(4)[[0, 3, 2, 1]], [0, 1])
    circuit.measure([0, 1], [0, 1])
    with pytest.raises(UnsupportedOperation, match=r"error of 'unitary'.* qubit"):
        sampler(noise_model=model).run([circuit]).result()


def test_aer_is_not_left_to_put_an_error_on_the_wrong_qubit():
    """Aer itself acts with it on the first qubit, and says nothing."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), "unitary")
    circuit = QuantumCircuit(2)
    circuit.unitary(np.eye(4)[[0, 3, 2, 1]], [0, 1])
    program = ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("n"), ql.Node("n")))
    for sampler in (AerSimulator(noise_model=model), SamplerV2.from_backend(AerSimulator(noise_model=model))):
        with pytest.raises(UnsupportedOperation, match=r"error of 'unitary' is on 1 qubits"):
            ql.sample(program, "ZZ", shots=10, seed=1, sampler=sampler, noise="sampler")
