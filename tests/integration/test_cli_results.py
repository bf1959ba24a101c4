"""Every command builds a result, and one layer prints it: for a person, for a pipe, as JSON, as CSV."""

import csv
import io
import json
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from oracles.key_manager import KeyManager
from rich.cells import cell_len
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink.cli import app
from quantumlink.cli.result import Cell, Column, Result, Table
from quantumlink.cli.shell import Shell
from quantumlink.execution.jobs import submit
from quantumlink.keys.protection import protect_padded
from quantumlink.keys.store.trail_file import export
from quantumlink.qkd.timetags import simulate_tags, write_tags

ROOT = Path(__file__).parents[2]
NETWORKS = ROOT / "notebooks" / "networks"
METRO, GERMANY, WORLD = (NETWORKS / f"{name}.toml" for name in ("metro", "germany", "intercontinental"))
ENDS = ("--from", "vienna", "--to", "bratislava")
HERE = "traffic.csv"
SERVICE = ("--kme", "https://localhost:8443", "--cert", HERE, "--key", HERE, "--ca", HERE, "--to", "bob")
COMMANDS = {
    "circuits": ("circuits",),
    "circuits show": ("circuits", "show", "bell_measurement"),
    "parts": ("parts",),
    "network show": ("network", "show", GERMANY),
    "network show all": ("network", "show", GERMANY, "--all"),
    "network show world": ("network", "show", WORLD),
    "network routes": ("network", "routes", GERMANY, "--from", "hamburg", "--to", "munich"),
    "network routes trusted": ("network", "routes", WORLD, "--from", "vienna", "--to", "johannesburg"),
    "network simulate": ("network", "simulate", METRO, *ENDS, "--trials", "200", "--seed", "7"),
    "network capacity": ("network", "capacity", METRO, "--demands", "TRAFFIC"),
    "network resilience": ("network", "resilience", METRO, "--failures", "1"),
    "network operate": (
        "network", "operate", METRO, "--demands", "TRAFFIC", "--duration-s", "0.1", "--seed", "7",
    ),
    "plan": ("plan", METRO, *ENDS, "--trials", "0", "--paths", "1", "--max-rounds", "0"),
    "qkd bb84": ("qkd", "bb84", "--km", "5", "--rounds", "3e4", "--seed", "7"),
    "qkd rates": ("qkd", "rates"),
    "qkd monitor": (
        "qkd", "monitor", "--attack", "intercept-resend:0", "--baseline", "0.01", "--rounds", "2e4", "--seed", "7",
    ),
    "build": ("build", "map.toml", "--demands", "wanted.csv", "--costs", "prices.toml"),
    "qkd timetags": ("qkd", "timetags", "alice.npz", "bob.npz", "--max-offset-s", "0.01"),
    "jobs": ("jobs", "list", "--directory", "."),
    "jobs list": ("jobs", "list", "--directory", "jobs"),
    "jobs show": ("jobs", "show", "JOB", "--directory", "jobs"),
    "jobs result": ("jobs", "result", "JOB", "--directory", "jobs"),
    "jobs cancel": ("jobs", "cancel", "JOB", "--directory", "jobs"),
    "keys recipient": ("keys", "recipient", "carol"),
    "keys protect": ("keys", "protect", HERE, *SERVICE, "--from", "alice", "--one-time-pad"),
    "keys open": ("keys", "open", "pad.protected", "opened.csv", *SERVICE),
    "keys trail verify": ("keys", "trail", "verify", "trail.jsonl"),
    "keys assess": ("keys", "assess", ROOT / "notebooks" / "inventory.toml"),
    "keys sign": ("keys", "sign", "traffic.csv", "--km", "1", "--rounds", "1.5e5", "--seed", "1"),
    "run": ("run", METRO, *ENDS, "--shots", "50", "--rounds", "2e3", "--seed", "7"),
}  # fmt: skip


WRITTEN = {
    "keys recipient": {"carol.recipient", "carol.public"},
    "keys protect": {"traffic.csv.protected"},
    "keys open": {"opened.csv"},
}


def pads(number, size):
    return KeyManager("").new_keys("bob", number, size=8 * size)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Files for every command, among them those of a job."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "traffic.csv").write_text("a,b,kind,rate_hz,min_fidelity\nvienna,bratislava,pairs,20,0.9\n")
    (folder / "wanted.csv").write_text("a,b\nlinz,graz\n")
    (folder / "prices.toml").write_text("repeater = 100\nfibre_per_km = 1\n")
    (folder / "map.toml").write_text(
        'name = "south"\n[sites.linz]\nhosts = []\n[sites.pass]\n[sites.graz]\nhosts = []\n'
        '[[fibres]]\nbetween = ["linz", "pass"]\nlength_km = 90\n'
        '[[fibres]]\nbetween = ["pass", "graz"]\nlength_km = 110\n'
        "[parts]\nfidelity = 0.98\nsuccess_probability = 0.2\nattempt_time_s = 1e-3\n"
    )
    source = ql.hardware.ContinuousSource(pair_rate_hz=2e5)
    tags = simulate_tags(source, ql.Fiber(1), duration_s=0.2, seed=3, detector=ql.Detector(0.9))
    write_tags(tags.alice, folder / "alice.npz")
    write_tags(tags.bob, folder / "bob.npz")
    export(folder / "trail.jsonl", "a", [])
    content, _ = protect_padded(b"a,b", master="alice", slave="bob", new_keys=pads)
    (folder / "pad.protected").write_bytes(content)
    link = ql.ElementaryLink(ql.Node("vienna"), ql.Node("bratislava"), fidelity=0.97)
    job = submit(link, ql.ExactSampler(seed=1), shots=50, directory=folder / "jobs")
    job.samples()
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, inputs):
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr("quantumlink.keys.service.client.KeyClient", KeyManager)
    monkeypatch.chdir(tmp_path)


