"""Operations as few products say what the carried states say; many ends in time cost what differs from zero."""

import numpy as np
import pytest
from scipy.linalg import expm

import quantumlink as ql
from quantumlink import circuits
from quantumlink.exact import UnsupportedOperation
from quantumlink.hardware import Memory
from quantumlink.readings.carrying import Carrier
from quantumlink.readings.maps import carrier
from quantumlink.readings.sparse_carrying import MOST_ROWS, products_of
from quantumlink.readings.steps import Step
from quantumlink.readings.timeline.pairs import waited_ends
from quantumlink.readings.timeline.reduced_map import reduced_map
from quantumlink.readings.waiting import qubit_waited

NOISY = ql.Processor(depolarizing_1q=0.01, depolarizing_2q=0.03, readout_error=[[0.99, 0.01], [0.04, 0.96]])
BELL, RELAXED, ALL = (0, 5, 10, 15), (0, 3, 5, 10, 12, 15), tuple(range(16))

OPERATIONS = {
    "fused": (circuits.fuse_pairs_to_ghz(3), ALL),
    "distributed": (circuits.distribute_ghz(3), RELAXED),
    "swapped": (circuits.multiway_swap(3), RELAXED),
    "heralded": (circuits.known_operation("expedient"), BELL),
    "twirled": (circuits.known_operation("bbpssw"), ALL),
    "measured again": (circuits.known_operation("double_selection"), RELAXED),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_products_are_what_carried_states_give(name, rng):
    given, support = OPERATIONS[name]
    operation = circuits.Operation(given) if not isinstance(given, circuits.Operation) else given
    carried = carrier(operation, (NOISY,) * len(operation.sites))
    assert isinstance(carried, Carrier)
    states = np.zeros((len(operation.inputs), 5, 16))
    states[..., support] = rng.uniform(-1, 1, (len(operation.inputs), 5, len(support)))
    expected = carried(*states)
    found = products_of(carried, operation, [support] * len(operation.inputs))
    assert found is not None
    products = np.prod([s[:, choice] for s, choice in zip(states, found.choices, strict=True)], axis=0)
    summed = np.zeros_like(expected)
    np.add.at(summed.T, found.outputs, (products * found.weights).T)
    np.testing.assert_allclose(summed, expected, rtol=0, atol=1e-12)
    assert np.abs(expected).max() > 1e-3


def test_what_is_not_pauli_is_carried_as_a_whole(monkeypatch):
    from qiskit_aer.noise import coherent_unitary_error

    turn = coherent_unitary_error(np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)))[0])
    odd = ql.Processor(noise={"x": turn, "h": turn})
    operation = circuits.Operation(circuits.distribute_ghz(6))
    processors = (odd,) * len(operation.sites)
    monkeypatch.setattr("quantumlink.readings.sparse_carrying.MOST_ROWS", 64)
    assert MOST_ROWS > 64
    found = reduced_map(operation, processors, [np.arange(16)] * 6)
    assert found.carries is not None


