"""``quantumlink qkd``: what it prints, writes and refuses, and that what it reports is what the library says."""

import json
import re
import stat
from dataclasses import fields, replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from scipy.stats import hypergeom
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink.cli import app
from quantumlink.cli.qkd_options import Attacks, attack_of, chosen_names
from quantumlink.cli.qkd_protocols import PROTOCOLS
from quantumlink.cli.qkd_report import report_of, text_of
from quantumlink.hardware import Detector, Fiber
from quantumlink.parts import parts_of
from quantumlink.qkd.protocols import B92, BB84
from quantumlink.security.channel_rates import CHANNEL_RATES

METRO = Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml"
WIDE = {"COLUMNS": "320", "NO_COLOR": "1", "TERM": "dumb"}
PARTS = {"BB84", "SixState", "B92", "SARG04", "DecoyBB84", "OneDecoyBB84", "WeakPulseBB84", "BBM92",
         "SixStatePairs", "E91", "MDI", "DecoyMDI", "TwinField", "SecretSharing", "Conference"}  # fmt: skip

PULSES = ("--rounds", 3_000_000, "--km", 5, "--z-probability", 0.8)
QUICK = {
    "decoy-bb84": (*PULSES, "--intensities", 0.5, 0.1, 0, "--intensity-probabilities", 0.7, 0.2, 0.1),
    "one-decoy-bb84": (*PULSES, "--intensities", 0.5, 0.15, "--intensity-probabilities", 0.7, 0.3),
    "weak-pulse-bb84": (*PULSES, "--intensity", 0.1),
    "b92": ("--km", 0, "--rounds", 40_000, "--angle", 1.57, "--test-fraction", 0.2),
    "decoy-mdi": (
        "--rounds",
        3_000_000,
        "--km",
        5,
        "--z-probability",
        0.5,
        "--signal-intensity",
        0.5,
        "--intensities",
        0.5,
        0.1,
        0,
        "--intensity-probabilities",
        0.3,
        0.5,
        0.2,
    ),
    "twin-field": (
        *("--rounds", 3_000_000, "--km", 5, "--z-probability", 0.5, "--signal-intensity", 0.5),
        *("--sending-probability", 0.05, "--intensities", 0.4, 0.1, 0, "--intensity-probabilities", 0.2, 0.5, 0.3),
    ),
}
"""Runs that end with a key or without one in well under a second."""


def qkd(*arguments):
    return CliRunner(env=WIDE).invoke(app, ["qkd", *map(str, arguments)])


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def without_date(text):
    return re.sub(r"made .*", "", text)


