"""Low-frequency dephasing in predictions: Ramsey and echo in closed form, and drawn frequencies (Gauss–Hermite)."""

from math import exp, inf

import numpy as np
import pytest
from qiskit.circuit import Delay, IfElseOp, Measure, Parameter, QuantumCircuit
from qiskit.circuit.library import CZGate, RZGate, SXGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix
from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer.noise import NoiseModel

import quantumlink as ql
from quantumlink.exact import outcome_probabilities
from quantumlink.execution.preparation import predict, prepare
from quantumlink.execution.preparation.device_noise import noisy_isa_circuit
from quantumlink.program import Program

DT = 1e-9
T = 20e-6


def quiet_target(*, flips=True):
    """Two qubits without decay, whose gates and readouts err nowhere and take no time."""
    target = Target(num_qubits=2, dt=DT, qubit_properties=[QubitProperties(t1=inf, t2=inf)] * 2)

    def perfect(*places):
        return {place: InstructionProperties(error=0.0, duration=0.0) for place in places}

    target.add_instruction(CZGate(), perfect((0, 1), (1, 0)))
    for operation in (SXGate(), *([XGate()] if flips else []), RZGate(Parameter("a")), Measure()):
        target.add_instruction(operation, perfect((0,), (1,)))
    target.add_instruction(Delay(Parameter("t")), {(0,): None, (1,): None})
    target.add_instruction(IfElseOp, name="if_else")
    return target


class _Device(GenericBackendV2):
    def __init__(self, target):
        super().__init__(target.num_qubits, seed=1)
        self._target = target

    @property
    def target(self):
        return self._target


def sequence(*steps):
    """A qubit turned, then waits (in dt) and gates by name, then turned on and measured."""
    circuit = QuantumCircuit(2, 1)
    circuit.sx(0)
    for step in steps:
        if isinstance(step, int):
            circuit.delay(step, 0)
        else:
            getattr(circuit, step)(0)
    circuit.sx(0)
    circuit.measure(0, 0)
    return circuit


def contrast(circuit, dephasing_s=T):
    """|P(0) − P(1)|, which is the coherence that the stretch has kept."""
    noisy = noisy_isa_circuit(circuit, quiet_target(), latency_s=0.0, dephasing_s=dephasing_s)
    found = outcome_probabilities(noisy.circuit)
    return abs(found.get((0,), 0.0) - found.get((1,), 0.0))


@pytest.mark.parametrize(
    ("steps", "signed"),
    [
        ((10_000,), 10_000),
        ((4_000, "z", 6_000), 10_000),
        ((4_000, "barrier", 6_000), 10_000),
        ((5_000, "x", 5_000), 0),
        ((2_000, "x", 7_000), 5_000),
        ((2_500, "x", 5_000, "x", 2_500), 0),
        ((5_000, "sx", "sx", 5_000), 0),
        ((2_500, "x", 5_000, "y", 2_500), 0),
        ((1_000, "x", 3_000, "sx", "sx", 7_000, "y", 500), 4_500),
    ],
)
def test_ramsey_and_echo_as_in_the_closed_form(steps, signed):
    assert contrast(sequence(*steps)) == pytest.approx(exp(-((signed * DT / T) ** 2)), abs=1e-12)


def test_what_is_not_followed_through_a_turn_is_told():
    """sx, wait, sx, wait, sx: one frequency for both waits gives (1 − ⟨sin δt₁ sin δt₂⟩)/2, two of them 1/2."""
    circuit = sequence(6_000, "sx", 9_000)
    noisy = noisy_isa_circuit(circuit, quiet_target(), latency_s=0.0, dephasing_s=T)
    assert noisy.stated.unknown == ("that the slow frequency is the same before and after a turn of qubit 0",)
    assert outcome_probabilities(noisy.circuit)[(1,)] == pytest.approx(0.5, abs=1e-12)
    drawn = averaged(circuit.remove_final_measurements(inplace=False), 2)
    signed = (exp(-((3_000 * DT / T) ** 2)) - exp(-((15_000 * DT / T) ** 2))) / 2
    assert drawn.probabilities([0])[1] == pytest.approx((1 - signed) / 2, abs=1e-9)
    once = noisy_isa_circuit(sequence(6_000), quiet_target(), latency_s=0.0, dephasing_s=T)
    assert once.stated.unknown == ()


