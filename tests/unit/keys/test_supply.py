"""Suppliers: sessions, stocks, key files of a device, pushed streams, and links with somebody on them."""

from pathlib import Path

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.distillation.vault import Vault
from quantumlink.keys.store.contract import BlockRefused
from quantumlink.keys.supply import DeviceFiles, KeyStreams, intercepted, play_session, qkd_links, stock
from quantumlink.keys.supply.links import key_nodes
from quantumlink.qkd import Key

LINK = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.98)


def test_a_session_gives_both_ends_the_same_and_says_what_it_is():
    made = play_session(LINK, 40_000, seed=5)
    assert made.first == made.second
    assert len(made.first) > 200
    assert made.origin == "seeded"
    assert 0 < made.epsilon <= 1e-8
    assert play_session(LINK, 40_000, seed=5).first == made.first
    fresh = play_session(LINK, 40_000)
    assert fresh.origin == "simulated"
    assert fresh.first != made.first
    blocks = [made.block(end, source="s", number=3, link="a–b") for end in (0, 1)]
    assert blocks[0].secret == blocks[1].secret
    assert blocks[0].provenance.origin == "seeded"


def test_a_session_under_attack_has_no_key_and_a_telling_error_rate():
    found = play_session(intercepted(LINK, 1.0), 20_000, seed=7)
    assert (found.first, found.second) == (b"", b"")
    assert found.reason
    assert found.qber("Z") == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("basis", ["Z", "X"])
def test_intercept_and_resend_against_the_closed_form(fraction, basis):
    link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), bell_diagonal=(0.9, 0.05, 0.03, 0.02))
    before, after = (ql.evaluate(each).qber(basis) for each in (link, intercepted(link, fraction)))
    assert after == pytest.approx(before + (1 - 2 * before) * fraction / 4, abs=1e-12)


def test_a_stock_is_marked_and_bounded():
    made = stock(source="s", link="a–b", rate_bit_s=80.0, duration_s=100.0, at_most=10_000)
    assert len(made.secret) == 1000
    assert made.provenance.origin == "simulated"
    assert len(stock(source="s", link="", rate_bit_s=1e9, duration_s=1e9, at_most=64).secret) == 64


def test_links_of_the_metro_network():
    net = ql.Network.load(Path(__file__).parents[3] / "notebooks" / "networks" / "metro.toml")
    nodes = key_nodes(net)
    assert set(nodes) == {"alice", "bob", "vienna", "bratislava"}
    assert {link.ends for link in qkd_links(net, ["alice", "bob", "vienna"])} == {
        ("alice", "bob"), ("alice", "vienna"), ("bob", "vienna"),
    }  # fmt: skip
    with pytest.raises(ValueError, match="two nodes"):
        key_nodes(net, ["alice"])


def test_files_of_a_device_come_once_and_in_order(tmp_path):
    for number, size in ((10, 5), (9, 33), (2, 1)):
        (tmp_path / f"{number:08}.key").write_bytes(bytes([number]) * size)
    (tmp_path / "half.part").write_bytes(b"x")
    files, taken = DeviceFiles(tmp_path, "a–b", "decoy BB84"), []
    assert files.hand_to(taken.append) == 3
    assert [(block.number, len(block.secret)) for block in taken] == [(2, 1), (9, 33), (10, 5)]
    assert all(block.provenance.origin == "device" for block in taken)
    assert [path.name for path in tmp_path.iterdir()] == ["half.part"]
    (tmp_path / "11.key").write_bytes(b"x")

    def full(block):
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        files.hand_to(full)
    assert (tmp_path / "11.key").exists()


@pytest.mark.parametrize("marks", [{"simulated": True}, {"seeded": True}, {}])
def test_a_key_file_of_a_command_is_of_no_device(tmp_path, marks):
    """What ``--key-file`` writes says that it is for study: laid where a device writes, it is not taken in."""
    bits = np.array([0, 1] * 40, dtype=np.uint8)
    key = Key(
        protocol="x", rounds=9, accepted=9, sifted=9, sampled=1, tested=1, qber=0.0, test_qber=0.0,
        _vault=Vault(bits, bits), **marks,
    )  # fmt: skip
    (tmp_path / "11.key").write_text(f"# {key.origin}\n" + "01" * 40 + "\n")
    taken = []
    with pytest.raises(BlockRefused, match="must be of a QKD device, but says of itself: for study, not for use"):
        DeviceFiles(tmp_path, "a–b", "decoy BB84").hand_to(taken.append)
    assert taken == []
    assert (tmp_path / "11.key").exists()


def test_pushed_streams():
    taken = []
    streams = KeyStreams(taken.append)
    stream = streams.open_connect("a–b", "BB84", key_chunk_size=32)
    streams.push(stream, 0, bytes(32))
    streams.push(stream, 4, bytes(32))
    for index, key in ((4, bytes(32)), (3, bytes(32)), (5, bytes(31))):
        with pytest.raises(ValueError):  # noqa: PT011
            streams.push(stream, index, key)
    assert [block.number for block in taken] == [0, 4]
    with pytest.raises(ValueError, match="open already"):
        streams.open_connect("a–b", "BB84", key_chunk_size=32, key_stream_id=stream)
    streams.close(stream)
    with pytest.raises(KeyError):
        streams.push(stream, 5, bytes(32))


def test_a_stream_that_is_opened_again_goes_on_where_the_store_is():
    streams = KeyStreams([].append, next_block={"stream 00000000-0000-4000-8000-000000000007": 12}.__getitem__)
    stream = streams.open_connect(
        "a–b", "BB84", key_chunk_size=8, key_stream_id="00000000-0000-4000-8000-000000000007"
    )
    assert streams.next_index(stream) == 12
    with pytest.raises(ValueError, match="12 or later"):
        streams.push(stream, 11, bytes(8))


def test_streams_are_bounded():
    streams = KeyStreams([].append)
    for _ in range(64):
        streams.open_connect("a–b", "BB84", key_chunk_size=8)
    with pytest.raises(ValueError, match="64 key streams"):
        streams.open_connect("a–b", "BB84", key_chunk_size=8)
