"""Relays from store to store: what arrives, what is used up, what a spy or a loss on some paths does."""

import itertools
from dataclasses import replace
from fractions import Fraction
from math import ceil

import pytest
from oracles.key_material import block

from quantumlink.keys import Ledger, PoolPolicy, open_store
from quantumlink.keys.relay import (
    RelayFailed,
    announced,
    hop_by_hop,
    relay,
    relay_announced,
    relay_shared,
    widest_path,
)
from quantumlink.keys.sealing import new_kek

STARS = [("a", "r1"), ("r1", "z"), ("a", "r2"), ("r2", "z"), ("a", "r3"), ("r3", "z"), ("r1", "r2")]
PATHS = [["a", f"r{i}", "z"] for i in (1, 2, 3)]


@pytest.fixture
def stores(tmp_path):
    found = {
        name: open_store(tmp_path / f"{name}.db", kme_id=name, kek=new_kek(), simulated_allowed=True,
                         policy=PoolPolicy(reserve_bytes=512))
        for name in sorted({name for link in STARS for name in link})
    }  # fmt: skip
    for a, b in STARS:
        shared = block(0, 8192, source=f"{a}{b}")
        found[a].ingest(b, shared), found[b].ingest(a, shared)
    yield found
    for store in found.values():
        store.audit()
        store.close()


def chain(tmp_path, epsilons, origin="device"):
    """Stores of a chain of nodes; each link has one block, with what it may fail with."""
    names = [f"n{i}" for i in range(len(epsilons) + 1)]
    found = {
        name: open_store(tmp_path / f"{name}.db", kme_id=name, kek=new_kek(), simulated_allowed=True)
        for name in names
    }
    for (a, b), epsilon in zip(itertools.pairwise(names), epsilons, strict=True):
        plain = block(0, 4096, source=f"{a}{b}", origin=origin)
        shared = replace(plain, provenance=replace(plain.provenance, epsilon=epsilon))
        found[a].ingest(b, shared), found[b].ingest(a, shared)
    return found, names


def tags(hops, secret_bytes, context_bytes):
    """8 ⌈L/16⌉ / 2¹⁰⁶ for each hop (D. J. Bernstein 2005), L with the context and eight bytes of its length."""
    return sum(Fraction(8 * ceil((8 + size + secret_bytes) / 16), 2**106) for size in context_bytes[:hops])


@pytest.mark.parametrize("hops", [2, 5, 50])
@pytest.mark.parametrize("way", ["hop by hop", "shares", "announced"])
def test_what_the_links_of_a_chain_may_fail_with_adds_up(tmp_path, monkeypatch, hops, way):
    """Each link's key has an ε of its own, and each tag may be forged: the relayed key says the sum."""
    contexts = []
    for module in (hop_by_hop, announced):
        true = module.forgery_probability
        monkeypatch.setattr(
            module, "forgery_probability", lambda n, c, true=true: contexts.append(len(c)) or true(n, c)
        )
    for epsilons in ([1e-10 * (i + 1) for i in range(hops)], [0.0] * hops):
        contexts.clear()
        folder = tmp_path / str(epsilons[0])
        folder.mkdir()
        stores, names = chain(folder, epsilons)
        if way == "hop by hop":
            made = relay(stores, names, 64)
        elif way == "shares":
            made = relay_shared(stores, [names], 64, needed=1)
        else:  # announced by each node to the next but one: here two hops alone reach the far end by a pool
            for name in names[1:-1]:
                if name != names[-2]:
                    extra = block(0, 4096, source=f"{name} to the end", origin="system")
                    stores[name].ingest(names[-1], extra), stores[names[-1]].ingest(name, extra)
            made = relay_announced(stores, names, 64)
        count = hops - 1 if way == "announced" else hops
        expected = sum(map(Fraction, epsilons)) + tags(count, 64, contexts)
        if way == "announced":  # the last node of the way has its announcement's tag out of the last link's key
            expected += Fraction(epsilons[-1])
        assert len(contexts) == count
        assert made.provenance.epsilon == pytest.approx(float(expected), rel=1e-12)
        for near, far in ((names[0], names[-1]), (names[-1], names[0])):
            (account,) = [a for a in stores[near].accounts(far) if a.protocol == "relay"]
            assert account.epsilon == made.provenance.epsilon
        for store in stores.values():
            store.close()


def test_a_key_over_relayed_keys_counts_what_those_may_fail_with(tmp_path):
    stores, names = chain(tmp_path, [1e-10, 2e-10, 4e-10])
    first = relay(stores, names[:3], 1024)  # n0 and n2 then share key
    again = relay(stores, [names[0], names[2], names[3]], 64)
    assert first.provenance.epsilon == pytest.approx(3e-10, rel=1e-12)
    assert again.provenance.epsilon == pytest.approx(7e-10, rel=1e-12)


