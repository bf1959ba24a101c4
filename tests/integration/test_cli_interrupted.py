"""Ctrl-C answers soon in every command that may take long, also in compiled code, and says what became of it."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from quantumlink import interrupts
from quantumlink.cli.interruption import answered

ROOT = Path(__file__).parents[2]
METRO, GERMANY, GLOBE = (
    str(ROOT / "notebooks" / "networks" / f"{name}.toml") for name in ("metro", "germany", "globe")
)
CPU_S = 1.0
"""What a command may still compute after Ctrl-C. (Tests run side by side on busy machines, where the clock tells
nothing.) Without the watch some of these computed on for 6 to 10 seconds, and those in Aer for good."""

KEEPING_S = 3.0
"""What it may compute where it gathers what was done."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

LONG = {
    "run": ["run", METRO, "--from", "alice", "--to", "bob", "--rounds", "1e8", "--purify-rounds", "2"],
    "run in Aer": ["run", METRO, "--from", "alice", "--to", "bob", "--shots", "1e7"],
    "run in one part": ["run", METRO, "--from", "alice", "--to", "bob", "--purify-rounds", "7"],
    "plan": ["plan", GERMANY, "--from", "hamburg", "--to", "munich", "--min-fidelity", "0.999"],
    "routes": [
        "network",
        "routes",
        GERMANY,
        "--from",
        "hamburg",
        "--to",
        "munich",
        "-k",
        "5000",
        "--purify-rounds",
        "12",
    ],
    "simulate": ["network", "simulate", GERMANY, "--from", "hamburg", "--to", "munich", "--trials", "1e7"],
    "resilience": ["network", "resilience", GERMANY, "--failures", "3"],
    "operate": ["network", "operate", GERMANY, "--demands", "demands.csv", "--duration-s", "3e4"],
    "bb84": ["qkd", "bb84", "--km", "10", "--rounds", "3e8"],
    "decoy-bb84": ["qkd", "decoy-bb84", "--km", "10", "--rounds", "2e8"],
    "e91": ["qkd", "e91", "--km", "10", "--rounds", "3e8"],
    "twin-field": ["qkd", "twin-field", "--rounds", "3e10"],
    "monitor": ["qkd", "monitor", "--rounds", "3e8"],
    "sign": ["keys", "sign", "demands.csv", "--rounds", "1e8"],
    "satellites": ["satellites", "passes", GLOBE, "--start", "2026-03-20", "--days", "366"],
    "build": [
        *["build", "map.toml", "--demands", "wanted.csv", "--costs", "prices.toml"],
        *["--max-link-km", "60", "--paths", "2"],
    ],
    "capacity": ["network", "capacity", GERMANY, "--demands", "traffic.csv", "--purify-rounds", "8"],
    "timetags": ["qkd", "timetags", "clicks.npz", "clicks.npz"],
    "network-conference": [
        *["qkd", "network-conference", "--network", METRO, "--from", "alice", "--to", "bob", "--to", "vienna"],
        *["--rounds", "1e8"],
    ],
}


CITIES = ("hamburg", "berlin", "hannover", "leipzig", "dresden", "dortmund", "cologne", "frankfurt", "munich")
WIDE = 8
"""Sites along each side of a grid."""


def _write_inputs(folder):
    """Traffic and maps that take long."""
    (folder / "demands.csv").write_text("a,b,rate_hz\nhamburg,munich,1\nberlin,cologne,1\n")
    pairs = itertools.combinations(CITIES, 2)
    (folder / "traffic.csv").write_text("a,b,rate_hz\n" + "".join(f"{a},{b},1\n" for a, b in pairs))
    sites = {divmod(n, WIDE): n % 7 == 0 for n in range(WIDE**2)}
    lines = ['name = "grid"']
    for (i, j), is_end in sites.items():
        lines += [f"[sites.s{i}{j}]", *(["hosts = []"] if is_end else [])]
    for (i, j), (a, b) in itertools.product(sites, repeat=2):
        if (a - i, b - j) in ((0, 1), (1, 0)):
            km = 20 + 7 * ((3 * i + 5 * j + a) % 5)
            lines += ["[[fibres]]", f'between = ["s{i}{j}", "s{a}{b}"]', f"length_km = {km}"]
    lines += ["[parts]", "fidelity = 0.98", "success_probability = 0.2", "attempt_time_s = 1e-3"]
    (folder / "map.toml").write_text("\n".join(lines))
    ends = (f"s{i}{j}" for (i, j), is_end in sites.items() if is_end)
    wanted = itertools.combinations(ends, 2)
    (folder / "wanted.csv").write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in wanted))
    (folder / "prices.toml").write_text("repeater = 100\nfibre_per_km = 1\n")


def _write_clicks(path):
    """As many clicks as take long to make a key of."""
    rng, clicks = np.random.default_rng(1), 4_000_000
    times, channels = np.cumsum(rng.integers(1, 20_000_000, clicks)), rng.integers(1, 5, clicks).astype(np.uint8)
    np.savez(path, times_ps=times, channels=channels, simulated=np.array(True))


