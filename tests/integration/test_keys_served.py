"""``quantumlink keys serve --demo`` as a user runs it: a process, its files, its services, its page."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from oracles.key_network import free_ports
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.keys.service.client import KeyClient, KeyServiceError

ROOT = Path(__file__).parents[2]
NETWORK = """
name = "two ways"
[nodes.anna]
role = "end"
[nodes.ben]
role = "end"
[nodes.north]
[nodes.south]
[[links]]
between = ["anna", "north"]
fidelity = 0.98
rate_hz = 500.0
[[links]]
between = ["north", "ben"]
fidelity = 0.98
rate_hz = 500.0
[[links]]
between = ["anna", "south"]
fidelity = 0.97
rate_hz = 300.0
[[links]]
between = ["south", "ben"]
fidelity = 0.97
rate_hz = 300.0
"""


class Served:
    def __init__(self, folder):
        self.folder = folder
        (folder / "net.toml").write_text(NETWORK)
        while True:
            first, self.page_port = free_ports(2)
            if self.page_port != first + 1:
                break
        self.port = first

    def start(self):
        self.log = open(self.folder / "log", "w")  # noqa: SIM115
        code = "from quantumlink.cli import app; app()"
        options = ["--demo", "--directory", self.folder / "d", "--port", self.port, "--page-port", self.page_port]
        command = [
            sys.executable,
            "-c",
            code,
            "keys",
            "serve",
            self.folder / "net.toml",
            *options,
            "--pause",
            "0.1",
        ]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "circuits")])}
        self.process = subprocess.Popen(
            [str(word) for word in command], env=environment, stdout=self.log, stderr=subprocess.STDOUT
        )
        file = self.folder / "d" / "demo.json"
        until = time.monotonic() + 120
        while not file.exists() or file.stat().st_mtime < self.process_started():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        self.demo = json.loads(file.read_text())
        return self

    def process_started(self):
        return (self.folder / "log").stat().st_ctime - 3600

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.log.close()
        return code

    def client(self, kme, sae=0):
        node = self.demo["kmes"][kme]
        who = node["saes"][sae]
        return KeyClient(node["url"], certificate=who["cert"], key=who["key"], ca=self.demo["ca"])

    def sae(self, kme, sae=0):
        return self.demo["kmes"][kme]["saes"][sae]["id"]

    def page(self, path="", token=True, body=None, **headers):
        if token:
            headers["Authorization"] = f"Bearer {self.demo['operator']['token']}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.demo["page"] + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def state(self):
        return json.loads(self.page("api/state")[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    found = Served(tmp_path_factory.mktemp("served")).start()
    yield found
    if found.process.poll() is None:
        found.stop(signal.SIGKILL)


def test_keys_of_the_demonstration(served):
    assert [kme["id"] for kme in served.demo["kmes"]] == ["kme-anna", "kme-ben"]
    for giver, taker in ((0, 1), (1, 0)):
        with served.client(giver) as anna, served.client(taker) as ben, served.client(taker, 1) as other:
            keys = anna.new_keys(served.sae(taker), 5)
            ids = [key.key_id for key in keys]
            with pytest.raises(KeyServiceError, match="401"):
                other.keys_with_ids(served.sae(giver), ids)
            assert ben.keys_with_ids(served.sae(giver), ids) == keys
    text = (served.folder / "log").read_text()
    line = next(line for line in text.splitlines() if "curl" in line)
    answer = subprocess.run(["bash", "-c", "curl -sS" + line.partition("curl")[2]], capture_output=True, check=True)
    assert len(json.loads(answer.stdout)["keys"]) == 1
    assert "not secret" in text


def test_the_operator_is_asked_who_he_is(served):
    assert served.page("health", token=False)[0] == 200
    assert served.page("ready", token=False)[0] == 200
    for path in ("", "api/state", "api/events", "api/trail?node=anna", "metrics", "page.js"):
        assert served.page(path, token=False)[0] == 401
        assert served.page(path, token=False, Authorization="Bearer wrong")[0] == 401
    assert served.page("api/attack", token=False, body={"hop": 0, "fraction": 1})[0] == 401
    assert served.page("api/attack", body={"hop": 0, "fraction": 1}, Origin="https://elsewhere.example")[0] == 403
    for body in ({"hop": "0", "fraction": 1}, {"hop": 0, "fraction": 2}, {"hop": 99, "fraction": 1}, []):
        assert served.page("api/attack", body=body)[0] == 400
    status, _, headers = served.page()
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_metrics_and_trail_hold_no_key(served):
    with served.client(0) as anna:
        (key,) = anna.new_keys(served.sae(1))
    metrics, trail = served.page("metrics")[1].decode(), served.page("api/trail?node=anna")[1].decode()
    assert 'quantumlink_pool_bytes{kme="anna",pool="kme-ben",state="stored"}' in metrics
    assert key.key_id in trail
    for text in (metrics, trail, json.dumps(served.state()), (served.folder / "log").read_text()):
        assert key.secret.reveal().hex() not in text
        assert __import__("base64").b64encode(key.secret.reveal()).decode() not in text


def test_attack_alarm_and_reroute_in_a_browser(served):
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested with the package playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed here")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served.demo["page"] + f"?token={served.demo['operator']['token']}")
        page.wait_for_selector("#links tbody tr")
        assert page.inner_text("#links tbody tr td:nth-child(3)") == "anna – north – ben"
        assert page.is_hidden("#alarm")
        used = "#links tbody td:nth-child(7):has-text('bit/s')"  # beside what is made
        page.wait_for_selector(used, timeout=60_000)
        page.select_option("#hop", label="anna – north")
        page.click("#attack-button")
        page.wait_for_selector("#alarm:not([hidden])", timeout=120_000)
        page.wait_for_selector("#links tbody td.warn:has-text('rerouted')", timeout=60_000)
        assert page.inner_text("#links tbody tr td:nth-child(3)") == "anna – south – ben"
        assert page.locator("#events li:has-text('alarm')").count() >= 1
        assert page.locator("svg .hop.attacked").count() == 1
        with served.client(0) as anna, served.client(1) as ben:  # the service goes on
            keys = anna.new_keys(served.sae(1), 3)
            assert ben.keys_with_ids(served.sae(0), [key.key_id for key in keys]) == keys
        page.click("#stop-button")
        page.wait_for_selector("svg .hop.attacked", state="detached")
        page.click("#links tbody button:has-text('burn')")
        page.wait_for_selector("#alarm", state="hidden")
        assert said == []
        assert all(url.startswith(served.demo["page"]) for url in asked)
        page.screenshot(path=str(served.folder / "page.png"))
        browser.close()
    for node in ("anna", "ben"):
        assert served.page(f"api/trail?node={node}")[0] == 200
    (link,) = served.state()["links"]
    books = link["ledger"]
    assert books.pop("generated") == sum(books.values())


def test_a_file_goes_from_one_to_the_other(served, tmp_path):
    def run(*words):
        return CliRunner().invoke(app, ["keys", *map(str, words)])

    def access(kme):
        node = served.demo["kmes"][kme]
        who = node["saes"][0]
        return ["--kme", node["url"], "--cert", who["cert"], "--key", who["key"], "--ca", served.demo["ca"]]

    text, sealed, out = os.urandom(3000), tmp_path / "sealed", tmp_path / "out"
    (tmp_path / "record").write_bytes(text)
    assert run("recipient", tmp_path / "ben").exit_code == 0
    public, private = ["--recipient", tmp_path / "ben.public"], ["--recipient", tmp_path / "ben.recipient"]
    for options, extra in ((public, private), (["--one-time-pad"], [])):
        made = run(
            "protect",
            tmp_path / "record",
            *access(0),
            "--from",
            "anna",
            "--to",
            "ben",
            *options,
            "--output",
            sealed,
            "--json",
        )
        assert made.exit_code == 0, made.output
        told = json.loads(made.stdout)
        assert told["protected"] == str(sealed)
        used = (3032, None) if "--one-time-pad" in options else (None, 1)
        assert (told.get("key_bytes"), told.get("keys")) == used
        opening = ["open", sealed, out, *access(1), "--to", "ben", *extra]
        nowhere = run("open", sealed, tmp_path / "missing" / "out", *opening[3:])
        assert (nowhere.exit_code, "OUTPUT must lie in a folder" in nowhere.stderr) == (1, True)  # no key is used
        found = run(*opening)
        assert found.exit_code == 0, found.output
        assert "bytes   3000\n" in found.output
        assert out.read_bytes() == text
        out.unlink()
        again = run(*opening)
        assert (again.exit_code, "not found" in again.stderr) == (1, True)  # the key was used
        assert not out.exists()
        sealed.unlink()


def test_it_ends_and_begins_again_with_what_it_had(served):
    with served.client(0) as anna:
        (key,) = anna.new_keys(served.sae(1))
    stored = served.state()["links"][0]["stored_bytes"]
    assert served.stop() == 0
    (served.folder / "d" / "demo.json").unlink()
    served.start()
    assert served.state()["links"][0]["stored_bytes"] <= stored + 64 * 1024
    with served.client(1) as ben:
        assert ben.keys_with_ids(served.sae(0), [key.key_id]) == [key]
    served.stop(signal.SIGKILL)


def test_without_demo_nothing_is_served(tmp_path):
    (tmp_path / "net.toml").write_text(NETWORK)
    code = "from quantumlink.cli import app; app()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "circuits")])}
    run = subprocess.run(
        [sys.executable, "-c", code, "keys", "serve", str(tmp_path / "net.toml")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, "--demo" in run.stderr) == (1, True)
