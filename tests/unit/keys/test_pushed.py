"""Devices push keys to both nodes over HTTPS, and applications get the same ones; a wrong push changes nothing."""

import base64
import json
import ssl
import urllib.error
import urllib.request

import pytest
from oracles.key_network import KeyNetwork

from quantumlink.keys.delivery import Application, Peer, Registry
from quantumlink.keys.delivery.registry import PushingDevice
from quantumlink.keys.service.client import KeyClient, KeyServiceError
from quantumlink.keys.service.node_file import NodeFile, NodeFileError

STREAM = "00000000-0000-4000-8000-00000000000a"
CHUNK = 1024
GOOD = {"key_stream_id": STREAM, "index": 0, "key_buffer": base64.b64encode(bytes(CHUNK)).decode()}


@pytest.fixture
def network(tmp_path):
    found = KeyNetwork(tmp_path)
    yield found.start()
    found.close()


def post(network, node, what, body, sae="module"):
    context = ssl.create_default_context(cafile=str(network.authority.certificate))
    context.load_cert_chain(str(network.issued[sae].certificate), str(network.issued[sae].key))
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{network.nodes[node].url}/push/v1/{what}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def opened(network, *nodes):
    for node in nodes:
        code, told = post(network, node, "open_connect", {"key_stream_id": STREAM, "key_chunk_size": CHUNK})
        assert (code, told["key_stream_id"]) == (200, STREAM)
    return told["index"]


def push(network, node, index, key):
    body = {"key_stream_id": STREAM, "index": index, "key_buffer": base64.b64encode(key).decode()}
    return post(network, node, "push", body)


def chunk(index):
    return bytes([index]) * CHUNK


def test_keys_of_a_pushed_stream(network):
    assert opened(network, "a", "b") == 0
    with network.client("alice") as alice, pytest.raises(KeyServiceError, match="503"):
        alice.new_keys("bob")
    for index in range(4):
        for node in "ab":
            assert push(network, node, index, chunk(index)) == (200, {"key_stream_id": STREAM, "index": index + 1})
    with network.client("alice") as alice, network.client("bob") as bob:
        keys = alice.new_keys("bob", 20)
        assert bob.keys_with_ids("alice", [key.key_id for key in keys]) == keys
    for node, other in ("ab", "ba"):
        (account,) = network.do(network.store(node).accounts, other)
        assert (account.origin, account.link, account.epsilon) == ("device", "a–b", 1e-10)
        assert network.do(network.store(node).ledger, other).generated == 4 * CHUNK
    assert post(network, "a", "close", {"key_stream_id": STREAM})[0] == 200
    assert push(network, "a", 9, chunk(9))[0] == 400


def test_a_chunk_that_comes_twice_counts_once_also_after_a_restart(network):
    opened(network, "a", "b")
    assert push(network, "a", 0, chunk(0))[0] == 200
    code, told = push(network, "a", 0, chunk(0))  # as after a lost answer
    assert code == 400
    assert "1 or later" in told["message"]
    network.stop("a")
    network.start("a")
    assert push(network, "a", 1, chunk(1))[0] == 400  # a stream must be opened first
    assert opened(network, "a") == 1
    assert push(network, "a", 0, chunk(0))[0] == 400
    assert push(network, "a", 1, chunk(1))[0] == 200
    assert network.do(network.store("a").ledger, "b").generated == 2 * CHUNK


def test_a_chunk_that_one_end_lacks_is_not_used(network):
    opened(network, "a", "b")
    push(network, "a", 0, chunk(0))
    for node in "ab":
        push(network, node, 2, chunk(2))
    with network.client("alice") as alice, network.client("bob") as bob:
        keys = alice.new_keys("bob", 4)
        assert bob.keys_with_ids("alice", [key.key_id for key in keys]) == keys
        assert all(set(key.secret.reveal()) == {2} for key in keys)


def test_what_is_refused(network):
    assert post(network, "a", "open_connect", {"key_chunk_size": CHUNK}, sae="alice")[0] == 401
    assert post(network, "a", "nothing", {})[0] == 404
    for body in (
        {}, {"key_chunk_size": "8"}, {"key_chunk_size": True}, {"key_chunk_size": 0}, {"key_chunk_size": 1 << 18},
        {"key_chunk_size": 8, "key_stream_id": "x"}, {"key_chunk_size": 8, "key_stream_id": None},
    ):  # fmt: skip
        assert post(network, "a", "open_connect", body)[0] == 400
    opened(network, "a")
    assert post(network, "a", "open_connect", {"key_stream_id": STREAM, "key_chunk_size": 8})[0] == 400
    for more in (
        {"index": -1},
        {"index": 1.0},
        {"index": 1 << 70},
        {"key_buffer": "%"},
        {"key_buffer": 7},
        {"key_stream_id": "b"},
    ):
        assert post(network, "a", "push", GOOD | more)[0] == 400
    assert push(network, "a", 0, bytes(CHUNK - 1))[0] == 400
    assert network.do(network.store("a").ledger).generated == 0
    files = {"certificate": network.issued["module"].certificate, "key": network.issued["module"].key}
    module = KeyClient(network.nodes["a"].url, ca=network.authority.certificate, **files)
    with module, pytest.raises(KeyServiceError, match="401"):  # a device is no application
        module.status("bob")


def test_a_device_has_a_certificate_and_a_pool_of_its_own():
    sae, peer = Application(id="alice", kme="a", uri="urn:x"), Peer(id="b", url="https://b", uri="urn:b")
    device = {"link": "a–b", "protocol": "BB84"}
    for uri, pool, said in (
        ("urn:x", "b", "not both"),
        ("urn:b", "b", "not both"),
        ("urn:y", "c", "pool of a device"),
    ):
        with pytest.raises(ValueError, match=said):
            Registry("a", (sae,), (peer,), devices=(PushingDevice(uri=uri, pool=pool, **device),))
    with pytest.raises(ValueError, match="uri"):
        PushingDevice(uri="", pool="b", **device)
    with pytest.raises(ValueError, match="epsilon"):
        PushingDevice(uri="urn:y", pool="b", epsilon=2.0, **device)


def test_devices_of_a_node_file(tmp_path):
    path = tmp_path / "node.toml"
    text = (
        'id = "a"\ncertificate = "a.crt"\nkey = "a.key"\nca = "ca.crt"\nstore = "a.db"\n'
        '[[applications]]\nid = "alice"\nkme = "a"\nuri = "urn:sae:alice"\n'
        '[[peers]]\nid = "b"\nurl = "https://b"\nuri = "urn:kme:b"\n'
        '[[streams]]\nuri = "urn:qkd:module"\npool = "b"\nlink = "a–b"\nprotocol = "BB84"\n'
    )
    path.write_text(text, encoding="utf-8")
    device = PushingDevice(uri="urn:qkd:module", pool="b", link="a–b", protocol="BB84")
    assert NodeFile.read(path).registry.devices == (device,)
    for old, new, said in (('pool = "b"', 'pool = "z"', "pool of a device"), ("protocol", "protocoll", "protocol")):
        path.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(NodeFileError, match=said):
            NodeFile.read(path)