def quick(protocol):
    return QUICK.get(protocol, ("--rounds", 20_000, "--km", 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("qkd")


@pytest.fixture(scope="module")
def listened(folder):
    """A key though somebody listened: everything that a run can write."""
    options = (
        "--km",
        20,
        "--rounds",
        300_000,
        "--seed",
        7,
        "--attack",
        "intercept-resend:0.1",
        "--z-probability",
        0.8,
    )
    files = ("--json", folder / "r.json", "--output", folder / "r.png", "--key-file", folder / "r.key")
    return qkd("bb84", *options, *files)


@pytest.fixture(scope="module")
def report(listened, folder):
    assert listened.exit_code == 0, listened.stderr
    return json.loads((folder / "r.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def same_key():
    """The same run, by the library."""
    return ql.qkd.bb84(
        Fiber(20), rounds=300_000, seed=7, detector=Detector(), eavesdropper=ql.qkd.InterceptResend(0.1)
    )


# --- a key


def test_the_report_is_what_the_library_says(report, same_key):
    assert report["secret_bits"] == len(same_key) > 10_000
    assert report["outcome"] == "secret key"
    assert report["reason"] is None
    assert report["copies_agree"] is True
    assert report["rounds"] == {
        "attempted": 300_000,
        "accepted": same_key.accepted,
        "sifted": same_key.sifted,
        "compared in the test basis": same_key.tested,
        "compared in the key basis": same_key.sampled,
    }
    rate = report["error_rates"]["test basis"]
    assert (rate["low"], rate["best"], rate["high"]) == tuple(same_key.test_qber)
    assert report["ledger"] == [list(entry) for entry in same_key.ledger]
    assert (report["security"]["eps_sec"], report["security"]["eps_cor"]) == (1e-10, 1e-10)
    assert report["security"]["epsilon"] == pytest.approx(2e-10)
    assert report["origin"] == ["simulated", "seeded"]


def test_the_ledger_adds_up_to_the_key(report):
    assert sum(bits for _, bits in report["ledger"]) == report["secret_bits"]


def test_every_term_of_the_bound_is_there_and_gives_its_length(report):
    terms = report["security"]["terms"]
    # the bound computed again from the reported terms alone
    h = -sum(p * np.log2(p) for p in (terms["phase_error_bound"], 1 - terms["phase_error_bound"]))
    assert terms["phase_error_bound"] == pytest.approx(terms["qber"] + terms["mu"], abs=1e-12)
    n, k = terms["n"], terms["k"]
    most, seen = round(terms["phase_error_bound"] * n), round(terms["qber"] * k)
    tails = [hypergeom.logcdf(seen, n + k, seen + more, k) for more in (most, most + 1)]
    assert tails[0] > 2 * np.log(1e-10 / 4) >= tails[1]
    price = np.log2(2 / (1e-10**2 * 1e-10))
    assert terms["length"] == int(n * (1 - h) - terms["leak"] - price)
    assert report["secret_bits"] == terms["length"] - report["authentication_bits"]
    assert terms["leak"] == report["reconciliation"]["disclosed_bits"]


def test_what_eve_knows_is_what_intercept_and_resend_yields(report):
    eve = report["eavesdropper"]
    # She attacks a tenth and measures in the right basis half of the time: all of the bit, or nothing.
    assert eve["holevo_bits"] == pytest.approx(0.05, abs=1e-9)
    assert eve["mutual_bits"] == pytest.approx(0.05, abs=1e-9)
    assert eve["guess_probability"] == pytest.approx(0.9 / 2 + 0.1 * 0.75, abs=1e-9)
    assert eve["granted_bits"] > eve["holevo_bits"]


def test_a_report_holds_nothing_that_remakes_the_key(report, same_key):
    """Whoever knows the seed besides can; so it is in no report, under no name."""
    again = BB84.from_dict(report["session"] | {"seed": 7}).run()
    assert np.array_equal(again.secret_bits, same_key.secret_bits)
    with pytest.raises(ValueError, match=r"missing \['seed'\]"):
        BB84.from_dict(report["session"])

    def names(data):
        if isinstance(data, dict):
            yield from data
        for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
            yield from names(each)

    assert "seed" not in set(names(report))


def test_without_a_seed_two_runs_have_nothing_in_common(tmp_path):
    files = [tmp_path / name for name in ("one.key", "other.key")]
    for file in files:
        assert qkd("bb84", "--km", 0, "--rounds", 30_000, "--eps-sec", 1e-6, "--key-file", file).exit_code == 0
    one, other = (np.array(list(file.read_text().splitlines()[1]), dtype=int) for file in files)
    n = min(len(one), len(other))
    # within six standard deviations of one half, beyond 1e-8
    assert abs(np.mean(one[:n] != other[:n]) - 0.5) < 3 / np.sqrt(n)


def test_versions_and_assumptions_are_told(report):
    assert report["versions"]["quantumlink"] == ql.__version__
    assert {"python", "qiskit", "numpy", "scipy"} <= set(report["versions"])
    assert any("single photons" in line for line in report["assumptions"])
    assert any("512 bits" in line for line in report["assumptions"])


def test_the_text_tells_what_the_json_tells(listened, report):
    text = plain(listened.stdout)
    assert text.startswith(f"Report of a key distribution by BB84: SECRET KEY of {report['secret_bits']} bits\n")
    for word in ("Ledger", "Assumptions", "Eavesdropper", "Versions", "InterceptResend(fraction=0.1"):
        assert word in text
    for _, value in report["security"]["terms"]["lines"]:
        assert value.split(",")[0] in text
    assert text.startswith(text_of(report))
    assert listened.stderr == ""


def test_the_picture_is_a_picture(listened, folder):
    pixels = matplotlib.image.imread(folder / "r.png")[..., :3]
    height, width, _ = pixels.shape
    assert 300 < height < 1_500
    assert 600 < width < 3_000
    for part in (pixels[:, : width // 2], pixels[:, width // 2 :]):  # the ledger, and Eve
        assert part.std() > 0.05


# --- secrets


def test_the_key_file_holds_the_key_for_its_owner_alone(listened, folder, same_key):
    file = folder / "r.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    origin, bits = file.read_text("ascii").splitlines()
    assert origin == "# simulated, seeded: for study, not for use"
    assert bits == "".join(str(bit) for bit in same_key.secret_bits)


def test_no_secret_is_printed_or_written_elsewhere(listened, folder, same_key):
    for text in (listened.stdout, listened.stderr, (folder / "r.json").read_text("utf-8")):
        assert not re.search(r"[01]{40}", text)
        compact = re.sub(r"[^01]", "", text)
        # 64 bits of the key by chance among 10⁴ digits: 25183·10⁴·2⁻⁶⁴ < 1e-10
        bits = "".join(str(bit) for bit in same_key.secret_bits)
        assert not any(bits[i : i + 64] in compact for i in range(0, len(bits) - 64, 64))


def test_a_key_file_is_never_written_over(tmp_path):
    file = tmp_path / "old.key"
    file.write_text("mine")
    result = qkd("bb84", *quick("bb84"), "--key-file", file)
    assert "--key-file must be a new file" in refusal(result)
    assert file.read_text() == "mine"
    link = tmp_path / "link.key"
    link.symlink_to(tmp_path / "elsewhere")
    assert "--key-file must be a new file" in refusal(qkd("bb84", *quick("bb84"), "--key-file", link))
    assert not (tmp_path / "elsewhere").exists()


def test_no_key_no_key_file(tmp_path):
    options = ("--rounds", 20_000, "--km", 0, "--seed", 7, "--attack", "intercept-resend")
    result = qkd("bb84", *options, "--key-file", tmp_path / "none.key", "--json", tmp_path / "r.json")
    assert result.exit_code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert "none.key" not in result.stdout


# --- no key


def test_a_refused_key_is_an_outcome_with_its_reason(tmp_path):
    file = tmp_path / "r.json"
    options = ("--km", 0, "--rounds", 20_000, "--seed", 7, "--attack", "intercept-resend:1", "--json", file)
    result = qkd("bb84", *options)
    assert result.exit_code == 3
    assert result.stderr == ""
    found = json.loads(file.read_text("utf-8"))
    assert (found["outcome"], found["secret_bits"], found["copies_agree"]) == ("no secret key", 0, None)
    assert found["reason"].startswith("nothing is secret at error rates of 0.2")
    assert "NO SECRET KEY\n  reason  nothing is secret" in result.stdout
    # ¼ of the compared bits differ: over 700 of them, 6 standard deviations are ±0.1
    assert found["error_rates"]["test basis"]["best"] == pytest.approx(0.25, abs=0.1)


def test_blinded_detectors_give_no_key_though_the_numbers_are_perfect():
    result = qkd("bb84", "--km", 0, "--rounds", 50_000, "--seed", 7, "--attack", "detector-blinding:0.5")
    assert result.exit_code == 3
    assert "outside of what the bound covers" in plain(result.stdout)


def test_no_round_arrives_and_json_still_has_no_infinity(tmp_path):
    file = tmp_path / "r.json"
    result = qkd("bb84", "--km", 400, "--rounds", 10, "--seed", 7, "--json", file)
    assert result.exit_code == 3
    found = json.loads(file.read_text("utf-8"), parse_constant=pytest.fail)
    assert found["error_rates"] == {"key basis": None, "test basis": None}
    assert "not measured" in result.stdout


# --- every protocol


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_reports(protocol, tmp_path):
    file, picture = tmp_path / "r.json", tmp_path / "r.png"
    result = qkd(protocol, *quick(protocol), "--seed", 7, "--json", file, "--output", picture)
    found = json.loads(file.read_text("utf-8"))
    assert result.exit_code == (0 if found["secret_bits"] else 3), result.stderr
    assert (found["reason"] is None) == bool(found["secret_bits"])
    if found["secret_bits"]:
        assert sum(bits for _, bits in found["ledger"]) == found["secret_bits"]
        assert found["copies_agree"] is True
    assert found["security"]["proof"] == kind_of(protocol).proof.reference
    assert matplotlib.image.imread(picture)[..., :3].std() > 0.05
    again = qkd(protocol, *quick(protocol), "--seed", 7)
    assert without_date(result.stdout).startswith(without_date(again.stdout))


def kind_of(protocol):
    return PROTOCOLS[protocol][0]().session(protocol)


def test_every_session_has_its_proof():
    sessions = [kind_of(name) for name in PROTOCOLS]
    assert {type(session).__name__ for session in sessions} == PARTS
    assert all(session.proof.reference and session.proof.attacks for session in sessions)


def test_no_device_independence_is_sold_for_pairs_that_were_picked_by_measuring_them(tmp_path):
    """Half of the photons are not seen: counted as outcomes they leave no violation, and no key."""
    result = qkd("e91", "--km", 20, "--detector-efficiency", 0.5, "--seed", 7)
    assert result.exit_code == 3
    assert "NO SECRET KEY" in result.stdout
    assert "whatever the devices do" not in result.stdout
    good = qkd("e91", "--rounds", 300_000, "--seed", 7)
    assert good.exit_code == 0
    assert "whatever the devices do" not in good.stdout


def test_e91_tells_its_bell_test(tmp_path):
    file = tmp_path / "r.json"
    qkd("e91", "--fidelity", 0.97, "--rounds", 200_000, "--seed", 7, "--json", file)
    found = json.loads(file.read_text("utf-8"))["bell_test"]
    # 2√2·(4F−1)/3; four correlators of some 22,000 rounds each: 6 standard deviations are ±0.06
    assert found["best"] == pytest.approx(2 * np.sqrt(2) * 0.96, abs=0.06)
    assert found["low"] < found["best"] < found["high"]


def test_pairs_over_a_fibre_tell_how_rarely_they_arrive(tmp_path):
    file = tmp_path / "r.json"
    result = qkd("bbm92", "--km", 50, "--rounds", 20_000, "--detector-efficiency", 0.5, "--seed", 7, "--json", file)
    # η = 0.1 over the whole fibre, and half of the photons are seen at either end
    pairs = json.loads(file.read_text("utf-8"))["pairs"]
    assert pairs["attempts_per_round"] == pytest.approx(1 / (0.1 * 0.25))
    assert re.search(r"attempts for a round +40 on average", result.stdout)


def test_a_bell_test_that_finds_its_pairs_by_measuring_counts_every_attempt(tmp_path):
    """20 km and detectors of one half: a pair in ten attempts, which are rounds all the same, and give no key."""
    file, link = tmp_path / "r.json", ("--km", 20, "--detector-efficiency", 0.5, "--seed", 1, "--rounds", 100_000)
    told = {}
    for protocol in ("e91", "bbm92"):
        result = qkd(protocol, *link, "--json", file)
        told[protocol] = json.loads(file.read_text("utf-8")) | {"exit": result.exit_code}
    assert told["e91"]["exit"] == 3
    assert "whatever the devices do" not in json.dumps(told["e91"])
    assert told["e91"]["pairs"]["attempts_per_round"] == 1
    assert told["bbm92"]["pairs"]["attempts_per_round"] == pytest.approx(1 / (10**-0.4 * 0.25))
    attempts = [
        pairs["attempts_per_round"] * pairs["rounds_per_second_at_most"]
        for pairs in (told[protocol]["pairs"] for protocol in told)
    ]
    assert attempts[0] == pytest.approx(attempts[1])  # of one source, a second


def test_a_route_of_a_network(tmp_path):
    file = tmp_path / "r.json"
    way = ("--network", METRO, "--from", "alice", "--to", "bob")
    result = qkd("bbm92", *way, "--rounds", 200_000, "--seed", 7, "--json", file)
    assert result.exit_code == 0
    found = json.loads(file.read_text("utf-8"))
    assert found["chosen"] == ["z probability"]
    session = ql.qkd.BBM92(link=ql.Network.load(METRO).route("alice", "bob"), rounds=200_000, seed=7)
    same = ql.qkd.optimize_session(session, fixed=["sample_fraction"]).session.run()
    assert found["secret_bits"] == len(same) > 0
    assert found["pairs"]["rounds_per_second_at_most"] == pytest.approx(400)


# --- attacks


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("intercept-resend", ql.qkd.InterceptResend()),
        ("intercept-resend:0.2", ql.qkd.InterceptResend(0.2)),
        ("intercept-resend:0.2,basis=breidbart", ql.qkd.InterceptResend(0.2, basis="breidbart")),
        ("entangling-probe:0.5,strength=1", ql.qkd.EntanglingProbe(0.5, strength=1.0)),
        ("phase-covariant-cloner:1,disturbance=0.05", ql.qkd.PhaseCovariantCloner(disturbance=0.05)),
        ("universal-cloner:0.3", ql.qkd.UniversalCloner(0.3)),
        ("photon-number-splitting:0.4,blocked=1", ql.qkd.PhotonNumberSplitting(0.4, blocked=1.0)),
        ("detector-blinding:0.1", ql.qkd.DetectorBlinding(0.1)),
        (
            "memory:0.5,wait_s=1e-3,t1_s=1,t2_s=1e-3",
            ql.qkd.MemoryAttack(0.5, wait_s=1e-3, memory=ql.Memory(t1_s=1.0, t2_s=1e-3)),
        ),
    ],
)
def test_attacks_by_name(text, policy):
    assert attack_of(text) == policy


def test_every_attack_of_the_library_has_a_name():
    def kinds(base):
        return {base, *(kind for child in base.__subclasses__() for kind in kinds(child))}

    own = {kind for kind in kinds(ql.qkd.Eavesdropper) if kind.__module__.startswith("quantumlink.")}
    assert {part.cls for part in parts_of("eavesdropper").values()} == own - {ql.qkd.Eavesdropper}


# --- rates


def test_rates_are_those_of_the_library_and_stay_below_plob(tmp_path):
    file, picture = tmp_path / "rates.json", tmp_path / "rates.png"
    result = qkd("rates", "--max-km", 320, "--json", file, "--output", picture)
    assert result.exit_code == 0
    found = json.loads(file.read_text("utf-8"))
    assert found["km"] == [40.0 * i for i in range(1, 9)]
    eta = 10 ** (-0.02 * np.array(found["km"]))
    table = {name: np.array(row) for name, row in found["secret_bits_per_pulse"].items()}
    assert set(table) == {*CHANNEL_RATES, "PLOB"}
    np.testing.assert_allclose(table["PLOB"], -np.log2(1 - eta), rtol=1e-9)
    for name, row in table.items():
        if name not in ("PLOB", "twin-field"):  # whose relay is what PLOB has no place for
            assert (row < table["PLOB"]).all(), name
    # single photons: gain·(1 − 2.16·h(e)), e = (½Y₀ + e_d·η)/(Y₀ + η), near enough where dark counts are rare
    seen, dark = 0.8 * eta[0], 1 - np.exp(-100 * 1e-9)
    e = (0.5 * dark + 0.01 * seen) / (dark + seen)
    h = -e * np.log2(e) - (1 - e) * np.log2(1 - e)
    assert table["bb84"][0] == pytest.approx((dark + seen) * (1 - 2.16 * h), rel=1e-3)
    assert "twin-field" in result.stdout
    assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


# --- the drill of a monitor

DRILL = ("monitor", "--km", 20, "--depolarization-per-km", 1e-3, "--rounds", 60_000, "--seed", 7)


def test_the_monitor_notices_an_attack_soon(tmp_path):
    file, picture = tmp_path / "m.json", tmp_path / "m.png"
    result = qkd(*DRILL, "--attack", "intercept-resend:0.4", "--json", file, "--output", picture)
    assert result.exit_code == 4
    found = json.loads(file.read_text("utf-8"))
    (alarm,) = found["alarms"]
    # ξ/4 of 40 % on top of 1 %: some 50 compared rounds on average, and hardly ever ten times as many
    assert 0 <= alarm["round"] - found["attack_from_round"] < 500
    assert alarm["false"] is False
    assert alarm["in_words"] in " ".join(result.stdout.split())
    assert f"{alarm['round'] - found['attack_from_round']} rounds after she began" in result.stdout
    # 40 % of 60,000 photons arrive, half of them in equal bases: 12,000 with a deviation of 100, half of them quiet
    assert found["compared_rounds"] == pytest.approx(12_000, abs=600)
    assert found["attack_from_round"] == pytest.approx(6_000, abs=450)
    assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


def test_the_monitor_learns_its_baseline_and_keeps_quiet(tmp_path):
    file = tmp_path / "m.json"
    result = qkd(*DRILL, "--attack", "intercept-resend:0", "--json", file)
    assert result.exit_code == 0
    assert "NO ALARM" in result.stdout
    found = json.loads(file.read_text("utf-8"))
    # (1 − exp(−0.02))/2 = 0.0099, and the upper end of an interval from 120,000 rounds: + 2 of 0.0003
    assert found["baseline"] == pytest.approx(0.0099 + 2 * 0.0003, abs=0.0018)
    assert found["alarms"] == []
    assert found["rounds_between_false_alarms"] >= 1e7
    assert found["watched_rounds"] == found["compared_rounds"]


def test_a_drill_without_quiet_rounds():
    result = qkd(*DRILL, "--quiet-share", 0, "--baseline", 0.012)
    assert result.exit_code == 4
    assert "from compared round 0 on" in " ".join(result.stdout.split())
    assert re.search(r"baseline +0.01200", " ".join(result.stdout.split()))


# --- mistakes


def refusal(result):
    """The one line of a refused run."""
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.stdout == ""
    line, rest = plain(result.stderr).split("\n", 1)
    assert rest == ""
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("bb84", "--rounds", 0), ("rounds", "at least 1", "got 0")),
        (("bb84", "--seed", -1), ("seed", "-1")),
        (("bb84", "--km", -3), ("--km", "-3")),
        (("bb84", "--eps-sec", 0), ("--eps-sec", "strictly between 0 and 1")),
        (("bb84", "--detector-efficiency", 1.5), ("efficiency", "1.5")),
        (("bb84", "--z-probability", 1), ("--z-probability",)),
        (("bb84", "--attack", "intercept-resent"), ("--attack", "did you mean 'intercept-resend'")),
        (("bb84", "--attack", "intercept-resend:2"), ("fraction", "[0, 1]", "2")),
        (("bb84", "--attack", "intercept-resend:half"), ("fraction", "'half'")),
        (("bb84", "--attack", "intercept-resend:0.5,bases=Z"), ("basis=…", "'bases=Z'")),
        (("bb84", "--attack", "intercept-resend:0.5,basis=W"), ("basis", "'W'")),
        (("bb84", "--attack", "photon-number-splitting:0.5"), ("single photons", "DecoyBB84")),
        (("b92", "--attack", "detector-blinding:0.5"), ("protocol with bases",)),
        (("decoy-bb84", "--intensities", 0.1, 0.5, 0), ("intensities", "fall")),
        (("conference", "--parties", 1), ("--parties", "2 to 8", "got 1")),
        (("conference", "--parties", 20), ("--parties", "2 to 8", "got 20")),
        (("bbm92", "--fidelity", 97), ("fidelity", "97")),
        (("bbm92", "--from", "alice"), ("--from", "--network")),
        (("bbm92", "--network", METRO, "--from", "alice"), ("--network", "needs --to")),
        (("bbm92", "--network", METRO, "--from", "alise", "--to", "bob"), ("did you mean 'alice'",)),
        (("bbm92", "--network", METRO, "--from", "alice", "--to", "bob", "--km", 5), ("--km", "--network")),
        (("monitor", "--quiet-share", 1.5), ("--quiet-share", "1.5")),
        (("monitor", "--rounds", 1, "--km", 400), ("--rounds", "none of 1 was sifted")),
        (("monitor", "--suspect", 0), ("--suspect", "above zero")),
        (("monitor", "--baseline", 0.6), ("baseline", "0.6")),
        (("rates", "--max-km", 0), ("--max-km", "above zero")),
        (("rates", "--output", "rates.jpg"), ("--output", ".png, .pdf, .svg")),
    ],
)
def test_wrong_values(arguments, fragments):
    line = refusal(qkd(*arguments))
    for fragment in fragments:
        assert fragment in line


@pytest.mark.parametrize("option", ["--json", "--output", "--key-file"])
def test_files_that_cannot_be_written_are_refused_before_the_work(option, tmp_path, monkeypatch):
    monkeypatch.setattr("quantumlink.qkd.protocols.session.Session.run", pytest.fail)
    assert option in refusal(qkd("bb84", option, tmp_path / "nowhere" / "x.png"))


@pytest.mark.parametrize("option", ["--json", "--output"])
def test_a_folder_is_no_file(option, tmp_path):
    assert "is a folder" in refusal(qkd("bb84", option, tmp_path))


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("bb85",), ("did you mean 'bb84'", "decoy-bb84")),
        (("BB84",), ("did you mean 'bb84'",)),
        (("e91", "--z-probability", "0.5"), ("--z-probability",)),
        (("bb84", "--km", "far"), ("--km",)),
    ],
)
def test_wrong_usage(arguments, fragments):
    result = qkd(*arguments)
    assert result.exit_code == 2
    for fragment in fragments:
        assert fragment in plain(result.stderr)


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("quantumlink.qkd.protocols.session.Session.run", interrupted)
    result = qkd("bb84", "--json", tmp_path / "r.json", "--key-file", tmp_path / "k")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert re.search(r"interrupted after \d+ s.*: a part of a session gives no key", result.stderr)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("seconds", "words"), [(43.6, "44 s"), (130.0, "2 min"), (9000.0, "2.5 h"), (None, None)])
