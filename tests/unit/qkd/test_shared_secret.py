"""The secret that authenticates: no bit of it twice, whatever is copied, crashes, or comes from an old file."""

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest

from quantumlink.distillation.authentication import Authenticator
from quantumlink.distillation.ends import AUTHENTICATION_BITS, Agreement, Alice, Bob, Records, converse
from quantumlink.distillation.shared_secret import SecretExhausted, SharedSecret
from quantumlink.distillation.vault import Vault

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
    assert repr(Records(bits=BITS).consume()) == "RawRounds(1000 rounds)"
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


# --- one file has one secret, however it is called


def test_another_name_of_a_file_is_no_second_secret(tmp_path, monkeypatch):
    """Through a symbolic link, or from another directory: the bits that are taken are gone from the file itself."""
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "elsewhere").mkdir()
    secret = SharedSecret.open(tmp_path / "link")
    first = secret.take(128)
    with pytest.raises(BlockingIOError, match="held open already"):
        SharedSecret.open(path)
    secret.close()
    monkeypatch.chdir(tmp_path)
    secret = SharedSecret.open("secret")
    monkeypatch.chdir(tmp_path / "elsewhere")
    second = secret.take(128)
    secret.close()
    assert np.concatenate([first, second]).tolist() == BITS[:256].tolist()
    assert SharedSecret.open(path).index == 256
    assert (tmp_path / "link").is_symlink()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_of_two_names_is_refused(tmp_path):
    """A store replaces the one name, and the other one would keep bits that are gone."""
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    os.link(path, tmp_path / "other")
    for name in ("secret", "other"):
        with pytest.raises(ValueError, match=r"must have one name, but it has 2 \(hard links\)"):
            SharedSecret.open(tmp_path / name)


def test_an_old_copy_goes_on_where_the_lock_says(tmp_path):
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    old = path.read_bytes()
    secret = SharedSecret.open(path)
    secret.take(500)
    secret.close()
    path.write_bytes(old)
    restored = SharedSecret.open(path)
    assert (restored.index, len(restored)) == (500, 500)
    assert restored.take(64).tolist() == BITS[500:564].tolist()


@pytest.mark.parametrize("left", [None, b"", b"\0" * 7, b"\0" * 9])
def test_a_missing_or_damaged_count_is_no_beginning(left, tmp_path):
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    old = path.read_bytes()
    secret = SharedSecret.open(path)
    secret.take(500)
    secret.close()
    path.write_bytes(old)
    count = tmp_path / "secret.count"
    count.unlink() if left is None else count.write_bytes(left)
    for _ in range(2):  # refused, it is let go of
        with pytest.raises(ValueError, match=r"secret\.count' is missing or damaged: it no longer tells how much"):
            SharedSecret.open(path)


def test_an_old_copy_without_the_bits_that_were_appended_is_refused(tmp_path):
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    old = path.read_bytes()
    secret = SharedSecret.open(path)
    secret.refill(BITS)
    secret.take(1_500)
    secret.close()
    path.write_bytes(old)
    with pytest.raises(ValueError, match="is an old copy: it ends at bit 1000, and 1500 have been used"):
        SharedSecret.open(path)
    path.unlink()  # a new file begins to count anew
    SharedSecret.create(path, BITS).close()
    assert SharedSecret.open(path).take(10).tolist() == BITS[:10].tolist()


def test_bits_are_handed_out_when_the_disk_has_both_counts(tmp_path, monkeypatch):
    """A power cut keeps what was synchronized: the new file before its name, then its name, then the lock."""
    secret, made = SharedSecret.create(tmp_path / "secret", BITS), []
    for name in ("fsync", "replace", "write"):
        true = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, true=true: made.append(name) or true(*a))
    secret.take(16)
    assert made == ["fsync", "replace", "fsync", "write", "fsync"]


class Killed(BaseException):
    """The process ends here."""


CALLS = ("mkstemp", "fsync", "replace", "open", "write")


