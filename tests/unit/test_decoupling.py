"""Pulses in idle time: the identity, in time, against slow noise only, and no gain where none is known."""

from math import exp, log

import numpy as np
import pytest
from qiskit.circuit import IfElseOp, QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator, process_fidelity

import quantumlink as ql
from quantumlink.execution.preparation import lint, predict, prepare
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.decoupling import decoupled, kept_by_dephasing
from quantumlink.execution.preparation.schedule import latest_schedule

DEVICE = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], control_flow=True, seed=1)
CALIBRATION = Calibration(DEVICE.target)
DT = DEVICE.target.dt
RELAY = ql.Node("relay")
LINK = ql.swap(ql.ElementaryLink(ql.Node("alice"), RELAY), ql.ElementaryLink(RELAY, ql.Node("bob")))
SEQUENCES = ("XX", "XpXm", "XY4")


def waiting(ticks=20_000):
    """A qubit that is turned, waits, and is turned back."""
    circuit = QuantumCircuit(5)
    circuit.sx(0)
    circuit.delay(ticks, 0)
    circuit.sx(0)
    return circuit


def kept(circuit, dephasing_s):
    """The process fidelity of a wait, slow detunings drawn: Gauss and Hermite's rule, 80 points."""
    points, weights = np.polynomial.hermite.hermgauss(80)
    whole = 0.0
    ideal = None
    for point, weight in [(0.0, 0.0), *zip(points, weights / weights.sum(), strict=True)]:
        detuning = 2 * point / dephasing_s  # a normal frequency with ⟨exp(iδt)⟩ = exp(−(t/T)²)
        told = QuantumCircuit(1)
        for instruction in circuit.data:
            if instruction.name == "delay":
                told.rz(detuning * instruction.operation.duration * DT, 0)
            else:
                told.append(instruction.operation, [0])
        ideal = Operator(told) if ideal is None else ideal
        whole += weight * process_fidelity(Operator(told), ideal)
    return whole


def test_a_free_wait_dephases_as_the_formula_says():
    seconds = 20_000 * DT
    for dephasing_s in (0.5 * seconds, 2 * seconds):
        assert kept(waiting(), dephasing_s) == pytest.approx(kept_by_dephasing(seconds, dephasing_s), abs=1e-9)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_pulses_refocus_what_is_slow_and_change_nothing_else(sequence):
    told, done = decoupled(waiting(), CALIBRATION, sequence, latency_s=1e-6)
    assert done.waits == 1
    assert done.log_gain is None
    assert "not predicted" in str(done)
    assert Operator(told).equiv(Operator(waiting()))
    first, second = (latest_schedule(c, CALIBRATION.duration_s, latency_s=1e-6) for c in (waiting(), told))
    assert second.duration_s == pytest.approx(first.duration_s, abs=DT)
    left = kept(told, 0.5 * 20_000 * DT)
    assert left > 0.999
    unbalanced = [i for i in told.data if i.name == "delay"][1]
    assert unbalanced.operation.duration == 2 * told.data[1].operation.duration


def test_a_gain_needs_slow_noise_that_is_stated():
    seconds = 20_000 * DT
    _, done = decoupled(waiting(), CALIBRATION, "XX", latency_s=0.0, dephasing_s=seconds)
    erring = 2 * log(CALIBRATION.gate_fidelity("x", (0,)))
    assert done.log_gain == pytest.approx(erring - log((1 + exp(-1)) / 2), abs=1e-4)
    same, nothing = decoupled(waiting(), CALIBRATION, "auto", latency_s=0.0)
    assert same == waiting()
    assert (nothing.waits, nothing.log_gain) == (0, None)
    for dephasing_s, waits in ((seconds, 1), (1e6 * seconds, 0), ({0: seconds}, 1), ({1: seconds}, 0)):
        _, done = decoupled(waiting(), CALIBRATION, "auto", latency_s=0.0, dephasing_s=dephasing_s)
        assert done.waits == waits
        assert (done.log_gain or 0.0) >= 0.0


def test_nothing_is_put_where_there_is_no_phase_or_no_room():
    circuit = QuantumCircuit(5, 1)
    circuit.delay(20_000, 0)  # not touched yet
    circuit.sx(0)
    circuit.delay(16, 0)  # too short
    circuit.measure(0, 0)
    circuit.delay(20_000, 0)  # measured
    circuit.reset(0)
    circuit.delay(20_000, 0)  # reset
    told, done = decoupled(circuit, CALIBRATION, "XX", latency_s=0.0)
    assert told == circuit
    assert done.waits == 0


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_the_wait_for_feed_forward(sequence):
    plain = prepare(LINK, DEVICE, corrections="feedforward", seed=1)
    prepared = prepare(LINK, DEVICE, corrections="feedforward", seed=1, decoupling=sequence)
    lint(prepared.pubs(1), DEVICE.target)
    assert prepared.layout == plain.layout
    assert prepared.decoupling.waits >= 1
    assert prepared.decoupling.seconds > plain.latency_s
    assert any(isinstance(i.operation, IfElseOp) for i in prepared.circuit.data)
    assert prepared.cost.duration_s == pytest.approx(plain.cost.duration_s, abs=16 * DT)
    # Under T1, T2 and gates that err, pulses cost a little: never a gain, as the target states no slow noise.
    assert prepared.cost.log_fidelity < plain.cost.log_fidelity
    assert predict(prepared).ideal.fidelity().best == pytest.approx(1.0)
    assert -1e-3 < predict(plain).fidelity().best - predict(prepared).fidelity().best < 0.02
    assert "gain not predicted" in prepared.report()


def test_the_circuit_means_the_same_without_noise():
    from qiskit_aer.noise import NoiseModel

    prepared = prepare(LINK, DEVICE, corrections="feedforward", seed=1, decoupling="XY4")
    exact = predict(prepared, noise_model=NoiseModel())
    assert exact.fidelity().best == pytest.approx(1.0)
    assert exact.expectation("XX").best == pytest.approx(1.0)


def test_arguments():
    with pytest.raises(ValueError, match="decoupling must be one of"):
        prepare(LINK, DEVICE, decoupling="CPMG")
    with pytest.raises(ValueError, match="low_frequency_dephasing_s"):
        prepare(LINK, DEVICE, decoupling="auto", low_frequency_dephasing_s=-1.0)
    with pytest.raises(ValueError, match="take one of them"):
        prepare(LINK, DEVICE, decoupling="XX", options={"dynamical_decoupling": {"enable": True}})
