"""Sampling: what is counted is what `evaluate` predicts, on any engine, and repeatable.

Everything before the sampler is tested exactly elsewhere; here the glue is: bases, heralds, frames, twirls,
noise and seeds reach the sampler, and its bits are read rightly. Tolerances are Hoeffding's: n independent bits
stray from their probability by more than √(ln(2c/δ)/2n) in one of c comparisons with probability δ at most.
Each test here has δ = 1e-6, or nothing random in it.
"""

from itertools import combinations, product
from math import log, sqrt

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2, StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_aer.primitives import SamplerV2 as AerSampler

import quantumlink as ql
from quantumlink.circuits import bell_pair, teleportation
from quantumlink.execution import Samples
from quantumlink.rewrites import pauli_frame, sampled_channels

FALSE_ALARM = 1e-6
BASES = ["".join(pair) for pair in product("XYZ", repeat=2)]

# One comparison: ±0.01. The static circuits of a Pauli frame run at a microsecond a shot.
MANY = 72_544
# One comparison: ±0.05. Feed-forward costs Aer 70 µs or more a shot.
FEW = 2_902


def tolerance(n, comparisons=1):
    return sqrt(log(2 * comparisons / FALSE_ALARM) / (2 * n))


def test_shot_counts_are_hoeffdings():
    assert tolerance(MANY) <= 0.01 < tolerance(MANY - 1)
    assert tolerance(FEW) <= 0.05 < tolerance(FEW - 1)


def expected_outcomes(state, basis):
    """Probabilities of 00, 01, 10, 11 (right end, left end), accepted and with these results."""
    right = state.expectation(basis[0] + "I")
    left = state.expectation("I" + basis[1])
    both = state.expectation(basis)
    signs = [(r, s) for r in (1, -1) for s in (1, -1)]
    conditional = [(1 + r * right + s * left + r * s * both) / 4 for r, s in signs]
    return np.array(conditional) * state.success_probability


def assert_counts(samples, state, comparisons=1):
    """Every count of every basis, and so the acceptance."""
    allowed = 4 * len(samples.outcomes) * comparisons
    for basis, counts in samples.outcomes.items():
        shots = samples.shots[basis]
        found = np.array(counts) / shots
        np.testing.assert_allclose(
            found, expected_outcomes(state, basis), rtol=0, atol=tolerance(shots, allowed), err_msg=basis
        )


# --- links

PROCESSORS = {
    "a": ql.Processor(0.02, 0.05, 0.01),
    "r": ql.Processor(0.03, 0.06, [[0.97, 0.03], [0.10, 0.90]]),
    "b": ql.Processor(0.05, 0.03, 0.02),
}
A, R, B = (ql.Node(name, processor=processor) for name, processor in PROCESSORS.items())
LEFT = ql.ElementaryLink(A, R, bell_diagonal=(0.75, 0.15, 0.07, 0.03))
RIGHT = ql.ElementaryLink(R, B, bell_diagonal=(0.85, 0.03, 0.04, 0.08))
DIRECT = ql.ElementaryLink(A, B, bell_diagonal=(0.7, 0.05, 0.2, 0.05))
LINKS = {
    "one pair": DIRECT,
    "swap": ql.swap(LEFT, RIGHT),
    "DEJMPS, then swap": ql.swap(ql.purify(LEFT, LEFT), RIGHT),
    "swap, then DEJMPS": ql.purify(ql.swap(LEFT, RIGHT), DIRECT),
    "BBPSSW": ql.purify(DIRECT, DIRECT, protocol="bbpssw"),
}


@pytest.mark.parametrize("name", LINKS)
def test_local_counts_are_as_evaluated(name, seed):
    link = LINKS[name]
    bases = BASES if name != "BBPSSW" else ["YY"]  # a twirl has 144 settings for each basis
    samples = ql.sample(link, bases, shots=MANY, seed=seed)
    assert_counts(samples, ql.evaluate(link))
    assert samples.noise == "program"
    assert samples.ends == ("a", "b")


@pytest.mark.parametrize("name", ["swap", "DEJMPS, then swap"])
@pytest.mark.parametrize("corrections", ["feedforward", "frame"])
def test_each_kind_of_corrections_is_counted_as_it_is_evaluated(corrections, name, seed):
    program = ql.compose(LINKS[name], corrections=corrections)
    assert_counts(ql.sample(program, BASES, shots=MANY, seed=seed), ql.evaluate(program))


