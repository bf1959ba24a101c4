"""ETSI GS QKD 014 over two real nodes with mutual TLS: the table of the standard, request by request."""

import base64
import http.client
import json
import ssl
import threading
import time
import uuid
from urllib.parse import quote

import pytest
from oracles.key_network import KeyNetwork

from quantumlink.keys.service import kme
from quantumlink.keys.service.client import AsyncKeyClient, KeyServiceError
from quantumlink.keys.service.tls import Credentials, client_context


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    found = KeyNetwork(tmp_path_factory.mktemp("network"))
    found.start()
    found.fill(1 << 20)
    yield found
    found.close()


class Raw:
    """Requests as they are."""

    def __init__(self, network, sae, issued=None, node=None):
        from oracles.key_network import HOMES

        issued = issued or network.issued[sae]
        self._port = network.nodes[node or HOMES[sae]].port
        self._context = client_context(Credentials(issued.certificate, issued.key, network.authority.certificate))
        self.connection = http.client.HTTPSConnection("localhost", self._port, context=self._context, timeout=30)

    def __call__(self, method, path, body=None, headers=None):
        if isinstance(body, dict | list):
            body = json.dumps(body).encode()
        if body is not None and headers is None:
            headers = {"Content-Type": "application/json"}
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        content = json.loads(response.read())
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, content, response.headers


@pytest.fixture(scope="module")
def alice(network):
    return Raw(network, "alice")


@pytest.fixture(scope="module")
def bob(network):
    return Raw(network, "bob")


ENC, DEC = "/api/v1/keys/bob/enc_keys", "/api/v1/keys/alice/dec_keys"


def fresh(alice, number=1):
    _, content, _ = alice("POST", ENC, {"number": number})
    return [key["key_ID"] for key in content["keys"]]


def test_status_has_the_members_of_the_standard_and_no_others(network, alice):
    code, content, _ = alice("GET", "/api/v1/keys/bob/status")
    stored = content.pop("stored_key_count")
    assert code == 200
    assert content == {
        "source_KME_ID": "a", "target_KME_ID": "b", "master_SAE_ID": "alice", "slave_SAE_ID": "bob",
        "key_size": 256, "max_key_count": (1 << 26) // 64, "max_key_per_request": 1024, "max_key_size": 4096,
        "min_key_size": 64, "max_SAE_ID_count": 8,
    }  # fmt: skip
    assert stored == network.do(network.store("a").level, "b").available // 32
    fresh(alice, 5)
    assert alice("GET", "/api/v1/keys/bob/status")[1]["stored_key_count"] == stored - 5


@pytest.mark.parametrize(
    ("method", "path", "body", "number", "size"),
    [
        ("GET", ENC, None, 1, 256),
        ("GET", f"{ENC}?number=3&size=512", None, 3, 512),
        ("GET", f"{ENC}?size=64", None, 1, 64),
        ("POST", ENC, {}, 1, 256),
        ("POST", ENC, b"", 1, 256),
        ("POST", ENC, {"number": 2, "size": 72}, 2, 72),
        ("POST", ENC, {"number": 1024, "size": 64}, 1024, 64),
        ("POST", ENC, {"size": 4096, "additional_slave_SAE_IDs": [], "extension_mandatory": []}, 1, 4096),
        ("POST", ENC, {"extension_optional": [{"anything": {"at": "all"}}]}, 1, 256),
        ("POST", ENC, {"extension_mandatory": [{"quantumlink_origin": "simulated"}]}, 1, 256),
    ],
)
def test_keys_meet(alice, bob, method, path, body, number, size):
    code, sent, _ = alice(method, path, body)
    assert code == 200, sent
    assert set(sent) == {"keys"}
    assert len(sent["keys"]) == number
    assert all(set(key) == {"key_ID", "key"} for key in sent["keys"])
    assert all(len(base64.b64decode(key["key"], validate=True)) * 8 == size for key in sent["keys"])
    assert all(str(uuid.UUID(key["key_ID"])) == key["key_ID"] for key in sent["keys"])
    order = [{"key_ID": key["key_ID"], "ignored": 1} for key in reversed(sent["keys"])]
    code, got, _ = bob("POST", DEC, {"key_IDs": order})
    assert (code, got["keys"]) == (200, sent["keys"][::-1])
    code, content, _ = bob("POST", DEC, {"key_IDs": order})
    assert (code, content) == (400, {"message": "one or more keys specified are not found on KME"})


