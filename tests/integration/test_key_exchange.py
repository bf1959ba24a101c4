"""A key between two processes that share nothing but a pipe and the secret of an earlier day."""

import ast
import hashlib
import multiprocessing

import numpy as np
import pytest
from oracles.raw_rounds import distilled

from quantumlink.distillation.ends import AUTHENTICATION_BITS, Agreement, Alice, Bob, Records, SharedSecret

N = 30_000
AGREED = Agreement(protocol="BBM92", rounds=10**6)


def noted(name, seed):
    """What one end noted of its rounds: the seed stands for the quantum channel and the detectors."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(AGREED.rounds, 4 * N, replace=False))
    hers, his, bits, noise = rng.integers(0, 2, (4, 4 * N), dtype=np.uint8)
    heard = np.where(hers == his, bits ^ (rng.random(4 * N) < 0.02), noise)
    mine = {"bits": heard, "settings": his} if name == "bob" else {"bits": bits, "settings": hers}
    return Records(**mine, rounds=AGREED.rounds, positions=places)


def serve(name, line, seed, shared):
    """One end in a process of its own: it is given its own bits only, and sends back what it may tell."""
    options = {"agreement": AGREED, "secret": SharedSecret(shared)}
    own = noted(name, seed)
    end = Bob(own, **options) if name == "bob" else Alice(own, **options, seed=seed)
    if name == "alice":
        line.send_bytes(end.open())
    while not end.finished:
        if not line.poll(30):
            end.hang_up("nothing was heard for 30 s")
            break
        reply = end.receive(line.recv_bytes())
        if reply is not None:
            line.send_bytes(reply)
    digest = hashlib.sha256(end.key.secret_bits.tobytes()).hexdigest() if end.key else None
    line.send_bytes(repr((len(end.key), digest, end.reason)).encode())


def exchange(meddle=lambda line: line):
    """Start both processes and carry their messages; returns what each end says in the end."""
    spawn = multiprocessing.get_context("spawn")
    shared = np.random.default_rng(3).integers(0, 2, AUTHENTICATION_BITS)
    lines, processes, last = {}, [], {}
    for name in ("alice", "bob"):
        lines[name], far = spawn.Pipe()
        processes.append(spawn.Process(target=serve, args=(name, far, 11, shared)))
        processes[-1].start()
    try:
        speaker = "alice"
        while len(last) < 2:
            assert lines[speaker].poll(60), f"{speaker} said nothing"
            line = lines[speaker].recv_bytes()
            other = "bob" if speaker == "alice" else "alice"
            if line.startswith(b"("):
                last[speaker] = ast.literal_eval(line.decode())
            elif other not in last:
                lines[other].send_bytes(meddle(line))
            # whoever has not finished speaks next, unless more than one message waits
            speaker = other if other not in last else speaker
            if speaker in last:
                speaker = "bob" if speaker == "alice" else "alice"
    finally:
        for process in processes:
            process.join(30)
            if process.is_alive():
                process.terminate()
    return last["alice"], last["bob"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_processes_get_the_key_that_one_process_gets():
    alice, bob = exchange()
    assert alice == bob
    length, digest, reason = alice
    assert reason is None
    secrets = [SharedSecret(np.random.default_rng(9).integers(0, 2, AUTHENTICATION_BITS)) for _ in range(2)]
    together = Alice(noted("alice", 11), agreement=AGREED, secret=secrets[0], seed=11)
    peer = Bob(noted("bob", 11), agreement=AGREED, secret=secrets[1])
    said = together.open()
    while said is not None:
        heard = peer.receive(said)
        said = together.receive(heard) if heard is not None else None
    assert len(together.key) == length > 10_000
    assert hashlib.sha256(together.key.secret_bits.tobytes()).hexdigest() == digest


def test_somebody_on_the_line_gets_two_refusals():
    alice, bob = exchange(lambda line: line.replace(b'"equal":true', b'"equal":false'))
    assert alice[:2] == (0, None)
    assert "authentication tag" in alice[2]
    assert bob[:2] == (0, None)
    assert "gave up" in bob[2]


def test_a_megabit_in_one_process():
    rng = np.random.default_rng(4)
    key, test = rng.integers(0, 2, (2, 10**6), dtype=np.uint8)
    noise = rng.random((2, 10**6)) < 0.03
    bits = {"key_alice": key, "key_bob": key ^ noise[0], "test_alice": test, "test_bob": test ^ noise[1]}
    result = distilled(**bits, rng=rng)
    assert np.array_equal(result.secret_bits, result.peer_bits)
    assert sum(bits for _, bits in result.ledger) == len(result) > 500_000
