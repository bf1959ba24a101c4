"""Sessions on samplers: every path gives the same physics, and a stored session reads the result of the first one.

Sampled checks compare two samples of one law (Fisher's exact test) or a count with its law, and fail by chance with
a probability of at most 1e-7 each.
"""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from qiskit.primitives import BackendSamplerV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from scipy.stats import binom, fisher_exact

from quantumlink import ElementaryLink, Fiber, Node, Processor, compose, evaluate, purify, swap
from quantumlink.circuits import PauliChannel
from quantumlink.execution import ExactSampler
from quantumlink.hardware import Detector, Memory
from quantumlink.qkd.eavesdropping import (
    DetectorBlinding,
    EntanglingProbe,
    InterceptResend,
    MemoryAttack,
    PhaseCovariantCloner,
    UniversalCloner,
)
from quantumlink.qkd.protocols import B92, BB84, BBM92, E91, MDI, SARG04, DecoyBB84, SixState, SixStatePairs
from quantumlink.qkd.protocols.session import Session

ALARM = 1e-7
A, B = Node("alice"), Node("bob")
RELAY = Node("relay", processor=Processor(depolarizing_2q=0.02, readout_error=0.01))
NOISY_B = Node("bob", processor=Processor(depolarizing_1q=0.03, readout_error=0.04))
SKEW = (0.85, 0.08, 0.05, 0.02)
SWAPPED = swap(ElementaryLink(A, RELAY, fidelity=0.97), ElementaryLink(RELAY, NOISY_B, bell_diagonal=SKEW))
PURIFIED = purify(ElementaryLink(A, B, fidelity=0.85), ElementaryLink(A, B, bell_diagonal=SKEW))
TWIRLED = purify(ElementaryLink(A, B, fidelity=0.85), ElementaryLink(A, B, bell_diagonal=SKEW), "bbpssw")
DETECTOR = Detector(0.9, dark_count_rate_hz=2e7, misalignment=0.02)


class Bent(Fiber):
    """A fibre with a channel of its own."""

    @property
    def channel(self):
        return PauliChannel(0.03, 0.01, 0.05)


def alike(first, second):
    table = [[successes, total - successes] for successes, total in (first, second)]
    assert fisher_exact(table).pvalue > ALARM, f"{first} is not like {second}"


def errors(sifted):
    wrong = int(np.count_nonzero(sifted.key_alice != sifted.key_bob))
    return (wrong, len(sifted.key_alice)), (sifted.test_errors, len(sifted.test_alice))


def same_physics(first, second, rounds):
    alike((first.accepted, rounds), (second.accepted, rounds))
    for ours, theirs in zip(errors(first), errors(second), strict=True):
        alike(ours, theirs)


MEASURED = {
    "BB84": lambda **k: BB84(medium=Bent(3), detector=DETECTOR, z_probability=0.6, **k),
    "BB84, intercepted": lambda **k: BB84(
        medium=Bent(0), eavesdropper=InterceptResend(0.6), z_probability=0.6, **k
    ),
    "BB84, cloned": lambda **k: BB84(medium=Fiber(0), eavesdropper=UniversalCloner(0.5), z_probability=0.6, **k),
    "BB84, blinded": lambda **k: BB84(medium=Fiber(10), eavesdropper=DetectorBlinding(0.5), z_probability=0.6, **k),
    "BB84, waiting": lambda **k: BB84(
        medium=Fiber(0),
        eavesdropper=MemoryAttack(0.7, attack=EntanglingProbe(), wait_s=1.0, memory=Memory(1.0)),
        z_probability=0.6,
        **k,
    ),
    "six-state": lambda **k: SixState(medium=Bent(0), detector=DETECTOR, z_probability=0.5, **k),
    "B92": lambda **k: B92(medium=Bent(0), eavesdropper=PhaseCovariantCloner(0.5, disturbance=0.1), **k),
    "SARG04": lambda **k: SARG04(medium=Bent(0), eavesdropper=InterceptResend(0.5, "breidbart"), **k),
    "decoy": lambda **k: DecoyBB84(medium=Bent(0), detector=DETECTOR, intensities=(2.0, 0.5, 0.01), **k),
    "MDI": lambda **k: MDI(medium_a=Bent(1), medium_b=Fiber(3), detector=DETECTOR, z_probability=0.6, **k),
}
PAIRS = {
    "BBM92": lambda **k: BBM92(link=SWAPPED, z_probability=0.6, **k),
    "BBM92, frame": lambda **k: BBM92(link=compose(SWAPPED, corrections="frame"), z_probability=0.6, **k),
    "BBM92, purified": lambda **k: BBM92(link=PURIFIED, z_probability=0.6, **k),
    "BBM92, twirled": lambda **k: BBM92(link=TWIRLED, z_probability=0.6, **k),
    "six-state pairs": lambda **k: SixStatePairs(link=SWAPPED, z_probability=0.5, **k),
    "E91": lambda **k: E91(link=SWAPPED, **k),
}
ALL = MEASURED | PAIRS


