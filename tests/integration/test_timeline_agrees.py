"""The circuit with waiting times agrees with the timeline: history by history, exactly, and as one broadcast run.

A history's circuit has its delays bound and is followed gate by gate through all its branches, every delay under
Qiskit Aer's relaxation error: nothing of the timeline's maps or of its decay takes part.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.hardware import Processor
from quantumlink.readings import compose, evaluate
from quantumlink.readings.timeline import simulate

EXACT = 1e-9

NOISY = Processor(0.01, 0.02, [[0.99, 0.01], [0.03, 0.97]], gate_1q_s=1e-5, gate_2q_s=4e-5, readout_s=2e-5)
LIFETIMES = [(0.004, 0.003), (0.002, 0.004), (np.inf, 0.002), (0.003, 0.001)]


def nodes(processor=NOISY):
    return [
        ql.Node(name, memory=ql.Memory(t1_s=t1, t2_s=t2), processor=processor)
        for name, (t1, t2) in zip("abcd", LIFETIMES, strict=True)
    ]


def hop(left, right, length_km=25):
    return ql.ElementaryLink(left, right, ql.Fiber(length_km), bell_diagonal=(0.85, 0.05, 0.07, 0.03))


def swap_of_two(a, b, c, d):
    return ql.swap(hop(a, b), hop(b, c, 40))


def three_hops(a, b, c, d):
    return ql.swap(hop(a, b), ql.swap(hop(b, c, 15), hop(c, d)))


def purified_then_swapped(a, b, c, d):
    return ql.swap(ql.purify(hop(a, b), hop(a, b)), hop(b, c))


def swapped_then_purified(a, b, c, d):
    return ql.purify(ql.swap(hop(a, b), hop(b, c)), ql.swap(hop(a, b), hop(b, c)))


def played(program):
    """The program once for each history, delays bound."""
    *others, waits = program.random_settings
    for row in waits.rows:
        circuit = program.circuit.assign_parameters(dict(zip(waits.parameters, row, strict=True)))
        yield replace(program, circuit=circuit, random_settings=tuple(others))


@pytest.mark.parametrize(
    "build", [swap_of_two, three_hops, purified_then_swapped, swapped_then_purified], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("cutoff_s", [None, 0.0009])
def test_every_history_is_its_circuit(build, cutoff_s, seed):
    link = build(*nodes())
    timeline = simulate(link, trials=4, seed=seed, cutoff_s=cutoff_s)
    program = compose(link, timeline=timeline)
    states = [evaluate(one) for one in played(program)]
    found = np.array([state.coefficients.reshape(16) for state in states])
    np.testing.assert_allclose(found, timeline.states, rtol=0, atol=EXACT)
    # Accepted runs of drawn rows: their average is the timeline's, as what is accepted rarely is drawn more often.
    accepted = np.array([state.success_probability for state in states])
    np.testing.assert_allclose(accepted, timeline.histories().accepted, rtol=0, atol=EXACT)
    weights = accepted * program.random_settings[-1].weights
    mean = weights @ found / weights.sum()
    np.testing.assert_allclose(mean.reshape(4, 4), timeline.state.coefficients, rtol=0, atol=EXACT)
    assert timeline.fidelity.best < evaluate(link).fidelity - 1e-3  # that waiting took its part


@pytest.mark.parametrize("options", [{"swapping": "levels"}, {"stored": "attempt"}], ids=str)
def test_every_history_of_another_way_to_play(options, seed):
    link = three_hops(*nodes())
    timeline = simulate(link, trials=3, seed=seed, **options)
    found = [evaluate(one).coefficients.reshape(16) for one in played(compose(link, timeline=timeline))]
    np.testing.assert_allclose(found, timeline.states, rtol=0, atol=EXACT)


def test_a_twirled_purification(seed):
    a, b, *_ = nodes()
    link = ql.purify(hop(a, b), hop(a, b), protocol="bbpssw")
    timeline = simulate(link, trials=1, seed=seed)
    (only,) = played(compose(link, timeline=timeline))
    np.testing.assert_allclose(evaluate(only).coefficients.reshape(16), timeline.states[0], rtol=0, atol=EXACT)


def test_without_relaxation_the_frame_may_wait(seed):
    # Dephasing commutes with the corrections, and so do noiseless gates: all three kinds agree.
    places = [ql.Node(name, memory=ql.Memory(t2_s=0.003)) for name in "abcd"]
    link = three_hops(*places)
    timeline = simulate(link, trials=2, seed=seed)
    for corrections in ("sequential", "feedforward", "frame"):
        program = compose(link, timeline=timeline, corrections=corrections)
        found = [evaluate(one).coefficients.reshape(16) for one in played(program)]
        np.testing.assert_allclose(found, timeline.states, rtol=0, atol=EXACT)


def test_reused_qubits_wait_as_well(seed):
    link = three_hops(*nodes())
    timeline = simulate(link, trials=2, seed=seed)
    program = compose(link, timeline=timeline, reuse_qubits=True)
    assert program.circuit.num_qubits == 4
    found = [evaluate(one).coefficients.reshape(16) for one in played(program)]
    np.testing.assert_allclose(found, timeline.states, rtol=0, atol=EXACT)


def test_waits_are_named_and_counted(seed):
    link = three_hops(*nodes())
    timeline = simulate(link, trials=7, seed=seed)
    program = compose(link, timeline=timeline)
    waits = program.random_settings[-1]
    assert len(waits.rows) == 7
    assert set(waits.parameters) == set(program.circuit.parameters)
    delays = [i for i in program.circuit.data if i.name == "delay"]
    assert len(delays) == len(waits.parameters)
    assert {i.operation.unit for i in delays} == {"s"}
    histories = timeline.histories()
    assert histories.waits_s.shape == (7, 2, 4)
    total = histories.waits_s.sum(axis=(1, 2)) + histories.last_s.sum(axis=1)
    np.testing.assert_allclose(np.sum(waits.rows, axis=1), total)


def test_nothing_to_wait_for(seed):
    a, b, *_ = nodes()
    link = hop(a, b)
    program = compose(link, timeline=simulate(link, trials=3, seed=seed))
    assert not program.random_settings
    assert program.circuit == compose(link).circuit


def test_a_timeline_of_another_link_is_refused():
    a, b, c, d = nodes()
    timeline = simulate(hop(a, b), trials=1, seed=1)
    with pytest.raises(ValueError, match=r"timeline must be of the link <Swap a–c"):
        compose(swap_of_two(a, b, c, d), timeline=timeline)
    with pytest.raises(TypeError, match="timeline must be a Timeline"):
        compose(hop(a, b), timeline=3)


def test_one_broadcast_pub_plays_all_histories(seed):
    # A device whose idle qubits decay: Aer under a relaxation pass on delays. One PUB, its waiting times broadcast
    # over the histories; noiseless gates, perfect pairs. Qiskit's sampler binds delays before they reach the pass
    # (Aer's own would hand it the parameters, which it cannot take).
    from qiskit.circuit import Delay
    from qiskit.primitives import BackendSamplerV2
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, RelaxationNoisePass

    memory = ql.Memory(t1_s=0.004, t2_s=0.003)
    places = [ql.Node(name, memory=memory) for name in "abc"]
    link = ql.swap(*(ql.ElementaryLink(x, y, ql.Fiber(25)) for x, y in pairwise(places)))
    histories, shots = 40, 700
    timeline = simulate(link, trials=histories, seed=seed)
    program = compose(link, timeline=timeline, corrections="sequential")
    circuit = plain(program.circuit)
    circuit.barrier()
    left, right = program.ends.values()
    circuit.measure_all()
    waits = program.random_settings[-1]
    order = [waits.parameters.index(p) for p in circuit.parameters]
    noise = NoiseModel()
    qubits = circuit.num_qubits
    noise._custom_noise_passes.append(
        RelaxationNoisePass([memory.t1_s] * qubits, [memory.t2_s] * qubits, dt=None, op_types=[Delay])
    )
    backend = AerSimulator(method="statevector", noise_model=noise)
    sampler = BackendSamplerV2(backend=backend, options={"seed_simulator": seed})
    result = sampler.run([(circuit, np.array(waits.rows)[:, order])], shots=shots).result()[0]
    bits = result.data.meas.to_bool_array(order="little")
    assert bits.shape == (histories, shots, qubits)
    agree = (bits[..., left] == bits[..., right]).mean()
    # Hoeffding at 1e-6: √(ln(2e6)/(2·28,000)) = 0.0161.
    assert abs((1 - timeline.state.qber("Z")) - agree) < 0.0161
    assert timeline.state.qber("Z") > 0.05


def plain(circuit):
    """Bell pairs as their gates."""
    result = circuit.copy_empty_like()
    assert isinstance(result, QuantumCircuit)
    for instruction in circuit.data:
        if instruction.name == "bell_pair":
            definition = instruction.operation.definition
            for part in definition.data:
                index = [definition.find_bit(q).index for q in part.qubits]
                result.append(part.operation, [instruction.qubits[i] for i in index])
        else:
            result.append(instruction)
    return result


@pytest.mark.parametrize("build", [swap_of_two, purified_then_swapped])
def test_the_program_averages_to_the_timelines_state(build, seed):
    timeline = simulate(build(*nodes()), trials=25, seed=seed)
    state = evaluate(compose(timeline.link, timeline=timeline))
    np.testing.assert_allclose(state.coefficients, timeline.state.coefficients, atol=1e-9)


def test_the_program_is_sampled_history_by_history(seed):
    timeline = simulate(swap_of_two(*nodes()), trials=12, seed=seed)
    program = compose(timeline.link, timeline=timeline)
    samples = ql.sample(program, shots=72_544 // 3, seed=seed)
    # Hoeffding at 1e-6 for each of three correlators: 0.0173; the fidelity deviates by at most 3/4 of that.
    assert abs(samples.fidelity() - timeline.state.fidelity) < 0.0131
    assert samples.fidelity() == ql.sample(program, shots=72_544 // 3, seed=seed).fidelity()
