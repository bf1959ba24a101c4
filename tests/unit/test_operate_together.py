"""Trials of a network under load that are played together are those that are played alone, whatever is played."""

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import pytest

from quantumlink import Memory, Network, Node, operate
from quantumlink.hardware import Processor
from quantumlink.link import ElementaryLink
from quantumlink.network import (
    Attack,
    Demand,
    FirstComeFirstServed,
    ManyPaths,
    MaxWeight,
    Outage,
    Policy,
    ProportionalFairness,
    RandomFailures,
    Reservation,
    TimeSlots,
    Watch,
)
from quantumlink.network.control import block, operating
from quantumlink.network.control.beginning import with_requests
from quantumlink.network.control.lanes import DRAWS, Draws, Lanes
from quantumlink.network.control.loop_source import ALIKE

TRIALS = 4


@dataclass(frozen=True)
class Wire:
    """A medium of a given delay."""

    delay_s: float
    transmittance: float = 1.0
    channel = None


class LongestOfTheOdd(Policy):
    """Asked before every slot in which something happens; forbids some."""

    def weights(self, load):
        assert load.oldest_s.shape == load.served.shape == load.waiting.shape
        return np.where((load.served % 3 == 2) & (load.waiting < 3), -np.inf, load.waiting)


class Asked(LongestOfTheOdd):
    """Remembers when."""

    times: ClassVar[list[float]] = []

    def weights(self, load):
        self.times.append(load.time_s)
        return super().weights(load)


class NowAndThen(Policy):
    every_s = 0.007

    def weights(self, load):
        return load.oldest_s - load.priority


POLICIES = (
    FirstComeFirstServed(),
    MaxWeight(recovery=2),
    ProportionalFairness(),
    ManyPaths(),
    Reservation(),
    Reservation(paths=2, setup=False),
    TimeSlots(turn_s=0.01),
    LongestOfTheOdd(),
    NowAndThen(),
)


def random_network(rng):
    """Six nodes in a ring with chords, so that there are ways in reserve and parallel links."""
    memory = Memory(t1_s=1.0, t2_s=float(rng.uniform(0.03, 0.2)), depolarizing_s=float(rng.choice([2.0, np.inf])))
    processor = Processor(
        depolarizing_1q=0.001, depolarizing_2q=0.004, gate_2q_s=float(rng.choice([0, 4e-4])),
        readout_s=float(rng.choice([0, 1.3e-3])), always_correct=bool(rng.integers(2)),
    )  # fmt: skip
    made = [
        Node(f"n{i}", memory=rng.choice([memory, Memory()]), memories=rng.choice([None, 2, 4]),
             processor=rng.choice([processor, Processor()]))
        for i in range(6)
    ]  # fmt: skip
    pairs = [*((i, (i + 1) % 6) for i in range(6)), (0, 3), (1, 4), (0, 1)]
    links = []
    for i, j in pairs if rng.random() < 0.5 else [(j, i) for i, j in pairs]:
        wire = Wire(float(rng.choice([0, 1e-3, 2.5e-3])))
        tries = {"success_probability": float(rng.choice([1.0, rng.uniform(0.1, 1)])), "attempt_time_s": 1e-3}
        how = {"rate_hz": 400.0} if rng.random() < 0.2 else tries
        links.append(ElementaryLink(made[i], made[j], wire, fidelity=float(rng.uniform(0.95, 1)), **how))
    return Network(made, links)


