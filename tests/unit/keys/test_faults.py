"""Disks that fill at any write, clocks that are a day off, strings that are no text, senders that dawdle."""

import http.client
import json
import sqlite3
import time
import uuid

import pytest
from oracles.key_material import block
from oracles.key_network import KeyNetwork

from quantumlink.keys import DeliveredKey, PoolPolicy, Position, Secret
from quantumlink.keys.service.client import KeyServiceError
from quantumlink.keys.service.tls import Credentials, client_context
from quantumlink.keys.store import StoreUnavailable
from quantumlink.keys.store.contract import Assignment

DAY = 86_400.0


class FullAt:
    """A connection whose disk is full at the n-th statement that writes, or at the commit; or always."""

    def __init__(self, connection, always=False):
        self._connection, self.left, self.always = connection, None, always

    def _count(self, sql):
        writes = sql.split(None, 1)[0] in ("INSERT", "UPDATE", "DELETE", "COMMIT")
        if self.left is not None and writes:
            self.left -= 1
        if writes and (self.always or (self.left is not None and self.left < 0)):
            self.left = None
            raise sqlite3.OperationalError("database or disk is full")

    def execute(self, sql, parameters=()):
        self._count(sql)
        return self._connection.execute(sql, parameters)

    def executemany(self, sql, rows):
        self._count(sql)
        return self._connection.executemany(sql, rows)

    def __getattr__(self, name):
        return getattr(self._connection, name)


