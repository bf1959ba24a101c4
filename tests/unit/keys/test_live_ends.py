"""Two ends in real time over a socket: the same key at both, paid for with key, and nothing for whoever meddles."""

import asyncio
import hashlib
import time
from dataclasses import replace
from math import inf

import pytest
from oracles.key_material import block
from oracles.key_network import free_ports
from oracles.key_processes import Pair

import quantumlink as ql
from quantumlink.keys.service.node_file import NodeFile
from quantumlink.keys.service.serving import serve_node
from quantumlink.keys.store import BlockRefused, NotEnoughKeys
from quantumlink.keys.supply import LineLost, LiveEnd, LiveLink

LINK = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.98, rate_hz=1000.0)
SPENT = 64  # bytes of secret for the tags of a block


def live(**options):
    return LiveLink(**({"name": "a–b", "link": LINK, "rounds": 30_000, "seed": 5, "speed": inf} | options))


def stores_of(places, size=1024, secret=None, **options):
    found = places.store("a", **options), places.store("b", **options)
    secret = secret or hashlib.shake_256(b"shared").digest(2 * size)
    for store, other in zip(found, "ba", strict=True):
        store.ingest(other, block(0, 2 * size, source="first", origin="system", fill=secret))
    return found


def made(stores, blocks, line=None, meddle=None, **options):
    """Both ends for so many blocks; what each was told."""
    told = {"alice": [], "bob": []}
    link = line or live()
    alice, bob = (
        LiveEnd(
            link, role, store, pool, on_key=lambda n, key, role=role: told[role].append((n, len(key), key.reason))
        )
        for role, store, pool in (("alice", stores[0], "b"), ("bob", stores[1], "a"))
    )

    async def run():
        port = end = await bob.listen("127.0.0.1", 0)
        server = None
        if meddle is not None:

            async def between(reader, writer):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", end)
                await asyncio.gather(pump(reader, far_writer, meddle), pump(far_reader, writer, bytes))

            server = await asyncio.start_server(between, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
        try:
            await alice.connect("127.0.0.1", port, blocks=blocks)
            for _ in range(30):
                if len(told["bob"]) >= len(told["alice"]):
                    break
                await asyncio.sleep(0.05)
        finally:
            await bob.close()
            if server is not None:
                server.close()

    asyncio.run(run())
    return told


async def pump(reader, writer, change):
    try:
        while data := await reader.read(1 << 16):
            writer.write(change(data))
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def test_both_ends_get_the_same_and_pay_for_it(sqlite_places):
    stores = stores_of(sqlite_places)
    told = made(stores, 2)
    assert told["alice"] == told["bob"]
    assert [number for number, _, _ in told["alice"]] == [0, 1]
    sizes = [bits // 8 for _, bits, _ in told["alice"]]
    assert min(sizes) > 200
    for store, other in zip(stores, "ba", strict=True):
        books = store.ledger(other)
        assert books.authentication == 2 * SPENT
        assert books.generated == 2048 + sum(sizes)
        assert [account.origin for account in store.accounts(other)] == ["seeded", "system"]
        store.audit()
    while stores[0].level("b").available >= 32:  # all of it is the same at both
        given = stores[0].assign(str(time.monotonic_ns()), "b", "alice", ["bob"], [str(time.monotonic_ns())], 32)
        stores[1].accept(replace(given, pool="a"))
        (mine,) = stores[0].deliver(given.assignment_id)
        (theirs,) = stores[1].collect("bob", "alice", given.key_ids)
        assert mine.secret == theirs.secret


def test_what_may_fail_adds_up_from_block_to_block(sqlite_places):
    """Each block's key has authenticated the next one: the third may fail as all three together."""
    stores = stores_of(sqlite_places)
    for blocks in (1, 2, 3):
        made(stores, 1)
        for store, other in zip(stores, "ba", strict=True):
            (live_account,) = [a for a in store.accounts(other) if a.origin == "seeded"]
            assert live_account.epsilon == pytest.approx(blocks * 2e-10, rel=1e-12)


def test_a_later_line_goes_on_where_the_first_ended(sqlite_places):
    stores = stores_of(sqlite_places)
    made(stores, 1)
    assert [number for number, _, _ in made(stores, 1)["bob"]] == [1]
    stores[1].ingest("a", block(7, 64, source="a–b live"))  # one end is ahead: the other follows
    told = made(stores, 2)
    assert [(number, bits > 0) for number, bits, _ in told["alice"]] == [(2, False), (8, True)]


def test_it_takes_as_long_as_the_link_does(sqlite_places):
    stores, line = stores_of(sqlite_places), live(rounds=20_000, speed=50.0)
    assert line.block_s == pytest.approx(20_000 / 1000.0 / 50.0)
    began = time.monotonic()
    made(stores, 2, line)
    assert time.monotonic() - began >= 2 * line.block_s  # never faster; how much slower is the machine's affair


@pytest.mark.parametrize("place", [300, 2_000, 6_000, 6_050])  # in the greeting, the rounds, the sample
def test_whoever_meddles_ends_it_without_a_key(sqlite_places, place):
    """One character that Alice sends becomes another one: if nothing else tells, the tags do."""
    stores, heard, changed = stores_of(sqlite_places), 0, []

    def meddle(data):
        nonlocal heard
        at, heard = place - heard, heard + len(data)
        if not 0 <= at < len(data):
            return data
        changed.append(place)
        return data[:at] + (b"B" if data[at : at + 1] == b"A" else b"A") + data[at + 1 :]

    try:
        told = made(stores, 1, meddle=meddle)
    except LineLost:
        told = {"alice": [], "bob": []}
    assert changed == [place]
    assert all(bits == 0 and reason for each in told.values() for _, bits, reason in each)
    for store, other in zip(stores, "ba", strict=True):
        assert store.ledger(other).generated == 2048
        store.audit()


def test_without_secret_nothing_begins(sqlite_places):
    stores = sqlite_places.store("a"), sqlite_places.store("b")
    with pytest.raises(NotEnoughKeys):
        made(stores, 1)


def test_a_pool_of_zeros_authenticates_nothing(sqlite_places):
    """Under zeros any tag would be right."""
    stores = stores_of(sqlite_places, secret=bytes(2048))
    with pytest.raises(LineLost, match="cannot authenticate: bits must be random and secret; got 512 bits that"):
        made(stores, 1)


def test_a_store_without_demo_takes_none_of_it(sqlite_places):
    stores = stores_of(sqlite_places, simulated_allowed=False)
    made(stores, 1)
    assert stores[0].ledger("b").generated == stores[1].ledger("a").generated == 2048
    with pytest.raises(BlockRefused, match="not secret"):
        stores[0].ingest("b", block(0, origin="seeded"))


def test_two_processes_of_their_own_keep_making_keys(tmp_path):
    """From their files: nodes a and b in two processes, with nothing between them but sockets."""
    pair = Pair(tmp_path, blocks=1)
    (tmp_path / "net.toml").write_text(
        'name = "n"\n[nodes.x]\nrole = "end"\n[nodes.y]\nrole = "end"\n'
        '[[links]]\nbetween = ["x", "y"]\nfidelity = 0.98\nrate_hz = 1000.0\n'
    )
    (port,) = free_ports(1)
    for name, other, role in (("a", "b", "alice"), ("b", "a", "bob")):
        with (tmp_path / f"{name}.toml").open("a") as file:
            file.write(
                f'[[lines]]\npool = "{other}"\nnetwork = "net.toml"\nbetween = ["x", "y"]\nrole = "{role}"\n'
                f'address = "127.0.0.1:{port}"\nseed = 3\nrounds = 30000\nspeed = 1000.0\n'
            )
    with pytest.raises(ValueError, match="--demo"):
        asyncio.run(serve_node(NodeFile.read(tmp_path / "a.toml"), demo=False, ready=print))
    try:
        pair.start("b")
        pair.start("a")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            store = pair.open("b")
            number = store.next_block("a", "x–y live")
            store.close()
            if number >= 2:
                break
            time.sleep(0.2)
        assert number >= 2
        with pair.client("alice", "a") as alice, pair.client("bob", "b") as bob:
            keys = alice.new_keys("bob", 50)
            assert bob.keys_with_ids("alice", [key.key_id for key in keys]) == keys
    finally:
        pair.stop()
    books = [pair.open(name).ledger(other) for name, other in ("ab", "ba")]
    assert all(each.authentication >= 2 * SPENT for each in books)
