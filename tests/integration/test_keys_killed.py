"""Nodes that are killed (SIGKILL) at every step and at random: no key twice, no id with two, all accounted for.

Fifty kills of two nodes by default, half as many of three with relays; ``QUANTUMLINK_KILLS=1000`` for a long run.
"""

import os
import signal
import threading
import time

import numpy as np
import pytest
from oracles.key_processes import Pair

from quantumlink.keys.service.client import KeyServiceError

KILLS = int(os.environ.get("QUANTUMLINK_KILLS", "50"))
BLOCKS = 4 + KILLS // 20  # enough for a run of any length

STEPS = [
    (node, step, when)
    for node, steps in (("a", ("assign", "deliver", "void")), ("b", ("accept", "collect", "void")))
    for step in steps
    for when in ("before", "after")
]


@pytest.fixture
def pair(tmp_path):
    found = Pair(tmp_path, blocks=BLOCKS)
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
    for name in "ab":
        pair.start(name)
    masters, slaves = used_while_killed(pair, KILLS, seed, [("alice", "a", "bob", "b")])
    assert len(slaves) > KILLS // 2, f"{len(slaves)}: too little was going on for the test to mean anything"
    pair.check(masters, slaves)
    store = pair.open("a")
    assert store.level("b").own > 0, "there were no keys left for a part of the test"
    store.close()


def test_killed_at_random_while_keys_are_relayed(tmp_path, seed):
    """What a and b share came over m alone; both ends give keys out of it, and any of the three is killed."""
    nodes, kills = Pair(tmp_path, blocks=BLOCKS, names="amb"), KILLS // 2
    try:
        for name in "bma":
            nodes.start(name, relayed=("a", "m", "b") if name == "a" else None)
        ways = [("alice", "a", "bob", "b"), ("bob", "b", "alice", "a")]
        masters, slaves = used_while_killed(nodes, kills, seed, ways, relayed=("a", "m", "b"))
        assert len(slaves) > kills // 2, f"{len(slaves)}: too little was going on for the test to mean anything"
        nodes.check(masters, slaves)
        books, left = {}, 0
        for name, other in (("a", "m"), ("m", "a"), ("m", "b"), ("b", "m"), ("b", "a"), ("a", "b")):
            store = nodes.open(name)
            books[name + other] = store.ledger(other)
            left = store.level(other).own if name + other == "am" else left
            store.close()
        assert left > 0, "there were no pads left for a part of the test"
        # A hop counts at its sender first; whoever is killed loses pads, and never uses one twice.
        relayed = [books[hop].relayed for hop in ("am", "ma", "mb", "bm")]
        assert relayed == sorted(relayed, reverse=True)
        assert relayed[-1] >= books["ba"].generated >= books["ab"].generated >= 640
    finally:
        nodes.stop()


def used_while_killed(nodes, kills, seed, ways, relayed=None):
    """Keys by master and by slave, in order, of users who go on while nodes are killed and started again."""
    rng = np.random.default_rng(seed)
    masters, slaves, stop = [], [], threading.Event()

    def use(master, at, slave, there):
        first, second = nodes.client(master, at), nodes.client(slave, there)
        while not stop.is_set():
            try:
                keys = first.new_keys(slave, 1 + len(masters) % 3)
                masters.extend((key.key_id, key.secret.reveal()) for key in keys)
                got = second.keys_with_ids(master, [key.key_id for key in keys])
                slaves.extend((key.key_id, key.secret.reveal()) for key in got)
            except KeyServiceError:
                time.sleep(0.01)

    users = [threading.Thread(target=use, args=ways[i % len(ways)]) for i in range(3)]
    for each in users:
        each.start()
    names, killed = nodes.names, 0
    while killed < kills:
        time.sleep(float(rng.uniform(0.02, 1.0)))
        choice = int(rng.integers(len(names) + 1))
        victims = names[choice] if choice < len(names) else names
        for name in victims:
            nodes.kill(name)
        for name in victims:
            nodes.start(name, relayed=relayed if name == names[0] else None)
            killed += 1
    time.sleep(0.5)
    stop.set()
    for each in users:
        each.join(60)
    return masters, slaves