@pytest.mark.parametrize("name", ["one pair", "DEJMPS, then swap"])
def test_aer_counts_static_circuits_as_evaluated(name, seed):
    program = ql.compose(LINKS[name], corrections="frame")
    samples = ql.sample(program, BASES, shots=MANY, seed=seed, sampler=AerSimulator())
    assert samples.noise == "program"
    assert_counts(samples, ql.evaluate(program))


@pytest.mark.parametrize(
    "sampler", [AerSimulator(method="density_matrix"), AerSampler(seed=5)], ids=["backend", "sampler"]
)
def test_aer_counts_feed_forward_as_evaluated(sampler, seed):
    # Two bases, to save time: XY tells left from right.
    link = LINKS["swap"]
    samples = ql.sample(link, ["XY", "ZZ"], shots=FEW, seed=seed, sampler=sampler)
    assert samples.noise == "program"
    assert_counts(samples, ql.evaluate(link))


def test_aer_counts_a_twirl_as_evaluated(seed):
    # One basis: each of the twirl's 144 settings is a run of Aer's.
    link = LINKS["BBPSSW"]
    samples = ql.sample(link, ["XX"], shots=FEW, seed=seed, sampler=AerSimulator())
    assert_counts(samples, ql.evaluate(link))


def test_fewer_shots_than_settings_are_as_good(seed):
    # A twirl has 144 settings: with 100 shots each draws its own. Ten runs of other seeds, added up.
    link = LINKS["BBPSSW"]
    first, *more = (ql.sample(link, ["ZZ"], shots=100, seed=seed + i, sampler=AerSimulator()) for i in range(10))
    total = sum(more, start=first)
    assert total.shots == {"ZZ": 1000}
    assert_counts(total, ql.evaluate(link))


def test_what_is_drawn_for_the_circuit_and_for_its_outcomes_is_independent(seed):
    # One shot a run, many seeds: the medium's Pauli is drawn (X half the time), then the outcome (0 or 1 at each
    # end, half the time). Drawn from one and the same stream of random numbers, two of the four never occur.
    nodes = ql.Node("a"), ql.Node("b")
    program = sampled_channels(ql.compose(ql.ElementaryLink(*nodes, bell_diagonal=(0.5, 0, 0.5, 0))))
    first, *more = (ql.sample(program, "ZZ", shots=1, seed=seed + i) for i in range(250))
    total = sum(more, start=first)
    np.testing.assert_allclose(np.array(total.outcomes["ZZ"]) / 250, 0.25, rtol=0, atol=tolerance(250, 4))


def test_estimates_cover_what_is_evaluated(seed):
    # Intervals of confidence 1 − δ/6 instead of 95 %, so that the six of them miss with δ at most in all.
    link = LINKS["DEJMPS, then swap"]
    state = ql.evaluate(link)
    samples = ql.sample(link, shots=MANY, seed=seed)
    confidence = 1 - FALSE_ALARM / 6
    assert samples.acceptance == pytest.approx(state.success_probability, abs=tolerance(3 * MANY, 1))
    for basis in "XYZ":
        assert samples.qber(basis, confidence=confidence).covers(state.qber(basis))
        assert samples.expectation(basis * 2, confidence=confidence).covers(state.expectation(basis * 2))
    # The fidelity's is combined from three and a little short; it is allowed its sum of three widths instead.
    widths = [samples.expectation(basis * 2, confidence=confidence) for basis in "XYZ"]
    assert abs(samples.fidelity() - state.fidelity) <= sum(w.high - w.low for w in widths) / 4


def test_the_rightmost_letter_belongs_to_the_left_end():
    # Nothing random: the left end is |1⟩, the right end |+⟩.
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.h(1)
    program = ql.Program(circuit, {"left": 0, "right": 1}, (ql.Node("left"), ql.Node("right")))
    for sampler in (None, AerSimulator()):
        samples = ql.sample(program, ["XZ"], shots=50, seed=1, sampler=sampler)
        assert samples.outcomes == {"XZ": (0, 50, 0, 0)}  # right 0, left 1
        assert samples.expectation("IZ").best == -1
        assert samples.expectation("XI").best == 1


