"""What the interpreter makes of control flow, variables, composites and devices' own measurements.

Against `oracles.dynamic_circuits`, an enumeration that shares nothing with it, and against closed forms.
"""

from random import Random

import numpy as np
import pytest
from oracles.dynamic_circuits import histories
from oracles.random_circuits import EVERYTHING, random_circuit
from qiskit.circuit import (
    ClassicalRegister,
    ContinueLoopOp,
    IfElseOp,
    Instruction,
    Parameter,
    QuantumCircuit,
    QuantumRegister,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import UnitaryGate
from qiskit_ibm_runtime.circuit import MidCircuitMeasure
from qiskit_ibm_runtime.circuit.library import MeasureReset, MidCircuitReset

from quantumlink.exact import UnsupportedOperation, branches, outcome_probabilities
from quantumlink.testing import assert_outcomes
from quantumlink.testing.exact import pauli_coefficients

# Deterministic floating-point work on both sides, some hundred products of matrices.
EXACT = 1e-9


def assert_as_enumerated(circuit):
    wanted, found = histories(circuit), branches(circuit, outputs=range(circuit.num_qubits))
    for record in {*wanted, *found}:
        expected = pauli_coefficients(wanted[record]) if record in wanted else 0.0
        state = found[record].ravel() if record in found else 0.0
        np.testing.assert_allclose(state, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("part", range(6))
def test_random_circuits_of_everything(part, seed):
    rng = Random(seed * 6 + part)
    for _ in range(10):
        assert_as_enumerated(random_circuit(rng, EVERYTHING, qubits=rng.randint(1, 3)))


# --- composites


def corrected(first_reset=True):
    """A correction that is a composite; the bit that it reads is written again after it."""
    definition = QuantumCircuit(1, 1)
    with definition.if_test((0, 1)):
        definition.x(0)
    correction = Instruction("corr", 1, 1, [])
    correction.definition = definition
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.append(correction, [1], [0])
    if first_reset:
        circuit.reset(0)
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    return circuit


def test_a_composite_reads_a_bit_before_it_is_written_again():
    assert outcome_probabilities(corrected()) == pytest.approx({(0, 0): 0.5, (0, 1): 0.5}, abs=EXACT)
    assert outcome_probabilities(corrected(False)) == pytest.approx({(0, 0): 0.5, (1, 1): 0.5}, abs=EXACT)
    assert_outcomes(corrected(), {"00": 0.5, "10": 0.5})
    with pytest.raises(AssertionError, match=r"the outcome (00|10) has probability"):
        assert_outcomes(corrected(), {"00": 1.0})


def test_a_composite_in_a_composite_reads_at_its_time():
    outer = QuantumCircuit(2, 2)
    outer.append(corrected().to_instruction(), [0, 1], [1, 0])  # its bits stand the other way round
    circuit = QuantumCircuit(2, 2)
    circuit.append(outer.to_instruction(), [0, 1], [0, 1])
    circuit.x(0)
    circuit.measure(0, 1)
    assert outcome_probabilities(circuit) == pytest.approx({(0, 1): 0.5, (1, 1): 0.5}, abs=EXACT)
    assert_as_enumerated(circuit)


# --- devices' own


def test_measurements_and_resets_of_devices():
    circuit = QuantumCircuit(2, 4)
    circuit.h(0)
    circuit.append(MidCircuitMeasure(), [0], [0])
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.append(MeasureReset(), [1], [1])
    circuit.append(MidCircuitReset(), [0], [])
    circuit.measure([0, 1], [2, 3])
    assert outcome_probabilities(circuit) == pytest.approx({(0, 0, 0, 0): 0.5, (1, 1, 0, 0): 0.5}, abs=EXACT)


def test_readout_errors_of_devices_own_measurements():
    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    circuit.append(MeasureReset(), [0], [0])
    circuit.measure(0, 1)
    confusion = np.array([[0.9, 0.1], [0.3, 0.7]])
    found = {bits: float(t.reshape(())) for bits, t in branches(circuit, readout={0: confusion}).items()}
    assert found == pytest.approx({(0, 0): 0.27, (0, 1): 0.03, (1, 0): 0.63, (1, 1): 0.07}, abs=EXACT)


def test_what_is_only_called_like_a_measurement_is_refused():
    circuit = QuantumCircuit(2, 1)
    circuit.append(Instruction("measure_both", 2, 1, []), [0, 1], [0])
    with pytest.raises(UnsupportedOperation, match="measure_both"):
        branches(circuit)


# --- loops


def tried(angle):
    """A pair is asked for until its herald says yes: success with sin²(angle/2) in each round."""
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.reset([0, 1])
        circuit.ry(angle, 0)
        circuit.h(1)
        circuit.measure(0, 0)
    circuit.h(1)
    circuit.measure(1, 1)
    return circuit


@pytest.mark.parametrize("angle", [2.0, 0.3, 1e-2, 1e-4])
def test_repeat_until_success_ends_for_certain(angle):
    assert outcome_probabilities(tried(angle)) == pytest.approx({(1, 0): 1.0}, abs=EXACT)


def test_a_loop_that_remembers_is_its_series():
    """Bit 0 is a coin of 0.3, the qubit turns a little in each round: Σ 0.3·0.7ⁿ⁻¹ sin²(nθ/2)."""
    theta = 0.37
    circuit = QuantumCircuit(2, 2)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.rx(theta, 1)
        circuit.reset(0)
        circuit.ry(2 * np.arcsin(np.sqrt(0.3)), 0)
        circuit.measure(0, 0)
    circuit.measure(1, 1)
    n = np.arange(1, 400)
    wanted = float(np.sum(0.3 * 0.7 ** (n - 1) * np.sin(n * theta / 2) ** 2))
    assert outcome_probabilities(circuit)[1, 1] == pytest.approx(wanted, abs=EXACT)


def test_a_loop_is_a_map_of_its_inputs():
    """Measured until it is found in 1, after a flip of 0.4 in each round: whatever comes in, |1⟩ comes out."""
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.ry(2 * np.arcsin(np.sqrt(0.4)), 0)
        circuit.measure(0, 0)
    (tensor,) = branches(circuit, inputs=[0], outputs=[0], keep=[]).values()
    np.testing.assert_allclose(tensor, np.outer([1, 0, 0, -1], [1, 0, 0, 0]), rtol=0, atol=EXACT)


def test_a_loop_that_does_not_end_is_refused_with_what_is_left():
    circuit = QuantumCircuit(2, 2)
    circuit.ry(2 * np.arcsin(np.sqrt(0.25)), 0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(1)
    with pytest.raises(ValueError, match=r"a while_loop .* does not end: with probability 0\.25 it still runs"):
        branches(circuit)


def test_bounded_attempts_keep_what_never_succeeded():
    """At most four coins, left at the first head: what is left at the bound is there, with its probability."""
    circuit = QuantumCircuit(1, 1)
    tries = circuit.add_var("tries", expr.lift(0, types.Uint(4)))
    with circuit.for_loop(range(4)):
        circuit.reset(0)
        circuit.h(0)
        circuit.measure(0, 0)
        circuit.store(tries, expr.add(tries, 1))
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.break_loop()
    out = ClassicalRegister(4, "out")
    circuit.add_register(out)
    circuit.store(out, tries)
    found = {
        (bits[0], sum(b << i for i, b in enumerate(bits[1:]))): p
        for bits, p in outcome_probabilities(circuit).items()
    }
    assert found == pytest.approx({(1, 1): 1 / 2, (1, 2): 1 / 4, (1, 3): 1 / 8, (1, 4): 1 / 16, (0, 4): 1 / 16})


def test_a_loop_counts_with_its_parameter_and_its_variable():
    circuit = QuantumCircuit(1, 1)
    angle = Parameter("a")
    with circuit.for_loop([1, 2, 4], angle):
        circuit.rx(angle * 0.1, 0)
    circuit.measure(0, 0)
    assert outcome_probabilities(circuit)[1,] == pytest.approx(np.sin(0.35) ** 2, abs=EXACT)
    body = QuantumCircuit(QuantumRegister(1), inputs=[i := expr.Var.new("i", types.Uint(3))])
    with body.if_test(expr.equal(i, 5)):
        body.x(0)
    skip = QuantumCircuit(body.qubits, captures=[i])
    skip.append(ContinueLoopOp(1, 0), body.qubits)
    body.append(IfElseOp(expr.greater(i, 5), skip), body.qubits)
    with body.if_test(expr.less(i, 7)):
        body.x(0)
    circuit = QuantumCircuit(1, 1)
    circuit.for_loop([3, 5, 6], i, body, [0], [])
    circuit.measure(0, 0)
    assert outcome_probabilities(circuit) == {(1,): 1.0}  # flipped by 3, twice by 5, not by 6


def test_a_switch_takes_the_first_case_that_fits_or_the_default():
    circuit = QuantumCircuit(QuantumRegister(4), register := ClassicalRegister(2, "c"), out := ClassicalRegister(2))
    circuit.h([0, 1])
    circuit.measure([0, 1], register)
    with circuit.switch(register) as case:
        with case(0, 3):
            circuit.x(2)
        with case(1):
            circuit.x(3)
        with case(case.DEFAULT):
            circuit.x([2, 3])
    circuit.measure([2, 3], out)
    wanted = {(0, 0, 1, 0): 0.25, (1, 1, 1, 0): 0.25, (1, 0, 0, 1): 0.25, (0, 1, 1, 1): 0.25}
    assert outcome_probabilities(circuit) == pytest.approx(wanted, abs=EXACT)
    assert_as_enumerated(circuit)


def test_too_many_rounds_are_refused():
    circuit = QuantumCircuit(1)
    with circuit.for_loop(range(10**9)):
        circuit.x(0)
    with pytest.raises(UnsupportedOperation, match="a for_loop of 1000000000 rounds is too long: at most 65536"):
        branches(circuit)


# --- variables


def test_a_variable_without_a_value_is_refused_by_name():
    circuit = QuantumCircuit(1, 1)
    circuit.add_uninitialized_var(empty := expr.Var.new("empty", types.Bool()))
    with circuit.if_test(empty):
        circuit.x(0)
    with pytest.raises(UnsupportedOperation, match="'empty' is read before it has a value"):
        branches(circuit)


def test_types_that_no_engine_knows_are_refused():
    circuit = QuantumCircuit(1, 1)
    stretch = circuit.add_stretch("pause")
    with circuit.if_test(expr.less(stretch, expr.mul(2.0, stretch))):
        circuit.x(0)
    with pytest.raises(UnsupportedOperation, match="'pause'"):
        branches(circuit)


def test_the_fixed_width_of_a_variable():
    circuit = QuantumCircuit(1, 4)
    number = circuit.add_var("number", expr.lift(13, types.Uint(4)))
    circuit.store(number, expr.add(number, 7))  # 20 is 4 in four bits
    circuit.store(expr.index(number, 0), True)
    circuit.store(circuit.cregs[0], expr.bit_not(number))
    assert outcome_probabilities(circuit) == {(0, 1, 0, 1): 1.0}


def test_a_float_condition_fires():
    circuit = QuantumCircuit(QuantumRegister(1), a := ClassicalRegister(2, "a"), ClassicalRegister(1, "out"))
    circuit.store(a, 3)
    with circuit.if_test(expr.greater(expr.cast(a, types.Float()), 1.5)):
        circuit.x(0)
    circuit.measure(0, 2)
    assert outcome_probabilities(circuit) == {(1, 1, 1): 1.0}


# --- what takes memory


def test_what_is_certain_is_one_branch():
    circuit = QuantumCircuit(127, 127)
    circuit.x(range(0, 127, 2))
    circuit.cx(range(0, 126, 2), range(1, 127, 2))
    for q in range(127):
        circuit.h(q)
        circuit.h(q)
    circuit.measure(range(127), range(127))
    assert outcome_probabilities(circuit) == {(1,) * 127: 1.0}


def test_what_is_not_entangled_takes_no_memory():
    circuit = QuantumCircuit(38, 1)
    circuit.ry(0.3, range(38))
    circuit.measure(37, 0)
    circuit.append(UnitaryGate(np.kron([[0, 1], [1, 0]], np.eye(2))), [0, 1])  # a gate that entangles nothing
    states = branches(circuit, outputs=[1])
    np.testing.assert_allclose(sum(states.values())[:, 0], [1, np.sin(0.3), 0, -np.cos(0.3)], rtol=0, atol=EXACT)
    ghz = QuantumCircuit(14)
    ghz.h(0)
    ghz.cx([0] * 13, range(1, 14))
    with pytest.raises(ValueError, match="entangles more than 12 qubits"):
        branches(ghz, outputs=range(14))