@pytest.mark.parametrize("name", ["BBM92", "BBM92, frame", "BBM92, purified", "six-state pairs", "E91"])
def test_the_exact_state_and_the_noisy_circuit_give_one_table(name):
    """Nothing sampled: the program's circuit followed branch by branch, against the state that `evaluate` folds."""
    session = PAIRS[name](rounds=10, seed=1)
    found, heralded = session.noisy(session.plays()[0]).probabilities()[:, 0], session.probabilities()
    for row, (label, expected) in zip(found, heralded.items(), strict=True):
        table = np.zeros((2, 2))
        for value in np.flatnonzero(row[:64]):
            a, b, xa, za, xb, zb = (int(value) >> i & 1 for i in range(6))
            table[a ^ session.flips(label[0], (xa, za)), b ^ session.flips(label[1], (xb, zb))] += row[value]
        assert table.sum() == pytest.approx(evaluate(session.link).success_probability, abs=1e-9)
        assert table / table.sum() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in ALL if name != "BBM92, twirled"])  # 576 runs of Aer: 10 s
def test_exact_draws_and_aer_agree(name, seed):
    rounds = 3_000 if name in PAIRS else 30_000
    backend = AerSimulator(method="density_matrix") if name in MEASURED else AerSimulator()
    exact = ALL[name](rounds=30_000, seed=seed).sift()
    run = ALL[name](rounds=rounds, seed=seed + 1).sift(backend)
    alike((exact.accepted, 30_000), (run.accepted, rounds))
    for ours, theirs in zip(errors(exact), errors(run), strict=True):
        alike(ours, theirs)


# A medium that is played by rotations, and results of one's own, over ideal gates.
PLAYED = ["BB84", "BB84, intercepted", "six-state", "B92", "decoy", "MDI"]


@pytest.mark.parametrize("name", PLAYED)
def test_a_medium_that_is_played_is_the_medium(name, seed):
    session = ALL[name](rounds=20_000, seed=seed, play_medium=True)
    same_physics(ALL[name](rounds=20_000, seed=seed + 1).sift(), session.sift(ExactSampler(seed=seed)), 20_000)


@pytest.mark.parametrize("name", PLAYED)
def test_a_stored_session_analyses_the_result(name, seed):
    session = ALL[name](rounds=20_000, seed=seed, eps_sec=1e-6, eps_cor=1e-6)
    if "Bent" in repr(session):  # a class of the user's own cannot be stored
        with pytest.raises(TypeError, match="can be stored if its parts are the library's own"):
            session.to_dict()
    fields = {"medium": Fiber(0), "medium_a": Fiber(0)}
    fields = {k: v for k, v in fields.items() if hasattr(session, k)}
    names = [field.name for field in dataclasses.fields(session)]
    session = type(session)(**{f: fields.get(f, getattr(session, f)) for f in names})
    pubs = session.circuits()
    assert len({shots for _, _, shots in pubs}) == 1  # a device wants equal shots in a job
    result = ExactSampler(seed=seed).run(pubs).result()
    again = type(session).from_dict(json.loads(json.dumps(session.to_dict())))
    assert again == session
    for (circuit, table, shots), (other, values, same) in zip(pubs, again.circuits(), strict=True):
        assert circuit == other or circuit.num_parameters  # parameters are new objects of the same names
        assert [p.name for p in circuit.parameters] == [p.name for p in other.parameters]
        assert np.array_equal(table, values)
        assert shots == same
    first, second = session.analyse(result), again.analyse(result)
    assert (first.ledger, first.qber, first.test_qber) == (second.ledger, second.qber, second.test_qber)
    if first:
        assert np.array_equal(first.secret_bits, second.secret_bits)