@pytest.mark.parametrize("failure", [OSError("the disk is full"), Killed()])
@pytest.mark.parametrize("number", range(9))
def test_whatever_call_fails_no_bit_comes_twice(tmp_path, monkeypatch, number, failure):
    """Every call that a store makes fails once: a full disk lets go on, and a killed process begins again."""
    path, made = tmp_path / "secret", []
    secret = SharedSecret.create(path, BITS)
    got = [secret.take(16)]

    def counted(true):
        def call(*arguments, **options):
            made.append(true.__name__)
            if len(made) == number + 1:
                raise failure
            return true(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in CALLS:
            module = tempfile if name == "mkstemp" else os
            patch.setattr(module, name, counted(getattr(module, name)))
        try:
            got.append(secret.take(16))
        except (OSError, Killed) as error:
            assert error is failure
        else:
            assert len(made) <= number  # all calls were there, and all bits were given
    if isinstance(failure, Killed):
        secret.close()
        secret = SharedSecret.open(path)
    got.append(secret.take(16))
    places = [int("".join(map(str, bits)), 2) for bits in got]
    stream = [int("".join(map(str, BITS[i : i + 16])), 2) for i in range(0, 64, 16)]
    assert len(set(places)) == len(places)
    assert [place for place in stream if place in places] == places
    secret.close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["secret", "secret.count", "secret.lock"]


def test_what_a_killed_process_had_begun_is_removed(tmp_path):
    """It holds bits; what belongs to a file whose name begins alike stays."""
    path = tmp_path / "secret"
    SharedSecret.create(path, BITS).close()
    for name in (".secret.abcdefgh.new", ".secret.two.abcdefgh.new", ".secret.abcdefgh.txt"):
        (tmp_path / name).write_bytes(b"bits")
    SharedSecret.open(path)
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert left == [".secret.abcdefgh.txt", ".secret.two.abcdefgh.new", "secret", "secret.count", "secret.lock"]


WITHOUT_UNIX = """
import os, sys
sys.modules["fcntl"] = None  # as on Windows
del os.pread, os.pwrite
import numpy as np
from quantumlink.distillation.shared_secret import SharedSecret
with __import__("warnings").catch_warnings():
    __import__("warnings").simplefilter("ignore")  # the lock says that it is a softer one
    secret = SharedSecret.create(sys.argv[1], np.random.default_rng(1).integers(0, 2, 1000))
    secret.take(500)
    try:
        SharedSecret.open(sys.argv[1])
    except BlockingIOError:
        print("held")
    secret.close()
    print(SharedSecret.open(sys.argv[1]).index)
"""


def test_no_call_of_unix_is_needed(tmp_path):
    path = tmp_path / "secret"
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_UNIX, str(path)], capture_output=True, text=True, check=False
    )
    assert told.stdout.split() == ["held", "500"], told.stderr


def test_a_forked_process_lets_go_of_nothing(tmp_path):
    secret = SharedSecret.create(tmp_path / "secret", BITS)
    for ending in (lambda: secret.close(), lambda: secret._lock.__del__()):
        if not (child := os.fork()):
            ending()
            gc.collect()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        with pytest.raises(BlockingIOError, match="held open already"):
            SharedSecret.open(tmp_path / "secret")
    assert secret.take(8).tolist() == BITS[:8].tolist()


