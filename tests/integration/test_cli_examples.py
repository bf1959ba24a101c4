"""The examples of every command's help: each is run as it stands, in a folder with the files that it names.

Those of the repository are where the examples say; what a user has or another example has made is made here. The
longest are run with fewer rounds or shots than they say, which is all that differs.
"""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from oracles.key_manager import KeyManager
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink.cli import app
from quantumlink.execution.jobs import submit
from quantumlink.qkd.timetags import simulate_tags, write_tags

ROOT = Path(__file__).parents[2]


def examples(command, *names):
    if not hasattr(command, "commands"):
        yield from re.findall(r"^quantumlink (.*)$", command.epilog or "", re.MULTILINE)
        return
    for name, each in command.commands.items():
        yield from examples(each, *names, name)


EXAMPLES = tuple(examples(typer.main.get_command(app)))
SERVES = "keys serve notebooks/networks/metro.toml --demo --directory demo"
"""Serves for ever: it is run as it stands where what it serves is tested."""
SHORTER = {
    "run": ("--shots", "200", "--rounds", "5000"),
    "qkd b92": ("--angle", "1.0", "--test-fraction", "0.3"),
    "qkd decoy-bb84": ("--rounds", "2e7"),
    "qkd one-decoy-bb84": ("--rounds", "2e7"),
    "qkd decoy-mdi": (
        *("--rounds", "3e8", "--z-probability", "0.7", "--signal-intensity", "0.4", "--intensities", "0.3"),
        *("0.08", "1e-4", "--intensity-probabilities", "0.3", "0.5", "0.2"),
    ),
    "qkd twin-field": (
        *("--rounds", "5e7", "--z-probability", "0.7", "--signal-intensity", "0.4", "--sending-probability"),
        *("0.3", "--intensities", "0.3", "0.08", "0", "--intensity-probabilities", "0.3", "0.5", "0.2"),
    ),
    "satellites passes": ("--days", "1"),
}
"""What is said besides to be soon done; the last word of an option counts."""
OUTCOMES = {"qkd monitor": {4}, "qkd twin-field": {0, 3}, "qkd decoy-mdi": {0, 3}, "qkd b92": {0, 3}}
"""Exit codes besides 0: an alarm, which is what is looked for; no key in fewer rounds."""
GROUPS = {"circuits", "jobs", "keys", "network", "qkd", "satellites"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "notebooks").mkdir()
    for part in ("networks", "plans"):
        shutil.copytree(ROOT / "notebooks" / part, folder / "notebooks" / part)
    shutil.copy(ROOT / "notebooks" / "inventory.toml", folder / "notebooks")
    for name in ("contract.pdf", "plan.pdf", "app.pem", "app.key", "ca.pem"):
        (folder / name).write_bytes(b"%PDF of a user")
    source = ql.hardware.ContinuousSource(pair_rate_hz=2e5)
    tags = simulate_tags(source, ql.Fiber(1), duration_s=0.2, seed=3, detector=ql.Detector(0.9))
    write_tags(tags.alice, folder / "alice.csv")
    write_tags(tags.bob, folder / "bob.csv")
    (folder / "node.toml").write_text(
        'id = "a"\ncertificate = "a.crt"\nkey = "a.key"\nca = "ca.crt"\nstore = "a.db"\n'
        '[[applications]]\nid = "alice"\nkme = "a"\nuri = "urn:sae:alice"\n'
    )
    link = ql.ElementaryLink(ql.Node("vienna"), ql.Node("bratislava"), fidelity=0.97)
    submit(link, ql.ExactSampler(seed=1), shots=50, directory=folder / "jobs").samples()
    return folder


WRITTEN = {
    *("run.png", "planned.toml", "circuits.csv", "dejmps.qasm", "jobs.csv", "contract.signature", "plan.pdf"),
    *("trail.jsonl", "valley.toml", "network.schema.json", "map.png", "key.png", "key.json", "report.json"),
    *("rates.csv", "rates.png", "passes.csv", "passes.png"),
}
"""Files that examples name for what they write."""
MAKES = {
    "keys recipient": {"bob.recipient", "bob.public"},
    "keys protect": {"plan.pdf.protected"},
    "keys trail export": {"a.db"},
}
"""Files that commands name themselves."""


def invoke(*words):
    return CliRunner(env={"NO_COLOR": "1", "TERM": "dumb"}).invoke(app, [*words])


def test_every_command_has_examples():
    assert len(EXAMPLES) >= 75
    assert SERVES in EXAMPLES


@pytest.fixture
def here(inputs, tmp_path, monkeypatch):
    """A folder of its own, with what the examples name."""
    folder = tmp_path / "here"
    shutil.copytree(inputs, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("QUANTUMLINK_JOBS", str(folder / "jobs"))
    monkeypatch.setenv("QUANTUMLINK_KEK", "7" * 64)
    monkeypatch.setattr("quantumlink.keys.service.client.KeyClient", KeyManager)
    return folder


def before(words):
    """The examples of other commands that make what this one takes."""
    made_by = {"bob.public": "keys recipient", "bob.recipient": "keys recipient"}
    made_by |= {"plan.pdf.protected": "keys protect"} if words[1:2] == ["open"] else {}
    made_by |= {"trail.jsonl": "keys trail export"} if words[2:3] == ["verify"] else {}
    return [next(x for x in EXAMPLES if x.startswith(made)) for file, made in made_by.items() if file in words]


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example != SERVES])
def test_an_example_runs(example, here):
    words = shlex.split(example)
    name = " ".join(words[: 3 if "trail" in words else 2 if words[0] in GROUPS else 1])
    if name == "network import":
        pytest.importorskip("networkx")
    for other in sorted(before(words), reverse=True):
        assert invoke(*shlex.split(other)).exit_code == 0
    if name == "keys open":
        (here / "plan.pdf").unlink()
    (job,) = (here / "jobs").glob("*.job.json")
    words = [job.name.split("-")[1][:4] if word == "3f2a" else word for word in words]
    there = {path.name for path in here.iterdir()}
    found = invoke(*words, *SHORTER.get(name, ()))
    assert found.exit_code in OUTCOMES.get(name, {0}), found.output
    made = {path.name for path in here.iterdir()} - there
    assert made == {word for word in words if word in WRITTEN and word not in there} | MAKES.get(name, set())
    if words[-1] == "--json":
        assert json.loads(found.stdout)
