"""`quantumlink plan`: the best strategy beside the alternatives, and how it refuses."""

import re
from pathlib import Path

import matplotlib.image
import pytest
from typer.testing import CliRunner

from quantumlink import Network, progress, simulate
from quantumlink.cli import app
from quantumlink.network import best_strategy

METRO = Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml"
WIDE = {"COLUMNS": "250", "LINES": "50", "NO_COLOR": "1", "TERM": "dumb", "TTY_COMPATIBLE": "1"}  # as a terminal
PLAN = ("plan", METRO, "--from", "vienna", "--to", "bratislava")


def invoke(*arguments):
    return CliRunner(env=WIDE).invoke(app, [str(argument) for argument in arguments])


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def rows(text):
    """The rows of the tables: their first cell, and the others."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in plain(text).splitlines() if "│" in line]
    return {first: others for first, *others in cells if first}


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
    """Pictures without a path go to the current folder; however busy the machine is, no progress is shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "DELAY_S", 1e6)


@pytest.fixture(scope="module")
def metro():
    return Network.load(METRO)


def test_a_plan_prints_the_best_strategy_beside_the_alternatives_and_why(metro, tmp_path):
    result = invoke(*PLAN, "--min-fidelity", 0.95, "--seed", 7, "--output", tmp_path / "plan")
    assert result.exit_code == 0
    assert result.stderr == ""
    strategy = best_strategy(metro, "vienna", "bratislava", min_fidelity=0.95)
    table = rows(result.stdout)
    ways = {"the best strategy": strategy} | {other.name: other for other in strategy.alternatives}
    assert len(ways) >= 4
    for name, way in ways.items():
        pairs, fidelity, _, rate, secret = table[name]
        forecast = getattr(way, "forecast", way)
        assert int(pairs) == way.link.pairs
        assert float(fidelity) == pytest.approx(forecast.fidelity, abs=5e-5)
        assert float(rate) == pytest.approx(forecast.rate_hz, rel=1e-3)
        assert float(secret) == pytest.approx(forecast.secret_key_rate_hz, rel=1e-3)
    timeline = simulate(strategy.link, trials=2_000, seed=7)
    simulated = table["the same, simulated (2000 trials)"]
    assert simulated[1] == f"{timeline.fidelity.best:.4f}"
    assert simulated[3] == f"{timeline.rate_hz.best:.4g}"
    assert strategy.explanation in plain(result.stdout)
    assert "vienna – bratislava: best secret key rate at a fidelity of at least 0.95" in result.stdout
    assert is_a_picture(tmp_path / "plan.png")


def test_a_plan_alone_draws_no_seed_and_no_picture(tmp_path):
    result = invoke(*PLAN, "--trials", 0, "--max-rounds", 0, "--paths", 1, "--objective", "rate")
    assert result.exit_code == 0
    assert "simulated" not in result.stdout
    assert "seed" not in result.stdout
    assert "dejmps" not in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("km", "streams"), [(100, True), (0, False)])
def test_a_plan_of_one_link_says_why_its_simulation_is_slower(km, streams, tmp_path):
    (tmp_path / "two.toml").write_text(
        f"""nodes = {{ a = {{}}, b = {{}} }}
        [[links]]
        between = ["a", "b"]
        fiber = {{ length_km = {km} }}
        fidelity = 0.97
        success_probability = 0.5
        attempt_time_s = 1e-6
        """
    )
    told = invoke("plan", "two.toml", "--from", "a", "--to", "b", "--trials", 9, "--max-rounds", 0, "--seed", 7)
    table = rows(told.stdout)
    forecast, simulated = (float(cells[3]) for cells in list(table.values())[:2])
    assert (forecast > 100 * simulated) == streams
    assert ("simulated pairs follow one another" in plain(told.stdout)) == streams


def test_a_plan_that_nothing_reaches():
    line = refusal(invoke(*PLAN, "--min-fidelity", 0.99, "--max-rounds", 0), code=3)
    assert line.startswith("error: no strategy for vienna–bratislava reaches the fidelity 0.99")


def test_an_interrupted_plan(monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("quantumlink.network.strategy.alternatives", stopped)
    ran = invoke(*PLAN)
    assert (ran.exit_code, ran.stderr) == (130, "interrupted: only simple ways on the first path were compared\n")
    assert "swapping without purification" in ran.stdout
    assert refusal(invoke(*PLAN, "--min-fidelity", 0.99), code=130) == "interrupted: nothing was written"


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (("--min-fidelity", 1.2), ("--min-fidelity", "1.2")),
        (("--objective", "speed"), ("--objective", "'speed'", "secret_key_rate")),
        (("--max-rounds", -1), ("--max-rounds", "-1")),
        (("--protocol", "dejmp"), ("--protocol", "'dejmp'", "did you mean 'dejmps'")),
        (("--paths", 0), ("--paths", "got 0")),
        (("--trials", -1), ("--trials", "got -1")),
        (("--output", "missing/x.png"), ("--output must",)),
        (("--output", "x.picture"), ("--output must",)),
        (("--output", "."), ("--output must",)),
        (("--to", "bratislawa"), ("did you mean 'bratislava'",)),
    ],
)
def test_wrong_options(tmp_path, options, fragments):
    line = refusal(invoke(*PLAN, *options))
    for fragment in fragments:
        assert fragment in line
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file():
    assert "nowhere.toml" in refusal(invoke("plan", "nowhere.toml", *PLAN[2:]))


def test_links_that_do_not_say_how_pairs_come(tmp_path):
    file = tmp_path / "silent.toml"
    file.write_text('[nodes.a]\n[nodes.b]\n[[links]]\nbetween = ["a", "b"]\nfidelity = 0.9\n')
    assert "rate_hz" in refusal(invoke("plan", file, "--from", "a", "--to", "b"))


def test_names_with_brackets_are_printed_as_they_are(tmp_path):
    file = tmp_path / "brackets.toml"
    nodes = '[nodes."a[red]"]\n[nodes."[/b]"]\n'
    file.write_text(nodes + '[[links]]\nbetween = ["a[red]", "[/b]"]\nfidelity = 0.99\nrate_hz = 10.0\n')
    result = invoke("plan", file, "--from", "a[red]", "--to", "[/b]", "--trials", 20)
    assert result.exit_code == 0, result.output
    assert "a[red] – [/b]: best secret key rate" in result.stdout


def test_wrong_usage():
    result = invoke("plan", METRO, "--from", "vienna")
    assert result.exit_code == 2
    assert "--to" in plain(result.stderr)


def test_help_lists_the_options():
    text = plain(invoke("plan", "--help").stdout)
    for option in ("--from", "--to", "--min-fidelity", "--objective", "--max-rounds", "--avoid"):
        assert option in text


def test_every_purification_of_the_library_has_its_name(metro):
    options = ("--max-rounds", 1, "--trials", 0, "--objective", "fidelity", "--paths", 1)
    result = invoke(*PLAN, "--protocol", "double_selection", *options)
    assert result.exit_code == 0, result.output
    assert "by double_selection" in plain(result.stdout)
    assert "stringent" in refusal(invoke(*PLAN, "--protocol", "purest"))
    route = ("network", "routes", METRO, "--from", "vienna", "--to", "bratislava", "--purify-rounds", 1)
    one, other = (invoke(*route, "--k", 1, "--protocol", name) for name in ("dejmps", "double_selection"))
    assert one.exit_code == other.exit_code == 0, other.output
    assert plain(one.stdout) != plain(other.stdout)
