"""One suite for every store: what the contract promises, and that the books balance through all of it."""

import sqlite3
import time
import uuid
from dataclasses import replace

import pytest
from oracles.key_material import block

from quantumlink.keys import Ledger, LedgerError, PoolPolicy, Position, Secret
from quantumlink.keys.sealing import DamagedRecord, WrongKeyEncryptionKey, new_kek
from quantumlink.keys.store import (
    BlockRefused,
    CheckpointError,
    HeldBack,
    KeyNotFound,
    NotEnoughKeys,
    NotNamed,
    PositionsGone,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from quantumlink.keys.store.trail import verify


def ids(count):
    return [str(uuid.uuid4()) for _ in range(count)]


def mirrored(assignment, pool):
    return replace(assignment, pool=pool)


def give(a, b, count=2, size=32, slaves=("bob",), master="alice"):
    """Assign at a and accept at b."""
    assignment = a.assign(str(uuid.uuid4()), b.kme_id, master, slaves, ids(count), size)
    b.accept(mirrored(assignment, a.kme_id))
    return assignment


def test_both_ends_get_the_same_bytes_once(pair):
    a, b = pair
    assignment = give(a, b, count=70, size=48)
    sent = a.deliver(assignment.assignment_id)
    got = b.collect("bob", "alice", assignment.key_ids)
    assert [key.key_id for key in sent] == list(assignment.key_ids) == [key.key_id for key in got]
    assert [key.secret for key in sent] == [key.secret for key in got]
    assert len({key.secret.reveal() for key in sent}) == 70
    assert all(len(key.secret) == 48 for key in sent)
    with pytest.raises(KeyNotFound):
        a.deliver(assignment.assignment_id)
    with pytest.raises(KeyNotFound):
        b.collect("bob", "alice", assignment.key_ids[:1])
    for store, pool in ((a, "b"), (b, "a")):
        assert store.ledger(pool) == Ledger(generated=16384, delivered=70 * 48, stored=16384 - 70 * 48)
        store.audit()


def test_the_two_ends_give_out_different_halves(pair):
    a, b = pair
    assert a.level("b").own + b.level("a").own == a.level("b").stored == 16384
    seen = set()
    for giver, taker in ((a, b), (b, a)):
        while giver.level(taker.kme_id).available >= 1024:
            assignment = give(giver, taker, count=1, size=1024)
            (sent,), (got,) = (
                giver.deliver(assignment.assignment_id),
                taker.collect("bob", "alice", assignment.key_ids),
            )
            assert sent.secret == got.secret
            seen.add(sent.secret.reveal())
    assert len(seen) == 16384 // 1024
    assert a.level("b").stored == b.level("a").stored == 0


def test_odd_sizes_leave_nothing_behind(places):
    a, b = places.store("a"), places.store("b")
    for number, size in enumerate((1, 100, 1023, 1024, 1025, 3000)):
        shared = block(number, size)
        a.ingest("b", shared)
        b.ingest("a", shared)
    for size in (1, 7, 33, 500):
        assignment = give(a, b, count=3, size=size)
        sent, got = a.deliver(assignment.assignment_id), b.collect("bob", "alice", assignment.key_ids)
        assert [key.secret for key in sent] == [key.secret for key in got]
    rest = a.level("b").available
    assignment = give(a, b, count=1, size=rest)
    assert a.deliver(assignment.assignment_id)[0].secret == b.collect("bob", "alice", assignment.key_ids)[0].secret
    assert a.level("b").own == 0
    a.audit(), b.audit()


def test_assignments_that_arrive_in_another_order(pair):
    a, b = pair
    made = [a.assign(f"n{i}", "b", "alice", ["bob"], ids(3), 50) for i in range(8)]
    for assignment in reversed(made):
        b.accept(mirrored(assignment, "a"))
    for assignment in made:
        sent, got = a.deliver(assignment.assignment_id), b.collect("bob", "alice", assignment.key_ids)
        assert [key.secret for key in sent] == [key.secret for key in got]
    b.audit()


def test_an_assignment_heard_twice_counts_once_and_changed_content_is_refused(pair):
    a, b = pair
    assignment = give(a, b)
    before = b.ledger()
    b.accept(mirrored(assignment, "a"))
    assert b.ledger() == before
    b.collect("bob", "alice", assignment.key_ids)
    b.accept(mirrored(assignment, "a"))  # a lost acknowledgement, after the slave came
    with pytest.raises(KeyNotFound):
        b.collect("bob", "alice", assignment.key_ids)
    with pytest.raises(StoreError, match="other content"):
        b.accept(replace(mirrored(assignment, "a"), master="mallory"))


def test_an_id_that_is_there_already(pair):
    a, b = pair
    first = give(a, b)
    second = a.assign("n", "b", "alice", ["bob"], ids(2), 32)
    before = b.ledger()
    with pytest.raises(StoreError, match="contradicts"):
        b.accept(replace(mirrored(second, "a"), key_ids=first.key_ids))
    assert b.ledger() == before
    b.audit()


def test_positions_are_used_once_and_only_those_of_the_giver(pair):
    a, b = pair
    assignment = give(a, b)
    with pytest.raises(PositionsGone) as error:
        b.accept(replace(mirrored(assignment, "a"), assignment_id="again", key_ids=tuple(ids(2))))
    assert error.value.positions == assignment.positions
    reflected = a.assign("mine", "b", "alice", ["bob"], ids(1), 32)
    with pytest.raises(PositionsGone):  # a reflection: a's own half is not the other end's to give out
        a.accept(replace(reflected, assignment_id="reflected"))
    own_half = b.assign("yours", "a", "alice", ["bob"], ids(1), 32)
    with pytest.raises(PositionsGone):
        b.accept(replace(own_half, assignment_id="other", positions=(Position("line/0/1", 0, 32),)))
    a.audit(), b.audit()


def test_void_before_and_after_it_arrives(pair):
    a, b = pair
    arrived = give(a, b)
    assert a.void(arrived)
    assert b.void(mirrored(arrived, "a"))
    late = a.assign("late", "b", "alice", ["bob"], ids(2), 32)
    assert a.void(late)
    assert b.void(mirrored(late, "a"))
    assert b.void(mirrored(late, "a"))  # heard twice
    with pytest.raises(StoreError, match="given up"):
        b.accept(mirrored(late, "a"))
    with pytest.raises(KeyNotFound):
        a.deliver("late")
    with pytest.raises(KeyNotFound):
        b.collect("bob", "alice", arrived.key_ids)
    expected = Ledger(generated=16384, voided=128, stored=16384 - 128)
    assert a.ledger("b") == b.ledger("a") == expected
    assert a.pending() == []
    used = give(a, b)
    b.collect("bob", "alice", used.key_ids[:1])
    assert not b.void(mirrored(used, "a"))
    a.audit(), b.audit()


def test_what_is_open_is_known_after_a_restart(pair, places):
    a, _ = pair
    made = a.assign("open", "b", "alice", ["bob", "bea"], ids(2), 32)
    a.close()
    again = places.store("a")
    assert again.pending() == [made]
    assert again.ledger("b").assigned == 64


def test_collecting_is_all_or_nothing_and_for_the_named_only(pair):
    a, b = pair
    assignment = give(a, b, count=3, slaves=("bob", "bea"))
    first, second, third = assignment.key_ids
    with pytest.raises(NotNamed):
        b.collect("carol", "alice", [first])
    with pytest.raises(KeyNotFound):
        b.collect("bob", "alice", [first, str(uuid.uuid4())])
    with pytest.raises(KeyNotFound):
        b.collect("bob", "mallory", [first])
    (bob,) = b.collect("bob", "alice", [first])
    with pytest.raises(KeyNotFound):
        b.collect("bob", "alice", [second, first])
    (bea,) = b.collect("bea", "alice", [first])
    assert bob.secret == bea.secret
    assert b.ledger("a").delivered == 32
    assert [key.key_id for key in b.collect("bob", "alice", [third, second])] == [third, second]


def test_keys_between_applications_of_one_node(places):
    a = places.store("a")
    sent = a.assign_here("n", "alice", ["alan"], ids(2), 32)
    got = a.collect("alan", "alice", [key.key_id for key in sent])
    assert [key.secret for key in sent] == [key.secret for key in got]
    assert a.ledger("a") == Ledger(generated=64, delivered=64)


def test_capacity_reserve_and_low_water(places):
    policy = PoolPolicy(capacity_bytes=4096, low_water_bytes=3000, reserve_bytes=1024)
    a = places.store("a", policy=policy)
    a.ingest("b", block(0))
    with pytest.raises(StoreFull):
        a.ingest("b", block(1, 1))
    level = a.level("b")
    assert (level.stored, level.own, level.available, level.is_low) == (4096, 2048, 1024, False)
    with pytest.raises(NotEnoughKeys):
        a.assign("n", "b", "alice", ["bob"], ids(1), 1025)
    a.assign("n", "b", "alice", ["bob"], ids(1), 1024)
    with pytest.raises(NotEnoughKeys):
        a.withdraw("b", 1, "relayed")
    a.withdraw("b", 1000, "authentication")
    assert a.level("b").is_low
    assert a.ledger("b") == Ledger(generated=4096, authentication=1000, assigned=1024, stored=2072)
    with pytest.raises(NotEnoughKeys):
        a.assign("m", "unheard-of", "alice", ["bob"], ids(1), 1)


def test_withdrawals_meet_at_the_other_end(pair):
    a, b = pair
    secret, positions = a.withdraw("b", 3000, "relayed")
    assert b.withdraw_at("a", positions, "relayed") == secret
    with pytest.raises(PositionsGone):
        b.withdraw_at("a", positions[:1], "relayed")
    assert a.ledger("b").relayed == b.ledger("a").relayed == 3000


def test_quarantine(pair):
    a, b = pair
    b.ingest("a", block(0, 512, source="other line"))
    assert b.quarantine("a", "line") == 16384
    assert b.ledger("a").quarantined == 16384
    assert b.level("a").stored == 512
    assignment = a.assign("n", "b", "alice", ["bob"], ids(1), 32)
    with pytest.raises(HeldBack):
        b.accept(mirrored(assignment, "a"))
    assert b.release("a", burn=False) == 16384
    b.accept(mirrored(assignment, "a"))
    b.quarantine("a")
    b.audit()
    assert b.release("a", burn=True) == 16384 - 32 + 512
    assert b.ledger("a") == Ledger(generated=16896, assigned=32, burnt=16864)


def test_age(places):
    a = places.store("a", policy=PoolPolicy(max_age_s=3600))
    b = places.store("b", policy=PoolPolicy(max_age_s=3600))
    for number in range(2):
        shared = block(number)
        a.ingest("b", shared), b.ingest("a", shared)
    assignment = give(a, b)
    assert b.expire(time.time() + 3000) == 0
    assert b.expire(time.time() - 86400) == 0  # a clock that was set back
    assert b.expire(time.time() + 86400) == 8192
    assert b.ledger("a") == Ledger(generated=8192, expired=8192)
    with pytest.raises(KeyNotFound):
        b.collect("bob", "alice", assignment.key_ids)
    with pytest.raises(PositionsGone):  # what has expired here does not come back by the other end's word
        b.accept(replace(mirrored(assignment, "a"), assignment_id="again"))


def test_burning_a_part(pair):
    a, _ = pair
    assert a.burn("b", [Position("line/0/0", 100, 50), Position("line/9/9", 0, 10)]) == 50
    assert a.burn("b", [Position("line/0/0", 90, 70)]) == 20
    assert a.ledger("b").burnt == 70
    a.audit()


def test_a_block_counts_once(pair):
    a, _ = pair
    for number in (0, 3):
        with pytest.raises(BlockRefused, match="came before"):
            a.ingest("b", block(number))
    a.ingest("b", block(7))
    with pytest.raises(BlockRefused):
        a.ingest("b", block(5))
    assert a.ledger("b").generated == 5 * 4096
    assert a.next_block("b", "line") == 8


@pytest.mark.parametrize("origin", ["simulated", "seeded"])
def test_simulated_keys_need_a_demonstration(places, origin):
    a = places.store("a", simulated_allowed=False)
    with pytest.raises(BlockRefused, match="not secret"):
        a.ingest("b", block(0, origin=origin))
    a.ingest("b", block(0, origin="device"))
    assert [account.origin for account in a.accounts("b")] == ["device"]


def test_another_key_encryption_key_or_node_opens_nothing(pair, places):
    a, _ = pair
    a.close()
    with pytest.raises(WrongKeyEncryptionKey):
        places.store("a", kek=new_kek())
    again = places.store("a")
    fresh = new_kek()
    again.rewrap(fresh)
    again.close()
    with pytest.raises(WrongKeyEncryptionKey):
        places.store("a")
    assert places.store("a", kek=fresh).level("b").stored == 16384


def test_several_connections_take_different_keys(pair, places):
    a, b = pair
    other = places.store("a")
    made = [
        store.assign(f"{i}", "b", "alice", ["bob"], ids(1), 32)
        for i in range(20)
        for store in [a, other][i % 2 :][:1]
    ]
    for assignment in made:
        b.accept(mirrored(assignment, "a"))
    found = {key.secret.reveal() for m in made for key in b.collect("bob", "alice", m.key_ids)}
    assert len(found) == 20


def test_the_trail_is_chained_and_holds_no_secret(pair):
    a, b = pair
    assignment = give(a, b)
    secrets = [key.secret.reveal() for key in a.deliver(assignment.assignment_id)]
    b.collect("bob", "alice", assignment.key_ids)
    (delivered,), (collected,) = a.trail(), b.trail()
    assert delivered["keys"] == list(assignment.key_ids) == collected["keys"]
    assert (delivered["event"], collected["event"]) == ("delivered", "collected")
    assert not any(secret.hex() in str(a.trail()) + str(b.trail()) for secret in secrets)
    give(a, b)
    a.void(a.assign("n", "b", "alice", ["bob"], ids(1), 8))
    entries = a.trail()
    verify(entries)
    entries[0]["sae"] = "mallory"
    with pytest.raises(ValueError, match="entry 1"):
        verify(entries)


# What only SQLite can be made to suffer within a test.


def test_a_restored_old_database_is_refused(sqlite_places):
    a = sqlite_places.store("a")
    a.ingest("b", block(0))
    a.close()
    old = sqlite_places.where("a").read_bytes()
    a = sqlite_places.store("a")
    a.assign("n", "b", "alice", ["bob"], ids(1), 32)
    a.deliver("n")
    a.close()
    sqlite_places.where("a").write_bytes(old)
    with pytest.raises(CheckpointError, match="restored"):
        sqlite_places.store("a")


def test_flipped_bits_are_burnt_and_never_given_out(sqlite_places):
    a = sqlite_places.store("a")
    a.ingest("b", block(0))
    raw = sqlite3.connect(sqlite_places.where("a"))
    raw.execute("UPDATE chunks SET sealed = zeroblob(length(sealed)) WHERE chunk = 'line/0/0'")
    raw.commit()
    with pytest.raises(DamagedRecord):
        a.audit()
    assignment = a.assign("n", "b", "alice", ["bob"], ids(1), 32)
    assert [position.chunk for position in assignment.positions] == ["line/0/2"]
    assert a.ledger("b").burnt == 1024
    raw.execute("UPDATE chunks SET chunk = 'line/0/9' WHERE chunk = 'line/0/2'")  # moved to another place
    raw.execute("UPDATE chunks SET state = 'quarantined' WHERE chunk = 'line/0/1'")
    raw.commit()
    raw.close()
    with pytest.raises(NotEnoughKeys):
        a.assign("m", "b", "alice", ["bob"], ids(1), 32)
    a.release("b", burn=False)  # a state that was not sealed so does not open
    assert a.ledger("b").burnt == 2048


def test_rows_behind_the_books_are_noticed(sqlite_places):
    a = sqlite_places.store("a")
    a.ingest("b", block(0))
    raw = sqlite3.connect(sqlite_places.where("a"))
    raw.execute("UPDATE ledger SET generated = generated + 32")
    raw.commit()
    with pytest.raises(LedgerError, match="balance"):
        a.assign("n", "b", "alice", ["bob"], ids(1), 32)
    raw.execute("UPDATE ledger SET generated = generated - 32")
    raw.execute("DROP TRIGGER chunks_delete")
    raw.execute("DELETE FROM chunks WHERE chunk = 'line/0/0'")
    raw.commit()
    raw.close()
    a.close()
    with pytest.raises(LedgerError, match="add up"):
        sqlite_places.store("a")


def test_a_full_disk_changes_nothing_and_heals(sqlite_places):
    a = sqlite_places.store("a")
    a.ingest("b", block(0, 65536))
    connection = a.database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    before = a.ledger()
    with pytest.raises(StoreUnavailable, match="full"):
        a.ingest("b", block(1, 1 << 20))
    assert a.ledger() == before
    connection.execute("PRAGMA max_page_count = 1000000")
    a.ingest("b", block(1, 1 << 20))
    a.audit()


def test_the_database_file_never_holds_key_bytes(sqlite_places):
    a = sqlite_places.store("a")
    needle = b"needle in the haystack of bytes!"
    a.ingest("b", block(0, fill=needle * 64))
    a.assign("n", "b", "alice", ["bob"], ids(2), 32)
    for file in sqlite_places.folder.iterdir():
        assert needle[:8] not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0


def test_secrets_do_not_show():
    secret = Secret(b"0123456789abcdef")
    assert "0123" not in f"{secret!r} {secret} {block(0)!r}"
    with pytest.raises(TypeError, match="pickled"):
        __import__("pickle").dumps(secret)
