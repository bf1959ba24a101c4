"""Keys for slaves at several nodes, and relays over HTTPS: four nodes, one-time pads between them, exact books."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from quantumlink.keys.delivery.handing import NotHandedOn
from quantumlink.keys.service.client import KeyServiceError
from quantumlink.keys.service.demonstration import Demonstration
from quantumlink.keys.service.peer_line import PeerLine
from quantumlink.network import Network

NETWORK = Path(__file__).parents[3] / "notebooks" / "networks" / "government.toml"
NODES = ("ministry", "embassy", "lausanne", "sion")


class Running:
    """The nodes of a demonstration without its suppliers: what is in the stores only leaves them."""

    def __init__(self, folder):
        self.demo = Demonstration(Network.load(NETWORK), folder, port=0, page_port=0)
        self.loop = asyncio.new_event_loop()
        self.run(self.demo.start())
        self.service = self.demo.services

    def run(self, coroutine):
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, 60))

    def new(self, master, slave, **options):
        return self.run(self.demo._clients[master].new_keys(slave, **options))

    def get(self, slave, master, keys):
        return self.run(self.demo._clients[slave].keys_with_ids(master, [key.key_id for key in keys]))

    def hand(self, node, path, length=1000):
        return self.run(self.service[node].manager.handing.relay([f"kme-{name}" for name in path], length))

    def books(self, node, other):
        return self.service[node].store.ledger(f"kme-{other}")

    def check(self):
        for service in self.service.values():
            service.store.audit()
            service.store.ledger().check()

    def close(self):
        self.run(self.demo.stop())
        self.loop.close()


@pytest.fixture
def nodes(tmp_path):
    found = Running(tmp_path)
    yield found
    found.close()


def test_one_key_for_slaves_at_three_nodes(nodes):
    before = nodes.books("ministry", "embassy"), nodes.books("embassy", "ministry")
    keys = nodes.new("ministry", "lausanne", number=3, additional=["embassy", "lausanne-2", "ministry-2"])
    for slave in ("lausanne", "embassy"):
        assert nodes.get(slave, "ministry", keys) == keys
        with pytest.raises(KeyServiceError, match="not found"):  # once
            nodes.get(slave, "ministry", keys)
    spent = [
        replace(after, generated=after.generated - old.generated).relayed - old.relayed
        for old, after in zip(
            before, (nodes.books("ministry", "embassy"), nodes.books("embassy", "ministry")), strict=True
        )
    ]
    assert spent == [96, 96]  # the pad of three keys, at both ends
    with pytest.raises(KeyServiceError, match="not found"):  # not named, and never there
        nodes.run(nodes.demo._clients["sion"].keys_with_ids("ministry", [keys[0].key_id]))
    assert nodes.service["lausanne"].store.ledger("kme-ministry").assigned == 96  # for lausanne-2
    nodes.check()


def test_a_further_node_that_is_away_gives_it_up_at_all(nodes):
    manager = nodes.service["ministry"].manager
    line = manager._lines["kme-embassy"]
    real, heard = line.hand, []

    async def silent(handed, message):
        heard.append((handed, message))
        raise NotHandedOn("nobody is there")

    line.hand = silent
    with pytest.raises(KeyServiceError, match="503"):
        nodes.new("ministry", "lausanne", additional=["embassy", "ministry-2"])
    ((handed, _),) = heard
    line.hand = real
    for slave in ("lausanne", "embassy"):
        with pytest.raises(KeyServiceError, match="not found"):
            nodes.run(nodes.demo._clients[slave].keys_with_ids("ministry", list(handed.key_ids)))
    assert nodes.service["ministry"].store.pending() == []
    assert nodes.books("lausanne", "ministry").assigned == 0
    late = handed, b""
    with pytest.raises(NotHandedOn):  # what comes late is refused: it was given up
        nodes.run(real(*late))
    nodes.check()
    keys = nodes.new("ministry", "lausanne", additional=["embassy"])
    assert nodes.get("embassy", "ministry", keys) == keys


def test_a_relay_over_https(nodes):
    first, second = (
        nodes.service["ministry"].store.level("kme-embassy"), nodes.service["embassy"].store.level("kme-ministry"),
    )  # fmt: skip
    hops = [("ministry", "sion"), ("sion", "ministry"), ("sion", "embassy"), ("embassy", "sion")]
    before = [nodes.books(*hop) for hop in hops]
    block = nodes.hand("ministry", ("ministry", "sion", "embassy"))
    assert (len(block.secret), block.provenance.origin) == (1000, "simulated")
    for hop, old in zip(hops, before, strict=True):
        now = nodes.books(*hop)
        assert (now.relayed - old.relayed, now.authentication - old.authentication) == (1000, 32)
    assert nodes.service["ministry"].store.level("kme-embassy").stored == first.stored + 1000
    assert nodes.service["embassy"].store.level("kme-ministry").stored == second.stored + 1000
    back = nodes.hand("embassy", ("embassy", "lausanne", "ministry"), 500)
    assert back.source != block.source
    level = nodes.service["ministry"].store.level("kme-embassy").available
    keys = nodes.new("ministry", "embassy", number=level // 32)  # all of it, the relayed bytes too
    assert nodes.get("embassy", "ministry", keys) == keys
    nodes.check()


@pytest.mark.parametrize(("epsilons", "expected"), [((1e-10, 2e-10), 3e-10), ((1e-10, None), None)])
def test_what_a_key_may_fail_with_is_told_from_node_to_node(nodes, monkeypatch, epsilons, expected):
    """Both ends note the sum of what the hops used up; where nobody knows it of one hop, nobody knows the sum."""
    for name, epsilon in zip(("ministry", "sion"), epsilons, strict=True):
        store = nodes.service[name].store

        def accounts(pool, epsilon=epsilon, true=store.accounts):
            return [replace(account, epsilon=epsilon) for account in true(pool)]

        monkeypatch.setattr(store, "accounts", accounts)
    block = nodes.hand("ministry", ("ministry", "sion", "embassy"), 500)
    assert block.provenance.epsilon == (expected and pytest.approx(expected, rel=1e-12))
    (kept,) = [
        account
        for account in nodes.service["embassy"].store.accounts("kme-ministry")
        if account.protocol == "relay" and account.link == block.provenance.link
    ]
    assert kept.epsilon == block.provenance.epsilon


@pytest.mark.parametrize("what", ["message", "number", "origin", "epsilon", "replay", "no relay", "reflected"])
def test_whoever_meddles_with_a_relay_spoils_it_and_learns_nothing(nodes, monkeypatch, what):
    real, heard = PeerLine.hand, []

    async def hand(self, handed, message):
        heard.append(self)
        if what == "message":
            message = message[:-1] + bytes([message[-1] ^ 1])
        elif what == "number":
            handed = replace(handed, relay_id="f" * 32)
        elif what == "origin":
            handed = replace(handed, origin="device")
        elif what == "epsilon":
            handed = replace(handed, epsilon=1e-30)
        elif what == "replay" and len(heard) == 1:
            await real(self, handed, message)
        elif what == "reflected":
            handed = replace(handed, path=tuple(reversed(handed.path)))
        return await real(self, handed, message)

    monkeypatch.setattr(PeerLine, "hand", hand)
    path = ("ministry", "embassy", "sion") if what == "no relay" else ("ministry", "sion", "embassy")
    stored = nodes.books("ministry", path[-1]).generated
    with pytest.raises(NotHandedOn):
        nodes.hand("ministry", path)
    assert nodes.books("ministry", path[-1]).generated == stored
    nodes.check()


def test_paths_that_are_none(nodes):
    for path in (["ministry"], ["ministry", "sion", "ministry"], ["sion", "embassy"]):
        with pytest.raises(ValueError, match="path"):
            nodes.hand("ministry", path)
    with pytest.raises(NotHandedOn, match="no line"):
        nodes.hand("ministry", ["ministry", "nobody"])