def test_one_key_by_get_and_ids_in_capitals(alice, bob):
    (first,), (second,) = fresh(alice), fresh(alice)
    assert bob("GET", f"{DEC}?key_ID={first}")[0] == 200
    assert bob("POST", DEC, {"key_IDs": [{"key_ID": second.upper()}]})[1]["keys"][0]["key_ID"] == second


def test_several_ids_are_all_or_nothing(alice, bob):
    ids = fresh(alice, 2)
    asked = [{"key_ID": each} for each in (*ids, str(uuid.uuid4()))]
    assert bob("POST", DEC, {"key_IDs": asked})[0] == 400
    assert bob("POST", DEC, {"key_IDs": asked[:2]})[0] == 200


MALFORMED = [
    b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"number": 1, "number": 2}', b'{"number": NaN}',
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000, b'{"number": ' + b"9" * 5000 + b"}",
    {"number": "3"}, {"number": True}, {"number": 2.0}, {"number": None}, {"number": 0}, {"number": -1},
    {"number": 1025},
    {"size": "256"}, {"size": 0}, {"size": -8}, {"size": 56}, {"size": 4104}, {"size": 256.0}, {"size": [256]},
    {"additional_slave_SAE_IDs": "bea"}, {"additional_slave_SAE_IDs": [1]},
    {"additional_slave_SAE_IDs": ["b", "b"]},
    {"additional_slave_SAE_IDs": ["bob"]}, {"additional_slave_SAE_IDs": ["nobody"]},
    {"additional_slave_SAE_IDs": [f"s{i}" for i in range(9)]},
    {"extension_mandatory": {}}, {"extension_mandatory": ["x"]}, {"extension_optional": "x"},
    {"extension_optional": [1]},
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_requests_for_keys(network, alice, body):
    before = network.do(network.store("a").ledger)
    code, content, _ = alice("POST", ENC, body)
    assert code == 400
    assert isinstance(content["message"], str)
    assert set(content) <= {"message", "details"}
    assert network.do(network.store("a").ledger) == before


@pytest.mark.parametrize(
    "query",
    ["number=0", "number=1025", "number=x", "number=1.0", "number=-1", "number=", "size=255", "size=0x100",
    "number=٣",
     "number=1&number=2", "other=1", "number=1&extension_mandatory=x", "size", "%FF=1"],
)  # fmt: skip
def test_malformed_queries(alice, query):
    assert alice("GET", f"{ENC}?{quote(query, safe='=&%')}")[0] == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"key_IDs": []}, {"key_IDs": "x"}, {"key_IDs": ["x"]}, {"key_IDs": [{}]}, {"key_IDs": [{"key_ID": 1}]},
     {"key_IDs": [{"key_ID": "x"}, {"key_ID": "x"}]}, {"key_IDs": [{"key_ID": str(i)} for i in range(1025)]},
     {"key_IDs": [{"key_ID": f"00000000-0000-0000-0000-00000000000{x}"} for x in "aA"]}],
)  # fmt: skip
def test_malformed_requests_for_made_keys(bob, body):
    assert bob("POST", DEC, body)[0] == 400


@pytest.mark.parametrize("query", ["", "?key_ID=a&key_ID=b", "?other=1", "?key_ID=", "?number=1"])
def test_malformed_queries_for_made_keys(bob, query):
    assert bob("GET", DEC + query)[0] == 400