def test_equal_points_are_carried_once(monkeypatch, rng):
    operation = circuits.Operation(circuits.distribute_ghz(3))
    carried = carrier(operation, (NOISY,) * len(operation.sites))
    states = [rng.uniform(-1, 1, (6, 16)) for _ in range(3)]
    states[2] = states[2][:1]  # one for all points
    for state in states[:2]:
        state[3], state[5] = state[1], state[1]
    states[1][4] = states[1][0]  # equal in one link only
    each = np.concatenate([carried(*(s[i : i + 1] if len(s) > 1 else s for s in states)) for i in range(6)])
    points = []
    carry = Carrier._carry
    monkeypatch.setattr(Carrier, "_carry", lambda self, links, n: points.append(n) or carry(self, links, n))
    np.testing.assert_allclose(carried(*states), each, rtol=0, atol=1e-14)
    assert sum(points) == 4


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_many_ends_wait_as_each_qubit_does(k, rng):
    memories = [Memory(t1_s=0.5 + i, t2_s=0.4) if i % 2 else Memory(t2_s=0.3) for i in range(k - 1)]
    memories.append(Memory(t1_s=2.0))
    support = np.sort(rng.choice(4**k, size=min(4**k, 9), replace=False))
    states, waits = np.zeros((4**k, 7)), rng.uniform(0, 1, (k, 7))
    states[support] = rng.uniform(-1, 1, (len(support), 7))
    before, expected = states.copy(), states.T
    for end, memory in enumerate(memories):
        expected = qubit_waited(expected, end, k, memory, waits[end])
    np.testing.assert_allclose(waited_ends(states, memories, waits, support), expected.T, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(states, before)


def test_eight_ends_in_time(seed):
    """Every trial decays on its own, and its state is what the exact fold says of its waits."""
    hub, *ends = (ql.Node(name, memory=Memory(t1_s=0.02, t2_s=0.01), processor=NOISY) for name in "hstuvwxyz")
    links = [
        ql.ElementaryLink(hub, end, success_probability=0.2, attempt_time_s=1e-3, fidelity=0.97) for end in ends
    ]
    timeline = ql.simulate(ql.join(circuits.distribute_ghz(8), *links), trials=3, seed=seed)
    plan, histories = timeline.run.plan, timeline.histories()
    carried = carrier(plan.link.operation, tuple(node.processor for node in plan.link.nodes))
    for trial in range(3):
        held = []
        for i, link in enumerate(links):
            state = np.zeros((1, 16))
            state[0, [0, 5, 10, 15]] = np.array([1, 1, -1, 1]) * [1, *[(4 * link.fidelity - 1) / 3] * 3]
            for end in (0, 1):
                waits = histories.by_operation[0][trial, 2 * i + end]
                state = qubit_waited(state, end, 2, hub.memory, np.array([waits]))
            held.append(state)
        found = carried(*held)
        for end in range(8):
            found = qubit_waited(found, end, 8, hub.memory, histories.last_s[trial, end : end + 1])
        np.testing.assert_allclose(timeline.states[trial], found[0], rtol=0, atol=1e-12)
    assert timeline.coefficients.shape[1] < 4**8 / 4


def test_a_step_of_another_kind_is_refused_in_both_ways():
    operation = circuits.known_operation("dejmps")
    carried = carrier(operation, (NOISY,) * 2)
    weight, steps, lives = carried.runs[0]
    carried.runs[0] = (weight, [*steps, Step("jump")], lives)
    with pytest.raises(UnsupportedOperation, match="no rule for a step of the kind 'jump'"):
        carried(np.eye(16), np.eye(16))
    with pytest.raises(UnsupportedOperation, match="no rule for a step of the kind 'jump'"):
        products_of(carried, operation, [BELL] * 2)


def test_states_that_are_carried_as_a_whole_come_in_batches_that_take_about_a_second():
    from qiskit_aer.noise import coherent_unitary_error

    from quantumlink.readings.timeline.run import Run

    def run(ends, processor):
        memory = Memory(t1_s=1.0, t2_s=0.5)
        hub = ql.Node("hub", memory, processor)
        made = {"fidelity": 0.9, "success_probability": 0.5, "attempt_time_s": 1e-3}
        nodes = [ql.Node(f"e{i}", memory, processor) for i in range(ends)]
        links = [ql.ElementaryLink(node, hub, ql.Fiber(1), **made) for node in nodes]
        return Run(ql.join(circuits.multiway_swap(ends), *links), 1000, 1, None, "asap", "herald")

    turn = coherent_unitary_error(expm(-0.1j * np.array([[0, 1], [1, 0]])))
    turning = ql.Processor(noise={"h": turn, "x": turn})
    whole = run(8, turning)
    assert isinstance(whole.plan.map.carries, Carrier)
    assert whole.batch_size * whole.plan.map.carries.entries <= 1 << 24
    assert run(8, NOISY).plan.map.carries is None
    assert run(8, NOISY).batch_size == 64 > whole.batch_size
    assert run(3, turning).batch_size == 1000
