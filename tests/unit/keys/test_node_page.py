"""The operator's page of one node: who may see it, what it tells, and that it can be used without a mouse."""

import json
import shutil
import urllib.error
import urllib.request

import pytest
from oracles.key_network import KeyNetwork, free_ports

from quantumlink.keys.service.client import KeyServiceError
from quantumlink.keys.service.node_view import NodeView, operator_token
from quantumlink.keys.service.operator_page import OperatorPage

TOKEN = "t" * 32


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    network = KeyNetwork(tmp_path_factory.mktemp("page")).start()
    network.fill(1 << 14)
    (port,) = free_ports(1)
    service = network.nodes["a"].service
    found = OperatorPage(NodeView(service, page_port=port, token=TOKEN, is_demo=True), "127.0.0.1")
    network.run(found.start())
    with network.client("alice") as alice:
        (key,) = alice.new_keys("bob")
        with pytest.raises(KeyServiceError):
            alice.new_keys("nobody")
    yield network, f"http://127.0.0.1:{port}/", key
    network.run(found.stop())
    network.close()


def get(url, token=TOKEN, body=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_is_open_and_all_else_is_the_operators(page):
    _, url, key = page
    assert get(url + "health", None)[0] == get(url + "ready", None)[0] == 200
    for path in ("", "metrics", "api/state", "api/trail?node=a"):
        assert get(url + path, None)[0] == get(url + path, "wrong")[0] == 401
    state = json.loads(get(url + "api/state")[1])
    (link,) = state["links"]
    assert (link["name"], link["state"], link["ledger"]["generated"]) == ("b", "well", 1 << 14)
    assert state["refused"] == {"malformed": 1}
    metrics = get(url + "metrics")[1]
    assert 'quantumlink_pool_bytes{kme="a",pool="b",state="stored"}' in metrics
    assert key.key_id in get(url + "api/trail?node=a")[1]
    for text in (metrics, json.dumps(state)):
        assert key.secret.reveal().hex() not in text


def test_a_quarantine_ends_by_the_operators_hand(page):
    network, url, _ = page
    held = network.do(network.store("a").quarantine, "b")
    assert json.loads(get(url + "api/state")[1])["links"][0]["state"] == "down"
    assert get(url + "api/quarantine", body={"link": "x", "action": "release"})[0] == 400
    assert get(url + "api/attack", body={"hop": 0, "fraction": 1})[0] == 400
    assert json.loads(get(url + "api/quarantine", body={"link": "b", "action": "release"})[1]) == {"bytes": held}
    network.do(network.store("a").audit)


def test_by_keyboard_in_the_dark_and_by_name(page):
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested with the package playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed here")
    _, url, _ = page
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        papers = {}
        for scheme in ("light", "dark"):
            seen = browser.new_page(color_scheme=scheme)
            said = []
            seen.on(
                "console", lambda message, said=said: said.append(message.text) if message.type == "error" else None
            )
            seen.goto(f"{url}?token={TOKEN}")
            seen.wait_for_selector("#links tbody tr")
            colors = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
            papers[scheme] = seen.eval_on_selector("body", colors)
            assert said == []
        assert papers["light"] == papers["dark"][::-1] or papers["light"] != papers["dark"]
        light = [sum(map(int, color[4:-1].split(","))) for color in papers["light"]]
        dark = [sum(map(int, color[4:-1].split(","))) for color in papers["dark"]]
        assert light[0] > light[1] + 300  # dark ink on bright paper, and the reverse
        assert dark[1] > dark[0] + 300
        assert seen.is_hidden("#attack")  # nothing to attack here
        assert seen.is_visible("#simulated")
        seen.keyboard.press("Tab")
        assert seen.evaluate("document.activeElement.textContent") == "Skip to the links"
        reached = set()
        for _ in range(12):
            seen.keyboard.press("Tab")
            reached.add(seen.evaluate("document.activeElement.id || document.activeElement.className"))
        assert "events" in reached
        nameless = seen.evaluate(
            """() => [...document.querySelectorAll('button, select, input, meter, svg[role=img], [role=region]')]
            .filter(e => !e.hidden && !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
                || (e.labels && e.labels.length) || e.textContent.trim())).map(e => e.outerHTML)"""
        )
        assert nameless == []
        assert seen.evaluate("document.documentElement.lang") == "en"
        named = "t => t.caption || t.querySelector('th[scope]')"
        tables = seen.evaluate(f"() => [...document.querySelectorAll('table:not([role])')].every({named})")
        assert tables
        browser.close()


def test_tokens(tmp_path):
    path = tmp_path / "token"
    made = operator_token(path)
    assert operator_token(path) == made
    assert len(made) >= 32
    path.chmod(0o644)
    with pytest.raises(PermissionError):
        operator_token(path)
    path.chmod(0o600)
    path.write_text("short\n")
    with pytest.raises(ValueError, match="16"):
        operator_token(path)