def random_run(rng, policy):
    """Arguments for `operate`."""
    paths = [("n0", "n2"), ("n1", "n5"), ("n3", "n5"), ("n4", "n0"), ("n2", "n1")]
    ways = [
        {}, {"count": 20, "priority": 1}, {"rate_hz": 80, "deadline_s": 0.02}, {"requests": [0.01, (0.04, 5)]},
        {"min_fidelity": 0.75}, {"kind": "key"}, {"kind": "key", "rate_hz": 60},
    ]  # fmt: skip
    demands = [Demand(*paths[i], **ways[rng.integers(len(ways))]) for i in rng.permutation(5)[: rng.integers(1, 4)]]
    if rng.random() < 0.5:
        floor = {"min_fidelity": 0.8} if rng.random() < 0.5 else {"rate_hz": 90, "deadline_s": 0.03}
        demands.append(Demand("n0", "n1", kind="ghz", others=["n5"], **floor))
    happenings = [
        Outage("n2", 0.02, 0.05), Outage(("n0", "n1"), 0.03, 0.06),
        RandomFailures(0.1, 0.01, what=("n5", ("n3", "n4"))),
        Attack(("n0", "n3"), 0.03), Watch(share=0.2, threshold=2, repair_s=0.02, attack=0.1),
    ]  # fmt: skip
    some = [each for each in happenings if rng.random() < 0.5]
    return {
        "demands": demands, "policy": policy, "happenings": some, "duration_s": 0.08,
        "swapping": rng.choice(["asap", "balanced", "sequential", "fidelity"]),
        "take": rng.choice(["newest", "oldest"]), "purify_rounds": int(rng.choice([0, 0, 1])),
        "cutoff_s": rng.choice([None, 0.03]), "buffer": int(rng.choice([2, 16])),
        "in_flight": rng.choice([None, 2]), "warm_up_s": float(rng.choice([0, 0.01])),
        "records": int(rng.choice([0, 10, 10_000])), "seed": int(rng.integers(1 << 31)),
    }  # fmt: skip


def both(monkeypatch, network, run, trials=TRIALS):
    """The trials played alone, and together."""
    found = []
    for least in (trials + 1, 1):
        monkeypatch.setattr(operating, "worth_together", lambda flows, least=least: least)
        found.append(operate(network, trials=trials, **run).trials)
    return found


