"""Clients that nobody here wrote: qkdsec, etsi-qkd-014-client, skip-qkd, curl, requests."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from oracles.key_network import KeyNetwork


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    found = KeyNetwork(tmp_path_factory.mktemp("network"))
    found.start()
    found.fill(1 << 18)
    yield found
    found.close()


def files(network, sae):
    issued = network.issued[sae]
    return str(issued.certificate), str(issued.key), str(network.authority.certificate)


def test_qkdsec_doctor(network):
    pytest.importorskip("qkdsec", reason="the conformance probes need the package qkdsec")
    certificate, key, ca = files(network, "alice")
    program = Path(sys.executable).parent / "qkdsec"
    run = subprocess.run(
        [program, "doctor", network.nodes["a"].url, "--slave-sae-id", "alice", "--cert", certificate, "--key", key,
         "--ca-cert", ca, "--format", "json"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = json.loads(run.stdout[run.stdout.index("{") :])
    counts = report["counts"]
    # The warning wants 404 for an unknown id, where the standard says 400.
    assert (counts["pass"], counts["fail"]) == (9, 0), report
    assert counts["warn"] == 1, report


def test_etsi_qkd_014_client(network):
    module = pytest.importorskip("etsi_qkd_014_client", reason="needs the package etsi-qkd-014-client")
    alice = module.QKD014Client(f"localhost:{network.nodes['a'].port}", *files(network, "alice"))
    bob = module.QKD014Client(f"localhost:{network.nodes['b'].port}", *files(network, "bob"))
    code, status = alice.get_status("bob")
    assert (code, status.key_size) == (200, 256)
    code, sent = alice.get_key("bob", number=2, size=512)
    assert code == 200
    code, got = bob.get_key_with_key_IDs("alice", [key.key_id for key in sent.keys])
    assert code == 200
    assert [(key.key_id, key.key) for key in got.keys] == [(key.key_id, key.key) for key in sent.keys]
    code, error = bob.get_key_with_key_IDs("alice", [sent.keys[0].key_id])
    assert (code, "not found" in error.message) == (400, True)


def test_skip_qkd(network):
    skip_qkd = pytest.importorskip("skip_qkd", reason="needs the package skip-qkd")

    def ask(sae, node, act):
        certificate, key, ca = files(network, sae)
        config = skip_qkd.MTLSConfig(ca_file=ca, cert_file=certificate, key_file=key)
        client = skip_qkd.SkipQKDClient(f"localhost:{network.nodes[node].port}", "localhost", config)
        return act(client)

    told = ask("alice", "a", lambda client: client.capabilities())
    assert told["localSystemID"] == "alice"
    assert "bob" in told["remoteSystemID"]
    assert "eve" not in told["remoteSystemID"]
    sent = ask("alice", "a", lambda client: client.request_key("bob", 512))
    assert len(bytes.fromhex(sent["key"])) == 64
    got = ask("bob", "b", lambda client: client.fetch_key_by_id(sent["keyId"], "alice"))
    assert got == sent
    with pytest.raises(RuntimeError, match="400"):
        ask("bob", "b", lambda client: client.fetch_key_by_id(sent["keyId"], "alice"))
    assert len(bytes.fromhex(ask("bob", "b", lambda client: client.entropy(128))["randomStr"])) == 16


def test_curl(network):
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed here")

    def curl(sae, node, path):
        certificate, key, ca = files(network, sae)
        command = [program, "-sS", "--fail", "--cert", certificate, "--key", key, "--cacert", ca]
        url = network.nodes[node].url + path
        return json.loads(subprocess.run([*command, url], check=True, capture_output=True).stdout)

    (sent,) = curl("alice", "a", "/api/v1/keys/bob/enc_keys?number=1")["keys"]
    (got,) = curl("bob", "b", f"/api/v1/keys/alice/dec_keys?key_ID={sent['key_ID']}")["keys"]
    assert got == sent


def test_requests(network):
    requests = pytest.importorskip("requests")
    certificate, key, ca = files(network, "alice")
    url = network.nodes["a"].url + "/api/v1/keys/bob/enc_keys"
    answer = requests.post(url, json={"number": 2}, cert=(certificate, key), verify=ca, timeout=10)
    assert len(answer.json()["keys"]) == 2
