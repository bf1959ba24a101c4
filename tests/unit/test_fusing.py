"""Fused gates: the same channel as step by step, and fewer of them."""

import numpy as np
import pytest
from qiskit import QuantumCircuit

import quantumlink as ql
from quantumlink.circuits import known_operation
from quantumlink.readings.fusing import fused
from quantumlink.readings.steps import steps_of
from quantumlink.rewrites import noisy_circuit

NOISY = ql.Processor(0.01, 0.02, 0.03)


def channel(steps, qubits):
    """All gates as one transfer matrix."""
    whole = np.eye(4**qubits).reshape((4,) * qubits + (-1,))
    for step in steps:
        k, axes = len(step.qubits), list(step.qubits)
        gate = step.transfer.reshape((4,) * (2 * k))
        whole = np.moveaxis(np.tensordot(gate, whole, axes=(range(k, 2 * k), axes)), range(k), axes)
    return whole.reshape(4**qubits, 4**qubits)


@pytest.mark.parametrize("number", range(20))
def test_random_gates_are_the_same_channel(number, rng):
    circuit = QuantumCircuit(4)
    for _ in range(25):
        kind = rng.choice(["h", "t", "rx", "cx", "cy", "swap", "ccx"])
        qubits = rng.permutation(4).tolist()
        if kind == "rx":
            circuit.rx(rng.uniform(0, 6), qubits[0])
        else:
            getattr(circuit, kind)(*qubits[: {"h": 1, "t": 1, "ccx": 3}.get(kind, 2)])
    steps = steps_of(circuit)
    found = fused(steps)
    assert len(found) < len(steps)
    np.testing.assert_allclose(channel(found, 4), channel(steps, 4), rtol=0, atol=1e-12)


def test_what_stands_between_stays_between():
    circuit = QuantumCircuit(3, 1)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.ccx(0, 1, 2)  # takes the second gate in, not the first: the second came after that
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.reset(1)
    circuit.x(1)
    kinds = [(step.kind, step.qubits) for step in fused(steps_of(circuit))]
    assert kinds == [
        ("gate", (0, 1)),
        ("gate", (0, 1, 2)),
        ("measure", (0,)),
        ("gate", (0,)),
        ("reset", (1,)),
        ("gate", (1,)),
    ]


@pytest.mark.parametrize("name", ["stringent", "bbpssw", "entanglement_swap"])
def test_gates_and_their_noise_are_one(name):
    operation = known_operation(name)
    nodes = [ql.Node("n", processor=NOISY)] * operation.circuit.num_qubits
    steps = steps_of(noisy_circuit(operation.circuit, tuple(nodes)))
    assert sum(step.kind == "gate" for step in fused(steps)) * 2 <= sum(step.kind == "gate" for step in steps)
    assert [s.kind for s in fused(steps) if s.kind != "gate"] == [s.kind for s in steps if s.kind != "gate"]
