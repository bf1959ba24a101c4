"""Hardware as data: what the formulas give, and what is refused, with a text that helps."""

from dataclasses import FrozenInstanceError
from math import exp, inf, log2, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.hardware import Detector, NodeSource, SinglePhotonHeralding
from quantumlink.rewrites import add_noise

# Closed forms in double precision. Relative where numbers are small: `approx` would else add 1e-12 of its own.
EXACT = 1e-12

positive_times = st.floats(1e-6, 1e3)


# --- fibre


@settings(max_examples=50, deadline=None, derandomize=True)
@given(length=st.floats(0, 500), attenuation=st.floats(0, 1), index=st.floats(1, 2))
def test_fiber_is_beers_law_and_the_speed_of_light(length, attenuation, index):
    fiber = ql.Fiber(length, attenuation_db_per_km=attenuation, group_index=index)
    assert fiber.transmittance == pytest.approx(10 ** (-attenuation * length / 10), rel=EXACT, abs=0)
    assert fiber.delay_s == pytest.approx(length * 1e3 * index / 299_792_458, rel=EXACT, abs=0)


def test_fiber_defaults_are_those_at_1550_nm():
    fiber = ql.Fiber(length_km=50)
    assert (fiber.attenuation_db_per_km, fiber.group_index) == (0.2, 1.468)
    assert fiber.transmittance == pytest.approx(0.1, rel=EXACT, abs=0)
    assert fiber.delay_s == pytest.approx(244.8e-6, rel=1e-3, abs=0)  # 50 km / 204,218 km/s, four digits


def test_two_fibers_in_a_row_transmit_the_product():
    together, first, second = (ql.Fiber(length) for length in (73.0, 40.0, 33.0))
    assert together.transmittance == pytest.approx(first.transmittance * second.transmittance, rel=EXACT, abs=0)
    assert together.delay_s == pytest.approx(first.delay_s + second.delay_s, rel=EXACT, abs=0)


def test_plob_bound():
    assert ql.Fiber(50).plob_bits == pytest.approx(0.152003, abs=5e-7)  # six digits published
    assert ql.Fiber(50).plob_bits == pytest.approx(-log2(0.9), rel=EXACT, abs=0)
    assert ql.Fiber(0).plob_bits == inf
    # 1 − η rounds to 1 at 1000 km: η/ln 2 is left of it. The next term is η/2, relatively 5e-21.
    assert ql.Fiber(1000).plob_bits == pytest.approx(1e-20 / np.log(2), rel=1e-9, abs=0)


# --- memory: what a delay does to a pair


def idle_fidelity(memory, time_s, *, ends):
    """Fidelity of Φ⁺ after waiting at one or both ends, by the noise rewrite of a circuit with delays."""
    nodes = (ql.Node("a", memory=memory), ql.Node("b", memory=memory))
    circuit = QuantumCircuit(2)
    circuit.append(ql.circuits.bell_pair().to_gate(label="pair"), [0, 1])
    for qubit in range(ends):
        circuit.delay(time_s, qubit, "s")
    return ql.evaluate(ql.Program(circuit, {"a": 0, "b": 1}, nodes)).fidelity


@settings(max_examples=40, deadline=None, derandomize=True)
@given(t1=positive_times, ratio=st.floats(0.01, 2), fraction=st.floats(0, 10))
def test_memory_damps_a_waiting_pair(t1, ratio, fraction):
    t2, time = t1 * ratio, t1 * fraction
    memory = ql.Memory(t1_s=t1, t2_s=t2)
    gamma, coherence = 1 - exp(-time / t1), exp(-time / t2)
    one = (2 - gamma) / 4 + coherence / 2
    both = (1 + gamma**2 + (1 - gamma) ** 2) / 4 + coherence**2 / 2
    # Exact up to rounding; Aer builds the channel from its Choi matrix where T2 > T1.
    assert idle_fidelity(memory, time, ends=1) == pytest.approx(one, abs=1e-9)
    assert idle_fidelity(memory, time, ends=2) == pytest.approx(both, abs=1e-9)


@pytest.mark.parametrize(("t1", "t2"), [(inf, 0.7), (2.0, 4.0), (2.0, 2.0), (inf, inf)])
def test_memory_limits(t1, t2):
    time = 0.5
    gamma = 1 - exp(-time / t1)
    wanted = (1 + gamma**2 + (1 - gamma) ** 2) / 4 + exp(-2 * time / t2) / 2
    assert idle_fidelity(ql.Memory(t1, t2), time, ends=2) == pytest.approx(wanted, abs=1e-9)