def test_each_block_that_a_hop_used_up_counts(tmp_path):
    stores, names = chain(tmp_path, [1e-10])
    more = block(1, 4096, source="n0n1", origin="device")
    more = replace(more, provenance=replace(more.provenance, epsilon=3e-10))
    stores["n0"].ingest("n1", more), stores["n1"].ingest("n0", more)
    assert relay(stores, names, 1024).provenance.epsilon == pytest.approx(3e-10, rel=1e-12)
    # Half of a block is this end's: the rest of the first, and some of the second one.
    assert relay(stores, names, 1500).provenance.epsilon == pytest.approx(6e-10, rel=1e-12)


def test_nobody_knows_what_a_key_over_an_unknown_one_may_fail_with(tmp_path):
    stores, names = chain(tmp_path, [1e-10, None])
    assert relay(stores, names, 64).provenance.epsilon is None
    (tmp_path / "system").mkdir()
    stores, names = chain(tmp_path / "system", [None, None], origin="system")  # drawn, not distilled
    assert 0 < relay(stores, names, 64).provenance.epsilon < 1e-28


def test_a_relayed_key_is_used_like_any_other(stores):
    made = relay(stores, ["a", "r1", "r2", "z"], 2048)
    assert made.provenance.origin == "simulated"
    for here, there in (("a", "r1"), ("r1", "r2"), ("r2", "z")):
        for own, other in ((here, there), (there, here)):
            books = stores[own].ledger(other)
            assert books == Ledger(generated=8192, relayed=2048, authentication=32, stored=8192 - 2080)
    assert stores["a"].ledger("z") == stores["z"].ledger("a") == Ledger(generated=2048, stored=2048)
    again = relay(stores, PATHS[0], 512)
    assert (made.number, again.number) == (0, 1)
    secret, positions = stores["a"].withdraw("z", 300, "relayed")
    assert stores["z"].withdraw_at("a", positions, "relayed") == secret


def test_what_a_listener_and_a_forger_get(stores):
    heard = []

    def listen(here, there, message):
        heard.append(message)
        return message

    made = relay(stores, PATHS[0], 256, channel=listen)
    assert len(set(heard)) == 2
    assert all(made.secret.reveal() not in message for message in heard)
    for forge in (
        lambda here, there, m: bytes([m[0] ^ 1]) + m[1:],
        lambda here, there, m: m[:-1],
        lambda here, there, m: heard[0],
    ):
        before = stores["z"].ledger("a")
        with pytest.raises(RelayFailed):
            relay(stores, PATHS[0], 256, channel=forge)
        assert stores["z"].ledger("a") == before == stores["a"].ledger("z")


def test_too_little_key_at_a_hop_and_reserves(stores):
    own = stores["r1"].level("z").available
    with pytest.raises(RelayFailed, match="r1"):
        relay(stores, PATHS[0], own + 1)
    relay(stores, PATHS[0], stores["r1"].level("z").available)
    assert stores["r1"].level("z").available == 0
    assert stores["r1"].level("z").own >= 512 - 3 * 32  # the reserve, of which tags took some


def broken(*relays):
    """Whoever sits on some relays' links destroys what passes."""
    return lambda here, there, message: b"" if {here, there} & set(relays) else message


@pytest.mark.parametrize("needed", [1, 2, 3])
@pytest.mark.parametrize("lost", [(), ("r1",), ("r1", "r3"), ("r1", "r2", "r3")])
def test_shares_survive_the_loss_of_n_minus_k_paths(stores, needed, lost):
    if 3 - len(lost) >= needed:
        made = relay_shared(stores, PATHS, 200, needed=needed, channel=broken(*lost))
        assert len(made.secret) == 200
        assert stores["z"].ledger("a").stored == 200
    else:
        with pytest.raises(RelayFailed, match="arrived"):
            relay_shared(stores, PATHS, 200, needed=needed, channel=broken(*lost))
        assert stores["z"].ledger("a") == Ledger()


def test_the_widest_path_against_all_paths(rng):
    for _ in range(30):
        names = [f"n{i}" for i in range(6)]
        available = {
            pair: float(rng.integers(0, 9)) for pair in itertools.permutations(names, 2) if rng.random() < 0.5
        }
        relays = {name for name in names if rng.random() < 0.8}
        widths = []
        for size in range(5):
            for between in itertools.permutations(sorted(relays - {"n0", "n5"}), size):
                path = ["n0", *between, "n5"]
                amounts = [available.get(hop, 0.0) for hop in itertools.pairwise(path)]
                widths.append((min(amounts), -size))
        best = max(widths)
        found = widest_path(available, "n0", "n5", relays=relays)
        if best[0] == 0:
            assert found is None
        else:
            assert min(available[hop] for hop in itertools.pairwise(found)) == best[0]
            assert set(found[1:-1]) <= relays
    assert widest_path({("a", "b"): 1.0}, "a", "b", relays=(), failed=[("b", "a")]) is None
