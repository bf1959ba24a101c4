"""What can go wrong between two nodes: silence, slowness, partition, replays, reflections, lies, old databases."""

import asyncio
import dataclasses
import http.client
import json
import time
import uuid

import aiohttp
import pytest
from oracles.key_network import KeyNetwork

from quantumlink.keys import Ledger
from quantumlink.keys.delivery.manager import PeerSilent
from quantumlink.keys.service.client import AsyncKeyClient, KeyServiceError
from quantumlink.keys.service.peer_line import PeerLine
from quantumlink.keys.service.peer_messages import written
from quantumlink.keys.service.tls import Credentials, Revocations, client_context
from quantumlink.keys.store import HeldBack


@pytest.fixture
def network(tmp_path):
    found = KeyNetwork(tmp_path, abandon_s=0.5)
    found.start()
    found.fill(1 << 16)
    yield found
    found.close()


def settled(network, name="a", timeout=20):
    """Wait until a node has told all that it gave up."""
    manager = network.nodes[name].service.manager
    until = time.monotonic() + timeout
    while network.run(manager.recover(0.0)):
        assert time.monotonic() < until
        time.sleep(0.1)


def round_trip(network, number=1):
    with network.client("alice") as alice, network.client("bob") as bob:
        keys = alice.new_keys("bob", number)
        assert bob.keys_with_ids("alice", [key.key_id for key in keys]) == keys


def books(network):
    return network.do(network.store("a").ledger, "b"), network.do(network.store("b").ledger, "a")


def test_a_node_that_is_away_and_back(network):
    network.stop("b")
    with network.client("alice") as alice, pytest.raises(KeyServiceError, match="503") as error:
        alice.new_keys("bob", 2)
    assert error.value.retry_after_s >= 1
    assert books_of_a(network).voided == 64
    network.start("b")
    round_trip(network)
    settled(network)
    ours, theirs = books(network)
    assert ours == theirs == Ledger(generated=1 << 16, delivered=32, voided=64, stored=(1 << 16) - 96)


def books_of_a(network):
    return network.do(network.store("a").ledger, "b")


def lossy(network, monkeypatch, lost):
    """Lose what happens on the way: ``lost`` says, for each message, whether before or after it arrives."""
    line = network.nodes["a"].service.manager._lines["b"]
    post = line._post
    messages = []

    async def losing(what, assignment):
        messages.append((what, assignment))
        fate = lost(len(messages), what)
        if fate == "before":
            raise PeerSilent("lost")
        answer = await post(what, assignment)
        if fate == "after":
            raise PeerSilent("the answer was lost")
        return answer

    monkeypatch.setattr(line, "_post", losing)
    return messages


def test_an_answer_that_is_lost_is_asked_for_again(network, monkeypatch):
    messages = lossy(network, monkeypatch, lambda n, what: "after" if n == 1 else None)
    round_trip(network, 3)
    assert [what for what, _ in messages] == ["assign", "assign"]
    ours, theirs = books(network)
    assert ours == theirs == Ledger(generated=1 << 16, delivered=96, stored=(1 << 16) - 96)


@pytest.mark.parametrize("fate", ["before", "after"])
def test_all_answers_lost_then_healed(network, monkeypatch, fate):
    network.nodes["a"].service.manager._patience_s = 0.3
    gone = {"on": True}
    lossy(network, monkeypatch, lambda n, what: fate if gone["on"] else None)
    with network.client("alice") as alice, pytest.raises(KeyServiceError, match="503"):
        alice.new_keys("bob", 2)
    gone["on"] = False
    round_trip(network)
    settled(network)
    ours, theirs = books(network)
    assert ours == theirs == Ledger(generated=1 << 16, delivered=32, voided=64, stored=(1 << 16) - 96)


def test_a_slow_node(network, monkeypatch):
    import asyncio

    manager = network.nodes["a"].service.manager
    manager._patience_s = 0.2
    line = manager._lines["b"]
    line._timeout = aiohttp.ClientTimeout(total=0.2)
    service = network.nodes["b"].service
    answer = service._answer

    async def slowly(call):
        if call.parts[0] == "peer":
            await asyncio.sleep(0.6)
        return await answer(call)

    monkeypatch.setattr(service, "_answer", slowly)
    with network.client("alice") as alice, pytest.raises(KeyServiceError, match="503"):
        alice.new_keys("bob")
    monkeypatch.undo()
    time.sleep(1.0)
    line._timeout = aiohttp.ClientTimeout(total=5)
    settled(network)
    round_trip(network)
    ours, theirs = books(network)
    assert ours == theirs
    assert ours.assigned == 0