def rows_of(store):
    """All that is in the database, without what changes at each sealing."""
    run = store.database._connection._connection.execute
    tables = run("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'sqlite_sequence'").fetchall()
    return {name: run(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for (name,) in tables}


ASSIGNMENT = ("s", "b", "alice", ["bob"], ["k1", "k2"], 600)

VALUE = DeliveredKey("z", Secret(bytes(32)))

WRITES = {
    "ingest": lambda a, b, told: a.ingest("b", block(9, 3000)),
    "assign": lambda a, b, told: a.assign("n", "b", "alice", ["bob"], ["n1"], 700),
    "accept": lambda a, b, told: b.accept(Assignment("n", "a", "alice", ("bob",), ("n1",), 100, told["other"])),
    "deliver": lambda a, b, told: a.deliver("s"),
    "assign_here": lambda a, b, told: a.assign_here("h", "alice", ["alan"], ["h1", "h2"], 32),
    "collect": lambda a, b, told: b.collect("bob", "alice", ["k1", "k2"]),
    "void at the giver": lambda a, b, told: a.void(told["given"]),
    "void at the receiver": lambda a, b, told: b.void(told["taken"]),
    "withdraw": lambda a, b, told: a.withdraw("b", 700, "relayed"),
    "burn": lambda a, b, told: a.burn("b", [Position("line/0/1", 5, 90)]),
    "quarantine": lambda a, b, told: a.quarantine("b"),
    "expire": lambda a, b, told: a.expire(time.time() + 1e9),
    "accept_values": lambda a, b, told: a.accept_values("x", "m", ["alice"], [VALUE]),
    "note_sent": lambda a, b, told: a.note_sent("x", "alice", ["m"], []),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_a_disk_that_is_full_at_each_write_of_a_step(sqlite_places, name):
    a, b = (sqlite_places.store(each, policy=PoolPolicy(max_age_s=1e6)) for each in "ab")
    for store, other in ((a, "b"), (b, "a")):
        store.ingest(other, block(0, 4096, fill=bytes(4096)))
    given = a.assign(*ASSIGNMENT)
    taken = Assignment("s", "a", "alice", ("bob",), ("k1", "k2"), 600, given.positions)
    b.accept(taken)
    _, positions = a.withdraw("b", 100, "relayed")
    told = {"given": given, "taken": taken, "other": positions}
    for store in (a, b):
        store.database._connection = FullAt(store.database._connection)
    failures = 0
    while True:
        for store in (a, b):
            store.database._connection.left = failures
        before = rows_of(a), rows_of(b)
        try:
            WRITES[name](a, b, told)
            break
        except StoreUnavailable:
            failures += 1
            for store in (a, b):
                store.database._connection.left = None
            after = rows_of(a), rows_of(b)
            assert after == before
            for store in (a, b):
                store.audit()
    assert failures >= 3, "each step writes its rows, the counter and the commit"
    for store in (a, b):
        store.database._connection.left = None
        store.audit()
        store.ledger().check()


@pytest.fixture
def network(tmp_path):
    found = KeyNetwork(tmp_path)
    found.start()
    found.fill()
    yield found
    found.close()


def test_a_full_disk_at_either_node_is_told_and_heals(network):
    with network.client("alice") as alice, network.client("bob") as bob:
        for name in "ab":
            database = network.store(name).database
            connection = database._connection
            database._connection = FullAt(connection, always=True)
            with pytest.raises(KeyServiceError, match="503") as told:
                alice.new_keys("bob")
            assert told.value.retry_after_s
            database._connection = connection
            keys = alice.new_keys("bob", 3)
            assert bob.keys_with_ids("alice", [key.key_id for key in keys]) == keys
    network.run(network.nodes["a"].service.manager.recover(0.0))
    for name in "ab":
        network.do(network.store(name).audit)
    assert network.store("a").ledger("b").assigned == 0


@pytest.mark.parametrize("shift_s", [DAY, -DAY])
def test_a_clock_that_is_a_day_off(network, monkeypatch, shift_s):
    """What a wrong clock may do: refuse everybody, or give an open key up; never hand one over twice."""
    real = time.time
    with network.client("alice") as alice, network.client("bob") as bob:
        keys = alice.new_keys("bob", 2)
        network.do(network.store("a").assign, "open", "b", "alice", ["bob"], [str(uuid.uuid4())], 32)
        monkeypatch.setattr(time, "time", lambda: real() + shift_s)
        if shift_s < 0:  # the certificates are not valid yet: closed, not open
            with pytest.raises(KeyServiceError, match="not yet valid"):
                bob.keys_with_ids("alice", [keys[0].key_id])
        else:
            assert bob.keys_with_ids("alice", [keys[0].key_id]) == keys[:1]
        untold = network.run(network.nodes["a"].service.manager.recover(30.0))
        assert untold == (shift_s < 0)  # the other node refuses a certificate of the future, and hears of it later
        assert network.store("a").pending() == []  # old by either clock: given up, at both ends
        network.do(network.store("a").expire)
        monkeypatch.setattr(time, "time", real)
        assert network.run(network.nodes["a"].service.manager.recover(30.0)) == 0
        left = keys[1:] if shift_s > 0 else keys
        assert bob.keys_with_ids("alice", [key.key_id for key in left]) == left
        with pytest.raises(KeyServiceError, match="not found"):
            bob.keys_with_ids("alice", [keys[0].key_id])
    for name in "ab":
        network.do(network.store(name).audit)
    assert network.store("a").ledger("b").voided == 32


def test_strings_that_are_no_text_and_ids_that_are_none(network):
    issued = network.issued["bob"]
    context = client_context(Credentials(issued.certificate, issued.key, network.authority.certificate))
    connection = http.client.HTTPSConnection("localhost", network.nodes["b"].port, context=context, timeout=30)
    headers = {"Content-Type": "application/json"}
    for key_id in (r"\ud800", r"\u0000", "x" * 36, "x" * 100_000, r"\udfff\ud800"):
        body = f'{{"key_IDs": [{{"key_ID": "{key_id}"}}]}}'
        connection.request("POST", "/api/v1/keys/alice/dec_keys", body.encode(), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        assert (answer.status, bool(said["message"])) == (400, True)
    for path in ("/key/%00?remoteSystemID=alice", "/key/" + "0" * 33 + "?remoteSystemID=alice"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 400
        answer.read()
    assert network.nodes["b"].service.counts.refused["fault"] == 0
    connection.close()


def test_giving_up_what_never_came_leaves_a_store_that_opens_again(sqlite_places):
    store = sqlite_places.store("a")
    assert store.void_values("elsewhere", ["k"]) == {"k": "key not present"}
    store.audit()
    store.close()
    sqlite_places.store("a").audit()