def test_how_long_it_takes_is_told_beforehand(seconds, words, impatient, monkeypatch):
    monkeypatch.setattr("quantumlink.qkd.duration.expected_duration_s", lambda session, **_: seconds)
    result = qkd("bb84", "--rounds", 20_000, "--km", 1, "--seed", 7)
    told = "" if words is None else f"this will take about {words}\n"
    assert plain(result.stderr) == told


def test_help_lists_protocols_and_exit_codes():
    result = qkd("--help")
    text = " ".join(plain(result.stdout).split())
    assert result.exit_code == 0
    for word in (*PROTOCOLS, "rates", "monitor", "3 for none", "4 for an alarm"):
        assert word in text
    own = plain(qkd("decoy-bb84", "--help").stdout)
    assert "--intensities" in own
    assert "100000000" in own
    assert "--fidelity" not in own


def test_no_secrets_in_a_report_of_a_given_key():
    session = BB84(medium=Fiber(1), rounds=40_000, seed=7)
    key = session.run()
    assert key
    text = json.dumps(report_of(session, key))
    assert not re.search(r"[01, ]{60}", text)


# --- settings that were not given


def test_settings_that_are_not_given_are_the_best_for_the_link():
    link = ("--km", 30, "--rounds", 200_000, "--seed", 7)
    best, usual = (qkd("bb84", *link, *more) for more in ((), ("--z-probability", 0.6)))
    assert best.exit_code == usual.exit_code == 0
    lengths = [int(re.search(r"SECRET KEY of (\d+) bits", plain(run.stdout))[1]) for run in (best, usual)]
    assert lengths[0] > 1.3 * lengths[1]
    chosen = float(re.search(r"z probability +([0-9.]+)", plain(best.stdout))[1])
    session = BB84(medium=Fiber(30), rounds=200_000, seed=7, detector=Detector())
    assert chosen == pytest.approx(
        ql.qkd.optimize_session(session, fixed=["sample_fraction"]).session.z_probability, abs=1e-5
    )


