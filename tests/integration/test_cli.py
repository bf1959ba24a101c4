"""The command line: what it prints and writes, and how it refuses."""

import re
from pathlib import Path

import matplotlib.image
import pytest
from typer.testing import CliRunner

from quantumlink import Network, evaluate
from quantumlink.cli import app

METRO = Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml"
WIDE = {"COLUMNS": "200", "LINES": "50", "NO_COLOR": "1", "TERM": "dumb", "TTY_COMPATIBLE": "1"}  # as a terminal
QUICK = ("--shots", "20", "--rounds", "200", "--seed", "7")


def invoke(*arguments):
    return CliRunner(env=WIDE).invoke(app, [str(argument) for argument in arguments])


def run(*options, file=METRO, source="alice", target="bob", output):
    return invoke("run", file, "--from", source, "--to", target, *options, "--output", output)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def rows(text):
    """The rows of the tables: their first cell, and the others."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in plain(text).splitlines() if "│" in line]
    return {first: others for first, *others in cells if first}


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return tmp_path_factory.mktemp("cli") / "run.png"


@pytest.fixture(scope="module")
def finished(picture):
    return run("--shots", 500, "--rounds", 2_000, "--seed", 7, output=picture)


@pytest.fixture
def state():
    return evaluate(Network.load(METRO).route("alice", "bob"))


# --- a run


def test_a_run_ends_well(finished, picture):
    assert finished.exit_code == 0
    assert finished.stderr == ""  # nothing there but progress, and that only in a terminal
    *_, before, last = plain(finished.stdout).splitlines()
    assert str(picture) in before
    assert last == "seed: 7"


def test_the_table_shows_the_exact_values(finished, state):
    table = rows(finished.stdout)
    expected = {
        "fidelity to Φ⁺": state.fidelity,
        "⟨XX⟩": state.expectation("XX"),
        "⟨YY⟩": state.expectation("YY"),
        "⟨ZZ⟩": state.expectation("ZZ"),
        "QBER Z": state.qber("Z"),
        "QBER X": state.qber("X"),
        "acceptance": state.success_probability,
        "CHSH, at best": state.chsh,
    }
    for name, value in expected.items():
        assert table[name][0] == f"{value:.4f}"
    assert "alice – bob: 2 elementary pairs, 1500 runs on Aer" in finished.stdout


def test_each_measured_value_stands_beside_with_its_interval(finished):
    table = rows(finished.stdout)
    for name in ("fidelity to Φ⁺", "⟨XX⟩", "⟨YY⟩", "⟨ZZ⟩", "QBER Z", "QBER X", "acceptance"):
        best, low, high = (float(x) for x in re.findall(r"-?\d\.\d{4}", table[name][1]))
        assert low <= best <= high
        # Seeded, so this repeats. The 95 % intervals of 500 runs are some ±0.05 wide; three times that is no miss.
        assert abs(best - float(table[name][0])) <= 3 * (high - low) / 2


def test_the_key_table_holds_the_account(finished):
    table = rows(finished.stdout)
    rounds, accepted, sifted = (int(n) for n in table["rounds, accepted, sifted"][0].split(","))
    assert (rounds, accepted) == (2_000, 2_000)
    assert 0 < sifted < accepted
    assert "[" in table["QBER Z, disclosed sample"][0]
    assert "[" in table["QBER X, all disclosed"][0]
    assert table["pairs a second, at most"] == ["400.0"]


def test_a_refused_key_prints_none_and_why(finished):
    table = rows(finished.stdout)
    assert table["secret key"] == ["none"]
    assert "why there is no key: " in finished.stdout
    assert "secret bits a second, at most" not in table


def test_a_key_prints_its_length(tmp_path):
    result = run("--shots", 20, "--rounds", 200_000, "--seed", 7, output=tmp_path / "x.png")
    table = rows(result.stdout)
    bits = int(re.fullmatch(r"(\d+) bits", table["secret key"][0])[1])
    accepted = int(table["rounds, accepted, sifted"][0].split(",")[1])
    assert bits > 1_000
    assert table["secret bits a round"] == [f"{bits / 200_000:.4f}"]
    assert table["secret bits a second, at most"] == [f"{400 * bits / accepted:.1f}"]
    assert "why there is no key" not in result.stdout
    assert "none" not in result.stdout


def test_the_picture_is_a_picture(finished, picture):
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = matplotlib.image.imread(picture)[..., :3]
    height, width, _ = pixels.shape
    assert 600 < height < 3_000
    assert 800 < width < 4_000
    assert pixels.std() > 0.05
    # not one of its three parts is blank: the circuit above, the two plots below
    for part in (pixels[: height // 2], pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :]):
        assert part.std() > 0.05


def test_a_seed_repeats_the_tables(finished, picture):
    again = run("--shots", 500, "--rounds", 2_000, "--seed", 7, output=picture)
    assert again.stdout == finished.stdout
    other = run("--shots", 500, "--rounds", 2_000, "--seed", 8, output=picture)
    assert rows(other.stdout)["fidelity to Φ⁺"][0] == rows(finished.stdout)["fidelity to Φ⁺"][0]
    assert rows(other.stdout) != rows(finished.stdout)


def test_a_drawn_seed_is_printed_and_repeats_the_run(tmp_path):
    output = tmp_path / "x.png"
    options = ("--shots", 50, "--rounds", 2_000)
    first = run(*options, output=output)
    seed = re.search(r"seed: (\d+)$", plain(first.stdout).strip())[1]
    again = run(*options, "--seed", seed, output=output)
    assert again.stdout == first.stdout


def test_purified_hops(tmp_path):
    result = run(*QUICK, "--purify-rounds", 1, output=tmp_path / "x.png")
    link = Network.load(METRO).route("alice", "bob", purify_rounds=1)
    state = evaluate(link)
    table = rows(result.stdout)
    assert "4 elementary pairs" in result.stdout
    assert table["fidelity to Φ⁺"][0] == f"{state.fidelity:.4f}"
    assert table["acceptance"][0] == f"{state.success_probability:.4f}"
    assert state.success_probability < 0.95


def test_a_network_without_rates_and_swaps(tmp_path):
    file = tmp_path / "pair.toml"
    file.write_text('[nodes.a]\n[nodes.b]\n[[links]]\nbetween = ["a", "b"]\nfidelity = 0.9\n')
    result = run(*QUICK, file=file, source="b", target="a", output=tmp_path / "x.png")
    assert result.exit_code == 0
    assert "b – a: 1 elementary pair," in result.stdout
    assert rows(result.stdout)["fidelity to Φ⁺"][0] == "0.9000"
    assert "pairs a second" not in result.stdout


def test_a_run_interrupted_before_its_first_measurement_tells_predictions_alone(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("qiskit_aer.primitives.SamplerV2.run", interrupted)
    result = run(*QUICK, output=tmp_path / "x.png")
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert "exact" in result.stdout
    assert "measured" not in result.stdout
    assert not list(tmp_path.iterdir())


# --- help


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_help_lists_the_commands(arguments):
    result = invoke(*arguments)
    text = plain(result.output)
    assert re.search(r"\brun\b", text)
    assert "quantum networks" in text
    assert result.exit_code == (0 if arguments else 2)


def test_help_lists_the_options_with_their_defaults():
    result = invoke("run", "--help")
    text = " ".join(plain(result.stdout).split())
    assert result.exit_code == 0
    for option in ("--from", "--to", "--shots", "--rounds", "--purify-rounds", "--seed", "--output"):
        assert option in text
    for default in ("20000", "200000"):
        assert default in text


# --- the library's circuits


def test_circuits_are_listed():
    result = invoke("circuits")
    table = rows(result.stdout)
    assert result.exit_code == 0
    assert table["teleportation"][:1] == ["3"]
    assert {"bell_pair", "entanglement_swap", "dejmps", "bbpssw"} <= set(table)


def test_a_circuit_is_shown_and_exported(tmp_path):
    shown = invoke("circuits", "show", "bell_measurement")
    assert shown.exit_code == 0
    assert "phase" in shown.stdout
    program = tmp_path / "bell.qasm"
    exported = invoke("circuits", "show", "bell_measurement", "--format", "qasm3", "--output", program)
    assert exported.exit_code == 0
    assert program.read_text().startswith("OPENQASM 3")
    picture = tmp_path / "bell.png"
    drawn = invoke("circuits", "show", "bell_measurement", "--format", "png", "--output", picture)
    assert drawn.exit_code == 0
    assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("teleportatoin",), ("name", "'teleportatoin'", "did you mean 'teleportation'")),
        (("[/x]",), ("name", "'[/x]'")),
        (("bell_pair", "--format", "png", "--output", "/nowhere/x.png"), ("/nowhere/x.png",)),
        (("bell_pair", "--format", "qasm3", "--output", "/nowhere/x.qasm"), ("/nowhere/x.qasm",)),
    ],
)
def test_circuits_that_cannot_be_shown(arguments, fragments):
    line = refusal(invoke("circuits", "show", *arguments))
    for fragment in fragments:
        assert fragment in line


# --- mistakes


def refusal(result):
    """The one line of a refused run; everything else about it is checked here."""
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    line, rest = plain(result.stderr).split("\n", 1)
    assert rest == ""
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("options", "ends", "fragments"),
    [
        ((), ("alise", "bob"), ("'alise'", "did you mean 'alice'", "vienna")),
        ((), ("alice", "bobb"), ("'bobb'", "did you mean 'bob'")),
        ((), ("alice", "alice"), ("two different nodes", "'alice'")),
        (("--shots", 0), ("alice", "bob"), ("--shots", "at least 1", "got 0")),
        (("--shots", -10), ("alice", "bob"), ("--shots", "at least 1", "got -10")),
        (("--rounds", 0), ("alice", "bob"), ("--rounds", "at least 1", "got 0")),
        (("--purify-rounds", -1), ("alice", "bob"), ("--purify-rounds", "0 to 64", "got -1")),
        (("--seed", -1), ("alice", "bob"), ("--seed", "-1")),
    ],
)
def test_wrong_options(tmp_path, options, ends, fragments):
    source, target = ends
    line = refusal(run(*QUICK, *options, source=source, target=target, output=tmp_path / "x.png"))
    for fragment in fragments:
        assert fragment in line
    assert not list(tmp_path.iterdir())


def test_a_missing_file(tmp_path):
    line = refusal(run(*QUICK, file=tmp_path / "nowhere.toml", output=tmp_path / "x.png"))
    assert "nowhere.toml" in line
    assert "No such file" in line


def test_a_folder_instead_of_a_file(tmp_path):
    line = refusal(run(*QUICK, file=tmp_path, output=tmp_path / "x.png"))
    assert str(tmp_path) in line


@pytest.mark.parametrize(
    ("before", "after", "fragments"),
    [
        ("t2_s = 1.0", "t2_s = 30.0", ("[nodes.relay] memory", "t2_s", "2·t1_s", "30.0")),
        ("length_km = 25.0", "lenght_km = 25.0", ("[[links]] number 1", "lenght_km", "did you mean 'length_km'")),
        ("readout_error = 1e-3", "readout_error = [1, 2]", ("[nodes.relay] processor", "[true][read]", "[1, 2]")),
        ("fidelity = 0.97", "fidelity = 97", ("[[links]] number 1", "fidelity", "97", "[0.25, 1]")),
        ("[nodes.relay]", "[nodes.relay", ("not TOML", "line 10")),
    ],
)
def test_a_bad_file(tmp_path, before, after, fragments):
    file = tmp_path / "bad.toml"
    text = METRO.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    line = refusal(run(*QUICK, file=file, output=tmp_path / "x.png"))
    for fragment in ("bad.toml", *fragments):
        assert fragment in line


@pytest.mark.parametrize("name", ["[bold]", "[/x]", "a]b[/b]"])
def test_brackets_in_a_path_are_printed_as_they_are(tmp_path, name):
    missing = tmp_path / name / "nowhere.toml"
    assert str(missing) in refusal(run(*QUICK, file=missing, output=tmp_path / "x.png"))
    output = tmp_path / f"{name}.png".replace("/", "")
    result = run(*QUICK, output=output)
    assert result.exit_code == 0
    assert str(output) in result.stdout


def test_brackets_in_a_node_name_are_printed_as_they_are(tmp_path):
    file = tmp_path / "pair.toml"
    text = '[nodes."a[red]"]\n[nodes."[/b]"]\n[[links]]\nbetween = ["a[red]", "[/b]"]\nfidelity = 0.9\n'
    file.write_text(text)
    result = run(*QUICK, file=file, source="a[red]", target="[/b]", output=tmp_path / "x.png")
    assert result.exit_code == 0
    assert "a[red] – [/b]" in result.stdout


@pytest.mark.parametrize(
    ("output", "fragment"),
    [("missing/x.png", "missing/x.png"), ("x.picture", "picture"), ("file.txt/x.png", "file.txt")],
)
def test_an_output_that_cannot_be_written(tmp_path, output, fragment):
    (tmp_path / "file.txt").touch()
    line = refusal(run(*QUICK, output=tmp_path / output))
    assert fragment in line


def test_a_folder_is_no_output(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    line = refusal(run(*QUICK, output=folder))
    assert "pictures" in line
    assert list(tmp_path.iterdir()) == [folder]  # nor is anything written beside it


def test_the_printed_path_is_where_the_picture_is(tmp_path):
    output = tmp_path / "without-suffix"
    result = run(*QUICK, output=output)
    assert result.exit_code == 0
    (written,) = tmp_path.iterdir()
    assert re.search(rf"picture: {re.escape(str(written))}\s", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("run",), "FILE"),
        (("run", METRO), "--from"),
        (("run", METRO, "--from", "alice"), "--to"),
        (("run", METRO, "--from", "alice", "--to", "bob", "--shots", "many"), "--shots"),
        (("run", METRO, "--from", "alice", "--to", "bob", "--shot", "5"), "--shots"),
        (("rum",), "rum"),
    ],
)
def test_wrong_usage(arguments, fragment):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert fragment in plain(result.stderr)
    assert "Traceback" not in result.output