def test_messages_of_the_standard(alice):
    text = "not all extension_mandatory parameters are supported"
    assert alice("POST", ENC, {"size": 255})[1]["message"] == "size shall be a multiple of 8"
    assert alice("POST", ENC, {"extension_mandatory": [{"route": "any"}]})[:2] == (400, {"message": text})
    met = {"extension_mandatory": [{"quantumlink_origin": "device"}]}
    text = "not all extension_mandatory request options could be met"
    assert alice("POST", ENC, met)[:2] == (400, {"message": text})


def test_who_may_what(network, alice, bob):
    (key_id,) = fresh(alice)
    carol, eve = Raw(network, "carol"), Raw(network, "eve")
    asked = {"key_IDs": [{"key_ID": key_id}]}
    assert carol("POST", DEC, asked)[0] == 401  # not named for this key
    assert eve("POST", DEC, asked)[0] == 401  # not allowed with alice at all
    assert eve("POST", "/api/v1/keys/alice/enc_keys", {})[0] == 401
    assert alice("POST", "/api/v1/keys/eve/enc_keys", {})[0] == 401
    assert alice("GET", "/api/v1/keys/eve/status")[0] == 401
    assert alice("POST", "/api/v1/keys/nobody/enc_keys", {})[0] == 400
    assert bob("POST", "/api/v1/keys/alan/dec_keys", asked)[0] == 400  # not from that master
    assert bob("POST", DEC, asked)[0] == 200


def test_one_key_for_several_slaves(network, alice, bob):
    bea, carol = Raw(network, "bea"), Raw(network, "carol")
    _, sent, _ = alice("POST", ENC, {"additional_slave_SAE_IDs": ["bea"]})
    asked = {"key_IDs": [{"key_ID": sent["keys"][0]["key_ID"]}]}
    assert carol("POST", DEC, asked)[0] == 401
    for slave in (bob, bea):
        assert slave("POST", DEC, asked)[1]["keys"] == sent["keys"]
        assert slave("POST", DEC, asked)[0] == 400


def test_one_key_for_slaves_here_and_there(network, alice, bob):
    _, sent, _ = alice("POST", ENC, {"number": 2, "additional_slave_SAE_IDs": ["alan"]})
    asked = {"key_IDs": [{"key_ID": key["key_ID"]} for key in sent["keys"]]}
    for slave in (bob, Raw(network, "alan")):
        assert slave("POST", DEC, asked)[1]["keys"] == sent["keys"]
        assert slave("POST", DEC, asked)[0] == 400
    for name in "ab":
        network.do(network.store(name).audit)


def test_applications_of_one_node_and_one_with_itself(network, alice):
    alan = Raw(network, "alan")
    for slave, client in (("alan", alan), ("alice", alice)):
        _, sent, _ = alice("POST", f"/api/v1/keys/{slave}/enc_keys", {"number": 2})
        asked = {"key_IDs": [{"key_ID": key["key_ID"]} for key in sent["keys"]]}
        assert client("POST", DEC, asked)[1]["keys"] == sent["keys"]


def test_an_id_with_a_slash(network, bob):
    raw = Raw(network, "alien/1")
    _, sent, _ = raw("GET", ENC)
    path = "/api/v1/keys/alien%2F1"
    assert bob("GET", f"{path}/dec_keys?key_ID={sent['keys'][0]['key_ID']}")[1] == sent
    assert bob("GET", f"{path}/status")[1]["slave_SAE_ID"] == "alien/1"
    assert bob("GET", "/api/v1/keys/alien/1/status")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/", 404), ("GET", "/api/v1/keys/bob", 404), ("GET", "/api/v2/keys/bob/status", 404),
     ("GET", "/api/v1/keys//status", 404), ("GET", "/api/v1/keys/bob/status/", 404),
     ("POST", "/api/v1/keys/bob/status", 405),
     ("PUT", ENC, 405), ("DELETE", DEC, 405), ("PATCH", ENC, 405)],
)  # fmt: skip
def test_paths_and_methods(alice, method, path, code):
    status, content, headers = alice(method, path, b"" if method != "GET" else None)
    assert status == code
    assert content["message"]
    assert ("Allow" in headers) == (code == 405)


