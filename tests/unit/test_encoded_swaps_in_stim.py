"""Swaps in a code, played gate by gate by stim: encoded with errors, measured in Bell's basis, decoded together."""

import re
from itertools import pairwise

import numpy as np
import pytest
import stim

import quantumlink as ql
from quantumlink.codes import Lookup
from quantumlink.codes.sampled import SampledRecovery, SampledWarning
from quantumlink.hardware.pauli_coefficients import bell_populations
from quantumlink.readings.maps import _carrier, carrier

POPULATIONS = (0.95, 0.01, 0.03, 0.01)
SHOTS = 72_544  # Hoeffding at 1e-6: ±0.01


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

    def syndrome(self, data, conjugate=False):
        (check,) = self.block(1)
        found = []
        for place, stabilizer in enumerate(self.code.stabilizers):
            if place:
                self.circuit.append("R", [check])
                self.circuit.append("X_ERROR", [check], self.processor.reset_error)
            if conjugate and stabilizer.count("Y") % 2:
                self.gate("X", check)
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


def failures(code, processor, seed, hops=2):
    """How often a pair is wrong that comes of encoded ones which are swapped one after the other."""
    made = Played(code, processor)
    ends, records = [], []
    for _ in range(hops):
        a, b = made.pairs()
        ends += [a, b]
        records += [made.syndrome(a), made.syndrome(b, conjugate=True)]
    bell = []
    for at_left, at_right in zip(ends[1:-1:2], ends[2::2], strict=True):
        bell.append([])
        for mine, other in zip(at_left, at_right, strict=True):
            made.gate("CX", mine, other)
            made.gate("H", mine)
            bell[-1].append((made.measure(mine), made.measure(other)))
    strings = (*code.stabilizers, *code.logical_x, *code.logical_z)
    last = [made.look(string, (ends[0], ends[-1])) for string in strings]
    bits = made.circuit.compile_sampler(seed=seed).sample(SHOTS).astype(np.uint8)
    seen = [bits[:, places] for places in records]
    x, z = (np.array([[c in letters for c in s] for s in strings], dtype=np.int64).T for letters in ("XY", "ZY"))
    # Of a pair, two equal letters have the sign of their Y's, and so has what Bell measurements tell.
    odd = np.array([s.count("Y") % 2 for s in strings], dtype=np.uint8)
    joined = []
    for places in bell:
        phase, flip = (bits[:, list(place)] for place in zip(*places, strict=True))
        joined.append(((phase @ x + flip @ z) % 2).astype(np.uint8))
    r = len(code.stabilizers)
    wrong = np.bitwise_xor.reduce([bits[:, last] ^ odd, *joined])
    wrong, rest = wrong[:, r:], wrong[:, :r]
    # Each link, then what each relay's Bell measurements found beside what it knew, then what is left in the end.
    rounds = [one ^ other for one, other in zip(seen[::2], seen[1::2], strict=True)]
    rounds += [told[:, :r] ^ seen[2 * i + 1] ^ seen[2 * i + 2] for i, told in enumerate(joined)]
    for syndromes in (*rounds, None):
        found = Lookup().corrections(code, rest if syndromes is None else syndromes)
        wrong = wrong ^ code.logical_flips(found)
        rest = rest ^ code.syndromes(found)
    assert not rest.any()
    return wrong.any(axis=1).mean()


def told(code, processor, hops=2, **kwargs):
    nodes = [ql.Node(f"n{i}", processor=processor, **kwargs) for i in range(hops + 1)]
    links = [ql.ElementaryLink(*pair, bell_diagonal=POPULATIONS) for pair in pairwise(nodes)]
    chain = ql.chain([ql.encode(link, code) for link in links])
    return ql.encode(links[0], code).code, 1 - ql.evaluate(chain).fidelity


def noisy(scale):
    return ql.Processor(
        depolarizing_1q=2e-3 * scale,
        depolarizing_2q=1e-2 * scale,
        readout_error=2e-2 * scale,
        reset_error=1e-2 * scale,
    )