def averaged(circuit, qubits, points=60):
    """The state, each qubit with a frequency of its own that is constant within the run."""
    nodes, weights = np.polynomial.hermite.hermgauss(points)
    weights = weights / weights.sum()
    total = np.zeros((2**qubits, 2**qubits), dtype=complex)
    for a, p in zip(nodes, weights, strict=True):
        for b, q in zip(nodes, weights, strict=True):
            told = QuantumCircuit(qubits)
            for instruction in circuit.data:
                places = [circuit.find_bit(x).index for x in instruction.qubits]
                if instruction.name == "delay":  # ⟨exp(iδt)⟩ = exp(−(t/T)²) for δ = 2·node/T
                    told.rz(2 * (a, b)[places[0]] / T * instruction.operation.duration * DT, places[0])
                elif instruction.name != "barrier":
                    told.append(instruction.operation, places)
            total += p * q * DensityMatrix(told).data
    return DensityMatrix(total)


def test_stretches_through_cz_and_pulses_agree_with_drawn_frequencies():
    """Both qubits wait before and after a CZ, one with a pulse in between."""
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.sx(1)
    circuit.delay(3_000, 0)
    circuit.delay(3_000, 1)
    circuit.cz(0, 1)
    circuit.x(0)
    circuit.delay(8_000, 0)
    circuit.delay(8_000, 1)
    circuit.sx(0)
    circuit.sx(1)
    exactly = averaged(circuit, 2, points=24)
    measured = circuit.copy()
    measured.measure_all()
    noisy = noisy_isa_circuit(measured, quiet_target(), latency_s=0.0, dephasing_s=T)
    found = outcome_probabilities(noisy.circuit)
    for a in (0, 1):
        for b in (0, 1):
            i = a + 2 * b
            assert found.get((a, b), 0.0) == pytest.approx(exactly.data[i, i].real, abs=1e-9)


def waiting_pair(ticks):
    program = ql.compose(ql.ElementaryLink(ql.Node("a"), ql.Node("b")))
    circuit = program.circuit.copy()
    for q in (0, 1):
        circuit.delay(ticks, q)
    return Program(circuit, program.ends, program.nodes)


@pytest.mark.parametrize("flips", [True, False])
def test_predict_takes_what_was_stated_and_pulses_refocus_it(flips):
    device, program = _Device(quiet_target(flips=flips)), waiting_pair(10_000)
    stated = prepare(program, device, low_frequency_dephasing_s=T, seed=1)
    free = predict(stated)
    both = exp(-2 * (10_000 * DT / T) ** 2)
    assert free.expectation("XX").best == pytest.approx(both, abs=1e-9)
    assert free.expectation("ZZ").best == pytest.approx(1, abs=1e-9)
    assert any("low-frequency dephasing" in told and "20 µs" in told for told in free.included)
    pulsed = predict(prepare(program, device, decoupling="XX", low_frequency_dephasing_s=T, seed=1))
    assert pulsed.fidelity().best == pytest.approx(1, abs=1e-9)
    unstated = prepare(program, device, seed=1)
    assert predict(unstated).fidelity().best == pytest.approx(1, abs=1e-9)
    given = predict(unstated, low_frequency_dephasing_s=T)
    assert given.fidelity().best == pytest.approx(free.fidelity().best, abs=1e-12)
    assert predict(stated, low_frequency_dephasing_s=inf).fidelity().best == pytest.approx(1, abs=1e-9)


def test_a_qubit_without_a_time_is_told():
    prepared = prepare(waiting_pair(10_000), _Device(quiet_target()), seed=1)
    one = predict(prepared, low_frequency_dephasing_s={0: T})
    assert one.expectation("XX").best == pytest.approx(exp(-((10_000 * DT / T) ** 2)), abs=1e-9)
    assert "low-frequency dephasing of qubit 1" in one.unknown


def test_bad_times_and_noise_models_are_refused():
    prepared = prepare(waiting_pair(10_000), _Device(quiet_target()), seed=1)
    for bad in (-1.0, 0.0, {0: -1.0}):
        with pytest.raises(ValueError, match="low_frequency_dephasing_s"):
            predict(prepared, low_frequency_dephasing_s=bad)
    with pytest.raises(ValueError, match="low_frequency_dephasing_s must be None"):
        predict(prepared, noise_model=NoiseModel(), low_frequency_dephasing_s=T)
