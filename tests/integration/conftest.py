"""A command line that is never slow, and what the tests against a loopback of IBM's service have in common.

The latter skip themselves without its client.
"""

import pytest

import quantumlink as ql
from quantumlink.cli import foretelling

LONG_S = foretelling.SHORT_S


@pytest.fixture(scope="session", autouse=True)
def _nothing_takes_long():
    """However busy the machine is, no command says that it will take long."""
    foretelling.SHORT_S = 1e6
    yield
    foretelling.SHORT_S = LONG_S


@pytest.fixture
def impatient(monkeypatch):
    """For a test, commands say how long they take, as ever."""
    monkeypatch.setattr(foretelling, "SHORT_S", LONG_S)


@pytest.fixture
def server():
    """A service on this machine, for one test."""
    from oracles.ibm_server import IBMServer

    with IBMServer() as there:
        yield there


@pytest.fixture
def service(server):
    """The client of that service."""
    return server.service()


@pytest.fixture(scope="session")
def prepared_pair():
    """A perfect pair, prepared for its five qubits."""
    from oracles.ibm_server import IBMServer

    link = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))
    with IBMServer() as there:
        backend = there.service().backend("ibm_manila")
        return ql.prepare(ql.compose(link), backend, optimization_level=1, initial_layout=[0, 1], seed=1)