def test_media_type_and_size(alice, network):
    assert alice("POST", ENC, b"number=1", {"Content-Type": "text/plain"})[0] == 415
    assert alice("POST", ENC, b"{}", {"Content-Type": "application/json; charset=utf-8"})[0] == 200
    big = Raw(network, "alice")
    assert big("POST", ENC, b" " * (1 << 18) + b"{}")[0] == 413


def test_a_body_that_never_comes(network, monkeypatch):
    monkeypatch.setattr("quantumlink.keys.service.faces.BODY_SECONDS", 0.3)
    slow = Raw(network, "alice")
    slow.connection.putrequest("POST", ENC)
    slow.connection.putheader("Content-Type", "application/json")
    slow.connection.putheader("Content-Length", "100")
    slow.connection.endheaders(b"{")
    assert slow.connection.getresponse().status == 408


def test_too_few_keys_say_when_to_come_again(network, alice):
    stored = alice("GET", "/api/v1/keys/bob/status")[1]["stored_key_count"] * 32
    network.do(network.store("a").withdraw, "b", stored - 64, "relayed")
    try:
        code, content, headers = alice("POST", ENC, {"number": 3})
        assert code == 503
        assert content["message"]
        assert int(headers["Retry-After"]) >= 1
        assert alice("POST", ENC, {"number": 2})[0] == 200
    finally:
        network.fill(1 << 20)


def test_fifty_takers_of_one_id(network, alice):
    (key_id,) = fresh(alice)
    won, refused, barrier = [], [], threading.Barrier(50)

    def take():
        client = Raw(network, "bob")
        client("GET", "/api/v1/keys/alice/status")
        barrier.wait()
        code, content, _ = client("GET", f"{DEC}?key_ID={key_id}")
        (won if code == 200 else refused).append(content)

    threads = [threading.Thread(target=take) for _ in range(50)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(won), len(refused)) == (1, 49)


def test_own_clients(network):
    with network.client("alice") as alice, network.client("bob") as bob:
        assert alice.status("bob")["key_size"] == 256
        sent = alice.new_keys("bob", 3, size=128, additional=["bea"], optional=[{"x": 1}])
        assert bob.keys_with_ids("alice", [key.key_id for key in sent]) == sent
        with pytest.raises(KeyServiceError, match="multiple of 8") as error:
            alice.new_keys("bob", size=100)
        assert error.value.status == 400
        assert sent[0].secret.reveal().hex() not in repr(sent)
    with network.client("alien/1") as alien, network.client("bob") as bob:
        (key,) = alien.new_keys("bob")
        assert bob.keys_with_ids("alien/1", [key.key_id])[0].secret == key.secret


def test_own_client_for_asyncio(network):
    issued = network.issued["alien/1"]

    async def talk():
        ca = network.authority.certificate
        url = network.nodes["a"].url
        async with AsyncKeyClient(url, certificate=issued.certificate, key=issued.key, ca=ca) as client:
            assert (await client.status("bob"))["slave_SAE_ID"] == "bob"
            keys = await client.new_keys("bob", 2)
            with pytest.raises(KeyServiceError):
                await client.keys_with_ids("bob", ["x"])
            return keys

    keys = network.run(talk())
    with network.client("bob") as bob:
        assert bob.keys_with_ids("alien/1", [key.key_id for key in keys]) == keys


# Certificates


def test_certificates_that_are_none(network, tmp_path):
    from quantumlink.keys.certificates import Authority

    foreign = Authority(tmp_path).issue("alice", uri="urn:sae:alice")
    server_only = network.authority.issue(
        "wrong purpose", uri="urn:sae:alice", client=False, server=True, file_name="w"
    )
    expired = network.authority.issue("expired", uri="urn:sae:alice", days=-1, file_name="e")
    for issued in (foreign, server_only, expired):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Raw(network, "alice", issued)("GET", "/api/v1/keys/bob/status")
    context = ssl.create_default_context(cafile=str(network.authority.certificate))
    bare = http.client.HTTPSConnection("localhost", network.nodes["a"].port, context=context, timeout=10)

    def ask():
        bare.request("GET", "/api/v1/keys/bob/status")
        bare.getresponse()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask()