def post(network, sender, message, what="assign"):
    """A message with a node's certificate, as it is."""

    receiver = network.nodes[message["to"] if message.get("to") in network.nodes else "b"]
    issued = network.nodes[sender].issued if sender in network.nodes else network.issued[sender]
    context = client_context(Credentials(issued.certificate, issued.key, network.authority.certificate))
    connection = http.client.HTTPSConnection("localhost", receiver.port, context=context, timeout=20)
    connection.request("POST", f"/peer/v1/{what}", json.dumps(message), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def assigned(network, **changes):
    assignment = network.do(
        network.store("a").assign, str(uuid.uuid4()), "b", "alice", ["bob"], [str(uuid.uuid4())], 32
    )
    return written(assignment, "a") | changes


def test_replayed_reordered_and_reflected_messages(network):
    first, second = assigned(network), assigned(network)
    assert post(network, "a", second)[0] == 200
    assert post(network, "a", first)[0] == 200  # in another order
    before = network.do(network.store("b").ledger)
    for _ in range(3):
        assert post(network, "a", first)[0] == 200  # replayed: acknowledged, and nothing happens
    assert network.do(network.store("b").ledger) == before
    with network.client("bob") as bob:
        bob.keys_with_ids("alice", first["key_ids"])
        assert post(network, "a", first)[0] == 200  # replayed when the key was collected
        with pytest.raises(KeyServiceError, match="not found"):
            bob.keys_with_ids("alice", first["key_ids"])
    assert post(network, "b", first | {"to": "a"})[0] == 400  # reflected as it is
    reflected = first | {"from": "b", "to": "a", "assignment_id": "new", "master": "bob", "slaves": ["alice"]}
    assert post(network, "b", reflected)[0] == 409  # a's own half is not b's to give out
    again = first | {"assignment_id": "another", "key_ids": [str(uuid.uuid4())]}
    assert post(network, "a", again)[0] == 409  # the same key material under another id
    other = assigned(network)
    assert post(network, "a", other | {"key_ids": second["key_ids"]})[0] == 400  # an id that is there already
    assert post(network, "a", second | {"key_ids": [str(uuid.uuid4())]})[0] == 400  # the same id, other content
    assert post(network, "a", second, "void")[0] == 200
    assert post(network, "a", second)[0] == 400  # a late copy of what was given up
    network.do(network.store("b").audit)


@pytest.mark.parametrize(
    "changes",
    [{"from": "b"}, {"to": "c"}, {"master": "bob"}, {"master": "nobody"}, {"slaves": ["alan"]}, {"slaves": []},
     {"slaves": ["eve"]}, {"key_bytes": 31}, {"key_bytes": -32}, {"positions": []}, {"positions": [["x", 0, 32]]},
     {"positions": [["line/0/0", -1, 32]]}, {"positions": "x"}, {"key_ids": "x"}, {"assignment_id": 7}],
)  # fmt: skip
def test_a_peer_that_lies(network, changes):
    before = network.do(network.store("b").ledger)
    assert post(network, "a", assigned(network, **changes))[0] in (400, 401, 409)
    assert network.do(network.store("b").ledger) == before


def test_an_application_is_no_node(network):
    assert post(network, "alice", assigned(network))[0] == 401


def test_a_restored_old_database_that_nobody_noticed(network, tmp_path):
    """Without its checkpoint an old database starts, and the other node still prevents a second use."""
    network.stop("a")
    old = (tmp_path / "a.db").read_bytes()
    network.start("a")
    with network.client("alice") as alice:
        used = {key.secret.reveal() for key in alice.new_keys("bob", 40)}
    network.stop("a")
    (tmp_path / "a.db").write_bytes(old)
    (tmp_path / "a.checkpoint").unlink()
    network.start("a")
    with network.client("alice") as alice:
        fresh = {key.secret.reveal() for key in alice.new_keys("bob", 40)}
    assert not used & fresh
    network.do(network.store("a").audit)


def test_quarantine_at_the_other_end_is_a_refusal_that_costs_nothing_more(network):
    network.do(network.store("b").quarantine, "a")
    with network.client("alice") as alice, pytest.raises(KeyServiceError, match="held back"):
        alice.new_keys("bob")
    assert books_of_a(network).stored == (1 << 16) - 32
    network.do(lambda: network.store("b").release("a", burn=False))
    round_trip(network)


def test_two_services_on_one_store(network, tmp_path):
    """Several processes share a store: here two services with the same file take different keys."""
    from oracles.key_network import free_ports

    node = network.nodes["a"]
    first_port, first = node.port, node.service
    (node.port,) = free_ports(1)
    network.start("a")
    second_port, second = node.port, node.service
    try:
        seen = set()
        for turn in range(20):
            node.port = (first_port, second_port)[turn % 2]
            with network.client("alice") as alice, network.client("bob") as bob:
                keys = alice.new_keys("bob", 2)
                assert bob.keys_with_ids("alice", [key.key_id for key in keys]) == keys
                seen |= {key.secret.reveal() for key in keys}
        assert len(seen) == 40
    finally:
        network.run(second.stop())
        node.port, node.service = first_port, first


def test_the_line_checks_whom_it_talks_to(network):
    """A node with a good certificate, in the place of another, is not believed."""
    peer = dataclasses.replace(network.registry("a").peer("b"), url=network.nodes["a"].url)
    old = network.nodes["a"].service.manager._lines["b"]

    async def ask():
        line = PeerLine("a", peer, old._session, old._tls)
        await line.assign(network.store("a").assign("n", "b", "alice", ["bob"], [str(uuid.uuid4())], 32))

    with pytest.raises(PeerSilent):
        network.run(ask())


def asked_at_once(network, count=24):
    """What that many requests at the same time get: keys, or the status of a refusal."""

    async def ask(client):
        try:
            return (await client.new_keys("bob"))[0]
        except KeyServiceError as error:
            return error.status

    async def run():
        issued = network.issued["alice"]
        async with AsyncKeyClient(
            network.nodes["a"].url, certificate=issued.certificate, key=issued.key,
            ca=network.authority.certificate,
        ) as client:  # fmt: skip
            await ask(client)
            return await asyncio.gather(*(ask(client) for _ in range(count)))

    return asyncio.run(run())


def collected(network, keys):
    with network.client("bob") as bob:
        return bob.keys_with_ids("alice", [key.key_id for key in keys])


def test_assignments_of_many_requests_share_messages(network, monkeypatch):
    line = network.nodes["a"].service.manager._lines["b"]
    real, told = line._send, []

    async def send(what, content, hops=1):
        told.append(len(content.get("assignments", [None])))
        return await real(what, content, hops)

    monkeypatch.setattr(line, "_send", send)
    keys = asked_at_once(network)
    assert sum(told) == 25
    assert max(told) > 1
    assert len({key.secret.reveal() for key in keys}) == 24
    assert collected(network, keys) == keys
    ours, theirs = books(network)
    assert ours.delivered == 25 * 32
    assert theirs.assigned == 32


def test_of_several_in_one_message_each_has_an_answer_of_its_own(network, monkeypatch):
    store = network.store("b")
    real, came = store.accept, []

    def accept(assignment):
        came.append(assignment)
        if len(came) % 5 == 0:
            raise HeldBack("an alarm")
        real(assignment)

    monkeypatch.setattr(store, "accept", accept)
    found = asked_at_once(network)
    keys = [each for each in found if not isinstance(each, int)]
    assert [each for each in found if isinstance(each, int)] == [503] * (25 // 5)
    assert collected(network, keys) == keys
    monkeypatch.undo()
    settled(network)
    ours, theirs = books(network)
    assert ours.voided == theirs.voided == 32 * (25 // 5)


@pytest.mark.parametrize(
    "answers", [None, [], "text", lambda n: [None] * n, lambda n: [{"status": "200"}] * n, lambda n: [{}] * n]
)
def test_answers_that_do_not_fit_count_as_none(network, monkeypatch, answers):
    manager = network.nodes["a"].service.manager
    manager._patience_s = 0.1
    line = manager._lines["b"]
    real = line._send

    async def send(what, content, hops=1):
        count = len(content.get("assignments", ()))
        if count < 2:
            return await real(what, content, hops)
        return 200, {"answers": answers(count) if callable(answers) else answers}

    monkeypatch.setattr(line, "_send", send)
    found = asked_at_once(network)
    assert {each for each in found if isinstance(each, int)} == {503}
    keys = [each for each in found if not isinstance(each, int)]
    monkeypatch.undo()
    settled(network)
    assert not keys or collected(network, keys) == keys
    ours, theirs = books(network)
    assert ours.assigned == 0
    assert ours.stored == theirs.stored


def test_a_message_of_several_is_checked(network):
    one = assigned(network)
    for told in ([], "text", [one] * 65, [one, None], [one, one | {"from": "b"}], [{}]):
        assert post(network, "a", {"from": "a", "to": "b", "assignments": told})[0] == 400
    status, said = post(
        network, "a", {"from": "a", "to": "b", "assignments": [one, one | {"slaves": ["eve"]}, one]}
    )
    assert status == 200
    assert [each["status"] for each in said["answers"]] == [200, 401, 200]
    assert network.do(network.store("b").ledger, "a").assigned == 32


def test_a_node_that_is_revoked_is_told_nothing_any_more(network, monkeypatch):
    network.nodes["a"].service.manager._patience_s = 0.1
    round_trip(network)  # over a connection that is kept
    before = network.do(network.store("b").ledger, "a")
    network.authority.revoke([network.nodes["b"].issued.serial])
    time.sleep(1.1)
    with network.client("alice") as alice, pytest.raises(KeyServiceError, match="503"):
        alice.new_keys("bob")
    assert network.do(network.store("b").ledger, "a") == before
    network.authority.revoke([], days=-1)  # a list that has expired: nobody is trusted
    time.sleep(1.1)
    monkeypatch.setattr(Revocations, "check", lambda self, certificate: None)  # at the doors
    with network.client("alice") as alice, pytest.raises(KeyServiceError, match="503"):
        alice.new_keys("bob")
    assert network.do(network.store("b").ledger, "a") == before
    monkeypatch.undo()
    network.authority.revoke([])
    time.sleep(1.1)
    round_trip(network)
