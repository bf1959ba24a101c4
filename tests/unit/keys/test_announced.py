"""Keys relayed by announced XORs, to the far end or a centre: what arrives, what is used, what listeners know."""

from itertools import combinations

import pytest
from oracles.key_material import block

from quantumlink.keys import Secret, open_store
from quantumlink.keys.relay import RelayFailed, relay_announced
from quantumlink.keys.sealing import new_kek

PATH = ["a", "r1", "r2", "z"]
LINKS = [("a", "r1"), ("r1", "r2"), ("r2", "z"), ("r1", "c"), ("r2", "c"), ("z", "c"), ("r1", "z")]


@pytest.fixture
def stores(tmp_path):
    names = sorted({name for link in LINKS for name in link})
    found = {
        name: open_store(tmp_path / f"{name}.db", kme_id=name, kek=new_kek(), simulated_allowed=True)
        for name in names
    }
    for a, b in LINKS:
        shared = block(0, 4096, source=f"{a}{b}")
        found[a].ingest(b, shared), found[b].ingest(a, shared)
    yield found
    for store in found.values():
        store.audit()
        store.close()


@pytest.mark.parametrize("centre", [None, "c"])
def test_the_ends_get_the_same_key_and_the_books_say_what_it_took(stores, centre):
    said = []

    def listen(node, collector, message):
        said.append((node, collector, message[:-16]))
        return message

    made = relay_announced(stores, PATH, 600, centre=centre, channel=listen)
    assert made.provenance.origin == "simulated"
    secret, positions = stores["a"].withdraw("z", 300, "relayed")
    assert stores["z"].withdraw_at("a", positions, "relayed") == secret
    for here, there in (("a", "r1"), ("r1", "r2"), ("r2", "z")):
        assert stores[here].ledger(there).relayed == stores[there].ledger(here).relayed == 600
    collector = centre or "z"
    assert [(node, to) for node, to, _ in said] == [("r1", collector), ("r2", collector)] + [("c", "z")] * bool(
        centre
    )
    assert stores["r1"].ledger(collector).authentication == 32
    if centre:
        assert stores["c"].ledger("z").authentication == 32
    key = made.secret.reveal()  # no sum of what was said in public is the key
    public = [int.from_bytes(text, "big") for _, _, text in said]
    for count in range(len(public) + 1):
        for chosen in combinations(public, count):
            total = 0
            for each in chosen:
                total ^= each
            assert total != int.from_bytes(key, "big")


def test_a_relay_learns_the_key_and_a_centre_does_not(stores):
    """All that the centre hears is K₁⊕K₂ and K₂⊕K₃: with K₃ it would have the key, and it has none of them."""
    heard = {}

    def listen(node, collector, message):
        heard[node] = message[:-16]
        return message

    made = relay_announced(stores, PATH, 64, centre="c", channel=listen)
    total = bytes(x ^ y for x, y in zip(heard["r1"], heard["r2"], strict=True))
    assert heard["c"] == total
    last = Secret(bytes(x ^ y for x, y in zip(total, made.secret.reveal(), strict=True)))
    assert last != made.secret
    assert len({heard["r1"], heard["r2"], made.secret.reveal(), last.reveal()}) == 4


@pytest.mark.parametrize("victim", ["r1", "r2", "c"])
def test_a_changed_or_foreign_announcement_is_refused(stores, victim):
    before = stores["a"].ledger("z"), stores["z"].ledger("a")

    def forge(node, collector, message):
        return bytes([message[0] ^ 1]) + message[1:] if node == victim else message

    with pytest.raises(RelayFailed, match="right tag"):
        relay_announced(stores, PATH, 64, centre="c", channel=forge)
    with pytest.raises(RelayFailed, match="right tag"):
        relay_announced(stores, PATH, 64, centre="c", channel=lambda node, to, m: m[:-1] if node == victim else m)
    assert (stores["a"].ledger("z"), stores["z"].ledger("a")) == before


def test_a_direct_link_needs_no_announcement_and_missing_key_is_told(stores):
    made = relay_announced(stores, ["a", "r1"], 32, channel=lambda *_: pytest.fail("nothing is to be said"))
    assert len(made.secret) == 32
    with pytest.raises(RelayFailed, match="asked for"):
        relay_announced(stores, PATH, 100_000)
    with pytest.raises(ValueError, match="centre"):
        relay_announced(stores, PATH, 32, centre="nobody")
    with pytest.raises(ValueError, match="path"):
        relay_announced(stores, ["a"], 32)