def _computed_s(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("name", LONG)
def test_ctrl_c_is_answered(name, tmp_path):
    _write_inputs(tmp_path)
    if name == "timetags":
        _write_clicks(tmp_path / "clicks.npz")
    given = {path.name for path in tmp_path.iterdir()}
    start = "from quantumlink.cli import app; print('there', flush=True); app()"
    with subprocess.Popen(
        [sys.executable, "-c", start, *LONG[name]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'circuits'}"},
    ) as process:
        patience = threading.Timer(90, process.kill)
        patience.start()
        assert process.stdout.readline() == "there\n"
        while (before_s := _computed_s(process)) < 2.5:
            assert process.poll() is None, "it ended before it could be interrupted"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = " ".join(process.stderr.read().split())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        patience.cancel()
    assert usage.ru_utime + usage.ru_stime - before_s < (KEEPING_S if "gathered" in said else CPU_S)
    kept = r": .* (done|were played|were looked at|so far|were compared)"
    told = rf": nothing was written|: the work was broken off|{kept}| after .* gives no key"
    assert re.search(f"interrupted({told})", said)
    assert said.count("interrupted: nothing was written") < 2
    assert process.returncode in (130, -signal.SIGKILL)
    assert {path.name for path in tmp_path.iterdir()} == given


@pytest.mark.parametrize("loaded_s", [0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8, 1.0])
def test_ctrl_c_is_answered_while_modules_load(loaded_s, tmp_path):
    """Compiled code that is loaded makes other errors of it; and what it is told by is not to be loaded first."""
    command = ["network", "routes", GERMANY, "--from", "hamburg", "--to", "munich"]
    with subprocess.Popen(
        [sys.executable, "-m", "quantumlink.cli.start", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'circuits'}"},
    ) as process:
        while (before_s := _computed_s(process)) < loaded_s:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "interrupted: nothing was written\n"
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 130
    assert usage.ru_utime + usage.ru_stime - before_s < CPU_S


def test_what_serves_keys_ends_when_it_is_told(tmp_path):
    """As from a terminal, all its processes get the signal: none tells how far it had come in loading."""
    pytest.importorskip("aiohttp")
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(str(free.getsockname()[1]))
    command = ["keys", "serve", METRO, "--demo", "--directory", "keys", "--port", ports[0], "--page-port", ports[1]]
    with subprocess.Popen(
        [sys.executable, "-m", "quantumlink.cli.start", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'circuits'}", "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout.readline()
        before_s = _computed_s(process)
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert not said
    assert process.returncode == 0
    assert usage.ru_utime + usage.ru_stime - before_s < CPU_S


LOST = """
import signal, time
from quantumlink.cli.interruption import answered
from quantumlink.interrupts import keep
with answered():
    signal.signal(signal.SIGINT, lambda *told: {kept})  # and nothing is raised, as within a callback
    print("there", flush=True)
    while True:
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("kept", "presses", "says"),
    [
        ("None", 1, ["interrupted: the work was broken off"]),
        (
            "keep()",
            2,
            [
                "interrupted: what was done is gathered; Ctrl-C again ends at once",
                "interrupted: the work was broken off",
            ],
        ),
    ],
)
def test_an_interrupt_that_is_lost_ends_the_command(kept, presses, says):
    with subprocess.Popen(
        [sys.executable, "-c", LOST.format(kept=kept)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'circuits'}"},
    ) as process:
        patience = threading.Timer(90, process.kill)
        patience.start()
        process.stdout.readline()
        heard = []
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            heard.append(process.stderr.readline().rstrip())
        status = process.wait(timeout=10)
        patience.cancel()
    assert status == 130
    assert heard == says


def test_what_ends_by_itself_is_left_alone():
    with pytest.raises(KeyboardInterrupt), answered():
        signal.raise_signal(signal.SIGINT)
    before = signal.set_wakeup_fd(-1)
    assert before == -1
    told = []
    with answered(), interrupts.heard(lambda: told.append("keeping")), interrupts.between_parts() as pressed:
        assert not told
        signal.raise_signal(signal.SIGINT)
        assert pressed()
    assert told == ["keeping"]
    interrupts.keep()
    assert told == ["keeping"]


HELD = """
from quantumlink.cli.interruption import answered
with answered():
    print("there", flush=True)
    sum(range(10**12))  # compiled code that holds the interpreter: no other thread moves
"""


def test_code_that_holds_the_interpreter_is_ended_from_outside():
    with subprocess.Popen(
        [sys.executable, "-c", HELD],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'circuits'}"},
    ) as process:
        patience = threading.Timer(30, process.kill)
        patience.start()
        process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "interrupted: the work was broken off\n"
        assert process.wait(timeout=10) == -signal.SIGKILL
        assert patience.is_alive()
        patience.cancel()