@pytest.mark.parametrize("name", ["BBM92, frame", "BBM92, purified", "BBM92, twirled", "six-state pairs"])
def test_a_purified_link_runs_on_a_sampler_of_ones_own(name, seed):
    """Perfect pairs, as the medium is not played: no errors, and the heralds all accept."""
    session = PAIRS[name](rounds=2_000, seed=seed)
    pubs = session.circuits()
    key = session.analyse(ExactSampler(seed=seed).run(pubs).result())
    assert (key.accepted, key.qber, key.test_qber) == (2_000, 0, 0)


@pytest.mark.parametrize("name", PAIRS)
def test_pair_sessions_are_stored_with_their_link(name):
    session = PAIRS[name](rounds=2_000, seed=3)
    if name == "BBM92, frame":
        with pytest.raises(TypeError, match="can be stored if its parts are the library's own"):
            session.to_dict()
        return
    again = type(session).from_dict(json.loads(json.dumps(session.to_dict())))
    assert again == session
    assert errors(again.sift()) == errors(session.sift())


@pytest.mark.parametrize("name", ALL)
def test_a_session_can_be_pickled(name):
    session = ALL[name](rounds=2_000, seed=3)
    assert errors(pickle.loads(pickle.dumps(session)).sift()) == errors(session.sift())


def test_all_settings_are_one_broadcast_pub():
    for session, rows in [
        (BB84(medium=Fiber(0), rounds=100, seed=1), [8]),
        (SixState(medium=Fiber(0), rounds=100, seed=1), [18]),
        (B92(medium=Fiber(0), rounds=100, seed=1), [4]),
        (BB84(medium=Fiber(0), rounds=100, seed=1, eavesdropper=InterceptResend(0.5)), [8, 16]),
        (MDI(medium_a=Fiber(0), rounds=100, seed=1), [16]),
        (E91(link=SWAPPED, rounds=100, seed=1), [9]),
    ]:
        assert [len(table) for _, table, _ in session.circuits()] == rows
        again = [shots for _, _, shots in session.circuits()]
        assert again[0] >= 1


def test_a_device_keeps_a_random_subset_of_equal_shots(seed):
    """A fake device with its own noise: transpile, run, analyse; the medium is not played."""
    backend = FakeManilaV2()
    session = BB84(medium=Bent(0), rounds=4_000, seed=seed, z_probability=0.7)
    manager = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1)
    pubs = [(manager.run(circuit), table, shots) for circuit, table, shots in session.circuits()]
    result = BackendSamplerV2(backend=backend, options={"seed_simulator": 1}).run(pubs).result()
    key = session.analyse(result)
    assert key.accepted == 4_000
    assert "under its noise alone: that of the session's own medium" in key.report()
    # Alone, z² of the rounds are both in Z, as without a device.
    low, high = binom.ppf([ALARM, 1 - ALARM], 4_000, 0.49)
    assert low <= key.sifted - key.tested <= high
    direct = session.run(backend)
    assert (direct.sifted, direct.tested) == (key.sifted, key.tested)  # chosen before anything ran
    assert direct.test_qber < 0.12


def test_a_result_of_another_session_is_refused(seed):
    session = BB84(medium=Fiber(0), rounds=1_000, seed=seed)
    other = SixState(medium=Fiber(0), rounds=1_000, seed=seed)
    result = ExactSampler(seed=1).run(other.circuits()).result()
    with pytest.raises(ValueError, match="result must hold 8 rows"):
        session.analyse(result)
    attacked = BB84(medium=Fiber(0), rounds=1_000, seed=seed, eavesdropper=InterceptResend(0.5))
    with pytest.raises(ValueError, match="must be that of 2 PUBs"):
        attacked.analyse(ExactSampler(seed=1).run(session.circuits()).result())
    circuit, table, shots = session.circuits()[0]
    with pytest.raises(ValueError, match="at least"):
        session.analyse(ExactSampler(seed=1).run([(circuit, table, shots - 1)]).result())
    pairs = BBM92(link=ElementaryLink(A, B), rounds=1_000, seed=seed)
    with pytest.raises(ValueError, match="result must hold the registers outcome_a, outcome_b"):
        pairs.analyse(result)


