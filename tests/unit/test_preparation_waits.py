"""A program with a timeline on a device: rows of histories, played as Paulis."""

from itertools import pairwise

import numpy as np
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Pauli
from qiskit_aer.noise import thermal_relaxation_error

import quantumlink as ql
from quantumlink.execution.preparation import predict, prepare
from quantumlink.execution.preparation.twirled import pauli_twirl
from quantumlink.execution.preparation.waits import with_played_waits, without_drawn_waits

MEMORY = ql.Memory(t1_s=0.003, t2_s=0.001)
NODES = [ql.Node(name, memory=MEMORY) for name in ("alice", "relay", "bob")]
LINK = ql.swap(*(ql.ElementaryLink(*pair, ql.Fiber(25)) for pair in pairwise(NODES)))
DEVICE = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=1)


@pytest.fixture(scope="module")
def program():
    return ql.compose(LINK, timeline=ql.simulate(LINK, trials=60, seed=3))


def test_dropped_waits_are_told(program):
    prepared = prepare(program, DEVICE, seed=1)
    assert prepared.drawn_waits == len(program.waiting_parameters) > 0
    assert f"dropped: {prepared.drawn_waits} waits of a timeline are not in the circuit" in prepared.report()
    assert predict(prepared).ideal.fidelity().best == pytest.approx(1.0)
    assert not without_drawn_waits(program).circuit.count_ops().get("delay")


def test_each_row_is_a_history_in_one_pub(program):
    prepared = prepare(program, DEVICE, seed=1, medium="play", randomizations=60)
    [(circuit, table, shots)] = prepared.pubs(120)
    assert table.shape[0] == 3 * 60
    assert shots == 2
    assert not circuit.count_ops().get("delay")
    assert "waits of a timeline by the Pauli twirl" in prepared.report()


def test_rows_hold_each_waits_paulis_as_often_as_its_memory_makes_them(program, rng):
    """Of 4,000 rows a share is within 0.043 of its mean (Hoeffding, 1e-6); the mean by Aer, twirled."""
    played = with_played_waits(program, 4000, rng)
    assert not played.waiting_parameters
    [setting] = played.random_settings
    [histories] = program.random_settings
    angles = np.array(setting.rows).reshape(4000, -1, 2)
    found = (angles[..., 0] > 0) + 2 * (angles[..., 1] > 0)  # 0, 1, 2, 3: I, X, Z, Y
    delays = [i.operation.duration for i in program.circuit.data if i.name == "delay"]
    assert found.shape[1] == len(delays) == len(histories.parameters)
    for wait, delay in enumerate(delays):
        column = histories.parameters.index(next(iter(delay.parameters)))
        wanted = np.zeros(4)
        for row, weight in zip(histories.rows, histories.weights, strict=True):
            error = thermal_relaxation_error(MEMORY.t1_s, MEMORY.t2_s, row[column])
            twirl = pauli_twirl(error.to_instruction())
            for circuit, share in zip(twirl.circuits, twirl.probabilities, strict=True):
                wanted["IXZY".index(str(Pauli(circuit)).strip("-i"))] += weight * share
        shares = np.bincount(found[:, wait], minlength=4) / 4000
        np.testing.assert_allclose(shares, wanted, atol=0.043)


def test_a_perfect_memory_plays_nothing():
    ideal = [ql.Node(name) for name in ("alice", "relay", "bob")]
    link = ql.swap(*(ql.ElementaryLink(*pair, ql.Fiber(25)) for pair in pairwise(ideal)))
    program = ql.compose(link, timeline=ql.simulate(link, trials=50, seed=3))
    prepared = prepare(program, DEVICE, seed=1, medium="play")
    assert predict(prepared).ideal.fidelity().best == pytest.approx(1.0)
