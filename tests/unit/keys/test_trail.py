"""The trail of deliveries as a file: whatever is changed in it shows, and no key is in it."""

import base64
import json

import pytest
from oracles.key_material import block
from oracles.key_processes import Pair
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.keys.store.trail_file import TrailError, export, verify_file


def delivered(store, count=3):
    keys = []
    for number in range(count):
        store.assign(f"a{number}", "b", "alice", ["bob"], [f"key-{number}"], 32)
        keys += store.deliver(f"a{number}")
    return keys


@pytest.fixture
def told(sqlite_places, tmp_path):
    store = sqlite_places.store("a")
    store.ingest("b", block(0))
    keys = delivered(store)
    path = tmp_path / "trail"
    head = export(path, "a", store.trail())
    return store, keys, path, head


def test_an_export_is_whole_and_holds_no_key(told):
    store, keys, path, head = told
    found = verify_file(path)
    assert (found.kme, found.entries, found.head) == ("a", 3, head)
    text = path.read_text()
    assert all(key.key_id in text for key in keys)
    for key in keys:
        raw = key.secret.reveal()
        assert raw.hex() not in text
        assert base64.b64encode(raw).decode() not in text
    assert (path.stat().st_mode & 0o777) == 0o600
    with pytest.raises(FileExistsError):
        export(path, "a", store.trail())


def test_every_change_shows(told, tmp_path):
    path = told[2]
    lines = path.read_text().splitlines()
    changed = {
        "an entry left out": lines[:2] + lines[3:],
        "two exchanged": [lines[0], lines[2], lines[1], *lines[3:]],
        "the first left out": [lines[0], *lines[2:]],
        "the end cut off": lines[:-1],
        "an entry and the end": [*lines[:-2], lines[-1]],
        "another recipient": [line.replace("bob", "eve") for line in lines],
        "another time": [line.replace('"at_s": 1', '"at_s": 2') for line in lines],
        "a member twice": [lines[0], lines[1].replace("{", '{"to": ["eve"], ', 1), *lines[2:]],
        "no JSON": [*lines[:2], "x", *lines[2:]],
        "a number": [*lines[:2], "5", *lines[2:]],
        "nothing": [],
    }
    for what, content in changed.items():
        other = tmp_path / "other"
        other.write_text("\n".join(content) + "\n")
        try:
            verify_file(other)
        except TrailError:
            continue
        pytest.fail(f"{what} did not show")


def test_each_byte_counts(told, tmp_path, rng):
    raw, other = told[2].read_bytes(), tmp_path / "other"
    same = verify_file(told[2])
    for place in rng.choice(len(raw), 150, replace=False):
        other.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        try:
            found = verify_file(other)
        except (TrailError, UnicodeDecodeError):
            continue
        # Only the name of the node, the numbers and the blanks are outside of the chain.
        assert (found.head, found.entries) == (same.head, same.entries)


def test_a_rewritten_past_shows_against_an_earlier_head(told, tmp_path, sqlite_places):
    store, _, _, head = told
    store.assign("later", "b", "alice", ["bob"], ["key-9"], 32)
    store.deliver("later")
    longer = tmp_path / "longer"
    export(longer, "a", store.trail())
    assert verify_file(longer, earlier_head=head).entries == 4
    after = tmp_path / "after"
    export(after, "a", store.trail(3), before=head)  # the continuation alone
    assert verify_file(after, earlier_head=head).entries == 1
    other = sqlite_places.store("c")
    other.ingest("b", block(0))
    delivered(other)
    forged = tmp_path / "forged"
    export(forged, "a", other.trail())
    assert verify_file(forged).entries == 3  # a chain of its own
    with pytest.raises(TrailError, match="earlier head"):
        verify_file(forged, earlier_head=head)


def test_from_the_shell(tmp_path):
    pair = Pair(tmp_path, blocks=1)
    store = pair.open("a")
    delivered(store)
    store.close()

    def run(*words):
        return CliRunner().invoke(app, ["keys", "trail", *map(str, words)])

    made = run("export", tmp_path / "a.toml", tmp_path / "trail", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["kme"], told["entries"], told["before"]) == ("a", 3, "0" * 64)
    checked = run("verify", tmp_path / "trail", "--earlier-head", told["head"])
    assert checked.exit_code == 0, checked.output
    assert f"head     {told['head']}" in checked.output
    again = run("export", tmp_path / "a.toml", tmp_path / "trail")
    assert again.exit_code == 1
    text = (tmp_path / "trail").read_text().replace("bob", "eve")
    (tmp_path / "trail").write_text(text)
    refused = run("verify", tmp_path / "trail")
    assert (refused.exit_code, "broken at entry 1" in refused.stderr) == (1, True)
    assert json.loads(text.splitlines()[0])["kme"] == "a"