def test_a_memory_keeps_what_time_does_not_touch():
    assert idle_fidelity(ql.Memory(), 1e6, ends=2) == pytest.approx(1, abs=EXACT)
    assert idle_fidelity(ql.Memory(1.0, 1.0), 0.0, ends=2) == pytest.approx(1, abs=EXACT)


@pytest.mark.parametrize(("unit", "value"), [("s", 2e-3), ("ms", 2.0), ("us", 2e3), ("ns", 2e6), ("ps", 2e9)])
def test_delays_are_read_in_every_unit_of_time(unit, value):
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.delay(value, 0, unit)
    noisy = add_noise(ql.Program(circuit, {"a": 0}, (ql.Node("a", memory=ql.Memory(inf, 1e-2)),)))
    from quantumlink.exact import branches

    (state,) = branches(noisy.circuit, outputs=[0]).values()
    assert state.ravel()[1] == pytest.approx(exp(-0.2), abs=1e-9)  # ⟨X⟩ after 2 ms of T2 = 10 ms


def test_memory_without_dephasing_of_its_own():
    assert ql.Memory(t1_s=3).t2_s == 6
    assert idle_fidelity(ql.Memory(t1_s=3), 1.0, ends=1) == pytest.approx(
        (1 + exp(-1 / 3)) / 4 + exp(-1 / 6) / 2, abs=1e-9
    )


def test_memory_is_ideal_by_default_only():
    assert ql.Memory().is_ideal
    assert not ql.Memory(t2_s=1).is_ideal
    assert not ql.Memory(t1_s=1, t2_s=1).is_ideal


# --- processor


@pytest.mark.parametrize(
    ("readout", "confusion"),
    [
        (0.0, ((1, 0), (0, 1))),
        (0.02, ((0.98, 0.02), (0.02, 0.98))),
        ([[0.99, 0.01], [0.03, 0.97]], ((0.99, 0.01), (0.03, 0.97))),
        (np.array([[0.99, 0.01], [0.03, 0.97]]), ((0.99, 0.01), (0.03, 0.97))),
    ],
)
def test_processor_confusion_matrix(readout, confusion):
    np.testing.assert_allclose(ql.Processor(readout_error=readout).confusion, confusion, rtol=0, atol=EXACT)


def test_processor_ideal_or_not():
    assert ql.Processor().is_ideal
    assert ql.Processor(gate_1q_s=1e-6, readout_s=1e-3).is_ideal  # durations are no noise
    assert not ql.Processor(depolarizing_1q=1e-9).is_ideal
    assert not ql.Processor(depolarizing_2q=1e-9).is_ideal
    assert not ql.Processor(readout_error=1e-9).is_ideal
    assert not ql.Processor(readout_error=[[1, 0], [0.1, 0.9]]).is_ideal


def test_hardware_is_frozen_equal_by_value_and_hashable():
    first, second = (
        ql.Node("a", ql.Memory(3, 2), ql.Processor(0.1, readout_error=[[0.9, 0.1], [0.2, 0.8]])) for _ in range(2)
    )
    assert first == second
    assert hash(first) == hash(second)
    assert first != ql.Node("a", ql.Memory(3, 2.5), first.processor)
    assert str(first) == "a"
    with pytest.raises(FrozenInstanceError):
        first.name = "b"
    with pytest.raises(FrozenInstanceError):
        ql.Fiber(1).length_km = 2


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (ql.Fiber(25), "Fiber(length_km=25.0)"),
        (ql.Fiber(25, connectors=2), "Fiber(length_km=25.0, connectors=2)"),
        (Detector(), "Detector()"),
        (Detector(0.9, misalignment=0.01), "Detector(efficiency=0.9, misalignment=0.01)"),
        (NodeSource("right", fidelity=0.9), "NodeSource(at='right', fidelity=0.9)"),
        (SinglePhotonHeralding(0.1), "SinglePhotonHeralding(bright_population=0.1)"),
    ],
)
def test_a_part_shows_what_was_said_of_it(part, shown):
    assert repr(part) == shown
    assert eval(shown, {"Fiber": ql.Fiber, **{type(part).__name__: type(part)}}) == part


