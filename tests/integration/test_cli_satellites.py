"""The commands on satellites: what they print is what the library finds, at any width, and how they refuse."""

import csv
import io
import json
from pathlib import Path

import matplotlib.image
import pytest
from typer.testing import CliRunner

from quantumlink import Network
from quantumlink.cli import app
from quantumlink.network import Weather, find_overpasses, satellite_keys, serve_keys

GLOBE = Path(__file__).parents[2] / "notebooks" / "networks" / "globe.toml"
DAY = ("--start", "2026-03-20")
TWO = ("--station", "graz", "--station", "xinglong")


def invoke(*arguments, width=250):
    env = {"COLUMNS": str(width), "LINES": "50", "NO_COLOR": "1", "TERM": "dumb", "TTY_COMPATIBLE": "1"}
    return CliRunner(env=env).invoke(app, ["satellites", *map(str, arguments)])


@pytest.fixture(scope="module")
def day():
    return find_overpasses(Network.load(GLOBE), ["graz", "xinglong"], start="2026-03-20")


def test_passes_are_those_of_the_library(day, tmp_path):
    chart, tracks = tmp_path / "chart.png", tmp_path / "map.png"
    pictures = ("--output", chart, "--tracks", tracks)
    result = invoke("passes", GLOBE, *DAY, *TWO, "--json", tmp_path / "p.json", *pictures)
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "p.json").read_text())
    assert len(data["passes"]) == len(day)
    for row, one in zip(data["passes"], day, strict=True):
        assert (row["station"], row["satellite"], row["rise_utc"]) == (one.station, one.satellite, one.rise)
        assert row["duration_s"] == pytest.approx(one.duration_s)
    assert data["together"][0]["seconds_per_day"] == 0
    for path in (chart, tracks):
        assert matplotlib.image.imread(path)[..., :3].std() > 0.05
    table = invoke("passes", GLOBE, *DAY, *TWO, "--csv")
    assert len(list(csv.DictReader(io.StringIO(table.stdout)))) == len(day)


def test_keys_are_those_of_the_library(day):
    network = Network.load(GLOBE)
    result = invoke("keys", GLOBE, *DAY, *TWO, "--from", "vienna", "--to", "beijing", "--json")
    served = serve_keys(satellite_keys(day), [("vienna", "beijing")], network=network)
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["keys"] == [
        {"ends": "vienna – beijing", "bits": served.bits[0], "bits_per_day": served.bits[0], "by_fiber": 0}
    ]
    assert served.bits[0] > 100_000
    made = {(row["satellite"], row["with"]): row["made_bits"] for row in data["blocks"]}
    assert made["leo-1", "graz"] == served.pools["leo-1", "graz"]


def test_clouds_repeat_with_their_seed(day):
    arguments = ("keys", GLOBE, *DAY, *TWO, "--from", "graz", "--to", "xinglong", "--clear", "0.5", "--seed", "11")
    one, other = (invoke(*arguments, "--json").stdout for _ in range(2))
    assert one == other
    data = json.loads(one)
    assert data["seed"] == 11
    keys = satellite_keys(day, weather=Weather(0.5, seed=11))
    assert data["keys"][0]["bits"] > 0
    assert data["keys"][0]["bits"] == serve_keys(keys, [("graz", "xinglong")], network=Network.load(GLOBE)).bits[0]


def test_the_best_stations_are_told():
    places = [x for name in ("graz", "tenerife", "xinglong", "westford") for x in ("--station", name)]
    result = invoke("keys", GLOBE, *DAY, *places, "--choose", "2", "--aim", "total", "--json")
    assert result.exit_code == 0, result.output
    notes = json.loads(result.stdout)["notes"]
    (stations,) = [note for note in notes if note.startswith("stations: ")]
    assert stations.count(",") == 1


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["passes", "keys"])
def test_tables_fit(command, width):
    ends = ("--from", "vienna", "--to", "beijing") if command == "keys" else ()
    result = invoke(command, GLOBE, *DAY, *TWO, *ends, width=width)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= width
    assert "…" not in result.stdout


