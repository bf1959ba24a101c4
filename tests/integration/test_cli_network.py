"""The commands on network files: what they print is what the library finds, and how they refuse."""

import re
from dataclasses import fields
from pathlib import Path

import matplotlib.image
import pytest
from typer.testing import CliRunner

from quantumlink import Network, evaluate, simulate
from quantumlink.cli import app

NETWORKS = Path(__file__).parents[2] / "notebooks" / "networks"
METRO = NETWORKS / "metro.toml"
WORLD = NETWORKS / "intercontinental.toml"
WIDE = {"COLUMNS": "250", "LINES": "50", "NO_COLOR": "1", "TERM": "dumb", "TTY_COMPATIBLE": "1"}  # as a terminal
ENDS = ("--from", "vienna", "--to", "bratislava")


def invoke(*arguments):
    return CliRunner(env=WIDE).invoke(app, [str(argument) for argument in arguments])


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def rows(text):
    """The rows of the tables: their first cell, and the others."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in plain(text).splitlines() if "│" in line]
    return {first: others for first, *others in cells if first}


def ways(result):
    """Which way each route leads, by its name."""
    return dict(re.findall(r"^(\d+|key): (.* – .*)$", plain(result.stdout), re.MULTILINE))


def refusal(result, code=1):
    """The one line of a refused run; everything else about it is checked here."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    line, rest = plain(result.stderr).split("\n", 1)
    assert rest == ""
    return line


def is_a_picture(path):
    return matplotlib.image.imread(path)[..., :3].std() > 0.05


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Pictures without a path go to the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def metro():
    return Network.load(METRO)