@pytest.mark.parametrize(
    ("protocol", "given", "names"),
    [
        ("six-state", {"attacks": Attacks.collective, "rounds": 400_000}, ["z_probability"]),
        ("bbm92", {}, ["z_probability"]),
        ("six-state-pairs", {}, ["z_probability"]),
        ("sarg04", {"km": 5.0}, ["test_fraction"]),
        ("b92", {"km": 5.0}, ["angle", "test_fraction"]),
        ("mdi", {"km": 10.0}, ["z_probability"]),
        ("conference", {"km": 1.0}, ["z_probability"]),
        ("secret-sharing", {"km": 1.0}, ["z_probability"]),
    ],
)
def test_every_kind_of_session_that_has_a_best_setting_gets_it(protocol, given, names):
    options = PROTOCOLS[protocol][0](**{"rounds": 100_000, "seed": 7} | given)
    session = options.session(protocol)
    assert chosen_names(options, session) == names
    usual = {f.name: f.default for f in fields(session) if f.name in names}
    assert ql.qkd.expected_key(session).bits > ql.qkd.expected_key(replace(session, **usual)).bits
    report = report_of(session, session.run(), chosen=names)
    assert report["chosen"] == [name.replace("_", " ") for name in names]
    assert re.search(rf"chosen +{', '.join(report['chosen'])}: for the longest key", text_of(report))