def test_whole_numbers_are_as_good_as_floats():
    assert ql.Fiber(25) == ql.Fiber(25.0) == ql.Fiber(np.float64(25)) == ql.Fiber(np.int64(25))
    assert isinstance(ql.Fiber(25).length_km, float)


# --- refusals: the text names the argument and the value it got


REFUSED = [
    (ValueError, lambda: ql.Fiber(-1), ["length_km", "-1"]),
    (ValueError, lambda: ql.Fiber(nan), ["length_km", "nan"]),
    (ValueError, lambda: ql.Fiber(inf), ["length_km", "inf"]),
    (TypeError, lambda: ql.Fiber("25"), ["length_km", "'25'"]),
    (TypeError, lambda: ql.Fiber(None), ["length_km", "None"]),
    (TypeError, lambda: ql.Fiber(True), ["length_km", "True"]),
    (ValueError, lambda: ql.Fiber(1, attenuation_db_per_km=-0.2), ["attenuation_db_per_km", "-0.2"]),
    (ValueError, lambda: ql.Fiber(1, group_index=0.9), ["group_index", "0.9", "1"]),
    (ValueError, lambda: ql.Memory(t1_s=1, t2_s=2.1), ["t2_s", "t1_s", "2.1"]),
    (ValueError, lambda: ql.Memory(t1_s=0, t2_s=0), ["t1_s", "0"]),
    (ValueError, lambda: ql.Memory(t1_s=-1, t2_s=1), ["t1_s", "-1"]),
    (ValueError, lambda: ql.Memory(t2_s=nan), ["t2_s", "nan"]),
    ((TypeError, ValueError), lambda: ql.Memory(t1_s="10", t2_s=1), ["t1_s", "'10'"]),
    ((TypeError, ValueError), lambda: ql.Memory(t1_s=True, t2_s=1), ["t1_s", "True"]),
    (ValueError, lambda: ql.Processor(depolarizing_1q=1.1), ["depolarizing_1q", "1.1"]),
    (ValueError, lambda: ql.Processor(depolarizing_2q=-0.1), ["depolarizing_2q", "-0.1"]),
    (ValueError, lambda: ql.Processor(depolarizing_2q=nan), ["depolarizing_2q", "nan"]),
    (TypeError, lambda: ql.Processor(depolarizing_2q="0.1"), ["depolarizing_2q", "'0.1'"]),
    (ValueError, lambda: ql.Processor(readout_error=1.5), ["readout_error", "1.5"]),
    (ValueError, lambda: ql.Processor(readout_error=[[0.9, 0.2], [0, 1]]), ["readout_error", "sum to 1", "0.2"]),
    (ValueError, lambda: ql.Processor(readout_error=[[1.1, -0.1], [0, 1]]), ["readout_error", "1.1"]),
    (ValueError, lambda: ql.Processor(readout_error=[0.1, 0.2]), ["readout_error", "2x2"]),
    (ValueError, lambda: ql.Processor(readout_error=np.eye(3)), ["readout_error", "2x2"]),
    ((TypeError, ValueError), lambda: ql.Processor(readout_error="ab"), ["readout_error", "'ab'"]),
    ((TypeError, ValueError), lambda: ql.Processor(readout_error=[["1", 0], [0, 1]]), ["readout_error"]),
    (ValueError, lambda: ql.Processor(gate_1q_s=-1e-9), ["gate_1q_s"]),
    (ValueError, lambda: ql.Processor(readout_s=inf), ["readout_s", "inf"]),
    (ValueError, lambda: ql.Node(""), ["name", "''"]),
    (ValueError, lambda: ql.Node("  "), ["name"]),
    (TypeError, lambda: ql.Node(7), ["name", "7"]),
    (TypeError, lambda: ql.Node("a", memory=1.0), ["memory", "1.0"]),
    (TypeError, lambda: ql.Node("a", processor=ql.Memory()), ["processor", "Memory"]),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_impossible_hardware_is_refused_by_name(kind, make, texts):
    with pytest.raises(kind) as refusal:
        make()
    for text in texts:
        assert text in str(refusal.value)


def test_a_delay_in_cycles_is_refused_for_a_memory_that_decays():
    circuit = QuantumCircuit(1)
    circuit.delay(100, 0)  # in units of a machine's dt, which is not known here
    node = ql.Node("a", memory=ql.Memory(1, 1))
    with pytest.raises(ValueError, match="dt"):
        add_noise(ql.Program(circuit, {"a": 0}, (node,)))