def test_a_frame_is_read_with_the_letter_of_its_own_end():
    # Nothing random in what is counted: |+⟩ is teleported to the right end, the left end is |1⟩ from X alone, and
    # every correction stays in the frame. XZ needs the Z of the right end's frame.
    circuit = QuantumCircuit(4, 2)
    circuit.h(3)
    circuit.x(0)
    circuit.append(bell_pair().to_gate(label="pair"), [2, 1])
    circuit.compose(teleportation(prepare_pair=False), [3, 2, 1], [0, 1], inplace=True)
    node = ql.Node("anywhere")
    program = pauli_frame(ql.Program(circuit, {"left": 0, "right": 1}, (node,) * 4))
    assert (program.frame["right"].x, program.frame["right"].z) == ((1,), (0,))
    for sampler in (None, AerSimulator()):
        samples = ql.sample(program, ["XZ"], shots=100, seed=1, sampler=sampler)
        assert samples.outcomes == {"XZ": (0, 100, 0, 0)}  # right 0, left 1


def test_perfect_links_never_disagree():
    nodes = [ql.Node(name) for name in "abc"]
    link = ql.swap(ql.ElementaryLink(*nodes[:2]), ql.ElementaryLink(*nodes[1:]))
    for corrections in ("sequential", "feedforward", "frame"):
        samples = ql.sample(ql.compose(link, corrections=corrections), shots=500, seed=3)
        assert samples.fidelity().best == 1
        assert samples.acceptance.best == 1
        assert [samples.qber(basis).best for basis in "XYZ"] == [0, 0, 0]
        assert samples.outcomes["YY"][0] == samples.outcomes["YY"][3] == 0  # Φ⁺ disagrees in Y


def test_noisy_ends_disturb_the_measurement_itself(seed):
    # Each end makes one gate, λ, and one readout, ε, to measure: (1 − λ)²·m₁·m₂ of the correlation is left.
    nodes = [ql.Node("a", processor=ql.Processor(0.1, 0, 0.05)), ql.Node("b", processor=ql.Processor(0.2, 0, 0.1))]
    link = ql.ElementaryLink(*nodes)
    for noisy, wanted in ((False, 1.0), (True, 0.9 * 0.8 * 0.9 * 0.8)):
        samples = ql.sample(link, shots=MANY, seed=seed, noisy_ends=noisy)
        for basis, sign in (("XX", 1), ("YY", -1), ("ZZ", 1)):
            # ±1 instead of 0 and 1: twice the tolerance; six comparisons.
            assert samples.expectation(basis).best == pytest.approx(sign * wanted, abs=2 * tolerance(MANY, 6))


# --- seeds


@pytest.mark.parametrize("sampler", [None, AerSimulator()], ids=["local", "aer"])
def test_one_seed_gives_one_result(sampler, seed):
    for link, shots in ((LINKS["swap"], 400), (LINKS["BBPSSW"], 40)):
        first, again = (ql.sample(link, ["XX"], shots=shots, seed=seed, sampler=sampler) for _ in range(2))
        assert first == again


@pytest.mark.parametrize("sampler", [None, AerSimulator()], ids=["local", "aer"])
def test_other_seeds_give_other_results(sampler, seed):
    # Four results of 400 shots are all alike with less than 1e-6: each of the three free counts is spread over
    # some 20 values or more (σ ≥ 8), so that three more results hit the first with (1/20)⁹ at most.
    runs = (ql.sample(LINKS["swap"], ["XX"], shots=400, seed=seed + i, sampler=sampler) for i in range(4))
    assert len({run.outcomes["XX"] for run in runs}) > 1


def test_without_a_seed_runs_differ():
    # As above: three more results are all like the first with (1/20)⁹ at most.
    found = {ql.sample(LINKS["swap"], ["XX"], shots=400).outcomes["XX"] for _ in range(4)}
    assert len(found) > 1


def bit_streams(monkeypatch, run):
    """The bits of every setting that Aer's sampler gave during a run, one array (shots, clbits) each."""
    streams = []
    original = AerSampler.run

    def recording(self, pubs, *, shots=None):
        job = original(self, pubs, shots=shots)
        for pub, (circuit, *_) in zip(job.result(), pubs, strict=True):
            arrays = [pub.data[register.name].to_bool_array(order="little") for register in circuit.cregs]
            table = np.concatenate(arrays, axis=-1)
            streams.extend(table.reshape(-1, *table.shape[-2:]))
        return job

    monkeypatch.setattr(AerSampler, "run", recording)
    run()
    return streams


