"""GHZ, W and partially entangled states: exact amplitudes, and stabilizers where there are many qubits."""

from math import ceil, cos, inf, log2, pi, sin

import numpy as np
import pytest
from oracles.stim_circuits import has_flow
from qiskit import qasm3
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import Statevector, concurrence
from quantumlink_circuits.bell import rotated_pair
from quantumlink_circuits.multipartite import GHZ_DEPTHS, W_DEPTHS, ghz_state, w_state

from quantumlink.testing import assert_prepares


def ghz(n):
    ket = np.zeros(2**n)
    ket[0] = ket[-1] = 1 if n else 0
    return ket / np.linalg.norm(ket)


def w(n):
    ket = np.zeros(2**n)
    ket[[1 << k for k in range(n)]] = n**-0.5
    return ket


def conditionals(circuit):
    return [place for place, instruction in enumerate(circuit.data) if instruction.name == "if_else"]


def without(circuit, place):
    result = circuit.copy_empty_like()
    for i, instruction in enumerate(circuit.data):
        if i != place:
            result.append(instruction)
    return result


def test_rotated_pair_amplitudes(rng):
    for theta, phi in rng.uniform(-2 * pi, 2 * pi, (5, 2)):
        state = Statevector(rotated_pair(theta, phi))
        wanted = [cos(theta / 2), 0, 0, np.exp(1j * phi) * sin(theta / 2)]
        assert np.abs(state.data - wanted).max() < 1e-12
        assert concurrence(state) == pytest.approx(abs(sin(theta)), abs=1e-7)  # a square root of rounding errors
        assert_prepares(rotated_pair(theta, phi), wanted)


def test_rotated_pair_takes_parameters_and_makes_them():
    angle = Parameter("mine")
    assert rotated_pair(angle, 2 * angle).parameters == {angle}
    assert {p.name for p in rotated_pair().parameters} == {"theta", "phi"}


@pytest.mark.parametrize("depth", GHZ_DEPTHS)
@pytest.mark.parametrize("n", range(1, 8))
def test_ghz_state(n, depth):
    assert_prepares(ghz_state(n, depth=depth), ghz(n), qubits="q")


@pytest.mark.parametrize("depth", GHZ_DEPTHS)
@pytest.mark.parametrize("n", [2, 3, 9, 40])
def test_ghz_stabilizers_of_many_qubits(n, depth):
    circuit = ghz_state(n, depth=depth)
    zeros, rest = range(circuit.num_qubits), "_" * (circuit.num_qubits - n)
    assert has_flow(circuit, f"1 -> {'X' * n}{rest}", zeros=zeros)
    assert not has_flow(circuit, f"1 -> -{'X' * n}{rest}", zeros=zeros)
    for k in range(n - 1):
        assert has_flow(circuit, f"1 -> {'_' * k}ZZ{'_' * (n - 2 - k)}{rest}", zeros=zeros)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_every_correction_of_the_constant_depth_ghz_state_is_needed(n):
    circuit = ghz_state(n, depth="constant")
    for place in conditionals(circuit):
        with pytest.raises(AssertionError, match="does not prepare the state"):
            assert_prepares(without(circuit, place), ghz(n), qubits="q")


def test_ghz_depths_grow_as_named():
    def layers(circuit):
        return circuit.depth(lambda instruction: instruction.operation.name != "if_else")

    for n in (2, 3, 6, 17, 64):
        assert ghz_state(n).depth() == n
        assert ghz_state(n, depth="logarithmic").depth() == 1 + ceil(log2(n))
        constant = ghz_state(n, depth="constant")
        pairs = ceil(n / 2)
        assert layers(constant) <= 6
        assert len(conditionals(constant)) == pairs - 1  # one a pair, none for the first
        assert constant.num_qubits == n + pairs - 1
    assert len({layers(ghz_state(n, depth="constant")) for n in (5, 17, 64)}) == 1


def test_the_constant_depth_ghz_state_of_many_qubits_is_exported():
    circuit = ghz_state(100, depth="constant")
    assert "parity[0] ^ parity[1] ^ parity[2]" in qasm3.dumps(circuit)


@pytest.mark.parametrize("depth", W_DEPTHS)
@pytest.mark.parametrize("n", range(1, 9))
def test_w_state(n, depth):
    circuit = w_state(n, depth=depth)
    assert np.abs(Statevector(circuit).data - w(n)).max() < 1e-12
    assert_prepares(circuit, w(n))


@pytest.mark.parametrize("depth", W_DEPTHS)
def test_w_state_keeps_its_pairs_entangled(depth):
    """Any two qubits of W_n have concurrence 2/n, whichever are lost."""
    from qiskit.quantum_info import partial_trace

    n = 5
    state = Statevector(w_state(n, depth=depth))
    for a in range(n):
        for b in range(a):
            pair = partial_trace(state, [q for q in range(n) if q not in (a, b)])
            assert concurrence(pair) == pytest.approx(2 / n, abs=1e-7)  # a square root of rounding errors


def test_w_depths_grow_as_named():
    for n in (2, 5, 16, 64):
        assert w_state(n).depth() <= 2 * n
        assert w_state(n, depth="logarithmic").depth() <= 1 + 2 * ceil(log2(n))


def test_the_builders_return_plain_circuits_with_named_registers():
    for circuit in (ghz_state(), w_state(), rotated_pair(), ghz_state(4, depth="constant")):
        assert type(circuit) is QuantumCircuit
    assert [r.name for r in ghz_state(4, depth="constant").qregs] == ["q", "ancilla"]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ghz_state(0), ValueError, "num_qubits must be at least 1, got 0"),
        (lambda: ghz_state(2.5), TypeError, "num_qubits must be a whole number, got 2.5"),
        (lambda: ghz_state(True), TypeError, "num_qubits must be a whole number"),
        (lambda: ghz_state(3, depth="flat"), ValueError, "one of linear, logarithmic, constant; got 'flat'"),
        (lambda: w_state(-1), ValueError, "num_qubits must be at least 1, got -1"),
        (lambda: w_state(3, depth="constant"), ValueError, "one of linear, logarithmic; got 'constant'"),
        (lambda: rotated_pair(inf), ValueError, "theta must be a finite angle"),
        (lambda: rotated_pair(0.1, "phi"), TypeError, "phi must be an angle"),
    ],
)
def test_bad_arguments_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
