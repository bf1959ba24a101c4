"""Nodes that are killed (SIGKILL) at every step and at random: no key twice, no id with two, all accounted for.

Fifty kills by default; ``QUANTUMLINK_KILLS=1000`` for a long run.
"""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from oracles.key_processes import Pair

from quantumlink.keys.service.client import KeyServiceError

KILLS = int(os.environ.get("QUANTUMLINK_KILLS", "50"))

STEPS = [
    (node, step, when)
    for node, steps in (("a", ("assign", "deliver", "void")), ("b", ("accept", "collect", "void")))
    for step in steps
    for when in ("before", "after")
]


@pytest.fixture
def pair(tmp_path):
    found = Pair(tmp_path)
    yield found
    found.stop()


@pytest.mark.parametrize(("node", "step", "when"), STEPS)
def test_killed_at_a_step(pair, node, step, when):
    masters, slaves = [], []
    other = "b" if node == "a" else "a"
    if step != "void":
        pair.start(other)
        pair.start(node, die_at=(step, when))
    elif node == "a":  # the other end is away: the giving end gives up, and dies of it
        pair.start("a", die_at=(step, when))
    else:
        pair.start("b", die_at=(step, when))
        pair.start("a")
        os.kill(pair.processes["b"].pid, signal.SIGSTOP)  # it hears nothing until the giving end has given up
        threading.Timer(5.0, os.kill, (pair.processes["b"].pid, signal.SIGCONT)).start()
    pending = []

    def ask():
        with pair.client("alice", "a") as alice:
            return [(key.key_id, key.secret.reveal()) for key in alice.new_keys("bob", 3)]

    def fetch(ids):
        with pair.client("bob", "b") as bob:
            return [(key.key_id, key.secret.reveal()) for key in bob.keys_with_ids("alice", ids)]

    try:
        masters += ask()
        pending = [key_id for key_id, _ in masters]
        slaves += fetch(pending)
    except KeyServiceError:
        pass
    deadline = time.monotonic() + 20
    while pair.processes[node].is_alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not pair.processes[node].is_alive(), f"{step} was never reached"
    for name in "ab":
        if name not in pair.processes or not pair.processes[name].is_alive():
            pair.start(name)
    if pending and not slaves and step == "collect" and when == "before":
        slaves += fetch(pending)  # nothing was handed over, so it still can be
    if step == "collect" and when == "after":
        with pytest.raises(KeyServiceError, match="not found"):
            fetch(pending)
    fresh = ask()  # the service goes on
    assert fetch([key_id for key_id, _ in fresh]) == fresh
    time.sleep(3.0)
    pair.stop()
    store = pair.open("a")
    assert store.pending() == []
    assert store.given_up() == []
    assert store.ledger("b").assigned == 0
    store.close()
    pair.check(masters + fresh, slaves + fresh)


def test_killed_at_random(pair, seed):
    rng = np.random.default_rng(seed)
    for name in "ab":
        pair.start(name)
    masters, slaves, stop = [], [], threading.Event()

    def use():
        alice, bob = pair.client("alice", "a"), pair.client("bob", "b")
        while not stop.is_set():
            try:
                keys = alice.new_keys("bob", 1 + len(masters) % 3)
                masters.extend((key.key_id, key.secret.reveal()) for key in keys)
                got = bob.keys_with_ids("alice", [key.key_id for key in keys])
                slaves.extend((key.key_id, key.secret.reveal()) for key in got)
            except KeyServiceError:
                time.sleep(0.01)

    users = [threading.Thread(target=use) for _ in range(3)]
    for each in users:
        each.start()
    kills = 0
    while kills < KILLS:
        time.sleep(float(rng.uniform(0.02, 1.0)))
        victims = {0: "a", 1: "b", 2: "ab"}[int(rng.integers(3))]
        for name in victims:
            pair.kill(name)
        for name in victims:
            pair.start(name)
            kills += 1
    time.sleep(0.5)
    stop.set()
    for each in users:
        each.join(60)
    assert len(slaves) > KILLS // 2, f"{len(slaves)}: too little was going on for the test to mean anything"
    pair.check(masters, slaves)
    assert (Path(pair.folder) / "a.db").exists()