def strongest_agreement(first, second, shifts):
    """The largest deviation from 1/2 of how often two bit streams agree, over shifts of one against the other."""
    n = len(first)
    return max(
        abs(np.mean(first[max(0, s) : n + min(0, s)] == second[max(0, -s) : n - max(0, s)]) - 0.5) for s in shifts
    )


SHIFTS = range(-12, 13)


def test_bases_and_neighbouring_seeds_do_not_repeat_each_others_random_numbers(monkeypatch, seed):
    # Aer starts shot j of circuit i from seed + i + j: two circuits of one run, or two runs with neighbouring
    # seeds, are shifted copies of one another if they are simulated shot by shot. The phase of a swap is a fair
    # coin, so that two independent streams agree half the time at every shift.
    def run():
        for s in (seed, seed + 1):
            ql.sample(LINKS["swap"], shots=1_000, seed=s, sampler=AerSimulator())

    phases = [stream[:, 0] for stream in bit_streams(monkeypatch, run)]
    assert len(phases) == 6
    assert all(len(phase) == 1_000 for phase in phases)
    pairs = list(combinations(phases, 2))
    # 15 pairs, 25 shifts: 375 comparisons of at least 988 fair bits; the allowed deviation is 0.10.
    allowed = tolerance(1_000 - max(SHIFTS), len(pairs) * len(SHIFTS))
    assert max(strongest_agreement(a, b, SHIFTS) for a, b in pairs) <= allowed


def test_the_check_for_shifted_copies_sees_them(rng):
    stream = rng.integers(0, 2, 1_000)
    for shift in (0, 1, -7, 12):
        copy = np.roll(stream, shift)
        assert strongest_agreement(stream, copy, SHIFTS) >= 0.5 - 0.02  # but for the ends, rolled over
        assert strongest_agreement(stream, 1 - copy, SHIFTS) >= 0.5 - 0.02


# --- samplers of one's own


class Recorder(BaseSamplerV2):
    """Hands everything on to another sampler and keeps what it was asked."""

    def __init__(self, inner):
        self.inner, self.jobs = inner, []

    def run(self, pubs, *, shots=None):
        pubs = list(pubs)
        self.jobs.append(pubs)
        return self.inner.run(pubs, shots=shots)


def test_a_sampler_of_ones_own_gets_one_job_with_one_broadcast_pub(seed):
    recorder = Recorder(AerSampler(seed=seed))
    samples = ql.sample(
        ql.compose(LINKS["swap"], corrections="frame"), BASES, shots=123, seed=seed, sampler=recorder
    )
    ((pub,),) = recorder.jobs
    circuit, values, shots = pub
    assert shots == 123
    assert np.shape(values) == (len(BASES), 4)  # a direction for each of the two ends
    assert circuit.num_parameters == 4
    assert samples.shots == dict.fromkeys(BASES, 123)


def test_a_sampler_of_ones_own_runs_the_bare_circuit(seed):
    # Its noise is its own: none here, so that perfect pairs come out perfect although the link is noisy.
    recorder = Recorder(AerSampler(seed=seed))
    program = ql.compose(ql.swap(LEFT, RIGHT), corrections="frame")
    samples = ql.sample(program, shots=200, seed=seed, sampler=recorder)
    (((circuit, *_),),) = recorder.jobs
    names = set(circuit.count_ops())
    assert not names & {"pauli_channel", "quantum_channel", "kraus", "superop", "bell_pair"}
    assert samples.noise == "sampler"
    assert samples.fidelity().best == 1


def test_a_sampler_of_ones_own_is_given_the_links_noise_if_asked(seed):
    recorder = Recorder(AerSampler(seed=seed))
    program = ql.compose(LINKS["swap"], corrections="frame")
    samples = ql.sample(program, BASES, shots=MANY, seed=seed, sampler=recorder, noise="program")
    (((circuit, *_),),) = recorder.jobs
    assert "quantum_channel" in circuit.count_ops()
    assert samples.noise == "program"
    assert_counts(samples, ql.evaluate(program))


def test_qiskits_reference_sampler_runs_a_static_program():
    samples = ql.sample(
        ql.compose(ql.purify(DIRECT, DIRECT), corrections="frame"), shots=100, sampler=StatevectorSampler(seed=1)
    )
    assert samples.fidelity().best == 1
    assert samples.acceptance.best == 1