def same(one, other):
    """Two trials, number by number: whole numbers exactly, the others but for rounding."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "ghz":
            for x, y in zip(a, b, strict=True):
                np.testing.assert_allclose(y.fidelity, x.fidelity, rtol=1e-9, atol=1e-12)
                np.testing.assert_allclose(y.state, x.state, rtol=1e-9, atol=1e-12)
        elif np.asarray(a).dtype.kind == "f":
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9, err_msg=field.name)
        else:
            np.testing.assert_array_equal(b, a, err_msg=field.name)


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
def test_trials_together_are_those_alone(rng, monkeypatch, policy, case):
    monkeypatch.setattr(block, "PUT_DOWN", int(rng.choice([70, 256])))
    while True:
        try:
            alone, together = both(monkeypatch, random_network(rng), random_run(rng, policy))
            break
        except ValueError as error:  # a floor that no path reaches, or arms that share a link
            assert any(said in str(error) for said in ("no path", "lead over the link"))
    assert len(alone) == len(together) == TRIALS
    for one, other in zip(alone, together, strict=True):
        same(one, other)


def star(p=0.3):
    hub, *users = (Node(name) for name in ("hub", "u0", "u1", "u2"))
    links = [ElementaryLink(u, hub, success_probability=p, attempt_time_s=1.0) for u in users]
    return Network([hub, *users], links), [Demand("u0", "u1"), Demand("u2", "u1", rate_hz=0.1)]


@pytest.mark.parametrize("policy", [None, Asked()])
def test_places_grow_and_blocks_follow_one_another(monkeypatch, seed, policy):
    """As many trials are played at once as there is memory for; their results are the same."""
    grown = []
    for name in ("larger_pool", "larger_heap"):
        whole = getattr(block.Arrays, name)
        monkeypatch.setattr(block.Arrays, name, lambda S, name=name, whole=whole: (grown.append(name), whole(S)))
    network, _ = star()
    run = {"demands": [Demand("u0", "u1", rate_hz=0.01)], "duration_s": 600, "seed": seed, "buffer": 150}
    run |= {"cutoff_s": 300.0, "policy": policy}
    alone, together = both(monkeypatch, network, run)
    assert set(grown) == {"larger_pool", "larger_heap"}
    half = len(Asked.times) // 2
    assert sorted(Asked.times[:half]) == sorted(Asked.times[half:])
    assert half > 1000 or policy is None
    played, make = [], block.Block
    monkeypatch.setattr(block, "Block", lambda setting, *which: (played.append(which), make(setting, *which))[1])
    monkeypatch.setattr(block, "BYTES", 1)
    _, few = both(monkeypatch, network, run)
    assert played == [(trial, 1) for trial in range(TRIALS)]
    for one, other, third in zip(alone, together, few, strict=True):
        same(one, other)
        same(one, third)


def test_fields_that_are_said_to_be_alike_have_rows_of_one_length(rng):
    """Else a place in one were looked up in another."""
    run = random_run(rng, MaxWeight())
    told = {name: run.get(name) for name in ("policy", "duration_s", "swapping", "take", "cutoff_s", "records")}
    options = operating.Options(
        trials=1, slot_s=None, purify_rounds=1, protocol="dejmps", buffer=3, in_flight=None, warm_up_s=0.0, **told
    )
    _, setting = operating.prepared(
        random_network(rng), (Demand("n0", "n2"), Demand("n0", "n1")), options, (), (), 7
    )
    S = block.Arrays(setting, [with_requests(setting, rng) for _ in range(3)])
    for grow in (lambda: None, S.larger_pool, S.larger_heap):
        grow()
        for alike in ALIKE:
            assert len({getattr(S.row_size, name) for name in alike}) == 1
            assert len({getattr(S.axis0, name) for name in alike}) == 1


def test_many_trials_are_played_together_where_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(operating, "has_numba", lambda: False)
    assert [operating.way_of(1e3, n, 2) for n in (79, 80)] == ["alone", "together"]
    assert [operating.way_of(1e3, n, 40) for n in (459, 460)] == ["alone", "together"]
    with pytest.warns(UserWarning, match="ten to forty times longer without numba"):
        assert operating.way_of(1e7, 1000, 2) == "together"
    with pytest.warns(UserWarning, match="many times longer without numba"):
        assert operating.way_of(1e7, 1, 2) == "alone"
    monkeypatch.setattr(operating, "has_numba", lambda: True)
    assert [operating.way_of(events, 1000, 2) for events in (1e3, 1e7)] == ["together", "compiled"]


def test_shares_of_an_executor_are_the_same_trials(monkeypatch, seed):
    network, demands = star()
    run = {"demands": demands, "duration_s": 60, "seed": seed}
    alone, _ = both(monkeypatch, network, run, trials=5)
    monkeypatch.setattr(operating, "worth_together", lambda flows: 2)
    with ThreadPoolExecutor(2) as executor:
        shared = operate(network, trials=5, executor=executor, **run).trials
    assert len(shared) == 5
    for one, other in zip(alone, shared, strict=True):
        same(one, other)


def test_interrupted_trials_are_kept_up_to_the_slots_in_which_they_were(monkeypatch, seed):
    network, _ = star()
    demands = [Demand("u0", "u1"), Demand("u2", "u1", count=50)]  # no random moments, which depend on the duration
    run = {"demands": demands, "seed": seed, "trials": 3, "slot_s": 1.0}
    turn, calls = block.Block._turn, iter(range(10_000))

    def turned(self):
        if next(calls) == 700:
            signal.raise_signal(signal.SIGINT)
        turn(self)

    monkeypatch.setattr(block, "PART_S", 1e-9)
    monkeypatch.setattr(operating, "worth_together", lambda flows: 1)
    with monkeypatch.context() as pressed:
        pressed.setattr(block.Block, "_turn", turned)
        with pytest.warns(UserWarning, match="interrupted"):
            found = operate(network, duration_s=3000, **run)
    assert found.interrupted
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    slots = [trial.slots for trial in found.trials]
    assert len(set(slots)) > 1
    assert found.played_s == sum(slots)
    for number, trial in enumerate(found.trials):
        assert 20 < trial.slots < 1000
        whole = operate(network, duration_s=trial.slots - 1, **run).trials[number]
        np.testing.assert_array_equal(trial.counted, whole.counted)
        np.testing.assert_array_equal(trial.record_times, whole.record_times)


def test_random_numbers_are_those_of_each_trials_own_generator(rng):
    seeds = rng.integers(1 << 31, size=5)
    drawn = Draws([np.random.default_rng(seed) for seed in seeds])
    found = [[] for _ in seeds]
    for _ in range(3 * DRAWS):
        lanes = np.flatnonzero(rng.random(5) < 0.7)
        if len(lanes):
            for lane, number in zip(lanes, drawn.random(Lanes(lanes)), strict=True):
                found[lane].append(number)
    for seed, numbers in zip(seeds, found, strict=True):
        assert len(numbers) > DRAWS
        assert numbers == np.random.default_rng(seed).random(len(numbers)).tolist()
