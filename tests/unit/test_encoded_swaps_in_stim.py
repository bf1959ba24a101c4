"""Swaps in a code, played gate by gate by stim: encoded with errors, measured in Bell's basis, decoded together."""

from itertools import pairwise

import numpy as np
import pytest
import stim

import quantumlink as ql
from quantumlink.codes import Lookup

POPULATIONS = (0.95, 0.01, 0.03, 0.01)
SHOTS = 290_178  # Hoeffding at 1e-6: ±0.005


class Played:
    """A circuit with the errors of a processor, and where each measurement stands."""

    def __init__(self, code, processor):
        self.code, self.circuit, self.measured, self.qubits = code, stim.Circuit(), 0, 0
        self.one, self.two = 3 / 4 * processor.depolarizing_1q, 15 / 16 * processor.depolarizing_2q
        self.processor = processor

    def block(self, size):
        self.qubits += size
        return range(self.qubits - size, self.qubits)

    def pairs(self):
        sides = self.block(self.code.qubits), self.block(self.code.qubits)
        for a, b in zip(*sides, strict=True):
            self.circuit.append("H", [a])
            self.circuit.append("CX", [a, b])
            self.circuit.append("PAULI_CHANNEL_1", [b], [POPULATIONS[2], POPULATIONS[3], POPULATIONS[1]])
        return sides

    def gate(self, name, *qubits):
        self.circuit.append(name, qubits)
        if len(qubits) == 1:
            self.circuit.append("DEPOLARIZE1", qubits, self.one)
        else:
            self.circuit.append("DEPOLARIZE2", qubits, self.two)

    def measure(self, qubit):
        self.circuit.append("M", [qubit], self.processor.readout_error)
        self.measured += 1
        return self.measured - 1

    def syndrome(self, data):
        (check,) = self.block(1)
        found = []
        for place, stabilizer in enumerate(self.code.stabilizers):
            if place:
                self.circuit.append("R", [check])
                self.circuit.append("X_ERROR", [check], self.processor.reset_error)
            self.gate("H", check)
            for qubit, letter in zip(data, stabilizer, strict=True):
                if letter != "I":
                    self.gate(f"C{letter}", check, qubit)
            self.gate("H", check)
            found.append(self.measure(check))
        return found

    def look(self, string, ends):
        """Both ends' product of a string, without errors."""
        targets = []
        for end in ends:
            for qubit, letter in zip(end, string, strict=True):
                if letter != "I":
                    targets += [stim.target_pauli(qubit, letter), stim.target_combiner()]
        self.circuit.append("MPP", targets[:-1])
        self.measured += 1
        return self.measured - 1


def failures(code, processor, seed):
    """How often a pair is wrong that comes of two encoded ones, in a code without odd numbers of Y's."""
    assert not any(s.count("Y") % 2 for s in (*code.stabilizers, *code.logical_x, *code.logical_z))
    made = Played(code, processor)
    a, left = made.pairs()
    records = [made.syndrome(a), made.syndrome(left)]
    right, c = made.pairs()
    records += [made.syndrome(right), made.syndrome(c)]
    bell = []
    for mine, other in zip(left, right, strict=True):
        made.gate("CX", mine, other)
        made.gate("H", mine)
        bell.append((made.measure(mine), made.measure(other)))
    strings = (*code.stabilizers, *code.logical_x, *code.logical_z)
    last = [made.look(string, (a, c)) for string in strings]
    bits = made.circuit.compile_sampler(seed=seed).sample(SHOTS).astype(np.uint8)
    at_a, at_left, at_right, at_c = (bits[:, places] for places in records)
    phase, flip = (bits[:, list(places)] for places in zip(*bell, strict=True))
    x, z = (np.array([[c in letters for c in s] for s in strings], dtype=np.int64).T for letters in ("XY", "ZY"))
    joined = ((phase @ x + flip @ z) % 2).astype(np.uint8)
    r = len(code.stabilizers)
    wrong = (bits[:, last] ^ joined)[:, r:]
    rest = (bits[:, last] ^ joined)[:, :r]
    # Each link, then what the Bell measurements found beside what the relay knew, then what is left in the end.
    for syndromes in (at_a ^ at_left, at_right ^ at_c, joined[:, :r] ^ at_left ^ at_right, None):
        found = Lookup().corrections(code, rest if syndromes is None else syndromes)
        wrong = wrong ^ code.logical_flips(found)
        rest = rest ^ code.syndromes(found)
    assert not rest.any()
    return wrong.any(axis=1).mean()


def told(code, processor):
    nodes = [ql.Node(name, processor=processor) for name in "abc"]
    links = [ql.ElementaryLink(*pair, bell_diagonal=POPULATIONS) for pair in pairwise(nodes)]
    left, right = (ql.encode(link, code) for link in links)
    return left.code, 1 - ql.evaluate(ql.swap(left, right)).fidelity


def noisy(scale):
    return ql.Processor(
        depolarizing_1q=2e-3 * scale,
        depolarizing_2q=1e-2 * scale,
        readout_error=2e-2 * scale,
        reset_error=1e-2 * scale,
    )


@pytest.mark.parametrize("name", ["five_qubit", "repetition_z:3"])
@pytest.mark.parametrize("scale", [0.0, 0.1])
def test_a_swap_in_the_code_is_as_stim_plays_it(name, scale, seed):
    # Of small errors only the first order counts: each is decoded as a round without errors would.
    code, infidelity = told(name, noisy(scale))
    assert infidelity == pytest.approx(failures(code, noisy(scale), seed), abs=0.005)


def test_with_large_errors_real_rounds_find_more(seed):
    # Leftovers of the links and errors of the swap are decoded together in stim, and apart in what is told.
    code, infidelity = told("five_qubit", noisy(1.0))
    assert infidelity == pytest.approx(0.330, abs=0.0005)
    assert failures(code, noisy(1.0), seed) == pytest.approx(0.362, abs=0.005)
