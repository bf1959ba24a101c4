"""ETSI GS QKD 020: whole keys between two domains, at once or with a call back, voided, and refused."""

import base64
import dataclasses
import http.client
import json
import os
import ssl
import time
import uuid

import pytest
from oracles.key_network import KeyNetwork

from quantumlink.keys import Ledger
from quantumlink.keys.service.client import KeyServiceError
from quantumlink.keys.service.tls import Credentials, client_context


class TwoDomains(KeyNetwork):
    def registry(self, name):
        found = super().registry(name)
        return dataclasses.replace(
            found, peers=tuple(dataclasses.replace(peer, is_other_domain=True) for peer in found.peers)
        )


@pytest.fixture
def domains(tmp_path):
    found = TwoDomains(tmp_path)
    found.start()
    yield found
    found.close()


def post(domains, path, content, *, sender="a", method="POST", version=None):
    issued = domains.nodes[sender].issued if sender in domains.nodes else domains.issued[sender]
    context = client_context(Credentials(issued.certificate, issued.key, domains.authority.certificate))
    if version is not None:
        context.maximum_version = version
    connection = http.client.HTTPSConnection("localhost", domains.nodes["b"].port, context=context, timeout=20)
    body = None if content is None else json.dumps(content)
    connection.request(method, f"/kmapi/{path}", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    if answer.status >= 400 and sender in domains.nodes and version is None:
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert said["status"] == answer.status
        assert said["detail"]
    return answer.status, said


def message(count=2, **changes):
    keys = [{"key_id": str(uuid.uuid4()), "value": base64.b64encode(os.urandom(32)).decode()} for _ in range(count)]
    return {"keys": keys, "initiator_sae_id": "alice", "target_sae_ids": ["bob"]} | changes


def test_applications_of_two_domains_get_keys_as_ever(domains):
    with domains.client("alice") as alice, domains.client("bob") as bob, domains.client("bea") as bea:
        keys = alice.new_keys("bob", 3, size=512, additional=["bea"])
        ids = [key.key_id for key in keys]
        assert bob.keys_with_ids("alice", ids) == keys == bea.keys_with_ids("alice", ids)
        with pytest.raises(KeyServiceError, match="not found"):
            bob.keys_with_ids("alice", ids)
    for name, other in (("a", "b"), ("b", "a")):
        assert domains.do(domains.store(name).ledger, other) == Ledger(generated=192, delivered=192)


def test_the_other_domain_is_away(domains):
    domains.stop("b")
    with domains.client("alice") as alice, pytest.raises(KeyServiceError, match="503"):
        alice.new_keys("bob")
    assert domains.do(domains.store("a").ledger) == Ledger()


def test_versions(domains):
    assert post(domains, "versions", None, method="GET") == (200, {"versions": ["v1"]})
    assert post(domains, "v2/ext_keys", message())[0] == 404
    assert post(domains, "v1/ext_keys", None, method="GET")[0] == 405
    assert post(domains, "v1/ext_keys", message(), sender="alice")[0] == 401
    assert post(domains, "versions", None, method="GET", version=ssl.TLSVersion.TLSv1_2)[0] == 401


def test_sent_twice_and_voided(domains):
    sent = message()
    ids = [key["key_id"] for key in sent["keys"]]
    for _ in range(2):
        assert post(domains, "v1/ext_keys", sent) == (200, {"ack_status": "relayed", "key_ids": ids})
    assert domains.do(domains.store("b").ledger).assigned == 64
    assert post(domains, "v1/ext_keys", sent | {"target_sae_ids": ["bea"]})[0] == 400  # for others now
    with domains.client("bob") as bob:
        assert (
            base64.b64encode(bob.keys_with_ids("alice", ids[:1])[0].secret.reveal()).decode()
            == sent["keys"][0]["value"]
        )
        unknown = str(uuid.uuid4())
        _, said = post(domains, "v1/ext_keys/void", {"key_ids": [*ids, unknown]})
        assert [each["ack_status"] for each in said["acks"]] == ["failed to void", "voided", "key not present"]
        with pytest.raises(KeyServiceError, match="not found"):
            bob.keys_with_ids("alice", ids[1:])
    late = message(1)
    late["keys"][0]["key_id"] = unknown
    assert post(domains, "v1/ext_keys", late)[0] == 400  # voided before it came
    assert post(domains, "v1/ext_keys/void", {"key_ids": []})[0] == 400
    post(domains, "v1/ext_keys", message(3))
    _, said = post(domains, "v1/ext_keys/void", {"key_ids": [], "all_confirmation": True})
    assert [each["ack_status"] for each in said["acks"]] == ["voided"] * 3
    books = domains.do(domains.store("b").ledger)
    assert books == Ledger(generated=160, delivered=32, voided=128)


def test_a_call_back(domains):
    heard = domains.nodes["a"].service._domains.acknowledged
    sent = message(2, ack_callback_url=domains.nodes["a"].url + "/kmapi/v1/ext_keys/ack")
    heard.update({key["key_id"]: "sent" for key in sent["keys"]})
    assert post(domains, "v1/ext_keys", sent)[0] == 202
    until = time.monotonic() + 10
    while set(heard.values()) != {"relayed"} and time.monotonic() < until:
        time.sleep(0.05)
    assert set(heard.values()) == {"relayed"}
    for url in ("https://elsewhere.example/ack", domains.nodes["a"].url + ".example/ack", 7):
        assert post(domains, "v1/ext_keys", message(1, ack_callback_url=url))[0] == 400


@pytest.mark.parametrize(
    "changes",
    [{"keys": []}, {"keys": "x"}, {"keys": [{}]}, {"keys": [{"key_id": "x", "value": "AAAA"}]},
     {"keys": [{"key_id": str(uuid.uuid4()), "value": "not base64"}]},
     {"keys": [{"key_id": str(uuid.uuid4()), "value": ""}]},
     {"initiator_sae_id": "bob"}, {"initiator_sae_id": "nobody"}, {"initiator_sae_id": None},
     {"target_sae_ids": []},
     {"target_sae_ids": ["alan"]}, {"target_sae_ids": ["bob", "bob"]}, {"target_sae_ids": "bob"},
     {"extension_mandatory": [{"x": 1}]}],
)  # fmt: skip
def test_malformed_messages_keep_nothing(domains, changes):
    assert post(domains, "v1/ext_keys", message(**changes))[0] == 400
    assert domains.do(domains.store("b").ledger) == Ledger()


def test_too_many_keys_in_a_message(domains):
    assert post(domains, "v1/ext_keys", message(1025))[0] == 400
    assert domains.do(domains.store("b").ledger) == Ledger()


def test_a_pair_that_is_not_allowed(domains):
    assert post(domains, "v1/ext_keys", message(target_sae_ids=["eve"]))[0] == 401
    assert post(domains, "v1/ext_keys/ack", {"key_ids": ["x"], "ack_status": "done"})[0] == 400
    assert (
        post(domains, "v1/ext_keys/ack", {"key_ids": [str(i) for i in range(1025)], "ack_status": "failed"})[0]
        == 400
    )


def test_no_key_goes_to_a_manager_that_is_revoked(domains):
    with domains.client("alice") as alice:
        alice.new_keys("bob")  # over a connection that is kept
        generated = domains.do(domains.store("b").ledger, "a").generated
        domains.authority.revoke([domains.nodes["b"].issued.serial])
        time.sleep(1.1)
        with pytest.raises(KeyServiceError, match="503"):
            alice.new_keys("bob")
        assert domains.do(domains.store("b").ledger, "a").generated == generated
        domains.authority.revoke([])
        time.sleep(1.1)
        assert len(alice.new_keys("bob")) == 1