def test_aers_own_noise_model_acts_on_the_bare_circuit(seed):
    # A readout error ε on every qubit: (1 − 2ε)² of each correlation is left.
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.1, 0.9]]))
    samples = ql.sample(DIRECT, shots=MANY, seed=seed, sampler=AerSimulator(noise_model=model), noise="sampler")
    assert samples.noise == "sampler"
    for basis, sign in (("XX", 1), ("YY", -1), ("ZZ", 1)):
        # ±1 instead of 0 and 1: twice the tolerance; three comparisons.
        assert samples.expectation(basis).best == pytest.approx(sign * 0.64, abs=2 * tolerance(MANY, 3))


@pytest.fixture(scope="module")
def small_device():
    return pytest.importorskip("qiskit_ibm_runtime.fake_provider").FakeManilaV2()


def test_a_fake_device_runs_a_link_under_its_own_noise(small_device, seed):
    program = ql.compose(LINKS["swap"], corrections="frame")
    samples = ql.sample(program, shots=1_000, seed=seed, sampler=small_device)
    assert samples.noise == "sampler"
    assert samples.shots == dict.fromkeys(("XX", "YY", "ZZ"), 1_000)
    # Its CX errors are near 1 %, its readout errors near 3 %: four qubits and five CX leave a fidelity near 0.8.
    # An estimate strays from it by √(3·ln(2/δ)/8n) = 0.07 at most; above 0.5 the pair is entangled.
    assert 0.5 < samples.fidelity().best < 1
    assert samples == ql.sample(program, shots=1_000, seed=seed, sampler=small_device)


def test_ibms_own_sampler_runs_a_link_on_its_device(small_device):
    # It tells its backend, so that the circuit is transpiled for it; without a seed, as above within 0.07.
    module = pytest.importorskip("qiskit_ibm_runtime.executor_sampler")
    program = ql.compose(LINKS["swap"], corrections="frame")
    samples = ql.sample(program, shots=1_000, sampler=module.Sampler(mode=small_device))
    assert samples.noise == "sampler"
    assert 0.5 < samples.fidelity().best < 1


def test_a_device_is_not_asked_to_play_the_programs_noise(small_device):
    with pytest.raises(ValueError, match="noise"):
        ql.sample(DIRECT, shots=10, sampler=small_device, noise="program")


# --- refusals


class NotASampler:
    def run(self, pubs):
        raise AssertionError("must not be called")


REFUSED = [
    (ValueError, {"shots": 0}, ["shots", "0", "at least 1"]),
    (ValueError, {"shots": -5}, ["shots", "-5"]),
    (TypeError, {"shots": 10.5}, ["shots", "10.5"]),
    (TypeError, {"shots": True}, ["shots", "True"]),
    (ValueError, {"bases": []}, ["bases", "at least one"]),
    (ValueError, {"bases": ["ZZ", "XX", "ZZ"]}, ["bases", "once"]),
    (ValueError, {"bases": ["Z"]}, ["bases", "'Z'"]),
    (ValueError, {"bases": ["ZI"]}, ["bases", "'ZI'"]),
    (ValueError, {"bases": ["zz"]}, ["bases", "'zz'"]),
    (ValueError, {"bases": ["ZZZ"]}, ["bases", "'ZZZ'"]),
    (ValueError, {"bases": [7]}, ["bases", "7"]),
    (TypeError, {"sampler": NotASampler()}, ["sampler", "NotASampler"]),
    (TypeError, {"sampler": "aer"}, ["sampler", "'aer'"]),
    (ValueError, {"noise": "none"}, ["noise", "'none'", "program", "sampler"]),
]


@pytest.mark.parametrize(("kind", "options", "texts"), REFUSED)
def test_what_cannot_be_sampled_is_refused(kind, options, texts):
    with pytest.raises(kind) as refusal:
        ql.sample(DIRECT, **options)
    for text in texts:
        assert text in str(refusal.value)


def test_only_programs_and_links_are_sampled():
    with pytest.raises(TypeError, match="program"):
        ql.sample(ql.compose(DIRECT).circuit)


def test_a_single_basis_may_be_given_as_it_is():
    assert set(ql.sample(DIRECT, "ZZ", shots=10, seed=1).outcomes) == {"ZZ"}


