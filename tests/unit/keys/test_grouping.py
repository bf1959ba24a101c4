"""Commits that tasks share: one wait for the disk, each failure its own, nobody told before it is durable."""

import asyncio
import sqlite3
import threading

import pytest
from oracles.key_material import block

from quantumlink.keys.store import NotEnoughKeys, StoreUnavailable, sqlite
from quantumlink.keys.store.grouping import GroupedStore


@pytest.fixture
def store(sqlite_places):
    found = sqlite_places.store("a")
    found.ingest("b", block(0, 1 << 16))
    return found


@pytest.fixture
def either(places):
    found = places.store("a")
    found.ingest("b", block(0, 1 << 16))
    return found


def commits_of(store):
    """How many commits changed something."""
    with store.database.read() as tx:
        return tx.run("SELECT number FROM meta WHERE name = 'counter'")[0][0]


class Watched:
    """A connection that counts commits, and may fail at them."""

    def __init__(self, connection, at_commit=lambda: None):
        self._connection, self._at_commit, self.commits = connection, at_commit, 0

    def execute(self, sql, parameters=()):
        if sql == "COMMIT":
            self.commits += 1
            self._at_commit()
        return self._connection.execute(sql, parameters)

    def __getattr__(self, name):
        return getattr(self._connection, name)


def assign(grouped, store, number, size=32):
    return grouped.run(store.assign, f"n{number}", "b", "alice", ["bob"], [f"k{number}"], size)


async def together(store, count=20, odd=None):
    grouped = GroupedStore(store)
    asked = [assign(grouped, store, n, 1 << 20 if n == odd else 32) for n in range(count)]
    return await asyncio.gather(*asked, return_exceptions=True)


def test_few_commits_and_all_different(either):
    store, before = either, commits_of(either)
    found = asyncio.run(together(store))
    assert commits_of(store) - before <= 3  # the first alone, all others with it or after it
    places = [
        (p.chunk, byte) for each in found for p in each.positions for byte in range(p.start, p.start + p.length)
    ]
    assert len(set(places)) == 20 * 32
    assert len(store.pending()) == 20
    assert store._checkpoint.value == commits_of(store)
    store.audit()


def test_as_many_commits_of_the_database_as_are_counted(store):
    watched, before = Watched(store.database._connection), commits_of(store)
    store.database._connection = watched
    asyncio.run(together(store))
    assert watched.commits == commits_of(store) - before


def test_one_that_fails_takes_nothing_with_it(either):
    store = either
    found = asyncio.run(together(store, odd=7))
    assert isinstance(found[7], NotEnoughKeys)
    assert len(store.pending()) == 19
    assert store.ledger("b").assigned == 19 * 32
    store.audit()


def test_nobody_is_told_before_the_commit_and_if_it_fails_nothing_was(store, sqlite_places):
    told = []

    async def run():
        grouped = GroupedStore(store)
        loud = [asyncio.ensure_future(assign(grouped, store, n)) for n in range(10)]
        for each in loud:
            each.add_done_callback(lambda task: told.append(task.exception()))
        await asyncio.wait(loud)

    commits = []

    def at_commit():
        commits.append(len(told))
        if len(commits) == 1:
            raise sqlite3.OperationalError("database or disk is full")

    store.database._connection = Watched(store.database._connection, at_commit)
    asyncio.run(run())
    assert commits == [0]
    assert len(told) == 10
    assert all(isinstance(error, StoreUnavailable) for error in told)
    assert store.pending() == []
    store.audit()
    store.close()
    sqlite_places.store("a").audit()  # the checkpoint is not ahead of it


def test_a_disk_that_takes_everything_back_fails_all(store, monkeypatch):
    real = store.database.run

    def run(sql, *parameters):
        if "n5" in parameters:
            store.database._connection.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        return real(sql, *parameters)

    monkeypatch.setattr(store.database, "run", run)
    found = asyncio.run(together(store, 10))
    monkeypatch.undo()
    held = {each.assignment_id for each in found if not isinstance(each, Exception)}
    assert {each.assignment_id for each in store.pending()} == held
    assert "n5" not in held
    store.audit()