def invoke(*arguments, width=None):
    env = {"NO_COLOR": "1", "TERM": "dumb"}
    if width is not None:
        env |= {"COLUMNS": str(width), "TTY_COMPATIBLE": "1", "TERM": "xterm"}  # of a dumb one rich knows no width
    (job,) = {path.name[16:24] for path in Path("jobs").glob("*.job.json")} or {""}
    stands = {"TRAFFIC": "traffic.csv", "JOB": job}
    return CliRunner(env=env).invoke(app, [stands.get(str(argument), str(argument)) for argument in arguments])


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def words(text):
    """All that is said, without lines and the places where it is broken."""
    return re.sub(r"[\s│━┃┏┓┗┛┡┩├┤┌┐└┘─┬┴┼╇╈┳┻╋-]", "", plain(text))


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_is_too_wide_and_no_cell_is_cut(name, tmp_path):
    before = {path.name for path in tmp_path.iterdir()}
    piped = invoke(*COMMANDS[name])
    assert piped.exit_code == 0, piped.output
    written = {path.name for path in tmp_path.iterdir()} - before
    assert written == WRITTEN.get(name, set())  # nothing is written unasked
    for width in (80, 120):
        for path in written:
            (tmp_path / path).unlink()
        shown = invoke(*COMMANDS[name], width=width)
        assert shown.exit_code == 0, shown.output
        assert max(map(cell_len, plain(shown.stdout).splitlines())) <= width
        assert shown.stdout.count("…") == piped.stdout.count("…")
    if "│" not in piped.stdout and name.split()[0] == "network":
        cells = {cell for line in piped.stdout.splitlines() for cell in re.split(r"\s{2,}", line.strip())}
        boxed = "".join(invoke(*COMMANDS[name], width=400).stdout.split())
        for cell in cells - {"-", ""}:
            assert "".join(cell.split()) in boxed, cell


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("circuits", "jobs")])
def test_json_and_csv(name, tmp_path):
    told = invoke(*COMMANDS[name], "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)
    for path in WRITTEN.get(name, ()):
        (tmp_path / path).unlink()
    table = list(csv.reader(io.StringIO(invoke(*COMMANDS[name], "--csv").stdout)))
    assert len(table) > 1
    assert len({len(row) for row in table}) == 1


def test_a_form_may_go_to_a_file_and_both_cannot_go_to_the_terminal(tmp_path):
    result = invoke("parts", "medium", "--json", tmp_path / "parts.json", "--csv", tmp_path / "parts.csv")
    assert f"JSON: {tmp_path / 'parts.json'}" in result.stdout
    names = [row["name"] for row in json.loads((tmp_path / "parts.json").read_text("utf-8"))["parts"]]
    assert names == [row["name"] for row in csv.DictReader((tmp_path / "parts.csv").open(encoding="utf-8"))]
    refused = invoke("parts", "medium", "--json", "--csv")
    assert refused.exit_code == 1
    assert "--json and --csv" in refused.stderr
    assert "--csv must lie in a folder" in invoke("parts", "--csv", "missing/parts.csv").stderr


def test_json_holds_the_numbers_of_the_library():
    told = json.loads(invoke(*COMMANDS["network simulate"], "--json").stdout)
    link = ql.Network.load(METRO).route("vienna", "bratislava")
    timeline = ql.simulate(link, trials=200, seed=7)
    found = {row["name"]: row["simulated"] for row in told["simulated"]}
    assert found["fidelity to Φ⁺"]["best"] == timeline.fidelity.best
    assert found["pairs a second"]["low"] == timeline.rate_hz.low
    assert told["seed"] == 7


def test_repeaters_in_a_line_are_a_number_and_places_keep_their_names():
    shown = invoke(*COMMANDS["network show"]).stdout
    assert "hamburg –2– hannover" in shown
    assert "hamburg-hannover-1" not in shown
    assert "hamburg-hannover-1" in invoke(*COMMANDS["network show all"]).stdout
    network = ql.Network.load(GERMANY)
    told = json.loads(invoke(*COMMANDS["network show"], "--json").stdout)
    assert len(told["links"]) == len(network.links)  # the data hold all of them
    (row,) = (line for line in shown.splitlines() if line.startswith("hamburg –2– hannover"))
    along = [x for x in network.links if "hamburg-hannover" in f"{x.left} {x.right}"]
    assert f"{sum(x.medium.length_km for x in along):.1f}" in row
    ways = invoke(*COMMANDS["network routes"]).stdout
    route = network.routes("hamburg", "munich", 1)[0]
    assert "1: hamburg –2– hannover" in ways
    (way,) = re.findall(r"^1: (.*)$", ways, re.MULTILINE)
    hidden = sum(map(int, re.findall(r"–(\d+)–", way)))
    assert hidden + len(re.split(r" –(?:\d+–)? ", way)) == len(route.nodes)


def test_a_plan_over_trusted_nodes_plans_each_segment():
    ends = ("--from", "vienna", "--to", "johannesburg")
    told = json.loads(invoke("plan", WORLD, *ends, "--trials", "0", "--json").stdout)
    world = ql.Network.load(WORLD)
    route = world.key_route("vienna", "johannesburg")
    stops = ["vienna", *route.trusted_nodes, "johannesburg"]
    assert [row["segment"] for row in told["segments"]] == [f"{a} – {b}" for a, b in pairwise(stops)]
    for row, (a, b) in zip(told["segments"], pairwise(stops), strict=True):
        strategy = world.best_strategy(a, b)
        assert row["secret_key_rate_hz"] == strategy.secret_key_rate_hz
    assert f"who must be trusted: {', '.join(route.trusted_nodes)}" in told["notes"]


# --- how options are read


def leaves(command, *names):
    if not hasattr(command, "commands"):
        yield names, command
        return
    for name, each in command.commands.items():
        yield from leaves(each, *names, name)


LEAVES = {" ".join(names): command for names, command in leaves(typer.main.get_command(app))}


@pytest.mark.parametrize("name", LEAVES)
def test_no_help_is_too_wide_or_cut(name):
    named = {option for p in LEAVES[name].params for option in p.opts if option.startswith("--")}
    told = [help_ for p in LEAVES[name].params if (help_ := getattr(p, "help", None))]
    for width in (None, 80, 100, 120):
        shown = invoke(*name.split(), "--help", width=width)
        assert shown.exit_code == 0
        assert max(map(cell_len, plain(shown.stdout).splitlines())) <= (width or 80)
        assert named <= set(re.findall(r"--[a-z0-9-]+", plain(shown.stdout)))
        assert shown.stdout.count("…") == sum(help_.count("…") for help_ in told)


@pytest.mark.parametrize("name", LEAVES)
def test_every_help_has_examples_that_can_be_parsed(name):
    command = LEAVES[name]
    examples = re.findall(r"^quantumlink (.*)$", command.epilog or "", re.MULTILINE)
    assert examples
    for example in examples:
        parts = shlex.split(example)
        count = len(name.split())
        assert " ".join(parts[:count]) == name
        assert command.make_context(name, parts[count:]) is not None
        for part in parts:
            if part.startswith("notebooks/"):
                assert (ROOT / part).is_file()


@pytest.mark.parametrize(("text", "number"), [("1e3", 1000), ("2.5e2", 250), ("1E3", 1000), ("1000", 1000)])
def test_whole_numbers_may_be_written_as_powers(text, number):
    made = Shell()

    @made.command()
    def count(rounds: int = 1) -> None:
        typer.echo(rounds)

    @made.command()
    def other() -> None:
        """So that there are two."""

    for words_ in (("--rounds", text), (f"--rounds={text}",)):
        assert CliRunner().invoke(made, ["count", *words_]).stdout == f"{number}\n"


def test_a_number_that_is_not_whole_is_refused():
    result = invoke("network", "simulate", METRO, *ENDS, "--trials", "1.5e0")
    assert result.exit_code == 2
    assert "--trials" in plain(result.stderr)


def test_the_version():
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.stdout == f"quantumlink {ql.__version__}\n"


def test_names_of_a_large_network_are_not_dumped():
    line = invoke("network", "routes", GERMANY, "--from", "hamborg", "--to", "munich").stderr
    assert "did you mean 'hamburg'" in line
    assert "--from must be one of 53 names, such as hamburg" in line
    assert len(line) < 200


def test_long_work_is_refused_or_told_beforehand(monkeypatch):
    refused = invoke("run", METRO, *ENDS, "--purify-rounds", "12")
    assert refused.exit_code == 1
    assert "--purify-rounds must be fewer: 8192 elementary pairs" in refused.stderr


def test_rows_that_do_not_fit_are_told_line_by_line(monkeypatch, capsys):
    from quantumlink.cli.printing import print_result

    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    columns = tuple(Column(f"column{i}", left=i == 0) for i in range(6))
    print_result(Result(tables=(Table("wide", columns, (tuple(range(6)), ("x" * 20, *"abcde"))),)))
    lines = plain(capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 40
    assert f"- column0  {'x' * 20}" in lines
    assert "  column5  e" in lines


def test_what_steers_a_terminal_is_not_printed(capsys):
    from quantumlink.cli.printing import print_result

    print_result(Result(tables=(Table("t", (Column("a", left=True),), ((Cell(1, "x\x1b[31m\ny"),),)),)))
    assert "\x1b" not in capsys.readouterr().out
