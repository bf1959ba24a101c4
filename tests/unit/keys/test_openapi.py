"""The OpenAPI document, and a fuzz of two real nodes by it: no fault, no answer that it does not describe."""

import json

import pytest
from hypothesis import HealthCheck, settings
from oracles.key_network import HOMES, KeyNetwork
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.keys.delivery.etsi014 import Limits
from quantumlink.keys.service.openapi import document

schemathesis = pytest.importorskip("schemathesis", reason="the fuzz needs the package schemathesis")

FRIENDS = [sae for sae in HOMES if sae not in ("alien/1", "eve")]


def short(part):
    """A document without the limits of long lists: a thousand and one ids take the fuzz a minute to think of."""
    if isinstance(part, dict):
        return {name: short(of) for name, of in part.items() if not (name == "maxItems" and of > 64)}
    return [short(of) for of in part] if isinstance(part, list) else part


schema = schemathesis.openapi.from_dict(short(document(Limits(), saes=FRIENDS)))
bounded = settings(
    max_examples=12, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    found = KeyNetwork(tmp_path_factory.mktemp("fuzzed"))
    found.start()
    found.fill(1 << 20)
    yield found
    found.close()


def called(network, case, issued, excluded=()):
    service = network.nodes["a"].service
    if network.do(service.store.level, "b").available < 1 << 18:
        network.fill(1 << 20)
    files = {"cert": (str(issued.certificate), str(issued.key)), "verify": str(network.authority.certificate)}
    response = case.call(base_url=network.nodes["a"].url, **files)
    if response.status_code == 503:  # too few keys at present: no fault, and told as described
        excluded = [*excluded, schemathesis.checks.CHECKS.get_one("not_a_server_error")]
        assert int(response.headers["Retry-After"]) >= 1
    case.validate_response(response, excluded_checks=list(excluded))
    assert service.counts.refused["fault"] == 0, "something inside failed"
    network.do(service.store.ledger().check)


@schema.exclude(path_regex="^/(kmapi|push)").parametrize()
@bounded
def test_applications(network, case):
    """What is allowed may still be refused: keys that are not there, extensions that cannot be met."""
    allowed = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
    called(network, case, network.issued["alice"], [allowed])


@schema.include(path_regex="^/kmapi").parametrize()
@bounded
def test_key_managers(network, case):
    allowed = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
    called(network, case, network.nodes["b"].issued, [allowed])


@schema.include(path_regex="^/push").parametrize()
@bounded
def test_devices(network, case):
    allowed = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
    called(network, case, network.issued["module"], [allowed])


def test_document_from_the_shell():
    said = CliRunner().invoke(app, ["keys", "openapi"])
    assert json.loads(said.output) == document()
    assert len(document()["paths"]) == 14
