"""Every protocol submits its circuits and has its key later, from the file: through IBM's client, and on a fake.

The loopback server's machine has no noise, so that its keys have no error; a fake's errors are counted again from
the raw bits. Comparisons of two samples fail by chance with a probability of at most 1e-7 each (Fisher's test).
"""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("qiskit_ibm_runtime")

from oracles.ibm_server import Fault, IBMServer
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from scipy.stats import binom, fisher_exact

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.jobs import JobFileError, Patience, resume, submit
from quantumlink.execution.preparation import compiled
from quantumlink.qkd import (
    B92,
    BB84,
    BBM92,
    E91,
    MDI,
    SARG04,
    Conference,
    DecoyBB84,
    InterceptResend,
    SixState,
    SixStatePairs,
)
from quantumlink.rewrites.noise_model import inlined_noise

pytestmark = pytest.mark.filterwarnings("ignore")

PATIENCE = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05, tries=4)
ALICE, RELAY, BOB = ql.Node("alice"), ql.Node("relay"), ql.Node("bob")
PAIR = ql.ElementaryLink(ALICE, BOB)
SWAPPED = ql.swap(ql.ElementaryLink(ALICE, RELAY), ql.ElementaryLink(RELAY, BOB))
HERE = ql.Fiber(0)
SESSIONS = {
    "BB84": lambda **k: BB84(medium=HERE, **k),
    "six-state": lambda **k: SixState(medium=HERE, **k),
    "B92": lambda **k: B92(medium=HERE, **k),
    "SARG04": lambda **k: SARG04(medium=HERE, **k),
    "decoy": lambda **k: DecoyBB84(medium=HERE, **k),
    "MDI": lambda **k: MDI(medium_a=HERE, medium_b=HERE, **k),
    "BBM92": lambda **k: BBM92(link=SWAPPED, **k),
    "six-state pairs": lambda **k: SixStatePairs(link=PAIR, **k),
    "E91": lambda **k: E91(link=PAIR, **k),
    "conference": lambda **k: Conference(media=(HERE, HERE, HERE), **k),
}


@pytest.fixture(scope="module")
def server():
    with IBMServer() as there:
        yield there


@pytest.fixture(scope="module")
def backend(server):
    return server.service().backend("ibm_manila")


@pytest.mark.parametrize("name", SESSIONS)
def test_a_key_from_the_file_alone(name, server, backend, tmp_path, seed):
    """Submitted, forgotten, and read by a process that knows the file only."""
    session = SESSIONS[name](rounds=1_000, seed=seed)
    before = server.requests.count("POST /jobs")
    path = submit(session, backend, directory=tmp_path, patience=PATIENCE, seed=1).path
    job = resume(path, service=server.service(), patience=PATIENCE)
    key = job.key()
    assert server.requests.count("POST /jobs") == before + 1
    assert key.rounds == 1_000
    assert key.sifted > 0
    assert (key.qber, key.test_qber) == (0, 0)
    again = resume(path).key()  # without a service: what came is beside the file
    assert (again.ledger, again.report()) == (key.ledger, key.report())
    assert key.protocol.startswith(session.protocol)
    if name in ("BB84", "six-state", "BBM92", "E91"):  # the others sift by outcomes, these by the seed's choices
        assert session.run().sifted == key.sifted


def test_a_key_that_is_given(server, backend, tmp_path):
    """Enough rounds for a key, and both ends have the same."""
    session = BBM92(link=PAIR, rounds=8_000, seed=3, eps_sec=1e-6, eps_cor=1e-6, z_probability=0.7)
    key = resume(
        submit(session, backend, directory=tmp_path, patience=PATIENCE, seed=1).path, service=server.service()
    ).key()
    assert len(key) > 500
    assert (key.secret_bits == key.peer_bits).all()


def test_the_eavesdropper_is_in_the_circuits(server, backend, tmp_path):
    """Who intercepts and resends in a basis at random changes a quarter of the bits."""
    session = BB84(medium=HERE, eavesdropper=InterceptResend(1.0), rounds=4_000, seed=5)
    key = submit(session, backend, directory=tmp_path, patience=PATIENCE, seed=1).key()
    assert not key
    low, high = binom.ppf([1e-7, 1 - 1e-7], key.tested, 0.25)
    assert 0 < low <= round(key.test_qber * key.tested) <= high


def test_an_answer_that_is_lost_costs_no_second_job(server, backend, tmp_path):
    session = BB84(medium=HERE, rounds=500, seed=7)
    before = len(server.jobs)
    server.plan("POST /jobs", Fault("lose"))
    job = submit(session, backend, directory=tmp_path, patience=PATIENCE, seed=1)
    assert job.key().qber == 0
    assert len(server.jobs) == before + 1
    assert not server.faults_left


def test_the_file_of_a_session_is_of_no_other_kind(server, backend, tmp_path):
    job = submit(BB84(medium=HERE, rounds=300, seed=7), backend, directory=tmp_path, patience=PATIENCE, seed=1)
    with pytest.raises(ValueError, match="a job of a session"):
        job.samples()
    text = job.path.read_text()
    job.path.write_text(text.replace('"seed": 7', '"seed": 8'))
    with pytest.raises(JobFileError, match="checksum"):
        resume(job.path)