@pytest.fixture(scope="module")
def world():
    return Network.load(WORLD)


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C in whatever function of the library is named."""

    def at(target):
        def stopped(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(target, stopped)

    return at


# --- show


def test_show_lists_nodes_and_links(metro, tmp_path):
    result = invoke("network", "show", METRO, "--output", "map.png")
    assert result.exit_code == 0
    assert result.stderr == ""
    table = rows(result.stdout)
    assert table["relay"][1].startswith("48.11°N")
    assert [*table["relay"][:1], *table["relay"][2:]] == ["repeater", "10 s", "1 s", "–", "5"]
    assert table["vienna"][0] == "end"
    assert table["vienna"][2:4] == ["ideal", "ideal"]
    for link in metro.links:
        shown = table[f"{link.left} – {link.right}"]
        assert shown[0] == "Fiber"
        assert float(shown[1]) == link.medium.length_km
        assert float(shown[2]) == pytest.approx(0.2 * link.medium.length_km)
        assert float(shown[3]) == pytest.approx(link.fidelity, abs=5e-5)
        assert float(shown[4]) == pytest.approx(link.rate_hz)
    assert is_a_picture(tmp_path / "map.png")
    assert plain(result.stdout).splitlines()[-1] == "picture: map.png"


def test_show_tells_parts_that_are_not_connected(tmp_path):
    file = tmp_path / "apart.toml"
    links = "".join(f'[[links]]\nbetween = ["{a}", "{b}"]\nfidelity = 0.9\n' for a, b in ("ab", "cd"))
    file.write_text("".join(f"[nodes.{name}]\n" for name in "abcd") + links)
    result = invoke("network", "show", file, "--color-by", "rate_hz", "--output", tmp_path / "x.svg")
    assert "not connected: 2 parts, a, b | c, d" in result.stdout
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")


def test_show_of_satellites(world):
    wide = CliRunner(env={**WIDE, "TERM": "xterm"})  # of a dumb terminal rich knows no width
    table = rows(wide.invoke(app, ["network", "show", str(WORLD)]).stdout)
    assert table["leo"][:2] == ["trusted", ""]
    assert table["johannesburg"][1].startswith("26.20°S")
    (link,) = (link for link in world.links if str(link.right) == "graz" and str(link.left) == "leo")
    medium, _, loss, fidelity, rate = table["leo – graz"]
    assert medium == "SatellitePass"
    assert float(loss) == pytest.approx(link.medium.loss_db, abs=0.05)
    assert float(fidelity) == pytest.approx(link.fidelity, abs=5e-5)
    assert float(rate) == pytest.approx(link.attempts.rate_hz, rel=1e-3)


# --- routes


def test_routes_are_those_of_the_network(metro, tmp_path):
    result = invoke("network", "routes", METRO, *ENDS, "--output", "map.png")
    assert result.exit_code == 0
    assert result.stderr == ""
    table = rows(result.stdout)
    for number, route in enumerate(metro.routes("vienna", "bratislava", 3), start=1):
        hops, km, fidelity, _, rate, secret, trusted, proven = table[str(number)]
        assert ways(result)[str(number)] == " – ".join(route.nodes)
        assert (int(hops), float(km)) == (len(route.hops), route.length_km)
        assert float(fidelity) == pytest.approx(route.fidelity, abs=5e-5)
        assert float(rate) == pytest.approx(route.rate_hz, rel=1e-3)
        assert float(secret) == pytest.approx(route.secret_key_rate_hz, rel=1e-3)
        assert (trusted, proven) == ("nobody", "yes")
    assert "4" not in table
    assert "trusted:" not in result.stdout
    assert is_a_picture(tmp_path / "map.png")


@pytest.mark.parametrize(
    ("options", "through"),
    [
        (("--by", "length", "-k", 1), ["relay"]),
        (("--avoid", "relay"), ["south"]),
        (("--avoid", "vienna:relay", "--by", "hops"), ["south", "south – relay"]),
        (("--avoid", "vienna:relay", "--avoid", "bratislava:relay"), ["south"]),
        (("--disjoint",), ["relay", "south"]),
    ],
)
def test_other_routes(options, through):
    found = ways(invoke("network", "routes", METRO, *ENDS, *options))
    assert list(found.values()) == [f"vienna – {way} – bratislava" for way in through]


def test_disjoint_routes_have_a_total(metro):
    result = invoke("network", "routes", METRO, *ENDS, "--disjoint", "-k", 5)
    total = metro.disjoint_routes("vienna", "bratislava", 5)
    assert f"at once: {total.rate_hz:.4g} pairs/s, {total.secret_key_rate_hz:.4g} secret bits/s" in result.stdout
    assert "there are 2 such routes in all" in result.stdout


def test_purified_routes(metro):
    table = rows(invoke("network", "routes", METRO, *ENDS, "--purify-rounds", 1, "-k", 1).stdout)
    (route,) = metro.routes("vienna", "bratislava", 1, purify_rounds=1)
    assert table["1"][2] == f"{route.fidelity:.4f}"


def test_where_only_trusted_nodes_lead_the_key_has_a_route_and_says_whom_to_trust(world):
    result = invoke("network", "routes", WORLD, "--from", "vienna", "--to", "johannesburg")
    assert result.exit_code == 0
    route = world.key_route("vienna", "johannesburg")
    shown = rows(result.stdout)["key"]
    assert ways(result)["key"] == route.way
    assert "vienna –2– graz – leo" in route.way
    assert float(shown[5]) == pytest.approx(route.secret_key_rate_hz, rel=1e-3)
    assert shown[6] == str(len(route.trusted_nodes))
    assert f"who must be trusted: {', '.join(route.trusted_nodes)}" in result.stdout
    assert "no entanglement from end to end: there is no route" in result.stdout


def test_a_node_with_a_colon_in_its_name_can_be_avoided(tmp_path):
    file = tmp_path / "colon.toml"
    pairs = [("a", "x:y"), ("x:y", "b"), ("a", "z"), ("z", "b")]
    links = "".join(f'[[links]]\nbetween = ["{a}", "{b}"]\nfidelity = 0.99\nrate_hz = 10.0\n' for a, b in pairs)
    file.write_text("".join(f'[nodes."{name}"]\n' for name in ("a", "b", "x:y", "z")) + links)
    found = ways(invoke("network", "routes", file, "--from", "a", "--to", "b", "--avoid", "x:y"))
    assert list(found.values()) == ["a – z – b"]


# --- simulate


SIMULATED = ("network", "simulate", METRO, *ENDS, "--trials", 1_500, "--seed", 7)


def test_a_simulation_prints_what_simulate_finds(metro, tmp_path):
    result = invoke(*SIMULATED, "--output", "times.png")
    assert result.exit_code == 0
    assert result.stderr == ""  # nothing there but progress, and that only in a terminal
    link = metro.route("vienna", "bratislava")
    timeline, exact, table = simulate(link, trials=1_500, seed=7), evaluate(link), rows(result.stdout)
    assert "vienna – bratislava: 2 elementary pairs, 1500 trials" in result.stdout
    assert table["pairs a second"][0] == f"{timeline.rate_hz:.4g}"
    assert table["fidelity to Φ⁺"] == [str(timeline.fidelity), f"{exact.fidelity:.4f}"]
    assert table["QBER X"] == [str(timeline.qber("X")), f"{exact.qber('X'):.4f}"]
    assert table["secret bits a second"][0] == f"{timeline.secret_key_rate_hz():.4g}"
    best, low, high = (float(number) for number in re.findall(r"\d+\.\d+", table["latency, mean"][0]))
    assert (low, best, high) == pytest.approx([1e3 * value for value in timeline.latency_s], rel=1e-3)
    assert table["latency, mean"][0].endswith("ms")
    for field in fields(timeline.budget.fidelity):
        assert float(table[f"infidelity: {field.name}"][0]) == pytest.approx(
            getattr(timeline.budget.fidelity, field.name), rel=1e-3
        )
    shares = [float(cells[1].removesuffix(" %")) for name, cells in table.items() if name.startswith("time: ")]
    assert len(shares) == 6
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert is_a_picture(tmp_path / "times.png")
    assert re.search(r"seed: 7$", plain(result.stdout).strip())


def test_a_seed_repeats_a_simulation_and_a_drawn_one_is_printed():
    first = invoke(*SIMULATED[:-2])
    seed = re.search(r"seed: (\d+)$", plain(first.stdout).strip())[1]
    assert invoke(*SIMULATED[:-1], seed).stdout == first.stdout
    assert invoke(*SIMULATED).stdout != first.stdout


def test_options_reach_the_simulation(metro):
    link = metro.route("vienna", "bratislava", purify_rounds=1, order="sequential", avoid=["relay"])
    timeline = simulate(link, trials=500, seed=3, cutoff_s=0.05)
    options = ("--trials", 500, "--seed", 3, "--cutoff-s", 0.05, "--purify-rounds", 1, "--order", "sequential")
    table = rows(invoke("network", "simulate", METRO, *ENDS, *options, "--avoid", "relay").stdout)
    assert table["fidelity to Φ⁺"][0] == str(timeline.fidelity)
    assert float(table["time: cutoffs"][1].removesuffix(" %")) > 0


def test_an_interrupted_simulation_keeps_what_is_done(monkeypatch):
    from quantumlink.readings.timeline.run import Run

    play, done = Run.batch, []

    def stopped(self, number, *, record=False):
        if number == 1 and not record:
            raise KeyboardInterrupt
        done.append(number)
        return play(self, number, record=record)

    monkeypatch.setattr(Run, "batch", stopped)
    result = invoke(*SIMULATED)
    assert result.exit_code == 130
    assert result.stderr == "interrupted: 1000 of 1500 trials were done, without budgets\n"
    assert "1000 of 1500 trials" in result.stdout
    assert done


def test_a_simulation_interrupted_at_once_writes_nothing(interrupted, tmp_path):
    interrupted("quantumlink.readings.timeline.run.Run.batch")
    result = invoke(*SIMULATED)
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr == "interrupted: nothing was written\n"
    assert list(tmp_path.iterdir()) == []


# --- mistakes


COMMANDS = {
    "show": ("network", "show", METRO),
    "routes": ("network", "routes", METRO, *ENDS),
    "simulate": SIMULATED,
}


@pytest.mark.parametrize(
    ("command", "options", "fragments"),
    [
        ("show", ("--color-by", "colour"), ("--color-by", "'colour'")),
        ("routes", ("-k", 0), ("--k", "at least 1", "got 0")),
        ("routes", ("--by", "speed"), ("--by", "'speed'", "secret_key_rate")),
        ("routes", ("--purify-rounds", -1), ("--purify-rounds", "got -1")),
        ("routes", ("--avoid", "reley"), ("--avoid", "'reley'", "did you mean 'relay'")),
        ("routes", ("--avoid", "vienna:bob"), ("--avoid", "no link", "vienna", "bob")),
        ("routes", ("--avoid", "vienna"), ("--avoid", "source", "vienna")),
        ("routes", ("--avoid", "relay", "--avoid", "south"), ("no route from 'vienna' to 'bratislava'",)),
        ("simulate", ("--trials", 0), ("--trials", "at least 1", "got 0")),
        ("simulate", ("--seed", -1), ("--seed", "-1")),
        ("simulate", ("--order", "random"), ("--order", "'random'", "balanced")),
        ("simulate", ("--swapping", "never"), ("--swapping", "'never'", "asap")),
        ("simulate", ("--cutoff-s", 0), ("--cutoff-s", "0")),
        ("simulate", ("--cutoff-s", 1e-6, "--purify-rounds", 1), ("--cutoff-s", "messages")),
    ],
)
def test_wrong_options(tmp_path, command, options, fragments):
    line = refusal(invoke(*COMMANDS[command], *options))
    for fragment in fragments:
        assert fragment in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("output", ["missing/x.png", "x.picture", "."])
def test_an_output_that_cannot_be_written(command, output):
    assert "--output must" in refusal(invoke(*COMMANDS[command], "--output", output))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_file(command):
    arguments = ["nowhere.toml" if argument == METRO else argument for argument in COMMANDS[command]]
    assert "nowhere.toml" in refusal(invoke(*arguments))


@pytest.mark.parametrize("command", ["routes", "simulate"])
def test_an_unknown_node(command):
    options = [str(option).replace("bratislava", "bratislawa") for option in COMMANDS[command]]
    assert "did you mean 'bratislava'" in refusal(invoke(*options))


def test_links_that_do_not_say_how_pairs_come(tmp_path):
    file = tmp_path / "silent.toml"
    file.write_text('[nodes.a]\n[nodes.b]\n[[links]]\nbetween = ["a", "b"]\nfidelity = 0.9\n')
    ends = ("--from", "a", "--to", "b")
    table = rows(invoke("network", "routes", file, *ends).stdout)
    assert table["1"][2:6] == ["0.9000", "–", "–", "–"]
    assert "rate_hz" in refusal(invoke("network", "simulate", file, *ends))


def test_names_with_brackets_are_printed_as_they_are(tmp_path):
    file = tmp_path / "brackets.toml"
    nodes = '[nodes."a[red]"]\n[nodes."[/b]"]\n[nodes."[bold]"]\n'
    pairs = [("a[red]", "[bold]"), ("[bold]", "[/b]")]
    links = "".join(f'[[links]]\nbetween = ["{a}", "{b}"]\nfidelity = 0.99\nrate_hz = 10.0\n' for a, b in pairs)
    file.write_text(nodes + links)
    for command in (("network", "routes"), ("network", "simulate")):
        options = ("--from", "a[red]", "--to", "[/b]", *(("--trials", 20) if command[-1] != "routes" else ()))
        result = invoke(*command, file, *options)
        assert result.exit_code == 0, result.output
        assert "a[red] – [/b]" in result.stdout
    assert "[bold]" in rows(invoke("network", "show", file).stdout)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("network", "routes", METRO), "--from"),
        (("network", "simulate", METRO, *ENDS, "--trials", "many"), "--trials"),
        (("network", "shwo", METRO), "shwo"),
    ],
)
def test_wrong_usage(arguments, fragment):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert fragment in plain(result.stderr)


def test_help_lists_the_commands():
    assert {"network", "plan"} <= set(re.findall(r"\w+", plain(invoke("--help").stdout)))
    text = plain(invoke("network", "--help").stdout)
    for command in ("show", "routes", "simulate"):
        assert command in text
