"""Protected files: what was sealed comes back, and anything else fails closed."""

import io
import os
import uuid

import pytest

from quantumlink.keys import DeliveredKey, Secret
from quantumlink.keys.protection import (
    ProtectedFileError,
    Recipient,
    open_padded,
    open_sealed,
    protect_padded,
    protect_sealed,
)


class Keys:
    """A key manager of both ends."""

    def __init__(self):
        self.kept, self.used = {}, 0

    def new(self, size=32):
        key = DeliveredKey(str(uuid.uuid4()), Secret(os.urandom(size)))
        self.kept[key.key_id] = key.secret
        self.used += size
        return key

    def several(self, count, size):
        assert 8 <= size <= 512
        return [self.new(size) for _ in range(count)]

    def of(self, master, key_id):
        assert master == "alice"
        return self.kept[key_id]

    def all_of(self, master, key_ids):
        return [DeliveredKey(key_id, self.of(master, key_id)) for key_id in key_ids]


RECIPIENT = Recipient.create()


def sealed(text, keys, **options):
    out = io.BytesIO()
    options = {"segment_bytes": 1000} | options
    ids = protect_sealed(
        io.BytesIO(text), out, master="alice", slave="bob", recipient=RECIPIENT.public, new_key=keys.new, **options
    )
    return out.getvalue(), ids


def unsealed(content, keys, path, recipient=RECIPIENT, **options):
    count = open_sealed(io.BytesIO(content), path, recipient=recipient, key_of=keys.of, **options)
    text = path.read_bytes()
    assert count == len(text)
    return text


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5000, 12_345])
@pytest.mark.parametrize("rekey", [1, 2500, 1 << 30])
def test_what_was_sealed_comes_back(tmp_path, size, rekey):
    keys, text = Keys(), os.urandom(size)
    content, ids = sealed(text, keys, rekey_bytes=rekey)
    assert unsealed(content, keys, tmp_path / "out", slave="bob") == text
    most = max(rekey, 1000)  # bytes under one key
    assert max(1, -(-size // most)) <= len(ids) <= max(1, -(-size // (most // 1000 * 1000)))
    assert size < 100 or text[:100] not in content


def test_a_new_key_after_some_time(tmp_path):
    keys = Keys()
    _, ids = sealed(bytes(3000), keys, rekey_s=-1.0)
    assert len(ids) == 3


def refuses(content, keys, path, **options):
    with pytest.raises(ProtectedFileError):
        unsealed(content, keys, path, **options)
    assert list(path.parent.iterdir()) == []  # no output, not even a part of it


def test_every_bit_counts(tmp_path, rng):
    keys, text = Keys(), os.urandom(2500)
    content, _ = sealed(text, keys, rekey_bytes=1000)
    places = {*range(40), *map(int, rng.integers(0, len(content), 250)), len(content) - 1}
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises((ProtectedFileError, KeyError, AssertionError, ValueError)):  # an id that no key has
            unsealed(bytes(changed), keys, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


def segments(content):
    from quantumlink.keys.protection import sealed_file

    source = io.BytesIO(content)
    sealed_file._header(source)
    head = content[: source.tell()]
    return head, [sealed_file._framed(*each) for each in sealed_file._segments(source)]


def test_cut_reordered_doubled_and_mixed(tmp_path):
    keys = Keys()
    content, _ = sealed(os.urandom(4500), keys)
    out = tmp_path / "out"
    for length in (0, 10, 30, 100, len(content) // 2, len(content) - 1):
        refuses(content[:length], keys, out)
    refuses(content + b"x", keys, out)
    refuses(content + content, keys, out)
    head, parts = segments(content)
    key, body, last = parts[0], parts[1:-1], parts[-1]
    refuses(head + b"".join([key, body[1], body[0], *body[2:], last]), keys, out)
    refuses(head + b"".join([key, *body[:2], last]), keys, out)  # the middle left out
    refuses(head + b"".join([key, body[0], *body, last]), keys, out)
    refuses(head + b"".join([*body, last]), keys, out)
    ended = bytearray(body[-1])
    ended[0] = 1  # called the last one
    refuses(head + b"".join([key, *body[:-1], bytes(ended)]), keys, out)
    other, _ = sealed(os.urandom(4500), keys)
    refuses(head + b"".join([key, *segments(other)[1][1:]]), keys, out)
    refuses(head.replace(b"alice", b"alicf") + b"".join(parts), Keys2(keys), out)
    refuses(content, keys, out, slave="carol")
    refuses(content, keys, out, recipient=Recipient.create())
    wrong = Keys()
    wrong.kept = {key_id: Secret(os.urandom(32)) for key_id in keys.kept}
    refuses(content, wrong, out)


class Keys2(Keys):
    """Whoever the master is."""

    def __init__(self, keys):
        super().__init__()
        self.kept = keys.kept

    def of(self, master, key_id):
        return self.kept[key_id]


@pytest.mark.parametrize("size", [0, 1, 480, 481, 482, 488, 992, 993, 5000])
def test_a_pad_uses_exactly_what_it_needs(size):
    keys, text = Keys(), os.urandom(size)
    content, used = protect_padded(text, master="alice", slave="bob", new_keys=keys.several)
    assert used == keys.used == size + 32
    assert open_padded(content, keys_of=keys.all_of, slave="bob") == text


def test_a_pad_that_was_changed(rng):
    keys = Keys()
    content, _ = protect_padded(os.urandom(100), master="alice", slave="bob", new_keys=keys.several)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises((ProtectedFileError, KeyError, AssertionError)):
            open_padded(bytes(changed), keys_of=keys.all_of)
    asked = []
    for other in (*(content[:length] for length in (0, 5, 50, len(content) - 1)), content + b"x"):
        with pytest.raises(ProtectedFileError):
            open_padded(other, keys_of=lambda *ids: asked.append(ids))
    assert asked == []  # no key is used up for a file that is not whole
    with pytest.raises(ProtectedFileError, match="carol"):
        open_padded(content, keys_of=keys.all_of, slave="carol")
    with pytest.raises(ValueError, match="at most"):
        protect_padded(bytes((1 << 20) + 1), master="a", slave="b", new_keys=keys.several)


def test_recipients_in_files(tmp_path):
    RECIPIENT.save(tmp_path / "bob.recipient")
    RECIPIENT.public.save(tmp_path / "bob.public")
    assert (tmp_path / "bob.recipient").stat().st_mode & 0o077 == 0
    from quantumlink.keys.protection.recipient import PublicRecipient

    x25519, mlkem, said = PublicRecipient.load(tmp_path / "bob.public").encapsulate()
    assert Recipient.load(tmp_path / "bob.recipient").decapsulate(said) == (x25519, mlkem)
    with pytest.raises(ValueError, match="holds no keys"):
        Recipient.load(tmp_path / "bob.public")
    with pytest.raises(FileExistsError):
        RECIPIENT.save(tmp_path / "bob.recipient")
