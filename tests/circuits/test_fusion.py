"""Pairs that become a GHZ state: exact for every record, with the fidelity laws for noisy pairs."""

from itertools import pairwise
from math import prod

import numpy as np
import pytest
from oracles.density import deferred
from oracles.stim_circuits import has_flow
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.channel import PauliChannel
from quantumlink_circuits.fusion import distribute_ghz, fuse_pairs_to_ghz

from quantumlink.exact import branches
from quantumlink.testing import assert_prepares

BUILDERS = {"fuse": fuse_pairs_to_ghz, "distribute": distribute_ghz}
SMALL = [("fuse", 2), ("fuse", 3), ("fuse", 4), ("distribute", 2), ("distribute", 3)]


def ghz(n):
    ket = np.zeros(2**n)
    ket[[0, -1]] = 0.5**0.5
    return ket


def arriving(circuit, werner=(), *, half=1):
    """The circuit behind its pairs, each of them Werner of that w: one half has gone through the medium."""
    result = circuit.copy_empty_like()
    for place, pair in enumerate(circuit.metadata["pairs"]):
        result.h(pair[0])
        result.cx(*pair)
        if werner:
            result.append(PauliChannel(*[(1 - werner[place]) / 4] * 3), [pair[half]])
    for instruction in circuit.data:
        result.append(instruction)
    return result


def without(circuit, place):
    result = circuit.copy_empty_like()
    for i, instruction in enumerate(circuit.data):
        if i != place:
            result.append(instruction)
    return result


def holders(circuit):
    """The qubits that hold the GHZ state."""
    center, end = port(circuit, "center"), port(circuit, "end")
    return [center[0], *end] if circuit.name == "fuse_pairs_to_ghz" else end


def port(circuit, name):
    (register,) = (r for r in circuit.qregs if r.name == name)
    return [circuit.find_bit(q).index for q in register]


def ghz_fidelity(circuit):
    """From the stabilizers' expectations: even sets of Z, and X everywhere with even sets of Y, −1 for two."""
    qubits = holders(circuit)
    n = len(qubits)
    tensor = sum(branches(circuit, outputs=qubits, keep=()).values()).reshape((4,) * n)
    total = 0.0
    for subset in range(2**n):
        odd = [subset >> k & 1 for k in range(n)]
        if sum(odd) % 2 == 0:
            total += tensor[tuple(3 * bit for bit in odd)]
            total += (-1) ** (sum(odd) // 2) * tensor[tuple(1 + bit for bit in odd)]
    return total / 2**n


def fused_law(w):
    return (prod((1 + x) / 2 for x in w) + prod(w)) / 2


def distributed_law(w):
    return (prod((1 + x) / 2 for x in w) + prod((1 - x) / 2 for x in w) + prod(w)) / 2


LAWS = {"fuse": fused_law, "distribute": distributed_law}


@pytest.mark.parametrize(("name", "n"), SMALL)
def test_perfect_pairs_become_a_ghz_state(name, n):
    circuit = arriving(BUILDERS[name](n))
    assert_prepares(circuit, ghz(len(holders(circuit))), qubits=holders(circuit))


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("n", [2, 3, 8, 25])
def test_ghz_stabilizers_of_many_ends(name, n):
    circuit = arriving(BUILDERS[name](n))
    qubits, zeros = holders(circuit), range(circuit.num_qubits)

    def flow(letters, sign=""):
        word = ["_"] * circuit.num_qubits
        for q, letter in letters.items():
            word[q] = letter
        return has_flow(circuit, f"1 -> {sign}{''.join(word)}", zeros=zeros)

    assert flow(dict.fromkeys(qubits, "X"))
    assert not flow(dict.fromkeys(qubits, "X"), "-")
    for a, b in pairwise(qubits):
        assert flow({a: "Z", b: "Z"})


def test_two_werner_pairs_fused_follow_the_published_law(rng):
    for w1, w2 in [(1.0, 1.0), (0.0, 0.7), *rng.uniform(0, 1, (4, 2))]:
        found = ghz_fidelity(arriving(fuse_pairs_to_ghz(), (w1, w2)))
        assert found == pytest.approx((1 + w1 + w2 + 5 * w1 * w2) / 8, abs=1e-12)


@pytest.mark.parametrize(("name", "n"), SMALL)
def test_werner_pairs_follow_the_law(name, n, rng):
    w = tuple(rng.uniform(0, 1, n))
    for half in (0, 1):  # a Werner pair is the same whichever half has travelled
        found = ghz_fidelity(arriving(BUILDERS[name](n), w, half=half))
        assert found == pytest.approx(LAWS[name](w), abs=1e-12)


@pytest.mark.parametrize(("name", "n"), [("fuse", 2), ("fuse", 3), ("distribute", 2)])
def test_the_law_on_an_independent_simulator(name, n, rng):
    """Aer's density matrix with deferred measurements: the branch interpreter takes no part."""
    w = tuple(rng.uniform(0, 1, n))
    circuit = arriving(BUILDERS[name](n), w)
    parts = deferred(circuit, outputs=holders(circuit)).by_record()
    ket = ghz(len(holders(circuit)))
    assert (ket @ sum(parts.values()) @ ket).real == pytest.approx(LAWS[name](w), abs=1e-9)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("n", [2, 3])
def test_every_correction_is_needed(name, n):
    circuit = arriving(BUILDERS[name](n))
    places = [place for place, instruction in enumerate(circuit.data) if instruction.name == "if_else"]
    assert len(places) == {"fuse": n - 1, "distribute": 2 * n}[name]
    for place in places:
        with pytest.raises(AssertionError, match="does not prepare the state"):
            assert_prepares(without(circuit, place), ghz(len(holders(circuit))), qubits=holders(circuit))


@pytest.mark.parametrize("name", BUILDERS)
def test_ports(name):
    circuit = BUILDERS[name](4)
    assert type(circuit) is QuantumCircuit
    pairs = zip(port(circuit, "center"), port(circuit, "end"), strict=True)
    assert [set(pair) for pair in circuit.metadata["pairs"]] == [set(pair) for pair in pairs]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: fuse_pairs_to_ghz(1), ValueError, "num_pairs must be at least 2, got 1"),
        (lambda: fuse_pairs_to_ghz("2"), TypeError, "num_pairs must be a whole number, got '2'"),
        (lambda: distribute_ghz(1), ValueError, "num_ends must be at least 2, got 1"),
        (lambda: distribute_ghz(3.0), TypeError, "num_ends must be a whole number, got 3.0"),
    ],
)
def test_bad_arguments_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
