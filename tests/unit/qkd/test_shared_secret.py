"""The secret that authenticates: no bit of it twice, whatever is copied, crashes, or comes from an old file."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from quantumlink.distillation.authentication import Authenticator
from quantumlink.distillation.ends import AUTHENTICATION_BITS, Agreement, Alice, Bob, Records, converse
from quantumlink.distillation.shared_secret import SecretExhausted, SharedSecret

BITS = np.random.default_rng(8).integers(0, 2, 1_000)


def test_it_cannot_be_copied_or_pickled():
    secret = SharedSecret(BITS)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="its bits would be used twice"):
            attempt(secret)


def test_no_bit_of_it_shows():
    """Not in what `vars`, a debugger or a log of all attributes prints, nor in those of what uses it up."""
    secret = SharedSecret(BITS)
    tags = Authenticator(SharedSecret(BITS), places=2)
    for held in (secret, tags, tags.running(b"said")):
        with pytest.raises(TypeError, match="__dict__"):
            vars(held)
    assert repr(secret) == "SharedSecret(1000 bits left)"
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        secret.__getstate__()


@pytest.mark.parametrize("bit", [0, 1])
def test_what_can_be_no_secret_is_refused(bit, tmp_path):
    """Zeros hash every message to 0 and mask it by nothing: each all-zero tag would be right."""
    alike = np.full(512, bit)
    secret = SharedSecret(BITS)
    for attempt in (SharedSecret, secret.refill, lambda bits: SharedSecret.create(tmp_path / "secret", bits)):
        with pytest.raises(ValueError, match=f"must be random and secret; got 512 bits that are all {bit}"):
            attempt(alike)
    with pytest.raises(ValueError, match="must be random and secret"):
        secret.refill(bytes([255 * bit]) * 64)
    assert len(secret) == 1_000
    assert not (tmp_path / "secret").exists()
    assert len(SharedSecret(alike[:127])) == 127  # so few may be what is left of a file


def test_a_file_whose_bits_were_wiped_is_no_secret(tmp_path):
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    head, _, body = path.read_bytes().partition(b"\n")
    path.write_bytes(head + b"\n" + bytes(len(body)))
    with pytest.raises(ValueError, match="holds no shared secret, or is damaged"):
        SharedSecret.open(path)


def test_bits_come_in_order_and_once(tmp_path):
    for secret in (SharedSecret(BITS), SharedSecret.create(tmp_path / "secret", BITS)):
        taken = [secret.take(n) for n in (1, 128, 7)]
        assert np.concatenate(taken).tolist() == BITS[:136].tolist()
        assert (secret.index, len(secret)) == (136, 864)
        secret.skip_to(400)
        assert secret.take(3).tolist() == BITS[400:403].tolist()
        with pytest.raises(ValueError, match="index must be at least 403, for earlier bits are gone; got 402"):
            secret.skip_to(402)
        with pytest.raises(SecretExhausted, match="the other end is at bit 1001, this secret ends at 1000"):
            secret.skip_to(1_001)
        with pytest.raises(SecretExhausted, match="598 bits of the shared secret are needed, 597 are left"):
            secret.take(598)
        secret.refill([1, 0, 1])
        assert secret.take(600)[-3:].tolist() == [1, 0, 1]
        assert (secret.index, len(secret)) == (1_003, 0)


def test_bytes_of_a_key_refill_it_and_its_epsilon_counts():
    secret = SharedSecret([], epsilon=1e-12)
    secret.refill(b"\x05", epsilon=3e-10)
    assert secret.take(8).tolist() == [0, 0, 0, 0, 0, 1, 0, 1]
    assert secret.epsilon == pytest.approx(3.01e-10)


def test_keys_that_authenticate_the_next_ones_add_up():
    """n keys of ε each may fail with n·ε, however each of them is refilled from the one before: not with 2ⁿ·ε."""
    rng = np.random.default_rng(3)
    shared = rng.integers(0, 2, AUTHENTICATION_BITS)
    secrets = SharedSecret(shared), SharedSecret(shared)
    agreed = Agreement(protocol="BB84", rounds=16_000, eps_sec=1e-6, eps_cor=1e-8)
    for number in range(1, 5):
        bits, (hers, his) = rng.integers(0, 2, 16_000), rng.integers(0, 2, (2, 16_000))
        heard = np.where(hers == his, bits, rng.integers(0, 2, 16_000))
        alice = Alice(Records(bits=bits, settings=hers), agreement=agreed, secret=secrets[0])
        bob = Bob(Records(bits=heard, settings=his), agreement=agreed, secret=secrets[1])
        converse(alice, bob)
        for end, secret in zip((alice, bob), secrets, strict=True):
            assert end.key.epsilon == pytest.approx(number * 1.01e-6, rel=1e-12)
            secret.refill(end.key.take(AUTHENTICATION_BITS // 8), epsilon=end.key.own_epsilon)
            assert secret.epsilon == pytest.approx(end.key.epsilon, rel=1e-12)


def test_a_file_goes_on_where_it_was(tmp_path):
    path = tmp_path / "secret"
    secret = SharedSecret.create(path, BITS, epsilon=1e-9)
    first = secret.take(100)
    secret.close()
    again = SharedSecret.open(path)
    assert (again.index, again.epsilon) == (100, 1e-9)
    assert np.concatenate([first, again.take(50)]).tolist() == BITS[:150].tolist()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_gone_is_not_in_the_file(tmp_path):
    path = tmp_path / "secret"
    secret = SharedSecret.create(path, BITS)
    packed = np.packbits(BITS).tobytes()
    assert packed in path.read_bytes()
    secret.take(800)
    assert packed[:20] not in path.read_bytes()
    assert packed[100:120] in path.read_bytes()


def test_only_one_holder_at_a_time(tmp_path):
    path = tmp_path / "secret"
    first = SharedSecret.create(path, BITS)
    with pytest.raises(BlockingIOError, match="held open already"):
        SharedSecret.open(path)
    first.close()
    with pytest.raises(FileExistsError):
        SharedSecret.create(path, BITS)
    assert len(SharedSecret.open(path)) == 1_000


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_crash_while_storing_loses_bits_rather_than_reusing_them(tmp_path, when):
    """The process dies within the store, before and after the count is in the file: no bit comes out again."""
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    crash = f"""
import os
from quantumlink.distillation.shared_secret import SharedSecret
secret = SharedSecret.open({str(path)!r})
print(secret.take(64).tolist(), flush=True)
os.{when} = lambda *_: os._exit(9)
print(secret.take(64).tolist(), flush=True)
"""
    done = subprocess.run([sys.executable, "-c", crash], capture_output=True, text=True, check=False)
    assert done.returncode == 9
    assert done.stdout.strip() == str(BITS[:64].tolist())  # what was not stored was not handed out
    again = SharedSecret.open(path)
    assert again.index in (64, 128)
    assert again.take(64).tolist() == BITS[again.index - 64 : again.index].tolist()


def test_a_full_disk_takes_nothing(tmp_path, monkeypatch):
    secret = SharedSecret.create(tmp_path / "secret", BITS)

    def full(_):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for attempt in (lambda: secret.take(10), lambda: secret.skip_to(20), lambda: secret.refill([1])):
            with pytest.raises(OSError, match="no space left"):
                attempt()
    assert (secret.index, len(secret)) == (0, 1_000)
    assert secret.take(10).tolist() == BITS[:10].tolist()
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


@pytest.mark.parametrize("content", [b"", b"{}\n", b"hello", b'{"kind": "quantumlink shared secret 1"}\nxx'])
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no shared secret, or is damaged"):
        SharedSecret.open(path)
