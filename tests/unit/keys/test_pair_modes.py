"""Modes of pairs at the key manager: who gets QKD keys, and that their lack is an alarm, once, and never silent."""

import pytest
from oracles.key_network import KeyNetwork

from quantumlink.keys.delivery import Registry
from quantumlink.keys.service.client import KeyServiceError
from quantumlink.keys.service.node_file import NodeFile, NodeFileError

MODES = {
    ("alice", "carol"): "QKD required",
    ("alice", "bea"): "post-quantum",
    ("alan", "bob"): "classical",
    ("alan", "alice"): "QKD required",
}


class ModesNetwork(KeyNetwork):
    def registry(self, name):
        known = super().registry(name)
        return Registry(known.kme_id, known.applications, known.peers, known.pairs, MODES)


@pytest.fixture
def network(tmp_path):
    found = ModesNetwork(tmp_path)
    found.start()
    found.told = []
    found.nodes["a"].service.on_alarm = found.told.append
    yield found
    found.close()


def test_lack_of_keys_is_an_alarm_once_and_the_application_is_told(network):
    with network.client("alice") as alice, network.client("bob") as bob, network.client("carol") as carol:
        for slave, goes_on in (("bob", True), ("carol", False), ("bob", True)):
            with pytest.raises(KeyServiceError, match="503") as said:
                alice.new_keys(slave)
            (detail,) = said.value.details
            assert (detail["slave_SAE_ID"], detail["may_go_on"]) == (slave, goes_on)
        assert len(network.told) == 2  # not again for what lasts
        assert "goes on with post-quantum keys alone" in network.told[0]
        assert "requires one" in network.told[1]
        network.fill()
        for client, slave in ((bob, "bob"), (carol, "carol")):
            keys = alice.new_keys(slave)
            assert client.keys_with_ids("alice", [key.key_id for key in keys]) == keys
        manager = network.nodes["a"].service.manager
        assert manager.modes.downgraded == {}
        level = network.do(network.store("a").level, "b")
        network.do(network.store("a").withdraw, "b", level.available, "relayed")
        with pytest.raises(KeyServiceError, match="503"):
            alice.new_keys("bob")
        assert len(network.told) == 3  # it is new again
    assert network.nodes["a"].service.counts.mode_alarms == 3


def test_pairs_without_qkd_use_up_none_and_local_keys_are_no_qkd(network):
    network.fill()
    with network.client("alice") as alice, network.client("alan") as alan:
        before = network.do(network.store("a").ledger)
        for client, slave, mode in ((alice, "bea", "post-quantum"), (alan, "bob", "classical")):
            with pytest.raises(KeyServiceError, match=f"401.*{mode}"):
                client.new_keys(slave)
        with pytest.raises(KeyServiceError, match="401"):  # one of several is enough
            alice.new_keys("bob", additional=["bea"])
        assert network.told == []
        with pytest.raises(KeyServiceError, match=r"503.*no link"):
            alan.new_keys("alice")
        assert len(network.told) == 1
        assert network.do(network.store("a").ledger) == before
        assert len(alice.new_keys("alan")) == 1  # the other way round it has the default mode


def test_a_peer_that_is_away_is_a_downgrade_too(network):
    network.fill()
    network.stop("b")
    with network.client("alice", timeout_s=30) as alice, pytest.raises(KeyServiceError, match="503") as said:
        alice.new_keys("carol")
    assert said.value.details[-1]["may_go_on"] is False
    assert len(network.told) == 1


FILE = """
id = "a"
certificate = "c"
key = "k"
ca = "ca"
store = "s"
[[applications]]
id = "alice"
kme = "a"
uri = "u:a"
[[applications]]
id = "bob"
kme = "b"
uri = "u:b"
"""


def test_modes_in_the_file_of_a_node(tmp_path):
    path = tmp_path / "node.toml"
    one = '[[modes]]\nmaster="alice"\nslave="bob"\nmode="classical"\n'
    path.write_text('default_mode = "QKD required"\n' + FILE + one)
    found = NodeFile.read(path).registry
    assert (found.default_mode, dict(found.modes)) == ("QKD required", {("alice", "bob"): "classical"})
    both = '\nmaster="alice"\nslave='
    wrong_ones = [f'mode="quantum"{both}"bob"', f'mode="classical"{both}"eve"', f'mode="classical"{both}"bob"\nx=1']
    for wrong in [*wrong_ones, 'mode="classical"\nmaster="alice"']:
        path.write_text(FILE + f"[[modes]]\n{wrong}\n")
        with pytest.raises(NodeFileError):
            NodeFile.read(path)