@pytest.mark.parametrize("name", ["BB84", "six-state pairs"])
def test_a_fake_in_local_mode(name, tmp_path, seed):
    """The sifted errors are those of the raw bits: counted again here, by the columns of the table."""
    session = SESSIONS[name](rounds=6_000, seed=seed, sample_fraction=0.5)
    fake = FakeManilaV2()
    job = submit(session, fake, directory=tmp_path, patience=PATIENCE, seed=seed)
    key = job.key()
    wrong, total = errors_in_z(name, session, job.result())
    found = round(key.qber * key.sampled), key.sampled
    table = [[found[0], found[1] - found[0]], [wrong, total - wrong]]
    assert fisher_exact(table).pvalue > 1e-7
    assert 0 < key.qber < 0.15
    again = resume(submit(session, fake, directory=tmp_path, patience=PATIENCE, seed=seed).path).key()
    assert again.ledger == key.ledger  # the same seed, from the file


def folded(session, play):
    """The probability of (Alice's bit, Bob's bit) in each setting, its frames read with the rule for Paulis."""
    found = {}
    weighted = np.einsum("sdo,d->so", play.probabilities(), play.weights)
    for (alice, bob), row in zip(session.settings(), weighted, strict=True):
        table = np.zeros((2, 2))
        for value in range(64):
            a, b, x_a, z_a, x_b, z_b = (value >> i & 1 for i in range(6))
            # A Pauli that anticommutes with the measured one inverts its outcome.
            a ^= x_a * (alice != "X") ^ z_a * (alice != "Z")
            b ^= x_b * (bob != "X") ^ z_b * (bob != "Z")
            table[a, b] += row[value]
        found[alice, bob] = table / table.sum()
    return found


@pytest.mark.parametrize("protocol", [BBM92, SixStatePairs])
@pytest.mark.parametrize("purified", [False, True])
def test_frames_on_devices_are_exact(protocol, purified):
    """No gates for corrections, the medium played: outcomes have the probabilities of the link's exact state."""
    pairs = [
        ql.ElementaryLink(ALICE, RELAY, bell_diagonal=(0.8, 0.1, 0.07, 0.03)),
        ql.ElementaryLink(RELAY, BOB, bell_diagonal=(0.85, 0.02, 0.04, 0.09)),
    ]
    link = ql.purify(pairs[0], pairs[0]) if purified else ql.swap(*pairs)
    session = protocol(link=link, rounds=1, seed=1, play_medium=True)
    [play] = session.bare_plays()
    assert not play.circuit.count_ops().get("if_else")
    exact = session.probabilities()
    for setting, found in folded(session, play).items():
        np.testing.assert_allclose(found, exact[setting], atol=1e-9)


def test_what_cannot_be_in_a_frame_stays_in_the_circuit():
    """Directions between the Paulis; a program, which is as the user composed it; a twirl before a correction."""
    [(circuit, *_)] = E91(link=SWAPPED, rounds=10, seed=1).circuits()
    assert circuit.count_ops()["if_else"]
    [(circuit, *_)] = BBM92(link=ql.compose(SWAPPED), rounds=10, seed=1).circuits()
    assert circuit.count_ops()["if_else"]
    twirled = ql.purify(SWAPPED, SWAPPED, protocol="bbpssw")
    with pytest.raises(UnsupportedOperation):
        ql.compose(twirled, corrections="frame")
    assert BBM92(link=twirled, rounds=10, seed=1).circuits()


def test_a_frame_spares_errors_on_a_device():
    """Exact error rates of the circuits in a device's gates, with errors of the gate that a correction is."""
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["x", "sx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
    rates = []
    for link in (SWAPPED, ql.compose(SWAPPED, corrections="sequential")):
        session = BBM92(link=link, rounds=1, seed=1)
        [play] = session.bare_plays()
        isa = compiled(play.circuit, FakeManilaV2(), initial_layout=[0, 1, 2, 3], seed=1).circuit
        found = folded(session, replace(play, circuit=inlined_noise(isa, model)))["Z", "Z"]
        rates.append(found[0, 1] + found[1, 0])
    assert 0 < rates[0] < rates[1] - 1e-3


def errors_in_z(name, session, result):
    """Differing bits in rounds where both chose Z, and their number, straight from the bits."""
    _, _, shots = session.circuits()[0]
    data = result[0].data
    if name == "BB84":  # rows: Alice's bit and basis, Bob's basis, as the settings of the circuit list them
        wrong = total = 0
        for row, (bit, alice, bob) in enumerate(session.settings()):
            if alice == bob == "Z":
                read = data.outcome.to_bool_array(order="little")[row, :, 0]
                wrong, total = wrong + int((read != bit).sum()), total + shots
        return wrong, total
    row = list(session.settings()).index(("Z", "Z"))
    a = data.outcome_a.to_bool_array(order="little")[row, :, 0]
    b = data.outcome_b.to_bool_array(order="little")[row, :, 0]
    return int((a != b).sum()), shots
