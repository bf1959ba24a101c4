"""The enumeration that everything else is held against, held against what can be said without it."""

import numpy as np
import pytest
from oracles.dynamic_circuits import histories, probabilities
from qiskit.circuit import ClassicalRegister, Clbit, Instruction, QuantumCircuit
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import DensityMatrix, random_density_matrix
from qiskit_aer import AerSimulator

from quantumlink.circuits import builders
from quantumlink.exact import branches


def test_a_composite_reads_a_bit_before_it_is_overwritten():
    definition = QuantumCircuit(1, 1)
    with definition.if_test((0, 1)):
        definition.x(0)
    correction = Instruction("correction", 1, 1, [])
    correction.definition = definition
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.append(correction, [1], [0])
    circuit.reset(0)
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    assert probabilities(circuit) == pytest.approx({(0, 0): 0.5, (0, 1): 0.5})


def test_a_register_is_read_through_its_own_bits():
    low, high = Clbit(), Clbit()
    backwards = ClassicalRegister(bits=[high, low], name="backwards")
    circuit = QuantumCircuit(2)
    circuit.add_bits([low, high])
    circuit.add_register(backwards)
    circuit.x(0)
    circuit.measure(0, high)
    with circuit.if_test((backwards, 1)):  # its lowest bit is `high`
        circuit.x(1)
    circuit.measure(1, low)
    assert probabilities(circuit) == pytest.approx({(1, 1): 1})


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        (lambda r: expr.greater(expr.cast(r, types.Float()), 1.5), True),  # 3.0
        (lambda r: expr.less(expr.shift_left(r, 1), 3), True),  # 3 << 1 is 2 in two bits
        (lambda r: expr.equal(expr.bit_not(r), 0), True),
        (lambda r: expr.equal(expr.sub(expr.lift(1, types.Uint(2)), r), 2), True),  # 1 - 3 wraps to 2
        (lambda r: expr.equal(r, 2), False),
    ],
)
def test_expressions_have_their_types(condition, fires):
    register = ClassicalRegister(2, "r")
    circuit = QuantumCircuit(1)
    circuit.add_register(register)
    circuit.add_register(ClassicalRegister(1, "out"))
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.measure(0, 1)
    circuit.reset(0)
    with circuit.if_test(condition(register)):
        circuit.x(0)
    circuit.measure(0, 2)
    assert probabilities(circuit) == pytest.approx({(1, 1, int(fires)): 1})


def test_repeat_until_success_ends():
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.while_loop((0, 1)):
        circuit.h(0)
        circuit.measure(0, 0)
    records = probabilities(circuit)
    assert records == pytest.approx({(0,): 1}, abs=1e-9)


def test_static_circuits_are_qiskits_own_density_matrices(rng):
    circuit = QuantumCircuit(3)
    for _ in range(12):
        circuit.u(*rng.uniform(0, 6, 3), int(rng.integers(3)))
        circuit.cx(*map(int, rng.choice(3, 2, replace=False)))
    state = random_density_matrix(8, seed=int(rng.integers(2**31)))
    found = histories(circuit, state.data)[()]
    assert np.abs(found - state.evolve(circuit).data).max() < 1e-12
    assert np.abs(histories(circuit)[()] - DensityMatrix(circuit).data).max() < 1e-12


@pytest.mark.parametrize("name", [name for name, build in builders().items() if build().num_qubits <= 5])
def test_the_library_has_the_same_records(name, rng):
    circuit = builders()[name]()
    circuit = circuit.assign_parameters(rng.uniform(0, 6, circuit.num_parameters))
    found = {record: float(value.ravel()[0]) for record, value in branches(circuit, inputs=[], outputs=[]).items()}
    expected = probabilities(circuit)
    for record in {*found, *expected}:
        assert found.get(record, 0) == pytest.approx(expected.get(record, 0), abs=1e-9)


def test_random_circuits_are_what_aer_runs(rng):
    """In one plain register, where Aer reads bits as they are; 20 circuits, 2,902 shots each: ±0.05 at 1e-6."""
    for _ in range(20):
        circuit = QuantumCircuit(3, 3)
        for step in range(12):
            target, other = map(int, rng.choice(3, 2, replace=False))
            circuit.u(*rng.uniform(0, 6, 3), target)
            circuit.cx(target, other)
            if step % 3 == 2:
                circuit.measure(target, int(rng.integers(3)))
                with circuit.if_test((int(rng.integers(3)), int(rng.integers(2)))) as otherwise:
                    circuit.h(other)
                with otherwise:
                    circuit.x(target)
        counts = (
            AerSimulator(seed_simulator=int(rng.integers(2**31))).run(circuit, shots=2902).result().get_counts()
        )
        for record, probability in probabilities(circuit).items():
            told = "".join(str(bit) for bit in reversed(record))
            assert abs(counts.get(told, 0) / 2902 - probability) < 0.05, circuit.draw()