# --- samples as data


def made(outcomes, shots=None, **options):
    shots = {basis: sum(counts) for basis, counts in outcomes.items()} if shots is None else shots
    return Samples(("a", "b"), outcomes, shots, **options)


def test_numbers_from_counts_by_hand():
    samples = made(
        {"ZZ": (40, 3, 7, 50), "XX": (45, 5, 5, 45), "YY": (10, 40, 30, 20)},
        shots=dict.fromkeys(("ZZ", "XX", "YY"), 125),
    )
    assert samples.acceptance.best == pytest.approx(300 / 375)
    assert samples.qber("Z").best == pytest.approx(0.10)
    assert samples.qber("X").best == pytest.approx(0.10)
    assert samples.qber("Y").best == pytest.approx(0.30)  # equal bits are the errors
    assert samples.expectation("ZZ").best == pytest.approx(0.8)
    assert samples.expectation("YY").best == pytest.approx(-0.4)
    assert samples.expectation("IZ").best == pytest.approx((40 + 7 - 3 - 50) / 100)  # the left end's bit
    assert samples.expectation("ZI").best == pytest.approx((40 + 3 - 7 - 50) / 100)
    assert samples.fidelity().best == pytest.approx((1 + 0.8 + 0.4 + 0.8) / 4)


def test_a_single_letter_is_told_by_every_basis_that_has_it():
    samples = made({"ZZ": (10, 0, 0, 0), "XZ": (0, 10, 0, 0)})
    assert samples.expectation("IZ").best == 0
    assert samples.expectation("ZI").best == 1
    assert samples.expectation("XI").best == 1


def test_what_was_not_measured_is_named():
    samples = made({"ZZ": (5, 0, 0, 5), "XZ": (5, 0, 0, 5)})
    with pytest.raises(ValueError, match=r"XX.*not measured.*ZZ, XZ"):
        samples.qber("X")
    with pytest.raises(ValueError, match=r"measured: XX, YY|XX, YY was not measured"):
        samples.fidelity()
    with pytest.raises(ValueError, match=r"XY.*not measured|not measured.*XY"):
        samples.expectation("XY")
    with pytest.raises(ValueError, match=r"YI.*not measured|not measured.*YI"):
        samples.expectation("YI")
    for label in ("II", "Q", "ZZZ", 3):
        with pytest.raises(ValueError, match="pauli"):
            samples.expectation(label)
    with pytest.raises(ValueError, match="basis"):
        samples.qber("W")


def test_samples_of_one_program_add_up():
    first = made({"ZZ": (1, 2, 3, 4), "XX": (1, 0, 0, 1)}, shots={"ZZ": 20, "XX": 2})
    second = made({"ZZ": (10, 20, 30, 40), "YY": (0, 1, 1, 0)}, shots={"ZZ": 150, "YY": 9})
    total = first + second
    assert total.outcomes == {"ZZ": (11, 22, 33, 44), "XX": (1, 0, 0, 1), "YY": (0, 1, 1, 0)}
    assert total.shots == {"ZZ": 170, "XX": 2, "YY": 9}
    assert total.ends == ("a", "b")


@pytest.mark.parametrize(
    "other", [Samples(("a", "c"), {"ZZ": (1, 0, 0, 0)}, {"ZZ": 1}), made({"ZZ": (1, 0, 0, 0)}, noise="sampler")]
)
def test_samples_of_different_programs_do_not(other):
    with pytest.raises(ValueError, match="one program"):
        made({"ZZ": (1, 0, 0, 0)}) + other


def test_nothing_but_samples_is_added():
    with pytest.raises(TypeError):
        made({"ZZ": (1, 0, 0, 0)}) + 1


def test_without_accepted_runs_nothing_is_told():
    samples = made({"ZZ": (0, 0, 0, 0)}, shots={"ZZ": 100})
    assert samples.acceptance.best == 0
    assert (samples.qber("Z").low, samples.qber("Z").high) == (0, 1)
    assert (samples.expectation("ZZ").low, samples.expectation("ZZ").high) == (-1, 1)


def test_samples_tell_what_they_are():
    samples = ql.sample(DIRECT, "ZZ", shots=10, seed=1)
    for text in ("a", "b", "ZZ", "10"):
        assert text in repr(samples)