def test_nothing_is_said_to_be_chosen_that_was_given():
    options = PROTOCOLS["b92"][0](rounds=40_000, km=0.0, angle=1.5, test_fraction=0.2)
    session = options.session("b92")
    assert (session.angle, session.test_fraction, chosen_names(options, session)) == (1.5, 0.2, [])
    weak = PROTOCOLS["weak-pulse-bb84"][0](rounds=10**6, km=5, intensity=0.1)
    assert chosen_names(weak, weak.session("weak-pulse-bb84")) == ["z_probability"]
    assert "chosen  " not in text_of(report_of(session, session.run()))


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (BB84(medium=Fiber(0), rounds=5000, seed=1), "the proof does not assume it, and covers an attacker who"),
        (B92(medium=Fiber(0), rounds=5000, seed=1), "the proof assumes the same of an attacker"),
    ],
)
def test_a_report_says_whether_rounds_are_alike_by_the_proof_or_by_the_simulation(session, words):
    (said,) = (line for line in report_of(session, session.run())["assumptions"] if "alike" in line)
    assert said.startswith("This simulation draws its rounds")
    assert words in said


def test_a_given_setting_is_left_as_it_is():
    kind = PROTOCOLS["one-decoy-bb84"][0]
    session = kind(rounds=10**6, km=5, intensities=(0.4, 0.2), intensity_probabilities=(0.5, 0.5)).session(
        "one-decoy-bb84"
    )
    assert (session.intensities, session.intensity_probabilities) == ((0.4, 0.2), (0.5, 0.5))
    assert session.z_probability != 0.8