@pytest.mark.parametrize(("name", "hops"), [("five_qubit", 2), (["ZYI", "IYZ"], 4)])
def test_swaps_in_the_code_are_as_stim_plays_them(name, hops, seed):
    # What circuits left on the links and what a swap adds are decoded together; apart, .330 and .342 are found.
    code, infidelity = told(name, noisy(1.0), hops)
    assert infidelity == pytest.approx(failures(code, noisy(1.0), seed, hops), abs=0.01)


def hops_of(hops, **memory):
    nodes = [ql.Node(f"n{i}", ql.Memory(**memory), noisy(1.0)) for i in range(hops + 1)]
    links = [ql.ElementaryLink(*pair, ql.Fiber(20), fidelity=0.97) for pair in pairwise(nodes)]
    return [ql.encode(link, ["ZYI", "IYZ"]) for link in links]


def test_what_is_left_is_decoded_alike_in_any_order_and_by_any_reading():
    hops = hops_of(4)
    link = ql.chain(hops)
    state = ql.evaluate(link)
    other = ql.evaluate(ql.chain(hops, order="sequential"))
    assert other.coefficients == pytest.approx(state.coefficients, abs=1e-12)
    assert ql.evaluate(link, fidelity=[0.9, 0.97]).fidelity[1] == pytest.approx(state.fidelity, abs=1e-12)
    assert ql.forecast(link).fidelity == pytest.approx(state.fidelity, abs=1e-9)
    assert ql.simulate(link, trials=10, seed=1).fidelity.best == pytest.approx(state.fidelity, abs=1e-9)


def test_logical_pairs_that_wait_keep_what_is_left_on_them():
    hops = hops_of(2, t2_s=1.0)
    link = ql.chain(hops)
    waited = ql.evaluate(link, hold_s={hops[0]: 0.3})
    expected = ql.evaluate(link).coefficients * np.array([1, np.exp(-0.6), np.exp(-0.6), 1])[:, None]
    assert waited.coefficients == pytest.approx(expected, abs=1e-12)


def test_what_pairs_lose_before_they_are_encoded_is_warned_of():
    worse = ql.chain(hops_of(2, t2_s=0.01))
    with pytest.warns(UserWarning, match=r"may come out too low by up to 0\.00\d$"):
        forecast = ql.forecast(worse)
    with pytest.warns(UserWarning, match="may come out too low by up to"):
        ql.simulate(worse, trials=10, seed=1)
    assert forecast.fidelity < ql.evaluate(worse).fidelity


def test_swaps_of_sampled_codes_after_noisy_circuits_are_warned_of(monkeypatch):
    pytest.importorskip("pymatching", reason="needs the extra qec")
    monkeypatch.setattr(SampledRecovery, "_one", lambda self, row: np.eye(4).reshape(16))  # seconds of tries
    nodes = [ql.Node(name, processor=noisy(0.1)) for name in "abc"]
    link = ql.chain([ql.encode(ql.ElementaryLink(*two), "repetition_z:10", "matching") for two in pairwise(nodes)])
    with pytest.warns(SampledWarning, match="as if a round of correction without errors came before each"):
        ql.evaluate(link)


@pytest.mark.parametrize("code", ["five_qubit", "steane"])
def test_how_far_swaps_of_sampled_codes_may_be_off_is_more_than_they_are(code, monkeypatch):
    """Of small codes the exact swap is known, and so is what comes of decoding each link and the swap apart."""
    nodes = [ql.Node(name, processor=noisy(1.1e-3)) for name in "abc"]
    hops = [ql.encode(ql.ElementaryLink(*two), code) for two in pairwise(nodes)]
    link = ql.swap(*hops)
    apart = carrier(link.operation, [node.processor for node in link.nodes])
    told = apart(*(ql.evaluate(hop).coefficients.reshape(1, 16) for hop in hops))
    missed = bell_populations(told)[0, 0] - ql.evaluate(link).fidelity
    _carrier.cache_clear()
    monkeypatch.setattr("quantumlink.readings.encoded.MAX_EXACT_NOISY", 2)
    monkeypatch.setattr(SampledRecovery, "_one", lambda self, row: np.eye(4).reshape(16))
    with pytest.warns(SampledWarning) as told:
        ql.evaluate(link)
    _carrier.cache_clear()
    (number,) = (
        float(m[1]) for w in told if (m := re.search(r"by up to about ([\d.e-]+) for each", str(w.message)))
    )
    assert 0 < missed < number < 25 * missed
