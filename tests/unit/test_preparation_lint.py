"""What would be refused is found before it is submitted, everything at once."""

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers.fake_provider import GenericBackendV2

from quantumlink.execution.preparation import NotSubmittable, lint
from quantumlink.execution.preparation.linting import MAX_BROADCAST_BITS, broadcast_bits

TARGET = GenericBackendV2(3, coupling_map=[[0, 1], [1, 2]], control_flow=True, seed=1).target
STATIC = GenericBackendV2(3, coupling_map=[[0, 1], [1, 2]], seed=1).target


def good():
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"))
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def findings(pubs, target=TARGET, **limits):
    with pytest.raises(NotSubmittable) as caught:
        lint(pubs, target, **limits)
    return caught.value.findings


def test_what_is_good_passes():
    lint([good(), (good(), None, 100), SamplerPub.coerce(good(), 100)], TARGET)


def test_instructions_that_the_target_lacks():
    circuit = good()
    circuit.h(0)
    circuit.cx(0, 2)
    found = findings([circuit])
    assert len(found) == 2
    assert "'h' is no instruction of the target (qubit 0)" in found[0]
    assert "'cx' is no instruction of the target (qubits 0, 2)" in found[1]


def test_instructions_in_a_block_are_seen_at_their_place():
    circuit = QuantumCircuit(3, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.cx(2, 0)
    assert "(qubits 2, 0)" in findings([circuit])[0]


def test_nested_conditions_and_measurements_in_them():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.reset(0)
    found = " ".join(findings([circuit]))
    assert "conditions are nested" in found
    assert "'measure' within a condition" in found
    assert "'reset' within a condition" in found


def test_only_if_test_is_control_flow():
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(2)):
        circuit.x(0)
    assert "'for_loop'" in findings([circuit])[0]


def test_a_target_without_feed_forward():
    assert "no if_test" in findings([good()], STATIC)[0]


@pytest.mark.parametrize(("bits", "fine"), [(32, True), (33, False)])
def test_operands_of_conditions(bits, fine):
    circuit = QuantumCircuit(QuantumRegister(1, "q"), wide := ClassicalRegister(bits, "wide"))
    circuit.measure(0, 0)
    for condition in ((wide, 1), expr.equal(wide, 1)):
        told = circuit.copy()
        with told.if_test(condition):
            told.x(0)
        if fine:
            lint([told], TARGET)
        else:
            assert "33 bits" in findings([told])[0]


def test_unbound_parameters_and_parametric_delays():
    circuit = QuantumCircuit(1)
    circuit.rz(Parameter("a"), 0)
    lint([(circuit, [[0.1], [0.2]], 10)], TARGET)
    assert "1 parameters are unbound (a" in findings([circuit])[0]
    circuit.delay(Parameter("t"), 0, unit="s")
    found = " ".join(findings([(circuit, [[0.1, 1e-6]])]))
    assert "a delay is a parameter" in found
    assert "unbound" not in found


def test_one_job_has_one_number_of_shots():
    assert findings([(good(), None, 100), (good(), None, 200)]) == (
        "the shots of one job must be equal, got 100, 200",
    )


def test_executions_are_rows_times_shots():
    circuit = QuantumCircuit(1)
    circuit.rz(Parameter("a"), 0)
    table = np.zeros((1_000, 1))
    lint([(circuit, table, 10_000)], TARGET)
    assert "10001000 executions" in findings([(circuit, table, 10_001 - 1), (circuit, np.zeros((1, 1)), 1_000)])[1]
    assert "20 executions" in findings([(circuit, np.zeros((2, 1)), 10)], max_executions=19)[0]


def test_broadcast_bits_are_summed_over_a_job():
    assert broadcast_bits(good()) == 1
    circuits = [good()] * MAX_BROADCAST_BITS
    lint(circuits, TARGET)
    assert f"{MAX_BROADCAST_BITS + 1} bits" in findings([*circuits, good()])[0]


def test_too_many_qubits():
    assert "it has 4 qubits, the target 3" in findings([QuantumCircuit(4)])[0]


def test_many_findings_of_a_kind_are_one():
    circuit = QuantumCircuit(1)
    for _ in range(50):
        circuit.h(0)
    (found,) = findings([circuit])
    assert "and 47 more" in found


DECOUPLED = {"dynamical_decoupling": {"enable": True}}
TWIRLED = [{"twirling": {"enable_gates": True}}, {"twirling": {"enable_measure": True}}]


@pytest.mark.parametrize("options", [DECOUPLED, *TWIRLED])
def test_options_that_take_no_conditions(options):
    assert "takes no circuit with conditions" in findings([good()], options=options)[0]
    lint([good()], TARGET, options={"dynamical_decoupling": {"enable": False}, "twirling": {"enable_gates": False}})


def test_the_client_is_asked_what_it_takes():
    """A reset under a twirled measurement: the client has no form for it, and says so only while it submits."""
    pytest.importorskip("qiskit_ibm_runtime")
    circuit = QuantumCircuit(3, 2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    lint([circuit], TARGET, options=TWIRLED[1])
    circuit.reset(0)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure(1, 1)
    lint([circuit], TARGET)
    assert "client refuses it with twirling" in findings([circuit], options=TWIRLED[1])[0]
