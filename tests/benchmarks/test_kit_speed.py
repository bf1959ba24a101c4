"""How long the exact checks of the test kit take, on circuits with measurement and feed-forward.

`pytest tests/benchmarks --benchmark-only` prints the table; nothing here fails because a machine is slow. The goal
is the exact channel of a dynamic circuit of four qubits in less than 100 ms.
"""

from itertools import product

import pytest
from oracles.proofs import PROOFS, arriving
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import CXGate

from quantumlink.circuits import builders, dejmps, entanglement_swap, remote_cnot, teleportation
from quantumlink.testing import assert_channel, assert_detects, assert_flow


def with_right_pair(circuit: QuantumCircuit) -> QuantumCircuit:
    """The swap with its right pair: what arrives on relay[0] is teleported to the right end."""
    result = circuit.copy_empty_like()
    result.h(2)
    result.cx(2, 3)
    return result.compose(circuit)


@pytest.mark.benchmark(group="exact channel of a dynamic circuit of four qubits")
@pytest.mark.parametrize("primitive", ["remote_cnot", "entanglement_swap"])
def test_channel(benchmark, primitive):
    if primitive == "remote_cnot":
        circuit, expected = arriving(remote_cnot()), CXGate()
        ports = {"inputs": ["control", "target"], "outputs": ["control", "target"]}
    else:
        circuit, expected = with_right_pair(entanglement_swap()), "II"
        ports = {"inputs": [0, 1], "outputs": [0, 3]}
    benchmark(assert_channel, circuit, expected, **ports)
    with pytest.raises(AssertionError, match="the channel differs"):
        assert_channel(circuit, "XX", **ports)


@pytest.mark.benchmark(group="one stabiliser flow, every input carried")
@pytest.mark.parametrize(
    ("circuit", "flow", "wrong"),
    [
        pytest.param(teleportation(), "X__ -> __X", "X__ -> -__X", id="teleportation"),
        pytest.param(entanglement_swap(), "XXXX -> X__X", "XXXX -> -X__X", id="entanglement_swap"),
        pytest.param(remote_cnot(), "XXXX -> X___", "XXXX -> -X___", id="remote_cnot"),
    ],
)
def test_flow(benchmark, circuit, flow, wrong):
    carried = ["message"] if circuit.name == "teleportation" else range(4)
    benchmark(assert_flow, circuit, flow, inputs=carried)
    with pytest.raises(AssertionError, match="does not have the flow"):
        assert_flow(circuit, wrong, inputs=carried)


@pytest.mark.benchmark(group="every Pauli error on the pairs that DEJMPS spends and keeps")
def test_detects(benchmark):
    # √X turns Y into Z, which the bilateral CNOT does not compare: an error is seen if one pair has X or Z on it
    # and the other has not. The letters stand on kept_a and spent_a.
    letters = list(product("IXYZ", repeat=2))
    seen = [f"{kept}{spent}II" for kept, spent in letters if (kept in "XZ") != (spent in "XZ")]
    unseen = [f"{kept}{spent}II" for kept, spent in letters if (kept in "XZ") == (spent in "XZ")]
    benchmark(assert_detects, dejmps(), seen, undetected=unseen)
    with pytest.raises(AssertionError, match="does not detect"):
        assert_detects(dejmps(), unseen)


@pytest.mark.benchmark(group="a whole proof of a primitive")
@pytest.mark.parametrize("name", ["teleportation", "remote_cnot", "dejmps", "remote_toffoli", "stringent_round"])
def test_proof(benchmark, name):
    benchmark(PROOFS[name], builders()[name]())