def test_a_stored_session_of_another_kind_is_refused():
    data = BB84(medium=Fiber(0), rounds=10, seed=1).to_dict()
    with pytest.raises(ValueError, match="must describe a session 'SixState', got 'BB84'"):
        SixState.from_dict(data)
    with pytest.raises(ValueError, match=r"missing \['rounds'\]"):
        BB84.from_dict({k: v for k, v in data.items() if k != "rounds"})
    foreign = data | {"medium": {"module": "os", "class": "system", "arguments": {}}}
    with pytest.raises(ValueError, match="data classes of quantumlink only"):
        BB84.from_dict(foreign)


@pytest.mark.parametrize("name", ["BB84", "decoy", "MDI", "BBM92", "E91", "SARG04"])
def test_a_seed_repeats_a_session_and_another_does_not(name):
    first, again, other = (ALL[name](rounds=5_000, seed=s).sift() for s in (3, 3, 4))
    assert np.array_equal(first.key_alice, again.key_alice)
    assert np.array_equal(first.key_bob, again.key_bob)
    assert not np.array_equal(first.key_alice, other.key_alice)
    fresh = [ALL[name](rounds=5_000) for _ in range(2)]
    assert fresh[0].seed != fresh[1].seed


def test_aers_own_sampler_is_taken_too(seed):
    session = BB84(medium=Bent(0), rounds=20_000, seed=seed, z_probability=0.6)
    same_physics(
        session.sift(),
        BB84(medium=Bent(0), rounds=20_000, seed=seed + 1, z_probability=0.6).sift(SamplerV2()),
        20_000,
    )


@pytest.mark.parametrize("name", ["BB84", "six-state", "BBM92", "MDI", "decoy"])
def test_keys_come_out_equal_at_both_ends(name):
    rounds = {"decoy": 10**8}.get(name, 300_000)
    shares = (0.4, 0.4, 0.2)
    good = {
        "BB84": lambda **k: BB84(medium=Fiber(1), **k),
        "six-state": lambda **k: SixState(medium=Fiber(1), **k),
        "BBM92": lambda **k: BBM92(link=ElementaryLink(A, B, fidelity=0.97), **k),
        "MDI": lambda **k: MDI(medium_a=Fiber(1), **k),
        "decoy": lambda **k: DecoyBB84(medium=Fiber(60), z_probability=0.5, intensity_probabilities=shares, **k),
    }[name](rounds=rounds, seed=11)
    assert isinstance(good, Session)
    key = good.run()
    assert len(key) > 10_000
    assert np.array_equal(key.secret_bits, key.peer_bits)
    assert sum(bits for _, bits in key.ledger) == len(key)


@pytest.mark.parametrize("kind", [B92, SARG04])
def test_two_state_keys(kind):
    """Their bound is lower than that of BB84: a good link gives a key, a bad one none."""
    key = kind(medium=Fiber(0), rounds=3_000_000, seed=1, test_fraction=0.3).run()
    assert len(key) > 10_000
    assert np.array_equal(key.secret_bits, key.peer_bits)
    attacked = kind(medium=Fiber(0), rounds=1_000_000, seed=1, eavesdropper=InterceptResend(0.8)).run()
    assert not attacked


def test_a_session_over_a_link_with_a_source_is_stored_and_rebuilt():
    from quantumlink.hardware import Detector, Fiber, MidpointSource, Node
    from quantumlink.link import ElementaryLink
    from quantumlink.qkd.protocols import BBM92

    link = ElementaryLink(
        Node("a"), Node("b"), Fiber(20), source=MidpointSource(fidelity=0.98), detector=Detector(0.8)
    )
    session = BBM92(link=link, rounds=100_000, seed=7)
    again = BBM92.from_dict(json.loads(json.dumps(session.to_dict())))
    assert again == session
    assert again.run().qber == session.run().qber