def test_what_is_no_method_of_the_store_is_done_by_itself(store):
    async def run():
        grouped = GroupedStore(store)
        return await asyncio.gather(
            *(grouped.run(lambda n=n: store.withdraw("b", 8, "relayed")[0] and n) for n in range(5))
        )

    assert asyncio.run(run()) == list(range(5))
    store.audit()


def test_who_looks_does_not_commit(either):
    async def run():
        grouped = GroupedStore(either)
        return await asyncio.gather(*(grouped.run(either.level, "b") for _ in range(5)))

    before = commits_of(either)
    assert {level.stored for level in asyncio.run(run())} == {1 << 16}
    assert commits_of(either) == before


def test_the_loop_works_itself_unless_the_disk_is_slow_or_the_work_long(store, monkeypatch):
    threads = {}

    def at_commit():
        threads.setdefault(what, threading.current_thread())

    async def run(act, *arguments):
        await GroupedStore(store).run(act, *arguments)

    store.database._connection = Watched(store.database._connection, at_commit)
    monkeypatch.setattr(sqlite, "SLOW_S", 60.0)
    what = "short"
    asyncio.run(run(store.assign, "n1", "b", "alice", ["bob"], ["k1"], 32))
    what = "long"
    asyncio.run(run(store.ingest, "b", block(1)))
    monkeypatch.setattr(sqlite, "SLOW_S", -1.0)
    what = "slow"
    asyncio.run(run(store.assign, "n2", "b", "alice", ["bob"], ["k2"], 32))
    monkeypatch.setattr(sqlite, "SLOW_S", 60.0)
    what = "fast again"
    asyncio.run(run(store.assign, "n3", "b", "alice", ["bob"], ["k3"], 32))
    main = threading.main_thread()
    assert {name: thread is main for name, thread in threads.items()} == {
        "short": True, "long": False, "slow": False, "fast again": True,
    }  # fmt: skip
    assert [each.assignment_id for each in store.pending()] == ["n1", "n2", "n3"]


def test_a_disk_is_slow_if_it_usually_is(store, monkeypatch):
    took = iter([0.0001] * 8 + [0.02] + [0.0001] * 8 + [0.004] * 20 + [0.0001] * 20)
    now, seen = [0.0], []

    def clock():
        now[0] += next(waits)
        return now[0]

    monkeypatch.setattr(sqlite.time, "perf_counter", clock)
    store.database._usual_s = 0.0
    for commit in took:
        waits = iter([0.0, 0.0, 0.0, commit])  # twice at the beginning, twice at the commit
        with store.database.transaction():
            pass
        seen.append(store.database.blocks)
    assert not any(seen[:17])  # a single slow one changes nothing
    assert seen[36] is True
    assert seen[-1] is False


def test_the_loop_goes_on_while_something_long_is_done(store):
    order = []

    async def run():
        grouped = GroupedStore(store)
        held, released = threading.Event(), threading.Event()

        def long():
            held.set()
            assert released.wait(20)
            store.ingest("b", block(1))
            order.append("long")

        first = asyncio.ensure_future(grouped.run(long))
        while not held.is_set():
            await asyncio.sleep(0.001)
        second = asyncio.ensure_future(assign(grouped, store, 1))
        second.add_done_callback(lambda _: order.append("short"))
        await asyncio.sleep(0.05)
        order.append("loop")
        released.set()
        await asyncio.gather(first, second)

    asyncio.run(run())
    assert order == ["loop", "long", "short"]  # in the order in which they asked
    store.audit()


@pytest.mark.parametrize("places", ["postgres"], indirect=True)  # SQLite has no connection to lose
def test_a_connection_that_is_lost_in_the_middle_fails_all(either, monkeypatch):
    store, real = either, either.database.run

    def run(sql, *parameters):
        if "n5" in parameters:
            store.database._connection.close()
        return real(sql, *parameters)

    monkeypatch.setattr(store.database, "run", run)
    found = asyncio.run(together(store, 10))
    monkeypatch.undo()
    held = {each.assignment_id for each in found if not isinstance(each, Exception)}
    assert all(isinstance(each, StoreUnavailable) for each in found if isinstance(each, Exception))
    assert {each.assignment_id for each in store.pending()} == held
    assert "n5" not in held
    assert asyncio.run(assign(GroupedStore(store), store, 99)).assignment_id == "n99"  # connected again
    store.audit()