def rows_of(output):
    """The cells of the boxed rows, without the thousands' commas."""
    lines = [line for line in output.splitlines() if line.startswith("│")]
    return [[cell.strip().replace(",", "") for cell in line.strip("│").split("│")] for line in lines]


def test_without_stations_a_person_reads_a_summary_and_data_hold_all():
    data = json.loads(invoke("passes", GLOBE, *DAY, "--json").stdout)
    read = invoke("passes", GLOBE, *DAY, width=80).stdout
    assert max(map(len, read.splitlines())) <= 80
    told, own = rows_of(read), [row for row in data["passes"] if row["station"] == "tenerife"]
    nights = sum(row["sky"] == "night" for row in own)
    seconds = [row["duration_s"] for row in own]
    highest = max(row["max_elevation_deg"] for row in own)
    expected = [len(own), nights, f"{sum(seconds):.0f}", f"{max(seconds):.0f}", f"{highest:.1f}"]
    assert ["tenerife", *map(str, expected)] in told
    assert f"{len(data['passes'])} passes" in read
    seen = [row["stations"] for row in data["together"] if row["seconds_per_day"]]
    assert [row[0] for row in told if " – " in row[0]] == seen
    assert f"never: {len(data['together']) - len(seen)} of {len(data['together'])} pairs" in read
    assert len(told) == 13 + len(seen)


def test_many_blocks_are_summed_by_station():
    ends = ("--from", "vienna", "--to", "beijing")
    blocks = json.loads(invoke("keys", GLOBE, *DAY, *ends, "--json").stdout)["blocks"]
    told = rows_of(invoke("keys", GLOBE, *DAY, *ends, width=80).stdout)
    assert len(blocks) > 40 > len(told)
    (graz,) = [row for row in told if row[0] == "graz"]
    own = [row for row in blocks if row["with"] == "graz"]
    light, *sums = (sum(row[name] for row in own) for name in ("light_s", "sifted", "secret_bits", "made_bits"))
    assert [graz[1], graz[2], *graz[4:]] == [f"{light:.0f}", *map(str, sums)]
    wrong = sum(row["sifted"] * row["qber"] for row in own)
    assert float(graz[3]) == pytest.approx(wrong / sums[0], rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("passes", GLOBE, *DAY, "--station", "graaz"), ["--station", "graaz", "did you mean 'graz'"]),
        (("passes", GLOBE, *DAY, "--min-elevation-deg", "95"), ["--min-elevation-deg", "95"]),
        (("passes", GLOBE, *DAY, "--days", "1e9"), ["--days", "366"]),
        (("passes", GLOBE, *DAY, "--days", "0"), ["--days"]),
        (("passes", GLOBE, "--start", "tomorrow"), ["--start", "tomorrow"]),
        (("passes", GLOBE.parent / "metro.toml", *DAY), ["orbit"]),
        (("keys", GLOBE, *DAY, *TWO, "--from", "vienna"), ["--from and --to"]),
        (("keys", GLOBE, *DAY, *TWO, "--from", "vienna", "--to", "berlin"), ["--to", "berlin"]),
        (("keys", GLOBE, *DAY, *TWO, "--clear", "1.5"), ["--clear", "1.5"]),
        (("keys", GLOBE, *DAY, *TWO, "--block", "day"), ["--block", "pass"]),
        (("keys", GLOBE, *DAY, *TWO, "--choose", "9"), ["--choose", "9"]),
        (("keys", GLOBE, *DAY, *TWO, "--from", "vienna", "--to", "boston"), ["boston", "no fibre"]),
    ],
)
def test_refusals_name_the_option(arguments, texts):
    result = invoke(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    for text in texts:
        assert text in result.stderr
