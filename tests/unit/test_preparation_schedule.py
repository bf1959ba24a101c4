"""The latest schedule, its cost, and delays in a device's clock: against times worked out by hand and by Qiskit."""

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.random import random_circuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import PassManager, Target, generate_preset_pass_manager
from qiskit.transpiler.passes import ALAPScheduleAnalysis

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import cost_of
from quantumlink.execution.preparation.delays import in_target_units
from quantumlink.execution.preparation.schedule import latest_schedule

TIMES = {"h": 1.0, "x": 1.0, "cx": 5.0, "measure": 20.0, "reset": 30.0}


def duration(instruction, qubits):
    return TIMES[instruction.name]


def schedule(circuit, latency=3.0):
    return latest_schedule(circuit, duration, latency_s=latency)


def test_a_qubit_that_was_not_touched_yet_does_not_wait():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.h(0)
    circuit.cx(0, 1)
    found = schedule(circuit)
    assert found.duration_s == 7
    assert found.waits_s == ((0.0,), (0.0,), (0.0, 0.0))


def test_the_shorter_branch_waits_for_the_longer():
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    found = schedule(circuit)
    assert found.duration_s == 11
    assert found.waits_s == ((0.0, 1.0), (0.0,), (0.0, 0.0))


def test_feed_forward_waits_for_the_measurement_and_its_latency():
    circuit = QuantumCircuit(2, 1)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    found = schedule(circuit)
    # 5 for the gate, 20 to measure, 3 of latency, 1 for the correction: qubit 1 waits 23 of them.
    assert found.duration_s == 29
    assert found.waits_s[0] == (0.0, 23.0)


def test_two_corrections_of_one_measurement_time_do_not_add_up_their_latency():
    circuit = QuantumCircuit(3, 2)
    circuit.measure([0, 1], [0, 1])
    for bit in circuit.clbits:
        with circuit.if_test((bit, 1)):
            circuit.x(2)
    assert schedule(circuit).duration_s == 20 + 3 + 1 + 1


def test_the_longer_branch_counts():
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.x(1)
        circuit.x(1)
    assert schedule(circuit).duration_s == 20 + 3 + 2


def test_a_barrier_holds():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.barrier()
    circuit.h(1)
    circuit.h(1)
    circuit.barrier()
    circuit.h(0)
    assert schedule(circuit).duration_s == 4


def test_static_circuits_are_scheduled_as_qiskit_does(seed):
    backend = GenericBackendV2(4, seed=seed)
    calibration = Calibration(backend.target)
    for offset in range(8):
        circuit = random_circuit(4, 8, max_operands=2, measure=True, seed=seed + offset)
        isa = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1).run(circuit)
        # Qiskit schedules in ticks, rounded one by one.
        analysis = ALAPScheduleAnalysis(target=backend.target)
        manager = PassManager([analysis])
        manager.run(isa)
        starts = manager.property_set["node_start_time"]
        ends = [
            start
            + calibration._property(node.name, [isa.find_bit(q).index for q in node.qargs], "duration") / backend.dt
            for node, start in starts.items()
        ]
        ours = latest_schedule(isa, calibration.duration_s, latency_s=0.0).duration_s / backend.dt
        assert ours == pytest.approx(max(ends) - min(starts.values()), abs=len(isa.data))


def test_the_cost_is_what_the_target_says():
    backend = GenericBackendV2(2, coupling_map=[[0, 1]], control_flow=True, seed=3)
    target = backend.target
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(2, "c"))
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    cost = cost_of(circuit, Calibration(target))
    expected = (
        (1 - 1.5 * target["sx"][0,].error)
        * (1 - 1.25 * target["cx"][0, 1].error)
        * (1 - target["measure"][0,].error)
        * (1 - target["measure"][1,].error)
    )
    # Both measurements end together, so the qubit with the shorter one waits.
    lengths = [target["measure"][q,].duration for q in (0, 1)]
    shorter = int(np.argmin(lengths))
    properties = target.qubit_properties[shorter]
    wait = max(lengths) - min(lengths)
    expected *= (1 + np.exp(-wait / properties.t1) + 2 * np.exp(-wait / properties.t2)) / 4
    assert properties.t2 <= 2 * properties.t1
    assert cost.expected_fidelity == pytest.approx(expected, rel=1e-9)
    assert cost.two_qubit_gates == 1
    longest = max(target["measure"][q,].duration for q in (0, 1))
    assert cost.duration_s >= target["cx"][0, 1].duration + longest


def test_waiting_fidelity_is_that_of_the_channel():
    from qiskit.quantum_info import SuperOp, process_fidelity
    from qiskit_aer.noise import thermal_relaxation_error

    calibration = Calibration(GenericBackendV2(2, seed=5).target)
    t1, t2 = calibration.lifetimes(0)
    for seconds in (1e-7, 1e-5, 1e-3):
        channel = SuperOp(thermal_relaxation_error(t1, t2, seconds))
        assert calibration.waiting_fidelity(0, seconds) == pytest.approx(process_fidelity(channel), abs=1e-9)


@pytest.mark.parametrize(("granularity", "alignment", "step"), [(1, 1, 1), (16, 1, 16), (8, 12, 24)])
def test_delays_become_whole_ticks_and_never_shorter(rng, granularity, alignment, step):
    target = Target(num_qubits=1, dt=2e-9, granularity=granularity, pulse_alignment=alignment)
    for seconds in [*rng.uniform(0, 1e-6, 20), 96e-9 * step, 0.0]:
        circuit = QuantumCircuit(1)
        circuit.delay(seconds, 0, unit="s")
        told, longer = in_target_units(circuit, target)
        delay = told.data[0].operation
        assert delay.unit == "dt"
        assert delay.duration % step == 0
        excess = delay.duration * 2e-9 - seconds
        assert -1e-15 < excess < step * 2e-9
        assert longer == pytest.approx(max(0.0, excess), abs=1e-15)


def test_delays_in_blocks_and_of_all_units():
    target = Target(num_qubits=1, dt=1e-9)
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.delay(1.5, 0, unit="us")
    told, longer = in_target_units(circuit, target)
    inner = told.data[1].operation.blocks[0].data[0].operation
    assert (inner.duration, inner.unit, longer) == (1500, "dt", pytest.approx(0.0, abs=1e-18))


def test_a_parametric_delay_is_refused():
    circuit = QuantumCircuit(1)
    circuit.delay(Parameter("t"), 0, unit="s")
    with pytest.raises(ValueError, match="parameter t"):
        in_target_units(circuit, Target(num_qubits=1, dt=1e-9))


def test_unstated_figures_are_perfect():
    calibration = Calibration(Target.from_configuration(["cz", "sx", "rz", "measure"], num_qubits=3))
    assert calibration.gate_fidelity("cz", (0, 1)) == 1
    assert calibration.waiting_fidelity(0, 1.0) == 1
    assert np.isinf(calibration.lifetimes(0)[0])
    assert calibration.coupling.num_edges() == 3
