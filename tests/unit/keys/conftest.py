"""Stores of both kinds for the tests of keys; PostgreSQL is started once, and skipped if it cannot be."""

import itertools
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from oracles.key_material import block

from quantumlink.keys import open_store
from quantumlink.keys.sealing import new_kek

_numbers = itertools.count()


def _postgres_program(name):
    if (found := shutil.which(name)) is not None:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(versions[-1]) if versions else None


@pytest.fixture(scope="session")
def postgres_url():
    pytest.importorskip("psycopg", reason="the PostgreSQL store needs psycopg")
    initdb, control = _postgres_program("initdb"), _postgres_program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("no PostgreSQL server is installed here")
    user = {"user": "nobody"} if os.geteuid() == 0 else {}  # the server refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="ql-pg-"))
    if user:
        shutil.chown(folder, "nobody")
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": folder, **user}
    try:
        subprocess.run([initdb, "-D", folder / "data", "-A", "trust", "-U", "ql", "--no-sync"], **run)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
        subprocess.run([control, "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start"], **run)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"PostgreSQL cannot be started here: {getattr(error, 'stderr', error)}")
    yield f"postgresql:///postgres?host={folder}&user=ql"
    subprocess.run([control, "-D", folder / "data", "-m", "immediate", "stop"], **run)
    shutil.rmtree(folder, ignore_errors=True)


class Places:
    """Makes stores of one kind, and opens them again."""

    def __init__(self, kind, folder, url):
        self.kind, self.folder, self._url = kind, folder, url
        self.kek = new_kek()
        self._run = next(_numbers)
        self._open = []

    def where(self, kme_id):
        if self.kind == "sqlite":
            return self.folder / f"{kme_id}.db"
        return f"{self._url}#s{self._run}_{kme_id}"

    def store(self, kme_id, **options):
        options = {"kek": self.kek, "checkpoint": self.folder / f"{kme_id}.checkpoint", **options}
        options.setdefault("simulated_allowed", True)
        store = open_store(self.where(kme_id), kme_id=kme_id, **options)
        self._open.append(store)
        return store

    def close(self):
        for store in self._open:
            store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def places(request, tmp_path):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    found = Places(request.param, tmp_path, url)
    yield found
    for store in found._open:
        with suppress(OSError):  # closed by the test
            store.close()


@pytest.fixture
def sqlite_places(tmp_path):
    found = Places("sqlite", tmp_path, None)
    yield found
    for store in found._open:
        with suppress(OSError):
            store.close()


@pytest.fixture
def pair(places):
    """Two stores that share 16 KiB."""
    ends = places.store("a"), places.store("b")
    for number in range(4):
        shared = block(number)
        ends[0].ingest("b", shared)
        ends[1].ingest("a", shared)
    return ends