KILLED = """
import os, signal, sys
from quantumlink.distillation.shared_secret import SharedSecret
SharedSecret.open(sys.argv[1]).take(100)
held = SharedSecret.open(sys.argv[1])
held.take(100)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_who_is_killed_holds_it_no_longer(tmp_path):
    SharedSecret.create(tmp_path / "secret", BITS).close()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "secret")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert SharedSecret.open(tmp_path / "secret").index == 200


# --- one process, one thread at a time


def single_uses():
    """What is good for one use, and how it is used."""
    tags = Authenticator(SharedSecret(BITS), places=1)
    return [
        ("a shared secret", SharedSecret(BITS), lambda secret: secret.take(8).tobytes()),
        ("a key", Vault(BITS.astype(np.uint8)), lambda vault: bytes(vault.take(1))),
        ("a raw record", Records(bits=BITS), lambda records: records.consume().bits.tobytes()),
        ("an authenticator", tags, lambda tags: tags.tag(b"said", place=0)),
    ]


@pytest.mark.parametrize("which", range(4))
def test_a_forked_process_has_nothing_to_use(which):
    what, held, use = single_uses()[which]
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            said = use(held)
        except RuntimeError as error:
            said = str(error).encode()
        os.write(writer, said)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        said = pipe.read().decode()
    assert said.startswith(f"{what} is good for process {os.getpid()}, which made it, got process {child}")
    assert use(held)


@pytest.mark.parametrize("which", range(4))
def test_threads_never_share_what_is_good_for_one_use(which):
    """Each gives way to the others at every step of the code that hands bits out."""
    _, held, use = single_uses()[which]
    got, refused, start = [], [], threading.Barrier(8)

    def give_way(frame, event, argument):
        if frame.f_code.co_name not in ("take", "consume", "tag"):
            return None
        frame.f_trace_opcodes = True
        time.sleep(1e-5)
        return give_way

    def run():
        start.wait()
        sys.settrace(give_way)
        try:
            got.append(use(held))
        except (RuntimeError, ValueError) as error:
            refused.append(error)
        finally:
            sys.settrace(None)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if which < 2:
        expected = np.packbits(BITS[:64]).tobytes() if which else BITS[:64].astype(np.uint8).tobytes()
        size = len(expected) // 8
        assert sorted(got) == sorted(expected[i : i + size] for i in range(0, len(expected), size))
    else:
        assert (len(got), len(refused)) == (1, 7)


# --- ends that break off


@pytest.mark.parametrize("end", ["alice", "bob"])
def test_a_full_disk_ends_the_conversation(tmp_path, monkeypatch, end):
    """How much of the secret is used must be on the disk before any of it is: else no end has a key."""
    rng = np.random.default_rng(3)
    shared = rng.integers(0, 2, AUTHENTICATION_BITS)
    stored = SharedSecret.create(tmp_path / "secret", shared)
    secrets = {"alice": SharedSecret(shared), "bob": SharedSecret(shared)} | {end: stored}
    alice, bob = two_ends(secrets)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    converse(alice, bob)
    broken = alice if end == "alice" else bob
    assert broken.reason == "how much of the shared secret was used cannot be stored: No space left on device"
    assert not alice.key
    assert not bob.key
    assert stored.index == 0


def two_ends(secrets, rounds=16_000):
    rng = np.random.default_rng(4)
    agreed = Agreement(protocol="BB84", rounds=rounds, eps_sec=1e-6, eps_cor=1e-8)
    bits, (hers, his) = rng.integers(0, 2, rounds), rng.integers(0, 2, (2, rounds))
    heard = np.where(hers == his, bits, rng.integers(0, 2, rounds))
    alice = Alice(Records(bits=bits, settings=hers), agreement=agreed, secret=secrets["alice"])
    return alice, Bob(Records(bits=heard, settings=his), agreement=agreed, secret=secrets["bob"])


@pytest.mark.parametrize("number", range(1, 8))
def test_an_interrupted_end_has_no_key_and_says_so(monkeypatch, number):
    """Ctrl-C while a message is worked on: what arrives afterwards is not listened to."""
    shared = np.random.default_rng(3).integers(0, 2, AUTHENTICATION_BITS)
    alice, bob = two_ends({"alice": SharedSecret(shared), "bob": SharedSecret(shared)})
    line, listener, count = alice.open(), bob, 0

    def interrupted(*_):
        raise KeyboardInterrupt

    while line is not None:
        count += 1
        if count == number:
            with monkeypatch.context() as patch:
                patch.setattr(type(listener), "_speak", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    listener.receive(line)
            break
        line, listener = listener.receive(line), alice if listener is bob else bob
    assert listener.reason == "this end was interrupted (KeyboardInterrupt)"
    assert listener.receive(line) is None
    assert not listener.key