@pytest.mark.parametrize("command", [("bb84", "--km", "100"), ("bbm92", "--km", "20"), ("mdi", "--km", "5")])
def test_no_key_tells_from_how_many_rounds_one_is_to_be_expected(command):
    """With so many there is one, with a quarter there is none; nobody counts on who listens."""

    def told(rounds, *more):
        found = CliRunner().invoke(app, ["qkd", *command, "--z-probability", "0.7", "--seed", "7", "--rounds",
                                         str(rounds), *more, "--json"])  # fmt: skip
        return found.exit_code, json.loads(found.stdout)

    code, report = told(1000)
    needed = report["key_expected_from_rounds"]
    assert code == 3
    assert needed > 1000
    assert told(needed)[0] == 0
    assert told(needed // 4)[0] == 3
    said = CliRunner().invoke(app, ["qkd", *command, "--z-probability", "0.7", "--seed", "7", "--rounds", "1000"])
    assert f"a key is to be expected from about {needed:.1g} --rounds on" in said.stdout
    assert "key_expected_from_rounds" not in told(needed)[1]


def test_no_number_of_rounds_is_told_where_none_would_do():
    for options in (("--misalignment", "0.2"), ("--attack", "intercept-resend")):
        found = CliRunner().invoke(app, ["qkd", "bb84", "--rounds", "2e5", "--seed", "1", *options, "--json"])
        assert found.exit_code == 3
        assert "key_expected_from_rounds" not in json.loads(found.stdout)