def test_certificates_of_nobody_and_of_the_other_node(network):
    stranger = network.authority.issue("stranger", uri="urn:sae:stranger", file_name="s")
    for issued, node in ((stranger, "a"), (network.issued["bob"], "a"), (network.nodes["b"].issued, "a")):
        code, content, _ = Raw(network, "alice", issued, node)("GET", "/api/v1/keys/bob/status")
        assert (code, bool(content["message"])) == (401, True)
    # An application is no node.
    assert Raw(network, "alice")("POST", "/peer/v1/assign", {})[0] == 401


def test_revoked_while_connected_and_expired_list(network, monkeypatch):
    monkeypatch.setattr("quantumlink.keys.service.tls._LOOK_EVERY_S", 0.0)
    issued = network.authority.issue("short", uri="urn:sae:alice", file_name="short")
    client = Raw(network, "alice", issued)
    assert client("GET", "/api/v1/keys/bob/status")[0] == 200
    try:
        network.authority.revoke([issued.serial])
        code, content, _ = client("GET", "/api/v1/keys/bob/status")
        assert (code, content["message"]) == (401, "the certificate is revoked")
        assert Raw(network, "alice")("GET", "/api/v1/keys/bob/status")[0] == 200
        network.authority.revoke([], days=-1)
        code, content, _ = Raw(network, "alice")("GET", "/api/v1/keys/bob/status")
        assert (code, "expired" in content["message"]) == (401, True)
    finally:
        network.authority.revoke([])
    assert Raw(network, "alice")("GET", "/api/v1/keys/bob/status")[0] == 200


def test_a_certificate_that_ends_while_connected(network):
    issued = network.authority.issue("brief", uri="urn:sae:alice", days=2.5 / 86400, file_name="brief")
    client = Raw(network, "alice", issued)
    assert client("GET", "/api/v1/keys/bob/status")[0] == 200
    time.sleep(3)
    assert client("GET", "/api/v1/keys/bob/status")[0] == 401


def test_no_session_is_resumed(network):
    issued = network.issued["alice"]
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(Credentials(issued.certificate, issued.key, network.authority.certificate))
        context.minimum_version = context.maximum_version = version
        session = None
        for _ in range(2):
            raw = __import__("socket").create_connection(("localhost", network.nodes["a"].port))
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
                tls.sendall(b"GET /api/v1/keys/bob/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert b"200 OK" in tls.recv(65536)
                assert not (version is ssl.TLSVersion.TLSv1_3 and tls.session_reused)
                session = tls.session


def test_quotas(tmp_path):
    network = KeyNetwork(tmp_path)
    network.registry_changes = {"alice": {"requests_per_s": 5}, "bea": {"enabled": False}}
    try:
        network.start()
        network.fill()
        alice = Raw(network, "alice")
        codes = [alice("GET", "/api/v1/keys/bob/status")[0] for _ in range(30)]
        assert codes[:5] == [200] * 5
        assert codes.count(503) >= 15
        assert Raw(network, "alan")("GET", "/api/v1/keys/bob/status")[0] == 200
        assert Raw(network, "bea")("GET", "/api/v1/keys/alice/status")[0] == 401
        assert Raw(network, "alan")("GET", "/api/v1/keys/bea/status")[0] == 401
        assert network.nodes["a"].service.counts.refused["quota"] == codes.count(503)
    finally:
        network.close()


def test_an_error_inside_tells_nothing(network, alice, monkeypatch):
    def fail(*_):
        raise RuntimeError("with a secret in it")

    monkeypatch.setattr(kme, "keys_014", fail)
    assert alice("GET", "/api/v1/keys/bob/status")[:2] == (500, {"message": "the service failed"})
